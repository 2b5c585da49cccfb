/* SPDX-License-Identifier: Apache-2.0 */
/* A generation of children, from settings to struct pool_conf. */
#include "config.h"

#include "prog/crew.h"
#include "base/log.h"
#include "prog/keeper.h"
#include "prog/wire.h"
#include "prog/worker.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* What shared memory is made for at least: a slot costs less than a kilobyte. */
#define ROOM_MIN 64

struct crew {
	struct settings settings;
	struct token_keys keys;
	struct worker *worker;
	struct keeper *keeper;
	struct pool_app worker_does, keeper_does;
	struct pool_group groups[2];
	struct pool_conf conf;
};

unsigned crew_room(const struct settings *settings)
{
	unsigned room = 2 * (unsigned)settings->www.max_children;

	return room > ROOM_MIN ? room : ROOM_MIN;
}

static const char *text_or_null(const char *text)
{
	return text[0] != '\0' ? text : NULL;
}

static void ready_tell(void *ctx)
{
	const struct crew *crew = ctx;

	log_notice("ready: %lld workers on %s",
	    (long long)crew->settings.www.max_children,
	    crew->settings.www.listen);
}

static void conf_fill(struct crew *crew, const struct crew_house *house)
{
	const struct settings *settings = &crew->settings;

	crew->worker_does = worker_app(crew->worker);
	crew->keeper_does = keeper_app(crew->keeper);
	crew->groups[0] = (struct pool_group){.name = "worker",
	    .app = &crew->worker_does,
	    .listen_fd = house->listen_fd,
	    .max_children = (unsigned)settings->www.max_children,
	    .room = house->room,
	    .max_requests = (uint64_t)settings->www.max_requests,
	    .io_timeout_ms = (unsigned)settings->www.io_timeout_ms,
	    .keep_max = (unsigned)settings->www.keep_connections};
	crew->groups[1] = (struct pool_group){.name = "keeper",
	    .app = &crew->keeper_does,
	    .listen_fd = -1,
	    .max_children = 1};
	crew->conf = (struct pool_conf){.groups = crew->groups,
	    .ngroups = ARRAY_LEN(crew->groups),
	    .pid_file = text_or_null(settings->global.pid),
	    .control_timeout_ms =
		(unsigned)settings->global.process_control_timeout_ms,
	    .user = text_or_null(settings->www.user),
	    .group = text_or_null(settings->www.group),
	    .reloader = house->reloader,
	    .ready = ready_tell,
	    .ready_ctx = crew};
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
	if (!wire_token_keys(&crew->settings, &crew->keys, err)) {
		crew_free(&crew);
		return NULL;
	}
	crew->worker = worker_new(&crew->settings, house->table, &crew->keys);
	crew->keeper = keeper_new(&crew->settings, house->table);
	if (crew->worker == NULL || crew->keeper == NULL) {
		err_set_errno(err, "memory for a generation of children");
		crew_free(&crew);
		return NULL;
	}
	conf_fill(crew, house);
	return crew;
}

void crew_free(struct crew **crew)
{
	if (*crew == NULL)
		return;
	worker_free(&(*crew)->worker);
	keeper_free(&(*crew)->keeper);
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
