/* SPDX-License-Identifier: Apache-2.0 */
/* The settler: one batch of one sale after the other, and when to look again. */
#include "config.h"

#include "prog/settler.h"
#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "prog/stats.h"
#include "prog/wire.h"
#include "sale/settle.h"
#include "sale/sweep.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Of one batch, row by row in the worst case; a drain waits for it. */
#define BATCH_DEADLINE_MS 5000

/* Between two looks at a stream: where something was, and where nothing was. */
#define LOOK_MIN_MS 5
#define LOOK_MAX_MS 100

/* Between two attempts while a store is away. */
#define AWAY_MIN_MS 100
#define AWAY_MAX_MS 5000

struct desk { /* of one sale */
	struct sale_id sale;
	int64_t due_ns; /* when it is looked at again */
	int64_t pause_ms; /* how long that was last */
	bool away; /* the last batch was not done */
	struct sweep_memory sweeps;
	uint64_t left; /* orders that this run still is to write */
	uint64_t written, voided; /* by it, so far */
};

struct settler_child {
	const struct settings *settings;
	const struct sale_table *table;
	struct gate *gate; /* from here on: the child's own */
	struct ledger *ledger;
	struct gate_port gate_port;
	struct ledger_port ledger_port;
	struct settler_stats *stats; /* in shared memory, ours to write */
	char name[SETTLER_NAME_MAX];
	struct desk desks[SALE_TABLE_MAX];
	struct log_rate away_rate, dead_rate;
};

struct settler_child *settler_child_new(
    const struct settings *settings, const struct sale_table *table)
{
	struct settler_child *child = calloc(1, sizeof(*child));

	if (child == NULL)
		return NULL;
	child->settings = settings;
	child->table = table;
	return child;
}

void settler_child_free(struct settler_child **child)
{
	free(*child);
	*child = NULL;
}

/* ---- names ------------------------------------------------------- */

/* FNV-1a. */
static uint32_t hash_of(const char *text)
{
	uint32_t hash = UINT32_C(0x811c9dc5);

	for (; *text != '\0'; text++)
		hash = (hash ^ (unsigned char)*text) * UINT32_C(0x01000193);
	return hash;
}

/* Two settlers of one name would each do the other's work as well: of a long host
 * name both ends may be what tells it from others. */
void settler_host(char out[SETTLER_HOST_MAX], const char *host)
{
	size_t n = strlen(host);

	if (n < SETTLER_HOST_MAX)
		memcpy(out, host, n + 1);
	else
		snprintf(out, SETTLER_HOST_MAX, "%.23s.%08" PRIx32, host,
		    hash_of(host));
	for (char *at = out; *at != '\0'; at++)
		if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxy"
			   "z0123456789_.-",
			*at) == NULL)
			*at = '_';
}

void settler_name(char out[SETTLER_NAME_MAX], const char *what, unsigned number)
{
	char full[HOST_NAME_MAX + 1] = "", host[SETTLER_HOST_MAX];

	(void)gethostname(full, sizeof(full) - 1);
	settler_host(host, full[0] != '\0' ? full : "host");
	snprintf(out, SETTLER_NAME_MAX, "%s:%.20s:%u", host, what, number);
}

/* Of two servers on one host each has its own listen. */
static void name_make(struct settler_child *child, unsigned place)
{
	char what[20];

	snprintf(what, sizeof(what), "settler-%08" PRIx32,
	    hash_of(child->settings->www.listen));
	settler_name(child->name, what, place);
}

/* ---- open, close --------------------------------------------------------------------- */

static void settler_close(void *ctx)
{
	struct settler_child *child = ctx;

	gate_free(&child->gate);
	ledger_free(&child->ledger);
}

static bool settler_open(void *ctx, struct pool_child *self, struct err *err)
{
	struct settler_child *child = ctx;

	child->gate = wire_gate(child->settings, err);
	/* The keeper's: a dead letter is nothing that a worker may write. */
	child->ledger = wire_ledger(child->settings, WIRE_KEEPER, err);
	if (child->gate == NULL || child->ledger == NULL) {
		settler_close(child);
		return false;
	}
	child->gate_port = gate_port(child->gate);
	child->ledger_port = ledger_port(child->ledger);
	child->stats = pool_child_area(self);
	name_make(child, pool_child_index(self));
	return true;
}

/* ---- one batch ------------------------------------------------------------------------- */

static void counts_note(
    struct settler_child *child, const struct settle_counts *counts)
{
	struct settler_stats *stats = child->stats;

	if (counts->taken > 0)
		stats_observe_on(
		    &stats_scale_batch, &stats->batch, counts->taken);
	stats_count_by(&stats->sold, counts->sold);
	stats_count_by(&stats->replayed, counts->replayed);
	stats_count_by(&stats->voided, counts->voided);
	stats_count_by(&stats->dead, counts->dead);
	stats_count_by(&stats->redelivered, counts->redelivered);
	stats_count_by(&stats->singles, counts->singles);
	for (size_t i = 0; i < counts->nlags; i++)
		stats_observe_on(
		    &stats_scale_lag, &stats->lag, counts->lag_us[i] * 1000);
}

/* Half of it for sure: settlers that lost the same store do not return at once. */
static int64_t jittered_ms(const struct desk *desk, int64_t ms)
{
	uint64_t seed = (uint64_t)mono_ns() + (uint64_t)getpid() * 7919 +
			(uint64_t)desk->sale.v * 104729;

	return ms / 2 + (int64_t)(seed % (uint64_t)(ms / 2 + 1));
}

static void desk_rest(struct desk *desk, int64_t ms)
{
	desk->due_ns = deadline_in_ms(ms);
}

/* From `min` on, twice as long each time. */
static void desk_rest_more(struct desk *desk, int64_t min, int64_t max)
{
	desk->pause_ms *= 2;
	if (desk->pause_ms < min)
		desk->pause_ms = min;
	if (desk->pause_ms > max)
		desk->pause_ms = max;
}

/* One order that fails beside others that are written is no store that is away:
 * those behind it need not wait longer and longer. */
static bool some_decided(const struct settle_counts *counts)
{
	return counts->sold + counts->replayed + counts->voided + counts->dead >
	       0;
}

/* Of this epoch, and read lately: only such a gauge says that nothing waits. */
static bool gauge_speaks(const struct sale_entry *entry)
{
	return entry->gauge_fresh && entry->gauge.known &&
	       entry->gauge.epoch == entry->sale.epoch;
}

static void batch_failed(struct settler_child *child, struct desk *desk,
    const struct sale_entry *entry, enum outcome out, const struct err *err)
{
	bool none = gauge_speaks(entry) && entry->gauge.waiting == 0;

	if (!desk->away)
		desk->pause_ms = 0;
	desk->away = true;
	desk_rest_more(desk, AWAY_MIN_MS, AWAY_MAX_MS);
	desk_rest(desk, jittered_ms(desk, desk->pause_ms));
	stats_count(&child->stats->failures[out]);
	log_limited(&child->away_rate,
	    none ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARNING,
	    "sale %s: accepted orders wait to be written: %s", entry->sale.slug,
	    err->text);
}

static void batch_done(struct settler_child *child, struct desk *desk,
    enum settle_state state, const struct settle_counts *counts)
{
	if (desk->away)
		desk->pause_ms = 0;
	desk->away = false;
	switch (state) {
	case SETTLE_MORE:
		desk->pause_ms = 0;
		break;
	case SETTLE_DRAINED:
		if (counts->taken > 0)
			desk->pause_ms = 0;
		desk_rest_more(desk, LOOK_MIN_MS, LOOK_MAX_MS);
		break;
	case SETTLE_STALE:
		/* The keeper reads the sale anew. */
		stats_count(&child->stats->stale);
		desk->pause_ms = child->settings->keeper.refresh_ms;
		break;
	}
	desk_rest(desk, desk->pause_ms);
}

static void letters_tell(struct settler_child *child, const struct sale *sale,
    const struct settle_counts *counts)
{
	if (counts->dead > 0)
		log_limited(&child->dead_rate, LOG_LEVEL_ERROR,
		    "sale %s: %" PRIu32 " accepted orders cannot be written, "
		    "and are void: flashgatectl dead list %s",
		    sale->slug, counts->dead, sale->slug);
}

/* At most `max` orders; false when nothing more can be done now. */
static bool batch_settle(struct settler_child *child, struct desk *desk,
    const struct sale_entry *entry, size_t max, struct settle_counts *counts)
{
	const struct sale *sale = &entry->sale;
	const struct settings *settings = child->settings;
	const struct settler settler = {.gate = &child->gate_port,
	    .ledger = &child->ledger_port,
	    .clock = &clock_system,
	    .consumer = child->name,
	    .idle_ms = settings->settler.idle_ms,
	    .batch = max,
	    .deliveries_max = (uint32_t)settings->settler.max_deliveries};
	enum settle_state state = SETTLE_DRAINED;
	struct sale_table_head head;
	struct err err = ERR_INIT;
	enum outcome out;

	memset(counts, 0, sizeof(*counts));
	if (!sale_table_head_read(child->table, &head)) {
		desk_rest(desk, LOOK_MIN_MS);
		return false;
	}
	out = sale_settle(&settler, sale, deadline_in_ms(BATCH_DEADLINE_MS),
	    head.ledger_offset_us, &state, counts, &err);
	counts_note(child, counts);
	letters_tell(child, sale, counts);
	if (some_decided(counts))
		desk->pause_ms = 0;
	if (out == OUT_DONE)
		batch_done(child, desk, state, counts);
	else
		batch_failed(child, desk, entry, out, &err);
	return out == OUT_DONE && state == SETTLE_MORE;
}

/* ---- when ------------------------------------------------------------------------------ */

static size_t batch_max(const struct settler_child *child)
{
	return (size_t)child->settings->settler.batch;
}

/* Sells in mode queue: nobody but the stream knows what came just now.  All
 * others are asked for what the keeper has seen in them. */
static bool is_to_settle(const struct sale_entry *entry)
{
	if (entry->sale.mode == SALE_MODE_QUEUE &&
	    entry->sale.state == SALE_STATE_OPEN)
		return true;
	return gauge_speaks(entry) && entry->gauge.waiting > 0;
}

static void sweep_end(struct desk *desk, const struct sale *sale)
{
	desk->left = 0;
	if (desk->written + desk->voided > 0)
		log_notice("sale %s: a sweep wrote %" PRIu64 " orders, %" PRIu64
			   " are void",
		    sale->slug, desk->written, desk->voided);
}

/*
 * A run is due when something waits that was there when it was to begin: so a
 * settler that comes back in the middle of one goes on with it, and hosts need
 * not talk.  It ends with as many orders as were there, or when there are none
 * that others do not hold.
 */
static void sweep_begin(struct settler_child *child, struct desk *desk,
    const struct sale_entry *entry)
{
	struct sale_table_head head;
	struct sweep_run run;
	struct wall now;

	if (!sale_table_head_read(child->table, &head))
		return;
	now = sale_table_now(&head, &clock_system);
	run = sweep_run_at(now, child->settings->settler.sweep_interval_ms);
	if (!sweep_is_due(&desk->sweeps, &run, now,
		is_to_settle(entry) ? entry->gauge.waiting : 0,
		entry->gauge.oldest_ms))
		return;
	desk->left = entry->gauge.waiting;
	desk->written = desk->voided = 0;
}

static void sweep_go_on(struct settler_child *child, struct desk *desk,
    const struct sale_entry *entry)
{
	size_t max = batch_max(child);
	struct settle_counts counts;
	bool more;

	if (desk->left < max)
		max = (size_t)desk->left;
	more = batch_settle(child, desk, entry, max, &counts);
	desk->written += counts.sold + counts.replayed;
	desk->voided += counts.voided + counts.dead;
	desk->left -= counts.taken < desk->left ? counts.taken : desk->left;
	if (more && desk->left > 0)
		desk_rest(desk, child->settings->settler.sweep_pause_ms);
	else if (!desk->away)
		sweep_end(desk, &entry->sale);
}

static void desk_work(struct settler_child *child, struct desk *desk,
    const struct sale_entry *entry)
{
	const struct sale *sale = &entry->sale;
	struct settle_counts counts;

	if (sale->mode == SALE_MODE_SWEEP && desk->left == 0)
		sweep_begin(child, desk, entry);
	if (sale->mode == SALE_MODE_SWEEP && desk->left > 0)
		sweep_go_on(child, desk, entry);
	else if (sale->mode != SALE_MODE_SWEEP && is_to_settle(entry))
		(void)batch_settle(
		    child, desk, entry, batch_max(child), &counts);
	else
		desk_rest(desk, child->settings->keeper.refresh_ms);
}

/* Row `i` belongs to whatever sale is there now. */
static struct desk *desk_of(
    struct settler_child *child, size_t i, struct sale_id sale)
{
	struct desk *desk = &child->desks[i];

	if (desk->sale.v != sale.v)
		*desk = (struct desk){.sale = sale};
	return desk;
}

static bool has_stream(const struct sale *sale)
{
	return sale->epoch > 0 && sale->state != SALE_STATE_DRAFT &&
	       sale->state != SALE_STATE_REBUILD;
}

/* One batch of each sale that is due, so that none waits for another. */
static int64_t settler_tick(void *ctx)
{
	struct settler_child *child = ctx;
	int64_t next_ns = deadline_in_ms(child->settings->keeper.refresh_ms);
	struct sale_table_head head;
	struct sale_entry entry;

	FAILPOINT(settler_tick);
	if (!sale_table_head_read(child->table, &head))
		return LOOK_MAX_MS;
	for (size_t i = 0; i < head.n; i++) {
		struct desk *desk;

		if (!sale_table_row(child->table, i, &entry) ||
		    !has_stream(&entry.sale))
			continue;
		desk = desk_of(child, i, entry.sale.id);
		if (mono_ns() >= desk->due_ns)
			desk_work(child, desk, &entry);
		if (desk->due_ns < next_ns)
			next_ns = desk->due_ns;
	}
	return deadline_left_ms(next_ns);
}

struct pool_app settler_child_app(struct settler_child *child)
{
	return (struct pool_app){.open = settler_open,
	    .tick = settler_tick,
	    .close = settler_close,
	    .ctx = child};
}
