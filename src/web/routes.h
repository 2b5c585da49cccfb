/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The routes, one table: method, path, handler, and whether somebody must be
 * known.  Worker processes.
 */
#ifndef WEB_ROUTES_H
#define WEB_ROUTES_H

#include "web/uri.h"

struct exchange;

struct route {
	const char *method; /* GET answers HEAD as well */
	const char *pattern; /* a segment in braces takes any value */
	const char *word; /* the stable name in logs and counters */
	bool needs_identity;
	bool has_page; /* for browsers; see html_is_wanted() */
	void (*run)(struct exchange *x);
};

/* The words of all routes; NULL behind the last. */
const char *route_word(size_t i);

enum route_match {
	ROUTE_FOUND,
	ROUTE_OTHER_METHOD, /* `route` is one that has the path */
	ROUTE_UNKNOWN
};

struct route_hit {
	const struct route *route; /* NULL when unknown */
	struct strv arg; /* what the braces took; a view into the path */
};

enum route_match route_find(
    struct strv method, const struct uri_path *path, struct route_hit *out);

/* The value of Allow for a path. */
void route_allow(const struct uri_path *path, struct strbuf *out);

#endif
