/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper's second duty: a gate that is lost, or that gives reason to doubt
 * it, is made anew (sale/rebuild.h).  Any number of keepers on any number of
 * hosts may do so at once: a rebuild begins only from the epoch and state that
 * were read, so one of them wins and the others find nothing left to do.
 * Keeper process.
 */
#ifndef SALE_MEND_H
#define SALE_MEND_H

#include "base/clock.h"
#include "sale/rebuild.h"

enum gate_trouble {
	GATE_WELL,
	GATE_LOST, /* no meta */
	GATE_OTHER_EPOCH, /* an older copy, or a publish that was lost */
	GATE_RESTARTED, /* another run of the server, or another server */
	GATE_FORGOT, /* it offered a unit, or a slot, that is sold */
	GATE_SPOILT, /* there were tokens that are no units of this sale */
	GATE_HALF_MADE, /* its rebuilder is at it, or has died */
	GATE_MISCOUNTED, /* an audit found units without one home */
	GATE_TROUBLE_COUNT
};

/* "lost", "restarted" …: for logs, metrics and the audit table. */
const char *gate_trouble_name(enum gate_trouble trouble);

/* Pure.  What is wrong with the gate of this sale, going by its gauge.  A sale
 * that never had a gate is well, and a closed one for which no order waits. */
enum gate_trouble gate_trouble_of(
    const struct sale *sale, const struct gate_gauge *gauge);

/* How long one rebuild of this gate may take, with what waits there to be carried
 * over, or may wait if that cannot be told; after that long without a result, whoever is at it is taken for dead.  A paused sale
 * does not show that somebody is at it: there a gate that is lost, or of another
 * epoch, is left alone for as long. */
int64_t mend_bound_ms(const struct sale *sale, const struct gate_gauge *gauge);

/* Of one sale, by one keeper.  Zero at first. */
struct mend_memory {
	uint32_t half_epoch; /* seen half made, and since when */
	int64_t half_since_ns;
	uint32_t own_epoch; /* begun by us and not finished */
	int64_t bound_ms; /* of what waited when it was looked at last */
	unsigned hasty; /* rebuilds in a row, each soon after the one before */
	int64_t not_before_ns;
};

struct mender {
	const struct gate_port *gate;
	const struct ledger_port *ledger;
	const struct clock *clock;
};

struct mend_result {
	enum gate_trouble trouble; /* as the ledger and the gate say now */
	bool tried; /* a rebuild was begun: `rebuilt` and `took_ns` count */
	bool done; /* by us, to the end */
	struct rebuild_result rebuilt;
	int64_t took_ns;
};

/*
 * Reads the sale and its gauge, judges, and rebuilds if it is due.  `audited` is
 * the epoch that an audit of ours found fault with, or 0.  Not DONE: a store was
 * away, or the rebuild failed; the next call tries again, with growing pauses.
 */
enum outcome sale_mend(const struct mender *mender, struct sale_id id,
    uint32_t audited, struct mend_memory *memory, struct mend_result *result,
    struct err *err);

#endif
