/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A row that is told is on disk.
 *
 * InnoDB without a binary log (or with one whose filters leave our tables out)
 * releases a commit to other connections first and writes its redo then:
 * whoever reads in between reads what a crash takes back.  The commit that *we*
 * wait for is not in doubt, it is answered when its redo is on disk.  But
 * "replayed", "limit reached", an order's page and a confirmed lease follow from
 * rows that were *read*.
 *
 * So between reading and telling we commit something small of our own.  Redo is
 * one sequence: the row was to be seen, so its commit stands in it before ours,
 * and ours is answered when all up to it is on disk (the start-up insists on
 * innodb_flush_log_at_trx_commit = 1).  tests/ledger/it_durable.c shows both,
 * with a disk that is held.
 *
 * Not by age: `created` says when the shopper asked, and a worker that was
 * stopped commits it an hour later; nor is there a time after which redo must be
 * on disk, for a disk that hangs holds commits, not readers.  What spares the
 * second reading of a row is knowledge: the row's commit was answered over this
 * connection, or a barrier after it was.  Nor by asking for log_bin: nobody
 * without rights of administration can read its filters.
 *
 * One owner, one process, like the ledger that it is part of.
 */
#ifndef LEDGER_DURABLE_H
#define LEDGER_DURABLE_H

#include "base/attr.h"
#include "base/err.h"
#include "sale/ports.h"

#include <stddef.h>
#include <stdint.h>

struct ledger;

/* Rows of the table barrier: ids 0 to one less. */
#define BARRIER_ROWS 64

/*
 * Claims whose rows are on disk.  A claim has one place, and the last one there
 * pushes out the one before: that costs a barrier more, no promise.
 */
#define DURABLE_KNOWN 1024
struct durable {
	struct {
		struct claim_id claim;
		/* By which connection we know; on the next one, which may lead
		 * to another server, we do not.  0: nothing is known here. */
		uint32_t connection;
	} known[DURABLE_KNOWN];
};

/* The standing connection has had an answer to the commit of the claim's row. */
void durable_note(struct ledger *ledger, const struct claim_id *claim);

/*
 * `rows` were read over the standing connection just now.  DONE: a crash of the
 * server does not take them back.  Else they must not be told: whether they stay
 * is not known.
 */
enum outcome durable_rows(struct ledger *ledger, const struct order *rows,
    size_t n, int64_t deadline_ns, struct err *err) ATTR_MUSTUSE;

/* The same of whatever else was read over it, or was met by an insert.  Not
 * inside a transaction. */
enum outcome durable_barrier(
    struct ledger *ledger, int64_t deadline_ns, struct err *err) ATTR_MUSTUSE;

#endif
