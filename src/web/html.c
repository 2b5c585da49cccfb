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

static void page_begin(struct strbuf *page, const char *title)
{
	strbuf_puts(page, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
			  "<meta charset=\"utf-8\">\n"
			  "<meta name=\"viewport\" "
			  "content=\"width=device-width, initial-scale=1\">\n"
			  "<title>");
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
	page_begin(&page, kind->title);
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
	page_begin(&page, "Your order");
	strbuf_puts(&page, "<p>");
	link_put(&page, location, "See your order");
	strbuf_puts(&page, "</p>\n");
	page_end(x, &page);
}
