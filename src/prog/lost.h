/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which accepted orders has a gate taken with it?  After a sale's epoch has
 * changed, everything that this host's workers said 202 to in an older one
 * (prog/accepted.h) is looked up: in the gate, which may have carried it over,
 * and then in the ledger.  What is in neither is lost, said by its number, and
 * counted; that it was is no damage to any other order, and whoever asks for it
 * hears 404.  Keeper process.
 */
#ifndef PROG_LOST_H
#define PROG_LOST_H

#include "prog/accepted.h"
#include "prog/stats.h"
#include "sale/table.h"

struct lost;

struct lost_conf { /* all borrowed */
	struct accepted *accepted; /* NULL: there is nothing to do, ever */
	const struct gate_port *gate;
	const struct ledger_port *ledger;
	struct keeper_stats *stats;
	/* How long a worker may still be at an answer of the old epoch. */
	int64_t grace_ms;
};

struct lost *lost_new(const struct lost_conf *conf) ATTR_MUSTUSE;
void lost_free(struct lost **lost);

/* One step for row `i` of the table, whose gauge was read just now. */
void lost_look(struct lost *lost, size_t i, const struct sale_entry *entry);

#endif
