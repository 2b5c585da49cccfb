/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Orders of the one who asks.  Somebody else's order and none at all are the
 * same 404 with the same bytes, after the same look-ups.
 */
#include "config.h"

#include "base/bug.h"
#include "web/handlers.h"
#include "web/html.h"
#include "web/pending.h"
#include "web/problem.h"
#include "web/reply.h"
#include "web/sales.h"
#include "web/view.h"

/* ---- one ---- */

struct looking {
	struct claim_id claim;
	struct order order; /* FATE_DECIDED, FATE_PENDING */
	struct sale sale; /* FATE_PENDING */
};

enum fate {
	FATE_NONE, /* and none of this number can come */
	FATE_DECIDED, /* an order of whoever asks has a row */
	FATE_PENDING,
	FATE_UNKNOWN /* a store did not say */
};

static bool own_order(const struct exchange *x, const struct looking *looking,
    const struct order *order)
{
	return claim_eq(&order->claim, &looking->claim) &&
	       order->status != ORDER_VOID &&
	       customer_eq(&order->customer, &x->who);
}

/* FATE_PENDING: has no row.  FATE_NONE: the row is void, or somebody else's. */
static enum fate ledger_find(struct exchange *x, struct looking *looking)
{
	const struct ledger_port *ledger = x->web->buyer->ledger;
	size_t n = 0;

	if (ledger->find(ledger->ctx, &looking->claim, 1, x->deadline_ns,
		&looking->order, &n, &x->outcome->err) != OUT_DONE)
		return FATE_UNKNOWN;
	if (n == 0)
		return FATE_PENDING;
	return own_order(x, looking, &looking->order) ? FATE_DECIDED
						      : FATE_NONE;
}

/*
 * A row is the last word, also a void one that the gate was not told of yet.
 * What is in neither store may have been on its way from the gate to the ledger
 * while we looked: so the ledger is asked once more behind the gate.
 */
static enum fate order_find(struct exchange *x, struct looking *looking)
{
	enum fate row = ledger_find(x, looking);
	enum pending waits;
	struct order order;
	bool asked;

	if (row == FATE_DECIDED)
		return row;
	waits =
	    pending_find(x, &looking->claim, &order, &looking->sale, &asked);
	if (asked)
		row = ledger_find(x, looking);
	if (row == FATE_DECIDED || row == FATE_NONE)
		return row;
	/* Without a ledger the gate's word is the best there is, and is taken
	 * back by nobody: it says that nothing is decided. */
	if (waits == PENDING_FOUND) {
		looking->order = order;
		return FATE_PENDING;
	}
	if (row == FATE_UNKNOWN || waits == PENDING_UNKNOWN)
		return FATE_UNKNOWN;
	return FATE_NONE;
}

static void decided_send(struct exchange *x, const struct order *order)
{
	const char *state = order_status_name(order->status);
	struct sale sale;

	if (!web_sale_of(x, order->sale, &sale))
		return;
	reply_begin(x, 200, REPLY_PRIVATE);
	x->outcome->code = "ok";
	if (x->html)
		html_order(x, order, &sale, 0);
	else
		reply_end_json(x, REPLY_JSON, view_order(order, &sale, state));
}

static void pending_send(struct exchange *x, const struct looking *looking)
{
	const struct sale *sale = &looking->sale;
	struct wall now;
	int retry_s;

	memcpy(x->sale, sale->slug, sizeof(x->sale));
	if (!web_now(x, &now))
		return;
	retry_s = pending_retry_s(x, sale, now);
	reply_begin(x, 202, REPLY_PRIVATE);
	x->outcome->code = "pending";
	reply_header_int(x, "Retry-After", retry_s);
	if (x->html)
		html_order(x, &looking->order, sale, retry_s);
	else
		reply_end_json(
		    x, REPLY_JSON, pending_view(x, &looking->order, sale, now));
}

void web_order_show(struct exchange *x)
{
	struct looking looking;

	if (!claim_parse(x->hit.arg, &looking.claim)) {
		problem_send_kind(x, &problems[PROBLEM_ORDER_UNKNOWN]);
		return;
	}
	switch (order_find(x, &looking)) {
	case FATE_DECIDED:
		decided_send(x, &looking.order);
		return;
	case FATE_PENDING:
		pending_send(x, &looking);
		return;
	case FATE_UNKNOWN:
		web_store_away(x, "order");
		return;
	case FATE_NONE:
		problem_send_kind(x, &problems[PROBLEM_ORDER_UNKNOWN]);
		return;
	}
	BUG("no such fate");
}

/* ---- all of a sale ---- */

static bool has_row(
    const struct order *rows, size_t n, const struct claim_id *claim)
{
	for (size_t i = 0; i < n; i++)
		if (claim_eq(&rows[i].claim, claim))
			return true;
	return false;
}

/* Those that wait, behind those that are written. */
static json_t *mine_view(const struct exchange *x, const struct sale *sale,
    const struct order *rows, size_t n, const struct order *waiting,
    size_t nwaiting, struct wall now)
{
	json_t *list = view_orders(rows, n, sale);
	bool whole = list != NULL;

	for (size_t i = 0; i < nwaiting; i++)
		if (!has_row(rows, n, &waiting[i].claim))
			whole = whole && json_array_append_new(
					     list, pending_view(x, &waiting[i],
						       sale, now)) == 0;
	return view_whole(list, whole);
}

void web_orders_mine(struct exchange *x)
{
	const struct ledger_port *ledger = x->web->buyer->ledger;
	struct order orders[SALE_PER_CUSTOMER_MAX];
	struct order waiting[SALE_PER_CUSTOMER_MAX];
	size_t n = 0, nwaiting = 0;
	struct sale_entry entry;
	struct wall now;

	if (!web_sale_find(x, &entry) || !web_now(x, &now))
		return;
	/* The gate first: what leaves it meanwhile is in the ledger. */
	if (!pending_list(x, &entry, waiting, ARRAY_LEN(waiting), &nwaiting) ||
	    ledger->find_customer(ledger->ctx, entry.sale.id, &x->who,
		x->deadline_ns, orders, ARRAY_LEN(orders), &n,
		&x->outcome->err) != OUT_DONE) {
		web_store_away(x, "orders");
		return;
	}
	reply_begin(x, 200, REPLY_PRIVATE);
	x->outcome->code = "ok";
	reply_end_json(x, REPLY_JSON,
	    json_pack("{s:s, s:o}", "sale", entry.sale.slug, "orders",
		mine_view(x, &entry.sale, orders, n, waiting, nwaiting, now)));
}
