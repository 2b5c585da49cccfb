/* SPDX-License-Identifier: Apache-2.0 */
/* Pages: one frame, two contents. */
#include "config.h"

#include "web/html.h"
#include "web/reply.h"
#include "web/view.h"

/* All orders that a customer may have, and any detail, escaped, fit. */
#define PAGE_MAX 8192

void html_escape(struct strbuf *out, struct strv text)
{
	static const struct {
		char c;
		const char *reference;
	} special[] = {
	    {'&', "&amp;"},
	    {'<', "&lt;"},
	    {'>', "&gt;"},
	    {'"', "&quot;"},
	    {'\'', "&#39;"},
	};

	for (size_t i = 0; i < text.n; i++) {
		const char *reference = NULL;

		for (size_t k = 0; k < ARRAY_LEN(special); k++)
			if (special[k].c == text.p[i])
				reference = special[k].reference;
		if (reference != NULL)
			strbuf_puts(out, reference);
		else
			strbuf_putc(out, text.p[i]);
	}
}

/* 0, 0.0, 0.00 or 0.000: RFC 9110 12.4.2 */
static bool is_zero(struct strv weight)
{
	for (size_t i = 0; i < weight.n; i++)
		if (weight.p[i] != '0' && weight.p[i] != '.')
			return false;
	return weight.n > 0;
}

/* Type and subtype of a media range; false when it is refused (q=0). */
static bool range_take(struct strv *rest, struct strv *type)
{
	struct strv range = strv_cut(rest, ',');

	*type = strv_trim(strv_cut(&range, ';'));
	while (range.n > 0) {
		struct strv value = strv_cut(&range, ';');
		struct strv name = strv_trim(strv_cut(&value, '='));

		if (strv_eq_nocase(name, STRV("q")) &&
		    is_zero(strv_trim(value)))
			return false;
	}
	return true;
}

bool html_is_wanted(struct strv accept)
{
	bool html = false, json = false;

	while (accept.n > 0) {
		struct strv type;

		if (!range_take(&accept, &type))
			continue;
		html = html || strv_eq_nocase(type, STRV("text/html"));
		json = json || strv_eq_nocase(type, STRV("application/json")) ||
		       strv_eq_nocase(type, STRV("application/problem+json"));
	}
	return html && !json;
}

static void page_begin(struct strbuf *page, const char *title, int refresh_s)
{
	strbuf_puts(page, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
			  "<meta charset=\"utf-8\">\n"
			  "<meta name=\"viewport\" "
			  "content=\"width=device-width, initial-scale=1\">\n");
	if (refresh_s > 0)
		strbuf_printf(page,
		    "<meta http-equiv=\"refresh\" content=\"%d\">\n",
		    refresh_s);
	strbuf_puts(page, "<title>");
	html_escape(page, strv_c(title));
	strbuf_puts(page, "</title>\n</head>\n<body>\n<main>\n<h1>");
	html_escape(page, strv_c(title));
	strbuf_puts(page, "</h1>\n");
}

static void page_end(struct exchange *x, struct strbuf *page)
{
	strbuf_puts(page, "</main>\n</body>\n</html>\n");
	if (page->overflow) {
		err_set(&x->outcome->err, 0, "reply: the page does not fit");
		x->broken = true;
		return;
	}
	reply_header(x, "Content-Security-Policy", "default-src 'none'");
	reply_end(x, REPLY_HTML, strbuf_view(page));
}

static void link_put(struct strbuf *page, const char *href, const char *text)
{
	strbuf_puts(page, "<a href=\"");
	html_escape(page, strv_c(href));
	strbuf_puts(page, "\">");
	html_escape(page, strv_c(text));
	strbuf_puts(page, "</a>");
}

static void orders_put(struct strbuf *page, const struct problem *problem)
{
	if (problem->norders == 0)
		return;
	strbuf_puts(page, "<ul>\n");
	for (size_t i = 0; i < problem->norders; i++) {
		char number[ORDER_TEXT_LEN + 1];
		char path[VIEW_ORDER_PATH_MAX];

		claim_format(&problem->orders[i].claim, number);
		view_order_path(&problem->orders[i], path);
		strbuf_puts(page, "<li>Order ");
		link_put(page, path, number);
		strbuf_puts(page, "</li>\n");
	}
	strbuf_puts(page, "</ul>\n");
}

void html_problem(struct exchange *x, const struct problem *problem)
{
	const struct problem_kind *kind = problem->kind;
	char bytes[PAGE_MAX];
	struct strbuf page;

	strbuf_init(&page, bytes, sizeof(bytes));
	page_begin(&page, kind->title, 0);
	strbuf_puts(&page, "<p role=\"alert\">");
	html_escape(&page,
	    strv_c(problem->detail != NULL ? problem->detail : kind->detail));
	strbuf_puts(&page, "</p>\n");
	orders_put(&page, problem);
	if ((kind->flags & KIND_SAME_KEY) != 0)
		strbuf_puts(&page, "<p>Reload this page to send the same "
				   "request again. You will not buy "
				   "twice.</p>\n");
	strbuf_printf(
	    &page, "<p><small>%d %s</small></p>\n", kind->status, kind->code);
	page_end(x, &page);
}

void html_moved(struct exchange *x, const char *location)
{
	char bytes[PAGE_MAX];
	struct strbuf page;

	strbuf_init(&page, bytes, sizeof(bytes));
	page_begin(&page, "Your order", 0);
	strbuf_puts(&page, "<p>");
	link_put(&page, location, "See your order");
	strbuf_puts(&page, "</p>\n");
	page_end(x, &page);
}

static const char *const order_words[ORDER_STATUS_COUNT] = {
    [ORDER_SOLD] = "It is yours.",
    [ORDER_VOID] = "It was given up.",
    [ORDER_CANCELLED] = "It was cancelled.",
};

void html_order(struct exchange *x, const struct order *order,
    const struct sale *sale, int refresh_s)
{
	char number[ORDER_TEXT_LEN + 1];
	char bytes[PAGE_MAX];
	struct strbuf page;

	claim_format(&order->claim, number);
	strbuf_init(&page, bytes, sizeof(bytes));
	page_begin(&page, "Your order", refresh_s);
	strbuf_printf(&page, "<p>Order %s: ", number);
	html_escape(&page, strv_c(sale->title));
	strbuf_puts(&page, "</p>\n<p role=\"status\">");
	strbuf_puts(&page, refresh_s > 0
			       ? "It is accepted, and not decided yet. This "
				 "page looks again by itself."
			       : order_words[order->status]);
	strbuf_puts(&page, "</p>\n");
	page_end(x, &page);
}
