/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Samples of the pool.  While a reload lasts there are two monitors, and after
 * it another one than before; what they count is one row all the same.  Each
 * sample therefore goes on where the last one of any of them ended, so that no
 * time is counted, and no request told, twice or never.  The pool lets one of
 * them tick at a time.
 */
#include "config.h"

#include "base/log.h"
#include "prog/snapshot_parts.h"

#include <inttypes.h>

/* A monitor that was stopped has not seen what happened meanwhile. */
#define SAMPLE_MAX_NS NS_PER_S

/* The memory of the slot; NULL when it is none of a monitor's. */
static const struct snapshot_memory *memory_of(
    const struct snapshot *snapshot, size_t slot)
{
	struct board_view view;

	if (!pool_status_view(snapshot->child, slot, &view) ||
	    view.group != pool_status_own_group(snapshot->child))
		return NULL;
	return pool_status_area(snapshot->child, slot);
}

/* Of whoever took the last sample; our own when nobody ever did. */
static const struct snapshot_memory *memory_latest(
    const struct snapshot *snapshot)
{
	const struct snapshot_memory *latest = snapshot->memory;
	size_t n = pool_status_slots(snapshot->child);

	for (size_t i = 0; i < n; i++) {
		const struct snapshot_memory *memory = memory_of(snapshot, i);

		if (memory != NULL && memory->sampled_ns > latest->sampled_ns)
			latest = memory;
	}
	return latest;
}

bool snapshot_samples(const struct snapshot *snapshot)
{
	return memory_latest(snapshot) == snapshot->memory;
}

/* Which phase a slow request hangs in: said once, with no need to stop it. */
static void slow_tell(
    struct snapshot *snapshot, size_t slot, const struct board_view *view)
{
	int64_t now_ns = mono_ns();
	struct board_text text;
	char bytes[600];
	struct strbuf uri;

	pool_status_text(snapshot->child, slot, &text);
	strbuf_init(&uri, bytes, sizeof(bytes));
	strbuf_put_escaped(&uri, strv_c(text.request.method));
	strbuf_putc(&uri, ' ');
	strbuf_put_escaped(&uri, strv_c(text.request.uri));
	log_warning("slow: worker %ld has been at a request for %" PRId64
		    " ms, in its phase \"%s\" for %" PRId64 " ms: %s%s%.32s",
	    (long)view->pid, (now_ns - view->request_ns) / NS_PER_MS,
	    pool_status_phase(snapshot->child, view),
	    (now_ns - view->phase_ns) / NS_PER_MS, uri.p,
	    text.note[0] != '\0' ? ", claim " : "", text.note);
	snapshot->memory->slow++;
}

/* Those that became slow between the two times. */
static bool became_slow(const struct snapshot *snapshot,
    const struct board_view *view, int64_t after_ns, int64_t until_ns)
{
	int64_t limit_ns =
	    snapshot->settings->www.slowlog_timeout_ms * NS_PER_MS;
	int64_t slow_ns = view->request_ns + limit_ns;

	return limit_ns != 0 && view->request_ns != 0 && slow_ns > after_ns &&
	       slow_ns <= until_ns;
}

void snapshot_peak(uint64_t *highest, uint64_t now)
{
	if (now > *highest)
		*highest = now;
}

/* Walks the workers; true when max_children of them are too few. */
static bool workers_look(
    struct snapshot *snapshot, int64_t after_ns, int64_t now_ns)
{
	const struct pool_group *group = snapshot_group(snapshot);
	uint64_t active = 0, leaving = 0, idle = 0;
	struct board_view view;

	for (size_t slot = 0; snapshot_next(snapshot, &slot, &view);) {
		active += snapshot_is_active(&view);
		leaving +=
		    snapshot_is_active(&view) && view.state == BOARD_DRAINING;
		idle += snapshot_is_idle(&view);
		if (became_slow(snapshot, &view, after_ns, now_ns))
			slow_tell(snapshot, slot - 1, &view);
	}
	snapshot_peak(&snapshot->memory->active_peak, active);
	if (idle + active > leaving)
		snapshot->stillborn = snapshot_stillborn(snapshot);
	/* Of two generations the workers may be twice as many, and those of
	 * the old one finish: no sign of a crowd. */
	return group != NULL &&
	       pool_manager_is_full(
		   &group->size, group->max_children, active - leaving, idle);
}

void snapshot_sample(struct snapshot *snapshot)
{
	const struct snapshot_memory *latest = memory_latest(snapshot);
	struct snapshot_memory *memory = snapshot->memory;
	struct pool_queue queue = pool_queue_read(&snapshot->probe);
	int64_t now_ns = mono_ns(), after_ns = latest->sampled_ns;
	int64_t passed_ns = after_ns != 0 ? now_ns - after_ns : 0;
	struct manager_episode episode = latest->episode;
	bool is_full;

	if (passed_ns > SAMPLE_MAX_NS)
		passed_ns = SAMPLE_MAX_NS;
	is_full = workers_look(snapshot, after_ns, now_ns);
	memory->sampled_ns = now_ns;
	if (queue.known)
		snapshot_peak(&memory->queue_peak, queue.depth);
	if (queue.known && queue.depth > 0)
		memory->queued_ns += (uint64_t)passed_ns;
	if (is_full)
		memory->full_ns += (uint64_t)passed_ns;
	if (pool_manager_episode(&episode, is_full, now_ns))
		memory->full++;
	memory->episode = episode;
}

struct snapshot_memory snapshot_memory_sum(const struct snapshot *snapshot)
{
	struct snapshot_memory sum = {0};
	size_t n = pool_status_slots(snapshot->child);

	for (size_t i = 0; i < n; i++) {
		const struct snapshot_memory *from = memory_of(snapshot, i);

		if (from == NULL)
			continue;
		snapshot_peak(&sum.queue_peak, from->queue_peak);
		snapshot_peak(&sum.active_peak, from->active_peak);
		sum.full += from->full;
		sum.full_ns += from->full_ns;
		sum.queued_ns += from->queued_ns;
		sum.slow += from->slow;
	}
	return sum;
}
