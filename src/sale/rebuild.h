/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes a sale's gate from the ledger under the next epoch: fence first (the
 * epoch in the ledger, which waits for running inserts), then the owners' slots,
 * accepted orders that wait, the free list from the rest, meta last, old keys
 * unlinked.
 * A rebuilder that dies leaves only keys that nobody can see.  Keeper (through
 * sale/mend.h) and operator processes.
 */
#ifndef SALE_REBUILD_H
#define SALE_REBUILD_H

#include "sale/ports.h"

struct rebuild_result {
	bool won; /* false: somebody else is rebuilding; nothing was done */
	uint32_t epoch;
	uint32_t units_free;
	uint32_t units_sold;
	uint32_t waiting; /* accepted orders that were carried over */
	uint32_t voided; /* those that could not be */
};

/* Called after each chunk; may be NULL. */
typedef void rebuild_progress_fn(
    void *ctx, uint32_t units_done, uint32_t units_total);

/*
 * `state` is what the sale is to be afterwards: open, or paused or closed, which it
 * then is all the time.  `sale` is as just read from the ledger.
 */
enum outcome sale_rebuild(const struct gate_port *gate,
    const struct ledger_port *ledger, const struct sale *sale,
    enum sale_state state, int64_t deadline_ns, rebuild_progress_fn *progress,
    void *progress_ctx, struct rebuild_result *result, struct err *err);

#endif
