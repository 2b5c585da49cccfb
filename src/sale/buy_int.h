/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by buy.c (the story), buy_accept.c (modes queue and sweep), buy_look.c
 * (what the stores know of the customer) and buy_clash.c (what to do when a row is
 * in the way); nobody else includes it.
 */
#ifndef SALE_BUY_INT_H
#define SALE_BUY_INT_H

#include "sale/buy.h"

/* Turns through claim and record, all retries together. */
#define ROUNDS_MAX 12

enum step {
	STEP_IDENTIFY,
	STEP_ADMIT,
	STEP_CLAIM,
	STEP_LOOK_UP,
	STEP_RECORD,
	STEP_FENCED,
	STEP_CLASH,
	STEP_CONFIRM,
	STEP_ANSWER,
	STEP_COUNT
};

struct buying {
	const struct buyer *buyer;
	const struct purchase *purchase;
	struct purchase_result *result;
	struct sale sale; /* a newer reading than the table's, maybe */
	struct claim_chain chain;
	size_t chain_made; /* ids of the chain that are computed */
	size_t attempt; /* index of the id that is being bought with */
	struct gate_ticket ticket;
	int64_t claimed_ns;
	bool ambiguous; /* an insert of ours may or may not be in */
	bool resynced; /* the sale was read again because of its epoch */
	unsigned rounds;
};

/* Ends the story. */
enum step buy_answer(struct buying *b, enum verdict verdict);
void buy_event_note(struct buying *b, enum buy_event what);
int64_t buy_now_ns(const struct buying *b);
int64_t buy_gate_deadline(const struct buying *b);
struct gate_ref buy_gate_ref(const struct buying *b);
/* The id that is being bought with. */
const struct claim_id *buy_claim(const struct buying *b);
/* Computes ids 0..n-1 of the chain; each costs an HMAC, so only as many as are
 * needed. */
void buy_chain_make(struct buying *b, size_t n);
/* The row that this request would write now. */
void buy_order_fill(const struct buying *b, struct order *order);
/* The customer's sold rows; false when the ledger did not answer. */
bool buy_rows_read(struct buying *b, struct order *rows, size_t *n);
/* The sold row among `rows` that this request made earlier, or NULL. */
const struct order *buy_own_row(
    struct buying *b, const struct order *rows, size_t n);
enum step buy_replay(struct buying *b, const struct order *row);
enum step buy_limit_reached(
    struct buying *b, const struct order *rows, size_t n);

/* The unit of our claim goes back; the claim's row was read. */
void buy_release(struct buying *b, enum gate_release why);

/* Another turn through claim and record; false: it has been enough. */
bool buy_round_begin(struct buying *b);
/* What the gate's answer to a claim leads to. */
enum step buy_claim_answered(struct buying *b);
/* No unit is left. */
enum step buy_gone(struct buying *b);

/* May accepted orders of this sale wait to be written? */
bool buy_may_wait(const struct buying *b);
/* The customer's; false (and none) when the gate cannot tell. */
bool buy_waiting_read(struct buying *b, struct order *orders, size_t *n);
/* This request's order waits to be written, now or since an earlier time. */
enum step buy_accepted(struct buying *b, const struct order *order);
enum step buy_step_accept(struct buying *b);

/*
 * The sale does not sell.  Whoever bought while it did may still be asking for
 * the answer that got lost, and must not hear a final "no".
 */
enum step buy_not_selling(
    struct buying *b, enum sale_phase phase, struct wall now);
enum step buy_step_look_up(struct buying *b);
enum step buy_step_clash(struct buying *b);

#endif
