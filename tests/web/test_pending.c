/* SPDX-License-Identifier: Apache-2.0 */
/* web: orders that were accepted and are not decided yet. */
#include "config.h"

#include "world.h"

#include "web/html.h"
#include "web/view.h"

#define ORDERS "/v1/sales/drop/orders"
#define MINE   "/v1/sales/drop/orders/mine"

static const char *path_of(uint8_t n)
{
	static char path[64];

	snprintf(path, sizeof(path), "/v1/orders/%s", world_number(n));
	return path;
}

static int retry_after(struct world *w)
{
	const char *text = world_header(w, "Retry-After");

	return text != NULL ? (int)strtol(text, NULL, 10) : 0;
}

/* "drop" in this mode, with order 5 of ann's waiting in its gate. */
static struct world *waiting_world(enum sale_mode mode)
{
	struct world *w = world_new();

	w->sales[0].mode = mode;
	world_refresh(w);
	w->waiting[w->nwaiting++] = world_order(5, "ann", 17);
	return w;
}

/* ---- one order ---- */

START_TEST(test_pending_order)
{
	struct world *w = waiting_world(SALE_MODE_QUEUE);
	struct web_request request = world_get(w, path_of(5));
	json_t *json;

	ck_assert_int_eq(world_ask(w, &request), 202);
	ck_assert_str_eq(w->outcome.code, "pending");
	ck_assert_int_ge(retry_after(w), 1);
	ck_assert_int_le(retry_after(w), 3);
	ck_assert_str_eq(world_header(w, "Cache-Control"), "no-store");
	ck_assert_ptr_null(world_header(w, "Location"));
	json = world_json(w);
	ck_assert_str_eq(world_text(json, "order"), world_number(5));
	ck_assert_str_eq(world_text(json, "sale"), "drop");
	ck_assert_str_eq(world_text(json, "state"), "pending");
	ck_assert_str_eq(
	    world_text(json, "created_at"), "2026-11-22T20:00:00.123456Z");
	ck_assert_int_eq(json_integer_value(json_object_get(json, "unit")), 17);
	ck_assert_ptr_null(json_object_get(json, "next_run"));
	ck_assert_ptr_null(json_object_get(json, "durability"));
	json_decref(json);
	/* Somebody else's is nobody's. */
	w->waiting[0] = world_order(5, "bob", 17);
	world_refused(w, &request, 404, "order-unknown");
	world_free(w);
}
END_TEST

START_TEST(test_pending_says_what_it_is_worth)
{
	struct world *w = waiting_world(SALE_MODE_QUEUE);
	struct web_request request = world_get(w, path_of(5));
	json_t *json;

	w->may_lose = true;
	ck_assert_int_eq(world_ask(w, &request), 202);
	json = world_json(w);
	ck_assert_str_eq(world_text(json, "durability"), "memory");
	json_decref(json);
	/* Written is written. */
	w->rows[w->nrows++] = w->waiting[0];
	json = world_get_json(w, path_of(5));
	ck_assert_ptr_null(json_object_get(json, "durability"));
	json_decref(json);
	world_free(w);
}
END_TEST

/* 20:00:00 is a multiple of a minute: the run of that moment has begun. */
START_TEST(test_pending_until_the_next_run)
{
	struct world *w = waiting_world(SALE_MODE_SWEEP);
	struct web_request request = world_get(w, path_of(5));
	json_t *json;

	ck_assert_int_eq(world_ask(w, &request), 202);
	ck_assert_int_ge(retry_after(w), 61);
	ck_assert_int_le(retry_after(w), 63);
	json = world_json(w);
	ck_assert_str_eq(
	    world_text(json, "next_run"), "2026-11-22T20:01:00.000Z");
	json_decref(json);
	/* By flashgatectl sweep only: nobody knows. */
	w->conf.sweep_interval_ms = 0;
	ck_assert_int_eq(world_ask(w, &request), 202);
	ck_assert_int_ge(retry_after(w), 58);
	ck_assert_int_le(retry_after(w), 60);
	json = world_json(w);
	ck_assert(json_is_null(json_object_get(json, "next_run")));
	json_decref(json);
	world_free(w);
}
END_TEST

enum row {
	ROW_NONE,
	ROW_SOLD,
	ROW_VOID,
	ROW_LATE /* written between the first look and the second */
};

/* What the stores say, and what is heard of order 5. */
static const struct {
	enum row row;
	bool waits;
	enum outcome ledger, gate;
	bool gate_lost;
	enum sale_state state;
	int status;
	bool told; /* the keeper has seen that the gate is lost */
} fates[] = {
    {ROW_NONE, false, OUT_DONE, OUT_DONE, false, SALE_STATE_OPEN, 404, false},
    {ROW_NONE, true, OUT_DONE, OUT_DONE, false, SALE_STATE_OPEN, 202, false},
    {ROW_SOLD, false, OUT_DONE, OUT_DONE, false, SALE_STATE_OPEN, 200, false},
    /* Its settler has not told the gate yet. */
    {ROW_SOLD, true, OUT_DONE, OUT_DONE, false, SALE_STATE_OPEN, 200, false},
    {ROW_VOID, true, OUT_DONE, OUT_DONE, false, SALE_STATE_OPEN, 404, false},
    {ROW_VOID, false, OUT_DONE, OUT_DONE, false, SALE_STATE_OPEN, 404, false},
    /* It has left the one for the other while we looked. */
    {ROW_LATE, false, OUT_DONE, OUT_DONE, false, SALE_STATE_OPEN, 200, false},
    /* One store is away. */
    {ROW_NONE, true, OUT_UNKNOWN, OUT_DONE, false, SALE_STATE_OPEN, 202, false},
    {ROW_NONE, false, OUT_NOT_DONE, OUT_DONE, false, SALE_STATE_OPEN, 503,
	false},
    {ROW_NONE, true, OUT_DONE, OUT_UNKNOWN, false, SALE_STATE_OPEN, 503, false},
    {ROW_SOLD, false, OUT_DONE, OUT_NOT_DONE, false, SALE_STATE_OPEN, 200,
	false},
    {ROW_VOID, false, OUT_DONE, OUT_NOT_DONE, false, SALE_STATE_OPEN, 404,
	false},
    {ROW_NONE, true, OUT_UNKNOWN, OUT_UNKNOWN, false, SALE_STATE_OPEN, 503,
	false},
    /* A gate that is lost proves nothing, until it is made anew; that of a
     * sale which is over never is. */
    {ROW_NONE, true, OUT_DONE, OUT_DONE, true, SALE_STATE_OPEN, 503, false},
    {ROW_NONE, true, OUT_DONE, OUT_DONE, true, SALE_STATE_REBUILD, 503, false},
    {ROW_NONE, true, OUT_DONE, OUT_DONE, true, SALE_STATE_PAUSED, 503, false},
    {ROW_NONE, true, OUT_DONE, OUT_DONE, true, SALE_STATE_CLOSED, 404, true},
    {ROW_NONE, true, OUT_DONE, OUT_DONE, true, SALE_STATE_CLOSED, 503, false},
    {ROW_NONE, true, OUT_DONE, OUT_DONE, true, SALE_STATE_OPEN, 503, true},
    {ROW_SOLD, false, OUT_DONE, OUT_DONE, true, SALE_STATE_OPEN, 200, false},
    /* It is over, and still being written. */
    {ROW_NONE, true, OUT_DONE, OUT_DONE, false, SALE_STATE_CLOSED, 202, false},
};

START_TEST(test_fate)
{
	struct world *w = waiting_world(SALE_MODE_QUEUE);
	struct web_request request = world_get(w, path_of(5));
	struct order row = world_order(5, "ann", 17);

	w->sales[0].state = fates[_i].state;
	world_refresh(w);
	w->nwaiting = fates[_i].waits;
	if (fates[_i].row == ROW_VOID)
		row.status = ORDER_VOID;
	if (fates[_i].row == ROW_LATE)
		w->late = row;
	else if (fates[_i].row != ROW_NONE)
		w->rows[w->nrows++] = row;
	w->ledger_says = fates[_i].ledger;
	w->gate_says = fates[_i].gate;
	w->gate_lost = fates[_i].gate_lost;
	if (fates[_i].told)
		world_gauge(w, 1, (struct gate_gauge){.known = false});
	ck_assert_int_eq(world_ask(w, &request), fates[_i].status);
	if (fates[_i].status == 503) {
		ck_assert_uint_gt(strlen(w->outcome.err.text), 0);
		ck_assert_ptr_null(strstr(w->bytes, "refused"));
	}
	world_free(w);
}
END_TEST

/* Several sales, one of whose gates says nothing: a doubt, unless another one
 * has it. */
START_TEST(test_order_of_one_of_several_sales)
{
	struct world *w = waiting_world(SALE_MODE_QUEUE);
	struct web_request request = world_get(w, path_of(5));
	json_t *json;

	w->sales[w->nsales++] = world_sale(2, "other");
	w->sales[1].mode = SALE_MODE_SWEEP;
	world_refresh(w);
	w->waiting[0].sale.v = 2;
	ck_assert_int_eq(world_ask(w, &request), 202);
	json = world_json(w);
	ck_assert_str_eq(world_text(json, "sale"), "other");
	json_decref(json);
	/* A draft, and one without a gate, are not asked. */
	w->asks = 0;
	w->sales[0].state = SALE_STATE_DRAFT;
	w->sales[1].epoch = 0;
	world_refresh(w);
	world_refused(w, &request, 404, "order-unknown");
	ck_assert_uint_eq(w->asks, 0);
	world_free(w);
}
END_TEST

/* Bought in as soon as it was opened, and read before the table has it (seeds 613
 * and 616 of the campaign in mode sweep): it waits, and is not unknown. */
START_TEST(test_order_of_a_sale_that_was_opened_just_now)
{
	struct world *w = waiting_world(SALE_MODE_QUEUE);
	struct web_request request = world_get(w, path_of(5));

	w->sales[0].state = SALE_STATE_DRAFT;
	world_refresh(w);
	w->sales[0].state = SALE_STATE_OPEN;
	ck_assert_int_eq(world_ask(w, &request), 202);
	/* And paused at once. */
	w->sales[0].state = SALE_STATE_PAUSED;
	ck_assert_int_eq(world_ask(w, &request), 202);
	world_free(w);
}
END_TEST

/* Gates of sales in mode direct are left alone, once they have settled and the
 * gauge was read. */
START_TEST(test_direct_sales_are_not_asked)
{
	static const struct gate_gauge gauge = {
	    .known = true, .epoch = 3, .units = 100};
	struct gate_gauge draining = gauge;
	struct world *w = waiting_world(SALE_MODE_DIRECT);
	struct web_request request = world_get(w, path_of(5));

	world_gauge(w, 1, gauge);
	/* It may have been in another mode just now. */
	ck_assert_int_eq(world_ask(w, &request), 202);
	ck_assert_uint_eq(w->asks, 1);
	w->later_ns = 600 * NS_PER_S;
	world_refresh(w);
	world_refused(w, &request, 404, "order-unknown");
	ck_assert_uint_eq(w->asks, 1);
	/* It was in mode queue, and has orders that wait. */
	draining.waiting = 1;
	world_gauge(w, 1, draining);
	ck_assert_int_eq(world_ask(w, &request), 202);
	/* It is in mode queue, and then not any more. */
	world_gauge(w, 1, gauge);
	w->sales[0].mode = SALE_MODE_QUEUE;
	world_refresh(w);
	ck_assert_int_eq(world_ask(w, &request), 202);
	w->sales[0].mode = SALE_MODE_DIRECT;
	world_refresh(w);
	world_refresh(w);
	ck_assert_int_eq(world_ask(w, &request), 202);
	w->later_ns += 121 * NS_PER_S;
	world_refresh(w);
	world_refused(w, &request, 404, "order-unknown");
	/* Its gate is lost: what that had, nobody knows. */
	draining = (struct gate_gauge){.known = false};
	world_gauge(w, 1, draining);
	w->gate_lost = true;
	world_refused(w, &request, 503, "unavailable");
	world_free(w);
}
END_TEST

/* ---- all of a sale ---- */

START_TEST(test_mine_lists_what_waits)
{
	struct world *w = waiting_world(SALE_MODE_SWEEP);
	struct web_request request = world_get(w, MINE);
	json_t *json, *list;

	w->rows[w->nrows++] = world_order(2, "ann", 2);
	/* Written, and not told to the gate yet: it is there once. */
	w->waiting[w->nwaiting++] = world_order(2, "ann", 2);
	w->waiting[w->nwaiting++] = world_order(6, "bob", 3);
	json = world_get_json(w, MINE);
	list = json_object_get(json, "orders");
	ck_assert_uint_eq(json_array_size(list), 2);
	ck_assert_str_eq(world_text(json_array_get(list, 0), "state"), "sold");
	ck_assert_str_eq(
	    world_text(json_array_get(list, 1), "order"), world_number(5));
	ck_assert_str_eq(
	    world_text(json_array_get(list, 1), "state"), "pending");
	ck_assert_str_eq(world_text(json_array_get(list, 1), "next_run"),
	    "2026-11-22T20:01:00.000Z");
	json_decref(json);
	/* A list without what may be there would say that it is not. */
	w->gate_says = OUT_UNKNOWN;
	world_refused(w, &request, 503, "unavailable");
	ck_assert_str_eq(w->outcome.err.text,
	    "orders: sale drop: gate: gate: connection refused");
	w->gate_says = OUT_DONE;
	w->gate_lost = true;
	world_refused(w, &request, 503, "unavailable");
	world_free(w);
}
END_TEST

/* ---- a purchase that is accepted ---- */

START_TEST(test_accepted_is_noted_before_it_is_told)
{
	struct world *w = waiting_world(SALE_MODE_SWEEP);
	struct web_request request = world_post(w, ORDERS);
	json_t *json;

	w->may_lose = true;
	w->answer.verdict = VERDICT_ACCEPTED;
	ck_assert_int_eq(world_ask(w, &request), 202);
	ck_assert_uint_eq(w->accepted, 1);
	ck_assert_mem_eq(
	    w->accepted_order.claim.b, w->answer.order.claim.b, CLAIM_BYTES);
	ck_assert(w->bought.waiting);
	ck_assert_int_ge(retry_after(w), 61);
	ck_assert_int_le(retry_after(w), 63);
	json = world_json(w);
	ck_assert_str_eq(world_text(json, "state"), "pending");
	ck_assert_str_eq(world_text(json, "durability"), "memory");
	ck_assert_str_eq(
	    world_text(json, "next_run"), "2026-11-22T20:01:00.000Z");
	json_decref(json);
	/* And nothing else is. */
	w->answer.verdict = VERDICT_CREATED;
	ck_assert_int_eq(world_ask(w, &request), 201);
	ck_assert_uint_eq(w->accepted, 1);
	world_free(w);
}
END_TEST

/* ---- pages ---- */

static const struct {
	const char *accept;
	bool html;
} accepts[] = {
    {"", false},
    {"*/*", false},
    {"text/html", true},
    {"TEXT/HTML ; q=0.5", true},
    {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", true},
    {"application/json, text/html", false},
    {"text/html, application/problem+json;q=0.1", false},
    {"text/html, application/json;q=0", true},
    {"text/html; q=0.000", false},
    {"text/html;level=1;q=0, */*", false},
    {"text/*", false},
    {",,;;q", false},
};

START_TEST(test_accept)
{
	ck_assert_int_eq(
	    html_is_wanted(strv_c(accepts[_i].accept)), accepts[_i].html);
}
END_TEST

START_TEST(test_a_browser_gets_a_page_that_looks_again)
{
	struct world *w = waiting_world(SALE_MODE_QUEUE);
	struct web_request request = world_get(w, path_of(5));
	char refresh[80];

	strcpy(w->sales[0].title, "<The drop>");
	world_refresh(w);
	request.accept = STRV("text/html,*/*;q=0.8");
	ck_assert_int_eq(world_ask(w, &request), 202);
	ck_assert_str_eq(
	    world_header(w, "Content-Type"), "text/html; charset=utf-8");
	snprintf(refresh, sizeof(refresh),
	    "<meta http-equiv=\"refresh\" content=\"%d\">", retry_after(w));
	ck_assert_ptr_nonnull(strstr(w->body.p, refresh));
	ck_assert_ptr_nonnull(strstr(w->body.p, world_number(5)));
	ck_assert_ptr_nonnull(strstr(w->body.p, "&lt;The drop&gt;"));
	ck_assert_ptr_nonnull(strstr(w->body.p, "not decided yet"));

	w->rows[w->nrows++] = w->waiting[0];
	ck_assert_int_eq(world_ask(w, &request), 200);
	ck_assert_ptr_null(strstr(w->body.p, "refresh"));
	ck_assert_ptr_nonnull(strstr(w->body.p, "It is yours."));
	/* The same for a program, and for routes without a page. */
	request.accept = STRV("application/json");
	ck_assert_int_eq(world_ask(w, &request), 200);
	json_decref(world_json(w));
	request = world_get(w, MINE);
	request.accept = STRV("text/html");
	ck_assert_int_eq(world_ask(w, &request), 200);
	json_decref(world_json(w));
	/* Refusals are pages as well. */
	request = world_get(w, path_of(9));
	request.accept = STRV("text/html");
	ck_assert_int_eq(world_ask(w, &request), 404);
	ck_assert_str_eq(
	    world_header(w, "Content-Type"), "text/html; charset=utf-8");
	world_free(w);
}
END_TEST

/* A browser goes where 303 leads at once; the page there waits. */
START_TEST(test_form_of_an_accepted_order)
{
	struct world *w = waiting_world(SALE_MODE_SWEEP);
	struct web_request request = world_post(w, ORDERS);

	request.content_type = STRV("application/x-www-form-urlencoded");
	w->answer.verdict = VERDICT_ACCEPTED;
	ck_assert_int_eq(world_ask(w, &request), 303);
	ck_assert_ptr_null(world_header(w, "Retry-After"));
	ck_assert_uint_eq(w->accepted, 1);
	world_free(w);
}
END_TEST

TESTS_MAIN("web_pending", UNIT("pending", test_pending_order),
    UNIT("durability", test_pending_says_what_it_is_worth),
    UNIT("next run", test_pending_until_the_next_run),
    UNIT_TABLE("fate", test_fate, ARRAY_LEN(fates)),
    UNIT("several sales", test_order_of_one_of_several_sales),
    UNIT("just opened", test_order_of_a_sale_that_was_opened_just_now),
    UNIT("direct sales", test_direct_sales_are_not_asked),
    UNIT("mine", test_mine_lists_what_waits),
    UNIT("accepted", test_accepted_is_noted_before_it_is_told),
    UNIT_TABLE("accept", test_accept, ARRAY_LEN(accepts)),
    UNIT("page", test_a_browser_gets_a_page_that_looks_again),
    UNIT("form", test_form_of_an_accepted_order))
