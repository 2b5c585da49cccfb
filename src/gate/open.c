/* SPDX-License-Identifier: Apache-2.0 */
/* Socket, then the handshake. */
#include "config.h"

#include "gate/open.h"
#include "base/clock.h"
#include "gate/errors.h"
#include "gate/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

/* Half-open connections: an unacknowledged write ends after this, and so does
 * an idle peer that answers no probe. */
#define TCP_UNACKED_MS    2000
#define TCP_IDLE_PROBE_S  15
#define TCP_PROBE_EVERY_S 5
#define TCP_PROBES        3

static int timed_out(struct err *err)
{
	err_set(err, ETIMEDOUT, "connect: no answer in time");
	return -1;
}

/*
 * A non-blocking connect to a Unix socket whose backlog is full fails at once
 * and cannot be polled for; a blocking one waits as long as SO_SNDTIMEO.
 */
static int unix_connect(
    int fd, const struct gate_address *to, int64_t deadline_ns, struct err *err)
{
	for (;;) {
		int left_ms = deadline_left_ms(deadline_ns);
		struct timeval tv = {
		    left_ms / 1000, (suseconds_t)(left_ms % 1000) * 1000};

		if (left_ms == 0)
			return timed_out(err);
		if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) !=
		    0)
			break;
		if (connect(fd, (const struct sockaddr *)&to->addr, to->len) ==
		    0)
			return fcntl(fd, F_SETFL, O_NONBLOCK);
		if (errno == EAGAIN)
			return timed_out(err);
		if (errno != EINTR)
			break;
	}
	err_set_errno(err, "connect");
	return -1;
}

static int tcp_options(int fd, struct err *err)
{
	static const struct {
		int level, name, value;
	} options[] = {
	    {IPPROTO_TCP, TCP_NODELAY, 1},
	    {IPPROTO_TCP, TCP_USER_TIMEOUT, TCP_UNACKED_MS},
	    {IPPROTO_TCP, TCP_KEEPIDLE, TCP_IDLE_PROBE_S},
	    {IPPROTO_TCP, TCP_KEEPINTVL, TCP_PROBE_EVERY_S},
	    {IPPROTO_TCP, TCP_KEEPCNT, TCP_PROBES},
	    {SOL_SOCKET, SO_KEEPALIVE, 1},
	};

	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		if (setsockopt(fd, options[i].level, options[i].name,
			&options[i].value, sizeof(options[i].value)) != 0) {
			err_set_errno(err, "setsockopt");
			return -1;
		}
	return 0;
}

static int connect_wait(int fd, int64_t deadline_ns, struct err *err)
{
	struct pollfd pfd = {.fd = fd, .events = POLLOUT};
	socklen_t len = sizeof(errno);
	int n, why = 0;

	do {
		int left_ms = deadline_left_ms(deadline_ns);

		n = poll(&pfd, 1, left_ms);
		if (n <= 0 && left_ms == 0)
			return timed_out(err);
	} while (n == 0 || (n < 0 && errno == EINTR));
	if (n > 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &len) == 0) {
		if (why == 0)
			return 0;
		errno = why;
	}
	err_set_errno(err, "connect");
	return -1;
}

static int tcp_connect(
    int fd, const struct gate_address *to, int64_t deadline_ns, struct err *err)
{
	if (tcp_options(fd, err) != 0)
		return -1;
	if (connect(fd, (const struct sockaddr *)&to->addr, to->len) == 0)
		return 0;
	if (errno == EINPROGRESS || errno == EINTR)
		return connect_wait(fd, deadline_ns, err);
	err_set_errno(err, "connect");
	return -1;
}

static int socket_connect(
    const struct gate_address *to, int64_t deadline_ns, struct err *err)
{
	int family = to->addr.ss_family;
	int nonblock = family == AF_UNIX ? 0 : SOCK_NONBLOCK;
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | nonblock, 0);
	int failed;

	if (fd >= 0 && fd <= STDERR_FILENO) {
		/* redisFree() does not close descriptor 0. */
		int high = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

		close(fd);
		fd = high;
	}
	if (fd < 0) {
		err_set_errno(err, "socket");
		return -1;
	}
	failed = family == AF_UNIX ? unix_connect(fd, to, deadline_ns, err)
				   : tcp_connect(fd, to, deadline_ns, err);
	if (failed == 0)
		return fd;
	close(fd);
	return -1;
}

/* The handshake's commands, in their order; says how many there are. */
#define HELLO_MAX 3
static size_t hello_put(const struct gate_target *target, struct command *cmd,
    struct wire_out *out, const char *steps[HELLO_MAX])
{
	bool has_user = target->user != NULL && target->user[0] != '\0';
	size_t n = 0;

	if (target->password != NULL && target->password[0] != '\0') {
		command_start(cmd, "AUTH");
		if (has_user)
			command_text(cmd, target->user);
		command_text(cmd, target->password);
		steps[n++] = "AUTH";
		if (!wire_put(out, cmd))
			return 0;
	}
	if (target->database != 0) {
		command_start(cmd, "SELECT");
		command_number(cmd, target->database);
		steps[n++] = "SELECT";
		if (!wire_put(out, cmd))
			return 0;
	}
	command_start(cmd, "PING");
	steps[n++] = "PING";
	return wire_put(out, cmd) ? n : 0;
}

static bool hello_reply(
    redisContext *redis, const char *step, int64_t deadline_ns, struct err *err)
{
	redisReply *reply = NULL;
	bool ok;

	if (!wire_reply(redis, deadline_ns, &reply, err)) {
		err_wrap(err, "%s", step);
		return false;
	}
	ok = reply->type == REDIS_REPLY_STATUS;
	if (reply->type == REDIS_REPLY_ERROR)
		gate_error_describe(
		    strv_from(reply->str, reply->len), step, err);
	else if (!ok)
		err_set(err, 0, "%s: this does not speak as Redis does", step);
	freeReplyObject(reply);
	return ok;
}

static bool hello(redisContext *redis, const struct gate_target *target,
    int64_t deadline_ns, struct err *err)
{
	struct command *cmd = malloc(sizeof(*cmd));
	struct wire_out out = {0};
	const char *steps[HELLO_MAX];
	size_t n = cmd != NULL ? hello_put(target, cmd, &out, steps) : 0;
	bool ok = n > 0, sent = false;

	if (ok)
		sent = wire_send(redis, &out, deadline_ns, err);
	else
		err_set(err, ENOMEM, "out of memory");
	/* A server that has too many clients says so before it hangs up: its
	 * word is better than "broken pipe". */
	for (size_t i = 0; ok && i < n; i++)
		ok = hello_reply(redis, steps[i], deadline_ns, err);
	wire_out_free(&out);
	free(cmd);
	return ok && sent;
}

redisContext *gate_open(
    const struct gate_target *target, int64_t deadline_ns, struct err *err)
{
	int64_t own_ns = deadline_in_ms(target->connect_timeout_ms);
	redisContext *redis;
	int fd;

	if (own_ns < deadline_ns)
		deadline_ns = own_ns;
	fd = socket_connect(&target->address, deadline_ns, err);
	if (fd < 0)
		return NULL;
	redis = redisConnectFd(fd);
	if (redis == NULL) {
		close(fd);
		err_set(err, ENOMEM, "out of memory");
		return NULL;
	}
	/* The descriptor does not block, and hiredis must know: it takes
	 * EAGAIN for an error otherwise. */
	redis->flags &= ~REDIS_BLOCK;
	if (hello(redis, target, deadline_ns, err))
		return redis;
	redisFree(redis);
	return NULL;
}
