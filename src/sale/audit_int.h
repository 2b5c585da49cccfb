/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by audit.c (passes and judgement) and audit_read.c (one read of one
 * store); nobody else includes it.
 */
#ifndef SALE_AUDIT_INT_H
#define SALE_AUDIT_INT_H

#include "sale/audit.h"

/* What one pass saw of a unit. */
#define SEEN_FREE          1u
#define SEEN_FREE_TWICE    2u
#define SEEN_LEASED        4u
#define SEEN_SOLD          8u
#define SEEN_ELSEWHERE     16u /* held by one claim, sold to another */
#define SEEN_LEASED_TWICE  32u
#define SEEN_WAITING       64u
#define SEEN_WAITING_TWICE 128u

/* Of the gate: a page of so many keeps Redis from everybody else for less than
 * a millisecond. */
#define AUDIT_GATE_PAGE 200

/* Who holds a unit that has no row yet. */
struct claim_note {
	uint32_t unit;
	struct claim_id claim;
};

struct claim_notes {
	struct claim_note *note;
	size_t n, room;
};

/* What the next step does. */
enum audit_phase {
	PHASE_GAUGE,
	PHASE_FREE,
	PHASE_LEASES,
	PHASE_QUEUE,
	PHASE_SOLD,
	PHASE_JUDGE
};

struct audit {
	const struct gate_port *gate;
	const struct ledger_port *ledger;
	const struct clock *clock;
	struct sale sale; /* as it was at the beginning */
	struct gate_ref ref;
	int64_t settle_ns;
	int64_t begun_ns; /* when this pass was */
	int64_t
	    settled_ns; /* of a pass that begins then, faults are believed */
	int64_t not_before_ns; /* of the next pass */
	enum audit_phase phase;
	uint64_t cursor; /* offset, cursor or unit: the page that comes next */
	uint32_t page[AUDIT_GATE_PAGE]; /* of the free list, read last */
	size_t npage;
	struct gate_entry_id after; /* of the queue, likewise */
	uint8_t *seen; /* [stock + 1], bits above */
	uint8_t *fault; /* [stock + 1], enum unit_fault + 1, 0: fine */
	struct claim_notes leases, waiting;
	uint64_t out_of_bounds, bounds_before;
	struct audit_report report;
};

void audit_phase_set(struct audit *a, enum audit_phase phase);

/* Each reads a page, and begins the next phase behind the last one. */
enum outcome audit_read_gauge(
    struct audit *a, int64_t deadline_ns, struct err *err);
enum outcome audit_read_free(
    struct audit *a, int64_t deadline_ns, struct err *err);
enum outcome audit_read_leases(
    struct audit *a, int64_t deadline_ns, struct err *err);
enum outcome audit_read_queue(
    struct audit *a, int64_t deadline_ns, struct err *err);
enum outcome audit_read_sold(
    struct audit *a, int64_t deadline_ns, struct err *err);

#endif
