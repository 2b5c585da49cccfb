/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a settler does: writes accepted orders (sale/settle.h) of every sale of
 * the table, at once where the sale is in mode queue, or was and is drained, and
 * at scheduled runs where it is in mode sweep.  Any number of settlers, on any
 * number of hosts, is safe.  Made in the master, opened in the child; reads the
 * table, which a keeper beside it writes.
 */
#ifndef PROG_SETTLER_H
#define PROG_SETTLER_H

#include "pool/pool.h"
#include "prog/settings.h"
#include "sale/table.h"

struct settler_child;

/* All borrowed; `table` is shared memory.  NULL when memory is out. */
struct settler_child *settler_child_new(
    const struct settings *settings, const struct sale_table *table);
void settler_child_free(struct settler_child **child);
struct pool_app settler_child_app(struct settler_child *child);

/* A name for this host among those that settle (gate_port.take): `what` and the
 * number tell those of one host apart. */
#define SETTLER_NAME_MAX 65
/* What it says of the host; pure. */
#define SETTLER_HOST_MAX 33
void settler_host(char out[SETTLER_HOST_MAX], const char *host);
void settler_name(
    char out[SETTLER_NAME_MAX], const char *what, unsigned number);

#endif
