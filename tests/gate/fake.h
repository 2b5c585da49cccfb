/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server for tests that does exactly what its script says, in a thread, on a
 * Unix socket.  Every wait in it is bounded; a script that was not played to
 * its end fails the test in fake_stop().
 */
#ifndef TESTS_GATE_FAKE_H
#define TESTS_GATE_FAKE_H

#include <stddef.h>

enum fake_do {
	FAKE_ACCEPT, /* the next connection; the one before is closed */
	FAKE_EXPECT, /* `n` more commands have arrived, and nothing more */
	FAKE_SEND, /* `bytes` */
	FAKE_TRICKLE, /* `bytes`, one every 20 ms, until the client hangs up */
	FAKE_CLOSE,
	FAKE_UNTIL_CLOSED, /* by the client; what it still sends is kept */
	FAKE_WAIT /* for fake_go() */
};

struct fake_step {
	enum fake_do what;
	unsigned n;
	const char *bytes;
};

#define STEP(what, n, bytes) ((struct fake_step){FAKE_##what, n, bytes})
#define ACCEPT()             STEP(ACCEPT, 0, NULL)
#define EXPECT(n)            STEP(EXPECT, n, NULL)
#define SEND(bytes)          STEP(SEND, 0, bytes)
#define TRICKLE(bytes)       STEP(TRICKLE, 0, bytes)
#define CLOSE()              STEP(CLOSE, 0, NULL)
#define UNTIL_CLOSED()       STEP(UNTIL_CLOSED, 0, NULL)
#define WAIT()               STEP(WAIT, 0, NULL)
/* A connection as gate_open() makes it, without a password. */
#define GREET() ACCEPT(), EXPECT(1), SEND("+PONG\r\n")

struct fake;

struct fake *fake_start(const struct fake_step *steps, size_t n);
/* "/tmp/…/s" */
const char *fake_address(const struct fake *fake);
/* Lets one FAKE_WAIT go on. */
void fake_go(struct fake *fake);
/* Waits until `steps` steps are done. */
void fake_reached(struct fake *fake, size_t steps);
/* Waits for the end of the script. */
void fake_finish(struct fake *fake);
/* Everything received since the last FAKE_ACCEPT; after fake_finish(). */
const char *fake_got(const struct fake *fake, size_t *n);
void fake_stop(struct fake **fake);

#endif
