/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Somebody is stopped right before he voids or buries a claim, and goes on behind a
 * rebuild that has carried it over, or behind which it was accepted: what he means
 * was of a generation that is over, and nothing comes of it.
 */
#include "config.h"

#include "sale/world.h"
#include "unit.h"

/* What happens while he sleeps, once. */
static struct {
	struct world *w;
	void (*meanwhile)(struct world *w);
} sleeper;

static void sleeps(void)
{
	void (*meanwhile)(struct world * w) = sleeper.meanwhile;

	sleeper.meanwhile = NULL;
	if (meanwhile != NULL)
		meanwhile(sleeper.w);
}

static enum outcome late_void(void *ctx, struct gate_ref ref,
    const struct order *claims, size_t n, int64_t deadline_ns, struct err *err)
{
	const struct ledger_port *ledger = &sleeper.w->ledger;

	(void)ctx;
	sleeps();
	return ledger->void_claims(
	    ledger->ctx, ref, claims, n, deadline_ns, err);
}

static enum outcome late_bury(void *ctx, struct gate_ref ref,
    const struct dead_letter *letter, int64_t deadline_ns, struct err *err)
{
	const struct ledger_port *ledger = &sleeper.w->ledger;

	(void)ctx;
	sleeps();
	return ledger->bury(ledger->ctx, ref, letter, deadline_ns, err);
}

/* The ledger as he has it. */
static struct ledger_port sleepy(
    struct world *w, void (*meanwhile)(struct world *w))
{
	struct ledger_port port = w->ledger;

	sleeper.w = w;
	sleeper.meanwhile = meanwhile;
	port.void_claims = late_void;
	port.bury = late_bury;
	return port;
}

static void rebuilt(struct world *w)
{
	struct rebuild_result result;

	world_rebuild(w, &result);
}

/* ---- a keeper ------------------------------------------------------------------------ */

/* The very claim whose lease ran out: the gate made anew knows nothing of it. */
static void accepted_anew(struct world *w)
{
	rebuilt(w);
	world_mode(w, SALE_MODE_QUEUE);
	(void)world_accept(w, "alice", NULL);
}

START_TEST(test_keeper)
{
	struct reap_memory memory = {.n = 0};
	struct ledger_port late;
	struct reap_counts counts;
	struct reaper reaper;
	struct order alice;
	struct gate_ref old;
	struct world w;
	struct err err;

	world_init(&w, 2, 1);
	world_lease(&w, "alice");
	old = world_ref(&w);
	world_advance(&w, WORLD_LEASE_MS + 1);
	late = sleepy(&w, accepted_anew);
	reaper = (struct reaper){&w.gate, &late, WORLD_LEASE_MS, &w.clock};
	ck_assert_int_eq(
	    sale_reap(&reaper, old, &memory, INT64_MAX, &counts, &err),
	    OUT_DONE);
	ck_assert_uint_eq(counts.skipped, 1);
	ck_assert_uint_eq(counts.voided, 0);
	alice = world_accept(&w, "alice", NULL);
	world_drain(&w);
	ck_assert_int_eq(world_status(&w, &alice), ORDER_SOLD);
	world_clean(&w);
	world_fini(&w);
}
END_TEST

/* ---- a settler ----------------------------------------------------------------------- */

static void stock_put(struct world *w, uint32_t stock)
{
	world_sale_get(w);
	w->sale.stock = stock;
	world_sale_put(w);
}

/* The unit that was above the stock is there again. */
static void more_stock_and_rebuilt(struct world *w)
{
	stock_put(w, 3);
	rebuilt(w);
}

START_TEST(test_settler)
{
	struct settle_counts counts;
	enum settle_state state;
	struct ledger_port late;
	struct settler settler;
	struct order alice, bob;
	struct sale old;
	struct world w;
	struct err err;

	world_queue(&w, 3, 1);
	alice = world_accept(&w, "alice", NULL);
	bob = world_accept(&w, "bob", NULL);
	stock_put(&w, 1);
	old = w.sale;
	late = sleepy(&w, more_stock_and_rebuilt);
	settler = w.settler;
	settler.gate = &w.gate;
	settler.ledger = &late;
	ck_assert_int_eq(
	    sale_settle(&settler, &old, INT64_MAX, 0, &state, &counts, &err),
	    OUT_DONE);
	ck_assert_uint_eq(counts.voided, 0);
	world_drain(&w);
	ck_assert_int_eq(world_status(&w, &alice), ORDER_SOLD);
	ck_assert_int_eq(world_status(&w, &bob), ORDER_SOLD);
	world_clean(&w);
	world_fini(&w);
}
END_TEST

/* A letter of an order that lives would make the operator write it again. */
START_TEST(test_burial)
{
	struct settle_counts counts;
	enum settle_state state;
	struct ledger_port late;
	struct settler settler;
	struct order alice;
	struct sale old;
	struct order row;
	struct world w;
	struct err err;
	size_t n;

	world_queue(&w, 2, 1);
	alice = world_accept(&w, "alice", NULL);
	mem_ledger_refuse(w.mem_ledger, &alice.claim);
	old = w.sale;
	late = sleepy(&w, rebuilt);
	settler = w.settler;
	settler.gate = &w.gate;
	settler.ledger = &late;
	ck_assert_int_eq(
	    sale_settle(&settler, &old, INT64_MAX, 0, &state, &counts, &err),
	    OUT_DONE);
	ck_assert_int_eq(state, SETTLE_STALE);
	ck_assert_uint_eq(counts.dead, 0);
	(void)mem_ledger_letters(w.mem_ledger, &n);
	ck_assert_uint_eq(n, 0);
	ck_assert(!world_row(&w, &alice.claim, &row));
	/* By whoever acts for what is now, it is buried. */
	world_drain(&w);
	ck_assert_uint_eq(mem_ledger_letters(w.mem_ledger, &n)->order.epoch, 2);
	ck_assert_uint_eq(n, 1);
	ck_assert_int_eq(world_status(&w, &alice), ORDER_VOID);
	world_clean(&w);
	world_fini(&w);
}
END_TEST

/* ---- a rebuilder --------------------------------------------------------------------- */

/* He was taken for dead; the one behind him carries over what he could not. */
START_TEST(test_rebuilder)
{
	struct rebuild_result result;
	struct ledger_port late;
	struct order alice, bob;
	struct world w;
	struct err err;

	world_queue(&w, 3, 1);
	alice = world_accept(&w, "alice", NULL);
	bob = world_accept(&w, "bob", NULL);
	stock_put(&w, 1);
	late = sleepy(&w, more_stock_and_rebuilt);
	ck_assert_int_eq(sale_rebuild(&w.gate, &late, &w.sale, SALE_STATE_OPEN,
			     INT64_MAX, NULL, NULL, &result, &err),
	    OUT_NOT_DONE);
	world_sale_get(&w);
	ck_assert_uint_eq(w.sale.epoch, 3);
	world_drain(&w);
	ck_assert_int_eq(world_status(&w, &alice), ORDER_SOLD);
	ck_assert_int_eq(world_status(&w, &bob), ORDER_SOLD);
	world_clean(&w);
	world_fini(&w);
}
END_TEST

static void fenced(struct world *w)
{
	struct err err;
	bool won;

	world_sale_get(w);
	ck_assert_int_eq(w->ledger.epoch_begin(w->ledger.ctx, &w->sale,
			     SALE_STATE_REBUILD, INT64_MAX, &won, &err),
	    OUT_DONE);
	ck_assert(won);
}

/* The other one has only just begun: the gate that is not retired yet must not be
 * replaced by one in which bob is neither carried nor void (the storm found it). */
START_TEST(test_rebuilder_beaten)
{
	struct rebuild_result result;
	struct ledger_port late;
	struct order alice, bob;
	struct gate_gauge gauge;
	struct world w;
	struct err err;

	world_queue(&w, 3, 1);
	alice = world_accept(&w, "alice", NULL);
	bob = world_accept(&w, "bob", NULL);
	stock_put(&w, 1);
	late = sleepy(&w, fenced);
	ck_assert_int_eq(sale_rebuild(&w.gate, &late, &w.sale, SALE_STATE_OPEN,
			     INT64_MAX, NULL, NULL, &result, &err),
	    OUT_NOT_DONE);
	world_gauge(&w, &gauge);
	ck_assert_uint_eq(gauge.epoch, 1);
	(void)world_rebuilt(&w, 0, 0, 1, 1);
	world_drain(&w);
	ck_assert_int_eq(world_status(&w, &alice), ORDER_SOLD);
	ck_assert_int_eq(world_status(&w, &bob), ORDER_VOID);
	world_clean(&w);
	world_fini(&w);
}
END_TEST

/* ---- a worker ------------------------------------------------------------------------ */

/* alice bought unit 1; her second claim has the slot that the gate forgot. */
static void slot_forgotten(struct world *w)
{
	struct order sold = {.sale = w->sale.id,
	    .epoch = w->sale.epoch,
	    .status = ORDER_SOLD,
	    .unit = 4,
	    .slot = 1,
	    .created = {w->wall_us}};

	ck_assert(customer_parse(strv_c("alice"), &sold.customer));
	sold.claim = claim_id_make(&w->sale, &sold.customer, strv_c("a"), 0);
	mem_ledger_put_row(w->mem_ledger, &sold);
}

static void second_accepted_anew(struct world *w)
{
	rebuilt(w);
	world_mode(w, SALE_MODE_QUEUE);
	w->buyer.ledger = &w->ledger;
	(void)world_accept(w, "alice", "b");
}

START_TEST(test_worker)
{
	struct purchase_result result;
	struct ledger_port late;
	struct order second;
	struct world w;

	world_init(&w, 4, 2);
	slot_forgotten(&w);
	late = sleepy(&w, second_accepted_anew);
	w.buyer.ledger = &late;
	world_buy(&w, "alice", "b", 0, &result);
	ck_assert_int_eq(result.verdict, VERDICT_UNAVAILABLE);
	second = world_accept(&w, "alice", "b");
	world_drain(&w);
	ck_assert_int_eq(world_status(&w, &second), ORDER_SOLD);
	world_settle(&w);
	world_clean(&w);
	world_fini(&w);
}
END_TEST

TESTS_MAIN("fence", UNIT("keeper", test_keeper), UNIT("settler", test_settler),
    UNIT("burial", test_burial), UNIT("rebuilder", test_rebuilder),
    UNIT("beaten", test_rebuilder_beaten), UNIT("worker", test_worker))
