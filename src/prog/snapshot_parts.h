/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of prog/snapshot share; nobody else includes it.
 */
#ifndef PROG_SNAPSHOT_PARTS_H
#define PROG_SNAPSHOT_PARTS_H

#include "prog/snapshot.h"

/* NULL: a pool without workers, see --services. */
const struct pool_group *snapshot_group(const struct snapshot *snapshot);

/* SIZE_MAX: there is none. */
size_t snapshot_group_find(const struct pool_child *child, const char *name);

/* Of all keepers and settlers that ever were. */
void snapshot_services_sum(const struct snapshot *snapshot,
    struct keeper_stats *keeper, struct settler_stats *settler);
/* What the status says of accepted orders. */
void snapshot_orders(const struct snapshot *snapshot, struct status *status);

/* Walks the workers that live; false at the end.  `*slot` begins with 0. */
bool snapshot_next(const struct snapshot *snapshot, size_t *slot,
    struct board_view *view) ATTR_MUSTUSE;
/* At a request; or waiting for one.  Neither, while it starts or leaves. */
bool snapshot_is_active(const struct board_view *view);
bool snapshot_is_idle(const struct board_view *view);

/* Workers so far that died before they were ready. */
uint64_t snapshot_stillborn(const struct snapshot *snapshot);

void snapshot_peak(uint64_t *highest, uint64_t now);
/* Over all monitors that ever were: a reload may give a new one a new place. */
struct snapshot_memory snapshot_memory_sum(const struct snapshot *snapshot);
/* True when this monitor took the last sample of all: when there are two, for
 * the length of a reload, the other one does not. */
bool snapshot_samples(const struct snapshot *snapshot);

#endif
