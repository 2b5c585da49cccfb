/* SPDX-License-Identifier: Apache-2.0 */
/* A gate in trouble is found out and made anew; nothing is lost by it. */
#include "config.h"

#include "sale/world.h"
#include "unit.h"

#include "sale/mend.h"

static struct mender mender_of(struct world *w)
{
	return (struct mender){&w->faulty_gate, &w->faulty_ledger, &w->clock};
}

static struct mend_result mend(
    struct world *w, struct mend_memory *memory, enum outcome expect)
{
	struct mender mender = mender_of(w);
	struct mend_result result;
	struct err err = ERR_INIT;

	ck_assert_int_eq(
	    sale_mend(&mender, w->sale.id, 0, memory, &result, &err), expect);
	return result;
}

static void assert_whole(struct world *w, uint64_t free_n, uint64_t sold)
{
	struct audit_report report;

	world_audit(w, &report);
	ck_assert(audit_clean(&report));
	ck_assert_uint_eq(report.free, free_n);
	ck_assert_uint_eq(report.sold, sold);
}

/* ---- what is trouble --------------------------------------------------------------- */

static const struct {
	enum sale_state state;
	uint32_t epoch;
	struct gate_gauge gauge;
	enum gate_trouble want;
} judged[] = {
    {SALE_STATE_OPEN, 3, {.known = true, .epoch = 3}, GATE_WELL},
    {SALE_STATE_OPEN, 3, {.known = false}, GATE_LOST},
    {SALE_STATE_PAUSED, 3, {.known = false}, GATE_LOST},
    {SALE_STATE_OPEN, 3, {.known = true, .epoch = 2}, GATE_OTHER_EPOCH},
    {SALE_STATE_OPEN, 3, {.known = true, .epoch = 4}, GATE_OTHER_EPOCH},
    {SALE_STATE_OPEN, 3, {.known = true, .epoch = 3, .restarted = true},
	GATE_RESTARTED},
    {SALE_STATE_OPEN, 3, {.known = true, .epoch = 3, .forgot = 1}, GATE_FORGOT},
    {SALE_STATE_OPEN, 3, {.known = true, .epoch = 3, .dropped = 1},
	GATE_SPOILT},
    {SALE_STATE_REBUILD, 3, {.known = true, .epoch = 2}, GATE_HALF_MADE},
    {SALE_STATE_REBUILD, 3, {.known = false}, GATE_HALF_MADE},
    /* Nobody needs it. */
    {SALE_STATE_CLOSED, 3, {.known = false}, GATE_WELL},
    {SALE_STATE_DRAFT, 0, {.known = false}, GATE_WELL},
};

START_TEST(test_judged)
{
	struct sale sale = {
	    .state = judged[_i].state, .epoch = judged[_i].epoch};

	ck_assert_str_eq(
	    gate_trouble_name(gate_trouble_of(&sale, &judged[_i].gauge)),
	    gate_trouble_name(judged[_i].want));
}
END_TEST

/* ---- mended -------------------------------------------------------------------------- */

START_TEST(test_well_is_left_alone)
{
	struct mend_memory memory = {0};
	struct world w;

	world_init(&w, 3, 1);
	ck_assert_int_eq(mend(&w, &memory, OUT_DONE).trouble, GATE_WELL);
	world_sale_get(&w);
	ck_assert_uint_eq(w.sale.epoch, 1);
	world_fini(&w);
}
END_TEST

static void wipe(struct world *w)
{
	mem_gate_flushall(w->mem_gate);
}

static void restart(struct world *w)
{
	mem_gate_restart(w->mem_gate);
}

/* A worker met a unit that is sold, and said so to the gate. */
static void owner_told(struct world *w, const char *name)
{
	struct claim_id other = {{1}};
	struct order owner;
	struct err err;
	size_t n;

	owner = *mem_ledger_rows(w->mem_ledger, &n);
	ck_assert(customer_parse(strv_c(name), &owner.customer));
	ck_assert_int_eq(w->gate.heal(w->gate.ctx, world_ref(w), &other,
			     &owner.customer, &owner, INT64_MAX, &err),
	    OUT_DONE);
	ck_assert_int_eq(
	    w->gate.own(w->gate.ctx, world_ref(w), &owner, 1, INT64_MAX, &err),
	    OUT_DONE);
}

static void forget(struct world *w)
{
	owner_told(w, "zoe");
}

/* Somebody begins to make the gate anew. */
static void fence(struct world *w, enum sale_state during)
{
	struct err err;
	bool won;

	ck_assert_int_eq(w->ledger.epoch_begin(w->ledger.ctx, &w->sale, during,
			     INT64_MAX, &won, &err),
	    OUT_DONE);
	ck_assert(won);
}

/* How long somebody may be at it. */
static int64_t bound_ms(struct world *w)
{
	struct gate_gauge gauge;

	world_sale_get(w);
	world_gauge(w, &gauge);
	return mend_bound_ms(&w->sale, &gauge);
}

/* Past the time that somebody who is at it may take. */
static void outwait(struct world *w, struct mend_memory *memory)
{
	ck_assert(!mend(w, memory, OUT_DONE).tried);
	world_advance(w, bound_ms(w) + 1);
}

static const struct {
	void (*spoil)(struct world *w);
	enum gate_trouble trouble;
	uint64_t free_n, sold;
} spoilt[] = {
    {wipe, GATE_LOST, 3, 1},
    {restart, GATE_RESTARTED, 3, 1},
    {forget, GATE_FORGOT, 3, 1},
};

/* Somebody was late: the owner of whom he tells is known.  No reason for a new
 * gate. */
START_TEST(test_owner_is_known)
{
	struct mend_memory memory = {0};
	struct world w;

	world_init(&w, 4, 1);
	ck_assert_int_eq(world_verdict(&w, "alice", NULL), VERDICT_CREATED);
	owner_told(&w, "alice");
	ck_assert_int_eq(mend(&w, &memory, OUT_DONE).trouble, GATE_WELL);
	world_fini(&w);
}
END_TEST

START_TEST(test_mended)
{
	struct mend_memory memory = {0};
	struct mend_result result;
	struct world w;

	world_init(&w, 4, 1);
	ck_assert_int_eq(world_verdict(&w, "alice", NULL), VERDICT_CREATED);
	spoilt[_i].spoil(&w);
	result = mend(&w, &memory, OUT_DONE);
	ck_assert_int_eq(result.trouble, spoilt[_i].trouble);
	ck_assert(result.done);
	ck_assert_uint_eq(result.rebuilt.epoch, 2);
	assert_whole(&w, spoilt[_i].free_n, spoilt[_i].sold);
	ck_assert_int_eq(w.sale.state, SALE_STATE_OPEN);
	ck_assert_int_eq(world_verdict(&w, "alice", NULL), VERDICT_REPLAYED);
	ck_assert_int_eq(world_verdict(&w, "carol", NULL), VERDICT_CREATED);
	/* And then it is well. */
	ck_assert_int_eq(mend(&w, &memory, OUT_DONE).trouble, GATE_WELL);
	world_fini(&w);
}
END_TEST

START_TEST(test_miscounted_by_an_audit)
{
	struct mend_memory memory = {0};
	struct mender mender;
	struct mend_result result;
	struct err err;
	struct world w;

	world_init(&w, 3, 1);
	mender = mender_of(&w);
	/* Of a generation that is gone: nothing to do. */
	ck_assert_int_eq(
	    sale_mend(&mender, w.sale.id, 7, &memory, &result, &err), OUT_DONE);
	ck_assert(!result.tried);
	ck_assert_int_eq(
	    sale_mend(&mender, w.sale.id, 1, &memory, &result, &err), OUT_DONE);
	ck_assert_int_eq(result.trouble, GATE_MISCOUNTED);
	ck_assert(result.done);
	assert_whole(&w, 3, 0);
	world_fini(&w);
}
END_TEST

/* A paused sale gets its gate back and stays paused; a closed one does not. */
START_TEST(test_state_stays)
{
	enum sale_state state = _i == 0 ? SALE_STATE_PAUSED : SALE_STATE_CLOSED;
	struct mend_memory memory = {0};
	struct world w;

	world_init(&w, 3, 1);
	w.sale.state = state;
	world_sale_put(&w);
	wipe(&w);
	outwait(&w, &memory);
	ck_assert_int_eq(
	    mend(&w, &memory, OUT_DONE).done, state == SALE_STATE_PAUSED);
	world_sale_get(&w);
	ck_assert_int_eq(w.sale.state, state);
	if (state == SALE_STATE_PAUSED)
		assert_whole(&w, 3, 0);
	world_fini(&w);
}
END_TEST

/* A rebuilder of a paused sale dies right behind the fence: still paused. */
START_TEST(test_paused_stays_so_when_the_rebuilder_dies)
{
	struct mend_memory memory = {0};
	struct world w;

	world_init(&w, 3, 1);
	w.sale.state = SALE_STATE_PAUSED;
	world_sale_put(&w);
	wipe(&w);
	outwait(&w, &memory);
	fault_plan_add(&w.plan, FAULT_GATE_SEED, 0, FAULT_UNKNOWN_NOT_APPLIED);
	ck_assert(!mend(&w, &memory, OUT_UNKNOWN).done);
	world_sale_get(&w);
	ck_assert_int_eq(w.sale.state, SALE_STATE_PAUSED);
	ck_assert_uint_eq(w.sale.epoch, 2);
	w.plan.n = 0;
	ck_assert(mend(&w, &memory, OUT_DONE).done);
	assert_whole(&w, 3, 0);
	ck_assert_int_eq(w.sale.state, SALE_STATE_PAUSED);
	world_fini(&w);
}
END_TEST

/* ---- others at it ---------------------------------------------------------------------- */

/* A paused sale stays paused meanwhile, and its gate seems to be another's. */
static const struct {
	enum sale_state state, during;
	bool wiped;
	enum gate_trouble trouble;
} at_it[] = {
    {SALE_STATE_OPEN, SALE_STATE_REBUILD, false, GATE_HALF_MADE},
    {SALE_STATE_PAUSED, SALE_STATE_PAUSED, false, GATE_OTHER_EPOCH},
    {SALE_STATE_PAUSED, SALE_STATE_PAUSED, true, GATE_LOST},
};

START_TEST(test_the_dead_are_followed_the_living_left_alone)
{
	struct mend_memory memory = {0};
	struct mend_result result;
	struct world w;

	world_init(&w, 3, 1);
	ck_assert_int_eq(world_verdict(&w, "alice", NULL), VERDICT_CREATED);
	w.sale.state = at_it[_i].state;
	world_sale_put(&w);
	fence(&w, at_it[_i].during);
	if (at_it[_i].wiped)
		wipe(&w);
	result = mend(&w, &memory, OUT_DONE);
	ck_assert_int_eq(result.trouble, at_it[_i].trouble);
	ck_assert(!result.tried);
	world_advance(&w, bound_ms(&w));
	ck_assert(!mend(&w, &memory, OUT_DONE).tried);
	world_advance(&w, 1);
	ck_assert(mend(&w, &memory, OUT_DONE).done);
	world_sale_get(&w);
	ck_assert_uint_eq(w.sale.epoch, 3);
	ck_assert_int_eq(w.sale.state, at_it[_i].state);
	assert_whole(&w, 2, 1);
	world_fini(&w);
}
END_TEST

/* Keepers of three hosts see the same loss: one rebuilds, none spoils it. */
START_TEST(test_keepers_race)
{
	struct mend_memory memory[3] = {{0}, {0}, {0}};
	unsigned done = 0;
	struct world w;

	world_init(&w, 3, 1);
	wipe(&w);
	for (int i = 0; i < 3; i++)
		done += mend(&w, &memory[i], OUT_DONE).done;
	ck_assert_uint_eq(done, 1);
	world_sale_get(&w);
	ck_assert_uint_eq(w.sale.epoch, 2);
	assert_whole(&w, 3, 0);
	world_fini(&w);
}
END_TEST

/* The first was taken for dead and comes back: his epoch is fenced off, and
 * what he seeds and publishes changes nothing. */
START_TEST(test_the_dead_come_back)
{
	struct gate_seeded seeded = {3, 1, 3, 0, 0, false};
	static const uint32_t units[] = {1, 2, 3};
	struct mend_memory memory = {0};
	struct gate_ref late;
	struct world w;
	struct err err;
	bool won;

	world_init(&w, 3, 1);
	fence(&w, SALE_STATE_REBUILD);
	late = (struct gate_ref){w.sale.id, 2};
	(void)mend(&w, &memory, OUT_DONE);
	world_advance(&w, bound_ms(&w) + 1);
	ck_assert(mend(&w, &memory, OUT_DONE).done);
	(void)w.gate.seed(w.gate.ctx, late, units, 3, INT64_MAX, &err);
	ck_assert_int_eq(
	    w.gate.publish(w.gate.ctx, late, &seeded, INT64_MAX, &err),
	    OUT_NOT_DONE);
	ck_assert_int_eq(w.ledger.epoch_end(w.ledger.ctx, w.sale.id, 2,
			     SALE_STATE_OPEN, INT64_MAX, &won, &err),
	    OUT_DONE);
	ck_assert(!won);
	assert_whole(&w, 3, 0);
	ck_assert_uint_eq(w.sale.epoch, 3);
	world_fini(&w);
}
END_TEST

/* ---- stores that fail -------------------------------------------------------------------- */

/* Each call fails once in each way: nothing selling meanwhile, and the keeper
 * gets there by itself. */
static const struct {
	enum fault_call call;
	enum fault_kind kind;
	bool fenced; /* before it failed */
} faults[] = {
    {FAULT_LEDGER_SALE, FAULT_NOT_DONE, false},
    {FAULT_GATE_GAUGE, FAULT_NOT_DONE, false},
    {FAULT_GATE_GAUGE, FAULT_UNKNOWN_NOT_APPLIED, false},
    {FAULT_GATE_DISCARD, FAULT_NOT_DONE, false},
    {FAULT_LEDGER_EPOCH_BEGIN, FAULT_NOT_DONE, false},
    {FAULT_LEDGER_EPOCH_BEGIN, FAULT_UNKNOWN_NOT_APPLIED, false},
    {FAULT_LEDGER_EPOCH_BEGIN, FAULT_UNKNOWN_APPLIED, true},
    {FAULT_LEDGER_SOLD_AFTER, FAULT_NOT_DONE, true},
    {FAULT_GATE_SEED, FAULT_NOT_DONE, true},
    {FAULT_GATE_SEED, FAULT_UNKNOWN_APPLIED, true},
    {FAULT_GATE_OWN, FAULT_UNKNOWN_APPLIED, true},
    {FAULT_GATE_PUBLISH, FAULT_NOT_DONE, true},
    {FAULT_LEDGER_EPOCH_END, FAULT_NOT_DONE, true},
    {FAULT_LEDGER_EPOCH_END, FAULT_UNKNOWN_APPLIED, true},
};

START_TEST(test_faults)
{
	struct mend_memory memory = {0};
	struct mender mender;
	struct mend_result result = {0};
	struct world w;
	struct err err;

	world_init(&w, 4, 1);
	ck_assert_int_eq(world_verdict(&w, "alice", NULL), VERDICT_CREATED);
	wipe(&w);
	mender = mender_of(&w);
	w.plan.n = 0;
	memset(w.plan.calls, 0, sizeof(w.plan.calls));
	fault_plan_add(&w.plan, faults[_i].call, 1, faults[_i].kind);
	ck_assert_int_ne(
	    sale_mend(&mender, w.sale.id, 0, &memory, &result, &err), OUT_DONE);
	ck_assert(!result.done);
	world_sale_get(&w);
	ck_assert_uint_eq(w.sale.epoch, faults[_i].fenced ? 2 : 1);
	/* What the fault left half made is nobody else's: no wait for it. */
	for (int i = 0; i < 3 && !result.done; i++) {
		(void)sale_mend(&mender, w.sale.id, 0, &memory, &result, &err);
		if (result.trouble == GATE_WELL)
			break;
		world_advance(&w, 200);
	}
	assert_whole(&w, 3, 1);
	ck_assert_int_eq(w.sale.state, SALE_STATE_OPEN);
	ck_assert_int_eq(world_verdict(&w, "alice", NULL), VERDICT_REPLAYED);
	world_fini(&w);
}
END_TEST

/* A server that comes back empty again and again costs ever less often. */
START_TEST(test_flapping)
{
	struct mend_memory memory = {0};
	unsigned rebuilds = 0;
	struct world w;

	world_init(&w, 3, 1);
	for (int i = 0; i < 300; i++) { /* 30 s */
		world_advance(&w, 100);
		wipe(&w);
		rebuilds += mend(&w, &memory, OUT_DONE).done;
	}
	ck_assert_uint_ge(rebuilds, 5);
	ck_assert_uint_le(rebuilds, 14);
	/* Quiet for a while: the next loss is mended at once again. */
	world_advance(&w, 10000);
	wipe(&w);
	ck_assert(mend(&w, &memory, OUT_DONE).done);
	world_advance(&w, 3000);
	wipe(&w);
	ck_assert(mend(&w, &memory, OUT_DONE).done);
	world_fini(&w);
}
END_TEST

/* Keys of rebuilders that died are gone when one has lived. */
START_TEST(test_dead_keys_are_unlinked)
{
	struct mend_memory memory = {0};
	struct gate_ref ref;
	uint32_t units[10];
	struct world w;
	struct err err;
	size_t n;

	world_init(&w, 5, 1);
	restart(&w);
	/* Two die at publishing, with all units seeded. */
	fault_plan_add(&w.plan, FAULT_GATE_PUBLISH, 0, FAULT_NOT_DONE);
	for (int i = 0; i < 2; i++) {
		(void)mend(&w, &memory, OUT_NOT_DONE);
		world_advance(&w, 5000);
	}
	w.plan.n = 0;
	ck_assert(mend(&w, &memory, OUT_DONE).done);
	world_sale_get(&w);
	ck_assert_uint_eq(w.sale.epoch, 4);
	for (uint32_t epoch = 1; epoch <= 4; epoch++) {
		ref = (struct gate_ref){w.sale.id, epoch};
		ck_assert_int_eq(w.gate.free_list(w.gate.ctx, ref, 0, 10,
				     INT64_MAX, units, &n, &err),
		    OUT_DONE);
		ck_assert_uint_eq(n, epoch == 4 ? 5 : 0);
	}
	world_fini(&w);
}
END_TEST

TESTS_MAIN("mend", UNIT("known", test_owner_is_known),
    UNIT_TABLE("judged", test_judged, ARRAY_LEN(judged)),
    UNIT("well", test_well_is_left_alone),
    UNIT_TABLE("mended", test_mended, ARRAY_LEN(spoilt)),
    UNIT("miscounted", test_miscounted_by_an_audit),
    UNIT_TABLE("state", test_state_stays, 2),
    UNIT("paused-dies", test_paused_stays_so_when_the_rebuilder_dies),
    UNIT_TABLE("dead", test_the_dead_are_followed_the_living_left_alone,
	ARRAY_LEN(at_it)),
    UNIT("race", test_keepers_race), UNIT("late", test_the_dead_come_back),
    UNIT_TABLE("faults", test_faults, ARRAY_LEN(faults)),
    UNIT("flapping", test_flapping),
    UNIT("unlinked", test_dead_keys_are_unlinked))
