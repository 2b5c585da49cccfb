/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The purchase in modes queue and sweep: what the shopper hears in every scene,
 * with every call failing in every way.  After each row the faults stop, the
 * settlers work off what waits, and the promises are checked: what was accepted
 * is decided once, the same request comes to one order, every unit has one home.
 */
#include "config.h"

#include "sale/accept_scenes.h"
#include "sale/world.h"
#include "unit.h"

#include <stdio.h>

/* ---- the table --------------------------------------------------------------------- */

#define N FAULT_NOT_DONE
#define A FAULT_UNKNOWN_APPLIED
#define U FAULT_UNKNOWN_NOT_APPLIED

struct row {
	const char *name;
	void (*scene)(struct world *w);
	struct {
		enum fault_call call;
		unsigned nth;
		enum fault_kind kind;
	} fault[4];
	enum verdict expect;
	bool stays_shut; /* nobody can buy afterwards either */
	bool table_waiting; /* purchase.waiting */
};

static const struct row rows[] = {
    /* the gate's answers */
    {"first click", plain, {{0}}, VERDICT_ACCEPTED, false, false},
    {"again", own_waits, {{0}}, VERDICT_ACCEPTED, false, false},
    {"again, written", own_written, {{0}}, VERDICT_REPLAYED, false, false},
    {"other key waits", other_waits, {{0}}, VERDICT_IN_PROGRESS, false, false},
    {"other key written", other_written, {{0}}, VERDICT_LIMIT_REACHED, false,
	false},
    {"own lease of mode direct", own_lease, {{0}}, VERDICT_CREATED, false,
	false},
    {"other lease", other_lease, {{0}}, VERDICT_IN_PROGRESS, false, false},
    {"an attempt was void", own_lease_void, {{0}}, VERDICT_ACCEPTED, false,
	false},
    {"every attempt was void", all_void, {{0}}, VERDICT_KEY_SPENT, false,
	false},
    {"all of them wait", all_wait, {{0}}, VERDICT_SOLD_OUT, false, false},
    {"all of them wait, and Redis restarted", all_wait_restarted, {{0}},
	VERDICT_TRY_AGAIN, false, false},
    {"all of them wait, mine is written and forgotten", forgotten_owner, {{0}},
	VERDICT_TRY_AGAIN, false, false},
    {"all of them are written", all_written, {{0}}, VERDICT_SOLD_OUT, false,
	false},
    {"all of them wait, mine too", all_wait_mine_too, {{0}}, VERDICT_ACCEPTED,
	false, false},
    {"last unit undecided", last_leased, {{0}}, VERDICT_TRY_AGAIN, false,
	false},
    {"gate knows fewer units than the ledger", gate_behind_stock, {{0}},
	VERDICT_TRY_AGAIN, true, false},
    {"lost gate", gate_lost, {{0}}, VERDICT_REBUILDING, true, false},

    /* a later generation */
    {"rebuilt: nothing known", rebuilt, {{0}}, VERDICT_ACCEPTED, false, false},
    {"rebuilt: mine waits", own_waits_rebuilt, {{0}}, VERDICT_ACCEPTED, false,
	false},
    {"rebuilt: mine is written", own_written_rebuilt, {{0}}, VERDICT_REPLAYED,
	false, false},
    {"rebuilt: two attempts void", two_void_then_rebuilt, {{0}},
	VERDICT_ACCEPTED, false, false},
    {"rebuilt: every attempt void", all_void_then_rebuilt, {{0}},
	VERDICT_KEY_SPENT, false, false},
    {"decided void, not told yet", own_waits_void_rebuilt, {{0}},
	VERDICT_TRY_AGAIN, false, false},
    {"table behind the gate", table_stale, {{0}}, VERDICT_ACCEPTED, false,
	false},
    {"table behind the gate, paused by now", table_stale_paused, {{0}},
	VERDICT_PAUSED, true, false},
    {"half made", half_made, {{0}}, VERDICT_REBUILDING, true, false},

    /* by now of mode direct */
    {"direct: mine waits", own_waits_direct, {{0}}, VERDICT_ACCEPTED, false,
	false},
    {"direct: my second attempt waits", second_waits_direct, {{0}},
	VERDICT_ACCEPTED, false, false},
    {"direct: all wait", others_wait_direct, {{0}}, VERDICT_SOLD_OUT, false,
	false},

    /* not selling */
    {"paused", paused, {{0}}, VERDICT_PAUSED, true, false},
    {"paused: mine waits", paused_mine_waits, {{0}}, VERDICT_ACCEPTED, true,
	false},
    {"paused: mine is written", paused_mine_written, {{0}}, VERDICT_REPLAYED,
	true, false},
    {"rebuilding: mine waits", rebuild_mine_waits, {{0}}, VERDICT_ACCEPTED,
	true, false},
    {"closed", closed, {{0}}, VERDICT_ENDED, true, false},
    {"closed: mine waits", closed_mine_waits, {{0}}, VERDICT_ACCEPTED, true,
	false},
    {"closed: the gate is lost", closed_gate_lost, {{0}}, VERDICT_ENDED, true,
	false},
    {"closed: the gate is lost, they say, and is away", closed_gate_lost,
	{{FAULT_GATE_GAUGE, 1, N}}, VERDICT_UNAVAILABLE, true, false},
    {"closed: the gate is another", closed_other_epoch, {{0}},
	VERDICT_UNAVAILABLE, true, false},
    {"closed, direct: the gate is lost", closed_direct_gate_lost, {{0}},
	VERDICT_ENDED, true, false},
    {"over", over, {{0}}, VERDICT_ENDED, true, false},
    {"over: mine waits", over_mine_waits, {{0}}, VERDICT_ACCEPTED, true, false},
    {"over, direct: mine waits", over_mine_waits_direct, {{0}},
	VERDICT_ACCEPTED, true, true},
    {"too early", early, {{0}}, VERDICT_NOT_OPEN, true, false},

    /* the gate fails */
    {"enqueue: not done", plain, {{FAULT_GATE_ENQUEUE, 1, N}},
	VERDICT_UNAVAILABLE, false, false},
    {"enqueue: applied, reply lost", plain, {{FAULT_GATE_ENQUEUE, 1, A}},
	VERDICT_ACCEPTED, false, false},
    {"enqueue: lost", plain, {{FAULT_GATE_ENQUEUE, 1, U}}, VERDICT_ACCEPTED,
	false, false},
    {"enqueue: applied, then away", plain,
	{{FAULT_GATE_ENQUEUE, 1, A}, {FAULT_GATE_ENQUEUE, 2, N}},
	VERDICT_UNAVAILABLE, false, false},
    {"enqueue: applied, unknown twice", plain,
	{{FAULT_GATE_ENQUEUE, 1, A}, {FAULT_GATE_ENQUEUE, 2, A}},
	VERDICT_UNAVAILABLE, false, false},
    {"closed, gate away", closed, {{FAULT_GATE_PENDING, 1, N}},
	VERDICT_UNAVAILABLE, true, false},
    {"closed, gate unknown", closed, {{FAULT_GATE_PENDING, 1, U}},
	VERDICT_UNAVAILABLE, true, false},
    {"closed, mine waits, gate away", closed_mine_waits,
	{{FAULT_GATE_PENDING, 1, N}}, VERDICT_UNAVAILABLE, true, false},
    {"paused, gate away", paused, {{FAULT_GATE_PENDING, 1, N}}, VERDICT_PAUSED,
	true, false},
    {"direct: second waits, gate away", second_waits_direct,
	{{FAULT_GATE_PENDING, 1, N}}, VERDICT_IN_PROGRESS, false, false},

    /* the ledger fails: what is accepted needs none */
    {"no ledger", plain,
	{{FAULT_LEDGER_READY, 0, N}, {FAULT_LEDGER_FIND, 0, N},
	    {FAULT_LEDGER_FIND_CUSTOMER, 0, N}, {FAULT_LEDGER_SALE, 0, N}},
	VERDICT_ACCEPTED, false, false},
    {"no ledger, rebuilt", rebuilt,
	{{FAULT_LEDGER_READY, 0, N}, {FAULT_LEDGER_FIND, 1, N},
	    {FAULT_LEDGER_FIND_CUSTOMER, 0, N}, {FAULT_LEDGER_SALE, 0, N}},
	VERDICT_ACCEPTED, false, false},
    {"no ledger, rebuilt, two attempts void", two_void_then_rebuilt,
	{{FAULT_LEDGER_FIND, 1, U}}, VERDICT_ACCEPTED, false, false},
    {"no ledger, mine waits", own_waits,
	{{FAULT_LEDGER_READY, 0, N}, {FAULT_LEDGER_FIND, 0, N},
	    {FAULT_LEDGER_FIND_CUSTOMER, 0, N}, {FAULT_LEDGER_SALE, 0, N}},
	VERDICT_ACCEPTED, false, false},
    {"no ledger, mine is written", own_written,
	{{FAULT_LEDGER_FIND_CUSTOMER, 1, N}}, VERDICT_UNAVAILABLE, false,
	false},
    {"no ledger, closed, mine waits", closed_mine_waits,
	{{FAULT_LEDGER_FIND_CUSTOMER, 1, N}}, VERDICT_ACCEPTED, true, false},
    {"no ledger, closed", closed, {{FAULT_LEDGER_FIND_CUSTOMER, 1, N}},
	VERDICT_UNAVAILABLE, true, false},
    {"no ledger, other lease", other_lease,
	{{FAULT_LEDGER_FIND_CUSTOMER, 1, N}}, VERDICT_UNAVAILABLE, false,
	false},
    {"no ledger, table stale", table_stale, {{FAULT_LEDGER_SALE, 1, N}},
	VERDICT_UNAVAILABLE, false, false},
    {"own lease, no ledger", own_lease, {{FAULT_LEDGER_RECORD, 0, N}},
	VERDICT_UNAVAILABLE, false, false},
};

/* ---- what must hold after every row -------------------------------------------- */

/* purchase.waiting is the caller's to know. */
static void alice_buys(
    struct world *w, bool waiting, struct purchase_result *result)
{
	struct purchase purchase = {.sale = w->sale,
	    .customer = customer("alice"),
	    .waiting = waiting,
	    .now = {w->wall_us},
	    .deadline_ns = w->mono_ns + 2 * NS_PER_S};

	sale_buy(&w->buyer, &purchase, result);
}

static bool is_yes(enum verdict verdict)
{
	return verdict == VERDICT_CREATED || verdict == VERDICT_REPLAYED ||
	       verdict == VERDICT_ACCEPTED;
}

static void gate_mend(struct world *w)
{
	struct rebuild_result result;
	struct gate_gauge gauge;

	world_gauge(w, &gauge);
	world_sale_get(w);
	if (!gauge.known || gauge.epoch != w->sale.epoch || gauge.forgot > 0 ||
	    gauge.restarted || w->sale.state == SALE_STATE_REBUILD)
		world_rebuild(w, &result);
}

/* The same request again, when all of it has come to rest. */
static void rest_must_agree(
    struct world *w, const struct row *row, const struct purchase_result *first)
{
	struct purchase_result again;
	struct order order;

	w->plan.n = 0;
	gate_mend(w);
	world_settle(w);
	world_drain(w);
	if (is_yes(first->verdict)) {
		ck_assert(world_row(w, &first->order.claim, &order));
		if (order.status == ORDER_SOLD) {
			ck_assert_uint_eq(order.unit, first->order.unit);
			ck_assert_uint_eq(order.slot, first->order.slot);
			ck_assert_int_eq(
			    order.created.us, first->order.created.us);
		}
	}
	alice_buys(w, row->table_waiting, &again);
	if (first->verdict == VERDICT_SOLD_OUT ||
	    first->verdict == VERDICT_LIMIT_REACHED ||
	    first->verdict == VERDICT_ENDED ||
	    first->verdict == VERDICT_KEY_SPENT)
		ck_assert_int_eq(again.verdict, first->verdict);
	else if (!row->stays_shut)
		ck_assert_msg(is_yes(again.verdict) ||
				  again.verdict == VERDICT_SOLD_OUT ||
				  again.verdict == VERDICT_LIMIT_REACHED,
		    "%s: in the end %s", row->name,
		    verdict_name(again.verdict));
	world_drain(w);
	ck_assert_uint_le(world_sold(w), w->sale.stock);
}

START_TEST(test_accept)
{
	const struct row *row = &rows[_i];
	struct purchase_result first;
	struct audit_report report;
	struct world w;

	world_init(&w, 3, 1);
	world_mode(&w, _i % 2 == 0 ? SALE_MODE_QUEUE : SALE_MODE_SWEEP);
	row->scene(&w);
	for (size_t i = 0; i < ARRAY_LEN(row->fault); i++)
		if (row->fault[i].kind != FAULT_NONE)
			fault_plan_add(&w.plan, row->fault[i].call,
			    row->fault[i].nth, row->fault[i].kind);
	alice_buys(&w, row->table_waiting, &first);
	ck_assert_msg(first.verdict == row->expect, "%s: expected %s, got %s",
	    row->name, verdict_name(row->expect), verdict_name(first.verdict));
	for (size_t i = 0; i < w.plan.n; i++)
		ck_assert_msg(
		    w.plan.step[i].nth == 0 ||
			w.plan.calls[w.plan.step[i].call] >= w.plan.step[i].nth,
		    "%s: planned fault %zu never happened", row->name, i);
	rest_must_agree(&w, row, &first);
	if (row->scene == gate_behind_stock)
		w.sale.stock--, world_sale_put(&w);
	world_audit(&w, &report);
	ck_assert_msg(audit_clean(&report), "%s: unit %u %s", row->name,
	    report.findings[0].unit, unit_fault_name(report.findings[0].fault));
	world_fini(&w);
}
END_TEST

/* ---- what is told with it ------------------------------------------------------------ */

START_TEST(test_what_is_told)
{
	struct purchase purchase;
	struct purchase_result result;
	struct world w;

	world_init(&w, 3, 1);
	world_mode(&w, SALE_MODE_QUEUE);
	purchase = (struct purchase){.sale = w.sale,
	    .customer = customer("alice"),
	    .ref = "basket-7",
	    .now = {w.wall_us},
	    .deadline_ns = INT64_MAX};
	sale_buy(&w.buyer, &purchase, &result);
	ck_assert_int_eq(result.verdict, VERDICT_ACCEPTED);
	ck_assert_int_eq(result.order.created.us, w.wall_us);
	ck_assert_str_eq(result.order.ref, "basket-7");
	ck_assert_uint_eq(result.order.unit, 1);
	ck_assert_uint_eq(result.order.slot, 1);
	/* A replay tells the first one's. */
	world_advance(&w, 1000);
	purchase.now.us = w.wall_us;
	strcpy(purchase.ref, "another");
	sale_buy(&w.buyer, &purchase, &result);
	ck_assert_int_eq(result.verdict, VERDICT_ACCEPTED);
	ck_assert_int_eq(result.order.created.us, w.wall_us - US_PER_S);
	ck_assert_str_eq(result.order.ref, "basket-7");
	ck_assert_uint_eq(result.order.unit, 1);
	ck_assert_uint_eq(result.order.slot, 1);
	world_fini(&w);
}
END_TEST

START_TEST(test_key_reused_with_other_payload)
{
	struct purchase_result result;
	struct world w;

	world_init(&w, 3, 1);
	world_mode(&w, SALE_MODE_QUEUE);
	world_buy(&w, "alice", "k", 1, &result);
	ck_assert_int_eq(result.verdict, VERDICT_ACCEPTED);
	world_buy(&w, "alice", "k", 2, &result);
	ck_assert_int_eq(result.verdict, VERDICT_KEY_REUSED);
	/* Who sent no key of his own has an order under way, that is all. */
	world_buy(&w, "bob", NULL, 1, &result);
	ck_assert_int_eq(result.verdict, VERDICT_ACCEPTED);
	world_buy(&w, "bob", NULL, 2, &result);
	ck_assert_int_eq(result.verdict, VERDICT_IN_PROGRESS);
	world_drain(&w);
	world_buy(&w, "bob", NULL, 2, &result);
	ck_assert_int_eq(result.verdict, VERDICT_LIMIT_REACHED);
	world_fini(&w);
}
END_TEST

START_TEST(test_may_return)
{
	struct purchase_result result;
	struct world w;

	world_init(&w, 1, 1);
	world_mode(&w, SALE_MODE_QUEUE);
	(void)world_accept(&w, "alice", NULL);
	world_buy(&w, "bob", NULL, 0, &result);
	ck_assert_int_eq(result.verdict, VERDICT_SOLD_OUT);
	ck_assert(result.may_return);
	world_drain(&w);
	world_buy(&w, "bob", NULL, 0, &result);
	ck_assert_int_eq(result.verdict, VERDICT_SOLD_OUT);
	ck_assert(!result.may_return);
	world_fini(&w);
}
END_TEST

START_TEST(test_limit_above_one)
{
	struct order a, b;
	struct world w;

	world_init(&w, 5, 2);
	world_mode(&w, SALE_MODE_QUEUE);
	ck_assert_int_eq(world_verdict(&w, "alice", NULL), VERDICT_KEY_MISSING);
	a = world_accept(&w, "alice", "a");
	b = world_accept(&w, "alice", "b");
	ck_assert_uint_eq(a.slot, 1);
	ck_assert_uint_eq(b.slot, 2);
	ck_assert_int_eq(world_verdict(&w, "alice", "c"), VERDICT_IN_PROGRESS);
	b = world_accept(&w, "alice", "a");
	ck_assert(claim_eq(&a.claim, &b.claim));
	world_drain(&w);
	ck_assert_int_eq(
	    world_verdict(&w, "alice", "c"), VERDICT_LIMIT_REACHED);
	ck_assert_int_eq(world_verdict(&w, "alice", "b"), VERDICT_REPLAYED);
	ck_assert_uint_eq(world_sold(&w), 2);
	world_fini(&w);
}
END_TEST

/* The reaper never sees an accepted order, however long it waits. */
START_TEST(test_no_lease)
{
	struct order order, row;
	struct world w;

	world_init(&w, 1, 1);
	world_mode(&w, SALE_MODE_SWEEP);
	order = world_accept(&w, "alice", NULL);
	world_advance(&w, 100 * WORLD_LEASE_MS);
	world_settle(&w);
	ck_assert(!world_row(&w, &order.claim, &row));
	world_drain(&w);
	ck_assert(world_row(&w, &order.claim, &row));
	ck_assert_int_eq(row.status, ORDER_SOLD);
	world_fini(&w);
}
END_TEST

/* All modes, one after the other, in one epoch. */
START_TEST(test_modes_change)
{
	static const enum sale_mode modes[] = {SALE_MODE_DIRECT,
	    SALE_MODE_QUEUE, SALE_MODE_SWEEP, SALE_MODE_DIRECT};
	struct audit_report report;
	struct world w;
	char name[16];

	world_init(&w, 8, 1);
	for (int i = 0; i < 8; i++) {
		enum verdict verdict;

		world_mode(&w, modes[i / 2]);
		snprintf(name, sizeof(name), "c%d", i);
		verdict = world_verdict(&w, name, NULL);
		ck_assert_int_eq(verdict, modes[i / 2] == SALE_MODE_DIRECT
					      ? VERDICT_CREATED
					      : VERDICT_ACCEPTED);
		world_audit(&w, &report);
		ck_assert(audit_clean(&report));
	}
	for (int i = 0; i < 8; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		ck_assert(is_yes(world_verdict(&w, name, NULL)));
	}
	world_drain(&w);
	ck_assert_uint_eq(world_sold(&w), 8);
	world_audit(&w, &report);
	ck_assert(audit_clean(&report));
	world_fini(&w);
}
END_TEST

TESTS_MAIN("accept", UNIT_TABLE("row", test_accept, ARRAY_LEN(rows)),
    UNIT("told", test_what_is_told),
    UNIT("key-reused", test_key_reused_with_other_payload),
    UNIT("may-return", test_may_return),
    UNIT("limit-two", test_limit_above_one), UNIT("no-lease", test_no_lease),
    UNIT("modes", test_modes_change))
