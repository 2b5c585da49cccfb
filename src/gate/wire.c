/* SPDX-License-Identifier: Apache-2.0 */
/* Sending and receiving against a deadline. */
#include "config.h"

#include "gate/wire.h"
#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static bool out_reserve(struct wire_out *out, size_t more)
{
	size_t size = out->size > 0 ? out->size : 1024;
	char *p;

	while (size - out->n < more)
		size *= 2;
	if (size == out->size)
		return true;
	p = realloc(out->p, size);
	if (p == NULL)
		return false;
	out->p = p;
	out->size = size;
	return true;
}

bool wire_put(struct wire_out *out, struct command *cmd)
{
	char *bytes = NULL;
	long long n =
	    redisFormatCommandArgv(&bytes, cmd->argc, cmd->argv, cmd->len);
	bool fits;

	if (n < 0)
		return false;
	fits = out_reserve(out, (size_t)n);
	if (fits) {
		memcpy(out->p + out->n, bytes, (size_t)n);
		out->n += (size_t)n;
	}
	redisFreeCommand(bytes);
	return fits;
}

void wire_out_free(struct wire_out *out)
{
	free(out->p);
	memset(out, 0, sizeof(*out));
}

enum wire_state wire_send_some(
    redisContext *redis, struct wire_out *out, struct err *err)
{
	while (out->sent < out->n) {
		/* Not hiredis' write(2): that one may raise SIGPIPE. */
		ssize_t n = send(redis->fd, out->p + out->sent,
		    out->n - out->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n >= 0) {
			out->sent += (size_t)n;
		} else if (errno == EAGAIN) {
			return WIRE_BLOCKED;
		} else if (errno != EINTR) {
			err_set_errno(err, "write");
			return WIRE_DEAD;
		}
	}
	out->n = out->sent = 0;
	return WIRE_DONE;
}

/* False when the deadline has passed or poll(2) failed; errors of the socket
 * show at the next send or read. */
static bool fd_wait(int fd, short events, int64_t deadline_ns, struct err *err)
{
	struct pollfd pfd = {.fd = fd, .events = events};

	for (;;) {
		int left_ms = deadline_left_ms(deadline_ns);
		int n = poll(&pfd, 1, left_ms);

		if (n > 0)
			return true;
		if (n < 0 && errno != EINTR) {
			err_set_errno(err, "poll");
			return false;
		}
		if (left_ms == 0) {
			err_set(err, ETIMEDOUT, "no answer in time");
			return false;
		}
	}
}

bool wire_send(redisContext *redis, struct wire_out *out, int64_t deadline_ns,
    struct err *err)
{
	for (;;) {
		switch (wire_send_some(redis, out, err)) {
		case WIRE_DONE:
			return true;
		case WIRE_DEAD:
			return false;
		case WIRE_BLOCKED:
			break;
		}
		if (!fd_wait(redis->fd, POLLOUT, deadline_ns, err))
			return false;
	}
}

enum wire_state wire_peek(redisContext *redis)
{
	char byte;
	ssize_t n = recv(redis->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	if (n > 0)
		return WIRE_DONE;
	return n < 0 && (errno == EAGAIN || errno == EINTR) ? WIRE_BLOCKED
							    : WIRE_DEAD;
}

static bool redis_failed(redisContext *redis, struct err *err)
{
	/* For REDIS_ERR_IO, errstr is strerror() of the time of the error. */
	err_set(err, redis->err, "read: %s",
	    redis->errstr[0] != '\0' ? redis->errstr : "broken reply");
	return false;
}

static bool reply_parse(
    redisContext *redis, redisReply **reply, struct err *err)
{
	void *parsed = NULL;

	if (redisGetReplyFromReader(redis, &parsed) != REDIS_OK)
		return redis_failed(redis, err);
	*reply = parsed;
	return true;
}

bool wire_reply_ready(redisContext *redis, redisReply **reply, struct err *err)
{
	if (!reply_parse(redis, reply, err))
		return false;
	if (*reply != NULL)
		return true;
	/* The context does not block: nothing to read is no error. */
	if (redisBufferRead(redis) != REDIS_OK)
		return redis_failed(redis, err);
	return reply_parse(redis, reply, err);
}

bool wire_reply(redisContext *redis, int64_t deadline_ns, redisReply **reply,
    struct err *err)
{
	bool last_look = false;

	for (;;) {
		if (!reply_parse(redis, reply, err))
			return false;
		if (*reply != NULL)
			return true;
		/* Bytes that trickle in must not hold us past the deadline;
		 * a reply that is there when we come late is taken. */
		if (last_look) {
			err_set(err, ETIMEDOUT, "no whole answer in time");
			return false;
		}
		last_look = deadline_left_ms(deadline_ns) == 0;
		if (!fd_wait(redis->fd, POLLIN, deadline_ns, err))
			return false;
		if (redisBufferRead(redis) != REDIS_OK)
			return redis_failed(redis, err);
	}
}
