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
	GATE_QUEUED, /* chain[attempt] was accepted and waits to be written:
		      * `queued` is the order that it will be */
	GATE_SPENT, /* enqueue: every attempt of the chain was decided void */
	GATE_SHUT, /* enqueue: the gate was told that this sale takes no orders
		    * now (gate_terms), and whether that is so, the ledger knows;
		    * or another run of the server has brought the gate back, and
		    * what it knows may be old */
	GATE_LIMIT, /* every slot of the customer is held by other claims */
	GATE_SOFT, /* no free unit, but claims are undecided: ask again */
	/*
	 * No free unit, and no claim of this epoch is undecided but those that
	 * wait to be written.  They count as sold, unless the gate may have
	 * forgotten an owner (gauge: restarted, forgot): he, whose unit another
	 * order then waits for, must not hear "sold out".  Then it is SOFT.
	 */
	GATE_GONE,
	GATE_EPOCH, /* the gate is of another epoch (`epoch` says which) */
	GATE_NO_SALE, /* the gate does not know the sale: lost, never "sold out" */
	GATE_ANSWER_COUNT
};

const char *gate_answer_name(enum gate_answer answer);

struct gate_ticket {
	enum gate_answer answer;
	uint32_t unit; /* TAKEN, SAME */
	uint32_t slot; /* TAKEN, SAME: 1..limit */
	size_t attempt; /* SAME, MINE, QUEUED, TAKEN: which of the chain */
	uint32_t slots_held; /* GONE, SOFT: slots of this customer in use */
	uint32_t epoch; /* EPOCH: the gate's own */
	uint32_t units; /* GONE: how many the gate was given to sell */
	bool waiting; /* GONE: some of them wait to be written */
	struct order queued; /* QUEUED: as a settler is given it */
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

/*
 * When a gate accepts orders: what the ledger says of it, for no ledger is asked
 * then.  A gate that was told nothing yet accepts at any time: whoever knows of
 * its epoch has read the ledger since it was made.
 */
struct gate_terms {
	bool shut; /* it does not: paused, over, or in mode direct */
	struct wall opens, closes; /* as of struct sale; 0, 0 when shut */
};

struct gate_gauge {
	bool known; /* false: no meta, the gate has lost the sale */
	uint32_t epoch; /* of meta */
	uint32_t units; /* numbered units that this gate was seeded with */
	uint32_t limit;
	uint64_t free;
	uint64_t leased;
	struct gate_terms terms;
	uint32_t told; /* how often this generation was told its terms */
	/* What was noticed of this generation since it was published. */
	uint32_t forgot; /* times that it did not know a sold order */
	uint32_t dropped; /* tokens thrown away: no numbers, or above units */
	bool restarted; /* by another run of the server, or another server */
	/* Accepted orders that are not written yet (modes queue and sweep). */
	uint64_t waiting; /* entries of the stream, never more than units */
	uint64_t delivered; /* of these: in some settler's hands */
	int64_t oldest_ms; /* age of the oldest entry, 0 when none waits */
};

/* An entry of the stream of accepted orders; ids grow with time. */
struct gate_entry_id {
	uint64_t ms, seq;
};

#define GATE_FLAW_MAX 80
struct gate_entry {
	struct gate_entry_id id;
	/* claim, sale, unit, slot, customer, payload_hash, ref, created as the
	 * shopper was told; epoch is the stream's; status is ORDER_SOLD. */
	struct order order;
	uint32_t deliveries; /* how often it was given to a settler, this one
			      * included; 0 when it was only looked at */
	/* Not "": what stands there is no order.  Somebody else wrote into our
	 * keys.  `order` then has what could be read. */
	char flaw[GATE_FLAW_MAX];
};

/* At most so many entries a call: more would hold Redis for over 1 ms. */
#define SETTLE_BATCH 64

/* How the ledger has decided an accepted order; only what was *read* there, or
 * was committed by us, is told. */
enum gate_fate {
	GATE_FATE_SOLD, /* on the entry's unit: the slot stays */
	GATE_FATE_VOID, /* unit back, slot free, the attempt is spent */
	/* Void, and its unit is somebody else's order (the gate had forgotten
	 * it): slot free, the attempt is spent, the unit stays where it is. */
	GATE_FATE_TAKEN,
	/* Sold on *another* unit (the gate had forgotten that): unit back, the
	 * slot stays the sold order's. */
	GATE_FATE_ELSEWHERE
};

struct gate_settled {
	struct gate_entry_id id;
	struct claim_id claim;
	struct customer customer;
	enum gate_fate fate;
};

/* What became of an order that was to be carried over. */
enum gate_carried {
	GATE_CARRIED,
	GATE_CARRY_REFUSED, /* its slot is another claim's by now */
	/* Its claim was carried before, by another entry: the shopper has what
	 * he was told of.  This one is nobody's. */
	GATE_CARRY_THERE,
	GATE_CARRY_COUNT
};

/* What a rebuild has put into a new epoch. */
struct gate_seeded {
	uint32_t units; /* numbered units, sold ones included */
	uint32_t limit;
	uint64_t free; /* units given to seed() */
	uint64_t owners; /* orders given to own() */
	/* Orders that were GATE_CARRIED; each has a slot, too. */
	uint64_t waiting;
	bool retired; /* retire() came first: its mark must be there still */
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
	 * The claim of modes queue and sweep: checks everything as claim()
	 * does, then pops a unit and writes record, slot and stream entry for
	 * the first attempt of the chain from `from` on that is not known to
	 * be void, as one fact: TAKEN.  `draft` gives payload_hash, ref and
	 * created.  DONE and TAKEN or QUEUED only when the fact is as durable
	 * as gate_conf.durability asks; else UNKNOWN: the same call again.
	 * SAME: a claim of mode direct that is not decided yet; go on with it.
	 * SHUT: nothing of this request is there, and by its terms the gate does
	 * not accept an order of this `created`; if `regardless` (the operator's
	 * own hand), it does, unless it is of another run of the server.  The
	 * chain has all CLAIM_ATTEMPTS ids.
	 */
	enum outcome (*enqueue)(void *ctx, struct gate_ref ref,
	    const struct claim_chain *chain, size_t from,
	    const struct customer *who, const struct order *draft,
	    bool regardless, int64_t deadline_ns, struct gate_ticket *out,
	    struct err *err);
	/*
	 * The accepted orders of a customer that wait to be written, by slot,
	 * each as a settler is given it.
	 * *known is false when this gate is lost or of another epoch: then
	 * nothing is proved by an empty list.  Ask the gate first and the
	 * ledger afterwards: an order that was written in between is in the
	 * ledger.  Those that it shows are as durable as enqueue's; else
	 * UNKNOWN.  The same of QUEUED wherever it is answered.
	 */
	enum outcome (*pending)(void *ctx, struct gate_ref ref,
	    const struct customer *who, int64_t deadline_ns, struct order *out,
	    size_t max, size_t *n, bool *known, struct err *err);
	/*
	 * Entries for a settler, at most `max` <= SETTLE_BATCH: first those that
	 * it was given before and has not settled; then, so that nothing waits
	 * behind one of them that cannot be decided, some (half a batch) that
	 * another was given longer than idle_ms ago; then new ones; each oldest
	 * first.  *known as
	 * above.  `consumer`: 1..64 bytes of [A-Za-z0-9_.:-], the same after a
	 * restart.  Does not wait.
	 */
	enum outcome (*take)(void *ctx, struct gate_ref ref,
	    const char *consumer, size_t max, int64_t idle_ms,
	    int64_t deadline_ns, struct gate_entry *out, size_t *n, bool *known,
	    struct err *err);
	/* Ends at most SETTLE_BATCH entries, in one step; a second time does
	 * nothing.  After the commit, never before. */
	enum outcome (*settled)(void *ctx, struct gate_ref ref,
	    const struct gate_settled *settled, size_t n, int64_t deadline_ns,
	    struct err *err);
	/*
	 * For rebuild, audit and report: entries after `after` ({0, 0}: from
	 * the first), oldest first, delivered or not.  Also of an epoch that is
	 * not in use any more; an epoch without a stream has no entries.
	 */
	enum outcome (*queue_scan)(void *ctx, struct gate_ref ref,
	    struct gate_entry_id after, size_t max /* <= SETTLE_BATCH */,
	    int64_t deadline_ns, struct gate_entry *out, size_t *n,
	    struct err *err);
	/*
	 * For a rebuild, before it reads what waits: the gate that is published
	 * gives nothing out any more, if it is older than `ref`: claim() and
	 * enqueue() answer EPOCH with ref's.  Everything else goes on, the gauge
	 * shows it as it is, and publish() ends it.  Else an order could be
	 * accepted behind the reader's back.  An epoch between the two can not
	 * be published any more.  DONE also when no gate is known.
	 */
	enum outcome (*retire)(void *ctx, struct gate_ref ref,
	    int64_t deadline_ns, struct err *err);
	/*
	 * For a rebuild: accepted orders of an older epoch go into the stream
	 * of `ref`, which is not published yet, with their record and slot, one
	 * after the other.  One of unit 0 is only asked about: REFUSED, or
	 * THERE when its claim has been carried; of that one nothing but the
	 * claim is used.
	 */
	enum outcome (*carry)(void *ctx, struct gate_ref ref,
	    const struct order *orders, size_t n /* <= SETTLE_BATCH */,
	    int64_t deadline_ns, enum gate_carried *carried, struct err *err);
	/*
	 * confirm, release, heal and rekey are about leases: to a claim whose
	 * order was accepted they do nothing, its settler does.  (rekey to such
	 * a claim: `from`'s unit is returned, and the answer is QUEUED.)
	 *
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
	 * slot back, in one step.  Noted as forgotten if any of it was needed.
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
	 * or is being made (retire), and when the gate does not have all that
	 * was seeded any more: a wipe between two calls must not become a gate
	 * with units missing.  Nor when it has lost the mark of retire(): it may
	 * have accepted orders since, that nobody has carried over.  DONE
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
	/*
	 * When it accepts orders from now on, if it was told `told` times before;
	 * *done is false if not: then somebody else has told it since the gauge
	 * was read.  sale/terms.h says how to go about it.
	 */
	enum outcome (*tell)(void *ctx, struct gate_ref ref,
	    const struct gate_terms *terms, uint32_t told, int64_t deadline_ns,
	    bool *done, struct err *err);

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
	LEDGER_CLASH, /* 1062: a row is in the way; read which */
	/* record_batch only: the ledger refuses a row for what it says, and
	 * always will; `err` says why.  Which row, a batch of one tells. */
	LEDGER_REFUSED
};

/* An accepted order that cannot be written, for the operator to look at. */
#define DEAD_REASON_MAX 200
struct dead_letter {
	/* As accepted: what could be read of it.  The sale and the epoch are the
	 * stream's, and always there; claim_is_none(): it could not be read. */
	struct order order;
	struct gate_entry_id entry;
	uint32_t deliveries;
	char reason[DEAD_REASON_MAX];
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
	 * Accepted orders, all of them or none, in one autocommit statement; n
	 * is 1..SETTLE_BATCH, created is set in each; sale and epoch are those
	 * of `ref`.  The guard asks for the epoch, the stock and the limit, and
	 * a state other than draft and rebuild: what was accepted is written
	 * while the sale is paused, and when it is over.  The window was asked
	 * when it was accepted.
	 */
	enum outcome (*record_batch)(void *ctx, struct gate_ref ref,
	    const struct order *orders, size_t n, int64_t deadline_ns,
	    enum ledger_record *out, struct err *err);
	/*
	 * These two take a claim's future away, and `ref` is the generation
	 * that the caller acts for: when the ledger has another epoch by now,
	 * nothing is written.  Else somebody who slept through a rebuild could
	 * void what was carried over it, or accepted behind it.  Any state.
	 *
	 * A void row for the letter's claim, unless it has a row or is none,
	 * and the letter itself, in one transaction.  A second time (the same
	 * sale, epoch and entry of the letter) does nothing.  DONE: the letter
	 * is there for good; what the claim's row is, find() tells.  NOT_DONE
	 * when the epoch is another.
	 */
	enum outcome (*bury)(void *ctx, struct gate_ref ref,
	    const struct dead_letter *letter, int64_t deadline_ns,
	    struct err *err);
	/*
	 * A void row for each claim that has no row yet (claim and customer are
	 * used; sale and epoch are those of `ref`).  Does not tell who won, nor
	 * whether the epoch was another: find() does.  At most 100.
	 */
	enum outcome (*void_claims)(void *ctx, struct gate_ref ref,
	    const struct order *claims, size_t n, int64_t deadline_ns,
	    struct err *err);
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
	 * paused, or closed), if they still are so; waits for inserts that hold the row.
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
