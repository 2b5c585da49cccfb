/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a claim ends, on a real Redis: confirm, release, heal and rekey
 * (src/sale/ports.h).  Run by gate_ends.it.
 */
#include "config.h"

#include "rig.h"

/* ---- confirm and release ------------------------------------------------- */

START_TEST(test_confirm_of_nothing)
{
	struct rig rig;

	rig_open(&rig);
	rig_confirm(&rig, 10);
	ck_assert_int_eq(rig_do(&rig, "DBSIZE"), 0);
	rig_sale(&rig, ref, 2, 1);
	rig_claim(&rig, "ann", 10);
	rig_confirm(&rig, 11);
	rig_assert_counts(&rig, 1, 1, 1, 1);
	rig_confirm(&rig, 10);
	rig_confirm(&rig, 10);
	rig_assert_counts(&rig, 1, 0, 0, 1);
	rig_close(&rig);
}
END_TEST

START_TEST(test_release_void)
{
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 3, 1);
	rig_claim(&rig, "ann", 10);
	rig_release(&rig, "ann", 10, GATE_RELEASE_VOID);
	rig_assert_free(&rig, "2 3 1");
	rig_assert_counts(&rig, 3, 0, 0, 0);
	/* Another keeper says the same: nothing comes back twice. */
	rig_release(&rig, "ann", 10, GATE_RELEASE_VOID);
	rig_release(&rig, "bob", 99, GATE_RELEASE_VOID);
	rig_assert_free(&rig, "2 3 1");
	ASSERT_TICKET(rig_claim(&rig, "ann", 11), GATE_TAKEN, 2, 1);
	rig_close(&rig);
}
END_TEST

START_TEST(test_release_elsewhere_keeps_the_slot)
{
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 3, 1);
	rig_claim(&rig, "ann", 10);
	rig_release(&rig, "ann", 10, GATE_RELEASE_ELSEWHERE);
	rig_assert_free(&rig, "2 3 1");
	rig_assert_counts(&rig, 3, 0, 0, 1);
	ASSERT_ANSWER(rig_claim(&rig, "ann", 10), GATE_MINE);
	ASSERT_ANSWER(rig_claim(&rig, "ann", 11), GATE_LIMIT);
	rig_close(&rig);
}
END_TEST

START_TEST(test_release_clears_only_its_own_slot)
{
	struct claim_id other = rig_id(77);
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 3, 2);
	/* A slot that names a claim whose lease was lost. */
	rig_claim(&rig, "ann", 10);
	rig_confirm(&rig, 10);
	rig_release(&rig, "ann", 10, GATE_RELEASE_VOID);
	rig_assert_slot(&rig, 1, "ann", 0);
	rig_assert_free(&rig, "2 3");
	/* A slot that meanwhile names a sold order. */
	rig_claim(&rig, "bob", 20);
	rig_do(
	    &rig, "HSET {fg:5}:1:slot 1:bob %b", other.b, (size_t)CLAIM_BYTES);
	rig_release(&rig, "bob", 20, GATE_RELEASE_VOID);
	rig_assert_slot(&rig, 1, "bob", 77);
	rig_assert_free(&rig, "3 2");
	rig_close(&rig);
}
END_TEST

/* A lease without a record must end too, or it is reaped for ever. */
START_TEST(test_release_of_a_lost_record)
{
	static const char *const damages[] = {
	    "", "x", "0|1|ann", "1||ann", "4294967296|1|ann", "1|1|"};
	struct claim_id id = rig_id(10);
	char line[RIG_LINE];
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 9, 1);
	for (size_t i = 0; i < ARRAY_LEN(damages); i++) {
		rig_claim(&rig, "ann", 10);
		rig_do(&rig, "HSET {fg:5}:1:rec %b %s", id.b,
		    (size_t)CLAIM_BYTES, damages[i]);
		if (i == 0)
			rig_do(&rig, "DEL {fg:5}:1:rec");
		line[0] = '\0';
		log_set_sink(rig_line_keep, line);
		rig_release(&rig, "ann", 10, GATE_RELEASE_VOID);
		log_set_sink(NULL, NULL);
		/* The first line gets through; then one a second. */
		if (i == 0)
			ck_assert_ptr_nonnull(strstr(line, "record is lost"));
		rig_assert_counts(&rig, 9 - 1 - (long long)i, 0, 0, 0);
	}
	rig_close(&rig);
}
END_TEST

/* ---- heal ---------------------------------------------------------------- */

static void heal(struct rig *rig, struct gate_ref of, const char *who,
    unsigned id, const struct order *owner)
{
	struct claim_id claim = rig_id(id);
	struct customer customer = rig_who(who);
	struct err err = ERR_INIT;

	ASSERT_OUT(rig->port.heal(
		       rig->port.ctx, of, &claim, &customer, owner, SOON, &err),
	    OUT_DONE);
}

static struct order sold(
    const char *who, unsigned id, uint32_t unit, uint32_t slot)
{
	return (struct order){.claim = rig_id(id),
	    .sale = ref.sale,
	    .epoch = 1,
	    .status = ORDER_SOLD,
	    .unit = unit,
	    .slot = slot,
	    .customer = rig_who(who)};
}

/* The gate forgot that ann bought unit 1 and gave it to bob. */
START_TEST(test_heal)
{
	struct order owner = sold("ann", 10, 1, 1);
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 3, 1);
	ASSERT_TICKET(rig_claim(&rig, "bob", 20), GATE_TAKEN, 1, 1);
	heal(&rig, ref, "bob", 20, &owner);
	rig_assert_free(&rig, "2 3");
	rig_assert_counts(&rig, 2, 0, 0, 1);
	ASSERT_ANSWER(rig_claim(&rig, "ann", 10), GATE_MINE);
	ASSERT_TICKET(rig_claim(&rig, "bob", 20), GATE_TAKEN, 2, 1);
	/* The keeper comes late with the same: unit 2 is not sold. */
	heal(&rig, ref, "bob", 20, &owner);
	ASSERT_TICKET(rig_claim(&rig, "bob", 20), GATE_SAME, 2, 1);
	rig_close(&rig);
}
END_TEST

/* The owner asked for a second time and got the unit that is theirs. */
START_TEST(test_heal_of_the_owners_own_slot)
{
	struct order owner = sold("ann", 10, 1, 1);
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 3, 1);
	ASSERT_TICKET(rig_claim(&rig, "ann", 11), GATE_TAKEN, 1, 1);
	heal(&rig, ref, "ann", 11, &owner);
	rig_assert_counts(&rig, 2, 0, 0, 1);
	rig_assert_slot(&rig, 1, "ann", 10);
	rig_close(&rig);
}
END_TEST

START_TEST(test_heal_leaves_what_it_does_not_know)
{
	struct order owner = sold("ann", 10, 1, 1);
	struct gate_ref past = {{5}, 7};
	struct rig rig;

	rig_open(&rig);
	/* No gate, or of another epoch: nothing that nobody would remove. */
	heal(&rig, ref, "bob", 20, &owner);
	ck_assert_int_eq(rig_do(&rig, "DBSIZE"), 0);
	rig_sale(&rig, ref, 3, 1);
	heal(&rig, past, "bob", 20, &owner);
	ck_assert_int_eq(rig_do(&rig, "EXISTS {fg:5}:7:slot"), 0);
	/* A claim without a lease may be a confirmed one. */
	rig_claim(&rig, "bob", 20);
	rig_confirm(&rig, 20);
	heal(&rig, ref, "bob", 20, &owner);
	rig_assert_slot(&rig, 1, "bob", 20);
	rig_assert_slot(&rig, 1, "ann", 10);
	rig_close(&rig);
}
END_TEST

/* ---- rekey --------------------------------------------------------------- */

START_TEST(test_rekey)
{
	struct rig rig;
	long long now;
	struct claim_id from = rig_id(10), to = rig_id(11);

	rig_open(&rig);
	rig_sale(&rig, ref, 3, 1);
	rig_claim(&rig, "ann", 10);
	rig_do(&rig, "ZADD {fg:5}:1:lease 1 %b", from.b, (size_t)CLAIM_BYTES);
	ASSERT_TICKET(rig_rekey(&rig, "ann", 10, 11), GATE_TAKEN, 1, 1);
	rig_assert_counts(&rig, 2, 1, 1, 1);
	rig_assert_slot(&rig, 1, "ann", 11);
	now = atoll(rig_text(
	    &rig, "ZSCORE {fg:5}:1:lease %b", to.b, (size_t)CLAIM_BYTES));
	ck_assert_int_gt(now, 1);
	/* The answer was lost, so it is asked again: the same. */
	ASSERT_TICKET(rig_rekey(&rig, "ann", 10, 11), GATE_SAME, 1, 1);
	ASSERT_TICKET(rig_claim(&rig, "ann", 11), GATE_SAME, 1, 1);
	rig_assert_counts(&rig, 2, 1, 1, 1);
	rig_close(&rig);
}
END_TEST

START_TEST(test_rekey_to_one_that_holds)
{
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 3, 2);
	rig_claim(&rig, "ann", 10);
	rig_claim(&rig, "ann", 11);
	ASSERT_TICKET(rig_rekey(&rig, "ann", 10, 11), GATE_SAME, 2, 2);
	rig_assert_free(&rig, "3 1");
	rig_assert_counts(&rig, 2, 1, 1, 1);
	/* And to one that was confirmed: it is bought, the other goes back. */
	rig_claim(&rig, "ann", 10);
	rig_confirm(&rig, 11);
	ASSERT_ANSWER(rig_rekey(&rig, "ann", 10, 11), GATE_MINE);
	rig_assert_free(&rig, "1 3");
	rig_assert_counts(&rig, 2, 0, 0, 1);
	rig_close(&rig);
}
END_TEST

START_TEST(test_rekey_of_nothing)
{
	struct gate_ref later = {{5}, 2};
	struct gate_ticket ticket;
	struct rig rig;

	rig_open(&rig);
	ASSERT_ANSWER(rig_rekey(&rig, "ann", 10, 11), GATE_NO_SALE);
	rig_sale(&rig, ref, 3, 1);
	ASSERT_ANSWER(rig_rekey(&rig, "ann", 10, 11), GATE_SOFT);
	rig_assert_counts(&rig, 3, 0, 0, 0);
	rig_sale(&rig, later, 3, 1);
	ticket = rig_rekey(&rig, "ann", 10, 11);
	ASSERT_ANSWER(ticket, GATE_EPOCH);
	ck_assert_uint_eq(ticket.epoch, 2);
	rig_close(&rig);
}
END_TEST

/* A heal gave the slot to its sold order: the new attempt must not take it. */
START_TEST(test_rekey_does_not_take_an_owners_slot)
{
	struct claim_id owner = rig_id(77);
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 3, 1);
	rig_claim(&rig, "ann", 10);
	rig_do(
	    &rig, "HSET {fg:5}:1:slot 1:ann %b", owner.b, (size_t)CLAIM_BYTES);
	ASSERT_TICKET(rig_rekey(&rig, "ann", 10, 11), GATE_TAKEN, 1, 1);
	rig_assert_slot(&rig, 1, "ann", 77);
	rig_close(&rig);
}
END_TEST

TESTS_MAIN("gate-ends", UNIT("confirm", test_confirm_of_nothing),
    UNIT("release-void", test_release_void),
    UNIT("release-elsewhere", test_release_elsewhere_keeps_the_slot),
    UNIT("release-slot", test_release_clears_only_its_own_slot),
    UNIT("release-lost", test_release_of_a_lost_record),
    UNIT("heal", test_heal), UNIT("heal-own", test_heal_of_the_owners_own_slot),
    UNIT("heal-not", test_heal_leaves_what_it_does_not_know),
    UNIT("rekey", test_rekey),
    UNIT("rekey-holds", test_rekey_to_one_that_holds),
    UNIT("rekey-nothing", test_rekey_of_nothing),
    UNIT("rekey-owner", test_rekey_does_not_take_an_owners_slot))
