/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Orders of the one who asks.  Somebody else's order and none at all are the
 * same 404 with the same bytes, after the same look-up.
 */
#include "config.h"

#include "web/handlers.h"
#include "web/problem.h"
#include "web/reply.h"
#include "web/sales.h"
#include "web/view.h"

static bool own_order(const struct exchange *x, const struct claim_id *claim,
    const struct order *order)
{
	return claim_eq(&order->claim, claim) && order->status != ORDER_VOID &&
	       customer_eq(&order->customer, &x->who);
}

void web_order_show(struct exchange *x)
{
	const struct ledger_port *ledger = x->web->buyer->ledger;
	struct claim_id claim;
	struct order order;
	struct sale sale;
	size_t n = 0;

	if (!claim_parse(x->hit.arg, &claim)) {
		problem_send_kind(x, &problems[PROBLEM_ORDER_UNKNOWN]);
		return;
	}
	if (ledger->find(ledger->ctx, &claim, 1, x->deadline_ns, &order, &n,
		&x->outcome->err) != OUT_DONE) {
		web_store_away(x, "order");
		return;
	}
	if (n == 0 || !own_order(x, &claim, &order)) {
		problem_send_kind(x, &problems[PROBLEM_ORDER_UNKNOWN]);
		return;
	}
	if (!web_sale_of(x, order.sale, &sale))
		return;
	reply_begin(x, 200, REPLY_PRIVATE);
	x->outcome->code = "ok";
	reply_end_json(x, REPLY_JSON,
	    view_order(&order, &sale, order_status_name(order.status)));
}

void web_orders_mine(struct exchange *x)
{
	const struct ledger_port *ledger = x->web->buyer->ledger;
	struct order orders[SALE_PER_CUSTOMER_MAX];
	struct sale_entry entry;
	size_t n = 0;

	if (!web_sale_find(x, &entry))
		return;
	if (ledger->find_customer(ledger->ctx, entry.sale.id, &x->who,
		x->deadline_ns, orders, ARRAY_LEN(orders), &n,
		&x->outcome->err) != OUT_DONE) {
		web_store_away(x, "orders");
		return;
	}
	reply_begin(x, 200, REPLY_PRIVATE);
	x->outcome->code = "ok";
	reply_end_json(x, REPLY_JSON,
	    json_pack("{s:s, s:o}", "sale", entry.sale.slug, "orders",
		view_orders(orders, n, &entry.sale)));
}
