/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the model (doc/model) found: a request whose twin buys between two of its
 * readings.  The ledger here lets the twin act at that very moment.
 */
#include "config.h"

#include "sale/world.h"
#include "unit.h"

struct twin {
	struct world *w;
	struct ledger_port ledger; /* what the purchase sees */
	struct order order; /* what the twin will have */
	bool done;
};

/* The twin found attempt 0 void, and bought by attempt 1. */
static void twin_buys(struct twin *twin)
{
	const struct ledger_port *ledger = &twin->w->ledger;
	struct order first = twin->order;
	enum ledger_record record;
	struct err err;

	twin->done = true;
	first.claim = claim_id_make(
	    &twin->w->sale, &twin->order.customer, strv_c("b"), 0);
	ck_assert_int_eq(ledger->void_claims(ledger->ctx, world_ref(twin->w),
			     &first, 1, INT64_MAX, &err),
	    OUT_DONE);
	ck_assert_int_eq(
	    ledger->record(ledger->ctx, &twin->order, INT64_MAX, &record, &err),
	    OUT_DONE);
	ck_assert_int_eq(record, LEDGER_RECORDED);
}

static enum outcome twin_find_customer(void *ctx, struct sale_id sale,
    const struct customer *who, int64_t deadline_ns, struct order *out,
    size_t max, size_t *n, struct err *err)
{
	struct twin *twin = ctx;
	const struct ledger_port *ledger = &twin->w->ledger;

	if (!twin->done)
		twin_buys(twin);
	return ledger->find_customer(
	    ledger->ctx, sale, who, deadline_ns, out, max, n, err);
}

#define PASS_ON(name, params, args)                   \
	static enum outcome twin_##name params        \
	{                                             \
		const struct ledger_port *ledger =    \
		    &((struct twin *)ctx)->w->ledger; \
                                                      \
		return ledger->name args;             \
	}

PASS_ON(ready, (void *ctx, int64_t deadline_ns, struct err *err),
    (ledger->ctx, deadline_ns, err))
PASS_ON(record,
    (void *ctx, const struct order *order, int64_t deadline_ns,
	enum ledger_record *out, struct err *err),
    (ledger->ctx, order, deadline_ns, out, err))
PASS_ON(void_claims,
    (void *ctx, struct gate_ref ref, const struct order *claims, size_t n,
	int64_t deadline_ns, struct err *err),
    (ledger->ctx, ref, claims, n, deadline_ns, err))
PASS_ON(find,
    (void *ctx, const struct claim_id *claims, size_t n, int64_t deadline_ns,
	struct order *out, size_t *found, struct err *err),
    (ledger->ctx, claims, n, deadline_ns, out, found, err))
PASS_ON(find_unit,
    (void *ctx, struct sale_id sale, uint32_t unit, int64_t deadline_ns,
	struct order *out, bool *found, struct err *err),
    (ledger->ctx, sale, unit, deadline_ns, out, found, err))

/* A gate of the same epoch that knows units 2.. as free, and no owner. */
static void gate_forget(struct world *w)
{
	struct gate_ref ref = {w->sale.id, w->sale.epoch};
	struct gate_seeded seeded = {w->sale.stock, w->sale.per_customer,
	    w->sale.stock - 1, 0, 0, false};
	struct err err;

	mem_gate_flushall(w->mem_gate);
	for (uint32_t unit = 2; unit <= w->sale.stock; unit++)
		ck_assert_int_eq(
		    w->gate.seed(w->gate.ctx, ref, &unit, 1, INT64_MAX, &err),
		    OUT_DONE);
	ck_assert_int_eq(
	    w->gate.publish(w->gate.ctx, ref, &seeded, INT64_MAX, &err),
	    OUT_DONE);
}

/*
 * alice may have two.  One is hers by key "a", and the gate forgot it: it offers
 * her slot 1 again.  While the purchase by key "b" looks for what is in its way,
 * its twin buys.  Two orders are the limit, but one of them is this request's own:
 * "limit reached" would be a final no to somebody who has bought.
 */
START_TEST(test_twin_sells_while_we_read)
{
	struct audit_report report;
	struct purchase_result result;
	struct twin twin;
	struct world w;

	world_init(&w, 4, 2);
	ck_assert_int_eq(world_verdict(&w, "alice", "a"), VERDICT_CREATED);
	gate_forget(&w);
	twin = (struct twin){.w = &w,
	    .ledger = {.ready = twin_ready,
		.record = twin_record,
		.void_claims = twin_void_claims,
		.find = twin_find,
		.find_unit = twin_find_unit,
		.find_customer = twin_find_customer},
	    .order = {.sale = w.sale.id,
		.epoch = w.sale.epoch,
		.status = ORDER_SOLD,
		.unit = 4,
		.slot = 2,
		.created = {w.wall_us}}};
	twin.ledger.ctx = &twin;
	ck_assert(customer_parse(strv_c("alice"), &twin.order.customer));
	twin.order.claim =
	    claim_id_make(&w.sale, &twin.order.customer, strv_c("b"), 1);
	w.buyer.ledger = &twin.ledger;
	world_buy(&w, "alice", "b", 0, &result);
	ck_assert(twin.done);
	ck_assert_int_eq(result.verdict, VERDICT_REPLAYED);
	ck_assert(claim_eq(&result.order.claim, &twin.order.claim));
	w.buyer.ledger = &w.faulty_ledger;
	world_settle(&w);
	ck_assert_int_eq(world_verdict(&w, "alice", "b"), VERDICT_REPLAYED);
	/* The twin's unit is in the list as well, until somebody draws it. */
	world_audit(&w, &report);
	ck_assert_uint_eq(report.faults[UNIT_HOMELESS], 0);
	ck_assert_uint_eq(world_sold(&w), 2);
	world_fini(&w);
}
END_TEST

TESTS_MAIN("twins", UNIT("sells-while-we-read", test_twin_sells_while_we_read))
