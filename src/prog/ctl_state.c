/* SPDX-License-Identifier: Apache-2.0 */
/* flashgatectl sale: open, pause, resume, close, stock. */
#include "config.h"

#include "prog/ctl.h"
#include "base/clock.h"
#include "base/failpoint.h"
#include "base/num.h"
#include "sale/audit.h"
#include "sale/rebuild.h"
#include "sale/table.h"

#include <string.h>
#include <sysexits.h>

#define CALL_DEADLINE_MS    5000
#define REBUILD_DEADLINE_MS 600000
#define AUDIT_SETTLE_MS     2000
/* The gate takes units off in bounded calls; so many of them at most. */
#define STOCK_CALLS_MAX 200000

static int state_told(
    struct ctl *ctl, const char *slug, const char *state, const char *what)
{
	if (ctl->json)
		ctl_json(json_pack("{s:s, s:s, s:s}", "sale", slug, "state",
		    state, "did", what));
	else
		printf("sale %s is %s%s%s\n", slug, state,
		    what[0] != '\0' ? ": " : "", what);
	return 0;
}

/* ---- open --------------------------------------------------------------------------- */

static void rebuild_progress(void *ctx, uint32_t done, uint32_t total)
{
	(void)ctx;
	ctl_progress("seeding", done, total);
}

static int gate_rebuild(
    struct ctl *ctl, const struct sale *sale, const char *why)
{
	struct rebuild_result result;
	struct err err = ERR_INIT;
	char did[160], detail[160], carried[CTL_CARRIED_MAX];
	enum outcome out;

	snprintf(detail, sizeof(detail), "{\"why\":\"%s\"}", why);
	out = ledger_audit(
	    ctl->ledger, sale->id, ctl->actor, "rebuild", detail, &err);
	if (out != OUT_DONE)
		return ctl_fail_outcome(out, &err);
	out = sale_rebuild(&ctl->gate_port, &ctl->ledger_port, sale,
	    SALE_STATE_OPEN, deadline_in_ms(REBUILD_DEADLINE_MS),
	    rebuild_progress, NULL, &result, &err);
	if (out != OUT_DONE)
		return ctl_fail_outcome(out, &err);
	if (!result.won)
		return ctl_fail(CTL_NO,
		    "somebody else is changing sale %s: look, then repeat",
		    sale->slug);
	snprintf(detail, sizeof(detail),
	    "{\"epoch\":%u,\"free\":%u,\"sold\":%u,\"waiting\":%u,"
	    "\"void\":%u}",
	    result.epoch, result.units_free, result.units_sold, result.waiting,
	    result.voided);
	out = ledger_audit(
	    ctl->ledger, sale->id, ctl->actor, "open", detail, &err);
	if (out != OUT_DONE)
		ctl_fail(EX_UNAVAILABLE,
		    "opened, but not noted in the audit "
		    "table: %s",
		    err.text);
	snprintf(did, sizeof(did), "%s; epoch %u, %u units free, %u sold%s",
	    why, result.epoch, result.units_free, result.units_sold,
	    ctl_carried(&result, carried));
	return state_told(ctl, sale->slug, "open", did);
}

static int state_change(
    struct ctl *ctl, const struct sale *sale, enum sale_state to)
{
	struct err err = ERR_INIT;
	enum outcome out;
	bool won;

	out = ledger_sale_set_state(
	    ctl->ledger, sale->id, sale->state, to, ctl->actor, &won, &err);
	if (out != OUT_DONE)
		return ctl_fail_outcome(out, &err);
	if (!won)
		return ctl_fail(CTL_NO,
		    "somebody else is changing sale %s: look, then repeat",
		    sale->slug);
	FAILPOINT(sale_state_set);
	if (sale->mode != SALE_MODE_DIRECT)
		ctl_terms_tell(ctl, sale);
	return state_told(ctl, sale->slug, sale_state_name(to), "");
}

/* Has every unit of an open sale one home? */
static int gate_well(struct ctl *ctl, const struct sale *sale, bool *well)
{
	static struct audit_report report; /* large */
	struct err err = ERR_INIT;
	enum outcome out = sale_audit(&ctl->gate_port, &ctl->ledger_port, sale,
	    AUDIT_SETTLE_MS, deadline_in_ms(REBUILD_DEADLINE_MS), &report,
	    &err);

	*well = audit_clean(&report);
	return out == OUT_DONE ? 0 : ctl_fail_outcome(out, &err);
}

/* The servers look after so many sales at once; closed ones do not count. */
static int room_check(struct ctl *ctl, const struct sale *sale)
{
	static struct sale sales[SALE_TABLE_MAX + 1];
	struct err err = ERR_INIT;
	unsigned others = 0;
	struct wall now;
	enum outcome out;
	size_t n;

	out = ctl->ledger_port.sales(ctl->ledger_port.ctx,
	    deadline_in_ms(CALL_DEADLINE_MS), sales, ARRAY_LEN(sales), &n, &now,
	    &err);
	if (out != OUT_DONE)
		return ctl_fail_outcome(out, &err);
	for (size_t i = 0; i < n; i++)
		others += sales[i].id.v != sale->id.v &&
			  sales[i].state != SALE_STATE_CLOSED;
	if (others < SALE_TABLE_MAX)
		return 0;
	return ctl_fail(
	    CTL_NO, "%d sales are open already; close one", SALE_TABLE_MAX);
}

int ctl_sale_open(struct ctl *ctl)
{
	bool well;
	struct gate_gauge gauge;
	struct err err = ERR_INIT;
	struct sale sale;
	struct wall now;
	enum outcome out;
	int code = ctl_sale_find(ctl, ctl_operand(ctl, 0), &sale, &now);

	if (code != 0)
		return code;
	if (sale.state == SALE_STATE_CLOSED)
		return ctl_fail(
		    CTL_NO, "sale %s is closed, for good", sale.slug);
	if (!ctl_need_gate(ctl))
		return EX_UNAVAILABLE;
	FAILPOINT(sale_open_begin);
	/* A sale that sells must come back, whatever Redis makes of it. */
	if (sale.state == SALE_STATE_DRAFT)
		code = ctl_durability_judge(ctl, sale.mode);
	if (code == 0)
		code = room_check(ctl, &sale);
	if (code != 0)
		return code;
	out = ctl->gate_port.gauge(ctl->gate_port.ctx, sale.id,
	    deadline_in_ms(CALL_DEADLINE_MS), &gauge, &err);
	if (out != OUT_DONE)
		return ctl_fail_outcome(out, &err);
	if (sale.epoch == 0)
		return gate_rebuild(ctl, &sale, "gate made");
	if (!gauge.known)
		return gate_rebuild(ctl, &sale, "gate was lost, made anew");
	if (sale.state == SALE_STATE_REBUILD || gauge.epoch != sale.epoch)
		return gate_rebuild(
		    ctl, &sale, "gate was half made, made anew");
	if (sale.state != SALE_STATE_OPEN)
		return state_change(ctl, &sale, SALE_STATE_OPEN);
	code = gate_well(ctl, &sale, &well);
	if (code != 0)
		return code;
	if (!well)
		return gate_rebuild(ctl, &sale, "gate was not well, made anew");
	return state_told(ctl, sale.slug, "open", "it was already");
}

/* ---- pause, resume, close -------------------------------------------------------------- */

int ctl_sale_pause(struct ctl *ctl)
{
	struct sale sale;
	struct wall now;
	int code = ctl_sale_find_settled(ctl, ctl_operand(ctl, 0), &sale, &now);

	if (code != 0)
		return code;
	if (sale.state == SALE_STATE_PAUSED)
		return state_told(ctl, sale.slug, "paused", "it was already");
	if (sale.state != SALE_STATE_OPEN)
		return ctl_fail(CTL_NO, "sale %s is %s, not open", sale.slug,
		    sale_state_name(sale.state));
	return state_change(ctl, &sale, SALE_STATE_PAUSED);
}

int ctl_sale_resume(struct ctl *ctl)
{
	struct sale sale;
	struct wall now;
	int code = ctl_sale_find(ctl, ctl_operand(ctl, 0), &sale, &now);

	if (code != 0)
		return code;
	if (sale.state == SALE_STATE_OPEN)
		return state_told(ctl, sale.slug, "open", "it was already");
	if (sale.state != SALE_STATE_PAUSED)
		return ctl_fail(CTL_NO, "sale %s is %s, not paused", sale.slug,
		    sale_state_name(sale.state));
	return state_change(ctl, &sale, SALE_STATE_OPEN);
}

int ctl_sale_close(struct ctl *ctl)
{
	struct sale sale;
	struct wall now;
	int code = ctl_sale_find(ctl, ctl_operand(ctl, 0), &sale, &now);

	if (code != 0)
		return code;
	if (sale.state == SALE_STATE_CLOSED)
		return state_told(ctl, sale.slug, "closed", "it was already");
	return state_change(ctl, &sale, SALE_STATE_CLOSED);
}

/* ---- stock ------------------------------------------------------------------------------- */

static bool has_gate(const struct sale *sale)
{
	return sale->epoch > 0 && sale->state != SALE_STATE_CLOSED &&
	       sale->state != SALE_STATE_REBUILD;
}

static int stock_set(
    struct ctl *ctl, const struct sale *sale, uint32_t to, bool *won)
{
	struct err err = ERR_INIT;
	enum outcome out;

	out = ledger_sale_set_stock(
	    ctl->ledger, sale->id, sale->stock, to, ctl->actor, won, &err);
	return out == OUT_DONE ? 0 : ctl_fail_outcome(out, &err);
}

static int stock_told(
    struct ctl *ctl, const struct sale *sale, uint32_t to, const char *note)
{
	if (ctl->json)
		ctl_json(json_pack("{s:s, s:i, s:i, s:i}", "sale", sale->slug,
		    "stock_before", (int)sale->stock, "stock", (int)to,
		    "changed", (int)to - (int)sale->stock));
	else
		printf("sale %s: stock %u, was %u%s\n", sale->slug, to,
		    sale->stock, note);
	return 0;
}

/* The gate follows the ledger; what it is not told now, the keeper tells it. */
static void stock_tell_gate(
    struct ctl *ctl, const struct sale *sale, uint32_t to)
{
	struct gate_ref ref = {sale->id, sale->epoch};
	const struct gate_port *gate = &ctl->gate_port;
	enum outcome out = OUT_DONE;
	uint32_t done = sale->stock;
	struct err err = ERR_INIT;

	for (int i = 0; i < STOCK_CALLS_MAX && out == OUT_DONE && done != to;
	     i++) {
		out = (to > sale->stock ? gate->grow : gate->shrink)(gate->ctx,
		    ref, to, deadline_in_ms(CALL_DEADLINE_MS), &done, &err);
		FAILPOINT(stock_mid_gate);
		ctl_progress("gate", done > to ? done - to : done, to);
		/* It was beyond that already. */
		if (out == OUT_DONE &&
		    (to > sale->stock ? done > to : done < to))
			break;
	}
	if (out != OUT_DONE)
		ctl_fail(EX_UNAVAILABLE,
		    "the gate does not know it yet, the "
		    "keeper will tell it: %s",
		    err.text);
}

/* The highest unit above `above` that is sold, or `above`. */
static int sold_highest(
    struct ctl *ctl, const struct sale *sale, uint32_t above, uint32_t *highest)
{
	static struct order page[1000];
	struct err err = ERR_INIT;
	enum outcome out;
	size_t n;

	*highest = above;
	do {
		out = ctl->ledger_port.sold_after(ctl->ledger_port.ctx,
		    sale->id, *highest, deadline_in_ms(CALL_DEADLINE_MS), page,
		    ARRAY_LEN(page), &n, &err);
		if (out != OUT_DONE)
			return ctl_fail_outcome(out, &err);
		if (n > 0)
			*highest = page[n - 1].unit;
	} while (n > 0);
	return 0;
}

int ctl_waiting_highest(
    struct ctl *ctl, const struct sale *sale, uint32_t *unit, uint32_t *slot)
{
	struct gate_ref ref = {sale->id, sale->epoch};
	struct gate_entry page[SETTLE_BATCH];
	struct gate_entry_id after = {0, 0};
	struct err err = ERR_INIT;
	enum outcome out;
	size_t n = 0;

	*unit = *slot = 0;
	if (!has_gate(sale))
		return 0;
	do {
		out = ctl->gate_port.queue_scan(ctl->gate_port.ctx, ref, after,
		    ARRAY_LEN(page), deadline_in_ms(CALL_DEADLINE_MS), page, &n,
		    &err);
		if (out != OUT_DONE)
			return ctl_fail_outcome(out, &err);
		for (size_t i = 0; i < n; i++) {
			const struct order *order = &page[i].order;

			after = page[i].id;
			if (page[i].flaw[0] != '\0')
				continue;
			*unit = order->unit > *unit ? order->unit : *unit;
			*slot = order->slot > *slot ? order->slot : *slot;
		}
	} while (n > 0);
	return 0;
}

/* As far down as `want`, or as a unit that is sold or about to be.  What waits is
 * looked at first: what is written meanwhile is sold. */
static int stock_floor(
    struct ctl *ctl, const struct sale *sale, uint32_t want, uint32_t *to)
{
	uint32_t waiting, slot;
	int code = ctl_waiting_highest(ctl, sale, &waiting, &slot);

	if (code == 0)
		code = sold_highest(ctl, sale, want, to);
	if (code == 0 && waiting > *to)
		*to = waiting;
	return code;
}

/*
 * The ledger first, both ways: its guard is what nobody passes.  Waits for
 * running inserts, and is refused if one of them has sold a unit above `to`:
 * then as far as that unit.  Who has had such a unit accepted in this very
 * instant, and is not written yet, gets a void order in the end.
 */
static int stock_change(struct ctl *ctl, const struct sale *sale, uint32_t want)
{
	uint32_t to = want;
	bool won = false;
	int code = 0;

	for (int tries = 0; tries < 5 && !won && code == 0; tries++) {
		if (want < sale->stock)
			code = stock_floor(ctl, sale, want, &to);
		if (code == 0 && to >= sale->stock && want < sale->stock)
			return ctl_fail(CTL_NO,
			    "sale %s: unit %u is sold, so no unit can go",
			    sale->slug, sale->stock);
		if (code == 0)
			code = stock_set(ctl, sale, to, &won);
	}
	if (code != 0)
		return code;
	if (!won)
		return ctl_fail(CTL_NO,
		    "somebody else is changing sale %s: look, then repeat",
		    sale->slug);
	FAILPOINT(stock_after_ledger);
	if (has_gate(sale))
		stock_tell_gate(ctl, sale, to);
	return stock_told(
	    ctl, sale, to, to > want ? "; that unit is sold" : "");
}

int ctl_sale_stock(struct ctl *ctl)
{
	const char *text = ctl_operand(ctl, 1);
	struct sale sale;
	struct wall now;
	uint64_t by;
	int code;

	if ((text[0] != '+' && text[0] != '-') ||
	    !num_parse_u64(strv_c(text + 1), 1, SALE_STOCK_MAX, &by))
		return ctl_fail(EX_USAGE, "%s: write +N or -N", text);
	code = ctl_sale_find_settled(ctl, ctl_operand(ctl, 0), &sale, &now);
	if (code != 0)
		return code;
	if (!ctl_need_gate(ctl))
		return EX_UNAVAILABLE;
	if (text[0] == '+') {
		if (by > SALE_STOCK_MAX - sale.stock)
			return ctl_fail(
			    EX_USAGE, "a stock is at most %u", SALE_STOCK_MAX);
		return stock_change(ctl, &sale, sale.stock + (uint32_t)by);
	}
	if (by >= sale.stock)
		return ctl_fail(EX_USAGE,
		    "sale %s has %u units; one must stay (or: sale close)",
		    sale.slug, sale.stock);
	return stock_change(ctl, &sale, sale.stock - (uint32_t)by);
}
