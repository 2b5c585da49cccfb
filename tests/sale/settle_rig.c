/* SPDX-License-Identifier: Apache-2.0 */
/* Settlers of the small world, and what is in their way. */
#include "config.h"

#include "sale/settle_rig.h"
#include "unit.h"

enum outcome settle(struct world *w, const char *consumer,
    enum settle_state *state, struct settle_counts *counts)
{
	struct settler settler = w->settler;
	struct err err = ERR_INIT;

	settler.consumer = consumer;
	return sale_settle(&settler, &w->sale, w->mono_ns + 2 * NS_PER_S, 0,
	    state, counts, &err);
}

struct settle_counts settle_done(struct world *w, enum settle_state expect)
{
	struct settle_counts counts;
	enum settle_state state;

	ck_assert_int_eq(
	    settle(w, w->settler.consumer, &state, &counts), OUT_DONE);
	ck_assert_int_eq(state, expect);
	return counts;
}

uint64_t waiting(struct world *w)
{
	struct gate_gauge gauge;

	world_gauge(w, &gauge);
	return gauge.waiting;
}

void assert_status(
    struct world *w, const struct order *order, enum order_status status)
{
	struct order row;

	ck_assert_msg(world_row(w, &order->claim, &row), "not decided");
	ck_assert_str_eq(
	    order_status_name(row.status), order_status_name(status));
	if (status == ORDER_SOLD) {
		ck_assert_uint_eq(row.unit, order->unit);
		ck_assert_uint_eq(row.slot, order->slot);
		ck_assert_int_eq(row.created.us, order->created.us);
	}
}

struct order sold_row(const struct scene *scene, const struct order *like,
    uint32_t unit, const char *key)
{
	struct order row = *like;

	row.unit = unit;
	if (key != NULL)
		row.claim = claim_id_make(
		    &scene->w.sale, &row.customer, strv_c(key), 0);
	return row;
}

void own_void(struct scene *scene)
{
	struct order row = scene->alice;

	row.status = ORDER_VOID;
	row.unit = row.slot = 0;
	mem_ledger_put_row(scene->w.mem_ledger, &row);
}

/* A settler committed, and died before it told the gate. */
void own_sold(struct scene *scene)
{
	mem_ledger_put_row(scene->w.mem_ledger, &scene->alice);
}

/* The gate was set back since: the claim took another unit. */
void own_sold_elsewhere(struct scene *scene)
{
	struct order row = sold_row(scene, &scene->alice, 4, NULL);

	mem_ledger_put_row(scene->w.mem_ledger, &row);
}

/* So it was with the unit: zoe has it, and the gate does not know her. */
void unit_of_another(struct scene *scene)
{
	struct order row = scene->alice;

	ck_assert(customer_parse(strv_c("zoe"), &row.customer));
	row = sold_row(scene, &row, row.unit, "zoe's");
	mem_ledger_put_row(scene->w.mem_ledger, &row);
}

void unit_of_another_and_void(struct scene *scene)
{
	own_void(scene);
	unit_of_another(scene);
}

void slot_of_another(struct scene *scene)
{
	struct order row = sold_row(scene, &scene->alice, 4, "other");

	mem_ledger_put_row(scene->w.mem_ledger, &row);
}

void less_stock(struct scene *scene)
{
	uint32_t done;
	struct err err;

	/* alice has unit 1, bob unit 2; the numbers of the gate are above. */
	scene->w.sale.stock = 1;
	world_sale_put(&scene->w);
	ck_assert_int_eq(scene->w.gate.shrink(scene->w.gate.ctx,
			     world_ref(&scene->w), 1, INT64_MAX, &done, &err),
	    OUT_DONE);
}

void refused(struct scene *scene)
{
	mem_ledger_refuse(scene->w.mem_ledger, &scene->alice.claim);
}
