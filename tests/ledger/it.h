/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of the ledger against a real MariaDB share.  The server is the
 * one of tests/with-servers; `ledger.it` has made the database flashgate with
 * its schema, and the users of sql/users.sql.example.  Each test makes its own
 * sale, so that none sees another's rows.
 */
#ifndef TESTS_LEDGER_IT_H
#define TESTS_LEDGER_IT_H

#include "unit.h"

#include "ledger/impl.h"
#include "proxy.h"

/* Each file of tests is a part: its cases, into `out`; they run in this order. */
typedef size_t it_part_fn(struct unit_case *out);
it_part_fn part_port, part_wait, part_batch, part_batch_wait, part_admin,
    part_letters, part_letters_admin, part_check, part_fault, part_batch_fault,
    part_server, part_durable, part_fence, part_grants, part_cost;

#define IT_PART_MAX 32
#define IT_PART(name, ...)                                             \
	size_t name(struct unit_case *out)                             \
	{                                                              \
		const struct unit_case cases[] = {__VA_ARGS__};        \
                                                                       \
		_Static_assert(                                        \
		    ARRAY_LEN(cases) <= IT_PART_MAX, "room for each"); \
		memcpy(out, cases, sizeof(cases));                     \
		return ARRAY_LEN(cases);                               \
	}

#define SECOND_NS NS_PER_S
/* Generous: the machine may be busy.  Never waited for when all is well. */
#define SOON deadline_in_ms(20000)

const char *it_dir(void);
const char *it_socket(void);

/* ---- a ledger under test ------------------------------------------------- */

/* As the application's user, as a worker would have it. */
struct ledger *it_ledger(void);
/* Any other way; empty fields are those of it_ledger(). */
struct it_conf {
	const char *address, *user, *password, *database;
	int64_t statement_timeout_ms, connect_timeout_ms;
};
struct ledger *it_ledger_with(struct it_conf conf);
struct ledger *it_admin(void);

/* The err of calls whose text only ck_done() and ck_refused() look at. */
extern struct err why;

#define ck_done(expr)                                                  \
	do {                                                           \
		enum outcome ck_out = (expr);                          \
                                                                       \
		ck_assert_msg(ck_out == OUT_DONE, "%s: %s: %s", #expr, \
		    outcome_name(ck_out), why.text);                   \
	} while (0)

/* Not done (or unknown), and a piece of the text that says so. */
#define ck_refused(want, piece, expr)                                \
	do {                                                         \
		enum outcome ck_out = (expr);                        \
                                                                     \
		ck_assert_msg(ck_out == (want), "%s: %s: %s", #expr, \
		    outcome_name(ck_out), why.text);                 \
		ck_assert_msg(strstr(why.text, piece) != NULL,       \
		    "%s: says \"%s\"", #expr, why.text);             \
	} while (0)

/* Calls of the port with SOON as deadline; they must be DONE. */
enum ledger_record it_record(struct ledger *ledger, const struct order *order);
enum ledger_record it_batch(struct ledger *ledger, const struct sale *sale,
    const struct order *orders, size_t n);
void it_void(struct ledger *ledger, const struct order *claims, size_t n);
/* False when the claim has no row. */
bool it_find(
    struct ledger *ledger, const struct claim_id *claim, struct order *out);

/* ---- fixtures ------------------------------------------------------------ */

/* The server's administrator, past everything of ours. */
MYSQL *it_root(void);
void it_sql(MYSQL *root, const char *fmt, ...) ATTR_PRINTF(2, 3);
/* The error code of a statement that may fail; 0: it did not. */
unsigned it_sql_code(MYSQL *root, const char *fmt, ...) ATTR_PRINTF(2, 3);
int64_t it_number(MYSQL *root, const char *fmt, ...) ATTR_PRINTF(2, 3);
/* Waits until the query's number is `want`; fails after 20 s. */
void it_wait_number(MYSQL *root, int64_t want, const char *query);
/* Waits until one statement waits for a row lock. */
void it_wait_blocked(MYSQL *root);

/* An open sale of epoch 1, 100 units, limit 2, without a window. */
struct sale it_sale(MYSQL *root);
/* That sale as somebody read it when its epoch was another; epoch 2 is a rebuild's.
 * Valid until the next call. */
const struct sale *it_seen(const struct sale *sale, uint32_t epoch);
/* A sold order for it, of a claim that no other test has. */
struct order it_order(const struct sale *sale, uint32_t unit, const char *who);

/* Accepted orders for it: units 1 to n, one customer each, created set. */
void it_orders(const struct sale *sale, struct order *orders, size_t n);
/* Rows of the sale, whatever they say. */
int64_t it_rows(MYSQL *root, const struct sale *sale);

/* What a settler buries: an order of it, entry 1700000000000-seq. */
struct dead_letter it_dead_letter(const struct sale *sale, uint64_t seq);
void it_same_letter(const struct dead_letter *a, const struct dead_letter *b);

/* Runs a shell script with scripts/servers.sh loaded, in a session of its own:
 * what it starts outlives the test. */
void it_shell(const char *script);

/* A call in a thread of its own, while the test goes on. */
struct it_job {
	struct ledger *ledger;
	struct ledger_port port;
	struct order order;
	const struct order *orders; /* of a batch */
	size_t norders;
	struct sale sale;
	uint32_t number;
	enum outcome out;
	enum ledger_record answer;
	bool won;
	struct err err;
};
void it_start(void *(*run)(void *), struct it_job *job);
void it_join(void);
/* Records job->orders as a batch of job->sale. */
void *it_run_batch(void *job);

#endif
