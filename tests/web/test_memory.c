/* SPDX-License-Identifier: Apache-2.0 */
/* web: memory runs out at every place in turn; the answer is the right one or
 * a whole 500, and nothing leaks (valgrind and the sanitizers look). */
#include "config.h"

#include "world.h"

static unsigned allocations; /* since the request began */
static unsigned fail_at; /* the one that fails, from 1 on; 0: none */

static void *failing_malloc(size_t n)
{
	return ++allocations == fail_at ? NULL : malloc(n);
}

#define ORDERS "/v1/sales/drop/orders"

static const struct {
	const char *method, *uri, *type, *body;
	enum verdict verdict;
	int status;
} requests[] = {
    {"GET", "/v1/sales", NULL, NULL, 0, 200},
    {"GET", "/v1/sales/drop", NULL, NULL, 0, 200},
    {"GET", "/v1/sales/none", NULL, NULL, 0, 404},
    {"GET", "/v1/time", NULL, NULL, 0, 200},
    {"GET", "/v1/sales/drop/orders/mine", NULL, NULL, 0, 200},
    {"GET", NULL, NULL, NULL, 0, 202},
    {"POST", ORDERS, NULL, NULL, VERDICT_CREATED, 201},
    {"POST", ORDERS, NULL, NULL, VERDICT_ACCEPTED, 202},
    {"POST", ORDERS, "application/json", "{\"quantity\":1,\"ref\":\"a\"}",
	VERDICT_CREATED, 201},
    {"POST", ORDERS, "application/json", "{\"price\":1}", VERDICT_CREATED, 400},
    {"POST", ORDERS, NULL, NULL, VERDICT_LIMIT_REACHED, 409},
    {"POST", ORDERS, NULL, NULL, VERDICT_NOT_OPEN, 403},
    {"POST", ORDERS, NULL, NULL, VERDICT_SOLD_OUT, 409},
    {"POST", ORDERS, NULL, NULL, VERDICT_PAUSED, 503},
};

static const char *pending_path(void)
{
	static char path[64];

	snprintf(path, sizeof(path), "/v1/orders/%s", world_number(9));
	return path;
}

START_TEST(test_no_memory)
{
	struct world *w = world_new();
	struct web_request request = {
	    .method = strv_c(requests[_i].method),
	    .uri = strv_c(
		requests[_i].uri != NULL ? requests[_i].uri : pending_path()),
	    .remote_user = STRV("ann"),
	    .content_type = strv_c(requests[_i].type),
	    .body = strv_c(requests[_i].body),
	};
	unsigned failed = 0;

	w->conf.trust_remote_user = true;
	w->may_lose = true;
	w->sales[0].mode = SALE_MODE_SWEEP;
	world_refresh(w);
	w->waiting[w->nwaiting++] = world_order(9, "ann", 9);
	w->answer.verdict = requests[_i].verdict;
	w->answer.norders = 1;
	w->answer.orders[0] = world_order(1, "ann", 1);
	w->rows[w->nrows++] = world_order(1, "ann", 1);
	json_set_alloc_funcs(failing_malloc, free);
	for (fail_at = 1;; fail_at++) {
		int status;

		allocations = 0;
		status = world_ask(w, &request);
		if (allocations < fail_at) {
			ck_assert_int_eq(status, requests[_i].status);
			break;
		}
		/* jansson takes the lack of memory for bad syntax in some
		 * places: nothing was bought, the shopper asks again. */
		if (status == 400 && requests[_i].body != NULL)
			continue;
		if (status != requests[_i].status) {
			ck_assert_int_eq(status, 500);
			ck_assert_str_eq(w->outcome.code, "internal");
			ck_assert_str_ne(w->outcome.err.text, "");
			failed++;
		}
	}
	json_set_alloc_funcs(malloc, free);
	ck_assert_uint_gt(failed, 0);
	world_free(w);
}
END_TEST

TESTS_MAIN(
    "web_memory", UNIT_TABLE("no memory", test_no_memory, ARRAY_LEN(requests)))
