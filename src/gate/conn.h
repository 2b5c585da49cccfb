/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One kept connection to Redis: calls under a deadline, and posted commands,
 * whose replies nobody waits for.  It connects when a call finds it without a
 * connection, and after any error of reading, writing or protocol it throws
 * the connection away.  One process, one caller at a time.
 */
#ifndef GATE_CONN_H
#define GATE_CONN_H

#include "gate/open.h"
#include "gate/wire.h"

struct gate_conn {
	const struct gate_target *target; /* borrowed */
	redisContext *redis; /* NULL: not connected */
	struct wire_out out; /* posted, not yet sent */
	size_t posted; /* commands in `out` */
	size_t owed; /* replies to posted commands that were sent */
	uint64_t opened; /* connections so far: which one this is */
};

void gate_conn_init(struct gate_conn *conn, const struct gate_target *target);
void gate_conn_close(struct gate_conn *conn);

/*
 * Sends the command, behind what was posted and with it in one write, and
 * waits for its reply until `deadline_ns` or for `timeout_ms`.  DONE: *reply
 * is the server's (it may be an error reply), freed by the caller.  NOT_DONE:
 * no byte of the command was sent.
 */
enum outcome gate_conn_call(struct gate_conn *conn, struct command *cmd,
    int64_t deadline_ns, int64_t timeout_ms, redisReply **reply,
    struct err *err);

/*
 * Adds a command whose reply is an integer that does not matter.  It goes with
 * the next call or flush; lost when the connection is.  False: no room.
 */
#define GATE_POSTED_MAX 256
bool gate_conn_post(struct gate_conn *conn, struct command *cmd) ATTR_MUSTUSE;
/* Sends what was posted, as far as the socket takes it without waiting. */
void gate_conn_flush(struct gate_conn *conn);

/* For a reply of a wrong shape: nothing that follows it can be trusted. */
void gate_conn_drop(struct gate_conn *conn);

#endif
