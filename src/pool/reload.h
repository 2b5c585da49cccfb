/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The course of a reload, as a state machine without a system call:
 *
 *	resting --asked--> judging --good--> starting --ready--> clearing --gone-->
 *	   ^                  |bad              |bad, time          |time     resting
 *	   +------------------+                 +--> clearing       +--> killing
 *
 * judging: a process of its own asks whether the new configuration will do.
 * starting: the new generation is made, the old one serves with it.  clearing:
 * one of the two leaves, the old one or, when the new one failed, that.
 * killing: what is left of it got KILL.
 *
 * Who asks while one is under way gets one more afterwards, however often he
 * asked: it reads the settings anew.  A stop ends all of it, and no reload
 * begins after that.  renew.c does what is returned.
 *
 * Another program that is to follow this one takes the same course, in a master
 * of its own (upgrade.c):
 *
 *	resting --program--> launched --ready--> followed
 *	                       |bad    |time
 *	           waiting <---+       +--> recalled --bad--> waiting
 *
 * and in that other master:
 *
 *	heir --ready--> waiting --gone, time--> resting
 *
 * waiting: children of another program may be in the places that the next
 * generation would get.  Who asks waits, too.
 */
#ifndef POOL_RELOAD_H
#define POOL_RELOAD_H

#include "base/attr.h"

#include <stdbool.h>
#include <stdint.h>

enum reload_state {
	RELOAD_RESTING,
	RELOAD_JUDGING,
	RELOAD_STARTING,
	RELOAD_CLEARING,
	RELOAD_KILLING,
	RELOAD_LAUNCHED, /* the next program starts, we serve with it */
	RELOAD_RECALLED, /* it was told to end */
	RELOAD_FOLLOWED, /* it serves, we leave */
	RELOAD_HEIR, /* we are that program, and the other serves still */
	RELOAD_WAITING, /* for the children of another program to go */
	RELOAD_OVER, /* the pool stops */
	RELOAD_STATE_COUNT
};

enum reload_event {
	RELOAD_ASKED, /* HUP or USR2 came */
	RELOAD_PROGRAM, /* USR2 came, and our program's file is another one */
	RELOAD_GOOD, /* the judge has ended, and it will do */
	RELOAD_BAD, /* what is under way has failed, or ended */
	/* The new generation, or program, is complete; to an heir: the place is
	 * its own. */
	RELOAD_READY,
	RELOAD_GONE, /* the leaving one, or another program's, is no more */
	RELOAD_TIME, /* look at the clock */
	RELOAD_STOP, /* the pool stops */
	RELOAD_EVENT_COUNT
};

enum reload_act {
	RELOAD_NOTHING,
	RELOAD_BEGIN, /* get a configuration, start the judge */
	RELOAD_REFUSE, /* say why not; all is as it was */
	RELOAD_KILL_JUDGE, /* it took too long; its end is RELOAD_BAD */
	RELOAD_FORK, /* make the new generation */
	RELOAD_SWITCH, /* the new one serves, the old one leaves */
	RELOAD_ABANDON, /* the old one serves on, the new one leaves */
	RELOAD_KILL, /* who still has not left */
	RELOAD_FORGET, /* the generation that has left */
	RELOAD_LAUNCH, /* the next program */
	RELOAD_RECALL, /* it: told to end, in order */
	RELOAD_FOLLOW /* it serves: everything to it, and leave */
};

struct reload {
	enum reload_state state;
	bool again; /* once more, when this is over */
	bool again_program; /* ... with the next program */
	int64_t deadline_ns; /* of this state; INT64_MAX: none */
};

/* How long states may last. */
struct reload_bounds {
	unsigned bound_ms; /* judging; starting; twice of it: launched */
	unsigned grace_ms; /* clearing; recalled; followed */
	/* waiting: the sum, since the other program's grace is not known */
};

void pool_reload_init(struct reload *reload, bool heir);
/* Changes the state; what it returns is to be done once, now. */
enum reload_act pool_reload_step(struct reload *reload, enum reload_event event,
    const struct reload_bounds *bounds, int64_t now_ns) ATTR_MUSTUSE;
const char *pool_reload_name(enum reload_state state);

#endif
