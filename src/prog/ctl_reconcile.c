/* SPDX-License-Identifier: Apache-2.0 */
/* flashgatectl reconcile: where is every unit? */
#include "config.h"

#include "prog/ctl.h"
#include "base/clock.h"
#include "base/num.h"
#include "sale/audit.h"

#include <string.h>
#include <sysexits.h>

#define AUDIT_DEADLINE_MS 600000
#define SHOWN_MAX         20

static json_t *report_json(
    const struct sale *sale, const struct audit_report *report)
{
	json_t *faults = json_object(), *findings = json_array();

	for (int i = 0; i < UNIT_FAULT_COUNT; i++)
		json_object_set_new(faults, unit_fault_name((enum unit_fault)i),
		    json_integer((json_int_t)report->faults[i]));
	for (size_t i = 0; i < report->nfindings; i++)
		json_array_append_new(
		    findings, json_pack("{s:i, s:s}", "unit",
				  (int)report->findings[i].unit, "fault",
				  unit_fault_name(report->findings[i].fault)));
	return json_pack(
	    "{s:s, s:b, s:i, s:I, s:I, s:I, s:I, s:b, s:b, s:i, s:o, s:o}",
	    "sale", sale->slug, "clean", audit_clean(report), "stock",
	    (int)sale->stock, "free", (json_int_t)report->free, "leased",
	    (json_int_t)report->leased, "sold", (json_int_t)report->sold,
	    "confirm_pending", (json_int_t)report->confirm_pending,
	    "gate_known", report->gauge.known, "epoch_matches",
	    report->epoch_matches, "passes", (int)report->passes, "faults",
	    faults, "findings", findings);
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

static void report_print(
    const struct sale *sale, const struct audit_report *report)
{
	printf("%-10s %10u units\n", sale->slug, sale->stock);
	printf("%-10s %10llu\n", "free", (unsigned long long)report->free);
	printf("%-10s %10llu%s\n", "leased",
	    (unsigned long long)(report->leased - report->confirm_pending),
	    report->leased > 0 ? "  undecided, the keeper decides them" : "");
	printf("%-10s %10llu\n", "sold", (unsigned long long)report->sold);
	if (audit_clean(report))
		printf("every unit has exactly one home\n");
	else
		faults_print(sale, report);
}

int ctl_reconcile(struct ctl *ctl)
{
	static struct audit_report report; /* large */
	const char *settle_text = ctl_option(ctl, "settle");
	struct err err = ERR_INIT;
	uint64_t settle_s = 2;
	struct sale sale;
	struct wall now;
	enum outcome out;
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
	out = sale_audit(&ctl->gate_port, &ctl->ledger_port, &sale,
	    (int64_t)settle_s * 1000, deadline_in_ms(AUDIT_DEADLINE_MS),
	    &report, &err);
	if (out != OUT_DONE)
		return ctl_fail_outcome(out, &err);
	if (ctl->json)
		ctl_json(report_json(&sale, &report));
	else
		report_print(&sale, &report);
	return audit_clean(&report) ? 0 : CTL_NO;
}
