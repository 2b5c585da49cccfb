/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the keeper does: reads the sales into the workers' table, reaps expired
 * claims, lets the gate follow stock and limit, makes a lost gate anew, finds out
 * what was lost with it, audits.
 * Any number of keepers, on
 * any number of hosts, is safe.  Made in the master, opened in the child.
 */
#ifndef PROG_KEEPER_H
#define PROG_KEEPER_H

#include "pool/pool.h"
#include "prog/accepted.h"
#include "prog/settings.h"
#include "sale/table.h"

struct keeper;

/* All borrowed; `table` and `accepted` are shared memory; of the first the keeper
 * is the one writer. */
struct keeper *keeper_new(const struct settings *settings,
    struct sale_table *table, struct accepted *accepted);
void keeper_free(struct keeper **keeper);
struct pool_app keeper_app(struct keeper *keeper);

#endif
