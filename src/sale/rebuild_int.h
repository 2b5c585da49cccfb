/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by rebuild.c (the story) and rebuild_carry.c (accepted orders that
 * wait); nobody else includes it.
 */
#ifndef SALE_REBUILD_INT_H
#define SALE_REBUILD_INT_H

#include "sale/rebuild.h"

#define CHUNK 1000

/* A page of a stream, and what is to become of it. */
struct carry_page {
	struct gate_ref ref;
	struct gate_entry entry[SETTLE_BATCH];
	size_t n;
	bool open[SETTLE_BATCH]; /* of the entries: not decided yet */
	bool goes[SETTLE_BATCH]; /* it has a unit to go over with */
	/* For carry(), and the entry of each. */
	struct order order[SETTLE_BATCH];
	size_t of[SETTLE_BATCH];
	size_t norders;
	struct order voided[SETTLE_BATCH];
	size_t nvoided;
};

/* Large: on the heap. */
struct rebuilding {
	const struct gate_port *gate;
	const struct ledger_port *ledger;
	struct sale sale; /* as it is behind the fence */
	struct gate_ref ref; /* the new epoch */
	/* Orders may wait in first..last. */
	uint32_t first, last;
	uint32_t first_waiting; /* nothing waits in those before it */
	/*
	 * [stock + 1]: what has the unit, see rebuild_carry.c.  NULL when no
	 * order waits: a sale of mode direct needs no memory for its rebuild.
	 */
	uint8_t *home;
	int64_t deadline_ns;
	rebuild_progress_fn *progress;
	void *progress_ctx;
	struct rebuild_result *result;
	struct err *err;
	uint32_t free_units[CHUNK];
	size_t nfree;
	struct order rows[CHUNK]; /* a page of sold ones */
	struct carry_page page;
};

/* Makes `home` if any order waits. */
enum outcome carry_begin(struct rebuilding *r);
void carry_end(struct rebuilding *r);
/* These have their units. */
void carry_sold(struct rebuilding *r, const struct order *rows, size_t n);
/* Behind the last of them: what waits goes over, or is decided void. */
enum outcome carry_all(struct rebuilding *r);
/* Is it neither sold nor carried over? */
bool carry_is_free(const struct rebuilding *r, uint32_t unit);

#endif
