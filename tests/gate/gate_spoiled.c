/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What somebody else did to the stream of accepted orders, on a real Redis: entries
 * that nobody of us wrote, others deleted, records lost.  Nobody is lied to, and the
 * rest goes on.  Run by gate_spoiled.it.
 */
#include "config.h"

#include "queue_rig.h"

#define JUNK "XADD {fg:5}:1:queue * "

/* By Redis' own account: the gauge shows no more than there are entries. */
static long long in_hands(struct rig *rig)
{
	redisReply *reply =
	    redisCommand(rig->admin, "XPENDING {fg:5}:1:queue settlers");
	long long n;

	ck_assert_int_eq(reply->type, REDIS_REPLY_ARRAY);
	n = reply->element[0]->integer;
	freeReplyObject(reply);
	return n;
}

START_TEST(test_deleted_entries_are_let_go)
{
	struct gate_entry entries[SETTLE_BATCH];
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 9, 1);
	queue_accept(&rig, 3);
	ck_assert_uint_eq(queue_take(&rig, "s", entries), 3);
	for (int i = 0; i < 2; i++)
		rig_do(&rig, "XDEL {fg:5}:1:queue %llu-%llu",
		    (unsigned long long)entries[i].id.ms,
		    (unsigned long long)entries[i].id.seq);
	ck_assert_uint_eq(queue_take(&rig, "s", entries), 1);
	ck_assert_uint_eq(entries[0].order.unit, 3);
	ck_assert_uint_eq(entries[0].deliveries, 2);
	/* Not in anybody's hands either: they would come again for ever. */
	ck_assert_int_eq(in_hands(&rig), 1);
	queue_assert(&rig, 1, 1);
	rig_close(&rig);
}
END_TEST

static const struct {
	const char *command;
	const char *flaw;
} junk[] = {
    {JUNK "a b", "claim: missing"},
    {JUNK "claim 0123456789abcde unit 1", "claim: damaged"},
    {JUNK "claim 0123456789abcdef unit 0 slot 1", "unit: damaged"},
};

/* It is shown as what it is, and can be ended by its id; the order beside it is
 * none the worse. */
START_TEST(test_junk_in_the_stream)
{
	struct gate_entry entries[SETTLE_BATCH], seen[4];
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 3, 1);
	queue_accept(&rig, 1);
	rig_do(&rig, junk[_i].command);
	ck_assert_uint_eq(queue_scan_all(&rig, ref, 64, seen, 4), 2);
	ck_assert_str_eq(seen[1].flaw, junk[_i].flaw);
	ck_assert_uint_eq(seen[1].deliveries, 0);
	ck_assert_uint_eq(queue_take(&rig, "s", entries), 2);
	ck_assert_str_eq(entries[0].flaw, "");
	ck_assert_str_eq(entries[1].flaw, junk[_i].flaw);
	queue_settle(&rig, ref, &entries[1], 1, GATE_FATE_VOID);
	queue_assert(&rig, 1, 1);
	rig_assert_free(&rig, "2 3");
	queue_settle(&rig, ref, &entries[0], 1, GATE_FATE_SOLD);
	queue_assert(&rig, 0, 0);
	rig_close(&rig);
}
END_TEST

/* Whole, but for a claim of zeros: what has no claim is ended by its id alone, and
 * nobody's record is touched. */
START_TEST(test_zeros_are_no_claim)
{
	static const char zeros[CLAIM_BYTES];
	struct gate_entry entries[SETTLE_BATCH];
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 3, 1);
	rig_do(&rig,
	    JUNK "claim %b unit 2 slot 1 customer c9 payload_hash 01234567 "
		 "ref r created 1795385016740000",
	    zeros, sizeof(zeros));
	ck_assert_uint_eq(queue_take(&rig, "s", entries), 1);
	ck_assert_str_eq(entries[0].flaw, "claim: damaged");
	ck_assert(claim_is_none(&entries[0].order.claim));
	queue_settle(&rig, ref, entries, 1, GATE_FATE_VOID);
	queue_assert(&rig, 0, 0);
	rig_assert_free(&rig, "1 2 3");
	rig_close(&rig);
}
END_TEST

/* Somebody wrote the largest id that there is: the unit goes back, nothing is told
 * to be accepted, and this generation is known to be spoiled. */
START_TEST(test_a_stream_that_is_full)
{
	struct gate_entry entries[SETTLE_BATCH];
	struct gate_ticket ticket;
	struct err err = ERR_INIT;
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 3, 1);
	rig_text(&rig, "XADD {fg:5}:1:queue "
		       "18446744073709551615-18446744073709551615 a b");
	ASSERT_OUT(queue_try(&rig, "ann", 1, 0, &ticket, &err), OUT_UNKNOWN);
	ASSERT_SAYS("exhausted");
	rig_assert_free(&rig, "2 3 1");
	ck_assert_int_eq(rig_do(&rig, "EXISTS {fg:5}:1:rec {fg:5}:1:slot"), 0);
	ck_assert_uint_eq(rig_gauge(&rig).forgot, 1);
	/* Its age is in the future; paging ends behind it. */
	ck_assert_int_eq(rig_gauge(&rig).oldest_ms, 0);
	ck_assert_uint_eq(queue_scan_all(&rig, ref, 1, entries, 4), 1);
	ck_assert_uint_eq(entries[0].id.seq, UINT64_MAX);
	ck_assert_uint_eq(queue_settle_all(&rig, GATE_FATE_VOID), 1);
	rig_close(&rig);
}
END_TEST

/* The record is there and its entry is not: nobody is told anything, and the
 * keeper learns of it. */
START_TEST(test_an_entry_that_is_lost)
{
	struct gate_entry entries[SETTLE_BATCH];
	struct customer ann = rig_who("ann");
	struct order orders[16];
	struct gate_ticket ticket;
	struct err err = ERR_INIT;
	bool known;
	size_t n;
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 3, 1);
	queue_enqueue(&rig, "ann", 1);
	rig_do(&rig, "DEL {fg:5}:1:queue");
	ASSERT_OUT(queue_try(&rig, "ann", 1, 0, &ticket, &err), OUT_UNKNOWN);
	ASSERT_SAYS("an accepted order is lost");
	ASSERT_OUT(rig_try(&rig, "ann", 100, &ticket, &err), OUT_UNKNOWN);
	ck_assert_uint_eq(rig_gauge(&rig).forgot, 2);
	ASSERT_OUT(rig.port.pending(rig.port.ctx, ref, &ann, SOON, orders, 16,
		       &n, &known, &err),
	    OUT_UNKNOWN);
	ASSERT_SAYS("an accepted order is lost");
	ck_assert_uint_eq(queue_take(&rig, "s", entries), 0);
	rig_close(&rig);
}
END_TEST

/* The entry is there and its record is not: it is sold or void all the same; its
 * unit is missing then, which the audit sees. */
START_TEST(test_a_record_that_is_lost)
{
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 3, 1);
	queue_accept(&rig, 1);
	rig_do(&rig, "DEL {fg:5}:1:rec");
	ck_assert_uint_eq(queue_settle_all(&rig, GATE_FATE_VOID), 1);
	rig_assert_free(&rig, "2 3");
	rig_assert_slot(&rig, 1, "c1", 0);
	ck_assert_uint_eq(queue_enqueue(&rig, "c1", 1).attempt, 1);
	rig_close(&rig);
}
END_TEST

/* A record that names another entry belongs to that one. */
START_TEST(test_a_copy_of_an_entry)
{
	struct gate_entry entries[SETTLE_BATCH];
	struct claim_chain chain = queue_chain(1);
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 3, 1);
	queue_accept(&rig, 1);
	freeReplyObject(redisCommand(rig.admin,
	    JUNK "claim %b unit 1 slot 1 customer c1 payload_hash 12345678 "
		 "ref r created 5",
	    chain.id[0].b, (size_t)CLAIM_BYTES));
	ck_assert_uint_eq(queue_take(&rig, "s", entries), 2);
	ck_assert_str_eq(entries[1].flaw, "");
	queue_settle(&rig, ref, &entries[1], 1, GATE_FATE_VOID);
	rig_assert_free(&rig, "2 3");
	rig_assert_slot(&rig, 1, "c1", 100);
	queue_settle(&rig, ref, &entries[0], 1, GATE_FATE_SOLD);
	rig_assert_counts(&rig, 2, 0, 0, 1);
	queue_assert(&rig, 0, 0);
	rig_close(&rig);
}
END_TEST

TESTS_MAIN("gate-spoiled", UNIT("zeros", test_zeros_are_no_claim),
    UNIT("deleted", test_deleted_entries_are_let_go),
    UNIT_TABLE("junk", test_junk_in_the_stream, ARRAY_LEN(junk)),
    UNIT("full", test_a_stream_that_is_full),
    UNIT("entry-lost", test_an_entry_that_is_lost),
    UNIT("record-lost", test_a_record_that_is_lost),
    UNIT("copy", test_a_copy_of_an_entry))
