/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layer at work in a process of its own: what the pool does around it, as
 * little of it as tests need.  Waits for any of its connections, reads one
 * request, answers with what it understood, and reports each.
 *
 * An answer's body is the request's.  Its headers: Status, X-Read (the result's
 * name), X-Uri.  Parameters that steer it:
 *	ANSWER_BYTES=N	the whole response is N bytes (at most 1 MiB)
 *	ANSWER_KEEP=0	fcgi_finish() is told not to keep the connection
 */
#ifndef TESTS_FCGI_ECHO_H
#define TESTS_FCGI_ECHO_H

#include "base/attr.h"
#include "base/err.h"
#include "fcgi/fcgi.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define ECHO_CONNS 4

enum echo_signals {
	ECHO_SIGNALS_LEFT, /* as they are */
	ECHO_SIGNALS_BLOCKED, /* TERM, USR1 handled, but only while waiting */
	ECHO_SIGNALS_OPEN /* handled at any time, without SA_RESTART */
};

struct echo_conf {
	struct fcgi_limits limits;
	int io_timeout_ms; /* SO_RCVTIMEO, SO_SNDTIMEO */
	int send_buffer_bytes; /* SO_SNDBUF; 0: the system's */
	enum echo_signals signals;
};

struct echo_report {
	enum fcgi_read read;
	bool stands; /* fcgi_finish() */
	int64_t finish_ns; /* and what it took */
	uint64_t nsignals; /* handled so far */
	struct err err;
};

const char *echo_read_name(enum fcgi_read read);

struct echo_fds {
	int listen; /* -1: none */
	int lifeline; /* its end (or -1) ends the loop */
	int report; /* a pipe for struct echo_report, or -1 */
	int conns[ECHO_CONNS];
};

/* Serves until the lifeline ends; false with `err` when it cannot begin. */
bool echo_serve(const struct echo_conf *conf, struct echo_fds *fds,
    struct err *err) ATTR_MUSTUSE;

/* ---- in a child, with its other ends here ------------------------------ */

struct echo {
	pid_t pid;
	int lifeline;
	int report;
	int conns[ECHO_CONNS]; /* clients' ends; -1 when closed */
};

void echo_start(struct echo *echo, const struct echo_conf *conf);
/* The next report; false when the child is dead. */
bool echo_next(struct echo *echo, struct echo_report *report) ATTR_MUSTUSE;
/* The child's wait status; 0 unless it died of what it was sent. */
int echo_stop(struct echo *echo);

#endif
