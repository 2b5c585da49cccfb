/* SPDX-License-Identifier: Apache-2.0 */
/* Judging a gate, and making it anew without haste or quarrel. */
#include "config.h"

#include "sale/mend.h"
#include "base/bug.h"

/* One rebuild soon after the other is a server that comes and goes: each next
 * one then waits twice as long, up to a bound. */
#define CALM_MS      2000
#define PAUSE_MS     200
#define PAUSE_MAX_MS 5000

/* The stores' answers that the judgement needs. */
#define LOOK_MS 2000

static const char *const names[] = {
    [GATE_WELL] = "well",
    [GATE_LOST] = "lost",
    [GATE_OTHER_EPOCH] = "other-epoch",
    [GATE_RESTARTED] = "restarted",
    [GATE_FORGOT] = "forgot",
    [GATE_SPOILT] = "spoilt",
    [GATE_HALF_MADE] = "half-made",
    [GATE_MISCOUNTED] = "miscounted",
};
_Static_assert(ARRAY_LEN(names) == GATE_TROUBLE_COUNT, "a name for each");

const char *gate_trouble_name(enum gate_trouble trouble)
{
	return names[trouble];
}

enum gate_trouble gate_trouble_of(
    const struct sale *sale, const struct gate_gauge *gauge)
{
	if (sale->epoch == 0 || sale->state == SALE_STATE_DRAFT)
		return GATE_WELL;
	/* Its rebuilder died before it was closed, and orders wait behind his
	 * fence: they are written when they are carried over it. */
	if (sale->state == SALE_STATE_CLOSED)
		return gauge->known && gauge->waiting > 0 &&
			       gauge->epoch != sale->epoch
			   ? GATE_OTHER_EPOCH
			   : GATE_WELL;
	if (sale->state == SALE_STATE_REBUILD)
		return GATE_HALF_MADE;
	if (!gauge->known)
		return GATE_LOST;
	if (gauge->epoch != sale->epoch)
		return GATE_OTHER_EPOCH;
	/* Redis may have lost its last seconds, or nothing: to find that out
	 * costs as much as a new gate does. */
	if (gauge->restarted)
		return GATE_RESTARTED;
	if (gauge->forgot > 0)
		return GATE_FORGOT;
	return gauge->dropped > 0 ? GATE_SPOILT : GATE_WELL;
}

/* Orders are carried over a page of 64 at a time: two reads, and a write that Redis
 * syncs before it answers.  That took 17 ms a page on two cores with a load of 20;
 * a bound that is too small is worse than one that is too large, for each attempt
 * begins anew. */
#define PER_WAITING_US 500
/* What a gate that has lost its meta still has is looked for in every epoch, and
 * then the old keys go: two calls each. */
#define PER_EPOCH_US 2000

int64_t mend_bound_ms(const struct sale *sale, const struct gate_gauge *gauge)
{
	uint64_t waiting = gauge->waiting, epochs = 0;

	if (!gauge->known) {
		waiting = sale->mode == SALE_MODE_DIRECT ? 0 : sale->stock;
		epochs = sale->epoch;
	}
	/* What a stranger has written into the stream is no order. */
	if (waiting > sale->stock)
		waiting = sale->stock;
	return 3000 + sale->stock / 20 +
	       (int64_t)(waiting * PER_WAITING_US + epochs * PER_EPOCH_US) /
		   1000;
}

static int64_t now_ns(const struct mender *mender)
{
	return mender->clock->mono_ns(mender->clock->ctx);
}

/*
 * Somebody who makes the gate is left alone for as long as he may take; what we
 * began ourselves and could not finish needs no such wait.
 */
static bool is_abandoned(
    struct mend_memory *memory, const struct sale *sale, int64_t at_ns)
{
	if (memory->half_epoch != sale->epoch) {
		memory->half_epoch = sale->epoch;
		memory->half_since_ns = at_ns;
	}
	return memory->own_epoch == sale->epoch ||
	       at_ns - memory->half_since_ns > memory->bound_ms * NS_PER_MS;
}

/*
 * A paused sale's state does not say that its gate is being made.  If each keeper
 * took it for lost meanwhile and began another one, two of them would go on like
 * that for as long as it is paused (the model found it).
 */
static bool is_half_made(const struct sale *sale, enum gate_trouble trouble)
{
	return trouble == GATE_HALF_MADE ||
	       (sale->state == SALE_STATE_PAUSED &&
		   (trouble == GATE_LOST || trouble == GATE_OTHER_EPOCH));
}

static bool is_due(struct mend_memory *memory, const struct sale *sale,
    enum gate_trouble trouble, int64_t at_ns)
{
	if (is_half_made(sale, trouble) && !is_abandoned(memory, sale, at_ns))
		return false;
	return at_ns >= memory->not_before_ns;
}

static void pause_set(struct mend_memory *memory, int64_t ended_ns)
{
	int64_t pause_ms;

	if (memory->not_before_ns != 0 &&
	    ended_ns - memory->not_before_ns < CALM_MS * NS_PER_MS)
		memory->hasty++;
	else
		memory->hasty = 0;
	if (memory->hasty > 5)
		memory->hasty = 5;
	pause_ms = memory->hasty == 0 ? 0 : PAUSE_MS << (memory->hasty - 1);
	if (pause_ms > PAUSE_MAX_MS)
		pause_ms = PAUSE_MAX_MS;
	memory->not_before_ns = ended_ns + pause_ms * NS_PER_MS;
}

static enum outcome rebuild(const struct mender *mender,
    const struct sale *sale, struct mend_memory *memory,
    struct mend_result *result, struct err *err)
{
	enum sale_state to =
	    sale->state == SALE_STATE_REBUILD ? SALE_STATE_OPEN : sale->state;
	int64_t begun_ns = now_ns(mender);
	int64_t deadline_ns = begun_ns + memory->bound_ms * NS_PER_MS;
	enum outcome out;

	/*
	 * Can this server be written to at all?  Else (a replica that is not
	 * promoted yet) the fence would come down for nothing, again and again.
	 * No gate is ever of epoch 0.
	 */
	out = mender->gate->discard(mender->gate->ctx,
	    (struct gate_ref){sale->id, 0}, deadline_ns, err);
	if (out != OUT_DONE)
		return out;
	result->tried = true;
	out = sale_rebuild(mender->gate, mender->ledger, sale, to, deadline_ns,
	    NULL, NULL, &result->rebuilt, err);
	result->done = out == OUT_DONE && result->rebuilt.won;
	result->took_ns = now_ns(mender) - begun_ns;
	/* An epoch whose beginning nobody answered for is ours as well: if it is
	 * somebody else's, he loses a rebuild, and nothing more. */
	memory->own_epoch = out == OUT_DONE ? 0 : sale->epoch + 1;
	/* Who was beaten to it has not been hasty. */
	if (out != OUT_DONE || result->rebuilt.won)
		pause_set(memory, now_ns(mender));
	return out;
}

enum outcome sale_mend(const struct mender *mender, struct sale_id id,
    uint32_t audited, struct mend_memory *memory, struct mend_result *result,
    struct err *err)
{
	int64_t deadline_ns = now_ns(mender) + LOOK_MS * NS_PER_MS;
	struct gate_gauge gauge;
	struct sale sale;
	struct wall wall;
	enum outcome out;
	bool found;

	memset(result, 0, sizeof(*result));
	/* In this order: a gauge that is older than the sale's reading could
	 * accuse a generation that is gone already. */
	out = mender->ledger->sale(
	    mender->ledger->ctx, id, deadline_ns, &sale, &found, &wall, err);
	if (out != OUT_DONE || !found)
		return out;
	out = mender->gate->gauge(
	    mender->gate->ctx, id, deadline_ns, &gauge, err);
	if (out != OUT_DONE)
		return out;
	result->trouble = gate_trouble_of(&sale, &gauge);
	if (result->trouble == GATE_WELL && audited != 0 &&
	    audited == sale.epoch && sale.state != SALE_STATE_CLOSED)
		result->trouble = GATE_MISCOUNTED;
	memory->bound_ms = mend_bound_ms(&sale, &gauge);
	if (result->trouble == GATE_WELL ||
	    !is_due(memory, &sale, result->trouble, now_ns(mender)))
		return OUT_DONE;
	return rebuild(mender, &sale, memory, result, err);
}
