/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An accepted order that was refused: what a row says, or the sale, decides it;
 * read, never guessed.  Where nothing decides it now, it stays open.
 */
#include "config.h"

#include "sale/settle_int.h"
#include "base/mutant.h"

#include <stdio.h>

/* ---- decided -------------------------------------------------------------------- */

static void decide(struct item *item, enum gate_fate fate)
{
	item->decided = true;
	item->fate = fate;
}

void settle_written(struct settling *s, struct item *item)
{
	const struct clock *clock = s->settler->clock;
	struct settle_counts *counts = s->counts;
	int64_t now_us = clock->wall(clock->ctx).us + s->offset_us;

	decide(item, GATE_FATE_SOLD);
	counts->sold++;
	if (counts->nlags < SETTLE_LAGS)
		counts->lag_us[counts->nlags++] =
		    now_us - item->entry.order.created.us;
}

static void decide_void(
    struct settling *s, struct item *item, enum gate_fate fate)
{
	decide(item, fate);
	if (item->buried)
		s->counts->dead++;
	else
		s->counts->voided++;
}

/*
 * The claim is void.  Its unit goes back, unless it is somebody else's order that
 * the gate has forgotten: then that one's slot is written back first, or he might
 * hear "sold out" about his own unit.
 */
static enum outcome void_settle(struct settling *s, struct item *item)
{
	const struct ledger_port *ledger = s->settler->ledger;
	const struct gate_port *gate = s->settler->gate;
	const struct order *order = &item->entry.order;
	struct order owner;
	enum outcome out;
	bool found;

	if (order->unit == 0) {
		decide_void(s, item, GATE_FATE_VOID);
		return OUT_DONE;
	}
	out = ledger->find_unit(ledger->ctx, s->ref.sale, order->unit,
	    s->deadline_ns, &owner, &found, s->err);
	if (out == OUT_DONE && found)
		out = gate->own(
		    gate->ctx, s->ref, &owner, 1, s->deadline_ns, s->err);
	if (out == OUT_DONE)
		decide_void(s, item, found ? GATE_FATE_TAKEN : GATE_FATE_VOID);
	return out;
}

enum outcome settle_by_row(
    struct settling *s, struct item *item, const struct order *row)
{
	if (row->status == ORDER_VOID)
		return void_settle(s, item);
	if (row->status == ORDER_SOLD && row->unit != item->entry.order.unit) {
		decide(item, GATE_FATE_ELSEWHERE);
		s->counts->replayed++;
	} else if (row->status == ORDER_SOLD && item->ambiguous) {
		settle_written(s, item);
	} else {
		/* A cancelled order's unit went back when it was cancelled. */
		decide(item, GATE_FATE_SOLD);
		s->counts->replayed++;
	}
	return OUT_DONE;
}

/* Decides by the claim's row, if there is one. */
static enum outcome row_read(struct settling *s, struct item *item)
{
	const struct ledger_port *ledger = s->settler->ledger;
	struct order row;
	enum outcome out;
	size_t found;

	out = ledger->find(ledger->ctx, &item->entry.order.claim, 1,
	    s->deadline_ns, &row, &found, s->err);
	return out == OUT_DONE && found > 0 ? settle_by_row(s, item, &row)
					    : out;
}

/* It cannot be sold: a void row, unless it has its row, and what then is there. */
static enum outcome void_make(struct settling *s, struct item *item)
{
	const struct ledger_port *ledger = s->settler->ledger;
	enum outcome out = OUT_UNKNOWN;

	for (int tries = 0; tries < 2 && out == OUT_UNKNOWN; tries++)
		out = ledger->void_claims(ledger->ctx, s->ref,
		    &item->entry.order, 1, s->deadline_ns, s->err);
	return out == OUT_DONE ? row_read(s, item) : out;
}

/* ---- bury ------------------------------------------------------------------------ */

enum outcome settle_bury(
    struct settling *s, struct item *item, const char *reason)
{
	const struct ledger_port *ledger = s->settler->ledger;
	struct dead_letter letter = {.order = item->entry.order,
	    .entry = item->entry.id,
	    .deliveries = item->entry.deliveries};
	enum outcome out = OUT_UNKNOWN;
	struct sale sale;

	letter.order.sale = s->ref.sale;
	letter.order.epoch = s->ref.epoch;
	snprintf(letter.reason, sizeof(letter.reason), "%.*s",
	    DEAD_REASON_MAX - 1, reason);
	for (int tries = 0; tries < 2 && out == OUT_UNKNOWN; tries++)
		out = ledger->bury(
		    ledger->ctx, s->ref, &letter, s->deadline_ns, s->err);
	if (out == OUT_NOT_DONE && settle_fence_read(s, &sale) == OUT_DONE &&
	    s->stale)
		return OUT_DONE;
	if (out != OUT_DONE)
		return out;
	item->buried = true;
	/* Not even its claim could be read. */
	if (claim_is_none(&letter.order.claim)) {
		decide_void(s, item, GATE_FATE_VOID);
		return OUT_DONE;
	}
	return row_read(s, item);
}

enum outcome settle_fence_read(struct settling *s, struct sale *sale)
{
	const struct ledger_port *ledger = s->settler->ledger;
	struct wall now;
	bool found;
	enum outcome out = ledger->sale(ledger->ctx, s->ref.sale,
	    s->deadline_ns, sale, &found, &now, s->err);

	if (out == OUT_DONE)
		s->stale = !found || sale->epoch != s->ref.epoch ||
			   sale->state == SALE_STATE_DRAFT ||
			   sale->state == SALE_STATE_REBUILD;
	return out;
}

enum outcome settle_fenced(struct settling *s, struct item *item)
{
	const struct order *order = &item->entry.order;
	struct sale sale;
	enum outcome out = settle_fence_read(s, &sale);

	if (out != OUT_DONE || s->stale)
		return out;
	if (order->unit > sale.stock || order->slot > sale.per_customer)
		return void_make(s, item);
	return OUT_DONE; /* it was so a moment ago: once more, later */
}

/* The slot is another order's: the gate forgot that one. */
static enum outcome slot_settle(struct settling *s, struct item *item)
{
	const struct ledger_port *ledger = s->settler->ledger;
	const struct gate_port *gate = s->settler->gate;
	const struct order *order = &item->entry.order;
	struct order rows[SALE_PER_CUSTOMER_MAX];
	enum outcome out;
	bool held = false;
	size_t n;

	out = ledger->find_customer(ledger->ctx, s->ref.sale, &order->customer,
	    s->deadline_ns, rows, SALE_PER_CUSTOMER_MAX, &n, s->err);
	if (out != OUT_DONE)
		return out;
	for (size_t i = 0; i < n; i++) {
		if (claim_eq(&rows[i].claim, &order->claim))
			return settle_by_row(s, item, &rows[i]);
		held = held || rows[i].slot == order->slot;
	}
	if (!held)
		return OUT_DONE; /* what was in the way is gone again */
	/* Before this claim lets go of the slot: else it would be free. */
	out = gate->own(gate->ctx, s->ref, rows, n, s->deadline_ns, s->err);
	return out == OUT_DONE ? void_make(s, item) : out;
}

/*
 * A row is in the way: our own claim's, the unit's, or the slot's; read, in this
 * order.  A row that is committed just now may be missed by one reading and seen
 * by the next, so each is asked first whether it is not our own.
 */
enum outcome settle_clash(struct settling *s, struct item *item)
{
	const struct ledger_port *ledger = s->settler->ledger;
	const struct order *order = &item->entry.order;
	struct order owner;
	enum outcome out;
	bool found;

	if (MUTANT(settle_blind)) {
		settle_written(s, item);
		return OUT_DONE;
	}
	out = row_read(s, item);
	if (out != OUT_DONE || item->decided)
		return out;
	out = ledger->find_unit(ledger->ctx, s->ref.sale, order->unit,
	    s->deadline_ns, &owner, &found, s->err);
	if (out != OUT_DONE)
		return out;
	if (!found)
		return slot_settle(s, item);
	if (claim_eq(&owner.claim, &order->claim))
		return settle_by_row(s, item, &owner);
	return void_make(s, item);
}
