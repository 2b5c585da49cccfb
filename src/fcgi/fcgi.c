/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests through libfcgi 2.4.2, over descriptors that libfcgi did not accept.
 *
 * libfcgi reads, parses and frames; it never accepts, never lingers, never
 * handles a signal.  Its request is a struct whose lower half the header calls
 * private: configure checks that the fields used here exist.  What is guarded
 * against is told where it is guarded; tests/fcgi provokes each of it.
 *
 * What it cannot be trusted with does not reach it (intake.h): lengths whose sum
 * wraps and repeated GET_VALUES, which abort the process, other requests'
 * records, which it takes for the end of this one, and every wait for a peer.
 */
#include "config.h"

#include "fcgi/fcgi.h"
#include "fcgi/intake.h"
#include "fcgi/params.h"

#include "base/bug.h"
#include "base/clock.h"
#include "base/failpoint.h"
#include "base/num.h"

#include <errno.h>
#include <fastcgi.h>
#include <fcgiapp.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* How long a peer that still sends is listened to before its end is closed. */
#define LINGER_MS 100

/*
 * What leaves in one write(2) with END_REQUEST: libfcgi's 8192 bytes less a
 * header of 8, the end of the stream (8) and END_REQUEST (16).
 */
#define ONE_WRITE_MAX_BYTES (8192 - 8 - 8 - 16)

struct fcgi {
	FCGX_Request req;
	struct fcgi_limits limits;
	bool active; /* a request was given out and is not finished */
	bool drained; /* nothing of it is left unread on the connection */
	bool alone; /* and nothing came behind it */
	struct intake *intake;
	struct fcgi_params params;
	size_t body_n;
	char *body; /* limits.body_max_bytes + 1: the one more tells "above" */
};

/*
 * FCGX_Init() puts handlers for TERM and USR1 where there are none, which only
 * mark libfcgi as shutting down, and one for PIPE even over SIG_IGN.  The pool
 * owns signals.  Both are blocked meanwhile: a TERM in between must not end in
 * libfcgi's handler.
 */
static bool library_init(void)
{
	struct sigaction term;
	struct sigaction usr1;
	sigset_t block;
	sigset_t before;
	int rc;

	sigemptyset(&block);
	sigaddset(&block, SIGTERM);
	sigaddset(&block, SIGUSR1);
	sigprocmask(SIG_BLOCK, &block, &before);
	sigaction(SIGTERM, NULL, &term);
	sigaction(SIGUSR1, NULL, &usr1);
	rc = FCGX_Init();
	sigaction(SIGTERM, &term, NULL);
	sigaction(SIGUSR1, &usr1, NULL);
	signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return rc == 0;
}

struct fcgi *fcgi_new(const struct fcgi_limits *limits, struct err *err)
{
	struct fcgi *fcgi;

	/* libfcgi counts in int. */
	if (limits->body_max_bytes >= INT_MAX ||
	    limits->params_max_bytes == 0) {
		err_set(err, EINVAL,
		    "fcgi: limits of %zu bytes a body and %zu of parameters: "
		    "a body is below 2 GiB, parameters are above 0",
		    limits->body_max_bytes, limits->params_max_bytes);
		return NULL;
	}
	fcgi = calloc(1, sizeof(*fcgi));
	if (fcgi != NULL)
		fcgi->intake = intake_new(
		    limits->params_max_bytes, limits->body_max_bytes, err);
	if (fcgi != NULL && fcgi->intake == NULL) {
		fcgi_free(&fcgi);
		return NULL;
	}
	if (fcgi != NULL)
		fcgi->body = malloc(limits->body_max_bytes + 1);
	if (fcgi == NULL || fcgi->body == NULL) {
		err_set_errno(err, "fcgi: a buffer for bodies of %zu bytes",
		    limits->body_max_bytes);
		fcgi_free(&fcgi);
		return NULL;
	}
	fcgi->limits = *limits;
	/* Both 2000 by default; read once, by FCGX_Init(). */
	if (setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", "100", 0) != 0 ||
	    setenv("LIBFCGI_IS_AF_UNIX_KEEPER_POLL_TIMEOUT", "100", 0) != 0 ||
	    !library_init() || FCGX_InitRequest(&fcgi->req, -1, 0) != 0) {
		err_set_errno(err, "fcgi: libfcgi does not start");
		fcgi_free(&fcgi);
		return NULL;
	}
	return fcgi;
}

void fcgi_free(struct fcgi **fcgi)
{
	if (*fcgi == NULL)
		return;
	/* A request that nobody finished: its descriptor is the caller's. */
	FCGX_Free(&(*fcgi)->req, 0);
	intake_free(&(*fcgi)->intake);
	free((*fcgi)->body);
	free(*fcgi);
	*fcgi = NULL;
}

static void request_forget(struct fcgi *fcgi)
{
	fcgi->req.ipcFd = -1;
	fcgi->active = false;
	fcgi->params.n = 0;
	fcgi->body_n = 0;
}

/* Frees the request without writing a byte, and closes its connection. */
static void request_drop(struct fcgi *fcgi)
{
	int fd = fcgi->req.ipcFd;

	FCGX_Free(&fcgi->req, 0);
	request_forget(fcgi);
	close(fd);
}

/* A stream's error in words; `code` is libfcgi's: > 0 an errno. */
static void stream_err(struct err *err, int code, const char *part)
{
	if (code == EAGAIN) {
		err_set(err, code,
		    "request: stalled in its %s beyond the receive timeout",
		    part);
	} else if (code > 0) {
		errno = code;
		err_set_errno(err, "request: cut in its %s", part);
	} else {
		err_set(err, code,
		    "request: cut in its %s: closed, aborted, or not FastCGI",
		    part);
	}
}

/*
 * Puts `fd`, a connection or a file with a request, into libfcgi's request and
 * lets it read BEGIN_REQUEST and PARAMS.  keepConnection is set because
 * FCGX_Accept_r() begins by finishing "the last request", and would close the
 * connection else; FCGX_Detach() makes its closing a plain close(), with no
 * wait for the peer, and lasts until the next close.  When reading fails it
 * closes `fd` and falls back to accept(-1), which fails.
 */
static bool request_accept(struct fcgi *fcgi, int fd, struct err *err)
{
	int code;

	fcgi->req.ipcFd = fd;
	fcgi->req.keepConnection = 1;
	FCGX_Detach(&fcgi->req);
	if (FCGX_Accept_r(&fcgi->req) < 0) {
		request_forget(fcgi);
		err_set(err, 0,
		    "request: none came whole: the connection was closed, "
		    "stalled, or does not speak FastCGI");
		return false;
	}
	/* Cut between two parameters, it is a success with half of them. */
	code = FCGX_GetError(fcgi->req.in);
	if (code != 0) {
		stream_err(err, code, "parameters");
		request_drop(fcgi);
		return false;
	}
	return true;
}

/*
 * Reads the body to its end, which is there; false when the stream broke.
 * Reading on is not only for the body's sake: what is left unread takes the
 * next request of a kept connection with it.
 */
static bool body_read(struct fcgi *fcgi, bool *too_large)
{
	int want = (int)fcgi->limits.body_max_bytes + 1;
	int n = FCGX_GetStr(fcgi->body, want, fcgi->req.in);
	char trash;

	*too_large = n == want;
	fcgi->body_n = *too_large ? 0 : (size_t)n;
	return FCGX_GetStr(&trash, 1, fcgi->req.in) == 0 &&
	       FCGX_GetError(fcgi->req.in) == 0;
}

/*
 * Absent, "" (nginx without a body) and "-1" (lighttpd, streaming) mean that
 * the front end does not know.  Two lengths are a contradiction.
 */
static bool length_fits(const struct fcgi *fcgi, struct err *err)
{
	const struct strv name = STRV("CONTENT_LENGTH");
	struct strv given = fcgi_params_find(&fcgi->params, name);
	size_t count = fcgi_params_count(&fcgi->params, name);
	uint64_t length;

	if (count > 1) {
		err_set(
		    err, 0, "request: CONTENT_LENGTH came %zu times", count);
		return false;
	}
	if (given.n == 0 || strv_eq(given, STRV("-1")))
		return true;
	if (!num_parse_u64(given, 0, UINT64_MAX, &length)) {
		err_set(err, 0, "request: CONTENT_LENGTH is not a number");
		return false;
	}
	if (length != fcgi->body_n) {
		err_set(err, 0,
		    "request: a body of %zu bytes came for a CONTENT_LENGTH of "
		    "%llu",
		    fcgi->body_n, (unsigned long long)length);
		return false;
	}
	return true;
}

/*
 * libfcgi parses a checked request: its parameters, then its body.  From a file
 * it only reads; what it writes goes to the connection again.
 */
static enum fcgi_read request_parse(struct fcgi *fcgi, int fd,
    const struct intake_request *request, struct err *err)
{
	int from = request->laid_fd >= 0 ? request->laid_fd : fd;
	enum fcgi_params_verdict params;
	bool body_too_large = false, body_whole;

	if (!request_accept(fcgi, from, err))
		return FCGI_READ_GONE;
	/* The first one is FCGI_ROLE, libfcgi's own. */
	params = fcgi_params_index(
	    &fcgi->params, fcgi->req.envp + 1, fcgi->limits.params_max_bytes);
	if (params == FCGI_PARAMS_BROKEN) {
		err_set(err, 0, "request: a parameter's name holds a NUL");
		request_drop(fcgi);
		return FCGI_READ_GONE;
	}
	fcgi->active = true;
	fcgi->drained = !request->unread;
	fcgi->alone = request->alone;
	if (fcgi->req.role != FCGI_RESPONDER) {
		err_set(err, 0, "request: for role %d, this is a responder",
		    fcgi->req.role);
		return FCGI_READ_BAD_ROLE;
	}
	body_whole = body_read(fcgi, &body_too_large);
	if (!body_whole) {
		stream_err(err, FCGX_GetError(fcgi->req.in), "body");
		request_drop(fcgi);
		return FCGI_READ_GONE;
	}
	if (params == FCGI_PARAMS_TOO_LARGE || request->params_cut) {
		err_set(err, 0,
		    "request: parameters above %zu bytes, or more than %d",
		    fcgi->limits.params_max_bytes, FCGI_PARAMS_COUNT_MAX);
		return FCGI_READ_TOO_LARGE;
	}
	if (body_too_large) {
		err_set(err, 0, "request: a body above %zu bytes",
		    fcgi->limits.body_max_bytes);
		return FCGI_READ_TOO_LARGE;
	}
	return length_fits(fcgi, err) ? FCGI_READ_REQUEST
				      : FCGI_READ_BAD_LENGTH;
}

enum fcgi_read fcgi_read(struct fcgi *fcgi, int fd, struct err *err)
{
	struct intake_request request;
	enum fcgi_read read = FCGI_READ_GONE;

	BUG_ON(fcgi->active);
	BUG_ON(fd < 0);
	switch (intake_read(fcgi->intake, fd, &request, err)) {
	case INTAKE_PLAIN:
		/* Whatever becomes of it, fd is closed with it. */
		return request_parse(fcgi, fd, &request, err);
	case INTAKE_NONE:
		return FCGI_READ_NONE;
	case INTAKE_LAID:
		read = request_parse(fcgi, fd, &request, err);
		break;
	case INTAKE_GONE:
		break;
	}
	if (read == FCGI_READ_GONE) {
		close(fd);
		return read;
	}
	close(fcgi->req.ipcFd);
	fcgi->req.ipcFd = fd;
	return read;
}

struct strv fcgi_param(const struct fcgi *fcgi, const char *name)
{
	return fcgi_params_find(&fcgi->params, strv_c(name));
}

size_t fcgi_param_count(const struct fcgi *fcgi, const char *name)
{
	return fcgi_params_count(&fcgi->params, strv_c(name));
}

struct strv fcgi_body(const struct fcgi *fcgi)
{
	return strv_from(fcgi->body, fcgi->body_n);
}

/* Failpoints: one half has left when it happens; returns the other. */
static struct strv half_put(FCGX_Request *req, struct strv response)
{
	size_t half = response.n / 2;

	FCGX_PutStr(response.p, (int)half, req->out);
	FCGX_FFlush(req->out);
	FAILPOINT(mid_reply);
	return strv_from(response.p + half, response.n - half);
}

/*
 * A short response stays in libfcgi's buffer until FCGX_Finish_r() sends it
 * with END_REQUEST.  A long one is flushed first, and the connection shut down
 * when that fails: after a failed write libfcgi keeps its buffer and sends it
 * once more from the start when it closes, into the middle of the response.
 */
static void response_put(FCGX_Request *req, struct strv response)
{
	if (FAILPOINT_ARMED(mid_reply))
		response = half_put(req, response);
	FCGX_PutStr(response.p, (int)response.n, req->out);
	if (response.n <= ONE_WRITE_MAX_BYTES)
		return;
	FCGX_FFlush(req->out);
	if (FCGX_GetError(req->out) != 0)
		shutdown(req->ipcFd, SHUT_RDWR);
}

/*
 * close() with bytes unread would reset the connection and take the answer
 * with it.  So the peer gets a moment to read it and to stop; libfcgi's own
 * way of doing so never ends as long as the peer keeps sending.
 */
static void linger(int fd)
{
	int64_t deadline = deadline_in_ms(LINGER_MS);
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	char trash[8192];

	if (shutdown(fd, SHUT_WR) != 0)
		return;
	while (poll(&wait, 1, deadline_left_ms(deadline)) > 0 &&
	       deadline_left_ms(deadline) > 0)
		if (recv(fd, trash, sizeof(trash), MSG_DONTWAIT) <= 0)
			return;
}

bool fcgi_finish(struct fcgi *fcgi, struct strv response, bool keep)
{
	FCGX_Request *req = &fcgi->req;
	int fd = req->ipcFd;
	bool stands =
	    keep && req->keepConnection != 0 && fcgi->drained && fcgi->alone;

	BUG_ON(!fcgi->active);
	BUG_ON(response.n > INT_MAX);
	response_put(req, response);
	/* We close, not libfcgi; only after a failed write does it. */
	req->keepConnection = 1;
	FCGX_Finish_r(req);
	if (req->ipcFd < 0)
		fd = -1;
	request_forget(fcgi);
	if (fd < 0)
		return false;
	if (stands)
		return true;
	if (!fcgi->drained)
		linger(fd);
	close(fd);
	return false;
}
