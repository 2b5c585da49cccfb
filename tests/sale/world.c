/* SPDX-License-Identifier: Apache-2.0 */
/* The small world of the rules' tests. */
#include "config.h"

#include "sale/world.h"
#include "unit.h"

#include "base/clock.h"

static int64_t world_mono(void *ctx)
{
	return ((struct world *)ctx)->mono_ns;
}

static struct wall world_wall(void *ctx)
{
	return (struct wall){((struct world *)ctx)->wall_us};
}

void world_init(struct world *w, uint32_t stock, uint32_t limit)
{
	struct rebuild_result rebuilt;
	struct err err;

	memset(w, 0, sizeof(*w));
	w->mono_ns = 1000 * NS_PER_S;
	w->wall_us = INT64_C(1800000000) * US_PER_S;
	w->clock = (struct clock){world_mono, world_wall, w};
	w->mem_gate = mem_gate_new(&w->clock, WORLD_LEASE_MS);
	w->mem_ledger = mem_ledger_new(&w->clock);
	w->gate = mem_gate_port(w->mem_gate);
	w->ledger = mem_ledger_port(w->mem_ledger);
	w->plan.gate = &w->gate;
	w->plan.ledger = &w->ledger;
	w->faulty_gate = fault_gate_port(&w->plan);
	w->faulty_ledger = fault_ledger_port(&w->plan);
	w->buyer = (struct buyer){.gate = &w->faulty_gate,
	    .ledger = &w->faulty_ledger,
	    .gate_timeout_ms = 100,
	    .lease_ms = WORLD_LEASE_MS,
	    .clock = &w->clock};
	w->settler = (struct settler){.gate = &w->faulty_gate,
	    .ledger = &w->faulty_ledger,
	    .clock = &w->clock,
	    .consumer = "host:settler:0",
	    .idle_ms = WORLD_IDLE_MS,
	    .batch = SETTLE_BATCH,
	    .deliveries_max = 5};
	w->sale = (struct sale){.id = {7},
	    .slug = "drop",
	    .title = "Drop",
	    .price = {1999, "EUR"},
	    .stock = stock,
	    .per_customer = limit,
	    .state = SALE_STATE_DRAFT,
	    .claim_key = "not a secret"};
	world_sale_put(w);
	ck_assert_int_eq(
	    sale_rebuild(&w->gate, &w->ledger, &w->sale, SALE_STATE_OPEN,
		INT64_MAX, NULL, NULL, &rebuilt, &err),
	    OUT_DONE);
	ck_assert(rebuilt.won);
	world_sale_get(w);
}

void world_fini(struct world *w)
{
	mem_gate_free(&w->mem_gate);
	mem_ledger_free(&w->mem_ledger);
}

void world_advance(struct world *w, int64_t ms)
{
	w->mono_ns += ms * NS_PER_MS;
	w->wall_us += ms * 1000;
}

void world_sale_put(struct world *w)
{
	mem_ledger_put_sale(w->mem_ledger, &w->sale);
}

void world_sale_get(struct world *w)
{
	struct wall now;
	struct err err;
	bool found;

	ck_assert_int_eq(w->ledger.sale(w->ledger.ctx, w->sale.id, INT64_MAX,
			     &w->sale, &found, &now, &err),
	    OUT_DONE);
	ck_assert(found);
}

void world_buy(struct world *w, const char *customer, const char *key,
    uint8_t payload, struct purchase_result *result)
{
	struct purchase purchase = {.sale = w->sale,
	    .key = strv_c(key),
	    .now = {w->wall_us},
	    .deadline_ns = w->mono_ns + 2 * NS_PER_S};

	ck_assert(customer_parse(strv_c(customer), &purchase.customer));
	memset(purchase.payload_hash, payload, PAYLOAD_HASH_BYTES);
	sale_buy(&w->buyer, &purchase, result);
}

enum verdict world_verdict(
    struct world *w, const char *customer, const char *key)
{
	struct purchase_result result;

	world_buy(w, customer, key, 0, &result);
	return result.verdict;
}

void world_mode(struct world *w, enum sale_mode mode)
{
	world_sale_get(w);
	w->sale.mode = mode;
	world_sale_put(w);
}

struct order world_accept(
    struct world *w, const char *customer, const char *key)
{
	struct purchase_result result;

	world_buy(w, customer, key, 0, &result);
	ck_assert_str_eq(
	    verdict_name(result.verdict), verdict_name(VERDICT_ACCEPTED));
	return result.order;
}

struct gate_ref world_ref(const struct world *w)
{
	return (struct gate_ref){w->sale.id, w->sale.epoch};
}

void world_gauge(struct world *w, struct gate_gauge *gauge)
{
	struct err err;

	ck_assert_int_eq(
	    w->gate.gauge(w->gate.ctx, w->sale.id, INT64_MAX, gauge, &err),
	    OUT_DONE);
}

void world_queue(struct world *w, uint32_t stock, uint32_t limit)
{
	world_init(w, stock, limit);
	world_mode(w, SALE_MODE_QUEUE);
}

size_t world_entries(
    struct world *w, uint32_t epoch, struct gate_entry out[SETTLE_BATCH])
{
	struct err err;
	size_t n;

	ck_assert_int_eq(w->gate.queue_scan(w->gate.ctx,
			     (struct gate_ref){w->sale.id, epoch},
			     (struct gate_entry_id){0, 0}, SETTLE_BATCH,
			     INT64_MAX, out, &n, &err),
	    OUT_DONE);
	return n;
}

void world_drain(struct world *w)
{
	struct settler settler = w->settler;
	struct settle_counts counts;
	enum settle_state state;
	struct gate_gauge gauge;
	struct err err;

	settler.gate = &w->gate;
	settler.ledger = &w->ledger;
	world_sale_get(w);
	for (int round = 0; round < 1000; round++) {
		world_advance(w, WORLD_IDLE_MS + 1);
		ck_assert_int_eq(sale_settle(&settler, &w->sale, INT64_MAX, 0,
				     &state, &counts, &err),
		    OUT_DONE);
		world_gauge(w, &gauge);
		if (gauge.waiting == 0)
			return;
	}
	ck_abort_msg("the queue never drains");
}

bool world_row(struct world *w, const struct claim_id *claim, struct order *row)
{
	struct err err;
	size_t found;

	ck_assert_int_eq(w->ledger.find(w->ledger.ctx, claim, 1, INT64_MAX, row,
			     &found, &err),
	    OUT_DONE);
	return found == 1;
}

enum order_status world_status(struct world *w, const struct order *order)
{
	struct order row;

	ck_assert_msg(world_row(w, &order->claim, &row), "not decided");
	return row.status;
}

void world_rebuild(struct world *w, struct rebuild_result *result)
{
	struct err err;

	world_sale_get(w);
	ck_assert_int_eq(sale_rebuild(&w->gate, &w->ledger, &w->sale,
			     w->sale.state == SALE_STATE_PAUSED ||
				     w->sale.state == SALE_STATE_CLOSED
				 ? w->sale.state
				 : SALE_STATE_OPEN,
			     INT64_MAX, NULL, NULL, result, &err),
	    OUT_DONE);
	ck_assert(result->won);
	world_sale_get(w);
}

void world_settle(struct world *w)
{
	struct reaper reaper = {
	    &w->gate, &w->ledger, WORLD_LEASE_MS, &w->clock};
	struct reap_memory memory = {.n = 0};
	struct reap_counts counts;
	struct gate_gauge gauge;
	struct err err;

	world_sale_get(w);
	for (int round = 0; round < 1000; round++) {
		world_advance(w, WORLD_LEASE_MS + 1);
		ck_assert_int_eq(
		    sale_reap(&reaper,
			(struct gate_ref){w->sale.id, w->sale.epoch}, &memory,
			INT64_MAX, &counts, &err),
		    OUT_DONE);
		ck_assert_int_eq(w->gate.gauge(w->gate.ctx, w->sale.id,
				     INT64_MAX, &gauge, &err),
		    OUT_DONE);
		/* Leases of an epoch that is fenced off go with its keys. */
		if (gauge.leased == 0 || gauge.epoch != w->sale.epoch)
			return;
	}
	ck_abort_msg("leases never drain");
}

uint32_t world_sold(struct world *w)
{
	const struct order *rows;
	uint32_t sold = 0;
	size_t n;

	rows = mem_ledger_rows(w->mem_ledger, &n);
	for (size_t i = 0; i < n; i++)
		sold += rows[i].status == ORDER_SOLD;
	return sold;
}

void world_audit(struct world *w, struct audit_report *report)
{
	struct err err;

	world_sale_get(w);
	ck_assert_int_eq(sale_audit(&w->gate, &w->ledger, &w->sale, 0,
			     INT64_MAX, report, &err),
	    OUT_DONE);
}

void world_clean(struct world *w)
{
	struct audit_report report;

	world_audit(w, &report);
	ck_assert_msg(audit_clean(&report), "unit %u: %s",
	    report.findings[0].unit, unit_fault_name(report.findings[0].fault));
}

struct rebuild_result world_rebuilt(struct world *w, uint32_t free_n,
    uint32_t sold, uint32_t waiting, uint32_t voided)
{
	struct rebuild_result result;

	world_rebuild(w, &result);
	ck_assert_uint_eq(result.units_free, free_n);
	ck_assert_uint_eq(result.units_sold, sold);
	ck_assert_uint_eq(result.waiting, waiting);
	ck_assert_uint_eq(result.voided, voided);
	world_clean(w);
	return result;
}

void world_lease_take(struct world *w, const char *customer,
    struct claim_chain *chain, struct gate_ticket *ticket)
{
	struct customer who;
	struct err err;

	ck_assert(customer_parse(strv_c(customer), &who));
	chain->n = 1;
	chain->id[0] = claim_id_make(&w->sale, &who, strv_c(NULL), 0);
	ck_assert_int_eq(w->gate.claim(w->gate.ctx,
			     (struct gate_ref){w->sale.id, w->sale.epoch},
			     chain, &who, INT64_MAX, ticket, &err),
	    OUT_DONE);
	ck_assert_int_eq(ticket->answer, GATE_TAKEN);
}

void world_lease(struct world *w, const char *name)
{
	struct claim_chain chain;
	struct gate_ticket ticket;

	world_lease_take(w, name, &chain, &ticket);
}
