/* SPDX-License-Identifier: Apache-2.0 */
/* Sales and the time, for everybody: no identity, no store. */
#include "config.h"

#include "web/sales.h"
#include "base/bug.h"
#include "web/etag.h"
#include "web/handlers.h"
#include "web/reply.h"
#include "web/verdicts.h"
#include "web/view.h"

void web_store_away(struct exchange *x, const char *what)
{
	err_wrap(&x->outcome->err, "%s", what);
	problem_send_kind(x, verdict_problem(VERDICT_UNAVAILABLE));
}

bool web_now(struct exchange *x, struct wall *now)
{
	struct sale_table_head head;

	if (sale_table_head_read(x->web->table, &head)) {
		*now = sale_table_now(&head, x->web->buyer->clock);
		return true;
	}
	err_set(&x->outcome->err, 0, "the sale table was never filled");
	web_store_away(x, "time");
	return false;
}

/* ---- look-up ---- */

enum found {
	FOUND,
	FOUND_NOT,
	FOUND_UNREADABLE /* a row could not be read: it may be that one */
};

/* By slug, or by id when `slug` is absent. */
static enum found table_find(const struct sale_table *table, struct strv slug,
    struct sale_id id, struct sale_entry *out)
{
	enum found result = FOUND_NOT;
	struct sale_table_head head;

	if (!sale_table_head_read(table, &head))
		return FOUND_UNREADABLE;
	for (size_t i = 0; i < head.n; i++) {
		if (!sale_table_row(table, i, out))
			result = FOUND_UNREADABLE;
		else if (slug.p != NULL ? strv_eq(slug, strv_c(out->sale.slug))
					: out->sale.id.v == id.v)
			return FOUND;
	}
	return result;
}

/* Whoever runs the worker may know more than the table. */
static enum found miss_find(
    struct exchange *x, struct strv slug, struct sale_entry *out)
{
	const struct web *web = x->web;
	bool found;

	if (web->sale_miss == NULL)
		return FOUND_NOT;
	if (web->sale_miss(web->ctx, slug, x->deadline_ns, out, &found,
		&x->outcome->err) != OUT_DONE)
		return FOUND_UNREADABLE;
	return found ? FOUND : FOUND_NOT;
}

static enum found sale_find(
    struct exchange *x, struct strv slug, struct sale_entry *out)
{
	enum found in_table, elsewhere;

	/* What cannot be a name costs no look-up. */
	if (!sale_slug_valid(slug))
		return FOUND_NOT;
	in_table = table_find(x->web->table, slug, (struct sale_id){0}, out);
	if (in_table == FOUND)
		return FOUND;
	elsewhere = miss_find(x, slug, out);
	/* "No such sale" only if nobody could still have it. */
	if (elsewhere == FOUND_NOT && in_table == FOUND_UNREADABLE) {
		err_set(&x->outcome->err, 0, "a row of the sale table is torn");
		return FOUND_UNREADABLE;
	}
	return elsewhere;
}

bool web_sale_find(struct exchange *x, struct sale_entry *out)
{
	struct strv slug = x->hit.arg;

	switch (sale_find(x, slug, out)) {
	case FOUND:
		if (out->sale.state == SALE_STATE_DRAFT)
			break;
		memcpy(x->sale, out->sale.slug, sizeof(x->sale));
		return true;
	case FOUND_UNREADABLE:
		web_store_away(x, "sale");
		return false;
	case FOUND_NOT:
		break;
	}
	problem_send_kind(x, &problems[PROBLEM_SALE_UNKNOWN]);
	return false;
}

bool web_sale_of(struct exchange *x, struct sale_id id, struct sale *out)
{
	const struct ledger_port *ledger = x->web->buyer->ledger;
	struct sale_entry entry;
	struct wall ledger_now;
	bool found;

	if (table_find(x->web->table, (struct strv){NULL, 0}, id, &entry) ==
	    FOUND) {
		*out = entry.sale;
	} else if (ledger->sale(ledger->ctx, id, x->deadline_ns, out, &found,
		       &ledger_now, &x->outcome->err) != OUT_DONE) {
		web_store_away(x, "sale of an order");
		return false;
	} else if (!found) {
		err_set(&x->outcome->err, 0,
		    "an order names sale %u, which the ledger does not have",
		    (unsigned)id.v);
		x->broken = true;
		return false;
	}
	memcpy(x->sale, out->slug, sizeof(x->sale));
	return true;
}

/* ---- replies ---- */

/*
 * Sends `o`, taken over, or 304 when the client has it.  The tag is that of the
 * content without the time, which changes with every answer: a weak one.
 */
static void public_send(struct exchange *x, json_t *o, struct wall now)
{
	char tag[ETAG_MAX];
	bool whole = o != NULL && etag_make(o, tag) &&
		     view_put(o, "server_time", view_time(now, 3));
	bool same = whole && etag_matches(x->request->if_none_match, tag);

	reply_begin(x, same ? 304 : 200, REPLY_SECOND);
	x->outcome->code = same ? "not-modified" : "ok";
	if (whole)
		reply_header(x, "ETag", tag);
	if (same) {
		reply_end_empty(x);
		json_decref(o);
	} else {
		reply_end_json(x, REPLY_JSON, view_whole(o, whole));
	}
}

void web_sale_show(struct exchange *x)
{
	struct sale_entry entry;
	struct wall now;

	if (web_now(x, &now) && web_sale_find(x, &entry))
		public_send(x, view_sale(&entry, now), now);
}

/* False with 503 for a row that could not be read: a list without it would say
 * that there is no such sale. */
static bool list_fill(struct exchange *x, json_t *list, struct wall now)
{
	struct sale_table_head head;
	struct sale_entry entry;

	BUG_ON(!sale_table_head_read(x->web->table, &head));
	for (size_t i = 0; i < head.n; i++) {
		if (!sale_table_row(x->web->table, i, &entry)) {
			err_set(&x->outcome->err, 0,
			    "row %zu of the sale table is torn", i);
			web_store_away(x, "sales");
			return false;
		}
		if (entry.sale.state != SALE_STATE_DRAFT &&
		    json_array_append_new(list, view_sale(&entry, now)) != 0)
			x->broken = true;
	}
	return true;
}

void web_sales_list(struct exchange *x)
{
	json_t *list = json_array();
	struct wall now;

	if (web_now(x, &now) && list_fill(x, list, now))
		public_send(x, json_pack("{s:O}", "sales", list), now);
	json_decref(list);
}

void web_time_show(struct exchange *x)
{
	struct wall now;

	if (!web_now(x, &now))
		return;
	reply_begin(x, 200, REPLY_PRIVATE);
	x->outcome->code = "ok";
	reply_end_json(x, REPLY_JSON,
	    json_pack("{s:o, s:I}", "server_time", view_time(now, 3), "now_ms",
		(json_int_t)(now.us / 1000)));
}
