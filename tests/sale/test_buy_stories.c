/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of several purchases, or of one that is held up in its middle. */
#include "config.h"

#include "sale/buy_scenes.h"
#include "sale/world.h"
#include "unit.h"

#include <stdio.h>

START_TEST(test_key_reused_with_other_payload)
{
	struct purchase_result result;
	struct world w;

	world_init(&w, 3, 1);
	world_buy(&w, "alice", "k", 1, &result);
	ck_assert_int_eq(result.verdict, VERDICT_CREATED);
	world_buy(&w, "alice", "k", 2, &result);
	ck_assert_int_eq(result.verdict, VERDICT_KEY_REUSED);
	/* Who sent no key of his own has bought already, that is all. */
	world_buy(&w, "bob", NULL, 1, &result);
	ck_assert_int_eq(result.verdict, VERDICT_CREATED);
	world_buy(&w, "bob", NULL, 2, &result);
	ck_assert_int_eq(result.verdict, VERDICT_LIMIT_REACHED);
	ck_assert_uint_eq(result.norders, 1);
	world_fini(&w);
}
END_TEST

START_TEST(test_limit_above_one)
{
	struct purchase_result result;
	struct world w;

	world_init(&w, 5, 2);
	ck_assert_int_eq(world_verdict(&w, "alice", NULL), VERDICT_KEY_MISSING);
	ck_assert_int_eq(world_verdict(&w, "alice", "a"), VERDICT_CREATED);
	ck_assert_int_eq(world_verdict(&w, "alice", "b"), VERDICT_CREATED);
	ck_assert_int_eq(world_verdict(&w, "alice", "a"), VERDICT_REPLAYED);
	world_buy(&w, "alice", "c", 0, &result);
	ck_assert_int_eq(result.verdict, VERDICT_LIMIT_REACHED);
	ck_assert_uint_eq(result.norders, 2);
	ck_assert_uint_eq(world_sold(&w), 2);
	world_fini(&w);
}
END_TEST

/*
 * The trap behind the chain: alice's order was made by attempt 1 (attempt 0 was
 * voided); her limit is 2, so one slot is free.  A retry that knew only attempt
 * 0 would hear "sold out", or take a second unit.
 */
START_TEST(test_later_attempt_is_recognised)
{
	struct purchase_result first, again;
	struct world w;

	world_init(&w, 3, 2);
	claim_leave_leased(&w, "alice", "k");
	world_settle(&w);
	world_buy(&w, "alice", "k", 0, &first);
	ck_assert_int_eq(first.verdict, VERDICT_CREATED);
	world_buy(&w, "alice", "k", 0, &again);
	ck_assert_int_eq(again.verdict, VERDICT_REPLAYED);
	ck_assert(claim_eq(&first.order.claim, &again.order.claim));
	ck_assert_int_eq(world_verdict(&w, "bob", "b"), VERDICT_CREATED);
	ck_assert_int_eq(world_verdict(&w, "eve", "e"), VERDICT_CREATED);
	ck_assert_int_eq(world_verdict(&w, "joe", "j"), VERDICT_SOLD_OUT);
	world_buy(&w, "alice", "k", 0, &again);
	ck_assert_int_eq(again.verdict, VERDICT_REPLAYED);
	ck_assert_uint_eq(world_sold(&w), 3);
	world_fini(&w);
}
END_TEST

/* A worker that wakes up after its claim was voided and its unit resold. */
START_TEST(test_sleeper_meets_the_void)
{
	struct order late;
	struct audit_report report;
	enum ledger_record record;
	struct world w;
	struct err err;

	world_init(&w, 1, 1);
	claim_leave_leased(&w, "alice", NULL);
	late = (struct order){.sale = w.sale.id,
	    .epoch = w.sale.epoch,
	    .status = ORDER_SOLD,
	    .unit = 1,
	    .slot = 1};
	ck_assert(customer_parse(strv_c("alice"), &late.customer));
	late.claim = claim_id_make(&w.sale, &late.customer, strv_c(NULL), 0);
	world_settle(&w);
	ck_assert_int_eq(world_verdict(&w, "bob", NULL), VERDICT_CREATED);
	ck_assert_int_eq(
	    w.ledger.record(w.ledger.ctx, &late, INT64_MAX, &record, &err),
	    OUT_DONE);
	ck_assert_int_eq(record, LEDGER_CLASH);
	ck_assert_int_eq(world_verdict(&w, "alice", NULL), VERDICT_SOLD_OUT);
	world_settle(&w);
	world_audit(&w, &report);
	ck_assert(audit_clean(&report));
	world_fini(&w);
}
END_TEST

/* An insert that comes later than half of the lease is not sent. */
START_TEST(test_too_late_to_insert)
{
	struct purchase_result result;
	struct world w;

	world_init(&w, 1, 1);
	w.buyer.lease_ms = 0;
	world_advance(&w, 1);
	/* The clock stands still inside a purchase: make "late" begin at 0. */
	w.buyer.lease_ms = -2;
	world_buy(&w, "alice", NULL, 0, &result);
	ck_assert_int_eq(result.verdict, VERDICT_TRY_AGAIN);
	ck_assert_uint_eq(world_sold(&w), 0);
	ck_assert_uint_eq(w.plan.calls[FAULT_LEDGER_RECORD], 0);
	world_fini(&w);
}
END_TEST

/* Three times the stock, duplicates, numbers above the stock. */
START_TEST(test_stuffed_gate)
{
	struct audit_report report;
	struct purchase_result result;
	struct world w;
	uint32_t yes = 0;
	char name[24];

	world_init(&w, 10, 1);
	for (uint32_t i = 0; i < 30; i++)
		mem_gate_stuff(w.mem_gate, w.sale.id, i % 15 + 1);
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "c%d", i % 60);
		world_buy(&w, name, NULL, 0, &result);
		if (result.verdict == VERDICT_CREATED) {
			row_must_exist(&w, &result.order);
			yes++;
		}
		if (i % 20 == 19)
			world_settle(&w);
	}
	ck_assert_uint_eq(yes, 10);
	ck_assert_uint_eq(world_sold(&w), 10);
	ck_assert_int_eq(world_verdict(&w, "late", NULL), VERDICT_SOLD_OUT);
	world_audit(&w, &report);
	ck_assert(audit_clean(&report));
	world_fini(&w);
}
END_TEST

/* The trial by fire in miniature: random faults on every call, one seed a loop. */
START_TEST(test_random_faults)
{
	unsigned seed = (unsigned)_i * 2654435761u + 1;
	struct audit_report report;
	struct world w;
	char name[24];

	world_init(&w, 20, 1);
	for (int i = 0; i < 300; i++) {
		struct purchase_result result;

		w.plan.n = 0;
		memset(w.plan.calls, 0, sizeof(w.plan.calls));
		for (int k = 0; k < 3; k++)
			fault_plan_add(&w.plan,
			    (enum fault_call)(rand_r(&seed) % FAULT_CALL_COUNT),
			    1 + (unsigned)rand_r(&seed) % 2,
			    (enum fault_kind)(rand_r(&seed) % 4));
		snprintf(name, sizeof(name), "c%d", rand_r(&seed) % 40);
		world_buy(&w, name, NULL, 0, &result);
		if (told_yes(result.verdict))
			row_must_exist(&w, &result.order);
		if (result.verdict == VERDICT_SOLD_OUT)
			ck_assert_uint_eq(world_sold(&w), w.sale.stock);
		if (rand_r(&seed) % 10 == 0)
			world_settle(&w);
	}
	w.plan.n = 0;
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		(void)world_verdict(&w, name, NULL);
	}
	world_settle(&w);
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		(void)world_verdict(&w, name, NULL);
	}
	world_settle(&w);
	ck_assert_uint_eq(world_sold(&w), 20);
	world_audit(&w, &report);
	ck_assert(audit_clean(&report));
	world_fini(&w);
}
END_TEST

/*
 * Two clicks at once, found by a campaign (MariaDB 10.11, two cores): the second
 * insert was refused for the first one's row, the reading after it did not see
 * that row yet, the next reading did.  It was taken for a unit that the gate had
 * forgotten.
 */
START_TEST(test_own_row_seen_late_is_no_damage)
{
	struct purchase_result first, again;
	struct audit_report report;
	struct world w;

	world_init(&w, 3, 1);
	fault_plan_add(&w.plan, FAULT_GATE_CONFIRM, 1, FAULT_NOT_DONE);
	world_buy(&w, "alice", NULL, 0, &first);
	ck_assert_int_eq(first.verdict, VERDICT_CREATED);
	fault_plan_add(&w.plan, FAULT_LEDGER_FIND, 1, FAULT_STALE);
	world_buy(&w, "alice", NULL, 0, &again);
	ck_assert_int_eq(again.verdict, VERDICT_REPLAYED);
	ck_assert(claim_eq(&again.order.claim, &first.order.claim));
	ck_assert_uint_eq(again.events, 0);
	ck_assert_uint_eq(w.plan.calls[FAULT_LEDGER_FIND], 1);
	world_audit(&w, &report);
	ck_assert(audit_clean(&report));
	world_fini(&w);
}
END_TEST

TESTS_MAIN("buy-stories",
    UNIT("key-reused", test_key_reused_with_other_payload),
    UNIT("limit-two", test_limit_above_one),
    UNIT("later-attempt", test_later_attempt_is_recognised),
    UNIT("seen-late", test_own_row_seen_late_is_no_damage),
    UNIT("sleeper", test_sleeper_meets_the_void),
    UNIT("too-late", test_too_late_to_insert),
    UNIT("stuffed", test_stuffed_gate),
    UNIT_TABLE("random-faults", test_random_faults, 60))
