/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which sale, and what time: from the table, and from whoever knows sales that
 * the table does not have.  Each answers the request itself when it cannot, and
 * then gives false.  Inside src/web only.
 */
#ifndef WEB_SALES_H
#define WEB_SALES_H

#include "web/exchange.h"

/* The ledger's time; 503 when the table was never filled. */
bool web_now(struct exchange *x, struct wall *now) ATTR_MUSTUSE;

/* The sale that the path names; 404 when there is none, 503 when that could
 * not be found out.  Sets x->sale. */
bool web_sale_find(struct exchange *x, struct sale_entry *out) ATTR_MUSTUSE;

/* The sale of an order, from the table or the ledger; sets x->sale. */
bool web_sale_of(
    struct exchange *x, struct sale_id id, struct sale *out) ATTR_MUSTUSE;

/* 503 for a store that did not answer; what it said is in outcome.err. */
void web_store_away(struct exchange *x, const char *what);

#endif
