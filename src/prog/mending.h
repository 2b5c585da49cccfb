/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper's care for gates: makes those anew that are in trouble, audits all
 * of them now and then, and says and counts what it did.  Keeper process.
 */
#ifndef PROG_MENDING_H
#define PROG_MENDING_H

#include "prog/settings.h"
#include "prog/stats.h"
#include "ledger/ledger.h"
#include "sale/table.h"

struct mending;

struct mending_conf { /* all borrowed */
	const struct settings *settings;
	const struct gate_port *gate;
	const struct ledger_port *ledger_port;
	struct ledger *ledger; /* the same one, for the audit table */
	struct keeper_stats *stats;
};

struct mending *mending_new(const struct mending_conf *conf) ATTR_MUSTUSE;
void mending_free(struct mending **mending);

/*
 * Looks after row `i` of the table, whose gauge was read just now.  True when the
 * sale has changed by it, so that the table is to be read again.
 */
bool mending_look(
    struct mending *mending, size_t i, const struct sale_entry *entry);
/* Some steps of an audit, when one is due or under way. */
void mending_audit(
    struct mending *mending, size_t i, const struct sale_entry *entry);

#endif
