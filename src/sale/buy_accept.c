/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Modes queue and sweep: a claim becomes an accepted order in one gate call, and
 * that is the answer.  No ledger is needed for it, except to ask what a gate that
 * was made anew cannot know.
 */
#include "config.h"

#include "sale/buy_int.h"

bool buy_may_wait(const struct buying *b)
{
	return b->sale.mode != SALE_MODE_DIRECT || b->purchase->waiting;
}

bool buy_waiting_read(struct buying *b, struct order *orders, size_t *n)
{
	const struct gate_port *gate = b->buyer->gate;
	bool known;

	*n = 0;
	if (gate->pending(gate->ctx, buy_gate_ref(b), &b->purchase->customer,
		buy_gate_deadline(b), orders, SALE_PER_CUSTOMER_MAX, n, &known,
		&b->result->err) != OUT_DONE)
		*n = 0;
	else if (known)
		return true;
	return false;
}

/* As buy_replay(), for an order that has no row yet. */
enum step buy_accepted(struct buying *b, const struct order *order)
{
	b->result->order = *order;
	if (memcmp(order->payload_hash, b->purchase->payload_hash,
		PAYLOAD_HASH_BYTES) == 0)
		return buy_answer(b, VERDICT_ACCEPTED);
	return buy_answer(b, b->purchase->key.p == NULL ? VERDICT_IN_PROGRESS
							: VERDICT_KEY_REUSED);
}

/*
 * A gate that was made anew knows the sold, but not which attempts were void
 * before: those rows are in the ledger.  If that is away, an attempt that is void
 * may be accepted: its settler will say so.  STEP_CLAIM: go on.
 */
static enum step history_read(struct buying *b, size_t *from)
{
	const struct ledger_port *ledger = b->buyer->ledger;
	int64_t now_ns = buy_now_ns(b);
	struct order rows[CLAIM_ATTEMPTS];
	const struct order *own;
	struct err ignored = ERR_INIT;
	bool decided = true;
	size_t n;

	/* Half of the time that is left: the gate needs the other one. */
	if (ledger->find(ledger->ctx, b->chain.id, CLAIM_ATTEMPTS,
		now_ns + (b->purchase->deadline_ns - now_ns) / 2, rows, &n,
		&ignored) != OUT_DONE)
		return STEP_CLAIM;
	own = buy_own_row(b, rows, n);
	if (own != NULL)
		return buy_replay(b, own);
	for (*from = 0; decided && *from < CLAIM_ATTEMPTS; *from += decided) {
		decided = false;
		for (size_t i = 0; i < n && !decided; i++)
			decided = claim_eq(&rows[i].claim, &b->chain.id[*from]);
	}
	return *from < CLAIM_ATTEMPTS ? STEP_CLAIM
				      : buy_answer(b, VERDICT_KEY_SPENT);
}

static enum step accept_answered(struct buying *b, size_t from)
{
	struct order order;

	if (b->ticket.answer == GATE_TAKEN) {
		b->attempt = b->ticket.attempt;
		buy_order_fill(b, &order);
		return buy_accepted(b, &order);
	}
	/* It has its void row, and its settler is about to tell the gate. */
	if (b->ticket.answer == GATE_QUEUED && b->ticket.attempt < from)
		return buy_answer(b, VERDICT_TRY_AGAIN);
	return buy_claim_answered(b);
}

enum step buy_step_accept(struct buying *b)
{
	const struct gate_port *gate = b->buyer->gate;
	enum step step = STEP_CLAIM;
	enum outcome out = OUT_UNKNOWN;
	struct order draft = {.created = b->purchase->now};
	size_t from = 0;

	buy_chain_make(b, CLAIM_ATTEMPTS);
	b->chain.n = CLAIM_ATTEMPTS;
	memcpy(
	    draft.payload_hash, b->purchase->payload_hash, PAYLOAD_HASH_BYTES);
	memcpy(draft.ref, b->purchase->ref, sizeof(draft.ref));
	if (b->sale.epoch > 1)
		step = history_read(b, &from);
	if (step != STEP_CLAIM)
		return step;
	/* The same call again, on a new connection, finds what the first did. */
	for (int tries = 0; tries < 2 && out == OUT_UNKNOWN; tries++)
		out = gate->enqueue(gate->ctx, buy_gate_ref(b), &b->chain, from,
		    &b->purchase->customer, &draft, false, buy_gate_deadline(b),
		    &b->ticket, &b->result->err);
	if (out != OUT_DONE)
		return buy_answer(b, VERDICT_UNAVAILABLE);
	return accept_answered(b, from);
}
