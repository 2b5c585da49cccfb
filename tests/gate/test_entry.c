/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gate: entries of the stream of accepted orders, ours and what somebody else has
 * put there.
 */
#include "config.h"

#include "unit.h"

#include "gate/entry.h"

#include <stdio.h>

static redisReply *parsed(const char *wire)
{
	redisReader *reader = redisReaderCreate();
	void *reply = NULL;

	ck_assert_ptr_nonnull(reader);
	ck_assert_int_eq(redisReaderFeed(reader, wire, strlen(wire)), REDIS_OK);
	ck_assert_int_eq(redisReaderGetReply(reader, &reply), REDIS_OK);
	ck_assert_ptr_nonnull(reply);
	redisReaderFree(reader);
	return reply;
}

/* A bulk string, whatever is in it but NUL. */
static size_t bulk(char *at, const char *text)
{
	return (size_t)sprintf(at, "$%zu\r\n%s\r\n", strlen(text), text);
}

#define FIELDS 7
static const char *const names[FIELDS] = {
    "claim", "unit", "slot", "customer", "payload_hash", "ref", "created"};
static const char *const good[FIELDS] = {"0123456789abcdef", "4294967295", "16",
    "a.b@c", "\r\n%s\"'||", "order 7", "1795385016740000"};

/* The entry with field `i` as `value` (NULL: not there), and one of a later
 * version behind. */
static const char *entry_wire(size_t i, const char *value)
{
	static char wire[1000];
	int n = sprintf(wire, "*2\r\n$5\r\n123-4\r\n*%d\r\n",
	    2 * (value == NULL ? FIELDS : FIELDS + 1));
	char *at = wire + n;

	for (size_t k = 0; k < FIELDS; k++) {
		const char *text = k == i ? value : good[k];

		if (text == NULL)
			continue;
		at += bulk(at, names[k]);
		at += bulk(at, text);
	}
	at += bulk(at, "colour");
	bulk(at, "red");
	return wire;
}

START_TEST(test_an_entry)
{
	redisReply *reply = parsed(entry_wire(0, good[0]));
	struct gate_entry entry;

	ck_assert(gate_entry_read(reply, &entry));
	ck_assert_str_eq(entry.flaw, "");
	ck_assert_uint_eq(entry.id.ms, 123);
	ck_assert_uint_eq(entry.id.seq, 4);
	ck_assert_uint_eq(entry.deliveries, 0);
	ck_assert_mem_eq(entry.order.claim.b, good[0], CLAIM_BYTES);
	ck_assert_int_eq(entry.order.status, ORDER_SOLD);
	ck_assert_uint_eq(entry.order.unit, UINT32_MAX);
	ck_assert_uint_eq(entry.order.slot, 16);
	ck_assert(strv_eq(customer_view(&entry.order.customer), STRV("a.b@c")));
	ck_assert_mem_eq(entry.order.payload_hash, good[4], PAYLOAD_HASH_BYTES);
	ck_assert_str_eq(entry.order.ref, "order 7");
	ck_assert_int_eq(entry.order.created.us, 1795385016740000);
	freeReplyObject(reply);
}
END_TEST

static const char long_ref[] =
    "a reference of the shop's own that is longer than the column is, 65b.";

static const struct {
	size_t field;
	const char *value;
	const char *flaw;
} flaws[] = {
    {0, NULL, "claim: missing"},
    {0, "0123456789abcde", "claim: damaged"},
    {0, "0123456789abcdefg", "claim: damaged"},
    {1, NULL, "unit: missing"},
    {1, "0", "unit: damaged"},
    {1, "4294967296", "unit: damaged"},
    {1, "-1", "unit: damaged"},
    {1, "", "unit: damaged"},
    {2, NULL, "slot: missing"},
    {2, "0", "slot: damaged"},
    {2, "17", "slot: damaged"},
    {3, NULL, "customer: missing"},
    {3, "", "customer: damaged"},
    {3, "a b", "customer: damaged"},
    {4, NULL, "payload_hash: missing"},
    {4, "0123456", "payload_hash: damaged"},
    {5, NULL, "ref: missing"},
    {5, long_ref, "ref: damaged"},
    {6, NULL, "created: missing"},
    {6, "0", "created: damaged"},
    {6, "9223372036854775808", "created: damaged"},
};

/* What is wrong is told, and the rest is read all the same. */
START_TEST(test_a_flaw)
{
	redisReply *reply =
	    parsed(entry_wire(flaws[_i].field, flaws[_i].value));
	struct gate_entry entry;

	ck_assert(gate_entry_read(reply, &entry));
	ck_assert_str_eq(entry.flaw, flaws[_i].flaw);
	ck_assert_uint_eq(entry.id.ms, 123);
	if (flaws[_i].field != 0)
		ck_assert_mem_eq(entry.order.claim.b, good[0], CLAIM_BYTES);
	else
		ck_assert_uint_eq(entry.order.unit, UINT32_MAX);
	freeReplyObject(reply);
}
END_TEST

/* As long as a claim, and none: two of them would be one order. */
START_TEST(test_zeros)
{
	redisReply *reply = parsed(entry_wire(0, good[0]));
	struct gate_entry entry;

	memset(reply->element[1]->element[1]->str, 0, CLAIM_BYTES);
	ck_assert(gate_entry_read(reply, &entry));
	ck_assert_str_eq(entry.flaw, "claim: damaged");
	ck_assert(claim_is_none(&entry.order.claim));
	freeReplyObject(reply);
}
END_TEST

/* Odd numbers of words, values that are no text: entries all the same. */
START_TEST(test_junk)
{
	static const char *const junk[] = {
	    "*2\r\n$3\r\n1-1\r\n*0\r\n",
	    "*2\r\n$3\r\n1-1\r\n*1\r\n$5\r\nclaim\r\n",
	    "*2\r\n$3\r\n1-1\r\n*2\r\n$5\r\nclaim\r\n:7\r\n",
	    "*2\r\n$3\r\n1-1\r\n*2\r\n:7\r\n:7\r\n",
	};
	struct gate_entry entry;

	for (size_t i = 0; i < ARRAY_LEN(junk); i++) {
		redisReply *reply = parsed(junk[i]);

		ck_assert(gate_entry_read(reply, &entry));
		ck_assert_str_eq(entry.flaw, "claim: missing");
		freeReplyObject(reply);
	}
}
END_TEST

#define NOTHING "*0\r\n"

static const char *const hostile[] = {
    "$-1\r\n",
    "*-1\r\n",
    "*0\r\n",
    "*1\r\n$3\r\n1-1\r\n",
    "*2\r\n$3\r\n1-1\r\n$-1\r\n", /* deleted: ours never says so */
    "*2\r\n$1\r\n1\r\n" NOTHING,
    "*2\r\n$2\r\n1-\r\n" NOTHING,
    "*2\r\n$2\r\n-1\r\n" NOTHING,
    "*2\r\n$4\r\n1-1x\r\n" NOTHING,
    "*2\r\n$22\r\n18446744073709551616-0\r\n" NOTHING,
    "*2\r\n:1\r\n" NOTHING,
    "*3\r\n$3\r\n1-1\r\n" NOTHING ":0\r\n",
    "*3\r\n$3\r\n1-1\r\n" NOTHING "$1\r\n1\r\n",
    "*4\r\n$3\r\n1-1\r\n" NOTHING ":1\r\n:1\r\n",
};

START_TEST(test_what_is_no_entry)
{
	redisReply *reply = parsed(hostile[_i]);
	struct gate_entry entry, was;

	memset(&entry, 0x5a, sizeof(entry));
	was = entry;
	ck_assert(!gate_entry_read(reply, &entry));
	ck_assert_mem_eq(&entry, &was, sizeof(entry));
	freeReplyObject(reply);
}
END_TEST

#define DELIVERED(id, n) "*3\r\n$3\r\n" id "\r\n" NOTHING ":" n "\r\n"

START_TEST(test_entries)
{
	struct gate_entry entries[2];
	bool known = false;
	size_t n = 77;
	redisReply *reply = parsed("*3\r\n$2\r\nOK\r\n" DELIVERED("1-1", "1")
		DELIVERED("1-2", "4294967296"));

	ck_assert(gate_reply_entries(reply, 2, entries, &n, &known));
	ck_assert(known);
	ck_assert_uint_eq(n, 2);
	ck_assert_uint_eq(entries[0].deliveries, 1);
	ck_assert_uint_eq(entries[1].id.seq, 2);
	ck_assert_uint_eq(entries[1].deliveries, UINT32_MAX);
	ck_assert(!gate_reply_entries(reply, 1, entries, &n, &known));
	freeReplyObject(reply);
	reply = parsed("*2\r\n$5\r\nEPOCH\r\n:2\r\n");
	ck_assert(gate_reply_entries(reply, 2, entries, &n, &known));
	ck_assert(!known);
	ck_assert_uint_eq(n, 0);
	freeReplyObject(reply);
	reply = parsed("*2\r\n$2\r\nOK\r\n*0\r\n");
	ck_assert(!gate_reply_entries(reply, 2, entries, &n, &known));
	freeReplyObject(reply);
}
END_TEST

START_TEST(test_taken)
{
	static const char *const bad[] = {
	    "*1\r\n$2\r\nOK\r\n",
	    "*2\r\n$2\r\nOK\r\n:1\r\n",
	    "*2\r\n$2\r\nOK\r\n$1\r\n1\r\n",
	    "*4\r\n$2\r\nOK\r\n$3\r\n1-2\r\n" DELIVERED("1-1", "1")
		DELIVERED("1-2", "1"),
	    "*3\r\n$2\r\nOK\r\n$3\r\n1-2\r\n:1\r\n",
	};
	struct gate_entry entries[1];
	struct gate_entry_id next = {7, 7};
	bool known = false;
	size_t n = 77;
	redisReply *reply;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		reply = parsed(bad[i]);
		ck_assert(
		    !gate_reply_taken(reply, 1, entries, &n, &next, &known));
		ck_assert(n == 77 && next.ms == 7 && !known);
		freeReplyObject(reply);
	}
	reply = parsed("*3\r\n$2\r\nOK\r\n$3\r\n1-2\r\n" DELIVERED("1-1", "3"));
	ck_assert(gate_reply_taken(reply, 1, entries, &n, &next, &known));
	ck_assert(known && n == 1 && next.ms == 1 && next.seq == 2);
	ck_assert_uint_eq(entries[0].deliveries, 3);
	freeReplyObject(reply);
	reply = parsed("*1\r\n$6\r\nNOSALE\r\n");
	ck_assert(gate_reply_taken(reply, 1, entries, &n, &next, &known));
	ck_assert(!known && n == 0 && next.ms == 1);
	freeReplyObject(reply);
}
END_TEST

START_TEST(test_carried)
{
	static const char *const bad[] = {
	    "*2\r\n$2\r\nOK\r\n:1\r\n",
	    "*3\r\n$2\r\nOK\r\n:1\r\n:3\r\n",
	    "*3\r\n$2\r\nOK\r\n:1\r\n:-1\r\n",
	    "*3\r\n$2\r\nOK\r\n:1\r\n$1\r\n1\r\n",
	    "*1\r\n$6\r\nNOSALE\r\n",
	    "*2\r\n$5\r\nEPOCH\r\n:0\r\n",
	};
	enum gate_carried got[3] = {9, 9, 9};
	uint32_t elsewhere = 77;
	redisReply *reply;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		reply = parsed(bad[i]);
		ck_assert(!gate_reply_carried(reply, 2, got, &elsewhere));
		ck_assert(got[0] == 9 && got[1] == 9 && elsewhere == 77);
		freeReplyObject(reply);
	}
	reply = parsed("*4\r\n$2\r\nOK\r\n:0\r\n:1\r\n:2\r\n");
	ck_assert(gate_reply_carried(reply, 3, got, &elsewhere));
	ck_assert_int_eq(got[0], GATE_CARRIED);
	ck_assert_int_eq(got[1], GATE_CARRY_REFUSED);
	ck_assert_int_eq(got[2], GATE_CARRY_THERE);
	ck_assert_uint_eq(elsewhere, 0);
	freeReplyObject(reply);
	reply = parsed("*2\r\n$5\r\nEPOCH\r\n:9\r\n");
	ck_assert(gate_reply_carried(reply, 2, got, &elsewhere));
	ck_assert_uint_eq(elsewhere, 9);
	freeReplyObject(reply);
}
END_TEST

TESTS_MAIN("gate-entry", UNIT("entry", test_an_entry),
    UNIT_TABLE("flaw", test_a_flaw, ARRAY_LEN(flaws)),
    UNIT("zeros", test_zeros), UNIT("junk", test_junk),
    UNIT_TABLE("hostile", test_what_is_no_entry, ARRAY_LEN(hostile)),
    UNIT("entries", test_entries), UNIT("taken", test_taken),
    UNIT("carried", test_carried))
