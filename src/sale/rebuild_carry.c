/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accepted orders go over into a new gate.  The fence is down and the old gate
 * retired: no entry is added to the old streams any more, and none of them can
 * be written into the ledger.  So every entry without a row either is carried
 * over, with its unit, or is decided void here; its unit then is for sale.
 */
#include "config.h"

#include "sale/rebuild_int.h"
#include "base/failpoint.h"
#include "base/mutant.h"

#include <stdio.h>
#include <stdlib.h>

/* What has a unit. */
enum home {
	HOME_FREE,
	HOME_SOLD,
	HOME_CARRIED
};

static enum outcome page_read(
    struct rebuilding *r, struct carry_page *page, struct gate_entry_id after)
{
	page->nvoided = 0;
	return r->gate->queue_scan(r->gate->ctx, page->ref, after, SETTLE_BATCH,
	    r->deadline_ns, page->entry, &page->n, r->err);
}

/* As a settler would have done: void, and a letter for the operator; or only the
 * letter, for an entry beside which its claim has been carried. */
static enum outcome flaw_bury(struct rebuilding *r,
    const struct carry_page *page, size_t i, bool with_claim)
{
	struct dead_letter letter = {
	    .order = page->entry[i].order, .entry = page->entry[i].id};
	enum outcome out = OUT_UNKNOWN;

	letter.order.sale = page->ref.sale;
	letter.order.epoch = page->ref.epoch;
	if (!with_claim)
		letter.order.claim = (struct claim_id){{0}};
	snprintf(
	    letter.reason, sizeof(letter.reason), "%s", page->entry[i].flaw);
	for (int tries = 0; tries < 2 && out == OUT_UNKNOWN; tries++)
		out = r->ledger->bury(
		    r->ledger->ctx, r->ref, &letter, r->deadline_ns, r->err);
	if (out == OUT_DONE)
		r->result->voided++;
	return out;
}

/* ---- a page -------------------------------------------------------------------------- */

static bool is_flawed(const struct gate_entry *entry)
{
	return entry->flaw[0] != '\0';
}

/* What has its row is over: an older copy of Redis came back, or its settler died
 * before it told the gate.  A flaw without a claim is nobody's. */
static enum outcome page_sift(struct rebuilding *r, struct carry_page *page)
{
	struct claim_id claims[SETTLE_BATCH];
	struct order rows[SETTLE_BATCH];
	enum outcome out;
	size_t found;

	for (size_t i = 0; i < page->n; i++)
		claims[i] = page->entry[i].order.claim;
	out = r->ledger->find(r->ledger->ctx, claims, page->n, r->deadline_ns,
	    rows, &found, r->err);
	for (size_t i = 0; i < page->n && out == OUT_DONE; i++) {
		bool over = claim_is_none(&claims[i]);

		for (size_t k = 0; k < found && !over; k++)
			over = claim_eq(&rows[k].claim, &claims[i]);
		page->open[i] = !over;
		if (over && is_flawed(&page->entry[i]))
			out = flaw_bury(r, page, i, true);
	}
	return out;
}

static bool can_go_over(
    const struct rebuilding *r, const struct gate_entry *entry)
{
	const struct order *order = &entry->order;

	return !is_flawed(entry) && order->unit >= 1 &&
	       order->unit <= r->sale.stock && order->slot >= 1 &&
	       order->slot <= r->sale.per_customer &&
	       r->home[order->unit] == HOME_FREE;
}

/* What can go over, each with a unit of its own; then the rest: is their claim
 * there, by another entry? */
static void page_lay_out(struct rebuilding *r, struct carry_page *page)
{
	page->norders = 0;
	for (size_t i = 0; i < page->n; i++) {
		page->goes[i] =
		    page->open[i] && can_go_over(r, &page->entry[i]);
		if (!page->goes[i])
			continue;
		r->home[page->entry[i].order.unit] = HOME_CARRIED;
		page->of[page->norders] = i;
		page->order[page->norders++] = page->entry[i].order;
	}
	for (size_t i = 0; i < page->n; i++)
		if (page->open[i] && !page->goes[i]) {
			page->of[page->norders] = i;
			page->order[page->norders] = page->entry[i].order;
			page->order[page->norders++].unit = 0;
		}
}

/*
 * A claim that is there has its order, by an earlier entry: to void it for this
 * one's sake would take that away.  What cannot go over stays open: the unit that
 * it waits for may become free yet.  *freed when one did.
 */
static enum outcome entry_answered(struct rebuilding *r,
    struct carry_page *page, size_t i, enum gate_carried carried, bool *freed)
{
	const struct gate_entry *entry = &page->entry[i];

	if (carried == GATE_CARRY_REFUSED && !page->goes[i])
		return OUT_DONE;
	page->open[i] = false;
	if (carried == GATE_CARRIED) {
		r->result->waiting++;
		return OUT_DONE;
	}
	if (page->goes[i]) {
		r->home[entry->order.unit] = HOME_FREE;
		*freed = true;
	}
	if (carried == GATE_CARRY_REFUSED)
		page->voided[page->nvoided++] = entry->order;
	return is_flawed(entry) ? flaw_bury(r, page, i, false) : OUT_DONE;
}

/* Not idempotent, like seed(): an unknown outcome ends this epoch's rebuild. */
static enum outcome page_carry(
    struct rebuilding *r, struct carry_page *page, bool *freed)
{
	enum gate_carried carried[SETTLE_BATCH];
	enum outcome out;

	*freed = false;
	page_lay_out(r, page);
	if (page->norders == 0)
		return OUT_DONE;
	out = r->gate->carry(r->gate->ctx, r->ref, page->order, page->norders,
	    r->deadline_ns, carried, r->err);
	for (size_t k = 0; k < page->norders && out == OUT_DONE; k++)
		out = entry_answered(r, page, page->of[k], carried[k], freed);
	FAILPOINT(rebuild_mid_carry);
	return out;
}

/* Nothing is left that these could have. */
static enum outcome page_give_up(struct rebuilding *r, struct carry_page *page)
{
	enum outcome out = OUT_DONE;

	for (size_t i = 0; i < page->n && out == OUT_DONE; i++) {
		if (!page->open[i])
			continue;
		if (is_flawed(&page->entry[i]))
			out = flaw_bury(r, page, i, true);
		else
			page->voided[page->nvoided++] = page->entry[i].order;
	}
	return out;
}

/*
 * Are they all decided?  If not, the ledger has another epoch by now, and the void
 * did nothing.  Who then published this one without them would leave them where
 * the next rebuild does not look any more (the storm found it).
 */
static enum outcome voided_read(
    struct rebuilding *r, const struct carry_page *page)
{
	struct claim_id claims[SETTLE_BATCH];
	struct order rows[SETTLE_BATCH];
	enum outcome out;
	size_t found;

	for (size_t i = 0; i < page->nvoided; i++)
		claims[i] = page->voided[i].claim;
	out = r->ledger->find(r->ledger->ctx, claims, page->nvoided,
	    r->deadline_ns, rows, &found, r->err);
	for (size_t i = 0; i < page->nvoided && out == OUT_DONE; i++) {
		bool there = false;

		for (size_t k = 0; k < found && !there; k++)
			there = claim_eq(&rows[k].claim, &claims[i]);
		if (!there) {
			err_set(r->err, 0,
			    "epoch %u is over: somebody else makes the gate",
			    r->ref.epoch);
			out = OUT_NOT_DONE;
		}
	}
	return out;
}

/* Before its unit is seeded: a unit goes back only when its claim is decided. */
static enum outcome page_void(
    struct rebuilding *r, const struct carry_page *page)
{
	enum outcome out = OUT_UNKNOWN;

	if (page->nvoided == 0)
		return OUT_DONE;
	for (int tries = 0; tries < 2 && out == OUT_UNKNOWN; tries++)
		out = r->ledger->void_claims(r->ledger->ctx, r->ref,
		    page->voided, page->nvoided, r->deadline_ns, r->err);
	if (out == OUT_DONE)
		out = voided_read(r, page);
	if (out == OUT_DONE)
		r->result->voided += (uint32_t)page->nvoided;
	return out;
}

static enum outcome page_move(struct rebuilding *r, struct carry_page *page)
{
	bool freed = true;
	enum outcome out = page_sift(r, page);

	/* Each round ends one entry at least. */
	while (out == OUT_DONE && freed)
		out = page_carry(r, page, &freed);
	if (out == OUT_DONE)
		out = page_give_up(r, page);
	return out == OUT_DONE ? page_void(r, page) : out;
}

static enum outcome stream_carry(struct rebuilding *r, struct carry_page *page)
{
	struct gate_entry_id after = {0, 0};
	enum outcome out;

	do {
		out = page_read(r, page, after);
		if (out != OUT_DONE || page->n == 0)
			return out;
		after = page->entry[page->n - 1].id;
		out = page_move(r, page);
	} while (out == OUT_DONE);
	return out;
}

enum outcome carry_all(struct rebuilding *r)
{
	enum outcome out = OUT_DONE;

	if (r->home == NULL)
		return OUT_DONE;
	for (uint32_t epoch = r->first_waiting;
	     epoch <= r->last && out == OUT_DONE; epoch++) {
		r->page.ref = (struct gate_ref){r->ref.sale, epoch};
		out = stream_carry(r, &r->page);
	}
	return out;
}

enum outcome carry_begin(struct rebuilding *r)
{
	struct gate_entry_id first = {0, 0};
	enum outcome out = OUT_DONE;
	struct gate_entry entry;
	size_t n = 0;

	if (MUTANT(carry_none))
		return OUT_DONE;
	for (uint32_t epoch = r->first;
	     epoch <= r->last && out == OUT_DONE && n == 0; epoch++) {
		r->first_waiting = epoch;
		out = r->gate->queue_scan(r->gate->ctx,
		    (struct gate_ref){r->ref.sale, epoch}, first, 1,
		    r->deadline_ns, &entry, &n, r->err);
	}
	if (out != OUT_DONE || n == 0)
		return out;
	r->home = calloc(r->sale.stock + 1, sizeof(r->home[0]));
	if (r->home != NULL)
		return OUT_DONE;
	err_set(r->err, 0, "out of memory for %u units", r->sale.stock);
	return OUT_NOT_DONE;
}

void carry_end(struct rebuilding *r)
{
	free(r->home);
	r->home = NULL;
}

void carry_sold(struct rebuilding *r, const struct order *rows, size_t n)
{
	for (size_t i = 0; i < n && r->home != NULL; i++)
		if (rows[i].unit <= r->sale.stock)
			r->home[rows[i].unit] = HOME_SOLD;
}

bool carry_is_free(const struct rebuilding *r, uint32_t unit)
{
	return r->home[unit] == HOME_FREE;
}
