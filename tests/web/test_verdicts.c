/* SPDX-License-Identifier: Apache-2.0 */
/* web: every verdict of the rules, as the shopper hears it. */
#include "config.h"

#include "world.h"

#define ORDERS "/v1/sales/drop/orders"

enum {
	RETRY = 1,
	SAME_KEY = 2
};

static const struct {
	enum verdict verdict;
	int status;
	const char *code;
	int says;
	const char *member; /* one that only this refusal has */
} refusals[] = {
    {VERDICT_SOLD_OUT, 409, "sold-out", 0, "may_return"},
    {VERDICT_LIMIT_REACHED, 409, "limit-reached", 0, "orders"},
    {VERDICT_IN_PROGRESS, 409, "in-progress", RETRY, NULL},
    {VERDICT_NOT_OPEN, 403, "sale-not-open", 0, "opens_at"},
    {VERDICT_ENDED, 410, "sale-ended", 0, NULL},
    {VERDICT_KEY_MISSING, 400, "key-missing", 0, NULL},
    {VERDICT_KEY_REUSED, 422, "key-reused", 0, NULL},
    {VERDICT_KEY_SPENT, 409, "key-spent", 0, NULL},
    {VERDICT_PAUSED, 503, "paused", RETRY | SAME_KEY, NULL},
    {VERDICT_REBUILDING, 503, "rebuilding", RETRY | SAME_KEY, NULL},
    {VERDICT_TRY_AGAIN, 503, "try-again", RETRY | SAME_KEY, NULL},
    {VERDICT_UNAVAILABLE, 503, "unavailable", RETRY | SAME_KEY, NULL},
};

static const struct {
	enum verdict verdict;
	int status;
	const char *code;
	const char *location; /* the header that names the order */
	const char *state;
} successes[] = {
    {VERDICT_CREATED, 201, "created", "Location", "sold"},
    {VERDICT_REPLAYED, 200, "replayed", "Content-Location", "sold"},
    {VERDICT_ACCEPTED, 202, "accepted", "Location", "pending"},
};

START_TEST(test_each_verdict_has_a_row_here)
{
	ck_assert_uint_eq(
	    ARRAY_LEN(refusals) + ARRAY_LEN(successes), VERDICT_COUNT);
}
END_TEST

static int retry_after(struct world *w)
{
	const char *text = world_header(w, "Retry-After");

	return text != NULL ? (int)strtol(text, NULL, 10) : 0;
}

START_TEST(test_refusal)
{
	static const char *const members[] = {
	    "may_return", "orders", "opens_at", "field"};
	struct world *w = world_new();
	struct web_request request = world_post(w, ORDERS);
	json_t *json;

	w->answer = (struct purchase_result){
	    .verdict = refusals[_i].verdict, .events = 1u << BUY_EVENT_HEALED};
	ck_assert_int_eq(world_ask(w, &request), refusals[_i].status);
	ck_assert_str_eq(w->outcome.route, "buy");
	ck_assert_str_eq(w->outcome.code, refusals[_i].code);
	ck_assert(w->outcome.purchase);
	ck_assert_uint_eq(w->outcome.events, 1u << BUY_EVENT_HEALED);
	ck_assert_str_eq(world_header(w, "Content-Type"),
	    "application/problem+json; charset=utf-8");
	ck_assert_str_eq(world_header(w, "Cache-Control"), "no-store");
	ck_assert_ptr_null(world_header(w, "Location"));
	if ((refusals[_i].says & RETRY) != 0)
		ck_assert(retry_after(w) >= 1 && retry_after(w) <= 3);
	else if (refusals[_i].verdict != VERDICT_NOT_OPEN)
		ck_assert_ptr_null(world_header(w, "Retry-After"));

	json = world_json(w);
	ck_assert_str_eq(
	    json_string_value(json_object_get(json, "sale")), "drop");
	ck_assert_str_eq(json_string_value(json_object_get(json, "code")),
	    refusals[_i].code);
	ck_assert_int_eq(json_integer_value(json_object_get(json, "status")),
	    refusals[_i].status);
	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		ck_assert_int_eq(json_object_get(json, members[i]) != NULL,
		    refusals[_i].member != NULL &&
			strcmp(refusals[_i].member, members[i]) == 0);
	if ((refusals[_i].says & SAME_KEY) != 0)
		ck_assert_str_eq(
		    json_string_value(json_object_get(json, "retry")),
		    "same key");
	else
		ck_assert_ptr_null(json_object_get(json, "retry"));
	json_decref(json);
	world_free(w);
}
END_TEST

START_TEST(test_success)
{
	struct world *w = world_new();
	struct web_request request = world_post(w, ORDERS);
	char path[64];
	json_t *json;

	w->answer.verdict = successes[_i].verdict;
	ck_assert_int_eq(world_ask(w, &request), successes[_i].status);
	ck_assert_str_eq(w->outcome.code, successes[_i].code);
	ck_assert_str_eq(
	    world_header(w, "Content-Type"), "application/json; charset=utf-8");
	ck_assert_str_eq(world_header(w, "Cache-Control"), "no-store");
	snprintf(path, sizeof(path), "/v1/orders/%s", world_number(7));
	ck_assert_str_eq(world_header(w, successes[_i].location), path);
	/* Apache's CGI modules answer "Status: 200" with Location by asking
	 * us again: GET at the POST's address, which is 405. */
	if (successes[_i].status == 200)
		ck_assert_ptr_null(world_header(w, "Location"));
	if (successes[_i].verdict == VERDICT_REPLAYED)
		ck_assert_str_eq(
		    world_header(w, "Idempotent-Replayed"), "true");
	else
		ck_assert_ptr_null(world_header(w, "Idempotent-Replayed"));
	if (successes[_i].verdict == VERDICT_ACCEPTED)
		ck_assert(retry_after(w) >= 1 && retry_after(w) <= 3);
	else
		ck_assert_ptr_null(world_header(w, "Retry-After"));

	json = world_json(w);
	ck_assert_str_eq(
	    json_string_value(json_object_get(json, "order")), world_number(7));
	ck_assert_str_eq(
	    json_string_value(json_object_get(json, "sale")), "drop");
	ck_assert_str_eq(json_string_value(json_object_get(json, "state")),
	    successes[_i].state);
	ck_assert_int_eq(json_integer_value(json_object_get(json, "unit")), 42);
	ck_assert_str_eq(json_string_value(json_object_get(json, "created_at")),
	    "2026-11-22T20:00:00.123456Z");
	ck_assert(json_is_null(json_object_get(json, "ref")));
	json_decref(json);
	world_free(w);
}
END_TEST

START_TEST(test_limit_reached_names_the_orders)
{
	struct world *w = world_new();
	struct web_request request = world_post(w, ORDERS);
	json_t *json, *orders, *one;

	w->answer = (struct purchase_result){
	    .verdict = VERDICT_LIMIT_REACHED, .norders = 2};
	w->answer.orders[0] = world_order(1, "ann", 11);
	w->answer.orders[1] = world_order(2, "ann", 12);
	ck_assert_int_eq(world_ask(w, &request), 409);
	json = world_json(w);
	orders = json_object_get(json, "orders");
	ck_assert_uint_eq(json_array_size(orders), 2);
	one = json_array_get(orders, 1);
	ck_assert_str_eq(
	    json_string_value(json_object_get(one, "order")), world_number(2));
	ck_assert_int_eq(json_integer_value(json_object_get(one, "unit")), 12);
	json_decref(json);
	world_free(w);
}
END_TEST

START_TEST(test_sold_out_says_whether_units_can_come_back)
{
	struct world *w = world_new();
	struct web_request request = world_post(w, ORDERS);

	for (int may_return = 0; may_return < 2; may_return++) {
		json_t *json;

		w->answer = (struct purchase_result){
		    .verdict = VERDICT_SOLD_OUT, .may_return = may_return};
		ck_assert_int_eq(world_ask(w, &request), 409);
		json = world_json(w);
		ck_assert_int_eq(
		    json_is_true(json_object_get(json, "may_return")),
		    may_return);
		ck_assert(json_is_boolean(json_object_get(json, "may_return")));
		json_decref(json);
	}
	world_free(w);
}
END_TEST

/* Milliseconds to the opening, and what Retry-After may be then: never before
 * it, while it is near. */
static const struct {
	int64_t left_ms;
	int least, most;
} openings[] = {{1000, 1, 3}, {1, 1, 3}, {29600, 30, 32}, {30000, 30, 32},
    {58000, 58, 60}, {3600000, 58, 60}, {-5000, 1, 3}};

START_TEST(test_not_open_says_when)
{
	struct world *w = world_new();
	struct web_request request = world_post(w, ORDERS);
	bool varied = false;
	int first = 0;

	w->sales[0].opens.us =
	    WORLD_NOW_S * US_PER_S + openings[_i].left_ms * 1000;
	world_refresh(w);
	w->answer = (struct purchase_result){.verdict = VERDICT_NOT_OPEN};
	/* Jitter: one chance in 3^99 that 100 answers are alike. */
	for (int i = 0; i < 100; i++) {
		int said;

		ck_assert_int_eq(world_ask(w, &request), 403);
		said = retry_after(w);
		ck_assert_int_ge(said, openings[_i].least);
		ck_assert_int_le(said, openings[_i].most);
		first = i == 0 ? said : first;
		varied = varied || said != first;
	}
	ck_assert(varied);
	if (openings[_i].left_ms == 3600000) {
		json_t *json = world_json(w);

		ck_assert_str_eq(
		    json_string_value(json_object_get(json, "opens_at")),
		    "2026-11-22T21:00:00.000Z");
		json_decref(json);
	}
	world_free(w);
}
END_TEST

/* A sale without an opening time that is not open: ask in a minute. */
START_TEST(test_not_open_without_a_time)
{
	struct world *w = world_new();
	struct web_request request = world_post(w, ORDERS);
	json_t *json;

	w->sales[0].opens.us = 0;
	world_refresh(w);
	w->answer = (struct purchase_result){.verdict = VERDICT_NOT_OPEN};
	ck_assert_int_eq(world_ask(w, &request), 403);
	ck_assert_int_ge(retry_after(w), 58);
	ck_assert_int_le(retry_after(w), 60);
	json = world_json(w);
	ck_assert(json_is_null(json_object_get(json, "opens_at")));
	json_decref(json);
	world_free(w);
}
END_TEST

/* Why a doubt is a doubt goes to the log; the shopper hears no store's words.
 */
START_TEST(test_reason_of_a_doubt)
{
	struct world *w = world_new();
	struct web_request request = world_post(w, ORDERS);

	w->answer = (struct purchase_result){.verdict = VERDICT_TRY_AGAIN};
	err_set(&w->answer.err, 2013, "insert: lost connection to 10.0.0.7");
	ck_assert_int_eq(world_ask(w, &request), 503);
	ck_assert_str_eq(
	    w->outcome.err.text, "insert: lost connection to 10.0.0.7");
	ck_assert_int_eq(w->outcome.err.code, 2013);
	ck_assert_ptr_null(strstr(w->bytes, "10.0.0.7"));
	world_free(w);
}
END_TEST

/* Without a base for `type`, the type is the status alone (RFC 9457 4.2.1). */
START_TEST(test_problem_without_a_base)
{
	struct world *w = world_new();
	struct web_request request = world_post(w, ORDERS);

	w->answer = (struct purchase_result){.verdict = VERDICT_ENDED};
	for (int i = 0; i < 2; i++) {
		json_t *json;

		w->conf.problem_base = i == 0 ? NULL : "";
		ck_assert_int_eq(world_ask(w, &request), 410);
		json = world_json(w);
		ck_assert_str_eq(
		    json_string_value(json_object_get(json, "type")),
		    "about:blank");
		ck_assert_str_eq(
		    json_string_value(json_object_get(json, "code")),
		    "sale-ended");
		json_decref(json);
	}
	world_free(w);
}
END_TEST

TESTS_MAIN("web_verdicts",
    UNIT("each verdict is tested", test_each_verdict_has_a_row_here),
    UNIT_TABLE("refusal", test_refusal, ARRAY_LEN(refusals)),
    UNIT_TABLE("success", test_success, ARRAY_LEN(successes)),
    UNIT("limit reached names the orders", test_limit_reached_names_the_orders),
    UNIT("sold out: may units return?",
	test_sold_out_says_whether_units_can_come_back),
    UNIT_TABLE(
	"not open says when", test_not_open_says_when, ARRAY_LEN(openings)),
    UNIT("not open, time unknown", test_not_open_without_a_time),
    UNIT("the reason of a doubt", test_reason_of_a_doubt),
    UNIT("problem without a base", test_problem_without_a_base))
