/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sale table of a worker that has no keeper beside it (--single): its own
 * memory, read anew before a request when it is older than keeper.refresh.
 * Reaping is the keeper's, which runs elsewhere (--services).  Worker.
 */
#ifndef PROG_OWN_TABLE_H
#define PROG_OWN_TABLE_H

#include "base/log.h"
#include "sale/table.h"

struct own_table {
	struct sale_table *table; /* NULL: somebody else keeps it */
	int64_t refresh_ms;
	int64_t call_ms; /* of one call to a store */
	int64_t due_ns;
	struct log_rate rate;
};

/* Asks the stores when it is time to.  What does not answer is asked again
 * after the same pause; the table then says how old it is. */
void own_table_keep(struct own_table *own, const struct gate_port *gate,
    const struct ledger_port *ledger);

#endif
