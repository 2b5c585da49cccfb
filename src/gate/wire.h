/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes to and from Redis under an absolute deadline.  hiredis formats and
 * parses; waiting is done here, because SO_RCVTIMEO begins anew at every byte
 * and after every signal.  Whoever gets `false` or WIRE_DEAD must free the
 * context: a late reply would answer the next command.  Any process.
 */
#ifndef GATE_WIRE_H
#define GATE_WIRE_H

#include "base/attr.h"
#include "base/err.h"
#include "gate/command.h"

#include <hiredis/hiredis.h>

#include <stdbool.h>

/* Commands on their way out.  A zeroed one is empty. */
struct wire_out {
	char *p;
	size_t n, size;
	size_t sent; /* of n */
};

/* False when memory is out; nothing is added then.  (hiredis does not promise
 * to leave the vector alone, so it is not const.) */
bool wire_put(struct wire_out *out, struct command *cmd) ATTR_MUSTUSE;
void wire_out_free(struct wire_out *out);

enum wire_state {
	WIRE_DONE,
	WIRE_BLOCKED, /* it would have to wait */
	WIRE_DEAD
};

/*
 * Sends what the socket takes at once.  DONE empties `out`; otherwise
 * out->sent says how far it came.
 */
enum wire_state wire_send_some(
    redisContext *redis, struct wire_out *out, struct err *err);
/* Sends everything before the deadline. */
bool wire_send(redisContext *redis, struct wire_out *out, int64_t deadline_ns,
    struct err *err) ATTR_MUSTUSE;

/* What a look at the socket shows, without waiting: DONE means bytes are
 * there, BLOCKED that none are. */
enum wire_state wire_peek(redisContext *redis);
/* A reply that is complete by now: NULL in `*reply` when none is. */
bool wire_reply_ready(
    redisContext *redis, redisReply **reply, struct err *err) ATTR_MUSTUSE;
/* The next reply; freed by the caller with freeReplyObject(). */
bool wire_reply(redisContext *redis, int64_t deadline_ns, redisReply **reply,
    struct err *err) ATTR_MUSTUSE;

#endif
