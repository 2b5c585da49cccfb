/* SPDX-License-Identifier: Apache-2.0 */
/*
 * C1 to C11.  Everything in a history is a row that is written once under
 * unique keys, so each anomaly is a matter of sets, counts and a few orders in
 * time: no rule looks at more than one key's attempts, or sorts.
 */
#include "config.h"

#include "chaos/hist.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Rows carry the ledger's time, or the worker's guess of it; attempts ours. */
#define CLOCK_SLACK_S 0.5

struct judge {
	const struct hist *hist;
	struct verdicts *verdicts;
	uint32_t *sold_of_key; /* rows, by key; NONE */
	uint32_t *sold_of_customer; /* how many, by customer */
	bool *unit_sold; /* by unit, 1.. */
	uint32_t nsold;
};

static void convict(struct judge *judge, int rule, const char *format, ...)
    ATTR_PRINTF(3, 4);

static void convict(struct judge *judge, int rule, const char *format, ...)
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

/* ---- words ---- */

static const char *order_text(const struct hist *hist, uint32_t order)
{
	return order == NONE ? "(none)" : hist->orders.text[order];
}

static const char *customer_text(const struct hist *hist, uint32_t customer)
{
	return hist->customers.text[customer];
}

static const struct row *row_of(const struct hist *hist, uint32_t order)
{
	uint32_t i = order == NONE ? NONE : hist->row_of.at[order];

	return i == NONE ? NULL : &hist->row.at[i];
}

static bool told_yes(const struct attempt *a)
{
	return !a->get && (a->status == 200 || a->status == 201);
}

static bool code_is(
    const struct hist *hist, const struct attempt *a, const char *code)
{
	return strcmp(hist->codes.text[a->code], code) == 0;
}

/* What nobody may hear and then find himself the owner. */
static bool told_no(const struct hist *hist, const struct attempt *a)
{
	static const char *const final[] = {"sold-out", "limit-reached",
	    "key-spent", "key-reused", "sale-ended"};

	if (a->get || a->status < 400 || a->status > 499)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(final); i++)
		if (code_is(hist, a, final[i]))
			return true;
	return false;
}

/* An attempt's times on the ledger's clock. */
static double wall_end(const struct attempt *a)
{
	return a->start_wall + (a->end - a->start);
}

/* ---- C1, C2: the ledger by itself ---- */

static void judge_row(
    struct judge *judge, const struct row *row, uint64_t *slots)
{
	const struct hist *hist = judge->hist;
	uint32_t held = ++judge->sold_of_customer[row->customer];

	judge->nsold++;
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

/* ---- C3, C4, C5, C11: what shoppers were told ---- */

static void judge_yes(struct judge *judge, const struct attempt *a)
{
	const struct hist *hist = judge->hist;
	const struct row *row = row_of(hist, a->order);
	const char *who = customer_text(hist, hist->key.at[a->key].customer);

	if (row == NULL || row->status == ROW_VOID)
		convict(judge, 3, "%s was told of order %s, which %s", who,
		    order_text(hist, a->order),
		    row == NULL ? "is nowhere" : "is void");
	else if (row->customer != hist->key.at[a->key].customer)
		convict(judge, 3, "%s was told of order %s, which is %s's", who,
		    order_text(hist, a->order),
		    customer_text(hist, row->customer));
	else if (row->status == ROW_SOLD && row->unit != a->unit)
		convict(judge, 3, "order %s was told with unit %u, it has %u",
		    order_text(hist, a->order), a->unit, row->unit);
	else if (row->key != NONE && row->key != a->key)
		convict(judge, 5, "%s was told of order %s of another key", who,
		    order_text(hist, a->order));
}

/* Was the limit reached, by what the ledger has?  Rows by then. */
static uint32_t sold_by(const struct hist *hist, const struct row *const *rows,
    uint32_t n, uint32_t customer, double when)
{
	uint32_t held = 0;

	(void)hist;
	for (uint32_t i = 0; i < n; i++)
		held += rows[i]->customer == customer &&
			rows[i]->status != ROW_VOID && rows[i]->created <= when;
	return held;
}

struct by_customer {
	const struct row **rows; /* by customer */
	uint32_t *from; /* by customer, and one more */
};

static void judge_no(struct judge *judge, const struct by_customer *by,
    const struct key *key, const struct attempt *a, double first_yes_end)
{
	const struct hist *hist = judge->hist;
	const struct attempt *last = &hist->attempt.at[key->first + key->n - 1];
	uint32_t k = a->key, customer = key->customer;
	const char *who = customer_text(hist, customer);
	const char *code = hist->codes.text[a->code];
	uint32_t from = by->from[customer], to = by->from[customer + 1];

	if (a->status == 422) {
		convict(judge, 4,
		    "%s, who never changed his request, was told "
		    "%s",
		    who, code);
		return;
	}
	if (first_yes_end < a->start)
		convict(judge, 4, "%s was told yes, and later %s", who, code);
	else if (judge->sold_of_key[k] != NONE && last->start <= a->start)
		convict(judge, 4,
		    "%s was told %s, did not ask again, and owns order %s", who,
		    code,
		    order_text(
			hist, hist->row.at[judge->sold_of_key[k]].order));
	if (code_is(hist, a, "limit-reached") &&
	    sold_by(hist, by->rows + from, to - from, customer,
		wall_end(a) + CLOCK_SLACK_S) < hist->per_customer)
		convict(judge, 4, "%s was told %s, and holds less", who, code);
}

static void judge_key(
    struct judge *judge, const struct by_customer *by, uint32_t k)
{
	const struct hist *hist = judge->hist;
	const struct key *key = &hist->key.at[k];
	uint32_t named = NONE;
	double first_yes_end = 1e300;

	for (uint32_t i = key->first; i < key->first + key->n; i++) {
		const struct attempt *a = &hist->attempt.at[i];
		bool cancelled =
		    row_of(hist, a->order) != NULL &&
		    row_of(hist, a->order)->status == ROW_CANCELLED;

		if (!told_yes(a))
			continue;
		judge_yes(judge, a);
		if (named != NONE && a->order != named && !cancelled)
			convict(judge, 5, "a key of %s names %s and %s",
			    customer_text(hist, key->customer),
			    order_text(hist, named),
			    order_text(hist, a->order));
		named = a->order;
		if (a->end < first_yes_end && !cancelled)
			first_yes_end = a->end;
	}
	for (uint32_t i = key->first; i < key->first + key->n; i++)
		if (told_no(hist, &hist->attempt.at[i]))
			judge_no(judge, by, key, &hist->attempt.at[i],
			    first_yes_end);
}

static void rows_by_customer(const struct hist *hist, struct by_customer *by)
{
	uint32_t n = hist->customers.n;
	uint32_t *fill = calloc(n + 1, sizeof(*fill));

	by->rows = calloc(hist->row.n + 1, sizeof(struct row *));
	by->from = calloc(n + 2, sizeof(*by->from));
	if (by->rows == NULL || by->from == NULL || fill == NULL)
		abort();
	for (size_t i = 0; i < hist->row.n; i++)
		by->from[hist->row.at[i].customer + 1]++;
	for (uint32_t c = 0; c < n; c++)
		by->from[c + 1] += by->from[c];
	for (size_t i = 0; i < hist->row.n; i++) {
		uint32_t c = hist->row.at[i].customer;

		by->rows[by->from[c] + fill[c]++] = &hist->row.at[i];
	}
	free(fill);
}

static void judge_keys(struct judge *judge)
{
	const struct hist *hist = judge->hist;
	struct by_customer by;

	for (uint32_t k = 0; k < hist->keys.n; k++)
		judge->sold_of_key[k] = NONE;
	for (size_t i = 0; i < hist->row.n; i++) {
		const struct row *row = &hist->row.at[i];

		if (row->status != ROW_SOLD || row->key == NONE)
			continue;
		if (judge->sold_of_key[row->key] != NONE)
			convict(judge, 5,
			    "a key of %s has two orders, one is %s",
			    customer_text(hist, row->customer),
			    order_text(hist, row->order));
		judge->sold_of_key[row->key] = (uint32_t)i;
	}
	rows_by_customer(hist, &by);
	for (uint32_t k = 0; k < hist->keys.n; k++)
		judge_key(judge, &by, k);
	free(by.rows);
	free(by.from);
}

/* ---- C6: "sold out" and the count ---- */

static void judge_sold_out(struct judge *judge)
{
	const struct hist *hist = judge->hist;
	const struct attempt *said = NULL;

	if (hist->stock_changed)
		return;
	for (size_t i = 0; i < hist->attempt.n; i++) {
		const struct attempt *a = &hist->attempt.at[i];

		if (!a->get && a->status == 409 &&
		    code_is(hist, a, "sold-out") &&
		    (said == NULL || a->end < said->end))
			said = a;
	}
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
		if (told_yes(a) &&
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

/* How much of from .. to was an outage. */
static double outage_s(const struct hist *hist, double from, double to)
{
	double sum = 0;

	for (size_t i = 0; i < hist->fault.n; i++) {
		const struct fault *fault = &hist->fault.at[i];
		double a = fault->begin > from ? fault->begin : from;
		double b = fault->end < to ? fault->end : to;

		sum += b > a ? b - a : 0;
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

/* ---- C10: counters; C11: reading one's own order ---- */

static bool counter_allowed(const struct hist *hist, const char *name)
{
	bool lost = false;

	for (size_t i = 0; i < hist->counter.n; i++)
		lost |= strcmp(hist->counter.at[i].name, "redis_lost") == 0 &&
			hist->counter.at[i].value > 0;
	return strcmp(name, "redis_lost") == 0 || lost;
}

static void judge_counters(struct judge *judge)
{
	const struct hist *hist = judge->hist;

	for (size_t i = 0; i < hist->counter.n; i++)
		if (hist->counter.at[i].value > 0 &&
		    !counter_allowed(hist, hist->counter.at[i].name))
			convict(judge, 10, "%s is %.0f, and Redis lost nothing",
			    hist->counter.at[i].name,
			    hist->counter.at[i].value);
}

static void judge_readings(struct judge *judge)
{
	const struct hist *hist = judge->hist;
	double *yes = calloc(hist->orders.n + 1, sizeof(*yes));

	if (yes == NULL)
		abort();
	for (uint32_t i = 0; i < hist->orders.n; i++)
		yes[i] = 1e300;
	for (size_t i = 0; i < hist->attempt.n; i++) {
		const struct attempt *a = &hist->attempt.at[i];

		if (told_yes(a) && a->order != NONE && a->end < yes[a->order])
			yes[a->order] = a->end;
	}
	for (size_t i = 0; i < hist->attempt.n; i++) {
		const struct attempt *a = &hist->attempt.at[i];
		const struct row *row = row_of(hist, a->order);

		if (!a->get || a->order == NONE || yes[a->order] > a->start)
			continue;
		if (a->status == 404 || a->status == 202)
			convict(judge, 11,
			    "order %s was told of, and then read "
			    "as %d",
			    order_text(hist, a->order), a->status);
		else if (a->status == 200 && row != NULL &&
			 row->unit != a->unit)
			convict(judge, 11,
			    "order %s was read with unit %u, it "
			    "has %u",
			    order_text(hist, a->order), a->unit, row->unit);
	}
	free(yes);
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
	free(judge.sold_of_key);
	free(judge.sold_of_customer);
	free(judge.unit_sold);
}
