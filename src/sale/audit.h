/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where is every unit?  Free, leased, waiting to be written, sold: each exactly
 * once.  Reads in
 * bounded pieces while the sale goes on, so a unit on the move can look wrong
 * for a moment: what looks wrong is looked at again before it is said.
 * Keeper and operator processes.
 */
#ifndef SALE_AUDIT_H
#define SALE_AUDIT_H

#include "base/clock.h"
#include "sale/ports.h"

enum unit_fault {
	UNIT_HOMELESS, /* neither free, leased, waiting nor sold: a leak */
	UNIT_TWICE_FREE, /* in the free list more than once */
	UNIT_FREE_SOLD, /* for sale although sold: the unique key will refuse */
	UNIT_FREE_LEASED,
	UNIT_TWICE_LEASED, /* leased to two claims */
	UNIT_LEASED_SOLD, /* leased to one claim, sold to another */
	UNIT_FREE_WAITING, /* for sale, and in an accepted order */
	UNIT_LEASED_WAITING,
	UNIT_TWICE_WAITING, /* in two accepted orders */
	UNIT_WAITING_SOLD, /* in an accepted order, sold to another claim */
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
	uint64_t free, leased, sold;
	uint64_t
	    waiting; /* accepted orders that are not written, or not told */
	uint64_t confirm_pending,
	    tell_pending; /* held by the claim that has it */
	uint64_t faults[UNIT_FAULT_COUNT];
	uint64_t total_faults;
	struct unit_finding findings[AUDIT_FINDINGS_MAX]; /* the first ones */
	size_t nfindings;
	unsigned passes; /* how often it had to look */
};

/* True when every unit has exactly one home. */
bool audit_clean(const struct audit_report *report);

/* The one home of a unit that is well; of others, the most binding one. */
enum unit_home {
	UNIT_HOME_NONE,
	UNIT_HOME_FREE,
	UNIT_HOME_LEASED,
	UNIT_HOME_WAITING, /* in an accepted order */
	UNIT_HOME_SOLD,
	UNIT_HOME_COUNT
};

const char *unit_home_name(enum unit_home home);

/*
 * An audit under way.  `settle_ms`: how long a finding must stand, pass after
 * pass, before it is believed: from the end of the first pass to the beginning of
 * the last.  0: the first is believed.  Ports and clock are borrowed; `sale` is copied,
 * and when it changes its epoch or stock the audit is worth nothing any more.
 * NULL: out of memory.
 */
struct audit;
struct audit *audit_new(const struct gate_port *gate,
    const struct ledger_port *ledger, const struct clock *clock,
    const struct sale *sale, int64_t settle_ms, struct err *err) ATTR_MUSTUSE;
void audit_free(struct audit **audit);
const struct sale *audit_sale(const struct audit *audit);

enum audit_state {
	AUDIT_MORE, /* go on at once */
	AUDIT_PAUSED, /* go on a little later */
	AUDIT_DONE /* the report is complete */
};
/* One bounded read of one store.  After anything but DONE the same step may be
 * tried again. */
enum outcome audit_step(struct audit *audit, int64_t deadline_ns,
    enum audit_state *state, struct err *err);
/* All steps, with the pauses between them. */
enum outcome audit_run(
    struct audit *audit, int64_t deadline_ns, struct err *err);
const struct audit_report *audit_report(const struct audit *audit);
/* Where the last pass saw the unit. */
enum unit_home audit_home(const struct audit *audit, uint32_t unit);

/* The three above in one. */
enum outcome sale_audit(const struct gate_port *gate,
    const struct ledger_port *ledger, const struct sale *sale,
    int64_t settle_ms, int64_t deadline_ns, struct audit_report *report,
    struct err *err);

#endif
