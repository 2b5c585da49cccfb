/* SPDX-License-Identifier: Apache-2.0 */
/* The schedule of sweeps. */
#include "config.h"

#include "sale/sweep.h"

struct sweep_run sweep_run_at(struct wall now, int64_t interval_ms)
{
	int64_t interval_us = interval_ms * 1000;
	struct sweep_run run = {0};

	if (interval_us <= 0 || now.us < interval_us)
		return run;
	run.number = (uint64_t)(now.us / interval_us);
	run.begun.us = now.us - now.us % interval_us;
	run.next.us = run.begun.us + interval_us;
	return run;
}

bool sweep_is_due(struct sweep_memory *memory, const struct sweep_run *run,
    struct wall now, uint64_t waiting, int64_t oldest_ms)
{
	if (waiting == 0)
		memory->seen = 0;
	else if (memory->seen == 0)
		memory->seen = run->number;
	if (run->number == 0 || run->number == memory->run || waiting == 0)
		return false;
	if (oldest_ms <= (now.us - run->begun.us) / 1000 &&
	    memory->seen == run->number)
		return false;
	memory->run = run->number;
	memory->seen = 0;
	return true;
}
