/* SPDX-License-Identifier: Apache-2.0 */
/* Gates made anew, and audits, a little at each tick. */
#include "config.h"

#include "prog/mending.h"
#include "base/clock.h"
#include "base/log.h"
#include "sale/audit.h"
#include "sale/mend.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

/* Of one read of an audit, and how many of them a tick has time for. */
#define STEP_DEADLINE_MS 2000
#define STEPS_A_TICK     100

/* What a unit may take from its lease's end to its home, beyond the tick: the
 * backstop for a clock that was set back, and a busy machine. */
#define AUDIT_SLACK_MS 3000

struct care { /* of one sale */
	struct sale_id sale;
	struct mend_memory memory;
	uint32_t faulty; /* epoch that our audit found fault with */
	int64_t audit_ns; /* when the next one is due */
};

struct mending {
	struct mending_conf conf;
	struct mender mender;
	struct care care[SALE_TABLE_MAX];
	struct audit *audit; /* under way, or NULL */
	char actor[80];
	struct log_rate wait_rate, audit_rate;
};

struct mending *mending_new(const struct mending_conf *conf)
{
	struct mending *mending = calloc(1, sizeof(*mending));
	char host[HOST_NAME_MAX + 1] = "";

	if (mending == NULL)
		return NULL;
	mending->conf = *conf;
	mending->mender =
	    (struct mender){conf->gate, conf->ledger_port, &clock_system};
	(void)gethostname(host, sizeof(host) - 1);
	snprintf(mending->actor, sizeof(mending->actor), "keeper@%.63s", host);
	return mending;
}

void mending_free(struct mending **mending)
{
	if (*mending == NULL)
		return;
	audit_free(&(*mending)->audit);
	free(*mending);
	*mending = NULL;
}

static int64_t audit_next_ns(const struct mending *mending)
{
	return deadline_in_ms(mending->conf.settings->keeper.audit_ms);
}

/* Row `i` belongs to whatever sale is there now. */
static struct care *care_of(
    struct mending *mending, size_t i, struct sale_id sale)
{
	struct care *care = &mending->care[i];

	if (care->sale.v != sale.v)
		*care = (struct care){
		    .sale = sale, .audit_ns = audit_next_ns(mending)};
	return care;
}

/* ---- rebuild ----------------------------------------------------------------------- */

/* Everybody who reads the audit table shall see it; that it could not be noted
 * changes nothing about the gate. */
static void rebuilt_note(struct mending *mending, const struct sale *sale,
    const struct mend_result *result)
{
	char detail[200];
	struct err err = ERR_INIT;

	snprintf(detail, sizeof(detail),
	    "{\"why\":\"%s\",\"epoch\":%u,\"free\":%u,\"sold\":%u,"
	    "\"waiting\":%u,\"void\":%u,\"ms\":%" PRId64 "}",
	    gate_trouble_name(result->trouble), result->rebuilt.epoch,
	    result->rebuilt.units_free, result->rebuilt.units_sold,
	    result->rebuilt.waiting, result->rebuilt.voided,
	    result->took_ns / NS_PER_MS);
	if (ledger_audit(mending->conf.ledger, sale->id, mending->actor,
		"rebuild", detail, &err) != OUT_DONE)
		log_warning("sale %s: the rebuild is not in the audit table: "
			    "%s",
		    sale->slug, err.text);
}

static void rebuilt_tell(struct mending *mending, const struct sale *sale,
    const struct mend_result *result)
{
	struct keeper_stats *stats = mending->conf.stats;

	stats_count(&stats->rebuilds[result->trouble]);
	stats_observe(&stats->rebuild, result->took_ns);
	log_notice("sale %s: its gate was %s and is made anew: epoch %u, "
		   "%u units free, %u sold, %u accepted orders carried over, "
		   "%u void, %" PRId64 " ms",
	    sale->slug, gate_trouble_name(result->trouble),
	    result->rebuilt.epoch, result->rebuilt.units_free,
	    result->rebuilt.units_sold, result->rebuilt.waiting,
	    result->rebuilt.voided, result->took_ns / NS_PER_MS);
	rebuilt_note(mending, sale, result);
}

bool mending_look(
    struct mending *mending, size_t i, const struct sale_entry *entry)
{
	const struct sale *sale = &entry->sale;
	struct care *care = care_of(mending, i, sale->id);
	struct mend_result result;
	struct err err = ERR_INIT;
	enum outcome out;

	/* Without an answer of the gate there is nothing to judge. */
	if (!entry->gauge_fresh ||
	    (gate_trouble_of(sale, &entry->gauge) == GATE_WELL &&
		care->faulty == 0))
		return false;
	out = sale_mend(&mending->mender, sale->id, care->faulty, &care->memory,
	    &result, &err);
	if (out == OUT_DONE && result.trouble == GATE_WELL)
		care->faulty = 0;
	if (out == OUT_DONE && result.done) {
		care->faulty = 0;
		care->audit_ns = audit_next_ns(mending);
		rebuilt_tell(mending, sale, &result);
		return true;
	}
	if (result.tried && out != OUT_DONE)
		stats_count(&mending->conf.stats->rebuilds_failed);
	if (out != OUT_DONE)
		log_limited(&mending->wait_rate, LOG_LEVEL_WARNING,
		    "sale %s: its gate is %s, and cannot be made anew yet: %s",
		    sale->slug, gate_trouble_name(result.trouble), err.text);
	return result.tried;
}

/* ---- audit -------------------------------------------------------------------------- */

/* One gate, of one epoch, with one stock: else there is nothing to compare. */
static bool is_auditable(const struct sale_entry *entry)
{
	const struct sale *sale = &entry->sale;

	return entry->gauge_fresh &&
	       (sale->state == SALE_STATE_OPEN ||
		   sale->state == SALE_STATE_PAUSED) &&
	       gate_trouble_of(sale, &entry->gauge) == GATE_WELL &&
	       entry->gauge.known && entry->gauge.units == sale->stock;
}

static void audit_begin(
    struct mending *mending, struct care *care, const struct sale *sale)
{
	const struct settings *settings = mending->conf.settings;
	struct err err = ERR_INIT;

	mending->audit = audit_new(mending->conf.gate,
	    mending->conf.ledger_port, &clock_system, sale,
	    settings->keeper.lease_ms + settings->keeper.tick_ms +
		AUDIT_SLACK_MS,
	    &err);
	if (mending->audit != NULL)
		return;
	care->audit_ns = audit_next_ns(mending);
	log_limited(&mending->audit_rate, LOG_LEVEL_WARNING,
	    "sale %s: no audit: %s", sale->slug, err.text);
}

static void audit_end(struct mending *mending, struct care *care)
{
	const struct audit_report *report = audit_report(mending->audit);
	const struct sale *sale = audit_sale(mending->audit);
	struct keeper_stats *stats = mending->conf.stats;
	uint64_t leaks = report->faults[UNIT_HOMELESS];

	if (report->epoch_matches) {
		stats_count(&stats->audits);
		stats_count_by(&stats->leaks, leaks);
		stats_count_by(&stats->dup_homes, report->total_faults - leaks);
	}
	if (report->epoch_matches && report->total_faults > 0) {
		care->faulty = sale->epoch;
		log_error("sale %s: %" PRIu64 " units without a home, %" PRIu64
			  " with more than one or out of bounds (unit %u: %s); "
			  "its gate is made anew",
		    sale->slug, leaks, report->total_faults - leaks,
		    report->nfindings > 0 ? report->findings[0].unit : 0,
		    unit_fault_name(report->nfindings > 0
					? report->findings[0].fault
					: UNIT_OUT_OF_BOUNDS));
	}
	care->audit_ns = audit_next_ns(mending);
	audit_free(&mending->audit);
}

static void audit_go_on(struct mending *mending, struct care *care)
{
	enum audit_state state = AUDIT_MORE;
	struct err err = ERR_INIT;
	enum outcome out = OUT_DONE;

	for (int i = 0;
	     i < STEPS_A_TICK && out == OUT_DONE && state == AUDIT_MORE; i++)
		out = audit_step(mending->audit,
		    deadline_in_ms(STEP_DEADLINE_MS), &state, &err);
	if (out != OUT_DONE)
		log_limited(&mending->audit_rate, LOG_LEVEL_WARNING,
		    "sale %s: the audit waits: %s",
		    audit_sale(mending->audit)->slug, err.text);
	else if (state == AUDIT_DONE)
		audit_end(mending, care);
}

void mending_audit(
    struct mending *mending, size_t i, const struct sale_entry *entry)
{
	struct care *care = care_of(mending, i, entry->sale.id);
	const struct sale *audited =
	    mending->audit != NULL ? audit_sale(mending->audit) : NULL;
	bool mine = audited != NULL && audited->id.v == entry->sale.id.v;

	if (mine &&
	    (!is_auditable(entry) || audited->epoch != entry->sale.epoch ||
		audited->stock != entry->sale.stock)) {
		audit_free(&mending->audit);
		return;
	}
	if (audited == NULL && mending->conf.settings->keeper.audit_ms > 0 &&
	    mono_ns() >= care->audit_ns && is_auditable(entry)) {
		audit_begin(mending, care, &entry->sale);
		mine = mending->audit != NULL;
	}
	if (mine)
		audit_go_on(mending, care);
}
