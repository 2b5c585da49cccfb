/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every unit's home, counted over bounded reads.  One step is one read of one
 * store, so that a keeper can reap between two of them.
 */
#include "config.h"

#include "sale/audit_int.h"
#include "base/bug.h"
#include "base/clock.h"

#include <stdlib.h>
#include <time.h>

/* Between two looks at what seems wrong. */
#define PAUSE_MIN_MS 100
#define PAUSE_MAX_MS 1000

static const char *const fault_names[] = {
    [UNIT_HOMELESS] = "homeless",
    [UNIT_TWICE_FREE] = "twice free",
    [UNIT_FREE_SOLD] = "free and sold",
    [UNIT_FREE_LEASED] = "free and leased",
    [UNIT_TWICE_LEASED] = "leased to two claims",
    [UNIT_LEASED_SOLD] = "leased to one, sold to another",
    [UNIT_FREE_WAITING] = "free, and waits to be written",
    [UNIT_LEASED_WAITING] = "leased, and waits to be written",
    [UNIT_TWICE_WAITING] = "waits to be written twice",
    [UNIT_WAITING_SOLD] = "waits to be written for one, sold to another",
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
    [UNIT_HOME_WAITING] = "waiting",
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

void audit_phase_set(struct audit *a, enum audit_phase phase)
{
	a->phase = phase;
	a->cursor = 0;
	a->after = (struct gate_entry_id){0, 0};
}

/* The first row that is seen whole is the unit's fault. */
static const struct {
	unsigned seen;
	enum unit_fault fault;
} faults[] = {
    {SEEN_FREE_TWICE, UNIT_TWICE_FREE},
    {SEEN_FREE | SEEN_SOLD, UNIT_FREE_SOLD},
    {SEEN_FREE | SEEN_LEASED, UNIT_FREE_LEASED},
    {SEEN_FREE | SEEN_WAITING, UNIT_FREE_WAITING},
    {SEEN_LEASED_TWICE, UNIT_TWICE_LEASED},
    {SEEN_WAITING_TWICE, UNIT_TWICE_WAITING},
    {SEEN_LEASED | SEEN_WAITING, UNIT_LEASED_WAITING},
    {SEEN_ELSEWHERE | SEEN_LEASED, UNIT_LEASED_SOLD},
    {SEEN_ELSEWHERE | SEEN_WAITING, UNIT_WAITING_SOLD},
};

#define SEEN_ANY (SEEN_FREE | SEEN_LEASED | SEEN_WAITING | SEEN_SOLD)

/* enum unit_fault + 1, or 0. */
static uint8_t fault_of(unsigned seen)
{
	for (size_t i = 0; i < ARRAY_LEN(faults); i++)
		if ((seen & faults[i].seen) == faults[i].seen)
			return (uint8_t)(faults[i].fault + 1);
	return (seen & SEEN_ANY) == 0 ? UNIT_HOMELESS + 1 : 0;
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

/*
 * Two passes at least that saw the same, and the last of them long after the
 * first: one alone may have taken as long as it likes, for a store that was away
 * in its middle, and says nothing of units that were on the move meanwhile.
 */
static enum audit_state pass_judge(struct audit *a)
{
	uint64_t standing = faults_stand(a);

	if (a->report.passes == 1)
		a->settled_ns = now_ns(a) + a->settle_ns;
	if (standing == 0 || a->settle_ns == 0 ||
	    (a->report.passes > 1 && a->begun_ns >= a->settled_ns)) {
		findings_tell(a);
		return AUDIT_DONE;
	}
	a->not_before_ns = now_ns(a) + pause_ns(a);
	audit_phase_set(a, PHASE_GAUGE);
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
			out = audit_read_gauge(a, deadline_ns, err);
		break;
	case PHASE_FREE:
		out = audit_read_free(a, deadline_ns, err);
		break;
	case PHASE_LEASES:
		out = audit_read_leases(a, deadline_ns, err);
		break;
	case PHASE_QUEUE:
		out = audit_read_queue(a, deadline_ns, err);
		break;
	case PHASE_SOLD:
		out = audit_read_sold(a, deadline_ns, err);
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
	free(a->leases.note);
	free(a->waiting.note);
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
	if ((a->seen[unit] & SEEN_WAITING) != 0)
		return UNIT_HOME_WAITING;
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
