/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child that has been at one request for too long: first it is told to leave
 * (it finishes what it can, and hands its connections over), a second later it
 * is killed.  The board says since when, and the board may lie: a child that
 * runs wild can write into any slot.  So a beginning counts only if it was seen
 * twice, and one that cannot be true (before the child's birth, in the future)
 * counts from when it was seen first.
 *
 * Pure: values in, values out.  Master.
 */
#ifndef POOL_OVERDUE_H
#define POOL_OVERDUE_H

#include "base/attr.h"

#include <stdint.h>

/* A worker that lives answers within it; who is stopped or hangs, never. */
#define OVERDUE_KILL_MS 1000
/* Between the two looks. */
#define OVERDUE_CONFIRM_MS 5

/* What the master remembers of a child; zero at its birth. */
struct overdue {
	int64_t request_ns; /* as the board had it; 0: between two requests */
	int64_t seen_ns; /* when it had that first */
	int64_t told_ns; /* 0: not, or of an earlier request */
};

enum overdue_act {
	OVERDUE_NOTHING,
	OVERDUE_TELL,
	OVERDUE_KILL
};

struct overdue_facts {
	int64_t request_ns; /* from the board */
	int64_t born_ns; /* the master's own */
	int64_t limit_ns; /* above 0 */
	int64_t now_ns;
};

/* What is to be done now, once; look again at *again_ns at the latest. */
enum overdue_act pool_overdue_step(struct overdue *overdue,
    const struct overdue_facts *facts, int64_t *again_ns) ATTR_MUSTUSE;

/* Since when, by the best that is known. */
int64_t pool_overdue_began_ns(
    const struct overdue *overdue, int64_t born_ns) ATTR_MUSTUSE;

#endif
