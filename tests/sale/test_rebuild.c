/* SPDX-License-Identifier: Apache-2.0 */
/* A gate is made anew from the ledger: by one, to the end, or not at all. */
#include "config.h"

#include "sale/world.h"
#include "unit.h"

#include <stdio.h>

static enum outcome rebuild(struct world *w, struct rebuild_result *result)
{
	struct err err;

	return sale_rebuild(&w->faulty_gate, &w->faulty_ledger, &w->sale,
	    SALE_STATE_OPEN, INT64_MAX, NULL, NULL, result, &err);
}

START_TEST(test_rebuild_after_loss)
{
	struct rebuild_result result;
	struct audit_report report;
	char name[16];
	struct world w;

	world_init(&w, 2500, 1);
	for (int i = 0; i < 1200; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		ck_assert_int_eq(
		    world_verdict(&w, name, NULL), VERDICT_CREATED);
	}
	mem_gate_flushall(w.mem_gate);
	world_audit(&w, &report);
	ck_assert(!audit_clean(&report));
	ck_assert(!report.gauge.known);
	ck_assert_int_eq(rebuild(&w, &result), OUT_DONE);
	ck_assert(result.won);
	ck_assert_uint_eq(result.units_sold, 1200);
	ck_assert_uint_eq(result.units_free, 1300);
	world_audit(&w, &report);
	ck_assert(audit_clean(&report));
	/* Owners are known to the new gate. */
	ck_assert_int_eq(world_verdict(&w, "c7", NULL), VERDICT_REPLAYED);
	ck_assert_int_eq(world_verdict(&w, "c7", "x"), VERDICT_LIMIT_REACHED);
	world_fini(&w);
}
END_TEST

START_TEST(test_rebuild_one_winner)
{
	struct rebuild_result first, second;
	struct sale seen;
	struct world w;

	world_init(&w, 5, 1);
	seen = w.sale;
	ck_assert_int_eq(rebuild(&w, &first), OUT_DONE);
	ck_assert(first.won);
	w.sale = seen; /* the other operator read the sale before */
	ck_assert_int_eq(rebuild(&w, &second), OUT_DONE);
	ck_assert(!second.won);
	world_fini(&w);
}
END_TEST

/* Dies at each call: the sale does not sell, and the next rebuild is clean. */
START_TEST(test_rebuild_faults)
{
	static const struct {
		enum fault_call call;
		enum fault_kind kind;
	} rows[] = {
	    {FAULT_LEDGER_EPOCH_BEGIN, FAULT_NOT_DONE},
	    {FAULT_LEDGER_EPOCH_BEGIN, FAULT_UNKNOWN_APPLIED},
	    {FAULT_GATE_SEED, FAULT_NOT_DONE},
	    {FAULT_GATE_SEED, FAULT_UNKNOWN_APPLIED},
	    {FAULT_GATE_OWN, FAULT_UNKNOWN_APPLIED},
	    {FAULT_GATE_PUBLISH, FAULT_NOT_DONE},
	    {FAULT_GATE_PUBLISH, FAULT_UNKNOWN_APPLIED},
	    {FAULT_LEDGER_EPOCH_END, FAULT_NOT_DONE},
	    {FAULT_LEDGER_EPOCH_END, FAULT_UNKNOWN_APPLIED},
	};
	struct rebuild_result result;
	struct audit_report report;
	struct world w;

	world_init(&w, 5, 1);
	ck_assert_int_eq(world_verdict(&w, "alice", NULL), VERDICT_CREATED);
	fault_plan_add(&w.plan, rows[_i].call, 0, rows[_i].kind);
	ck_assert_int_ne(rebuild(&w, &result), OUT_DONE);
	ck_assert_uint_ge(w.plan.calls[rows[_i].call], 1);
	w.plan.n = 0;
	world_sale_get(&w);
	ck_assert_int_eq(rebuild(&w, &result), OUT_DONE);
	world_audit(&w, &report);
	ck_assert(audit_clean(&report));
	ck_assert_uint_eq(report.free, 4);
	ck_assert_int_eq(world_verdict(&w, "alice", NULL), VERDICT_REPLAYED);
	ck_assert_int_eq(world_verdict(&w, "bob", NULL), VERDICT_CREATED);
	world_fini(&w);
}
END_TEST

/* The gate is wiped between seed and publish: no gate is better than one with
 * units missing, whose owners would hear "sold out". */
START_TEST(test_rebuild_wiped_in_the_middle)
{
	struct gate_ref ref;
	struct gate_seeded seeded = {3, 1, 3, 0, 0, false};
	static const uint32_t units[] = {1, 2, 3};
	struct world w;
	struct err err;

	world_init(&w, 3, 1);
	ref = (struct gate_ref){w.sale.id, w.sale.epoch + 1};
	ck_assert_int_eq(
	    w.gate.seed(w.gate.ctx, ref, units, 3, INT64_MAX, &err), OUT_DONE);
	mem_gate_flushall(w.mem_gate);
	ck_assert_int_eq(
	    w.gate.publish(w.gate.ctx, ref, &seeded, INT64_MAX, &err),
	    OUT_NOT_DONE);
	world_fini(&w);
}
END_TEST

/* Somebody closed the sale after it was read: a rebuild must not open it. */
START_TEST(test_rebuild_of_a_sale_that_was_closed)
{
	struct rebuild_result result;
	struct sale seen;
	struct world w;

	world_init(&w, 3, 1);
	seen = w.sale;
	w.sale.state = SALE_STATE_CLOSED;
	world_sale_put(&w);
	w.sale = seen;
	ck_assert_int_eq(rebuild(&w, &result), OUT_DONE);
	ck_assert(!result.won);
	world_sale_get(&w);
	ck_assert_int_eq(w.sale.state, SALE_STATE_CLOSED);
	world_fini(&w);
}
END_TEST

TESTS_MAIN("rebuild", UNIT("rebuild-loss", test_rebuild_after_loss),
    UNIT("rebuild-race", test_rebuild_one_winner),
    UNIT_TABLE("rebuild-faults", test_rebuild_faults, 9),
    UNIT("rebuild-wiped", test_rebuild_wiped_in_the_middle),
    UNIT("rebuild-closed", test_rebuild_of_a_sale_that_was_closed))
