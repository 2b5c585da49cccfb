/* SPDX-License-Identifier: Apache-2.0 */
/* Connecting, setting up a session, and giving up on a connection. */
#include "config.h"

#include "ledger/conn.h"

#include "ledger/rows.h"
#include "ledger/version.h"

#include "base/bug.h"
#include "base/clock.h"

#include <fcntl.h>
#include <poll.h>

void conn_init(struct conn *conn, const struct conn_target *target,
    struct conn_limits limits)
{
	memset(conn, 0, sizeof(*conn));
	conn->target = target;
	conn->limits = limits;
}

/* The connection first: its statements then know that they have no server to
 * tell, and closing them sends nothing.  `in_tx` stays: whoever began must hear
 * that it is over. */
void conn_close(struct conn *conn)
{
	if (conn->mysql != NULL)
		mysql_close(conn->mysql);
	conn->mysql = NULL;
	for (size_t i = 0; i < STMT_COUNT; i++) {
		if (conn->stmt[i] != NULL)
			mysql_stmt_close(conn->stmt[i]);
		conn->stmt[i] = NULL;
	}
	conn->hot = false;
}

void conn_pause(struct conn *conn, const struct err *why)
{
	conn->pause_until_ns = deadline_in_ms(CONN_PAUSE_MS);
	conn->pause_why = *why;
}

static enum outcome too_late(struct conn *conn, struct err *err)
{
	err_set(
	    err, 0, "%s: no time left, nothing was sent", conn->target->where);
	return OUT_NOT_DONE;
}

/* ---- connecting ---------------------------------------------------------- */

static unsigned whole_seconds(int64_t ms)
{
	return ms <= 0 ? 1 : (unsigned)((ms + 999) / 1000);
}

/*
 * Reconnecting by itself would lose the session's settings and repeat what was
 * ambiguous: it is off by default in both libraries, and MySQL's warns on
 * standard error when the option is as much as named.  Local files must never
 * go to a server that asks for them.
 */
static void options_set(struct conn *conn, int64_t deadline_ns)
{
	MYSQL *mysql = conn->mysql;
	int64_t left_ms = deadline_left_ms(deadline_ns);
	int64_t connect_ms = conn->target->connect_timeout_ms;
	unsigned connect_s, io_s, none = 0;
	unsigned protocol = conn->target->address.socket[0] != '\0'
				? MYSQL_PROTOCOL_SOCKET
				: MYSQL_PROTOCOL_TCP;
	sql_bool yes = 1;

	connect_s = whole_seconds(left_ms < connect_ms ? left_ms : connect_ms);
	io_s = whole_seconds(conn->limits.statement_ms) + 1;
	mysql_options(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &connect_s);
	mysql_options(mysql, MYSQL_OPT_READ_TIMEOUT, &io_s);
	mysql_options(mysql, MYSQL_OPT_WRITE_TIMEOUT, &io_s);
	mysql_options(mysql, MYSQL_OPT_PROTOCOL, &protocol);
	mysql_options(mysql, MYSQL_OPT_LOCAL_INFILE, &none);
	mysql_options(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
	mysql_options(mysql, MYSQL_REPORT_DATA_TRUNCATION, &yes);
#ifdef HAVE_MARIADB_CONNECTOR
	sql_bool no = 0;

	mysql_options(mysql, MYSQL_OPT_RECONNECT, &no);
#endif
}

/* ---- the session --------------------------------------------------------- */

static enum outcome session_text(
    struct conn *conn, enum statement_id id, struct err *err)
{
	const struct statement *st = statement_get(id);
	struct text text = {st->name, strv_c(st->head), true};

	return exec_text(conn, &text, PHASE_CONNECT, err);
}

/* Used once: not kept, so that it takes no slot of max_prepared_stmt_count. */
static enum outcome session_call(
    struct conn *conn, struct call *call, struct err *err)
{
	enum outcome out = exec_prepare(conn, call->id, PHASE_CONNECT, err);

	if (out == OUT_DONE)
		out = exec_call(conn, call, PHASE_CONNECT, err);
	if (out == OUT_DONE) {
		mysql_stmt_close(conn->stmt[call->id]);
		conn->stmt[call->id] = NULL;
	}
	return out;
}

/* MariaDB counts in seconds and stops every statement, MySQL counts in
 * milliseconds and stops only reads. */
static enum outcome session_limits(struct conn *conn, struct err *err)
{
	struct server_version version = {0};
	int64_t wait_s = conn->limits.lock_wait_s;
	int64_t statement_ms = conn->limits.statement_ms;
	double statement_s = (double)statement_ms / 1000;
	MYSQL_BIND params[3];
	struct call call = {.id = STMT_LIMITS_MYSQL, .params = params};

	param_i64(&params[0], &wait_s);
	param_i64(&params[1], &wait_s);
	param_i64(&params[2], &statement_ms);
	if (server_version_parse(
		mysql_get_server_info(conn->mysql), &version) &&
	    version.mariadb) {
		call.id = STMT_LIMITS_MARIADB;
		param_double(&params[2], &statement_s);
	}
	return session_call(conn, &call, err);
}

static bool row_nothing(void *ctx, struct err *err)
{
	(void)ctx;
	(void)err;
	return true;
}

/* Between us and the server may stand a proxy that does not pass SET on. */
static enum outcome session_sane(struct conn *conn, struct err *err)
{
	int64_t sane = 0;
	MYSQL_BIND result;
	struct call call = {
	    .id = STMT_SESSION_SANE, .results = &result, .row = row_nothing};
	enum outcome out;

	result_i64(&result, &sane);
	out = session_call(conn, &call, err);
	if (out == OUT_DONE && sane != 1) {
		err_set(err, 0,
		    "%s: the session's settings did not take effect: is there "
		    "a proxy that drops SET?",
		    conn->target->where);
		out = OUT_NOT_DONE;
	}
	return out;
}

static enum outcome session_settings(struct conn *conn, struct err *err)
{
	return session_text(conn, STMT_SESSION_SET, err);
}

/* Fewer locks than the default, and no old snapshot: the guard is a locking
 * read, and every plain read wants what is committed now. */
static enum outcome session_isolation(struct conn *conn, struct err *err)
{
	return session_text(conn, STMT_ISOLATION, err);
}

static enum outcome session_set_up(
    struct conn *conn, int64_t deadline_ns, struct err *err)
{
	static enum outcome (*const steps[])(struct conn *, struct err *) = {
	    session_settings, session_isolation, session_limits, session_sane};
	enum outcome out = OUT_DONE;

	for (size_t i = 0; i < ARRAY_LEN(steps) && out == OUT_DONE; i++)
		out = mono_ns() < deadline_ns ? steps[i](conn, err)
					      : too_late(conn, err);
	return out;
}

/* ---- a connection -------------------------------------------------------- */

/* CLIENT_FOUND_ROWS: a compare-and-set is won by who found the row as expected,
 * even when it then changed nothing. */
static enum outcome server_connect(
    struct conn *conn, int64_t deadline_ns, struct err *err)
{
	const struct conn_target *to = conn->target;
	const char *socket = to->address.socket;
	const char *host = to->address.host;
	struct failure failure = {.phase = PHASE_CONNECT, .what = to->where};

	conn->mysql = mysql_init(NULL);
	if (conn->mysql == NULL) {
		failure.code = CR_OUT_OF_MEMORY;
		return exec_failed(conn, &failure, err);
	}
	options_set(conn, deadline_ns);
	if (mysql_real_connect(conn->mysql, host[0] != '\0' ? host : NULL,
		to->user, to->password, to->database, to->address.port,
		socket[0] != '\0' ? socket : NULL, CLIENT_FOUND_ROWS) != NULL) {
		/* Neither client library does it. */
		(void)fcntl(sql_socket(conn->mysql), F_SETFD, FD_CLOEXEC);
		return OUT_DONE;
	}
	failure.code = mysql_errno(conn->mysql);
	failure.server_text = mysql_error(conn->mysql);
	return exec_failed(conn, &failure, err);
}

/* Whatever stops it, nothing of the caller's was sent. */
static enum outcome conn_open(
    struct conn *conn, int64_t deadline_ns, struct err *err)
{
	enum outcome out = server_connect(conn, deadline_ns, err);

	if (out == OUT_DONE)
		out = session_set_up(conn, deadline_ns, err);
	if (out == OUT_DONE) {
		conn->made++;
		return OUT_DONE;
	}
	conn_close(conn);
	conn_pause(conn, err);
	return OUT_NOT_DONE;
}

/* An idle server has nothing to say: whatever can be read is its good-bye
 * (killed, timed out, restarted). */
static bool server_hung_up(struct conn *conn)
{
	struct pollfd pfd = {
	    .fd = sql_socket(conn->mysql), .events = POLLIN | POLLRDHUP};

	return poll(&pfd, 1, 0) > 0;
}

enum outcome conn_ensure(
    struct conn *conn, int64_t deadline_ns, struct err *err)
{
	int64_t now_ns = mono_ns();

	if (now_ns >= deadline_ns)
		return too_late(conn, err);
	if (conn->in_tx) {
		if (conn->mysql != NULL)
			return OUT_DONE;
		err_set(err, 0, "%s: connection lost inside a transaction",
		    conn->target->where);
		return OUT_NOT_DONE;
	}
	if (conn->mysql != NULL &&
	    now_ns - conn->used_ns > CONN_IDLE_MS * NS_PER_MS &&
	    server_hung_up(conn))
		conn_close(conn);
	if (conn->mysql != NULL)
		return OUT_DONE;
	if (now_ns < conn->pause_until_ns) {
		*err = conn->pause_why;
		return OUT_NOT_DONE;
	}
	return conn_open(conn, deadline_ns, err);
}

/* What a purchase needs is prepared before a unit is claimed for it; a failure
 * here (no schema, no grant) is as good as no connection. */
enum outcome conn_ensure_hot(
    struct conn *conn, int64_t deadline_ns, struct err *err)
{
	enum outcome out = conn_ensure(conn, deadline_ns, err);

	if (out != OUT_DONE || conn->hot)
		return out;
	for (int id = 0; id < STMT_HOT_COUNT && out == OUT_DONE; id++)
		out = mono_ns() < deadline_ns
			  ? exec_prepare(
				conn, (enum statement_id)id, PHASE_PREPARE, err)
			  : too_late(conn, err);
	conn->hot = out == OUT_DONE;
	if (out == OUT_DONE)
		return out;
	conn_close(conn);
	conn_pause(conn, err);
	return OUT_NOT_DONE;
}

enum outcome conn_call(
    struct conn *conn, struct call *call, int64_t deadline_ns, struct err *err)
{
	enum outcome out = conn_ensure(conn, deadline_ns, err);

	if (out == OUT_DONE)
		out = exec_prepare(conn, call->id, PHASE_PREPARE, err);
	if (out != OUT_DONE)
		return out;
	if (mono_ns() >= deadline_ns)
		return too_late(conn, err);
	return exec_call(conn, call, PHASE_EXECUTE, err);
}

enum outcome conn_text(struct conn *conn, const struct text *text,
    int64_t deadline_ns, struct err *err)
{
	enum outcome out = conn_ensure(conn, deadline_ns, err);

	return out == OUT_DONE ? exec_text(conn, text, PHASE_EXECUTE, err)
			       : out;
}
