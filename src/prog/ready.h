/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is the pool alive, and may a balancer send it shoppers?  Pure judgement over
 * facts; the monitor gathers them.
 */
#ifndef PROG_READY_H
#define PROG_READY_H

#include "base/attr.h"
#include "base/str.h"
#include "pool/queue.h"

#include <stdbool.h>
#include <stdint.h>

struct ready_facts {
	bool master_runs; /* and is not stopped, dead or a stranger */
	unsigned accepting; /* workers that take connections */
	bool on_demand; /* none need be there, and none has failed to start */
	int64_t table_age_ms; /* of the sale table; -1: was never filled */
	int64_t table_age_max_ms;
	struct pool_queue queue;
	uint32_t queue_max; /* from here on it is too long; 0: half of limit */
};

/* Each false puts every reason, a line each, into `why`. */
bool ready_is_alive(const struct ready_facts *facts, struct strbuf *why);
bool ready_is_ready(const struct ready_facts *facts, struct strbuf *why);

#endif
