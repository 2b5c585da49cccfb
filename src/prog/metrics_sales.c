/* SPDX-License-Identifier: Apache-2.0 */
/* The families about sales, and about those who look after them. */
#include "config.h"

#include "prog/metrics_parts.h"

/* ---- sales --------------------------------------------------------------------------- */

enum sale_gauge {
	SALE_GAUGE_STOCK,
	SALE_GAUGE_FREE,
	SALE_GAUGE_LEASED,
	SALE_GAUGE_WAITING,
	SALE_GAUGE_DELIVERED,
	SALE_GAUGE_COUNT
};

/* A gauge of another generation, or an old one, says nothing. */
static bool gauge_speaks(const struct sale_entry *entry)
{
	return entry->gauge_fresh && entry->gauge.known &&
	       entry->gauge.epoch == entry->sale.epoch;
}

static int64_t sale_gauge(const struct sale_entry *entry, enum sale_gauge which)
{
	const struct gate_gauge *gauge = &entry->gauge;
	const uint64_t values[SALE_GAUGE_COUNT] = {
	    [SALE_GAUGE_STOCK] = entry->sale.stock,
	    [SALE_GAUGE_FREE] = gauge->free,
	    [SALE_GAUGE_LEASED] = gauge->leased,
	    [SALE_GAUGE_WAITING] = gauge->waiting,
	    [SALE_GAUGE_DELIVERED] = gauge->delivered,
	};

	return which == SALE_GAUGE_STOCK || gauge_speaks(entry)
		   ? metrics_counted(values[which])
		   : STATUS_NA;
}

static void sale_gauge_put(const struct metrics *metrics, enum sale_gauge which,
    const struct om_family *family, struct strbuf *out)
{
	om_head(out, family);
	for (size_t i = 0; i < metrics->nsales; i++) {
		const struct om_label label = {
		    "sale", metrics->sales[i].sale.slug};
		int64_t value = sale_gauge(&metrics->sales[i], which);

		if (value != STATUS_NA)
			om_int(out, family, &label, 1, value);
	}
}

void metrics_sales_put(const struct metrics *metrics, struct strbuf *out)
{
	const struct om_family families[SALE_GAUGE_COUNT] = {
	    [SALE_GAUGE_STOCK] =
		GAUGE("sale_stock_units", "Units of a sale.", .unit = "units"),
	    [SALE_GAUGE_FREE] = GAUGE("sale_free_units",
		"Units that the gate can give away; no sample while it does "
		"not answer.",
		.unit = "units"),
	    [SALE_GAUGE_LEASED] = GAUGE("sale_leased_units",
		"Units whose claim is not decided yet.", .unit = "units"),
	    [SALE_GAUGE_WAITING] = GAUGE("sale_waiting_orders",
		"Accepted orders (202) that are not written yet.",
		.unit = "orders"),
	    [SALE_GAUGE_DELIVERED] = GAUGE("sale_delivered_orders",
		"Of these, those that a settler has taken.", .unit = "orders"),
	};
	const struct om_family oldest = SECONDS("sale_waiting_age_seconds",
	    OM_GAUGE, "Since the oldest of them was accepted.");
	const struct om_family state = FAMILY("sale_state", .type = OM_GAUGE,
	    .help = "1 for the state that a sale is in.");
	const struct om_family age = SECONDS("sale_table_age_seconds", OM_GAUGE,
	    "Since the sales were last read from MySQL.");

	for (int i = 0; i < SALE_GAUGE_COUNT; i++)
		sale_gauge_put(metrics, (enum sale_gauge)i, &families[i], out);
	om_head(out, &oldest);
	for (size_t i = 0; i < metrics->nsales; i++) {
		const struct sale_entry *entry = &metrics->sales[i];
		const struct om_label label = {"sale", entry->sale.slug};

		if (gauge_speaks(entry))
			om_seconds(out, &oldest, &label, 1,
			    entry->gauge.oldest_ms * NS_PER_MS);
	}
	om_head(out, &state);
	for (size_t i = 0; i < metrics->nsales; i++)
		for (int k = 0; k < SALE_STATE_COUNT; k++) {
			const struct sale *sale = &metrics->sales[i].sale;
			const struct om_label labels[] = {{"sale", sale->slug},
			    {"state", sale_state_name((enum sale_state)k)}};

			om_int(out, &state, labels, ARRAY_LEN(labels),
			    sale->state == (enum sale_state)k);
		}
	om_head(out, &age);
	if (metrics->table_age_ns != STATUS_NA)
		om_seconds(out, &age, NULL, 0, metrics->table_age_ns);
}

/* ---- the keeper ---------------------------------------------------------------------- */

static void rebuilds_put(const struct keeper_stats *keeper, struct strbuf *out)
{
	const struct om_family rebuilds = COUNTER(
	    "rebuilds", "Gates made anew by a keeper, by what was wrong.");
	const struct om_family time = SECONDS("rebuild_duration_seconds",
	    OM_HISTOGRAM, "Of these: from the first step to the last.");

	om_head(out, &rebuilds);
	for (int i = GATE_WELL + 1; i < GATE_TROUBLE_COUNT; i++) {
		const struct om_label label = {
		    "cause", gate_trouble_name((enum gate_trouble)i)};

		om_int(out, &rebuilds, &label, 1,
		    metrics_counted(keeper->rebuilds[i]));
	}
	om_head(out, &time);
	om_histogram(out, &time, &stats_scale_request, &keeper->rebuild);
}

void metrics_keeper_put(const struct keeper_stats *keeper, struct strbuf *out)
{
	const struct {
		struct om_family family;
		uint64_t n;
	} rows[] = {
	    {COUNTER("rebuilds_failed",
		 "Rebuilds of a gate that were begun and came to nothing."),
		keeper->rebuilds_failed},
	    {COUNTER("claims_voided",
		 "Expired claims that were decided void: units back on sale."),
		keeper->voided},
	    {COUNTER("claims_confirmed",
		 "Expired leases of claims that were sold."),
		keeper->confirmed},
	    {COUNTER("audits", "Audits of a sale that came to an end."),
		keeper->audits},
	    {COUNTER("leaks_found",
		 "Units that an audit found without a home; must stay 0."),
		keeper->leaks},
	    {COUNTER("dup_homes_found", "Units that an audit found with more "
					"than one home; must stay 0."),
		keeper->dup_homes},
	    {COUNTER("queue_lost", "Orders accepted on this host that a gate "
				   "has lost before they were written."),
		keeper->lost},
	};

	rebuilds_put(keeper, out);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		metrics_single(
		    out, &rows[i].family, metrics_counted(rows[i].n));
}

/* ---- settlers ------------------------------------------------------------------------ */

static void settled_put(const struct settler_stats *settler, struct strbuf *out)
{
	const struct {
		const char *result;
		uint64_t n;
	} rows[] = {
	    {"sold", settler->sold},
	    {"replayed", settler->replayed},
	    {"void", settler->voided},
	    {"dead", settler->dead},
	};
	const struct om_family settled = COUNTER("settled_orders",
	    "Accepted orders that were decided: written as sold; found to be "
	    "written already; void; void and a dead letter.");

	om_head(out, &settled);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct om_label label = {"result", rows[i].result};

		om_int(out, &settled, &label, 1, metrics_counted(rows[i].n));
	}
}

static void failures_put(
    const struct settler_stats *settler, struct strbuf *out)
{
	const struct om_family failures = COUNTER("settle_failures",
	    "Batches that a store did not take; they are taken again.");

	om_head(out, &failures);
	for (int i = OUT_DONE + 1; i < OUT_COUNT; i++) {
		const struct om_label label = {
		    "outcome", outcome_name((enum outcome)i)};

		om_int(out, &failures, &label, 1,
		    metrics_counted(settler->failures[i]));
	}
}

/* 1 for the one that is so. */
static void durability_put(const struct metrics *metrics, struct strbuf *out)
{
	const struct om_family family = GAUGE("queue_durability",
	    "What Redis makes of an accepted order: as [queue] durability "
	    "asks (stored), less (memory if accept_loss is set, else refused), "
	    "or it did not say (unknown).");

	om_head(out, &family);
	for (int i = 0; i < ACCEPTED_DURABILITY_COUNT; i++) {
		const struct om_label label = {"is",
		    accepted_durability_name((enum accepted_durability)i)};

		om_int(out, &family, &label, 1,
		    metrics->durability == (enum accepted_durability)i);
	}
}

void metrics_settlers_put(const struct metrics *metrics, struct strbuf *out)
{
	const struct settler_stats *settler = &metrics->settler;
	const struct om_family again = COUNTER("settle_redelivered",
	    "Accepted orders that were taken once more: who took them before "
	    "has died, or a store was away.");
	const struct om_family singles = COUNTER("settle_singles",
	    "Orders that went one by one, after a batch was refused.");
	const struct om_family stale = COUNTER(
	    "settle_stale", "Batches that met another generation of the gate.");
	const struct om_family batch = FAMILY("settle_batch_orders",
	    .type = OM_HISTOGRAM, .unit = "orders",
	    .help = "Accepted orders that were taken at once.");
	const struct om_family lag = SECONDS("settle_lag_seconds", OM_HISTOGRAM,
	    "From the acceptance of an order to its row.");

	settled_put(settler, out);
	metrics_single(out, &again, metrics_counted(settler->redelivered));
	metrics_single(out, &singles, metrics_counted(settler->singles));
	failures_put(settler, out);
	metrics_single(out, &stale, metrics_counted(settler->stale));
	om_head(out, &batch);
	om_histogram(out, &batch, &stats_scale_batch, &settler->batch);
	om_head(out, &lag);
	om_histogram(out, &lag, &stats_scale_lag, &settler->lag);
	durability_put(metrics, out);
}
