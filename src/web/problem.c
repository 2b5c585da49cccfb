/* SPDX-License-Identifier: Apache-2.0 */
/* What the web itself refuses, and how any refusal is written. */
#include "config.h"

#include "web/problem.h"
#include "web/html.h"
#include "web/reply.h"
#include "web/retry.h"
#include "web/view.h"

const struct problem_kind problems[] = {
    /* clang-format off */
[PROBLEM_URI_INVALID] = {400, "uri-invalid", "Bad request target",
	"The path is malformed: a bad escape, a control character, or no "
	"UTF-8.", 0},
[PROBLEM_LENGTH_INVALID] = {400, "length-invalid", "Incomplete request",
	"The body did not arrive whole, or its length is not the announced "
	"one. Nothing was done.", 0},
[PROBLEM_HEADER_DUPLICATE] = {400, "header-duplicate", "Repeated header",
	"A header that may come once came twice. Nothing was done.", 0},
[PROBLEM_BODY_INVALID] = {400, "body-invalid", "Bad body",
	"The body is not what this asks for.", 0},
[PROBLEM_KEY_INVALID] = {400, "key-invalid", "Bad Idempotency-Key",
	"The Idempotency-Key must be 1 to 255 printable ASCII characters.", 0},
[PROBLEM_CUSTOMER_UNKNOWN] = {401, "customer-unknown", "Who are you?",
	"This needs a customer: sign in, then ask again.", 0},
[PROBLEM_CROSS_SITE] = {403, "cross-site", "Sent from another site",
	"A purchase must be sent from the shop's own pages. Nothing was "
	"bought.", 0},
[PROBLEM_ROUTE_UNKNOWN] = {404, "route-unknown", "Not found",
	"There is nothing at this address.", 0},
[PROBLEM_SALE_UNKNOWN] = {404, "sale-unknown", "No such sale",
	"There is no sale of this name.", 0},
[PROBLEM_ORDER_UNKNOWN] = {404, "order-unknown", "No such order",
	"You have no order of this number.", 0},
[PROBLEM_METHOD] = {405, "method-not-allowed", "Wrong method",
	"This address does not take that method; see Allow.", 0},
[PROBLEM_TOO_LARGE] = {413, "too-large", "Request too large",
	"The request is larger than this needs to be.", 0},
[PROBLEM_TYPE_UNSUPPORTED] = {415, "type-unsupported", "Unsupported type",
	"Send application/json, application/x-www-form-urlencoded, or no "
	"body.", 0},
[PROBLEM_RATE_LIMITED] = {429, "rate-limited", "Too many requests",
	"Too many requests from you. Wait, then ask again.",
	KIND_RETRY | KIND_SAME_KEY},
    /* clang-format on */
};
_Static_assert(ARRAY_LEN(problems) == PROBLEM_COUNT, "a row for each");

static json_t *type_of(const struct exchange *x, const char *code)
{
	const char *base = x->web->conf->problem_base;

	if (base == NULL || base[0] == '\0')
		return json_string("about:blank");
	return json_sprintf("%s%s", base, code);
}

static json_t *problem_json(
    const struct exchange *x, const struct problem *problem)
{
	const struct problem_kind *kind = problem->kind;
	const char *detail =
	    problem->detail != NULL ? problem->detail : kind->detail;
	json_t *o = json_object();
	bool whole = view_put(o, "type", type_of(x, kind->code)) &&
		     view_put(o, "title", json_string(kind->title)) &&
		     view_put(o, "status", json_integer(kind->status)) &&
		     view_put(o, "detail", view_text(strv_c(detail))) &&
		     view_put(o, "code", json_string(kind->code));

	if (x->sale[0] != '\0')
		whole = whole && view_put(o, "sale", json_string(x->sale));
	if ((kind->flags & KIND_SAME_KEY) != 0)
		whole = whole && view_put(o, "retry", json_string("same key"));
	if (problem->members != NULL)
		whole = whole && json_object_update(o, problem->members) == 0;
	return view_whole(o, whole);
}

static void headers_put(struct exchange *x, const struct problem *problem)
{
	int retry_after_s = problem->retry_after_s;

	if (retry_after_s == 0 && (problem->kind->flags & KIND_RETRY) != 0)
		retry_after_s = retry_soon_s();
	if (retry_after_s > 0)
		reply_header_int(x, "Retry-After", retry_after_s);
	if (problem->header != NULL)
		reply_header(x, problem->header, problem->value);
}

void problem_send(struct exchange *x, const struct problem *problem)
{
	reply_begin(x, problem->kind->status, REPLY_PRIVATE);
	x->outcome->code = problem->kind->code;
	headers_put(x, problem);
	if (x->html)
		html_problem(x, problem);
	else
		reply_end_json(x, REPLY_PROBLEM, problem_json(x, problem));
	json_decref(problem->members);
}

void problem_send_kind(struct exchange *x, const struct problem_kind *kind)
{
	problem_send(x, &(struct problem){.kind = kind});
}
