/* SPDX-License-Identifier: Apache-2.0 */
/* /livez and /readyz: the judgement. */
#include "config.h"

#include "prog/ready.h"

#include <inttypes.h>

bool ready_is_alive(const struct ready_facts *facts, struct strbuf *why)
{
	if (facts->master_runs)
		return true;
	strbuf_puts(why, "the master is stopped or gone\n");
	return false;
}

static bool table_is_fresh(const struct ready_facts *facts, struct strbuf *why)
{
	if (facts->table_age_ms < 0) {
		strbuf_puts(why, "the sales were never read from MySQL\n");
		return false;
	}
	if (facts->table_age_ms <= facts->table_age_max_ms)
		return true;
	strbuf_printf(why,
	    "the sales were last read from MySQL %" PRId64 " ms ago\n",
	    facts->table_age_ms);
	return false;
}

/* A queue that cannot be read keeps nobody away. */
static bool queue_is_short(const struct ready_facts *facts, struct strbuf *why)
{
	uint32_t max = facts->queue_max != 0 ? facts->queue_max
					     : (facts->queue.limit + 1) / 2;

	if (!facts->queue.known || facts->queue.depth < max)
		return true;
	strbuf_printf(why,
	    "%" PRIu32 " connections wait, %" PRIu32 " are too many\n",
	    facts->queue.depth, max);
	return false;
}

bool ready_is_ready(const struct ready_facts *facts, struct strbuf *why)
{
	bool ready = ready_is_alive(facts, why);

	if (facts->accepting == 0 && !facts->on_demand) {
		strbuf_puts(why, "no worker takes connections\n");
		ready = false;
	}
	/* All of it is said, not only what comes first. */
	ready = table_is_fresh(facts, why) && ready;
	return queue_is_short(facts, why) && ready;
}
