/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sale is paused, closed, given another mode or window by somebody else, and a
 * host knows nothing of it, for it cannot reach the ledger.  What the gate is told
 * then, by how many at once, and what a shopper of that host hears.
 */
#include "config.h"

#include "sale/terms.h"
#include "sale/world.h"
#include "unit.h"

#define HOUR_US (INT64_C(3600) * US_PER_S)

/* What the operator does to a sale that is open, in mode queue, and accepts. */
enum change {
	NOTHING,
	PAUSE,
	CLOSE,
	DIRECT,
	SWEEP,
	LATER,
	EARLIER,
	CHANGES
};

static void change(struct world *w, enum change what)
{
	struct sale table = w->sale; /* the host's own reading stays */

	world_sale_get(w);
	switch (what) {
	case PAUSE:
		w->sale.state = SALE_STATE_PAUSED;
		break;
	case CLOSE:
		w->sale.state = SALE_STATE_CLOSED;
		break;
	case DIRECT:
		w->sale.mode = SALE_MODE_DIRECT;
		break;
	case SWEEP:
		w->sale.mode = SALE_MODE_SWEEP;
		break;
	case LATER:
		w->sale.opens.us = w->wall_us + HOUR_US;
		break;
	case EARLIER:
		w->sale.closes.us = w->wall_us - HOUR_US;
		break;
	case NOTHING:
	case CHANGES:
		break;
	}
	world_sale_put(w);
	w->sale = table;
}

static enum outcome follow(struct world *w)
{
	struct err err;

	return sale_terms_follow(
	    &w->faulty_gate, &w->faulty_ledger, w->sale.id, INT64_MAX, &err);
}

static void faults_none(struct world *w)
{
	w->plan.n = 0;
	memset(w->plan.calls, 0, sizeof(w->plan.calls));
}

static void world_open(struct world *w)
{
	world_init(w, 3, 1);
	world_mode(w, SALE_MODE_QUEUE);
	ck_assert_int_eq(follow(w), OUT_DONE);
	faults_none(w);
}

/* ---- what the gate is told -------------------------------------------------------- */

static const struct {
	enum sale_state state;
	enum sale_mode mode;
	int32_t epoch; /* of the ledger, above the gate's */
	bool shut, untold;
} told[] = {
    {SALE_STATE_OPEN, SALE_MODE_QUEUE, 0, false, false},
    {SALE_STATE_OPEN, SALE_MODE_SWEEP, 0, false, false},
    {SALE_STATE_OPEN, SALE_MODE_DIRECT, 0, true, false},
    {SALE_STATE_PAUSED, SALE_MODE_QUEUE, 0, true, false},
    {SALE_STATE_CLOSED, SALE_MODE_SWEEP, 0, true, false},
    /* Published, and not opened yet: nobody sells by it. */
    {SALE_STATE_REBUILD, SALE_MODE_QUEUE, 0, false, false},
    {SALE_STATE_REBUILD, SALE_MODE_DIRECT, 0, true, false},
    /* Somebody makes another, and who read it before must not go on. */
    {SALE_STATE_REBUILD, SALE_MODE_QUEUE, 1, true, false},
    {SALE_STATE_PAUSED, SALE_MODE_QUEUE, 1, true, false},
    /* A ledger that was set back: its word is older than the gate. */
    {SALE_STATE_PAUSED, SALE_MODE_QUEUE, -1, false, true},
};

START_TEST(test_told)
{
	struct gate_gauge gauge;
	struct world w;

	world_open(&w);
	world_sale_get(&w);
	world_gauge(&w, &gauge);
	ck_assert(!gauge.terms.shut);
	w.sale.state = told[_i].state;
	w.sale.mode = told[_i].mode;
	w.sale.epoch += (uint32_t)told[_i].epoch;
	w.sale.opens.us = 1000;
	w.sale.closes.us = w.wall_us + HOUR_US;
	world_sale_put(&w);
	ck_assert(sale_terms_differ(&w.sale, &gauge) != told[_i].untold);
	ck_assert_int_eq(follow(&w), OUT_DONE);
	world_gauge(&w, &gauge);
	ck_assert(gauge.terms.shut == told[_i].shut);
	ck_assert_int_eq(
	    gauge.terms.opens.us, told[_i].shut || told[_i].untold ? 0 : 1000);
	ck_assert_int_eq(gauge.terms.closes.us,
	    told[_i].shut || told[_i].untold ? 0 : w.wall_us + HOUR_US);
	ck_assert(!sale_terms_differ(&w.sale, &gauge));
	faults_none(&w);
	/* What it goes by it is told again: see test_agreed. */
	ck_assert_int_eq(follow(&w), OUT_DONE);
	ck_assert_uint_eq(
	    w.plan.calls[FAULT_GATE_TELL], told[_i].untold ? 0 : 1);
	world_gauge(&w, &gauge);
	ck_assert(!sale_terms_differ(&w.sale, &gauge));
	world_fini(&w);
}
END_TEST

START_TEST(test_no_gate_to_tell)
{
	struct world w;

	world_open(&w);
	mem_gate_flushall(w.mem_gate);
	change(&w, PAUSE);
	ck_assert_int_eq(follow(&w), OUT_DONE);
	ck_assert_uint_eq(w.plan.calls[FAULT_GATE_TELL], 0);
	world_fini(&w);
}
END_TEST

/* A new gate was told nothing, and accepts: who knows of its epoch has read the
 * ledger behind its fence. */
START_TEST(test_a_new_gate)
{
	struct rebuild_result result;
	struct gate_gauge gauge;
	struct world w;

	world_open(&w);
	change(&w, DIRECT);
	ck_assert_int_eq(follow(&w), OUT_DONE);
	world_rebuild(&w, &result);
	world_gauge(&w, &gauge);
	ck_assert(!gauge.terms.shut);
	ck_assert_uint_eq(gauge.told, 0);
	/* The host of before, with its own reading. */
	w.sale.mode = SALE_MODE_QUEUE;
	w.sale.epoch = 1;
	fault_plan_add(&w.plan, FAULT_LEDGER_SALE, 0, FAULT_NOT_DONE);
	ck_assert_int_eq(world_verdict(&w, "alice", NULL), VERDICT_UNAVAILABLE);
	world_fini(&w);
}
END_TEST

/* ---- many at once ----------------------------------------------------------------- */

/* Somebody else does something between two calls of ours. */
struct meddler {
	struct world *w;
	enum change what;
	bool tells; /* and the gate hears of it from him */
	unsigned times;
};

static struct meddler meddler;

static void meddle(void)
{
	struct world *w = meddler.w;
	struct err err;

	if (meddler.times == 0)
		return;
	meddler.times--;
	change(w, meddler.what);
	if (meddler.tells)
		ck_assert_int_eq(sale_terms_follow(&w->gate, &w->ledger,
				     w->sale.id, INT64_MAX, &err),
		    OUT_DONE);
}

static enum outcome meddled_tell(void *ctx, struct gate_ref ref,
    const struct gate_terms *terms, uint32_t seen, int64_t deadline_ns,
    bool *done, struct err *err)
{
	meddle();
	return meddler.w->gate.tell(
	    ctx, ref, terms, seen, deadline_ns, done, err);
}

/* A keeper is about to say that the sale is open, and sleeps; it is paused, and the
 * gate told so; the keeper wakes up. */
START_TEST(test_who_is_late_does_not_take_it_back)
{
	struct gate_gauge gauge;
	struct gate_port sleepy;
	struct err err;
	struct world w;

	world_open(&w);
	sleepy = w.gate;
	sleepy.tell = meddled_tell;
	change(&w, SWEEP); /* no change for the gate */
	ck_assert_int_eq(follow(&w), OUT_DONE);
	/* Something that the gate has to be told. */
	w.sale.closes.us = w.wall_us + HOUR_US;
	world_sale_put(&w);
	meddler = (struct meddler){&w, PAUSE, true, 1};
	ck_assert_int_eq(
	    sale_terms_follow(&sleepy, &w.ledger, w.sale.id, INT64_MAX, &err),
	    OUT_DONE);
	ck_assert_uint_eq(meddler.times, 0);
	world_gauge(&w, &gauge);
	ck_assert(gauge.terms.shut);
	world_fini(&w);
}
END_TEST

/* It is paused and resumed, which a keeper reads, and sleeps; it is paused again
 * before the gate has heard of anything.  Who did that was told that the gate knows:
 * the keeper may not take it back. */
START_TEST(test_agreed)
{
	struct gate_gauge gauge;
	struct gate_port sleepy;
	struct err err;
	struct world w;

	world_open(&w);
	change(&w, PAUSE);
	ck_assert_int_eq(follow(&w), OUT_DONE);
	world_sale_get(&w);
	w.sale.state = SALE_STATE_OPEN;
	world_sale_put(&w);
	sleepy = w.gate;
	sleepy.tell = meddled_tell;
	meddler = (struct meddler){&w, PAUSE, true, 1};
	ck_assert_int_eq(
	    sale_terms_follow(&sleepy, &w.ledger, w.sale.id, INT64_MAX, &err),
	    OUT_DONE);
	ck_assert_uint_eq(meddler.times, 0);
	world_gauge(&w, &gauge);
	ck_assert(gauge.terms.shut);
	world_fini(&w);
}
END_TEST

static enum outcome contrary_tell(void *ctx, struct gate_ref ref,
    const struct gate_terms *terms, uint32_t seen, int64_t deadline_ns,
    bool *done, struct err *err)
{
	struct gate_terms other = {.shut = !terms->shut};
	bool ignored;

	(void)meddler.w->gate.tell(
	    ctx, ref, &other, seen, deadline_ns, &ignored, err);
	return meddler.w->gate.tell(
	    ctx, ref, terms, seen, deadline_ns, done, err);
}

START_TEST(test_who_is_never_heard_says_so)
{
	struct gate_port crowded;
	struct err err = ERR_INIT;
	struct world w;

	world_open(&w);
	change(&w, PAUSE);
	meddler = (struct meddler){.w = &w};
	crowded = w.gate;
	crowded.tell = contrary_tell;
	ck_assert_int_eq(
	    sale_terms_follow(&crowded, &w.ledger, w.sale.id, INT64_MAX, &err),
	    OUT_NOT_DONE);
	ck_assert_str_ne(err.text, "");
	world_fini(&w);
}
END_TEST

/* ---- what fails ------------------------------------------------------------------- */

static const enum fault_kind kinds[] = {
    FAULT_NOT_DONE, FAULT_UNKNOWN_APPLIED, FAULT_UNKNOWN_NOT_APPLIED};
static const enum fault_call calls[] = {
    FAULT_GATE_GAUGE, FAULT_LEDGER_SALE, FAULT_GATE_TELL};

/* Not DONE; told or not, the next look puts it right. */
START_TEST(test_a_call_fails)
{
	enum fault_call call = calls[(size_t)_i / ARRAY_LEN(kinds)];
	enum fault_kind kind = kinds[(size_t)_i % ARRAY_LEN(kinds)];
	bool twice = call == FAULT_GATE_TELL && kind == FAULT_UNKNOWN_APPLIED;
	struct gate_gauge gauge;
	struct world w;

	world_open(&w);
	change(&w, PAUSE);
	fault_plan_add(&w.plan, call, 1, kind);
	ck_assert_int_ne(follow(&w), OUT_DONE);
	ck_assert_int_eq(follow(&w), OUT_DONE);
	world_gauge(&w, &gauge);
	ck_assert(gauge.terms.shut);
	ck_assert_uint_eq(gauge.told, 2 + twice); /* world_open: once */
	world_fini(&w);
}
END_TEST

/* ---- what the shopper hears -------------------------------------------------------- */

/* By what the operator did, of a host whose table knows nothing of it. */
static const enum verdict hears[CHANGES] = {
    [NOTHING] = VERDICT_ACCEPTED,
    [PAUSE] = VERDICT_PAUSED,
    /* Closed this instant: somebody may still be on his way. */
    [CLOSE] = VERDICT_TRY_AGAIN,
    [DIRECT] = VERDICT_CREATED,
    [SWEEP] = VERDICT_ACCEPTED,
    [LATER] = VERDICT_NOT_OPEN,
    [EARLIER] = VERDICT_ENDED,
};

static bool is_shut_by(enum change what)
{
	return what != NOTHING && what != SWEEP;
}

static void verdict_assert(struct world *w, enum verdict want)
{
	ck_assert_str_eq(
	    verdict_name(world_verdict(w, "alice", NULL)), verdict_name(want));
}

START_TEST(test_a_host_with_an_old_table)
{
	struct gate_gauge gauge;
	struct world w;

	world_open(&w);
	change(&w, (enum change)_i);
	ck_assert_int_eq(follow(&w), OUT_DONE);
	verdict_assert(&w, hears[_i]);
	world_gauge(&w, &gauge);
	ck_assert_uint_eq(gauge.waiting, hears[_i] == VERDICT_ACCEPTED);
	ck_assert_uint_eq(gauge.free, 3 - (hears[_i] == VERDICT_ACCEPTED ||
					      hears[_i] == VERDICT_CREATED));
	world_fini(&w);
}
END_TEST

/* The same host, cut off: never "accepted", and never a last word either. */
START_TEST(test_a_host_that_is_cut_off)
{
	static const enum fault_call ledger[] = {FAULT_LEDGER_READY,
	    FAULT_LEDGER_SALE, FAULT_LEDGER_FIND, FAULT_LEDGER_FIND_CUSTOMER,
	    FAULT_LEDGER_RECORD};
	enum change what = (enum change)((size_t)_i / ARRAY_LEN(kinds));
	struct gate_gauge gauge;
	struct world w;

	world_open(&w);
	change(&w, what);
	ck_assert_int_eq(follow(&w), OUT_DONE);
	for (size_t i = 0; i < ARRAY_LEN(ledger); i++)
		fault_plan_add(&w.plan, ledger[i], 0,
		    kinds[(size_t)_i % ARRAY_LEN(kinds)]);
	verdict_assert(
	    &w, is_shut_by(what) ? VERDICT_UNAVAILABLE : VERDICT_ACCEPTED);
	world_gauge(&w, &gauge);
	ck_assert_uint_eq(gauge.waiting, !is_shut_by(what));
	ck_assert_uint_eq(gauge.free, 3 - gauge.waiting);
	world_fini(&w);
}
END_TEST

/* Whose order was accepted before hears so again, from anybody: it is true. */
START_TEST(test_who_was_accepted_before)
{
	struct world w;

	world_open(&w);
	(void)world_accept(&w, "alice", NULL);
	change(&w, (enum change)_i);
	ck_assert_int_eq(follow(&w), OUT_DONE);
	verdict_assert(&w, VERDICT_ACCEPTED);
	fault_plan_add(&w.plan, FAULT_LEDGER_SALE, 0, FAULT_NOT_DONE);
	verdict_assert(&w, VERDICT_ACCEPTED);
	world_fini(&w);
}
END_TEST

/* Resumed by somebody who could not tell the gate: a doubt, until a keeper has. */
START_TEST(test_resumed_and_not_told)
{
	struct world w;

	world_open(&w);
	change(&w, PAUSE);
	ck_assert_int_eq(follow(&w), OUT_DONE);
	world_sale_get(&w);
	w.sale.state = SALE_STATE_OPEN;
	world_sale_put(&w);
	verdict_assert(&w, VERDICT_TRY_AGAIN);
	ck_assert_int_eq(follow(&w), OUT_DONE);
	verdict_assert(&w, VERDICT_ACCEPTED);
	world_fini(&w);
}
END_TEST

TESTS_MAIN("terms", UNIT_TABLE("told", test_told, ARRAY_LEN(told)),
    UNIT("no-gate", test_no_gate_to_tell), UNIT("new", test_a_new_gate),
    UNIT("late", test_who_is_late_does_not_take_it_back),
    UNIT("agreed", test_agreed),
    UNIT("crowded", test_who_is_never_heard_says_so),
    UNIT_TABLE("fails", test_a_call_fails, ARRAY_LEN(calls) * ARRAY_LEN(kinds)),
    UNIT_TABLE("old-table", test_a_host_with_an_old_table, CHANGES),
    UNIT_TABLE(
	"cut-off", test_a_host_that_is_cut_off, CHANGES *ARRAY_LEN(kinds)),
    UNIT_TABLE("before", test_who_was_accepted_before, CHANGES),
    UNIT("resumed", test_resumed_and_not_told))
