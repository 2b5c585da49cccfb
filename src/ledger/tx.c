/* SPDX-License-Identifier: Apache-2.0 */
/* Several statements that are one fact. */
#include "config.h"

#include "ledger/conn.h"

#include "base/bug.h"

static enum outcome tx_text(struct conn *conn, enum statement_id id,
    int64_t deadline_ns, struct err *err)
{
	const struct statement *st = statement_get(id);
	struct text text = {st->name, strv_c(st->head), true};

	return conn_text(conn, &text, deadline_ns, err);
}

enum outcome tx_begin(struct conn *conn, int64_t deadline_ns, struct err *err)
{
	enum outcome out;

	BUG_ON(conn->in_tx);
	out = tx_text(conn, STMT_BEGIN, deadline_ns, err);
	conn->in_tx = out == OUT_DONE;
	return out == OUT_DONE ? OUT_DONE : OUT_NOT_DONE;
}

/* A call that is UNKNOWN has closed the connection, and the server rolls back
 * what a closed connection did not commit. */
enum outcome tx_call(
    struct conn *conn, struct call *call, int64_t deadline_ns, struct err *err)
{
	enum outcome out;

	BUG_ON(!conn->in_tx);
	out = conn_call(conn, call, deadline_ns, err);
	return out == OUT_UNKNOWN ? OUT_NOT_DONE : out;
}

/*
 * Not applied for sure only when it was never sent (the connection was lost
 * before, or the time was up), or the server said so.
 */
enum outcome tx_commit(struct conn *conn, int64_t deadline_ns, struct err *err)
{
	enum outcome out;

	BUG_ON(!conn->in_tx);
	out = tx_text(conn, STMT_COMMIT, deadline_ns, err);
	if (out == OUT_NOT_DONE)
		tx_rollback(conn);
	conn->in_tx = false;
	return out;
}

void tx_rollback(struct conn *conn)
{
	struct err ignored = ERR_INIT;

	if (!conn->in_tx)
		return;
	/* No deadline: it takes no longer than the client's timeout, and without
	 * it the locks would stay. */
	if (conn->mysql != NULL &&
	    tx_text(conn, STMT_ROLLBACK, INT64_MAX, &ignored) != OUT_DONE)
		conn_close(conn);
	conn->in_tx = false;
}
