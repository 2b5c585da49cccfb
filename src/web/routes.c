/* SPDX-License-Identifier: Apache-2.0 */
/* The table of routes, and how a request finds its row. */
#include "config.h"

#include "web/routes.h"
#include "web/handlers.h"

static const struct route routes[] = {
    {"GET", "/v1/sales", "sales", false, false, web_sales_list},
    {"GET", "/v1/sales/{sale}", "sale", false, false, web_sale_show},
    {"GET", "/v1/time", "time", false, false, web_time_show},
    {"POST", "/v1/sales/{sale}/orders", "buy", true, false, web_order_buy},
    {"GET", "/v1/orders/{order}", "order", true, true, web_order_show},
    {"GET", "/v1/sales/{sale}/orders/mine", "mine", true, false,
	web_orders_mine},
};

const char *route_word(size_t i)
{
	return i < ARRAY_LEN(routes) ? routes[i].word : NULL;
}

static bool path_matches(
    const char *pattern, const struct uri_path *path, struct strv *arg)
{
	struct strv rest = strv_c(pattern + 1);
	size_t i = 0;

	*arg = (struct strv){NULL, 0};
	for (; rest.p != NULL; i++) {
		struct strv want = strv_cut(&rest, '/');

		if (i >= path->n)
			return false;
		if (want.p[0] == '{')
			*arg = path->segment[i];
		else if (!strv_eq(want, path->segment[i]))
			return false;
	}
	return i == path->n;
}

/* Methods are case-sensitive (RFC 9110 9.1). */
static bool method_matches(const struct route *route, struct strv method)
{
	struct strv own = strv_c(route->method);

	return strv_eq(method, own) ||
	       (strv_eq(own, STRV("GET")) && strv_eq(method, STRV("HEAD")));
}

enum route_match route_find(
    struct strv method, const struct uri_path *path, struct route_hit *out)
{
	struct strv arg;

	*out = (struct route_hit){0};
	for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
		if (!path_matches(routes[i].pattern, path, &arg))
			continue;
		*out = (struct route_hit){&routes[i], arg};
		if (method_matches(&routes[i], method))
			return ROUTE_FOUND;
	}
	return out->route != NULL ? ROUTE_OTHER_METHOD : ROUTE_UNKNOWN;
}

void route_allow(const struct uri_path *path, struct strbuf *out)
{
	struct strv arg;

	for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
		if (!path_matches(routes[i].pattern, path, &arg))
			continue;
		if (out->n > 0)
			strbuf_puts(out, ", ");
		strbuf_puts(out, routes[i].method);
		if (strv_eq(strv_c(routes[i].method), STRV("GET")))
			strbuf_puts(out, ", HEAD");
	}
}
