/* SPDX-License-Identifier: Apache-2.0 */
/* What the world is like before the purchase of test_buy.c: each makes one. */
#ifndef TESTS_SALE_BUY_SCENES_H
#define TESTS_SALE_BUY_SCENES_H

#include "sale/world.h"

void scene_plain(struct world *w);
void scene_owner(struct world *w);
void scene_bought_otherwise(struct world *w);
void scene_own_lease(struct world *w);
void scene_other_lease(struct world *w);
void scene_voided(struct world *w);
void scene_key_spent(struct world *w);
void scene_sold_out(struct world *w);
void scene_gate_behind_stock(struct world *w);
void scene_sold_out_owner(struct world *w);
void scene_last_leased(struct world *w);
void scene_gate_lost(struct world *w);
void scene_table_stale(struct world *w);
void scene_rebuilding(struct world *w);
void scene_paused_behind(struct world *w);
void scene_closed_behind(struct world *w);
void scene_paused(struct world *w);
void scene_closed(struct world *w);
void scene_closed_owner(struct world *w);
void scene_paused_owner(struct world *w);
void scene_early(struct world *w);
void scene_early_for_ledger(struct world *w);
void scene_ended(struct world *w);
void scene_ended_just_now(struct world *w);
void scene_unit_resurrected(struct world *w);
void scene_slot_forgotten(struct world *w);

/* A claim of his holds a unit, and he is gone. */
void claim_leave_leased(struct world *w, const char *customer, const char *key);
/* Is he told that he has it?  Then its row is there. */
bool told_yes(enum verdict verdict);
void row_must_exist(struct world *w, const struct order *order);

#endif
