/* SPDX-License-Identifier: Apache-2.0 */
/* The pool as plain values. */
#include "config.h"

#include "prog/snapshot.h"
#include "base/bug.h"
#include "prog/snapshot_parts.h"
#include "prog/stats.h"
#include "prog/timed.h"
#include "web/utf8.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The keeper reads the table every [keeper] refresh; so many of these, and at
 * least so long, may fail. */
#define TABLE_MISSES     10
#define TABLE_AGE_MIN_MS 5000

_Static_assert(sizeof(struct snapshot_memory) <= sizeof(struct stats),
    "one size of area for workers and monitor");

size_t snapshot_group_find(const struct pool_child *child, const char *name)
{
	size_t n = pool_status_groups(child);

	for (size_t i = 0; i < n; i++)
		if (strcmp(pool_status_group(child, i)->name, name) == 0)
			return i;
	return SIZE_MAX;
}

const struct pool_group *snapshot_group(const struct snapshot *snapshot)
{
	return snapshot->workers == SIZE_MAX
		   ? NULL
		   : pool_status_group(snapshot->child, snapshot->workers);
}

struct snapshot_start snapshot_start_now(void)
{
	return (struct snapshot_start){
	    .time = wall_now().us / US_PER_S, .mono_ns = mono_ns()};
}

uint64_t snapshot_stillborn(const struct snapshot *snapshot)
{
	struct board_deaths deaths;

	if (snapshot->workers == SIZE_MAX)
		return 0;
	pool_status_deaths(snapshot->child, snapshot->workers, &deaths);
	return deaths.stillborn;
}

bool snapshot_open(
    struct snapshot *snapshot, struct pool_child *child, struct err *err)
{
	size_t slots = pool_status_slots(child);
	const struct pool_group *workers;

	snapshot->child = child;
	snapshot->workers = snapshot_group_find(child, SNAPSHOT_WORKERS);
	workers = snapshot_group(snapshot);
	snapshot->memory = pool_child_area(child);
	snapshot->processes = calloc(slots, sizeof(*snapshot->processes));
	snapshot->stillborn = snapshot_stillborn(snapshot);
	pool_queue_open(
	    &snapshot->probe, workers != NULL ? workers->listen_fd : -1);
	if (snapshot->processes != NULL)
		return true;
	err_set_errno(err, "a status of %zu children", slots);
	snapshot_close(snapshot);
	return false;
}

void snapshot_close(struct snapshot *snapshot)
{
	pool_queue_close(&snapshot->probe);
	free(snapshot->processes);
	snapshot->processes = NULL;
}

bool snapshot_next(
    const struct snapshot *snapshot, size_t *slot, struct board_view *view)
{
	size_t n = pool_status_slots(snapshot->child);

	for (; *slot < n; (*slot)++)
		if (pool_status_view(snapshot->child, *slot, view) &&
		    view->group == snapshot->workers &&
		    view->state != BOARD_EMPTY) {
			(*slot)++;
			return true;
		}
	return false;
}

bool snapshot_is_active(const struct board_view *view)
{
	return view->state != BOARD_STARTING && view->request_ns != 0;
}

bool snapshot_is_idle(const struct board_view *view)
{
	return view->state != BOARD_STARTING && view->state != BOARD_DRAINING &&
	       view->request_ns == 0;
}

/* ---- texts ----------------------------------------------------------------------------- */

/* Takes one character off the front; what is none, or may not be shown, becomes
 * U+FFFD. */
static struct strv clean_next(struct strv *text)
{
	struct strv rest = *text, one = STRV("\xef\xbf\xbd");
	uint32_t code;

	if (!utf8_next(&rest, &code))
		rest = strv_from(text->p + 1, text->n - 1);
	else if (utf8_printable(strv_from(text->p, text->n - rest.n)))
		one = strv_from(text->p, text->n - rest.n);
	*text = rest;
	return one;
}

void snapshot_clean(struct strv text, char *out, size_t size)
{
	size_t n = 0;

	while (text.n > 0) {
		struct strv one = clean_next(&text);

		if (n + one.n >= size)
			break;
		memcpy(out + n, one.p, one.n);
		n += one.n;
	}
	out[n] = '\0';
}

/* ---- the status ------------------------------------------------------------------------ */

static const char *state_word(const struct board_view *view)
{
	switch (view->state) {
	case BOARD_STARTING:
		return "Creating";
	case BOARD_DRAINING:
		return "Finishing";
	case BOARD_BUSY:
		break;
	case BOARD_EMPTY:
	case BOARD_IDLE:
	case BOARD_KEEP:
	case BOARD_STATE_COUNT:
		return "Idle";
	}
	if (view->request_ns == 0)
		return "Idle";
	return view->phase == PHASE_READ    ? "Reading headers"
	       : view->phase == PHASE_REPLY ? "Ending"
					    : "Running";
}

static void request_fill(
    const struct board_text *text, struct status_process *process)
{
	char bytes[2 * BOARD_URI_MAX + 2];
	struct strbuf uri;

	strbuf_init(&uri, bytes, sizeof(bytes));
	strbuf_puts(&uri, text->request.uri);
	if (text->request.query[0] != '\0')
		strbuf_putc(&uri, '?');
	strbuf_puts(&uri, text->request.query);
	snapshot_clean(strv_c(text->request.method), process->method,
	    sizeof(process->method));
	snapshot_clean(strbuf_view(&uri), process->uri, sizeof(process->uri));
	snapshot_clean(
	    strv_c(text->user), process->user, sizeof(process->user));
	snapshot_clean(
	    strv_c(text->note), process->claim, sizeof(process->claim));
	if (process->user[0] == '\0')
		memcpy(process->user, "-", 2);
	process->content_length = (int64_t)text->request.content_length;
}

static void process_fill(const struct snapshot *snapshot, size_t slot,
    const struct board_view *view, struct status_process *process)
{
	int64_t now_ns = mono_ns();
	bool at_work = view->request_ns != 0;
	struct board_text text;

	*process = (struct status_process){
	    .pid = view->pid,
	    .state = state_word(view),
	    .start_since = (now_ns - view->started_ns) / NS_PER_S,
	    .requests = (int64_t)view->requests,
	    .duration_us =
		(at_work ? now_ns - view->request_ns : view->last_ns) / 1000,
	    .script = "-",
	    .cpu = STATUS_NA,
	    .memory = STATUS_NA,
	    .phase = pool_status_phase(snapshot->child, view),
	    .phase_us = at_work ? (now_ns - view->phase_ns) / 1000 : 0,
	    .generation = view->generation,
	};
	process->start_time = wall_now().us / US_PER_S - process->start_since;
	pool_status_text(snapshot->child, slot, &text);
	request_fill(&text, process);
}

static const char *const managers[] = {"static", "dynamic", "ondemand"};

/* Of all workers that ever were, whoever has their places now. */
static void stats_sum(const struct snapshot *snapshot, struct stats *sum,
    uint64_t *requests_total)
{
	size_t n = pool_status_slots(snapshot->child);
	struct board_view view;

	memset(sum, 0, sizeof(*sum));
	*requests_total = 0;
	for (size_t i = 0; i < n; i++) {
		if (!pool_status_view(snapshot->child, i, &view) ||
		    view.group != snapshot->workers)
			continue;
		stats_add(sum, pool_status_area(snapshot->child, i));
		*requests_total += view.requests_total;
	}
}

static void workers_count(
    struct snapshot *snapshot, bool full, struct status *status)
{
	struct board_view view;

	for (size_t slot = 0; snapshot_next(snapshot, &slot, &view);) {
		if (snapshot_is_active(&view))
			status->active++;
		else if (snapshot_is_idle(&view))
			status->idle++;
		if (full)
			process_fill(snapshot, slot - 1, &view,
			    &snapshot->processes[status->nprocesses++]);
	}
	status->total = status->idle + status->active;
}

static void reloads_fill(struct snapshot *snapshot, struct status *status)
{
	char *words = snapshot->last_reload;
	struct pool_reload_status reloads;

	status->last_reload = words;
	memcpy(words, "-", 2);
	status->generation = status->reloads = status->reloads_failed =
	    STATUS_NA;
	if (!pool_reload_status(snapshot->child, &reloads) ||
	    reloads.generation == 0)
		return;
	status->generation = reloads.generation;
	status->reloads = (int64_t)reloads.ended;
	status->reloads_failed = (int64_t)reloads.failures;
	if (reloads.ended == 0)
		return;
	memcpy(words, "failed: ", 9);
	words += reloads.failed ? strlen(words) : 0;
	/* It may quote a file, or what a store has said. */
	snapshot_clean(strv_c(reloads.text), words, STATUS_REASON_MAX - 9);
}

void snapshot_status(
    struct snapshot *snapshot, bool full, struct status *status)
{

	struct pool_queue queue;
	struct snapshot_memory memory;
	struct stats stats;
	uint64_t accepted;

	/* Whoever reads the page shall find what he has just caused. */
	if (snapshot_samples(snapshot))
		snapshot_sample(snapshot);
	queue = pool_queue_read(&snapshot->probe);
	/* The peaks must not be below what this page itself shows. */
	if (queue.known)
		snapshot_peak(&snapshot->memory->queue_peak, queue.depth);
	stats_sum(snapshot, &stats, &accepted);
	*status = (struct status){
	    .pool = "www",
	    .manager = managers[snapshot->settings->www.pm],
	    .start_time = snapshot->start.time,
	    .start_since = (mono_ns() - snapshot->start.mono_ns) / NS_PER_S,
	    .accepted = (int64_t)accepted,
	    .queue = queue.known ? queue.depth : STATUS_NA,
	    .queue_limit = queue.known ? queue.limit : STATUS_NA,
	    .memory_peak = (int64_t)stats.rss_peak_bytes,
	    .processes = snapshot->processes,
	};
	workers_count(snapshot, full, status);
	snapshot_peak(&snapshot->memory->active_peak, (uint64_t)status->active);
	memory = snapshot_memory_sum(snapshot);
	status->queue_peak =
	    queue.known ? (int64_t)memory.queue_peak : STATUS_NA;
	status->active_peak = (int64_t)memory.active_peak;
	status->full = (int64_t)memory.full;
	status->slow = (int64_t)memory.slow;
	reloads_fill(snapshot, status);
	snapshot_orders(snapshot, status);
}

/* ---- metrics ----------------------------------------------------------------------------- */

static void groups_fill(struct snapshot *snapshot, struct metrics *metrics)
{
	size_t slots = pool_status_slots(snapshot->child);
	struct board_view view;

	metrics->ngroups = pool_status_groups(snapshot->child);
	for (size_t i = 0; i < metrics->ngroups; i++) {
		const struct pool_group *group =
		    pool_status_group(snapshot->child, i);

		metrics->groups[i].name = group->name;
		metrics->groups[i].max = group->max_children;
		pool_status_deaths(
		    snapshot->child, i, &metrics->groups[i].deaths);
	}
	for (size_t i = 0; i < slots; i++)
		if (pool_status_view(snapshot->child, i, &view))
			metrics->groups[view.group].in_state[view.state]++;
}

static void sales_fill(const struct snapshot *snapshot, struct metrics *metrics)
{
	struct sale_table_head head;

	metrics->table_age_ns = STATUS_NA;
	if (!sale_table_head_read(snapshot->table, &head))
		return;
	metrics->table_age_ns = mono_ns() - head.refreshed_ns;
	for (size_t i = 0; i < head.n && i < SALE_TABLE_MAX; i++)
		if (sale_table_row(
			snapshot->table, i, &metrics->sales[metrics->nsales]))
			metrics->nsales++;
}

void snapshot_metrics(struct snapshot *snapshot, const struct status *status,
    struct metrics *metrics)
{
	struct snapshot_memory memory = snapshot_memory_sum(snapshot);
	uint64_t accepted;

	memset(metrics, 0, sizeof(*metrics));
	metrics->version = PACKAGE_VERSION;
	metrics->status = status;
	metrics->full_ns = (int64_t)memory.full_ns;
	metrics->queued_ns = (int64_t)memory.queued_ns;
	stats_sum(snapshot, &metrics->stats, &accepted);
	snapshot_services_sum(snapshot, &metrics->keeper, &metrics->settler);
	metrics->durability = accepted_durability(snapshot->accepted);
	groups_fill(snapshot, metrics);
	sales_fill(snapshot, metrics);
}

/* ---- facts -------------------------------------------------------------------------------- */

/* R or S, but not T (stopped) or Z (dead): the letter behind the name, which
 * is in parentheses and may hold some itself (proc(5)). */
static bool process_runs(pid_t pid)
{
	char path[40], text[512];
	const char *state;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		/* Hidden (hidepid): then being our parent must do. */
		return true;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	state = strrchr(text, ')');
	return state == NULL ||
	       strchr("TtZXx", state[1] == ' ' ? state[2] : ' ') == NULL;
}

/* None is there because none is needed, as far as is known: since one was last
 * seen to accept, none has failed to start. */
static bool is_on_demand(const struct snapshot *snapshot)
{
	const struct pool_group *workers = snapshot_group(snapshot);

	return workers != NULL && workers->size.manager == POOL_ONDEMAND &&
	       snapshot_stillborn(snapshot) == snapshot->stillborn;
}

void snapshot_facts(struct snapshot *snapshot, struct ready_facts *facts)
{
	const struct settings *settings = snapshot->settings;
	pid_t master = pool_status_master(snapshot->child);
	struct sale_table_head head;
	struct board_view view;

	*facts = (struct ready_facts){
	    .master_runs = getppid() == master && process_runs(master),
	    .table_age_ms = -1,
	    .table_age_max_ms = TABLE_MISSES * settings->keeper.refresh_ms,
	    .queue = pool_queue_read(&snapshot->probe),
	    .queue_max = (uint32_t)settings->www.ready_queue_max,
	};
	if (facts->table_age_max_ms < TABLE_AGE_MIN_MS)
		facts->table_age_max_ms = TABLE_AGE_MIN_MS;
	for (size_t slot = 0; snapshot_next(snapshot, &slot, &view);)
		facts->accepting += view.state != BOARD_STARTING &&
				    view.state != BOARD_DRAINING;
	facts->on_demand = is_on_demand(snapshot);
	if (sale_table_head_read(snapshot->table, &head))
		facts->table_age_ms =
		    (mono_ns() - head.refreshed_ns) / NS_PER_MS;
}
