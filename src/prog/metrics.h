/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /metrics: everything that is counted, as OpenMetrics under our own names.
 * Pure: a snapshot in, text out.
 */
#ifndef PROG_METRICS_H
#define PROG_METRICS_H

#include "pool/status.h"
#include "prog/accepted.h"
#include "prog/stats.h"
#include "prog/status.h"
#include "sale/table.h"

struct metrics_group {
	const char *name;
	unsigned max;
	unsigned in_state[BOARD_STATE_COUNT];
	struct board_deaths deaths;
};

struct metrics {
	const char *version;
	const struct status *status;
	struct stats stats; /* of all workers that ever were */
	struct keeper_stats keeper; /* of all keepers */
	struct settler_stats settler; /* of all settlers */
	enum accepted_durability durability;
	struct metrics_group groups[POOL_GROUPS_MAX];
	size_t ngroups;
	struct sale_entry sales[SALE_TABLE_MAX];
	size_t nsales;
	int64_t table_age_ns; /* STATUS_NA: it was never read */
	int64_t full_ns; /* time in which every worker was active */
	int64_t queued_ns; /* time in which connections waited */
};

void metrics_write(const struct metrics *metrics, struct strbuf *out);

#endif
