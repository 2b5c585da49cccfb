/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reads of an audit.  In this order: free, leased, waiting, sold, each unit
 * being on its way from the left to the right; so one that moves on between two
 * reads is seen twice, which may be right (its confirm is on its way), and not
 * missed.
 */
#include "config.h"

#include "sale/audit_int.h"
#include "base/bug.h"

#include <stdlib.h>

#define GATE_PAGE   AUDIT_GATE_PAGE
#define LEDGER_PAGE 1000

static bool in_bounds(struct audit *a, uint32_t unit)
{
	if (unit >= 1 && unit <= a->sale.stock)
		return true;
	a->out_of_bounds++;
	return false;
}

enum outcome audit_read_gauge(
    struct audit *a, int64_t deadline_ns, struct err *err)
{
	enum outcome out;

	a->begun_ns = a->clock->mono_ns(a->clock->ctx);
	out = a->gate->gauge(
	    a->gate->ctx, a->sale.id, deadline_ns, &a->report.gauge, err);

	if (out != OUT_DONE)
		return out;
	a->bounds_before = a->out_of_bounds;
	a->out_of_bounds = 0;
	a->leases.n = a->waiting.n = 0;
	a->report.free = a->report.leased = a->report.sold = 0;
	a->report.waiting = 0;
	a->report.confirm_pending = a->report.tell_pending = 0;
	memset(a->seen, 0, a->sale.stock + 1);
	audit_phase_set(a, PHASE_FREE);
	a->npage = 0;
	a->cursor =
	    a->report.gauge.known && a->report.gauge.epoch == a->ref.epoch
		? a->report.gauge.free
		: a->sale.stock;
	return OUT_DONE;
}

/* How many at the end of the page `units` were the beginning of the last one. */
static size_t page_overlap(
    const struct audit *a, const uint32_t *units, size_t n)
{
	size_t most = n < a->npage ? n : a->npage;

	for (size_t k = most; k > 0; k--)
		if (memcmp(units + n - k, a->page, k * sizeof(*units)) == 0)
			return k;
	return 0;
}

static void free_note(struct audit *a, uint32_t unit)
{
	if (!in_bounds(a, unit))
		return;
	if ((a->seen[unit] & SEEN_FREE) != 0)
		a->seen[unit] |= SEEN_FREE_TWICE;
	a->seen[unit] |= SEEN_FREE;
}

/*
 * From the end to the beginning: what is sold meanwhile is taken from the
 * beginning, and the rest moves up, so that some is seen twice.  The other way
 * round it would be missed, and a busy sale seem to lose units.
 */
enum outcome audit_read_free(
    struct audit *a, int64_t deadline_ns, struct err *err)
{
	uint32_t units[GATE_PAGE];
	enum outcome out;
	size_t max, fresh, n;

	max = a->cursor < GATE_PAGE ? (size_t)a->cursor : GATE_PAGE;
	if (max == 0) {
		audit_phase_set(a, PHASE_LEASES);
		return OUT_DONE;
	}
	out = a->gate->free_list(a->gate->ctx, a->ref, a->cursor - max, max,
	    deadline_ns, units, &n, err);
	if (out != OUT_DONE)
		return out;
	fresh = n - page_overlap(a, units, n);
	for (size_t i = 0; i < fresh; i++)
		free_note(a, units[i]);
	memcpy(a->page, units, n * sizeof(*units));
	a->npage = n;
	a->cursor -= max;
	a->report.free += fresh;
	return OUT_DONE;
}

/* ---- claims -------------------------------------------------------------------- */

static bool note_add(struct claim_notes *notes, uint32_t unit,
    const struct claim_id *claim, struct err *err)
{
	if (notes->n == notes->room) {
		size_t room = notes->room == 0 ? GATE_PAGE : notes->room * 2;
		struct claim_note *grown =
		    realloc(notes->note, room * sizeof(*grown));

		if (grown == NULL) {
			err_set(err, 0, "out of memory for %zu claims", room);
			return false;
		}
		notes->note = grown;
		notes->room = room;
	}
	notes->note[notes->n++] = (struct claim_note){unit, *claim};
	return true;
}

static int by_unit(const void *a, const void *b)
{
	uint32_t x = ((const struct claim_note *)a)->unit;
	uint32_t y = ((const struct claim_note *)b)->unit;

	return (x > y) - (x < y);
}

static void notes_sort(struct claim_notes *notes)
{
	if (notes->n > 0)
		qsort(notes->note, notes->n, sizeof(notes->note[0]), by_unit);
}

/* Two claims on one unit; a page may show the same one twice. */
static void notes_pair(
    struct audit *a, const struct claim_notes *notes, uint8_t twice)
{
	for (size_t i = 1; i < notes->n; i++)
		if (notes->note[i].unit == notes->note[i - 1].unit &&
		    !claim_eq(&notes->note[i].claim, &notes->note[i - 1].claim))
			a->seen[notes->note[i].unit] |= twice;
}

/* Is it this claim that holds the unit? */
static bool notes_have(const struct claim_notes *notes, const struct order *row)
{
	struct claim_note key = {.unit = row->unit};
	const struct claim_note *note =
	    bsearch(&key, notes->note, notes->n, sizeof(key), by_unit);

	BUG_ON(note == NULL);
	return claim_eq(&note->claim, &row->claim);
}

enum outcome audit_read_leases(
    struct audit *a, int64_t deadline_ns, struct err *err)
{
	static struct gate_lease page[GATE_PAGE]; /* large */
	enum outcome out;
	size_t n;

	out = a->gate->lease_scan(a->gate->ctx, a->ref, &a->cursor, GATE_PAGE,
	    deadline_ns, page, &n, err);
	if (out != OUT_DONE)
		return out;
	for (size_t i = 0; i < n; i++) {
		if (!in_bounds(a, page[i].unit))
			continue;
		if (!note_add(&a->leases, page[i].unit, &page[i].claim, err))
			return OUT_NOT_DONE;
		a->seen[page[i].unit] |= SEEN_LEASED;
	}
	if (a->cursor == 0) {
		notes_sort(&a->leases);
		notes_pair(a, &a->leases, SEEN_LEASED_TWICE);
		a->report.leased = a->leases.n;
		audit_phase_set(a, PHASE_QUEUE);
	}
	return OUT_DONE;
}

enum outcome audit_read_queue(
    struct audit *a, int64_t deadline_ns, struct err *err)
{
	static struct gate_entry page[SETTLE_BATCH]; /* large */
	enum outcome out;
	size_t n;

	out = a->gate->queue_scan(a->gate->ctx, a->ref, a->after, SETTLE_BATCH,
	    deadline_ns, page, &n, err);
	if (out != OUT_DONE)
		return out;
	for (size_t i = 0; i < n; i++) {
		const struct order *order = &page[i].order;

		a->after = page[i].id;
		if (!in_bounds(a, order->unit))
			continue;
		if (!note_add(&a->waiting, order->unit, &order->claim, err))
			return OUT_NOT_DONE;
		if ((a->seen[order->unit] & SEEN_WAITING) != 0)
			a->seen[order->unit] |= SEEN_WAITING_TWICE;
		a->seen[order->unit] |= SEEN_WAITING;
	}
	a->report.waiting += n;
	if (n == 0) {
		notes_sort(&a->waiting);
		audit_phase_set(a, PHASE_SOLD);
	}
	return OUT_DONE;
}

/* ---- rows ----------------------------------------------------------------------- */

/* A sold unit may still be held by the same claim: its confirm is on its way, or
 * its settler has not told the gate yet. */
static void sold_note(struct audit *a, const struct order *row)
{
	uint8_t *seen = &a->seen[row->unit];

	*seen |= SEEN_SOLD;
	if ((*seen & SEEN_LEASED) != 0) {
		if (notes_have(&a->leases, row))
			a->report.confirm_pending++;
		else
			*seen |= SEEN_ELSEWHERE;
	}
	if ((*seen & SEEN_WAITING) != 0) {
		if (notes_have(&a->waiting, row))
			a->report.tell_pending++;
		else
			*seen |= SEEN_ELSEWHERE;
	}
}

enum outcome audit_read_sold(
    struct audit *a, int64_t deadline_ns, struct err *err)
{
	static struct order rows[LEDGER_PAGE]; /* large */
	enum outcome out;
	size_t n;

	out = a->ledger->sold_after(a->ledger->ctx, a->sale.id,
	    (uint32_t)a->cursor, deadline_ns, rows, LEDGER_PAGE, &n, err);
	if (out != OUT_DONE)
		return out;
	for (size_t i = 0; i < n; i++) {
		a->cursor = rows[i].unit;
		if (in_bounds(a, rows[i].unit))
			sold_note(a, &rows[i]);
	}
	a->report.sold += n;
	if (n == 0)
		audit_phase_set(a, PHASE_JUDGE);
	return OUT_DONE;
}
