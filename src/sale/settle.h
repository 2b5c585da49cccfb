/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accepted orders (modes queue and sweep) become rows: take a batch, record it,
 * tell the gate.  A batch that is refused as a whole is done row by row, and
 * what a row then says is read, never guessed.  Any number of settlers on any
 * number of hosts; one that dies leaves its entries to the next.  Settler and
 * operator processes.
 */
#ifndef SALE_SETTLE_H
#define SALE_SETTLE_H

#include "base/clock.h"
#include "sale/ports.h"

/* Ports, clock and consumer are borrowed. */
struct settler {
	const struct gate_port *gate;
	const struct ledger_port *ledger;
	const struct clock *clock;
	const char *consumer; /* see gate_port.take */
	int64_t idle_ms; /* another's entries are taken over after this */
	size_t batch; /* 1..SETTLE_BATCH; 1 is for comparison */
	/* An entry that was delivered more often is done by itself, and buried
	 * when the ledger refuses it for what it says.  Never for a store that
	 * is away. */
	uint32_t deliveries_max;
};

#define SETTLE_LAGS SETTLE_BATCH

struct settle_counts {
	uint32_t taken, redelivered;
	uint32_t sold; /* rows written now */
	uint32_t replayed; /* had their row already: an earlier settler died
			    * between its commit and its word to the gate */
	uint32_t voided, dead;
	uint32_t singles; /* rows that went one by one */
	/* From acceptance to row of each row written now, by the ledger's
	 * clock at the acceptance and ours (corrected by clock_offset). */
	int64_t lag_us[SETTLE_LAGS];
	size_t nlags;
};

enum settle_state {
	SETTLE_MORE, /* a full batch: go on at once */
	SETTLE_DRAINED, /* fewer than a batch were there */
	SETTLE_STALE /* the gate, or the ledger's guard, is of another epoch or
		      * is being rebuilt: read the sale again, later */
};

/*
 * One batch.  The ledger is asked for a connection first, so that nothing is
 * taken that cannot be written.  DONE: everything taken was decided and told,
 * or stays with this consumer for the next call (counts say).  Else nothing is
 * lost: the next call begins with the same entries.
 */
enum outcome sale_settle(const struct settler *settler, const struct sale *sale,
    int64_t deadline_ns, int64_t clock_offset_us, enum settle_state *state,
    struct settle_counts *counts, struct err *err);

#endif
