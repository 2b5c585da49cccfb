/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who gets in, on a real Redis: what a claim means (src/sale/ports.h).  Run by
 * gate_claims.it.
 */
#include "config.h"

#include "rig.h"

/* ---- claim --------------------------------------------------------------- */

START_TEST(test_a_claim_is_one_fact)
{
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 3, 1);
	rig_assert_counts(&rig, 3, 0, 0, 0);
	ASSERT_TICKET(rig_claim(&rig, "ann", 10), GATE_TAKEN, 1, 1);
	rig_assert_counts(&rig, 2, 1, 1, 1);
	rig_assert_slot(&rig, 1, "ann", 10);
	ASSERT_TICKET(rig_claim(&rig, "bob", 20), GATE_TAKEN, 2, 1);
	rig_assert_counts(&rig, 1, 2, 2, 2);
	rig_close(&rig);
}
END_TEST

START_TEST(test_the_same_claim_keeps_its_unit)
{
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 3, 1);
	rig_claim(&rig, "ann", 10);
	rig_claim(&rig, "bob", 20);
	ASSERT_TICKET(rig_claim(&rig, "ann", 10), GATE_SAME, 1, 1);
	rig_assert_counts(&rig, 1, 2, 2, 2);
	rig_confirm(&rig, 10);
	rig_assert_counts(&rig, 1, 1, 1, 2);
	ASSERT_ANSWER(rig_claim(&rig, "ann", 10), GATE_MINE);
	rig_assert_counts(&rig, 1, 1, 1, 2);
	rig_close(&rig);
}
END_TEST

/* Two workers of two processes, one request: one unit. */
START_TEST(test_twins_share_a_unit)
{
	struct rig rig, twin;

	rig_open(&rig);
	rig_sale(&rig, ref, 3, 1);
	twin = rig;
	twin.gate = rig_gate(LONG_MS, LEASE_MS);
	twin.port = gate_port(twin.gate);
	ASSERT_TICKET(rig_claim(&rig, "ann", 10), GATE_TAKEN, 1, 1);
	ASSERT_TICKET(rig_claim(&twin, "ann", 10), GATE_SAME, 1, 1);
	rig_assert_counts(&rig, 2, 1, 1, 1);
	gate_free(&twin.gate);
	rig_close(&rig);
}
END_TEST

START_TEST(test_limit)
{
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 9, 2);
	ASSERT_TICKET(rig_claim(&rig, "ann", 10), GATE_TAKEN, 1, 1);
	ASSERT_TICKET(rig_claim(&rig, "ann", 11), GATE_TAKEN, 2, 2);
	ASSERT_ANSWER(rig_claim(&rig, "ann", 12), GATE_LIMIT);
	rig_confirm(&rig, 10);
	ASSERT_ANSWER(rig_claim(&rig, "ann", 12), GATE_LIMIT);
	/* The first slot becomes free again: it is the one that is given. */
	rig_release(&rig, "ann", 11, GATE_RELEASE_VOID);
	ASSERT_TICKET(rig_claim(&rig, "ann", 12), GATE_TAKEN, 3, 2);
	/* Customers are compared byte by byte. */
	ASSERT_TICKET(rig_claim(&rig, "Ann", 30), GATE_TAKEN, 4, 1);
	rig_assert_counts(&rig, 6, 2, 2, 3);
	rig_close(&rig);
}
END_TEST

/* Attempt 0 was decided void, attempt 1 is sold: only the chain tells. */
START_TEST(test_chain)
{
	struct claim_chain chain = {
	    .id = {rig_id(10), rig_id(11), rig_id(12)}, .n = 3};
	struct gate_ticket ticket;
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 9, 2);
	rig_claim(&rig, "ann", 10);
	rig_rekey(&rig, "ann", 10, 11);
	ticket = rig_claim_chain(&rig, "ann", &chain);
	ASSERT_TICKET(ticket, GATE_SAME, 1, 1);
	ck_assert_uint_eq(ticket.attempt, 1);
	rig_confirm(&rig, 11);
	ticket = rig_claim_chain(&rig, "ann", &chain);
	ASSERT_ANSWER(ticket, GATE_MINE);
	ck_assert_uint_eq(ticket.attempt, 1);
	/* Without it the retry takes a second unit beside its order. */
	ASSERT_TICKET(rig_claim(&rig, "ann", 10), GATE_TAKEN, 2, 2);
	rig_close(&rig);
}
END_TEST

START_TEST(test_no_unit_left)
{
	struct gate_ticket ticket;
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 1, 2);
	rig_claim(&rig, "ann", 10);
	/* Undecided claims: nobody may be told that it is over. */
	ticket = rig_claim(&rig, "bob", 20);
	ASSERT_ANSWER(ticket, GATE_SOFT);
	ck_assert_uint_eq(ticket.slots_held, 0);
	rig_confirm(&rig, 10);
	ASSERT_ANSWER(rig_claim(&rig, "bob", 20), GATE_GONE);
	ticket = rig_claim(&rig, "ann", 11);
	ASSERT_ANSWER(ticket, GATE_GONE);
	ck_assert_uint_eq(ticket.slots_held, 1);
	/* The owner is told that it is theirs, not that it is gone. */
	ASSERT_ANSWER(rig_claim(&rig, "ann", 10), GATE_MINE);
	rig_assert_counts(&rig, 0, 0, 0, 1);
	rig_close(&rig);
}
END_TEST

START_TEST(test_epoch_and_no_sale)
{
	static const char *const fields[] = {
	    "epoch", "units", "limit", "lease_ms"};
	struct gate_ref later = {{5}, 2};
	struct gate_ticket ticket;
	struct rig rig;

	rig_open(&rig);
	ASSERT_ANSWER(rig_claim(&rig, "ann", 10), GATE_NO_SALE);
	rig_sale(&rig, later, 1, 1);
	ticket = rig_claim(&rig, "ann", 10);
	ASSERT_ANSWER(ticket, GATE_EPOCH);
	ck_assert_uint_eq(ticket.epoch, 2);
	ck_assert_int_eq(rig_do(&rig, "LLEN {fg:5}:2:free"), 1);
	ck_assert_int_eq(rig_do(&rig, "EXISTS {fg:5}:1:free {fg:5}:1:lease "
				      "{fg:5}:1:rec {fg:5}:1:slot"),
	    0);
	/* A meta that cannot be read is a lost one. */
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		rig_do(&rig, "FLUSHALL");
		rig_sale(&rig, ref, 0, 1);
		ASSERT_ANSWER(rig_claim(&rig, "ann", 10), GATE_GONE);
		rig_do(&rig, "HSET {fg:5}:meta %s none", fields[i]);
		ASSERT_ANSWER(rig_claim(&rig, "ann", 10), GATE_NO_SALE);
		rig_do(&rig, "HDEL {fg:5}:meta %s", fields[i]);
		ASSERT_ANSWER(rig_claim(&rig, "ann", 10), GATE_NO_SALE);
	}
	rig_do(&rig, "FLUSHALL");
	ASSERT_ANSWER(rig_claim(&rig, "ann", 10), GATE_NO_SALE);
	rig_close(&rig);
}
END_TEST

/* What is no unit number is thrown away, loudly: the ledger would refuse it, and
 * it would come back and be drawn again for ever. */
START_TEST(test_bad_tokens)
{
	char line[RIG_LINE] = "";
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 2, 1);
	rig_do(&rig, "LPUSH {fg:5}:1:free 4294967296 1e3 007 0 -3 x 999999");
	log_set_sink(rig_line_keep, line);
	ASSERT_TICKET(rig_claim(&rig, "ann", 10), GATE_TAKEN, 1, 1);
	log_set_sink(NULL, NULL);
	ck_assert_ptr_nonnull(strstr(line, "threw away 7 entries"));
	ck_assert_str_eq(rig_text(&rig, "HGET {fg:5}:meta dropped"), "7");
	rig_assert_free(&rig, "2");
	rig_close(&rig);
}
END_TEST

/* Many of them cost several calls, none of which says that it is over. */
START_TEST(test_bad_tokens_are_bounded)
{
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 1, 1);
	for (int i = 0; i < 7; i++)
		rig_do(&rig, "LPUSH {fg:5}:1:free a a a a a a a a a a");
	ASSERT_ANSWER(rig_claim(&rig, "ann", 10), GATE_SOFT);
	rig_assert_counts(&rig, 70 - 64 + 1, 0, 0, 0);
	ASSERT_TICKET(rig_claim(&rig, "ann", 10), GATE_TAKEN, 1, 1);
	rig_close(&rig);
}
END_TEST

static const char *const parts[] = {
    "meta", "1:free", "1:lease", "1:rec", "1:slot"};

/* Nothing is written before everything is read: a foreign key in the place of
 * one of ours leaves the others as they were. */
START_TEST(test_foreign_key_stops_before_the_first_write)
{
	struct claim_chain chain = {.id = {rig_id(10)}, .n = 1};
	struct customer who = rig_who("ann");
	struct gate_ticket ticket;
	struct err err = ERR_INIT;
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 2, 1);
	rig_do(&rig, "DEL {fg:5}:%s", parts[_i]);
	rig_do(&rig, "SET {fg:5}:%s foreign", parts[_i]);
	ASSERT_OUT(rig.port.claim(
		       rig.port.ctx, ref, &chain, &who, SOON, &ticket, &err),
	    OUT_UNKNOWN);
	ASSERT_SAYS("WRONGTYPE");
	if (_i != 1)
		rig_assert_free(&rig, "1 2");
	/* Its own key and, where that is another, free and meta. */
	ck_assert_int_eq(rig_do(&rig, "DBSIZE"), _i < 2 ? 2 : 3);
	rig_close(&rig);
}
END_TEST

START_TEST(test_sales_do_not_mix)
{
	struct gate_ref other = {{6}, 1};
	struct claim_chain chain = {.id = {rig_id(10)}, .n = 1};
	struct customer who = rig_who("ann");
	struct gate_ticket ticket;
	struct err err = ERR_INIT;
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 2, 1);
	rig_sale(&rig, other, 2, 1);
	rig_claim(&rig, "ann", 10);
	ASSERT_OUT(rig.port.claim(
		       rig.port.ctx, other, &chain, &who, SOON, &ticket, &err),
	    OUT_DONE);
	ASSERT_TICKET(ticket, GATE_TAKEN, 1, 1);
	rig_assert_counts(&rig, 1, 1, 1, 1);
	rig_close(&rig);
}
END_TEST

TESTS_MAIN("gate-claims", UNIT("one-fact", test_a_claim_is_one_fact),
    UNIT("same", test_the_same_claim_keeps_its_unit),
    UNIT("twins", test_twins_share_a_unit), UNIT("limit", test_limit),
    UNIT("chain", test_chain), UNIT("no-unit", test_no_unit_left),
    UNIT("no-sale", test_epoch_and_no_sale),
    UNIT("bad-tokens", test_bad_tokens),
    UNIT("bad-tokens-bounded", test_bad_tokens_are_bounded),
    UNIT_TABLE("foreign-key", test_foreign_key_stops_before_the_first_write,
	ARRAY_LEN(parts)),
    UNIT("sales", test_sales_do_not_mix))
