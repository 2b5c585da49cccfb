/* SPDX-License-Identifier: Apache-2.0 */
/* Every unit's home, counted over bounded reads. */
#include "config.h"

#include "sale/audit.h"
#include "base/bug.h"
#include "base/clock.h"

#include <stdlib.h>
#include <time.h>

#define CHUNK         1000
#define PASS_PAUSE_MS 100

/* What one pass saw of a unit. */
#define SEEN_FREE         1u
#define SEEN_FREE_TWICE   2u
#define SEEN_LEASED       4u
#define SEEN_SOLD         8u
#define SEEN_LEASED_TWICE 32u
#define SEEN_ELSEWHERE    16u /* leased to one claim, sold to another */

struct lease_note {
	uint32_t unit;
	struct claim_id claim;
};

struct auditing {
	const struct gate_port *gate;
	const struct ledger_port *ledger;
	const struct sale *sale;
	struct gate_ref ref;
	int64_t deadline_ns;
	struct audit_report *report;
	struct err *err;
	uint8_t *seen; /* [stock + 1], bits above */
	uint8_t *fault; /* [stock + 1], enum unit_fault + 1, 0: fine */
	struct lease_note *leases;
	size_t nleases, lease_room;
	uint64_t out_of_bounds;
};

static const char *const fault_names[] = {
    [UNIT_HOMELESS] = "homeless",
    [UNIT_TWICE_FREE] = "twice free",
    [UNIT_FREE_SOLD] = "free and sold",
    [UNIT_FREE_LEASED] = "free and leased",
    [UNIT_TWICE_LEASED] = "leased to two claims",
    [UNIT_LEASED_SOLD] = "leased to one, sold to another",
    [UNIT_OUT_OF_BOUNDS] = "out of bounds",
};
_Static_assert(ARRAY_LEN(fault_names) == UNIT_FAULT_COUNT, "a name for each");

const char *unit_fault_name(enum unit_fault fault)
{
	return fault_names[fault];
}

bool audit_clean(const struct audit_report *report)
{
	return report->gauge.known && report->epoch_matches &&
	       report->total_faults == 0;
}

static bool in_bounds(struct auditing *a, uint32_t unit)
{
	if (unit >= 1 && unit <= a->sale->stock)
		return true;
	a->out_of_bounds++;
	return false;
}

static enum outcome free_read(struct auditing *a)
{
	uint32_t units[CHUNK];
	uint64_t offset = 0;
	enum outcome out;
	size_t n;

	a->report->free = 0;
	do {
		out = a->gate->free_list(a->gate->ctx, a->ref, offset, CHUNK,
		    a->deadline_ns, units, &n, a->err);
		if (out != OUT_DONE)
			return out;
		for (size_t i = 0; i < n; i++) {
			if (!in_bounds(a, units[i]))
				continue;
			if ((a->seen[units[i]] & SEEN_FREE) != 0)
				a->seen[units[i]] |= SEEN_FREE_TWICE;
			a->seen[units[i]] |= SEEN_FREE;
		}
		offset += n;
	} while (n > 0);
	a->report->free = offset;
	return OUT_DONE;
}

static bool lease_note(struct auditing *a, const struct gate_lease *lease)
{
	if (a->nleases == a->lease_room) {
		size_t room = a->lease_room == 0 ? CHUNK : a->lease_room * 2;
		struct lease_note *grown =
		    realloc(a->leases, room * sizeof(*grown));

		if (grown == NULL) {
			err_set(
			    a->err, 0, "out of memory for %zu leases", room);
			return false;
		}
		a->leases = grown;
		a->lease_room = room;
	}
	a->leases[a->nleases++] =
	    (struct lease_note){lease->unit, lease->claim};
	a->seen[lease->unit] |= SEEN_LEASED;
	return true;
}

static int by_unit(const void *a, const void *b)
{
	uint32_t x = ((const struct lease_note *)a)->unit;
	uint32_t y = ((const struct lease_note *)b)->unit;

	return (x > y) - (x < y);
}

/* A scan may show one lease twice; two claims on one unit are another matter. */
static void leases_pair(struct auditing *a)
{
	for (size_t i = 1; i < a->nleases; i++)
		if (a->leases[i].unit == a->leases[i - 1].unit &&
		    !claim_eq(&a->leases[i].claim, &a->leases[i - 1].claim))
			a->seen[a->leases[i].unit] |= SEEN_LEASED_TWICE;
}

static enum outcome leases_read(struct auditing *a)
{
	static struct gate_lease page[2 * CHUNK]; /* large */
	uint64_t cursor = 0;
	enum outcome out;
	size_t n;

	a->nleases = 0;
	do {
		out = a->gate->lease_scan(a->gate->ctx, a->ref, &cursor,
		    ARRAY_LEN(page), a->deadline_ns, page, &n, a->err);
		if (out != OUT_DONE)
			return out;
		for (size_t i = 0; i < n; i++)
			if (in_bounds(a, page[i].unit) &&
			    !lease_note(a, &page[i]))
				return OUT_NOT_DONE;
	} while (cursor != 0);
	if (a->nleases > 0)
		qsort(a->leases, a->nleases, sizeof(a->leases[0]), by_unit);
	leases_pair(a);
	a->report->leased = a->nleases;
	return OUT_DONE;
}

/* A sold unit may still be leased by the same claim: its confirm is on its way. */
static void sold_note(struct auditing *a, const struct order *row)
{
	struct lease_note key = {.unit = row->unit};
	const struct lease_note *lease;

	a->seen[row->unit] |= SEEN_SOLD;
	if ((a->seen[row->unit] & SEEN_LEASED) == 0)
		return;
	lease = bsearch(&key, a->leases, a->nleases, sizeof(key), by_unit);
	BUG_ON(lease == NULL);
	if (claim_eq(&lease->claim, &row->claim))
		a->report->confirm_pending++;
	else
		a->seen[row->unit] |= SEEN_ELSEWHERE;
}

static enum outcome sold_read(struct auditing *a)
{
	static struct order rows[CHUNK]; /* large */
	uint32_t after = 0;
	enum outcome out;
	size_t n;

	a->report->sold = 0;
	a->report->confirm_pending = 0;
	do {
		out = a->ledger->sold_after(a->ledger->ctx, a->sale->id, after,
		    a->deadline_ns, rows, CHUNK, &n, a->err);
		if (out != OUT_DONE)
			return out;
		for (size_t i = 0; i < n; i++) {
			after = rows[i].unit;
			if (in_bounds(a, rows[i].unit))
				sold_note(a, &rows[i]);
		}
		a->report->sold += n;
	} while (n > 0);
	return OUT_DONE;
}

/* enum unit_fault + 1, or 0. */
static uint8_t fault_of(unsigned seen)
{
	if ((seen & SEEN_FREE_TWICE) != 0)
		return UNIT_TWICE_FREE + 1;
	if ((seen & SEEN_FREE) != 0 && (seen & SEEN_SOLD) != 0)
		return UNIT_FREE_SOLD + 1;
	if ((seen & SEEN_FREE) != 0 && (seen & SEEN_LEASED) != 0)
		return UNIT_FREE_LEASED + 1;
	if ((seen & SEEN_LEASED_TWICE) != 0)
		return UNIT_TWICE_LEASED + 1;
	if ((seen & SEEN_ELSEWHERE) != 0)
		return UNIT_LEASED_SOLD + 1;
	if ((seen & (SEEN_FREE | SEEN_LEASED | SEEN_SOLD)) == 0)
		return UNIT_HOMELESS + 1;
	return 0;
}

/* Looks once; a fault stays only if the passes before saw the same one. */
static enum outcome pass(struct auditing *a, uint64_t *standing)
{
	bool first = a->report->passes++ == 0;
	uint64_t bounds_before = a->out_of_bounds;
	enum outcome out;

	memset(a->seen, 0, a->sale->stock + 1);
	a->out_of_bounds = 0;
	out = a->gate->gauge(a->gate->ctx, a->sale->id, a->deadline_ns,
	    &a->report->gauge, a->err);
	if (out == OUT_DONE)
		out = free_read(a);
	if (out == OUT_DONE)
		out = leases_read(a);
	if (out == OUT_DONE)
		out = sold_read(a);
	if (out != OUT_DONE)
		return out;
	if (!first && bounds_before < a->out_of_bounds)
		a->out_of_bounds = bounds_before;
	*standing = a->out_of_bounds;
	for (uint32_t unit = 1; unit <= a->sale->stock; unit++) {
		uint8_t now = fault_of(a->seen[unit]);

		if (!first && now != a->fault[unit])
			now = 0;
		a->fault[unit] = now;
		*standing += now != 0;
	}
	return OUT_DONE;
}

static void finding_add(
    struct audit_report *report, uint32_t unit, enum unit_fault fault)
{
	report->faults[fault]++;
	report->total_faults++;
	if (report->nfindings < AUDIT_FINDINGS_MAX)
		report->findings[report->nfindings++] =
		    (struct unit_finding){unit, fault};
}

static void findings_tell(struct auditing *a)
{
	for (uint32_t unit = 1; unit <= a->sale->stock; unit++)
		if (a->fault[unit] != 0)
			finding_add(a->report, unit,
			    (enum unit_fault)(a->fault[unit] - 1));
	a->report->faults[UNIT_OUT_OF_BOUNDS] = a->out_of_bounds;
	a->report->total_faults += a->out_of_bounds;
	a->report->epoch_matches =
	    a->report->gauge.known && a->report->gauge.epoch == a->sale->epoch;
}

static void pause_ms(int64_t ms)
{
	struct timespec ts = {0, (long)(ms * NS_PER_MS)};

	clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL);
}

enum outcome sale_audit(const struct gate_port *gate,
    const struct ledger_port *ledger, const struct sale *sale,
    int64_t settle_ms, int64_t deadline_ns, struct audit_report *report,
    struct err *err)
{
	struct auditing a = {.gate = gate,
	    .ledger = ledger,
	    .sale = sale,
	    .ref = {sale->id, sale->epoch},
	    .deadline_ns = deadline_ns,
	    .report = report,
	    .err = err};
	int64_t settled_ns = mono_ns() + settle_ms * NS_PER_MS;
	enum outcome out = OUT_NOT_DONE;
	uint64_t standing = 0;

	memset(report, 0, sizeof(*report));
	a.seen = calloc(sale->stock + 1, 1);
	a.fault = calloc(sale->stock + 1, 1);
	if (a.seen == NULL || a.fault == NULL) {
		err_set(err, 0, "out of memory for %u units", sale->stock);
	} else {
		out = pass(&a, &standing);
		while (
		    out == OUT_DONE && standing > 0 && mono_ns() < settled_ns) {
			pause_ms(PASS_PAUSE_MS);
			out = pass(&a, &standing);
		}
		if (out == OUT_DONE)
			findings_tell(&a);
	}
	free(a.seen);
	free(a.fault);
	free(a.leases);
	return out;
}
