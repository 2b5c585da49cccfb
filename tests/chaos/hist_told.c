/* SPDX-License-Identifier: Apache-2.0 */
/* C3, C4, C5: what shoppers were told, held against the ledger. */
#include "config.h"

#include "chaos/hist_judge.h"

#include <stdlib.h>

static bool code_among(const struct hist *hist, const struct attempt *a,
    const char *const *codes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (code_is(hist, a, codes[i]))
			return true;
	return false;
}

static bool is_no(const struct attempt *a)
{
	return !a->get && a->status >= 400 && a->status <= 499;
}

/* What nobody may hear and then find himself the owner. */
static bool told_no(const struct hist *hist, const struct attempt *a)
{
	static const char *const final[] = {"sold-out", "limit-reached",
	    "key-spent", "key-reused", "sale-ended"};

	return is_no(a) && code_among(hist, a, final, ARRAY_LEN(final));
}

/* An answer that somebody who buys by the rules may get.  A 404, say, is a no
 * like any other to him: what is not known here is not passed over. */
static bool may_be_told(const struct hist *hist, const struct attempt *a)
{
	static const char *const not_final[] = {"in-progress", "rate-limited"};
	static const char *const not_open[] = {"sale-not-open", "sale-ended"};

	if (is_no(a) && code_among(hist, a, not_open, ARRAY_LEN(not_open)))
		return !hist->always_open;
	if (is_no(a))
		return told_no(hist, a) ||
		       code_among(hist, a, not_final, ARRAY_LEN(not_final));
	return a->get || a->status == 0 || a->status == 200 ||
	       a->status == 201 || a->status == 202 || a->status >= 500;
}

static void judge_yes(struct judge *judge, const struct attempt *a)
{
	const struct hist *hist = judge->hist;
	const struct row *row = row_of(hist, a->order);
	const char *who = customer_text(hist, hist->key.at[a->key].customer);

	judged(judge, 3, 1);
	judged(judge, 5, 1);
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
static uint32_t sold_by(
    const struct row *const *rows, uint32_t n, uint32_t customer, double when)
{
	uint32_t held = 0;

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

	judged(judge, 4, 1);
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
	    sold_by(by->rows + from, to - from, customer,
		wall_end(a) + CLOCK_SLACK_S) < hist->per_customer)
		convict(judge, 4, "%s was told %s, and holds less", who, code);
}

/* What a key names, after one more answer.  An accepted order may be void or
 * lost: then another takes its place. */
static const struct attempt *judge_name(struct judge *judge,
    const struct key *key, const struct attempt *named, const struct attempt *a)
{
	const struct hist *hist = judge->hist;
	const struct row *row = row_of(hist, a->order);

	if (told_pending(a) && row != NULL && row->key != NONE &&
	    row->key != a->key)
		convict(judge, 5, "%s was told of order %s of another key",
		    customer_text(hist, key->customer),
		    order_text(hist, a->order));
	if (named == NULL || named->order == a->order ||
	    (row != NULL && row->status == ROW_CANCELLED))
		return told_pending(a) && named != NULL ? named : a;
	if (told_pending(a) && is_gone(hist, a->order))
		return named;
	if (!told_pending(named) || !is_gone(hist, named->order))
		convict(judge, 5, "a key of %s names %s and %s",
		    customer_text(hist, key->customer),
		    order_text(hist, named->order), order_text(hist, a->order));
	return a;
}

static void judge_key(
    struct judge *judge, const struct by_customer *by, uint32_t k)
{
	const struct hist *hist = judge->hist;
	const struct key *key = &hist->key.at[k];
	const struct attempt *named = NULL;
	double first_yes_end = 1e300;

	for (uint32_t i = key->first; i < key->first + key->n; i++) {
		const struct attempt *a = &hist->attempt.at[i];
		bool cancelled =
		    row_of(hist, a->order) != NULL &&
		    row_of(hist, a->order)->status == ROW_CANCELLED;

		if (a->get || (!told_yes(a) && !told_pending(a)))
			continue;
		if (told_yes(a))
			judge_yes(judge, a);
		named = judge_name(judge, key, named, a);
		if (told_yes(a) && a->end < first_yes_end && !cancelled)
			first_yes_end = a->end;
	}
	for (uint32_t i = key->first; i < key->first + key->n; i++) {
		const struct attempt *a = &hist->attempt.at[i];

		if (told_no(hist, a))
			judge_no(judge, by, key, a, first_yes_end);
		if (!may_be_told(hist, a))
			convict(judge, 4,
			    "%s was told %d %s, which nobody may hear",
			    customer_text(hist, key->customer), a->status,
			    hist->codes.text[a->code]);
	}
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

void judge_keys(struct judge *judge)
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
