/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the monitor does: answers status, ping, health and metrics on a socket
 * of its own, from shared memory alone; asks no store, waits for no worker.
 * Made in the master, opened in the child.
 */
#ifndef PROG_MONITOR_H
#define PROG_MONITOR_H

#include "pool/pool.h"
#include "prog/settings.h"
#include "prog/snapshot.h"
#include "sale/table.h"

struct monitor;

/* All borrowed but `start`; `table` and `accepted` are shared memory.  NULL when
 * memory is out. */
struct monitor *monitor_new(const struct settings *settings,
    const struct sale_table *table, const struct accepted *accepted,
    const struct snapshot_start *start);
void monitor_free(struct monitor **monitor);
struct pool_app monitor_app(struct monitor *monitor);

/* Room that each child needs in shared memory: pool_conf.area_bytes. */
size_t monitor_area_bytes(void);

#endif
