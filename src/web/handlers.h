/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the routes run.  Each writes one whole reply, or leaves outcome.status
 * at 0 when nobody is there to read it.  Inside src/web only.
 */
#ifndef WEB_HANDLERS_H
#define WEB_HANDLERS_H

struct exchange;

/* sales.c */
void web_sales_list(struct exchange *x);
void web_sale_show(struct exchange *x);
void web_time_show(struct exchange *x);
/* purchase.c */
void web_order_buy(struct exchange *x);
/* orders.c */
void web_order_show(struct exchange *x);
void web_orders_mine(struct exchange *x);

#endif
