/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a child may see of the pool that it lives in: its groups, the other
 * children, their shared memory.  For a status page.  Reads only, waits for
 * nobody, and believes nothing: what a child that runs wild wrote is text
 * without a meaning, never an index or a pointer.  Children only.
 */
#ifndef POOL_STATUS_H
#define POOL_STATUS_H

#include "pool/board.h"
#include "pool/pool.h"

pid_t pool_status_master(const struct pool_child *child);

size_t pool_status_groups(const struct pool_child *child);
/* The number of the child's own. */
size_t pool_status_own_group(const struct pool_child *child);
const struct pool_group *pool_status_group(
    const struct pool_child *child, size_t group);
void pool_status_deaths(
    const struct pool_child *child, size_t group, struct board_deaths *deaths);

/* Places for children; a place keeps its group and its area for ever. */
size_t pool_status_slots(const struct pool_child *child);
/* False for a place that no child ever had. */
bool pool_status_view(const struct pool_child *child, size_t slot,
    struct board_view *view) ATTR_MUSTUSE;
void pool_status_text(
    const struct pool_child *child, size_t slot, struct board_text *text);
const void *pool_status_area(const struct pool_child *child, size_t slot);

/* The name of view->phase; "" between two requests and for nonsense. */
const char *pool_status_phase(
    const struct pool_child *child, const struct board_view *view);

#endif
