/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps a connection, and count of the replies that it still owes. */
#include "config.h"

#include "gate/conn.h"
#include "base/bug.h"
#include "base/clock.h"
#include "base/log.h"
#include "gate/errors.h"

#include <errno.h>
#include <string.h>

void gate_conn_init(struct gate_conn *conn, const struct gate_target *target)
{
	memset(conn, 0, sizeof(*conn));
	conn->target = target;
}

/* Forgets what was posted; what of it was sent may have been done. */
static void posted_forget(struct gate_conn *conn)
{
	conn->out.n = conn->out.sent = 0;
	conn->posted = 0;
}

void gate_conn_drop(struct gate_conn *conn)
{
	if (conn->redis != NULL)
		redisFree(conn->redis);
	conn->redis = NULL;
	conn->owed = 0;
	/* Half a command must not begin the next connection. */
	if (conn->out.sent > 0)
		posted_forget(conn);
}

void gate_conn_close(struct gate_conn *conn)
{
	gate_conn_drop(conn);
	wire_out_free(&conn->out);
	posted_forget(conn);
}

static bool posted_reply_check(
    struct gate_conn *conn, redisReply *reply, struct err *err)
{
	static struct log_rate rate;
	int type = reply->type;

	if (type == REDIS_REPLY_ERROR) {
		gate_error_describe(
		    strv_from(reply->str, reply->len), "confirm", err);
		log_limited(&rate, LOG_LEVEL_WARNING,
		    "redis: %s (the keeper will confirm)", err->text);
	}
	freeReplyObject(reply);
	conn->owed--;
	if (type == REDIS_REPLY_INTEGER || type == REDIS_REPLY_ERROR)
		return true;
	err_set(err, 0, "reply of a wrong shape to a confirm");
	return false;
}

/* Takes the replies that are there already. */
static bool owed_take_ready(struct gate_conn *conn)
{
	redisReply *reply;
	struct err err = ERR_INIT;

	while (conn->owed > 0) {
		if (!wire_reply_ready(conn->redis, &reply, &err))
			return false;
		if (reply == NULL)
			return true;
		if (!posted_reply_check(conn, reply, &err))
			return false;
	}
	return true;
}

/*
 * A kept connection that has died (the server was restarted), or on which
 * there is something to read that nobody asked for, is found out before a call
 * is sent: so it costs a new connection and not an UNKNOWN.
 */
static bool usable(struct gate_conn *conn)
{
	enum wire_state state = wire_peek(conn->redis);

	if (state == WIRE_DONE && conn->owed > 0) {
		if (!owed_take_ready(conn))
			return false;
		state = wire_peek(conn->redis);
	}
	if (conn->owed == 0 &&
	    conn->redis->reader->pos < conn->redis->reader->len)
		return false;
	return state == WIRE_BLOCKED || (state == WIRE_DONE && conn->owed > 0);
}

static bool conn_ready(
    struct gate_conn *conn, int64_t deadline_ns, struct err *err)
{
	if (conn->redis != NULL && !usable(conn))
		gate_conn_drop(conn);
	if (conn->redis != NULL)
		return true;
	conn->redis = gate_open(conn->target, deadline_ns, err);
	if (conn->redis != NULL)
		conn->opened++;
	return conn->redis != NULL;
}

static bool replies_read(struct gate_conn *conn, int64_t deadline_ns,
    redisReply **reply, struct err *err)
{
	while (conn->owed > 0) {
		redisReply *posted;

		if (!wire_reply(conn->redis, deadline_ns, &posted, err) ||
		    !posted_reply_check(conn, posted, err))
			return false;
	}
	return wire_reply(conn->redis, deadline_ns, reply, err);
}

enum outcome gate_conn_call(struct gate_conn *conn, struct command *cmd,
    int64_t deadline_ns, int64_t timeout_ms, redisReply **reply,
    struct err *err)
{
	int64_t own_ns;
	size_t mark;

	if (deadline_left_ms(deadline_ns) == 0) {
		err_set(err, ETIMEDOUT, "no time left to ask");
		return OUT_NOT_DONE;
	}
	if (!conn_ready(conn, deadline_ns, err))
		return OUT_NOT_DONE;
	own_ns = deadline_in_ms(timeout_ms);
	if (own_ns < deadline_ns)
		deadline_ns = own_ns;
	mark = conn->out.n;
	if (!wire_put(&conn->out, cmd)) {
		err_set(err, ENOMEM, "out of memory");
		return OUT_NOT_DONE;
	}
	if (!wire_send(conn->redis, &conn->out, deadline_ns, err)) {
		bool begun = conn->out.sent > mark;

		posted_forget(conn);
		gate_conn_drop(conn);
		return begun ? OUT_UNKNOWN : OUT_NOT_DONE;
	}
	conn->owed += conn->posted;
	conn->posted = 0;
	if (replies_read(conn, deadline_ns, reply, err))
		return OUT_DONE;
	gate_conn_drop(conn);
	return OUT_UNKNOWN;
}

bool gate_conn_post(struct gate_conn *conn, struct command *cmd)
{
	if (conn->posted == GATE_POSTED_MAX || !wire_put(&conn->out, cmd))
		return false;
	conn->posted++;
	return true;
}

void gate_conn_flush(struct gate_conn *conn)
{
	struct err err = ERR_INIT;

	if (conn->redis == NULL || conn->out.n == 0)
		return;
	if (!owed_take_ready(conn)) {
		gate_conn_drop(conn);
		return;
	}
	switch (wire_send_some(conn->redis, &conn->out, &err)) {
	case WIRE_DONE:
		conn->owed += conn->posted;
		conn->posted = 0;
		break;
	case WIRE_BLOCKED:
		break;
	case WIRE_DEAD:
		gate_conn_drop(conn);
		break;
	}
}
