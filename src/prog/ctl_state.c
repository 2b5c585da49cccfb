/* SPDX-License-Identifier: Apache-2.0 */
/* flashgatectl sale: open, pause, resume, close, stock. */
#include "config.h"

#include "prog/ctl.h"
#include "base/clock.h"
#include "base/num.h"
#include "sale/rebuild.h"

#include <string.h>
#include <sysexits.h>

#define CALL_DEADLINE_MS    5000
#define REBUILD_DEADLINE_MS 600000
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
	char did[120], detail[160];
	enum outcome out;

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
	    "{\"epoch\":%u,\"free\":%u,\"sold\":%u}", result.epoch,
	    result.units_free, result.units_sold);
	out = ledger_audit(
	    ctl->ledger, sale->id, ctl->actor, "open", detail, &err);
	if (out != OUT_DONE)
		ctl_fail(EX_UNAVAILABLE,
		    "opened, but not noted in the audit "
		    "table: %s",
		    err.text);
	snprintf(did, sizeof(did), "%s; epoch %u, %u units free, %u sold", why,
	    result.epoch, result.units_free, result.units_sold);
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
	return state_told(ctl, sale->slug, sale_state_name(to), "");
}

int ctl_sale_open(struct ctl *ctl)
{
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
	if (sale.state == SALE_STATE_OPEN)
		return state_told(ctl, sale.slug, "open", "it was already");
	return state_change(ctl, &sale, SALE_STATE_OPEN);
}

/* ---- pause, resume, close -------------------------------------------------------------- */

int ctl_sale_pause(struct ctl *ctl)
{
	struct sale sale;
	struct wall now;
	int code = ctl_sale_find(ctl, ctl_operand(ctl, 0), &sale, &now);

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

/* The ledger first: the guard must let the new numbers pass before anybody can
 * draw one.  If we die in between, the keeper tells the gate. */
static int stock_grow(struct ctl *ctl, const struct sale *sale, uint32_t to)
{
	struct gate_ref ref = {sale->id, sale->epoch};
	struct err err = ERR_INIT;
	enum outcome out = OUT_DONE;
	uint32_t done = 0;
	bool won;
	int code = stock_set(ctl, sale, to, &won);

	if (code != 0)
		return code;
	if (!won)
		return ctl_fail(CTL_NO,
		    "somebody else is changing sale %s: look, then repeat",
		    sale->slug);
	for (int i = 0; i < STOCK_CALLS_MAX && has_gate(sale) &&
			out == OUT_DONE && done < to;
	     i++) {
		out = ctl->gate_port.grow(ctl->gate_port.ctx, ref, to,
		    deadline_in_ms(CALL_DEADLINE_MS), &done, &err);
		ctl_progress("seeding", done, to);
	}
	if (out != OUT_DONE)
		ctl_fail(EX_UNAVAILABLE,
		    "the gate does not have all of them "
		    "yet, the keeper will see to it: %s",
		    err.text);
	return stock_told(ctl, sale, to, "");
}

/* The gate first: what it no longer offers, nobody can draw while the ledger
 * lowers its bound.  If we die in between, the units are in the ledger and not
 * at the gate: reconcile shows them, `sale open` brings them back. */
static int stock_shrink(struct ctl *ctl, const struct sale *sale, uint32_t to)
{
	struct gate_ref ref = {sale->id, sale->epoch};
	uint32_t reached = sale->stock, before;
	struct err err = ERR_INIT, ignored = ERR_INIT;
	enum outcome out = OUT_DONE;
	bool won = false;
	int code = 0;

	if (!has_gate(sale)) {
		reached = to;
	} else {
		do {
			before = reached;
			out = ctl->gate_port.shrink(ctl->gate_port.ctx, ref, to,
			    deadline_in_ms(CALL_DEADLINE_MS), &reached, &err);
		} while (out == OUT_DONE && reached > to && reached < before);
		if (out != OUT_DONE)
			code = ctl_fail_outcome(out, &err);
	}
	if (reached < sale->stock && code == 0)
		code = stock_set(ctl, sale, reached, &won);
	else if (code == 0)
		return ctl_fail(CTL_NO,
		    "sale %s: unit %u is sold or being bought, so no unit can "
		    "go",
		    sale->slug, sale->stock);
	if (won)
		return stock_told(ctl, sale, reached,
		    reached > to ? "; a unit below it is sold or being bought"
				 : "");
	/* Not agreed to: what was taken off the list goes back on it. */
	if (has_gate(sale))
		(void)ctl->gate_port.grow(ctl->gate_port.ctx, ref, sale->stock,
		    deadline_in_ms(CALL_DEADLINE_MS), &before, &ignored);
	if (code != 0)
		return code;
	return ctl_fail(CTL_NO,
	    "sale %s: a sold unit lies above %u, or somebody else is changing "
	    "it",
	    sale->slug, reached);
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
	code = ctl_sale_find(ctl, ctl_operand(ctl, 0), &sale, &now);
	if (code != 0)
		return code;
	if (!ctl_need_gate(ctl))
		return EX_UNAVAILABLE;
	if (text[0] == '+') {
		if (by > SALE_STOCK_MAX - sale.stock)
			return ctl_fail(
			    EX_USAGE, "a stock is at most %u", SALE_STOCK_MAX);
		return stock_grow(ctl, &sale, sale.stock + (uint32_t)by);
	}
	if (by >= sale.stock)
		return ctl_fail(EX_USAGE,
		    "sale %s has %u units; one must stay (or: sale close)",
		    sale.slug, sale.stock);
	return stock_shrink(ctl, &sale, sale.stock - (uint32_t)by);
}
