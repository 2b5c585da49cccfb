/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The settings that promises hang on.  What nobody may ask (Redis' CONFIG for an
 * ACL user) is not held against a server.
 */
#include "config.h"

#include "prog/judge.h"
#include "base/clock.h"
#include "base/num.h"
#include "prog/wire.h"

#include "sale/table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define JUDGE_DEADLINE_MS 5000
#define SKEW_MAX_MS       1000

/* Connections that are not a worker's: keepers, flashgatectl, people. */
#define CONNECTIONS_BESIDE 12

struct judging {
	const struct settings *settings;
	struct gate *gate;
	struct ledger *ledger;
	char wanted[32]; /* of a finding whose want is computed */
	bool binlog;
	bool queued; /* some sale is in mode queue or sweep */
	struct gate_durability durability;
	bool needless; /* the last reader had no reason to ask */
};

#define OVERSOLD "never oversold"
#define LOST     "never lost"
#define LEAKED   "never leaked"
#define LIED     "never lied to"
#define WAY      "never in the way"

/* Fills `value`; *found false: it does not say. */
typedef enum outcome reader(struct judging *j, const char *name,
    char value[LEDGER_VALUE_MAX], bool *found, struct err *err);
typedef bool judge(struct judging *j, const char *value, const char *want);

/* ---- readers ------------------------------------------------------------------------ */

static enum outcome mysql_global(struct judging *j, const char *name,
    char value[LEDGER_VALUE_MAX], bool *found, struct err *err)
{
	return ledger_variable(j->ledger, name, false,
	    deadline_in_ms(JUDGE_DEADLINE_MS), value, found, err);
}

/* Matters only where a binary log is written. */
static enum outcome mysql_binlog(struct judging *j, const char *name,
    char value[LEDGER_VALUE_MAX], bool *found, struct err *err)
{
	*found = false;
	return j->binlog ? mysql_global(j, name, value, found, err) : OUT_DONE;
}

static enum outcome mysql_session(struct judging *j, const char *name,
    char value[LEDGER_VALUE_MAX], bool *found, struct err *err)
{
	return ledger_variable(j->ledger, name, true,
	    deadline_in_ms(JUDGE_DEADLINE_MS), value, found, err);
}

static enum outcome redis_info(struct judging *j, const char *name,
    char value[LEDGER_VALUE_MAX], bool *found, struct err *err)
{
	return gate_setting(j->gate, name, true,
	    deadline_in_ms(JUDGE_DEADLINE_MS), value, found, err);
}

static enum outcome redis_config(struct judging *j, const char *name,
    char value[LEDGER_VALUE_MAX], bool *found, struct err *err)
{
	return gate_setting(j->gate, name, false,
	    deadline_in_ms(JUDGE_DEADLINE_MS), value, found, err);
}

static const char *const file_notes[] = {
    [GATE_FILE_UNKNOWN] = "",
    [GATE_FILE_WHOLE] = "",
    [GATE_FILE_UNSEEN] = ", file in the making",
    [GATE_FILE_BROKEN] = ", file broken",
};

/* Only where it matters: some sale accepts orders before they are written, and it
 * is this rule's business. */
static enum outcome accepted_orders(struct judging *j, bool is_ours,
    char value[LEDGER_VALUE_MAX], bool *found, struct err *err)
{
	enum outcome out = OUT_DONE;

	*found = j->queued && is_ours;
	j->needless = !*found;
	if (*found)
		out = gate_durability(j->gate,
		    deadline_in_ms(JUDGE_DEADLINE_MS), &j->durability, err);
	if (*found && out == OUT_DONE)
		snprintf(value, LEDGER_VALUE_MAX, "%s%s%s",
		    gate_fsync_name(j->durability.fsync),
		    j->durability.waitaof ? ", waitaof" : "",
		    file_notes[j->durability.file]);
	return out;
}

static enum outcome accepted_strictly(struct judging *j, const char *name,
    char value[LEDGER_VALUE_MAX], bool *found, struct err *err)
{
	(void)name;
	return accepted_orders(
	    j, !j->settings->queue.accept_loss, value, found, err);
}

static enum outcome accepted_with_loss(struct judging *j, const char *name,
    char value[LEDGER_VALUE_MAX], bool *found, struct err *err)
{
	(void)name;
	return accepted_orders(
	    j, j->settings->queue.accept_loss, value, found, err);
}

static enum outcome wide_grants(struct judging *j, const char *name,
    char value[LEDGER_VALUE_MAX], bool *found, struct err *err)
{
	uint32_t n = 0;
	enum outcome out = ledger_wide_grants(
	    j->ledger, deadline_in_ms(JUDGE_DEADLINE_MS), &n, err);

	(void)name;
	*found = out == OUT_DONE;
	if (*found)
		snprintf(value, LEDGER_VALUE_MAX, "%" PRIu32, n);
	return out;
}

static void skew_put(char value[LEDGER_VALUE_MAX], struct wall theirs)
{
	snprintf(value, LEDGER_VALUE_MAX, "%" PRId64 " ms",
	    (theirs.us - wall_now().us) / 1000);
}

static enum outcome mysql_clock(struct judging *j, const char *name,
    char value[LEDGER_VALUE_MAX], bool *found, struct err *err)
{
	struct ledger_port port = ledger_port(j->ledger);
	struct sale sale;
	struct wall now;
	bool there;
	enum outcome out = port.sale(port.ctx, (struct sale_id){0},
	    deadline_in_ms(JUDGE_DEADLINE_MS), &sale, &there, &now, err);

	(void)name;
	*found = out == OUT_DONE;
	if (*found)
		skew_put(value, now);
	return out;
}

static enum outcome redis_clock(struct judging *j, const char *name,
    char value[LEDGER_VALUE_MAX], bool *found, struct err *err)
{
	struct wall now;
	enum outcome out = gate_time(
	    j->gate, deadline_in_ms(JUDGE_DEADLINE_MS), &now, found, err);

	(void)name;
	if (out == OUT_DONE && *found)
		skew_put(value, now);
	return out;
}

/* ---- judges ------------------------------------------------------------------------- */

static bool one_of(struct judging *j, const char *value, const char *want)
{
	struct strv rest = strv_c(want);

	(void)j;
	while (rest.p != NULL)
		if (strv_eq_nocase(strv_cut(&rest, '|'), strv_c(value)))
			return true;
	return false;
}

static bool holds(struct judging *j, const char *value, const char *want)
{
	(void)j;
	return strstr(value, want) != NULL;
}

static bool not_zero(struct judging *j, const char *value, const char *want)
{
	(void)j;
	(void)want;
	return strcmp(value, "0") != 0;
}

static bool near(struct judging *j, const char *value, const char *want)
{
	long long ms = strtoll(value, NULL, 10);

	(void)j;
	(void)want;
	return ms < SKEW_MAX_MS && ms > -SKEW_MAX_MS;
}

static bool durable(struct judging *j, const char *value, const char *want)
{
	enum gate_durable strict = wire_durable_strict(j->settings);
	struct gate_durability has = j->durability;
	struct err ignored = ERR_INIT;

	/* The settings are right, and a rewrite ends: until it has, each worker
	 * that has not seen the file before accepts nothing. */
	if (has.file == GATE_FILE_UNSEEN)
		has.file = GATE_FILE_WHOLE;

	(void)value;
	(void)want;
	snprintf(j->wanted, sizeof(j->wanted), "%s",
	    strict == GATE_DURABLE_WAITAOF ? "everysec, waitaof" : "always");
	return gate_durability_suffices(strict, &has, &ignored);
}

/* A reload has two generations of workers connected for a moment. */
static bool enough(struct judging *j, const char *value, const char *want)
{
	uint64_t have, need = 2 * (uint64_t)(j->settings->www.max_children +
					     j->settings->settler.processes) +
			      CONNECTIONS_BESIDE;

	(void)want;
	snprintf(j->wanted, sizeof(j->wanted), "%" PRIu64 " or more", need);
	return num_parse_u64(strv_c(value), 0, UINT32_MAX, &have) &&
	       have >= need;
}

/* ---- the table ---------------------------------------------------------------------- */

static const struct rule {
	const char *store, *name;
	reader *read;
	judge *is_good;
	const char *want; /* alternatives with a bar between; NULL: computed */
	const char *promise;
	enum judge_weight weight;
	const char *why;
} rules[] = {
    {"mysql", "innodb_flush_log_at_trx_commit", mysql_global, one_of, "1", LOST,
	JUDGE_REFUSE,
	"a crash would take back orders that shoppers were told of"},
    {"mysql", "sync_binlog", mysql_binlog, one_of, "1", LOST, JUDGE_REFUSE,
	"a power cut would take back orders that shoppers were told of"},
    {"mysql", "binlog_format", mysql_binlog, one_of, "ROW|MIXED", WAY,
	JUDGE_REFUSE, "STATEMENT refuses writes under READ COMMITTED"},
    {"mysql", "innodb_force_recovery", mysql_global, one_of, "0", LOST,
	JUDGE_REFUSE, "this server is being rescued, not used"},
    {"mysql", "innodb_doublewrite", mysql_global, one_of,
	"ON|1|DETECT_AND_RECOVER", LOST, JUDGE_WARN,
	"a power cut can tear a page, unless the file system cannot"},
    {"mysql", "unique_checks", mysql_session, one_of, "ON|1", OVERSOLD,
	JUDGE_REFUSE, "the unique keys are what makes overselling impossible"},
    {"mysql", "sql_mode", mysql_session, holds, "STRICT_ALL_TABLES", OVERSOLD,
	JUDGE_REFUSE, "values would be bent to fit instead of refused"},
    {"mysql", "autocommit", mysql_session, one_of, "ON|1", LOST, JUDGE_REFUSE,
	"an insert would not be a commit"},
    {"mysql", "read_only", mysql_global, one_of, "OFF|0", WAY, JUDGE_REFUSE,
	"nothing could be sold: point [mysql] to the primary"},
    {"mysql", "innodb_read_only", mysql_global, one_of, "OFF|0", WAY,
	JUDGE_REFUSE, "nothing could be sold"},
    {"mysql", "max_connections", mysql_global, enough, NULL, WAY, JUDGE_WARN,
	"twice the workers and settlers, because of reloads, and some to "
	"spare"},
    {"mysql", "local_infile", mysql_global, one_of, "OFF|0", WAY, JUDGE_NOTE,
	"nobody needs it, and it lets a server ask clients for files"},
    {"mysql", "grants beyond SELECT and INSERT", wide_grants, one_of, "0", LOST,
	JUDGE_WARN,
	"workers need SELECT and INSERT on orders (sql/users.sql.example)"},
    {"mysql", "clock against ours", mysql_clock, near, "within 1 s", LIED,
	JUDGE_WARN, "sales open and close by MySQL's clock"},
    {"redis", "role", redis_info, one_of, "master", WAY, JUDGE_REFUSE,
	"nothing could be claimed: point [redis] to the master"},
    {"redis", "maxmemory_policy", redis_info, one_of, "noeviction", LIED,
	JUDGE_REFUSE, "an evicted free list would look sold out"},
    {"redis", "maxmemory", redis_info, not_zero, "a limit", WAY, JUDGE_WARN,
	"without one it is the kernel that says no, by killing Redis"},
    {"redis", "run_id", redis_info, not_zero, "known", LEAKED, JUDGE_WARN,
	"without the right to INFO a restart of Redis is not noticed"},
    {"redis", "aof_last_write_status", redis_info, one_of, "ok", WAY,
	JUDGE_WARN, "Redis refuses writes while it cannot keep its file"},
    {"redis", "aof_enabled", redis_info, one_of, "1", WAY, JUDGE_NOTE,
	"a restart comes back empty, and each sale waits for its rebuild"},
    {"redis", "appendfsync", redis_config, one_of, "everysec|always", WAY,
	JUDGE_NOTE, "what was not written is rebuilt"},
    {"redis", "sync of accepted orders", accepted_strictly, durable, NULL, LOST,
	JUDGE_REFUSE,
	"a crash could lose orders of modes queue and sweep: appendonly yes, "
	"appendfsync always, or [queue] accept_loss = yes"},
    {"redis", "sync of accepted orders", accepted_with_loss, durable, NULL,
	LOST, JUDGE_WARN,
	"a crash may lose orders of modes queue and sweep, as [queue] "
	"accept_loss = yes accepts"},
    {"redis", "clock against ours", redis_clock, near, "within 1 s", WAY,
	JUDGE_WARN, "leases run out by Redis' clock"},
};
_Static_assert(ARRAY_LEN(rules) <= JUDGE_MAX, "room for each");

static bool rule_apply(struct judging *j, const struct rule *rule,
    struct judge_report *report, struct err *err)
{
	struct judge_finding *f = &report->findings[report->n];
	char value[LEDGER_VALUE_MAX] = "";
	bool found = false;

	j->needless = false;
	if (rule->read(j, rule->name, value, &found, err) != OUT_DONE) {
		err_wrap(err, "[%s] %s", rule->store, rule->name);
		return false;
	}
	/* A setting that this server does not have, or need. */
	if (!found && (j->needless || strcmp(rule->store, "mysql") == 0))
		return true;
	/* The run id is the one whose absence matters. */
	if (!found && strcmp(rule->name, "run_id") == 0)
		memcpy(value, "0", 2);
	*f = (struct judge_finding){.store = rule->store,
	    .name = rule->name,
	    .promise = rule->promise,
	    .why = rule->why,
	    .weight = rule->weight,
	    .known = found || value[0] != '\0'};
	f->good = !f->known || rule->is_good(j, value, rule->want);
	snprintf(f->want, sizeof(f->want), "%s",
	    rule->want != NULL ? rule->want : j->wanted);
	snprintf(f->value, sizeof(f->value), "%.79s", f->known ? value : "-");
	report->n++;
	report->refused += !f->good && f->weight == JUDGE_REFUSE;
	report->warned += !f->good && f->weight == JUDGE_WARN;
	return true;
}

/* Also of sales that are not open now: they may be in a moment. */
static bool queued_read(struct judging *j, struct err *err)
{
	static struct sale sales[SALE_TABLE_MAX];
	struct ledger_port port = ledger_port(j->ledger);
	struct wall now;
	size_t n;

	if (port.sales(port.ctx, deadline_in_ms(JUDGE_DEADLINE_MS), sales,
		ARRAY_LEN(sales), &n, &now, err) != OUT_DONE) {
		err_wrap(err, "[mysql] sales");
		return false;
	}
	for (size_t i = 0; i < n; i++)
		j->queued =
		    j->queued || (sales[i].mode != SALE_MODE_DIRECT &&
				     sales[i].state != SALE_STATE_CLOSED);
	return true;
}

bool judge_stores(const struct settings *settings, struct gate *gate,
    struct ledger *ledger, struct judge_report *report, struct err *err)
{
	struct judging j = {
	    .settings = settings, .gate = gate, .ledger = ledger};
	char value[LEDGER_VALUE_MAX] = "";
	bool found = false;

	memset(report, 0, sizeof(*report));
	if (mysql_global(&j, "log_bin", value, &found, err) != OUT_DONE) {
		err_wrap(err, "[mysql] log_bin");
		return false;
	}
	j.binlog = found && one_of(&j, value, "ON|1");
	if (!queued_read(&j, err))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (!rule_apply(&j, &rules[i], report, err))
			return false;
	return true;
}

void judge_finding_text(const struct judge_finding *f, struct strbuf *out)
{
	strbuf_printf(out, "[%s] %s = %s %s \"%s\": want %s, else %s", f->store,
	    f->name, f->value, f->weight == JUDGE_REFUSE ? "breaks" : "weakens",
	    f->promise, f->want, f->why);
}
