/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accepted orders survive their gate, whatever becomes of those who make the new
 * one: they die, are taken for dead, are slow, are interrupted.
 */
#include "config.h"

#include "sale/world.h"
#include "unit.h"

#include "sale/mend.h"

#include <stdio.h>

static const struct {
	enum fault_call call;
	unsigned nth;
	enum fault_kind kind;
} deaths[] = {
    {FAULT_LEDGER_EPOCH_BEGIN, 1, FAULT_NOT_DONE},
    {FAULT_LEDGER_EPOCH_BEGIN, 1, FAULT_UNKNOWN_APPLIED},
    {FAULT_LEDGER_SALE, 1, FAULT_NOT_DONE},
    {FAULT_GATE_GAUGE, 1, FAULT_NOT_DONE},
    {FAULT_GATE_RETIRE, 1, FAULT_NOT_DONE},
    {FAULT_GATE_RETIRE, 1, FAULT_UNKNOWN_APPLIED},
    {FAULT_GATE_DISCARD, 1, FAULT_NOT_DONE},
    {FAULT_GATE_QUEUE_SCAN, 1, FAULT_NOT_DONE},
    {FAULT_LEDGER_SOLD_AFTER, 1, FAULT_NOT_DONE},
    {FAULT_GATE_OWN, 1, FAULT_UNKNOWN_APPLIED},
    {FAULT_GATE_QUEUE_SCAN, 2, FAULT_UNKNOWN_NOT_APPLIED},
    {FAULT_LEDGER_FIND, 1, FAULT_NOT_DONE},
    {FAULT_GATE_CARRY, 1, FAULT_NOT_DONE},
    {FAULT_GATE_CARRY, 1, FAULT_UNKNOWN_APPLIED},
    {FAULT_GATE_CARRY, 1, FAULT_UNKNOWN_NOT_APPLIED},
    {FAULT_GATE_CARRY, 2, FAULT_UNKNOWN_APPLIED},
    {FAULT_LEDGER_VOID, 1, FAULT_NOT_DONE},
    {FAULT_LEDGER_VOID, 0, FAULT_UNKNOWN_APPLIED},
    {FAULT_GATE_SEED, 1, FAULT_UNKNOWN_APPLIED},
    {FAULT_GATE_PUBLISH, 1, FAULT_NOT_DONE},
    {FAULT_GATE_PUBLISH, 0, FAULT_UNKNOWN_APPLIED},
    {FAULT_LEDGER_EPOCH_END, 1, FAULT_NOT_DONE},
};

/* A unit is sold, one leased, 100 orders wait, two of them above the stock; a
 * rebuilder dies at each of its calls; the next one carries over what the first
 * left, and nothing twice. */
static void rebuilder_dies(struct world *w, int i)
{
	struct rebuild_result result;
	struct err err;
	char name[16];

	world_queue(w, 120, 1);
	world_mode(w, SALE_MODE_DIRECT);
	ck_assert_int_eq(world_verdict(w, "zoe", NULL), VERDICT_CREATED);
	world_mode(w, SALE_MODE_QUEUE);
	world_lease(w, "yan");
	for (int k = 0; k < 100; k++) {
		snprintf(name, sizeof(name), "c%d", k);
		(void)world_accept(w, name, NULL);
	}
	w->sale.stock = 100;
	world_sale_put(w);
	memset(w->plan.calls, 0, sizeof(w->plan.calls));
	fault_plan_add(&w->plan, deaths[i].call, deaths[i].nth, deaths[i].kind);
	ck_assert_int_ne(
	    sale_rebuild(&w->faulty_gate, &w->faulty_ledger, &w->sale,
		SALE_STATE_OPEN, INT64_MAX, NULL, NULL, &result, &err),
	    OUT_DONE);
	ck_assert_uint_ge(w->plan.calls[deaths[i].call],
	    deaths[i].nth > 0 ? deaths[i].nth : 1);
	w->plan.n = 0;
}

START_TEST(test_rebuilder_dies)
{
	struct rebuild_result result;
	struct world w;

	rebuilder_dies(&w, _i);
	world_rebuild(&w, &result);
	ck_assert_uint_eq(result.waiting, 98);
	/* Those above the stock were void already, if the first got there. */
	ck_assert_uint_le(result.voided, 2);
	ck_assert_uint_eq(result.units_free, 1);
	world_clean(&w);
	world_drain(&w);
	ck_assert_uint_eq(world_sold(&w), 99);
	world_clean(&w);
	world_fini(&w);
}
END_TEST

/* And then the meta is lost: all streams are looked through, copies and all. */
START_TEST(test_rebuilder_dies_and_the_meta_is_lost)
{
	struct rebuild_result result;
	struct world w;

	rebuilder_dies(&w, _i);
	mem_gate_lose_meta(w.mem_gate, w.sale.id);
	world_rebuild(&w, &result);
	ck_assert_uint_eq(result.waiting, 98);
	world_clean(&w);
	world_drain(&w);
	ck_assert_uint_eq(world_sold(&w), 99);
	world_fini(&w);
}
END_TEST

/* Nobody is told "accepted" by a gate that is being replaced: nobody would read
 * that entry. */
START_TEST(test_nothing_is_accepted_behind_the_reader)
{
	struct gate_entry entry[SETTLE_BATCH];
	struct rebuild_result result;
	struct sale old;
	struct order alice;
	struct world w;
	struct err err;

	world_queue(&w, 3, 1);
	alice = world_accept(&w, "alice", NULL);
	old = w.sale;
	fault_plan_add(&w.plan, FAULT_GATE_PUBLISH, 0, FAULT_NOT_DONE);
	ck_assert_int_eq(
	    sale_rebuild(&w.faulty_gate, &w.faulty_ledger, &w.sale,
		SALE_STATE_OPEN, INT64_MAX, NULL, NULL, &result, &err),
	    OUT_NOT_DONE);
	w.plan.n = 0;
	ck_assert_int_eq(world_verdict(&w, "bob", NULL), VERDICT_REBUILDING);
	ck_assert_uint_eq(world_entries(&w, w.sale.epoch, entry), 1);
	/* She is told what is true all the time. */
	world_sale_get(&w);
	ck_assert_int_eq(world_verdict(&w, "alice", NULL), VERDICT_REBUILDING);
	w.sale = old;
	w.sale.state = SALE_STATE_PAUSED; /* as the table has it */
	ck_assert_int_eq(world_verdict(&w, "alice", NULL), VERDICT_ACCEPTED);
	(void)world_rebuilt(&w, 2, 0, 1, 0);
	world_drain(&w);
	ck_assert_int_eq(world_status(&w, &alice), ORDER_SOLD);
	world_fini(&w);
}
END_TEST

/* A rebuilder was taken for dead, and publishes while the next one reads: with
 * what he read, accepted orders would be given out again. */
START_TEST(test_the_dead_do_not_publish)
{
	struct gate_seeded seeded = {2, 1, 2, 0, 0, false};
	static const uint32_t units[] = {1, 2};
	struct gate_ref late, next;
	struct world w;
	struct err err;

	world_queue(&w, 2, 1);
	if (_i == 1)
		mem_gate_flushall(w.mem_gate);
	late = (struct gate_ref){w.sale.id, 2};
	next = (struct gate_ref){w.sale.id, 3};
	ck_assert_int_eq(
	    w.gate.retire(w.gate.ctx, late, INT64_MAX, &err), OUT_DONE);
	ck_assert_int_eq(
	    w.gate.seed(w.gate.ctx, late, units, 2, INT64_MAX, &err), OUT_DONE);
	ck_assert_int_eq(
	    w.gate.retire(w.gate.ctx, next, INT64_MAX, &err), OUT_DONE);
	ck_assert_int_eq(
	    w.gate.publish(w.gate.ctx, late, &seeded, INT64_MAX, &err),
	    OUT_NOT_DONE);
	ck_assert_int_eq(
	    w.gate.seed(w.gate.ctx, next, units, 2, INT64_MAX, &err), OUT_DONE);
	ck_assert_int_eq(
	    w.gate.publish(w.gate.ctx, next, &seeded, INT64_MAX, &err),
	    OUT_DONE);
	/* And what is published is not retired by somebody who was late. */
	ck_assert_int_eq(
	    w.gate.retire(w.gate.ctx, late, INT64_MAX, &err), OUT_NOT_DONE);
	world_fini(&w);
}
END_TEST

static enum outcome retired_in_vain(
    void *ctx, struct gate_ref ref, int64_t deadline_ns, struct err *err)
{
	(void)ctx;
	(void)ref;
	(void)deadline_ns;
	(void)err;
	return OUT_DONE;
}

/*
 * Redis is set back to just before it was told that a new gate is being made.  What
 * it then accepts has been read by nobody: that rebuild must not end well (the
 * model found it).
 */
START_TEST(test_nothing_is_accepted_behind_a_mark_that_is_lost)
{
	struct gate_entry entry[SETTLE_BATCH];
	struct rebuild_result result;
	struct gate_port set_back;
	struct order alice;
	struct sale seen;
	struct world w;
	struct err err;

	world_queue(&w, 3, 1);
	set_back = w.gate;
	set_back.retire = retired_in_vain;
	seen = w.sale;
	ck_assert_int_eq(
	    sale_rebuild(&set_back, &w.ledger, &seen, SALE_STATE_OPEN,
		INT64_MAX, NULL, NULL, &result, &err),
	    OUT_NOT_DONE);
	alice = world_accept(&w, "alice", NULL);
	ck_assert_uint_eq(world_entries(&w, w.sale.epoch, entry), 1);
	world_sale_get(&w);
	(void)world_rebuilt(&w, 2, 0, 1, 0);
	world_drain(&w);
	ck_assert_int_eq(world_status(&w, &alice), ORDER_SOLD);
	world_fini(&w);
}
END_TEST

/* A rebuilder that dies between publishing and opening leaves two generations. */
START_TEST(test_nothing_old_is_left)
{
	struct gate_entry left[SETTLE_BATCH];
	struct rebuild_result result;
	struct world w;
	struct err err;
	size_t n;

	world_queue(&w, 2, 1);
	(void)world_accept(&w, "alice", NULL);
	fault_plan_add(
	    &w.plan, FAULT_LEDGER_EPOCH_END, 1, FAULT_UNKNOWN_NOT_APPLIED);
	ck_assert_int_eq(
	    sale_rebuild(&w.faulty_gate, &w.faulty_ledger, &w.sale,
		SALE_STATE_OPEN, INT64_MAX, NULL, NULL, &result, &err),
	    OUT_UNKNOWN);
	world_sale_get(&w);
	ck_assert_uint_eq(w.sale.epoch, 2);
	(void)world_rebuilt(&w, 1, 0, 1, 0);
	for (uint32_t epoch = 1; epoch <= 3; epoch++) {
		ck_assert_int_eq(w.gate.queue_scan(w.gate.ctx,
				     (struct gate_ref){w.sale.id, epoch},
				     (struct gate_entry_id){0, 0}, SETTLE_BATCH,
				     INT64_MAX, left, &n, &err),
		    OUT_DONE);
		ck_assert_uint_eq(n, epoch == 3);
	}
	world_fini(&w);
}
END_TEST

/* A rebuilder retires the gate and dies, and the ledger fails over to a replica that
 * has not heard of his epoch: for it all is well, and the gate gives nothing out. */
START_TEST(test_the_ledger_forgets_who_retired_it)
{
	struct mend_memory memory = {0};
	struct mend_result result;
	struct mender mender;
	struct order alice;
	struct world w;
	struct err err;

	world_queue(&w, 2, 1);
	mender = (struct mender){&w.gate, &w.ledger, &w.clock};
	if (_i == 1)
		world_mode(&w, SALE_MODE_DIRECT);
	else
		alice = world_accept(&w, "alice", NULL);
	ck_assert_int_eq(w.gate.retire(w.gate.ctx,
			     (struct gate_ref){w.sale.id, 2}, INT64_MAX, &err),
	    OUT_DONE);
	ck_assert_int_eq(world_verdict(&w, "bob", NULL), VERDICT_REBUILDING);
	ck_assert_int_eq(
	    sale_mend(&mender, w.sale.id, 0, &memory, &result, &err), OUT_DONE);
	ck_assert(result.done);
	world_sale_get(&w);
	ck_assert_int_eq(world_verdict(&w, "bob", NULL),
	    _i == 1 ? VERDICT_CREATED : VERDICT_ACCEPTED);
	world_settle(&w);
	world_drain(&w);
	if (_i == 0)
		ck_assert_int_eq(world_status(&w, &alice), ORDER_SOLD);
	world_clean(&w);
	world_fini(&w);
}
END_TEST

/* A sale whose rebuilds fail and fail, each leaving its epoch, and then its meta is
 * lost as well: nobody can tell in which epoch orders were accepted last. */
START_TEST(test_many_die)
{
	static const unsigned attempts[] = {9, 9, 20, 20};
	struct rebuild_result result;
	struct order alice;
	struct world w;
	struct err err;

	world_queue(&w, 3, 1);
	(void)world_rebuilt(&w, 3, 0, 0, 0);
	world_mode(&w, SALE_MODE_QUEUE);
	alice = world_accept(&w, "alice", NULL);
	/* Before they copy anything, or after. */
	fault_plan_add(&w.plan,
	    _i % 2 == 0 ? FAULT_LEDGER_SOLD_AFTER : FAULT_GATE_PUBLISH, 0,
	    FAULT_NOT_DONE);
	for (unsigned i = 0; i < attempts[_i]; i++) {
		world_sale_get(&w);
		if (i == 2)
			mem_gate_lose_meta(w.mem_gate, w.sale.id);
		ck_assert_int_eq(
		    sale_rebuild(&w.faulty_gate, &w.faulty_ledger, &w.sale,
			SALE_STATE_OPEN, INT64_MAX, NULL, NULL, &result, &err),
		    OUT_NOT_DONE);
	}
	w.plan.n = 0;
	(void)world_rebuilt(&w, 2, 0, 1, 0);
	world_drain(&w);
	ck_assert_int_eq(world_status(&w, &alice), ORDER_SOLD);
	world_fini(&w);
}
END_TEST

/* And none of their keys is left. */
START_TEST(test_many_die_and_leave_nothing)
{
	struct rebuild_result result;
	struct gate_ref ref;
	uint32_t units[3];
	struct world w;
	struct err err;
	size_t n;

	world_queue(&w, 3, 1);
	fault_plan_add(&w.plan, FAULT_GATE_PUBLISH, 0, FAULT_NOT_DONE);
	for (unsigned i = 0; i < 20; i++) {
		world_sale_get(&w);
		ck_assert_int_eq(
		    sale_rebuild(&w.faulty_gate, &w.faulty_ledger, &w.sale,
			SALE_STATE_OPEN, INT64_MAX, NULL, NULL, &result, &err),
		    OUT_NOT_DONE);
	}
	(void)world_rebuilt(&w, 3, 0, 0, 0);
	for (ref = world_ref(&w); --ref.epoch >= 1;) {
		ck_assert_int_eq(w.gate.free_list(w.gate.ctx, ref, 0, 3,
				     INT64_MAX, units, &n, &err),
		    OUT_DONE);
		ck_assert_uint_eq(n, 0);
	}
	world_fini(&w);
}
END_TEST

/* A gate that cannot tell what waits is given time for all that may, and for the
 * search through every epoch that may have it. */
START_TEST(test_bound)
{
	struct sale sale = {
	    .stock = 1000, .mode = SALE_MODE_QUEUE, .epoch = 50};
	struct gate_gauge gauge = {.known = true};

	ck_assert_int_eq(mend_bound_ms(&sale, &gauge), 3050);
	gauge.waiting = 100;
	ck_assert_int_eq(mend_bound_ms(&sale, &gauge), 3100);
	/* What a stranger has written into the stream is no order. */
	gauge.waiting = 5000;
	ck_assert_int_eq(mend_bound_ms(&sale, &gauge), 3550);
	gauge = (struct gate_gauge){.known = false};
	ck_assert_int_eq(mend_bound_ms(&sale, &gauge), 3650);
	sale.mode = SALE_MODE_DIRECT;
	ck_assert_int_eq(mend_bound_ms(&sale, &gauge), 3150);
}
END_TEST

/* A disk that takes its time: each page is a write that Redis syncs first. */
static struct {
	struct gate_port gate;
	struct world *w;
	int64_t before_ms; /* passes before the next page is written */
} slow;

static enum outcome slow_carry(void *ctx, struct gate_ref ref,
    const struct order *orders, size_t n, int64_t deadline_ns,
    enum gate_carried *carried, struct err *err)
{
	world_advance(slow.w, slow.before_ms);
	slow.before_ms = 12;
	if (slow.w->mono_ns >= deadline_ns) {
		err_set(err, 0, "no time left to ask");
		return OUT_NOT_DONE;
	}
	return slow.gate.carry(ctx, ref, orders, n, deadline_ns, carried, err);
}

/* As the rest of the rebuild may take all of the time that its stock allows, what
 * waits has time of its own: else a long queue could never be carried over. */
START_TEST(test_time_for_what_waits)
{
	struct gate_gauge gauge;
	struct mend_memory memory = {0};
	struct mend_result result;
	struct gate_port gate;
	struct mender mender;
	struct world w;
	struct err err;
	char name[16];

	world_queue(&w, 200, 1);
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		(void)world_accept(&w, name, NULL);
	}
	slow.gate = gate = w.gate;
	slow.w = &w;
	world_gauge(&w, &gauge);
	slow.before_ms = 3000 + 200 / 20;
	gate.carry = slow_carry;
	mender = (struct mender){&gate, &w.ledger, &w.clock};
	mem_gate_restart(w.mem_gate);
	ck_assert_int_eq(
	    sale_mend(&mender, w.sale.id, 0, &memory, &result, &err), OUT_DONE);
	ck_assert(result.done);
	ck_assert_uint_eq(result.rebuilt.waiting, 200);
	ck_assert_int_eq(memory.bound_ms, mend_bound_ms(&w.sale, &gauge));
	world_sale_get(&w);
	world_clean(&w);
	world_fini(&w);
}
END_TEST

/* The operator closes the sale while its gate is half made: what waits is
 * carried over all the same, and the sale stays closed. */
START_TEST(test_closed_half_made)
{
	struct mend_memory memory = {0};
	struct mend_result result;
	struct mender mender;
	struct order alice;
	struct world w;
	struct err err;
	bool won;

	world_queue(&w, 2, 1);
	mender = (struct mender){&w.gate, &w.ledger, &w.clock};
	if (_i == 0)
		alice = world_accept(&w, "alice", NULL);
	ck_assert_int_eq(w.ledger.epoch_begin(w.ledger.ctx, &w.sale,
			     SALE_STATE_REBUILD, INT64_MAX, &won, &err),
	    OUT_DONE);
	world_sale_get(&w);
	w.sale.state = SALE_STATE_CLOSED;
	world_sale_put(&w);
	ck_assert_int_eq(
	    sale_mend(&mender, w.sale.id, 0, &memory, &result, &err), OUT_DONE);
	ck_assert_int_eq(
	    result.trouble, _i == 0 ? GATE_OTHER_EPOCH : GATE_WELL);
	ck_assert(result.done == (_i == 0));
	world_sale_get(&w);
	ck_assert_int_eq(w.sale.state, SALE_STATE_CLOSED);
	if (_i == 0) {
		world_drain(&w);
		ck_assert_int_eq(world_status(&w, &alice), ORDER_SOLD);
	}
	world_fini(&w);
}
END_TEST

/* Old keys go: streams, and what was known to be void. */
START_TEST(test_old_keys_are_unlinked)
{
	struct gate_entry entry[SETTLE_BATCH];
	struct gate_ref old;
	struct world w;
	struct err err;
	size_t n;

	world_queue(&w, 2, 1);
	(void)world_accept(&w, "alice", NULL);
	old = world_ref(&w);
	(void)world_rebuilt(&w, 1, 0, 1, 0);
	ck_assert_int_eq(
	    w.gate.queue_scan(w.gate.ctx, old, (struct gate_entry_id){0, 0},
		SETTLE_BATCH, INT64_MAX, entry, &n, &err),
	    OUT_DONE);
	ck_assert_uint_eq(n, 0);
	world_fini(&w);
}
END_TEST

TESTS_MAIN("carry-dies", UNIT("bound", test_bound),
    UNIT_TABLE("many-die", test_many_die, 4),
    UNIT("nothing-left", test_many_die_and_leave_nothing),
    UNIT_TABLE("dies", test_rebuilder_dies, ARRAY_LEN(deaths)),
    UNIT_TABLE("dies-no-meta", test_rebuilder_dies_and_the_meta_is_lost,
	ARRAY_LEN(deaths)),
    UNIT("retired", test_nothing_is_accepted_behind_the_reader),
    UNIT("mark-lost", test_nothing_is_accepted_behind_a_mark_that_is_lost),
    UNIT_TABLE("late", test_the_dead_do_not_publish, 2),
    UNIT("nothing-old", test_nothing_old_is_left),
    UNIT_TABLE("ledger-forgets", test_the_ledger_forgets_who_retired_it, 2),
    UNIT("time-for-what-waits", test_time_for_what_waits),
    UNIT_TABLE("closed", test_closed_half_made, 2),
    UNIT("unlinked", test_old_keys_are_unlinked))
