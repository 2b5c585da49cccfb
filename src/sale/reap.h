/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper's first duty: a claim whose lease has run out is decided in the
 * ledger (a void row, or the sold row that was there first), read back, and
 * only then released or confirmed.  Any number of keepers may do so at once.
 * Keeper process.
 */
#ifndef SALE_REAP_H
#define SALE_REAP_H

#include "sale/ports.h"

#define REAP_BATCH 100

/* Leases seen at the head of the queue, and since when, by our own clock: the
 * backstop for a gate whose wall clock was set back. */
struct reap_memory {
	struct {
		struct claim_id claim;
		int64_t first_seen_ns;
	} seen[REAP_BATCH];
	size_t n;
};

struct reap_counts {
	uint32_t expired; /* leases that had run out */
	uint32_t voided; /* decided void, unit returned */
	uint32_t confirmed; /* were sold, lease dropped */
	uint32_t skipped; /* could not be decided now: next tick */
};

struct reaper {
	const struct gate_port *gate;
	const struct ledger_port *ledger;
	int64_t lease_ms;
	const struct clock *clock;
};

/*
 * One bounded round over one sale: at most REAP_BATCH leases.  DONE with
 * counts->expired == REAP_BATCH means there may be more.  Anything else says
 * which store was away; what was not decided stays leased.
 */
enum outcome sale_reap(const struct reaper *reaper, struct gate_ref ref,
    struct reap_memory *memory, int64_t deadline_ns, struct reap_counts *counts,
    struct err *err);

#endif
