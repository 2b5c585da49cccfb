/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Children that are worn out make room for new ones without a dip: the new one
 * is made first, and only when it is ready is the old one told to go.  And a few
 * at a time: when all reach their limits at once, the group does not double.
 * Nobody is paired with anybody: who is above the number wanted may go, the
 * longest worn first.
 *
 * When no new one comes to be (no process, no memory), the old ones serve on;
 * after a while so many as may go at a time leave first, since their own place
 * may be what the new one lacks, but never the last that serves.
 *
 * Pure: values in, values out.  Master.
 */
#ifndef POOL_RECYCLE_H
#define POOL_RECYCLE_H

#include "base/attr.h"

#include <stdbool.h>

/* So long is one that is worn out waited with. */
#define RECYCLE_PATIENCE_MS 5000

struct recycle_count {
	unsigned want; /* children the group should have */
	unsigned room; /* places for them */
	unsigned ready; /* have reported so, and are not on their way out */
	unsigned worn; /* of these, would like to go */
	unsigned going; /* were told to, and are still there */
	bool impatient; /* one has been worn out for RECYCLE_PATIENCE_MS */
};

/* So many of a group are replaced at a time: a tenth, and one at least. */
unsigned pool_recycle_bound(unsigned want) ATTR_MUSTUSE;
/* Children that there should be now, replacements and replaced included. */
unsigned pool_recycle_target(const struct recycle_count *count) ATTR_MUSTUSE;
/* How many of the worn out are told to go now. */
unsigned pool_recycle_go(const struct recycle_count *count) ATTR_MUSTUSE;

#endif
