/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeping and building side on a real Redis: leases, gauge, rebuilding,
 * stock up and down, the report's lists.  Run by gate_keeping.it.
 */
#include "config.h"

#include "rig.h"

#include <stdio.h>
#include <unistd.h>

static struct gate_ref epoch(uint32_t number)
{
	return (struct gate_ref){ref.sale, number};
}

static size_t leases(struct rig *rig, size_t max, struct gate_lease *out)
{
	struct err err = ERR_INIT;
	size_t n = 999;

	ASSERT_OUT(
	    rig->port.leases(rig->port.ctx, ref, max, SOON, out, &n, &err),
	    OUT_DONE);
	return n;
}

/* ---- leases ------------------------------------------------------------------- */

START_TEST(test_leases_oldest_first)
{
	struct claim_id ten = rig_id(10), eleven = rig_id(11);
	struct gate_lease lease[100];
	struct rig rig;

	rig_open(&rig);
	ck_assert_uint_eq(leases(&rig, 100, lease), 0);
	rig_sale(&rig, ref, 9, 2);
	rig_claim(&rig, "ann", 10);
	rig_claim(&rig, "ann", 11);
	rig_claim(&rig, "b.o_b@x:+-1", 20);
	rig_do(
	    &rig, "ZADD {fg:5}:1:lease 1000 %b", eleven.b, (size_t)CLAIM_BYTES);
	ck_assert_uint_eq(leases(&rig, 100, lease), 3);
	ck_assert(claim_eq(&lease[0].claim, &eleven));
	ck_assert_uint_eq(lease[0].unit, 2);
	ck_assert_uint_eq(lease[0].slot, 2);
	ck_assert_int_lt(lease[0].remaining_ms, -1000000);
	ck_assert(claim_eq(&lease[1].claim, &ten));
	ck_assert_int_gt(lease[1].remaining_ms, 0);
	ck_assert_int_le(lease[1].remaining_ms, LEASE_MS);
	ck_assert_uint_eq(lease[2].unit, 3);
	ck_assert(
	    strv_eq(customer_view(&lease[2].customer), STRV("b.o_b@x:+-1")));
	ck_assert_uint_eq(leases(&rig, 1, lease), 1);
	ck_assert(claim_eq(&lease[0].claim, &eleven));
	rig_close(&rig);
}
END_TEST

START_TEST(test_lease_runs_out_by_the_servers_clock)
{
	struct rig rig, brief;
	struct gate_lease lease[100];
	int64_t until = SOON;

	rig_open(&rig);
	brief = rig;
	brief.gate = rig_gate(LONG_MS, 1);
	brief.port = gate_port(brief.gate);
	rig_sale(&brief, ref, 9, 1);
	/* The length is the gate's, as published, whoever claims. */
	rig_claim(&rig, "ann", 10);
	do {
		ck_assert_int_gt(deadline_left_ms(until), 0);
		ck_assert_uint_eq(leases(&rig, 100, lease), 1);
	} while (lease[0].remaining_ms > 0);
	/* That it ran out is for the keeper to act upon: nothing moves. */
	rig_assert_counts(&rig, 8, 1, 1, 1);
	gate_free(&brief.gate);
	rig_close(&rig);
}
END_TEST

/* A claim whose record is lost still shows, so that it is decided. */
START_TEST(test_lease_of_a_lost_record)
{
	struct claim_id ten = rig_id(10), eleven = rig_id(11);
	struct gate_lease lease[100];
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 9, 2);
	rig_claim(&rig, "ann", 10);
	rig_claim(&rig, "ann", 11);
	rig_do(&rig, "HDEL {fg:5}:1:rec %b", ten.b, (size_t)CLAIM_BYTES);
	rig_do(&rig, "HSET {fg:5}:1:rec %b 7|1|a%%20b", eleven.b,
	    (size_t)CLAIM_BYTES);
	rig_do(&rig, "ZADD {fg:5}:1:lease -inf foreign +inf %b", eleven.b,
	    (size_t)CLAIM_BYTES);
	ck_assert_uint_eq(leases(&rig, 100, lease), 2);
	ck_assert(claim_eq(&lease[0].claim, &ten));
	ck_assert_uint_eq(lease[0].unit, 0);
	ck_assert_uint_eq(lease[0].customer.n, 0);
	ck_assert_uint_eq(lease[1].unit, 7);
	ck_assert_uint_eq(lease[1].customer.n, 0);
	rig_close(&rig);
}
END_TEST

START_TEST(test_gauge)
{
	struct gate_gauge gauge;
	struct rig rig;

	rig_open(&rig);
	gauge = rig_gauge(&rig);
	ck_assert(!gauge.known);
	rig_sale(&rig, epoch(1), 5, 2);
	rig_claim(&rig, "ann", 10);
	gauge = rig_gauge(&rig);
	ck_assert(gauge.known);
	ck_assert_uint_eq(gauge.epoch, 1);
	ck_assert_uint_eq(gauge.units, 5);
	ck_assert_uint_eq(gauge.limit, 2);
	ck_assert_uint_eq(gauge.free, 4);
	ck_assert_uint_eq(gauge.leased, 1);
	rig_sale(&rig, epoch(4000000000), 7, 3);
	gauge = rig_gauge(&rig);
	ck_assert(gauge.known);
	ck_assert_uint_eq(gauge.epoch, 4000000000);
	ck_assert_uint_eq(gauge.units, 7);
	ck_assert_uint_eq(gauge.free, 7);
	ck_assert_uint_eq(gauge.leased, 0);
	rig_close(&rig);
}
END_TEST

/* ---- building --------------------------------------------------------------------- */

static struct order sold(const char *who, unsigned id, uint32_t slot)
{
	return (struct order){.claim = rig_id(id),
	    .sale = ref.sale,
	    .status = ORDER_SOLD,
	    .unit = 1,
	    .slot = slot,
	    .customer = rig_who(who)};
}

START_TEST(test_rebuild)
{
	static const uint32_t units[] = {2, 3, 5};
	struct order owners[] = {
	    sold("ann", 10, 1), sold("ann", 11, 2), sold("bob", 20, 2)};
	struct err err = ERR_INIT;
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, epoch(1), 5, 2);
	/* Nobody sees the new gate before it is published. */
	ASSERT_OUT(rig.port.seed(rig.port.ctx, epoch(2), units,
		       ARRAY_LEN(units), SOON, &err),
	    OUT_DONE);
	ASSERT_OUT(rig.port.own(rig.port.ctx, epoch(2), owners,
		       ARRAY_LEN(owners), SOON, &err),
	    OUT_DONE);
	ASSERT_OUT(rig.port.own(rig.port.ctx, epoch(2), owners, 0, SOON, &err),
	    OUT_DONE);
	ASSERT_OUT(rig.port.seed(rig.port.ctx, epoch(2), units, 0, SOON, &err),
	    OUT_DONE);
	ck_assert_uint_eq(rig_gauge(&rig).epoch, 1);
	ck_assert_uint_eq(rig_gauge(&rig).free, 5);
	ASSERT_OUT(rig.port.publish(rig.port.ctx, epoch(2), 5, 2, SOON, &err),
	    OUT_DONE);
	ck_assert_uint_eq(rig_gauge(&rig).free, 3);
	ck_assert_int_eq(rig_claim(&rig, "ann", 12).answer, GATE_EPOCH);
	ck_assert_int_eq(rig_do(&rig, "HLEN {fg:5}:2:slot"), 3);
	ck_assert_int_eq(rig_do(&rig, "HEXISTS {fg:5}:2:slot 2:bob"), 1);
	/* The old keys go, the ones in use do not. */
	ASSERT_OUT(
	    rig.port.discard(rig.port.ctx, epoch(1), SOON, &err), OUT_DONE);
	ck_assert_int_eq(rig_do(&rig, "DBSIZE"), 3);
	ASSERT_OUT(
	    rig.port.discard(rig.port.ctx, epoch(2), SOON, &err), OUT_NOT_DONE);
	ASSERT_SAYS("epoch 2 is in use");
	ck_assert_int_eq(rig_do(&rig, "DBSIZE"), 3);
	rig_close(&rig);
}
END_TEST

START_TEST(test_publish_goes_only_forward)
{
	struct err err = ERR_INIT;
	struct rig rig;

	rig_open(&rig);
	ASSERT_OUT(rig.port.publish(rig.port.ctx, epoch(10), 5, 2, SOON, &err),
	    OUT_DONE);
	/* Numbers, not text: 9 is before 10. */
	ASSERT_OUT(rig.port.publish(rig.port.ctx, epoch(9), 5, 2, SOON, &err),
	    OUT_NOT_DONE);
	ASSERT_SAYS("epoch 10 is in use");
	ck_assert_uint_eq(rig_gauge(&rig).epoch, 10);
	/* The one whose answer was lost is asked for again. */
	ASSERT_OUT(rig.port.publish(rig.port.ctx, epoch(10), 5, 2, SOON, &err),
	    OUT_DONE);
	/* What somebody left in meta does not get into the next one. */
	rig_do(&rig, "HSET {fg:5}:meta dropped 3");
	ASSERT_OUT(rig.port.publish(rig.port.ctx, epoch(11), 5, 2, SOON, &err),
	    OUT_DONE);
	ck_assert_int_eq(rig_do(&rig, "HLEN {fg:5}:meta"), 4);
	rig_close(&rig);
}
END_TEST

/* A rebuilder that was overtaken changes nothing in the gate that sells. */
START_TEST(test_a_gate_in_use_is_not_seeded)
{
	static const uint32_t units[] = {1, 2};
	struct order owner = sold("ann", 10, 1);
	struct err err = ERR_INIT;
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, epoch(3), 2, 1);
	for (uint32_t e = 2; e <= 3; e++) {
		ASSERT_OUT(
		    rig.port.seed(rig.port.ctx, epoch(e), units, 2, SOON, &err),
		    OUT_NOT_DONE);
		ASSERT_SAYS("epoch 3 is in use");
	}
	ASSERT_OUT(rig.port.own(rig.port.ctx, epoch(2), &owner, 1, SOON, &err),
	    OUT_NOT_DONE);
	ck_assert_int_eq(rig_do(&rig, "LLEN {fg:5}:3:free"), 2);
	ck_assert_int_eq(rig_do(&rig, "DBSIZE"), 2);
	rig_close(&rig);
}
END_TEST

/* UNKNOWN, so the chunk is sent again: its units are there once. */
START_TEST(test_seed_twice_is_once)
{
	static const uint32_t first[] = {1, 2}, second[] = {3, 4};
	struct err err = ERR_INIT;
	struct rig rig;

	rig_open(&rig);
	for (int i = 0; i < 2; i++)
		ASSERT_OUT(
		    rig.port.seed(rig.port.ctx, ref, first, 2, SOON, &err),
		    OUT_DONE);
	for (int i = 0; i < 2; i++)
		ASSERT_OUT(
		    rig.port.seed(rig.port.ctx, ref, second, 2, SOON, &err),
		    OUT_DONE);
	rig_assert_free(&rig, "1 2 3 4");
	rig_close(&rig);
}
END_TEST

START_TEST(test_largest_batches)
{
	static struct order owners[1000];
	struct err err = ERR_INIT;
	struct rig rig;

	rig_open(&rig);
	for (unsigned i = 0; i < ARRAY_LEN(owners); i++) {
		char name[CUSTOMER_MAX + 1];

		snprintf(name, sizeof(name), "%064u", i);
		owners[i] = sold(name, i, 16);
	}
	ASSERT_OUT(rig.port.own(rig.port.ctx, ref, owners, 1000, SOON, &err),
	    OUT_DONE);
	ck_assert_int_eq(rig_do(&rig, "HLEN {fg:5}:1:slot"), 1000);
	rig_sale(&rig, ref, 2500, 1);
	ck_assert_int_eq(rig_do(&rig, "LLEN {fg:5}:1:free"), 2500);
	ck_assert_str_eq(rig_text(&rig, "LINDEX {fg:5}:1:free 2499"), "2500");
	rig_close(&rig);
}
END_TEST

/* ---- stock ------------------------------------------------------------------------- */

static uint32_t stock(struct rig *rig, bool more, uint32_t units)
{
	enum outcome (*change)(void *, struct gate_ref, uint32_t, int64_t,
	    uint32_t *, struct err *) =
	    more ? rig->port.grow : rig->port.shrink;
	struct err err = ERR_INIT;
	uint32_t done = 999999;

	ASSERT_OUT(
	    change(rig->port.ctx, ref, units, SOON, &done, &err), OUT_DONE);
	return done;
}

START_TEST(test_grow)
{
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 2, 1);
	rig_claim(&rig, "ann", 10);
	ck_assert_uint_eq(stock(&rig, true, 4), 4);
	rig_assert_free(&rig, "2 3 4");
	ck_assert_uint_eq(stock(&rig, true, 4), 4);
	ck_assert_uint_eq(stock(&rig, true, 3), 4);
	rig_assert_free(&rig, "2 3 4");
	ck_assert_uint_eq(rig_gauge(&rig).units, 4);
	/* In bounded steps. */
	ck_assert_uint_eq(stock(&rig, true, 2004), 1004);
	ck_assert_uint_eq(stock(&rig, true, 2004), 2004);
	ck_assert_uint_eq(stock(&rig, true, 2004), 2004);
	ck_assert_uint_eq(rig_gauge(&rig).free, 2003);
	rig_close(&rig);
}
END_TEST

START_TEST(test_shrink)
{
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 5, 9);
	rig_claim(&rig, "ann", 10);
	rig_claim(&rig, "ann", 11);
	rig_claim(&rig, "ann", 12);
	rig_release(&rig, "ann", 11, GATE_RELEASE_VOID);
	rig_assert_free(&rig, "4 5 2");
	ck_assert_uint_eq(stock(&rig, false, 5), 5);
	/* 3 is leased: the stock cannot fall below it. */
	ck_assert_uint_eq(stock(&rig, false, 1), 3);
	rig_assert_free(&rig, "2");
	ck_assert_uint_eq(rig_gauge(&rig).units, 3);
	rig_release(&rig, "ann", 12, GATE_RELEASE_VOID);
	ck_assert_uint_eq(stock(&rig, false, 1), 1);
	rig_assert_free(&rig, "");
	ck_assert_uint_eq(stock(&rig, true, 2), 2);
	rig_assert_free(&rig, "2");
	rig_close(&rig);
}
END_TEST

START_TEST(test_shrink_in_bounded_steps)
{
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 200, 1);
	ck_assert_uint_eq(stock(&rig, false, 0), 136);
	ck_assert_uint_eq(stock(&rig, false, 0), 72);
	ck_assert_uint_eq(stock(&rig, false, 0), 8);
	ck_assert_uint_eq(stock(&rig, false, 0), 0);
	ck_assert_uint_eq(rig_gauge(&rig).free, 0);
	rig_close(&rig);
}
END_TEST

START_TEST(test_stock_of_no_gate)
{
	struct err err = ERR_INIT;
	uint32_t done = 7;
	struct rig rig;

	rig_open(&rig);
	ASSERT_OUT(rig.port.grow(rig.port.ctx, ref, 5, SOON, &done, &err),
	    OUT_NOT_DONE);
	ASSERT_SAYS("does not know the sale");
	rig_sale(&rig, epoch(2), 5, 1);
	ASSERT_OUT(rig.port.shrink(rig.port.ctx, ref, 1, SOON, &done, &err),
	    OUT_NOT_DONE);
	ASSERT_SAYS("epoch 2 is in use");
	ck_assert_uint_eq(done, 7);
	ck_assert_uint_eq(rig_gauge(&rig).free, 5);
	rig_close(&rig);
}
END_TEST

/* ---- the report's lists ---------------------------------------------------------------- */

START_TEST(test_free_list)
{
	struct err err = ERR_INIT;
	uint32_t units[1000];
	size_t n;
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 5, 1);
	rig_do(&rig, "RPUSH {fg:5}:1:free x 4294967295");
	ASSERT_OUT(rig.port.free_list(
		       rig.port.ctx, ref, 0, 1000, SOON, units, &n, &err),
	    OUT_DONE);
	ck_assert_uint_eq(n, 7);
	ck_assert_uint_eq(units[0], 1);
	ck_assert_uint_eq(units[5], 0); /* no unit number */
	ck_assert_uint_eq(units[6], UINT32_MAX);
	ASSERT_OUT(
	    rig.port.free_list(rig.port.ctx, ref, 3, 2, SOON, units, &n, &err),
	    OUT_DONE);
	ck_assert_uint_eq(n, 2);
	ck_assert_uint_eq(units[0], 4);
	ASSERT_OUT(rig.port.free_list(
		       rig.port.ctx, ref, UINT64_MAX, 2, SOON, units, &n, &err),
	    OUT_DONE);
	ck_assert_uint_eq(n, 0);
	rig_close(&rig);
}
END_TEST

#define MANY 2500

/* Three pages; every lease is seen, and seen once, also those that share a
 * millisecond across the end of a page. */
START_TEST(test_lease_scan)
{
	static struct gate_lease lease[1000];
	static unsigned seen[MANY];
	struct err err = ERR_INIT;
	uint64_t cursor = 0;
	size_t n, pages = 0;
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, MANY, 1);
	for (unsigned i = 0; i < MANY; i++) {
		char name[20];

		snprintf(name, sizeof(name), "c%u", i);
		ck_assert_int_eq(rig_claim(&rig, name, i).answer, GATE_TAKEN);
	}
	do {
		ASSERT_OUT(rig.port.lease_scan(rig.port.ctx, ref, &cursor,
			       ARRAY_LEN(lease), SOON, lease, &n, &err),
		    OUT_DONE);
		for (size_t i = 0; i < n; i++)
			seen[lease[i].unit - 1]++;
		pages++;
		ck_assert_uint_lt(pages, 10);
	} while (cursor != 0);
	ck_assert_uint_ge(pages, 3);
	for (size_t i = 0; i < MANY; i++)
		ck_assert_uint_eq(seen[i], 1);
	rig_close(&rig);
}
END_TEST

START_TEST(test_lease_scan_pages)
{
	static struct gate_lease lease[1000];
	struct err err = ERR_INIT;
	uint64_t cursor = 0;
	size_t n;
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 1, 1);
	/* 998 of an earlier millisecond, 4 of the next: they stay together. */
	for (unsigned i = 0; i < 1002; i++) {
		struct claim_id id = rig_id(i);

		rig_do(&rig, "ZADD {fg:5}:1:lease %d %b", i < 998 ? 500 : 501,
		    id.b, (size_t)CLAIM_BYTES);
	}
	ASSERT_OUT(rig.port.lease_scan(
		       rig.port.ctx, ref, &cursor, 1000, SOON, lease, &n, &err),
	    OUT_DONE);
	ck_assert_uint_eq(n, 998);
	ck_assert_uint_eq(cursor, 501);
	ASSERT_OUT(rig.port.lease_scan(
		       rig.port.ctx, ref, &cursor, 1000, SOON, lease, &n, &err),
	    OUT_DONE);
	ck_assert_uint_eq(n, 4);
	ck_assert_uint_eq(cursor, 0);
	/* A whole page of one deadline cannot be: it is said, not skipped. */
	rig_do(&rig, "DEL {fg:5}:1:lease");
	for (unsigned i = 0; i < 1002; i++) {
		struct claim_id id = rig_id(i);

		rig_do(&rig, "ZADD {fg:5}:1:lease 500 %b", id.b,
		    (size_t)CLAIM_BYTES);
	}
	ASSERT_OUT(rig.port.lease_scan(
		       rig.port.ctx, ref, &cursor, 1000, SOON, lease, &n, &err),
	    OUT_UNKNOWN);
	ASSERT_SAYS("one deadline");
	rig_close(&rig);
}
END_TEST

TESTS_MAIN("gate-keeping", UNIT("leases", test_leases_oldest_first),
    UNIT("lease-expires", test_lease_runs_out_by_the_servers_clock),
    UNIT("lease-lost", test_lease_of_a_lost_record), UNIT("gauge", test_gauge),
    UNIT("rebuild", test_rebuild),
    UNIT("publish", test_publish_goes_only_forward),
    UNIT("seed-in-use", test_a_gate_in_use_is_not_seeded),
    UNIT("seed-twice", test_seed_twice_is_once),
    UNIT("batches", test_largest_batches), UNIT("grow", test_grow),
    UNIT("shrink", test_shrink),
    UNIT("shrink-steps", test_shrink_in_bounded_steps),
    UNIT("stock-nowhere", test_stock_of_no_gate),
    UNIT("free-list", test_free_list), UNIT("lease-scan", test_lease_scan),
    UNIT("lease-scan-pages", test_lease_scan_pages))
