/* SPDX-License-Identifier: Apache-2.0 */
/* web: sales and the time, for everybody. */
#include "config.h"

#include "world.h"

#include "web/etag.h"

/* ---- sales ---- */

START_TEST(test_sale)
{
	struct world *w = world_new();
	json_t *json, *price;

	world_gauge(w, 1,
	    (struct gate_gauge){.known = true,
		.epoch = 3,
		.units = 100,
		.limit = 1,
		.free = 37,
		.leased = 2});
	json = world_get_json(w, "/v1/sales/drop");
	ck_assert_str_eq(world_text(json, "slug"), "drop");
	ck_assert_str_eq(world_text(json, "title"), "The drop");
	ck_assert_str_eq(world_text(json, "state"), "open");
	ck_assert_str_eq(world_text(json, "mode"), "direct");
	ck_assert_str_eq(
	    world_text(json, "opens_at"), "2026-11-22T19:00:00.000Z");
	ck_assert_str_eq(
	    world_text(json, "closes_at"), "2026-11-22T21:00:00.000Z");
	ck_assert_str_eq(
	    world_text(json, "server_time"), "2026-11-22T20:00:00.000Z");
	ck_assert_int_eq(
	    json_integer_value(json_object_get(json, "stock")), 100);
	ck_assert_int_eq(json_integer_value(json_object_get(json, "left")), 37);
	ck_assert_int_eq(
	    json_integer_value(json_object_get(json, "per_customer")), 1);
	price = json_object_get(json, "price");
	ck_assert_int_eq(
	    json_integer_value(json_object_get(price, "amount_minor")), 19900);
	ck_assert_str_eq(world_text(price, "currency"), "EUR");
	ck_assert_str_eq(world_header(w, "Cache-Control"), "public, max-age=1");
	/* What nobody may see. */
	ck_assert_ptr_null(json_object_get(json, "claim_key"));
	ck_assert_ptr_null(json_object_get(json, "epoch"));
	ck_assert_uint_eq(json_object_size(json), 11);
	json_decref(json);
	world_free(w);
}
END_TEST

#define GAUGE(known_, epoch_, units_, limit_, free_, leased_)      \
	{                                                          \
		.known = known_, .epoch = epoch_, .units = units_, \
		.limit = limit_, .free = free_, .leased = leased_  \
	}

/* Seconds relative to now; 0: no bound. */
static const struct {
	enum sale_state state;
	int64_t opens_s, closes_s;
	struct gate_gauge gauge;
	bool fresh;
	const char *word;
	int left; /* -1: null */
} states[] = {
    {SALE_STATE_OPEN, -9, 9, GAUGE(true, 3, 100, 1, 7, 0), true, "open", 7},
    {SALE_STATE_OPEN, 0, 0, GAUGE(true, 3, 100, 1, 7, 0), true, "open", 7},
    {SALE_STATE_OPEN, 9, 0, GAUGE(true, 3, 100, 1, 100, 0), true, "upcoming",
	100},
    {SALE_STATE_OPEN, -9, -1, GAUGE(true, 3, 100, 1, 7, 0), true, "ended", 7},
    {SALE_STATE_CLOSED, -9, 9, GAUGE(true, 3, 100, 1, 0, 0), true, "ended", 0},
    {SALE_STATE_PAUSED, -9, 9, GAUGE(true, 3, 100, 1, 0, 0), true, "paused", 0},
    {SALE_STATE_REBUILD, -9, 9, GAUGE(false, 0, 0, 0, 0, 0), true, "rebuilding",
	-1},
    /* sold out only with a proof: nothing free, nothing undecided */
    {SALE_STATE_OPEN, -9, 9, GAUGE(true, 3, 100, 1, 0, 0), true, "sold-out", 0},
    {SALE_STATE_OPEN, -9, 9, GAUGE(true, 3, 100, 1, 0, 1), true, "open", 0},
    {SALE_STATE_OPEN, -9, 9, GAUGE(true, 3, 100, 1, 1, 0), true, "open", 1},
    {SALE_STATE_OPEN, -9, 9, GAUGE(false, 0, 0, 0, 0, 0), true, "open", -1},
    {SALE_STATE_OPEN, -9, 9, GAUGE(true, 2, 100, 1, 0, 0), true, "open", -1},
    {SALE_STATE_OPEN, -9, 9, GAUGE(true, 3, 100, 1, 0, 0), false, "open", -1},
};

START_TEST(test_state)
{
	struct world *w = world_new();
	struct sale *sale = &w->sales[0];
	json_t *json, *left;

	sale->state = states[_i].state;
	sale->opens.us = states[_i].opens_s == 0
			     ? 0
			     : (WORLD_NOW_S + states[_i].opens_s) * US_PER_S;
	sale->closes.us = states[_i].closes_s == 0
			      ? 0
			      : (WORLD_NOW_S + states[_i].closes_s) * US_PER_S;
	world_refresh(w);
	world_gauge(w, 1, states[_i].gauge);
	if (!states[_i].fresh)
		sale_table_gauge(w->table, sale->id, &states[_i].gauge, false);
	json = world_get_json(w, "/v1/sales/drop");
	ck_assert_str_eq(world_text(json, "state"), states[_i].word);
	left = json_object_get(json, "left");
	if (states[_i].left < 0)
		ck_assert(json_is_null(left));
	else
		ck_assert_int_eq(json_integer_value(left), states[_i].left);
	ck_assert_int_eq(json_is_null(json_object_get(json, "opens_at")),
	    states[_i].opens_s == 0);
	ck_assert_int_eq(json_is_null(json_object_get(json, "closes_at")),
	    states[_i].closes_s == 0);
	json_decref(json);
	world_free(w);
}
END_TEST

START_TEST(test_list)
{
	struct world *w = world_new();
	json_t *json, *list;

	w->sales[1] = world_sale(2, "draft");
	w->sales[1].state = SALE_STATE_DRAFT;
	w->sales[2] = world_sale(3, "late");
	w->nsales = 3;
	world_refresh(w);
	json = world_get_json(w, "/v1/sales");
	list = json_object_get(json, "sales");
	ck_assert_uint_eq(json_array_size(list), 2);
	ck_assert_str_eq(world_text(json_array_get(list, 0), "slug"), "drop");
	ck_assert_str_eq(world_text(json_array_get(list, 1), "slug"), "late");
	ck_assert_str_eq(
	    world_text(json, "server_time"), "2026-11-22T20:00:00.000Z");
	ck_assert_str_eq(world_header(w, "Cache-Control"), "public, max-age=1");
	json_decref(json);
	w->nsales = 0;
	world_refresh(w);
	json = world_get_json(w, "/v1/sales");
	ck_assert_uint_eq(json_array_size(json_object_get(json, "sales")), 0);
	json_decref(json);
	world_free(w);
}
END_TEST

/* The longest list that can be: every title needs six bytes for one. */
START_TEST(test_longest_list_fits)
{
	struct world *w = world_new();
	json_t *json;

	for (uint32_t i = 0; i < SALE_TABLE_MAX; i++) {
		char slug[SALE_SLUG_MAX + 1];

		snprintf(slug, sizeof(slug), "%063u", (unsigned)i);
		w->sales[i] = world_sale(i + 1, slug);
		memset(w->sales[i].title, '\x01', SALE_TITLE_MAX);
		w->sales[i].price.minor = INT64_MIN;
		w->sales[i].stock = SALE_STOCK_MAX;
	}
	w->nsales = SALE_TABLE_MAX;
	world_refresh(w);
	json = world_get_json(w, "/v1/sales");
	ck_assert_uint_eq(
	    json_array_size(json_object_get(json, "sales")), SALE_TABLE_MAX);
	json_decref(json);
	world_free(w);
}
END_TEST

START_TEST(test_draft_is_unknown)
{
	struct world *w = world_new();
	struct web_request request = world_get(w, "/v1/sales/drop");

	w->sales[0].state = SALE_STATE_DRAFT;
	world_refresh(w);
	world_refused(w, &request, 404, "sale-unknown");
	request = world_post(w, "/v1/sales/drop/orders");
	world_refused(w, &request, 404, "sale-unknown");
	world_free(w);
}
END_TEST

/* A sale that is younger than the table. */
START_TEST(test_sale_miss)
{
	struct world *w = world_new();
	struct web_request request = world_get(w, "/v1/sales/young");
	json_t *json;

	world_refused(w, &request, 404, "sale-unknown");
	ck_assert_uint_eq(w->misses, 1);
	w->missed.sale = world_sale(9, "young");
	json = world_get_json(w, "/v1/sales/young");
	ck_assert_str_eq(world_text(json, "slug"), "young");
	json_decref(json);
	request = world_post(w, "/v1/sales/young/orders");
	ck_assert_int_eq(world_ask(w, &request), 201);
	ck_assert_uint_eq(w->bought.sale.id.v, 9);
	w->missed.sale.state = SALE_STATE_DRAFT;
	world_refused(w, &request, 404, "sale-unknown");
	/* What the table has, and what is no name, costs no look-up. */
	w->misses = 0;
	json_decref(world_get_json(w, "/v1/sales/drop"));
	request = world_get(w, "/v1/sales/-no-name-");
	world_refused(w, &request, 404, "sale-unknown");
	ck_assert_uint_eq(w->misses, 0);
	w->web.sale_miss = NULL;
	request = world_get(w, "/v1/sales/young");
	world_refused(w, &request, 404, "sale-unknown");
	world_free(w);
}
END_TEST

/* "The ledger is away" must not come out as "no such sale". */
START_TEST(test_sale_miss_in_doubt)
{
	struct world *w = world_new();
	struct web_request request = world_get(w, "/v1/sales/young");
	static const enum outcome doubts[] = {OUT_NOT_DONE, OUT_UNKNOWN};

	for (size_t i = 0; i < ARRAY_LEN(doubts); i++) {
		w->miss_says = doubts[i];
		world_refused(w, &request, 503, "unavailable");
		ck_assert_ptr_nonnull(world_header(w, "Retry-After"));
		ck_assert_str_eq(
		    w->outcome.err.text, "sale: ledger: cannot connect");
	}
	world_free(w);
}
END_TEST

/* ---- conditional requests ---- */

START_TEST(test_etag)
{
	static const char *const uris[] = {"/v1/sales", "/v1/sales/drop"};
	struct world *w = world_new();

	for (size_t i = 0; i < ARRAY_LEN(uris); i++) {
		struct web_request request = world_get(w, uris[i]);
		char tag[64], list[128];

		ck_assert_int_eq(world_ask(w, &request), 200);
		ck_assert(strv_copy(
		    strv_c(world_header(w, "ETag")), tag, sizeof(tag)));
		ck_assert(strv_starts(strv_c(tag), STRV("W/\"")));
		snprintf(list, sizeof(list), "\"x\", %s,\"y\"", tag);
		request.if_none_match = strv_c(list);
		ck_assert_int_eq(world_ask(w, &request), 304);
		ck_assert_str_eq(w->outcome.code, "not-modified");
		ck_assert_str_eq(world_header(w, "ETag"), tag);
		ck_assert_str_eq(
		    world_header(w, "Cache-Control"), "public, max-age=1");
		request.method = STRV("HEAD");
		ck_assert_int_eq(world_ask(w, &request), 304);
		request.method = STRV("GET");
		request.if_none_match = STRV("*");
		ck_assert_int_eq(world_ask(w, &request), 304);
		/* One unit less, and it is another. */
		world_gauge(w, 1,
		    (struct gate_gauge){
			.known = true, .epoch = 3, .free = 5 - i});
		request.if_none_match = strv_c(tag);
		ck_assert_int_eq(world_ask(w, &request), 200);
		ck_assert_str_ne(world_header(w, "ETag"), tag);
	}
	world_free(w);
}
END_TEST

/* The time alone does not make another representation. */
START_TEST(test_etag_does_not_know_the_time)
{
	struct world *w = world_new();
	struct web_request request = world_get(w, "/v1/sales/drop");
	char tag[64];

	ck_assert_int_eq(world_ask(w, &request), 200);
	ck_assert(strv_copy(strv_c(world_header(w, "ETag")), tag, sizeof(tag)));
	w->table->head[w->table->head_flip.turn & 1u].ledger_offset_us +=
	    5 * US_PER_S;
	request.if_none_match = strv_c(tag);
	ck_assert_int_eq(world_ask(w, &request), 304);
	request.if_none_match = (struct strv){NULL, 0};
	ck_assert_int_eq(world_ask(w, &request), 200);
	ck_assert_ptr_nonnull(strstr(w->body.p, "20:00:05.000Z"));
	world_free(w);
}
END_TEST

START_TEST(test_if_none_match)
{
	static const struct {
		const char *header;
		bool matches;
	} rows[] = {{"W/\"abc\"", true}, {"\"abc\"", true}, {"*", true},
	    {" W/\"abc\" ", true}, {"\"a\",W/\"abc\"", true},
	    {"\"a\" , \"b\" ,\"abc\"", true}, {",,\"abc\",", true},
	    {"abc", false}, {"w/\"abc\"", false}, {"\"ABC\"", false},
	    {"\"abcd\"", false}, {"\"abc", false}, {"", false}, {",", false},
	    {"W/", false}, {"**", false}, {"*, \"x\"", false}};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		ck_assert_int_eq(
		    etag_matches(strv_c(rows[i].header), "W/\"abc\""),
		    rows[i].matches);
	ck_assert(!etag_matches((struct strv){NULL, 0}, "W/\"abc\""));
}
END_TEST

START_TEST(test_time)
{
	struct world *w = world_new();
	json_t *json = world_get_json(w, "/v1/time");

	ck_assert_str_eq(
	    world_text(json, "server_time"), "2026-11-22T20:00:00.000Z");
	ck_assert_int_eq(json_integer_value(json_object_get(json, "now_ms")),
	    WORLD_NOW_S * 1000);
	ck_assert_str_eq(world_header(w, "Cache-Control"), "no-store");
	json_decref(json);
	world_free(w);
}
END_TEST

/* ---- hostile text ---- */

static const char *const hostile[] = {"\"}],\"admin\":true,\"x\":[{\"", "\\",
    "\\u0000", "</script><script>alert(1)</script>", "a\r\nSet-Cookie: b=c",
    "\x01\x1f\x7f", "\xe2\x80\xa8\xe2\x80\xa9", "\xf0\x9f\x8e\x9f \xc3\xa9",
    "%s%n%p", "'; DROP TABLE orders; --", "\t\b\f/"};

START_TEST(test_hostile_text_round_trips)
{
	struct world *w = world_new();
	struct web_request request = world_post(w, "/v1/sales/drop/orders");
	json_t *json;

	ck_assert(strv_copy(
	    strv_c(hostile[_i]), w->sales[0].title, sizeof(w->sales[0].title)));
	world_refresh(w);
	json = world_get_json(w, "/v1/sales/drop");
	ck_assert_str_eq(world_text(json, "title"), hostile[_i]);
	ck_assert_uint_eq(json_object_size(json), 11);
	json_decref(json);
	ck_assert(strv_copy(strv_c(hostile[_i]), w->answer.order.ref,
	    sizeof(w->answer.order.ref)));
	ck_assert_int_eq(world_ask(w, &request), 201);
	json = world_json(w);
	ck_assert_str_eq(world_text(json, "ref"), hostile[_i]);
	ck_assert_uint_eq(json_object_size(json), 7);
	json_decref(json);
	world_free(w);
}
END_TEST

/* One title that is no UTF-8 must not take the list with it. */
START_TEST(test_title_that_is_no_text)
{
	struct world *w = world_new();
	json_t *json;

	strcpy(w->sales[0].title, "a\xff\xc3\xa9\xed\xa0\x80z");
	world_refresh(w);
	json = world_get_json(w, "/v1/sales/drop");
	ck_assert_str_eq(world_text(json, "title"),
	    "a\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz");
	json_decref(json);
	memset(w->sales[0].title, '\xff', SALE_TITLE_MAX);
	world_refresh(w);
	json = world_get_json(w, "/v1/sales/drop");
	ck_assert_uint_eq(json_string_length(json_object_get(json, "title")),
	    3 * SALE_TITLE_MAX);
	json_decref(json);
	world_free(w);
}
END_TEST

TESTS_MAIN("web_sales", UNIT("sale", test_sale),
    UNIT_TABLE("state", test_state, ARRAY_LEN(states)), UNIT("list", test_list),
    UNIT("longest list fits", test_longest_list_fits),
    UNIT("draft is unknown", test_draft_is_unknown),
    UNIT("sale miss", test_sale_miss),
    UNIT("sale miss in doubt", test_sale_miss_in_doubt),
    UNIT("ETag", test_etag),
    UNIT("ETag without the time", test_etag_does_not_know_the_time),
    UNIT("If-None-Match", test_if_none_match), UNIT("time", test_time),
    UNIT_TABLE(
	"hostile text", test_hostile_text_round_trips, ARRAY_LEN(hostile)),
    UNIT("title that is no text", test_title_that_is_no_text))
