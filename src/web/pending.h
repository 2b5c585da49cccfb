/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Orders that were accepted (202) and are not decided yet: what a shopper hears
 * of one, and where they are found.  Inside src/web only.
 */
#ifndef WEB_PENDING_H
#define WEB_PENDING_H

#include "web/exchange.h"

#include <jansson.h>

/* When to ask again: soon; in mode sweep, when the next run has begun. */
int pending_retry_s(
    const struct exchange *x, const struct sale *sale, struct wall now);
/*
 * The order in state "pending", and what belongs to that: `next_run` in mode
 * sweep, null when it is not scheduled; `durability` "memory" when a crash of
 * the gate may take the order with it.
 */
json_t *pending_view(const struct exchange *x, const struct order *order,
    const struct sale *sale, struct wall now) ATTR_MUSTUSE;

enum pending {
	PENDING_NOT, /* in no gate that could have it */
	PENDING_FOUND,
	PENDING_UNKNOWN /* a gate that could have it did not say; see err */
};

/* The order of whoever asks, and its sale.  *asked: some gate was asked, so the
 * ledger is worth another look. */
enum pending pending_find(struct exchange *x, const struct claim_id *claim,
    struct order *order, struct sale *sale, bool *asked) ATTR_MUSTUSE;

/* The orders of whoever asks in one sale; false for "did not say". */
bool pending_list(struct exchange *x, const struct sale_entry *entry,
    struct order *out, size_t max, size_t *n) ATTR_MUSTUSE;

#endif
