/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The purchase as a table: each scene, each call that fails, in each way; what is
 * said, and what must hold afterwards.
 */
#include "config.h"

#include "sale/buy_scenes.h"
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
	uint32_t units; /* stock; 0: 3 */
	bool stays_shut; /* the sale does not sell afterwards either */
};

static const struct row rows[] = {
    /* The plain story. */
    {"first click", scene_plain, {{0}}, VERDICT_CREATED, 0, false},
    {"again", scene_owner, {{0}}, VERDICT_REPLAYED, 0, false},
    {"other key at the limit", scene_bought_otherwise, {{0}},
	VERDICT_LIMIT_REACHED, 0, false},
    {"own lease is taken over", scene_own_lease, {{0}}, VERDICT_CREATED, 0,
	false},
    {"slot held by an open claim", scene_other_lease, {{0}},
	VERDICT_IN_PROGRESS, 0, false},
    {"after a void: next attempt", scene_voided, {{0}}, VERDICT_CREATED, 0,
	false},
    {"every attempt void", scene_key_spent, {{0}}, VERDICT_KEY_SPENT, 0, false},
    {"sold out", scene_sold_out, {{0}}, VERDICT_SOLD_OUT, 0, false},
    {"gate knows fewer units than the ledger", scene_gate_behind_stock, {{0}},
	VERDICT_TRY_AGAIN, 0, true},
    {"owner never hears sold out", scene_sold_out_owner, {{0}},
	VERDICT_REPLAYED, 0, false},
    {"last unit undecided", scene_last_leased, {{0}}, VERDICT_TRY_AGAIN, 0,
	false},
    {"lost gate is not sold out", scene_gate_lost, {{0}}, VERDICT_REBUILDING, 0,
	true},
    {"table behind the gate", scene_table_stale, {{0}}, VERDICT_CREATED, 0,
	false},
    {"gate behind the ledger", scene_rebuilding, {{0}}, VERDICT_REBUILDING, 0,
	true},
    {"paused", scene_paused, {{0}}, VERDICT_PAUSED, 0, true},
    {"paused, not in the table yet", scene_paused_behind, {{0}}, VERDICT_PAUSED,
	0, true},
    {"owner of a paused sale", scene_paused_owner, {{0}}, VERDICT_REPLAYED, 0,
	true},
    {"closed", scene_closed, {{0}}, VERDICT_ENDED, 0, true},
    {"closed, not in the table yet", scene_closed_behind, {{0}}, VERDICT_ENDED,
	0, true},
    {"owner of a closed sale", scene_closed_owner, {{0}}, VERDICT_REPLAYED, 0,
	true},
    {"too early", scene_early, {{0}}, VERDICT_NOT_OPEN, 0, true},
    {"too early by the ledger's clock", scene_early_for_ledger, {{0}},
	VERDICT_NOT_OPEN, 0, true},
    {"window over", scene_ended, {{0}}, VERDICT_ENDED, 0, true},
    {"window over a moment ago", scene_ended_just_now, {{0}}, VERDICT_TRY_AGAIN,
	0, true},
    {"gate resurrected sold units", scene_unit_resurrected, {{0}},
	VERDICT_SOLD_OUT, 0, false},
    {"gate forgot the slot", scene_slot_forgotten, {{0}}, VERDICT_LIMIT_REACHED,
	0, false},

    /* admit */
    {"ready: not done", scene_plain, {{FAULT_LEDGER_READY, 1, N}},
	VERDICT_UNAVAILABLE, 0, false},
    {"ready: unknown", scene_plain, {{FAULT_LEDGER_READY, 1, U}},
	VERDICT_UNAVAILABLE, 0, false},
    {"closed, look-up not done", scene_closed,
	{{FAULT_LEDGER_FIND_CUSTOMER, 1, N}}, VERDICT_UNAVAILABLE, 0, true},
    {"closed, look-up unknown", scene_closed,
	{{FAULT_LEDGER_FIND_CUSTOMER, 1, U}}, VERDICT_UNAVAILABLE, 0, true},
    {"paused, look-up not done", scene_paused,
	{{FAULT_LEDGER_FIND_CUSTOMER, 1, N}}, VERDICT_PAUSED, 0, true},

    /* claim */
    {"claim: not done", scene_plain, {{FAULT_GATE_CLAIM, 1, N}},
	VERDICT_UNAVAILABLE, 0, false},
    {"claim: applied, reply lost", scene_plain, {{FAULT_GATE_CLAIM, 1, A}},
	VERDICT_CREATED, 0, false},
    {"claim: lost", scene_plain, {{FAULT_GATE_CLAIM, 1, U}}, VERDICT_CREATED, 0,
	false},
    {"claim: applied, then away", scene_plain,
	{{FAULT_GATE_CLAIM, 1, A}, {FAULT_GATE_CLAIM, 2, N}},
	VERDICT_UNAVAILABLE, 0, false},
    {"claim: unknown twice", scene_plain,
	{{FAULT_GATE_CLAIM, 1, A}, {FAULT_GATE_CLAIM, 2, A}},
	VERDICT_UNAVAILABLE, 0, false},
    {"epoch, sale not read", scene_table_stale, {{FAULT_LEDGER_SALE, 1, N}},
	VERDICT_UNAVAILABLE, 0, false},
    {"epoch, sale unknown", scene_table_stale, {{FAULT_LEDGER_SALE, 1, U}},
	VERDICT_UNAVAILABLE, 0, false},

    /* look up */
    {"owner, look-up not done", scene_owner,
	{{FAULT_LEDGER_FIND_CUSTOMER, 1, N}}, VERDICT_UNAVAILABLE, 0, false},
    {"owner, look-up unknown", scene_owner,
	{{FAULT_LEDGER_FIND_CUSTOMER, 1, U}}, VERDICT_UNAVAILABLE, 0, false},
    {"limit, look-up not done", scene_bought_otherwise,
	{{FAULT_LEDGER_FIND_CUSTOMER, 1, N}}, VERDICT_UNAVAILABLE, 0, false},

    /* record */
    {"record: not done once", scene_plain, {{FAULT_LEDGER_RECORD, 1, N}},
	VERDICT_CREATED, 0, false},
    {"record: not done", scene_plain, {{FAULT_LEDGER_RECORD, 0, N}},
	VERDICT_UNAVAILABLE, 0, false},
    {"record: committed, ack lost", scene_plain, {{FAULT_LEDGER_RECORD, 1, A}},
	VERDICT_CREATED, 0, false},
    {"record: lost", scene_plain, {{FAULT_LEDGER_RECORD, 1, U}},
	VERDICT_CREATED, 0, false},
    {"record: committed, then away", scene_plain,
	{{FAULT_LEDGER_RECORD, 1, A}, {FAULT_LEDGER_RECORD, 2, N}},
	VERDICT_UNAVAILABLE, 0, false},
    {"record: unknown twice", scene_plain, {{FAULT_LEDGER_RECORD, 0, A}},
	VERDICT_UNAVAILABLE, 0, false},
    {"record: lost twice", scene_plain, {{FAULT_LEDGER_RECORD, 0, U}},
	VERDICT_UNAVAILABLE, 0, false},

    /* fenced */
    {"fenced, sale not read", scene_paused_behind, {{FAULT_LEDGER_SALE, 1, N}},
	VERDICT_UNAVAILABLE, 0, true},
    {"fenced, sale unknown", scene_paused_behind, {{FAULT_LEDGER_SALE, 1, U}},
	VERDICT_UNAVAILABLE, 0, true},
    {"fenced closed, look-up not done", scene_closed_behind,
	{{FAULT_LEDGER_FIND_CUSTOMER, 1, N}}, VERDICT_UNAVAILABLE, 0, true},

    /* clash */
    {"clash, rows not read", scene_voided, {{FAULT_LEDGER_FIND, 1, N}},
	VERDICT_UNAVAILABLE, 0, false},
    {"clash, rows unknown", scene_voided, {{FAULT_LEDGER_FIND, 1, U}},
	VERDICT_UNAVAILABLE, 0, false},
    {"void, rekey not done", scene_voided, {{FAULT_GATE_REKEY, 1, N}},
	VERDICT_UNAVAILABLE, 0, false},
    {"void, rekey applied, reply lost", scene_voided,
	{{FAULT_GATE_REKEY, 1, A}}, VERDICT_UNAVAILABLE, 0, false},
    {"void, rekey lost", scene_voided, {{FAULT_GATE_REKEY, 1, U}},
	VERDICT_UNAVAILABLE, 0, false},
    {"key spent, release lost", scene_key_spent, {{FAULT_GATE_RELEASE, 1, U}},
	VERDICT_KEY_SPENT, 0, false},
    {"sold unit, owner not read", scene_unit_resurrected,
	{{FAULT_LEDGER_FIND_UNIT, 1, N}}, VERDICT_UNAVAILABLE, 0, false},
    {"sold unit, owner unknown", scene_unit_resurrected,
	{{FAULT_LEDGER_FIND_UNIT, 1, U}}, VERDICT_UNAVAILABLE, 0, false},
    {"sold unit, heal not done", scene_unit_resurrected,
	{{FAULT_GATE_HEAL, 1, N}}, VERDICT_UNAVAILABLE, 0, false},
    {"sold unit, heal applied, reply lost", scene_unit_resurrected,
	{{FAULT_GATE_HEAL, 1, A}}, VERDICT_UNAVAILABLE, 0, false},
    {"slot forgotten, rows not read", scene_slot_forgotten,
	{{FAULT_LEDGER_FIND_CUSTOMER, 1, N}}, VERDICT_UNAVAILABLE, 0, false},
    {"slot forgotten, void not done", scene_slot_forgotten,
	{{FAULT_LEDGER_VOID, 1, N}}, VERDICT_UNAVAILABLE, 0, false},
    {"slot forgotten, void unknown", scene_slot_forgotten,
	{{FAULT_LEDGER_VOID, 1, A}}, VERDICT_UNAVAILABLE, 0, false},
    {"slot forgotten, void not read back", scene_slot_forgotten,
	{{FAULT_LEDGER_FIND, 2, N}}, VERDICT_UNAVAILABLE, 0, false},
    {"slot forgotten, release lost", scene_slot_forgotten,
	{{FAULT_GATE_RELEASE, 1, U}}, VERDICT_LIMIT_REACHED, 0, false},
    {"slot forgotten, own not done", scene_slot_forgotten,
	{{FAULT_GATE_OWN, 1, N}}, VERDICT_UNAVAILABLE, 0, false},

    /* confirm */
    {"confirm lost", scene_plain, {{FAULT_GATE_CONFIRM, 1, N}}, VERDICT_CREATED,
	0, false},
    {"confirm lost, asked again", scene_own_lease, {{FAULT_GATE_CONFIRM, 0, N}},
	VERDICT_CREATED, 0, false},
};

/* ---- what must hold after every row -------------------------------------------- */

/*
 * The same request again, with the faults gone, comes to one order, or to the
 * same "no".
 */
static void retry_must_agree(
    struct world *w, const struct row *row, const struct purchase_result *first)
{
	struct purchase_result again;

	w->plan.n = 0;
	world_buy(w, "alice", NULL, 0, &again);
	if (told_yes(first->verdict)) {
		ck_assert_int_eq(again.verdict, VERDICT_REPLAYED);
		ck_assert(claim_eq(&again.order.claim, &first->order.claim));
	}
	if (first->verdict == VERDICT_SOLD_OUT ||
	    first->verdict == VERDICT_LIMIT_REACHED ||
	    first->verdict == VERDICT_ENDED)
		ck_assert_int_eq(again.verdict, first->verdict);
	world_settle(w);
	world_buy(w, "alice", NULL, 0, &again);
	if (told_yes(again.verdict))
		row_must_exist(w, &again.order);
	ck_assert_msg(row->stays_shut || again.verdict == VERDICT_CREATED ||
			  again.verdict == VERDICT_REPLAYED ||
			  again.verdict == VERDICT_SOLD_OUT ||
			  again.verdict == VERDICT_LIMIT_REACHED ||
			  again.verdict == VERDICT_KEY_SPENT,
	    "%s: in the end still %s", row->name, verdict_name(again.verdict));
}

static void rebuild_if_lost(struct world *w)
{
	struct rebuild_result rebuilt;
	struct gate_gauge gauge;
	struct err err;

	ck_assert_int_eq(
	    w->gate.gauge(w->gate.ctx, w->sale.id, INT64_MAX, &gauge, &err),
	    OUT_DONE);
	world_sale_get(w);
	if (gauge.known && gauge.epoch == w->sale.epoch)
		return;
	ck_assert_int_eq(
	    sale_rebuild(&w->gate, &w->ledger, &w->sale, SALE_STATE_OPEN,
		INT64_MAX, NULL, NULL, &rebuilt, &err),
	    OUT_DONE);
	ck_assert(rebuilt.won);
}

/* Sold units that the gate still offers are dropped as they are met. */
static void resurrected_drain(struct world *w)
{
	char name[24];

	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "late%d", i);
		(void)world_verdict(w, name, NULL);
		world_settle(w);
	}
}

START_TEST(test_every_step)
{
	const struct row *row = &rows[_i];
	struct purchase_result first;
	struct audit_report report;
	struct world w;

	world_init(&w, row->units > 0 ? row->units : 3, 1);
	row->scene(&w);
	for (size_t i = 0; i < ARRAY_LEN(row->fault); i++)
		if (row->fault[i].kind != FAULT_NONE)
			fault_plan_add(&w.plan, row->fault[i].call,
			    row->fault[i].nth, row->fault[i].kind);
	world_buy(&w, "alice", NULL, 0, &first);
	ck_assert_msg(first.verdict == row->expect, "%s: expected %s, got %s",
	    row->name, verdict_name(row->expect), verdict_name(first.verdict));
	for (size_t i = 0; i < w.plan.n; i++)
		ck_assert_msg(
		    w.plan.calls[w.plan.step[i].call] >=
			(w.plan.step[i].nth > 0 ? w.plan.step[i].nth : 1),
		    "%s: planned fault %zu never happened", row->name, i);
	if (told_yes(first.verdict))
		row_must_exist(&w, &first.order);
	retry_must_agree(&w, row, &first);
	world_settle(&w);
	rebuild_if_lost(&w);
	if (row->scene == scene_unit_resurrected)
		resurrected_drain(&w);
	if (row->scene == scene_gate_behind_stock)
		w.sale.stock--, world_sale_put(&w);
	world_audit(&w, &report);
	ck_assert_msg(audit_clean(&report),
	    "%s: %llu faults, first: unit %u %s", row->name,
	    (unsigned long long)report.total_faults, report.findings[0].unit,
	    unit_fault_name(report.findings[0].fault));
	ck_assert_uint_le(world_sold(&w), w.sale.stock);
	world_fini(&w);
}
END_TEST

TESTS_MAIN("buy", UNIT_TABLE("every-step", test_every_step, ARRAY_LEN(rows)))
