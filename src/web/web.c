/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dispatcher: a request goes through the steps below until one of them
 * answers it, and then to its route's handler.
 */
#include "config.h"

#include "web/web.h"
#include "base/failpoint.h"
#include "web/body.h"
#include "web/exchange.h"
#include "web/html.h"
#include "web/identity.h"
#include "web/origin.h"
#include "web/problem.h"
#include "web/reply.h"

static bool is_post(const struct exchange *x)
{
	return strv_eq(x->request->method, STRV("POST"));
}

/* What the layer below found wrong: of such a request nothing is believed. */
static bool step_flaw(struct exchange *x)
{
	static const struct problem_kind *const kinds[] = {
	    [WEB_FLAW_TOO_LARGE] = &problems[PROBLEM_TOO_LARGE],
	    [WEB_FLAW_BAD_LENGTH] = &problems[PROBLEM_LENGTH_INVALID],
	    [WEB_FLAW_DUPLICATE] = &problems[PROBLEM_HEADER_DUPLICATE],
	};

	if (x->request->flaw == WEB_FLAW_NONE)
		return true;
	problem_send_kind(x, kinds[x->request->flaw]);
	return false;
}

static void method_refuse(struct exchange *x)
{
	char bytes[64];
	struct strbuf allow;

	strbuf_init(&allow, bytes, sizeof(bytes));
	route_allow(&x->path, &allow);
	problem_send(x, &(struct problem){.kind = &problems[PROBLEM_METHOD],
			    .header = "Allow",
			    .value = allow.p});
}

static bool step_route(struct exchange *x)
{
	if (!uri_parse(x->request->uri, &x->path)) {
		problem_send_kind(x, &problems[PROBLEM_URI_INVALID]);
		return false;
	}
	switch (route_find(x->request->method, &x->path, &x->hit)) {
	case ROUTE_FOUND:
		x->outcome->route = x->hit.route->word;
		x->html = x->html || (x->hit.route->has_page &&
					 html_is_wanted(x->request->accept));
		return true;
	case ROUTE_OTHER_METHOD:
		x->outcome->route = x->hit.route->word;
		method_refuse(x);
		return false;
	case ROUTE_UNKNOWN:
		break;
	}
	problem_send_kind(x, &problems[PROBLEM_ROUTE_UNKNOWN]);
	return false;
}

static void identity_refuse(struct exchange *x, enum identity identity)
{
	problem_send(
	    x, &(struct problem){.kind = &problems[PROBLEM_CUSTOMER_UNKNOWN],
		   .header = "WWW-Authenticate",
		   .value = identity == IDENTITY_BAD_TOKEN
				? "Bearer error=\"invalid_token\""
				: "Bearer"});
}

/* A browser adds REMOTE_USER's credentials to whatever any page makes it send,
 * and sends a form for any page: both must come from our own. */
static bool may_be_forged(const struct exchange *x, enum identity identity)
{
	return is_post(x) && (identity == IDENTITY_REMOTE_USER || x->html);
}

static bool step_identity(struct exchange *x)
{
	const struct clock *clock = x->web->buyer->clock;
	enum identity identity;

	if (!x->hit.route->needs_identity)
		return true;
	identity = identity_find(x->web->conf, x->request,
	    clock->wall(clock->ctx), &x->who, &x->outcome->err);
	if (may_be_forged(x, identity) && !origin_is_own(x->request)) {
		problem_send_kind(x, &problems[PROBLEM_CROSS_SITE]);
		return false;
	}
	if (identity == IDENTITY_REMOTE_USER || identity == IDENTITY_TOKEN) {
		x->outcome->who = x->who;
		return true;
	}
	identity_refuse(x, identity);
	return false;
}

static bool step_rate(struct exchange *x)
{
	const struct web *web = x->web;

	if (!is_post(x) || web->too_many == NULL ||
	    !web->too_many(web->ctx, &x->who))
		return true;
	problem_send_kind(x, &problems[PROBLEM_RATE_LIMITED]);
	return false;
}

static bool (*const steps[])(struct exchange *x) = {
    step_route,
    step_flaw,
    step_identity,
    step_rate,
};

static void exchange_run(struct exchange *x)
{
	for (size_t i = 0; i < ARRAY_LEN(steps); i++)
		if (!steps[i](x))
			return;
	FAILPOINT(after_auth);
	x->hit.route->run(x);
}

void web_handle(const struct web *web, const struct web_request *request,
    struct strbuf *response, struct web_outcome *outcome)
{
	const struct clock *clock = web->buyer->clock;
	struct exchange x = {
	    .web = web,
	    .request = request,
	    .response = response,
	    .outcome = outcome,
	    .head = strv_eq(request->method, STRV("HEAD")),
	};

	*outcome = (struct web_outcome){.route = "unknown", .code = "unknown"};
	strbuf_reset(response);
	x.html = is_post(&x) && body_type_is_form(request->content_type);
	x.deadline_ns = clock->mono_ns(clock->ctx) +
			web->conf->request_deadline_ms * NS_PER_MS;
	exchange_run(&x);
	if (x.broken || response->overflow)
		reply_broken(&x);
}
