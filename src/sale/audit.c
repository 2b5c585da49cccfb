/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every unit's home, counted over bounded reads.  One step is one read of one
 * store, so that a keeper can reap between two of them.
 */
#include "config.h"

#include "sale/audit.h"
#include "base/bug.h"
#include "base/clock.h"

#include <stdlib.h>
#include <time.h>

/* Of the gate: a page of so many keeps Redis from everybody else for less than
 * a millisecond.  Of the ledger. */
#define GATE_PAGE   200
#define LEDGER_PAGE 1000

/* Between two looks at what seems wrong. */
#define PAUSE_MIN_MS 100
#define PAUSE_MAX_MS 1000

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

/* What the next step does. */
enum audit_phase {
	PHASE_GAUGE,
	PHASE_FREE,
	PHASE_LEASES,
	PHASE_SOLD,
	PHASE_JUDGE
};

struct audit {
	const struct gate_port *gate;
	const struct ledger_port *ledger;
	const struct clock *clock;
	struct sale sale; /* as it was at the beginning */
	struct gate_ref ref;
	int64_t settle_ns, settled_ns; /* how long, and until when */
	int64_t not_before_ns; /* of the next pass */
	enum audit_phase phase;
	uint64_t cursor; /* offset, cursor or unit: the page that comes next */
	uint8_t *seen; /* [stock + 1], bits above */
	uint8_t *fault; /* [stock + 1], enum unit_fault + 1, 0: fine */
	struct lease_note *leases;
	size_t nleases, lease_room;
	uint64_t out_of_bounds, bounds_before;
	struct audit_report report;
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

static const char *const home_names[] = {
    [UNIT_HOME_NONE] = "none",
    [UNIT_HOME_FREE] = "free",
    [UNIT_HOME_LEASED] = "leased",
    [UNIT_HOME_SOLD] = "sold",
};
_Static_assert(ARRAY_LEN(home_names) == UNIT_HOME_COUNT, "a name for each");

const char *unit_home_name(enum unit_home home)
{
	return home_names[home];
}

bool audit_clean(const struct audit_report *report)
{
	return report->gauge.known && report->epoch_matches &&
	       report->total_faults == 0;
}

static bool in_bounds(struct audit *a, uint32_t unit)
{
	if (unit >= 1 && unit <= a->sale.stock)
		return true;
	a->out_of_bounds++;
	return false;
}

static void phase_set(struct audit *a, enum audit_phase phase)
{
	a->phase = phase;
	a->cursor = 0;
}

static enum outcome gauge_step(
    struct audit *a, int64_t deadline_ns, struct err *err)
{
	enum outcome out = a->gate->gauge(
	    a->gate->ctx, a->sale.id, deadline_ns, &a->report.gauge, err);

	if (out != OUT_DONE)
		return out;
	a->bounds_before = a->out_of_bounds;
	a->out_of_bounds = 0;
	a->nleases = 0;
	a->report.free = a->report.leased = a->report.sold = 0;
	a->report.confirm_pending = 0;
	memset(a->seen, 0, a->sale.stock + 1);
	phase_set(a, PHASE_FREE);
	return OUT_DONE;
}

static enum outcome free_step(
    struct audit *a, int64_t deadline_ns, struct err *err)
{
	uint32_t units[GATE_PAGE];
	enum outcome out;
	size_t n;

	out = a->gate->free_list(a->gate->ctx, a->ref, a->cursor, GATE_PAGE,
	    deadline_ns, units, &n, err);
	if (out != OUT_DONE)
		return out;
	for (size_t i = 0; i < n; i++) {
		if (!in_bounds(a, units[i]))
			continue;
		if ((a->seen[units[i]] & SEEN_FREE) != 0)
			a->seen[units[i]] |= SEEN_FREE_TWICE;
		a->seen[units[i]] |= SEEN_FREE;
	}
	a->cursor += n;
	a->report.free = a->cursor;
	if (n == 0)
		phase_set(a, PHASE_LEASES);
	return OUT_DONE;
}

static bool lease_note(
    struct audit *a, const struct gate_lease *lease, struct err *err)
{
	if (a->nleases == a->lease_room) {
		size_t room =
		    a->lease_room == 0 ? GATE_PAGE : a->lease_room * 2;
		struct lease_note *grown =
		    realloc(a->leases, room * sizeof(*grown));

		if (grown == NULL) {
			err_set(err, 0, "out of memory for %zu leases", room);
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
static void leases_pair(struct audit *a)
{
	if (a->nleases > 0)
		qsort(a->leases, a->nleases, sizeof(a->leases[0]), by_unit);
	for (size_t i = 1; i < a->nleases; i++)
		if (a->leases[i].unit == a->leases[i - 1].unit &&
		    !claim_eq(&a->leases[i].claim, &a->leases[i - 1].claim))
			a->seen[a->leases[i].unit] |= SEEN_LEASED_TWICE;
	a->report.leased = a->nleases;
}

static enum outcome leases_step(
    struct audit *a, int64_t deadline_ns, struct err *err)
{
	static struct gate_lease page[GATE_PAGE]; /* large */
	enum outcome out;
	size_t n;

	out = a->gate->lease_scan(a->gate->ctx, a->ref, &a->cursor, GATE_PAGE,
	    deadline_ns, page, &n, err);
	if (out != OUT_DONE)
		return out;
	for (size_t i = 0; i < n; i++)
		if (in_bounds(a, page[i].unit) && !lease_note(a, &page[i], err))
			return OUT_NOT_DONE;
	if (a->cursor == 0) {
		leases_pair(a);
		phase_set(a, PHASE_SOLD);
	}
	return OUT_DONE;
}

/* A sold unit may still be leased by the same claim: its confirm is on its way. */
static void sold_note(struct audit *a, const struct order *row)
{
	struct lease_note key = {.unit = row->unit};
	const struct lease_note *lease;

	a->seen[row->unit] |= SEEN_SOLD;
	if ((a->seen[row->unit] & SEEN_LEASED) == 0)
		return;
	lease = bsearch(&key, a->leases, a->nleases, sizeof(key), by_unit);
	BUG_ON(lease == NULL);
	if (claim_eq(&lease->claim, &row->claim))
		a->report.confirm_pending++;
	else
		a->seen[row->unit] |= SEEN_ELSEWHERE;
}

static enum outcome sold_step(
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
		phase_set(a, PHASE_JUDGE);
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

static void finding_add(
    struct audit_report *report, uint32_t unit, enum unit_fault fault)
{
	report->faults[fault]++;
	report->total_faults++;
	if (report->nfindings < AUDIT_FINDINGS_MAX)
		report->findings[report->nfindings++] =
		    (struct unit_finding){unit, fault};
}

static void findings_tell(struct audit *a)
{
	for (uint32_t unit = 1; unit <= a->sale.stock; unit++)
		if (a->fault[unit] != 0)
			finding_add(&a->report, unit,
			    (enum unit_fault)(a->fault[unit] - 1));
	a->report.faults[UNIT_OUT_OF_BOUNDS] = a->out_of_bounds;
	a->report.total_faults += a->out_of_bounds;
	a->report.epoch_matches =
	    a->report.gauge.known && a->report.gauge.epoch == a->sale.epoch;
}

/* A fault stays only if every pass before saw the same one. */
static uint64_t faults_stand(struct audit *a)
{
	bool first = a->report.passes++ == 0;
	uint64_t standing;

	if (!first && a->bounds_before < a->out_of_bounds)
		a->out_of_bounds = a->bounds_before;
	standing = a->out_of_bounds;
	for (uint32_t unit = 1; unit <= a->sale.stock; unit++) {
		uint8_t now = fault_of(a->seen[unit]);

		if (!first && now != a->fault[unit])
			now = 0;
		a->fault[unit] = now;
		standing += now != 0;
	}
	return standing;
}

static int64_t pause_ns(const struct audit *a)
{
	int64_t pause = a->settle_ns / 20;

	if (pause < PAUSE_MIN_MS * NS_PER_MS)
		return PAUSE_MIN_MS * NS_PER_MS;
	return pause < PAUSE_MAX_MS * NS_PER_MS ? pause
						: PAUSE_MAX_MS * NS_PER_MS;
}

static int64_t now_ns(const struct audit *a)
{
	return a->clock->mono_ns(a->clock->ctx);
}

static enum audit_state pass_judge(struct audit *a)
{
	if (faults_stand(a) == 0 || now_ns(a) >= a->settled_ns) {
		findings_tell(a);
		return AUDIT_DONE;
	}
	a->not_before_ns = now_ns(a) + pause_ns(a);
	phase_set(a, PHASE_GAUGE);
	return AUDIT_PAUSED;
}

enum outcome audit_step(struct audit *a, int64_t deadline_ns,
    enum audit_state *state, struct err *err)
{
	enum outcome out = OUT_DONE;

	*state = AUDIT_MORE;
	switch (a->phase) {
	case PHASE_GAUGE:
		if (now_ns(a) < a->not_before_ns)
			*state = AUDIT_PAUSED;
		else
			out = gauge_step(a, deadline_ns, err);
		break;
	case PHASE_FREE:
		out = free_step(a, deadline_ns, err);
		break;
	case PHASE_LEASES:
		out = leases_step(a, deadline_ns, err);
		break;
	case PHASE_SOLD:
		out = sold_step(a, deadline_ns, err);
		break;
	case PHASE_JUDGE:
		*state = pass_judge(a);
		break;
	}
	return out;
}

struct audit *audit_new(const struct gate_port *gate,
    const struct ledger_port *ledger, const struct clock *clock,
    const struct sale *sale, int64_t settle_ms, struct err *err)
{
	struct audit *a = calloc(1, sizeof(*a));

	if (a != NULL) {
		a->seen = calloc(sale->stock + 1, 1);
		a->fault = calloc(sale->stock + 1, 1);
	}
	if (a == NULL || a->seen == NULL || a->fault == NULL) {
		err_set(err, 0, "out of memory for %u units", sale->stock);
		audit_free(&a);
		return NULL;
	}
	a->gate = gate;
	a->ledger = ledger;
	a->clock = clock;
	a->sale = *sale;
	a->ref = (struct gate_ref){sale->id, sale->epoch};
	a->settle_ns = settle_ms * NS_PER_MS;
	a->settled_ns = now_ns(a) + a->settle_ns;
	return a;
}

void audit_free(struct audit **audit)
{
	struct audit *a = *audit;

	*audit = NULL;
	if (a == NULL)
		return;
	free(a->seen);
	free(a->fault);
	free(a->leases);
	free(a);
}

const struct audit_report *audit_report(const struct audit *a)
{
	return &a->report;
}

const struct sale *audit_sale(const struct audit *a)
{
	return &a->sale;
}

enum unit_home audit_home(const struct audit *a, uint32_t unit)
{
	BUG_ON(unit < 1 || unit > a->sale.stock);
	if ((a->seen[unit] & SEEN_SOLD) != 0)
		return UNIT_HOME_SOLD;
	if ((a->seen[unit] & SEEN_LEASED) != 0)
		return UNIT_HOME_LEASED;
	return (a->seen[unit] & SEEN_FREE) != 0 ? UNIT_HOME_FREE
						: UNIT_HOME_NONE;
}

static void pause_ms(int64_t ms)
{
	struct timespec ts = {ms / 1000, (long)(ms % 1000 * NS_PER_MS)};

	clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL);
}

enum outcome audit_run(struct audit *a, int64_t deadline_ns, struct err *err)
{
	enum audit_state state = AUDIT_MORE;
	enum outcome out = OUT_DONE;

	while (out == OUT_DONE && state != AUDIT_DONE) {
		if (state == AUDIT_PAUSED)
			pause_ms(PAUSE_MIN_MS);
		out = audit_step(a, deadline_ns, &state, err);
	}
	return out;
}

enum outcome sale_audit(const struct gate_port *gate,
    const struct ledger_port *ledger, const struct sale *sale,
    int64_t settle_ms, int64_t deadline_ns, struct audit_report *report,
    struct err *err)
{
	struct audit *a =
	    audit_new(gate, ledger, &clock_system, sale, settle_ms, err);
	enum outcome out;

	memset(report, 0, sizeof(*report));
	if (a == NULL)
		return OUT_NOT_DONE;
	out = audit_run(a, deadline_ns, err);
	*report = *audit_report(a);
	audit_free(&a);
	return out;
}
