/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The insert met a row that was there first.  Which one is read, never parsed
 * out of a message: our own claim (sold: replay; void: the next attempt), the
 * unit's owner (the gate forgot a sale: heal it), or another order in the slot.
 * A unit goes back only when the row of its claim was read.
 */
#include "config.h"

#include "sale/buy_int.h"
#include "base/mutant.h"

void buy_release(struct buying *b, enum gate_release why)
{
	const struct gate_port *gate = b->buyer->gate;
	struct err ignored = ERR_INIT;

	/* If it fails, the lease stays, and the keeper does the same. */
	(void)gate->release(gate->ctx, buy_gate_ref(b), buy_claim(b),
	    &b->purchase->customer, why, buy_gate_deadline(b), &ignored);
}

static enum step release(
    struct buying *b, enum gate_release why, enum step then)
{
	buy_release(b, why);
	return then;
}

/* A row of this request's chain is sold: settle the unit that we hold. */
static enum step clash_own_sold(
    struct buying *b, const struct order *sold, const struct order *current)
{
	const struct gate_port *gate = b->buyer->gate;
	enum step next = buy_replay(b, sold);

	if (claim_eq(&sold->claim, buy_claim(b))) {
		if (sold->unit != b->ticket.unit)
			return release(b, GATE_RELEASE_ELSEWHERE, next);
		gate->confirm(
		    gate->ctx, buy_gate_ref(b), buy_claim(b), sold->unit);
		return next;
	}
	/* Another attempt of the chain has it.  Ours may go back only if it is
	 * decided. */
	if (current != NULL && current->status == ORDER_VOID)
		return release(b, GATE_RELEASE_VOID, next);
	return next;
}

/* Our id was decided void: the unit goes over to the next attempt's id. */
static enum step clash_void(
    struct buying *b, const struct order *rows, size_t n)
{
	const struct gate_port *gate = b->buyer->gate;
	size_t next = b->attempt;
	bool decided = true;

	while (decided && ++next < CLAIM_ATTEMPTS) {
		decided = false;
		for (size_t i = 0; i < n && !decided; i++)
			decided = claim_eq(&rows[i].claim, &b->chain.id[next]);
	}
	if (next == CLAIM_ATTEMPTS)
		return release(
		    b, GATE_RELEASE_VOID, buy_answer(b, VERDICT_KEY_SPENT));
	if (++b->rounds > ROUNDS_MAX)
		return buy_answer(b, VERDICT_TRY_AGAIN);
	b->claimed_ns = buy_now_ns(b);
	if (gate->rekey(gate->ctx, buy_gate_ref(b), buy_claim(b),
		&b->chain.id[next], &b->purchase->customer,
		buy_gate_deadline(b), &b->ticket, &b->result->err) != OUT_DONE)
		return buy_answer(b, VERDICT_UNAVAILABLE);
	/* A twin of ours has sold by that id meanwhile, or will. */
	if (b->ticket.answer == GATE_MINE)
		return STEP_LOOK_UP;
	if (b->ticket.answer == GATE_QUEUED)
		return buy_accepted(b, &b->ticket.queued);
	if (b->ticket.answer != GATE_TAKEN && b->ticket.answer != GATE_SAME)
		return buy_answer(b, VERDICT_TRY_AGAIN);
	b->attempt = next;
	return STEP_RECORD;
}

/* The gate offered a unit that is sold: it forgot.  Tell it, and ask again. */
static enum step clash_unit(struct buying *b, const struct order *owner)
{
	const struct gate_port *gate = b->buyer->gate;

	if (MUTANT(no_heal)) {
		gate->confirm(
		    gate->ctx, buy_gate_ref(b), buy_claim(b), b->ticket.unit);
		return buy_answer(b, VERDICT_TRY_AGAIN);
	}
	buy_event_note(b, BUY_EVENT_HEALED);
	if (gate->heal(gate->ctx, buy_gate_ref(b), buy_claim(b),
		&b->purchase->customer, owner, buy_gate_deadline(b),
		&b->result->err) != OUT_DONE)
		return buy_answer(b, VERDICT_UNAVAILABLE);
	return STEP_CLAIM;
}

/*
 * The slot is another order's: the gate forgot that one too.  Our own claim is
 * decided void before its unit goes back; the forgotten slots are written
 * back, or the customer would take a unit for nothing again and again.
 */
static enum step clash_slot(
    struct buying *b, const struct order *rows, size_t n)
{
	const struct ledger_port *ledger = b->buyer->ledger;
	const struct gate_port *gate = b->buyer->gate;
	struct order mine, row;
	size_t found;

	buy_event_note(b, BUY_EVENT_HEALED);
	buy_order_fill(b, &mine);
	if (ledger->void_claims(ledger->ctx, buy_gate_ref(b), &mine, 1,
		b->purchase->deadline_ns, &b->result->err) != OUT_DONE ||
	    ledger->find(ledger->ctx, buy_claim(b), 1, b->purchase->deadline_ns,
		&row, &found, &b->result->err) != OUT_DONE ||
	    found == 0)
		return buy_answer(b, VERDICT_UNAVAILABLE);
	if (row.status == ORDER_SOLD)
		return clash_own_sold(b, &row, &row);
	buy_release(b, GATE_RELEASE_VOID);
	if (gate->own(gate->ctx, buy_gate_ref(b), rows, n, buy_gate_deadline(b),
		&b->result->err) != OUT_DONE)
		return buy_answer(b, VERDICT_UNAVAILABLE);
	if (n >= b->sale.per_customer)
		return buy_limit_reached(b, rows, n);
	return buy_answer(b, VERDICT_TRY_AGAIN);
}

/*
 * InnoDB may refuse an insert for the row of a twin whose commit is in the middle
 * of being made visible: a reading right after it can miss that row.  So whoever
 * is found later is asked first whether he is not ourselves, before the gate is
 * said to have forgotten him.
 */
enum step buy_step_clash(struct buying *b)
{
	const struct ledger_port *ledger = b->buyer->ledger;
	struct order rows[SALE_PER_CUSTOMER_MAX];
	const struct order *current = NULL, *own;
	bool found;
	size_t n;

	_Static_assert(CLAIM_ATTEMPTS <= SALE_PER_CUSTOMER_MAX, "rows[] fits");
	if (MUTANT(clash_pushes_back))
		return release(
		    b, GATE_RELEASE_VOID, buy_answer(b, VERDICT_UNAVAILABLE));
	buy_chain_make(b, CLAIM_ATTEMPTS);
	if (ledger->find(ledger->ctx, b->chain.id, CLAIM_ATTEMPTS,
		b->purchase->deadline_ns, rows, &n,
		&b->result->err) != OUT_DONE)
		return buy_answer(b, VERDICT_UNAVAILABLE);
	for (size_t i = 0; i < n; i++)
		if (claim_eq(&rows[i].claim, buy_claim(b)))
			current = &rows[i];
	own = buy_own_row(b, rows, n);
	if (own != NULL)
		return clash_own_sold(b, own, current);
	if (current != NULL)
		return clash_void(b, rows, n);
	if (ledger->find_unit(ledger->ctx, b->sale.id, b->ticket.unit,
		b->purchase->deadline_ns, &rows[0], &found,
		&b->result->err) != OUT_DONE)
		return buy_answer(b, VERDICT_UNAVAILABLE);
	if (found) {
		own = buy_own_row(b, rows, 1);
		return own != NULL ? clash_own_sold(b, own, NULL)
				   : clash_unit(b, &rows[0]);
	}
	if (!buy_rows_read(b, rows, &n))
		return buy_answer(b, VERDICT_UNAVAILABLE);
	/* A twin of ours has sold since the chain was read (the model found it):
	 * it must not count as another order of this customer. */
	own = buy_own_row(b, rows, n);
	if (own != NULL)
		return clash_own_sold(b, own, NULL);
	for (size_t i = 0; i < n; i++)
		if (rows[i].slot == b->ticket.slot)
			return clash_slot(b, rows, n);
	/* What was in the way is gone again (cancelled just now). */
	return buy_answer(b, VERDICT_TRY_AGAIN);
}
