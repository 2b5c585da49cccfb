/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accepted orders survive their gate: a rebuild carries over what waits, once,
 * whichever copy of Redis came back; what cannot go over is decided.
 */
#include "config.h"

#include "sale/world.h"
#include "unit.h"

#include "sale/mend.h"

#include <stdio.h>

static void assert_same(const struct order *a, const struct order *b)
{
	ck_assert(claim_eq(&a->claim, &b->claim));
	ck_assert_uint_eq(a->unit, b->unit);
	ck_assert_uint_eq(a->slot, b->slot);
	ck_assert(customer_eq(&a->customer, &b->customer));
	ck_assert_int_eq(a->created.us, b->created.us);
	ck_assert_str_eq(a->ref, b->ref);
	ck_assert_int_eq(
	    memcmp(a->payload_hash, b->payload_hash, sizeof(a->payload_hash)),
	    0);
}

/* ---- carried over ------------------------------------------------------------------- */

START_TEST(test_what_waits_goes_over)
{
	struct gate_entry entry[SETTLE_BATCH];
	struct order alice, carol, again;
	struct world w;

	world_queue(&w, 5, 1);
	alice = world_accept(&w, "alice", NULL);
	world_mode(&w, SALE_MODE_DIRECT);
	ck_assert_int_eq(world_verdict(&w, "bob", NULL), VERDICT_CREATED);
	world_mode(&w, SALE_MODE_SWEEP);
	world_advance(&w, 1000);
	carol = world_accept(&w, "carol", NULL);
	(void)world_rebuilt(&w, 2, 1, 2, 0);
	ck_assert_uint_eq(world_entries(&w, w.sale.epoch, entry), 2);
	assert_same(&entry[0].order, &alice);
	assert_same(&entry[1].order, &carol);
	/* Nothing changed for whoever asks. */
	again = world_accept(&w, "alice", NULL);
	assert_same(&again, &alice);
	ck_assert_int_eq(world_verdict(&w, "bob", NULL), VERDICT_REPLAYED);
	world_drain(&w);
	ck_assert_int_eq(world_status(&w, &alice), ORDER_SOLD);
	ck_assert_int_eq(world_status(&w, &carol), ORDER_SOLD);
	world_clean(&w);
	world_fini(&w);
}
END_TEST

/* Pages of entries, pages of rows, chunks of units. */
START_TEST(test_many)
{
	struct rebuild_result result;
	struct world w;
	char name[16];

	world_queue(&w, 2500, 1);
	w.settler.batch = SETTLE_BATCH;
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		(void)world_accept(&w, name, NULL);
		if (i == 120)
			world_drain(&w);
	}
	result = world_rebuilt(&w, 2200, 121, 179, 0);
	ck_assert_uint_eq(result.epoch, 2);
	world_drain(&w);
	ck_assert_uint_eq(world_sold(&w), 300);
	world_clean(&w);
	world_fini(&w);
}
END_TEST

/* A settler has them in its hands: the new gate gives them to it again. */
START_TEST(test_delivered)
{
	struct settle_counts counts;
	enum settle_state state;
	struct order alice;
	struct sale before;
	struct world w;
	struct err err;

	world_queue(&w, 2, 1);
	alice = world_accept(&w, "alice", NULL);
	fault_plan_add(
	    &w.plan, FAULT_LEDGER_RECORD_BATCH, 0, FAULT_UNKNOWN_NOT_APPLIED);
	ck_assert_int_eq(sale_settle(&w.settler, &w.sale, INT64_MAX, 0, &state,
			     &counts, &err),
	    OUT_UNKNOWN);
	w.plan.n = 0;
	before = w.sale;
	(void)world_rebuilt(&w, 1, 0, 1, 0);
	/* That one does not know of the rebuild yet. */
	ck_assert_int_eq(sale_settle(&w.settler, &before, INT64_MAX, 0, &state,
			     &counts, &err),
	    OUT_DONE);
	ck_assert_int_eq(state, SETTLE_STALE);
	ck_assert_int_eq(sale_settle(&w.settler, &w.sale, INT64_MAX, 0, &state,
			     &counts, &err),
	    OUT_DONE);
	ck_assert_uint_eq(counts.sold, 1);
	ck_assert_int_eq(world_status(&w, &alice), ORDER_SOLD);
	world_fini(&w);
}
END_TEST

/* kill -9 of a Redis that keeps everything: the keeper makes the gate anew, and
 * no accepted order is lost. */
START_TEST(test_restart_loses_nothing)
{
	struct mend_memory memory = {0};
	struct mend_result result;
	struct mender mender;
	struct order alice;
	struct world w;
	struct err err;

	world_queue(&w, 2, 1);
	mender = (struct mender){&w.gate, &w.ledger, &w.clock};
	alice = world_accept(&w, "alice", NULL);
	mem_gate_restart(w.mem_gate);
	ck_assert_int_eq(
	    sale_mend(&mender, w.sale.id, 0, &memory, &result, &err), OUT_DONE);
	ck_assert_int_eq(result.trouble, GATE_RESTARTED);
	ck_assert(result.done);
	ck_assert_uint_eq(result.rebuilt.waiting, 1);
	world_clean(&w);
	world_drain(&w);
	ck_assert_int_eq(world_status(&w, &alice), ORDER_SOLD);
	world_fini(&w);
}
END_TEST

/* ---- what cannot be carried over -------------------------------------------------------- */

START_TEST(test_less_stock)
{
	struct order alice, bob, again;
	struct world w;

	world_queue(&w, 3, 1);
	alice = world_accept(&w, "alice", NULL);
	bob = world_accept(&w, "bob", NULL);
	w.sale.stock = 1;
	world_sale_put(&w);
	(void)world_rebuilt(&w, 0, 0, 1, 1);
	ck_assert_int_eq(world_status(&w, &bob), ORDER_VOID);
	ck_assert_int_eq(world_verdict(&w, "bob", NULL), VERDICT_SOLD_OUT);
	world_drain(&w);
	ck_assert_int_eq(world_status(&w, &alice), ORDER_SOLD);
	/* More again: bob's next attempt has it, though this gate never knew the
	 * one that is void. */
	w.sale.stock = 2;
	world_sale_put(&w);
	(void)world_rebuilt(&w, 1, 1, 0, 0);
	again = world_accept(&w, "bob", NULL);
	ck_assert(!claim_eq(&again.claim, &bob.claim));
	world_drain(&w);
	ck_assert_int_eq(world_status(&w, &again), ORDER_SOLD);
	world_fini(&w);
}
END_TEST

START_TEST(test_lower_limit)
{
	struct order one, two;
	struct world w;

	world_queue(&w, 3, 2);
	one = world_accept(&w, "alice", "a");
	two = world_accept(&w, "alice", "b");
	w.sale.per_customer = 1;
	world_sale_put(&w);
	(void)world_rebuilt(&w, 2, 0, 1, 1);
	world_drain(&w);
	ck_assert_int_eq(world_status(&w, &one), ORDER_SOLD);
	ck_assert_int_eq(world_status(&w, &two), ORDER_VOID);
	world_fini(&w);
}
END_TEST

/* A unit was twice in the list: two orders wait for it, one can have it. */
START_TEST(test_two_wait_for_one_unit)
{
	struct audit_report report;
	struct order alice, bob;
	struct world w;

	world_queue(&w, 1, 1);
	mem_gate_stuff(w.mem_gate, w.sale.id, 1);
	alice = world_accept(&w, "alice", NULL);
	bob = world_accept(&w, "bob", NULL);
	world_audit(&w, &report);
	ck_assert_uint_eq(report.faults[UNIT_TWICE_WAITING], 1);
	(void)world_rebuilt(&w, 0, 0, 1, 1);
	world_drain(&w);
	ck_assert_int_eq(world_status(&w, &alice), ORDER_SOLD);
	ck_assert_int_eq(world_status(&w, &bob), ORDER_VOID);
	world_clean(&w);
	world_fini(&w);
}
END_TEST

/* The gate forgot an order of alice's, and gave her its slot again. */
START_TEST(test_slot_of_another)
{
	struct order alice, sold;
	struct world w;

	world_queue(&w, 3, 1);
	alice = world_accept(&w, "alice", NULL);
	sold = alice;
	sold.unit = 3;
	sold.claim = claim_id_make(&w.sale, &alice.customer, strv_c("x"), 0);
	mem_ledger_put_row(w.mem_ledger, &sold);
	(void)world_rebuilt(&w, 2, 1, 0, 1);
	ck_assert_int_eq(world_status(&w, &alice), ORDER_VOID);
	ck_assert_int_eq(
	    world_verdict(&w, "alice", NULL), VERDICT_LIMIT_REACHED);
	world_fini(&w);
}
END_TEST

/* The same with its unit. */
START_TEST(test_unit_of_another)
{
	struct order alice, sold;
	struct world w;

	world_queue(&w, 3, 1);
	alice = world_accept(&w, "alice", NULL);
	sold = alice;
	ck_assert(customer_parse(strv_c("zoe"), &sold.customer));
	sold.claim = claim_id_make(&w.sale, &sold.customer, strv_c("x"), 0);
	mem_ledger_put_row(w.mem_ledger, &sold);
	(void)world_rebuilt(&w, 2, 1, 0, 1);
	ck_assert_int_eq(world_status(&w, &alice), ORDER_VOID);
	ck_assert_int_eq(world_verdict(&w, "zoe", "x"), VERDICT_REPLAYED);
	world_fini(&w);
}
END_TEST

START_TEST(test_flawed)
{
	struct gate_entry entry = {.flaw = "customer: 65 bytes"};
	const struct dead_letter *letter;
	struct order alice;
	struct world w;
	size_t n;

	world_queue(&w, 2, 1);
	mem_gate_stuff_entry(w.mem_gate, w.sale.id, &entry);
	alice = world_accept(&w, "alice", NULL);
	(void)world_rebuilt(&w, 1, 0, 1, 1);
	letter = mem_ledger_letters(w.mem_ledger, &n);
	ck_assert_uint_eq(n, 1);
	ck_assert_str_eq(letter->reason, entry.flaw);
	ck_assert_uint_eq(letter->order.epoch, 1);
	world_drain(&w);
	ck_assert_int_eq(world_status(&w, &alice), ORDER_SOLD);
	world_fini(&w);
}
END_TEST

/* ---- an older copy of Redis comes back ------------------------------------------------ */

START_TEST(test_decided_since)
{
	struct gate_entry entry[SETTLE_BATCH];
	struct order alice, bob, carol;
	struct mem_gate *copy;
	struct order row;
	struct world w;

	world_queue(&w, 4, 1);
	alice = world_accept(&w, "alice", NULL);
	bob = world_accept(&w, "bob", NULL);
	copy = mem_gate_copy(w.mem_gate);
	row = bob;
	row.status = ORDER_VOID;
	row.unit = row.slot = 0;
	mem_ledger_put_row(w.mem_ledger, &row);
	world_drain(&w);
	carol = world_accept(&w, "carol", NULL);
	world_drain(&w);
	mem_gate_restore(w.mem_gate, copy);
	ck_assert_uint_eq(world_entries(&w, w.sale.epoch, entry), 2);
	(void)world_rebuilt(&w, 2, 2, 0, 0);
	ck_assert_int_eq(world_status(&w, &alice), ORDER_SOLD);
	ck_assert_int_eq(world_status(&w, &bob), ORDER_VOID);
	ck_assert_int_eq(world_status(&w, &carol), ORDER_SOLD);
	mem_gate_free(&copy);
	world_fini(&w);
}
END_TEST

/* The copy is of the epoch before the last: what waits there and has no row is
 * nobody's but ours. */
START_TEST(test_copy_of_an_older_epoch)
{
	struct order alice, bob;
	struct mem_gate *copy;
	struct order row;
	struct world w;

	world_queue(&w, 3, 1);
	alice = world_accept(&w, "alice", NULL);
	bob = world_accept(&w, "bob", NULL);
	copy = mem_gate_copy(w.mem_gate);
	(void)world_rebuilt(&w, 1, 0, 2, 0);
	w.settler.batch = 1;
	ck_assert_int_eq(sale_settle(&w.settler, &w.sale, INT64_MAX, 0,
			     &(enum settle_state){0},
			     &(struct settle_counts){0}, &(struct err){0}),
	    OUT_DONE);
	ck_assert(world_row(&w, &alice.claim, &row));
	mem_gate_restore(w.mem_gate, copy);
	(void)world_rebuilt(&w, 1, 1, 1, 0);
	world_drain(&w);
	ck_assert_int_eq(world_status(&w, &bob), ORDER_SOLD);
	world_clean(&w);
	mem_gate_free(&copy);
	world_fini(&w);
}
END_TEST

/* The claim was accepted again since, on another unit, and sold there. */
START_TEST(test_sold_elsewhere_since)
{
	struct order alice, row;
	struct mem_gate *copy;
	struct world w;

	world_queue(&w, 3, 1);
	alice = world_accept(&w, "alice", NULL);
	copy = mem_gate_copy(w.mem_gate);
	row = alice;
	row.unit = 3;
	mem_ledger_put_row(w.mem_ledger, &row);
	(void)world_rebuilt(&w, 2, 1, 0, 0);
	mem_gate_restore(w.mem_gate, copy);
	(void)world_rebuilt(&w, 2, 1, 0, 0);
	mem_gate_free(&copy);
	world_fini(&w);
}
END_TEST

TESTS_MAIN("carry", UNIT("over", test_what_waits_goes_over),
    UNIT("many", test_many), UNIT("delivered", test_delivered),
    UNIT("restart", test_restart_loses_nothing), UNIT("stock", test_less_stock),
    UNIT("limit", test_lower_limit),
    UNIT("one-unit", test_two_wait_for_one_unit),
    UNIT("slot", test_slot_of_another), UNIT("unit", test_unit_of_another),
    UNIT("flawed", test_flawed), UNIT("decided", test_decided_since),
    UNIT("older-epoch", test_copy_of_an_older_epoch),
    UNIT("elsewhere", test_sold_elsewhere_since))
