/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one writer of responses.  Everything that leaves the layer goes through
 * it: begin, headers, end.  A header value that could split the response, a
 * body that could not be built or does not fit makes the exchange `broken`, and
 * reply_broken() then puts a plain 500 in its place.  Inside src/web only.
 */
#ifndef WEB_REPLY_H
#define WEB_REPLY_H

#include "web/exchange.h"

#include <jansson.h>

enum reply_cache {
	REPLY_PRIVATE, /* no-store: personal, or an error */
	REPLY_SECOND /* public for a second: the same for everybody */
};

#define REPLY_JSON    "application/json; charset=utf-8"
#define REPLY_PROBLEM "application/problem+json; charset=utf-8"
#define REPLY_HTML    "text/html; charset=utf-8"

/* "Status:" and what every response carries.  `status` is one of the table in
 * reply.c. */
void reply_begin(struct exchange *x, int status, enum reply_cache cache);
/* Refuses control characters and bytes beyond ASCII: the exchange breaks. */
void reply_header(struct exchange *x, const char *name, const char *value);
void reply_header_int(struct exchange *x, const char *name, int value);
/* Type, length, blank line, body; no body for HEAD. */
void reply_end(struct exchange *x, const char *type, struct strv body);
/* The same with a JSON value, which is taken over; NULL breaks. */
void reply_end_json(struct exchange *x, const char *type, json_t *body);
/* A response without content (304). */
void reply_end_empty(struct exchange *x);

/* Instead of everything: 500, from constants. */
void reply_broken(struct exchange *x);

#endif
