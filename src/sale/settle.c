/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accepted orders become rows:
 *
 *	take     a batch of the stream, ours until it is told
 *	bury     what is no order
 *	record   all of the rest at once; if that is refused, each by itself
 *	tell     the gate how each was decided
 *
 * The gate is told only what was committed by us or read in the ledger.  What
 * could not be decided stays with this consumer, and is the first of the next
 * call; a batch that is done a second time meets its own rows.
 */
#include "config.h"

#include "sale/settle_int.h"
#include "base/bug.h"
#include "base/failpoint.h"
#include "base/mutant.h"

/* ---- one statement ----------------------------------------------------------------------- */

/*
 * One statement for those of `which`.  A second time: after UNKNOWN it is the
 * same insert, which waits for its twin and then clashes; after NOT_DONE it is
 * the one retry.
 */
static enum outcome record(struct settling *s, struct item *const *which,
    size_t n, enum ledger_record *answer)
{
	const struct ledger_port *ledger = s->settler->ledger;
	struct order orders[SETTLE_BATCH];
	enum outcome out = OUT_NOT_DONE;

	for (size_t i = 0; i < n; i++)
		orders[i] = which[i]->entry.order;
	for (int tries = 0; tries < 2 && out != OUT_DONE; tries++) {
		out = ledger->record_batch(ledger->ctx, s->ref, orders, n,
		    s->deadline_ns, answer, s->err);
		for (size_t i = 0; i < n && out == OUT_UNKNOWN; i++)
			which[i]->ambiguous = true;
	}
	if (out != OUT_DONE || *answer != LEDGER_RECORDED)
		return out;
	FAILPOINT(settle_after_commit);
	for (size_t i = 0; i < n; i++)
		settle_written(s, which[i]);
	return OUT_DONE;
}

static enum outcome alone_record(struct settling *s, struct item *item)
{
	enum ledger_record answer;
	enum outcome out = record(s, &item, 1, &answer);

	item->tried = true;
	s->counts->singles++;
	if (out != OUT_DONE)
		return out;
	switch (answer) {
	case LEDGER_RECORDED:
		return OUT_DONE;
	case LEDGER_FENCED:
		return settle_fenced(s, item);
	case LEDGER_CLASH:
		return settle_clash(s, item);
	case LEDGER_REFUSED:
		return settle_bury(s, item, s->err->text);
	}
	BUG("no such record answer");
}

static enum outcome flawed_bury(struct settling *s, struct item *item)
{
	item->tried = true;
	return settle_bury(s, item, item->entry.flaw);
}

/* ---- one by one -------------------------------------------------------------------- */

static bool is_open(const struct settling *s, const struct item *item)
{
	return !item->decided && !item->tried && !s->stale;
}

static bool is_flawed(const struct settling *s, const struct item *item)
{
	return is_open(s, item) && item->entry.flaw[0] != '\0';
}

static bool is_suspect(const struct settling *s, const struct item *item)
{
	return is_open(s, item) &&
	       item->entry.deliveries > s->settler->deliveries_max;
}

/*
 * One that fails does not hold up the others; but a store that is away need not
 * be asked for each of them.
 */
#define FAILURES_MAX 3

static enum outcome each(struct settling *s,
    bool (*is_meant)(const struct settling *s, const struct item *item),
    enum outcome (*settle)(struct settling *s, struct item *item))
{
	enum outcome worst = OUT_DONE, out;
	int failures = 0;

	for (size_t i = 0; i < s->n && failures < FAILURES_MAX; i++) {
		if (!is_meant(s, &s->item[i]))
			continue;
		out = settle(s, &s->item[i]);
		if (out != OUT_DONE) {
			worst = out;
			failures++;
		}
	}
	return worst;
}

/* ---- all at once -------------------------------------------------------------------- */

/* A batch that comes a second time has its rows: one reading for all. */
static enum outcome rows_read(
    struct settling *s, struct item *const *which, size_t n)
{
	const struct ledger_port *ledger = s->settler->ledger;
	struct claim_id claims[SETTLE_BATCH];
	struct order rows[SETTLE_BATCH];
	enum outcome out;
	size_t found;

	for (size_t i = 0; i < n; i++)
		claims[i] = which[i]->entry.order.claim;
	out = ledger->find(
	    ledger->ctx, claims, n, s->deadline_ns, rows, &found, s->err);
	for (size_t i = 0; i < n && out == OUT_DONE; i++)
		for (size_t k = 0; k < found && !which[i]->decided; k++)
			if (claim_eq(&rows[k].claim, &claims[i]))
				out = settle_by_row(s, which[i], &rows[k]);
	return out;
}

static enum outcome rest_record(struct settling *s)
{
	struct item *which[SETTLE_BATCH];
	enum ledger_record answer;
	enum outcome out;
	struct sale sale;
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		if (is_open(s, &s->item[i]))
			which[n++] = &s->item[i];
	if (n == 0)
		return OUT_DONE;
	out = record(s, which, n, &answer);
	if (out != OUT_DONE || answer == LEDGER_RECORDED)
		return out;
	if (answer == LEDGER_FENCED)
		out = settle_fence_read(s, &sale);
	else if (!MUTANT(settle_blind))
		out = rows_read(s, which, n);
	return out == OUT_DONE ? each(s, is_open, alone_record) : out;
}

/* ---- take and tell ---------------------------------------------------------------- */

static enum outcome take(struct settling *s, bool *known)
{
	const struct settler *settler = s->settler;
	struct gate_entry entries[SETTLE_BATCH];
	enum outcome out;

	out = settler->gate->take(settler->gate->ctx, s->ref, settler->consumer,
	    settler->batch, settler->idle_ms, s->deadline_ns, entries, &s->n,
	    known, s->err);
	if (out != OUT_DONE) {
		s->n = 0;
		return out;
	}
	for (size_t i = 0; i < s->n; i++) {
		s->item[i].entry = entries[i];
		s->counts->redelivered += entries[i].deliveries > 1;
	}
	s->counts->taken = (uint32_t)s->n;
	FAILPOINT(settle_after_take);
	return OUT_DONE;
}

/* *n is how many are decided. */
static enum outcome tell(struct settling *s, size_t *n)
{
	const struct gate_port *gate = s->settler->gate;
	struct gate_settled told[SETTLE_BATCH];
	enum outcome out = OUT_UNKNOWN;

	*n = 0;
	for (size_t i = 0; i < s->n; i++) {
		const struct item *item = &s->item[i];

		if (item->decided)
			told[(*n)++] =
			    (struct gate_settled){.id = item->entry.id,
				.claim = item->entry.order.claim,
				.customer = item->entry.order.customer,
				.fate = item->fate};
	}
	if (*n == 0)
		return OUT_DONE;
	FAILPOINT(settle_before_told);
	for (int tries = 0; tries < 2 && out == OUT_UNKNOWN; tries++)
		out = gate->settled(
		    gate->ctx, s->ref, told, *n, s->deadline_ns, s->err);
	return out;
}

/* A planted bug: the gate hears "sold" before anything is. */
static void tell_too_early(struct settling *s)
{
	size_t n;

	for (size_t i = 0; i < s->n; i++)
		s->item[i].decided = true; /* fate: 0, SOLD */
	(void)tell(s, &n);
	for (size_t i = 0; i < s->n; i++)
		s->item[i].decided = false;
}

/*
 * What was delivered too often goes by itself, before the rest, so that one that
 * fails again and again (or kills its settler) does not take the others along.
 */
static enum outcome taken_settle(struct settling *s, size_t *decided)
{
	enum outcome flawed, suspects, out, told;

	if (MUTANT(settle_acks_first))
		tell_too_early(s);
	flawed = each(s, is_flawed, flawed_bury);
	suspects = each(s, is_suspect, alone_record);
	out = rest_record(s);
	if (out == OUT_DONE)
		out = suspects != OUT_DONE ? suspects : flawed;
	*decided = 0;
	/* The next generation's maker reads the same rows, and its gate gets no
	 * word of this one's. */
	if (s->stale)
		return out;
	told = tell(s, decided);
	return out == OUT_DONE ? told : out;
}

enum outcome sale_settle(const struct settler *settler, const struct sale *sale,
    int64_t deadline_ns, int64_t clock_offset_us, enum settle_state *state,
    struct settle_counts *counts, struct err *err)
{
	struct settling s = {.settler = settler,
	    .ref = {sale->id, sale->epoch},
	    .deadline_ns = deadline_ns,
	    .offset_us = clock_offset_us,
	    .counts = counts,
	    .err = err};
	bool known = true;
	enum outcome out;
	size_t decided;

	memset(counts, 0, sizeof(*counts));
	*state = SETTLE_DRAINED;
	out = settler->ledger->ready(settler->ledger->ctx, deadline_ns, err);
	if (out == OUT_DONE)
		out = take(&s, &known);
	if (out != OUT_DONE)
		return out;
	if (known)
		out = taken_settle(&s, &decided);
	if (!known || s.stale)
		*state = SETTLE_STALE;
	/* Of one that died, a page was looked at: there may be more. */
	else if (decided > 0 &&
		 (s.n == settler->batch || counts->redelivered > 0))
		*state = SETTLE_MORE;
	return out;
}
