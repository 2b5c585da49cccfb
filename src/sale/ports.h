/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the rules need from the world: a gate (who gets in) and a ledger (what
 * is true), as structs of functions.  Each has three implementations: the real
 * one (src/gate, src/ledger), one in memory (sale/mem.h), and one that fails
 * the n-th call (sale/fault.h).
 *
 * Every function returns an outcome:
 *
 *	DONE      the store answered; the out-parameters are valid
 *	NOT_DONE  surely not applied: refused, or never sent.  `err` says why
 *	UNKNOWN   sent, and no answer: applied or not.  `err` says why
 *
 * UNKNOWN is never a synonym of NOT_DONE.  Out-parameters are untouched unless
 * DONE.  A port does not retry by itself; it reconnects when a call finds it
 * without a connection.  `deadline_ns` is a moment of mono_ns(): a port that
 * is called after it says NOT_DONE without sending.
 *
 * One port value belongs to one process and is used by one caller at a time.
 */
#ifndef SALE_PORTS_H
#define SALE_PORTS_H

#include "base/attr.h"
#include "base/err.h"
#include "sale/ids.h"
#include "sale/sale.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum outcome {
	OUT_DONE,
	OUT_NOT_DONE,
	OUT_UNKNOWN,
	OUT_COUNT
};

const char *outcome_name(enum outcome out);

/* ---- gate ------------------------------------------------------------------- */

/* One generation of a sale's gate. */
struct gate_ref {
	struct sale_id sale;
	uint32_t epoch;
};

/*
 * The ids that one request may go by: attempt 0, and the attempts that follow
 * when an earlier one was decided void.  With a limit of 1 the gate needs to
 * know only the first; above 1 it must know them all, or a retry would take a
 * second unit (or hear "sold out") beside the order it already has.
 */
#define CLAIM_ATTEMPTS 8
struct claim_chain {
	struct claim_id id[CLAIM_ATTEMPTS];
	size_t n; /* how many of them the gate is to compare */
};

enum gate_answer {
	GATE_TAKEN, /* a unit popped and leased to chain[0], in one step */
	GATE_SAME, /* chain[attempt] already holds this unit: same unit again */
	GATE_MINE, /* a slot names one of the chain, and no lease is left: it
		       * was confirmed; the ledger has the row */
	GATE_LIMIT, /* every slot of the customer is held by other claims */
	GATE_SOFT, /* no free unit, but claims are undecided: ask again */
	GATE_GONE, /* no free unit and no undecided claim in this epoch */
	GATE_EPOCH, /* the gate is of another epoch (`epoch` says which) */
	GATE_NO_SALE, /* the gate does not know the sale: lost, never "sold out" */
	GATE_ANSWER_COUNT
};

const char *gate_answer_name(enum gate_answer answer);

struct gate_ticket {
	enum gate_answer answer;
	uint32_t unit; /* TAKEN, SAME */
	uint32_t slot; /* TAKEN, SAME: 1..limit */
	size_t attempt; /* SAME, MINE: which of the chain */
	uint32_t slots_held; /* GONE, SOFT: slots of this customer in use */
	uint32_t epoch; /* EPOCH: the gate's own */
	uint32_t units; /* GONE: how many the gate was given to sell */
};

/* Why a claim's unit goes back to the free list. */
enum gate_release {
	/* The ledger has the claim as void: unit back, slot free. */
	GATE_RELEASE_VOID,
	/* The ledger has the claim as sold on *another* unit (only after the gate
	 * lost history): unit back, the slot stays the sold order's. */
	GATE_RELEASE_ELSEWHERE
};

/* A claim that has been leased for too long, oldest deadline first. */
struct gate_lease {
	struct claim_id claim;
	uint32_t unit;
	uint32_t slot;
	struct customer customer;
	int64_t remaining_ms; /* by the gate's clock; <= 0: expired */
};

struct gate_gauge {
	bool known; /* false: no meta, the gate has lost the sale */
	uint32_t epoch; /* of meta */
	uint32_t units; /* numbered units that this gate was seeded with */
	uint32_t limit;
	uint64_t free;
	uint64_t leased;
	/* What was noticed of this generation since it was published. */
	uint32_t forgot; /* times that it did not know a sold order */
	uint32_t dropped; /* tokens thrown away: no numbers, or above units */
	bool restarted; /* by another run of the server, or another server */
};

/* What a rebuild has put into a new epoch. */
struct gate_seeded {
	uint32_t units; /* numbered units, sold ones included */
	uint32_t limit;
	uint64_t free; /* units given to seed() */
	uint64_t owners; /* orders given to own() */
};

struct gate_port {
	/*
	 * Checks everything, then pops a unit and records lease, record and
	 * slot for chain->id[0], as one fact.
	 */
	enum outcome (*claim)(void *ctx, struct gate_ref ref,
	    const struct claim_chain *chain, const struct customer *who,
	    int64_t deadline_ns, struct gate_ticket *out, struct err *err);
	/*
	 * Notes that the ledger has the claim as sold on its unit, so that the
	 * lease can go.  Cannot fail: it is sent along with the next claim, or
	 * by flush; if it is lost, the keeper confirms.
	 */
	void (*confirm)(void *ctx, struct gate_ref ref,
	    const struct claim_id *claim, uint32_t unit);
	/* Sends what confirm() noted, without waiting for the answer.  To be
	 * called before the process blocks for anything but the gate. */
	void (*flush)(void *ctx);
	/* Only for a claim whose row was *read* in the ledger. */
	enum outcome (*release)(void *ctx, struct gate_ref ref,
	    const struct claim_id *claim, const struct customer *who,
	    enum gate_release why, int64_t deadline_ns, struct err *err);
	/*
	 * The unit of `claim` is already sold to `owner` (the gate forgot):
	 * drops that unit's lease and the claim's slot, and writes the owner's
	 * slot back, in one step.
	 */
	enum outcome (*heal)(void *ctx, struct gate_ref ref,
	    const struct claim_id *claim, const struct customer *who,
	    const struct order *owner, int64_t deadline_ns, struct err *err);
	/*
	 * `from` is void in the ledger: its unit and slot go over to `to`, with
	 * a new deadline.  If `to` already holds a unit, `from`'s is returned
	 * and the answer is SAME with `to`'s (MINE when `to` was confirmed).
	 * If `from` holds nothing: SOFT.
	 */
	enum outcome (*rekey)(void *ctx, struct gate_ref ref,
	    const struct claim_id *from, const struct claim_id *to,
	    const struct customer *who, int64_t deadline_ns,
	    struct gate_ticket *out, struct err *err);

	/* The `max` (<= 100) leases with the oldest deadlines. */
	enum outcome (*leases)(void *ctx, struct gate_ref ref, size_t max,
	    int64_t deadline_ns, struct gate_lease *out, size_t *n,
	    struct err *err);
	enum outcome (*gauge)(void *ctx, struct sale_id sale,
	    int64_t deadline_ns, struct gate_gauge *out, struct err *err);

	/* A rebuild: seed and own under a new epoch, invisible until publish. */
	enum outcome (*seed)(void *ctx, struct gate_ref ref,
	    const uint32_t *units, size_t n /* <= 1000 */, int64_t deadline_ns,
	    struct err *err);
	enum outcome (*own)(void *ctx, struct gate_ref ref,
	    const struct order *owners, size_t n /* <= 1000 */,
	    int64_t deadline_ns, struct err *err);
	/*
	 * Makes `ref` the sale's gate.  NOT_DONE when a later epoch already is,
	 * and when the gate does not have all that was seeded any more: a wipe
	 * between two calls must not become a gate with units missing.  DONE
	 * and no change when it is published already (its answer was lost): it
	 * sells, its stock may be another, and it has noted things since.
	 */
	enum outcome (*publish)(void *ctx, struct gate_ref ref,
	    const struct gate_seeded *seeded, int64_t deadline_ns,
	    struct err *err);
	/* Unlinks the keys of an epoch that nobody uses any more. */
	enum outcome (*discard)(void *ctx, struct gate_ref ref,
	    int64_t deadline_ns, struct err *err);

	/*
	 * More stock: units meta.units+1 .. units go to the free list, except
	 * those that shrink() marked as away: such a mark ends, and the unit
	 * comes back when the claim that has it is released, or is sold.
	 * Idempotent; bounded to 1000 units a call: `*done` says up to where.
	 */
	enum outcome (*grow)(void *ctx, struct gate_ref ref, uint32_t units,
	    int64_t deadline_ns, uint32_t *done, struct err *err);
	/*
	 * Less stock: takes the units above `units` out of the free list, from
	 * the highest number down, at most 64 a call.  `*done` is how many
	 * units the gate has now.  One that is not in the list (leased, or
	 * sold since) is marked as away.  When it is returned while it is above
	 * the stock, it is let go and its mark ends: then grow() has it again.
	 */
	enum outcome (*shrink)(void *ctx, struct gate_ref ref, uint32_t units,
	    int64_t deadline_ns, uint32_t *done, struct err *err);
	/* Another limit per customer, from the next claim on. */
	enum outcome (*relimit)(void *ctx, struct gate_ref ref, uint32_t limit,
	    int64_t deadline_ns, struct err *err);

	/* For the report: the free list from `offset` on. */
	enum outcome (*free_list)(void *ctx, struct gate_ref ref,
	    uint64_t offset, size_t max /* <= 1000 */, int64_t deadline_ns,
	    uint32_t *units, size_t *n, struct err *err);
	/* For the report: a cursor over every lease, 0 to start, 0 at the end.
	 * May show a lease twice, misses none that stays.  NOT_DONE or UNKNOWN
	 * when more than `max` leases share one deadline. */
	enum outcome (*lease_scan)(void *ctx, struct gate_ref ref,
	    uint64_t *cursor, size_t max /* 1..1000 */, int64_t deadline_ns,
	    struct gate_lease *out, size_t *n, struct err *err);
	void *ctx;
};

/* ---- ledger ------------------------------------------------------------------ */

enum ledger_record {
	LEDGER_RECORDED, /* committed */
	LEDGER_FENCED, /* 0 rows: the guard refused; read the sale to see why */
	LEDGER_CLASH /* 1062: a row is in the way; read which */
};

struct ledger_port {
	/*
	 * Is there a connection, or can one be made before the deadline?
	 * Asked before a unit is claimed, so that nothing is claimed that
	 * cannot be recorded.  Costs nothing while the connection stands.
	 */
	enum outcome (*ready)(void *ctx, int64_t deadline_ns, struct err *err);
	/*
	 * The guarded insert, one autocommit statement: a sold row for `order`
	 * if the sale's epoch, state, window, stock and limit allow it.
	 * order->created is stored; 0: the ledger's own time.
	 */
	enum outcome (*record)(void *ctx, const struct order *order,
	    int64_t deadline_ns, enum ledger_record *out, struct err *err);
	/*
	 * A void row for each claim that has no row yet (claim, sale, epoch and
	 * customer are used).  Does not tell who won: find() does.  At most 100.
	 */
	enum outcome (*void_claims)(void *ctx, const struct order *claims,
	    size_t n, int64_t deadline_ns, struct err *err);
	/*
	 * The next three are asked for the sake of an answer: a row that they
	 * give out is there for good, whatever becomes of the server; where
	 * that is not known, they are not DONE.  (InnoDB shows a commit before
	 * it is on disk.)
	 */
	/* Rows by claim, in any order; at most 100 claims. */
	enum outcome (*find)(void *ctx, const struct claim_id *claims, size_t n,
	    int64_t deadline_ns, struct order *out, size_t *found,
	    struct err *err);
	/* The sold row of a unit; *found is false when it is for sale. */
	enum outcome (*find_unit)(void *ctx, struct sale_id sale, uint32_t unit,
	    int64_t deadline_ns, struct order *out, bool *found,
	    struct err *err);
	/* The sold rows of a customer, by slot. */
	enum outcome (*find_customer)(void *ctx, struct sale_id sale,
	    const struct customer *who, int64_t deadline_ns, struct order *out,
	    size_t max, size_t *n, struct err *err);

	/* One sale, and the ledger's own clock beside it. */
	enum outcome (*sale)(void *ctx, struct sale_id id, int64_t deadline_ns,
	    struct sale *out, bool *found, struct wall *now, struct err *err);
	/* Every sale that is not a draft, newest first, at most `max`. */
	enum outcome (*sales)(void *ctx, int64_t deadline_ns, struct sale *out,
	    size_t max, size_t *n, struct wall *now, struct err *err);
	/* Sold rows with unit > `after`, by unit: keyset paging. */
	enum outcome (*sold_after)(void *ctx, struct sale_id sale,
	    uint32_t after, int64_t deadline_ns, struct order *out, size_t max,
	    size_t *n, struct err *err);

	/*
	 * Epoch and state as in `seen` -> epoch + 1 and state `during` (rebuild,
	 * or paused), if they still are so; waits for inserts that hold the row.
	 * *won is false when somebody else was first.
	 */
	enum outcome (*epoch_begin)(void *ctx, const struct sale *seen,
	    enum sale_state during, int64_t deadline_ns, bool *won,
	    struct err *err);
	/* State rebuild -> `state`, if the epoch still is `epoch`. */
	enum outcome (*epoch_end)(void *ctx, struct sale_id sale,
	    uint32_t epoch, enum sale_state state, int64_t deadline_ns,
	    bool *won, struct err *err);
	void *ctx;
};

#endif
