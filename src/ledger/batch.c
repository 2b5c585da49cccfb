/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accepted orders become rows: one statement for up to 64 of them, all or none.
 * What is refused as a whole is for the settler to do row by row
 * (sale/settle.h).
 */
#include "config.h"

#include "ledger/impl.h"

#include "base/bug.h"
#include "base/failpoint.h"

#include <inttypes.h>

_Static_assert(RECORD_BATCH_MAX == SETTLE_BATCH, "a statement for each size");

/* What all of a batch are measured by. */
struct guard {
	struct gate_ref ref;
	uint32_t unit, slot; /* the highest */
};

static void param_row(
    MYSQL_BIND *params, const struct order *order, MYSQL_TIME *created)
{
	param_claim(&params[0], &order->claim);
	param_u32(&params[1], &order->unit);
	param_customer(&params[2], &order->customer);
	param_u32(&params[3], &order->slot);
	param_bytes(&params[4], order->payload_hash, PAYLOAD_HASH_BYTES);
	param_ref(&params[5], order->ref);
	param_wall(&params[6], order->created, created);
}

static void param_no_row(MYSQL_BIND *params)
{
	for (size_t i = 0; i < RECORD_PARAM_COUNT; i++)
		param_null(&params[i]);
}

static void param_guard(MYSQL_BIND *params, const struct guard *guard)
{
	param_u32(&params[0], &guard->ref.sale.v);
	param_u32(&params[1], &guard->ref.epoch);
	param_u32(&params[2], &guard->unit);
	param_u32(&params[3], &guard->slot);
}

static void guard_raise(struct guard *guard, const struct order *order)
{
	if (guard->unit < order->unit)
		guard->unit = order->unit;
	if (guard->slot < order->slot)
		guard->slot = order->slot;
}

/* Everything but the time has its own range on the wire. */
static bool times_fit(const struct order *orders, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++)
		if (!wall_fits_mysql(orders[i].created)) {
			err_set(err, ER_TRUNCATED_WRONG_VALUE,
			    "insert orders: %" PRId64
			    " us is no time that MySQL knows",
			    orders[i].created.us);
			return false;
		}
	return true;
}

/*
 * Zero rows are the guard's, and all of them the rule: the guard finds one sale
 * or none, and an error takes the whole statement back.  Any other number is
 * impossible, so something is not what we think it is (a proxy, a trigger), and
 * how many rows there are is for the next attempt to find out.
 */
static enum outcome batch_counted(struct ledger *ledger, uint64_t affected,
    size_t n, enum ledger_record *answer, struct err *err)
{
	if (affected == n || affected == 0) {
		*answer = affected == n ? LEDGER_RECORDED : LEDGER_FENCED;
		return OUT_DONE;
	}
	err_set(err, 0,
	    "insert orders: %" PRIu64 " of %zu rows, which no server does: is "
	    "there a proxy or a trigger?",
	    affected, n);
	conn_close(&ledger->conn);
	return OUT_UNKNOWN;
}

/* A connection that still stands was answered to this statement: errors of
 * connecting and preparing close it. */
static bool batch_refused(
    const struct ledger *ledger, int code, enum ledger_record *answer)
{
	if (ledger->conn.mysql == NULL)
		return false;
	if (code == ER_DUP_ENTRY) {
		*answer = LEDGER_CLASH;
		return true;
	}
	if (!error_refuses_row((unsigned)code))
		return false;
	*answer = LEDGER_REFUSED;
	return true;
}

enum outcome ledger_record_batch(void *ctx, struct gate_ref ref,
    const struct order *orders, size_t n, int64_t deadline_ns,
    enum ledger_record *answer, struct err *err)
{
	struct ledger *ledger = ctx;
	struct guard guard = {.ref = ref};
	struct statement_batch batch = statement_record(n);
	struct call call = {.id = batch.id, .params = ledger->params};
	MYSQL_BIND *params = ledger->params;
	enum outcome out;

	if (!times_fit(orders, n, err)) {
		*answer = LEDGER_REFUSED;
		return OUT_DONE;
	}
	for (size_t i = 0; i < batch.rows; i++, params += RECORD_PARAM_COUNT)
		if (i < n) {
			guard_raise(&guard, &orders[i]);
			param_row(params, &orders[i], &ledger->times[i]);
		} else {
			param_no_row(params);
		}
	param_guard(params, &guard);
	if (FAILPOINT_ERR(before_batch, err))
		return OUT_UNKNOWN;
	out = conn_call(&ledger->conn, &call, deadline_ns, err);
	if (FAILPOINT_ERR(after_batch, err))
		return OUT_UNKNOWN;
	if (out == OUT_DONE)
		return batch_counted(ledger, call.affected, n, answer, err);
	if (out == OUT_NOT_DONE && batch_refused(ledger, err->code, answer))
		return OUT_DONE;
	return out;
}
