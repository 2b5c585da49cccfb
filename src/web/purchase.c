/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POST /v1/sales/{sale}/orders: a request becomes a purchase.  Everything that
 * can be refused is refused before sale_buy() is called.
 */
#include "config.h"

#include "web/body.h"
#include "web/handlers.h"
#include "web/key.h"
#include "web/reply.h"
#include "web/sales.h"
#include "web/verdicts.h"

/* ---- payload ---- */

static bool payload_refuse(struct exchange *x, const struct body_flaw *flaw)
{
	struct problem problem = {
	    .kind = &problems[PROBLEM_BODY_INVALID], .detail = flaw->detail};

	if (flaw->ours) {
		err_set(&x->outcome->err, 0, "body: %s", flaw->detail);
		x->broken = true;
		return false;
	}
	if (flaw->field[0] != '\0')
		problem.members = json_pack("{s:s}", "field", flaw->field);
	problem_send(x, &problem);
	return false;
}

static bool payload_read(struct exchange *x, struct payload *payload)
{
	const struct web_request *request = x->request;
	enum body_kind kind =
	    body_kind_of(request->content_type, request->body);
	struct body_flaw flaw;

	if (kind == BODY_OTHER) {
		problem_send_kind(x, &problems[PROBLEM_TYPE_UNSUPPORTED]);
		return false;
	}
	return body_read(kind, request->body, payload, &flaw) ||
	       payload_refuse(x, &flaw);
}

/* The header's key, or the form's; two that differ are no key. */
static bool key_read(
    struct exchange *x, const struct payload *payload, struct strv *key)
{
	struct strv field = {NULL, 0}, of_form;

	if (payload->has_key)
		field = strv_c(payload->key);
	if (!key_parse(x->request->idempotency_key, key) ||
	    !key_parse(field, &of_form) ||
	    (key->p != NULL && of_form.p != NULL && !strv_eq(*key, of_form))) {
		problem_send_kind(x, &problems[PROBLEM_KEY_INVALID]);
		return false;
	}
	if (key->p == NULL)
		*key = of_form;
	return true;
}

/* ---- the purchase ---- */

static void purchase_run(struct exchange *x, const struct purchase *purchase)
{
	const struct web *web = x->web;
	struct purchase_result result;

	/* Whoever has hung up would get a unit that nobody asked for any more:
	 * the queue in front of us is full of those when it matters most. */
	if (web->peer_gone != NULL && web->peer_gone(web->ctx)) {
		x->outcome->status = 0;
		x->outcome->code = "peer-gone";
		return;
	}
	sale_buy(web->buyer, purchase, &result);
	x->outcome->purchase = true;
	x->outcome->events = result.events;
	if (result.verdict == VERDICT_TRY_AGAIN ||
	    result.verdict == VERDICT_UNAVAILABLE)
		x->outcome->err = result.err;
	if (result.verdict == VERDICT_ACCEPTED && web->accepted != NULL)
		web->accepted(web->ctx, &result.order);
	verdict_send(x, purchase, &result);
}

void web_order_buy(struct exchange *x)
{
	const struct clock *clock = x->web->buyer->clock;
	struct purchase purchase;
	struct sale_entry entry;
	struct payload payload;
	struct strv key;

	if (!web_now(x, &purchase.now) || !web_sale_find(x, &entry) ||
	    !payload_read(x, &payload) || !key_read(x, &payload, &key))
		return;
	purchase.sale = entry.sale;
	purchase.waiting =
	    sale_entry_may_wait(&entry, clock->mono_ns(clock->ctx));
	purchase.settling =
	    clock->mono_ns(clock->ctx) < entry.closed_settles_ns;
	purchase.customer = x->who;
	purchase.key = key;
	memcpy(purchase.payload_hash, payload.hash, PAYLOAD_HASH_BYTES);
	memcpy(purchase.ref, payload.ref, sizeof(purchase.ref));
	purchase.deadline_ns = x->deadline_ns;
	purchase_run(x, &purchase);
}
