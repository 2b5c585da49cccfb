/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gate: whoever is shown an order that another connection accepted may be told of it,
 * so it must be as durable as if he had sent it.  The server is scripted (fake.h):
 * none fails to sync on command.
 */
#include "config.h"

#include "durable_calls.h"

#define ENTRY(n, id)                                                          \
	"*2\r\n" BULK(n, id) "*14\r\n" BULK(5, "claim")                       \
	    BULK(16, "claim 0 of eight") BULK(4, "unit") BULK(1, "1")         \
		BULK(4, "slot") BULK(1, "1") BULK(8, "customer") BULK(1, "c") \
		    BULK(12, "payload_hash") BULK(8, "01234567")              \
			BULK(3, "ref") BULK(1, "r") BULK(7, "created")        \
			    BULK(2, "10")
#define SHOWS      "*2\r\n" BULK(2, "OK") ENTRY(3, "1-1")
#define SHOWS_9    "*2\r\n" BULK(2, "OK") ENTRY(3, "9-0")
#define SHOWS_BOTH "*3\r\n" BULK(2, "OK") ENTRY(3, "9-0") ENTRY(3, "1-1")
#define TOUCHED    "*1\r\n$2\r\nOK\r\n"

static struct claim_chain own_chain(void)
{
	struct claim_chain chain = {.n = 1};

	memcpy(chain.id[0].b, "claim 0 of eight", CLAIM_BYTES);
	return chain;
}

static enum outcome ask_pending(struct gate *gate, struct err *err)
{
	struct gate_port port = gate_port(gate);
	struct order orders[SALE_PER_CUSTOMER_MAX];
	struct customer who;
	bool known = false;
	size_t n = 77;
	enum outcome out;

	ck_assert(customer_parse(STRV("c"), &who));
	out = port.pending(port.ctx, ref, &who, deadline_in_ms(LONG_MS), orders,
	    ARRAY_LEN(orders), &n, &known, err);
	ck_assert(out != OUT_DONE || (known && n <= 2));
	/* Nobody may tell what he was not given. */
	ck_assert(out == OUT_DONE || n == 77);
	return out;
}

static enum outcome ticket_judge(
    enum outcome out, const struct gate_ticket *ticket)
{
	ck_assert_int_eq(
	    ticket->answer, out == OUT_DONE ? GATE_QUEUED : GATE_GONE);
	return out;
}

static enum outcome ask_claim(struct gate *gate, struct err *err)
{
	struct gate_port port = gate_port(gate);
	struct claim_chain chain = own_chain();
	struct gate_ticket got = {.answer = GATE_GONE};
	struct customer who;

	ck_assert(customer_parse(STRV("c"), &who));
	return ticket_judge(port.claim(port.ctx, ref, &chain, &who,
				deadline_in_ms(LONG_MS), &got, err),
	    &got);
}

static enum outcome ask_rekey(struct gate *gate, struct err *err)
{
	struct gate_port port = gate_port(gate);
	struct claim_chain chain = own_chain();
	struct gate_ticket got = {.answer = GATE_GONE};
	struct claim_id from = {"another"};
	struct customer who;

	ck_assert(customer_parse(STRV("c"), &who));
	return ticket_judge(port.rekey(port.ctx, ref, &from, &chain.id[0], &who,
				deadline_in_ms(LONG_MS), &got, err),
	    &got);
}

/* Whatever shows an order that waits. */
static const struct {
	enum outcome (*ask)(struct gate *gate, struct err *err);
	const char *shown;
} ways[] = {
    {ask_pending, SHOWS},
    {ask_claim, QUEUED},
    {ask_rekey, QUEUED},
};

/* How often the server was asked for `what`. */
static int times(const struct fake *fake, const char *what)
{
	size_t n;
	const char *at = fake_got(fake, &n), *end = at + n;
	int found = 0;

	while (
	    (at = memmem(at, (size_t)(end - at), what, strlen(what))) != NULL) {
		at += strlen(what);
		found++;
	}
	return found;
}

static void asked(struct fake *fake, struct gate *gate, int touches, int waits)
{
	gate_free(&gate);
	fake_finish(fake);
	ck_assert_int_eq(times(fake, "fg_touch"), touches);
	ck_assert_int_eq(times(fake, "WAITAOF"), waits);
	fake_stop(&fake);
}

/* Touched, and waited for, on the connection that showed it. */
START_TEST(test_waits)
{
	const struct fake_step steps[] = {GREET(), EXPECT(1),
	    SEND(ways[_i].shown), EXPECT(1), SEND(TOUCHED), EXPECT(1),
	    SEND(SYNCED), UNTIL_CLOSED()};
	struct fake *fake = START(steps);
	struct gate *gate = durable(fake, GATE_DURABLE_WAITAOF);

	ASSERT_DONE(ways[_i].ask);
	asked(fake, gate, 1, 1);
}
END_TEST

/* What the server is trusted with, or nobody asks for, costs nothing. */
START_TEST(test_free)
{
	static const enum gate_durable wants[] = {
	    GATE_DURABLE_ALWAYS, GATE_DURABLE_ACCEPT_LOSS};
	size_t way = (size_t)_i / 2;
	const struct fake_step steps[] = {
	    GREET(), EXPECT(1), SEND(ways[way].shown), UNTIL_CLOSED()};
	struct fake *fake = START(steps);
	struct gate *gate = durable(fake, wants[_i % 2]);

	ASSERT_DONE(ways[way].ask);
	asked(fake, gate, 0, 0);
}
END_TEST

/* Nor does it where nothing waits. */
START_TEST(test_nothing_shown)
{
	static const struct fake_step steps[] = {GREET(), EXPECT(1),
	    SEND(TOUCHED), EXPECT(1), SEND(TAKEN), UNTIL_CLOSED()};
	struct fake *fake = START(steps);
	struct gate *gate = durable(fake, GATE_DURABLE_WAITAOF);

	ASSERT_DONE(ask_pending); /* OK, and no entry */
	ASSERT_DONE(claim);
	asked(fake, gate, 0, 0);
}
END_TEST

/* At the touch, or after it. */
static const struct {
	const char *touch, *wait; /* NULL: it is not asked */
	const char *says;
} in_doubt[] = {
    {TOUCHED, NOT_SYNCED, "WAITAOF: not synced in time"},
    {TOUCHED, ABSENT, "a crash may lose it"},
    {TOUCHED, FILE_OFF, "appendonly is disabled"},
    {TOUCHED, ":1\r\n", "WAITAOF"},
    {"*1\r\n$6\r\nNOSALE\r\n", NULL, "does not know the sale"},
    {"-READONLY You can't write against a replica\r\n", NULL, "point [redis]"},
    {"-MISCONF Errors writing to the AOF file\r\n", NULL,
	"a crash may lose it"},
    {":1\r\n", NULL, "a crash may lose it"},
};

#define DOUBTS ARRAY_LEN(in_doubt)
START_TEST(test_doubt)
{
	size_t way = (size_t)_i / DOUBTS, doubt = (size_t)_i % DOUBTS;
	bool waits = in_doubt[doubt].wait != NULL;
	const struct fake_step steps[] = {GREET(), EXPECT(1),
	    SEND(ways[way].shown), EXPECT(1), SEND(in_doubt[doubt].touch),
	    waits ? EXPECT(1) : UNTIL_CLOSED(),
	    waits ? SEND(in_doubt[doubt].wait) : CLOSE(),
	    waits ? UNTIL_CLOSED() : CLOSE()};
	struct fake *fake = START(steps);
	struct gate *gate = durable(fake, GATE_DURABLE_WAITAOF);

	ASSERT_NOT(ways[way].ask, OUT_UNKNOWN, in_doubt[doubt].says);
	asked(fake, gate, 1, waits);
}
END_TEST

/* It dies when it has shown the order, and what comes back may not have it. */
START_TEST(test_another_run)
{
	const struct fake_step steps[] = {GREET(), EXPECT(1),
	    SEND(ways[_i].shown), EXPECT(1), CLOSE(), GREET(), EXPECT(1),
	    SEND(ways[_i].shown), EXPECT(1), SEND(TOUCHED), EXPECT(1),
	    SEND(SYNCED), UNTIL_CLOSED()};
	struct fake *fake = START(steps);
	struct gate *gate = durable(fake, GATE_DURABLE_WAITAOF);

	ASSERT_NOT(ways[_i].ask, OUT_UNKNOWN, "a crash may lose it");
	ASSERT_DONE(ways[_i].ask);
	asked(fake, gate, 1, 1);
}
END_TEST

/* The connection goes before the touch, and the next server says all is well: of
 * what it was not asked about. */
START_TEST(test_touched_elsewhere)
{
	static const struct fake_step steps[] = {GREET(), EXPECT(1),
	    SEND(TAKEN), CLOSE(), GREET(), EXPECT(1), SEND(TOUCHED), EXPECT(1),
	    SEND(SYNCED), UNTIL_CLOSED()};
	struct fake *fake = START(steps);
	struct gate *gate = durable(fake, GATE_DURABLE_WAITAOF);
	struct err err = ERR_INIT;

	ASSERT_DONE(claim);
	fake_reached(fake, 6);
	ck_assert_int_eq(gate_durable_seen(gate, deadline_in_ms(LONG_MS), &err),
	    OUT_UNKNOWN);
	ck_assert_ptr_nonnull(strstr(err.text, "another server"));
	asked(fake, gate, 1, 1);
}
END_TEST

/* Who asks again waits once; a later entry is waited for, and covers the earlier;
 * another connection may be another server's. */
START_TEST(test_once)
{
	static const struct fake_step steps[] = {GREET(), EXPECT(1),
	    SEND(SHOWS), EXPECT(1), SEND(TOUCHED), EXPECT(1), SEND(SYNCED),
	    EXPECT(1), SEND(SHOWS), EXPECT(1), SEND(SHOWS_9), EXPECT(1),
	    SEND(TOUCHED), EXPECT(1), SEND(NOT_SYNCED), EXPECT(1),
	    SEND(SHOWS_BOTH), EXPECT(1), SEND(TOUCHED), EXPECT(1), SEND(SYNCED),
	    EXPECT(1), SEND(SHOWS_BOTH), EXPECT(1), SEND(SHOWS_9), CLOSE(),
	    GREET(), EXPECT(1), SEND(SHOWS), EXPECT(1), SEND(TOUCHED),
	    EXPECT(1), SEND(SYNCED), UNTIL_CLOSED()};
	struct fake *fake = START(steps);
	struct gate *gate = durable(fake, GATE_DURABLE_WAITAOF);

	ASSERT_DONE(ask_pending);
	ASSERT_DONE(ask_pending);
	ASSERT_NOT(ask_pending, OUT_UNKNOWN, "not synced in time");
	for (int i = 0; i < 3; i++)
		ASSERT_DONE(ask_pending);
	fake_reached(fake, 28);
	ASSERT_DONE(ask_pending);
	asked(fake, gate, 1, 1);
}
END_TEST

/* What is synced in one generation's stream says nothing of the next one's. */
START_TEST(test_another_stream)
{
	static const struct fake_step steps[] = {GREET(), EXPECT(1),
	    SEND(SHOWS_9), EXPECT(1), SEND(TOUCHED), EXPECT(1), SEND(SYNCED),
	    EXPECT(1), SEND(SHOWS), EXPECT(1), SEND(TOUCHED), EXPECT(1),
	    SEND(NOT_SYNCED), UNTIL_CLOSED()};
	struct fake *fake = START(steps);
	struct gate *gate = durable(fake, GATE_DURABLE_WAITAOF);
	struct gate_port port = gate_port(gate);
	struct order orders[SALE_PER_CUSTOMER_MAX];
	struct customer who;
	struct err err = ERR_INIT;
	bool known;
	size_t n;

	ck_assert(customer_parse(STRV("c"), &who));
	ASSERT_DONE(ask_pending);
	ck_assert_int_eq(
	    port.pending(port.ctx, (struct gate_ref){ref.sale, ref.epoch + 1},
		&who, deadline_in_ms(LONG_MS), orders, ARRAY_LEN(orders), &n,
		&known, &err),
	    OUT_UNKNOWN);
	asked(fake, gate, 2, 2);
}
END_TEST

TESTS_MAIN("gate-hearsay", UNIT_TABLE("waits", test_waits, ARRAY_LEN(ways)),
    UNIT_TABLE("free", test_free, 2 * ARRAY_LEN(ways)),
    UNIT("nothing-shown", test_nothing_shown),
    UNIT_TABLE("doubt", test_doubt, ARRAY_LEN(ways) * DOUBTS),
    UNIT_TABLE("another-run", test_another_run, ARRAY_LEN(ways)),
    UNIT("touched-elsewhere", test_touched_elsewhere), UNIT("once", test_once),
    UNIT("another-stream", test_another_stream))
