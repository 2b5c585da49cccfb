/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MySQL or MariaDB behind the sale's ledger port: one connection, prepared
 * statements only.  Worker, keeper, settler and operator processes; after the
 * fork, one each.
 *
 * A deadline is looked at before a statement is sent.  How long an answer may
 * take after that, the client libraries count in whole seconds: the statement
 * timeout rounded up, and one more.  So a call may outlast its deadline by that
 * when a server stops in the middle, and by nothing else.
 *
 * Error texts carry MySQL's number and our words for it.  The server's own words
 * are told only of connecting and of schema files: elsewhere they hold customers'
 * names and key bytes.
 */
#ifndef LEDGER_LEDGER_H
#define LEDGER_LEDGER_H

#include "sale/ports.h"

struct ledger;

struct ledger_conf {
	/* "/path/to.sock", "unix:/path", "host:port", "[v6]:port", "host" */
	const char *address;
	const char *user, *password;
	const char *database;
	/* 1 ms to 1 h each; the client rounds the first up to whole seconds. */
	int64_t connect_timeout_ms;
	int64_t statement_timeout_ms; /* max_statement_time of the session */
};

/* Does not connect.  `conf` is copied.  NULL when a setting cannot be. */
struct ledger *ledger_new(
    const struct ledger_conf *conf, struct err *err) ATTR_MUSTUSE;
void ledger_free(struct ledger **ledger);
struct ledger_port ledger_port(struct ledger *ledger);

/* The schema that this build is written for: the highest number in sql/.  A later
 * one will do. */
#define LEDGER_SCHEMA_VERSION 3

/*
 * Connects and asks: server version (into `version`), schema version, engine
 * InnoDB, the unique keys, strict mode.  NOT_DONE with a text that says what to
 * do when something is missing.
 */
enum outcome ledger_check(struct ledger *ledger, int64_t deadline_ns,
    char version[64], struct err *err);

/*
 * A setting of the server, or of our session on it.  *found is false for one
 * that this server does not have.
 */
#define LEDGER_VALUE_MAX 512
enum outcome ledger_variable(struct ledger *ledger, const char *name,
    bool session, int64_t deadline_ns, char value[LEDGER_VALUE_MAX],
    bool *found, struct err *err);
/* Rights of this account on orders, audit and dead_letters beyond SELECT and
 * INSERT: how many; such as could unmake an order. */
enum outcome ledger_wide_grants(
    struct ledger *ledger, int64_t deadline_ns, uint32_t *n, struct err *err);
/* Can this account make sure of rows that it reads (durable.h)?  Tries it. */
enum outcome ledger_check_barrier(
    struct ledger *ledger, int64_t deadline_ns, struct err *err);
/* May this account do what a keeper must?  Changes nothing but the barrier. */
enum outcome ledger_check_keeper(
    struct ledger *ledger, int64_t deadline_ns, struct err *err);

/* May this account do what a settler must?  Changes nothing. */
enum outcome ledger_check_settler(
    struct ledger *ledger, int64_t deadline_ns, struct err *err);

/* ---- the operator's hand: flashgatectl only ------------------------------ */

/* Version that the database has, 0: no schema. */
enum outcome ledger_schema_version(
    struct ledger *ledger, unsigned *version, struct err *err);
/*
 * Runs one numbered file of sql/ (see sql/README there for what it may hold) on a
 * connection of its own with an hour for each statement.  Anything but DONE may
 * have left the first statements behind: run it again.
 */
enum outcome ledger_schema_apply(
    struct ledger *ledger, const char *path, struct err *err);

/* `sale->id` and `sale->claim_key` are set by it.  NOT_DONE when the slug is
 * taken. */
enum outcome ledger_sale_create(struct ledger *ledger, struct sale *sale,
    const char *actor, struct err *err);
enum outcome ledger_sale_find(struct ledger *ledger, struct strv slug,
    struct sale *out, bool *found, struct wall *now, struct err *err);
/* Newest first, drafts too. */
enum outcome ledger_sale_list(struct ledger *ledger, struct sale *out,
    size_t max, size_t *n, struct wall *now, struct err *err);
/* Compare-and-set; *won false when the state was not `from` any more. */
enum outcome ledger_sale_set_state(struct ledger *ledger, struct sale_id id,
    enum sale_state from, enum sale_state to, const char *actor, bool *won,
    struct err *err);
/* The same of the mode.  Accepted orders are written in any. */
enum outcome ledger_sale_set_mode(struct ledger *ledger, struct sale_id id,
    enum sale_mode from, enum sale_mode to, const char *actor, bool *won,
    struct err *err);
/*
 * Compare-and-set of the stock.  Shrinking is refused (*won false) while a sold
 * unit lies above `to`.
 */
enum outcome ledger_sale_set_stock(struct ledger *ledger, struct sale_id id,
    uint32_t from, uint32_t to, const char *actor, bool *won, struct err *err);
/* The same of the limit per customer: not below what somebody holds. */
enum outcome ledger_sale_set_limit(struct ledger *ledger, struct sale_id id,
    uint32_t from, uint32_t to, const char *actor, bool *won, struct err *err);
/* Compare-and-set of the window; a bound of 0 is none.  `from` is the sale as it
 * was read. */
enum outcome ledger_sale_set_window(struct ledger *ledger,
    const struct sale *from, struct wall opens, struct wall closes,
    const char *actor, bool *won, struct err *err);
/* Appends to the audit table: `what` is a verb, `detail` JSON or "". */
enum outcome ledger_audit(struct ledger *ledger, struct sale_id id,
    const char *actor, const char *what, const char *detail, struct err *err);
/* Every order of a sale, sold ones and (if asked) the rest, by claim: keyset
 * paging; pass the last claim, or NULL at first.  As of now: what was committed
 * within the last instant a crash may still take back. */
enum outcome ledger_orders_page(struct ledger *ledger, struct sale_id id,
    bool all, const struct claim_id *after, struct order *out, size_t max,
    size_t *n, struct err *err);

/* ---- dead letters ---------------------------------------------------------- */

enum letter_state {
	LETTER_DEAD,
	LETTER_RETRIED, /* another claim took its place */
	LETTER_STATE_COUNT
};

const char *letter_state_name(enum letter_state state);
bool letter_state_parse(struct strv text, enum letter_state *out) ATTR_MUSTUSE;

/* A letter as buried.  Its texts may be any bytes: escape them. */
struct ledger_letter {
	uint64_t id; /* 1.., in the order of burial */
	struct wall at;
	struct dead_letter dead; /* created 0: it could not be read */
	enum letter_state state;
	struct claim_id retried_as; /* RETRIED */
};

struct letters_wanted {
	struct sale_id sale; /* 0: of every sale */
	bool retried; /* those that were retried as well */
};

/* With id > `after`, by id: keyset paging. */
enum outcome ledger_letters_page(struct ledger *ledger,
    const struct letters_wanted *wanted, uint64_t after,
    struct ledger_letter *out, size_t max, size_t *n, struct err *err);
/* Any process. */
enum outcome ledger_letters_count(struct ledger *ledger,
    const struct letters_wanted *wanted, int64_t deadline_ns, uint64_t *n,
    struct err *err);
enum outcome ledger_letter_find(struct ledger *ledger, uint64_t id,
    struct ledger_letter *out, bool *found, struct err *err);
/* `letter` as it was read.  *won is false when it is not there any more. */
enum outcome ledger_letter_drop(struct ledger *ledger,
    const struct ledger_letter *letter, const char *actor, bool *won,
    struct err *err);
/* The oldest LETTERS_DROP_MAX of a sale, whatever their state; again until *n
 * is 0. */
#define LETTERS_DROP_MAX 1000
enum outcome ledger_letters_drop(struct ledger *ledger, struct sale_id sale,
    const char *actor, uint64_t *n, struct err *err);
/* Compare-and-set: *won is false when it is not DEAD any more. */
enum outcome ledger_letter_retried(struct ledger *ledger,
    const struct ledger_letter *letter, const struct claim_id *as,
    const char *actor, bool *won, struct err *err);

#endif
