/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One FastCGI responder request at a time over a descriptor that somebody else
 * accepted, through libfcgi.  Guards against libfcgi's traps: a request whose
 * parameters or body did not arrive whole is never given out as one, and what
 * would abort libfcgi does not reach it.  Knows nothing of HTTP's meaning or of
 * sales.  Worker processes.
 *
 * The descriptor is a connected stream socket, blocking, with SO_RCVTIMEO and
 * SO_SNDTIMEO.  The former bounds the reading of a whole request, however its
 * bytes trickle, the latter each write.  Handled signals are blocked while one
 * of these functions runs: libfcgi takes EINTR for the end of the connection,
 * whatever SA_RESTART says.  SIGPIPE is ignored from fcgi_new() on.
 */
#ifndef FCGI_FCGI_H
#define FCGI_FCGI_H

#include "base/attr.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

struct fcgi; /* one a process */

struct fcgi_limits {
	size_t body_max_bytes;
	size_t params_max_bytes; /* all names and values together */
};

/* Before the first request; sets the library up.  NULL with `err`. */
struct fcgi *fcgi_new(
    const struct fcgi_limits *limits, struct err *err) ATTR_MUSTUSE;
void fcgi_free(struct fcgi **fcgi);

enum fcgi_read {
	FCGI_READ_REQUEST, /* whole: answer it, then fcgi_finish() */
	/* The request is whole as far as it goes, but must be refused: answer
	 * with the matching status, then fcgi_finish(). */
	/* Body or parameters above the limit, or more than 256 parameters. */
	FCGI_READ_TOO_LARGE,
	/* CONTENT_LENGTH is no number, not the body's, or came twice. */
	FCGI_READ_BAD_LENGTH,
	/* Authorizer or filter; any other role is GONE. */
	FCGI_READ_BAD_ROLE,
	/* A question about the protocol came, and was answered; the connection
	 * stands, and a request may come on it. */
	FCGI_READ_NONE,
	/* Nothing to answer; the descriptor is closed. */
	FCGI_READ_GONE
};

/*
 * Reads one request from `fd`, which is borrowed unless the result is GONE.
 * `err` says why for everything but REQUEST and NONE.  Between any other result
 * than NONE and GONE and fcgi_finish() the accessors below are valid; their views die there.
 * TOO_LARGE leaves out what is: the body, or all but the first parameters.
 */
enum fcgi_read fcgi_read(struct fcgi *fcgi, int fd, struct err *err);

/*
 * A parameter; {NULL, 0} when it was not sent.  `fcgi_param_count` tells a
 * duplicate (a front end that sends a repeated header twice).
 */
struct strv fcgi_param(const struct fcgi *fcgi, const char *name);
size_t fcgi_param_count(const struct fcgi *fcgi, const char *name);
/* The body; n == 0 without one. */
struct strv fcgi_body(const struct fcgi *fcgi);

/*
 * Sends the response ("Status: …\r\n…\r\n\r\nbody", whole) in one write when it
 * has at most 8160 bytes, ends the request, and says whether the connection
 * stands.  False: the descriptor is closed; because the front end did not ask
 * to keep it, because `keep` is false, because not all of the request could be
 * read or more than it came, or because the response could not be sent.
 */
bool fcgi_finish(struct fcgi *fcgi, struct strv response, bool keep);

#endif
