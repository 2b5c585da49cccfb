/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When sweeps run (mode sweep): at multiples of their interval since 1970, by
 * the ledger's clock, so that all hosts, and the answers that name the next run,
 * agree without talking.  Pure.  Any process.
 */
#ifndef SALE_SWEEP_H
#define SALE_SWEEP_H

#include "base/clock.h"

#include <stdbool.h>
#include <stdint.h>

struct sweep_run {
	uint64_t number; /* of the run that began last; 0: there are none */
	struct wall begun; /* when that was */
	struct wall next; /* when the next one begins */
};

/* `interval_ms` 0: all of it is 0. */
struct sweep_run sweep_run_at(struct wall now, int64_t interval_ms);

/* What a settler remembers of one sale; zero at first. */
struct sweep_memory {
	uint64_t run; /* that it began last */
	uint64_t
	    seen; /* during which something waited, and none was begun since */
};

/*
 * Is `run` to be begun?  Yes, if something waits that was there at its beginning:
 * the oldest for oldest_ms, by the gate's clock; or we have seen it before.  (That
 * clock may have been set back: then everything is young for as long.)  Not twice.
 */
bool sweep_is_due(struct sweep_memory *memory, const struct sweep_run *run,
    struct wall now, uint64_t waiting, int64_t oldest_ms);

#endif
