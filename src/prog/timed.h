/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two ports with a stop-watch around the calls that a purchase waits for:
 * claim or enqueue, and record.  Everything else is the port's own.  One worker a
 * process: what the watch needs stands in this file, so that the wrapped port
 * keeps its ctx and no other function needs a wrapper.  Worker processes.
 */
#ifndef PROG_TIMED_H
#define PROG_TIMED_H

#include "prog/stats.h"
#include "pool/pool.h"
#include "sale/ports.h"

/* What a worker does at a time; pool_app.phases has the words. */
enum worker_phase {
	PHASE_READ = 1, /* the request comes in */
	PHASE_WORK,
	PHASE_CLAIM, /* waits for the gate */
	PHASE_INSERT, /* waits for the ledger */
	PHASE_REPLY, /* the answer goes out */
	PHASE_COUNT = PHASE_REPLY
};
extern const char *const worker_phases[PHASE_COUNT];

/* Puts the watch into both ports; `child` shows the phases. */
void timed_install(struct gate_port *gate, struct ledger_port *ledger,
    struct stats *stats, struct pool_child *child);

/* What the request at hand has waited for each; -1: was not called. */
void timed_begin(void);
int64_t timed_claim_ns(void);
int64_t timed_insert_ns(void);

#endif
