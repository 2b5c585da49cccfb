/* SPDX-License-Identifier: Apache-2.0 */
/* flashgatectl reconcile: where is every unit, and back home with it. */
#include "config.h"

#include "prog/ctl.h"
#include "base/clock.h"
#include "base/num.h"
#include "sale/audit.h"
#include "sale/mend.h"

#include <string.h>
#include <sysexits.h>

#define AUDIT_DEADLINE_MS 600000
#define SHOWN_MAX         20

/* ---- where: runs of units with one home ------------------------------------------------ */

typedef void run_fn(
    void *ctx, uint32_t first, uint32_t last, enum unit_home home);

static void runs_walk(const struct audit *audit, run_fn *tell, void *ctx)
{
	uint32_t stock = audit_sale(audit)->stock, first = 1;

	for (uint32_t unit = 2; unit <= stock + 1; unit++)
		if (unit > stock ||
		    audit_home(audit, unit) != audit_home(audit, first)) {
			tell(ctx, first, unit - 1, audit_home(audit, first));
			first = unit;
		}
}

static void run_print(
    void *ctx, uint32_t first, uint32_t last, enum unit_home home)
{
	(void)ctx;
	if (first == last)
		printf("  unit %u: %s\n", first, unit_home_name(home));
	else
		printf(
		    "  units %u-%u: %s\n", first, last, unit_home_name(home));
}

static void run_json(
    void *ctx, uint32_t first, uint32_t last, enum unit_home home)
{
	json_array_append_new(
	    ctx, json_pack("{s:i, s:i, s:s}", "first", (int)first, "last",
		     (int)last, "home", unit_home_name(home)));
}

/* ---- what was found ------------------------------------------------------------------ */

static json_t *report_json(struct ctl *ctl, const struct audit *audit)
{
	const struct audit_report *report = audit_report(audit);
	const struct sale *sale = audit_sale(audit);
	json_t *faults = json_object(), *findings = json_array(), *all;

	for (int i = 0; i < UNIT_FAULT_COUNT; i++)
		json_object_set_new(faults, unit_fault_name((enum unit_fault)i),
		    json_integer((json_int_t)report->faults[i]));
	for (size_t i = 0; i < report->nfindings; i++)
		json_array_append_new(
		    findings, json_pack("{s:i, s:s}", "unit",
				  (int)report->findings[i].unit, "fault",
				  unit_fault_name(report->findings[i].fault)));
	all = json_pack(
	    "{s:s, s:b, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:b, s:i, "
	    "s:o, s:o}",
	    "sale", sale->slug, "clean", audit_clean(report), "stock",
	    (int)sale->stock, "free", (json_int_t)report->free, "leased",
	    (json_int_t)report->leased, "waiting", (json_int_t)report->waiting,
	    "tell_pending", (json_int_t)report->tell_pending, "sold",
	    (json_int_t)report->sold, "confirm_pending",
	    (json_int_t)report->confirm_pending, "gate_known",
	    report->gauge.known, "epoch_matches", report->epoch_matches,
	    "passes", (int)report->passes, "faults", faults, "findings",
	    findings);
	if (ctl_option(ctl, "units") != NULL) {
		json_t *runs = json_array();

		runs_walk(audit, run_json, runs);
		json_object_set_new(all, "units", runs);
	}
	return all;
}

static void faults_print(
    const struct sale *sale, const struct audit_report *report)
{
	if (!report->gauge.known)
		printf("the gate does not know this sale: "
		       "flashgatectl sale open %s\n",
		    sale->slug);
	else if (!report->epoch_matches)
		printf("the gate is of epoch %u, the ledger of %u: "
		       "flashgatectl sale open %s\n",
		    report->gauge.epoch, sale->epoch, sale->slug);
	for (int i = 0; i < UNIT_FAULT_COUNT; i++)
		if (report->faults[i] > 0)
			printf("%8llu  %s\n",
			    (unsigned long long)report->faults[i],
			    unit_fault_name((enum unit_fault)i));
	for (size_t i = 0; i < report->nfindings && i < SHOWN_MAX; i++)
		printf("  unit %u: %s\n", report->findings[i].unit,
		    unit_fault_name(report->findings[i].fault));
	if (report->nfindings > SHOWN_MAX)
		printf("  ... (--json lists up to %d)\n", AUDIT_FINDINGS_MAX);
}

static void report_print(struct ctl *ctl, const struct audit *audit)
{
	const struct audit_report *report = audit_report(audit);
	const struct sale *sale = audit_sale(audit);

	printf("%-10s %10u units\n", sale->slug, sale->stock);
	printf("%-10s %10llu\n", "free", (unsigned long long)report->free);
	printf("%-10s %10llu%s\n", "leased",
	    (unsigned long long)(report->leased - report->confirm_pending),
	    report->leased > 0 ? "  undecided, the keeper decides them" : "");
	printf("%-10s %10llu%s\n", "waiting",
	    (unsigned long long)(report->waiting - report->tell_pending),
	    report->waiting > report->tell_pending
		? "  accepted, a settler writes them"
		: "");
	printf("%-10s %10llu\n", "sold", (unsigned long long)report->sold);
	if (ctl_option(ctl, "units") != NULL)
		runs_walk(audit, run_print, NULL);
	if (audit_clean(report))
		printf("every unit has exactly one home\n");
	else
		faults_print(sale, report);
}

/* ---- repair ---------------------------------------------------------------------------- */

/*
 * There is one remedy for everything that can be wrong with a gate, and it is
 * safe at any time: a new one, made from the ledger.
 */
static int repair(
    struct ctl *ctl, const struct sale *sale, struct rebuild_result *result)
{
	enum sale_state to = sale->state == SALE_STATE_PAUSED
				 ? SALE_STATE_PAUSED
				 : SALE_STATE_OPEN;
	struct err err = ERR_INIT;
	char detail[160];
	enum outcome out;

	if (sale->epoch == 0 || sale->state == SALE_STATE_CLOSED)
		return ctl_fail(CTL_NO, "sale %s is %s: it needs no gate",
		    sale->slug, sale_state_name(sale->state));
	out = sale_rebuild(&ctl->gate_port, &ctl->ledger_port, sale, to,
	    deadline_in_ms(AUDIT_DEADLINE_MS), NULL, NULL, result, &err);
	if (out != OUT_DONE)
		return ctl_fail_outcome(out, &err);
	if (!result->won)
		return ctl_fail(CTL_NO,
		    "somebody else is changing sale %s: look, then repeat",
		    sale->slug);
	snprintf(detail, sizeof(detail),
	    "{\"why\":\"reconcile\",\"epoch\":%u,\"free\":%u,\"sold\":%u,"
	    "\"waiting\":%u,\"void\":%u}",
	    result->epoch, result->units_free, result->units_sold,
	    result->waiting, result->voided);
	out = ledger_audit(
	    ctl->ledger, sale->id, ctl->actor, "rebuild", detail, &err);
	return out == OUT_DONE ? 0 : ctl_fail_outcome(out, &err);
}

static int audited(struct ctl *ctl, const struct sale *sale, int64_t settle_ms,
    struct audit **audit)
{
	struct err err = ERR_INIT;
	enum outcome out = OUT_NOT_DONE;

	*audit = audit_new(&ctl->gate_port, &ctl->ledger_port, &clock_system,
	    sale, settle_ms, &err);
	if (*audit != NULL)
		out =
		    audit_run(*audit, deadline_in_ms(AUDIT_DEADLINE_MS), &err);
	if (out == OUT_DONE)
		return 0;
	audit_free(audit);
	return ctl_fail_outcome(out, &err);
}

/* Says what was wrong, mends it, and looks again. */
static int repaired(
    struct ctl *ctl, struct audit **audit, int64_t settle_ms, json_t **before)
{
	struct rebuild_result result = {0};
	char carried[CTL_CARRIED_MAX];
	struct sale sale = *audit_sale(*audit);
	struct wall now;
	int code;

	if (ctl->json) {
		*before = report_json(ctl, *audit);
	} else {
		report_print(ctl, *audit);
		printf("repairing: ");
		fflush(stdout);
	}
	audit_free(audit);
	code = repair(ctl, &sale, &result);
	if (code != 0)
		return code;
	if (!ctl->json)
		printf("a new gate of epoch %u, %u units free, %u sold%s\n",
		    result.epoch, result.units_free, result.units_sold,
		    ctl_carried(&result, carried));
	code = ctl_sale_find(ctl, ctl_operand(ctl, 0), &sale, &now);
	return code != 0 ? code : audited(ctl, &sale, settle_ms, audit);
}

static int reconcile(
    struct ctl *ctl, const struct sale *sale, int64_t settle_ms)
{
	struct audit *audit;
	json_t *before = NULL, *after;
	int code = audited(ctl, sale, settle_ms, &audit);

	if (code == 0 && !audit_clean(audit_report(audit)) &&
	    ctl_option(ctl, "repair") != NULL)
		code = repaired(ctl, &audit, settle_ms, &before);
	if (code != 0) {
		json_decref(before);
		return code;
	}
	if (ctl->json) {
		after = report_json(ctl, audit);
		if (before != NULL)
			json_object_set_new(after, "repaired", before);
		ctl_json(after);
	} else {
		report_print(ctl, audit);
	}
	code = audit_clean(audit_report(audit)) ? 0 : CTL_NO;
	audit_free(&audit);
	return code;
}

int ctl_reconcile(struct ctl *ctl)
{
	const char *settle_text = ctl_option(ctl, "settle");
	uint64_t settle_s = 2;
	struct sale sale;
	struct wall now;
	int code;

	if (settle_text != NULL &&
	    !num_parse_u64(strv_c(settle_text), 0, 3600, &settle_s))
		return ctl_fail(
		    EX_USAGE, "--settle %s: 0 to 3600 seconds", settle_text);
	code = ctl_sale_find(ctl, ctl_operand(ctl, 0), &sale, &now);
	if (code != 0)
		return code;
	if (!ctl_need_gate(ctl))
		return EX_UNAVAILABLE;
	return reconcile(ctl, &sale, (int64_t)settle_s * 1000);
}
