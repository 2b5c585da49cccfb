/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request on its way through the layer: what it may use, what was found
 * out about it so far, and the response that is being written.  Lives on the
 * stack of web_handle(); inside src/web only.
 */
#ifndef WEB_EXCHANGE_H
#define WEB_EXCHANGE_H

#include "web/routes.h"
#include "web/web.h"

struct exchange {
	const struct web *web;
	const struct web_request *request;
	struct strbuf *response;
	struct web_outcome *outcome;

	struct uri_path path;
	struct route_hit hit;
	bool head; /* HEAD: every header of the GET, no body */
	bool html; /* for a browser: what is answered is a page */
	bool broken; /* what is in `response` must not be sent */
	int64_t deadline_ns;
	struct customer who; /* valid on routes that need identity */
	char sale[SALE_SLUG_MAX + 1]; /* "" until a sale is known */
};

#endif
