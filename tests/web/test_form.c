/* SPDX-License-Identifier: Apache-2.0 */
/* web: the form twin, for browsers without JavaScript. */
#include "config.h"

#include "world.h"

#include "web/html.h"

#define ORDERS "/v1/sales/drop/orders"
#define FORM   "application/x-www-form-urlencoded"

static struct web_request form_post(struct world *w, const char *body)
{
	struct web_request request = world_post(w, ORDERS);

	request.content_type = STRV(FORM);
	request.body = strv_c(body);
	return request;
}

/* A page: HTML, whole, without anything that could be loaded or run. */
static void page_check(struct world *w)
{
	ck_assert_str_eq(
	    world_header(w, "Content-Type"), "text/html; charset=utf-8");
	ck_assert_str_eq(
	    world_header(w, "Content-Security-Policy"), "default-src 'none'");
	ck_assert_str_eq(world_header(w, "Cache-Control"), "no-store");
	ck_assert(strv_starts(w->body, STRV("<!DOCTYPE html>\n<html lang=")));
	ck_assert_ptr_nonnull(strstr(w->body.p, "<meta charset=\"utf-8\">"));
	ck_assert_ptr_nonnull(strstr(w->body.p, "<title>"));
	ck_assert_ptr_nonnull(strstr(w->body.p, "<main>\n<h1>"));
	ck_assert_ptr_nonnull(strstr(w->body.p, "</html>\n"));
	ck_assert_ptr_null(strstr(w->body.p, "<script"));
}

static const enum verdict successes[] = {
    VERDICT_CREATED, VERDICT_REPLAYED, VERDICT_ACCEPTED};

START_TEST(test_success_is_303)
{
	struct world *w = world_new();
	struct web_request request = form_post(w, "quantity=1&ref=cart+7");
	char path[64];

	w->answer.verdict = successes[_i];
	ck_assert_int_eq(world_ask(w, &request), 303);
	snprintf(path, sizeof(path), "/v1/orders/%s", world_number(7));
	ck_assert_str_eq(world_header(w, "Location"), path);
	ck_assert_str_eq(w->bought.ref, "cart 7");
	page_check(w);
	ck_assert_ptr_nonnull(strstr(w->body.p, path));
	world_free(w);
}
END_TEST

static const struct {
	enum verdict verdict;
	int status;
	const char *title;
	bool again;
} refusals[] = {
    {VERDICT_SOLD_OUT, 409, "Sold out", false},
    {VERDICT_LIMIT_REACHED, 409, "You have yours", false},
    {VERDICT_IN_PROGRESS, 409, "Still at it", false},
    {VERDICT_NOT_OPEN, 403, "Not open yet", false},
    {VERDICT_ENDED, 410, "Ended", false},
    {VERDICT_KEY_MISSING, 400, "Idempotency-Key missing", false},
    {VERDICT_KEY_REUSED, 422, "Key used before", false},
    {VERDICT_KEY_SPENT, 409, "Key spent", false},
    {VERDICT_PAUSED, 503, "Paused", true},
    {VERDICT_REBUILDING, 503, "One moment", true},
    {VERDICT_TRY_AGAIN, 503, "Not decided yet", true},
    {VERDICT_UNAVAILABLE, 503, "Not available", true},
};

START_TEST(test_refusal_is_a_page)
{
	struct world *w = world_new();
	struct web_request request = form_post(w, "");
	char heading[64];

	w->answer = (struct purchase_result){
	    .verdict = refusals[_i].verdict, .norders = 1};
	w->answer.orders[0] = world_order(3, "ann", 5);
	ck_assert_int_eq(world_ask(w, &request), refusals[_i].status);
	page_check(w);
	snprintf(heading, sizeof(heading), "<h1>%s</h1>", refusals[_i].title);
	ck_assert_ptr_nonnull(strstr(w->body.p, heading));
	ck_assert_ptr_nonnull(strstr(w->body.p, "role=\"alert\""));
	ck_assert_int_eq(
	    strstr(w->body.p, "Reload this page") != NULL, refusals[_i].again);
	/* Whoever has reached the limit is shown what there is. */
	ck_assert_int_eq(strstr(w->body.p, world_number(3)) != NULL,
	    refusals[_i].verdict == VERDICT_LIMIT_REACHED);
	world_free(w);
}
END_TEST

/* Every order that a customer may have, on one page. */
START_TEST(test_all_orders_fit)
{
	struct world *w = world_new();
	struct web_request request = form_post(w, "");

	w->answer = (struct purchase_result){
	    .verdict = VERDICT_LIMIT_REACHED, .norders = SALE_PER_CUSTOMER_MAX};
	for (uint8_t i = 0; i < SALE_PER_CUSTOMER_MAX; i++)
		w->answer.orders[i] = world_order(i, "ann", i + 1u);
	ck_assert_int_eq(world_ask(w, &request), 409);
	page_check(w);
	for (uint8_t i = 0; i < SALE_PER_CUSTOMER_MAX; i++)
		ck_assert_ptr_nonnull(strstr(w->body.p, world_number(i)));
	world_free(w);
}
END_TEST

static const struct {
	const char *body;
	const char *says; /* in the refusal; NULL: bought */
} bodies[] = {
    {"", NULL},
    {"&&", NULL},
    {"quantity=1", NULL},
    {"quantity=%31&", NULL},
    {"ref=a%26b%3Dc", NULL},
    {"ref=\xc3\xa9", NULL},
    {"quantity=2", "quantity"},
    {"quantity=01", "quantity"},
    {"quantity=+1", "quantity"},
    {"quantity=", "quantity"},
    {"quantity", "quantity"},
    {"quantity=1&quantity=1", "twice"},
    {"ref=a&ref=", "twice"},
    {"quantity=1&%71uantity=1", "twice"},
    {"idempotency_key=a&idempotency_key=a", "twice"},
    {"price=1", "price"},
    {"=1", "not known"},
    {"ref=%0a", "ref"},
    {"ref=%e2%80%ae", "ref"},
    {"ref=%00", "bad escape"},
    {"ref=%", "bad escape"},
    {"ref=%zz", "bad escape"},
    {"%zz=1", "bad escape"},
    {"ref=%ff", "bad escape"},
    {"a=1&a=1&a=1", "not known"},
};

START_TEST(test_form_body)
{
	struct world *w = world_new();
	struct web_request request = form_post(w, bodies[_i].body);
	int status = world_ask(w, &request);

	page_check(w);
	if (bodies[_i].says == NULL) {
		ck_assert_int_eq(status, 303);
	} else {
		ck_assert_int_eq(status, 400);
		ck_assert_str_eq(w->outcome.code, "body-invalid");
		ck_assert_uint_eq(w->buys, 0);
		ck_assert_ptr_nonnull(strstr(w->body.p, bodies[_i].says));
	}
	world_free(w);
}
END_TEST

START_TEST(test_form_too_much)
{
	struct world *w = world_new();
	struct web_request request;
	char text[4096];

	memset(text, 'x', sizeof(text));
	memcpy(text, "ref=", 4);
	request = form_post(w, "");
	request.body = strv_from(text, 4 + 64);
	ck_assert_int_eq(world_ask(w, &request), 303);
	for (size_t n = 4 + 65; n < sizeof(text); n += 71) {
		request.body = strv_from(text, n);
		ck_assert_int_eq(world_ask(w, &request), 400);
	}
	world_free(w);
}
END_TEST

/* A form cannot send a header, so it may carry the key as a field. */
START_TEST(test_key_in_a_field)
{
	struct world *w = world_new();
	struct web_request request = form_post(w, "idempotency_key=abc+1");

	ck_assert_int_eq(world_ask(w, &request), 303);
	ck_assert(w->bought_with_key);
	ck_assert_str_eq(w->bought_key, "abc 1");
	request = form_post(w, "idempotency_key=abc");
	request.idempotency_key = STRV("\"abc\"");
	ck_assert_int_eq(world_ask(w, &request), 303);
	request.idempotency_key = STRV("abd");
	ck_assert_int_eq(world_ask(w, &request), 400);
	ck_assert_str_eq(w->outcome.code, "key-invalid");
	request = form_post(w, "idempotency_key=");
	ck_assert_int_eq(world_ask(w, &request), 400);
	ck_assert_str_eq(w->outcome.code, "key-invalid");
	request = form_post(w, "idempotency_key=a%0d%0ab");
	ck_assert_int_eq(world_ask(w, &request), 400);
	ck_assert_str_eq(w->outcome.code, "key-invalid");
	ck_assert_uint_eq(w->buys, 2);
	world_free(w);
}
END_TEST

/* Names that the sender chose appear on the page, but never as HTML. */
START_TEST(test_hostile_names_are_escaped)
{
	struct world *w = world_new();
	struct web_request request =
	    form_post(w, "%3Cscript%3Ealert%28%22x%22%29%3C%2Fscript%3E=1");

	ck_assert_int_eq(world_ask(w, &request), 400);
	page_check(w);
	ck_assert_ptr_nonnull(strstr(
	    w->body.p, "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;"));
	request = form_post(w, "%27%26%3Cb=1");
	ck_assert_int_eq(world_ask(w, &request), 400);
	ck_assert_ptr_nonnull(strstr(w->body.p, "&#39;&amp;&lt;b"));
	world_free(w);
}
END_TEST

/* Everything that refuses a form refuses it with a page. */
START_TEST(test_early_refusals_are_pages)
{
	struct world *w = world_new();
	struct web_request request = form_post(w, "");

	request.authorization = (struct strv){NULL, 0};
	ck_assert_int_eq(world_ask(w, &request), 401);
	ck_assert_str_eq(world_header(w, "WWW-Authenticate"), "Bearer");
	page_check(w);
	request = form_post(w, "");
	request.uri = STRV("/v1/sales/none/orders");
	ck_assert_int_eq(world_ask(w, &request), 404);
	page_check(w);
	request.uri = STRV("/nowhere/<script>");
	ck_assert_int_eq(world_ask(w, &request), 404);
	page_check(w);
	request = form_post(w, "");
	request.flaw = WEB_FLAW_TOO_LARGE;
	ck_assert_int_eq(world_ask(w, &request), 413);
	page_check(w);
	world_free(w);
}
END_TEST

/* What could not be answered is a page as well, and a whole one. */
START_TEST(test_broken_is_a_page)
{
	struct world *w = world_new();
	struct web_request request = form_post(w, "");

	/* Room for the constant page, not for one with sixteen orders. */
	strbuf_init(&w->response, w->bytes, 1024);
	w->answer = (struct purchase_result){
	    .verdict = VERDICT_LIMIT_REACHED, .norders = SALE_PER_CUSTOMER_MAX};
	ck_assert_int_eq(world_ask(w, &request), 500);
	ck_assert_str_eq(
	    world_header(w, "Content-Type"), "text/html; charset=utf-8");
	ck_assert_ptr_nonnull(strstr(w->body.p, "<h1>Internal error</h1>"));
	ck_assert_ptr_nonnull(strstr(w->body.p, "</html>\n"));
	ck_assert(w->outcome.purchase);
	world_free(w);
}
END_TEST

START_TEST(test_escape)
{
	char bytes[128];
	struct strbuf out;

	strbuf_init(&out, bytes, sizeof(bytes));
	html_escape(&out, STRV("a<b>&\"c'd \xc3\xa9"));
	ck_assert_str_eq(bytes, "a&lt;b&gt;&amp;&quot;c&#39;d \xc3\xa9");
}
END_TEST

TESTS_MAIN("web_form",
    UNIT_TABLE("success is 303", test_success_is_303, ARRAY_LEN(successes)),
    UNIT_TABLE(
	"refusal is a page", test_refusal_is_a_page, ARRAY_LEN(refusals)),
    UNIT("all orders fit", test_all_orders_fit),
    UNIT_TABLE("body", test_form_body, ARRAY_LEN(bodies)),
    UNIT("too much", test_form_too_much),
    UNIT("key in a field", test_key_in_a_field),
    UNIT("hostile names", test_hostile_names_are_escaped),
    UNIT("early refusals", test_early_refusals_are_pages),
    UNIT("broken is a page", test_broken_is_a_page),
    UNIT("escape", test_escape))
