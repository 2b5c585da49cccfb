/* SPDX-License-Identifier: Apache-2.0 */
/* What the world is like before alice asks in test_accept.c: each makes one. */
#ifndef TESTS_SALE_ACCEPT_SCENES_H
#define TESTS_SALE_ACCEPT_SCENES_H

#include "sale/world.h"

struct customer customer(const char *name);
void calls_forget(struct world *w);
void plain(struct world *w);
void own_waits(struct world *w);
void other_waits(struct world *w);
void own_written(struct world *w);
void other_written(struct world *w);
void lease_leave(struct world *w, const char *name, const char *key);
void own_lease(struct world *w);
void other_lease(struct world *w);
void own_lease_void(struct world *w);
void others_take(struct world *w, uint32_t n);
void all_wait(struct world *w);
void all_written(struct world *w);
void all_wait_restarted(struct world *w);
void forgotten_owner(struct world *w);
void all_wait_mine_too(struct world *w);
void last_leased(struct world *w);
void gate_behind_stock(struct world *w);
void gate_lost(struct world *w);
void void_put(struct world *w, size_t attempt);
void rebuilt(struct world *w);
void two_void_then_rebuilt(struct world *w);
void all_void_then_rebuilt(struct world *w);
void all_void(struct world *w);
void own_waits_void_rebuilt(struct world *w);
void own_written_rebuilt(struct world *w);
void own_waits_rebuilt(struct world *w);
void table_stale(struct world *w);
void table_stale_paused(struct world *w);
void half_made(struct world *w);
void mode_direct(struct world *w);
void own_waits_direct(struct world *w);
void second_waits_direct(struct world *w);
void others_wait_direct(struct world *w);
void state_put(struct world *w, enum sale_state state);
void paused(struct world *w);
void paused_mine_waits(struct world *w);
void paused_mine_written(struct world *w);
void rebuild_mine_waits(struct world *w);
void closed(struct world *w);
void closed_mine_waits(struct world *w);
void closed_gate_lost(struct world *w);
void closed_other_epoch(struct world *w);
void closed_direct_gate_lost(struct world *w);
void over(struct world *w);
void over_mine_waits(struct world *w);
void over_mine_waits_direct(struct world *w);
void early(struct world *w);

#endif
