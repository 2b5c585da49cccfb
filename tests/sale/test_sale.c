/* SPDX-License-Identifier: Apache-2.0 */
/* The words of a sale, the claim id, the audit, the table in shared memory. */
#include "config.h"

#include "sale/world.h"
#include "unit.h"

#include "sale/table.h"

#include <stdio.h>

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

/* ---- audit ----------------------------------------------------------------------------- */

START_TEST(test_audit_finds)
{
	struct audit_report report;
	struct claim_chain chain;
	struct gate_ticket ticket;
	struct world w;

	world_init(&w, 6, 1);
	ck_assert_int_eq(world_verdict(&w, "alice", NULL), VERDICT_CREATED);
	world_lease_take(&w, "bob", &chain, &ticket);
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

/* One unit drawn twice from a stuffed list: two claims hold it. */
START_TEST(test_audit_finds_a_unit_leased_twice)
{
	struct audit_report report;
	struct claim_chain chain;
	struct gate_ticket ticket;
	struct world w;

	world_init(&w, 1, 1);
	mem_gate_stuff(w.mem_gate, w.sale.id, 1);
	world_lease_take(&w, "alice", &chain, &ticket);
	world_lease_take(&w, "bob", &chain, &ticket);
	world_audit(&w, &report);
	ck_assert(!audit_clean(&report));
	ck_assert_uint_eq(report.faults[UNIT_TWICE_LEASED], 1);
	world_fini(&w);
}
END_TEST

/* ---- table ------------------------------------------------------------------------------ */

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
    UNIT("claim-ids", test_claim_ids_differ), UNIT("audit", test_audit_finds),
    UNIT("audit-leased-twice", test_audit_finds_a_unit_leased_twice),
    UNIT("table", test_table), UNIT("table-clock", test_table_clock))
