/* SPDX-License-Identifier: Apache-2.0 */
/* A gate made from the ledger: fence, read, carry over, seed, publish, open, clean
 * up. */
#include "config.h"

#include "sale/rebuild_int.h"
#include "base/failpoint.h"
#include "base/mutant.h"

#include <stdlib.h>

/* RPUSH is not idempotent: an unknown outcome ends this epoch's rebuild, and
 * the next one starts on fresh keys. */
static enum outcome seed_flush(struct rebuilding *r)
{
	enum outcome out;

	if (r->nfree == 0)
		return OUT_DONE;
	out = r->gate->seed(r->gate->ctx, r->ref, r->free_units, r->nfree,
	    r->deadline_ns, r->err);
	if (out == OUT_DONE)
		r->result->units_free += (uint32_t)r->nfree;
	FAILPOINT(rebuild_mid_push);
	r->nfree = 0;
	return out;
}

static enum outcome unit_seed(struct rebuilding *r, uint32_t unit)
{
	enum outcome out;

	r->free_units[r->nfree++] = unit;
	if (r->nfree < CHUNK)
		return OUT_DONE;
	out = seed_flush(r);
	if (r->progress != NULL)
		r->progress(r->progress_ctx, unit, r->sale.stock);
	return out;
}

/* Units from..to (inclusive) are for sale, but for what was carried over. */
static enum outcome seed_range(struct rebuilding *r, uint32_t from, uint32_t to)
{
	enum outcome out = OUT_DONE;

	for (uint32_t unit = from; unit <= to && out == OUT_DONE; unit++)
		if (r->home == NULL || carry_is_free(r, unit))
			out = unit_seed(r, unit);
	return out;
}

/*
 * One page of sold rows: their owners' slots, and the gaps between them.  If
 * orders wait, the gaps are known only behind the last row.
 */
static enum outcome page_apply(struct rebuilding *r, size_t n, uint32_t *after)
{
	const struct order *rows = r->rows;
	enum outcome out =
	    r->gate->own(r->gate->ctx, r->ref, rows, n, r->deadline_ns, r->err);

	carry_sold(r, rows, n);
	for (size_t i = 0; i < n && out == OUT_DONE; i++) {
		if (r->home == NULL)
			out = seed_range(r, *after + 1,
			    rows[i].unit - !MUTANT(rebuild_sells_sold));
		*after = rows[i].unit;
	}
	r->result->units_sold += (uint32_t)n;
	return out;
}

static enum outcome units_seed(struct rebuilding *r)
{
	uint32_t after = 0;
	enum outcome out;
	size_t n;

	do {
		out = r->ledger->sold_after(r->ledger->ctx, r->sale.id, after,
		    r->deadline_ns, r->rows, CHUNK, &n, r->err);
		if (out == OUT_DONE && n > 0)
			out = page_apply(r, n, &after);
		if (out != OUT_DONE)
			return out;
	} while (n > 0);
	if (r->home != NULL) {
		after = 0;
		out = carry_all(r);
		if (out != OUT_DONE)
			return out;
	}
	out = seed_range(r, after + 1, r->sale.stock);
	return out == OUT_DONE ? seed_flush(r) : out;
}

static enum outcome gate_publish(struct rebuilding *r)
{
	struct gate_seeded seeded = {.units = r->sale.stock,
	    .limit = r->sale.per_customer,
	    .free = r->result->units_free,
	    .owners = r->result->units_sold,
	    .waiting = r->result->waiting,
	    .retired = true};
	enum outcome out = OUT_UNKNOWN;

	FAILPOINT(rebuild_before_publish);
	/* Idempotent: an unknown outcome is asked again. */
	for (int tries = 0; tries < 2 && out == OUT_UNKNOWN; tries++)
		out = r->gate->publish(
		    r->gate->ctx, r->ref, &seeded, r->deadline_ns, r->err);
	FAILPOINT(rebuild_after_publish);
	return out;
}

/*
 * What was published before may be one that nobody opened, and behind it the one
 * before that: so many are cleared away behind the one that is read.  What more of
 * them there are is lost memory, and nothing else.
 */
#define CLEAR_BACK 8

/*
 * Nobody reads the old keys any more: of what was published before, and of what
 * rebuilders that died on the way have left.  No loss when it fails.
 */
static void old_discard(struct rebuilding *r)
{
	struct err ignored = ERR_INIT;
	uint32_t epoch = r->first > CLEAR_BACK ? r->first - CLEAR_BACK : 1;

	for (; epoch < r->ref.epoch; epoch++)
		(void)r->gate->discard(r->gate->ctx,
		    (struct gate_ref){r->ref.sale, epoch}, r->deadline_ns,
		    &ignored);
}

/*
 * Orders are accepted under a published epoch only: what waits is in the last of
 * those, and every half-made one after it has but copies.  A gate that has lost
 * its meta may still have its stream, of an epoch that nobody can tell: any number
 * of rebuilders may have died since.  So all are looked through then, from the
 * first; mend_bound_ms() has the time for it.
 */
static enum outcome old_find(struct rebuilding *r, const struct sale *seen)
{
	struct gate_gauge gauge;
	enum outcome out = r->gate->gauge(
	    r->gate->ctx, seen->id, r->deadline_ns, &gauge, r->err);

	if (out != OUT_DONE)
		return out;
	r->first = 1;
	r->last = seen->epoch;
	if (gauge.known && gauge.epoch >= 1 && gauge.epoch <= seen->epoch)
		r->first = r->last = gauge.epoch;
	return OUT_DONE;
}

/* Stock and limit may have changed between the caller's reading and the fence. */
static enum outcome sale_reread(struct rebuilding *r)
{
	struct wall now;
	bool found = false;
	enum outcome out = r->ledger->sale(r->ledger->ctx, r->ref.sale,
	    r->deadline_ns, &r->sale, &found, &now, r->err);

	if (out == OUT_DONE && !found) {
		err_set(r->err, 0, "the sale is not in the ledger any more");
		return OUT_NOT_DONE;
	}
	return out;
}

/* Behind the fence. */
static enum outcome gate_make(struct rebuilding *r, const struct sale *seen)
{
	const struct gate_port *gate = r->gate;
	enum outcome out = sale_reread(r);

	/*
	 * From here on no order is accepted that nobody would read, and no older
	 * epoch is published: what the gauge shows now stays.  Before, somebody
	 * who was taken for dead could publish and unlink what we are to read.
	 */
	if (out == OUT_DONE)
		out = gate->retire(gate->ctx, r->ref, r->deadline_ns, r->err);
	if (out == OUT_DONE)
		out = old_find(r, seen);
	/* Keys of a number that was used before a restore would be poison. */
	if (out == OUT_DONE)
		out = gate->discard(gate->ctx, r->ref, r->deadline_ns, r->err);
	if (out == OUT_DONE)
		out = carry_begin(r);
	if (out == OUT_DONE)
		out = units_seed(r);
	carry_end(r);
	return out == OUT_DONE ? gate_publish(r) : out;
}

static enum outcome rebuild(
    struct rebuilding *r, const struct sale *seen, enum sale_state state)
{
	const struct ledger_port *ledger = r->ledger;
	/* Nothing is sold in any; what is paused or closed stays so if we die. */
	enum sale_state during =
	    state == SALE_STATE_OPEN ? SALE_STATE_REBUILD : state;
	enum outcome out;

	/* From here on no insert of an older epoch can appear. */
	out = ledger->epoch_begin(
	    ledger->ctx, seen, during, r->deadline_ns, &r->result->won, r->err);
	if (out != OUT_DONE || !r->result->won)
		return out;
	FAILPOINT(rebuild_after_bump);
	r->result->epoch = r->ref.epoch;
	out = gate_make(r, seen);
	if (out == OUT_DONE && during != state)
		out = ledger->epoch_end(ledger->ctx, seen->id, r->ref.epoch,
		    state, r->deadline_ns, &r->result->won, r->err);
	FAILPOINT(rebuild_after_open);
	if (out == OUT_DONE && r->result->won)
		old_discard(r);
	return out;
}

enum outcome sale_rebuild(const struct gate_port *gate,
    const struct ledger_port *ledger, const struct sale *sale,
    enum sale_state state, int64_t deadline_ns, rebuild_progress_fn *progress,
    void *progress_ctx, struct rebuild_result *result, struct err *err)
{
	struct rebuilding *r = calloc(1, sizeof(*r));
	enum outcome out;

	memset(result, 0, sizeof(*result));
	if (r == NULL) {
		err_set(err, 0, "out of memory for a rebuild");
		return OUT_NOT_DONE;
	}
	r->gate = gate;
	r->ledger = ledger;
	r->sale = *sale;
	r->ref = (struct gate_ref){sale->id, sale->epoch + 1};
	r->deadline_ns = deadline_ns;
	r->progress = progress;
	r->progress_ctx = progress_ctx;
	r->result = result;
	r->err = err;
	out = rebuild(r, sale, state);
	free(r);
	return out;
}
