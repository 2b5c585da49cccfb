/* SPDX-License-Identifier: Apache-2.0 */
/*
 * C12, and its part of C4: what was accepted is decided; C11: who was told of an
 * order can read it.
 *
 * A 202 is a promise as strong as what Redis has stored: where Redis lost nothing
 * that it had, each is sold.  Void is then only what had its void row before it
 * was accepted: a new gate knows nothing of those rows, and a worker to whom the
 * ledger is away cannot ask.
 */
#include "config.h"

#include "chaos/hist_judge.h"

#include <stdlib.h>

/* What shoppers heard of an order, by when; by the number of orders. */
struct heard {
	double yes_end; /* the first time; 1e300: never */
	double pending_end; /* the first 202 */
	double first_wall; /* when the first one was asked for, by the ledger */
	double last_wall; /* and the last one */
};

static bool is_reading_of_sold(const struct attempt *a)
{
	return a->get && a->status == 200;
}

static struct heard *heard_by_order(const struct hist *hist)
{
	struct heard *heard = calloc(hist->orders.n + 1, sizeof(*heard));

	if (heard == NULL)
		abort();
	for (uint32_t i = 0; i < hist->orders.n; i++)
		heard[i] = (struct heard){1e300, 1e300, 1e300, -1};
	for (size_t i = 0; i < hist->attempt.n; i++) {
		const struct attempt *a = &hist->attempt.at[i];
		struct heard *h = a->order != NONE ? &heard[a->order] : NULL;

		if (h == NULL)
			continue;
		if ((told_yes(a) || is_reading_of_sold(a)) &&
		    a->end < h->yes_end)
			h->yes_end = a->end;
		if (!told_pending(a))
			continue;
		if (a->end < h->pending_end)
			h->pending_end = a->end;
		if (a->start_wall < h->first_wall)
			h->first_wall = a->start_wall;
		if (a->start_wall > h->last_wall)
			h->last_wall = a->start_wall;
	}
	return heard;
}

/* ---- C12: one answer --------------------------------------------------------------- */

static void judge_pending(
    struct judge *judge, const struct heard *heard, const struct attempt *a)
{
	const struct hist *hist = judge->hist;
	uint32_t customer = hist->key.at[a->key].customer;
	const char *who = customer_text(hist, customer);
	const struct row *row = row_of(hist, a->order);

	judged(judge, 12, 1);
	if (a->order == NONE)
		convict(judge, 12, "%s was told 202, and of no order", who);
	else if (heard[a->order].yes_end < a->start)
		convict(judge, 12,
		    "order %s of %s was told to be his, and later to be "
		    "pending",
		    order_text(hist, a->order), who);
	else if (row != NULL && row->customer != customer)
		convict(judge, 12, "%s was told of order %s, which is %s's",
		    who, order_text(hist, a->order),
		    customer_text(hist, row->customer));
}

/* ---- C12: what became of it ---------------------------------------------------------- */

static double counter_of(const struct hist *hist, const char *name)
{
	for (size_t i = 0; i < hist->counter.n; i++)
		if (strcmp(hist->counter.at[i].name, name) == 0)
			return hist->counter.at[i].value;
	return 0;
}

/* A host's list of what it has accepted dies with its master. */
static double last_master_end(const struct hist *hist)
{
	double end = -1;

	for (size_t i = 0; i < hist->fault.n; i++) {
		const struct fault *fault = &hist->fault.at[i];

		if (strcmp(hist->kinds.text[fault->kind], "master-kill") == 0 &&
		    fault->end > end)
			end = fault->end;
	}
	return end;
}

static void judge_fates(struct judge *judge, const struct heard *heard)
{
	const struct hist *hist = judge->hist;
	double master_end = last_master_end(hist);
	double counted = counter_of(hist, "queue_lost");
	uint32_t nowhere = 0;

	/* No slack: a settler that voids what was accepted does so at once. */
	for (uint32_t i = 0; i < hist->orders.n; i++) {
		const struct heard *h = &heard[i];
		const struct row *row = row_of(hist, i);

		if (h->last_wall < 0 || !is_gone(hist, i))
			continue;
		nowhere += row == NULL && h->last_wall > master_end;
		if (lost_since(hist, h->last_wall) ||
		    (row != NULL && row->created < h->first_wall))
			continue;
		convict(judge, 12, "order %s was accepted, and is %s%s",
		    order_text(hist, i), row == NULL ? "nowhere" : "void",
		    hist->loss.n > 0 ? ", though Redis lost nothing after it"
				     : "");
	}
	if (nowhere > counted)
		convict(judge, 12,
		    "%u orders were accepted and are nowhere, %.0f were "
		    "counted as lost",
		    nowhere, counted);
}

struct accepted_count hist_accepted(const struct hist *hist)
{
	struct accepted_count count = {0};
	struct heard *heard = heard_by_order(hist);

	for (uint32_t i = 0; i < hist->orders.n; i++) {
		const struct row *row = row_of(hist, i);

		if (heard[i].last_wall < 0)
			continue;
		count.told++;
		count.nowhere += row == NULL;
		count.voided += row != NULL && row->status == ROW_VOID;
		count.sold += row != NULL && row->status != ROW_VOID;
	}
	free(heard);
	return count;
}

/* ---- C4: a final no to who was accepted -------------------------------------------------- */

static bool is_final_no(const struct hist *hist, const struct attempt *a)
{
	static const char *const final[] = {
	    "sold-out", "limit-reached", "key-spent", "sale-ended"};

	for (size_t i = 0; i < ARRAY_LEN(final); i++)
		if (a->status >= 400 && code_is(hist, a, final[i]))
			return true;
	return false;
}

/* The row has the time of its acceptance: was it this one, and not a later one
 * after a loss? */
static void judge_key_accepted(struct judge *judge, uint32_t k)
{
	const struct hist *hist = judge->hist;
	const struct key *key = &hist->key.at[k];
	const struct attempt *first = NULL;

	for (uint32_t i = key->first; i < key->first + key->n; i++) {
		const struct attempt *a = &hist->attempt.at[i];
		const struct row *row = row_of(hist, a->order);

		if (!a->get && told_pending(a) && row != NULL &&
		    row->status == ROW_SOLD &&
		    row->created <= wall_end(a) + CLOCK_SLACK_S &&
		    (first == NULL || a->end < first->end))
			first = a;
	}
	for (uint32_t i = key->first; first != NULL && i < key->first + key->n;
	     i++) {
		const struct attempt *a = &hist->attempt.at[i];

		if (!a->get && a->start > first->end && is_final_no(hist, a))
			convict(judge, 4,
			    "%s was told that order %s is accepted, then %s, "
			    "and it is sold",
			    customer_text(hist, key->customer),
			    order_text(hist, first->order),
			    hist->codes.text[a->code]);
	}
}

void judge_accepted(struct judge *judge)
{
	const struct hist *hist = judge->hist;
	struct heard *heard = heard_by_order(hist);

	for (size_t i = 0; i < hist->attempt.n; i++)
		if (told_pending(&hist->attempt.at[i]))
			judge_pending(judge, heard, &hist->attempt.at[i]);
	judge_fates(judge, heard);
	for (uint32_t k = 0; k < hist->keys.n; k++)
		judge_key_accepted(judge, k);
	free(heard);
}

/* ---- C11: reading one's own order ---------------------------------------------------------- */

/* Then the number is given anew, to the same key. */
static bool asked_again(
    const struct hist *hist, const struct row *row, const struct attempt *a)
{
	const struct key *key =
	    row->key != NONE ? &hist->key.at[row->key] : NULL;

	for (uint32_t i = 0; key != NULL && i < key->n; i++)
		if (hist->attempt.at[key->first + i].end >= a->start)
			return true;
	return false;
}

/* It was told to be pending, and reads as "no such order". */
static void judge_unknown(
    struct judge *judge, const struct heard *h, const struct attempt *a)
{
	const struct hist *hist = judge->hist;
	const struct row *row = row_of(hist, a->order);

	/* Whether it may be gone, C12 judges. */
	if (is_gone(hist, a->order) ||
	    (lost_since(hist, h->first_wall) && asked_again(hist, row, a)))
		return;
	convict(judge, 11,
	    "order %s was accepted, read as 404, not asked for again, and "
	    "is sold",
	    order_text(hist, a->order));
}

static void judge_reading(
    struct judge *judge, const struct heard *h, const struct attempt *a)
{
	const struct hist *hist = judge->hist;
	const struct row *row = row_of(hist, a->order);
	const char *order = order_text(hist, a->order);

	judged(judge, 11, 1);
	if (a->status == 0 || a->status >= 500)
		return;
	if (a->status == 200 && is_gone(hist, a->order))
		convict(judge, 11, "order %s was read as sold, and is %s",
		    order, row == NULL ? "nowhere" : "void");
	else if (a->status == 200 && row->unit != a->unit)
		convict(judge, 11, "order %s was read with unit %u, it has %u",
		    order, a->unit, row->unit);
	else if (a->status == 404 && h->yes_end > a->start)
		judge_unknown(judge, h, a);
	else if (a->status != 200 &&
		 (a->status != 202 || h->yes_end <= a->start))
		convict(judge, 11, "order %s was told of, and then read as %d",
		    order, a->status);
}

void judge_readings(struct judge *judge)
{
	const struct hist *hist = judge->hist;
	struct heard *heard = heard_by_order(hist);

	for (size_t i = 0; i < hist->attempt.n; i++) {
		const struct attempt *a = &hist->attempt.at[i];
		const struct heard *h =
		    a->order != NONE ? &heard[a->order] : NULL;

		if (a->get && h != NULL &&
		    (h->yes_end <= a->start || h->pending_end <= a->start))
			judge_reading(judge, h, a);
	}
	free(heard);
}
