/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A settler is stopped before one of its calls, each in turn, for so long that
 * others have gone on meanwhile: its entries were taken over, what it was about to
 * say has been said, units that it holds for its own were sold to somebody else,
 * or its generation is over.  It goes on as if nothing had been.
 */
#include "config.h"

#include "sale/world.h"
#include "unit.h"

#include "sale/mend.h"

/* More than any of the scenes has: behind the last one nothing happens. */
#define CALLS 24

struct late {
	struct world w;
	struct order alice, bob;
	int at; /* before this call it is stopped */
	int calls;
	void (*meanwhile)(struct late *late);
};

/* ---- what others do meanwhile -------------------------------------------------------- */

static void other_settles(struct late *late)
{
	struct world *w = &late->w;
	struct settler other = {&w->gate, &w->ledger, &w->clock, "other",
	    WORLD_IDLE_MS, SETTLE_BATCH, 5};
	struct settle_counts counts;
	enum settle_state state;
	struct err err;

	world_sale_get(w);
	world_advance(w, WORLD_IDLE_MS + 1);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(sale_settle(&other, &w->sale, INT64_MAX, 0,
				     &state, &counts, &err),
		    OUT_DONE);
}

/* What became free goes to others, and not to all of them in the same way. */
static void sold_again(struct late *late)
{
	static const char *const names[] = {"x1", "x2", "x3", "x4"};
	struct world *w = &late->w;
	struct buyer buyer = w->buyer;

	other_settles(late);
	w->buyer.gate = &w->gate;
	w->buyer.ledger = &w->ledger;
	world_mode(w, SALE_MODE_DIRECT);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		(void)world_verdict(w, names[i], NULL);
	world_mode(w, SALE_MODE_QUEUE);
	w->buyer = buyer;
}

static void accepted_again(struct late *late)
{
	static const char *const names[] = {"alice", "bob", "y1", "y2"};
	struct world *w = &late->w;
	struct buyer buyer = w->buyer;

	other_settles(late);
	w->buyer.gate = &w->gate;
	w->buyer.ledger = &w->ledger;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		(void)world_verdict(w, names[i], NULL);
	w->buyer = buyer;
}

static void rebuilt(struct late *late)
{
	struct rebuild_result result;

	world_rebuild(&late->w, &result);
}

static void rebuilt_and_sold_again(struct late *late)
{
	rebuilt(late);
	sold_again(late);
}

static void closed(struct late *late)
{
	struct world *w = &late->w;

	w->sale.state = SALE_STATE_CLOSED;
	world_sale_put(w);
}

static const struct {
	const char *name;
	void (*meanwhile)(struct late *late);
} others[] = {
    {"settled by another", other_settles},
    {"and sold to others", sold_again},
    {"and accepted again", accepted_again},
    {"rebuilt", rebuilt},
    {"rebuilt, and sold to others", rebuilt_and_sold_again},
    {"closed", closed},
};

/* ---- what is in its way -------------------------------------------------------------- */

static void plain(struct late *late)
{
	(void)late;
}

static void own_void(struct late *late)
{
	struct world *w = &late->w;
	struct err err;

	ck_assert_int_eq(w->ledger.void_claims(w->ledger.ctx, world_ref(w),
			     &late->alice, 1, INT64_MAX, &err),
	    OUT_DONE);
}

static void own_sold(struct late *late)
{
	struct order row = late->alice;

	row.epoch = late->w.sale.epoch;
	mem_ledger_put_row(late->w.mem_ledger, &row);
}

static void less_stock(struct late *late)
{
	struct world *w = &late->w;
	uint32_t done;
	struct err err;

	w->sale.stock = 1;
	world_sale_put(w);
	ck_assert_int_eq(w->gate.shrink(w->gate.ctx, world_ref(w), 1, INT64_MAX,
			     &done, &err),
	    OUT_DONE);
}

static void refused(struct late *late)
{
	mem_ledger_refuse(late->w.mem_ledger, &late->alice.claim);
}

static void flawed(struct late *late)
{
	struct gate_entry entry = {.flaw = "unit: missing"};

	mem_gate_stuff_entry(late->w.mem_gate, late->w.sale.id, &entry);
}

/* The gate has forgotten whose unit, or slot, it is. */
static void unit_of_another(struct late *late)
{
	struct order row = late->alice;

	ck_assert(customer_parse(strv_c("zoe"), &row.customer));
	row.claim = claim_id_make(&late->w.sale, &row.customer, strv_c("x"), 0);
	mem_ledger_put_row(late->w.mem_ledger, &row);
}

static void slot_of_another(struct late *late)
{
	struct order row = late->alice;

	row.unit = 4;
	row.claim = claim_id_make(&late->w.sale, &row.customer, strv_c("x"), 0);
	mem_ledger_put_row(late->w.mem_ledger, &row);
}

static const struct {
	const char *name;
	void (*make)(struct late *late);
	bool forgot; /* the gate has lost history, and is to be told so */
} scenes[] = {
    {"nothing", plain, false},
    {"void already", own_void, false},
    {"written already", own_sold, false},
    {"less stock", less_stock, false},
    {"refused", refused, false},
    {"flawed", flawed, false},
    {"unit of another", unit_of_another, true},
    {"slot of another", slot_of_another, true},
};

/* ---- all of them --------------------------------------------------------------------- */

static enum fault_kind stop(void *ctx, enum fault_call call)
{
	struct late *late = ctx;

	(void)call;
	if (late->calls++ == late->at)
		late->meanwhile(late);
	return FAULT_NONE;
}

static void settle(struct late *late)
{
	struct world *w = &late->w;
	struct sale seen = w->sale;
	struct settle_counts counts;
	enum settle_state state;
	struct err err;

	w->plan.chance = stop;
	w->plan.chance_ctx = late;
	(void)sale_settle(
	    &w->settler, &seen, INT64_MAX, 0, &state, &counts, &err);
	w->plan.chance = NULL;
}

/* New gates until one is well: one, if any is needed. */
static uint32_t mended(struct world *w)
{
	struct mender mender = {&w->gate, &w->ledger, &w->clock};
	struct mend_memory memory = {0};
	struct mend_result result;
	uint32_t n = 0;
	struct err err;

	do {
		world_advance(w, 60000);
		ck_assert_int_eq(
		    sale_mend(&mender, w->sale.id, 0, &memory, &result, &err),
		    OUT_DONE);
		n += result.done;
		world_sale_get(w);
	} while (result.done);
	return n;
}

static void late_story(size_t scene, size_t other, int at)
{
	struct late late = {.at = at, .meanwhile = others[other].meanwhile};
	struct world *w = &late.w;
	struct order row;
	uint32_t made;
	size_t n;

	world_queue(w, 4, 1);
	late.alice = world_accept(w, "alice", NULL);
	late.bob = world_accept(w, "bob", NULL);
	scenes[scene].make(&late);
	settle(&late);
	world_sale_get(w);
	made = mended(w);
	if (!scenes[scene].forgot)
		ck_assert_msg(made == 0,
		    "%s, %s before call %d: a new gate for nothing",
		    scenes[scene].name, others[other].name, at);
	world_drain(w);
	(void)mended(w);
	world_settle(w);
	ck_assert(world_row(w, &late.alice.claim, &row));
	ck_assert(world_row(w, &late.bob.claim, &row));
	ck_assert_msg(row.status == ORDER_SOLD ||
			  scenes[scene].make == less_stock ||
			  scenes[scene].forgot,
	    "%s, %s before call %d: bob's order is %s", scenes[scene].name,
	    others[other].name, at, order_status_name(row.status));
	(void)mem_ledger_letters(w->mem_ledger, &n);
	ck_assert_uint_eq(
	    n, scenes[scene].make == refused || scenes[scene].make == flawed);
	if (w->sale.state != SALE_STATE_CLOSED)
		world_clean(w);
	world_fini(w);
}

START_TEST(test_late)
{
	for (size_t other = 0; other < ARRAY_LEN(others); other++)
		for (int at = 0; at < CALLS; at++)
			late_story((size_t)_i, other, at);
}
END_TEST

TESTS_MAIN("settle-late", UNIT_TABLE("late", test_late, ARRAY_LEN(scenes)))
