/* SPDX-License-Identifier: Apache-2.0 */
/* gate: replies of every shape, ours and others'. */
#include "config.h"

#include "unit.h"

#include "gate/reply.h"

/* As it comes over the wire, parsed by hiredis. */
static redisReply *parsed(const char *wire, size_t n)
{
	redisReader *reader = redisReaderCreate();
	void *reply = NULL;

	ck_assert_ptr_nonnull(reader);
	ck_assert_int_eq(redisReaderFeed(reader, wire, n), REDIS_OK);
	ck_assert_int_eq(redisReaderGetReply(reader, &reply), REDIS_OK);
	ck_assert_ptr_nonnull(reply);
	redisReaderFree(reader);
	return reply;
}

/* An entry of the stream of accepted orders, but for its claim. */
#define ENTRY_REST                                                     \
	"$4\r\nunit\r\n$1\r\n7\r\n$4\r\nslot\r\n$1\r\n1\r\n"           \
	"$8\r\ncustomer\r\n$3\r\nann\r\n$12\r\npayload_hash\r\n$8\r\n" \
	"01234567\r\n$3\r\nref\r\n$0\r\n\r\n$7\r\ncreated\r\n$2\r\n10\r\n"
#define ENTRY                                              \
	"*2\r\n$3\r\n1-1\r\n*14\r\n$5\r\nclaim\r\n$16\r\n" \
	"0123456789abcdef\r\n" ENTRY_REST
/* A claim of 15 bytes. */
#define ENTRY_FLAWED                                       \
	"*2\r\n$3\r\n1-1\r\n*14\r\n$5\r\nclaim\r\n$15\r\n" \
	"0123456789abcde\r\n" ENTRY_REST

static const struct {
	const char *wire;
	struct gate_ticket ticket;
	uint32_t dropped;
} tickets[] = {
    {"*5\r\n$5\r\nTAKEN\r\n:7\r\n:2\r\n:0\r\n:1\r\n",
	{.answer = GATE_TAKEN, .unit = 7, .slot = 2}, 1},
    {"*5\r\n$5\r\nTAKEN\r\n:4294967295\r\n:16\r\n:2\r\n:0\r\n",
	{.answer = GATE_TAKEN, .unit = UINT32_MAX, .slot = 16, .attempt = 2},
	0},
    {"*4\r\n$4\r\nSAME\r\n:7\r\n:1\r\n:2\r\n",
	{.answer = GATE_SAME, .unit = 7, .slot = 1, .attempt = 2}, 0},
    {"*2\r\n$4\r\nMINE\r\n:1\r\n", {.answer = GATE_MINE, .attempt = 1}, 0},
    {"*3\r\n$6\r\nQUEUED\r\n:2\r\n" ENTRY,
	{.answer = GATE_QUEUED, .attempt = 2, .queued.unit = 7}, 0},
    {"*1\r\n$5\r\nSPENT\r\n", {.answer = GATE_SPENT}, 0},
    {"*1\r\n$4\r\nSHUT\r\n", {.answer = GATE_SHUT}, 0},
    {"*1\r\n$5\r\nLIMIT\r\n", {.answer = GATE_LIMIT}, 0},
    {"*3\r\n$4\r\nSOFT\r\n:1\r\n:8\r\n", {.answer = GATE_SOFT, .slots_held = 1},
	8},
    {"*4\r\n$4\r\nGONE\r\n:0\r\n:0\r\n:0\r\n", {.answer = GATE_GONE}, 0},
    {"*4\r\n$4\r\nGONE\r\n:2\r\n:9\r\n:1\r\n",
	{.answer = GATE_GONE, .slots_held = 2, .units = 9, .waiting = true}, 0},
    {"*2\r\n$5\r\nEPOCH\r\n:9\r\n", {.answer = GATE_EPOCH, .epoch = 9}, 0},
    {"*1\r\n$6\r\nNOSALE\r\n", {.answer = GATE_NO_SALE}, 0},
};
_Static_assert(ARRAY_LEN(tickets) > GATE_ANSWER_COUNT, "each answer");

START_TEST(test_ticket)
{
	const char *wire = tickets[_i].wire;
	const struct gate_ticket *want = &tickets[_i].ticket;
	redisReply *reply = parsed(wire, strlen(wire));
	struct gate_ticket got;
	uint32_t dropped;

	ck_assert(gate_reply_ticket(reply, 3, &got, &dropped));
	ck_assert_int_eq(got.answer, want->answer);
	ck_assert_uint_eq(got.unit, want->unit);
	ck_assert_uint_eq(got.slot, want->slot);
	ck_assert_uint_eq(got.attempt, want->attempt);
	ck_assert_uint_eq(got.slots_held, want->slots_held);
	ck_assert_uint_eq(got.epoch, want->epoch);
	ck_assert_uint_eq(got.units, want->units);
	ck_assert(got.waiting == want->waiting);
	ck_assert_uint_eq(got.queued.unit, want->queued.unit);
	ck_assert_uint_eq(dropped, tickets[_i].dropped);
	freeReplyObject(reply);
}
END_TEST

/* None of these is what any of our functions says. */
static const char *const hostile[] = {
    "$-1\r\n",
    "*-1\r\n",
    "*0\r\n",
    "+OK\r\n",
    ":-1\r\n",
    ":4294967296\r\n",
    "$5\r\nTAKEN\r\n",
    "-ERR no\r\n",
    "*1\r\n*0\r\n",
    "*1\r\n$-1\r\n",
    "*1\r\n:-1\r\n",
    "*1\r\n$5\r\nTAKEN\r\n",
    "*4\r\n$5\r\nTAKEN\r\n:7\r\n:1\r\n:0\r\n",
    "*1\r\n$0\r\n\r\n",
    "*1\r\n$4\r\nWHAT\r\n",
    "*1\r\n$5\r\ntaken\r\n",
    "*1\r\n+NOSALE\r\n",
    "*2\r\n$6\r\nNOSALE\r\n:1\r\n",
    "*2\r\n$5\r\nLIMIT\r\n:1\r\n",
    "*5\r\n$5\r\nTAKEN\r\n:0\r\n:1\r\n:0\r\n:0\r\n",
    "*5\r\n$5\r\nTAKEN\r\n:-7\r\n:1\r\n:0\r\n:0\r\n",
    "*5\r\n$5\r\nTAKEN\r\n:4294967296\r\n:1\r\n:0\r\n:0\r\n",
    "*5\r\n$5\r\nTAKEN\r\n:7\r\n:0\r\n:0\r\n:0\r\n",
    "*5\r\n$5\r\nTAKEN\r\n:7\r\n:17\r\n:0\r\n:0\r\n",
    "*5\r\n$5\r\nTAKEN\r\n:7\r\n:1\r\n:-1\r\n:0\r\n",
    "*5\r\n$5\r\nTAKEN\r\n$1\r\n7\r\n:1\r\n:0\r\n:0\r\n",
    "*5\r\n$5\r\nTAKEN\r\n$-1\r\n:1\r\n:0\r\n:0\r\n",
    "*5\r\n$5\r\nTAKEN\r\n*1\r\n:7\r\n:1\r\n:0\r\n:0\r\n",
    "*6\r\n$5\r\nTAKEN\r\n:7\r\n:1\r\n:0\r\n:0\r\n:0\r\n",
    "*5\r\n$5\r\nTAKEN\r\n:7\r\n:1\r\n:3\r\n:0\r\n",
    "*4\r\n$4\r\nSAME\r\n:7\r\n:1\r\n:3\r\n", /* attempt beyond the chain */
    "*4\r\n$4\r\nSAME\r\n:7\r\n:1\r\n:-1\r\n",
    "*2\r\n$4\r\nMINE\r\n:3\r\n",
    "*2\r\n$4\r\nMINE\r\n:9223372036854775807\r\n",
    "*3\r\n$4\r\nGONE\r\n:0\r\n:0\r\n",
    "*4\r\n$4\r\nGONE\r\n:17\r\n:0\r\n:0\r\n",
    "*4\r\n$4\r\nGONE\r\n:-1\r\n:0\r\n:0\r\n",
    "*4\r\n$4\r\nGONE\r\n:0\r\n:0\r\n:2\r\n",
    "*3\r\n$6\r\nQUEUED\r\n:3\r\n" ENTRY, /* attempt beyond the chain */
    "*3\r\n$6\r\nQUEUED\r\n:0\r\n" ENTRY_FLAWED,
    "*3\r\n$6\r\nQUEUED\r\n:0\r\n$-1\r\n",
    "*2\r\n$6\r\nQUEUED\r\n:0\r\n",
    "*2\r\n$5\r\nEPOCH\r\n:4294967296\r\n",
    "*2\r\n$5\r\nEPOCH\r\n$1\r\n9\r\n",
    "*1\r\n$5\r\nEPOCH\r\n",
    "*2\r\n$2\r\nOK\r\n:-1\r\n",
    "*2\r\n$2\r\nOK\r\n$1\r\n1\r\n",
    "*3\r\n$2\r\nOK\r\n:1\r\n:2\r\n",
    "*6\r\n$2\r\nOK\r\n:1\r\n:2\r\n:0\r\n:4\r\n:5\r\n", /* limit 0 */
    "*6\r\n$2\r\nOK\r\n:1\r\n:2\r\n:3\r\n:-4\r\n:5\r\n",
    "*7\r\n$2\r\nOK\r\n:1\r\n:2\r\n:3\r\n:4\r\n:5\r\n:6\r\n",
    /* A lease: claim of 15 bytes; number as text; no number; five of six. */
    "*5\r\n$15\r\n012345678901234\r\n:1\r\n:1\r\n$1\r\nc\r\n:5\r\n",
    "*5\r\n$16\r\n0123456789012345\r\n$1\r\n1\r\n:1\r\n$1\r\nc\r\n:5\r\n",
    "*5\r\n$16\r\n0123456789012345\r\n:1\r\n:1\r\n$1\r\nc\r\n$-1\r\n",
    "*5\r\n$16\r\n0123456789012345\r\n:1\r\n:1\r\n:3\r\n:5\r\n",
    "*6\r\n$16\r\n0123456789012345\r\n:1\r\n:1\r\n$1\r\nc\r\n:5\r\n:6\r\n",
};

/* The decoders refuse, and leave the caller's values alone. */
START_TEST(test_hostile_replies)
{
	redisReply *reply = parsed(hostile[_i], strlen(hostile[_i]));
	struct gate_ticket ticket, ticket_was;
	struct gate_status status, status_was;
	struct gate_gauge gauge, gauge_was;
	struct gate_lease lease[2], lease_was[2];
	uint32_t number = 77, units[4] = {77, 77, 77, 77};
	uint64_t cursor = 77;
	size_t n = 77;

	memset(&ticket, 0x5a, sizeof(ticket));
	ticket_was = ticket;
	memset(&status, 0x5a, sizeof(status));
	status_was = status;
	memset(&gauge, 0x5a, sizeof(gauge));
	gauge_was = gauge;
	memset(lease, 0x5a, sizeof(lease));
	memcpy(lease_was, lease, sizeof(lease));
	ck_assert(!gate_reply_ticket(reply, 3, &ticket, &number));
	ck_assert(!gate_reply_status(reply, &status));
	ck_assert(!gate_reply_gauge(reply, &gauge, &number));
	ck_assert(!gate_reply_cursor(reply, &cursor));
	ck_assert(!gate_reply_number(reply, 1, &number));
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements > 0) {
		ck_assert(!gate_reply_leases(reply, 0, 2, lease, &n));
		ck_assert(!gate_reply_units(reply, 4, units, &n));
	}
	ck_assert_mem_eq(&ticket, &ticket_was, sizeof(ticket));
	ck_assert_mem_eq(&status, &status_was, sizeof(status));
	ck_assert_mem_eq(&gauge, &gauge_was, sizeof(gauge));
	ck_assert_mem_eq(lease, lease_was, sizeof(lease));
	ck_assert_uint_eq(number, 77);
	ck_assert_uint_eq(cursor, 77);
	ck_assert_uint_eq(n, 77);
	ck_assert_uint_eq(units[0], 77);
	freeReplyObject(reply);
}
END_TEST

#define CLAIM_A "$16\r\nA\0\r\n56789012345x\r\n"
static const char two_leases[] =
    "*10\r\n" CLAIM_A ":7\r\n:2\r\n$3\r\nc-1\r\n:-5\r\n" CLAIM_A
    ":0\r\n:0\r\n$3\r\nc 1\r\n:5000\r\n";

START_TEST(test_leases)
{
	redisReply *reply = parsed(two_leases, sizeof(two_leases) - 1);
	struct gate_lease lease[2];
	size_t n = 0;

	ck_assert(gate_reply_leases(reply, 0, 2, lease, &n));
	ck_assert_uint_eq(n, 2);
	ck_assert_mem_eq(lease[0].claim.b, "A\0\r\n56789012345x", 16);
	ck_assert_uint_eq(lease[0].unit, 7);
	ck_assert_uint_eq(lease[0].slot, 2);
	ck_assert(strv_eq(customer_view(&lease[0].customer), STRV("c-1")));
	ck_assert_int_eq(lease[0].remaining_ms, -5);
	/* A lost record: no unit, no customer, but a claim to be decided. */
	ck_assert_uint_eq(lease[1].unit, 0);
	ck_assert_uint_eq(lease[1].customer.n, 0);
	ck_assert_int_eq(lease[1].remaining_ms, 5000);
	ck_assert(!gate_reply_leases(reply, 0, 1, lease, &n));
	freeReplyObject(reply);
}
END_TEST

START_TEST(test_lists)
{
	static const char wire[] = "*3\r\n:0\r\n:5\r\n:4294967295\r\n";
	redisReply *reply = parsed(wire, sizeof(wire) - 1);
	uint32_t units[3];
	uint64_t cursor;
	size_t n;

	ck_assert(gate_reply_units(reply, 3, units, &n));
	ck_assert_uint_eq(n, 3);
	ck_assert_uint_eq(units[0], 0);
	ck_assert_uint_eq(units[2], UINT32_MAX);
	ck_assert(!gate_reply_units(reply, 2, units, &n));
	ck_assert(gate_reply_cursor(reply, &cursor));
	ck_assert_uint_eq(cursor, 0);
	freeReplyObject(reply);
	reply = parsed("*0\r\n", 4);
	ck_assert(gate_reply_units(reply, 3, units, &n));
	ck_assert_uint_eq(n, 0);
	ck_assert(gate_reply_leases(reply, 0, 0, NULL, &n));
	ck_assert(!gate_reply_leases(reply, 1, 0, NULL, &n));
	freeReplyObject(reply);
}
END_TEST

START_TEST(test_status_and_gauge)
{
	static const char ok[] = "*2\r\n$2\r\nOK\r\n:5\r\n";
	static const char gauge_ok[] =
	    "*16\r\n$2\r\nOK\r\n:1\r\n:2\r\n:3\r\n:4\r\n:5\r\n:6\r\n:7\r\n"
	    ":1\r\n:9\r\n:8\r\n:1234\r\n:1\r\n:1800000000000000\r\n"
	    ":1800000000000001\r\n:4294967295\r\n";
	/* More delivered than there are. */
	static const char gauge_bad[] =
	    "*16\r\n$2\r\nOK\r\n:1\r\n:2\r\n:3\r\n:4\r\n:5\r\n:6\r\n:7\r\n"
	    ":1\r\n:8\r\n:9\r\n:1234\r\n:0\r\n:0\r\n:0\r\n:0\r\n";
	static const char epoch[] = "*2\r\n$5\r\nEPOCH\r\n:6\r\n";
	static const char lost[] = "*1\r\n$6\r\nNOSALE\r\n";
	struct gate_status status;
	struct gate_gauge gauge;
	uint32_t elsewhere;
	redisReply *reply = parsed(ok, sizeof(ok) - 1);

	ck_assert(gate_reply_status(reply, &status));
	ck_assert_int_eq(status.word, GATE_STATUS_OK);
	ck_assert_uint_eq(status.number, 5);
	freeReplyObject(reply);
	reply = parsed(gauge_ok, sizeof(gauge_ok) - 1);
	ck_assert(gate_reply_gauge(reply, &gauge, &elsewhere));
	ck_assert(gauge.known);
	ck_assert_uint_eq(elsewhere, 0);
	ck_assert_uint_eq(gauge.epoch, 1);
	ck_assert_uint_eq(gauge.units, 2);
	ck_assert_uint_eq(gauge.limit, 3);
	ck_assert_uint_eq(gauge.free, 4);
	ck_assert_uint_eq(gauge.leased, 5);
	ck_assert_uint_eq(gauge.forgot, 6);
	ck_assert_uint_eq(gauge.dropped, 7);
	ck_assert(gauge.restarted);
	ck_assert_uint_eq(gauge.waiting, 9);
	ck_assert_uint_eq(gauge.delivered, 8);
	ck_assert_int_eq(gauge.oldest_ms, 1234);
	ck_assert(gauge.terms.shut);
	ck_assert_int_eq(gauge.terms.opens.us, 1800000000000000);
	ck_assert_int_eq(gauge.terms.closes.us, 1800000000000001);
	ck_assert_uint_eq(gauge.told, UINT32_MAX);
	freeReplyObject(reply);
	reply = parsed(gauge_bad, sizeof(gauge_bad) - 1);
	ck_assert(!gate_reply_gauge(reply, &gauge, &elsewhere));
	freeReplyObject(reply);
	reply = parsed(epoch, sizeof(epoch) - 1);
	ck_assert(gate_reply_gauge(reply, &gauge, &elsewhere));
	ck_assert_uint_eq(elsewhere, 6);
	freeReplyObject(reply);
	reply = parsed(lost, sizeof(lost) - 1);
	ck_assert(gate_reply_gauge(reply, &gauge, &elsewhere));
	ck_assert(!gauge.known);
	ck_assert_uint_eq(elsewhere, 0);
	freeReplyObject(reply);
}
END_TEST

TESTS_MAIN("gate-reply", UNIT_TABLE("ticket", test_ticket, ARRAY_LEN(tickets)),
    UNIT_TABLE("hostile", test_hostile_replies, ARRAY_LEN(hostile)),
    UNIT("leases", test_leases), UNIT("lists", test_lists),
    UNIT("status", test_status_and_gauge))
