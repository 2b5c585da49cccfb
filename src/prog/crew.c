/* SPDX-License-Identifier: Apache-2.0 */
/* A generation of children, from settings to struct pool_conf. */
#include "config.h"

#include "prog/crew.h"
#include "base/log.h"
#include "prog/daemon.h"
#include "prog/front.h"
#include "prog/keeper.h"
#include "prog/monitor.h"
#include "prog/settler.h"
#include "prog/stats.h"
#include "prog/wire.h"
#include "prog/worker.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Status pages are short, and whoever asks for one is near. */
#define MONITOR_IO_TIMEOUT_MS 1000
#define MONITOR_KEEP_MAX      16

/* What shared memory is made for at least: a slot costs less than a kilobyte. */
#define ROOM_MIN          64
#define ROOM_SETTLERS_MIN 8

struct crew {
	struct settings settings;
	const struct crew_house *house;
	struct token_keys keys;
	struct front front;
	struct worker *worker;
	struct keeper *keeper;
	struct settler_child *settler;
	struct monitor *monitor;
	struct pool_app worker_does, keeper_does, settler_does, monitor_does;
	struct pool_group groups[4];
	size_t ngroups;
	struct pool_conf conf;
};

unsigned crew_room(const struct settings *settings)
{
	unsigned room = 2 * (unsigned)settings->www.max_children;

	return room > ROOM_MIN ? room : ROOM_MIN;
}

unsigned crew_settlers_room(const struct settings *settings)
{
	unsigned room = 2 * (unsigned)settings->settler.processes;

	return room > ROOM_SETTLERS_MIN ? room : ROOM_SETTLERS_MIN;
}

static const char *text_or_null(const char *text)
{
	return text[0] != '\0' ? text : NULL;
}

static void ready_tell(void *ctx)
{
	const struct crew *crew = ctx;

	if (crew->house->services)
		log_notice("ready: services without workers");
	else if (crew->settings.www.pm != POOL_STATIC)
		log_notice("ready: up to %lld workers on %s, pm = %s",
		    (long long)crew->settings.www.max_children,
		    crew->house->address,
		    crew->settings.www.pm == POOL_DYNAMIC ? "dynamic"
							  : "ondemand");
	else
		log_notice("ready: %lld workers on %s",
		    (long long)crew->settings.www.max_children,
		    crew->house->address);
	daemon_ready();
}

static struct pool_size workers_size(const struct settings *settings)
{
	return (struct pool_size){
	    .manager = (enum pool_manager)settings->www.pm,
	    .start = (unsigned)settings->www.start_servers,
	    .min_spare = (unsigned)settings->www.min_spare,
	    .max_spare = (unsigned)settings->www.max_spare,
	    .idle_ms = (unsigned)settings->www.idle_timeout_ms,
	    .spawn_max = (unsigned)settings->www.spawn_rate,
	};
}

static void workers_add(struct crew *crew)
{
	const struct settings *settings = &crew->settings;
	const struct crew_house *house = crew->house;

	crew->worker_does = worker_app(crew->worker);
	crew->groups[crew->ngroups++] =
	    (struct pool_group){.name = CREW_WORKERS,
		.app = &crew->worker_does,
		.listen_fd = house->listen_fd,
		.max_children = (unsigned)settings->www.max_children,
		.size = workers_size(settings),
		.room = house->room,
		.max_requests = (uint64_t)settings->www.max_requests,
		.max_rss_bytes = (uint64_t)settings->www.max_rss_bytes,
		.max_lifetime_ms = (uint64_t)settings->www.max_lifetime_ms,
		.terminate_ms = (unsigned)settings->www.terminate_timeout_ms,
		.io_timeout_ms = (unsigned)settings->www.io_timeout_ms,
		.keep_max = (unsigned)settings->www.keep_connections,
		.peers = &crew->front.peers};
}

/* The same groups in the same order in every generation of a house. */
static void groups_fill(struct crew *crew)
{
	const struct crew_house *house = crew->house;

	crew->keeper_does = keeper_app(crew->keeper);
	crew->settler_does = settler_child_app(crew->settler);
	crew->monitor_does = monitor_app(crew->monitor);
	if (!house->services)
		workers_add(crew);
	crew->groups[crew->ngroups++] = (struct pool_group){.name = CREW_KEEPER,
	    .app = &crew->keeper_does,
	    .listen_fd = -1,
	    .max_children = 1};
	/* Also when there are none: a reload may want some. */
	crew->groups[crew->ngroups++] =
	    (struct pool_group){.name = CREW_SETTLER,
		.app = &crew->settler_does,
		.listen_fd = -1,
		.max_children = (unsigned)crew->settings.settler.processes,
		.room = house->settlers_room};
	if (house->status_fd >= 0)
		crew->groups[crew->ngroups++] =
		    (struct pool_group){.name = CREW_MONITOR,
			.app = &crew->monitor_does,
			.listen_fd = house->status_fd,
			.max_children = 1,
			.io_timeout_ms = MONITOR_IO_TIMEOUT_MS,
			.keep_max = MONITOR_KEEP_MAX,
			.sees_sockets = true};
}

static void conf_fill(struct crew *crew)
{
	const struct settings *settings = &crew->settings;

	groups_fill(crew);
	crew->conf = (struct pool_conf){.groups = crew->groups,
	    .ngroups = crew->ngroups,
	    .area_bytes = monitor_area_bytes(),
	    .area_layout = STATS_LAYOUT,
	    .pid_file = text_or_null(settings->global.pid),
	    .control_timeout_ms =
		(unsigned)settings->global.process_control_timeout_ms,
	    .crash_threshold = (unsigned)settings->global.crash_threshold,
	    .crash_interval_ms = (unsigned)settings->global.crash_interval_ms,
	    .user = crew->front.user,
	    .group = crew->front.group,
	    .rights = &crew->front.rights,
	    .reloader = crew->house->reloader,
	    .program = crew->house->program,
	    .ready = ready_tell,
	    .ready_ctx = crew};
}

static bool crew_make(struct crew *crew, struct err *err)
{
	const struct crew_house *house = crew->house;

	if (!front_judge(&crew->settings, &crew->front, err) ||
	    !wire_token_keys(&crew->settings, &crew->keys, err))
		return false;
	crew->worker =
	    worker_new(&crew->settings, house->table, &crew->keys, err);
	if (crew->worker == NULL)
		return false;
	worker_note_accepted(crew->worker, house->accepted);
	crew->keeper =
	    keeper_new(&crew->settings, house->table, house->accepted);
	crew->settler = settler_child_new(&crew->settings, house->table);
	crew->monitor = monitor_new(
	    &crew->settings, house->table, house->accepted, &house->start);
	if (crew->keeper == NULL || crew->settler == NULL ||
	    crew->monitor == NULL) {
		err_set_errno(err, "memory for a generation of children");
		return false;
	}
	conf_fill(crew);
	return true;
}

struct crew *crew_new(const struct settings *settings,
    const struct crew_house *house, struct err *err)
{
	struct crew *crew = calloc(1, sizeof(*crew));

	if (crew == NULL) {
		err_set_errno(err, "memory for a generation of children");
		return NULL;
	}
	crew->settings = *settings;
	crew->house = house;
	if (!crew_make(crew, err))
		crew_free(&crew);
	return crew;
}

void crew_free(struct crew **crew)
{
	if (*crew == NULL)
		return;
	worker_free(&(*crew)->worker);
	keeper_free(&(*crew)->keeper);
	settler_child_free(&(*crew)->settler);
	monitor_free(&(*crew)->monitor);
	/* Passwords and keys of a generation end with it. */
	explicit_bzero(*crew, sizeof(**crew));
	free(*crew);
	*crew = NULL;
}

const struct pool_conf *crew_conf(const struct crew *crew)
{
	return &crew->conf;
}

const struct settings *crew_settings(const struct crew *crew)
{
	return &crew->settings;
}

struct crew *crew_of(const struct pool_conf *conf)
{
	return (struct crew *)((uintptr_t)conf - offsetof(struct crew, conf));
}
