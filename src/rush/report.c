/* SPDX-License-Identifier: Apache-2.0 */
/* The table and the JSON of a rehearsal. */
#include "config.h"

#include "rush/report.h"
#include "base/clock.h"

#include <inttypes.h>
#include <jansson.h>

/* Above this the crowd's own processor is what was measured. */
#define CPU_PERCENT_MAX 90

static const unsigned per_mille[] = {500, 990, 999};
static const char *const per_mille_names[] = {"p50_ms", "p99_ms", "p99_9_ms"};

static double ms_of(int64_t ns)
{
	return (double)ns / (double)NS_PER_MS;
}

static double seconds_of(int64_t ns)
{
	return (double)ns / (double)NS_PER_S;
}

static double attempts_per_s(const struct crowd_result *result)
{
	return result->rush_ns > 0
		   ? (double)result->rush_attempts / seconds_of(result->rush_ns)
		   : 0;
}

static double cpu_percent(const struct crowd_result *result)
{
	return result->rush_ns > 0
		   ? 100 * (double)result->rush_cpu_ns / (double)result->rush_ns
		   : 0;
}

bool report_as_expected(const struct report *report)
{
	return report->options->expect_sold == OPTION_UNSET ||
	       report->options->expect_sold == report->tally->counts.confirmed;
}

/* The counts below the table, and in JSON: one list for both. */
static const struct total {
	const char *name;
	const char *label;
	size_t at; /* in struct tally_counts */
	bool violation;
} totals[] = {
    {"attempts", "attempts", offsetof(struct tally_counts, attempts), false},
    {"orders_confirmed", "orders confirmed (201, 200)",
	offsetof(struct tally_counts, confirmed), false},
    {"orders_accepted_only", "orders accepted only (202)",
	offsetof(struct tally_counts, accepted), false},
    {"unsettled", "purchases without a final answer",
	offsetof(struct tally_counts, open), false},
    {"answers_with_another_order", "answers that name another order for a key",
	offsetof(struct tally_counts, differing_answers), true},
    {"keys_with_two_orders", "keys with more than one order",
	offsetof(struct tally_counts, differing_keys), true},
    {"orders_of_two_customers", "orders told to two customers",
	offsetof(struct tally_counts, shared_orders), true},
    {"units_sold_twice", "units named by two orders",
	offsetof(struct tally_counts, shared_units), true},
    {"owners_told_sold_out", "owners told that it is sold out",
	offsetof(struct tally_counts, refused_owners), true},
};

static uint64_t total_get(
    const struct report *report, const struct total *total)
{
	const char *counts = (const char *)&report->tally->counts;

	return *(const uint64_t *)(counts + total->at);
}

/* ---- for people ---------------------------------------------------------------- */

static void table_row(
    FILE *out, const char *label, const struct latency *latency)
{
	fprintf(out, "%-28s %10" PRIu64, label, latency->n);
	for (size_t i = 0; i < ARRAY_LEN(per_mille); i++) {
		if (latency->n == 0)
			fprintf(out, " %10s", "-");
		else
			fprintf(out, " %10.2f",
			    ms_of(latency_at(latency, per_mille[i])));
	}
	if (latency->n == 0)
		fprintf(out, " %10s\n", "-");
	else
		fprintf(out, " %10.2f\n", ms_of(latency->max_ns));
}

static void line(FILE *out, const char *label, uint64_t value, const char *more)
{
	fprintf(out, "%-44s %10" PRIu64 "%s\n", label, value, more);
}

static void speed_lines(const struct report *report, FILE *out)
{
	const struct crowd_result *result = report->result;

	fprintf(out, "%-44s %10.2f s, %.0f attempts/s\n",
	    "duration of the rush", seconds_of(result->rush_ns),
	    attempts_per_s(result));
	fprintf(out, "%-44s %10.0f %% of a processor%s\n",
	    "the crowd's own work", cpu_percent(result),
	    cpu_percent(result) > CPU_PERCENT_MAX
		? ": what was measured is the crowd"
		: "");
	if (result->to_settle > 0)
		fprintf(out, "%-44s %10" PRIu64 " in %.2f s\n",
		    "purchases to settle afterwards", result->to_settle,
		    seconds_of(result->settle_ns));
}

static void verdict_lines(const struct report *report, FILE *out)
{
	const struct options *options = report->options;
	uint64_t sold = report->tally->counts.confirmed;

	for (size_t i = 0; i < report->tally->nexamples; i++)
		fprintf(out, "VIOLATION: %s\n", report->tally->example[i]);
	if (options->expect_sold != OPTION_UNSET)
		fprintf(out,
		    "%s: %" PRIu64 " orders expected, %" PRIu64 " confirmed\n",
		    report_as_expected(report) ? "as expected"
					       : "NOT AS EXPECTED",
		    options->expect_sold, sold);
	if (report->result->interrupted)
		fputs("interrupted: this is what there was\n", out);
}

void report_table(const struct report *report, FILE *out)
{
	fprintf(out, "%-28s %10s %10s %10s %10s %10s\n", "answer", "count",
	    "p50 ms", "p99 ms", "p99.9 ms", "max ms");
	for (size_t i = 0; i < ANSWER_KINDS; i++)
		table_row(out, answer_rows[i].label, &report->tally->kind[i]);
	fputc('\n', out);
	for (size_t i = 0; i < ARRAY_LEN(totals); i++) {
		uint64_t value = total_get(report, &totals[i]);

		line(out, totals[i].label, value,
		    totals[i].violation && value > 0 ? "  VIOLATION" : "");
	}
	line(out, "most orders of one customer",
	    report->tally->counts.per_customer, "");
	speed_lines(report, out);
	verdict_lines(report, out);
}

/* ---- for programs --------------------------------------------------------------- */

static json_t *kind_json(const struct latency *latency)
{
	json_t *object = json_object();

	json_object_set_new(
	    object, "count", json_integer((json_int_t)latency->n));
	for (size_t i = 0; i < ARRAY_LEN(per_mille); i++)
		json_object_set_new(object, per_mille_names[i],
		    latency->n == 0
			? json_null()
			: json_real(ms_of(latency_at(latency, per_mille[i]))));
	json_object_set_new(object, "max_ms",
	    latency->n == 0 ? json_null() : json_real(ms_of(latency->max_ns)));
	return object;
}

static json_t *answers_json(const struct report *report)
{
	json_t *object = json_object();

	for (size_t i = 0; i < ANSWER_KINDS; i++)
		json_object_set_new(object, answer_rows[i].name,
		    kind_json(&report->tally->kind[i]));
	return object;
}

static void setting_members(const struct report *report, json_t *object)
{
	const struct options *options = report->options;
	const struct {
		const char *name;
		uint64_t value;
	} numbers[] = {
	    {"clicks", options->requests},
	    {"shoppers", options->shoppers},
	    {"keys", options->keys},
	    {"double_click_percent", options->double_click},
	    {"concurrency", options->concurrency},
	    {"rate", options->rate},
	    {"seed", options->seed},
	    {"expect_sold", options->expect_sold},
	};

	json_object_set_new(object, "url", json_string(report->url));
	json_object_set_new(object, "sale", json_string(options->sale));
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		json_object_set_new(object, numbers[i].name,
		    numbers[i].value == OPTION_UNSET
			? json_null()
			: json_integer((json_int_t)numbers[i].value));
}

static void verdict_members(const struct report *report, json_t *object)
{
	json_t *examples = json_array();

	for (size_t i = 0; i < report->tally->nexamples; i++)
		json_array_append_new(
		    examples, json_string(report->tally->example[i]));
	json_object_set_new(object, "violation",
	    json_boolean(tally_violations(report->tally) > 0));
	json_object_set_new(object, "violations", examples);
	json_object_set_new(object, "as_expected",
	    report->options->expect_sold == OPTION_UNSET
		? json_null()
		: json_boolean(report_as_expected(report)));
	json_object_set_new(
	    object, "interrupted", json_boolean(report->result->interrupted));
}

bool report_json(const struct report *report, FILE *out)
{
	const struct crowd_result *result = report->result;
	json_t *object = json_object();
	char *text;

	setting_members(report, object);
	json_object_set_new(object, "answers", answers_json(report));
	for (size_t i = 0; i < ARRAY_LEN(totals); i++)
		json_object_set_new(object, totals[i].name,
		    json_integer((json_int_t)total_get(report, &totals[i])));
	json_object_set_new(object, "most_orders_of_one_customer",
	    json_integer(report->tally->counts.per_customer));
	json_object_set_new(
	    object, "duration_s", json_real(seconds_of(result->rush_ns)));
	json_object_set_new(
	    object, "attempts_per_s", json_real(attempts_per_s(result)));
	json_object_set_new(
	    object, "crowd_cpu_percent", json_real(cpu_percent(result)));
	json_object_set_new(
	    object, "to_settle", json_integer((json_int_t)result->to_settle));
	json_object_set_new(
	    object, "settle_s", json_real(seconds_of(result->settle_ns)));
	verdict_members(report, object);
	text = json_dumps(object, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	json_decref(object);
	if (text == NULL)
		return false;
	fprintf(out, "%s\n", text);
	free(text);
	return true;
}
