/* SPDX-License-Identifier: Apache-2.0 */
/* The board, as a child may see it. */
#include "config.h"

#include "pool/status.h"
#include "pool/child.h"

pid_t pool_status_master(const struct pool_child *child)
{
	return child->from->master;
}

size_t pool_status_groups(const struct pool_child *child)
{
	return child->from->conf->ngroups;
}

size_t pool_status_own_group(const struct pool_child *child)
{
	return child->birth->group;
}

const struct pool_group *pool_status_group(
    const struct pool_child *child, size_t group)
{
	return &child->from->conf->groups[group];
}

void pool_status_deaths(
    const struct pool_child *child, size_t group, struct board_deaths *deaths)
{
	pool_board_deaths(child->from->board, group, deaths);
}

size_t pool_status_slots(const struct pool_child *child)
{
	return pool_board_slots(child->from->board);
}

bool pool_status_view(
    const struct pool_child *child, size_t slot, struct board_view *view)
{
	pool_board_view(child->from->board, slot, view);
	return view->generation != 0 &&
	       view->group < child->from->conf->ngroups;
}

void pool_status_text(
    const struct pool_child *child, size_t slot, struct board_text *text)
{
	pool_board_text(child->from->board, slot, text);
}

const void *pool_status_area(const struct pool_child *child, size_t slot)
{
	return pool_board_area(child->from->board, slot);
}

const char *pool_status_phase(
    const struct pool_child *child, const struct board_view *view)
{
	const struct pool_app *app = child->from->conf->groups[view->group].app;

	if (view->phase == 0 || view->phase > app->nphases)
		return "";
	return app->phases[view->phase - 1];
}
