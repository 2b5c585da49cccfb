/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger as a value: made from settings, and the readers of its results. */
#include "config.h"

#include "ledger/impl.h"

#include "base/bug.h"

#include <stdlib.h>

/* What an insert may wait for another's lock.  The smallest that InnoDB knows:
 * a purchase that waits longer is better asked again. */
#define LOCK_WAIT_S 1

static bool setting_copy(const char *name, const char *value, char *out,
    size_t size, struct err *err)
{
	if (strv_copy(strv_c(value), out, size))
		return true;
	err_set(err, 0, "mysql %s: longer than %zu bytes", name, size - 1);
	return false;
}

static bool timeout_valid(int64_t ms)
{
	return ms >= 1 && ms <= CONN_TIMEOUT_MAX_MS;
}

static bool target_fill(
    struct conn_target *target, const struct ledger_conf *conf, struct err *err)
{
	struct strbuf where;

	if (!address_parse(conf->address, &target->address, err))
		return false;
	if (!timeout_valid(conf->connect_timeout_ms) ||
	    !timeout_valid(conf->statement_timeout_ms)) {
		err_set(err, 0, "mysql timeouts must be 1 ms to 1 h");
		return false;
	}
	target->connect_timeout_ms = conf->connect_timeout_ms;
	strbuf_init(&where, target->where, sizeof(target->where));
	strbuf_puts(&where, "mysql ");
	strbuf_puts(&where, conf->address);
	return setting_copy("user", conf->user, target->user,
		   sizeof(target->user), err) &&
	       setting_copy("password", conf->password, target->password,
		   sizeof(target->password), err) &&
	       setting_copy("database", conf->database, target->database,
		   sizeof(target->database), err);
}

struct ledger *ledger_new(const struct ledger_conf *conf, struct err *err)
{
	struct ledger *ledger = calloc(1, sizeof(*ledger));

	if (ledger == NULL) {
		err_set(err, 0, "ledger: out of memory");
		return NULL;
	}
	if (!target_fill(&ledger->target, conf, err)) {
		ledger_free(&ledger);
		return NULL;
	}
	ledger->limits.statement_ms = conf->statement_timeout_ms;
	ledger->limits.lock_wait_s = LOCK_WAIT_S;
	conn_init(&ledger->conn, &ledger->target, ledger->limits);
	return ledger;
}

void ledger_free(struct ledger **ledger)
{
	if (*ledger == NULL)
		return;
	conn_close(&(*ledger)->conn);
	explicit_bzero(&(*ledger)->target, sizeof((*ledger)->target));
	free(*ledger);
	*ledger = NULL;
}

enum outcome ledger_patient(struct ledger *ledger, int64_t statement_ms,
    int64_t deadline_ns, struct conn *patient, struct err *err)
{
	struct conn_limits limits = {.statement_ms = statement_ms};
	enum outcome out = conn_ensure(&ledger->conn, deadline_ns, err);

	if (limits.statement_ms > CONN_TIMEOUT_MAX_MS)
		limits.statement_ms = CONN_TIMEOUT_MAX_MS;
	limits.lock_wait_s = limits.statement_ms / 1000 + 1;
	conn_init(patient, &ledger->target, limits);
	return out == OUT_DONE ? conn_ensure(patient, deadline_ns, err) : out;
}

/* ---- results ------------------------------------------------------------- */

struct orders_reader {
	struct order_row row;
	struct orders_out *to;
};

static bool orders_row(void *ctx, struct err *err)
{
	struct orders_reader *reader = ctx;
	struct orders_out *to = reader->to;

	if (to->n == to->max) {
		err_set(err, 0, "more rows than were asked for");
		return false;
	}
	return order_row_read(&reader->row, &to->out[to->n++], err);
}

enum outcome ledger_read_orders(struct ledger *ledger, struct call *call,
    int64_t deadline_ns, struct orders_out *orders, struct err *err)
{
	struct orders_reader reader = {.to = orders};

	orders->n = 0;
	order_row_bind(&reader.row);
	call->results = reader.row.bind;
	call->row = orders_row;
	call->ctx = &reader;
	return conn_call(&ledger->conn, call, deadline_ns, err);
}

struct sales_reader {
	struct sale_row row;
	struct sales_out *to;
};

static bool sales_row(void *ctx, struct err *err)
{
	struct sales_reader *reader = ctx;
	struct sales_out *to = reader->to;
	struct sale sale;
	bool found;

	if (!sale_row_read(&reader->row, &sale, &found, &to->now, err))
		return false;
	if (!found)
		return true;
	if (to->n == to->max) {
		err_set(err, 0, "more sales than were asked for");
		return false;
	}
	to->out[to->n++] = sale;
	return true;
}

enum outcome ledger_read_sales(struct ledger *ledger, struct call *call,
    int64_t deadline_ns, struct sales_out *sales, struct err *err)
{
	struct sales_reader reader = {.to = sales};

	sales->n = 0;
	sale_row_bind(&reader.row);
	call->results = reader.row.bind;
	call->row = sales_row;
	call->ctx = &reader;
	return conn_call(&ledger->conn, call, deadline_ns, err);
}

struct number_reader {
	int64_t value;
	int64_t *to;
};

static bool number_row(void *ctx, struct err *err)
{
	struct number_reader *reader = ctx;

	(void)err;
	*reader->to = reader->value;
	return true;
}

enum outcome ledger_read_number(struct ledger *ledger, struct call *call,
    int64_t deadline_ns, int64_t *value, struct err *err)
{
	struct number_reader reader = {.to = value};
	MYSQL_BIND result;

	result_i64(&result, &reader.value);
	call->results = &result;
	call->row = number_row;
	call->ctx = &reader;
	return conn_call(&ledger->conn, call, deadline_ns, err);
}
