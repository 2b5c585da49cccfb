/* SPDX-License-Identifier: Apache-2.0 */
/* What a run amounts to: answers, doubts and how they ended, recoveries. */
#include "config.h"

#include "chaos/hist.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

static void count(json_t *o, const char *name, json_int_t by)
{
	json_int_t now = json_integer_value(json_object_get(o, name));

	json_object_set_new(o, name, json_integer(now + by));
}

static bool is_yes(const struct attempt *a)
{
	return a->status == 200 || a->status == 201;
}

/* Somebody bought: in modes queue and sweep he hears no more at first. */
static bool is_purchase(const struct attempt *a)
{
	return !a->get && (is_yes(a) || a->status == 202);
}

/* Not answered, or not by a yes or a no: it must be asked again. */
static bool is_doubt(const struct hist *hist, const struct attempt *a)
{
	return a->status == 0 || a->status >= 500 || a->status == 202 ||
	       strcmp(hist->codes.text[a->code], "in-progress") == 0;
}

static json_t *answers(const struct hist *hist, double *share_503)
{
	json_t *o = json_object();
	size_t refused = 0, n = 0;

	for (size_t i = 0; i < hist->attempt.n; i++) {
		const struct attempt *a = &hist->attempt.at[i];
		char name[160];

		snprintf(name, sizeof(name), "%s%d %s", a->get ? "GET " : "",
		    a->status, hist->codes.text[a->code]);
		count(o, name, 1);
		n++;
		refused += a->status == 503;
	}
	*share_503 = n > 0 ? (double)refused / (double)n : 0;
	return o;
}

/* A row of doubtful attempts of one key is one doubt; how did it end? */
static void doubts_of_key(
    const struct hist *hist, const struct key *key, json_t *o)
{
	const struct attempt *a = hist->attempt.at + key->first;
	uint32_t length = 0;
	double heard_end = -1, doubt_start = 0;

	for (uint32_t i = 0; i < key->n; i++) {
		if (a[i].get)
			continue;
		if (is_doubt(hist, &a[i])) {
			if (length++ == 0)
				doubt_start = a[i].start;
			continue;
		}
		if (a[i].end > heard_end)
			heard_end = a[i].end;
		if (length > 0) {
			count(o, "doubts", 1);
			count(o, is_yes(&a[i]) ? "ended_yes" : "ended_no", 1);
			count(o,
			    length == 1 ? "by_first_retry" : "by_later_retry",
			    1);
		}
		length = 0;
	}
	if (length > 0) {
		/* The other half of a double click was answered meanwhile. */
		count(o, "doubts", 1);
		count(o,
		    heard_end > doubt_start ? "ended_by_twin" : "left_open", 1);
	}
}

static json_t *doubts(const struct hist *hist)
{
	json_t *o = json_object();

	for (uint32_t k = 0; k < hist->keys.n; k++)
		if (hist->key.at[k].n > 0)
			doubts_of_key(hist, &hist->key.at[k], o);
	for (size_t i = 0; i < hist->row.n; i++)
		if (hist->row.at[i].status == ROW_VOID)
			count(o, "voided_claims", 1);
	for (size_t i = 0; i < hist->attempt.n; i++)
		if (!hist->attempt.at[i].get &&
		    hist->attempt.at[i].status == 200)
			count(o, "replays", 1);
	return o;
}

struct yes {
	double start, end; /* of the ledger's clock */
};

static int by_start(const void *pa, const void *pb)
{
	const struct yes *a = pa, *b = pb;

	return a->start < b->start ? -1 : a->start > b->start;
}

/* The purchases that were told yes, by start; the end of each is that of the
 * first one to end that did not start before it. */
static size_t yeses(const struct hist *hist, struct yes *yes)
{
	size_t n = 0;

	for (size_t i = 0; i < hist->attempt.n; i++) {
		const struct attempt *a = &hist->attempt.at[i];

		if (is_purchase(a))
			yes[n++] = (struct yes){
			    a->start_wall, a->start_wall + (a->end - a->start)};
	}
	qsort(yes, n, sizeof(*yes), by_start);
	for (size_t i = n; i-- > 1;)
		if (yes[i].end < yes[i - 1].end)
			yes[i - 1].end = yes[i].end;
	return n;
}

/* Milliseconds from the end of each fault to the first 2xx to a purchase that
 * was asked for after it; -1 where there was none any more. */
static json_t *recoveries(const struct hist *hist)
{
	struct yes *yes = calloc(hist->attempt.n + 1, sizeof(*yes));
	json_t *list = json_array();
	size_t n;

	if (yes == NULL)
		abort();
	n = yeses(hist, yes);
	for (size_t i = 0; i < hist->fault.n; i++) {
		const struct fault *fault = &hist->fault.at[i];
		size_t low = 0, high = n;

		while (low < high) {
			size_t mid = (low + high) / 2;

			if (yes[mid].start < fault->end)
				low = mid + 1;
			else
				high = mid;
		}
		json_array_append_new(list,
		    json_pack("{s:s, s:f, s:f}", "kind",
			hist->kinds.text[fault->kind], "recovery_ms",
			low < n ? (yes[low].end - fault->end) * 1000 : -1.0,
			"lasted_ms", (fault->end - fault->begin) * 1000));
	}
	free(yes);
	return list;
}

static json_t *accepted(const struct hist *hist)
{
	struct accepted_count count = hist_accepted(hist);

	return json_pack("{s:I, s:I, s:I, s:I}", "told", (json_int_t)count.told,
	    "sold", (json_int_t)count.sold, "void", (json_int_t)count.voided,
	    "nowhere", (json_int_t)count.nowhere);
}

void hist_figures(const struct hist *hist, const struct verdicts *verdicts)
{
	json_t *rules = json_object(), *judged = json_object(), *o;
	json_int_t sold = 0, violations = 0;
	double share_503;
	json_t *said = answers(hist, &share_503);

	for (int rule = 1; rule < RULES; rule++) {
		char name[8];

		violations += (json_int_t)verdicts->violations[rule];
		snprintf(name, sizeof(name), "C%d", rule);
		count(judged, name, (json_int_t)verdicts->judged[rule]);
		if (verdicts->violations[rule] > 0)
			count(rules, name,
			    (json_int_t)verdicts->violations[rule]);
	}
	for (size_t i = 0; i < hist->row.n; i++)
		sold += hist->row.at[i].status == ROW_SOLD;
	o = json_pack("{s:I, s:I, s:I, s:I, s:f, s:o, s:o, s:o, s:o, s:I, s:o, "
		      "s:o}",
	    "attempts", (json_int_t)hist->attempt.n, "keys",
	    (json_int_t)hist->keys.n, "stock", (json_int_t)hist->stock, "sold",
	    sold, "share_503", share_503, "answers", said, "doubts",
	    doubts(hist), "accepted", accepted(hist), "faults",
	    recoveries(hist), "violations", violations, "rules", rules,
	    "judged", judged);
	if (o == NULL || json_dumpf(o, stdout, JSON_COMPACT) != 0)
		abort();
	putchar('\n');
	json_decref(o);
}
