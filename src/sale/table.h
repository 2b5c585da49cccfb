/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sales as the workers see them: a table in shared memory (or, for a lone
 * worker, in its own), written by the keeper from the ledger a few times a
 * second, read without a lock.  It answers what needs no store: which sale,
 * which window, how many are left.  It is never the judge: the ledger's guard
 * is.  No pointers inside.
 */
#ifndef SALE_TABLE_H
#define SALE_TABLE_H

#include "base/flip.h"
#include "sale/ports.h"

#define SALE_TABLE_MAX 64

struct sale_entry {
	struct sale sale;
	struct gate_gauge gauge; /* known == false: not (yet) read */
	bool gauge_fresh; /* the last reading of the gauge succeeded */
	/* mono_ns() until which a purchase may still be accepted by somebody who
	 * has read that the sale is in another mode than it is by now. */
	int64_t mode_settles_ns;
	bool mode_settled; /* and the gauge was read behind that */
	/* The same of a sale that was seen to be closed. */
	int64_t closed_settles_ns;
};

/*
 * May the gate of this sale hold accepted orders that are not written yet?  Not
 * when it is in mode direct, has been for some time, and nothing waits there; and
 * not when it is over and its gate is lost, which nobody makes anew.
 */
bool sale_entry_may_wait(const struct sale_entry *entry, int64_t now_ns);

struct sale_table_head {
	uint32_t n;
	int64_t refreshed_ns; /* mono_ns() of the last success, 0: never */
	int64_t ledger_offset_us; /* ledger clock minus our wall clock */
};

struct sale_table {
	struct flip head_flip;
	struct sale_table_head head[2];
	struct {
		struct flip flip;
		struct sale_entry entry[2];
	} rows[SALE_TABLE_MAX];
};

size_t sale_table_bytes(void);
void sale_table_init(struct sale_table *table);

/* Writer side (the keeper, or a lone worker).  A sale that is crowded out by others
 * stays as long as accepted orders of it wait, if any room can be made: nobody but
 * who looks after the sales of the table writes them. */
enum outcome sale_table_refresh(struct sale_table *table,
    const struct ledger_port *ledger, const struct clock *clock,
    int64_t deadline_ns, struct err *err);
void sale_table_gauge(struct sale_table *table, struct sale_id sale,
    const struct gate_gauge *gauge, bool fresh);

/* Reader side.  False when the table was never filled or kept changing. */
bool sale_table_head_read(
    const struct sale_table *table, struct sale_table_head *out) ATTR_MUSTUSE;
/* Row `i` < head.n. */
bool sale_table_row(const struct sale_table *table, size_t i,
    struct sale_entry *out) ATTR_MUSTUSE;
/* False for "not there" and for "could not be read". */
bool sale_table_find(const struct sale_table *table, struct strv slug,
    struct sale_entry *out) ATTR_MUSTUSE;
/* Our wall clock, corrected to the ledger's. */
struct wall sale_table_now(
    const struct sale_table_head *head, const struct clock *clock);

#endif
