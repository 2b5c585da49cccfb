/* SPDX-License-Identifier: Apache-2.0 */
/* The families of /metrics, one after the other. */
#include "config.h"

#include "prog/metrics_parts.h"

#include <stdio.h>

int64_t metrics_counted(uint64_t n)
{
	return n <= INT64_MAX ? (int64_t)n : INT64_MAX;
}

/* A family of one sample; none when the number is not known. */
void metrics_single(
    struct strbuf *out, const struct om_family *family, int64_t value)
{
	om_head(out, family);
	if (value != STATUS_NA)
		om_int(out, family, NULL, 0, value);
}

/* ---- what was asked and answered -------------------------------------------------- */

static void requests_put(const struct stats *stats, struct strbuf *out)
{
	static const char *const classes[STATS_CLASSES] = {
	    "none", "1xx", "2xx", "3xx", "4xx", "5xx"};
	const struct om_family family = COUNTER(
	    "requests", "Requests answered, by route and class of the status.");

	om_head(out, &family);
	for (size_t i = 0; stats_route(i) != NULL; i++)
		for (size_t k = 0; k < STATS_CLASSES; k++) {
			const struct om_label labels[] = {
			    {"route", stats_route(i)}, {"status", classes[k]}};

			om_int(out, &family, labels, ARRAY_LEN(labels),
			    metrics_counted(stats->requests[i][k]));
		}
}

static void outcomes_put(const struct stats *stats, struct strbuf *out)
{
	const struct om_family family = COUNTER("outcomes",
	    "Requests answered, by the code of the verdict or problem.");

	om_head(out, &family);
	for (size_t i = 0; stats_code(i) != NULL; i++) {
		const struct om_label label = {"code", stats_code(i)};

		om_int(
		    out, &family, &label, 1, metrics_counted(stats->codes[i]));
	}
}

static void events_put(const struct stats *stats, struct strbuf *out)
{
	static const char *const names[STATS_EVENTS] = {
	    [BUY_EVENT_HEALED] = "healed",
	    [BUY_EVENT_OUT_OF_BOUNDS] = "out-of-bounds",
	    [BUY_EVENT_GATE_LOST] = "gate-lost",
	    [BUY_EVENT_AMBIGUOUS] = "ambiguous",
	};
	const struct om_family family = COUNTER("purchase_events",
	    "Oddities met by purchases; each is worth a look at the log.");

	om_head(out, &family);
	for (size_t i = 0; i < STATS_EVENTS; i++) {
		const struct om_label label = {"event", names[i]};

		if (names[i] != NULL)
			om_int(out, &family, &label, 1,
			    metrics_counted(stats->events[i]));
	}
}

static void calls_put(struct strbuf *out, const struct om_family *family,
    const uint64_t calls[OUT_COUNT])
{
	om_head(out, family);
	for (int i = 0; i < OUT_COUNT; i++) {
		const struct om_label label = {
		    "outcome", outcome_name((enum outcome)i)};

		om_int(out, family, &label, 1, metrics_counted(calls[i]));
	}
}

static void times_put(const struct stats *stats, struct strbuf *out)
{
	const struct {
		struct om_family family;
		const struct stats_histogram *histogram;
	} rows[] = {
	    {SECONDS("request_duration_seconds", OM_HISTOGRAM,
		 "From a request's first byte to its answer's last."),
		&stats->request},
	    {SECONDS("queue_age_seconds", OM_HISTOGRAM,
		 "From the front end (FG_T) to a worker."),
		&stats->queue_age},
	    {SECONDS("claim_duration_seconds", OM_HISTOGRAM,
		 "One call of the gate for a unit."),
		&stats->claim},
	    {SECONDS("insert_duration_seconds", OM_HISTOGRAM,
		 "One insert of an order into the ledger."),
		&stats->insert},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		om_head(out, &rows[i].family);
		om_histogram(out, &rows[i].family, &stats_scale_request,
		    rows[i].histogram);
	}
}

static void traffic_put(const struct metrics *metrics, struct strbuf *out)
{
	const struct stats *stats = &metrics->stats;
	const struct om_family accepted =
	    COUNTER("requests_begun", "Requests begun, answered or not.");
	const struct om_family sent = FAMILY("sent_bytes", .type = OM_COUNTER,
	    .unit = "bytes", .help = "Bytes of answers, headers and all.");
	const struct om_family claims =
	    COUNTER("claim_calls", "Calls of the gate for a unit, by outcome.");
	const struct om_family inserts = COUNTER(
	    "insert_calls", "Inserts of orders into the ledger, by outcome.");
	const struct om_family enqueues = COUNTER("enqueue_calls",
	    "Calls of the gate for a unit in modes queue and sweep, by "
	    "outcome.");
	const struct om_family taken = COUNTER("orders_accepted",
	    "Orders accepted in modes queue and sweep, each once.");
	const struct om_family slow = COUNTER("slow_requests",
	    "Requests that took longer than request_slowlog_timeout.");

	metrics_single(out, &accepted, metrics->status->accepted);
	requests_put(stats, out);
	outcomes_put(stats, out);
	events_put(stats, out);
	metrics_single(out, &sent, metrics_counted(stats->sent_bytes));
	metrics_single(out, &slow, metrics->status->slow);
	calls_put(out, &claims, stats->claims);
	calls_put(out, &inserts, stats->inserts);
	calls_put(out, &enqueues, stats->enqueues);
	metrics_single(out, &taken, metrics_counted(stats->accepted));
	times_put(stats, out);
}

/* ---- children ---------------------------------------------------------------------- */

static void states_put(const struct metrics *metrics, struct strbuf *out)
{
	const struct om_family states =
	    GAUGE("children", "Children by group and state.");
	const struct om_family max =
	    GAUGE("children_max", "How many a group may have.");

	om_head(out, &states);
	for (size_t i = 0; i < metrics->ngroups; i++)
		for (int k = BOARD_STARTING; k < BOARD_STATE_COUNT; k++) {
			const struct om_label labels[] = {
			    {"group", metrics->groups[i].name},
			    {"state",
				pool_board_state_name((enum board_state)k)}};

			om_int(out, &states, labels, ARRAY_LEN(labels),
			    metrics->groups[i].in_state[k]);
		}
	om_head(out, &max);
	for (size_t i = 0; i < metrics->ngroups; i++) {
		const struct om_label label = {
		    "group", metrics->groups[i].name};

		om_int(out, &max, &label, 1, metrics->groups[i].max);
	}
}

/* One number of struct board_deaths, for each group. */
static void deaths_put(const struct metrics *metrics,
    const struct om_family *family, size_t offset, struct strbuf *out)
{
	om_head(out, family);
	for (size_t i = 0; i < metrics->ngroups; i++) {
		const struct om_label label = {
		    "group", metrics->groups[i].name};
		uint64_t value;

		memcpy(&value,
		    (const char *)&metrics->groups[i].deaths + offset,
		    sizeof(value));
		om_int(out, family, &label, 1, metrics_counted(value));
	}
}

static void births_put(const struct metrics *metrics, struct strbuf *out)
{
	const struct om_family births =
	    COUNTER("births", "Children that were started.");
	const struct om_family stillborn =
	    COUNTER("stillborn", "Children that died before they were ready.");
	const struct om_family grown = COUNTER("grown",
	    "Children that were wanted because of the load (pm = dynamic, "
	    "ondemand).");

	deaths_put(
	    metrics, &births, offsetof(struct board_deaths, births), out);
	deaths_put(
	    metrics, &stillborn, offsetof(struct board_deaths, stillborn), out);
	deaths_put(metrics, &grown, offsetof(struct board_deaths, grown), out);
}

/* Every cause from the start, so that a rate has something to begin with. */
static void causes_put(const struct metrics *metrics, struct strbuf *out)
{
	const struct om_family ends =
	    COUNTER("ends", "Children that ended, by what ended them.");
	const struct om_family loop = GAUGE("crash_loop",
	    "1 while children of a group die by themselves too often.");

	om_head(out, &ends);
	for (size_t i = 0; i < metrics->ngroups; i++)
		for (int k = BOARD_CAUSE_NONE + 1; k < BOARD_CAUSE_COUNT; k++) {
			const struct om_label labels[] = {
			    {"group", metrics->groups[i].name},
			    {"cause",
				pool_board_cause_name((enum board_cause)k)}};

			om_int(out, &ends, labels, ARRAY_LEN(labels),
			    metrics_counted(
				metrics->groups[i].deaths.by_cause[k]));
		}
	om_head(out, &loop);
	for (size_t i = 0; i < metrics->ngroups; i++) {
		const struct om_label label = {
		    "group", metrics->groups[i].name};

		om_int(out, &loop, &label, 1,
		    metrics_counted(metrics->groups[i].deaths.crash_loop));
	}
}

/* Reasons that never occurred have no sample; an exit in order always has, so
 * that there is something to compare with. */
static void reasons_put(struct strbuf *out, const struct om_family *family,
    const struct metrics_group *group)
{
	static const struct {
		const char *word;
		size_t n, offset;
	} kinds[] = {
	    {"exit", BOARD_EXIT_CODES, offsetof(struct board_deaths, by_exit)},
	    {"signal", BOARD_SIGNALS, offsetof(struct board_deaths, by_signal)},
	};

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		const uint64_t *counts = (const uint64_t *)(const void
			*)((const char *)&group->deaths + kinds[i].offset);

		for (size_t k = 0; k < kinds[i].n; k++) {
			char number[24];
			const struct om_label labels[] = {
			    {"group", group->name}, {"reason", kinds[i].word},
			    {"number", number}};

			if (counts[k] == 0 && (i > 0 || k > 0))
				continue;
			snprintf(number, sizeof(number), "%zu", k);
			om_int(out, family, labels, ARRAY_LEN(labels),
			    metrics_counted(counts[k]));
		}
	}
}

static void children_put(const struct metrics *metrics, struct strbuf *out)
{
	const struct om_family deaths = COUNTER("deaths",
	    "Children that ended, by exit code or signal; exit 0 is in order.");
	const struct om_family peak = FAMILY("worker_memory_peak_bytes",
	    .type = OM_GAUGE, .unit = "bytes",
	    .help = "The most that a worker ever had resident.");

	states_put(metrics, out);
	births_put(metrics, out);
	om_head(out, &deaths);
	for (size_t i = 0; i < metrics->ngroups; i++)
		reasons_put(out, &deaths, &metrics->groups[i]);
	causes_put(metrics, out);
	metrics_single(out, &peak, metrics->status->memory_peak);
}

static void reloads_put(const struct status *status, struct strbuf *out)
{
	const struct {
		const char *result;
		int64_t n;
	} rows[] = {
	    {"succeeded", status->reloads - status->reloads_failed},
	    {"failed", status->reloads_failed},
	};
	const struct om_family generation = GAUGE("generation",
	    "Of the configuration that serves; 1 since the start.");
	const struct om_family reloads =
	    COUNTER("reloads", "Reloads with a verdict, by result.");

	metrics_single(out, &generation, status->generation);
	om_head(out, &reloads);
	for (size_t i = 0; i < ARRAY_LEN(rows) && status->reloads != STATUS_NA;
	     i++) {
		const struct om_label label = {"result", rows[i].result};

		om_int(out, &reloads, &label, 1, rows[i].n);
	}
}

/* ---- pressure ------------------------------------------------------------------------ */

static void pressure_put(const struct metrics *metrics, struct strbuf *out)
{
	const struct status *status = metrics->status;
	const struct om_family depth =
	    GAUGE("listen_queue", "Connections that wait to be accepted; no "
				  "sample where the kernel does not tell.");
	const struct om_family limit =
	    GAUGE("listen_queue_limit", "How many may wait.");
	const struct om_family peak =
	    GAUGE("listen_queue_peak", "The most that were seen waiting.");
	const struct om_family active_peak = GAUGE(
	    "workers_active_peak", "The most workers seen active at once.");
	const struct om_family full = COUNTER("workers_full",
	    "Times that pm.max_children came to be too few: all were active, "
	    "or pm.min_spare_servers could not be kept.");
	const struct om_family full_s = SECONDS("workers_full_seconds",
	    OM_COUNTER, "Time in which pm.max_children were too few.");
	const struct om_family queued_s = SECONDS("listen_queue_seconds",
	    OM_COUNTER, "Time in which connections waited to be accepted.");

	metrics_single(out, &depth, status->queue);
	metrics_single(out, &limit, status->queue_limit);
	metrics_single(out, &peak, status->queue_peak);
	om_head(out, &queued_s);
	om_seconds(out, &queued_s, NULL, 0, metrics->queued_ns);
	metrics_single(out, &active_peak, status->active_peak);
	metrics_single(out, &full, status->full);
	om_head(out, &full_s);
	om_seconds(out, &full_s, NULL, 0, metrics->full_ns);
}

void metrics_write(const struct metrics *metrics, struct strbuf *out)
{
	const struct om_family build =
	    FAMILY("build", .type = OM_INFO, .help = "What is running.");
	const struct om_label version = {"version", metrics->version};
	const struct om_family start = SECONDS("start_time_seconds", OM_GAUGE,
	    "When the master started, since 1970.");

	om_head(out, &build);
	om_int(out, &build, &version, 1, 1);
	metrics_single(out, &start, metrics->status->start_time);
	traffic_put(metrics, out);
	children_put(metrics, out);
	reloads_put(metrics->status, out);
	pressure_put(metrics, out);
	metrics_keeper_put(&metrics->keeper, out);
	metrics_settlers_put(metrics, out);
	metrics_sales_put(metrics, out);
	om_end(out);
}
