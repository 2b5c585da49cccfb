/* SPDX-License-Identifier: Apache-2.0 */
/* flashgatectl doctor: do the stores stand for what is promised? */
#include "config.h"

#include "prog/ctl.h"
#include "prog/judge.h"

#include <string.h>
#include <sysexits.h>

static const char *word_of(const struct judge_finding *finding)
{
	static const char *const words[] = {
	    [JUDGE_NOTE] = "note",
	    [JUDGE_WARN] = "warning",
	    [JUDGE_REFUSE] = "refused",
	};

	if (!finding->known)
		return "unknown";
	return finding->good ? "ok" : words[finding->weight];
}

static void report_json(const struct judge_report *report, bool good)
{
	json_t *list = json_array();

	for (size_t i = 0; i < report->n; i++) {
		const struct judge_finding *f = &report->findings[i];

		json_array_append_new(
		    list, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}",
			      "store", f->store, "name", f->name, "value",
			      f->value, "want", f->want, "verdict", word_of(f),
			      "promise", f->promise, "why", f->why));
	}
	ctl_json(json_pack("{s:b, s:o}", "good", good, "findings", list));
}

static void report_print(const struct judge_report *report)
{
	for (size_t i = 0; i < report->n; i++) {
		const struct judge_finding *f = &report->findings[i];

		printf("%-8s %-6s %-34s %s\n", word_of(f), f->store, f->name,
		    f->value);
		if (f->known && !f->good)
			printf("         %s: want %s, else %s\n", f->promise,
			    f->want, f->why);
	}
}

int ctl_doctor(struct ctl *ctl)
{
	struct err err = ERR_INIT;
	struct judge_report report;
	struct ledger *ledger;
	bool good;

	if (!ctl_need_gate(ctl))
		return EX_UNAVAILABLE;
	/* The server's own account: it is its rights that matter. */
	ledger = wire_ledger(&ctl->settings, WIRE_SERVER, &err);
	good = ledger != NULL &&
	       judge_stores(&ctl->settings, ctl->gate, ledger, &report, &err);
	ledger_free(&ledger);
	if (!good)
		return ctl_fail(EX_UNAVAILABLE, "%s", err.text);
	/* Version, schema, keys, rights: what a start asks besides. */
	good = wire_check(&ctl->settings, NULL, &err) && report.refused == 0;
	if (ctl->json)
		report_json(&report, good);
	else
		report_print(&report);
	return good ? 0 : ctl_fail(CTL_NO, "%s", err.text);
}
