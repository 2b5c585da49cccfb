/* SPDX-License-Identifier: Apache-2.0 */
/* flashgatectl sale mode: when orders are written, from now on. */
#include "config.h"

#include "prog/ctl.h"
#include "base/clock.h"

#include <string.h>
#include <sysexits.h>
#include <time.h>

#define CALL_DEADLINE_MS 5000

/* Between two looks at what still waits; and without any being written. */
#define LOOK_MS  100
#define STALL_MS 60000

/* ---- what a 202 is worth ------------------------------------------------------------ */

int ctl_durability_judge(struct ctl *ctl, enum sale_mode mode)
{
	enum gate_durable want = wire_durable(&ctl->settings);
	struct gate_durability has;
	struct err err = ERR_INIT;
	enum outcome out;

	if (mode == SALE_MODE_DIRECT)
		return 0;
	if (!ctl_need_gate(ctl))
		return EX_UNAVAILABLE;
	out = gate_durability(
	    ctl->gate, deadline_in_ms(CALL_DEADLINE_MS), &has, &err);
	if (out != OUT_DONE)
		return ctl_fail_outcome(out, &err);
	if (!gate_durability_suffices(want, &has, &err))
		return ctl_fail(CTL_NO, "mode %s breaks \"never lost\": %s",
		    sale_mode_name(mode), err.text);
	if (!gate_durability_suffices(
		wire_durable_strict(&ctl->settings), &has, &err))
		ctl_fail(0,
		    "warning: mode %s weakens \"never lost\", as [queue] "
		    "accept_loss = yes accepts: Redis syncs: %s",
		    sale_mode_name(mode), gate_fsync_name(has.fsync));
	return 0;
}

/* ---- drain ------------------------------------------------------------------------ */

/* So long workers may accept after the ledger has said otherwise: a request, and
 * two readings of the table. */
static int64_t settled_ns(const struct ctl *ctl)
{
	return deadline_in_ms(ctl->settings.limits.request_deadline_ms +
			      2 * ctl->settings.keeper.refresh_ms);
}

struct draining {
	uint64_t most; /* that were seen to wait */
	uint64_t waiting; /* now */
	int64_t settled_ns;
	int64_t stalled_ns;
};

static enum outcome drain_look(struct ctl *ctl, const struct sale *sale,
    struct draining *d, struct err *err)
{
	struct gate_gauge gauge;
	enum outcome out = ctl->gate_port.gauge(ctl->gate_port.ctx, sale->id,
	    deadline_in_ms(CALL_DEADLINE_MS), &gauge, err);

	/* One that is being made anew says nothing yet. */
	if (out != OUT_DONE || !gauge.known)
		return out;
	if (gauge.waiting < d->waiting)
		d->stalled_ns = deadline_in_ms(STALL_MS);
	d->waiting = gauge.waiting;
	if (d->most < d->waiting)
		d->most = d->waiting;
	return OUT_DONE;
}

/* Until what was accepted is written. */
static int drain(struct ctl *ctl, const struct sale *sale, uint64_t *waiting)
{
	const struct timespec pause = {.tv_nsec = LOOK_MS * NS_PER_MS};
	struct draining d = {.waiting = UINT64_MAX,
	    .settled_ns = settled_ns(ctl),
	    .stalled_ns = deadline_in_ms(STALL_MS)};
	struct err err = ERR_INIT;
	enum outcome out;

	for (;;) {
		out = drain_look(ctl, sale, &d, &err);
		if (out != OUT_DONE)
			return ctl_fail_outcome(out, &err);
		if (d.most > 0)
			ctl_progress("writing", d.most - d.waiting, d.most);
		if (d.waiting == 0 && mono_ns() >= d.settled_ns)
			break;
		if (mono_ns() >= d.stalled_ns)
			return ctl_fail(CTL_NO,
			    "sale %s: %llu accepted orders wait, and none was "
			    "written for %d s: does a settler run ([settler] "
			    "processes), and does MySQL take orders?",
			    sale->slug, (unsigned long long)d.waiting,
			    STALL_MS / 1000);
		nanosleep(&pause, NULL);
	}
	*waiting = d.waiting;
	return 0;
}

/* ---- the command ------------------------------------------------------------------- */

static int mode_set(struct ctl *ctl, const struct sale *sale, enum sale_mode to)
{
	struct err err = ERR_INIT;
	enum outcome out;
	bool won;

	if (sale->mode == to)
		return 0;
	out = ledger_sale_set_mode(
	    ctl->ledger, sale->id, sale->mode, to, ctl->actor, &won, &err);
	if (out != OUT_DONE)
		return ctl_fail_outcome(out, &err);
	if (won) {
		ctl_terms_tell(ctl, sale);
		return 0;
	}
	return ctl_fail(CTL_NO,
	    "somebody else is changing sale %s: look, then repeat", sale->slug);
}

int ctl_sale_mode(struct ctl *ctl)
{
	const char *text = ctl_operand(ctl, 1);
	uint64_t waiting = 0;
	enum sale_mode to;
	struct sale sale;
	struct wall now;
	bool drained;
	int code;

	if (!sale_mode_parse(strv_c(text), &to))
		return ctl_fail(EX_USAGE, "%s: direct, queue or sweep", text);
	code = ctl_sale_find_settled(ctl, ctl_operand(ctl, 0), &sale, &now);
	if (code == 0)
		code = ctl_durability_judge(ctl, to);
	if (code == 0)
		code = mode_set(ctl, &sale, to);
	drained = to == SALE_MODE_DIRECT && sale.epoch > 0 &&
		  ctl_option(ctl, "no-wait") == NULL;
	if (code == 0 && drained && !ctl_need_gate(ctl))
		return EX_UNAVAILABLE;
	if (code == 0 && drained)
		code = drain(ctl, &sale, &waiting);
	if (code != 0)
		return code;
	if (ctl->json)
		ctl_json(json_pack("{s:s, s:s, s:s, s:b}", "sale", sale.slug,
		    "mode_before", sale_mode_name(sale.mode), "mode",
		    sale_mode_name(to), "drained", drained));
	else
		printf("sale %s: mode %s, was %s%s\n", sale.slug,
		    sale_mode_name(to), sale_mode_name(sale.mode),
		    drained ? "; nothing waits any more" : "");
	return 0;
}
