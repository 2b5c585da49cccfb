/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process between client and server that knows just enough of MySQL's protocol
 * to fail at a named place: tests provoke with it what a real server does once
 * in a year.  It listens on a Unix socket of its own; what it is told and what it
 * saw lies in shared memory.
 */
#ifndef TESTS_LEDGER_PROXY_H
#define TESTS_LEDGER_PROXY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum proxy_trick {
	PROXY_PASS,
	/* Instead of a greeting: an error packet, noise, or nothing at all. */
	PROXY_GREETING_ERROR,
	PROXY_GREETING_NOISE,
	PROXY_GREETING_SILENCE,
	/* The next prepare or execute is not passed on; the answer is `code`. */
	PROXY_PREPARE_ERROR,
	PROXY_EXECUTE_ERROR,
	/* The next execute: hung up before, or after the server has done it. */
	PROXY_CUT_BEFORE,
	PROXY_CUT_AFTER,
	PROXY_EXECUTE_NOISE, /* an answer that is none */
	PROXY_EXECUTE_COUNT, /* not passed on: OK, `code` (< 251) rows */
	/* The next text query is answered by asking for a local file. */
	PROXY_ASK_FILE,
	/* COMMIT: hung up after the server has done it, or not passed on and
	 * answered with `code`. */
	PROXY_COMMIT_CUT_AFTER,
	PROXY_COMMIT_ERROR,
	/* Every SET is answered with OK and not passed on. */
	PROXY_SET_DROPPED,
	/* Every prepare is passed on at `hold_until_ns`. */
	PROXY_PREPARE_HOLD
};

struct proxy {
	/* Set by the test before the call it is for; PROXY_PASS again when it was
	 * played (greeting tricks stay). */
	enum proxy_trick trick;
	unsigned code;
	int64_t hold_until_ns;
	/* Seen so far. */
	unsigned connections, packets, executes, prepares;
	unsigned file_bytes; /* sent by the client when asked for a file */
	char path[108];
	pid_t pid;
};

/* Between the socket at `server` and a new one in `dir`. */
struct proxy *proxy_start(const char *dir, const char *server);
void proxy_stop(struct proxy *proxy);

#endif
