/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a sale and an order look like to a client, as JSON.  Every function
 * gives a new value, or NULL when memory is out; NULL goes on up through
 * view_put() and view_whole() and ends as 500.  Inside src/web only.
 */
#ifndef WEB_VIEW_H
#define WEB_VIEW_H

#include "base/attr.h"
#include "base/clock.h"
#include "base/str.h"
#include "sale/sale.h"
#include "sale/table.h"

#include <jansson.h>
#include <stdbool.h>

/* Adds a member, taking `value` over; false when either is NULL. */
bool view_put(json_t *object, const char *name, json_t *value) ATTR_MUSTUSE;
/* `value` if all of it could be built; otherwise frees it, and NULL. */
json_t *view_whole(json_t *value, bool whole) ATTR_MUSTUSE;

/* Text of any origin; bytes that are not UTF-8 become U+FFFD, so that one odd
 * title does not take the answer with it. */
json_t *view_text(struct strv text) ATTR_MUSTUSE;
/* RFC 3339 with 3 or 6 digits; null when not set. */
json_t *view_time(struct wall when, int digits) ATTR_MUSTUSE;

/* All but `server_time`, so that it can be compared. */
json_t *view_sale(const struct sale_entry *entry, struct wall now) ATTR_MUSTUSE;
/* `state` is the order's own, or "pending" for one that is not recorded yet. */
json_t *view_order(const struct order *order, const struct sale *sale,
    const char *state) ATTR_MUSTUSE;
/* An array of them, each in its own state. */
json_t *view_orders(
    const struct order *orders, size_t n, const struct sale *sale) ATTR_MUSTUSE;

#define VIEW_ORDER_PATH_MAX 48
/* "/v1/orders/{order}" */
void view_order_path(const struct order *order, char out[VIEW_ORDER_PATH_MAX]);

#endif
