/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker does: a FastCGI request in, one reply out, with a gate and a
 * ledger of its own.  Made in the master, opened in the child.
 */
#ifndef PROG_WORKER_H
#define PROG_WORKER_H

#include "pool/pool.h"
#include "prog/accepted.h"
#include "prog/settings.h"
#include "sale/table.h"
#include "web/token.h"

struct worker;

/* All borrowed; `table` is shared memory.  Opens the access log.  NULL with
 * `err`. */
struct worker *worker_new(const struct settings *settings,
    const struct sale_table *table, const struct token_keys *keys,
    struct err *err) ATTR_MUSTUSE;
/* There is no keeper: this worker reads the sales into `table` itself. */
void worker_own_table(struct worker *worker, struct sale_table *table);
/* Where it notes what it says 202 to, and reads what Redis makes of that. */
void worker_note_accepted(struct worker *worker, struct accepted *accepted);
void worker_free(struct worker **worker);
struct pool_app worker_app(struct worker *worker);

#endif
