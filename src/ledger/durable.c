/* SPDX-License-Identifier: Apache-2.0 */
/* The barrier between reading a row and telling it, and what spares it. */
#include "config.h"

#include "ledger/impl.h"

#include "base/bug.h"
#include "base/mutant.h"

#include <string.h>

/* Ids are HMACs: any of their bits will do. */
static size_t place_of(const struct claim_id *claim)
{
	_Static_assert((DURABLE_KNOWN & (DURABLE_KNOWN - 1)) == 0 &&
			   DURABLE_KNOWN <= 65536,
	    "two bytes, cut");
	return (claim->b[0] | (size_t)claim->b[1] << 8) & (DURABLE_KNOWN - 1);
}

void durable_note(struct ledger *ledger, const struct claim_id *claim)
{
	size_t i = place_of(claim);

	ledger->durable.known[i].claim = *claim;
	ledger->durable.known[i].connection = ledger->conn.made;
}

static bool is_known(const struct ledger *ledger, const struct claim_id *claim)
{
	size_t i = place_of(claim);

	return ledger->durable.known[i].connection == ledger->conn.made &&
	       claim_eq(&ledger->durable.known[i].claim, claim);
}

/*
 * On the connection that has read, and on no other: a server that crashed and
 * came back within this very moment would answer us, and not have the row.
 */
enum outcome durable_barrier(
    struct ledger *ledger, int64_t deadline_ns, struct err *err)
{
	struct conn *conn = &ledger->conn;
	uint32_t made = conn->made;
	uint32_t id = (uint32_t)(mysql_thread_id(conn->mysql) % BARRIER_ROWS);
	MYSQL_BIND param;
	struct call call = {.id = STMT_BARRIER, .params = &param};
	enum outcome out;

	BUG_ON(conn->in_tx);
	param_u32(&param, &id);
	out = conn_call(conn, &call, deadline_ns, err);
	if (out != OUT_DONE)
		return out;
	if (conn->made != made) {
		err_set(err, 0,
		    "%s: the connection was lost before what was read was "
		    "known to be on disk",
		    conn->target->where);
		return OUT_NOT_DONE;
	}
	/* Nothing changed is nothing written. */
	if (call.affected != 1) {
		err_set(err, 0,
		    "%s: table barrier lacks row %u: run flashgatectl schema "
		    "upgrade",
		    conn->target->where, id);
		return OUT_NOT_DONE;
	}
	return OUT_DONE;
}

enum outcome durable_rows(struct ledger *ledger, const struct order *rows,
    size_t n, int64_t deadline_ns, struct err *err)
{
	enum outcome out = OUT_DONE;
	bool doubt = false;

	for (size_t i = 0; i < n && !doubt; i++)
		doubt = !is_known(ledger, &rows[i].claim);
	if (doubt && !MUTANT(tell_early))
		out = durable_barrier(ledger, deadline_ns, err);
	for (size_t i = 0; i < n && out == OUT_DONE; i++)
		durable_note(ledger, &rows[i].claim);
	return out;
}

/* Makes one: the right to, and the rows for it, are looked at together. */
enum outcome ledger_check_barrier(
    struct ledger *ledger, int64_t deadline_ns, struct err *err)
{
	enum outcome out = conn_ensure(&ledger->conn, deadline_ns, err);

	if (out == OUT_DONE)
		out = durable_barrier(ledger, deadline_ns, err);
	if (out != OUT_DONE)
		err_wrap(err,
		    "rows that were read could not be made sure of (GRANT "
		    "SELECT, UPDATE (n) ON barrier)");
	return out;
}
