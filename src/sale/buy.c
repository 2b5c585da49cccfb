/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The purchase, told in order:
 *
 *	identify   who asks for what: the claim id
 *	admit      does the sale sell now, can the ledger be written to
 *	claim      one gate call: a unit, leased to the claim
 *	record     one ledger call: the guarded insert
 *	confirm    the gate may forget the lease
 *	answer
 *
 * and three detours: look_up (the gate knows this customer already), fenced
 * (the guard refused the insert), clash (a row was in the way).  In modes queue
 * and sweep the claim is accepted instead, and answered (buy_accept.c); a
 * settler records it.
 *
 * Nothing here gives a unit back unless the claim's row was read; a claim that
 * cannot be decided now stays leased, and the keeper decides it.
 */
#include "config.h"

#include "sale/buy_int.h"
#include "base/bug.h"
#include "base/failpoint.h"
#include "base/mutant.h"

/* ---- small words ---------------------------------------------------------------- */

enum step buy_answer(struct buying *b, enum verdict verdict)
{
	b->result->verdict = verdict;
	return STEP_ANSWER;
}

void buy_event_note(struct buying *b, enum buy_event what)
{
	b->result->events |= 1u << what;
}

int64_t buy_now_ns(const struct buying *b)
{
	return b->buyer->clock->mono_ns(b->buyer->clock->ctx);
}

int64_t buy_gate_deadline(const struct buying *b)
{
	int64_t budget = buy_now_ns(b) + b->buyer->gate_timeout_ms * NS_PER_MS;

	return budget < b->purchase->deadline_ns ? budget
						 : b->purchase->deadline_ns;
}

struct gate_ref buy_gate_ref(const struct buying *b)
{
	return (struct gate_ref){b->sale.id, b->sale.epoch};
}

const struct claim_id *buy_claim(const struct buying *b)
{
	return &b->chain.id[b->attempt];
}

void buy_chain_make(struct buying *b, size_t n)
{
	for (; b->chain_made < n; b->chain_made++)
		b->chain.id[b->chain_made] = claim_id_make(&b->sale,
		    &b->purchase->customer, b->purchase->key, b->chain_made);
}

/* Another turn through claim and record; false: it has been enough. */
bool buy_round_begin(struct buying *b)
{
	if (++b->rounds > ROUNDS_MAX ||
	    buy_now_ns(b) >= b->purchase->deadline_ns)
		return false;
	b->claimed_ns = buy_now_ns(b);
	return true;
}

/* ---- identify, admit --------------------------------------------------------- */

static enum step step_identify(struct buying *b)
{
	b->sale = b->purchase->sale;
	/* A second purchase cannot be told from a retry without a key. */
	if (b->sale.per_customer > 1 && b->purchase->key.p == NULL)
		return buy_answer(b, VERDICT_KEY_MISSING);
	b->chain.n = b->sale.per_customer > 1 ? CLAIM_ATTEMPTS : 1;
	buy_chain_make(b, b->chain.n);
	return STEP_ADMIT;
}

static enum step step_admit(struct buying *b)
{
	const struct ledger_port *ledger = b->buyer->ledger;
	enum sale_phase phase = sale_phase_at(&b->sale, b->purchase->now);

	if (phase == SALE_PHASE_NOT_OPEN)
		return buy_answer(b, VERDICT_NOT_OPEN);
	if (phase != SALE_PHASE_SELLING)
		return buy_not_selling(b, phase, b->purchase->now);
	/* Nothing is claimed that cannot be recorded.  What is accepted is
	 * recorded later: that goes on while the ledger is away. */
	if (b->sale.mode == SALE_MODE_DIRECT &&
	    ledger->ready(ledger->ctx, b->purchase->deadline_ns,
		&b->result->err) != OUT_DONE)
		return buy_answer(b, VERDICT_UNAVAILABLE);
	return STEP_CLAIM;
}

/* ---- claim ------------------------------------------------------------------- */

/*
 * The gate knows something newer of the sale than we do: read the sale once more,
 * and go on only if the ledger agrees with the gate.
 */
static enum step claim_resync(struct buying *b)
{
	const struct ledger_port *ledger = b->buyer->ledger;
	bool shut = b->ticket.answer == GATE_SHUT;
	struct sale fresh;
	struct wall now;
	bool found;

	/* The keeper tells the gate in a moment. */
	if (b->resynced && shut)
		err_set(&b->result->err, 0,
		    "the gate of sale %s takes no orders until its keeper has "
		    "looked after it",
		    b->sale.slug);
	if (b->resynced)
		return buy_answer(
		    b, shut ? VERDICT_TRY_AGAIN : VERDICT_REBUILDING);
	b->resynced = true;
	/* Shut, says Redis alone: that is no word for a shopper. */
	if (ledger->sale(ledger->ctx, b->sale.id, b->purchase->deadline_ns,
		&fresh, &found, &now, &b->result->err) != OUT_DONE)
		return buy_answer(b, VERDICT_UNAVAILABLE);
	if (!found || (!shut && fresh.epoch != b->ticket.epoch))
		return buy_answer(b, VERDICT_REBUILDING);
	/* It may be paused by now, and an accepted order meets no guard. */
	b->sale = fresh;
	return STEP_ADMIT;
}

/*
 * Nothing left of what the gate was given: final, if that is the whole stock.  A
 * gate that was not told of new units yet, or was set back to before it was told,
 * may not know an owner either.
 */
enum step buy_gone(struct buying *b)
{
	b->result->may_return = b->ticket.waiting;
	return buy_answer(b, b->ticket.units < b->sale.stock
				 ? VERDICT_TRY_AGAIN
				 : VERDICT_SOLD_OUT);
}

enum step buy_claim_answered(struct buying *b)
{
	switch (b->ticket.answer) {
	case GATE_TAKEN:
		b->attempt = 0;
		return STEP_RECORD;
	case GATE_SAME:
		b->attempt = b->ticket.attempt;
		return STEP_RECORD;
	case GATE_QUEUED:
		return buy_accepted(b, &b->ticket.queued);
	case GATE_SPENT:
		return buy_answer(b, VERDICT_KEY_SPENT);
	case GATE_MINE:
	case GATE_LIMIT:
		return STEP_LOOK_UP;
	case GATE_SOFT:
		if (MUTANT(gone_while_leased))
			return buy_answer(b, VERDICT_SOLD_OUT);
		return b->ticket.slots_held > 0
			   ? STEP_LOOK_UP
			   : buy_answer(b, VERDICT_TRY_AGAIN);
	case GATE_GONE:
		return b->ticket.slots_held > 0 ? STEP_LOOK_UP : buy_gone(b);
	case GATE_EPOCH:
	case GATE_SHUT:
		return claim_resync(b);
	case GATE_NO_SALE:
		if (MUTANT(empty_sold_out))
			return buy_answer(b, VERDICT_SOLD_OUT);
		/* An empty Redis is not "sold out". */
		buy_event_note(b, BUY_EVENT_GATE_LOST);
		err_set(&b->result->err, 0,
		    "the gate does not know sale %s (epoch %u)", b->sale.slug,
		    b->sale.epoch);
		return buy_answer(b, VERDICT_REBUILDING);
	case GATE_ANSWER_COUNT:
		break;
	}
	BUG("no such gate answer");
}

static enum step step_claim(struct buying *b)
{
	const struct gate_port *gate = b->buyer->gate;
	enum outcome out;

	if (!buy_round_begin(b))
		return buy_answer(b, VERDICT_TRY_AGAIN);
	if (b->sale.mode != SALE_MODE_DIRECT)
		return buy_step_accept(b);
	out = gate->claim(gate->ctx, buy_gate_ref(b), &b->chain,
	    &b->purchase->customer, buy_gate_deadline(b), &b->ticket,
	    &b->result->err);
	/* The same call again, on a new connection, gets the same unit. */
	if (out == OUT_UNKNOWN)
		out = gate->claim(gate->ctx, buy_gate_ref(b), &b->chain,
		    &b->purchase->customer, buy_gate_deadline(b), &b->ticket,
		    &b->result->err);
	if (out != OUT_DONE)
		return buy_answer(b, VERDICT_UNAVAILABLE);
	return buy_claim_answered(b);
}

/* ---- record --------------------------------------------------------------------- */

void buy_order_fill(const struct buying *b, struct order *order)
{
	*order = (struct order){
	    .claim = *buy_claim(b),
	    .sale = b->sale.id,
	    .epoch = b->sale.epoch,
	    .status = ORDER_SOLD,
	    .unit = b->ticket.unit,
	    .slot = b->ticket.slot,
	    .customer = b->purchase->customer,
	    /* So that 201 and every later reading tell the same. */
	    .created = b->purchase->now,
	};
	memcpy(
	    order->payload_hash, b->purchase->payload_hash, PAYLOAD_HASH_BYTES);
	memcpy(order->ref, b->purchase->ref, sizeof(order->ref));
}

static enum step step_confirm(struct buying *b)
{
	const struct gate_port *gate = b->buyer->gate;

	FAILPOINT(before_confirm);
	gate->confirm(gate->ctx, buy_gate_ref(b), buy_claim(b), b->ticket.unit);
	if (MUTANT(confirm_early))
		gate->flush(gate->ctx);
	FAILPOINT(after_confirm);
	return buy_answer(b, VERDICT_CREATED);
}

static enum step step_record(struct buying *b)
{
	const struct ledger_port *ledger = b->buyer->ledger;
	struct order *order = &b->result->order;
	enum ledger_record record;
	enum outcome out = OUT_NOT_DONE;

	/* Economy, not safety: such an insert would most likely meet a void. */
	if (buy_now_ns(b) - b->claimed_ns > b->buyer->lease_ms * NS_PER_MS / 2)
		return buy_answer(b, VERDICT_TRY_AGAIN);
	buy_order_fill(b, order);
	if (MUTANT(confirm_early))
		(void)step_confirm(b);
	/* A second time: after UNKNOWN it is the same insert, which waits for
	 * its twin and then clashes; after NOT_DONE it is the one retry. */
	for (int tries = 0; tries < 2 && out != OUT_DONE; tries++) {
		out = ledger->record(ledger->ctx, order,
		    b->purchase->deadline_ns, &record, &b->result->err);
		if (out == OUT_UNKNOWN) {
			b->ambiguous = true;
			buy_event_note(b, BUY_EVENT_AMBIGUOUS);
		}
	}
	if (MUTANT(give_back) && out == OUT_UNKNOWN)
		buy_release(b, GATE_RELEASE_VOID);
	if (MUTANT(early_yes) && out == OUT_UNKNOWN)
		return buy_answer(b, VERDICT_CREATED);
	if (out != OUT_DONE)
		return buy_answer(b, VERDICT_UNAVAILABLE);
	switch (record) {
	case LEDGER_RECORDED:
		FAILPOINT(after_commit);
		return STEP_CONFIRM;
	case LEDGER_FENCED:
		return STEP_FENCED;
	case LEDGER_CLASH:
		return STEP_CLASH;
	case LEDGER_REFUSED: /* of batches */
		break;
	}
	BUG("no such record answer");
}

/* ---- fenced: the guard refused --------------------------------------------------- */

/*
 * The claim stays leased: a sale that is paused for a moment, or not open by
 * the ledger's clock yet, finds its claim again; else the keeper voids it.
 */
static enum step step_fenced(struct buying *b)
{
	const struct ledger_port *ledger = b->buyer->ledger;
	uint32_t epoch = b->sale.epoch;
	enum sale_phase phase;
	struct sale fresh;
	struct wall now;
	bool found;

	if (ledger->sale(ledger->ctx, b->sale.id, b->purchase->deadline_ns,
		&fresh, &found, &now, &b->result->err) != OUT_DONE)
		return buy_answer(b, VERDICT_UNAVAILABLE);
	if (!found)
		return buy_answer(b, VERDICT_TRY_AGAIN);
	b->sale = fresh;
	phase = sale_phase_at(&fresh, now);
	if (phase == SALE_PHASE_NOT_OPEN)
		return buy_answer(b, VERDICT_NOT_OPEN);
	if (phase != SALE_PHASE_SELLING)
		return buy_not_selling(b, phase, now);
	if (fresh.epoch != epoch)
		return buy_answer(b, VERDICT_REBUILDING);
	if (b->ticket.unit > fresh.stock) {
		buy_event_note(b, BUY_EVENT_OUT_OF_BOUNDS);
		err_set(&b->result->err, 0,
		    "sale %s: the gate offered unit %u of %u", fresh.slug,
		    b->ticket.unit, fresh.stock);
	}
	return buy_answer(b, VERDICT_TRY_AGAIN);
}

/* ---- the story -------------------------------------------------------------------- */

static enum step (*const steps[])(struct buying *b) = {
    [STEP_IDENTIFY] = step_identify,
    [STEP_ADMIT] = step_admit,
    [STEP_CLAIM] = step_claim,
    [STEP_LOOK_UP] = buy_step_look_up,
    [STEP_RECORD] = step_record,
    [STEP_FENCED] = step_fenced,
    [STEP_CLASH] = buy_step_clash,
    [STEP_CONFIRM] = step_confirm,
};

void sale_buy(const struct buyer *buyer, const struct purchase *purchase,
    struct purchase_result *result)
{
	struct buying b = {
	    .buyer = buyer, .purchase = purchase, .result = result};
	enum step step = STEP_IDENTIFY;

	memset(result, 0, sizeof(*result));
	result->verdict = VERDICT_COUNT;
	while (step != STEP_ANSWER) {
		BUG_ON(step >= ARRAY_LEN(steps));
		step = steps[step](&b);
	}
	BUG_ON(result->verdict == VERDICT_COUNT);
	/* A failure that was overcome on the way is not the answer's reason. */
	if (result->verdict != VERDICT_TRY_AGAIN &&
	    result->verdict != VERDICT_UNAVAILABLE &&
	    result->verdict != VERDICT_REBUILDING)
		result->err = (struct err)ERR_INIT;
}

static const char *const verdict_names[] = {
    [VERDICT_CREATED] = "created",
    [VERDICT_REPLAYED] = "replayed",
    [VERDICT_ACCEPTED] = "accepted",
    [VERDICT_SOLD_OUT] = "sold-out",
    [VERDICT_LIMIT_REACHED] = "limit-reached",
    [VERDICT_IN_PROGRESS] = "in-progress",
    [VERDICT_NOT_OPEN] = "sale-not-open",
    [VERDICT_ENDED] = "sale-ended",
    [VERDICT_KEY_MISSING] = "key-missing",
    [VERDICT_KEY_REUSED] = "key-reused",
    [VERDICT_KEY_SPENT] = "key-spent",
    [VERDICT_PAUSED] = "paused",
    [VERDICT_REBUILDING] = "rebuilding",
    [VERDICT_TRY_AGAIN] = "try-again",
    [VERDICT_UNAVAILABLE] = "unavailable",
};
_Static_assert(ARRAY_LEN(verdict_names) == VERDICT_COUNT, "a name for each");

const char *verdict_name(enum verdict verdict)
{
	return verdict_names[verdict];
}
