/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ladder of a stop, as a state machine without a system call:
 *
 *	running --asked--> graceful --asked or time--> killing --time--> lost
 *
 * graceful: every child got TERM, drains and leaves.  killing: every child that
 * is left got KILL.  lost: even that did not end them (a process in an
 * uninterruptible wait); the master does not wait for ever.  master.c does what
 * is returned and ends by itself as soon as no child is left.
 */
#ifndef POOL_STOP_H
#define POOL_STOP_H

#include "base/attr.h"

#include <stdint.h>

/* After KILL nothing is left to finish; a kernel needs no longer than this. */
#define STOP_KILL_MS 2000
/*
 * A second signal so soon is the echo of the first: GNU timeout(1) and a shell
 * signal the process, and then its whole group.
 */
#define STOP_ECHO_MS 20

enum stop_state {
	STOP_RUNNING,
	STOP_GRACEFUL,
	STOP_KILLING,
	STOP_LOST,
	STOP_STATE_COUNT
};

enum stop_event {
	STOP_ASKED, /* TERM, QUIT or INT came */
	STOP_TIME /* look at the clock */
};

enum stop_act {
	STOP_NOTHING,
	STOP_SEND_TERM,
	STOP_SEND_KILL,
	STOP_GIVE_UP
};

struct stop {
	enum stop_state state;
	unsigned grace_ms;
	int64_t since_ns; /* when this state began */
	int64_t deadline_ns; /* when it ends; INT64_MAX: never */
};

void pool_stop_init(struct stop *stop, unsigned grace_ms);
/* Changes the state; what it returns is to be done once, now. */
enum stop_act pool_stop_step(
    struct stop *stop, enum stop_event event, int64_t now_ns) ATTR_MUSTUSE;
const char *pool_stop_name(enum stop_state state);

#endif
