/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An audit while the sale goes on: units that move between two of its reads are
 * not said to be lost, however long those reads take.
 */
#include "config.h"

#include "sale/audit.h"
#include "sale/world.h"
#include "unit.h"

#include <stdio.h>

#define SETTLE_MS 5000
#define STOCK     1000 /* several pages of the free list */

static struct audit *audit_begin(struct world *w, uint32_t stock)
{
	struct audit *audit;
	struct err err;

	world_init(w, stock, 1);
	world_mode(w, SALE_MODE_QUEUE);
	audit = audit_new(
	    &w->gate, &w->ledger, &w->clock, &w->sale, SETTLE_MS, &err);
	ck_assert_ptr_nonnull(audit);
	return audit;
}

static enum audit_state step(struct audit *audit)
{
	enum audit_state state;
	struct err err;

	ck_assert_int_eq(audit_step(audit, INT64_MAX, &state, &err), OUT_DONE);
	return state;
}

/* To its end, with time passing in its pauses only. */
static const struct audit_report *rest(struct world *w, struct audit *audit)
{
	enum audit_state state;

	while ((state = step(audit)) != AUDIT_DONE)
		if (state == AUDIT_PAUSED)
			world_advance(w, 100);
	return audit_report(audit);
}

static void accept_some(struct world *w, const char *who, int n)
{
	char customer[32];

	for (int i = 0; i < n; i++) {
		snprintf(customer, sizeof(customer), "%s%d", who, i);
		(void)world_accept(w, customer, NULL);
	}
}

/* The ledger was away between two reads, for longer than a finding is to stand:
 * what was free then, and waits now, is no fault. */
START_TEST(test_a_pass_that_takes_long)
{
	const struct audit_report *report;
	struct audit *audit;
	struct world w;

	audit = audit_begin(&w, 5);
	(void)step(audit); /* the gauge */
	(void)step(audit); /* all that is free */
	accept_some(&w, "a", 2);
	world_advance(&w, 12 * SETTLE_MS);
	report = rest(&w, audit);
	ck_assert_uint_eq(report->total_faults, 0);
	ck_assert(audit_clean(report));
	ck_assert_uint_eq(report->passes, 2);
	audit_free(&audit);
	world_fini(&w);
}
END_TEST

/* Each page is read a little later, and those before it have been sold: a unit
 * that moved up in the list is not missed, nor twice in it. */
START_TEST(test_sold_between_two_pages)
{
	const struct audit_report *report;
	struct audit *audit;
	char who[8];
	struct world w;

	audit = audit_begin(&w, STOCK);
	(void)step(audit);
	for (int page = 0; page < 5; page++) {
		snprintf(who, sizeof(who), "p%d-", page);
		(void)step(audit);
		accept_some(&w, who, 3);
	}
	(void)step(audit); /* there is no more */
	while (step(audit) != AUDIT_PAUSED)
		ck_assert_uint_eq(audit_report(audit)->passes, 0);
	/* The last three were seen free, and wait: looked at again. */
	ck_assert_uint_eq(audit_report(audit)->free, STOCK - 12);
	for (uint32_t unit = 1; unit <= STOCK; unit++)
		ck_assert_int_ne(audit_home(audit, unit), UNIT_HOME_NONE);
	report = rest(&w, audit);
	ck_assert(audit_clean(report));
	ck_assert_uint_eq(report->passes, 2);
	ck_assert_uint_eq(report->free, STOCK - 15);
	audit_free(&audit);
	world_fini(&w);
}
END_TEST

/* And what is a fault stays one: it is said when it has stood for so long. */
START_TEST(test_a_fault_that_stands)
{
	const struct audit_report *report;
	struct audit *audit;
	struct world w;
	int64_t begun_ns;

	audit = audit_begin(&w, STOCK);
	mem_gate_stuff(w.mem_gate, w.sale.id, 700);
	begun_ns = w.mono_ns;
	report = rest(&w, audit);
	ck_assert_uint_eq(report->faults[UNIT_TWICE_FREE], 1);
	ck_assert_uint_eq(report->total_faults, 1);
	ck_assert_uint_eq(report->findings[0].unit, 700);
	ck_assert_int_ge(w.mono_ns - begun_ns, SETTLE_MS * NS_PER_MS);
	ck_assert_uint_gt(report->passes, 1);
	audit_free(&audit);
	world_fini(&w);
}
END_TEST

TESTS_MAIN("audit", UNIT("long", test_a_pass_that_takes_long),
    UNIT("between-pages", test_sold_between_two_pages),
    UNIT("stands", test_a_fault_that_stands))
