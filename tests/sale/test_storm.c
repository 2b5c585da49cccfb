/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything at once, by a seed: shoppers, settlers, keepers, an operator, each a
 * thread of which one runs at a time, and who is next is decided before every
 * call to a store.  So any two calls of different actors come in any order; calls
 * fail or lose their answers; an actor dies between two of them; Redis restarts,
 * and in lossy storms it forgets.  One seed is one history, always the same.
 *
 * Checked as it goes: a yes has its row, a final no has none that waits.  When the
 * storm is over: never oversold, nothing accepted is left undecided or comes out
 * otherwise than told, every unit has one home.
 */
#include "config.h"

#include "sale/storm.h"
#include "unit.h"

#include <stdio.h>

static bool is_at_rest(struct storm *s)
{
	struct gate_gauge gauge;

	world_gauge(&s->w, &gauge);
	world_sale_get(&s->w);
	return gate_trouble_of(&s->w.sale, &gauge) == GATE_WELL &&
	       gauge.waiting == 0 && gauge.leased == 0 &&
	       gauge.units == s->w.sale.stock;
}

/* Keepers and settlers alone, without faults. */
static void storm_settle(struct storm *s)
{
	struct mend_memory memory = {0};
	struct reap_memory seen = {.n = 0};
	struct mender mender = {&s->w.gate, &s->w.ledger, &s->w.clock};
	struct reaper reaper = {
	    &s->w.gate, &s->w.ledger, WORLD_LEASE_MS, &s->w.clock};
	struct settler settler = s->w.settler;
	struct settle_counts counts;
	struct reap_counts reaped;
	enum settle_state state;
	struct mend_result mended;
	struct err err;

	settler.gate = &s->w.gate;
	settler.ledger = &s->w.ledger;
	for (int i = 0; i < 100 && !is_at_rest(s); i++) {
		world_advance(&s->w, WORLD_IDLE_MS + 1);
		ck_assert_int_eq(
		    sale_mend(&mender, s->w.sale.id, 0, &memory, &mended, &err),
		    OUT_DONE);
		stock_follow(s);
		world_sale_get(&s->w);
		ck_assert_int_eq(sale_settle(&settler, &s->w.sale, INT64_MAX, 0,
				     &state, &counts, &err),
		    OUT_DONE);
		ck_assert_int_eq(sale_reap(&reaper, world_ref(&s->w), &seen,
				     INT64_MAX, &reaped, &err),
		    OUT_DONE);
	}
	ck_assert_msg(is_at_rest(s), "it never comes to rest");
}

/* ---- what must hold --------------------------------------------------------------------------- */

static void rows_check(struct storm *s)
{
	const struct order *rows;
	size_t n;

	rows = mem_ledger_rows(s->w.mem_ledger, &n);
	for (size_t i = 0; i < n; i++) {
		if (rows[i].status != ORDER_SOLD)
			continue;
		ck_assert_uint_le(rows[i].unit, s->w.sale.stock);
		ck_assert_uint_le(rows[i].slot, s->w.sale.per_customer);
		for (size_t k = 0; k < i; k++) {
			if (rows[k].status != ORDER_SOLD)
				continue;
			ck_assert_uint_ne(rows[i].unit, rows[k].unit);
			ck_assert(
			    rows[i].slot != rows[k].slot ||
			    !customer_eq(&rows[i].customer, &rows[k].customer));
		}
	}
}

static void accepted_check(struct storm *s)
{
	for (size_t i = 0; i < s->naccepted && !s->lossy; i++) {
		const struct order *told = &s->accepted[i];
		struct order row;

		if (!row_of(s, &told->claim, &row))
			wrong(s, "accepted, and never decided: unit %u",
			    told->unit);
		else if (row.status == ORDER_SOLD &&
			 (row.unit != told->unit || row.slot != told->slot ||
			     row.created.us != told->created.us))
			wrong(s, "accepted unit %u slot %u, sold %u and %u",
			    told->unit, told->slot, row.unit, row.slot);
		else if (s->strict && row.status != ORDER_SOLD)
			wrong(s, "accepted, and void for nothing: unit %u",
			    told->unit);
	}
}

/* What Redis still has when the storm is over is decided behind it, also when it
 * forgets. */
static void waiting_note(struct storm *s)
{
	struct gate_gauge gauge;
	struct err err;

	world_gauge(&s->w, &gauge);
	if (!gauge.known)
		return;
	(void)s->w.gate.queue_scan(s->w.gate.ctx,
	    (struct gate_ref){s->w.sale.id, gauge.epoch},
	    (struct gate_entry_id){0, 0}, SETTLE_BATCH, INT64_MAX, s->waiting,
	    &s->nwaiting, &err);
}

static void waiting_check(struct storm *s)
{
	struct order row;

	for (size_t i = 0; i < s->nwaiting; i++)
		if (s->waiting[i].flaw[0] == '\0' &&
		    !row_of(s, &s->waiting[i].order.claim, &row))
			wrong(s, "waited, and was not decided: unit %u",
			    s->waiting[i].order.unit);
}

/* What is buried does not live: the operator will write it again. */
static void letters_check(struct storm *s)
{
	const struct dead_letter *letter;
	struct order row;
	size_t n;

	letter = mem_ledger_letters(s->w.mem_ledger, &n);
	for (size_t i = 0; i < n; i++)
		if (!claim_is_none(&letter[i].order.claim) && !s->lossy &&
		    (!row_of(s, &letter[i].order.claim, &row) ||
			row.status != ORDER_VOID))
			wrong(s, "buried, and lives: unit %u",
			    letter[i].order.unit);
}

static void requests_check(struct storm *s)
{
	for (size_t customer = 0; customer < CUSTOMERS; customer++)
		for (size_t key = 0; key < KEYS; key++) {
			struct purchase purchase =
			    purchase_of(s, &s->w.sale, customer, key);

			/* An older copy of Redis may bring back what a final no
			 * was said without. */
			if (s->request[customer][key].is_no && !s->lossy)
				no_check(s, &purchase, VERDICT_SOLD_OUT, true);
		}
}

START_TEST(test_storm)
{
	static struct storm s; /* large */
	struct audit_report report;

	storm_begin(&s, (unsigned)_i);
	storm_blow(&s);
	if (s.wrong[0] == '\0') {
		waiting_note(&s);
		storm_settle(&s);
		waiting_check(&s);
		letters_check(&s);
		rows_check(&s);
		accepted_check(&s);
		requests_check(&s);
		world_audit(&s.w, &report);
		if (!audit_clean(&report))
			wrong(&s, "unit %u: %s", report.findings[0].unit,
			    unit_fault_name(report.findings[0].fault));
	}
	ck_assert_msg(s.wrong[0] == '\0', "seed %d: %s", _i, s.wrong);
	mem_gate_free(&s.copy);
	world_fini(&s.w);
}
END_TEST

/* SEED=n: that one alone; RUNS=n: so many instead of a few. */
int main(void)
{
	const char *runs = getenv("RUNS"), *seed = getenv("SEED");
	int first = seed != NULL ? (int)strtol(seed, NULL, 10) : 0;
	int n = runs != NULL ? (int)strtol(runs, NULL, 10)
			     : (seed != NULL ? 1 : 96);
	Suite *suite = suite_create("storm");
	TCase *tcase = tcase_create("seed");
	SRunner *runner;
	int failed;

	/* A busy machine: Check's own 4 s were too few for two of 4000. */
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, test_storm, first, first + n);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
