/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flashgatectl, the operator's hand: what its commands share.  Operator
 * process.
 */
#ifndef PROG_CTL_H
#define PROG_CTL_H

#include "prog/settings.h"
#include "prog/wire.h"
#include "sale/rebuild.h"

#include <jansson.h>
#include <stdbool.h>

/* Exit codes beside those of sysexits (64 usage, 69 store away, 78 settings):
 * 1 says that the answer is no. */
#define CTL_NO 1

struct ctl {
	const char *conf_path;
	struct settings settings;
	bool json;
	char actor[64]; /* who does it, for the audit table */
	struct gate *gate; /* made on first use */
	struct ledger *ledger; /* admin account; made on first use */
	struct gate_port gate_port;
	struct ledger_port ledger_port;
	int argc; /* words behind the command's name */
	char **argv;
};

struct ctl_option {
	const char *name; /* without "--" */
	const char *argument; /* NULL: a switch */
	const char *help;
};

#define CTL_OPTIONS_MAX 12

struct ctl_command {
	const char *group,
	    *verb; /* "sale", "open"; verb NULL: the group is it */
	const char *operands; /* "SLUG +N|-N"; in brackets: may be left out */
	int noperands;
	const char *help;
	int (*run)(struct ctl *ctl);
	struct ctl_option options[CTL_OPTIONS_MAX];
};

/* Every command, ended by a row without a group. */
extern const struct ctl_command ctl_commands[];

/* ---- arguments: after ctl_main() has sorted them ---------------------------- */

/* The i-th operand. */
const char *ctl_operand(const struct ctl *ctl, int i);
/* Value of an option, "" for a switch that was given, NULL when it was not. */
const char *ctl_option(const struct ctl *ctl, const char *name);

/* ---- stores ------------------------------------------------------------------- */

/* False after saying why on standard error; the caller returns 69. */
bool ctl_need_ledger(struct ctl *ctl);
bool ctl_need_gate(struct ctl *ctl);
/* The sale of this slug: exit code, 0 when found. */
int ctl_sale_find(
    struct ctl *ctl, const char *slug, struct sale *out, struct wall *now);

/* The same, once its gate is not being made: that takes moments. */
int ctl_sale_find_settled(
    struct ctl *ctl, const char *slug, struct sale *out, struct wall *now);

/* The highest unit and the highest slot of accepted orders that wait to be written;
 * 0 when none does. */
int ctl_waiting_highest(
    struct ctl *ctl, const struct sale *sale, uint32_t *unit, uint32_t *slot);

/* The sale was changed: its gate is told when it accepts orders.  What it is not
 * told now, the keeper tells it. */
void ctl_terms_tell(struct ctl *ctl, const struct sale *sale);

/* Will Redis do for a sale of this mode?  Exit code, after saying why not. */
int ctl_durability_judge(struct ctl *ctl, enum sale_mode mode);

/* ---- output ------------------------------------------------------------------- */

/* "flashgatectl: ..." on standard error; returns `code`. */
int ctl_fail(int code, const char *fmt, ...) ATTR_PRINTF(2, 3);
/* The exit code of an outcome that is not DONE, after saying it. */
int ctl_fail_outcome(enum outcome out, const struct err *err);
/* Prints and frees. */
void ctl_json(json_t *value);
json_t *ctl_sale_json(const struct sale *sale);
/* "2026-…Z", or "-" for an unset time. */
const char *ctl_time(struct wall when, char out[WALL_TEXT_MAX]);
/* "19.99 EUR" cannot be known without the currency's digits: "1999 EUR". */
void ctl_money(const struct money *price, char *out, size_t size);
/* ", 3 waiting, 1 void": what a rebuild carried over; "" when that is nothing. */
#define CTL_CARRIED_MAX 64
const char *ctl_carried(
    const struct rebuild_result *result, char out[CTL_CARRIED_MAX]);
/* A progress bar on standard error, when that is a terminal. */
void ctl_progress(const char *what, uint64_t done, uint64_t total);

/* ---- the commands, one file a group ----------------------------------------------- */

int ctl_schema_install(struct ctl *ctl);
int ctl_schema_check(struct ctl *ctl);
int ctl_sale_create(struct ctl *ctl);
int ctl_sale_open(struct ctl *ctl);
int ctl_sale_pause(struct ctl *ctl);
int ctl_sale_resume(struct ctl *ctl);
int ctl_sale_close(struct ctl *ctl);
int ctl_sale_show(struct ctl *ctl);
int ctl_sale_list(struct ctl *ctl);
int ctl_sale_stock(struct ctl *ctl);
int ctl_sale_limit(struct ctl *ctl);
int ctl_sale_window(struct ctl *ctl);
int ctl_sale_mode(struct ctl *ctl);
int ctl_sweep(struct ctl *ctl);
int ctl_dead_list(struct ctl *ctl);
int ctl_dead_show(struct ctl *ctl);
int ctl_dead_retry(struct ctl *ctl);
int ctl_dead_drop(struct ctl *ctl);
int ctl_doctor(struct ctl *ctl);
int ctl_orders_export(struct ctl *ctl);
int ctl_reconcile(struct ctl *ctl);
int ctl_token(struct ctl *ctl);
int ctl_reload(struct ctl *ctl);
int ctl_upgrade(struct ctl *ctl);

#endif
