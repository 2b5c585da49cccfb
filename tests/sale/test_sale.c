/* SPDX-License-Identifier: Apache-2.0 */
/* The words of a sale, the claim id, the reaper, the rebuild, the audit, the
 * table in shared memory. */
#include "config.h"

#include "sale/world.h"
#include "unit.h"

#include <stdio.h>

#include "sale/table.h"

START_TEST(test_slugs)
{
	static const struct {
		const char *text;
		bool valid;
	} rows[] = {
	    {"drop-7", true},
	    {"a", true},
	    {"0", true},
	    {"", false},
	    {"-a", false},
	    {"a-", false},
	    {"A", false},
	    {"a_b", false},
	    {"a b", false},
	    {"a/b", false},
	    {"a\xc3\xa9", false},
	};
	char longest[SALE_SLUG_MAX + 2];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		ck_assert_msg(
		    sale_slug_valid(strv_c(rows[i].text)) == rows[i].valid,
		    "%s", rows[i].text);
	memset(longest, 'a', sizeof(longest));
	ck_assert(sale_slug_valid(strv_from(longest, SALE_SLUG_MAX)));
	ck_assert(!sale_slug_valid(strv_from(longest, SALE_SLUG_MAX + 1)));
}
END_TEST

START_TEST(test_customers)
{
	struct customer who;
	char longest[CUSTOMER_MAX + 1];

	ck_assert(customer_parse(STRV("Alice_1.x@y:z+w-"), &who));
	ck_assert(strv_eq(customer_view(&who), STRV("Alice_1.x@y:z+w-")));
	ck_assert(!customer_parse(STRV(""), &who));
	ck_assert(!customer_parse(STRV("a b"), &who));
	ck_assert(!customer_parse(STRV("a\0b"), &who));
	ck_assert(!customer_parse(STRV("a\r\nb"), &who));
	ck_assert(!customer_parse(STRV("\xc3\xa9"), &who));
	memset(longest, 'a', sizeof(longest));
	ck_assert(customer_parse(strv_from(longest, CUSTOMER_MAX), &who));
	ck_assert(!customer_parse(strv_from(longest, CUSTOMER_MAX + 1), &who));
}
END_TEST

START_TEST(test_phases)
{
	static const struct {
		enum sale_state state;
		int64_t opens, closes, now;
		enum sale_phase phase;
	} rows[] = {
	    {SALE_STATE_OPEN, 0, 0, 5, SALE_PHASE_SELLING},
	    {SALE_STATE_OPEN, 6, 0, 5, SALE_PHASE_NOT_OPEN},
	    {SALE_STATE_OPEN, 5, 0, 5, SALE_PHASE_SELLING},
	    {SALE_STATE_OPEN, 0, 5, 5, SALE_PHASE_ENDED},
	    {SALE_STATE_OPEN, 0, 6, 5, SALE_PHASE_SELLING},
	    {SALE_STATE_DRAFT, 0, 0, 5, SALE_PHASE_NOT_OPEN},
	    {SALE_STATE_PAUSED, 0, 0, 5, SALE_PHASE_PAUSED},
	    {SALE_STATE_PAUSED, 6, 0, 5, SALE_PHASE_NOT_OPEN},
	    {SALE_STATE_PAUSED, 0, 5, 5, SALE_PHASE_ENDED},
	    {SALE_STATE_REBUILD, 0, 0, 5, SALE_PHASE_REBUILDING},
	    {SALE_STATE_CLOSED, 0, 0, 5, SALE_PHASE_ENDED},
	    {SALE_STATE_CLOSED, 6, 0, 5, SALE_PHASE_ENDED},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct sale sale = {.state = rows[i].state,
		    .opens = {rows[i].opens},
		    .closes = {rows[i].closes}};

		ck_assert_msg(sale_phase_at(&sale,
				  (struct wall){rows[i].now}) == rows[i].phase,
		    "row %zu", i);
	}
}
END_TEST

START_TEST(test_names_round_trip)
{
	enum sale_state state;
	enum sale_mode mode;
	enum order_status status;

	for (int i = 0; i < SALE_STATE_COUNT; i++) {
		ck_assert(sale_state_parse(
		    strv_c(sale_state_name((enum sale_state)i)), &state));
		ck_assert_int_eq(state, i);
	}
	for (int i = 0; i < SALE_MODE_COUNT; i++) {
		ck_assert(sale_mode_parse(
		    strv_c(sale_mode_name((enum sale_mode)i)), &mode));
		ck_assert_int_eq(mode, i);
	}
	for (int i = 0; i < ORDER_STATUS_COUNT; i++) {
		ck_assert(order_status_parse(
		    strv_c(order_status_name((enum order_status)i)), &status));
		ck_assert_int_eq(status, i);
	}
	ck_assert(!sale_state_parse(STRV("Open"), &state));
	ck_assert(!sale_mode_parse(STRV(""), &mode));
	ck_assert(!order_status_parse(STRV("refunded"), &status));
}
END_TEST

START_TEST(test_claim_ids_differ)
{
	struct sale sale = {.id = {1}, .claim_key = "k"};
	struct sale other_sale = {.id = {2}, .claim_key = "k"};
	struct sale other_key = {.id = {1}, .claim_key = "l"};
	struct customer a, ab;
	struct claim_id id, ids[8];

	ck_assert(customer_parse(STRV("a"), &a));
	ck_assert(customer_parse(STRV("ab"), &ab));
	id = claim_id_make(&sale, &a, STRV("bc"), 0);
	ids[0] = claim_id_make(&sale, &a, STRV("bc"), 0);
	ck_assert(claim_eq(&id, &ids[0]));
	ids[0] = claim_id_make(&other_sale, &a, STRV("bc"), 0);
	ids[1] = claim_id_make(&other_key, &a, STRV("bc"), 0);
	/* "a"+"bc" and "ab"+"c" share their bytes, not their ids. */
	ids[2] = claim_id_make(&sale, &ab, STRV("c"), 0);
	ids[3] = claim_id_make(&sale, &a, STRV("bc"), 1);
	ids[4] = claim_id_make(&sale, &a, strv_from(NULL, 0), 0);
	ids[5] = claim_id_make(&sale, &a, STRV(""), 0);
	for (size_t i = 0; i < 6; i++) {
		ck_assert(!claim_eq(&id, &ids[i]));
		for (size_t k = 0; k < i; k++)
			ck_assert(!claim_eq(&ids[k], &ids[i]));
	}
}
END_TEST

/* ---- reaper ------------------------------------------------------------------------ */

static void lease_leave(struct world *w, const char *customer,
    struct claim_chain *chain, struct gate_ticket *ticket)
{
	struct customer who;
	struct err err;

	ck_assert(customer_parse(strv_c(customer), &who));
	chain->n = 1;
	chain->id[0] = claim_id_make(&w->sale, &who, strv_c(NULL), 0);
	ck_assert_int_eq(w->gate.claim(w->gate.ctx,
			     (struct gate_ref){w->sale.id, w->sale.epoch},
			     chain, &who, INT64_MAX, ticket, &err),
	    OUT_DONE);
	ck_assert_int_eq(ticket->answer, GATE_TAKEN);
}

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
	lease_leave(&w, "alice", &chain, &ticket);
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
	lease_leave(&w, "alice", &chain, &ticket);
	lease_leave(&w, "bob", &chain, &ticket);
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
	lease_leave(&w, "alice", &chain, &ticket);
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
	lease_leave(&w, "alice", &chain, &ticket);
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

/* ---- rebuild ------------------------------------------------------------------------ */

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

/* ---- audit ----------------------------------------------------------------------------- */

START_TEST(test_audit_finds)
{
	struct audit_report report;
	struct claim_chain chain;
	struct gate_ticket ticket;
	struct world w;

	world_init(&w, 6, 1);
	ck_assert_int_eq(world_verdict(&w, "alice", NULL), VERDICT_CREATED);
	lease_leave(&w, "bob", &chain, &ticket);
	world_audit(&w, &report);
	ck_assert(audit_clean(&report));
	ck_assert_uint_eq(report.free, 4);
	ck_assert_uint_eq(report.leased, 1);
	ck_assert_uint_eq(report.sold, 1);
	mem_gate_stuff(w.mem_gate, w.sale.id, 1); /* sold */
	mem_gate_stuff(w.mem_gate, w.sale.id, 2); /* leased */
	mem_gate_stuff(w.mem_gate, w.sale.id, 3); /* free */
	mem_gate_stuff(w.mem_gate, w.sale.id, 7); /* above the stock */
	w.sale.stock = 7;
	world_sale_put(&w);
	w.sale.stock = 8;
	world_sale_put(&w);
	mem_gate_stuff(w.mem_gate, w.sale.id, 99);
	world_audit(&w, &report);
	ck_assert(!audit_clean(&report));
	ck_assert_uint_eq(report.faults[UNIT_FREE_SOLD], 1);
	ck_assert_uint_eq(report.faults[UNIT_FREE_LEASED], 1);
	ck_assert_uint_eq(report.faults[UNIT_TWICE_FREE], 1);
	ck_assert_uint_eq(report.faults[UNIT_OUT_OF_BOUNDS], 1);
	ck_assert_uint_eq(report.faults[UNIT_HOMELESS], 1); /* 8 */
	ck_assert_uint_eq(report.total_faults, 5);
	world_fini(&w);
}
END_TEST

/* ---- table ------------------------------------------------------------------------------ */

/* One unit drawn twice from a stuffed list: two claims hold it. */
START_TEST(test_audit_finds_a_unit_leased_twice)
{
	struct audit_report report;
	struct claim_chain chain;
	struct gate_ticket ticket;
	struct world w;

	world_init(&w, 1, 1);
	mem_gate_stuff(w.mem_gate, w.sale.id, 1);
	lease_leave(&w, "alice", &chain, &ticket);
	lease_leave(&w, "bob", &chain, &ticket);
	world_audit(&w, &report);
	ck_assert(!audit_clean(&report));
	ck_assert_uint_eq(report.faults[UNIT_TWICE_LEASED], 1);
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

START_TEST(test_table)
{
	static struct sale_table table;
	struct sale_table_head head;
	struct sale_entry entry;
	struct gate_gauge gauge = {.known = true, .free = 9};
	struct world w;
	struct err err;

	sale_table_init(&table);
	ck_assert(!sale_table_head_read(&table, &head));
	ck_assert(!sale_table_find(&table, STRV("drop"), &entry));
	world_init(&w, 5, 1);
	ck_assert_int_eq(
	    sale_table_refresh(&table, &w.ledger, &w.clock, INT64_MAX, &err),
	    OUT_DONE);
	ck_assert(sale_table_head_read(&table, &head));
	ck_assert_uint_eq(head.n, 1);
	ck_assert(sale_table_find(&table, STRV("drop"), &entry));
	ck_assert_uint_eq(entry.sale.stock, 5);
	ck_assert(!entry.gauge_fresh);
	ck_assert(!sale_table_find(&table, STRV("dro"), &entry));
	sale_table_gauge(&table, w.sale.id, &gauge, true);
	w.sale.stock = 6;
	world_sale_put(&w);
	ck_assert_int_eq(
	    sale_table_refresh(&table, &w.ledger, &w.clock, INT64_MAX, &err),
	    OUT_DONE);
	ck_assert(sale_table_find(&table, STRV("drop"), &entry));
	ck_assert_uint_eq(entry.sale.stock, 6);
	ck_assert_uint_eq(entry.gauge.free, 9);
	ck_assert(entry.gauge_fresh);
	sale_table_gauge(&table, w.sale.id, &gauge, false);
	ck_assert(sale_table_find(&table, STRV("drop"), &entry));
	ck_assert(!entry.gauge_fresh);
	ck_assert_int_eq(sale_table_now(&head, &w.clock).us, w.wall_us);
	world_fini(&w);
}
END_TEST

/* A ledger that answers late: before or after it looked at its clock. */
struct late {
	struct world *w;
	int64_t before_ms, after_ms;
};

static enum outcome late_sales(void *ctx, int64_t deadline_ns,
    struct sale *sales, size_t max, size_t *n, struct wall *now,
    struct err *err)
{
	struct late *late = ctx;
	enum outcome out;

	world_advance(late->w, late->before_ms);
	out = late->w->ledger.sales(
	    late->w->ledger.ctx, deadline_ns, sales, max, n, now, err);
	world_advance(late->w, late->after_ms);
	return out;
}

/* How far the table's clock is off after a refresh. */
static int64_t table_error_us(struct sale_table *table, struct late *late)
{
	struct ledger_port port = {.ctx = late, .sales = late_sales};
	struct sale_table_head head;
	struct err err;

	ck_assert_int_eq(
	    sale_table_refresh(table, &port, &late->w->clock, INT64_MAX, &err),
	    OUT_DONE);
	ck_assert(sale_table_head_read(table, &head));
	return sale_table_now(&head, &late->w->clock).us - late->w->wall_us;
}

/* Found by the campaign: a keeper that was stopped between the ledger's answer
 * and its own look at the clock dated orders seconds before they were asked for. */
START_TEST(test_table_clock)
{
	static struct sale_table table;
	struct world w;
	struct late late = {.w = &w};

	sale_table_init(&table);
	world_init(&w, 5, 1);
	/* The first reading is all there is: half of it is the error. */
	late.after_ms = 4000;
	ck_assert_int_eq(table_error_us(&table, &late), -2000 * 1000);
	late.after_ms = 20;
	late.before_ms = 60;
	ck_assert_int_eq(table_error_us(&table, &late), 20 * 1000);
	late.before_ms = late.after_ms = 0;
	ck_assert_int_eq(table_error_us(&table, &late), 0);
	/* From now on a late one changes nothing. */
	late.after_ms = 4000;
	ck_assert_int_eq(table_error_us(&table, &late), 0);
	late.before_ms = 4000;
	late.after_ms = 0;
	ck_assert_int_eq(table_error_us(&table, &late), 0);
	world_fini(&w);
}
END_TEST

TESTS_MAIN("sale", UNIT("slugs", test_slugs), UNIT("customers", test_customers),
    UNIT("phases", test_phases), UNIT("names", test_names_round_trip),
    UNIT("claim-ids", test_claim_ids_differ),
    UNIT("reap-young", test_reap_leaves_the_young),
    UNIT("reap-sold", test_reap_confirms_the_sold),
    UNIT_TABLE("reap-faults", test_reap_faults, 10),
    UNIT("reap-clock", test_reap_clock_set_back),
    UNIT("reap-twice", test_reap_twice),
    UNIT("rebuild-loss", test_rebuild_after_loss),
    UNIT("rebuild-race", test_rebuild_one_winner),
    UNIT_TABLE("rebuild-faults", test_rebuild_faults, 9),
    UNIT("rebuild-wiped", test_rebuild_wiped_in_the_middle),
    UNIT("rebuild-closed", test_rebuild_of_a_sale_that_was_closed),
    UNIT("audit", test_audit_finds),
    UNIT("audit-leased-twice", test_audit_finds_a_unit_leased_twice),
    UNIT("table", test_table), UNIT("table-clock", test_table_clock))
