/* SPDX-License-Identifier: Apache-2.0 */
/* flashgatectl sale: limit and window, at any time. */
#include "config.h"

#include "prog/ctl.h"
#include "base/clock.h"
#include "base/num.h"
#include "sale/terms.h"

#include <string.h>
#include <sysexits.h>

#define CALL_DEADLINE_MS 5000

static int lost_race(const struct sale *sale)
{
	return ctl_fail(CTL_NO,
	    "somebody else is changing sale %s: look, then repeat", sale->slug);
}

/*
 * The ledger first: it is the truth.  Its guard is what no order of mode direct
 * passes; what is accepted passes the gate alone, and a host that cannot read the
 * ledger any more would go on with that.
 */
void ctl_terms_tell(struct ctl *ctl, const struct sale *sale)
{
	struct err err = ERR_INIT;

	if (sale->epoch == 0 || !ctl_need_gate(ctl))
		return;
	if (sale_terms_follow(&ctl->gate_port, &ctl->ledger_port, sale->id,
		deadline_in_ms(CALL_DEADLINE_MS), &err) != OUT_DONE)
		ctl_fail(0,
		    "warning: the gate does not know it yet, the keeper will "
		    "tell it; until then a server that cannot reach MySQL may "
		    "accept "
		    "orders as before: %s",
		    err.text);
}

/* ---- limit --------------------------------------------------------------------------- */

/* What the gate is not told now, the keeper tells it. */
static void limit_tell_gate(
    struct ctl *ctl, const struct sale *sale, uint32_t limit)
{
	struct err err = ERR_INIT;

	if (sale->epoch == 0 || sale->state == SALE_STATE_REBUILD)
		return;
	if (ctl->gate_port.relimit(ctl->gate_port.ctx,
		(struct gate_ref){sale->id, sale->epoch}, limit,
		deadline_in_ms(CALL_DEADLINE_MS), &err) != OUT_DONE)
		ctl_fail(EX_UNAVAILABLE,
		    "the gate does not know it yet, the keeper will tell it: "
		    "%s",
		    err.text);
}

/* Who had an order accepted is not told by a lower limit that he has none.  (In the
 * very instant of the change that can still happen.) */
static int waiting_check(
    struct ctl *ctl, const struct sale *sale, uint32_t limit)
{
	uint32_t unit, slot;
	int code = ctl_waiting_highest(ctl, sale, &unit, &slot);

	if (code != 0 || slot <= limit)
		return code;
	return ctl_fail(CTL_NO,
	    "sale %s: somebody has had more than %u accepted, which wait to be "
	    "written",
	    sale->slug, limit);
}

int ctl_sale_limit(struct ctl *ctl)
{
	const char *text = ctl_operand(ctl, 1);
	struct err err = ERR_INIT;
	struct sale sale;
	struct wall now;
	enum outcome out;
	uint64_t to;
	bool won;
	int code;

	if (!num_parse_u64(strv_c(text), 1, SALE_PER_CUSTOMER_MAX, &to))
		return ctl_fail(
		    EX_USAGE, "%s: 1 to %u", text, SALE_PER_CUSTOMER_MAX);
	code = ctl_sale_find(ctl, ctl_operand(ctl, 0), &sale, &now);
	if (code != 0)
		return code;
	if (!ctl_need_gate(ctl))
		return EX_UNAVAILABLE;
	if (sale.state == SALE_STATE_CLOSED)
		return ctl_fail(
		    CTL_NO, "sale %s is closed, for good", sale.slug);
	if (to < sale.per_customer) {
		code = waiting_check(ctl, &sale, (uint32_t)to);
		if (code != 0)
			return code;
	}
	if (to != sale.per_customer) {
		/* The ledger first, both ways: its guard nobody passes. */
		out = ledger_sale_set_limit(ctl->ledger, sale.id,
		    sale.per_customer, (uint32_t)to, ctl->actor, &won, &err);
		if (out != OUT_DONE)
			return ctl_fail_outcome(out, &err);
		if (!won && to < sale.per_customer)
			return ctl_fail(CTL_NO,
			    "sale %s: somebody holds more than %u already, or "
			    "somebody else is changing it",
			    sale.slug, (unsigned)to);
		if (!won)
			return lost_race(&sale);
		limit_tell_gate(ctl, &sale, (uint32_t)to);
	}
	if (ctl->json)
		ctl_json(json_pack("{s:s, s:i, s:i}", "sale", sale.slug,
		    "per_customer_before", (int)sale.per_customer,
		    "per_customer", (int)to));
	else
		printf("sale %s: %u a customer, was %u\n", sale.slug,
		    (unsigned)to, sale.per_customer);
	return 0;
}

/* ---- window -------------------------------------------------------------------------- */

/* Absent: as it was; "none": no bound. */
static bool bound_option(struct ctl *ctl, const char *name, struct wall *out)
{
	const char *text = ctl_option(ctl, name);

	if (text == NULL)
		return true;
	out->us = 0;
	if (strcmp(text, "none") == 0 || wall_parse(text, out))
		return true;
	ctl_fail(EX_USAGE,
	    "--%s %s: none, or RFC 3339 with its offset, such as "
	    "2026-11-22T20:00:00+01:00",
	    name, text);
	return false;
}

static int window_told(struct ctl *ctl, const struct sale *sale)
{
	char opens[WALL_TEXT_MAX], closes[WALL_TEXT_MAX];

	if (ctl->json)
		ctl_json(ctl_sale_json(sale));
	else
		printf("sale %s opens %s, closes %s\n", sale->slug,
		    ctl_time(sale->opens, opens),
		    ctl_time(sale->closes, closes));
	return 0;
}

int ctl_sale_window(struct ctl *ctl)
{
	struct err err = ERR_INIT;
	struct sale sale, seen;
	struct wall now;
	enum outcome out;
	bool won = true;
	int code = ctl_sale_find(ctl, ctl_operand(ctl, 0), &sale, &now);

	if (code != 0)
		return code;
	seen = sale;
	if (!bound_option(ctl, "opens", &sale.opens) ||
	    !bound_option(ctl, "closes", &sale.closes))
		return EX_USAGE;
	if (sale.state == SALE_STATE_CLOSED)
		return ctl_fail(
		    CTL_NO, "sale %s is closed, for good", sale.slug);
	if (sale.opens.us != 0 && sale.closes.us != 0 &&
	    sale.closes.us <= sale.opens.us)
		return ctl_fail(EX_USAGE, "it would close before it opens");
	if (sale.opens.us == seen.opens.us && sale.closes.us == seen.closes.us)
		return window_told(ctl, &sale);
	out = ledger_sale_set_window(ctl->ledger, &seen, sale.opens,
	    sale.closes, ctl->actor, &won, &err);
	if (out != OUT_DONE)
		return ctl_fail_outcome(out, &err);
	if (!won)
		return lost_race(&sale);
	if (sale.mode != SALE_MODE_DIRECT)
		ctl_terms_tell(ctl, &sale);
	return window_told(ctl, &sale);
}
