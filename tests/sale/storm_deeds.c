/* SPDX-License-Identifier: Apache-2.0 */
/* What each does, what he is told, and what happens to Redis. */
#include "config.h"

#include "sale/storm.h"
#include "unit.h"

#include "base/bug.h"

#include <stdio.h>

/* Mostly as it is now. */
static void table_refresh(struct actor *a)
{
	if (a->table.epoch == 0 || dice(a->storm, 4) != 0)
		sale_read(a->storm, &a->table);
}

/* ---- answers ---------------------------------------------------------------------------------- */

/* A final no, to somebody who has (or will have) what he asked for? */
void no_check(struct storm *s, const struct purchase *purchase,
    enum verdict verdict, bool in_the_end)
{
	for (size_t i = 0; i < CLAIM_ATTEMPTS; i++) {
		struct claim_id claim = claim_id_make(
		    &purchase->sale, &purchase->customer, purchase->key, i);
		struct order row;
		bool decided = row_of(s, &claim, &row);

		if (decided && row.status == ORDER_SOLD)
			wrong(s, "%.*s heard %s%s, and has unit %u",
			    STRV_ARG(customer_view(&purchase->customer)),
			    verdict_name(verdict), in_the_end ? " at last" : "",
			    row.unit);
		if (!decided && !s->lossy && waits(s, &claim))
			wrong(s, "%.*s heard %s, and his order waits",
			    STRV_ARG(customer_view(&purchase->customer)),
			    verdict_name(verdict));
	}
}

static void answer_check(struct storm *s, const struct purchase *purchase,
    const struct purchase_result *result, bool alone)
{
	const struct order *order = &result->order;
	struct order row;

	switch (result->verdict) {
	case VERDICT_CREATED:
	case VERDICT_REPLAYED:
		if (!row_of(s, &order->claim, &row) ||
		    row.status != ORDER_SOLD || row.unit != order->unit)
			wrong(s, "%s without the row, unit %u",
			    verdict_name(result->verdict), order->unit);
		break;
	case VERDICT_ACCEPTED:
		if (!s->lossy && !row_of(s, &order->claim, &row) &&
		    !waits(s, &order->claim))
			wrong(s, "accepted, and nobody will write it");
		if (s->naccepted < ACCEPTED)
			s->accepted[s->naccepted++] = *order;
		break;
	case VERDICT_LIMIT_REACHED:
	case VERDICT_SOLD_OUT:
	case VERDICT_ENDED:
		if (result->verdict == VERDICT_LIMIT_REACHED &&
		    result->norders < purchase->sale.per_customer)
			wrong(
			    s, "limit reached by %zu orders", result->norders);
		if (alone)
			no_check(s, purchase, result->verdict, false);
		break;
	case VERDICT_IN_PROGRESS:
	case VERDICT_NOT_OPEN:
	case VERDICT_KEY_MISSING:
	case VERDICT_KEY_REUSED:
	case VERDICT_KEY_SPENT:
	case VERDICT_PAUSED:
	case VERDICT_REBUILDING:
	case VERDICT_TRY_AGAIN:
	case VERDICT_UNAVAILABLE:
	case VERDICT_COUNT:
		break;
	}
}

struct purchase purchase_of(
    struct storm *s, const struct sale *table, size_t customer, size_t key)
{
	static const char *const keys[KEYS] = {"a", "b", "c"};
	char name[16];
	struct purchase purchase = {.sale = *table,
	    .key = strv_c(keys[key]),
	    .now = {s->w.wall_us},
	    .deadline_ns = s->w.mono_ns + 60 * NS_PER_S};

	snprintf(name, sizeof(name), "c%zu", customer);
	BUG_ON(!customer_parse(strv_c(name), &purchase.customer));
	/* Without a key he has one purchase, whatever he sends. */
	if (table->per_customer == 1 && key == 0)
		purchase.key = (struct strv){NULL, 0};
	return purchase;
}

static void shopper_deed(struct actor *a)
{
	struct storm *s = a->storm;
	size_t customer = dice(s, CUSTOMERS), key = dice(s, KEYS);
	struct request *request = &s->request[customer][key];
	struct buyer buyer = {
	    &a->gate, &a->ledger, 100, WORLD_LEASE_MS, &s->w.clock};
	struct purchase_result result;
	struct purchase purchase;
	struct gate_gauge gauge;
	bool alone = request->running == 0;
	unsigned asked = ++request->asked;

	table_refresh(a);
	purchase = purchase_of(s, &a->table, customer, key);
	world_gauge(&s->w, &gauge);
	purchase.waiting = gauge.waiting > 0;
	request->running++;
	request->is_no = false;
	sale_buy(&buyer, &purchase, &result);
	request->running--;
	if (a->dead)
		return; /* nobody hears it */
	alone = alone && request->asked == asked;
	trace(s, "%s: c%zu, key %zu: %s, unit %u, slot %u", a->name, customer,
	    key, verdict_name(result.verdict), result.order.unit,
	    result.order.slot);
	answer_check(s, &purchase, &result, alone);
	request->is_no = alone && (result.verdict == VERDICT_SOLD_OUT ||
				      result.verdict == VERDICT_LIMIT_REACHED);
}

/* ---- those behind the counter ------------------------------------------------------------- */

static void settler_deed(struct actor *a)
{
	struct storm *s = a->storm;
	struct settler settler = {&a->gate, &a->ledger, &s->w.clock, a->name,
	    WORLD_IDLE_MS, 1 + dice(s, 4), 3};
	struct settle_counts counts;
	enum settle_state state;
	struct err err;

	table_refresh(a);
	(void)sale_settle(
	    &settler, &a->table, INT64_MAX, 0, &state, &counts, &err);
}

static void reaper_deed(struct actor *a)
{
	struct storm *s = a->storm;
	struct reaper reaper = {
	    &a->gate, &a->ledger, WORLD_LEASE_MS, &s->w.clock};
	struct reap_counts counts;
	struct err err;

	table_refresh(a);
	(void)sale_reap(&reaper, (struct gate_ref){a->table.id, a->table.epoch},
	    &a->reap, INT64_MAX, &counts, &err);
}

/* What the ledger says of the stock, and the gate does not know. */
void stock_follow(struct storm *s)
{
	const struct gate_port *gate = &s->w.gate;
	struct gate_gauge gauge;
	struct sale now;
	struct err err;
	uint32_t done;

	world_gauge(&s->w, &gauge);
	sale_read(s, &now);
	if (!gauge.known || gauge.epoch != now.epoch ||
	    gauge.units == now.stock)
		return;
	(void)(gauge.units < now.stock ? gate->grow : gate->shrink)(gate->ctx,
	    (struct gate_ref){now.id, now.epoch}, now.stock, INT64_MAX, &done,
	    &err);
}

static void mender_deed(struct actor *a)
{
	struct storm *s = a->storm;
	struct mender mender = {&a->gate, &a->ledger, &s->w.clock};
	uint32_t audited = dice(s, 40) == 0 ? a->table.epoch : 0;
	struct mend_result result;
	struct err err;

	table_refresh(a);
	(void)sale_mend(
	    &mender, s->w.sale.id, audited, &a->mend, &result, &err);
	stock_follow(s);
}

static uint32_t sold_highest(struct storm *s)
{
	const struct order *rows;
	uint32_t highest = 1;
	size_t n;

	rows = mem_ledger_rows(s->w.mem_ledger, &n);
	for (size_t i = 0; i < n; i++)
		if (rows[i].status == ORDER_SOLD && rows[i].unit > highest)
			highest = rows[i].unit;
	return highest;
}

static void operator_deed(struct actor *a)
{
	struct storm *s = a->storm;
	struct sale now;

	sale_read(s, &now);
	if (now.state == SALE_STATE_PAUSED)
		now.state = SALE_STATE_OPEN;
	switch (dice(s, 30)) {
	case 0:
	case 1:
	case 2:
		if (s->direct)
			break;
		now.mode = (enum sale_mode)dice(s, SALE_MODE_COUNT);
		break;
	/* A gate that was set back to before it was told of more stock, and a
	 * table that is as old: together they hide an owner.  Not both here. */
	case 3:
		if (!s->lossy && now.stock < STOCK + 3)
			now.stock++;
		break;
	case 4: /* as the command does: not below what is sold */
		if (!s->lossy && !s->strict && now.stock > sold_highest(s))
			now.stock--;
		break;
	case 5:
		if (now.state == SALE_STATE_OPEN)
			now.state = SALE_STATE_PAUSED;
		break;
	default:
		break;
	}
	mem_ledger_put_sale(s->w.mem_ledger, &now);
	trace(s, "operator: %s, %s, stock %u, epoch %u",
	    sale_mode_name(now.mode), sale_state_name(now.state), now.stock,
	    now.epoch);
}

/* One that waits in the gate that is published; false: none. */
static bool waiting_pick(struct storm *s, struct gate_entry *out)
{
	struct gate_entry entry[SETTLE_BATCH];
	struct gate_gauge gauge;
	size_t n;

	world_gauge(&s->w, &gauge);
	n = gauge.known ? world_entries(&s->w, gauge.epoch, entry) : 0;
	if (n == 0)
		return false;
	*out = entry[dice(s, n)];
	return true;
}

/* The ledger will not have this order, for what it says. */
static void order_spoil(struct storm *s)
{
	struct gate_entry entry;
	struct order row;

	if (s->nspoilt == SPOILT || !waiting_pick(s, &entry) ||
	    row_of(s, &entry.order.claim, &row))
		return;
	trace(s, "unit %u can not be written", entry.order.unit);
	mem_ledger_refuse(s->w.mem_ledger, &entry.order.claim);
	s->nspoilt++;
}

/* Somebody writes into the stream: an order once more, on another unit or damaged,
 * or what never was one. */
static void entry_stuff(struct storm *s)
{
	struct gate_entry entry;

	if (!waiting_pick(s, &entry))
		return;
	entry.order.unit = 1 + (uint32_t)dice(s, STOCK + 1);
	if (dice(s, 3) == 0)
		entry.order.claim = (struct claim_id){{0}};
	else if (dice(s, 3) == 0)
		snprintf(entry.flaw, sizeof(entry.flaw), "ref: damaged");
	trace(s, "an entry is stuffed, unit %u%s%s", entry.order.unit,
	    entry.flaw[0] != '\0' ? ", " : "", entry.flaw);
	mem_gate_stuff_entry(s->w.mem_gate, s->w.sale.id, &entry);
}

static void meta_lose(struct storm *s)
{
	struct gate_gauge gauge;

	world_gauge(&s->w, &gauge);
	if (!gauge.known)
		return;
	trace(s, "Redis loses the meta");
	mem_gate_lose_meta(s->w.mem_gate, s->w.sale.id);
}

/* What happens to Redis. */
void mishap(struct storm *s)
{
	struct mem_gate *gate = s->w.mem_gate;

	uint64_t what;

	if (dice(s, 300) == 0) {
		trace(s, "Redis restarts");
		mem_gate_restart(gate);
	}
	if (dice(s, 300) == 0)
		meta_lose(s);
	if (!s->strict && dice(s, 150) == 0)
		order_spoil(s);
	if (!s->lossy || dice(s, 60) != 0)
		return;
	if (dice(s, 3) == 0)
		entry_stuff(s);
	what = dice(s, 5);
	trace(s, "Redis: mishap %u", (unsigned)what);
	switch (what) {
	case 0:
		mem_gate_flushall(gate);
		mem_gate_restart(gate);
		break;
	case 1:
	case 2:
	case 3:
		if (s->copy != NULL)
			mem_gate_restore(gate, s->copy);
		/* Else nobody would notice: then "sold out" holds only while no
		 * accepted orders count as sold. */
		if (!s->direct)
			mem_gate_restart(gate);
		break;
	case 4:
		mem_gate_free(&s->copy);
		s->copy = mem_gate_copy(gate);
		break;
	}
}

const struct storm_part storm_cast[ACTORS] = {
    {"shopper-1", shopper_deed},
    {"shopper-2", shopper_deed},
    {"shopper-3", shopper_deed},
    {"shopper-4", shopper_deed},
    {"settler-1", settler_deed},
    {"settler-2", settler_deed},
    {"reaper", reaper_deed},
    {"mender-1", mender_deed},
    {"mender-2", mender_deed},
    {"operator", operator_deed},
};
