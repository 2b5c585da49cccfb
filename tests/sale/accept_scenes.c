/* SPDX-License-Identifier: Apache-2.0 */
/* What the world is like before alice asks. */
#include "config.h"

#include "sale/accept_scenes.h"
#include "unit.h"

#include <stdio.h>

struct customer customer(const char *name)
{
	struct customer who;

	ck_assert(customer_parse(strv_c(name), &who));
	return who;
}

void calls_forget(struct world *w)
{
	memset(w->plan.calls, 0, sizeof(w->plan.calls));
}

void plain(struct world *w)
{
	(void)w;
}

void own_waits(struct world *w)
{
	(void)world_accept(w, "alice", NULL);
	calls_forget(w);
}

void other_waits(struct world *w)
{
	(void)world_accept(w, "alice", "other");
	calls_forget(w);
}

void own_written(struct world *w)
{
	(void)world_accept(w, "alice", NULL);
	world_drain(w);
}

void other_written(struct world *w)
{
	(void)world_accept(w, "alice", "other");
	world_drain(w);
}

/* A worker of mode direct has leased a unit and died. */
void lease_leave(struct world *w, const char *name, const char *key)
{
	struct customer who = customer(name);
	struct claim_chain chain = {.n = 1};
	struct gate_ticket ticket;
	struct err err;

	chain.id[0] = claim_id_make(&w->sale, &who, strv_c(key), 0);
	ck_assert_int_eq(w->gate.claim(w->gate.ctx, world_ref(w), &chain, &who,
			     INT64_MAX, &ticket, &err),
	    OUT_DONE);
	ck_assert_int_eq(ticket.answer, GATE_TAKEN);
}

void own_lease(struct world *w)
{
	lease_leave(w, "alice", NULL);
}

void other_lease(struct world *w)
{
	lease_leave(w, "alice", "other");
}

void own_lease_void(struct world *w)
{
	own_lease(w);
	world_settle(w);
}

void others_take(struct world *w, uint32_t n)
{
	char name[16];

	for (uint32_t i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "buyer%u", i);
		(void)world_accept(w, name, NULL);
	}
	calls_forget(w);
}

void all_wait(struct world *w)
{
	others_take(w, w->sale.stock);
}

void all_written(struct world *w)
{
	all_wait(w);
	world_drain(w);
}

/* Somebody may own one of those units, and not be known any more. */
void all_wait_restarted(struct world *w)
{
	all_wait(w);
	mem_gate_restart(w->mem_gate);
}

void forgotten_owner(struct world *w)
{
	own_written(w);
	mem_gate_flushall(w->mem_gate);
	for (uint32_t unit = 1; unit <= w->sale.stock; unit++)
		ck_assert_int_eq(w->gate.seed(w->gate.ctx, world_ref(w), &unit,
				     1, INT64_MAX, &(struct err){0}),
		    OUT_DONE);
	ck_assert_int_eq(w->gate.publish(w->gate.ctx, world_ref(w),
			     &(struct gate_seeded){
				 w->sale.stock, 1, w->sale.stock, 0, 0, false},
			     INT64_MAX, &(struct err){0}),
	    OUT_DONE);
	all_wait(w);
	mem_gate_restart(w->mem_gate);
}

void all_wait_mine_too(struct world *w)
{
	own_waits(w);
	others_take(w, w->sale.stock - 1);
}

void last_leased(struct world *w)
{
	lease_leave(w, "zoe", NULL);
	others_take(w, w->sale.stock - 1);
}

void gate_behind_stock(struct world *w)
{
	all_wait(w);
	w->sale.stock++;
	world_sale_put(w);
}

void gate_lost(struct world *w)
{
	mem_gate_flushall(w->mem_gate);
}

void void_put(struct world *w, size_t attempt)
{
	struct customer who = customer("alice");
	struct order row = {.sale = w->sale.id,
	    .epoch = w->sale.epoch,
	    .status = ORDER_VOID,
	    .customer = who};

	row.claim = claim_id_make(&w->sale, &who, strv_c(NULL), attempt);
	mem_ledger_put_row(w->mem_ledger, &row);
}

void rebuilt(struct world *w)
{
	struct rebuild_result result;

	world_rebuild(w, &result);
	calls_forget(w);
}

/* Before the gate was made anew, two attempts were void. */
void two_void_then_rebuilt(struct world *w)
{
	void_put(w, 0);
	void_put(w, 1);
	rebuilt(w);
}

void all_void_then_rebuilt(struct world *w)
{
	for (size_t i = 0; i < CLAIM_ATTEMPTS; i++)
		void_put(w, i);
	rebuilt(w);
}

/* This generation has seen all of them become void. */
void all_void(struct world *w)
{
	for (size_t i = 0; i < CLAIM_ATTEMPTS; i++) {
		void_put(w, i);
		(void)world_accept(w, "alice", NULL);
		world_drain(w);
	}
	calls_forget(w);
}

/* Decided by a settler that has not told the gate yet, nor this generation
 * knows that it could have been. */
void own_waits_void_rebuilt(struct world *w)
{
	rebuilt(w);
	(void)world_accept(w, "alice", NULL);
	void_put(w, 0);
	calls_forget(w);
}

void own_written_rebuilt(struct world *w)
{
	own_written(w);
	rebuilt(w);
}

void own_waits_rebuilt(struct world *w)
{
	own_waits(w);
	rebuilt(w);
}

/* The table is one epoch behind; and by now the sale is paused. */
void table_stale(struct world *w)
{
	struct sale old = w->sale;

	rebuilt(w);
	w->sale = old;
}

void table_stale_paused(struct world *w)
{
	struct sale old = w->sale;

	rebuilt(w);
	w->sale.state = SALE_STATE_PAUSED;
	world_sale_put(w);
	w->sale = old;
}

/* A rebuild has fenced ledger and gate, and is not done; the table is older. */
void half_made(struct world *w)
{
	struct err err;
	bool won;

	ck_assert_int_eq(w->ledger.epoch_begin(w->ledger.ctx, &w->sale,
			     SALE_STATE_REBUILD, INT64_MAX, &won, &err),
	    OUT_DONE);
	ck_assert_int_eq(w->gate.retire(w->gate.ctx,
			     (struct gate_ref){w->sale.id, w->sale.epoch + 1},
			     INT64_MAX, &err),
	    OUT_DONE);
}

void mode_direct(struct world *w)
{
	world_mode(w, SALE_MODE_DIRECT);
}

void own_waits_direct(struct world *w)
{
	own_waits(w);
	mode_direct(w);
}

/* Attempt 1 waits; mode direct with a limit of 1 names attempt 0 only. */
void second_waits_direct(struct world *w)
{
	own_lease_void(w);
	own_waits_direct(w);
}

void others_wait_direct(struct world *w)
{
	all_wait(w);
	mode_direct(w);
}

void state_put(struct world *w, enum sale_state state)
{
	w->sale.state = state;
	world_sale_put(w);
}

void paused(struct world *w)
{
	state_put(w, SALE_STATE_PAUSED);
}

void paused_mine_waits(struct world *w)
{
	own_waits(w);
	paused(w);
}

void paused_mine_written(struct world *w)
{
	own_written(w);
	paused(w);
}

void rebuild_mine_waits(struct world *w)
{
	own_waits(w);
	state_put(w, SALE_STATE_REBUILD);
}

void closed(struct world *w)
{
	state_put(w, SALE_STATE_CLOSED);
}

void closed_mine_waits(struct world *w)
{
	own_waits(w);
	closed(w);
}

void closed_gate_lost(struct world *w)
{
	closed(w);
	gate_lost(w);
}

/* Its rebuilder has died, and orders may wait behind his fence. */
void closed_other_epoch(struct world *w)
{
	w->sale.epoch++;
	closed(w);
}

void closed_direct_gate_lost(struct world *w)
{
	mode_direct(w);
	closed_gate_lost(w);
}

void over(struct world *w)
{
	w->sale.closes.us = w->wall_us - 60 * US_PER_S;
	world_sale_put(w);
}

void over_mine_waits(struct world *w)
{
	own_waits(w);
	over(w);
}

void over_mine_waits_direct(struct world *w)
{
	over_mine_waits(w);
	mode_direct(w);
}

void early(struct world *w)
{
	w->sale.opens.us = w->wall_us + 60 * US_PER_S;
	world_sale_put(w);
}
