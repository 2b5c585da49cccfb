/* SPDX-License-Identifier: Apache-2.0 */
/* web: what a request must be to become a purchase, and what becomes of it. */
#include "config.h"

#include "world.h"

#include "base/encode.h"

#define ORDERS "/v1/sales/drop/orders"
#define FORM   "application/x-www-form-urlencoded"

static void body_set(
    struct web_request *request, const char *type, const char *body)
{
	request->content_type = strv_c(type);
	request->body = strv_c(body);
}

START_TEST(test_a_purchase)
{
	struct world *w = world_new();
	struct web_request request = world_post(w, ORDERS);

	body_set(&request, "application/json; charset=utf-8",
	    " {\"ref\":\"cart 7 \xe2\x82\xac\",\"quantity\":1}\n");
	request.idempotency_key = STRV("\"0f8e-1\"");
	ck_assert_int_eq(world_ask(w, &request), 201);
	ck_assert_uint_eq(w->buys, 1);
	ck_assert_str_eq(w->bought.sale.slug, "drop");
	ck_assert(strv_eq(customer_view(&w->bought.customer), STRV("ann")));
	ck_assert(w->bought_with_key);
	ck_assert_str_eq(w->bought_key, "0f8e-1");
	ck_assert_str_eq(w->bought.ref, "cart 7 \xe2\x82\xac");
	/* By the ledger's clock, not ours, and until the request's end. */
	ck_assert_int_eq(w->bought.now.us, WORLD_NOW_S * US_PER_S);
	ck_assert_int_eq(w->bought.deadline_ns, 7 * NS_PER_S + 800 * NS_PER_MS);
	world_free(w);
}
END_TEST

START_TEST(test_without_key_or_body)
{
	struct world *w = world_new();
	struct web_request request = world_post(w, ORDERS);

	ck_assert_int_eq(world_ask(w, &request), 201);
	ck_assert(!w->bought_with_key);
	ck_assert_str_eq(w->bought.ref, "");
	world_free(w);
}
END_TEST

/* ---- the key ---- */

static const struct {
	const char *header;
	const char *key; /* NULL: refused */
} keys[] = {
    {"8e03978e-40d5-43e8-bc93-6894a57f9324",
	"8e03978e-40d5-43e8-bc93-6894a57f9324"},
    {"\"8e03978e-40d5\"", "8e03978e-40d5"},
    {"  x  ", "x"},
    {"\t\"x\" ", "x"},
    {"a b", "a b"},
    {"a, b", "a, b"},
    {"~!@#$%^&*()", "~!@#$%^&*()"},
    {"a\"b", "a\"b"},
    {"a\"", "a\""},
    {"\"a\\\"b\\\\c\"", "a\\\"b\\\\c"},
    {"", NULL},
    {"   ", NULL},
    {"\"\"", NULL},
    {"\"", NULL},
    {"\"abc", NULL},
    {"\"a\"b\"", NULL},
    {"\"a\\b\"", NULL},
    {"\"a\\\"", NULL},
    {"\"a\";p=1", NULL},
    {"\"a\", \"b\"", NULL},
    {"a\tb", NULL},
    {"a\nb", NULL},
    {"a\r\nSet-Cookie: c=d", NULL},
    {"a\x7f", NULL},
    {"a\x1b[2J", NULL},
    {"caf\xc3\xa9", NULL},
    {"\xff", NULL},
};

START_TEST(test_key)
{
	struct world *w = world_new();
	struct web_request request = world_post(w, ORDERS);

	request.idempotency_key = strv_c(keys[_i].header);
	if (keys[_i].key != NULL) {
		ck_assert_int_eq(world_ask(w, &request), 201);
		ck_assert_str_eq(w->bought_key, keys[_i].key);
	} else {
		world_refused(w, &request, 400, "key-invalid");
	}
	world_free(w);
}
END_TEST

START_TEST(test_key_length)
{
	struct world *w = world_new();
	struct web_request request = world_post(w, ORDERS);
	char text[IDEMPOTENCY_KEY_MAX + 3];

	memset(text, 'k', sizeof(text));
	request.idempotency_key = strv_from(text, IDEMPOTENCY_KEY_MAX);
	ck_assert_int_eq(world_ask(w, &request), 201);
	ck_assert_uint_eq(strlen(w->bought_key), IDEMPOTENCY_KEY_MAX);
	request.idempotency_key = strv_from(text, IDEMPOTENCY_KEY_MAX + 1);
	world_refused(w, &request, 400, "key-invalid");
	/* The quotes do not count. */
	text[0] = text[IDEMPOTENCY_KEY_MAX + 1] = '"';
	request.idempotency_key = strv_from(text, IDEMPOTENCY_KEY_MAX + 2);
	ck_assert_int_eq(world_ask(w, &request), 201);
	request.idempotency_key = strv_from("a\0b", 3);
	world_refused(w, &request, 400, "key-invalid");
	world_free(w);
}
END_TEST

/* ---- the body ---- */

#define JSON  "application/json"
#define DEEP8 "[[[[[[["
#define X16   "xxxxxxxxxxxxxxxx"

static const struct {
	const char *type, *body;
	int status;
	const char *field; /* named by the refusal; NULL: none */
} bodies[] = {
    {NULL, "", 201, NULL},
    {"", "", 201, NULL},
    {JSON, "", 201, NULL},
    {JSON, "{}", 201, NULL},
    {"Application/JSON ; charset=UTF-8", "{}", 201, NULL},
    {JSON, "{\"quantity\":1}", 201, NULL},
    {JSON, "{\"ref\":\"\"}", 201, NULL},
    {JSON, "{\"ref\":\"" X16 X16 X16 X16 "\"}", 201, NULL},
    {JSON, "{\"ref\":\"\\u00e9 \\\"q\\\" <&>\"}", 201, NULL},
    {JSON, "{\"ref\":\"\\\"[[[[[[[[[[\"}", 201, NULL},
    {JSON, "{\"quantity\":2}", 400, "quantity"},
    {JSON, "{\"quantity\":0}", 400, "quantity"},
    {JSON, "{\"quantity\":-1}", 400, "quantity"},
    {JSON, "{\"quantity\":1.0}", 400, "quantity"},
    {JSON, "{\"quantity\":1e0}", 400, "quantity"},
    {JSON, "{\"quantity\":\"1\"}", 400, "quantity"},
    {JSON, "{\"quantity\":true}", 400, "quantity"},
    {JSON, "{\"quantity\":null}", 400, "quantity"},
    {JSON, "{\"quantity\":[1]}", 400, "quantity"},
    {JSON, "{\"quantity\":4294967297}", 400, "quantity"},
    {JSON, "{\"quantity\":99999999999999999999}", 400, NULL},
    {JSON, "{\"ref\":\"" X16 X16 X16 X16 "x\"}", 400, "ref"},
    {JSON, "{\"ref\":7}", 400, "ref"},
    {JSON, "{\"ref\":null}", 400, "ref"},
    {JSON, "{\"ref\":{\"a\":1}}", 400, "ref"},
    {JSON, "{\"ref\":\"a\\nb\"}", 400, "ref"},
    {JSON, "{\"ref\":\"a\\u0000b\"}", 400, NULL},
    {JSON, "{\"ref\":\"a\\u007fb\"}", 400, "ref"},
    {JSON, "{\"ref\":\"a\\u0085b\"}", 400, "ref"},
    {JSON, "{\"ref\":\"a\\u2028b\"}", 400, "ref"},
    {JSON, "{\"ref\":\"a\\u202eb\"}", 400, "ref"},
    {JSON, "{\"ref\":\"\\ud800\"}", 400, NULL},
    {JSON, "{\"ref\":\"\xff\"}", 400, NULL},
    {JSON, "{\"price\":1}", 400, "price"},
    {JSON, "{\"customer\":\"bob\"}", 400, "customer"},
    {JSON, "{\"Quantity\":1}", 400, "Quantity"},
    {JSON, "{\"\":1}", 400, NULL},
    {JSON, "{\"idempotency_key\":\"k\"}", 400, "idempotency_key"},
    {JSON, "{\"a\\u0001b\":1}", 400, "?"},
    {JSON, "{\"" X16 X16 X16 X16 X16 "\":1}", 400, X16 X16 X16 X16},
    {JSON, "{\"quantity\":1,\"quantity\":1}", 400, NULL},
    {JSON, "{\"quantity\":1,\"quantit\\u0079\":1}", 400, NULL},
    {JSON, "{\"__proto__\":{\"quantity\":1}}", 400, "__proto__"},
    {JSON, "[]", 400, NULL},
    {JSON, "1", 400, NULL},
    {JSON, "\"x\"", 400, NULL},
    {JSON, "null", 400, NULL},
    {JSON, " ", 400, NULL},
    {JSON, "{", 400, NULL},
    {JSON, "{}{}", 400, NULL},
    {JSON, "{} x", 400, NULL},
    {JSON, "{'quantity':1}", 400, NULL},
    {JSON, "{\"quantity\":1,}", 400, NULL},
    {JSON, "{\"quantity\":NaN}", 400, NULL},
    {JSON, "\xef\xbb\xbf{}", 400, NULL},
    {JSON, "{\"x\":" DEEP8 "1]]]]]]]}", 400, "x"},
    {JSON, "{\"x\":[" DEEP8 "1]]]]]]]]}", 400, NULL},
    {JSON, "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", 400, NULL},
    {"text/plain", "{}", 415, NULL},
    {"text/plain", "", 415, NULL},
    {"", "{}", 415, NULL},
    {NULL, "{}", 415, NULL},
    {"application/jsonp", "{}", 415, NULL},
    {"application/json5", "{}", 415, NULL},
    {"text/json", "{}", 415, NULL},
    {"multipart/form-data; boundary=x", "--x--", 415, NULL},
    {"application/xml", "<a/>", 415, NULL},
    {";application/json", "{}", 415, NULL},
};

START_TEST(test_body)
{
	struct world *w = world_new();
	struct web_request request = world_post(w, ORDERS);
	json_t *json;

	body_set(&request, bodies[_i].type, bodies[_i].body);
	if (bodies[_i].status == 201) {
		ck_assert_int_eq(world_ask(w, &request), 201);
	} else {
		world_refused(w, &request, bodies[_i].status,
		    bodies[_i].status == 415 ? "type-unsupported"
					     : "body-invalid");
		json = world_json(w);
		if (bodies[_i].field == NULL)
			ck_assert_ptr_null(json_object_get(json, "field"));
		else
			ck_assert_str_eq(
			    json_string_value(json_object_get(json, "field")),
			    bodies[_i].field);
		if (bodies[_i].field != NULL)
			ck_assert_ptr_nonnull(strstr(
			    json_string_value(json_object_get(json, "detail")),
			    bodies[_i].field));
		json_decref(json);
	}
	world_free(w);
}
END_TEST

/* {"m0":0, ...}: 32 members are looked at, 33 are too many to parse. */
START_TEST(test_many_members)
{
	struct world *w = world_new();

	for (int members = 32; members <= 33; members++) {
		struct web_request request = world_post(w, ORDERS);
		char text[1024];
		struct strbuf buf;

		strbuf_init(&buf, text, sizeof(text));
		strbuf_puts(&buf, "{\"ref\":\"::::::::::::::::\"");
		for (int i = 1; i < members; i++)
			strbuf_printf(&buf, ",\"m%d\":%d", i, i);
		strbuf_puts(&buf, "}");
		body_set(&request, JSON, text);
		world_refused(w, &request, 400, "body-invalid");
		ck_assert_int_eq(strstr(w->body.p, "too many members") != NULL,
		    members > 32);
	}
	world_free(w);
}
END_TEST

START_TEST(test_body_with_a_raw_nul)
{
	struct world *w = world_new();
	struct web_request request = world_post(w, ORDERS);

	request.content_type = STRV(JSON);
	request.body = strv_from("{}\0{}", 5);
	world_refused(w, &request, 400, "body-invalid");
	request.body = strv_from("{\"ref\":\"a\0b\"}", 13);
	world_refused(w, &request, 400, "body-invalid");
	request.content_type = STRV(FORM);
	request.body = strv_from("ref=a\0b", 7);
	ck_assert_int_eq(world_ask(w, &request), 400);
	ck_assert_uint_eq(w->buys, 0);
	world_free(w);
}
END_TEST

/* ---- the payload's hash ---- */

static const char *hash_of(struct world *w, const char *type, const char *body)
{
	static char hex[4][2 * PAYLOAD_HASH_BYTES + 1];
	static size_t at;
	struct web_request request = world_post(w, ORDERS);

	at = (at + 1) % 4;
	body_set(&request, type, body);
	ck_assert_int_lt(world_ask(w, &request), 400);
	hex_encode(w->bought.payload_hash, PAYLOAD_HASH_BYTES, hex[at]);
	return hex[at];
}

/* The first eight bytes of what sha256sum says about the canonical text. */
#define HASH_NOTHING "44136fa355b3678a" /* {} */
#define HASH_REF_A   "767a2a184b2454ce" /* {"ref":"a"} */

START_TEST(test_same_payload_same_hash)
{
	struct world *w = world_new();
	static const struct {
		const char *type, *body, *hash;
	} rows[] = {
	    {NULL, "", HASH_NOTHING},
	    {JSON, "", HASH_NOTHING},
	    {JSON, "{}", HASH_NOTHING},
	    {JSON, " { } ", HASH_NOTHING},
	    {JSON, "{\"quantity\":1}", HASH_NOTHING},
	    {JSON, "{\"ref\":\"\"}", HASH_NOTHING},
	    {FORM, "", HASH_NOTHING},
	    {FORM, "quantity=1&ref=", HASH_NOTHING},
	    {FORM, "idempotency_key=k", HASH_NOTHING},
	    {JSON, "{\"ref\":\"a\"}", HASH_REF_A},
	    {JSON, "{\"ref\":\"\\u0061\",\"quantity\":1}", HASH_REF_A},
	    {JSON, "{\"quantity\":1, \"ref\":\"a\"}", HASH_REF_A},
	    {FORM, "ref=a", HASH_REF_A},
	    {FORM, "ref=%61&quantity=1", HASH_REF_A},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		ck_assert_str_eq(
		    hash_of(w, rows[i].type, rows[i].body), rows[i].hash);
	ck_assert_str_eq(hash_of(w, JSON, "{\"ref\":\"a b\xe2\x82\xac\"}"),
	    hash_of(w, FORM, "ref=a+b%E2%82%AC"));
	ck_assert_str_ne(hash_of(w, JSON, "{\"ref\":\"a b\"}"),
	    hash_of(w, JSON, "{\"ref\":\"a  b\"}"));
	world_free(w);
}
END_TEST

/* ---- not bought ---- */

START_TEST(test_peer_gone)
{
	struct world *w = world_new();
	struct web_request request = world_post(w, ORDERS);

	w->gone = true;
	ck_assert_int_eq(world_ask(w, &request), 0);
	ck_assert_str_eq(w->outcome.code, "peer-gone");
	ck_assert_str_eq(w->outcome.route, "buy");
	ck_assert(!w->outcome.purchase);
	ck_assert_uint_eq(w->buys, 0);
	/* Only asked before a claim: what can be refused is refused. */
	request.idempotency_key = STRV("");
	world_refused(w, &request, 400, "key-invalid");
	w->web.peer_gone = NULL;
	request.idempotency_key = (struct strv){NULL, 0};
	ck_assert_int_eq(world_ask(w, &request), 201);
	world_free(w);
}
END_TEST

START_TEST(test_rate_limited)
{
	struct world *w = world_new();
	struct web_request request = world_post(w, ORDERS);
	json_t *json;

	w->limited = true;
	world_refused(w, &request, 429, "rate-limited");
	ck_assert_int_ge(strtol(world_header(w, "Retry-After"), NULL, 10), 1);
	ck_assert_int_le(strtol(world_header(w, "Retry-After"), NULL, 10), 3);
	json = world_json(w);
	ck_assert_str_eq(
	    json_string_value(json_object_get(json, "retry")), "same key");
	json_decref(json);
	/* Looking is not buying. */
	request = world_get(w, "/v1/sales/drop/orders/mine");
	ck_assert_int_eq(world_ask(w, &request), 200);
	w->web.too_many = NULL;
	request = world_post(w, ORDERS);
	ck_assert_int_eq(world_ask(w, &request), 201);
	world_free(w);
}
END_TEST

/* Before the keeper has read the sales once, nobody knows what time it is. */
START_TEST(test_table_never_filled)
{
	static const char *const uris[] = {
	    "/v1/sales", "/v1/sales/drop", "/v1/time"};
	struct world *w = world_new();
	struct web_request request = world_post(w, ORDERS);

	sale_table_init(w->table);
	world_refused(w, &request, 503, "unavailable");
	ck_assert_ptr_nonnull(world_header(w, "Retry-After"));
	ck_assert_ptr_nonnull(strstr(w->outcome.err.text, "never filled"));
	for (size_t i = 0; i < ARRAY_LEN(uris); i++) {
		request = world_get(w, uris[i]);
		world_refused(w, &request, 503, "unavailable");
	}
	world_free(w);
}
END_TEST

TESTS_MAIN("web_purchase", UNIT("a purchase", test_a_purchase),
    UNIT("without key or body", test_without_key_or_body),
    UNIT_TABLE("key", test_key, ARRAY_LEN(keys)),
    UNIT("key length", test_key_length),
    UNIT_TABLE("body", test_body, ARRAY_LEN(bodies)),
    UNIT("many members", test_many_members),
    UNIT("raw NUL", test_body_with_a_raw_nul),
    UNIT("same payload, same hash", test_same_payload_same_hash),
    UNIT("peer gone", test_peer_gone), UNIT("rate limited", test_rate_limited),
    UNIT("table never filled", test_table_never_filled))
