/* SPDX-License-Identifier: Apache-2.0 */
/* The reaper: claims whose lease ran out are decided, and by nothing but rows. */
#include "config.h"

#include "sale/world.h"
#include "unit.h"

#include <stdio.h>

static struct reap_counts reap(struct world *w, struct reap_memory *memory,
    const struct gate_port *gate, const struct ledger_port *ledger,
    enum outcome expect)
{
	struct reaper reaper = {gate, ledger, WORLD_LEASE_MS, &w->clock};
	struct reap_counts counts;
	struct err err;

	ck_assert_int_eq(
	    sale_reap(&reaper, (struct gate_ref){w->sale.id, w->sale.epoch},
		memory, INT64_MAX, &counts, &err),
	    expect);
	return counts;
}

static uint64_t gauge_leased(struct world *w)
{
	struct gate_gauge gauge;
	struct err err;

	ck_assert_int_eq(
	    w->gate.gauge(w->gate.ctx, w->sale.id, INT64_MAX, &gauge, &err),
	    OUT_DONE);
	return gauge.leased;
}

START_TEST(test_reap_leaves_the_young)
{
	struct reap_memory memory = {.n = 0};
	struct claim_chain chain;
	struct gate_ticket ticket;
	struct reap_counts counts;
	struct world w;

	world_init(&w, 2, 1);
	world_lease_take(&w, "alice", &chain, &ticket);
	world_advance(&w, WORLD_LEASE_MS - 1);
	counts = reap(&w, &memory, &w.gate, &w.ledger, OUT_DONE);
	ck_assert_uint_eq(counts.expired, 0);
	world_advance(&w, 1);
	counts = reap(&w, &memory, &w.gate, &w.ledger, OUT_DONE);
	ck_assert_uint_eq(counts.expired, 1);
	ck_assert_uint_eq(counts.voided, 1);
	ck_assert_uint_eq(gauge_leased(&w), 0);
	world_fini(&w);
}
END_TEST

START_TEST(test_reap_confirms_the_sold)
{
	struct reap_memory memory = {.n = 0};
	struct reap_counts counts;
	struct world w;

	world_init(&w, 2, 1);
	fault_plan_add(&w.plan, FAULT_GATE_CONFIRM, 0, FAULT_NOT_DONE);
	ck_assert_int_eq(world_verdict(&w, "alice", NULL), VERDICT_CREATED);
	ck_assert_uint_eq(gauge_leased(&w), 1);
	world_advance(&w, WORLD_LEASE_MS);
	counts = reap(&w, &memory, &w.gate, &w.ledger, OUT_DONE);
	ck_assert_uint_eq(counts.confirmed, 1);
	ck_assert_uint_eq(counts.voided, 0);
	ck_assert_uint_eq(world_sold(&w), 1);
	ck_assert_uint_eq(gauge_leased(&w), 0);
	world_fini(&w);
}
END_TEST

/* Each store call of the reaper fails in each way: nothing may go back
 * undecided, and the next tick finishes. */
START_TEST(test_reap_faults)
{
	static const struct {
		enum fault_call call;
		enum fault_kind kind;
		enum outcome expect;
	} rows[] = {
	    {FAULT_GATE_LEASES, FAULT_NOT_DONE, OUT_NOT_DONE},
	    {FAULT_GATE_LEASES, FAULT_UNKNOWN_NOT_APPLIED, OUT_UNKNOWN},
	    {FAULT_LEDGER_VOID, FAULT_NOT_DONE, OUT_DONE},
	    {FAULT_LEDGER_VOID, FAULT_UNKNOWN_APPLIED, OUT_DONE},
	    {FAULT_LEDGER_VOID, FAULT_UNKNOWN_NOT_APPLIED, OUT_DONE},
	    {FAULT_LEDGER_FIND, FAULT_NOT_DONE, OUT_NOT_DONE},
	    {FAULT_LEDGER_FIND, FAULT_UNKNOWN_NOT_APPLIED, OUT_UNKNOWN},
	    {FAULT_GATE_RELEASE, FAULT_NOT_DONE, OUT_DONE},
	    {FAULT_GATE_RELEASE, FAULT_UNKNOWN_APPLIED, OUT_DONE},
	    {FAULT_GATE_RELEASE, FAULT_UNKNOWN_NOT_APPLIED, OUT_DONE},
	};
	struct reap_memory memory = {.n = 0};
	struct claim_chain chain;
	struct gate_ticket ticket;
	struct audit_report report;
	struct world w;

	world_init(&w, 3, 1);
	world_lease_take(&w, "alice", &chain, &ticket);
	world_lease_take(&w, "bob", &chain, &ticket);
	world_advance(&w, WORLD_LEASE_MS);
	fault_plan_add(&w.plan, rows[_i].call, 0, rows[_i].kind);
	(void)reap(
	    &w, &memory, &w.faulty_gate, &w.faulty_ledger, rows[_i].expect);
	ck_assert_uint_ge(w.plan.calls[rows[_i].call], 1);
	world_audit(&w, &report);
	ck_assert(audit_clean(&report));
	(void)reap(&w, &memory, &w.gate, &w.ledger, OUT_DONE);
	ck_assert_uint_eq(gauge_leased(&w), 0);
	world_audit(&w, &report);
	ck_assert(audit_clean(&report));
	ck_assert_uint_eq(report.free, 3);
	world_fini(&w);
}
END_TEST

/* The gate's wall clock is set back by an hour: its deadlines lie far ahead. */
START_TEST(test_reap_clock_set_back)
{
	struct reap_memory memory = {.n = 0};
	struct claim_chain chain;
	struct gate_ticket ticket;
	struct reap_counts counts;
	struct world w;

	world_init(&w, 1, 1);
	world_lease_take(&w, "alice", &chain, &ticket);
	w.wall_us -= 3600 * US_PER_S;
	counts = reap(&w, &memory, &w.gate, &w.ledger, OUT_DONE);
	ck_assert_uint_eq(counts.expired, 0);
	world_advance(&w, WORLD_LEASE_MS + 2001);
	counts = reap(&w, &memory, &w.gate, &w.ledger, OUT_DONE);
	ck_assert_uint_eq(counts.voided, 1);
	world_fini(&w);
}
END_TEST

/* Two keepers, one tick each in turn: the second finds nothing to give back. */
START_TEST(test_reap_twice)
{
	struct reap_memory one = {.n = 0}, two = {.n = 0};
	struct claim_chain chain;
	struct gate_ticket ticket;
	struct audit_report report;
	struct world w;
	struct err err;

	world_init(&w, 2, 1);
	world_lease_take(&w, "alice", &chain, &ticket);
	world_advance(&w, WORLD_LEASE_MS);
	(void)reap(&w, &one, &w.gate, &w.ledger, OUT_DONE);
	ck_assert_int_eq(world_verdict(&w, "bob", NULL), VERDICT_CREATED);
	(void)reap(&w, &two, &w.gate, &w.ledger, OUT_DONE);
	/* A release that was on its way from the first keeper comes late. */
	struct customer alice;
	ck_assert(customer_parse(STRV("alice"), &alice));
	ck_assert_int_eq(
	    w.gate.release(w.gate.ctx,
		(struct gate_ref){w.sale.id, w.sale.epoch}, &chain.id[0],
		&alice, GATE_RELEASE_VOID, INT64_MAX, &err),
	    OUT_DONE);
	world_audit(&w, &report);
	ck_assert(audit_clean(&report));
	ck_assert_uint_eq(report.free, 1);
	ck_assert_uint_eq(report.sold, 1);
	world_fini(&w);
}
END_TEST

TESTS_MAIN("reap", UNIT("reap-young", test_reap_leaves_the_young),
    UNIT("reap-sold", test_reap_confirms_the_sold),
    UNIT_TABLE("reap-faults", test_reap_faults, 10),
    UNIT("reap-clock", test_reap_clock_set_back),
    UNIT("reap-twice", test_reap_twice))
