/* SPDX-License-Identifier: Apache-2.0 */
/* Calls about accepted orders. */
#include "config.h"

#include "queue_rig.h"

#include <stdio.h>

#define HOUR_MS (3600 * (int64_t)1000)

struct claim_chain queue_chain(unsigned n)
{
	struct claim_chain chain = {.n = CLAIM_ATTEMPTS};

	for (unsigned i = 0; i < CLAIM_ATTEMPTS; i++)
		chain.id[i] = rig_id(n * 100 + i);
	return chain;
}

struct order queue_draft(unsigned n)
{
	struct order draft = {
	    .payload_hash = {0, '\r', '\n', '|', (uint8_t)n, 0xff, '"', '%'},
	    .created = {1795385016740000 + (int64_t)n}};

	snprintf(draft.ref, sizeof(draft.ref), "the shop's %u", n);
	return draft;
}

enum outcome queue_try(struct rig *rig, const char *who, unsigned n,
    size_t from, struct gate_ticket *ticket, struct err *err)
{
	struct claim_chain chain = queue_chain(n);
	struct customer customer = rig_who(who);
	struct order draft = queue_draft(n);

	return rig->port.enqueue(rig->port.ctx, ref, &chain, from, &customer,
	    &draft, false, SOON, ticket, err);
}

struct gate_ticket queue_enqueue_from(
    struct rig *rig, const char *who, unsigned n, size_t from)
{
	struct gate_ticket ticket;
	struct err err = ERR_INIT;

	ASSERT_OUT(queue_try(rig, who, n, from, &ticket, &err), OUT_DONE);
	return ticket;
}

struct gate_ticket queue_enqueue(struct rig *rig, const char *who, unsigned n)
{
	return queue_enqueue_from(rig, who, n, 0);
}

void queue_accept(struct rig *rig, unsigned n)
{
	for (unsigned i = 1; i <= n; i++) {
		char who[20];

		snprintf(who, sizeof(who), "c%u", i);
		ck_assert_int_eq(queue_enqueue(rig, who, i).answer, GATE_TAKEN);
	}
}

size_t queue_take_idle(struct rig *rig, const char *consumer, int64_t idle_ms,
    struct gate_entry out[64])
{
	struct err err = ERR_INIT;
	bool known = false;
	size_t n = 999;

	ASSERT_OUT(rig->port.take(rig->port.ctx, ref, consumer, SETTLE_BATCH,
		       idle_ms, SOON, out, &n, &known, &err),
	    OUT_DONE);
	ck_assert(known);
	return n;
}

size_t queue_take(
    struct rig *rig, const char *consumer, struct gate_entry out[64])
{
	return queue_take_idle(rig, consumer, HOUR_MS, out);
}

void queue_settle(struct rig *rig, struct gate_ref of,
    const struct gate_entry *entries, size_t n, enum gate_fate fate)
{
	struct gate_settled settled[SETTLE_BATCH];
	struct err err = ERR_INIT;

	for (size_t i = 0; i < n; i++)
		settled[i] = (struct gate_settled){.id = entries[i].id,
		    .claim = entries[i].order.claim,
		    .customer = entries[i].order.customer,
		    .fate = fate};
	ASSERT_OUT(rig->port.settled(rig->port.ctx, of, settled, n, SOON, &err),
	    OUT_DONE);
}

size_t queue_settle_all(struct rig *rig, enum gate_fate fate)
{
	struct gate_entry entries[SETTLE_BATCH];
	size_t n, all = 0;

	while ((n = queue_take(rig, "settler", entries)) > 0) {
		queue_settle(rig, ref, entries, n, fate);
		all += n;
	}
	return all;
}

size_t queue_pending(
    struct rig *rig, const char *who, struct order out[16], bool *known)
{
	struct customer customer = rig_who(who);
	struct err err = ERR_INIT;
	size_t n = 999;

	ASSERT_OUT(rig->port.pending(rig->port.ctx, ref, &customer, SOON, out,
		       16, &n, known, &err),
	    OUT_DONE);
	return n;
}

size_t queue_scan_all(struct rig *rig, struct gate_ref of, size_t page,
    struct gate_entry *out, size_t max)
{
	struct gate_entry entries[SETTLE_BATCH];
	struct gate_entry_id after = {0, 0};
	struct err err = ERR_INIT;
	size_t n = 0, all = 0;

	do {
		ASSERT_OUT(rig->port.queue_scan(rig->port.ctx, of, after, page,
			       SOON, entries, &n, &err),
		    OUT_DONE);
		for (size_t i = 0; i < n; i++, all++) {
			ck_assert_uint_lt(all, max);
			out[all] = entries[i];
			after = entries[i].id;
		}
	} while (n == page);
	return all;
}

void queue_assert(struct rig *rig, long long waiting, long long delivered)
{
	struct gate_gauge gauge = rig_gauge(rig);

	ck_assert_int_eq(rig_do(rig, "XLEN {fg:5}:1:queue"), waiting);
	ck_assert_int_eq((long long)gauge.waiting, waiting);
	ck_assert_int_eq((long long)gauge.delivered, delivered);
}

void queue_assert_order(const struct order *order, const char *who, unsigned n,
    size_t attempt, uint32_t unit, uint32_t slot)
{
	struct claim_chain chain = queue_chain(n);
	struct order draft = queue_draft(n);
	struct customer customer = rig_who(who);

	ck_assert(claim_eq(&order->claim, &chain.id[attempt]));
	ck_assert_uint_eq(order->sale.v, ref.sale.v);
	ck_assert_int_eq(order->status, ORDER_SOLD);
	ck_assert_uint_eq(order->unit, unit);
	ck_assert_uint_eq(order->slot, slot);
	ck_assert(customer_eq(&order->customer, &customer));
	ck_assert_mem_eq(
	    order->payload_hash, draft.payload_hash, PAYLOAD_HASH_BYTES);
	ck_assert_str_eq(order->ref, draft.ref);
	ck_assert_int_eq(order->created.us, draft.created.us);
}
