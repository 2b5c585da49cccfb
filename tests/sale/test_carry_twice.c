/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream in which one claim stands twice: somebody wrote into our keys, or an
 * older copy came back.  The shopper was told "accepted" once, and has that once:
 * the other entry takes nothing from him, nor from whoever waits behind it.
 */
#include "config.h"

#include "sale/world.h"
#include "unit.h"

#include <stdio.h>

/* Another entry of this order, at the end of the stream. */
static void stuff(struct world *w, const struct order *order, uint32_t unit,
    uint32_t slot, const char *flaw)
{
	struct gate_entry entry = {.order = *order};

	entry.order.unit = unit;
	entry.order.slot = slot;
	snprintf(entry.flaw, sizeof(entry.flaw), "%s", flaw);
	mem_gate_stuff_entry(w->mem_gate, w->sale.id, &entry);
}

static const struct {
	const char *name;
	uint32_t unit, slot;
	const char *flaw;
	uint32_t free; /* units, behind the rebuild; of 4 */
	uint32_t voided;
	size_t letters;
} twice[] = {
    {"the same", 1, 1, "", 3, 0, 0},
    {"on a unit that is free", 2, 1, "", 3, 0, 0},
    {"in another slot", 2, 2, "", 3, 0, 0},
    {"on no unit", 5, 1, "", 3, 0, 0},
    {"in no slot", 3, 3, "", 3, 0, 0},
    {"damaged", 2, 1, "slot: damaged", 3, 1, 1},
};

START_TEST(test_twice)
{
	struct order alice;
	struct world w;
	size_t n;

	world_queue(&w, 4, 2);
	alice = world_accept(&w, "alice", "a");
	stuff(&w, &alice, twice[_i].unit, twice[_i].slot, twice[_i].flaw);
	(void)world_rebuilt(&w, twice[_i].free, 0, 1, twice[_i].voided);
	(void)mem_ledger_letters(w.mem_ledger, &n);
	ck_assert_uint_eq(n, twice[_i].letters);
	world_drain(&w);
	ck_assert_str_eq(order_status_name(world_status(&w, &alice)), "sold");
	ck_assert_int_eq(world_verdict(&w, "alice", "a"), VERDICT_REPLAYED);
	world_clean(&w);
	world_fini(&w);
}
END_TEST

/* bob waits for the unit that the second entry of alice's order names: before it,
 * behind it, or so far behind that he stands on another page. */
START_TEST(test_twice_on_the_unit_of_another)
{
	static const int between[] = {-1, 0, 70};
	struct order alice, bob = {.unit = 0};
	char name[16];
	struct world w;

	world_queue(&w, 100, 1);
	alice = world_accept(&w, "alice", NULL);
	if (between[_i] < 0)
		bob = world_accept(&w, "bob", NULL);
	stuff(&w, &alice, 2, 1, "");
	if (between[_i] >= 0)
		bob = world_accept(&w, "bob", NULL);
	for (int i = 0; i < between[_i]; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		(void)world_accept(&w, name, NULL);
	}
	ck_assert_uint_eq(bob.unit, 2);
	(void)world_rebuilt(
	    &w, between[_i] > 0 ? 28 : 98, 0, between[_i] > 0 ? 72 : 2, 0);
	world_drain(&w);
	ck_assert_int_eq(world_status(&w, &alice), ORDER_SOLD);
	ck_assert_int_eq(world_status(&w, &bob), ORDER_SOLD);
	world_clean(&w);
	world_fini(&w);
}
END_TEST

/* A slot is refused, and its unit is what a third one waits for. */
START_TEST(test_a_unit_that_becomes_free)
{
	struct order alice, bob, sold;
	struct world w;

	world_queue(&w, 3, 1);
	alice = world_accept(&w, "alice", NULL);
	mem_gate_stuff(w.mem_gate, w.sale.id, 1);
	(void)world_accept(&w, "zoe", NULL);
	(void)world_accept(&w, "yan", NULL);
	bob = world_accept(&w, "bob", NULL);
	ck_assert_uint_eq(bob.unit, 1);
	/* alice has bought before, and the gate has forgotten that. */
	sold = alice;
	sold.unit = 3;
	sold.claim = claim_id_make(&w.sale, &alice.customer, strv_c("x"), 0);
	mem_ledger_put_row(w.mem_ledger, &sold);
	(void)world_rebuilt(&w, 0, 1, 2, 2);
	world_drain(&w);
	ck_assert_int_eq(world_status(&w, &alice), ORDER_VOID);
	ck_assert_int_eq(world_status(&w, &bob), ORDER_SOLD);
	world_clean(&w);
	world_fini(&w);
}
END_TEST

/* Zeros are no claim: two such entries would be one order. */
START_TEST(test_no_claim)
{
	struct order alice = {.unit = 0};
	const struct dead_letter *letters;
	struct order row;
	struct world w;
	size_t n;

	world_queue(&w, 4, 1);
	ck_assert(customer_parse(strv_c("mallory"), &alice.customer));
	alice.sale = w.sale.id;
	alice.created.us = w.wall_us;
	stuff(&w, &alice, 2, 1, "");
	stuff(&w, &alice, 3, 1, "");
	if (_i == 0)
		world_drain(&w);
	else
		(void)world_rebuilt(&w, 4, 0, 0, 2);
	letters = mem_ledger_letters(w.mem_ledger, &n);
	ck_assert_uint_eq(n, 2);
	ck_assert_str_eq(letters[0].reason, "claim: damaged");
	ck_assert(!world_row(&w, &alice.claim, &row));
	world_clean(&w);
	world_fini(&w);
}
END_TEST

TESTS_MAIN("carry-twice", UNIT_TABLE("twice", test_twice, ARRAY_LEN(twice)),
    UNIT_TABLE("anothers-unit", test_twice_on_the_unit_of_another, 3),
    UNIT("becomes-free", test_a_unit_that_becomes_free),
    UNIT_TABLE("no-claim", test_no_claim, 2))
