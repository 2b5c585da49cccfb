/* SPDX-License-Identifier: Apache-2.0 */
/* The gate in memory plays what the real one plays (tests/gate/gate_building.c,
 * gate_carry.c). */
#include "config.h"

#include "sale/gate_scene.h"
#include "sale/gate_wait_scene.h"
#include "sale/mem.h"
#include "unit.h"

#include "base/clock.h"

START_TEST(test_scene)
{
	struct mem_gate *gate = mem_gate_new(&clock_system, 60000);
	struct gate_port port = mem_gate_port(gate);

	gate_scene_play(&port, (size_t)_i, INT64_MAX);
	mem_gate_free(&gate);
}
END_TEST

START_TEST(test_wait_scene)
{
	struct mem_gate *gate = mem_gate_new(&clock_system, 60000);
	struct gate_port port = mem_gate_port(gate);

	gate_wait_scene_play(&port, (size_t)_i, INT64_MAX);
	mem_gate_free(&gate);
}
END_TEST

/* No number of this sale: thrown away when it is drawn, and that is noted. */
START_TEST(test_a_bad_token_is_dropped)
{
	static const uint32_t units[] = {7};
	struct mem_gate *gate = mem_gate_new(&clock_system, 60000);
	struct gate_port port = mem_gate_port(gate);
	struct gate_ref ref = {{5}, 1};
	struct claim_chain chain = {.id = {{{1}}}, .n = 1};
	struct customer who = {0};
	struct gate_ticket ticket;
	struct gate_gauge gauge;
	struct err err;

	ck_assert_int_eq(
	    port.seed(port.ctx, ref, units, 1, INT64_MAX, &err), OUT_DONE);
	ck_assert_int_eq(
	    port.publish(port.ctx, ref,
		&(struct gate_seeded){2, 1, 1, 0, 0, false}, INT64_MAX, &err),
	    OUT_DONE);
	ck_assert_int_eq(
	    port.claim(port.ctx, ref, &chain, &who, INT64_MAX, &ticket, &err),
	    OUT_DONE);
	ck_assert_int_eq(ticket.answer, GATE_SOFT);
	ck_assert_int_eq(
	    port.gauge(port.ctx, ref.sale, INT64_MAX, &gauge, &err), OUT_DONE);
	ck_assert_uint_eq(gauge.dropped, 1);
	ck_assert_uint_eq(gauge.leased, 0);
	mem_gate_free(&gate);
}
END_TEST

TESTS_MAIN("mem-gate", UNIT_TABLE("scene", test_scene, GATE_SCENES),
    UNIT_TABLE("wait-scene", test_wait_scene, GATE_WAIT_SCENES),
    UNIT("dropped", test_a_bad_token_is_dropped))
