/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by settle.c (a batch) and settle_one.c (an order that was refused);
 * nobody else includes it.
 */
#ifndef SALE_SETTLE_INT_H
#define SALE_SETTLE_INT_H

#include "sale/settle.h"

struct item {
	struct gate_entry entry;
	bool decided;
	enum gate_fate fate;
	bool tried; /* by itself, in this call */
	bool ambiguous; /* an insert of ours may or may not be in */
	bool buried;
};

struct settling {
	const struct settler *settler;
	struct gate_ref ref;
	int64_t deadline_ns;
	int64_t offset_us; /* the ledger's clock minus ours */
	struct settle_counts *counts;
	struct err *err;
	struct item item[SETTLE_BATCH];
	size_t n;
	bool stale; /* fenced off: this generation is over */
};

/* Its row is ours, and new. */
void settle_written(struct settling *s, struct item *item);
/* The row of the item's own claim was read. */
enum outcome settle_by_row(
    struct settling *s, struct item *item, const struct order *row);
/*
 * Void, and a letter for the operator: nobody should have to guess why somebody
 * did not get what was accepted.
 */
enum outcome settle_bury(
    struct settling *s, struct item *item, const char *reason);
/* The guard refused: the sale as it is now, unless our generation is over. */
enum outcome settle_fence_read(struct settling *s, struct sale *sale);
/* The guard refused it: less stock, or a lower limit, since it was accepted. */
enum outcome settle_fenced(struct settling *s, struct item *item);
/* A row is in the way. */
enum outcome settle_clash(struct settling *s, struct item *item);

#endif
