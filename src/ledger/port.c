/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger port: each function is one statement, or none. */
#include "config.h"

#include "ledger/impl.h"

#include "base/bug.h"
#include "base/failpoint.h"

static enum outcome port_ready(void *ctx, int64_t deadline_ns, struct err *err)
{
	struct ledger *ledger = ctx;

	return conn_ensure_hot(&ledger->conn, deadline_ns, err);
}

static enum outcome port_record(void *ctx, const struct order *order,
    int64_t deadline_ns, enum ledger_record *answer, struct err *err)
{
	struct ledger *ledger = ctx;
	MYSQL_TIME created;
	MYSQL_BIND params[11];
	struct call call = {.id = STMT_RECORD, .params = params};
	enum outcome out;

	param_claim(&params[0], &order->claim);
	param_u32(&params[1], &order->unit);
	param_customer(&params[2], &order->customer);
	param_u32(&params[3], &order->slot);
	param_bytes(&params[4], order->payload_hash, PAYLOAD_HASH_BYTES);
	param_ref(&params[5], order->ref);
	param_wall(&params[6], order->created, &created);
	param_u32(&params[7], &order->sale.v);
	param_u32(&params[8], &order->epoch);
	param_u32(&params[9], &order->unit);
	param_u32(&params[10], &order->slot);
	if (FAILPOINT_ERR(before_insert, err))
		return OUT_UNKNOWN;
	out = conn_call(&ledger->conn, &call, deadline_ns, err);
	if (FAILPOINT_ERR(after_insert, err))
		return OUT_UNKNOWN;
	if (out == OUT_DONE && call.affected == 1)
		durable_note(ledger, &order->claim);
	if (out == OUT_DONE)
		*answer = call.affected == 1 ? LEDGER_RECORDED : LEDGER_FENCED;
	/* Which key it was is read from the rows, never from the message. */
	if (out == OUT_NOT_DONE && err->code == ER_DUP_ENTRY) {
		*answer = LEDGER_CLASH;
		return OUT_DONE;
	}
	return out;
}

static enum outcome port_void_claims(void *ctx, struct gate_ref ref,
    const struct order *claims, size_t n, int64_t deadline_ns, struct err *err)
{
	struct ledger *ledger = ctx;
	struct statement_batch batch;
	struct call call = {.params = ledger->params};

	if (n == 0)
		return OUT_DONE;
	batch = statement_void(n);
	call.id = batch.id;
	/* Left-over rows repeat the last: IGNORE drops them. */
	for (size_t i = 0; i < batch.rows; i++) {
		const struct order *row = &claims[i < n ? i : n - 1];

		param_void(&ledger->params[i * VOID_PARAM_COUNT], row);
	}
	param_void_guard(&ledger->params[batch.rows * VOID_PARAM_COUNT], &ref);
	return conn_call(&ledger->conn, &call, deadline_ns, err);
}

/*
 * Rows that somebody may be told of, or that a lease is given up for: keepers ask
 * by the same functions.  Were a sold row gone again after its lease was
 * confirmed, its unit would have no home; were a void row, a claim could still
 * buy whose unit is on the free list again: no unit would be sold twice, but two
 * homes would be found for it.
 */
static enum outcome read_durably(struct ledger *ledger, struct call *call,
    int64_t deadline_ns, struct orders_out *orders, struct err *err)
{
	enum outcome out =
	    ledger_read_orders(ledger, call, deadline_ns, orders, err);

	return out == OUT_DONE ? durable_rows(ledger, orders->out, orders->n,
				     deadline_ns, err)
			       : out;
}

static enum outcome port_find(void *ctx, const struct claim_id *claims,
    size_t n, int64_t deadline_ns, struct order *rows, size_t *found,
    struct err *err)
{
	struct ledger *ledger = ctx;
	struct orders_out orders = {.out = rows, .max = n};
	struct statement_batch batch;
	struct call call = {.params = ledger->params};
	enum outcome out;

	if (n == 0) {
		*found = 0;
		return OUT_DONE;
	}
	batch = statement_find(n);
	call.id = batch.id;
	for (size_t i = 0; i < batch.rows; i++)
		param_claim(&ledger->params[i], &claims[i < n ? i : n - 1]);
	out = read_durably(ledger, &call, deadline_ns, &orders, err);
	if (out == OUT_DONE)
		*found = orders.n;
	return out;
}

static enum outcome port_find_unit(void *ctx, struct sale_id sale,
    uint32_t unit, int64_t deadline_ns, struct order *row, bool *found,
    struct err *err)
{
	struct ledger *ledger = ctx;
	struct order order;
	struct orders_out orders = {.out = &order, .max = 1};
	MYSQL_BIND params[2];
	struct call call = {.id = STMT_FIND_UNIT, .params = params};
	enum outcome out;

	param_u32(&params[0], &sale.v);
	param_u32(&params[1], &unit);
	out = read_durably(ledger, &call, deadline_ns, &orders, err);
	if (out != OUT_DONE)
		return out;
	*found = orders.n > 0;
	if (*found)
		*row = order;
	return OUT_DONE;
}

/* LIMIT's placeholder; nobody asks for more than 2^32 rows at once. */
static uint32_t limit_of(size_t max)
{
	return max < UINT32_MAX ? (uint32_t)max : UINT32_MAX;
}

static enum outcome port_find_customer(void *ctx, struct sale_id sale,
    const struct customer *who, int64_t deadline_ns, struct order *rows,
    size_t max, size_t *n, struct err *err)
{
	struct ledger *ledger = ctx;
	struct orders_out orders = {.out = rows, .max = max};
	uint32_t limit = limit_of(max);
	MYSQL_BIND params[3];
	struct call call = {.id = STMT_FIND_CUSTOMER, .params = params};
	enum outcome out;

	param_u32(&params[0], &sale.v);
	param_customer(&params[1], who);
	param_u32(&params[2], &limit);
	out = read_durably(ledger, &call, deadline_ns, &orders, err);
	if (out == OUT_DONE)
		*n = orders.n;
	return out;
}

static enum outcome port_sale(void *ctx, struct sale_id id, int64_t deadline_ns,
    struct sale *sale, bool *found, struct wall *now, struct err *err)
{
	struct ledger *ledger = ctx;
	struct sale one;
	struct sales_out sales = {.out = &one, .max = 1};
	MYSQL_BIND param;
	struct call call = {.id = STMT_SALE, .params = &param};
	enum outcome out;

	param_u32(&param, &id.v);
	out = ledger_read_sales(ledger, &call, deadline_ns, &sales, err);
	if (out != OUT_DONE)
		return out;
	*found = sales.n > 0;
	*now = sales.now;
	if (*found)
		*sale = one;
	return OUT_DONE;
}

static enum outcome port_sales(void *ctx, int64_t deadline_ns,
    struct sale *out_sales, size_t max, size_t *n, struct wall *now,
    struct err *err)
{
	struct ledger *ledger = ctx;
	struct sales_out sales = {.out = out_sales, .max = max};
	uint32_t limit = limit_of(max);
	MYSQL_BIND param;
	struct call call = {.id = STMT_SALES, .params = &param};
	enum outcome out;

	param_u32(&param, &limit);
	out = ledger_read_sales(ledger, &call, deadline_ns, &sales, err);
	if (out == OUT_DONE) {
		*n = sales.n;
		*now = sales.now;
	}
	return out;
}

/*
 * Without a barrier.  A rebuild has begun its epoch before it reads: that update
 * waited for the locks of every insert that could still appear, and the answer
 * to its commit is the barrier.  An audit only counts, and looks again.
 */
static enum outcome port_sold_after(void *ctx, struct sale_id sale,
    uint32_t after, int64_t deadline_ns, struct order *rows, size_t max,
    size_t *n, struct err *err)
{
	struct ledger *ledger = ctx;
	struct orders_out orders = {.out = rows, .max = max};
	uint32_t limit = limit_of(max);
	MYSQL_BIND params[3];
	struct call call = {.id = STMT_SOLD_AFTER, .params = params};
	enum outcome out;

	param_u32(&params[0], &sale.v);
	param_u32(&params[1], &after);
	param_u32(&params[2], &limit);
	out = ledger_read_orders(ledger, &call, deadline_ns, &orders, err);
	if (out == OUT_DONE)
		*n = orders.n;
	return out;
}

/*
 * The row is wanted exclusively: running inserts hold it shared until they have
 * committed, and a slow disk may make that longer than a purchase may take.
 * Hence a connection of its own, as patient as the deadline.  (Later inserts
 * queue behind: InnoDB grants locks in order, so this cannot starve.)
 */
static enum outcome port_epoch_begin(void *ctx, const struct sale *seen,
    enum sale_state during, int64_t deadline_ns, bool *won, struct err *err)
{
	struct ledger *ledger = ctx;
	int64_t patience_ms = deadline_left_ms(deadline_ns);
	MYSQL_BIND params[4];
	struct call call = {.id = STMT_EPOCH_BEGIN, .params = params};
	struct conn patient;
	enum outcome out;

	if (patience_ms < ledger->limits.statement_ms)
		patience_ms = ledger->limits.statement_ms;
	param_text(&params[0], strv_c(sale_state_name(during)));
	param_u32(&params[1], &seen->id.v);
	param_u32(&params[2], &seen->epoch);
	param_text(&params[3], strv_c(sale_state_name(seen->state)));
	out = ledger_patient(ledger, patience_ms, deadline_ns, &patient, err);
	if (out == OUT_DONE)
		out = conn_call(&patient, &call, deadline_ns, err);
	conn_close(&patient);
	if (out == OUT_DONE)
		*won = call.affected == 1;
	return out;
}

static enum outcome port_epoch_end(void *ctx, struct sale_id sale,
    uint32_t epoch, enum sale_state state, int64_t deadline_ns, bool *won,
    struct err *err)
{
	struct ledger *ledger = ctx;
	MYSQL_BIND params[3];
	struct call call = {.id = STMT_EPOCH_END, .params = params};
	enum outcome out;

	param_text(&params[0], strv_c(sale_state_name(state)));
	param_u32(&params[1], &sale.v);
	param_u32(&params[2], &epoch);
	out = conn_call(&ledger->conn, &call, deadline_ns, err);
	if (out == OUT_DONE)
		*won = call.affected == 1;
	return out;
}

struct ledger_port ledger_port(struct ledger *ledger)
{
	return (struct ledger_port){
	    .ready = port_ready,
	    .record = port_record,
	    .record_batch = ledger_record_batch,
	    .bury = ledger_bury,
	    .void_claims = port_void_claims,
	    .find = port_find,
	    .find_unit = port_find_unit,
	    .find_customer = port_find_customer,
	    .sale = port_sale,
	    .sales = port_sales,
	    .sold_after = port_sold_after,
	    .epoch_begin = port_epoch_begin,
	    .epoch_end = port_epoch_end,
	    .ctx = ledger,
	};
}
