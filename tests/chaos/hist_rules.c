/* SPDX-License-Identifier: Apache-2.0 */
/*
 * C1 to C12.  Everything in a history is a row that is written once under
 * unique keys, so each anomaly is a matter of sets, counts and a few orders in
 * time: no rule looks at more than one key's attempts, or sorts.
 */
#include "config.h"

#include "chaos/hist_judge.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void convict(struct judge *judge, int rule, const char *format, ...)
{
	va_list args;

	if (judge->verdicts->violations[rule]++ >= judge->verdicts->shown)
		return;
	printf("C%d: ", rule);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

/* ---- C1, C2: the ledger by itself ---- */

static void judge_row(
    struct judge *judge, const struct row *row, uint64_t *slots)
{
	const struct hist *hist = judge->hist;
	uint32_t held = ++judge->sold_of_customer[row->customer];

	judge->nsold++;
	judged(judge, 1, 1);
	judged(judge, 2, 1);
	if (row->unit < 1 || row->unit > hist->stock)
		convict(judge, 1, "order %s is for unit %u of %u",
		    order_text(hist, row->order), row->unit, hist->stock);
	else if (judge->unit_sold[row->unit])
		convict(judge, 1, "unit %u is sold twice, once as %s",
		    row->unit, order_text(hist, row->order));
	else
		judge->unit_sold[row->unit] = true;
	if (held == hist->per_customer + 1)
		convict(judge, 2, "customer %s holds more than %u",
		    customer_text(hist, row->customer), hist->per_customer);
	if (row->slot < 1 || row->slot > hist->per_customer ||
	    (slots[row->customer] & (UINT64_C(1) << row->slot)) != 0)
		convict(judge, 2, "customer %s: slot %u of %u twice, or beyond",
		    customer_text(hist, row->customer), row->slot,
		    hist->per_customer);
	if (row->slot < 64)
		slots[row->customer] |= UINT64_C(1) << row->slot;
}

static void judge_ledger(struct judge *judge)
{
	const struct hist *hist = judge->hist;
	uint64_t *slots = calloc(hist->customers.n + 1, sizeof(*slots));

	if (slots == NULL)
		abort();
	for (size_t i = 0; i < hist->row.n; i++)
		if (hist->row.at[i].status == ROW_SOLD)
			judge_row(judge, &hist->row.at[i], slots);
	if (judge->nsold > hist->stock)
		convict(judge, 1, "%u sold of %u", judge->nsold, hist->stock);
	free(slots);
}

/* ---- C6: "sold out" and the count ---- */

/* When what waits counts as sold, and Redis loses it, its unit comes back.  In a
 * history without a 202 nothing ever waited. */
static double units_back_until(const struct hist *hist)
{
	bool waited = false;
	double until = -1;

	for (size_t i = 0; i < hist->attempt.n && !waited; i++)
		waited = told_pending(&hist->attempt.at[i]);
	for (size_t i = 0; i < hist->loss.n && waited; i++)
		if (hist->loss.at[i].end > until)
			until = hist->loss.at[i].end;
	return until;
}

static const struct attempt *sold_out_first(struct judge *judge)
{
	const struct hist *hist = judge->hist;
	const struct attempt *said = NULL;
	double from = units_back_until(hist);

	for (size_t i = 0; i < hist->attempt.n; i++) {
		const struct attempt *a = &hist->attempt.at[i];

		if (!a->get && a->status == 409 && a->start_wall > from &&
		    code_is(hist, a, "sold-out")) {
			judged(judge, 6, 1);
			if (said == NULL || a->end < said->end)
				said = a;
		}
	}
	return said;
}

static void judge_sold_out(struct judge *judge)
{
	const struct hist *hist = judge->hist;
	const struct attempt *said =
	    hist->stock_changed ? NULL : sold_out_first(judge);

	if (said == NULL)
		return;
	if (judge->nsold < hist->stock)
		convict(judge, 6,
		    "\"sold out\" was said, and %u of %u are sold",
		    judge->nsold, hist->stock);
	for (size_t i = 0; i < hist->row.n; i++) {
		const struct row *row = &hist->row.at[i];

		if (row->status == ROW_SOLD &&
		    row->created > wall_end(said) + CLOCK_SLACK_S)
			convict(judge, 6,
			    "order %s was made after \"sold out\"",
			    order_text(hist, row->order));
	}
	for (size_t i = 0; i < hist->attempt.n; i++) {
		const struct attempt *a = &hist->attempt.at[i];
		const struct key *key = &hist->key.at[a->key];

		/* Who had asked before may have been sold to before. */
		if (!a->get && (told_yes(a) || told_pending(a)) &&
		    hist->attempt.at[key->first].start > said->end)
			convict(judge, 6,
			    "%s first asked after \"sold out\", "
			    "and was told yes",
			    customer_text(hist, key->customer));
	}
}

/* ---- C7: every unit has exactly one home ---- */

static void judge_units(struct judge *judge)
{
	const struct hist *hist = judge->hist;
	uint8_t *freely = calloc(hist->stock + 1, 1);

	if (freely == NULL)
		abort();
	judged(judge, 7, hist->stock);
	for (size_t i = 0; i < hist->free.n; i++) {
		uint32_t unit = hist->free.at[i];

		if (unit < 1 || unit > hist->stock)
			convict(judge, 7, "unit %u of %u is free", unit,
			    hist->stock);
		else if (freely[unit]++)
			convict(judge, 7, "unit %u is free twice", unit);
		else if (judge->unit_sold[unit])
			convict(judge, 7, "unit %u is free, and sold", unit);
	}
	for (size_t i = 0; i < hist->waiting.n; i++) {
		uint32_t unit = hist->waiting.at[i].unit;

		convict(judge, 7, "order %s still waits when all is quiet",
		    order_text(hist, hist->waiting.at[i].order));
		if (unit >= 1 && unit <= hist->stock && freely[unit]++)
			convict(judge, 7, "unit %u waits, and is free", unit);
	}
	for (size_t i = 0; i < hist->held.n; i++)
		convict(judge, 7, "%s holds an entry when all is quiet",
		    customer_text(hist, hist->held.at[i]));
	for (uint32_t unit = 1; unit <= hist->stock; unit++)
		if (freely[unit] == 0 && !judge->unit_sold[unit])
			convict(judge, 7, "unit %u has no home", unit);
	free(freely);
	for (size_t i = 0; i < hist->lease.n; i++)
		convict(judge, 7, "claim %s is still leased when all is quiet",
		    order_text(hist, hist->lease.at[i]));
}

static void judge_slots(struct judge *judge)
{
	const struct hist *hist = judge->hist;
	bool *named = calloc(hist->orders.n + 1, sizeof(*named));

	if (named == NULL)
		abort();
	for (size_t i = 0; i < hist->slot.n; i++) {
		const struct slot *slot = &hist->slot.at[i];
		const struct row *row = row_of(hist, slot->order);

		if (row == NULL || row->status != ROW_SOLD ||
		    row->customer != slot->customer || row->slot != slot->slot)
			convict(judge, 7,
			    "the gate's slot %u of %s names %s, "
			    "which is no such order",
			    slot->slot, customer_text(hist, slot->customer),
			    order_text(hist, slot->order));
		else
			named[slot->order] = true;
	}
	for (size_t i = 0; i < hist->row.n; i++)
		if (hist->row.at[i].status == ROW_SOLD &&
		    !named[hist->row.at[i].order])
			convict(judge, 7, "the gate has no slot for order %s",
			    order_text(hist, hist->row.at[i].order));
	free(named);
}

/* ---- C8: nothing is in doubt for long ---- */

/* How much of from .. to was an outage.  Two at once are one: each step goes to
 * the end of the furthest that has begun, or to the beginning of the next. */
static double outage_s(const struct hist *hist, double from, double to)
{
	double sum = 0, at = from;

	while (at < to) {
		double until = at, next = to;

		for (size_t i = 0; i < hist->fault.n; i++) {
			const struct fault *fault = &hist->fault.at[i];

			if (fault->begin <= at && fault->end > until)
				until = fault->end;
			if (fault->begin > at && fault->begin < next)
				next = fault->begin;
		}
		if (until > to)
			until = to;
		sum += until - at;
		at = until > at ? until : next;
	}
	return sum;
}

/* A void row decided a claim that its key's latest attempt before it had made,
 * or an earlier one: it is at least as old as that attempt. */
static void judge_void(struct judge *judge, const struct row *row)
{
	const struct hist *hist = judge->hist;
	const struct key *key = &hist->key.at[row->key];
	double latest = -1, age;

	for (uint32_t i = key->first; i < key->first + key->n; i++) {
		double end = wall_end(&hist->attempt.at[i]);

		if (hist->attempt.at[i].start_wall < row->created &&
		    end > latest)
			latest = end;
	}
	if (latest < 0)
		return;
	judged(judge, 8, 1);
	age = row->created - latest - outage_s(hist, latest, row->created);
	if (age > hist->undecided_s + CLOCK_SLACK_S)
		convict(judge, 8,
		    "claim %s was void only %.1f s after it was "
		    "last asked for",
		    order_text(hist, row->order), row->created - latest);
}

/* ---- C9: nobody owns what nobody asked for ---- */

static void judge_phantom(struct judge *judge, const struct row *row)
{
	const struct hist *hist = judge->hist;
	const struct key *key;

	judged(judge, 9, 1);
	if (row->key == NONE || hist->key.at[row->key].n == 0) {
		convict(judge, 9, "nobody asked for order %s of %s",
		    order_text(hist, row->order),
		    customer_text(hist, row->customer));
		return;
	}
	key = &hist->key.at[row->key];
	if (row->created + CLOCK_SLACK_S <
	    hist->attempt.at[key->first].start_wall)
		convict(judge, 9, "order %s was made before it was asked for",
		    order_text(hist, row->order));
}

/* ---- C10: counters ---- */

static bool redis_lost(const struct hist *hist)
{
	for (size_t i = 0; i < hist->counter.n; i++)
		if (strcmp(hist->counter.at[i].name, "redis_lost") == 0 &&
		    hist->counter.at[i].value > 0)
			return true;
	return false;
}

static void judge_counters(struct judge *judge)
{
	const struct hist *hist = judge->hist;

	if (redis_lost(hist))
		return;
	for (size_t i = 0; i < hist->counter.n; i++) {
		judged(judge, 10, 1);
		if (hist->counter.at[i].value > 0)
			convict(judge, 10, "%s is %.0f, and Redis lost nothing",
			    hist->counter.at[i].name,
			    hist->counter.at[i].value);
	}
}

/* ---- all of them ---- */

/* Without a claim key a row is its teller's, or its customer's only key's. */
static void keys_guess(const struct hist *hist)
{
	uint32_t *only = malloc((hist->customers.n + 1) * sizeof(*only));

	if (only == NULL)
		abort();
	for (uint32_t c = 0; c < hist->customers.n; c++)
		only[c] = NONE;
	for (uint32_t k = 0; k < hist->keys.n; k++) {
		uint32_t *at = &only[hist->key.at[k].customer];

		*at = *at == NONE ? k : NONE - 1;
	}
	for (size_t i = 0; i < hist->row.n; i++)
		if (hist->row.at[i].key == NONE &&
		    only[hist->row.at[i].customer] < NONE - 1)
			hist->row.at[i].key = only[hist->row.at[i].customer];
	free(only);
}

void hist_judge(const struct hist *hist, struct verdicts *verdicts)
{
	struct judge judge = {.hist = hist, .verdicts = verdicts};

	judge.sold_of_key = calloc(hist->keys.n + 1, sizeof(uint32_t));
	judge.sold_of_customer =
	    calloc(hist->customers.n + 1, sizeof(uint32_t));
	judge.unit_sold = calloc(hist->stock + 1, sizeof(bool));
	if (judge.sold_of_key == NULL || judge.sold_of_customer == NULL ||
	    judge.unit_sold == NULL)
		abort();
	if (!hist->have_claim_key)
		keys_guess(hist);
	judge_ledger(&judge);
	judge_keys(&judge);
	judge_sold_out(&judge);
	if (hist->have_gate) {
		judge_units(&judge);
		judge_slots(&judge);
	}
	for (size_t i = 0; i < hist->row.n; i++) {
		const struct row *row = &hist->row.at[i];

		if (row->status == ROW_VOID && row->key != NONE &&
		    hist->undecided_s > 0)
			judge_void(&judge, row);
		if (row->status == ROW_SOLD)
			judge_phantom(&judge, row);
	}
	judge_counters(&judge);
	judge_readings(&judge);
	judge_accepted(&judge);
	free(judge.sold_of_key);
	free(judge.sold_of_customer);
	free(judge.unit_sold);
}
