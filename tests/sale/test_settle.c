/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accepted orders become rows: what the gate is told is what the ledger says,
 * whoever dies, whatever fails.  After each scene the faults stop, and every
 * accepted order is decided once, every unit has one home.
 */
#include "config.h"

#include "sale/settle_rig.h"
#include "sale/world.h"
#include "unit.h"

#include <stdio.h>

/* ---- the plain story ----------------------------------------------------------------- */

START_TEST(test_a_batch)
{
	struct settle_counts counts;
	struct order alice, bob;
	struct world w;

	world_queue(&w, 3, 1);
	alice = world_accept(&w, "alice", NULL);
	world_advance(&w, 100);
	bob = world_accept(&w, "bob", NULL);
	world_advance(&w, 200);
	counts = settle_done(&w, SETTLE_DRAINED);
	ck_assert_uint_eq(counts.taken, 2);
	ck_assert_uint_eq(counts.redelivered, 0);
	ck_assert_uint_eq(counts.sold, 2);
	ck_assert_uint_eq(
	    counts.replayed + counts.voided + counts.dead + counts.singles, 0);
	ck_assert_uint_eq(counts.nlags, 2);
	ck_assert_int_eq(counts.lag_us[0], 300000);
	ck_assert_int_eq(counts.lag_us[1], 200000);
	assert_status(&w, &alice, ORDER_SOLD);
	assert_status(&w, &bob, ORDER_SOLD);
	/* One statement for both. */
	ck_assert_uint_eq(w.plan.calls[FAULT_LEDGER_RECORD_BATCH], 1);
	ck_assert_uint_eq(waiting(&w), 0);
	ck_assert_uint_eq(settle_done(&w, SETTLE_DRAINED).taken, 0);
	ck_assert_int_eq(world_verdict(&w, "alice", NULL), VERDICT_REPLAYED);
	world_clean(&w);
	world_fini(&w);
}
END_TEST

START_TEST(test_more_than_a_batch)
{
	struct world w;
	char name[16];

	world_queue(&w, 10, 1);
	w.settler.batch = 4;
	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		(void)world_accept(&w, name, NULL);
	}
	ck_assert_uint_eq(settle_done(&w, SETTLE_MORE).sold, 4);
	ck_assert_uint_eq(settle_done(&w, SETTLE_MORE).sold, 4);
	ck_assert_uint_eq(settle_done(&w, SETTLE_DRAINED).sold, 2);
	ck_assert_uint_eq(world_sold(&w), 10);
	ck_assert_int_eq(world_verdict(&w, "late", NULL), VERDICT_SOLD_OUT);
	world_clean(&w);
	world_fini(&w);
}
END_TEST

/* The clock here and the ledger's differ; the lag is by the ledger's. */
START_TEST(test_lag_by_the_ledgers_clock)
{
	struct settle_counts counts;
	enum settle_state state;
	struct world w;
	struct err err;

	world_queue(&w, 1, 1);
	(void)world_accept(&w, "alice", NULL);
	w.wall_us -= 5 * US_PER_S;
	ck_assert_int_eq(sale_settle(&w.settler, &w.sale, INT64_MAX,
			     5 * US_PER_S + 70000, &state, &counts, &err),
	    OUT_DONE);
	ck_assert_uint_eq(counts.nlags, 1);
	ck_assert_int_eq(counts.lag_us[0], 70000);
	world_fini(&w);
}
END_TEST

/* What was accepted is written while the sale is paused, when it is over, and
 * when it is of mode direct by now. */
START_TEST(test_any_state)
{
	struct order alice;
	struct world w;

	world_queue(&w, 2, 1);
	alice = world_accept(&w, "alice", NULL);
	if (_i == 0)
		w.sale.state = SALE_STATE_PAUSED;
	if (_i == 1)
		w.sale.state = SALE_STATE_CLOSED;
	if (_i == 2)
		w.sale.closes.us = w.wall_us - 1;
	if (_i == 3)
		w.sale.mode = SALE_MODE_DIRECT;
	world_sale_put(&w);
	ck_assert_uint_eq(settle_done(&w, SETTLE_DRAINED).sold, 1);
	assert_status(&w, &alice, ORDER_SOLD);
	world_fini(&w);
}
END_TEST

static const struct {
	const char *name;
	void (*scene)(struct scene *scene);
	enum order_status alice, bob;
	uint32_t sold, replayed, voided, dead;
	bool forgot; /* the gate did, and is made anew */
} in_the_way[] = {
    {"own void row", own_void, ORDER_VOID, ORDER_SOLD, 1, 0, 1, 0, false},
    {"own sold row", own_sold, ORDER_SOLD, ORDER_SOLD, 1, 1, 0, 0, false},
    {"own sold row on another unit", own_sold_elsewhere, ORDER_SOLD, ORDER_SOLD,
	1, 1, 0, 0, true},
    {"the unit is somebody else's", unit_of_another, ORDER_VOID, ORDER_SOLD, 1,
	0, 1, 0, true},
    {"the same, and a settler died then", unit_of_another_and_void, ORDER_VOID,
	ORDER_SOLD, 1, 0, 1, 0, true},
    {"the slot is another order's", slot_of_another, ORDER_VOID, ORDER_SOLD, 1,
	0, 1, 0, true},
    {"less stock", less_stock, ORDER_SOLD, ORDER_VOID, 1, 0, 1, 0, false},
    {"a row is refused", refused, ORDER_VOID, ORDER_SOLD, 1, 0, 0, 1, false},
};

START_TEST(test_in_the_way)
{
	struct scene scene;
	struct world *w = &scene.w;
	struct settle_counts counts;
	struct rebuild_result rebuilt;
	struct gate_gauge gauge;
	struct order row;

	world_queue(w, 5, 1);
	scene.alice = world_accept(w, "alice", NULL);
	scene.bob = world_accept(w, "bob", NULL);
	in_the_way[_i].scene(&scene);
	counts = settle_done(w, SETTLE_DRAINED);
	ck_assert_uint_eq(counts.sold, in_the_way[_i].sold);
	ck_assert_uint_eq(counts.replayed, in_the_way[_i].replayed);
	ck_assert_uint_eq(counts.voided, in_the_way[_i].voided);
	ck_assert_uint_eq(counts.dead, in_the_way[_i].dead);
	ck_assert_uint_eq(counts.nlags, counts.sold);
	ck_assert(world_row(w, &scene.alice.claim, &row));
	ck_assert_int_eq(row.status, in_the_way[_i].alice);
	ck_assert(world_row(w, &scene.bob.claim, &row));
	ck_assert_int_eq(row.status, in_the_way[_i].bob);
	world_gauge(w, &gauge);
	ck_assert_uint_eq(gauge.waiting, 0);
	ck_assert_uint_eq(gauge.forgot > 0, in_the_way[_i].forgot);
	if (gauge.forgot > 0)
		world_rebuild(w, &rebuilt);
	world_clean(w);
	ck_assert_uint_le(world_sold(w), w->sale.stock);
	world_fini(w);
}
END_TEST

/* The unit's owner is known again before the unit is let go of: he never hears
 * "sold out" about it. */
START_TEST(test_a_forgotten_owner_is_written_back)
{
	struct scene scene;
	struct world *w = &scene.w;

	world_queue(w, 1, 1);
	scene.alice = world_accept(w, "alice", NULL);
	unit_of_another(&scene);
	(void)settle_done(w, SETTLE_DRAINED);
	ck_assert_int_eq(world_verdict(w, "zoe", "zoe's"), VERDICT_REPLAYED);
	ck_assert_int_eq(world_verdict(w, "bob", NULL), VERDICT_SOLD_OUT);
	world_fini(w);
}
END_TEST

/* The attempt is spent; the customer may try anew, and gets what is free. */
START_TEST(test_void_leads_to_the_next_attempt)
{
	struct scene scene;
	struct world *w = &scene.w;
	struct order again;

	world_queue(w, 1, 1);
	scene.alice = world_accept(w, "alice", NULL);
	own_void(&scene);
	(void)settle_done(w, SETTLE_DRAINED);
	again = world_accept(w, "alice", NULL);
	ck_assert(!claim_eq(&again.claim, &scene.alice.claim));
	(void)settle_done(w, SETTLE_DRAINED);
	assert_status(w, &again, ORDER_SOLD);
	world_clean(w);
	world_fini(w);
}
END_TEST

/* A lower limit: the second of two that wait is above it. */
START_TEST(test_lower_limit)
{
	struct order one, two;
	struct world w;
	struct err err;

	world_queue(&w, 3, 2);
	one = world_accept(&w, "alice", "a");
	two = world_accept(&w, "alice", "b");
	w.sale.per_customer = 1;
	world_sale_put(&w);
	ck_assert_int_eq(
	    w.gate.relimit(w.gate.ctx, world_ref(&w), 1, INT64_MAX, &err),
	    OUT_DONE);
	(void)settle_done(&w, SETTLE_DRAINED);
	assert_status(&w, &one, ORDER_SOLD);
	assert_status(&w, &two, ORDER_VOID);
	world_clean(&w);
	world_fini(&w);
}
END_TEST

/* ---- fenced off -------------------------------------------------------------------------- */

static void fence(struct world *w, enum sale_state during)
{
	struct sale seen;
	struct wall now;
	bool found, won;
	struct err err;

	ck_assert_int_eq(w->ledger.sale(w->ledger.ctx, w->sale.id, INT64_MAX,
			     &seen, &found, &now, &err),
	    OUT_DONE);
	ck_assert_int_eq(w->ledger.epoch_begin(w->ledger.ctx, &seen, during,
			     INT64_MAX, &won, &err),
	    OUT_DONE);
	ck_assert(won);
}

/* A rebuild is at it, or done: nothing of the old generation is told. */
START_TEST(test_stale)
{
	struct settle_counts counts;
	struct order alice, row;
	struct world w;

	world_queue(&w, 2, 1);
	alice = world_accept(&w, "alice", NULL);
	fence(&w, _i == 0 ? SALE_STATE_REBUILD : SALE_STATE_PAUSED);
	counts = settle_done(&w, SETTLE_STALE);
	ck_assert_uint_eq(counts.taken, 1);
	ck_assert_uint_eq(w.plan.calls[FAULT_GATE_SETTLED], 0);
	ck_assert(!world_row(&w, &alice.claim, &row));
	ck_assert_uint_eq(waiting(&w), 1);
	/* As the keeper reads it: the gate of that epoch is not there yet. */
	world_sale_get(&w);
	ck_assert_uint_eq(settle_done(&w, SETTLE_STALE).taken, 0);
	world_fini(&w);
}
END_TEST

START_TEST(test_lost_gate)
{
	struct world w;

	world_queue(&w, 2, 1);
	(void)world_accept(&w, "alice", NULL);
	mem_gate_flushall(w.mem_gate);
	ck_assert_uint_eq(settle_done(&w, SETTLE_STALE).taken, 0);
	world_fini(&w);
}
END_TEST

/* ---- several settlers ---------------------------------------------------------------------- */

START_TEST(test_taken_over_from_the_dead)
{
	struct settle_counts counts;
	enum settle_state state;
	struct order alice;
	struct world w;

	world_queue(&w, 2, 1);
	alice = world_accept(&w, "alice", NULL);
	/* The first dies with the batch in its hands. */
	fault_plan_add(
	    &w.plan, FAULT_LEDGER_RECORD_BATCH, 0, FAULT_UNKNOWN_NOT_APPLIED);
	ck_assert_int_eq(
	    settle(&w, "a:settler:0", &state, &counts), OUT_UNKNOWN);
	w.plan.n = 0;
	ck_assert_int_eq(settle(&w, "b:settler:0", &state, &counts), OUT_DONE);
	ck_assert_uint_eq(counts.taken, 0);
	world_advance(&w, WORLD_IDLE_MS + 1);
	ck_assert_int_eq(settle(&w, "b:settler:0", &state, &counts), OUT_DONE);
	ck_assert_uint_eq(counts.redelivered, 1);
	ck_assert_uint_eq(counts.sold, 1);
	assert_status(&w, &alice, ORDER_SOLD);
	/* And it wakes up: nothing is its own any more. */
	ck_assert_int_eq(settle(&w, "a:settler:0", &state, &counts), OUT_DONE);
	ck_assert_uint_eq(counts.taken, 0);
	world_clean(&w);
	world_fini(&w);
}
END_TEST

/* The first committed and was stopped; the second tells the gate; the first
 * wakes and tells it again, about units that were sold on since. */
START_TEST(test_told_twice)
{
	struct gate_entry entry[2];
	struct gate_settled late;
	struct order again;
	struct scene scene;
	struct world *w = &scene.w;
	struct err err;
	bool known;
	size_t n;

	world_queue(w, 1, 1);
	scene.alice = world_accept(w, "alice", NULL);
	ck_assert_int_eq(w->gate.take(w->gate.ctx, world_ref(w), "a", 2, 0,
			     INT64_MAX, entry, &n, &known, &err),
	    OUT_DONE);
	ck_assert_uint_eq(n, 1);
	own_void(&scene);
	world_advance(w, WORLD_IDLE_MS + 1);
	(void)settle_done(w, SETTLE_MORE);
	again = world_accept(w, "alice", NULL);
	late = (struct gate_settled){.id = entry[0].id,
	    .claim = entry[0].order.claim,
	    .customer = entry[0].order.customer,
	    .fate = GATE_FATE_VOID};
	ck_assert_int_eq(w->gate.settled(w->gate.ctx, world_ref(w), &late, 1,
			     INT64_MAX, &err),
	    OUT_DONE);
	ck_assert_uint_eq(waiting(w), 1);
	ck_assert_int_eq(world_verdict(w, "bob", NULL), VERDICT_SOLD_OUT);
	(void)settle_done(w, SETTLE_DRAINED);
	assert_status(w, &again, ORDER_SOLD);
	world_clean(w);
	world_fini(w);
}
END_TEST

TESTS_MAIN("settle", UNIT("batch", test_a_batch),
    UNIT("batches", test_more_than_a_batch),
    UNIT("lag", test_lag_by_the_ledgers_clock),
    UNIT_TABLE("state", test_any_state, 4),
    UNIT_TABLE("in-the-way", test_in_the_way, ARRAY_LEN(in_the_way)),
    UNIT("forgotten", test_a_forgotten_owner_is_written_back),
    UNIT("next-attempt", test_void_leads_to_the_next_attempt),
    UNIT("limit", test_lower_limit), UNIT_TABLE("stale", test_stale, 2),
    UNIT("lost", test_lost_gate),
    UNIT("taken-over", test_taken_over_from_the_dead),
    UNIT("told-twice", test_told_twice))
