/* SPDX-License-Identifier: Apache-2.0 */
/* What the server says of itself, for the judgement at start (prog/judge.c). */
#include "config.h"

#include "ledger/impl.h"

struct variable {
	char name[65], value[LEDGER_VALUE_MAX];
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

enum outcome ledger_variable(struct ledger *ledger, const char *name,
    bool session, int64_t deadline_ns, char value[LEDGER_VALUE_MAX],
    bool *found, struct err *err)
{
	struct variable variable = {.found = false};
	MYSQL_BIND param, results[2];
	struct call call = {
	    .id = session ? STMT_VARIABLE_SESSION : STMT_VARIABLE,
	    .params = &param,
	    .results = results,
	    .row = variable_row,
	    .ctx = &variable};
	enum outcome out;

	param_text(&param, strv_c(name));
	result_text(&results[0], variable.name, sizeof(variable.name),
	    &variable.name_len);
	result_text(&results[1], variable.value, sizeof(variable.value) - 1,
	    &variable.value_len);
	out = conn_call(&ledger->conn, &call, deadline_ns, err);
	if (out != OUT_DONE)
		return out;
	*found = variable.found;
	memcpy(value, variable.value, sizeof(variable.value));
	return OUT_DONE;
}

enum outcome ledger_wide_grants(
    struct ledger *ledger, int64_t deadline_ns, uint32_t *n, struct err *err)
{
	struct call call = {.id = STMT_WIDE_GRANTS};
	int64_t count = 0;
	enum outcome out =
	    ledger_read_number(ledger, &call, deadline_ns, &count, err);

	if (out == OUT_DONE)
		*n = (uint32_t)count;
	return out;
}

enum outcome ledger_check_settler(
    struct ledger *ledger, int64_t deadline_ns, struct err *err)
{
	struct call record = {.id = STMT_MAY_RECORD};
	struct call bury = {.id = STMT_MAY_BURY};
	enum outcome out = conn_call(&ledger->conn, &record, deadline_ns, err);

	if (out != OUT_DONE) {
		err_wrap(err,
		    "a settler could not write accepted orders, nor a keeper "
		    "void ones (GRANT SELECT, INSERT ON orders)");
		return out;
	}
	out = conn_call(&ledger->conn, &bury, deadline_ns, err);
	if (out != OUT_DONE)
		err_wrap(err,
		    "a settler could not bury an order that cannot be written "
		    "(GRANT SELECT, INSERT ON dead_letters)");
	return out;
}

/* Rights are looked at before rows, so that no row need be touched. */
enum outcome ledger_check_keeper(
    struct ledger *ledger, int64_t deadline_ns, struct err *err)
{
	struct call epoch = {.id = STMT_MAY_FENCE};
	struct call audit = {.id = STMT_MAY_NOTE};
	enum outcome out = conn_call(&ledger->conn, &epoch, deadline_ns, err);

	if (out == OUT_DONE)
		out = conn_call(&ledger->conn, &audit, deadline_ns, err);
	if (out != OUT_DONE)
		err_wrap(err,
		    "the keeper could not make a lost gate anew (GRANT UPDATE "
		    "(epoch, state) ON sales, INSERT ON audit)");
	else
		out = ledger_check_barrier(ledger, deadline_ns, err);
	return out;
}
