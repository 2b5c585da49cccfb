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

/* What has a unit: nobody, a sold row, or the claim whose first bytes these are.
 * Four bytes tell a second entry of the same claim from another's. */
#define HOME_FREE 0u
#define HOME_SOLD 1u

static uint32_t home_of(const struct claim_id *claim)
{
	uint32_t home;

	memcpy(&home, claim->b, sizeof(home));
	return home > HOME_SOLD ? home : home + 2;
}

static enum outcome page_read(
    struct rebuilding *r, struct carry_page *page, struct gate_entry_id after)
{
	page->ncarried = page->nvoided = 0;
	return r->gate->queue_scan(r->gate->ctx, page->ref, after, SETTLE_BATCH,
	    r->deadline_ns, page->entry, &page->n, r->err);
}

/* As a settler would have done: void, and a letter for the operator. */
static enum outcome flaw_bury(
    struct rebuilding *r, const struct carry_page *page, size_t i)
{
	struct dead_letter letter = {
	    .order = page->entry[i].order, .entry = page->entry[i].id};
	enum outcome out = OUT_UNKNOWN;

	letter.order.sale = page->ref.sale;
	letter.order.epoch = page->ref.epoch;
	snprintf(
	    letter.reason, sizeof(letter.reason), "%s", page->entry[i].flaw);
	for (int tries = 0; tries < 2 && out == OUT_UNKNOWN; tries++)
		out = r->ledger->bury(
		    r->ledger->ctx, &letter, r->deadline_ns, r->err);
	if (out == OUT_DONE)
		r->result->voided++;
	return out;
}

static void entry_sift(
    struct rebuilding *r, struct carry_page *page, const struct order *order)
{
	uint32_t home = home_of(&order->claim);

	if (order->unit >= 1 && order->unit <= r->sale.stock &&
	    order->slot >= 1 && order->slot <= r->sale.per_customer) {
		/* The copy that a rebuilder has left who died. */
		if (r->home[order->unit] == home)
			return;
		if (r->home[order->unit] == HOME_FREE) {
			r->home[order->unit] = home;
			page->carried[page->ncarried++] = *order;
			return;
		}
	}
	page->voided[page->nvoided++] = *order;
}

/* What has its row is decided already: an older copy of Redis came back, or its
 * settler died before it told the gate. */
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
		bool decided = false;

		for (size_t k = 0; k < found && !decided; k++)
			decided = claim_eq(&rows[k].claim, &claims[i]);
		if (page->entry[i].flaw[0] != '\0')
			out = flaw_bury(r, page, i);
		else if (!decided)
			entry_sift(r, page, &page->entry[i].order);
	}
	return out;
}

/* Not idempotent, like seed(): an unknown outcome ends this epoch's rebuild. */
static enum outcome page_carry(struct rebuilding *r, struct carry_page *page)
{
	bool refused[SETTLE_BATCH] = {false};
	enum outcome out;

	if (page->ncarried == 0)
		return OUT_DONE;
	out = r->gate->carry(r->gate->ctx, r->ref, page->carried,
	    page->ncarried, r->deadline_ns, refused, r->err);
	if (out != OUT_DONE)
		return out;
	for (size_t i = 0; i < page->ncarried; i++) {
		if (!refused[i]) {
			r->result->waiting++;
			continue;
		}
		r->home[page->carried[i].unit] = HOME_FREE;
		page->voided[page->nvoided++] = page->carried[i];
	}
	FAILPOINT(rebuild_mid_carry);
	return OUT_DONE;
}

/* Before its unit is seeded: a unit goes back only when its claim is decided. */
static enum outcome page_void(
    struct rebuilding *r, const struct carry_page *page)
{
	enum outcome out = OUT_UNKNOWN;

	if (page->nvoided == 0)
		return OUT_DONE;
	for (int tries = 0; tries < 2 && out == OUT_UNKNOWN; tries++)
		out = r->ledger->void_claims(r->ledger->ctx, page->voided,
		    page->nvoided, r->deadline_ns, r->err);
	if (out == OUT_DONE)
		r->result->voided += (uint32_t)page->nvoided;
	return out;
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
		out = page_sift(r, page);
		if (out == OUT_DONE)
			out = page_carry(r, page);
		if (out == OUT_DONE)
			out = page_void(r, page);
	} while (out == OUT_DONE);
	return out;
}

enum outcome carry_all(struct rebuilding *r)
{
	enum outcome out = OUT_DONE;

	if (r->home == NULL)
		return OUT_DONE;
	for (uint32_t epoch = r->first; epoch <= r->last && out == OUT_DONE;
	     epoch++) {
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
	     epoch <= r->last && out == OUT_DONE && n == 0; epoch++)
		out = r->gate->queue_scan(r->gate->ctx,
		    (struct gate_ref){r->ref.sale, epoch}, first, 1,
		    r->deadline_ns, &entry, &n, r->err);
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
