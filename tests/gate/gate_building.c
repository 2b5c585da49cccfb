/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gate is made, published, unlinked, and its stock goes up and down, on a
 * real Redis (src/sale/ports.h).  Run by gate_building.it.
 */
#include "config.h"

#include "rig.h"
#include "sale/gate_scene.h"

#include <stdio.h>

static struct gate_ref epoch(uint32_t number)
{
	return (struct gate_ref){ref.sale, number};
}

/* ---- building ------------------------------------------------------------ */

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
	ASSERT_OUT(rig.port.publish(rig.port.ctx, epoch(2),
		       &(struct gate_seeded){5, 2, 3, 3, 0, false}, SOON, &err),
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

/* Wiped (or restarted empty) between two calls of a rebuild: what is left is not
 * made the sale's gate. */
START_TEST(test_what_was_lost_is_not_published)
{
	static const uint32_t units[] = {2, 3};
	struct order owner = sold("ann", 10, 1);
	struct gate_seeded seeded = {3, 1, 2, 1, 0, false};
	struct err err = ERR_INIT;
	struct rig rig;

	rig_open(&rig);
	ASSERT_OUT(rig.port.own(rig.port.ctx, epoch(2), &owner, 1, SOON, &err),
	    OUT_DONE);
	ASSERT_OUT(rig.port.seed(rig.port.ctx, epoch(2), units, 2, SOON, &err),
	    OUT_DONE);
	rig_do(&rig, "DEL {fg:5}:2:slot");
	ASSERT_OUT(
	    rig.port.publish(rig.port.ctx, epoch(2), &seeded, SOON, &err),
	    OUT_NOT_DONE);
	ck_assert(!rig_gauge(&rig).known);
	ASSERT_OUT(rig.port.own(rig.port.ctx, epoch(2), &owner, 1, SOON, &err),
	    OUT_DONE);
	ASSERT_OUT(
	    rig.port.publish(rig.port.ctx, epoch(2), &seeded, SOON, &err),
	    OUT_DONE);
	/* Its answer was lost, and a unit is taken: asked again, it stands. */
	rig_do(&rig, "LPOP {fg:5}:2:free");
	ASSERT_OUT(
	    rig.port.publish(rig.port.ctx, epoch(2), &seeded, SOON, &err),
	    OUT_DONE);
	rig_close(&rig);
}
END_TEST

START_TEST(test_publish_goes_only_forward)
{
	struct err err = ERR_INIT;
	struct rig rig;

	rig_open(&rig);
	ASSERT_OUT(rig.port.publish(rig.port.ctx, epoch(10),
		       &(struct gate_seeded){5, 2, 0, 0, 0, false}, SOON, &err),
	    OUT_DONE);
	/* Numbers, not text: 9 is before 10. */
	ASSERT_OUT(rig.port.publish(rig.port.ctx, epoch(9),
		       &(struct gate_seeded){5, 2, 0, 0, 0, false}, SOON, &err),
	    OUT_NOT_DONE);
	ASSERT_SAYS("epoch 10 is in use");
	ck_assert_uint_eq(rig_gauge(&rig).epoch, 10);
	/* The one whose answer was lost is asked for again: what was noticed
	 * of it, and by which run of the server it was made, stands. */
	rig_do(&rig, "HSET {fg:5}:meta dropped 3 run_id another");
	ASSERT_OUT(rig.port.publish(rig.port.ctx, epoch(10),
		       &(struct gate_seeded){5, 2, 0, 0, 0, false}, SOON, &err),
	    OUT_DONE);
	ck_assert_uint_eq(rig_gauge(&rig).dropped, 3);
	ck_assert(rig_gauge(&rig).restarted);
	/* What somebody left in meta does not get into the next one. */
	ASSERT_OUT(rig.port.publish(rig.port.ctx, epoch(11),
		       &(struct gate_seeded){5, 2, 0, 0, 0, false}, SOON, &err),
	    OUT_DONE);
	ck_assert_int_eq(rig_do(&rig, "HLEN {fg:5}:meta"), 5);
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
	ck_assert_int_eq(rig_do(&rig, "DEL {fg:5}:1:slot"), 1);
	rig_sale(&rig, ref, 2500, 1);
	ck_assert_int_eq(rig_do(&rig, "LLEN {fg:5}:1:free"), 2500);
	ck_assert_str_eq(rig_text(&rig, "LINDEX {fg:5}:1:free 2499"), "2500");
	rig_close(&rig);
}
END_TEST

/* ---- stock --------------------------------------------------------------- */

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
	/* 3 is leased: it goes when it is returned. */
	ck_assert_uint_eq(stock(&rig, false, 1), 1);
	rig_assert_free(&rig, "");
	ck_assert_uint_eq(rig_gauge(&rig).units, 1);
	ck_assert_uint_eq(rig_gauge(&rig).leased, 2);
	rig_release(&rig, "ann", 12, GATE_RELEASE_VOID);
	rig_assert_free(&rig, "");
	ck_assert_uint_eq(stock(&rig, true, 2), 2);
	rig_assert_free(&rig, "2");
	rig_close(&rig);
}
END_TEST

START_TEST(test_scene)
{
	struct rig rig;

	rig_open(&rig);
	gate_scene_play(&rig.port, (size_t)_i, SOON);
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

TESTS_MAIN("gate-building", UNIT("rebuild", test_rebuild),
    UNIT("publish", test_publish_goes_only_forward),
    UNIT("publish-lost", test_what_was_lost_is_not_published),
    UNIT("seed-in-use", test_a_gate_in_use_is_not_seeded),
    UNIT("seed-twice", test_seed_twice_is_once),
    UNIT("batches", test_largest_batches), UNIT("grow", test_grow),
    UNIT("shrink", test_shrink), UNIT_TABLE("scene", test_scene, GATE_SCENES),
    UNIT("shrink-steps", test_shrink_in_bounded_steps),
    UNIT("stock-nowhere", test_stock_of_no_gate))
