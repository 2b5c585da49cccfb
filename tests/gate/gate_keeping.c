/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a keeper and the report read, on a real Redis: leases, the gauge, the
 * lists (src/sale/ports.h).  Run by gate_keeping.it.
 */
#include "config.h"

#include "rig.h"

#include <stdio.h>

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

/* ---- leases -------------------------------------------------------------- */

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

/* Whatever shows that this generation has lost history is kept in its meta, so
 * that any keeper sees it and the next generation begins without. */
START_TEST(test_gauge_shows_what_was_noticed)
{
	struct order owner = {.claim = rig_id(77),
	    .status = ORDER_SOLD,
	    .unit = 1,
	    .slot = 1,
	    .customer = rig_who("eve")};
	struct claim_id id = rig_id(10);
	struct customer ann = rig_who("ann");
	struct err err = ERR_INIT;
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 5, 1);
	ck_assert_uint_eq(rig_gauge(&rig).forgot, 0);
	rig_claim(&rig, "ann", 10);
	ASSERT_OUT(
	    rig.port.heal(rig.port.ctx, ref, &id, &ann, &owner, SOON, &err),
	    OUT_DONE);
	ck_assert_uint_eq(rig_gauge(&rig).forgot, 1);
	owner.slot = 2;
	ASSERT_OUT(
	    rig.port.own(rig.port.ctx, ref, &owner, 1, SOON, &err), OUT_DONE);
	ck_assert_uint_eq(rig_gauge(&rig).forgot, 2);
	rig_claim(&rig, "bob", 20);
	rig_release(&rig, "bob", 20, GATE_RELEASE_VOID);
	ck_assert_uint_eq(rig_gauge(&rig).forgot, 2);
	rig_claim(&rig, "bob", 21);
	rig_release(&rig, "bob", 21, GATE_RELEASE_ELSEWHERE);
	ck_assert_uint_eq(rig_gauge(&rig).forgot, 3);
	/* What happens to an older generation says nothing of this one. */
	rig_sale(&rig, epoch(2), 5, 1);
	rig_release(&rig, "bob", 21, GATE_RELEASE_ELSEWHERE);
	ck_assert_uint_eq(rig_gauge(&rig).forgot, 0);
	rig_do(&rig, "LPUSH {fg:5}:2:free 6 x");
	rig_do(&rig, "FCALL fg_claim_v2 7 {fg:5}:meta {fg:5}:2:free "
		     "{fg:5}:2:lease {fg:5}:2:rec {fg:5}:2:slot "
		     "{fg:5}:2:queue {fg:5}:2:void 2 cid who");
	ck_assert_uint_eq(rig_gauge(&rig).dropped, 2);
	rig_close(&rig);
}
END_TEST

/* Another run of the server: whatever it has kept, it may have lost the rest. */
START_TEST(test_gauge_shows_another_run)
{
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 5, 1);
	ck_assert(!rig_gauge(&rig).restarted);
	rig_do(&rig, "HSET {fg:5}:meta run_id 0123456789abcdef");
	ck_assert(rig_gauge(&rig).restarted);
	/* Published by somebody who could not know it: nothing to compare. */
	rig_do(&rig, "HSET {fg:5}:meta run_id %s", "");
	ck_assert(!rig_gauge(&rig).restarted);
	rig_do(&rig, "HDEL {fg:5}:meta run_id");
	ck_assert(!rig_gauge(&rig).restarted);
	rig_close(&rig);
}
END_TEST

/* A key that is not what we made it: as good as lost. */
START_TEST(test_gauge_of_a_key_of_another_type)
{
	static const char *const keys[] = {"meta", "1:free", "1:lease", "1:rec",
	    "1:slot", "1:queue", "1:void"};
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 5, 1);
	rig_claim(&rig, "ann", 10);
	ck_assert(rig_gauge(&rig).known);
	rig_do(&rig, "SET {fg:5}:%s x", keys[_i]);
	ck_assert(!rig_gauge(&rig).known);
	rig_close(&rig);
}
END_TEST

START_TEST(test_relimit)
{
	struct err err = ERR_INIT;
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 5, 1);
	rig_claim(&rig, "ann", 10);
	ASSERT_ANSWER(rig_claim(&rig, "ann", 11), GATE_LIMIT);
	ASSERT_OUT(
	    rig.port.relimit(rig.port.ctx, ref, 2, SOON, &err), OUT_DONE);
	ck_assert_uint_eq(rig_gauge(&rig).limit, 2);
	ASSERT_TICKET(rig_claim(&rig, "ann", 11), GATE_TAKEN, 2, 2);
	ASSERT_OUT(
	    rig.port.relimit(rig.port.ctx, ref, 1, SOON, &err), OUT_DONE);
	ASSERT_ANSWER(rig_claim(&rig, "ann", 12), GATE_LIMIT);
	ASSERT_OUT(rig.port.relimit(rig.port.ctx, epoch(2), 3, SOON, &err),
	    OUT_NOT_DONE);
	rig_close(&rig);
}
END_TEST

/* ---- the report's lists -------------------------------------------------- */

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

/* One page of a scan; every page has room for the largest. */
static struct gate_lease page[1000];

static size_t scan(struct rig *rig, uint64_t *cursor)
{
	struct err err = ERR_INIT;
	size_t n = 9999;

	ASSERT_OUT(rig->port.lease_scan(rig->port.ctx, ref, cursor,
		       ARRAY_LEN(page), SOON, page, &n, &err),
	    OUT_DONE);
	return n;
}

#define MANY 2500

/* Three pages; every lease is seen, and seen once, also those that share a
 * millisecond across the end of a page. */
START_TEST(test_lease_scan)
{
	static unsigned seen[MANY];
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
		n = scan(&rig, &cursor);
		for (size_t i = 0; i < n; i++)
			seen[page[i].unit - 1]++;
		pages++;
		ck_assert_uint_lt(pages, 10);
	} while (cursor != 0);
	ck_assert_uint_ge(pages, 3);
	for (size_t i = 0; i < MANY; i++)
		ck_assert_uint_eq(seen[i], 1);
	rig_close(&rig);
}
END_TEST

/* Leases `first` .. `last` - 1 that all end at `deadline`. */
static void leases_make(
    struct rig *rig, unsigned first, unsigned last, int deadline)
{
	for (; first < last; first++) {
		struct claim_id id = rig_id(first);

		rig_do(rig, "ZADD {fg:5}:1:lease %d %b", deadline, id.b,
		    (size_t)CLAIM_BYTES);
	}
}

START_TEST(test_lease_scan_pages)
{
	struct err err = ERR_INIT;
	uint64_t cursor = 0;
	size_t n;
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 1, 1);
	/* 998 of an earlier millisecond, 4 of the next: they stay together. */
	leases_make(&rig, 0, 998, 500);
	leases_make(&rig, 998, 1002, 501);
	ck_assert_uint_eq(scan(&rig, &cursor), 998);
	ck_assert_uint_eq(cursor, 501);
	ck_assert_uint_eq(scan(&rig, &cursor), 4);
	ck_assert_uint_eq(cursor, 0);
	/* A whole page of one deadline cannot be: it is said, not skipped. */
	rig_do(&rig, "DEL {fg:5}:1:lease");
	leases_make(&rig, 0, 1002, 500);
	ASSERT_OUT(rig.port.lease_scan(
		       rig.port.ctx, ref, &cursor, 1000, SOON, page, &n, &err),
	    OUT_UNKNOWN);
	ASSERT_SAYS("one deadline");
	rig_close(&rig);
}
END_TEST

TESTS_MAIN("gate-keeping", UNIT("leases", test_leases_oldest_first),
    UNIT("lease-expires", test_lease_runs_out_by_the_servers_clock),
    UNIT("lease-lost", test_lease_of_a_lost_record), UNIT("gauge", test_gauge),
    UNIT("gauge-noticed", test_gauge_shows_what_was_noticed),
    UNIT("gauge-run", test_gauge_shows_another_run),
    UNIT_TABLE("gauge-type", test_gauge_of_a_key_of_another_type, 7),
    UNIT("relimit", test_relimit), UNIT("free-list", test_free_list),
    UNIT("lease-scan", test_lease_scan),
    UNIT("lease-scan-pages", test_lease_scan_pages))
