/* SPDX-License-Identifier: Apache-2.0 */
/* What waits in the gates. */
#include "config.h"

#include "web/pending.h"
#include "sale/sweep.h"
#include "web/retry.h"
#include "web/view.h"

/* ---- what is heard of it ---- */

static struct wall next_run(const struct exchange *x, struct wall now)
{
	return sweep_run_at(now, x->web->conf->sweep_interval_ms).next;
}

int pending_retry_s(
    const struct exchange *x, const struct sale *sale, struct wall now)
{
	return sale->mode == SALE_MODE_SWEEP
		   ? retry_run_s(now, next_run(x, now))
		   : retry_soon_s();
}

json_t *pending_view(const struct exchange *x, const struct order *order,
    const struct sale *sale, struct wall now)
{
	const struct web *web = x->web;
	json_t *o = view_order(order, sale, "pending");
	bool whole = o != NULL;

	if (sale->mode == SALE_MODE_SWEEP)
		whole = whole &&
			view_put(o, "next_run", view_time(next_run(x, now), 3));
	if (web->may_lose != NULL && web->may_lose(web->ctx))
		whole =
		    whole && view_put(o, "durability", json_string("memory"));
	return view_whole(o, whole);
}

/* ---- where they are ---- */

/* Of one gate, within a gate's time and the request's. */
static enum outcome gate_ask(struct exchange *x, const struct sale *sale,
    struct order *out, size_t max, size_t *n, bool *known)
{
	const struct buyer *buyer = x->web->buyer;
	const struct clock *clock = buyer->clock;
	int64_t deadline_ns =
	    clock->mono_ns(clock->ctx) + buyer->gate_timeout_ms * NS_PER_MS;

	if (deadline_ns > x->deadline_ns)
		deadline_ns = x->deadline_ns;
	return buyer->gate->pending(buyer->gate->ctx,
	    (struct gate_ref){sale->id, sale->epoch}, &x->who, deadline_ns, out,
	    max, n, known, &x->outcome->err);
}

/* True when the gate has said what it has. */
static bool gate_says(struct exchange *x, const struct sale *sale,
    struct order *out, size_t max, size_t *n)
{
	bool known = false;

	*n = 0;
	if (gate_ask(x, sale, out, max, n, &known) != OUT_DONE) {
		err_wrap(&x->outcome->err, "sale %s: gate", sale->slug);
		return false;
	}
	if (known)
		return true;
	*n = 0;
	err_set(&x->outcome->err, 0,
	    "sale %s: its gate is lost, or being made anew", sale->slug);
	return false;
}

static bool may_wait(const struct exchange *x, const struct sale_entry *entry)
{
	const struct clock *clock = x->web->buyer->clock;

	return sale_entry_may_wait(entry, clock->mono_ns(clock->ctx));
}

/* Looks for the claim among what waits in one sale. */
static enum pending sale_look(struct exchange *x, const struct claim_id *claim,
    const struct sale *sale, struct order *order)
{
	struct order waiting[SALE_PER_CUSTOMER_MAX];
	size_t n;

	if (!gate_says(x, sale, waiting, ARRAY_LEN(waiting), &n))
		return PENDING_UNKNOWN;
	for (size_t i = 0; i < n; i++) {
		if (!claim_eq(&waiting[i].claim, claim))
			continue;
		*order = waiting[i];
		return PENDING_FOUND;
	}
	return PENDING_NOT;
}

/* Does the table know this sale's gate? */
static bool in_table(const struct sale_table *table, const struct sale *sale)
{
	struct sale_table_head head;
	struct sale_entry entry;

	if (!sale_table_head_read(table, &head))
		return false;
	for (size_t i = 0; i < head.n; i++)
		if (sale_table_row(table, i, &entry) &&
		    entry.sale.id.v == sale->id.v)
			return entry.sale.epoch == sale->epoch &&
			       entry.sale.state != SALE_STATE_DRAFT;
	return false;
}

/*
 * A sale that was opened since the table was read last is not in it yet, or as a
 * draft, and whoever bought in it was accepted all the same: a purchase reads the
 * sale by itself.  So the ledger is asked before it is said that nothing waits.
 */
static enum pending opened_look(struct exchange *x,
    const struct claim_id *claim, struct order *order, struct sale *sale,
    bool *asked)
{
	const struct ledger_port *ledger = x->web->buyer->ledger;
	enum pending found = PENDING_NOT, here;
	static struct sale sales[SALE_TABLE_MAX]; /* large */
	struct wall now;
	size_t n = 0;

	if (ledger->sales(ledger->ctx, x->deadline_ns, sales, SALE_TABLE_MAX,
		&n, &now, &x->outcome->err) != OUT_DONE)
		return PENDING_UNKNOWN;
	for (size_t i = 0; i < n && found != PENDING_FOUND; i++) {
		if (sales[i].epoch == 0 || sales[i].mode == SALE_MODE_DIRECT ||
		    (sales[i].state != SALE_STATE_OPEN &&
			sales[i].state != SALE_STATE_PAUSED) ||
		    in_table(x->web->table, &sales[i]))
			continue;
		*asked = true;
		*sale = sales[i];
		here = sale_look(x, claim, &sales[i], order);
		if (here != PENDING_NOT)
			found = here;
	}
	return found;
}

enum pending pending_find(struct exchange *x, const struct claim_id *claim,
    struct order *order, struct sale *sale, bool *asked)
{
	const struct sale_table *table = x->web->table;
	enum pending found = PENDING_NOT;
	struct sale_table_head head;
	struct sale_entry entry;

	*asked = false;
	if (!sale_table_head_read(table, &head)) {
		err_set(&x->outcome->err, 0, "the sale table was never filled");
		return PENDING_UNKNOWN;
	}
	for (size_t i = 0; i < head.n && found != PENDING_FOUND; i++) {
		enum pending here = PENDING_UNKNOWN;

		if (sale_table_row(table, i, &entry)) {
			if (!may_wait(x, &entry))
				continue;
			*asked = true;
			here = sale_look(x, claim, &entry.sale, order);
		} else {
			err_set(&x->outcome->err, 0,
			    "row %zu of the sale table is torn", i);
		}
		if (here != PENDING_NOT)
			found = here;
	}
	if (found == PENDING_FOUND)
		*sale = entry.sale;
	return found != PENDING_NOT ? found
				    : opened_look(x, claim, order, sale, asked);
}

bool pending_list(struct exchange *x, const struct sale_entry *entry,
    struct order *out, size_t max, size_t *n)
{
	*n = 0;
	return !may_wait(x, entry) || gate_says(x, &entry->sale, out, max, n);
}
