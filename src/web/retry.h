/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When to come back: Retry-After with jitter, so that a crowd that was refused
 * in one second does not return in one.  Worker processes.
 */
#ifndef WEB_RETRY_H
#define WEB_RETRY_H

#include "base/clock.h"

/* After a doubt or an overload: 1..3 seconds. */
int retry_soon_s(void);

#define RETRY_OPENING_MAX_S 60

/*
 * Until an opening: not before it while it is near, and never more than a
 * minute, so that a sale that is opened early is noticed.  `opens` 0: unknown.
 */
int retry_opening_s(struct wall now, struct wall opens);

/* Until a run begins, and a moment more; a minute when nobody knows (0). */
int retry_run_s(struct wall now, struct wall run);

#endif
