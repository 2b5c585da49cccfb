/* SPDX-License-Identifier: Apache-2.0 */
/* What the rules share: the state of a judgement, and words.  For hist_rules.c
 * and hist_told.c alone. */
#ifndef TESTS_CHAOS_HIST_JUDGE_H
#define TESTS_CHAOS_HIST_JUDGE_H

#include "chaos/hist.h"

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

/* A rule looks at something. */
static inline void judged(struct judge *judge, int rule, size_t n)
{
	judge->verdicts->judged[rule] += n;
}

/* Counts a violation of a rule, and prints the first ones. */
void convict(struct judge *judge, int rule, const char *format, ...)
    ATTR_PRINTF(3, 4);

/* C3, C4, C5: what shoppers were told; C11: reading one's own order; C12, and its
 * part of C4: what became of what was accepted. */
void judge_keys(struct judge *judge);
void judge_readings(struct judge *judge);
void judge_accepted(struct judge *judge);

static inline const char *order_text(const struct hist *hist, uint32_t order)
{
	return order == NONE ? "(none)" : hist->orders.text[order];
}

static inline const char *customer_text(
    const struct hist *hist, uint32_t customer)
{
	return hist->customers.text[customer];
}

static inline const struct row *row_of(const struct hist *hist, uint32_t order)
{
	uint32_t i = order == NONE ? NONE : hist->row_of.at[order];

	return i == NONE ? NULL : &hist->row.at[i];
}

static inline bool told_yes(const struct attempt *a)
{
	return !a->get && (a->status == 200 || a->status == 201);
}

static inline bool told_pending(const struct attempt *a)
{
	return a->status == 202;
}

/* Nothing of it is left: whoever asks for it anew may be given another. */
static inline bool is_gone(const struct hist *hist, uint32_t order)
{
	const struct row *row = row_of(hist, order);

	return row == NULL || row->status == ROW_VOID;
}

static inline bool code_is(
    const struct hist *hist, const struct attempt *a, const char *code)
{
	return strcmp(hist->codes.text[a->code], code) == 0;
}

/* An attempt's times on the ledger's clock. */
static inline double wall_end(const struct attempt *a)
{
	return a->start_wall + (a->end - a->start);
}

/* Did Redis lose, at or after a time, what it had stored? */
static inline bool lost_since(const struct hist *hist, double when)
{
	for (size_t i = 0; i < hist->loss.n; i++)
		if (hist->loss.at[i].end >= when)
			return true;
	return false;
}

#endif
