/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accepted orders become rows: what the gate is told is what the ledger says,
 * whoever dies, whatever fails.  After each scene the faults stop, and every
 * accepted order is decided once, every unit has one home.
 */
#include "config.h"

#include "sale/world.h"
#include "unit.h"

#include <stdio.h>

static enum outcome settle(struct world *w, const char *consumer,
    enum settle_state *state, struct settle_counts *counts)
{
	struct settler settler = w->settler;
	struct err err = ERR_INIT;

	settler.consumer = consumer;
	return sale_settle(&settler, &w->sale, w->mono_ns + 2 * NS_PER_S, 0,
	    state, counts, &err);
}

static struct settle_counts settle_done(
    struct world *w, enum settle_state expect)
{
	struct settle_counts counts;
	enum settle_state state;

	ck_assert_int_eq(
	    settle(w, w->settler.consumer, &state, &counts), OUT_DONE);
	ck_assert_int_eq(state, expect);
	return counts;
}

static uint64_t waiting(struct world *w)
{
	struct gate_gauge gauge;

	world_gauge(w, &gauge);
	return gauge.waiting;
}

static void assert_status(
    struct world *w, const struct order *order, enum order_status status)
{
	struct order row;

	ck_assert_msg(world_row(w, &order->claim, &row), "not decided");
	ck_assert_str_eq(
	    order_status_name(row.status), order_status_name(status));
	if (status == ORDER_SOLD) {
		ck_assert_uint_eq(row.unit, order->unit);
		ck_assert_uint_eq(row.slot, order->slot);
		ck_assert_int_eq(row.created.us, order->created.us);
	}
}

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

/* ---- what is in the way ---------------------------------------------------------------- */

struct scene {
	struct world w;
	struct order alice, bob; /* accepted, alice first */
};

static struct order sold_row(const struct scene *scene,
    const struct order *like, uint32_t unit, const char *key)
{
	struct order row = *like;

	row.unit = unit;
	if (key != NULL)
		row.claim = claim_id_make(
		    &scene->w.sale, &row.customer, strv_c(key), 0);
	return row;
}

static void own_void(struct scene *scene)
{
	struct order row = scene->alice;

	row.status = ORDER_VOID;
	row.unit = row.slot = 0;
	mem_ledger_put_row(scene->w.mem_ledger, &row);
}

/* A settler committed, and died before it told the gate. */
static void own_sold(struct scene *scene)
{
	mem_ledger_put_row(scene->w.mem_ledger, &scene->alice);
}

/* The gate was set back since: the claim took another unit. */
static void own_sold_elsewhere(struct scene *scene)
{
	struct order row = sold_row(scene, &scene->alice, 4, NULL);

	mem_ledger_put_row(scene->w.mem_ledger, &row);
}

/* So it was with the unit: zoe has it, and the gate does not know her. */
static void unit_of_another(struct scene *scene)
{
	struct order row = scene->alice;

	ck_assert(customer_parse(strv_c("zoe"), &row.customer));
	row = sold_row(scene, &row, row.unit, "zoe's");
	mem_ledger_put_row(scene->w.mem_ledger, &row);
}

static void unit_of_another_and_void(struct scene *scene)
{
	own_void(scene);
	unit_of_another(scene);
}

static void slot_of_another(struct scene *scene)
{
	struct order row = sold_row(scene, &scene->alice, 4, "other");

	mem_ledger_put_row(scene->w.mem_ledger, &row);
}

static void less_stock(struct scene *scene)
{
	uint32_t done;
	struct err err;

	/* alice has unit 1, bob unit 2; the numbers of the gate are above. */
	scene->w.sale.stock = 1;
	world_sale_put(&scene->w);
	ck_assert_int_eq(scene->w.gate.shrink(scene->w.gate.ctx,
			     world_ref(&scene->w), 1, INT64_MAX, &done, &err),
	    OUT_DONE);
}

static void refused(struct scene *scene)
{
	mem_ledger_refuse(scene->w.mem_ledger, &scene->alice.claim);
}

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

/* ---- poison ---------------------------------------------------------------------------------- */

static const struct dead_letter *letters(struct world *w, size_t expect)
{
	const struct dead_letter *letter;
	size_t n;

	letter = mem_ledger_letters(w->mem_ledger, &n);
	ck_assert_uint_eq(n, expect);
	return letter;
}

START_TEST(test_refused_is_buried)
{
	const struct dead_letter *letter;
	struct order alice, bob;
	struct world w;

	world_queue(&w, 2, 1);
	alice = world_accept(&w, "alice", NULL);
	bob = world_accept(&w, "bob", NULL);
	mem_ledger_refuse(w.mem_ledger, &alice.claim);
	ck_assert_uint_eq(settle_done(&w, SETTLE_DRAINED).dead, 1);
	letter = letters(&w, 1);
	ck_assert(claim_eq(&letter->order.claim, &alice.claim));
	ck_assert_uint_eq(letter->order.unit, alice.unit);
	ck_assert_uint_eq(letter->deliveries, 1);
	ck_assert(strstr(letter->reason, "refuses") != NULL);
	assert_status(&w, &alice, ORDER_VOID);
	assert_status(&w, &bob, ORDER_SOLD);
	/* Her unit is for sale. */
	(void)world_accept(&w, "carol", NULL);
	world_drain(&w);
	world_clean(&w);
	world_fini(&w);
}
END_TEST

/* Written into our stream by somebody else: with a claim that is nobody's, that
 * waits, that is sold; and with none. */
START_TEST(test_flawed_is_buried)
{
	struct gate_entry entry = {.flaw = "unit: no number"};
	const struct dead_letter *letter;
	struct order alice, bob, row;
	struct world w;

	world_queue(&w, 4, 1);
	alice = world_accept(&w, "alice", NULL);
	(void)settle_done(&w, SETTLE_DRAINED);
	bob = world_accept(&w, "bob", NULL);
	if (_i == 0)
		entry.order.claim = (struct claim_id){"nobody's"};
	if (_i == 1)
		entry.order = bob;
	if (_i == 2)
		entry.order = alice;
	mem_gate_stuff_entry(w.mem_gate, w.sale.id, &entry);
	ck_assert_uint_eq(settle_done(&w, SETTLE_DRAINED).taken, 2);
	letter = letters(&w, 1);
	ck_assert_str_eq(letter->reason, "unit: no number");
	ck_assert_uint_eq(letter->order.sale.v, w.sale.id.v);
	ck_assert_uint_eq(letter->order.epoch, w.sale.epoch);
	ck_assert_uint_eq(waiting(&w), 0);
	assert_status(&w, &alice, ORDER_SOLD);
	assert_status(&w, &bob, _i == 1 ? ORDER_VOID : ORDER_SOLD);
	ck_assert(world_row(&w, &entry.order.claim, &row) == (_i != 3));
	world_clean(&w);
	world_fini(&w);
}
END_TEST

/* Delivered often because the ledger was away: nothing is buried for that. */
START_TEST(test_a_long_outage_buries_nothing)
{
	struct settle_counts counts;
	enum settle_state state;
	struct order order[3];
	struct world w;
	char name[16];

	world_queue(&w, 3, 1);
	for (int i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		order[i] = world_accept(&w, name, NULL);
	}
	fault_plan_add(&w.plan, FAULT_LEDGER_RECORD_BATCH, 0,
	    _i == 0 ? FAULT_NOT_DONE : FAULT_UNKNOWN_NOT_APPLIED);
	for (int i = 0; i < 20; i++)
		ck_assert_int_ne(
		    settle(&w, w.settler.consumer, &state, &counts), OUT_DONE);
	w.plan.n = 0;
	counts = settle_done(&w, SETTLE_MORE);
	ck_assert_uint_eq(counts.sold, 3);
	ck_assert_uint_eq(counts.singles, 3);
	(void)letters(&w, 0);
	for (int i = 0; i < 3; i++)
		assert_status(&w, &order[i], ORDER_SOLD);
	world_clean(&w);
	world_fini(&w);
}
END_TEST

/* Nothing is taken that cannot be written. */
START_TEST(test_no_ledger_nothing_taken)
{
	struct settle_counts counts;
	enum settle_state state;
	struct gate_gauge gauge;
	struct world w;

	world_queue(&w, 1, 1);
	(void)world_accept(&w, "alice", NULL);
	fault_plan_add(&w.plan, FAULT_LEDGER_READY, 0, FAULT_NOT_DONE);
	ck_assert_int_eq(
	    settle(&w, w.settler.consumer, &state, &counts), OUT_NOT_DONE);
	world_gauge(&w, &gauge);
	ck_assert_uint_eq(gauge.waiting, 1);
	ck_assert_uint_eq(gauge.delivered, 0);
	world_fini(&w);
}
END_TEST

/* One that fails by itself again and again does not take the others along. */
START_TEST(test_one_that_always_fails)
{
	struct settle_counts counts;
	enum settle_state state;
	struct order alice, bob;
	struct world w;

	world_queue(&w, 2, 1);
	alice = world_accept(&w, "alice", NULL);
	bob = world_accept(&w, "bob", NULL);
	fault_plan_add(
	    &w.plan, FAULT_LEDGER_RECORD_BATCH, 0, FAULT_UNKNOWN_NOT_APPLIED);
	for (int i = 0; i < 5; i++)
		(void)settle(&w, w.settler.consumer, &state, &counts);
	/* Now alone: both tries for alice fail, and whatever comes then works. */
	w.plan.n = 0;
	memset(w.plan.calls, 0, sizeof(w.plan.calls));
	fault_plan_add(
	    &w.plan, FAULT_LEDGER_RECORD_BATCH, 1, FAULT_UNKNOWN_NOT_APPLIED);
	fault_plan_add(
	    &w.plan, FAULT_LEDGER_RECORD_BATCH, 2, FAULT_UNKNOWN_NOT_APPLIED);
	ck_assert_int_eq(
	    settle(&w, w.settler.consumer, &state, &counts), OUT_UNKNOWN);
	ck_assert_uint_eq(counts.sold, 1);
	assert_status(&w, &bob, ORDER_SOLD);
	ck_assert_uint_eq(waiting(&w), 1);
	w.plan.n = 0;
	world_drain(&w);
	assert_status(&w, &alice, ORDER_SOLD);
	world_fini(&w);
}
END_TEST

/* As a row would be that some trigger of the operator's does not like: no code of
 * ours, so nobody knows whether it is in. */
static struct {
	struct ledger_port ledger;
	struct claim_id claim;
} disliked;

static enum outcome disliked_record(void *ctx, struct gate_ref ref,
    const struct order *orders, size_t n, int64_t deadline_ns,
    enum ledger_record *answer, struct err *err)
{
	for (size_t i = 0; i < n; i++)
		if (claim_eq(&orders[i].claim, &disliked.claim)) {
			err_set(err, 1644, "somebody's trigger");
			return OUT_UNKNOWN;
		}
	return disliked.ledger.record_batch(
	    ctx, ref, orders, n, deadline_ns, answer, err);
}

/* Its settler has it for ever, and must not wait for it: whoever came later would
 * never be written. */
START_TEST(test_those_behind_it)
{
	struct settle_counts counts;
	enum settle_state state;
	struct ledger_port ledger;
	struct order alice, late;
	struct world w;

	world_queue(&w, 2, 1);
	alice = world_accept(&w, "alice", NULL);
	disliked.ledger = ledger = *w.settler.ledger;
	disliked.claim = alice.claim;
	ledger.record_batch = disliked_record;
	w.settler.ledger = &ledger;
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(
		    settle(&w, w.settler.consumer, &state, &counts),
		    OUT_UNKNOWN);
	late = world_accept(&w, "late", NULL);
	for (int i = 0; i < 20 && waiting(&w) > 1; i++)
		(void)settle(&w, w.settler.consumer, &state, &counts);
	ck_assert_uint_eq(waiting(&w), 1);
	assert_status(&w, &late, ORDER_SOLD);
	w.settler.ledger = &disliked.ledger;
	(void)settle_done(&w, SETTLE_MORE);
	assert_status(&w, &alice, ORDER_SOLD);
	world_clean(&w);
	world_fini(&w);
}
END_TEST

/* ---- each call fails in each way --------------------------------------------------------- */

#define N FAULT_NOT_DONE
#define A FAULT_UNKNOWN_APPLIED
#define U FAULT_UNKNOWN_NOT_APPLIED

static const struct {
	const char *name;
	void (*scene)(struct scene *scene);
	enum fault_call call;
	unsigned nth;
	enum fault_kind kind;
	enum outcome expect;
	enum order_status alice; /* in the end */
} faults[] = {
    {"ready", NULL, FAULT_LEDGER_READY, 0, N, OUT_NOT_DONE, ORDER_SOLD},
    {"ready", NULL, FAULT_LEDGER_READY, 0, U, OUT_UNKNOWN, ORDER_SOLD},
    {"take", NULL, FAULT_GATE_TAKE, 0, N, OUT_NOT_DONE, ORDER_SOLD},
    {"take", NULL, FAULT_GATE_TAKE, 0, A, OUT_UNKNOWN, ORDER_SOLD},
    {"take", NULL, FAULT_GATE_TAKE, 0, U, OUT_UNKNOWN, ORDER_SOLD},
    {"batch", NULL, FAULT_LEDGER_RECORD_BATCH, 1, N, OUT_DONE, ORDER_SOLD},
    {"batch", NULL, FAULT_LEDGER_RECORD_BATCH, 1, A, OUT_DONE, ORDER_SOLD},
    {"batch", NULL, FAULT_LEDGER_RECORD_BATCH, 1, U, OUT_DONE, ORDER_SOLD},
    {"batch twice", NULL, FAULT_LEDGER_RECORD_BATCH, 0, N, OUT_NOT_DONE,
	ORDER_SOLD},
    {"batch twice", NULL, FAULT_LEDGER_RECORD_BATCH, 0, A, OUT_UNKNOWN,
	ORDER_SOLD},
    {"batch twice", NULL, FAULT_LEDGER_RECORD_BATCH, 0, U, OUT_UNKNOWN,
	ORDER_SOLD},
    {"told", NULL, FAULT_GATE_SETTLED, 1, A, OUT_DONE, ORDER_SOLD},
    {"told", NULL, FAULT_GATE_SETTLED, 1, U, OUT_DONE, ORDER_SOLD},
    {"not told", NULL, FAULT_GATE_SETTLED, 0, N, OUT_NOT_DONE, ORDER_SOLD},
    {"not told", NULL, FAULT_GATE_SETTLED, 0, A, OUT_UNKNOWN, ORDER_SOLD},
    {"not told", NULL, FAULT_GATE_SETTLED, 0, U, OUT_UNKNOWN, ORDER_SOLD},
    {"rows", own_void, FAULT_LEDGER_FIND, 1, N, OUT_NOT_DONE, ORDER_VOID},
    {"rows", own_void, FAULT_LEDGER_FIND, 1, U, OUT_UNKNOWN, ORDER_VOID},
    {"own row", unit_of_another, FAULT_LEDGER_FIND, 2, N, OUT_NOT_DONE,
	ORDER_VOID},
    {"own row", unit_of_another, FAULT_LEDGER_FIND, 2, U, OUT_UNKNOWN,
	ORDER_VOID},
    {"void not read back", unit_of_another, FAULT_LEDGER_FIND, 3, N,
	OUT_NOT_DONE, ORDER_VOID},
    {"not sold any more", own_void, FAULT_LEDGER_FIND_UNIT, 1, N, OUT_NOT_DONE,
	ORDER_VOID},
    {"the unit", unit_of_another, FAULT_LEDGER_FIND_UNIT, 1, N, OUT_NOT_DONE,
	ORDER_VOID},
    {"the unit", unit_of_another, FAULT_LEDGER_FIND_UNIT, 1, U, OUT_UNKNOWN,
	ORDER_VOID},
    {"void", unit_of_another, FAULT_LEDGER_VOID, 1, N, OUT_NOT_DONE,
	ORDER_VOID},
    {"void", unit_of_another, FAULT_LEDGER_VOID, 1, A, OUT_DONE, ORDER_VOID},
    {"void", unit_of_another, FAULT_LEDGER_VOID, 0, A, OUT_UNKNOWN, ORDER_VOID},
    {"void", unit_of_another, FAULT_LEDGER_VOID, 0, U, OUT_UNKNOWN, ORDER_VOID},
    {"own", unit_of_another, FAULT_GATE_OWN, 1, N, OUT_NOT_DONE, ORDER_VOID},
    {"own", unit_of_another, FAULT_GATE_OWN, 1, A, OUT_UNKNOWN, ORDER_VOID},
    {"the slot", slot_of_another, FAULT_LEDGER_FIND_CUSTOMER, 1, N,
	OUT_NOT_DONE, ORDER_VOID},
    {"the slot", slot_of_another, FAULT_LEDGER_FIND_CUSTOMER, 1, U, OUT_UNKNOWN,
	ORDER_VOID},
    {"the slot's order", slot_of_another, FAULT_GATE_OWN, 1, N, OUT_NOT_DONE,
	ORDER_VOID},
    {"fenced", less_stock, FAULT_LEDGER_SALE, 1, N, OUT_NOT_DONE, ORDER_SOLD},
    {"fenced", less_stock, FAULT_LEDGER_SALE, 2, U, OUT_UNKNOWN, ORDER_SOLD},
    {"buried", refused, FAULT_LEDGER_BURY, 1, N, OUT_NOT_DONE, ORDER_VOID},
    {"buried", refused, FAULT_LEDGER_BURY, 1, A, OUT_DONE, ORDER_VOID},
    {"buried", refused, FAULT_LEDGER_BURY, 0, A, OUT_UNKNOWN, ORDER_VOID},
    {"buried", refused, FAULT_LEDGER_BURY, 0, U, OUT_UNKNOWN, ORDER_VOID},
};

START_TEST(test_faults)
{
	struct scene scene;
	struct world *w = &scene.w;
	struct settle_counts counts;
	struct rebuild_result rebuilt;
	struct gate_gauge gauge;
	enum settle_state state;
	struct order row;

	world_queue(w, 5, 1);
	scene.alice = world_accept(w, "alice", NULL);
	scene.bob = world_accept(w, "bob", NULL);
	if (faults[_i].scene != NULL)
		faults[_i].scene(&scene);
	fault_plan_add(
	    &w->plan, faults[_i].call, faults[_i].nth, faults[_i].kind);
	ck_assert_msg(settle(w, w->settler.consumer, &state, &counts) ==
			  faults[_i].expect,
	    "%s", faults[_i].name);
	ck_assert_uint_ge(w->plan.calls[faults[_i].call],
	    faults[_i].nth > 0 ? faults[_i].nth : 1);
	/* Whatever is not decided in the ledger still waits. */
	world_gauge(w, &gauge);
	ck_assert_uint_ge(
	    gauge.waiting, !world_row(w, &scene.alice.claim, &row) +
			       !world_row(w, &scene.bob.claim, &row));
	w->plan.n = 0;
	world_drain(w);
	ck_assert(world_row(w, &scene.alice.claim, &row));
	ck_assert_int_eq(row.status, faults[_i].alice);
	ck_assert(world_row(w, &scene.bob.claim, &row));
	ck_assert_int_eq(row.status,
	    faults[_i].scene == less_stock ? ORDER_VOID : ORDER_SOLD);
	(void)letters(w, faults[_i].scene == refused);
	world_gauge(w, &gauge);
	if (gauge.forgot > 0)
		world_rebuild(w, &rebuilt);
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
    UNIT("told-twice", test_told_twice),
    UNIT("refused", test_refused_is_buried),
    UNIT_TABLE("flawed", test_flawed_is_buried, 4),
    UNIT_TABLE("outage", test_a_long_outage_buries_nothing, 2),
    UNIT("no-ledger", test_no_ledger_nothing_taken),
    UNIT("always-fails", test_one_that_always_fails),
    UNIT("behind-it", test_those_behind_it),
    UNIT_TABLE("faults", test_faults, ARRAY_LEN(faults)))
