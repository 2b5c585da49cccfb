/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger: accepted orders become rows, all of a batch or none.
 */
#include "config.h"

#include "it.h"

#include <stdio.h>

#define WHOLE SETTLE_BATCH

static MYSQL *root;
static struct ledger *ledger;
static struct ledger_port port;
static struct sale sale;
static struct order orders[WHOLE];

static void begin(void)
{
	root = it_root();
	ledger = it_ledger_with(
	    (struct it_conf){.user = "fg_keeper", .password = "change-me-2"});
	port = ledger_port(ledger);
	sale = it_sale(root);
	it_orders(&sale, orders, WHOLE);
}

static void end(void)
{
	ledger_free(&ledger);
	mysql_close(root);
}

static void batch_is(enum ledger_record want, size_t n)
{
	enum ledger_record answer = it_batch(ledger, &sale, orders, n);

	ck_assert_msg(answer == want, "%d, not %d: %s", answer, want, why.text);
}

static void rows_are(int64_t want)
{
	ck_assert_int_eq(it_rows(root, &sale), want);
}

static void same_order(const struct order *a, const struct order *b)
{
	ck_assert(claim_eq(&a->claim, &b->claim));
	ck_assert_uint_eq(a->sale.v, b->sale.v);
	ck_assert_uint_eq(a->epoch, b->epoch);
	ck_assert_int_eq(a->status, b->status);
	ck_assert_uint_eq(a->unit, b->unit);
	ck_assert_uint_eq(a->slot, b->slot);
	ck_assert(customer_eq(&a->customer, &b->customer));
	ck_assert_mem_eq(a->payload_hash, b->payload_hash, PAYLOAD_HASH_BYTES);
	ck_assert_str_eq(a->ref, b->ref);
	ck_assert_int_eq(a->created.us, b->created.us);
}

/* Another face for each order of each round: as short, or as long, as it may
 * be; no reference, or one of any bytes. */
static void dress(struct order *order, size_t i, size_t round)
{
	bool is_long = (i + round) % 2 == 1;
	char face[48];

	snprintf(face, sizeof(face), "%zu.%zu", round, i);
	memset(order->customer.text, 'x', CUSTOMER_MAX);
	order->customer.n = (uint8_t)strlen(face);
	memcpy(order->customer.text, face, order->customer.n);
	if (is_long) {
		order->customer.n = CUSTOMER_MAX;
		memset(order->ref, 0xc3 + (int)(i % 7), ORDER_REF_MAX);
		memcpy(order->payload_hash, "\x00\xff';\"\x80\\?", 8);
	}
	order->slot = 1 + (uint32_t)(i % 2);
}

/*
 * One connection, and so one statement after the other with values of other
 * lengths: what a server makes of a parameter's type must not depend on the
 * values that it saw first.  The sizes lie around the prepared ones.
 */
START_TEST(test_batch_is_read_back_whole)
{
	static const size_t sizes[] = {
	    1, 2, 3, 4, 5, 15, 16, 17, 33, 63, 64, 64, 1};
	struct claim_id ids[WHOLE];
	struct order got[WHOLE];
	size_t found;

	begin();
	for (size_t round = 0; round < ARRAY_LEN(sizes); round++) {
		size_t n = sizes[round];

		sale = it_sale(root);
		it_orders(&sale, orders, n);
		for (size_t i = 0; i < n; i++) {
			dress(&orders[i], i, round);
			ids[i] = orders[i].claim;
		}
		batch_is(LEDGER_RECORDED, n);
		rows_are((int64_t)n);
		ck_done(port.find(port.ctx, ids, n, SOON, got, &found, &why));
		ck_assert_uint_eq(found, n);
		for (size_t i = 0; i < n; i++)
			same_order(&got[i], &orders[got[i].unit - 1]);
	}
	end();
}
END_TEST

/* ---- the guard ----------------------------------------------------------- */

static const struct guard_case {
	const char *why;
	const char *set; /* of the sale, before */
	enum ledger_record answer;
	uint32_t unit, slot; /* of the order in the middle; 0: as it is */
	uint32_t epoch; /* of the batch */
} guards[] = {
    {"open", "epoch = 1", LEDGER_RECORDED, 0, 0, 1},
    {"paused: what was accepted is written", "state = 'paused'",
	LEDGER_RECORDED, 0, 0, 1},
    {"closed: the same", "state = 'closed'", LEDGER_RECORDED, 0, 0, 1},
    {"over by the clock: the same",
	"closes = UTC_TIMESTAMP(6) - INTERVAL 1 HOUR", LEDGER_RECORDED, 0, 0,
	1},
    {"direct by now: the same", "mode = 'direct'", LEDGER_RECORDED, 0, 0, 1},
    {"a draft", "state = 'draft'", LEDGER_FENCED, 0, 0, 1},
    {"rebuilding", "state = 'rebuild'", LEDGER_FENCED, 0, 0, 1},
    {"an older epoch", "epoch = 2", LEDGER_FENCED, 0, 0, 1},
    {"a later epoch", "epoch = 1", LEDGER_FENCED, 0, 0, 2},
    {"the last unit", "epoch = 1", LEDGER_RECORDED, 100, 0, 1},
    {"a unit above the stock", "epoch = 1", LEDGER_FENCED, 101, 0, 1},
    {"a unit above a stock that shrank", "stock = 4", LEDGER_FENCED, 0, 0, 1},
    {"the largest unit", "epoch = 1", LEDGER_FENCED, UINT32_MAX, 0, 1},
    {"the last slot", "epoch = 1", LEDGER_RECORDED, 0, 2, 1},
    {"a slot above the limit", "epoch = 1", LEDGER_FENCED, 0, 3, 1},
    {"slot 257: no wrap-around", "epoch = 1", LEDGER_FENCED, 0, 257, 1},
    {"a slot above a limit that shrank", "per_customer = 1", LEDGER_FENCED, 0,
	2, 1},
};

START_TEST(test_batch_guard)
{
	const struct guard_case *c = &guards[_i];

	begin();
	it_sql(root, "UPDATE sales SET %s WHERE id = %u", c->set, sale.id.v);
	sale.epoch = c->epoch;
	orders[2].unit = c->unit != 0 ? c->unit : orders[2].unit;
	orders[2].slot = c->slot != 0 ? c->slot : orders[2].slot;
	batch_is(c->answer, 5);
	rows_are(c->answer == LEDGER_RECORDED ? 5 : 0);
	end();
}
END_TEST

START_TEST(test_batch_of_no_sale)
{
	begin();
	sale.id.v = UINT32_MAX;
	batch_is(LEDGER_FENCED, 64);
	rows_are(0);
	end();
}
END_TEST

/* ---- one row is in the way ------------------------------------------------ */

enum in_the_way {
	OWN_SOLD,
	OWN_VOID,
	UNIT,
	SLOT,
	TWICE,
	IN_THE_WAY_COUNT
};

/* Row 40 of 64: of the 39 that went in before it nothing stays. */
START_TEST(test_batch_clash_takes_all_back)
{
	struct order there;

	begin();
	there = orders[39];
	if (_i == UNIT || _i == SLOT)
		there.claim = it_order(&sale, 0, "").claim;
	if (_i == UNIT)
		there.customer = it_order(&sale, 0, "zoe").customer;
	if (_i == SLOT)
		there.unit = 99;
	if (_i == TWICE)
		orders[39].claim = orders[7].claim;
	else if (_i == OWN_VOID)
		it_void(ledger, &there, 1);
	else
		ck_assert_int_eq(it_record(ledger, &there), LEDGER_RECORDED);
	batch_is(LEDGER_CLASH, 64);
	rows_are(_i != TWICE);
	/* The others are none the worse for it. */
	orders[39] = orders[63];
	batch_is(LEDGER_RECORDED, 63);
	rows_are(63 + (_i != TWICE));
	end();
}
END_TEST

/* The whole batch a second time, as after an answer that was lost. */
START_TEST(test_batch_again_clashes)
{
	begin();
	batch_is(LEDGER_RECORDED, 64);
	batch_is(LEDGER_CLASH, 64);
	batch_is(LEDGER_CLASH, 1);
	rows_are(64);
	end();
}
END_TEST

/* ---- poison: a row that says what no row may -------------------------------- */

static void no_customer(struct order *order)
{
	order->customer.n = 0;
}

static void no_unit(struct order *order)
{
	order->unit = 0;
}

static void no_slot(struct order *order)
{
	order->slot = 0;
}

static void no_time(struct order *order)
{
	order->created.us = 0;
}

static void a_time_far_off(struct order *order)
{
	/* The year 148,022; cut to 16 bits it would be 16,950. */
	order->created.us = INT64_C(4609434218613702656);
}

static void a_time_before_all(struct order *order)
{
	order->created.us = INT64_MIN;
}

/* The first and the last moment that MySQL knows. */
#define YEAR_1    (-62135596800 * US_PER_S)
#define YEAR_9999 (253402300800 * US_PER_S - 1)

static void the_year_10000(struct order *order)
{
	order->created.us = YEAR_9999 + 1;
}

static const struct poison_case {
	void (*spoil)(struct order *order);
	const char *says;
} poisons[] = {
    {no_customer, "CHECK"},
    {no_unit, "CHECK"},
    {no_slot, "CHECK"},
    {no_time, "missing"},
    {a_time_far_off, "no time that MySQL knows"},
    {a_time_before_all, "no time that MySQL knows"},
    {the_year_10000, "no time that MySQL knows"},
};

START_TEST(test_batch_refuses_poison)
{
	const struct poison_case *c = &poisons[_i];
	static const size_t sizes[] = {64, 1};

	begin();
	c->spoil(&orders[0]);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		why = (struct err)ERR_INIT;
		batch_is(LEDGER_REFUSED, sizes[i]);
		ck_assert_msg(
		    strstr(why.text, c->says) != NULL, "%s", why.text);
		rows_are(0);
	}
	/* Neither the connection nor the others suffer. */
	orders[0] = orders[63];
	batch_is(LEDGER_RECORDED, 63);
	end();
}
END_TEST

START_TEST(test_batch_takes_any_time_there_is)
{
	static const int64_t times[] = {YEAR_1, -1, 1, YEAR_9999};
	struct order got;

	begin();
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		struct order *order = &orders[i];

		order->created.us = times[i];
		ck_assert_int_eq(
		    it_batch(ledger, &sale, order, 1), LEDGER_RECORDED);
		ck_assert(it_find(ledger, &order->claim, &got));
		ck_assert_int_eq(got.created.us, times[i]);
	}
	end();
}
END_TEST

/* A column that somebody has made narrower: the longest text does not fit, and
 * is not cut. */
START_TEST(test_batch_never_cuts)
{
	struct ledger *narrow = it_ledger_with((struct it_conf){
	    .user = "root", .password = "", .database = "narrow"});

	begin();
	it_sql(root, "CREATE DATABASE narrow");
	it_sql(root, "CREATE TABLE narrow.sales LIKE sales");
	it_sql(root, "CREATE TABLE narrow.orders LIKE orders");
	it_sql(root, "INSERT INTO narrow.sales SELECT * FROM sales");
	it_sql(root, "ALTER TABLE narrow.orders MODIFY ref VARBINARY(63)");
	memset(orders[5].ref, 'r', ORDER_REF_MAX);
	ck_assert_int_eq(it_batch(narrow, &sale, orders, 64), LEDGER_REFUSED);
	ck_assert_msg(strstr(why.text, "1406") != NULL, "%s", why.text);
	orders[5].ref[63] = '\0';
	ck_assert_int_eq(it_batch(narrow, &sale, orders, 64), LEDGER_RECORDED);
	it_sql(root, "DROP DATABASE narrow");
	ledger_free(&narrow);
	end();
}
END_TEST

IT_PART(part_batch, UNIT("batch-whole", test_batch_is_read_back_whole),
    UNIT_TABLE("batch-guard", test_batch_guard, ARRAY_LEN(guards)),
    UNIT("batch-no-sale", test_batch_of_no_sale),
    UNIT_TABLE(
	"batch-clash", test_batch_clash_takes_all_back, IN_THE_WAY_COUNT),
    UNIT("batch-again", test_batch_again_clashes),
    UNIT_TABLE("batch-poison", test_batch_refuses_poison, ARRAY_LEN(poisons)),
    UNIT("batch-times", test_batch_takes_any_time_there_is),
    UNIT("batch-cuts", test_batch_never_cuts))
