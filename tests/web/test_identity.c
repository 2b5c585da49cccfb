/* SPDX-License-Identifier: Apache-2.0 */
/* web: who asks, and from whose page. */
#include "config.h"

#include "world.h"

#define ORDERS "/v1/sales/drop/orders"
#define FORM   "application/x-www-form-urlencoded"

/* ---- who ---- */

#define HS        "{\"alg\":\"HS256\",\"kid\":\"k1\"}"
#define BODY(sub) "{\"sub\":\"" sub "\",\"exp\":1795377900}"

/* A request's identity, and what comes of it: a customer, or 401 with this
 * challenge. */
static const struct {
	bool trust;
	const char *remote_user;
	const char *scheme; /* put before a good token of "tom"; NULL: none */
	const char *customer;
	const char *challenge;
} whos[] = {
    {false, NULL, "Bearer ", "tom", NULL},
    {false, NULL, "bearer ", "tom", NULL},
    {false, NULL, " BEARER  ", "tom", NULL},
    {true, NULL, "Bearer ", "tom", NULL},
    {true, "", "Bearer ", "tom", NULL},
    {true, "rick", NULL, "rick", NULL},
    {true, "rick", "Bearer ", "rick", NULL},
    {true, "rick", "Bearer garbage", "rick", NULL},
    {false, "rick", "Bearer ", "tom", NULL},
    {false, "rick", NULL, NULL, "Bearer"},
    {false, NULL, NULL, NULL, "Bearer"},
    {true, "", NULL, NULL, "Bearer"},
    /* what is bad is not passed over for something else */
    {true, "rick o'brien", "Bearer ", NULL, "Bearer"},
    {true, "rick\r\nX: y", NULL, NULL, "Bearer"},
    {true,
	"0123456789012345678901234567890123456789012345678901234567890"
	"1234",
	NULL, NULL, "Bearer"},
    {false, NULL, "Bearer garbage", NULL, "Bearer error=\"invalid_token\""},
    {false, NULL, "Bearer x.", NULL, "Bearer error=\"invalid_token\""},
    {true, "", "Bearer x.", NULL, "Bearer error=\"invalid_token\""},
    /* no bearer token at all */
    {false, NULL, "Basic ", NULL, "Bearer"},
    {false, NULL, "Bearer", NULL, "Bearer"},
    {false, NULL, "Bearer\t", NULL, "Bearer"},
    {false, NULL, "", NULL, "Bearer"},
    {false, NULL, "Token ", NULL, "Bearer"},
};

START_TEST(test_who)
{
	struct world *w = world_new();
	struct web_request request = world_post(w, ORDERS);
	char header[TOKEN_BYTES_MAX];
	struct strbuf buf;

	strbuf_init(&buf, header, sizeof(header));
	request.authorization = (struct strv){NULL, 0};
	if (whos[_i].scheme != NULL) {
		strbuf_puts(&buf, whos[_i].scheme);
		strbuf_puts(&buf, world_token(HS, BODY("tom"), WORLD_SECRET));
		request.authorization = strbuf_view(&buf);
	}
	request.remote_user = strv_c(whos[_i].remote_user);
	w->conf.trust_remote_user = whos[_i].trust;
	if (whos[_i].customer != NULL) {
		ck_assert_int_eq(world_ask(w, &request), 201);
		ck_assert(strv_eq(customer_view(&w->bought.customer),
		    strv_c(whos[_i].customer)));
	} else {
		world_refused(w, &request, 401, "customer-unknown");
		ck_assert_str_eq(
		    world_header(w, "WWW-Authenticate"), whos[_i].challenge);
	}
	world_free(w);
}
END_TEST

/* The log hears why; the sender, who may be anybody, does not. */
START_TEST(test_reason_of_401)
{
	struct world *w = world_new();
	struct web_request request = world_post(w, ORDERS);

	request.authorization = strv_c(world_bearer(
	    world_token(HS, "{\"sub\":\"tom\",\"exp\":1}", WORLD_SECRET)));
	world_refused(w, &request, 401, "customer-unknown");
	ck_assert_str_eq(w->outcome.err.text, "bearer token: it has expired");
	ck_assert_ptr_null(strstr(w->bytes, "expired"));
	world_free(w);
}
END_TEST

/* Tokens live by this machine's clock, which is 90 s behind the ledger's. */
START_TEST(test_tokens_live_by_our_clock)
{
	struct world *w = world_new();
	struct web_request request = world_post(w, ORDERS);

	request.authorization = strv_c(world_bearer(world_token(
	    HS, "{\"sub\":\"tom\",\"exp\":1795377511}", WORLD_SECRET)));
	ck_assert_int_eq(world_ask(w, &request), 201);
	request.authorization = strv_c(world_bearer(world_token(
	    HS, "{\"sub\":\"tom\",\"exp\":1795377510}", WORLD_SECRET)));
	ck_assert_int_eq(world_ask(w, &request), 401);
	world_free(w);
}
END_TEST

START_TEST(test_no_tokens_in_the_settings)
{
	static const struct token_keys empty;
	struct world *w = world_new();
	struct web_request request = world_post(w, ORDERS);

	for (int i = 0; i < 2; i++) {
		w->conf.keys = i == 0 ? NULL : &empty;
		world_refused(w, &request, 401, "customer-unknown");
		ck_assert_str_eq(world_header(w, "WWW-Authenticate"), "Bearer");
	}
	world_free(w);
}
END_TEST

/* Every route that is about a person asks who it is; no other does. */
START_TEST(test_which_routes_ask)
{
	static const char *const personal[] = {
	    "/v1/sales/drop/orders/mine", "/v1/orders/x"};
	static const char *const open[] = {
	    "/v1/sales", "/v1/sales/drop", "/v1/time"};
	struct world *w = world_new();
	struct web_request request;

	for (size_t i = 0; i < ARRAY_LEN(personal); i++) {
		request = world_get(w, personal[i]);
		request.authorization = (struct strv){NULL, 0};
		world_refused(w, &request, 401, "customer-unknown");
	}
	for (size_t i = 0; i < ARRAY_LEN(open); i++) {
		request = world_get(w, open[i]);
		request.authorization = STRV("Bearer garbage");
		ck_assert_int_eq(world_ask(w, &request), 200);
	}
	ck_assert_uint_eq(w->finds, 0);
	world_free(w);
}
END_TEST

/* ---- from where ---- */

static const struct {
	bool remote_user;
	const char *type;
	const char *sec_fetch_site, *origin, *host;
	bool own;
} froms[] = {
    {true, NULL, NULL, NULL, "shop.example", true},
    {true, NULL, "same-origin", "https://shop.example", "shop.example", true},
    {true, NULL, "none", NULL, "shop.example", true},
    {true, NULL, NULL, "https://shop.example", "shop.example", true},
    {true, NULL, NULL, "HTTPS://Shop.Example", "shop.example", true},
    {true, NULL, NULL, "https://shop.example:443", "shop.example", true},
    {true, NULL, NULL, "https://shop.example", "shop.example:443", true},
    {true, NULL, NULL, "http://shop.example", "shop.example:80", true},
    {true, NULL, NULL, "http://shop.example:8080", "shop.example:8080", true},
    {true, NULL, NULL, "http://[::1]:8080", "[::1]:8080", true},
    {true, NULL, "cross-site", NULL, "shop.example", false},
    {true, NULL, "same-site", NULL, "shop.example", false},
    {true, NULL, "nonsense", NULL, "shop.example", false},
    {true, NULL, "cross-site", "https://shop.example", "shop.example", false},
    {true, NULL, NULL, "https://evil.example", "shop.example", false},
    {true, NULL, "same-origin", "https://evil.example", "shop.example", false},
    {true, NULL, NULL, "https://shop.example.evil", "shop.example", false},
    {true, NULL, NULL, "https://evil-shop.example", "shop.example", false},
    {true, NULL, NULL, "https://shop.example:8443", "shop.example", false},
    {true, NULL, NULL, "https://shop.example:80", "shop.example", false},
    {true, NULL, NULL, "https://user@shop.example", "shop.example", false},
    {true, NULL, NULL, "https://shop.example/", "shop.example", false},
    {true, NULL, NULL, "shop.example", "shop.example", false},
    {true, NULL, NULL, "null", "shop.example", false},
    {true, NULL, NULL, "https://", "shop.example", false},
    {true, NULL, NULL, "https://", "", false},
    {true, NULL, NULL, "https://shop.example", NULL, false},
    {true, "application/json", "cross-site", NULL, "shop.example", false},
    {true, "text/plain", "cross-site", NULL, "shop.example", false},
    /* a bearer token is not added by the browser itself ... */
    {false, "application/json", "cross-site", "https://app.example",
	"shop.example", true},
    {false, NULL, "same-site", NULL, "shop.example", true},
};

START_TEST(test_from_where)
{
	struct world *w = world_new();
	struct web_request request = world_post(w, ORDERS);

	if (froms[_i].remote_user) {
		request.remote_user = STRV("rick");
		w->conf.trust_remote_user = true;
	}
	request.content_type = strv_c(froms[_i].type);
	request.sec_fetch_site = strv_c(froms[_i].sec_fetch_site);
	request.origin = strv_c(froms[_i].origin);
	request.host = strv_c(froms[_i].host);
	if (froms[_i].own)
		ck_assert_int_eq(world_ask(w, &request), 201);
	else
		world_refused(w, &request, 403, "cross-site");
	world_free(w);
}
END_TEST

/* ... but a form may be anybody's, whoever it claims to be from. */
START_TEST(test_forms_must_be_our_own)
{
	struct world *w = world_new();
	struct web_request request = world_post(w, ORDERS);

	request.content_type = STRV(FORM);
	request.sec_fetch_site = STRV("cross-site");
	ck_assert_int_eq(world_ask(w, &request), 403);
	ck_assert_str_eq(w->outcome.code, "cross-site");
	request.authorization = (struct strv){NULL, 0};
	ck_assert_int_eq(world_ask(w, &request), 403);
	ck_assert_uint_eq(w->buys, 0);
	request = world_post(w, ORDERS);
	request.content_type = STRV(FORM);
	request.sec_fetch_site = STRV("same-origin");
	ck_assert_int_eq(world_ask(w, &request), 303);
	world_free(w);
}
END_TEST

/* Reading is harmless, from wherever. */
START_TEST(test_reading_from_elsewhere)
{
	struct world *w = world_new();
	struct web_request request = world_get(w, "/v1/sales/drop/orders/mine");

	request.remote_user = STRV("rick");
	w->conf.trust_remote_user = true;
	request.sec_fetch_site = STRV("cross-site");
	ck_assert_int_eq(world_ask(w, &request), 200);
	world_free(w);
}
END_TEST

TESTS_MAIN("web_identity", UNIT_TABLE("who", test_who, ARRAY_LEN(whos)),
    UNIT("reason of 401", test_reason_of_401),
    UNIT("tokens live by our clock", test_tokens_live_by_our_clock),
    UNIT("no tokens in the settings", test_no_tokens_in_the_settings),
    UNIT("which routes ask", test_which_routes_ask),
    UNIT_TABLE("from where", test_from_where, ARRAY_LEN(froms)),
    UNIT("forms must be our own", test_forms_must_be_our_own),
    UNIT("reading from elsewhere", test_reading_from_elsewhere))
