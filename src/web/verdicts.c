/* SPDX-License-Identifier: Apache-2.0 */
/* Verdict to HTTP: the table, and the two ways to write it. */
#include "config.h"

#include "web/verdicts.h"
#include "base/bug.h"
#include "web/html.h"
#include "web/pending.h"
#include "web/reply.h"
#include "web/retry.h"
#include "web/view.h"

/* What a row adds to its reply. */
#define SAYS_WHEN    1u /* opens_at, and Retry-After until then */
#define SAYS_RETURN  2u /* may_return */
#define SAYS_ORDERS  4u /* orders */
#define SAYS_PENDING 8u /* state "pending", when it may be another */

static const struct row {
	struct problem_kind kind; /* of a success: status and code alone */
	unsigned says;
	/* Where the order is to be found.  A 200 must not have Location:
	 * mod_cgi and mod_fcgid take that for a redirect of their own and ask
	 * us again, with GET at the address of the POST. */
	const char *location;
} rows[] = {
    /* clang-format off */
[VERDICT_CREATED] = {
	{201, "created", NULL, NULL, 0}, 0, "Location"},
[VERDICT_REPLAYED] = {
	{200, "replayed", NULL, NULL, 0}, 0, "Content-Location"},
[VERDICT_ACCEPTED] = {
	{202, "accepted", NULL, NULL, 0}, SAYS_PENDING, "Location"},
[VERDICT_SOLD_OUT] = {
	{409, "sold-out", "Sold out", "All units are taken.", 0},
	SAYS_RETURN, NULL},
[VERDICT_LIMIT_REACHED] = {
	{409, "limit-reached", "You have yours",
	    "You have bought as many as one customer may.", 0},
	SAYS_ORDERS, NULL},
[VERDICT_IN_PROGRESS] = {
	{409, "in-progress", "Still at it",
	    "Another purchase of yours is not decided yet. "
	    "Ask again in a moment.", KIND_RETRY}, 0, NULL},
[VERDICT_NOT_OPEN] = {
	{403, "sale-not-open", "Not open yet", "The sale has not begun.", 0},
	SAYS_WHEN, NULL},
[VERDICT_ENDED] = {
	{410, "sale-ended", "Ended", "The sale is over.", 0}, 0, NULL},
[VERDICT_KEY_MISSING] = {
	{400, "key-missing", "Idempotency-Key missing",
	    "This sale sells more than one to a customer, so a purchase needs "
	    "an Idempotency-Key to tell a repetition from a second purchase.",
	    0}, 0, NULL},
[VERDICT_KEY_REUSED] = {
	{422, "key-reused", "Key used before",
	    "This Idempotency-Key was used for another purchase. "
	    "Take a new one.", 0}, 0, NULL},
[VERDICT_KEY_SPENT] = {
	{409, "key-spent", "Key spent",
	    "Every attempt under this Idempotency-Key was given up. "
	    "Nothing was bought with it. Take a new one.", 0}, 0, NULL},
[VERDICT_PAUSED] = {
	{503, "paused", "Paused",
	    "The sale is paused. Nothing is sold meanwhile.",
	    KIND_RETRY | KIND_SAME_KEY}, 0, NULL},
[VERDICT_REBUILDING] = {
	{503, "rebuilding", "One moment",
	    "The sale is being restored. Nothing is sold meanwhile.",
	    KIND_RETRY | KIND_SAME_KEY}, 0, NULL},
[VERDICT_TRY_AGAIN] = {
	{503, "try-again", "Not decided yet",
	    "Whether you got one is not decided. Send the same request again.",
	    KIND_RETRY | KIND_SAME_KEY}, 0, NULL},
[VERDICT_UNAVAILABLE] = {
	{503, "unavailable", "Not available",
	    "This cannot be answered right now. Send the same request again.",
	    KIND_RETRY | KIND_SAME_KEY}, 0, NULL},
    /* clang-format on */
};
_Static_assert(ARRAY_LEN(rows) == VERDICT_COUNT, "a row for each verdict");

const struct problem_kind *verdict_problem(enum verdict verdict)
{
	BUG_ON(rows[verdict].kind.title == NULL);
	return &rows[verdict].kind;
}

const char *verdict_code(enum verdict verdict)
{
	return rows[verdict].kind.code;
}

/* ---- successes ---- */

static void success_send(struct exchange *x, const struct purchase *purchase,
    const struct purchase_result *result)
{
	const struct row *row = &rows[result->verdict];
	const struct order *order = &result->order;
	char path[VIEW_ORDER_PATH_MAX];

	view_order_path(order, path);
	reply_begin(x, x->html ? 303 : row->kind.status, REPLY_PRIVATE);
	x->outcome->code = row->kind.code;
	reply_header(x, x->html ? "Location" : row->location, path);
	if (result->verdict == VERDICT_REPLAYED)
		reply_header(x, "Idempotent-Replayed", "true");
	if (x->html) {
		/* The page that it leads to knows when to look again; here a
		 * browser would be told to wait before it goes there. */
		html_moved(x, path);
	} else if ((row->says & SAYS_PENDING) != 0) {
		reply_header_int(x, "Retry-After",
		    pending_retry_s(x, &purchase->sale, purchase->now));
		reply_end_json(x, REPLY_JSON,
		    pending_view(x, order, &purchase->sale, purchase->now));
	} else {
		reply_end_json(x, REPLY_JSON,
		    view_order(order, &purchase->sale,
			order_status_name(order->status)));
	}
}

/* ---- refusals ---- */

static bool members_put(json_t *o, unsigned says,
    const struct purchase *purchase, const struct purchase_result *result)
{
	if ((says & SAYS_WHEN) != 0)
		return view_put(
		    o, "opens_at", view_time(purchase->sale.opens, 3));
	if ((says & SAYS_RETURN) != 0)
		return view_put(
		    o, "may_return", json_boolean(result->may_return));
	if ((says & SAYS_ORDERS) != 0)
		return view_put(o, "orders",
		    view_orders(
			result->orders, result->norders, &purchase->sale));
	return true;
}

static void refusal_send(struct exchange *x, const struct purchase *purchase,
    const struct purchase_result *result)
{
	const struct row *row = &rows[result->verdict];
	struct problem problem = {
	    .kind = verdict_problem(result->verdict),
	    .members = json_object(),
	};

	if (!members_put(problem.members, row->says, purchase, result))
		x->broken = true;
	if ((row->says & SAYS_WHEN) != 0)
		problem.retry_after_s =
		    retry_opening_s(purchase->now, purchase->sale.opens);
	if ((row->says & SAYS_RETURN) != 0 && result->may_return)
		problem.detail = "All units are taken. Some may come back.";
	if ((row->says & SAYS_ORDERS) != 0) {
		problem.orders = result->orders;
		problem.norders = result->norders;
	}
	problem_send(x, &problem);
}

void verdict_send(struct exchange *x, const struct purchase *purchase,
    const struct purchase_result *result)
{
	BUG_ON((size_t)result->verdict >= ARRAY_LEN(rows));
	if (rows[result->verdict].location != NULL)
		success_send(x, purchase, result);
	else
		refusal_send(x, purchase, result);
}
