/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expired claims: void, read back, then release or confirm.  What the keeper
 * believes about a worker does not matter; the row that won does.
 */
#include "config.h"

#include "sale/reap.h"
#include "base/failpoint.h"
#include "base/mutant.h"

/* Beyond the lease by our own clock: the gate's must have been set back. */
#define BACKSTOP_MS 2000

struct round {
	const struct reaper *reaper;
	struct gate_ref ref;
	int64_t deadline_ns;
	struct gate_lease lease[REAP_BATCH]; /* the expired ones */
	size_t n;
	struct reap_counts *counts;
	struct err *err;
};

static int64_t first_seen_ns(const struct reap_memory *memory,
    const struct claim_id *claim, int64_t now_ns)
{
	for (size_t i = 0; i < memory->n; i++)
		if (claim_eq(&memory->seen[i].claim, claim))
			return memory->seen[i].first_seen_ns;
	return now_ns;
}

/* Keeps in round->lease what has run out, by the gate's clock or by ours. */
static void expired_pick(struct round *round, struct reap_memory *memory)
{
	const struct clock *clock = round->reaper->clock;
	int64_t now_ns = clock->mono_ns(clock->ctx);
	int64_t limit_ns = (round->reaper->lease_ms + BACKSTOP_MS) * NS_PER_MS;
	struct reap_memory next = {.n = 0};
	size_t kept = 0;

	for (size_t i = 0; i < round->n; i++) {
		struct gate_lease lease = round->lease[i];
		int64_t seen_ns = first_seen_ns(memory, &lease.claim, now_ns);

		next.seen[next.n].claim = lease.claim;
		next.seen[next.n++].first_seen_ns = seen_ns;
		if (lease.remaining_ms <= 0 || now_ns - seen_ns > limit_ns)
			round->lease[kept++] = lease;
	}
	*memory = next;
	round->n = kept;
}

static void void_row(const struct round *round, size_t i, struct order *row)
{
	*row = (struct order){
	    .claim = round->lease[i].claim,
	    .sale = round->ref.sale,
	    .epoch = round->ref.epoch,
	    .status = ORDER_VOID,
	    .customer = round->lease[i].customer,
	};
}

/*
 * One statement for all; when one of them waits for a worker that is inserting
 * right now, the statement is refused as a whole: then one by one, and that
 * claim alone is left for the next tick.
 */
static enum outcome void_all(struct round *round)
{
	const struct ledger_port *ledger = round->reaper->ledger;
	struct order rows[REAP_BATCH];
	enum outcome out;

	for (size_t i = 0; i < round->n; i++)
		void_row(round, i, &rows[i]);
	out = ledger->void_claims(ledger->ctx, round->ref, rows, round->n,
	    round->deadline_ns, round->err);
	if (out != OUT_NOT_DONE || round->n == 1)
		return out;
	for (size_t i = 0; i < round->n && out != OUT_UNKNOWN; i++)
		out = ledger->void_claims(ledger->ctx, round->ref, &rows[i], 1,
		    round->deadline_ns, round->err);
	return out;
}

static bool settle_one(struct round *round, const struct gate_lease *lease,
    const struct order *row)
{
	const struct gate_port *gate = round->reaper->gate;
	bool sold_here = row->status == ORDER_SOLD && row->unit == lease->unit;

	/* A cancelled order's unit went back when it was cancelled. */
	if (sold_here || row->status == ORDER_CANCELLED) {
		gate->confirm(
		    gate->ctx, round->ref, &lease->claim, lease->unit);
		round->counts->confirmed++;
		return true;
	}
	if (FAILPOINT_ERR(reap_before_release, round->err))
		return false;
	if (gate->release(gate->ctx, round->ref, &lease->claim,
		&lease->customer,
		row->status == ORDER_SOLD ? GATE_RELEASE_ELSEWHERE
					  : GATE_RELEASE_VOID,
		round->deadline_ns, round->err) != OUT_DONE)
		return false;
	FAILPOINT(reap_after_release);
	round->counts->voided++;
	return true;
}

/* Only rows that were read decide. */
static enum outcome settle_all(struct round *round)
{
	const struct ledger_port *ledger = round->reaper->ledger;
	struct claim_id claims[REAP_BATCH];
	struct order rows[REAP_BATCH];
	enum outcome out;
	size_t found;

	for (size_t i = 0; i < round->n; i++)
		claims[i] = round->lease[i].claim;
	out = ledger->find(ledger->ctx, claims, round->n, round->deadline_ns,
	    rows, &found, round->err);
	if (out != OUT_DONE)
		return out;
	FAILPOINT(reap_after_read);
	for (size_t i = 0; i < round->n; i++) {
		const struct order *row = NULL;

		for (size_t k = 0; k < found && row == NULL; k++)
			if (claim_eq(&rows[k].claim, &claims[i]))
				row = &rows[k];
		if ((MUTANT(reaper_no_void) && row == NULL) ||
		    MUTANT(reaper_blind))
			row = &(const struct order){.status = ORDER_VOID};
		if (row == NULL || !settle_one(round, &round->lease[i], row))
			round->counts->skipped++;
	}
	return OUT_DONE;
}

enum outcome sale_reap(const struct reaper *reaper, struct gate_ref ref,
    struct reap_memory *memory, int64_t deadline_ns, struct reap_counts *counts,
    struct err *err)
{
	struct round round = {.reaper = reaper,
	    .ref = ref,
	    .deadline_ns = deadline_ns,
	    .counts = counts,
	    .err = err};
	enum outcome out;

	memset(counts, 0, sizeof(*counts));
	out = reaper->gate->leases(reaper->gate->ctx, ref, REAP_BATCH,
	    deadline_ns, round.lease, &round.n, err);
	if (out != OUT_DONE)
		return out;
	expired_pick(&round, memory);
	counts->expired = (uint32_t)round.n;
	if (round.n == 0)
		return OUT_DONE;
	FAILPOINT(reap_after_list);
	/* Even if no void could be written, rows may be there to be read. */
	if (!MUTANT(reaper_no_void) && !MUTANT(reaper_blind))
		(void)void_all(&round);
	FAILPOINT(reap_after_void);
	out = settle_all(&round);
	reaper->gate->flush(reaper->gate->ctx);
	if (out != OUT_DONE)
		counts->skipped = counts->expired;
	return out;
}
