/* SPDX-License-Identifier: Apache-2.0 */
/* ledger: what each function of the port does when nobody else is at work. */
#include "config.h"

#include "it.h"

#include <stdio.h>

static MYSQL *root;
static struct ledger *ledger;
static struct ledger_port port;
static struct sale sale;

static void begin(void)
{
	root = it_root();
	ledger = it_ledger();
	port = ledger_port(ledger);
	sale = it_sale(root);
}

static void end(void)
{
	ledger_free(&ledger);
	mysql_close(root);
}

static int64_t rows(void)
{
	return it_number(
	    root, "SELECT COUNT(*) FROM orders WHERE sale_id = %u", sale.id.v);
}

START_TEST(test_recorded_order_is_read_back_whole)
{
	struct order order, got;
	struct wall now;
	bool found;

	begin();
	order = it_order(&sale, 7, "alice@example.org");
	order.slot = 2;
	memcpy(order.payload_hash, "\x00\xff\x01\x80'\";-", PAYLOAD_HASH_BYTES);
	strcpy(order.ref, "shop'; DROP TABLE orders; -- 4711");
	ck_done(port.ready(port.ctx, SOON, &why));
	ck_assert_int_eq(it_record(ledger, &order), LEDGER_RECORDED);
	ck_assert(it_find(ledger, &order.claim, &got));
	ck_assert(claim_eq(&got.claim, &order.claim));
	ck_assert_uint_eq(got.sale.v, sale.id.v);
	ck_assert_uint_eq(got.epoch, 1);
	ck_assert_int_eq(got.status, ORDER_SOLD);
	ck_assert_uint_eq(got.unit, 7);
	ck_assert_uint_eq(got.slot, 2);
	ck_assert(customer_eq(&got.customer, &order.customer));
	ck_assert_mem_eq(
	    got.payload_hash, order.payload_hash, PAYLOAD_HASH_BYTES);
	ck_assert_str_eq(got.ref, order.ref);
	ck_done(port.sale(port.ctx, sale.id, SOON, &sale, &found, &now, &why));
	ck_assert_int_ge(now.us, got.created.us);
	ck_assert_int_lt(now.us - got.created.us, 60 * US_PER_S);
	end();
}
END_TEST

/* ---- the guard ----------------------------------------------------------- */

static const struct guard_case {
	const char *why;
	const char *set; /* of the sale, before */
	uint32_t epoch, unit, slot;
	enum ledger_record answer;
} guards[] = {
    {"first unit and slot", "epoch = 1", 1, 1, 1, LEDGER_RECORDED},
    {"last unit and slot", "epoch = 1", 1, 100, 2, LEDGER_RECORDED},
    {"an older epoch", "epoch = 2", 1, 1, 1, LEDGER_FENCED},
    {"a later epoch", "epoch = 1", 2, 1, 1, LEDGER_FENCED},
    {"a draft", "state = 'draft'", 1, 1, 1, LEDGER_FENCED},
    {"paused", "state = 'paused'", 1, 1, 1, LEDGER_FENCED},
    {"rebuilding", "state = 'rebuild'", 1, 1, 1, LEDGER_FENCED},
    {"closed", "state = 'closed'", 1, 1, 1, LEDGER_FENCED},
    {"unit 0", "epoch = 1", 1, 0, 1, LEDGER_FENCED},
    {"a unit above the stock", "epoch = 1", 1, 101, 1, LEDGER_FENCED},
    {"a unit above a stock that shrank", "stock = 99", 1, 100, 1,
	LEDGER_FENCED},
    {"the largest unit", "epoch = 1", 1, UINT32_MAX, 1, LEDGER_FENCED},
    {"slot 0", "epoch = 1", 1, 1, 0, LEDGER_FENCED},
    {"a slot above the limit", "epoch = 1", 1, 1, 3, LEDGER_FENCED},
    {"slot 256: no wrap-around", "epoch = 1", 1, 1, 257, LEDGER_FENCED},
    {"opened a moment ago", "opens = UTC_TIMESTAMP(6)", 1, 1, 1,
	LEDGER_RECORDED},
    {"opens in an hour", "opens = UTC_TIMESTAMP(6) + INTERVAL 1 HOUR", 1, 1, 1,
	LEDGER_FENCED},
    {"closes in an hour", "closes = UTC_TIMESTAMP(6) + INTERVAL 1 HOUR", 1, 1,
	1, LEDGER_RECORDED},
    {"closes now: exclusive", "closes = UTC_TIMESTAMP(6)", 1, 1, 1,
	LEDGER_FENCED},
    {"inside its window",
	"opens = UTC_TIMESTAMP(6) - INTERVAL 1 HOUR, "
	"closes = UTC_TIMESTAMP(6) + INTERVAL 1 HOUR",
	1, 1, 1, LEDGER_RECORDED},
};

START_TEST(test_guard)
{
	const struct guard_case *c = &guards[_i];
	struct order order, got;

	begin();
	it_sql(root, "UPDATE sales SET %s WHERE id = %u", c->set, sale.id.v);
	order = it_order(&sale, c->unit, "alice");
	order.epoch = c->epoch;
	order.slot = c->slot;
	ck_assert_msg(it_record(ledger, &order) == c->answer, "%s", c->why);
	ck_assert_msg(it_find(ledger, &order.claim, &got) ==
			  (c->answer == LEDGER_RECORDED),
	    "%s", c->why);
	end();
}
END_TEST

START_TEST(test_unknown_sale_is_fenced)
{
	struct order order;

	begin();
	order = it_order(&sale, 1, "alice");
	order.sale.v = UINT32_MAX;
	ck_assert_int_eq(it_record(ledger, &order), LEDGER_FENCED);
	end();
}
END_TEST

/* ---- the keys ------------------------------------------------------------ */

START_TEST(test_clash_by_claim)
{
	struct order first, again, got;

	begin();
	first = it_order(&sale, 1, "alice");
	ck_assert_int_eq(it_record(ledger, &first), LEDGER_RECORDED);
	ck_assert_int_eq(it_record(ledger, &first), LEDGER_CLASH);
	again = first;
	again.unit = 2;
	again.slot = 2;
	ck_assert_int_eq(it_record(ledger, &again), LEDGER_CLASH);
	ck_assert(it_find(ledger, &first.claim, &got));
	ck_assert_uint_eq(got.unit, 1);
	ck_assert_int_eq(rows(), 1);
	end();
}
END_TEST

START_TEST(test_clash_by_unit)
{
	struct order alice, bob, got;
	bool found;

	begin();
	alice = it_order(&sale, 1, "alice");
	bob = it_order(&sale, 1, "bob");
	ck_assert_int_eq(it_record(ledger, &alice), LEDGER_RECORDED);
	ck_assert_int_eq(it_record(ledger, &bob), LEDGER_CLASH);
	ck_assert(!it_find(ledger, &bob.claim, &got));
	ck_done(port.find_unit(port.ctx, sale.id, 1, SOON, &got, &found, &why));
	ck_assert(found);
	ck_assert(claim_eq(&got.claim, &alice.claim));
	ck_done(port.find_unit(port.ctx, sale.id, 2, SOON, &got, &found, &why));
	ck_assert(!found);
	end();
}
END_TEST

START_TEST(test_clash_by_slot)
{
	struct order first, second, third;

	begin();
	first = it_order(&sale, 1, "alice");
	second = it_order(&sale, 2, "alice");
	third = it_order(&sale, 3, "alice");
	ck_assert_int_eq(it_record(ledger, &first), LEDGER_RECORDED);
	ck_assert_int_eq(it_record(ledger, &second), LEDGER_CLASH);
	second.slot = 2;
	ck_assert_int_eq(it_record(ledger, &second), LEDGER_RECORDED);
	third.slot = 2;
	ck_assert_int_eq(it_record(ledger, &third), LEDGER_CLASH);
	end();
}
END_TEST

/* Two sales have nothing to do with each other. */
START_TEST(test_keys_are_per_sale)
{
	struct order here, there;
	struct sale other;

	begin();
	other = it_sale(root);
	here = it_order(&sale, 1, "alice");
	there = it_order(&other, 1, "alice");
	ck_assert_int_eq(it_record(ledger, &here), LEDGER_RECORDED);
	ck_assert_int_eq(it_record(ledger, &there), LEDGER_RECORDED);
	end();
}
END_TEST

/* The gate compares bytes, and so does the ledger: nobody shares a limit. */
START_TEST(test_customers_are_bytes)
{
	static const char *const names[] = {
	    "alice", "ALICE", "alice ", "alic\xc3\xa9", "alic\xc3\x89"};
	struct customer who = {5, "alice"};
	struct order order, got[4];
	size_t n;

	begin();
	for (uint32_t i = 0; i < ARRAY_LEN(names); i++) {
		order = it_order(&sale, i + 1, names[i]);
		ck_assert_msg(it_record(ledger, &order) == LEDGER_RECORDED,
		    "\"%s\"", names[i]);
	}
	ck_done(port.find_customer(
	    port.ctx, sale.id, &who, SOON, got, ARRAY_LEN(got), &n, &why));
	ck_assert_uint_eq(n, 1);
	ck_assert_uint_eq(got[0].unit, 1);
	end();
}
END_TEST

/* ---- void ---------------------------------------------------------------- */

START_TEST(test_void_then_sold_clashes)
{
	struct order claim, got;

	begin();
	claim = it_order(&sale, 1, "alice");
	it_void(ledger, &claim, 1);
	ck_assert(it_find(ledger, &claim.claim, &got));
	ck_assert_int_eq(got.status, ORDER_VOID);
	ck_assert_uint_eq(got.unit, 0);
	ck_assert_uint_eq(got.slot, 0);
	ck_assert_uint_eq(got.epoch, 1);
	ck_assert(customer_eq(&got.customer, &claim.customer));
	ck_assert_int_eq(it_record(ledger, &claim), LEDGER_CLASH);
	it_void(ledger, &claim, 1);
	ck_assert_int_eq(rows(), 1);
	end();
}
END_TEST

START_TEST(test_sold_then_void_stays_sold)
{
	struct order claim, got;

	begin();
	claim = it_order(&sale, 1, "alice");
	ck_assert_int_eq(it_record(ledger, &claim), LEDGER_RECORDED);
	it_void(ledger, &claim, 1);
	ck_assert(it_find(ledger, &claim.claim, &got));
	ck_assert_int_eq(got.status, ORDER_SOLD);
	ck_assert_uint_eq(got.unit, 1);
	end();
}
END_TEST

/* A void row occupies neither the unit nor the slot it gave up. */
START_TEST(test_void_occupies_nothing)
{
	struct order given_up, unknown, taken, got[2];
	struct customer who;
	size_t n;

	begin();
	given_up = it_order(&sale, 1, "alice");
	unknown = it_order(&sale, 1, "");
	it_void(ledger, &given_up, 1);
	it_void(ledger, &unknown, 1);
	ck_assert(it_find(ledger, &unknown.claim, &got[0]));
	ck_assert_uint_eq(got[0].customer.n, 0);
	taken = it_order(&sale, 1, "alice");
	ck_assert_int_eq(it_record(ledger, &taken), LEDGER_RECORDED);
	who = taken.customer;
	ck_done(port.find_customer(
	    port.ctx, sale.id, &who, SOON, got, ARRAY_LEN(got), &n, &why));
	ck_assert_uint_eq(n, 1);
	ck_assert(claim_eq(&got[0].claim, &taken.claim));
	end();
}
END_TEST

/* Every size that a batch may have around the prepared ones; each third claim
 * was sold before. */
START_TEST(test_batches)
{
	static const size_t sizes[] = {0, 1, 2, 9, 10, 11, 99, 100};
	struct order claims[100], got[100];
	struct claim_id ids[100];
	size_t n = sizes[_i], found = 7, sold = 0;

	begin();
	for (size_t i = 0; i < n; i++) {
		char who[32];

		snprintf(who, sizeof(who), "c%zu", i);
		claims[i] = it_order(&sale, (uint32_t)i + 1, who);
		ids[i] = claims[i].claim;
		if (i % 3 == 0)
			ck_assert_int_eq(
			    it_record(ledger, &claims[i]), LEDGER_RECORDED);
	}
	it_void(ledger, claims, n);
	ck_assert_int_eq(rows(), (int64_t)n);
	ck_done(port.find(port.ctx, ids, n, SOON, got, &found, &why));
	ck_assert_uint_eq(found, n);
	for (size_t i = 0; i < n; i++)
		sold += got[i].status == ORDER_SOLD;
	ck_assert_uint_eq(sold, (n + 2) / 3);
	end();
}
END_TEST

START_TEST(test_find_says_only_what_is_there)
{
	struct order a, b, got[3];
	struct claim_id ids[3] = {0};
	size_t found;

	begin();
	a = it_order(&sale, 1, "alice");
	b = it_order(&sale, 2, "bob");
	ck_assert_int_eq(it_record(ledger, &b), LEDGER_RECORDED);
	ids[0] = a.claim;
	ids[1] = b.claim;
	ids[2] = b.claim;
	ck_done(port.find(port.ctx, ids, 3, SOON, got, &found, &why));
	ck_assert_uint_eq(found, 1);
	ck_assert(claim_eq(&got[0].claim, &b.claim));
	end();
}
END_TEST

/* ---- reading ranges ------------------------------------------------------ */

START_TEST(test_customer_orders_by_slot)
{
	struct order order, got[4];
	struct customer who;
	size_t n;

	begin();
	order = it_order(&sale, 9, "alice");
	who = order.customer;
	order.slot = 2;
	ck_assert_int_eq(it_record(ledger, &order), LEDGER_RECORDED);
	order = it_order(&sale, 8, "alice");
	ck_assert_int_eq(it_record(ledger, &order), LEDGER_RECORDED);
	ck_done(port.find_customer(
	    port.ctx, sale.id, &who, SOON, got, ARRAY_LEN(got), &n, &why));
	ck_assert_uint_eq(n, 2);
	ck_assert_uint_eq(got[0].unit, 8);
	ck_assert_uint_eq(got[1].unit, 9);
	ck_done(port.find_customer(
	    port.ctx, sale.id, &who, SOON, got, 1, &n, &why));
	ck_assert_uint_eq(n, 1);
	end();
}
END_TEST

START_TEST(test_sold_units_page_by_page)
{
	struct order order, got[4];
	uint32_t after = 0, seen = 0;
	size_t n;

	begin();
	for (uint32_t unit = 100; unit > 90; unit--) {
		char who[16];

		snprintf(who, sizeof(who), "c%u", unit);
		order = it_order(&sale, unit, who);
		if (unit % 2 == 0)
			ck_assert_int_eq(
			    it_record(ledger, &order), LEDGER_RECORDED);
		else
			it_void(ledger, &order, 1);
	}
	do {
		ck_done(port.sold_after(port.ctx, sale.id, after, SOON, got,
		    ARRAY_LEN(got), &n, &why));
		for (size_t i = 0; i < n; i++, seen++) {
			ck_assert_uint_eq(got[i].unit, 92 + 2 * seen);
			ck_assert_int_eq(got[i].status, ORDER_SOLD);
			after = got[i].unit;
		}
	} while (n == ARRAY_LEN(got));
	ck_assert_uint_eq(seen, 5);
	end();
}
END_TEST

/* ---- sales --------------------------------------------------------------- */

START_TEST(test_sale_is_read_whole)
{
	struct sale got;
	struct wall now, opens, closes;
	bool found;

	begin();
	ck_assert(wall_parse("2026-11-22T20:00:00.123456Z", &opens));
	ck_assert(wall_parse("2038-02-01T00:00:00Z", &closes));
	it_sql(root,
	    "UPDATE sales SET title = '\xe2\x82\xac 1 \xf0\x9f\x91\x9f', "
	    "opens = '2026-11-22 20:00:00.123456', closes = '2038-02-01', "
	    "mode = 'sweep', price_minor = 9007199254740993, currency = 'JPY', "
	    "claim_key = CONCAT(X'00FF', REPEAT('x', 30)) WHERE id = %u",
	    sale.id.v);
	ck_done(port.sale(port.ctx, sale.id, SOON, &got, &found, &now, &why));
	ck_assert(found);
	ck_assert_uint_eq(got.id.v, sale.id.v);
	ck_assert_str_eq(got.slug, sale.slug);
	ck_assert_str_eq(got.title, "\xe2\x82\xac 1 \xf0\x9f\x91\x9f");
	ck_assert_int_eq(got.price.minor, 9007199254740993);
	ck_assert_str_eq(got.price.currency, "JPY");
	ck_assert_uint_eq(got.stock, 100);
	ck_assert_uint_eq(got.per_customer, 2);
	ck_assert_int_eq(got.opens.us, opens.us);
	ck_assert_int_eq(got.closes.us, closes.us);
	ck_assert_int_eq(got.mode, SALE_MODE_SWEEP);
	ck_assert_int_eq(got.state, SALE_STATE_OPEN);
	ck_assert_uint_eq(got.epoch, 1);
	ck_assert_uint_eq(got.claim_key[0], 0);
	ck_assert_uint_eq(got.claim_key[1], 0xff);
	ck_assert_uint_eq(got.claim_key[31], 'x');
	end();
}
END_TEST

/* The clock comes back without a sale, and is the server's. */
START_TEST(test_no_sale_but_the_clock)
{
	struct sale got;
	struct wall now = {0};
	int64_t off;
	bool found = true;

	begin();
	ck_done(port.sale(port.ctx, (struct sale_id){UINT32_MAX}, SOON, &got,
	    &found, &now, &why));
	ck_assert(!found);
	off = wall_now().us - now.us;
	ck_assert_int_ge(off, 0);
	ck_assert_int_lt(off, 60 * US_PER_S);
	end();
}
END_TEST

START_TEST(test_sales_newest_first_no_drafts)
{
	struct sale got[2], draft, newest;
	struct wall now = {0};
	size_t n;

	begin();
	newest = it_sale(root);
	draft = it_sale(root);
	it_sql(
	    root, "UPDATE sales SET state = 'draft' WHERE id = %u", draft.id.v);
	ck_done(port.sales(port.ctx, SOON, got, 2, &n, &now, &why));
	ck_assert_uint_eq(n, 2);
	ck_assert_uint_eq(got[0].id.v, newest.id.v);
	ck_assert_uint_eq(got[1].id.v, sale.id.v);
	ck_assert_int_gt(now.us, 0);
	end();
}
END_TEST

/* ---- parts --------------------------------------------------------------- */

IT_PART(part_port, UNIT("record-find", test_recorded_order_is_read_back_whole),
    UNIT_TABLE("guard", test_guard, ARRAY_LEN(guards)),
    UNIT("no-sale", test_unknown_sale_is_fenced),
    UNIT("clash-claim", test_clash_by_claim),
    UNIT("clash-unit", test_clash_by_unit),
    UNIT("clash-slot", test_clash_by_slot),
    UNIT("per-sale", test_keys_are_per_sale),
    UNIT("customer-bytes", test_customers_are_bytes),
    UNIT("void-sold", test_void_then_sold_clashes),
    UNIT("sold-void", test_sold_then_void_stays_sold),
    UNIT("void-empty", test_void_occupies_nothing),
    UNIT_TABLE("batches", test_batches, 8),
    UNIT("find", test_find_says_only_what_is_there),
    UNIT("customer", test_customer_orders_by_slot),
    UNIT("sold-after", test_sold_units_page_by_page),
    UNIT("sale", test_sale_is_read_whole),
    UNIT("clock", test_no_sale_but_the_clock),
    UNIT("sales", test_sales_newest_first_no_drafts))
