/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where is every unit?  Free, leased, sold: each exactly once.  Reads in
 * bounded pieces while the sale goes on, so a unit on the move can look wrong
 * for a moment: what looks wrong is looked at again before it is said.
 * Keeper and operator processes.
 */
#ifndef SALE_AUDIT_H
#define SALE_AUDIT_H

#include "sale/ports.h"

enum unit_fault {
	UNIT_HOMELESS, /* neither free, leased nor sold: a leak */
	UNIT_TWICE_FREE, /* in the free list more than once */
	UNIT_FREE_SOLD, /* for sale although sold: the unique key will refuse */
	UNIT_FREE_LEASED,
	UNIT_TWICE_LEASED, /* leased to two claims */
	UNIT_LEASED_SOLD, /* leased to one claim, sold to another */
	UNIT_OUT_OF_BOUNDS,
	UNIT_FAULT_COUNT
};

const char *unit_fault_name(enum unit_fault fault);

struct unit_finding {
	uint32_t unit;
	enum unit_fault fault;
};

#define AUDIT_FINDINGS_MAX 1000

struct audit_report {
	struct gate_gauge gauge; /* known == false: the gate has no such sale */
	bool epoch_matches; /* gate and ledger are of the same epoch */
	uint64_t free, leased, sold, confirm_pending;
	uint64_t faults[UNIT_FAULT_COUNT];
	uint64_t total_faults;
	struct unit_finding findings[AUDIT_FINDINGS_MAX]; /* the first ones */
	size_t nfindings;
	unsigned passes; /* how often it had to look */
};

/* True when every unit has exactly one home. */
bool audit_clean(const struct audit_report *report);

/*
 * `settle_ms`: how long a finding must stand before it is believed (looked at
 * again every so often meanwhile).
 */
enum outcome sale_audit(const struct gate_port *gate,
    const struct ledger_port *ledger, const struct sale *sale,
    int64_t settle_ms, int64_t deadline_ns, struct audit_report *report,
    struct err *err);

#endif
