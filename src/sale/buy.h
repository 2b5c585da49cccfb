/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The purchase: identify -> admit -> claim -> record -> confirm -> answer; in
 * modes queue and sweep: identify -> admit -> accept -> answer.  Worker processes.
 */
#ifndef SALE_BUY_H
#define SALE_BUY_H

#include "base/clock.h"
#include "sale/ports.h"

/* What the shopper is told.  web/verdicts.c has the HTTP of each. */
enum verdict {
	VERDICT_CREATED, /* sold just now: the commit was acknowledged */
	VERDICT_REPLAYED, /* sold before: the row was read */
	VERDICT_ACCEPTED, /* claim and queue entry are one stored fact */
	VERDICT_SOLD_OUT, /* final: no free unit, no undecided claim */
	VERDICT_LIMIT_REACHED, /* final: `orders` were read */
	VERDICT_IN_PROGRESS, /* the customer's slots are held by open claims, or
			      * by orders that are accepted and not written */
	VERDICT_NOT_OPEN, /* the window begins later */
	VERDICT_ENDED, /* final: window over or sale closed */
	VERDICT_KEY_MISSING, /* a limit above 1 needs an Idempotency-Key */
	VERDICT_KEY_REUSED, /* same key, other payload */
	VERDICT_KEY_SPENT, /* every attempt of this key was decided void */
	VERDICT_PAUSED,
	VERDICT_REBUILDING,
	VERDICT_TRY_AGAIN, /* a doubt: same key again */
	VERDICT_UNAVAILABLE, /* a store is away; nothing was claimed, or the
			      * claim is undecided: same key again */
	VERDICT_COUNT
};

const char *verdict_name(enum verdict verdict);

#define IDEMPOTENCY_KEY_MAX 255

struct purchase {
	struct sale sale; /* as the sale table has it */
	struct customer customer;
	struct strv key; /* Idempotency-Key; absent: {NULL, 0} */
	uint8_t payload_hash[PAYLOAD_HASH_BYTES];
	char ref[ORDER_REF_MAX + 1];
	bool waiting; /* sale_entry_may_wait(): the gate may hold accepted
		       * orders although the mode is direct by now */
	bool settling; /* closed so lately that another may be accepted yet */
	struct wall now; /* by the ledger's clock (table offset applied) */
	int64_t deadline_ns; /* for all of it */
};

/* What the purchase may use.  Ports are borrowed. */
struct buyer {
	const struct gate_port *gate;
	const struct ledger_port *ledger;
	/* Budget of one gate call; the request's own deadline binds as well. */
	int64_t gate_timeout_ms;
	/* What a claim's lease is worth: older than half of it, nothing is
	 * inserted any more (economy; the void row is what makes it safe). */
	int64_t lease_ms;
	const struct clock *clock;
};

/* Counted by whoever runs the purchase; each one is odd and worth a look. */
enum buy_event {
	BUY_EVENT_NONE,
	BUY_EVENT_HEALED, /* the gate offered a unit that was sold */
	BUY_EVENT_OUT_OF_BOUNDS, /* the gate offered a unit above the stock */
	BUY_EVENT_GATE_LOST, /* no meta */
	BUY_EVENT_AMBIGUOUS /* an insert had to be sent twice */
};

struct purchase_result {
	enum verdict verdict;
	struct order order; /* CREATED, REPLAYED, ACCEPTED: as it will be */
	struct order orders[SALE_PER_CUSTOMER_MAX]; /* LIMIT_REACHED */
	size_t norders;
	bool
	    may_return; /* SOLD_OUT: some wait to be written, and may be void */
	unsigned events; /* bit set of 1 << enum buy_event */
	struct err err; /* TRY_AGAIN, UNAVAILABLE: for the log */
};

/* Runs one purchase.  `result` is wholly written. */
void sale_buy(const struct buyer *buyer, const struct purchase *purchase,
    struct purchase_result *result);

/*
 * The claim id of attempt 0.. of one request (DESIGN, "The claim id"):
 * HMAC-SHA256 under the sale's key over sale, customer, Idempotency-Key and
 * attempt, cut to 16 bytes.  An absent key ({NULL, 0}) differs from an empty
 * one.
 */
struct claim_id claim_id_make(const struct sale *sale,
    const struct customer *who, struct strv key, size_t attempt);

#endif
