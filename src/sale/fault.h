/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ports that fail on purpose: each wraps another port and makes chosen calls
 * NOT_DONE, UNKNOWN and applied, or UNKNOWN and not applied.  One process.
 */
#ifndef SALE_FAULT_H
#define SALE_FAULT_H

#include "sale/ports.h"

enum fault_kind {
	FAULT_NONE,
	FAULT_NOT_DONE,
	FAULT_UNKNOWN_APPLIED, /* the store did it, the answer was lost */
	FAULT_UNKNOWN_NOT_APPLIED,
	/* FAULT_LEDGER_FIND only: done, but it does not see what was committed
	 * just now (see buy_clash.c). */
	FAULT_STALE
};

enum fault_call {
	FAULT_GATE_CLAIM,
	FAULT_GATE_RELEASE,
	FAULT_GATE_HEAL,
	FAULT_GATE_REKEY,
	FAULT_GATE_LEASES,
	FAULT_GATE_GAUGE,
	FAULT_GATE_SEED,
	FAULT_GATE_OWN,
	FAULT_GATE_PUBLISH,
	FAULT_GATE_DISCARD,
	FAULT_GATE_FREE_LIST,
	FAULT_GATE_LEASE_SCAN,
	FAULT_GATE_ENQUEUE,
	FAULT_GATE_PENDING,
	FAULT_GATE_TAKE,
	FAULT_GATE_SETTLED,
	FAULT_GATE_QUEUE_SCAN,
	FAULT_GATE_RETIRE,
	FAULT_GATE_TELL,
	FAULT_GATE_CARRY,
	FAULT_GATE_CONFIRM, /* any kind but NONE: the confirm is lost */
	FAULT_LEDGER_READY,
	FAULT_LEDGER_RECORD,
	FAULT_LEDGER_RECORD_BATCH,
	FAULT_LEDGER_BURY,
	FAULT_LEDGER_VOID,
	FAULT_LEDGER_FIND,
	FAULT_LEDGER_FIND_UNIT,
	FAULT_LEDGER_FIND_CUSTOMER,
	FAULT_LEDGER_SALE,
	FAULT_LEDGER_SOLD_AFTER,
	FAULT_LEDGER_EPOCH_BEGIN,
	FAULT_LEDGER_EPOCH_END,
	FAULT_CALL_COUNT
};

/* "gate claim" …: for messages. */
const char *fault_call_name(enum fault_call call);

#define FAULT_PLAN_MAX 16

struct fault_plan {
	struct {
		enum fault_call call;
		unsigned nth; /* 1: the first such call; 0: every one */
		enum fault_kind kind;
	} step[FAULT_PLAN_MAX];
	size_t n;
	unsigned calls[FAULT_CALL_COUNT]; /* counted as they come */
	/* Asked before each call for which no step is planned; may be NULL. */
	enum fault_kind (*chance)(void *ctx, enum fault_call call);
	void *chance_ctx;
	const struct gate_port *gate; /* wrapped; borrowed */
	const struct ledger_port *ledger;
};

void fault_plan_add(struct fault_plan *plan, enum fault_call call, unsigned nth,
    enum fault_kind kind);
struct gate_port fault_gate_port(struct fault_plan *plan);
struct ledger_port fault_ledger_port(struct fault_plan *plan);

#endif
