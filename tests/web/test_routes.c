/* SPDX-License-Identifier: Apache-2.0 */
/* web: routes, methods, hostile request targets, HEAD, flaws, the one writer
 * of headers. */
#include "config.h"

#include "world.h"

#include "web/reply.h"
#include "web/uri.h"
#include "web/utf8.h"

#define NUMBER "0E1RQ2W3RF1SS3GG1R60R30C1G" /* any well-formed one */

static const struct {
	const char *method;
	const char *uri;
	const char *route;
	int status;
	const char *code;
} routes[] = {
    {"GET", "/v1/sales", "sales", 200, "ok"},
    {"HEAD", "/v1/sales", "sales", 200, "ok"},
    {"GET", "/v1/sales?page=2", "sales", 200, "ok"},
    {"GET", "/v1/sales/drop", "sale", 200, "ok"},
    {"HEAD", "/v1/sales/drop", "sale", 200, "ok"},
    {"GET", "/v1/sales/dr%6Fp", "sale", 200, "ok"},
    {"GET", "/v1/sales/drop?x=%00%zz", "sale", 200, "ok"},
    {"GET", "http://shop.example/v1/sales/drop", "sale", 200, "ok"},
    {"GET", "HTTPS://shop.example:443/v1/sales/drop?q", "sale", 200, "ok"},
    {"GET", "/v1/time", "time", 200, "ok"},
    {"HEAD", "/v1/time", "time", 200, "ok"},
    {"POST", "/v1/sales/drop/orders", "buy", 201, "created"},
    {"POST", "/v1/sales/drop/orders?utm=x", "buy", 201, "created"},
    {"GET", "/v1/orders/" NUMBER, "order", 404, "order-unknown"},
    {"GET", "/v1/orders/nonsense", "order", 404, "order-unknown"},
    {"GET", "/v1/sales/drop/orders/mine", "mine", 200, "ok"},
    {"HEAD", "/v1/sales/drop/orders/mine", "mine", 200, "ok"},
    /* nothing there */
    {"GET", "/", "unknown", 404, "route-unknown"},
    {"GET", "http://shop.example", "unknown", 404, "route-unknown"},
    {"GET", "/v1", "unknown", 404, "route-unknown"},
    {"GET", "/v1/", "unknown", 404, "route-unknown"},
    {"GET", "/v1/sales/drop/orders/theirs", "unknown", 404, "route-unknown"},
    {"GET", "/V1/sales", "unknown", 404, "route-unknown"},
    {"GET", "/v2/sales", "unknown", 404, "route-unknown"},
    {"GET", "/v1/sales/drop/", "unknown", 404, "route-unknown"},
    {"GET", "//v1/sales", "unknown", 404, "route-unknown"},
    {"GET", "/v1//sales", "unknown", 404, "route-unknown"},
    {"GET", "/v1/./sales", "unknown", 404, "route-unknown"},
    {"GET", "/v1/sales/drop/orders/../orders/mine", "unknown", 404,
	"route-unknown"},
    /* decoded once, after the split */
    {"GET", "/v1%2Fsales", "unknown", 404, "route-unknown"},
    {"GET", "/v1/sales/drop%2Forders%2Fmine", "sale", 404, "sale-unknown"},
    {"GET", "/v1/sales/dr%256Fp", "sale", 404, "sale-unknown"},
    {"GET", "/v1/sales/%2e%2e", "sale", 404, "sale-unknown"},
    {"GET", "/v1/sales/", "sale", 404, "sale-unknown"},
    {"GET", "/v1/sales/DROP", "sale", 404, "sale-unknown"},
    {"GET", "/v1/sales/dr%C3%B6p", "sale", 404, "sale-unknown"},
    {"GET", "/v1/sales/dr\xc3\xb6p", "sale", 404, "sale-unknown"},
    {"GET", "/v1/sales/drop%0d%0aSet-Cookie:%20a=b", "sale", 404,
	"sale-unknown"},
    {"GET", "/v1/sales/drop'%20OR%201=1--", "sale", 404, "sale-unknown"},
    {"GET", "/a/b/c/d/e/f/g/h/i/j/k/l", "unknown", 404, "route-unknown"},
    /* malformed */
    {"GET", "", "unknown", 400, "uri-invalid"},
    {"GET", "*", "unknown", 400, "uri-invalid"},
    {"GET", "v1/sales", "unknown", 400, "uri-invalid"},
    {"GET", "ftp://shop.example/v1/sales", "unknown", 400, "uri-invalid"},
    {"GET", "?x", "unknown", 400, "uri-invalid"},
    {"GET", "/v1/sales/drop%00", "unknown", 400, "uri-invalid"},
    {"GET", "/v1/sales/drop%", "unknown", 400, "uri-invalid"},
    {"GET", "/v1/sales/drop%4", "unknown", 400, "uri-invalid"},
    {"GET", "/v1/sales/drop%4g", "unknown", 400, "uri-invalid"},
    {"GET", "/v1/sales/drop%-1", "unknown", 400, "uri-invalid"},
    {"GET", "/v1/sales/%ff", "unknown", 400, "uri-invalid"},
    {"GET", "/v1/sales/%c0%af", "unknown", 400, "uri-invalid"},
    {"GET", "/v1/sales/%ed%a0%80", "unknown", 400, "uri-invalid"},
    {"GET", "/v1/sales/\xff", "unknown", 400, "uri-invalid"},
    {"GET", "/v1/sales/a b", "unknown", 400, "uri-invalid"},
    {"GET", "/v1/sales/a\r\nX: y", "unknown", 400, "uri-invalid"},
    {"GET", "/v1/sales/a\tb", "unknown", 400, "uri-invalid"},
    {"GET", "/v1/sales/a\x7f", "unknown", 400, "uri-invalid"},
    {"GET", "/v1/sales#drop", "unknown", 400, "uri-invalid"},
    {"GET", "/a/b/c/d/e/f/g/h/i/j/k/%zz", "unknown", 400, "uri-invalid"},
    /* methods */
    {"POST", "/v1/sales", "sales", 405, "method-not-allowed"},
    {"DELETE", "/v1/sales/drop", "sale", 405, "method-not-allowed"},
    {"GET", "/v1/sales/drop/orders", "buy", 405, "method-not-allowed"},
    {"HEAD", "/v1/sales/drop/orders", "buy", 405, "method-not-allowed"},
    {"PUT", "/v1/sales/drop/orders", "buy", 405, "method-not-allowed"},
    {"get", "/v1/time", "time", 405, "method-not-allowed"},
    {"", "/v1/time", "time", 405, "method-not-allowed"},
    {"OPTIONS", "/v1/sales", "sales", 405, "method-not-allowed"},
};

START_TEST(test_route)
{
	struct world *w = world_new();
	struct web_request request = world_get(w, routes[_i].uri);

	request.method = strv_c(routes[_i].method);
	if (routes[_i].status >= 400) {
		world_refused(w, &request, routes[_i].status, routes[_i].code);
	} else {
		ck_assert_int_eq(world_ask(w, &request), routes[_i].status);
		ck_assert_str_eq(w->outcome.code, routes[_i].code);
	}
	ck_assert_str_eq(w->outcome.route, routes[_i].route);
	ck_assert_ptr_null(world_header(w, "Set-Cookie"));
	world_free(w);
}
END_TEST

START_TEST(test_uri_with_a_raw_nul)
{
	struct world *w = world_new();
	struct web_request request = world_get(w, "");

	request.uri = strv_from("/v1/sales\0/drop", 15);
	world_refused(w, &request, 400, "uri-invalid");
	request.uri = (struct strv){NULL, 0};
	world_refused(w, &request, 400, "uri-invalid");
	world_free(w);
}
END_TEST

/* A path that is too long for any route is no route, and reads nowhere. */
START_TEST(test_uri_too_long)
{
	struct world *w = world_new();
	char uri[8192];
	struct web_request request;

	memset(uri, 'a', sizeof(uri));
	memcpy(uri, "/v1/sales/", 10);
	request = world_get(w, "");
	for (size_t n = URI_PATH_MAX; n <= sizeof(uri); n += 37) {
		request.uri = strv_from(uri, n);
		ck_assert_int_eq(world_ask(w, &request), 404);
	}
	request.uri = strv_from(uri, sizeof(uri));
	world_refused(w, &request, 404, "route-unknown");
	world_free(w);
}
END_TEST

/* A plus sign is a blank in a form, and a plus sign in a path. */
START_TEST(test_plus)
{
	char bytes[16];
	struct strbuf out;

	strbuf_init(&out, bytes, sizeof(bytes));
	ck_assert(uri_decode(STRV("a+b%2B"), false, &out));
	ck_assert_str_eq(bytes, "a+b+");
	strbuf_reset(&out);
	ck_assert(uri_decode(STRV("a+b%2B"), true, &out));
	ck_assert_str_eq(bytes, "a b+");
}
END_TEST

static const struct {
	const char *uri;
	const char *allow;
} allows[] = {
    {"/v1/sales", "GET, HEAD"},
    {"/v1/sales/drop", "GET, HEAD"},
    {"/v1/time", "GET, HEAD"},
    {"/v1/sales/drop/orders", "POST"},
    {"/v1/orders/" NUMBER, "GET, HEAD"},
    {"/v1/sales/drop/orders/mine", "GET, HEAD"},
};

START_TEST(test_allow)
{
	struct world *w = world_new();
	struct web_request request = world_get(w, allows[_i].uri);

	request.method = STRV("BREW");
	world_refused(w, &request, 405, "method-not-allowed");
	ck_assert_str_eq(world_header(w, "Allow"), allows[_i].allow);
	world_free(w);
}
END_TEST

/* HEAD is GET without the body: same status, same headers, same length. */
static const char *const heads[] = {"/v1/sales", "/v1/sales/drop", "/v1/time",
    "/v1/sales/none", "/v1/orders/nonsense", "/v1/sales/drop/orders/mine",
    "/nowhere", "/%zz"};

START_TEST(test_head)
{
	struct world *w = world_new();
	struct web_request request = world_get(w, heads[_i]);
	char get[WEB_RESPONSE_MAX];
	size_t n;
	int status;

	status = world_ask(w, &request);
	n = w->response.n - w->body.n;
	memcpy(get, w->bytes, n);
	ck_assert_uint_gt(w->body.n, 0);
	request.method = STRV("HEAD");
	ck_assert_int_eq(world_ask(w, &request), status);
	ck_assert_uint_eq(w->response.n, n);
	ck_assert_mem_eq(w->bytes, get, n);
	world_free(w);
}
END_TEST

/* What the layer below found wrong: nothing of the request is acted on. */
static const struct {
	enum web_flaw flaw;
	int status;
	const char *code;
} flaws[] = {
    {WEB_FLAW_TOO_LARGE, 413, "too-large"},
    {WEB_FLAW_BAD_LENGTH, 400, "length-invalid"},
    {WEB_FLAW_DUPLICATE, 400, "header-duplicate"},
};

START_TEST(test_flaw)
{
	struct world *w = world_new();
	struct web_request request = world_post(w, "/v1/sales/drop/orders");

	request.flaw = flaws[_i].flaw;
	world_refused(w, &request, flaws[_i].status, flaws[_i].code);
	ck_assert_str_eq(w->outcome.route, "buy");
	request = world_get(w, "/v1/sales");
	request.flaw = flaws[_i].flaw;
	world_refused(w, &request, flaws[_i].status, flaws[_i].code);
	world_free(w);
}
END_TEST

static struct exchange exchange_of(struct world *w)
{
	static const struct web_request none;

	w->outcome = (struct web_outcome){.route = "unknown"};
	return (struct exchange){.web = &w->web,
	    .request = &none,
	    .response = &w->response,
	    .outcome = &w->outcome};
}

static const char *const bad_values[] = {"a\r\nSet-Cookie: b", "a\nb", "a\rb",
    "\r\n\r\n<script>", "tab\there", "\x7f", "\x1f", "caf\xc3\xa9", "\x80"};

START_TEST(test_header_value_cannot_split)
{
	struct world *w = world_new();
	struct exchange x = exchange_of(w);

	reply_begin(&x, 200, REPLY_PRIVATE);
	reply_header(&x, "X-Test", "fine ~");
	ck_assert(!x.broken);
	reply_header(&x, "X-Evil", bad_values[_i]);
	ck_assert(x.broken);
	reply_end(&x, REPLY_JSON, STRV("{}"));
	ck_assert_ptr_null(strstr(w->bytes, "X-Evil"));
	reply_broken(&x);
	ck_assert_int_eq(w->outcome.status, 500);
	ck_assert_ptr_nonnull(strstr(w->outcome.err.text, "X-Evil"));
	world_free(w);
}
END_TEST

/* A response that does not fit is 500, whole and valid, never a cut one. */
START_TEST(test_overflow_is_500)
{
	struct world *w = world_new();
	struct web_request request = world_get(w, "/v1/sales/drop");
	size_t whole;
	json_t *json;

	memset(w->sales[0].title, 'x', 200);
	world_refresh(w);
	ck_assert_int_eq(world_ask(w, &request), 200);
	whole = w->response.n;
	ck_assert_uint_gt(whole, 520);
	for (size_t size = whole; size >= 512; size--) {
		strbuf_init(&w->response, w->bytes, size);
		ck_assert_int_eq(world_ask(w, &request), 500);
		ck_assert_str_eq(w->outcome.code, "internal");
		ck_assert_ptr_nonnull(
		    strstr(w->outcome.err.text, "longer than"));
	}
	json = world_json(w);
	ck_assert_str_eq(
	    json_string_value(json_object_get(json, "code")), "internal");
	json_decref(json);
	world_free(w);
}
END_TEST

static const struct {
	const char *text;
	size_t n;
	bool valid, printable;
} texts[] = {
    {"plain ~", 7, true, true},
    {"", 0, true, true},
    {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x8e\x9f", 9, true, true},
    {"\xf4\x8f\xbf\xbf", 4, true, true},
    {"a\tb", 3, true, false},
    {"\0", 1, true, false},
    {"\x7f", 1, true, false},
    {"\xc2\x85", 2, true, false}, /* NEL */
    {"\xe2\x80\xa8", 3, true, false}, /* line separator */
    {"\xe2\x80\xae", 3, true, false}, /* right-to-left override */
    {"\xe2\x81\xa6", 3, true, false}, /* isolate */
    {"\xef\xbb\xbf", 3, true, false}, /* byte order mark */
    {"\x80", 1, false, false},
    {"\xc0\x80", 2, false, false}, /* overlong */
    {"\xe0\x80\xaf", 3, false, false},
    {"\xf0\x80\x80\xaf", 4, false, false},
    {"\xed\xa0\x80", 3, false, false}, /* surrogate */
    {"\xf4\x90\x80\x80", 4, false, false}, /* beyond U+10FFFF */
    {"\xf8\x88\x80\x80\x80", 5, false, false},
    {"\xc3", 1, false, false},
    {"\xe2\x82", 2, false, false},
    {"\xe2\x28\xa1", 3, false, false},
};

START_TEST(test_utf8)
{
	struct strv text = strv_from(texts[_i].text, texts[_i].n);

	ck_assert_int_eq(utf8_valid(text), texts[_i].valid);
	ck_assert_int_eq(utf8_printable(text), texts[_i].printable);
}
END_TEST

START_TEST(test_utf8_head_cuts_between_characters)
{
	struct strv text = STRV("a\xe2\x82\xac"
				"b");

	ck_assert_uint_eq(utf8_head(text, 9).n, 5);
	ck_assert_uint_eq(utf8_head(text, 5).n, 5);
	ck_assert_uint_eq(utf8_head(text, 4).n, 4);
	ck_assert_uint_eq(utf8_head(text, 3).n, 1);
	ck_assert_uint_eq(utf8_head(text, 2).n, 1);
	ck_assert_uint_eq(utf8_head(text, 0).n, 0);
}
END_TEST

TESTS_MAIN("web_routes", UNIT_TABLE("route", test_route, ARRAY_LEN(routes)),
    UNIT("raw NUL", test_uri_with_a_raw_nul),
    UNIT("too long", test_uri_too_long), UNIT("plus", test_plus),
    UNIT_TABLE("Allow", test_allow, ARRAY_LEN(allows)),
    UNIT_TABLE("HEAD", test_head, ARRAY_LEN(heads)),
    UNIT_TABLE("flaw", test_flaw, ARRAY_LEN(flaws)),
    UNIT_TABLE(
	"header value", test_header_value_cannot_split, ARRAY_LEN(bad_values)),
    UNIT("overflow is 500", test_overflow_is_500),
    UNIT_TABLE("UTF-8", test_utf8, ARRAY_LEN(texts)),
    UNIT("UTF-8 cut", test_utf8_head_cuts_between_characters))
