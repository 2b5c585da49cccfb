/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accepted orders survive their gate: a rebuild carries over what waits, once,
 * whatever rebuilders died before it and whichever copy of Redis came back; and
 * the audit knows where such a unit is.
 */
#include "config.h"

#include "sale/world.h"
#include "unit.h"

#include "sale/mend.h"

#include <stdio.h>

static void queue_init(struct world *w, uint32_t stock, uint32_t limit)
{
	world_init(w, stock, limit);
	world_mode(w, SALE_MODE_QUEUE);
}

/* Of the present epoch. */
static size_t entries(struct world *w, struct gate_entry *out)
{
	struct err err;
	size_t n;

	ck_assert_int_eq(w->gate.queue_scan(w->gate.ctx, world_ref(w),
			     (struct gate_entry_id){0, 0}, SETTLE_BATCH,
			     INT64_MAX, out, &n, &err),
	    OUT_DONE);
	return n;
}

static void assert_clean(struct world *w)
{
	struct audit_report report;

	world_audit(w, &report);
	ck_assert_msg(audit_clean(&report), "unit %u: %s",
	    report.findings[0].unit, unit_fault_name(report.findings[0].fault));
}

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

static enum order_status status_of(struct world *w, const struct order *order)
{
	struct order row;

	ck_assert_msg(world_row(w, &order->claim, &row), "not decided");
	return row.status;
}

static struct rebuild_result rebuild_done(struct world *w, uint32_t free_n,
    uint32_t sold, uint32_t waiting, uint32_t voided)
{
	struct rebuild_result result;

	world_rebuild(w, &result);
	ck_assert_uint_eq(result.units_free, free_n);
	ck_assert_uint_eq(result.units_sold, sold);
	ck_assert_uint_eq(result.waiting, waiting);
	ck_assert_uint_eq(result.voided, voided);
	assert_clean(w);
	return result;
}

static void lease_put(struct world *w, const char *name)
{
	struct claim_chain chain = {.n = 1};
	struct customer who;
	struct gate_ticket ticket;
	struct err err;

	ck_assert(customer_parse(strv_c(name), &who));
	chain.id[0] = claim_id_make(&w->sale, &who, strv_c(NULL), 0);
	ck_assert_int_eq(w->gate.claim(w->gate.ctx, world_ref(w), &chain, &who,
			     INT64_MAX, &ticket, &err),
	    OUT_DONE);
	ck_assert_int_eq(ticket.answer, GATE_TAKEN);
}

/* ---- carried over ------------------------------------------------------------------- */

START_TEST(test_what_waits_goes_over)
{
	struct gate_entry entry[SETTLE_BATCH];
	struct order alice, carol, again;
	struct world w;

	queue_init(&w, 5, 1);
	alice = world_accept(&w, "alice", NULL);
	world_mode(&w, SALE_MODE_DIRECT);
	ck_assert_int_eq(world_verdict(&w, "bob", NULL), VERDICT_CREATED);
	world_mode(&w, SALE_MODE_SWEEP);
	world_advance(&w, 1000);
	carol = world_accept(&w, "carol", NULL);
	(void)rebuild_done(&w, 2, 1, 2, 0);
	ck_assert_uint_eq(entries(&w, entry), 2);
	assert_same(&entry[0].order, &alice);
	assert_same(&entry[1].order, &carol);
	/* Nothing changed for whoever asks. */
	again = world_accept(&w, "alice", NULL);
	assert_same(&again, &alice);
	ck_assert_int_eq(world_verdict(&w, "bob", NULL), VERDICT_REPLAYED);
	world_drain(&w);
	ck_assert_int_eq(status_of(&w, &alice), ORDER_SOLD);
	ck_assert_int_eq(status_of(&w, &carol), ORDER_SOLD);
	assert_clean(&w);
	world_fini(&w);
}
END_TEST

/* Pages of entries, pages of rows, chunks of units. */
START_TEST(test_many)
{
	struct rebuild_result result;
	struct world w;
	char name[16];

	queue_init(&w, 2500, 1);
	w.settler.batch = SETTLE_BATCH;
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		(void)world_accept(&w, name, NULL);
		if (i == 120)
			world_drain(&w);
	}
	result = rebuild_done(&w, 2200, 121, 179, 0);
	ck_assert_uint_eq(result.epoch, 2);
	world_drain(&w);
	ck_assert_uint_eq(world_sold(&w), 300);
	assert_clean(&w);
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

	queue_init(&w, 2, 1);
	alice = world_accept(&w, "alice", NULL);
	fault_plan_add(
	    &w.plan, FAULT_LEDGER_RECORD_BATCH, 0, FAULT_UNKNOWN_NOT_APPLIED);
	ck_assert_int_eq(sale_settle(&w.settler, &w.sale, INT64_MAX, 0, &state,
			     &counts, &err),
	    OUT_UNKNOWN);
	w.plan.n = 0;
	before = w.sale;
	(void)rebuild_done(&w, 1, 0, 1, 0);
	/* That one does not know of the rebuild yet. */
	ck_assert_int_eq(sale_settle(&w.settler, &before, INT64_MAX, 0, &state,
			     &counts, &err),
	    OUT_DONE);
	ck_assert_int_eq(state, SETTLE_STALE);
	ck_assert_int_eq(sale_settle(&w.settler, &w.sale, INT64_MAX, 0, &state,
			     &counts, &err),
	    OUT_DONE);
	ck_assert_uint_eq(counts.sold, 1);
	ck_assert_int_eq(status_of(&w, &alice), ORDER_SOLD);
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

	queue_init(&w, 2, 1);
	mender = (struct mender){&w.gate, &w.ledger, &w.clock};
	alice = world_accept(&w, "alice", NULL);
	mem_gate_restart(w.mem_gate);
	ck_assert_int_eq(
	    sale_mend(&mender, w.sale.id, 0, &memory, &result, &err), OUT_DONE);
	ck_assert_int_eq(result.trouble, GATE_RESTARTED);
	ck_assert(result.done);
	ck_assert_uint_eq(result.rebuilt.waiting, 1);
	assert_clean(&w);
	world_drain(&w);
	ck_assert_int_eq(status_of(&w, &alice), ORDER_SOLD);
	world_fini(&w);
}
END_TEST

/* ---- what cannot be carried over -------------------------------------------------------- */

START_TEST(test_less_stock)
{
	struct order alice, bob, again;
	struct world w;

	queue_init(&w, 3, 1);
	alice = world_accept(&w, "alice", NULL);
	bob = world_accept(&w, "bob", NULL);
	w.sale.stock = 1;
	world_sale_put(&w);
	(void)rebuild_done(&w, 0, 0, 1, 1);
	ck_assert_int_eq(status_of(&w, &bob), ORDER_VOID);
	ck_assert_int_eq(world_verdict(&w, "bob", NULL), VERDICT_SOLD_OUT);
	world_drain(&w);
	ck_assert_int_eq(status_of(&w, &alice), ORDER_SOLD);
	/* More again: bob's next attempt has it, though this gate never knew the
	 * one that is void. */
	w.sale.stock = 2;
	world_sale_put(&w);
	(void)rebuild_done(&w, 1, 1, 0, 0);
	again = world_accept(&w, "bob", NULL);
	ck_assert(!claim_eq(&again.claim, &bob.claim));
	world_drain(&w);
	ck_assert_int_eq(status_of(&w, &again), ORDER_SOLD);
	world_fini(&w);
}
END_TEST

START_TEST(test_lower_limit)
{
	struct order one, two;
	struct world w;

	queue_init(&w, 3, 2);
	one = world_accept(&w, "alice", "a");
	two = world_accept(&w, "alice", "b");
	w.sale.per_customer = 1;
	world_sale_put(&w);
	(void)rebuild_done(&w, 2, 0, 1, 1);
	world_drain(&w);
	ck_assert_int_eq(status_of(&w, &one), ORDER_SOLD);
	ck_assert_int_eq(status_of(&w, &two), ORDER_VOID);
	world_fini(&w);
}
END_TEST

/* A unit was twice in the list: two orders wait for it, one can have it. */
START_TEST(test_two_wait_for_one_unit)
{
	struct audit_report report;
	struct order alice, bob;
	struct world w;

	queue_init(&w, 1, 1);
	mem_gate_stuff(w.mem_gate, w.sale.id, 1);
	alice = world_accept(&w, "alice", NULL);
	bob = world_accept(&w, "bob", NULL);
	world_audit(&w, &report);
	ck_assert_uint_eq(report.faults[UNIT_TWICE_WAITING], 1);
	(void)rebuild_done(&w, 0, 0, 1, 1);
	world_drain(&w);
	ck_assert_int_eq(status_of(&w, &alice), ORDER_SOLD);
	ck_assert_int_eq(status_of(&w, &bob), ORDER_VOID);
	assert_clean(&w);
	world_fini(&w);
}
END_TEST

/* The gate forgot an order of alice's, and gave her its slot again. */
START_TEST(test_slot_of_another)
{
	struct order alice, sold;
	struct world w;

	queue_init(&w, 3, 1);
	alice = world_accept(&w, "alice", NULL);
	sold = alice;
	sold.unit = 3;
	sold.claim = claim_id_make(&w.sale, &alice.customer, strv_c("x"), 0);
	mem_ledger_put_row(w.mem_ledger, &sold);
	(void)rebuild_done(&w, 2, 1, 0, 1);
	ck_assert_int_eq(status_of(&w, &alice), ORDER_VOID);
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

	queue_init(&w, 3, 1);
	alice = world_accept(&w, "alice", NULL);
	sold = alice;
	ck_assert(customer_parse(strv_c("zoe"), &sold.customer));
	sold.claim = claim_id_make(&w.sale, &sold.customer, strv_c("x"), 0);
	mem_ledger_put_row(w.mem_ledger, &sold);
	(void)rebuild_done(&w, 2, 1, 0, 1);
	ck_assert_int_eq(status_of(&w, &alice), ORDER_VOID);
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

	queue_init(&w, 2, 1);
	mem_gate_stuff_entry(w.mem_gate, w.sale.id, &entry);
	alice = world_accept(&w, "alice", NULL);
	(void)rebuild_done(&w, 1, 0, 1, 1);
	letter = mem_ledger_letters(w.mem_ledger, &n);
	ck_assert_uint_eq(n, 1);
	ck_assert_str_eq(letter->reason, entry.flaw);
	ck_assert_uint_eq(letter->order.epoch, 1);
	world_drain(&w);
	ck_assert_int_eq(status_of(&w, &alice), ORDER_SOLD);
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

	queue_init(&w, 4, 1);
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
	ck_assert_uint_eq(entries(&w, entry), 2);
	(void)rebuild_done(&w, 2, 2, 0, 0);
	ck_assert_int_eq(status_of(&w, &alice), ORDER_SOLD);
	ck_assert_int_eq(status_of(&w, &bob), ORDER_VOID);
	ck_assert_int_eq(status_of(&w, &carol), ORDER_SOLD);
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

	queue_init(&w, 3, 1);
	alice = world_accept(&w, "alice", NULL);
	bob = world_accept(&w, "bob", NULL);
	copy = mem_gate_copy(w.mem_gate);
	(void)rebuild_done(&w, 1, 0, 2, 0);
	w.settler.batch = 1;
	ck_assert_int_eq(sale_settle(&w.settler, &w.sale, INT64_MAX, 0,
			     &(enum settle_state){0},
			     &(struct settle_counts){0}, &(struct err){0}),
	    OUT_DONE);
	ck_assert(world_row(&w, &alice.claim, &row));
	mem_gate_restore(w.mem_gate, copy);
	(void)rebuild_done(&w, 1, 1, 1, 0);
	world_drain(&w);
	ck_assert_int_eq(status_of(&w, &bob), ORDER_SOLD);
	assert_clean(&w);
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

	queue_init(&w, 3, 1);
	alice = world_accept(&w, "alice", NULL);
	copy = mem_gate_copy(w.mem_gate);
	row = alice;
	row.unit = 3;
	mem_ledger_put_row(w.mem_ledger, &row);
	(void)rebuild_done(&w, 2, 1, 0, 0);
	mem_gate_restore(w.mem_gate, copy);
	(void)rebuild_done(&w, 2, 1, 0, 0);
	mem_gate_free(&copy);
	world_fini(&w);
}
END_TEST

/* ---- rebuilders that die ---------------------------------------------------------------- */

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

	queue_init(w, 120, 1);
	world_mode(w, SALE_MODE_DIRECT);
	ck_assert_int_eq(world_verdict(w, "zoe", NULL), VERDICT_CREATED);
	world_mode(w, SALE_MODE_QUEUE);
	lease_put(w, "yan");
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
	assert_clean(&w);
	world_drain(&w);
	ck_assert_uint_eq(world_sold(&w), 99);
	assert_clean(&w);
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
	assert_clean(&w);
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

	queue_init(&w, 3, 1);
	alice = world_accept(&w, "alice", NULL);
	old = w.sale;
	fault_plan_add(&w.plan, FAULT_GATE_PUBLISH, 0, FAULT_NOT_DONE);
	ck_assert_int_eq(
	    sale_rebuild(&w.faulty_gate, &w.faulty_ledger, &w.sale,
		SALE_STATE_OPEN, INT64_MAX, NULL, NULL, &result, &err),
	    OUT_NOT_DONE);
	w.plan.n = 0;
	ck_assert_int_eq(world_verdict(&w, "bob", NULL), VERDICT_REBUILDING);
	ck_assert_uint_eq(entries(&w, entry), 1);
	/* She is told what is true all the time. */
	world_sale_get(&w);
	ck_assert_int_eq(world_verdict(&w, "alice", NULL), VERDICT_REBUILDING);
	w.sale = old;
	w.sale.state = SALE_STATE_PAUSED; /* as the table has it */
	ck_assert_int_eq(world_verdict(&w, "alice", NULL), VERDICT_ACCEPTED);
	(void)rebuild_done(&w, 2, 0, 1, 0);
	world_drain(&w);
	ck_assert_int_eq(status_of(&w, &alice), ORDER_SOLD);
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

	queue_init(&w, 2, 1);
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

	queue_init(&w, 3, 1);
	set_back = w.gate;
	set_back.retire = retired_in_vain;
	seen = w.sale;
	ck_assert_int_eq(
	    sale_rebuild(&set_back, &w.ledger, &seen, SALE_STATE_OPEN,
		INT64_MAX, NULL, NULL, &result, &err),
	    OUT_NOT_DONE);
	alice = world_accept(&w, "alice", NULL);
	ck_assert_uint_eq(entries(&w, entry), 1);
	world_sale_get(&w);
	(void)rebuild_done(&w, 2, 0, 1, 0);
	world_drain(&w);
	ck_assert_int_eq(status_of(&w, &alice), ORDER_SOLD);
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

	queue_init(&w, 2, 1);
	(void)world_accept(&w, "alice", NULL);
	fault_plan_add(
	    &w.plan, FAULT_LEDGER_EPOCH_END, 1, FAULT_UNKNOWN_NOT_APPLIED);
	ck_assert_int_eq(
	    sale_rebuild(&w.faulty_gate, &w.faulty_ledger, &w.sale,
		SALE_STATE_OPEN, INT64_MAX, NULL, NULL, &result, &err),
	    OUT_UNKNOWN);
	world_sale_get(&w);
	ck_assert_uint_eq(w.sale.epoch, 2);
	(void)rebuild_done(&w, 1, 0, 1, 0);
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

	queue_init(&w, 2, 1);
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
		ck_assert_int_eq(status_of(&w, &alice), ORDER_SOLD);
	assert_clean(&w);
	world_fini(&w);
}
END_TEST

/* A disk that takes its time: each page is a write that Redis syncs first. */
static struct {
	struct gate_port gate;
	struct world *w;
	int64_t before_ms; /* passes before the next page is written */
} slow;

static enum outcome slow_carry(void *ctx, struct gate_ref ref,
    const struct order *orders, size_t n, int64_t deadline_ns, bool *refused,
    struct err *err)
{
	world_advance(slow.w, slow.before_ms);
	slow.before_ms = 12;
	if (slow.w->mono_ns >= deadline_ns) {
		err_set(err, 0, "no time left to ask");
		return OUT_NOT_DONE;
	}
	return slow.gate.carry(ctx, ref, orders, n, deadline_ns, refused, err);
}

/* As the rest of the rebuild may take all of the time that its stock allows, what
 * waits has time of its own: else a long queue could never be carried over. */
START_TEST(test_time_for_what_waits)
{
	struct mend_memory memory = {0};
	struct mend_result result;
	struct gate_port gate;
	struct mender mender;
	struct world w;
	struct err err;
	char name[16];

	queue_init(&w, 200, 1);
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		(void)world_accept(&w, name, NULL);
	}
	slow.gate = gate = w.gate;
	slow.w = &w;
	slow.before_ms = mend_bound_ms(200, 0);
	gate.carry = slow_carry;
	mender = (struct mender){&gate, &w.ledger, &w.clock};
	mem_gate_restart(w.mem_gate);
	/* What a stranger has written into the stream is no order. */
	ck_assert_int_eq(mend_bound_ms(200, 5000), mend_bound_ms(200, 200));
	ck_assert_int_eq(
	    sale_mend(&mender, w.sale.id, 0, &memory, &result, &err), OUT_DONE);
	ck_assert(result.done);
	ck_assert_uint_eq(result.rebuilt.waiting, 200);
	ck_assert_int_eq(memory.bound_ms, mend_bound_ms(200, 200));
	world_sale_get(&w);
	assert_clean(&w);
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

	queue_init(&w, 2, 1);
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
		ck_assert_int_eq(status_of(&w, &alice), ORDER_SOLD);
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

	queue_init(&w, 2, 1);
	(void)world_accept(&w, "alice", NULL);
	old = world_ref(&w);
	(void)rebuild_done(&w, 1, 0, 1, 0);
	ck_assert_int_eq(
	    w.gate.queue_scan(w.gate.ctx, old, (struct gate_entry_id){0, 0},
		SETTLE_BATCH, INT64_MAX, entry, &n, &err),
	    OUT_DONE);
	ck_assert_uint_eq(n, 0);
	world_fini(&w);
}
END_TEST

/* ---- the audit -------------------------------------------------------------------------- */

START_TEST(test_audit_at_home)
{
	struct audit_report report;
	struct settle_counts counts;
	enum settle_state state;
	struct audit *audit;
	struct world w;
	struct err err;

	queue_init(&w, 4, 1);
	(void)world_accept(&w, "alice", NULL);
	(void)world_accept(&w, "bob", NULL);
	world_audit(&w, &report);
	ck_assert(audit_clean(&report));
	ck_assert_uint_eq(report.waiting, 2);
	ck_assert_uint_eq(report.free, 2);
	ck_assert_uint_eq(report.tell_pending, 0);
	/* Written, and the gate was not told. */
	fault_plan_add(&w.plan, FAULT_GATE_SETTLED, 0, FAULT_NOT_DONE);
	ck_assert_int_eq(sale_settle(&w.settler, &w.sale, INT64_MAX, 0, &state,
			     &counts, &err),
	    OUT_NOT_DONE);
	w.plan.n = 0;
	world_audit(&w, &report);
	ck_assert(audit_clean(&report));
	ck_assert_uint_eq(report.waiting, 2);
	ck_assert_uint_eq(report.sold, 2);
	ck_assert_uint_eq(report.tell_pending, 2);
	world_drain(&w);
	(void)world_accept(&w, "carol", NULL);
	audit = audit_new(&w.gate, &w.ledger, &w.clock, &w.sale, 0, &err);
	ck_assert_ptr_nonnull(audit);
	ck_assert_int_eq(audit_run(audit, INT64_MAX, &err), OUT_DONE);
	ck_assert_str_eq(unit_home_name(audit_home(audit, 1)), "sold");
	ck_assert_str_eq(unit_home_name(audit_home(audit, 3)), "waiting");
	ck_assert_str_eq(unit_home_name(audit_home(audit, 4)), "free");
	audit_free(&audit);
	world_fini(&w);
}
END_TEST

/* alice's order waits, with the only unit; and then there is something else. */
static void make_free(struct world *w, struct order alice)
{
	(void)alice;
	mem_gate_stuff(w->mem_gate, w->sale.id, 1);
}

static void make_leased(struct world *w, struct order alice)
{
	make_free(w, alice);
	lease_put(w, "bob");
}

static void make_waiting(struct world *w, struct order alice)
{
	make_free(w, alice);
	(void)world_accept(w, "bob", NULL);
}

static void make_sold(struct world *w, struct order alice)
{
	ck_assert(customer_parse(strv_c("bob"), &alice.customer));
	alice.claim = claim_id_make(&w->sale, &alice.customer, strv_c("x"), 0);
	mem_ledger_put_row(w->mem_ledger, &alice);
}

static void make_out_of_bounds(struct world *w, struct order alice)
{
	struct gate_entry entry = {.order = alice};

	entry.order.unit = 2;
	mem_gate_stuff_entry(w->mem_gate, w->sale.id, &entry);
}

static const struct {
	void (*make)(struct world *w, struct order alice);
	enum unit_fault fault;
} wrong[] = {
    {make_free, UNIT_FREE_WAITING},
    {make_leased, UNIT_LEASED_WAITING},
    {make_waiting, UNIT_TWICE_WAITING},
    {make_sold, UNIT_WAITING_SOLD},
    {make_out_of_bounds, UNIT_OUT_OF_BOUNDS},
};

START_TEST(test_audit_finds)
{
	struct audit_report report;
	struct world w;

	queue_init(&w, 1, 1);
	wrong[_i].make(&w, world_accept(&w, "alice", NULL));
	world_audit(&w, &report);
	ck_assert(!audit_clean(&report));
	ck_assert_uint_eq(report.total_faults, 1);
	ck_assert_uint_eq(report.faults[wrong[_i].fault], 1);
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
    UNIT("elsewhere", test_sold_elsewhere_since),
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
    UNIT("unlinked", test_old_keys_are_unlinked),
    UNIT("audit", test_audit_at_home),
    UNIT_TABLE("audit-finds", test_audit_finds, ARRAY_LEN(wrong)))
