/* SPDX-License-Identifier: Apache-2.0 */
/* The audit knows where the unit of an accepted order is. */
#include "config.h"

#include "sale/world.h"
#include "unit.h"

START_TEST(test_audit_at_home)
{
	struct audit_report report;
	struct settle_counts counts;
	enum settle_state state;
	struct audit *audit;
	struct world w;
	struct err err;

	world_queue(&w, 4, 1);
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
	world_lease(w, "bob");
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

	world_queue(&w, 1, 1);
	wrong[_i].make(&w, world_accept(&w, "alice", NULL));
	world_audit(&w, &report);
	ck_assert(!audit_clean(&report));
	ck_assert_uint_eq(report.total_faults, 1);
	ck_assert_uint_eq(report.faults[wrong[_i].fault], 1);
	world_fini(&w);
}
END_TEST

TESTS_MAIN("audit-wait", UNIT("audit", test_audit_at_home),
    UNIT_TABLE("audit-finds", test_audit_finds, ARRAY_LEN(wrong)))
