/* SPDX-License-Identifier: Apache-2.0 */
/* Sales and orders as JSON. */
#include "config.h"

#include "web/view.h"
#include "web/utf8.h"

bool view_put(json_t *object, const char *name, json_t *value)
{
	/* Takes `value` over even when it fails. */
	return json_object_set_new(object, name, value) == 0;
}

json_t *view_whole(json_t *value, bool whole)
{
	if (whole)
		return value;
	json_decref(value);
	return NULL;
}

/* Room for the longest text we own, each byte of it replaced. */
static json_t *text_repaired(struct strv text)
{
	char bytes[3 * SALE_TITLE_MAX + 1];
	struct strbuf out;
	uint32_t code;

	strbuf_init(&out, bytes, sizeof(bytes));
	while (text.n > 0) {
		const char *from = text.p;

		if (utf8_next(&text, &code)) {
			strbuf_put(
			    &out, strv_from(from, (size_t)(text.p - from)));
			continue;
		}
		strbuf_puts(&out, "\xef\xbf\xbd");
		text = strv_from(text.p + 1, text.n - 1);
	}
	/* A cut could fall inside a character. */
	return out.overflow ? json_string("") : json_stringn(out.p, out.n);
}

json_t *view_text(struct strv text)
{
	if (text.n == 0)
		return json_string("");
	if (utf8_valid(text))
		return json_stringn(text.p, text.n);
	return text_repaired(text);
}

json_t *view_time(struct wall when, int digits)
{
	char text[WALL_TEXT_MAX];

	if (when.us == 0)
		return json_null();
	wall_format(when, digits, text);
	return json_string(text);
}

static json_t *price_view(const struct money *price)
{
	json_t *o = json_object();
	bool whole =
	    view_put(o, "amount_minor", json_integer(price->minor)) &&
	    view_put(o, "currency", view_text(strv_c(price->currency)));

	return view_whole(o, whole);
}

/*
 * Is the gauge about the units that are for sale now?  A reading that is stale
 * or of another generation proves nothing, and "sold out" wants a proof.
 */
static bool gauge_speaks(const struct sale_entry *entry)
{
	return entry->gauge_fresh && entry->gauge.known &&
	       entry->gauge.epoch == entry->sale.epoch;
}

static const char *state_word(const struct sale_entry *entry, struct wall now)
{
	static const char *const words[] = {
	    [SALE_PHASE_NOT_OPEN] = "upcoming",
	    [SALE_PHASE_SELLING] = "open",
	    [SALE_PHASE_PAUSED] = "paused",
	    [SALE_PHASE_REBUILDING] = "rebuilding",
	    [SALE_PHASE_ENDED] = "ended",
	};
	enum sale_phase phase = sale_phase_at(&entry->sale, now);

	if (phase == SALE_PHASE_SELLING && gauge_speaks(entry) &&
	    entry->gauge.free == 0 && entry->gauge.leased == 0)
		return "sold-out";
	return words[phase];
}

static json_t *left_view(const struct sale_entry *entry)
{
	if (!gauge_speaks(entry))
		return json_null();
	return json_integer((json_int_t)entry->gauge.free);
}

json_t *view_sale(const struct sale_entry *entry, struct wall now)
{
	const struct sale *sale = &entry->sale;
	json_t *o = json_object();
	bool whole =
	    view_put(o, "slug", view_text(strv_c(sale->slug))) &&
	    view_put(o, "title", view_text(strv_c(sale->title))) &&
	    view_put(o, "state", json_string(state_word(entry, now))) &&
	    view_put(o, "opens_at", view_time(sale->opens, 3)) &&
	    view_put(o, "closes_at", view_time(sale->closes, 3)) &&
	    view_put(o, "price", price_view(&sale->price)) &&
	    view_put(o, "stock", json_integer(sale->stock)) &&
	    view_put(o, "left", left_view(entry)) &&
	    view_put(o, "per_customer", json_integer(sale->per_customer)) &&
	    view_put(o, "mode", json_string(sale_mode_name(sale->mode)));

	return view_whole(o, whole);
}

json_t *view_order(
    const struct order *order, const struct sale *sale, const char *state)
{
	char number[ORDER_TEXT_LEN + 1];
	json_t *o = json_object();
	bool whole;

	claim_format(&order->claim, number);
	whole =
	    view_put(o, "order", json_string(number)) &&
	    view_put(o, "sale", view_text(strv_c(sale->slug))) &&
	    view_put(o, "unit",
		order->unit != 0 ? json_integer(order->unit) : json_null()) &&
	    view_put(o, "state", json_string(state)) &&
	    view_put(o, "price", price_view(&sale->price)) &&
	    view_put(o, "created_at", view_time(order->created, 6)) &&
	    view_put(o, "ref",
		order->ref[0] != '\0' ? view_text(strv_c(order->ref))
				      : json_null());
	return view_whole(o, whole);
}

json_t *view_orders(
    const struct order *orders, size_t n, const struct sale *sale)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		if (json_array_append_new(
			list, view_order(&orders[i], sale,
				  order_status_name(orders[i].status))) != 0)
			return view_whole(list, false);
	return list;
}

void view_order_path(const struct order *order, char out[VIEW_ORDER_PATH_MAX])
{
	char number[ORDER_TEXT_LEN + 1];
	struct strbuf path;

	claim_format(&order->claim, number);
	strbuf_init(&path, out, VIEW_ORDER_PATH_MAX);
	strbuf_puts(&path, "/v1/orders/");
	strbuf_puts(&path, number);
}
