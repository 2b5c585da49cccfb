/* SPDX-License-Identifier: Apache-2.0 */
/* web: the orders of the one who asks. */
#include "config.h"

#include "world.h"

/* ---- orders ---- */

static char order_path[64];

static const char *path_of(uint8_t n)
{
	snprintf(
	    order_path, sizeof(order_path), "/v1/orders/%s", world_number(n));
	return order_path;
}

START_TEST(test_order)
{
	struct world *w = world_new();
	json_t *json;

	w->rows[w->nrows++] = world_order(5, "ann", 17);
	strcpy(w->rows[0].ref, "cart 7");
	json = world_get_json(w, path_of(5));
	ck_assert_str_eq(world_text(json, "order"), world_number(5));
	ck_assert_str_eq(world_text(json, "sale"), "drop");
	ck_assert_str_eq(world_text(json, "state"), "sold");
	ck_assert_str_eq(world_text(json, "ref"), "cart 7");
	ck_assert_str_eq(
	    world_text(json, "created_at"), "2026-11-22T20:00:00.123456Z");
	ck_assert_int_eq(json_integer_value(json_object_get(json, "unit")), 17);
	ck_assert_str_eq(
	    world_text(json_object_get(json, "price"), "currency"), "EUR");
	ck_assert_str_eq(world_header(w, "Cache-Control"), "no-store");
	ck_assert_ptr_null(world_header(w, "ETag"));
	json_decref(json);
	/* Numbers are read aloud: case does not matter. */
	for (char *p = order_path + 11; *p != '\0'; p++)
		*p = (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
	json_decref(world_get_json(w, order_path));
	world_free(w);
}
END_TEST

START_TEST(test_cancelled_order)
{
	struct world *w = world_new();
	json_t *json;

	w->rows[w->nrows++] = world_order(5, "ann", 0);
	w->rows[0].status = ORDER_CANCELLED;
	json = world_get_json(w, path_of(5));
	ck_assert_str_eq(world_text(json, "state"), "cancelled");
	ck_assert(json_is_null(json_object_get(json, "unit")));
	json_decref(json);
	world_free(w);
}
END_TEST

/* Somebody else's, a void one, and none: the same bytes. */
START_TEST(test_orders_that_are_not_yours)
{
	struct world *w = world_new();
	struct web_request request = world_get(w, path_of(6));
	char unknown[2048];
	size_t n;

	world_refused(w, &request, 404, "order-unknown");
	n = w->response.n;
	ck_assert_uint_lt(n, sizeof(unknown));
	memcpy(unknown, w->bytes, n);
	w->rows[0] = world_order(6, "bob", 17);
	w->nrows = 1;
	for (int i = 0; i < 4; i++) {
		if (i == 1)
			w->rows[0] = world_order(6, "ann", 0);
		if (i == 1)
			w->rows[0].status = ORDER_VOID;
		if (i == 2)
			w->rows[0].customer.n = 0;
		if (i == 3)
			w->rows[0] = world_order(6, "ann2", 17);
		world_refused(w, &request, 404, "order-unknown");
		ck_assert_uint_eq(w->response.n, n);
		ck_assert_mem_eq(w->bytes, unknown, n);
	}
	/* The stores were asked each time: it takes as long. */
	ck_assert_uint_eq(w->finds, 2 * 5);
	ck_assert_uint_eq(w->asks, 5);
	world_free(w);
}
END_TEST

/* The sale of an order may have left the table. */
START_TEST(test_order_of_an_old_sale)
{
	struct world *w = world_new();
	struct web_request request;
	json_t *json;

	w->rows[w->nrows++] = world_order(5, "ann", 17);
	w->rows[0].sale.v = 99;
	w->hidden = world_sale(99, "long-ago");
	json = world_get_json(w, path_of(5));
	ck_assert_str_eq(world_text(json, "sale"), "long-ago");
	json_decref(json);
	w->hidden.id.v = 0;
	request = world_get(w, path_of(5));
	ck_assert_int_eq(world_ask(w, &request), 500);
	ck_assert_str_eq(w->outcome.code, "internal");
	ck_assert_ptr_nonnull(strstr(w->outcome.err.text, "sale 99"));
	world_free(w);
}
END_TEST

START_TEST(test_mine)
{
	struct world *w = world_new();
	struct web_request request;
	json_t *json, *list;

	w->rows[0] = world_order(1, "bob", 1);
	w->rows[1] = world_order(2, "ann", 2);
	w->rows[2] = world_order(3, "ann", 3);
	w->rows[2].sale.v = 2;
	w->rows[3] = world_order(4, "ann", 0);
	w->rows[3].status = ORDER_VOID;
	w->nrows = 4;
	json = world_get_json(w, "/v1/sales/drop/orders/mine");
	ck_assert_str_eq(world_text(json, "sale"), "drop");
	list = json_object_get(json, "orders");
	ck_assert_uint_eq(json_array_size(list), 1);
	ck_assert_str_eq(
	    world_text(json_array_get(list, 0), "order"), world_number(2));
	ck_assert_str_eq(world_header(w, "Cache-Control"), "no-store");
	json_decref(json);
	w->nrows = 0;
	json = world_get_json(w, "/v1/sales/drop/orders/mine");
	ck_assert_uint_eq(json_array_size(json_object_get(json, "orders")), 0);
	json_decref(json);
	request = world_get(w, "/v1/sales/none/orders/mine");
	world_refused(w, &request, 404, "sale-unknown");
	world_free(w);
}
END_TEST

/* A store that does not answer says nothing about orders: not 404. */
START_TEST(test_ledger_away)
{
	static const enum outcome doubts[] = {OUT_NOT_DONE, OUT_UNKNOWN};
	struct world *w = world_new();
	struct web_request request;

	for (size_t i = 0; i < ARRAY_LEN(doubts); i++) {
		w->ledger_says = doubts[i];
		request = world_get(w, path_of(5));
		world_refused(w, &request, 503, "unavailable");
		ck_assert_str_eq(
		    w->outcome.err.text, "order: ledger: lost connection");
		ck_assert_int_eq(w->outcome.err.code, 2013);
		ck_assert_ptr_nonnull(world_header(w, "Retry-After"));
		ck_assert_ptr_null(strstr(w->bytes, "ledger"));
		request = world_get(w, "/v1/sales/drop/orders/mine");
		world_refused(w, &request, 503, "unavailable");
		/* What needs no ledger is answered. */
		json_decref(world_get_json(w, "/v1/sales/drop"));
	}
	world_free(w);
}
END_TEST

/* The ledger has the order, and is gone before it is asked for its sale. */
START_TEST(test_ledger_away_for_the_sale)
{
	struct world *w = world_new();
	struct web_request request;

	w->rows[w->nrows++] = world_order(5, "ann", 17);
	w->rows[0].sale.v = 99;
	w->hidden = world_sale(99, "long-ago");
	w->sale_says = OUT_UNKNOWN;
	request = world_get(w, path_of(5));
	world_refused(w, &request, 503, "unavailable");
	ck_assert_str_eq(
	    w->outcome.err.text, "sale of an order: ledger: lost connection");
	world_free(w);
}
END_TEST

TESTS_MAIN("web_orders", UNIT("order", test_order),
    UNIT("cancelled order", test_cancelled_order),
    UNIT("not yours", test_orders_that_are_not_yours),
    UNIT("old sale", test_order_of_an_old_sale), UNIT("mine", test_mine),
    UNIT("ledger away", test_ledger_away),
    UNIT("ledger away for the sale", test_ledger_away_for_the_sale))
