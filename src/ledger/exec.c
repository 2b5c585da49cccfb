/* SPDX-License-Identifier: Apache-2.0 */
/* Preparing, executing, fetching; the one place that turns codes into outcomes. */
#include "config.h"

#include "ledger/exec.h"

#include "ledger/conn.h"

#include "base/bug.h"
#include "base/clock.h"
#include "base/failpoint.h"

/*
 * A statement's own text from the server is never told: that of 1062 holds key
 * bytes and customers' names.
 */
enum outcome exec_failed(
    struct conn *conn, const struct failure *failure, struct err *err)
{
	const struct error_class *class =
	    error_classify(failure->code, failure->phase);
	char said[160];
	struct strbuf buf;

	strbuf_init(&buf, said, sizeof(said));
	if (failure->server_text != NULL && failure->server_text[0] != '\0') {
		strbuf_puts(&buf, ": ");
		strbuf_put_escaped(&buf, strv_c(failure->server_text));
	}
	err_set(err, (int)failure->code, "%s: %s (MySQL %u)%s", failure->what,
	    class->word, failure->code, said);
	if (class->fate != FATE_KEEP)
		conn_close(conn);
	if (class->fate == FATE_PAUSE)
		conn_pause(conn, err);
	return class->outcome;
}

/* The statement's error; some paths of the libraries note it only at the
 * connection. */
static unsigned stmt_code(struct conn *conn, MYSQL_STMT *stmt)
{
	unsigned code = mysql_stmt_errno(stmt);

	return code != 0 ? code : mysql_errno(conn->mysql);
}

static enum outcome stmt_failed(struct conn *conn, enum statement_id id,
    enum error_phase phase, struct err *err)
{
	struct failure failure = {.phase = phase,
	    .what = statement_get(id)->name,
	    .code = stmt_code(conn, conn->stmt[id])};

	return exec_failed(conn, &failure, err);
}

static void stmt_forget(struct conn *conn, enum statement_id id)
{
	if (conn->stmt[id] != NULL)
		mysql_stmt_close(conn->stmt[id]);
	conn->stmt[id] = NULL;
}

enum outcome exec_prepare(struct conn *conn, enum statement_id id,
    enum error_phase phase, struct err *err)
{
	const struct statement *st = statement_get(id);
	char text[STATEMENT_TEXT_MAX];
	struct failure failure = {.phase = phase, .what = st->name};
	enum outcome out;
	struct strbuf buf;
	MYSQL_STMT *stmt;

	if (conn->stmt[id] != NULL)
		return OUT_DONE;
	strbuf_init(&buf, text, sizeof(text));
	statement_text(id, &buf);
	stmt = mysql_stmt_init(conn->mysql);
	if (stmt == NULL) {
		failure.code = mysql_errno(conn->mysql);
		return exec_failed(conn, &failure, err);
	}
	conn->stmt[id] = stmt;
	if (mysql_stmt_prepare(stmt, buf.p, (unsigned long)buf.n) != 0) {
		out = stmt_failed(conn, id, phase, err);
		stmt_forget(conn, id);
		return out;
	}
	/* The binds are arrays of just this length: a server that counts
	 * otherwise must not make us read past them. */
	if (mysql_stmt_param_count(stmt) == st->params &&
	    mysql_stmt_field_count(stmt) == st->columns)
		return OUT_DONE;
	failure.code = CR_MALFORMED_PACKET;
	return exec_failed(conn, &failure, err);
}

static enum outcome rows_fetch(struct conn *conn, struct call *call,
    enum error_phase phase, struct err *err)
{
	MYSQL_STMT *stmt = conn->stmt[call->id];

	for (;;) {
		int rc = mysql_stmt_fetch(stmt);

		if (rc == MYSQL_NO_DATA)
			return OUT_DONE;
		if (rc == MYSQL_DATA_TRUNCATED) {
			err_set(err, 0, "%s: a value is longer than it may be",
			    statement_get(call->id)->name);
			return OUT_NOT_DONE;
		}
		if (rc != 0)
			return stmt_failed(conn, call->id, phase, err);
		if (!call->row(call->ctx, err))
			return OUT_NOT_DONE;
	}
}

/* Everything is read before the first row is looked at, so that the connection
 * is free again whatever a row says. */
static enum outcome result_read(struct conn *conn, struct call *call,
    enum error_phase phase, struct err *err)
{
	MYSQL_STMT *stmt = conn->stmt[call->id];
	enum outcome out;

	if (mysql_stmt_bind_result(stmt, call->results) != 0 ||
	    mysql_stmt_store_result(stmt) != 0)
		return stmt_failed(conn, call->id, phase, err);
	out = rows_fetch(conn, call, phase, err);
	if (conn->mysql != NULL)
		mysql_stmt_free_result(stmt);
	return out;
}

enum outcome exec_call(struct conn *conn, struct call *call,
    enum error_phase phase, struct err *err)
{
	const struct statement *st = statement_get(call->id);
	MYSQL_STMT *stmt = conn->stmt[call->id];
	enum outcome out = OUT_DONE;

	BUG_ON(stmt == NULL);
	BUG_ON((call->params != NULL) != (st->params > 0));
	BUG_ON((call->results != NULL) != (st->columns > 0));
	if (call->params != NULL &&
	    mysql_stmt_bind_param(stmt, call->params) != 0)
		return stmt_failed(conn, call->id, PHASE_PREPARE, err);
	if (call->id == STMT_RECORD)
		FAILPOINT(at_insert_send);
	if (call->id >= STMT_RECORD_1 && call->id <= STMT_RECORD_64)
		FAILPOINT(at_batch_send);
	if (mysql_stmt_execute(stmt) != 0)
		return stmt_failed(conn, call->id, phase, err);
	if (mysql_stmt_field_count(stmt) != st->columns) {
		struct failure failure = {.phase = phase,
		    .what = st->name,
		    .code = CR_MALFORMED_PACKET};

		return exec_failed(conn, &failure, err);
	}
	call->affected = mysql_stmt_affected_rows(stmt);
	call->insert_id = mysql_stmt_insert_id(stmt);
	if (call->results != NULL)
		out = result_read(conn, call, phase, err);
	conn->used_ns = mono_ns();
	return out;
}

enum outcome exec_text(struct conn *conn, const struct text *text,
    enum error_phase phase, struct err *err)
{
	struct failure failure = {.phase = phase, .what = text->what};

	if (mysql_real_query(
		conn->mysql, text->sql.p, (unsigned long)text->sql.n) != 0) {
		failure.code = mysql_errno(conn->mysql);
		failure.server_text =
		    text->tell ? mysql_error(conn->mysql) : NULL;
		return exec_failed(conn, &failure, err);
	}
	if (mysql_field_count(conn->mysql) == 0) {
		conn->used_ns = mono_ns();
		return OUT_DONE;
	}
	/* A result that nobody wants; the connection is not to be trusted. */
	failure.code = CR_COMMANDS_OUT_OF_SYNC;
	return exec_failed(conn, &failure, err);
}
