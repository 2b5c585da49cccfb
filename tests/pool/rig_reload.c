/* SPDX-License-Identifier: Apache-2.0 */
/* The rig's reloads: what the master gets, and what the stage says of it. */
#include "config.h"

#include "unit.h"

#include "pool/rig.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct rig_next {
	struct pool_conf conf;
	struct pool_group groups[2];
};

static const struct pool_conf *reload_make(void *ctx, struct err *err)
{
	struct rig *rig = ctx;
	struct rig_stage *stage = rig->stage;
	struct rig_next *next = malloc(sizeof(*next));

	RIG_NOTE(stage->makes);
	ck_assert_ptr_nonnull(next);
	if (RIG_GET(stage->how_to_make) == RIG_MAKE_FAILS) {
		free(next);
		err_set(err, 0, "line 3: no such tea");
		return NULL;
	}
	next->conf = rig->conf;
	memcpy(next->groups, rig->groups, sizeof(next->groups));
	next->conf.groups = next->groups;
	if (RIG_GET(stage->next_children) != 0)
		next->groups[0].max_children = RIG_GET(stage->next_children);
	if (RIG_GET(stage->next_sized))
		next->groups[0].size = stage->next_size;
	if (RIG_GET(stage->how_to_make) == RIG_MAKE_TOO_MANY)
		next->groups[0].max_children = 1000;
	return &next->conf;
}

static bool reload_judge(
    void *ctx, const struct pool_conf *conf, struct err *err)
{
	struct rig *rig = ctx;

	RIG_NOTE(rig->stage->judges);
	switch (RIG_GET(rig->stage->how_to_make)) {
	case RIG_MAKE_JUDGED_BAD:
		err_set(err, 0, "the kettle is cold");
		return false;
	case RIG_MAKE_JUDGE_HANGS:
		for (;;)
			rig_pause_ms(1000);
	case RIG_MAKE_JUDGE_CRASHES:
		_exit(139);
	default:
		return conf->ngroups == rig->conf.ngroups;
	}
}

static void reload_enter(void *ctx, const struct pool_conf *conf)
{
	struct rig *rig = ctx;

	(void)conf;
	RIG_NOTE(rig->stage->enters);
}

static void reload_drop(void *ctx, const struct pool_conf *conf)
{
	struct rig *rig = ctx;

	RIG_NOTE(rig->stage->drops);
	free((struct rig_next *)(uintptr_t)conf);
}

static void reload_told(void *ctx, const struct pool_reload_status *status)
{
	struct rig *rig = ctx;

	RIG_SET(rig->stage->generation, status->generation);
	RIG_SET(rig->stage->failed, status->failed);
	RIG_SET(rig->stage->ended, status->ended);
}

void rig_add_reloader(struct rig *rig)
{
	rig->reloader = (struct pool_reloader){.make = reload_make,
	    .judge = reload_judge,
	    .enter = reload_enter,
	    .drop = reload_drop,
	    .told = reload_told,
	    .ctx = rig,
	    .bound_ms = RIG_PATIENCE_MS};
	rig->conf.reloader = &rig->reloader;
}

bool rig_reload(struct rig *rig)
{
	uint64_t before = RIG_GET(rig->stage->ended);

	rig_signal(rig, SIGUSR2);
	RIG_AWAIT(RIG_GET(rig->stage->ended) > before);
	return RIG_GET(rig->stage->failed) != 0;
}
