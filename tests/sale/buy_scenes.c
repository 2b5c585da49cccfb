/* SPDX-License-Identifier: Apache-2.0 */
/* What the world is like before the purchase. */
#include "config.h"

#include "sale/buy_scenes.h"
#include "unit.h"

#include <stdio.h>

void scene_plain(struct world *w)
{
	(void)w;
}

/* alice (without a key) has bought before; limit 1. */
void scene_owner(struct world *w)
{
	ck_assert_int_eq(world_verdict(w, "alice", NULL), VERDICT_CREATED);
	memset(w->plan.calls, 0, sizeof(w->plan.calls));
}

/* alice has bought with another key. */
void scene_bought_otherwise(struct world *w)
{
	ck_assert_int_eq(world_verdict(w, "alice", "other"), VERDICT_CREATED);
	memset(w->plan.calls, 0, sizeof(w->plan.calls));
}

void claim_leave_leased(struct world *w, const char *customer, const char *key)
{
	struct customer who;
	struct claim_chain chain = {.n = 1};
	struct gate_ticket ticket;
	struct err err;

	ck_assert(customer_parse(strv_c(customer), &who));
	chain.id[0] = claim_id_make(&w->sale, &who, strv_c(key), 0);
	ck_assert_int_eq(w->gate.claim(w->gate.ctx,
			     (struct gate_ref){w->sale.id, w->sale.epoch},
			     &chain, &who, INT64_MAX, &ticket, &err),
	    OUT_DONE);
	ck_assert_int_eq(ticket.answer, GATE_TAKEN);
}

/* A worker died between claim and insert of this very request. */
void scene_own_lease(struct world *w)
{
	claim_leave_leased(w, "alice", NULL);
}

/* Another request of alice's is under way. */
void scene_other_lease(struct world *w)
{
	claim_leave_leased(w, "alice", "other");
}

/* The same, and it was decided void: its worker slept for an hour. */
void scene_voided(struct world *w)
{
	claim_leave_leased(w, "alice", NULL);
	world_settle(w);
}

/* ... eight times over. */
void scene_key_spent(struct world *w)
{
	struct customer who;

	ck_assert(customer_parse(strv_c("alice"), &who));
	for (size_t i = 0; i < CLAIM_ATTEMPTS; i++) {
		struct order row = {.sale = w->sale.id,
		    .status = ORDER_VOID,
		    .epoch = w->sale.epoch,
		    .customer = who};

		row.claim = claim_id_make(&w->sale, &who, strv_c(NULL), i);
		mem_ledger_put_row(w->mem_ledger, &row);
	}
}

static void stock_sell_out(struct world *w)
{
	char name[16];

	for (uint32_t i = world_sold(w); i < w->sale.stock; i++) {
		snprintf(name, sizeof(name), "buyer%u", i);
		ck_assert_int_eq(world_verdict(w, name, NULL), VERDICT_CREATED);
	}
	memset(w->plan.calls, 0, sizeof(w->plan.calls));
}

void scene_sold_out(struct world *w)
{
	stock_sell_out(w);
}

/* More stock than the gate was told of: it has sold all that it knows. */
void scene_gate_behind_stock(struct world *w)
{
	stock_sell_out(w);
	w->sale.stock++;
	world_sale_put(w);
}

/* alice owns one of them and asks again. */
void scene_sold_out_owner(struct world *w)
{
	scene_owner(w);
	stock_sell_out(w);
}

/* The last unit is leased to somebody, undecided. */
void scene_last_leased(struct world *w)
{
	claim_leave_leased(w, "zoe", NULL);
	w->sale.stock--; /* sell the others only */
	stock_sell_out(w);
	w->sale.stock++;
}

void scene_gate_lost(struct world *w)
{
	mem_gate_flushall(w->mem_gate);
}

/* The table is one epoch behind: somebody rebuilt a moment ago. */
void scene_table_stale(struct world *w)
{
	struct sale old = w->sale;
	struct rebuild_result rebuilt;
	struct err err;

	ck_assert_int_eq(
	    sale_rebuild(&w->gate, &w->ledger, &w->sale, SALE_STATE_OPEN,
		INT64_MAX, NULL, NULL, &rebuilt, &err),
	    OUT_DONE);
	w->sale = old;
}

/* A rebuild has fenced the ledger and not published the gate yet. */
void scene_rebuilding(struct world *w)
{
	struct err err;
	bool won;

	ck_assert_int_eq(w->ledger.epoch_begin(w->ledger.ctx, &w->sale,
			     SALE_STATE_REBUILD, INT64_MAX, &won, &err),
	    OUT_DONE);
	ck_assert(won);
}

static void state_put_behind_table(struct world *w, enum sale_state state)
{
	struct sale table = w->sale;

	w->sale.state = state;
	world_sale_put(w);
	w->sale = table;
}

void scene_paused_behind(struct world *w)
{
	state_put_behind_table(w, SALE_STATE_PAUSED);
}

void scene_closed_behind(struct world *w)
{
	state_put_behind_table(w, SALE_STATE_CLOSED);
}

void scene_paused(struct world *w)
{
	w->sale.state = SALE_STATE_PAUSED;
	world_sale_put(w);
}

void scene_closed(struct world *w)
{
	w->sale.state = SALE_STATE_CLOSED;
	world_sale_put(w);
}

void scene_closed_owner(struct world *w)
{
	scene_owner(w);
	scene_closed(w);
}

void scene_paused_owner(struct world *w)
{
	scene_owner(w);
	scene_paused(w);
}

void scene_early(struct world *w)
{
	w->sale.opens.us = w->wall_us + 60 * US_PER_S;
	world_sale_put(w);
}

/* The worker's idea of the time is ahead of the ledger's. */
void scene_early_for_ledger(struct world *w)
{
	struct sale table = w->sale;

	scene_early(w);
	w->sale = table;
}

void scene_ended(struct world *w)
{
	w->sale.closes.us = w->wall_us - 60 * US_PER_S;
	world_sale_put(w);
}

void scene_ended_just_now(struct world *w)
{
	w->sale.closes.us = w->wall_us - 1;
	world_sale_put(w);
}

/* The gate lost history: unit 1 is sold, and in the list in front of all. */
void scene_unit_resurrected(struct world *w)
{
	struct rebuild_result rebuilt;
	struct err err;

	stock_sell_out(w);
	/* A gate as it was before the first sale, under the same epoch. */
	mem_gate_flushall(w->mem_gate);
	for (uint32_t unit = 1; unit <= w->sale.stock; unit++)
		ck_assert_int_eq(
		    w->gate.seed(w->gate.ctx,
			(struct gate_ref){w->sale.id, w->sale.epoch}, &unit, 1,
			INT64_MAX, &err),
		    OUT_DONE);
	ck_assert_int_eq(
	    w->gate.publish(w->gate.ctx,
		(struct gate_ref){w->sale.id, w->sale.epoch},
		&(struct gate_seeded){w->sale.stock, w->sale.per_customer,
		    w->sale.stock, 0, 0, false},
		INT64_MAX, &err),
	    OUT_DONE);
	(void)rebuilt;
}

/* The gate forgot alice's slot (and her unit is not in the list). */
void scene_slot_forgotten(struct world *w)
{
	uint32_t unit;
	struct err err;

	scene_bought_otherwise(w);
	mem_gate_flushall(w->mem_gate);
	for (unit = 2; unit <= w->sale.stock; unit++)
		ck_assert_int_eq(
		    w->gate.seed(w->gate.ctx,
			(struct gate_ref){w->sale.id, w->sale.epoch}, &unit, 1,
			INT64_MAX, &err),
		    OUT_DONE);
	ck_assert_int_eq(
	    w->gate.publish(w->gate.ctx,
		(struct gate_ref){w->sale.id, w->sale.epoch},
		&(struct gate_seeded){w->sale.stock, w->sale.per_customer,
		    w->sale.stock - 1, 0, 0, false},
		INT64_MAX, &err),
	    OUT_DONE);
}

bool told_yes(enum verdict verdict)
{
	return verdict == VERDICT_CREATED || verdict == VERDICT_REPLAYED;
}

void row_must_exist(struct world *w, const struct order *order)
{
	struct order row;
	struct err err;
	size_t found;

	ck_assert_int_eq(w->ledger.find(w->ledger.ctx, &order->claim, 1,
			     INT64_MAX, &row, &found, &err),
	    OUT_DONE);
	ck_assert_uint_eq(found, 1);
	ck_assert_int_eq(row.status, ORDER_SOLD);
	ck_assert_uint_eq(row.unit, order->unit);
}
