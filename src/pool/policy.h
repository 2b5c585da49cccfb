/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many children to start now, and until when to wait otherwise.  Pure:
 * values in, values out, no system call, no clock of its own; spawn.c does what
 * is decided here.  One struct policy a group, owned by the master.
 *
 * Two brakes.  A stillborn child (dead before it was ready, or by itself within
 * a second after that without having served anything) means a broken setup, not
 * bad luck: a pause that doubles, and then one probe, until a probe gets ready.
 * A child that dies after having served is replaced at once, but a poisonous
 * request must not become a fork storm: a burst of ten, then ten a second.
 */
#ifndef POOL_POLICY_H
#define POOL_POLICY_H

#include "base/attr.h"

#include <stdbool.h>
#include <stdint.h>

#define POLICY_PAUSE_FIRST_MS 100
#define POLICY_PAUSE_LAST_MS  5000
#define POLICY_SETTLED_MS     1000 /* alive so long after "ready": a good one */
#define POLICY_BURST          10 /* crashed children replaced at once */
#define POLICY_INTERVAL_MS    100 /* and then one in so many */

/* "Not before something else happens", as a moment. */
#define POLICY_NEVER INT64_MAX

enum policy_death {
	POLICY_LEFT, /* in order, or because the master killed it */
	POLICY_CRASHED, /* after it was of use */
	POLICY_STILLBORN, /* before it was of use */
	POLICY_DEATH_COUNT
};

/* What is known of a life that has ended. */
struct policy_life {
	bool ready; /* it reported that open() succeeded */
	bool leaving; /* it announced its end */
	bool exit_ok; /* exit code 0, no signal */
	bool killed; /* by the master, which had its reasons */
	int64_t ready_ns, died_ns;
	uint64_t requests;
};

struct policy {
	unsigned step; /* waves of stillborn children in a row */
	int64_t step_ns; /* when the last wave was noticed */
	int64_t not_before_ns; /* the pause of this step ends */
	bool probed; /* a child got ready since that pause */
	int64_t calm_ns; /* when the next wave would be a new series */
	int64_t debt_ns; /* when every crash will have been paid for */
};

struct policy_count {
	unsigned want; /* children the group should have */
	unsigned alive; /* has, starting ones included */
	unsigned starting; /* of these, not yet ready */
};

struct policy_plan {
	unsigned spawn; /* so many now */
	int64_t again_ns; /* ask again then, or when a child is born or dies */
};

void pool_policy_init(struct policy *policy);

struct policy_plan pool_policy_plan(const struct policy *policy,
    struct policy_count count, int64_t now_ns) ATTR_MUSTUSE;

enum policy_death pool_policy_classify(const struct policy_life *life);

/* A child reported that it is ready. */
void pool_policy_ready(struct policy *policy, int64_t now_ns);

/*
 * A child born at `born_ns` ended.  True when that began another step and the
 * step is worth a line in the log: each while the pause grows, then one a
 * minute.
 */
bool pool_policy_died(struct policy *policy, enum policy_death death,
    int64_t born_ns, int64_t now_ns);

/* Length of the pause of the present step; 0: none. */
int64_t pool_policy_pause_ms(const struct policy *policy);

/*
 * A limit for the child `index`: `max` ± 10 %, spread over the indices so that a
 * group does not go all at once; index 0 has exactly `max`.  0 (none) stays 0.
 */
uint64_t pool_policy_spread(uint64_t max, unsigned index);
/*
 * After how many requests a child asks to be replaced so that it seldom serves
 * more than `limit` until it is: a twentieth, at most 100, before.
 */
uint64_t pool_policy_request_ask(uint64_t limit);

#endif
