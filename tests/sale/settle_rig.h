/* SPDX-License-Identifier: Apache-2.0 */
/* Settlers of the small world, and what is in the way of alice's order: for
 * test_settle.c and test_settle_poison.c. */
#ifndef TESTS_SALE_SETTLE_RIG_H
#define TESTS_SALE_SETTLE_RIG_H

#include "sale/world.h"

struct scene {
	struct world w;
	struct order alice, bob; /* accepted, alice first */
};

enum outcome settle(struct world *w, const char *consumer,
    enum settle_state *state, struct settle_counts *counts);
struct settle_counts settle_done(struct world *w, enum settle_state expect);
uint64_t waiting(struct world *w);
void assert_status(
    struct world *w, const struct order *order, enum order_status status);
struct order sold_row(const struct scene *scene, const struct order *like,
    uint32_t unit, const char *key);
void own_void(struct scene *scene);
void own_sold(struct scene *scene);
void own_sold_elsewhere(struct scene *scene);
void unit_of_another(struct scene *scene);
void unit_of_another_and_void(struct scene *scene);
void slot_of_another(struct scene *scene);
void less_stock(struct scene *scene);
void refused(struct scene *scene);

#endif
