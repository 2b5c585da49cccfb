/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a master makes before its first fork, or takes over from the program
 * before it: places for children, the board, pipes and channels.  Master.
 */
#include "config.h"

#include "pool/master.h"
#include "pool/legacy.h"
#include "pool/signals.h"
#include "pool/turns.h"
#include "base/bug.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

void pool_prepare_none(struct master *master)
{
	master->link_fd = -1;
	master->heritage = (struct heritage){
	    .conf = master->conf,
	    .ident = &master->ident,
	    .master = getpid(),
	    .lifeline_read = -1,
	    .lifeline_write = -1,
	    .report_read = -1,
	    .report_write = -1,
	    .signal_fd = -1,
	    .epoll_fd = -1,
	    .turns_fd = -1,
	};
	for (size_t i = 0; i < POOL_GROUPS_MAX; i++)
		master->heritage.handover[i] = HANDOVER_NONE;
}

/* The former program's, with all that was counted, when ours is like it. */
static void board_make(struct master *master)
{
	const struct pool_conf *conf = master->conf;
	const struct board_size size = {
	    .ngroups = conf->ngroups,
	    .nslots = master->nchildren,
	    .area_bytes = conf->area_bytes,
	    .area_layout = conf->area_layout,
	};
	struct legacy *legacy = pool_legacy();

	if (legacy->board_fd >= 0) {
		master->heritage.board =
		    pool_board_attach(legacy->board_fd, &size);
		legacy->board_fd = -1;
		if (master->heritage.board == NULL)
			log_notice("upgrade: the former program counted "
				   "differently: counters begin at 0");
	}
	if (master->heritage.board == NULL)
		master->heritage.board = pool_board_new(&size);
}

static bool room_make(struct master *master, struct err *err)
{
	const struct pool_conf *conf = master->conf;

	for (size_t i = 0; i < conf->ngroups; i++) {
		const struct pool_group *group = &conf->groups[i];
		unsigned room =
		    group->room != 0 ? group->room : group->max_children;

		BUG_ON(room < group->max_children);
		if (group->listen_fd >= 0)
			room += pool_recycle_bound(room);
		for (size_t k = 0; k < ARRAY_LEN(master->generations); k++) {
			master->generations[k].groups[i].first =
			    master->nchildren;
			master->generations[k].groups[i].room = room;
			master->nchildren += room;
		}
	}
	master->children = calloc(master->nchildren > 0 ? master->nchildren : 1,
	    sizeof(*master->children));
	if (master->children == NULL) {
		err_set(err, ENOMEM, "no memory for %zu children",
		    master->nchildren);
		return false;
	}
	board_make(master);
	if (master->heritage.board == NULL) {
		err_set_errno(
		    err, "shared memory for %zu children", master->nchildren);
		return false;
	}
	return true;
}

static bool pipe_make(int *reading, int *writing, struct err *err)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0) {
		err_set_errno(err, "pipe");
		return false;
	}
	*reading = fds[0];
	*writing = fds[1];
	return true;
}

static bool watch(const struct master *master, int fd, struct err *err)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	if (epoll_ctl(master->heritage.epoll_fd, EPOLL_CTL_ADD, fd, &event) ==
	    0)
		return true;
	err_set_errno(err, "epoll_ctl");
	return false;
}

/* The former program's children give into the same that ours take from. */
static bool channel_make(
    struct handover *channel, const char *group, struct err *err)
{
	struct legacy_group *left = pool_legacy_group(pool_legacy(), group);

	if (left == NULL)
		return pool_handover_open(channel, err);
	*channel = left->channel;
	left->channel = HANDOVER_NONE;
	return true;
}

static bool channels_make(struct master *master, struct err *err)
{
	for (size_t i = 0; i < master->conf->ngroups; i++)
		if (master->conf->groups[i].listen_fd >= 0 &&
		    !channel_make(&master->heritage.handover[i],
			master->conf->groups[i].name, err))
			return false;
	pool_legacy_close_rest(pool_legacy());
	return true;
}

static bool descriptors_make(struct master *master, struct err *err)
{
	struct heritage *own = &master->heritage;

	if (!channels_make(master, err))
		return false;
	own->turns_fd = pool_turns_open(err);
	if (own->turns_fd < 0)
		return false;

	if (!pipe_make(&own->lifeline_read, &own->lifeline_write, err) ||
	    !pipe_make(&own->report_read, &own->report_write, err))
		return false;
	own->signal_fd = pool_signals_open_master();
	own->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (own->signal_fd < 0 || own->epoll_fd < 0) {
		err_set_errno(err, "signalfd, epoll");
		return false;
	}
	return watch(master, own->signal_fd, err) &&
	       watch(master, own->report_read, err);
}

bool pool_prepare(struct master *master, struct err *err)
{
	return room_make(master, err) && descriptors_make(master, err);
}

void pool_prepare_undo(struct master *master)
{
	const struct heritage *own = &master->heritage;
	const int fds[] = {own->epoll_fd, own->signal_fd, own->report_write,
	    own->report_read, own->lifeline_write, own->lifeline_read,
	    own->turns_fd};

	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	for (size_t i = 0; i < POOL_GROUPS_MAX; i++)
		pool_handover_close(&own->handover[i]);
	pool_board_free(&master->heritage.board);
	free(master->children);
}
