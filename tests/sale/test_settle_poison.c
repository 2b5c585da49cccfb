/* SPDX-License-Identifier: Apache-2.0 */
/* Accepted orders that cannot be written, or cannot be now; each call fails in each
 * way. */
#include "config.h"

#include "sale/settle_rig.h"
#include "sale/world.h"
#include "unit.h"

#include <stdio.h>

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

/* The guard knows upper bounds; what is below them the table's CHECK refuses, here as
 * in MySQL (tests/ledger/it_batch.c). */
START_TEST(test_no_row)
{
	struct gate_entry entry = {.order.unit = 0};
	struct order good, row;
	struct world w;
	size_t n;

	world_queue(&w, 3, 1);
	good = world_accept(&w, "alice", NULL);
	entry.order = good;
	entry.order.claim =
	    claim_id_make(&w.sale, &good.customer, strv_c("x"), 0);
	ck_assert(customer_parse(strv_c("bob"), &entry.order.customer));
	entry.order.unit = _i == 0 ? 0 : 2;
	entry.order.slot = _i != 1;
	if (_i == 2)
		entry.order.customer.n = 0;
	mem_gate_stuff_entry(w.mem_gate, w.sale.id, &entry);
	world_drain(&w);
	(void)mem_ledger_letters(w.mem_ledger, &n);
	ck_assert_uint_eq(n, 1);
	ck_assert(world_row(&w, &entry.order.claim, &row));
	ck_assert_int_eq(row.status, ORDER_VOID);
	ck_assert_int_eq(world_status(&w, &good), ORDER_SOLD);
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

TESTS_MAIN("settle-poison", UNIT_TABLE("no-row", test_no_row, 3),
    UNIT("refused", test_refused_is_buried),
    UNIT_TABLE("flawed", test_flawed_is_buried, 4),
    UNIT_TABLE("outage", test_a_long_outage_buries_nothing, 2),
    UNIT("no-ledger", test_no_ledger_nothing_taken),
    UNIT("always-fails", test_one_that_always_fails),
    UNIT("behind-it", test_those_behind_it),
    UNIT_TABLE("faults", test_faults, ARRAY_LEN(faults)))
