/* SPDX-License-Identifier: Apache-2.0 */
/* ledger: the operator's hand, and what the schema itself refuses. */
#include "config.h"

#include "it.h"

#include <stdio.h>
#include <unistd.h>

static MYSQL *root;
static struct ledger *admin;
static struct wall now;

static void begin(void)
{
	root = it_root();
	admin = it_admin();
}

static void end(void)
{
	ledger_free(&admin);
	mysql_close(root);
}

/* What flashgatectl would make, with a slug that no other test has. */
static struct sale draft(void)
{
	static unsigned made;
	struct sale sale = {
	    .title = "Schuhe \xf0\x9f\x91\x9f",
	    .price = {12900, "EUR"},
	    .stock = 100,
	    .per_customer = 2,
	    .mode = SALE_MODE_QUEUE,
	    .state = SALE_STATE_CLOSED,
	    .epoch = 9,
	};

	snprintf(sale.slug, sizeof(sale.slug), "a%d-%u", (int)getpid(), ++made);
	return sale;
}

static int64_t audits(struct sale_id id, const char *what)
{
	return it_number(root,
	    "SELECT COUNT(*) FROM audit WHERE sale_id = %u AND what = '%s' "
	    "AND actor = 'anna'",
	    id.v, what);
}

START_TEST(test_create_and_find)
{
	struct sale sale = draft(), got;
	bool found;

	begin();
	ck_assert(wall_parse("2026-11-22T20:00:00.000001Z", &sale.opens));
	ck_assert(wall_parse("2026-11-22T21:00:00Z", &sale.closes));
	ck_done(ledger_sale_create(admin, &sale, "anna", &why));
	ck_assert_uint_ne(sale.id.v, 0);
	ck_assert_int_eq(sale.state, SALE_STATE_DRAFT);
	ck_assert_uint_eq(sale.epoch, 0);
	ck_done(ledger_sale_find(
	    admin, strv_c(sale.slug), &got, &found, &now, &why));
	ck_assert(found);
	ck_assert_mem_eq(&got.id, &sale.id, sizeof(got.id));
	ck_assert_str_eq(got.title, sale.title);
	ck_assert_int_eq(got.price.minor, 12900);
	ck_assert_int_eq(got.opens.us, sale.opens.us);
	ck_assert_int_eq(got.closes.us, sale.closes.us);
	ck_assert_int_eq(got.mode, SALE_MODE_QUEUE);
	ck_assert_int_eq(got.state, SALE_STATE_DRAFT);
	ck_assert_mem_eq(got.claim_key, sale.claim_key, SALE_KEY_BYTES);
	ck_assert_int_eq(audits(sale.id, "create"), 1);
	end();
}
END_TEST

START_TEST(test_keys_are_random)
{
	static const uint8_t zeros[SALE_KEY_BYTES];
	struct sale a = draft(), b = draft();

	begin();
	ck_done(ledger_sale_create(admin, &a, "anna", &why));
	ck_done(ledger_sale_create(admin, &b, "anna", &why));
	ck_assert_mem_ne(a.claim_key, b.claim_key, SALE_KEY_BYTES);
	ck_assert_mem_ne(a.claim_key, zeros, SALE_KEY_BYTES);
	end();
}
END_TEST

/* A slug that is taken leaves nothing behind, and says which. */
START_TEST(test_slug_is_taken_once)
{
	struct sale sale = draft(), again;
	int64_t before;

	begin();
	ck_done(ledger_sale_create(admin, &sale, "anna", &why));
	again = sale;
	again.id.v = 0;
	before = it_number(root, "SELECT COUNT(*) FROM audit");
	ck_refused(OUT_NOT_DONE, sale.slug,
	    ledger_sale_create(admin, &again, "anna", &why));
	ck_assert_uint_eq(again.id.v, 0);
	ck_assert_int_eq(it_number(root, "SELECT COUNT(*) FROM audit"), before);
	ck_assert_int_eq(audits(sale.id, "create"), 1);
	end();
}
END_TEST

START_TEST(test_no_such_slug)
{
	struct sale got;
	bool found = true;

	begin();
	ck_done(ledger_sale_find(
	    admin, STRV("no-such' OR '1'='1"), &got, &found, &now, &why));
	ck_assert(!found);
	ck_assert_int_gt(now.us, 0);
	end();
}
END_TEST

START_TEST(test_create_refuses)
{
	static const char *const pieces[] = {"slug", "title", "price",
	    "currency", "stock", "stock", "limit", "limit", "closes", "title"};
	struct sale sale = draft();

	begin();
	switch (_i) {
	case 0:
		strcpy(sale.slug, "Not A Slug");
		break;
	case 1:
		sale.title[0] = '\0';
		break;
	case 2:
		sale.price.minor = -1;
		break;
	case 3:
		memcpy(sale.price.currency, "eur", 4);
		break;
	case 4:
		sale.stock = 0;
		break;
	case 5:
		sale.stock = SALE_STOCK_MAX + 1;
		break;
	case 6:
		sale.per_customer = 0;
		break;
	case 7:
		sale.per_customer = SALE_PER_CUSTOMER_MAX + 1;
		break;
	case 8:
		sale.opens.us = sale.closes.us = US_PER_S;
		break;
	default:
		memset(sale.title, 'x', sizeof(sale.title));
	}
	ck_refused(OUT_NOT_DONE, pieces[_i],
	    ledger_sale_create(admin, &sale, "anna", &why));
	ck_assert_uint_eq(sale.id.v, 0);
	end();
}
END_TEST

/* Bytes that are no UTF-8 are refused by the server, not stored as something
 * else. */
START_TEST(test_title_must_be_text)
{
	struct sale sale = draft();

	begin();
	strcpy(sale.title, "caf\xe9");
	ck_refused(OUT_NOT_DONE, "character set",
	    ledger_sale_create(admin, &sale, "anna", &why));
	end();
}
END_TEST

START_TEST(test_list_shows_drafts_newest_first)
{
	struct sale a = draft(), b = draft(), got[2];
	size_t n;

	begin();
	ck_done(ledger_sale_create(admin, &a, "anna", &why));
	ck_done(ledger_sale_create(admin, &b, "anna", &why));
	ck_done(ledger_sale_list(admin, got, 2, &n, &now, &why));
	ck_assert_uint_eq(n, 2);
	ck_assert_uint_eq(got[0].id.v, b.id.v);
	ck_assert_uint_eq(got[1].id.v, a.id.v);
	end();
}
END_TEST

START_TEST(test_state_is_compared_and_set)
{
	struct sale sale;
	bool won = false;

	begin();
	sale = it_sale(root);
	ck_done(ledger_sale_set_state(admin, sale.id, SALE_STATE_OPEN,
	    SALE_STATE_PAUSED, "anna", &won, &why));
	ck_assert(won);
	ck_done(ledger_sale_set_state(admin, sale.id, SALE_STATE_OPEN,
	    SALE_STATE_CLOSED, "anna", &won, &why));
	ck_assert(!won);
	ck_done(ledger_sale_set_state(admin, (struct sale_id){UINT32_MAX},
	    SALE_STATE_OPEN, SALE_STATE_CLOSED, "anna", &won, &why));
	ck_assert(!won);
	ck_assert_int_eq(audits(sale.id, "state"), 1);
	/* Who finds it as expected has won, also when nothing changes. */
	ck_done(ledger_sale_set_state(admin, sale.id, SALE_STATE_PAUSED,
	    SALE_STATE_PAUSED, "anna", &won, &why));
	ck_assert(won);
	ck_assert_int_eq(it_number(root,
			     "SELECT COUNT(*) FROM audit WHERE sale_id = %u "
			     "AND JSON_VALUE(detail, '$.from') = 'open' "
			     "AND JSON_VALUE(detail, '$.to') = 'paused'",
			     sale.id.v),
	    1);
	end();
}
END_TEST

START_TEST(test_mode_is_compared_and_set)
{
	struct sale sale, got;
	bool won = false, found;

	begin();
	sale = it_sale(root);
	ck_done(ledger_sale_set_mode(admin, sale.id, SALE_MODE_DIRECT,
	    SALE_MODE_SWEEP, "anna", &won, &why));
	ck_assert(won);
	ck_done(ledger_sale_find(
	    admin, strv_c(sale.slug), &got, &found, &now, &why));
	ck_assert_int_eq(got.mode, SALE_MODE_SWEEP);
	ck_assert_int_eq(got.state, SALE_STATE_OPEN);
	ck_assert_uint_eq(got.epoch, 1);
	ck_done(ledger_sale_set_mode(admin, sale.id, SALE_MODE_DIRECT,
	    SALE_MODE_QUEUE, "anna", &won, &why));
	ck_assert(!won);
	ck_done(ledger_sale_set_mode(admin, (struct sale_id){UINT32_MAX},
	    SALE_MODE_DIRECT, SALE_MODE_QUEUE, "anna", &won, &why));
	ck_assert(!won);
	ck_assert_int_eq(audits(sale.id, "mode"), 1);
	ck_assert_int_eq(it_number(root,
			     "SELECT COUNT(*) FROM audit WHERE sale_id = %u "
			     "AND JSON_VALUE(detail, '$.from') = 'direct' "
			     "AND JSON_VALUE(detail, '$.to') = 'sweep'",
			     sale.id.v),
	    1);
	end();
}
END_TEST

START_TEST(test_stock_is_compared_and_set)
{
	struct ledger *app = it_ledger();
	struct order order;
	struct sale sale;
	bool won;

	begin();
	sale = it_sale(root);
	order = it_order(&sale, 60, "alice");
	ck_assert_int_eq(it_record(app, &order), LEDGER_RECORDED);
	ck_done(
	    ledger_sale_set_stock(admin, sale.id, 100, 60, "anna", &won, &why));
	ck_assert(won);
	ck_done(ledger_sale_set_stock(
	    admin, sale.id, 100, 200, "anna", &won, &why));
	ck_assert(!won);
	ck_done(
	    ledger_sale_set_stock(admin, sale.id, 60, 59, "anna", &won, &why));
	ck_assert(!won);
	ck_done(ledger_sale_set_stock(
	    admin, sale.id, 60, 10000000, "anna", &won, &why));
	ck_assert(won);
	ck_refused(OUT_NOT_DONE, "stock",
	    ledger_sale_set_stock(
		admin, sale.id, 10000000, 10000001, "anna", &won, &why));
	ck_refused(OUT_NOT_DONE, "stock",
	    ledger_sale_set_stock(
		admin, sale.id, 10000000, 0, "anna", &won, &why));
	ck_assert_int_eq(audits(sale.id, "stock"), 2);
	/* Nothing was left open: the next purchase does not wait. */
	order = it_order(&sale, 61, "bob");
	ck_assert_int_eq(it_record(app, &order), LEDGER_RECORDED);
	ledger_free(&app);
	end();
}
END_TEST

START_TEST(test_audit)
{
	struct sale_id none = {0};

	begin();
	ck_done(ledger_audit(admin, none, "anna", "hello", "", &why));
	ck_done(ledger_audit(
	    admin, none, "anna", "hello", "{\"a\":\"'; --\"}", &why));
	ck_assert_int_eq(audits(none, "hello"), 2);
	ck_refused(OUT_NOT_DONE, "CHECK",
	    ledger_audit(admin, none, "anna", "hello", "{no json", &why));
	ck_refused(OUT_NOT_DONE, "CHECK",
	    ledger_audit(admin, none, "anna", "", "", &why));
	end();
}
END_TEST

/* Sold and void rows of two sales, mixed: every row once, in order, and only of
 * the sale that was asked for. */
START_TEST(test_orders_page_by_page)
{
	struct ledger *app = it_ledger();
	struct sale sale, other;
	struct order order, got[4];
	const struct claim_id *after = NULL;
	struct claim_id last = {0};
	size_t n, seen = 0, want = _i == 0 ? 10 : 19;

	begin();
	sale = it_sale(root);
	other = it_sale(root);
	for (uint32_t unit = 1; unit <= 19; unit++) {
		char who[16];

		snprintf(who, sizeof(who), "c%u", unit);
		order = it_order(&sale, unit, who);
		if (unit % 2 == 1)
			ck_assert_int_eq(
			    it_record(app, &order), LEDGER_RECORDED);
		else
			it_void(app, &order, 1);
		order = it_order(&other, unit, who);
		ck_assert_int_eq(it_record(app, &order), LEDGER_RECORDED);
	}
	do {
		ck_done(ledger_orders_page(admin, sale.id, _i == 1, after, got,
		    ARRAY_LEN(got), &n, &why));
		for (size_t i = 0; i < n; i++, seen++) {
			ck_assert_uint_eq(got[i].sale.v, sale.id.v);
			ck_assert(_i == 1 || got[i].status == ORDER_SOLD);
			ck_assert(seen == 0 || memcmp(got[i].claim.b, last.b,
						   CLAIM_BYTES) > 0);
			last = got[i].claim;
		}
		after = &last;
	} while (n == ARRAY_LEN(got));
	ck_assert_uint_eq(seen, want);
	ledger_free(&app);
	end();
}
END_TEST

/* ---- what the schema refuses, whoever asks ------------------------------- */

#define SALE(values)                                                           \
	"INSERT INTO sales (slug, title, price_minor, currency, stock, "       \
	"per_customer, mode, state, claim_key, opens, closes) VALUES (" values \
	")"
#define TAIL ", 'direct', 'draft', REPEAT('k', 32)"
#define ORDER(values)                                                  \
	"INSERT INTO orders (claim, sale_id, epoch, status, unit_no, " \
	"customer, slot) VALUES (" values ")"
#define CHECKED 4025

static const struct refused_case {
	unsigned code; /* 0: taken */
	const char *sql;
} refused[] = {
    {0, SALE("'ok', 't', 0, 'EUR', 1, 1" TAIL ", NULL, NULL")},
    {1062, SALE("'ok', 't', 0, 'EUR', 1, 1" TAIL ", NULL, NULL")},
    {CHECKED, SALE("'', 't', 0, 'EUR', 1, 1" TAIL ", NULL, NULL")},
    {CHECKED, SALE("'OK', 't', 0, 'EUR', 1, 1" TAIL ", NULL, NULL")},
    {CHECKED, SALE("'-a', 't', 0, 'EUR', 1, 1" TAIL ", NULL, NULL")},
    {CHECKED, SALE("'a1', '', 0, 'EUR', 1, 1" TAIL ", NULL, NULL")},
    {CHECKED, SALE("'a2', REPEAT('\xe2\x82\xac', 67), 0, 'EUR', 1, 1" TAIL
		   ", NULL, NULL")},
    {CHECKED, SALE("'a3', 't', -1, 'EUR', 1, 1" TAIL ", NULL, NULL")},
    {CHECKED, SALE("'a4', 't', 0, 'EU', 1, 1" TAIL ", NULL, NULL")},
    {CHECKED, SALE("'a5', 't', 0, 'eur', 1, 1" TAIL ", NULL, NULL")},
    {CHECKED, SALE("'a6', 't', 0, 'EUR', 0, 1" TAIL ", NULL, NULL")},
    {CHECKED, SALE("'a7', 't', 0, 'EUR', 10000001, 1" TAIL ", NULL, NULL")},
    {CHECKED, SALE("'a8', 't', 0, 'EUR', 1, 0" TAIL ", NULL, NULL")},
    {CHECKED, SALE("'a9', 't', 0, 'EUR', 1, 17" TAIL ", NULL, NULL")},
    {CHECKED,
	SALE("'b1', 't', 0, 'EUR', 1, 1" TAIL ", '2026-01-02', '2026-01-02'")},
    {0, ORDER("X'F1', 0, 1, 'sold', 1, 'a', 1")},
    {0, ORDER("X'F2', 0, 1, 'void', NULL, 'a', NULL")},
    {0, ORDER("X'F3', 0, 1, 'cancelled', NULL, NULL, NULL")},
    {CHECKED, ORDER("X'F4', 0, 1, 'sold', NULL, 'a', 1")},
    {CHECKED, ORDER("X'F4', 0, 1, 'sold', 2, NULL, 1")},
    {CHECKED, ORDER("X'F4', 0, 1, 'sold', 2, '', 1")},
    {CHECKED, ORDER("X'F4', 0, 1, 'sold', 2, 'a', NULL")},
    {CHECKED, ORDER("X'F4', 0, 1, 'sold', 0, 'a', 2")},
    {CHECKED, ORDER("X'F4', 0, 1, 'sold', 2, 'a', 0")},
    {CHECKED, ORDER("X'F4', 0, 1, 'sold', 2, 'a', 17")},
    {CHECKED, ORDER("X'F4', 0, 1, 'void', 2, 'a', NULL")},
    {CHECKED, ORDER("X'F4', 0, 1, 'void', NULL, 'a', 2")},
    {CHECKED, ORDER("X'F4', 0, 1, 'cancelled', 2, 'a', 2")},
    {1062, ORDER("X'F1', 0, 1, 'void', NULL, NULL, NULL")},
    {1062, ORDER("X'F4', 0, 1, 'sold', 1, 'b', 1")},
    {1062, ORDER("X'F4', 0, 1, 'sold', 2, 'a', 1")},
};

START_TEST(test_schema_refuses)
{
	MYSQL *conn = it_root();

	it_sql(conn, "SET sql_mode = 'STRICT_ALL_TABLES'");
	it_sql(conn, "START TRANSACTION");
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		unsigned code = it_sql_code(conn, "%s", refused[i].sql);

		ck_assert_msg(code == refused[i].code, "%s: %u: %s",
		    refused[i].sql, code, mysql_error(conn));
	}
	it_sql(conn, "ROLLBACK");
	mysql_close(conn);
}
END_TEST

/* The guard lets an order without a customer through; the CHECK does not. */
START_TEST(test_order_without_customer_is_refused)
{
	struct ledger *app = it_ledger();
	struct ledger_port port = ledger_port(app);
	enum ledger_record answer;
	struct order order, got;
	struct sale sale;

	begin();
	sale = it_sale(root);
	order = it_order(&sale, 1, "");
	ck_refused(OUT_NOT_DONE, "CHECK",
	    port.record(port.ctx, &order, SOON, &answer, &why));
	ck_assert(!it_find(app, &order.claim, &got));
	ledger_free(&app);
	end();
}
END_TEST

IT_PART(part_admin, UNIT("create-find", test_create_and_find),
    UNIT("random-keys", test_keys_are_random),
    UNIT("slug-taken", test_slug_is_taken_once),
    UNIT("no-slug", test_no_such_slug),
    UNIT_TABLE("create-refuses", test_create_refuses, 10),
    UNIT("title-text", test_title_must_be_text),
    UNIT("list", test_list_shows_drafts_newest_first),
    UNIT("state", test_state_is_compared_and_set),
    UNIT("mode", test_mode_is_compared_and_set),
    UNIT("stock", test_stock_is_compared_and_set), UNIT("audit", test_audit),
    UNIT_TABLE("orders-page", test_orders_page_by_page, 2),
    UNIT("schema-refuses", test_schema_refuses),
    UNIT("no-customer", test_order_without_customer_is_refused))
