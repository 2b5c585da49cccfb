/* SPDX-License-Identifier: Apache-2.0 */
/* The keeper: decides what workers left undecided, and looks after gates. */
#include "config.h"

#include "prog/keeper.h"
#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "prog/lost.h"
#include "prog/mending.h"
#include "prog/wire.h"
#include "sale/reap.h"
#include "sale/terms.h"

#include <stdlib.h>

/* Of one store call in a tick; a hanging store must not hold a drain. */
#define CALL_DEADLINE_MS 2000

/* Full rounds of one sale in one tick, before the next sale has its turn. */
#define ROUNDS_A_TICK 20

/* Between two looks at what Redis makes of accepted orders. */
#define DURABILITY_MS 5000

/* Calls that carry a changed stock to one gate in one tick. */
#define STOCK_STEPS_A_TICK 50

struct keeper {
	const struct settings *settings;
	struct sale_table *table;
	struct gate *gate; /* from here on: the child's own */
	struct ledger *ledger;
	struct gate_port gate_port;
	struct ledger_port ledger_port;
	struct reaper reaper;
	struct mending *mending;
	struct accepted *accepted; /* shared */
	struct lost *lost;
	bool sales_fresh; /* the table was read in this tick */
	enum accepted_durability durability; /* as was found last */
	int64_t durability_ns; /* when Redis is asked for it again */
	struct keeper_stats *stats; /* in shared memory, ours to write */
	int64_t reap_ns; /* when the next look for expired claims is due */
	struct {
		struct sale_id sale;
		struct reap_memory memory;
	} seen[SALE_TABLE_MAX];
	struct log_rate ledger_rate, gate_rate;
};

struct keeper *keeper_new(const struct settings *settings,
    struct sale_table *table, struct accepted *accepted)
{
	struct keeper *keeper = calloc(1, sizeof(*keeper));

	if (keeper == NULL)
		return NULL;
	keeper->settings = settings;
	keeper->table = table;
	keeper->accepted = accepted;
	return keeper;
}

void keeper_free(struct keeper **keeper)
{
	free(*keeper);
	*keeper = NULL;
}

static void keeper_close(void *ctx)
{
	struct keeper *keeper = ctx;

	lost_free(&keeper->lost);
	mending_free(&keeper->mending);
	gate_free(&keeper->gate);
	ledger_free(&keeper->ledger);
}

static void sales_read(struct keeper *keeper)
{
	struct err err = ERR_INIT;

	keeper->sales_fresh =
	    sale_table_refresh(keeper->table, &keeper->ledger_port,
		&clock_system, deadline_in_ms(CALL_DEADLINE_MS),
		&err) == OUT_DONE;
	if (!keeper->sales_fresh)
		log_limited(&keeper->ledger_rate, LOG_LEVEL_WARNING,
		    "MySQL did not answer the keeper: %s", err.text);
}

static bool keeper_open(void *ctx, struct pool_child *child, struct err *err)
{
	struct keeper *keeper = ctx;

	keeper->gate = wire_gate(keeper->settings, err);
	keeper->ledger = wire_ledger(keeper->settings, WIRE_KEEPER, err);
	keeper->stats = pool_child_area(child);
	if (keeper->gate == NULL || keeper->ledger == NULL) {
		keeper_close(keeper);
		return false;
	}
	keeper->gate_port = gate_port(keeper->gate);
	keeper->ledger_port = ledger_port(keeper->ledger);
	keeper->mending =
	    mending_new(&(struct mending_conf){.settings = keeper->settings,
		.gate = &keeper->gate_port,
		.ledger_port = &keeper->ledger_port,
		.ledger = keeper->ledger,
		.stats = keeper->stats});
	keeper->lost =
	    lost_new(&(struct lost_conf){.accepted = keeper->accepted,
		.gate = &keeper->gate_port,
		.ledger = &keeper->ledger_port,
		.stats = keeper->stats,
		.grace_ms = keeper->settings->limits.request_deadline_ms});
	if (keeper->mending == NULL || keeper->lost == NULL) {
		err_set_errno(err, "memory for the keeper");
		keeper_close(keeper);
		return false;
	}
	keeper->reaper =
	    (struct reaper){&keeper->gate_port, &keeper->ledger_port,
		keeper->settings->keeper.lease_ms, &clock_system};
	/* "Ready" is said when we are: the first request finds the sales.  At a
	 * reload they are there, and the keeper that goes still writes them. */
	if (pool_child_turn(child))
		sales_read(keeper);
	return true;
}

/* What was seen of a sale's leases; row `i` belongs to whatever sale is there
 * now. */
static struct reap_memory *memory_of(
    struct keeper *keeper, size_t i, struct sale_id sale)
{
	if (keeper->seen[i].sale.v != sale.v) {
		keeper->seen[i].sale = sale;
		keeper->seen[i].memory.n = 0;
	}
	return &keeper->seen[i].memory;
}

/*
 * The stock was changed and the gate was not told (all of it): the ledger's word
 * is carried there, in bounded steps, a few a tick.
 */
static void stock_follow(struct keeper *keeper, const struct sale *sale,
    const struct gate_gauge *gauge)
{
	struct gate_ref ref = {sale->id, sale->epoch};
	const struct gate_port *gate = &keeper->gate_port;
	uint32_t done = gauge->units;
	enum outcome out = OUT_DONE;
	struct err err = ERR_INIT;

	for (int i = 0;
	     i < STOCK_STEPS_A_TICK && out == OUT_DONE && done != sale->stock;
	     i++)
		out = (done < sale->stock ? gate->grow : gate->shrink)(
		    gate->ctx, ref, sale->stock,
		    deadline_in_ms(CALL_DEADLINE_MS), &done, &err);
	if (out != OUT_DONE)
		log_limited(&keeper->gate_rate, LOG_LEVEL_WARNING,
		    "sale %s: the gate does not know its new stock yet: %s",
		    sale->slug, err.text);
}

static void limit_follow(struct keeper *keeper, const struct sale *sale)
{
	struct err err = ERR_INIT;

	if (keeper->gate_port.relimit(keeper->gate_port.ctx,
		(struct gate_ref){sale->id, sale->epoch}, sale->per_customer,
		deadline_in_ms(CALL_DEADLINE_MS), &err) != OUT_DONE)
		log_limited(&keeper->gate_rate, LOG_LEVEL_WARNING,
		    "sale %s: the gate does not know its new limit yet: %s",
		    sale->slug, err.text);
}

/* The table may be older than what the gate was told: the sale is read again. */
static void terms_follow(struct keeper *keeper, const struct sale *sale)
{
	struct err err = ERR_INIT;

	if (sale_terms_follow(&keeper->gate_port, &keeper->ledger_port,
		sale->id, deadline_in_ms(CALL_DEADLINE_MS), &err) != OUT_DONE)
		log_limited(&keeper->gate_rate, LOG_LEVEL_WARNING,
		    "sale %s: the gate does not know yet when it accepts "
		    "orders: %s",
		    sale->slug, err.text);
}

/* What the ledger says of stock, limit and terms, and the gate does not know. */
static void gate_follow(struct keeper *keeper, const struct sale *sale,
    const struct gate_gauge *gauge)
{
	/* Also of an older epoch: it is to accept nothing more. */
	if (keeper->sales_fresh && sale_terms_differ(sale, gauge))
		terms_follow(keeper, sale);
	if (!gauge->known || gauge->epoch != sale->epoch)
		return;
	if (gauge->units != sale->stock)
		stock_follow(keeper, sale, gauge);
	if (gauge->limit != sale->per_customer)
		limit_follow(keeper, sale);
}

static void gauge_read(struct keeper *keeper, struct sale_entry *entry)
{
	struct err err = ERR_INIT;
	enum outcome out;

	out = keeper->gate_port.gauge(keeper->gate_port.ctx, entry->sale.id,
	    deadline_in_ms(CALL_DEADLINE_MS), &entry->gauge, &err);
	entry->gauge_fresh = out == OUT_DONE;
	sale_table_gauge(
	    keeper->table, entry->sale.id, &entry->gauge, entry->gauge_fresh);
	if (entry->gauge_fresh)
		gate_follow(keeper, &entry->sale, &entry->gauge);
	else
		log_limited(&keeper->gate_rate, LOG_LEVEL_WARNING,
		    "Redis did not answer the keeper: %s", err.text);
}

static void sale_look_after(
    struct keeper *keeper, size_t i, const struct sale *sale)
{
	struct gate_ref ref = {sale->id, sale->epoch};
	struct reap_counts counts = {.expired = REAP_BATCH};
	struct err err = ERR_INIT;
	enum outcome out = OUT_DONE;
	uint32_t voided = 0;

	for (int round = 0; round < ROUNDS_A_TICK && out == OUT_DONE &&
			    counts.expired == REAP_BATCH && counts.skipped == 0;
	     round++) {
		out = sale_reap(&keeper->reaper, ref,
		    memory_of(keeper, i, sale->id),
		    deadline_in_ms(CALL_DEADLINE_MS), &counts, &err);
		voided += counts.voided;
		stats_count_by(&keeper->stats->voided, counts.voided);
		stats_count_by(&keeper->stats->confirmed, counts.confirmed);
	}
	if (voided > 0)
		log_notice(
		    "sale %s: %u expired claims void, units back on sale",
		    sale->slug, voided);
	if (out != OUT_DONE)
		log_limited(&keeper->ledger_rate, LOG_LEVEL_WARNING,
		    "sale %s: expired claims stay undecided for now: %s",
		    sale->slug, err.text);
}

/* A draft has no gate; a closed sale may still have leases to decide. */
static bool has_leases(const struct sale *sale)
{
	return sale->state != SALE_STATE_REBUILD;
}

/* True when the sale is another one now: the table is to be read again. */
static bool row_look_after(struct keeper *keeper, size_t i, bool reap)
{
	struct sale_entry entry;
	bool changed;

	if (!sale_table_row(keeper->table, i, &entry) || entry.sale.epoch == 0)
		return false;
	gauge_read(keeper, &entry);
	changed = mending_look(keeper->mending, i, &entry);
	if (!changed && reap && has_leases(&entry.sale))
		sale_look_after(keeper, i, &entry.sale);
	mending_audit(keeper->mending, i, &entry);
	lost_look(keeper->lost, i, &entry);
	return changed;
}

/* Of the gate as it is now: an operator may change it while it runs. */
static enum accepted_durability durability_ask(struct keeper *keeper)
{
	const struct settings *settings = keeper->settings;
	enum accepted_durability is;
	struct gate_durability has;
	struct err err = ERR_INIT;

	if (gate_durability(keeper->gate, deadline_in_ms(CALL_DEADLINE_MS),
		&has, &err) != OUT_DONE)
		return ACCEPTED_UNKNOWN;
	if (gate_durability_suffices(wire_durable_strict(settings), &has, &err))
		return ACCEPTED_STORED;
	is = settings->queue.accept_loss ? ACCEPTED_MEMORY : ACCEPTED_REFUSED;
	/* Once, and again by a keeper that follows. */
	if (is != keeper->durability)
		log_warning("%s%s",
		    is == ACCEPTED_REFUSED
			? "no order is accepted in modes queue and sweep: "
			: "",
		    err.text);
	return is;
}

/* Only while some sale has, or may be given, accepted orders. */
static void durability_look(
    struct keeper *keeper, const struct sale_table_head *head)
{
	struct sale_entry entry;
	bool needed = false;

	for (size_t i = 0; i < head->n; i++)
		needed = needed || (sale_table_row(keeper->table, i, &entry) &&
				       entry.sale.mode != SALE_MODE_DIRECT &&
				       entry.sale.state != SALE_STATE_CLOSED);
	if (!needed || mono_ns() < keeper->durability_ns)
		return;
	keeper->durability_ns = deadline_in_ms(DURABILITY_MS);
	keeper->durability = durability_ask(keeper);
	accepted_set_durability(keeper->accepted, keeper->durability);
}

static int64_t keeper_tick(void *ctx)
{
	struct keeper *keeper = ctx;
	bool reap = mono_ns() >= keeper->reap_ns;
	bool changed = false;
	struct sale_table_head head;

	FAILPOINT(tick_begin);
	sales_read(keeper);
	if (!sale_table_head_read(keeper->table, &head))
		return keeper->settings->keeper.refresh_ms;
	for (size_t i = 0; i < head.n; i++)
		changed = row_look_after(keeper, i, reap) || changed;
	durability_look(keeper, &head);
	if (reap)
		keeper->reap_ns =
		    deadline_in_ms(keeper->settings->keeper.tick_ms);
	/* The workers turn shoppers away until they know of a new gate. */
	if (changed)
		sales_read(keeper);
	return keeper->settings->keeper.refresh_ms;
}

struct pool_app keeper_app(struct keeper *keeper)
{
	return (struct pool_app){.open = keeper_open,
	    .tick = keeper_tick,
	    .close = keeper_close,
	    .ctx = keeper};
}
