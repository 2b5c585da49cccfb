/* SPDX-License-Identifier: Apache-2.0 */
/* What the server is told about durability, judged (notes 2.15). */
#include "config.h"

#include "ledger/impl.h"

static const struct rule {
	const char *name;
	const char *want;
	bool binlog_only; /* matters only where a binary log is written */
	bool fatal;
	const char *why;
} rules[] = {
    {"innodb_flush_log_at_trx_commit", "1", false, true,
	"else a crash loses orders that shoppers were told of"},
    {"innodb_doublewrite", "ON|1|DETECT_AND_RECOVER", false, false,
	"else a power cut can tear a page, unless the file system cannot"},
    {"sync_binlog", "1", true, true,
	"else a power cut takes back orders that shoppers were told of"},
    {"binlog_format", "ROW|MIXED", true, true,
	"STATEMENT refuses writes under READ COMMITTED"},
    {"local_infile", "OFF|0", false, false,
	"nobody needs it, and it lets a server ask clients for files"},
};
_Static_assert(ARRAY_LEN(rules) <= LEDGER_SETTINGS_MAX, "room for each");

struct variable {
	char name[65], value[64];
	unsigned long name_len, value_len;
	bool found;
};

static bool variable_row(void *ctx, struct err *err)
{
	struct variable *variable = ctx;

	(void)err;
	variable->found = true;
	variable->value[variable->value_len] = '\0';
	return true;
}

static enum outcome variable_read(struct ledger *ledger, const char *name,
    int64_t deadline_ns, struct variable *variable, struct err *err)
{
	MYSQL_BIND param, results[2];
	struct call call = {.id = STMT_VARIABLE,
	    .params = &param,
	    .results = results,
	    .row = variable_row,
	    .ctx = variable};

	variable->found = false;
	param_text(&param, strv_c(name));
	result_text(&results[0], variable->name, sizeof(variable->name),
	    &variable->name_len);
	result_text(&results[1], variable->value, sizeof(variable->value),
	    &variable->value_len);
	return conn_call(&ledger->conn, &call, deadline_ns, err);
}

static bool one_of(const char *value, const char *alternatives)
{
	struct strv rest = strv_c(alternatives);

	while (rest.p != NULL)
		if (strv_eq_nocase(strv_cut(&rest, '|'), strv_c(value)))
			return true;
	return false;
}

enum outcome ledger_settings(struct ledger *ledger, int64_t deadline_ns,
    struct ledger_setting *out, size_t *n, struct err *err)
{
	struct variable variable = {0};
	enum outcome done;
	size_t count = 0;
	bool binlog;

	done = variable_read(ledger, "log_bin", deadline_ns, &variable, err);
	binlog = variable.found && one_of(variable.value, "ON|1");
	for (size_t i = 0; i < ARRAY_LEN(rules) && done == OUT_DONE; i++) {
		const struct rule *rule = &rules[i];
		struct ledger_setting *setting = &out[count];

		if (rule->binlog_only && !binlog)
			continue;
		done = variable_read(
		    ledger, rule->name, deadline_ns, &variable, err);
		if (done != OUT_DONE || !variable.found)
			continue;
		setting->name = rule->name;
		setting->want = rule->want;
		setting->fatal = rule->fatal;
		setting->why = rule->why;
		setting->good = one_of(variable.value, rule->want);
		memcpy(setting->value, variable.value, sizeof(setting->value));
		count++;
	}
	if (done == OUT_DONE)
		*n = count;
	return done;
}
