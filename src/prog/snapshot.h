/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the pool looks like now: board, areas, queue and sale table as the plain
 * values that status and metrics print.  Also takes the samples that a moment
 * alone cannot show: peaks, times.  The monitor only.
 */
#ifndef PROG_SNAPSHOT_H
#define PROG_SNAPSHOT_H

#include "pool/manager.h"
#include "pool/pool.h"
#include "pool/queue.h"
#include "prog/metrics.h"
#include "prog/ready.h"
#include "prog/settings.h"
#include "prog/status.h"
#include "sale/table.h"

/* The name of the group whose children are workers. */
#define SNAPSHOT_WORKERS "worker"
#define SNAPSHOT_KEEPER  "keeper"
#define SNAPSHOT_SETTLER "settler"

/* What the monitor remembers, in its area: counters and peaks. */
struct snapshot_memory {
	uint64_t queue_peak, active_peak;
	uint64_t full; /* times that max_children came to be too few */
	uint64_t full_ns, queued_ns;
	uint64_t slow;
	int64_t sampled_ns; /* until when the above was counted; 0: never */
	struct manager_episode episode; /* of max_children being too few */
};

/* When the master began: it survives reloads. */
struct snapshot_start {
	int64_t time; /* seconds since 1970 */
	int64_t mono_ns;
};
struct snapshot_start snapshot_start_now(void);

struct snapshot {
	const struct settings *settings;
	const struct sale_table *table;
	const struct accepted *accepted;
	struct snapshot_start start;
	struct pool_child *child; /* from here on: the child's own */
	size_t workers; /* number of their group; SIZE_MAX: none */
	struct pool_queue_probe probe;
	struct snapshot_memory *memory;
	uint64_t stillborn; /* when a worker was last seen to accept */
	struct status_process *processes; /* room for all slots */
	char last_reload[STATUS_REASON_MAX];
};

/* False with `err` when memory is out. */
bool snapshot_open(struct snapshot *snapshot, struct pool_child *child,
    struct err *err) ATTR_MUSTUSE;
void snapshot_close(struct snapshot *snapshot);

/* A few times a second; at any time by one monitor of a pool alone. */
void snapshot_sample(struct snapshot *snapshot);

/* With `full`, also every worker; valid until the next call. */
void snapshot_status(
    struct snapshot *snapshot, bool full, struct status *status);
/* `status` is borrowed. */
void snapshot_metrics(struct snapshot *snapshot, const struct status *status,
    struct metrics *metrics);
void snapshot_facts(struct snapshot *snapshot, struct ready_facts *facts);

/* Foreign bytes as valid UTF-8 without control characters, cut to fit. */
void snapshot_clean(struct strv text, char *out, size_t size);

#endif
