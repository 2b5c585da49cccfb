/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When sweeps run (mode sweep): at multiples of their interval since 1970, by
 * the ledger's clock, so that all hosts, and the answers that name the next run,
 * agree without talking.  Pure.  Any process.
 */
#ifndef SALE_SWEEP_H
#define SALE_SWEEP_H

#include "base/clock.h"

#include <stdint.h>

struct sweep_run {
	uint64_t number; /* of the run that began last; 0: there are none */
	struct wall begun; /* when that was */
	struct wall next; /* when the next one begins */
};

/* `interval_ms` 0: all of it is 0. */
struct sweep_run sweep_run_at(struct wall now, int64_t interval_ms);

#endif
