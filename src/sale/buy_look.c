/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the stores know of this customer already: asked when the gate knows him,
 * and when the sale does not sell.  Who bought before must not hear a final "no"
 * because his answer got lost.
 */
#include "config.h"

#include "sale/buy_int.h"
#include "base/bug.h"
#include "base/mutant.h"

/*
 * How long after `closes` an insert that passed the guard just before may
 * still be on its way to its commit: within it, "ended" would be a guess.
 */
#define ENDED_GRACE_US (2 * US_PER_S)

/* Index of `claim` in the chain, or CLAIM_ATTEMPTS. */
static size_t chain_find(const struct buying *b, const struct claim_id *claim)
{
	size_t i = 0;

	while (i < CLAIM_ATTEMPTS && !claim_eq(&b->chain.id[i], claim))
		i++;
	return i;
}

bool buy_rows_read(struct buying *b, struct order *rows, size_t *n)
{
	const struct ledger_port *ledger = b->buyer->ledger;

	return ledger->find_customer(ledger->ctx, b->sale.id,
		   &b->purchase->customer, b->purchase->deadline_ns, rows,
		   SALE_PER_CUSTOMER_MAX, n, &b->result->err) == OUT_DONE;
}

const struct order *buy_own_row(
    struct buying *b, const struct order *rows, size_t n)
{
	buy_chain_make(b, CLAIM_ATTEMPTS);
	for (size_t i = 0; i < n; i++)
		if (rows[i].status == ORDER_SOLD &&
		    chain_find(b, &rows[i].claim) < CLAIM_ATTEMPTS)
			return &rows[i];
	return NULL;
}

enum step buy_limit_reached(
    struct buying *b, const struct order *rows, size_t n)
{
	memcpy(b->result->orders, rows, n * sizeof(rows[0]));
	b->result->norders = n;
	return buy_answer(b, VERDICT_LIMIT_REACHED);
}

/*
 * A sold row of this very request was read.  With another payload it is not
 * this request's: whoever sent no key of his own has simply bought already.
 */
enum step buy_replay(struct buying *b, const struct order *row)
{
	b->result->order = *row;
	if (memcmp(row->payload_hash, b->purchase->payload_hash,
		PAYLOAD_HASH_BYTES) == 0)
		return buy_answer(
		    b, b->ambiguous ? VERDICT_CREATED : VERDICT_REPLAYED);
	if (b->purchase->key.p == NULL)
		return buy_limit_reached(b, row, 1);
	return buy_answer(b, VERDICT_KEY_REUSED);
}

/* ---- the sale does not sell -------------------------------------------------------- */

/*
 * Until no purchase that was admitted before is on its way any more.  A row meets
 * the guard, and a closed state waited for every running insert; an accepted order
 * meets no guard, and nobody waited for it: it may come as late as this purchase
 * still could.
 */
static enum step ended(struct buying *b, struct wall now)
{
	const struct purchase *purchase = b->purchase;
	bool closed = b->sale.state == SALE_STATE_CLOSED;
	/* Also a moment ago, before its mode was changed (the model found it). */
	bool accepts = buy_may_wait(b);
	int64_t left_us = (purchase->deadline_ns - buy_now_ns(b)) / NS_PER_US;
	int64_t grace_us = ENDED_GRACE_US;

	if (accepts && grace_us < left_us)
		grace_us = left_us;
	if (!closed && now.us < b->sale.closes.us + grace_us)
		return buy_answer(b, VERDICT_TRY_AGAIN);
	if (closed && accepts &&
	    (purchase->settling || purchase->sale.state != SALE_STATE_CLOSED))
		return buy_answer(b, VERDICT_TRY_AGAIN);
	return buy_answer(b, VERDICT_ENDED);
}

/* Over, and its gate is lost: nobody makes that anew, so nothing waits there. */
static bool gate_is_gone(struct buying *b)
{
	const struct gate_port *gate = b->buyer->gate;
	struct gate_gauge gauge;

	return b->sale.state == SALE_STATE_CLOSED &&
	       gate->gauge(gate->ctx, b->sale.id, buy_gate_deadline(b), &gauge,
		   &b->result->err) == OUT_DONE &&
	       !gauge.known;
}

enum step buy_not_selling(
    struct buying *b, enum sale_phase phase, struct wall now)
{
	struct order waiting[SALE_PER_CUSTOMER_MAX];
	struct order rows[SALE_PER_CUSTOMER_MAX];
	const struct order *own = NULL;
	size_t nwaiting = 0, n = 0;
	/* The gate first: what is written in between is in the ledger. */
	bool gate_known = !buy_may_wait(b) ||
			  buy_waiting_read(b, waiting, &nwaiting) ||
			  gate_is_gone(b);
	bool known = buy_rows_read(b, rows, &n);

	if (known)
		own = buy_own_row(b, rows, n);
	if (own != NULL)
		return buy_replay(b, own);
	own = buy_own_row(b, waiting, nwaiting);
	if (own != NULL)
		return buy_accepted(b, own);
	switch (phase) {
	case SALE_PHASE_PAUSED:
		return buy_answer(b, VERDICT_PAUSED);
	case SALE_PHASE_REBUILDING:
		return buy_answer(b, VERDICT_REBUILDING);
	case SALE_PHASE_ENDED:
		return known && gate_known ? ended(b, now)
					   : buy_answer(b, VERDICT_UNAVAILABLE);
	case SALE_PHASE_NOT_OPEN:
	case SALE_PHASE_SELLING:
		break;
	}
	BUG("a selling sale does not get here");
}

/* ---- look_up: the gate knows the customer ---------------------------------------- */

/* All slots are held, and not all of them by rows.  A claim of mode direct with
 * a limit of 1 has named the first attempt only: a later one may wait. */
static enum step all_held(struct buying *b)
{
	struct order waiting[SALE_PER_CUSTOMER_MAX];
	const struct order *own = NULL;
	size_t n;

	if (buy_waiting_read(b, waiting, &n))
		own = buy_own_row(b, waiting, n);
	return own != NULL ? buy_accepted(b, own)
			   : buy_answer(b, VERDICT_IN_PROGRESS);
}

enum step buy_step_look_up(struct buying *b)
{
	struct order rows[SALE_PER_CUSTOMER_MAX];
	const struct order *own;
	size_t n;

	if (!buy_rows_read(b, rows, &n))
		return buy_answer(b, VERDICT_UNAVAILABLE);
	own = buy_own_row(b, rows, n);
	if (own != NULL)
		return buy_replay(b, own);
	/* Final: every slot is taken by a committed row of another claim. */
	if (n >= b->sale.per_customer)
		return buy_limit_reached(b, rows, n);
	switch (b->ticket.answer) {
	case GATE_LIMIT:
		if (MUTANT(limit_from_lease))
			return buy_limit_reached(b, rows, n);
		return all_held(b);
	case GATE_GONE:
		return buy_gone(b);
	case GATE_MINE:
		/* Confirmed at the gate, yet not in the ledger: one of them has
		 * lost history.  Say nothing final. */
		err_set(&b->result->err, 0,
		    "sale %s: the gate calls a claim sold that the ledger does "
		    "not have",
		    b->sale.slug);
		return buy_answer(b, VERDICT_TRY_AGAIN);
	case GATE_SOFT:
	case GATE_TAKEN:
	case GATE_SAME:
	case GATE_QUEUED:
	case GATE_SPENT:
	case GATE_SHUT:
	case GATE_EPOCH:
	case GATE_NO_SALE:
	case GATE_ANSWER_COUNT:
		break;
	}
	return buy_answer(b, VERDICT_TRY_AGAIN);
}
