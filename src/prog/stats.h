/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What workers count, in shared memory: one struct stats a place for a child
 * (pool_child_area()), one writer at a time, no locks.  It outlives the child,
 * so that a sum over all places never goes back.  Workers write, the monitor
 * adds up; a sum may miss what is counted at that very moment.
 */
#ifndef PROG_STATS_H
#define PROG_STATS_H

#include "sale/buy.h"
#include "sale/mend.h"
#include "sale/ports.h"
#include "web/web.h"

#include <stddef.h>
#include <stdint.h>

/* One more whenever a field of struct stats comes, goes or changes its meaning,
 * or a route or code changes its number: an upgrade then counts from 0. */
#define STATS_LAYOUT  3

#define STATS_ROUTES  16
#define STATS_CLASSES 6 /* 0: nothing was sent, 1..5: 1xx..5xx */
#define STATS_CODES   64
#define STATS_EVENTS  8

/* Upper bounds of the buckets; one more catches what is above. */
#define STATS_BUCKETS 16
struct stats_scale {
	int64_t bound[STATS_BUCKETS];
	bool is_time; /* in nanoseconds; else plain numbers */
};
extern const struct stats_scale stats_scale_request; /* 100 us .. 10 s */
extern const struct stats_scale stats_scale_lag; /* 1 ms .. 1 h */
extern const struct stats_scale stats_scale_batch; /* 1 .. SETTLE_BATCH */

/* Whoever reads it must know its scale. */
struct stats_histogram {
	uint64_t
	    bucket[STATS_BUCKETS + 1]; /* each for itself, not cumulative */
	uint64_t sum; /* of what was observed, below 0 as 0 */
};

/* Nothing but 64-bit counters, so that a sum is a loop. */
struct stats {
	uint64_t requests[STATS_ROUTES][STATS_CLASSES];
	uint64_t codes[STATS_CODES];
	uint64_t events[STATS_EVENTS]; /* by enum buy_event */
	uint64_t claims[OUT_COUNT]; /* calls of the gate, by enum outcome */
	uint64_t inserts[OUT_COUNT]; /* calls of the ledger */
	uint64_t
	    enqueues[OUT_COUNT]; /* calls of the gate, modes queue, sweep */
	uint64_t accepted; /* of these: a unit was taken */
	uint64_t sent_bytes;
	struct stats_histogram request;
	struct stats_histogram queue_age; /* where the front end tells (FG_T) */
	struct stats_histogram claim; /* direct ones, and enqueues */
	struct stats_histogram insert;
	uint64_t rss_peak_bytes; /* the highest, not a sum */
};

/* What a keeper counts, in the area of its own place. */
struct keeper_stats {
	uint64_t rebuilds[GATE_TROUBLE_COUNT]; /* done, by what was wrong */
	uint64_t rebuilds_failed; /* begun, and not brought to the end */
	struct stats_histogram rebuild; /* of those that were done */
	uint64_t voided, confirmed; /* expired claims, by how they ended */
	uint64_t audits; /* that came to an end */
	uint64_t leaks; /* units found without a home */
	uint64_t dup_homes; /* with more than one, or out of bounds */
	uint64_t lost; /* accepted orders that a gate has taken with it */
};

/* What a settler counts, in the area of its own place. */
struct settler_stats {
	uint64_t sold, replayed, voided, dead; /* orders, by how they ended */
	uint64_t redelivered; /* taken again, by whoever */
	uint64_t singles; /* rows that went one by one */
	uint64_t failures[OUT_COUNT]; /* batches that were not done */
	uint64_t stale; /* that met another epoch */
	struct stats_histogram batch; /* rows taken at once */
	struct stats_histogram lag; /* from the 202 to the row */
};
_Static_assert(sizeof(struct keeper_stats) <= sizeof(struct stats) &&
		   sizeof(struct settler_stats) <= sizeof(struct stats),
    "one size of area for all");

/* Routes and codes by number; NULL behind the last.  Both begin with
 * "unknown", which also takes what has no number. */
const char *stats_route(size_t i);
const char *stats_code(size_t i);

/* Writer. */
void stats_outcome(
    struct stats *stats, const struct web_outcome *outcome, size_t sent_bytes);
/* On the scale of requests; or on another. */
void stats_observe(struct stats_histogram *histogram, int64_t ns);
void stats_observe_on(const struct stats_scale *scale,
    struct stats_histogram *histogram, int64_t value);
void stats_count(uint64_t *counter);
void stats_count_by(uint64_t *counter, uint64_t n);
void stats_rss(struct stats *stats);

/* Reader: adds `from`, in shared memory, to `sum`. */
void stats_add(struct stats *sum, const struct stats *from);
void stats_add_keeper(
    struct keeper_stats *sum, const struct keeper_stats *from);
void stats_add_settler(
    struct settler_stats *sum, const struct settler_stats *from);

/*
 * How long a request waited before us: `sent` is the front end's own time when
 * it passed it on, since 1970: seconds, with a fraction of 3 digits (nginx's
 * $msec) or 6 (Apache), or whole milliseconds (Caddy).  False when it is absent, no such number, or more than a day away.  The two clocks
 * may differ: what would be negative is 0.
 */
bool stats_queue_age(
    struct strv sent, struct wall now, int64_t *age_ns) ATTR_MUSTUSE;

#endif
