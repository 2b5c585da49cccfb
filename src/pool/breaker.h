/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The alarm for children that die again and again by themselves: so many within
 * so long, whatever killed them (php-fpm's emergency_restart_threshold and
 * _interval, which count SIGSEGV and SIGBUS only, and restart everything; here
 * births are held back by pool/policy.h in any case, and this tells people).
 * Over when half as many died within the same time.
 *
 * Pure.  One a group, owned by the master.
 */
#ifndef POOL_BREAKER_H
#define POOL_BREAKER_H

#include "base/attr.h"

#include <stdbool.h>
#include <stdint.h>

#define BREAKER_MAX 128 /* deaths that are remembered; the highest threshold */

struct breaker {
	int64_t died_ns[BREAKER_MAX]; /* a ring */
	unsigned next, n;
	bool open;
};

struct breaker_limits {
	unsigned threshold; /* 0: no alarm */
	int64_t interval_ns;
};

/* Deaths within the interval, of those remembered. */
unsigned pool_breaker_count(const struct breaker *breaker,
    const struct breaker_limits *limits, int64_t now_ns) ATTR_MUSTUSE;
/* One more has died; true when that is the alarm. */
bool pool_breaker_died(struct breaker *breaker,
    const struct breaker_limits *limits, int64_t now_ns) ATTR_MUSTUSE;
/* True when the alarm is over with this; *again_ns: look then. */
bool pool_breaker_turn(struct breaker *breaker,
    const struct breaker_limits *limits, int64_t now_ns,
    int64_t *again_ns) ATTR_MUSTUSE;

#endif
