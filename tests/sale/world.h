/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small world for the rules: memory gate and ledger, a clock that a test
 * moves, a plan of faults, one sale.  One process.
 */
#ifndef TESTS_SALE_WORLD_H
#define TESTS_SALE_WORLD_H

#include "sale/audit.h"
#include "sale/buy.h"
#include "sale/fault.h"
#include "sale/mem.h"
#include "sale/reap.h"
#include "sale/rebuild.h"
#include "sale/settle.h"

#define WORLD_LEASE_MS 10000
#define WORLD_IDLE_MS  30000

struct world {
	int64_t mono_ns; /* moved by world_advance() */
	int64_t wall_us;
	struct clock clock;
	struct mem_gate *mem_gate;
	struct mem_ledger *mem_ledger;
	struct gate_port gate; /* the memory ports, without faults */
	struct ledger_port ledger;
	struct fault_plan plan;
	struct gate_port faulty_gate;
	struct ledger_port faulty_ledger;
	struct buyer buyer; /* over the faulty ports */
	struct settler settler; /* the same */
	struct sale sale; /* as the table would have it */
};

/* A sale of `stock` units, `limit` a customer, open and rebuilt once. */
void world_init(struct world *w, uint32_t stock, uint32_t limit);
void world_fini(struct world *w);
void world_advance(struct world *w, int64_t ms);
/* Writes w->sale back to the ledger. */
void world_sale_put(struct world *w);
/* Reads it again, as the keeper would. */
void world_sale_get(struct world *w);

/* Buys as `customer` with `key` (NULL: none); payload hash all `payload`. */
void world_buy(struct world *w, const char *customer, const char *key,
    uint8_t payload, struct purchase_result *result);
enum verdict world_verdict(
    struct world *w, const char *customer, const char *key);

/* The same in mode queue. */
void world_queue(struct world *w, uint32_t stock, uint32_t limit);
/* The mode, in the ledger and in the table. */
void world_mode(struct world *w, enum sale_mode mode);
/* Buys, and is told that the order is accepted. */
struct order world_accept(
    struct world *w, const char *customer, const char *key);
struct gate_ref world_ref(const struct world *w);
void world_gauge(struct world *w, struct gate_gauge *gauge);

/* What waits in the stream of an epoch. */
size_t world_entries(
    struct world *w, uint32_t epoch, struct gate_entry out[SETTLE_BATCH]);

/* Past every lease, without faults, until nothing is leased. */
void world_settle(struct world *w);
/* Without faults, until nothing waits to be written. */
void world_drain(struct world *w);
/* The row of a claim; false: there is none. */
bool world_row(
    struct world *w, const struct claim_id *claim, struct order *row);
/* Of the row of an order, which must be there. */
enum order_status world_status(struct world *w, const struct order *order);
void world_rebuild(struct world *w, struct rebuild_result *result);
/* The same, and this came of it. */
struct rebuild_result world_rebuilt(struct world *w, uint32_t free_n,
    uint32_t sold, uint32_t waiting, uint32_t voided);
/* A claim of mode direct, by its own, whatever the mode is. */
void world_lease(struct world *w, const char *name);
void world_lease_take(struct world *w, const char *customer,
    struct claim_chain *chain, struct gate_ticket *ticket);
uint32_t world_sold(struct world *w);
void world_audit(struct world *w, struct audit_report *report);
/* Every unit has one home. */
void world_clean(struct world *w);

#endif
