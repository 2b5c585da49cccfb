/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks at the groups whose size follows their load, and does what manager.c
 * decides of it.  Only the generation that serves is managed: one that comes
 * stays as it was begun until it is complete, one that goes gets nobody any
 * more.  The same with an heir, and with the master that it follows.  Master.
 */
#include "config.h"

#include "pool/manager.h"
#include "pool/master.h"
#include "pool/queue.h"
#include "base/bug.h"
#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

static bool is_managed(const struct master_group *group)
{
	return group->conf->size.manager != POOL_STATIC;
}

/* ---- what there is to see ------------------------------------------------ */

enum seen {
	SEEN_STARTING,
	SEEN_IDLE,
	SEEN_HOLDING, /* idle, with connections */
	SEEN_BUSY,
	SEEN_LEAVING /* or about to */
};

/*
 * That it lives, is ready and was told to leave the master knows by itself; the
 * rest is what the child says.  One that runs wild can say what it likes: the
 * sum stays right, and nonsense is not idle.
 */
static enum seen child_see(
    const struct master_child *child, const struct board_view *view)
{
	if (child->told != BOARD_CAUSE_NONE || child->leaving)
		return SEEN_LEAVING;
	if (!child->ready)
		return SEEN_STARTING;
	switch (view->state) {
	case BOARD_IDLE:
	case BOARD_STARTING: /* ready, but has not come to its loop yet */
		return SEEN_IDLE;
	case BOARD_KEEP:
		return SEEN_HOLDING;
	case BOARD_EMPTY:
	case BOARD_BUSY:
	case BOARD_DRAINING:
	case BOARD_STATE_COUNT:
		break;
	}
	return SEEN_BUSY;
}

static void children_see(struct master *master,
    const struct master_group *group, struct manager_look *look)
{
	struct board_view view;

	for (size_t i = group->first; i < group->first + group->room; i++) {
		struct master_child *child = &master->children[i];
		enum seen seen;

		if (child->pid == 0)
			continue;
		pool_board_view(master->heritage.board, i, &view);
		seen = child_see(child, &view);
		look->starting += seen == SEEN_STARTING;
		look->busy += seen == SEEN_BUSY;
		look->idle += seen == SEEN_IDLE || seen == SEEN_HOLDING;
		look->holding += seen == SEEN_HOLDING;
		if (view.requests == child->requests)
			continue;
		look->moved = true;
		child->requests = view.requests;
		child->used_ns = look->now_ns;
	}
}

/*
 * Beside a child that is worn out its replacement starts: one of the two is
 * there only for a moment, and must not be taken for one too many.
 */
static void replacements_discount(struct master *master,
    const struct master_group *group, struct manager_look *look)
{
	const struct generation *serving = master->serving;
	const struct recycle_count worn = pool_retire_count(
	    master, serving, (size_t)(group - serving->groups));
	unsigned there = look->idle + look->busy + look->starting;
	unsigned extra = there > group->want ? there - group->want : 0;

	if (extra > worn.worn)
		extra = worn.worn;
	if (extra > look->starting) {
		extra -= look->starting;
		look->starting = 0;
		look->idle -= extra < look->idle ? extra : look->idle;
	} else {
		look->starting -= extra;
	}
}

static bool is_readable(int fd)
{
	struct pollfd one = {.fd = fd, .events = POLLIN};

	return fd >= 0 && poll(&one, 1, 0) > 0;
}

static void queue_see(struct master *master, size_t index,
    const struct pool_group *conf, struct manager_look *look)
{
	struct pool_queue_probe probe;
	struct pool_queue queue;

	/* Opened for this moment: no child shall inherit it. */
	pool_queue_open(&probe, conf->listen_fd);
	queue = pool_queue_read(&probe);
	pool_queue_close(&probe);
	look->queue_known = queue.known;
	look->queue = queue.known ? queue.depth : is_readable(conf->listen_fd);
	/* Given away by one that leaves, or has more than it can do. */
	if (is_readable(master->heritage.handover[index].take_fd))
		look->queue++;
}

static struct manager_look group_see(
    struct master *master, const struct generation *generation, size_t index)
{
	const struct master_group *group = &generation->groups[index];
	struct manager_look look = {
	    .max = group->conf->max_children, .now_ns = mono_ns()};

	children_see(master, group, &look);
	replacements_discount(master, group, &look);
	queue_see(master, index, group->conf, &look);
	return look;
}

/* ---- letting go ---------------------------------------------------------- */

/* Who holds nothing rather than who does, then who was not used the longest,
 * then the last place. */
static bool is_rather(const struct master_child *a, enum seen as,
    const struct master_child *b, enum seen bs)
{
	if (as != bs)
		return as == SEEN_IDLE;
	return a->used_ns <= b->used_ns;
}

static struct master_child *idle_find(
    struct master *master, const struct master_group *group)
{
	struct master_child *found = NULL;
	enum seen found_seen = SEEN_BUSY;
	struct board_view view;

	for (size_t i = group->first; i < group->first + group->room; i++) {
		struct master_child *child = &master->children[i];
		enum seen seen;

		if (child->pid == 0)
			continue;
		pool_board_view(master->heritage.board, i, &view);
		seen = child_see(child, &view);
		if (seen != SEEN_IDLE && seen != SEEN_HOLDING)
			continue;
		if (found != NULL && !is_rather(child, seen, found, found_seen))
			continue;
		found = child;
		found_seen = seen;
	}
	return found;
}

static void let_go(
    struct master *master, struct master_group *group, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct master_child *child = idle_find(master, group);

		/* They have got work meanwhile. */
		if (child == NULL)
			return;
		child->retired = true;
		group->retired++;
		pool_retire_tell(child, BOARD_CAUSE_SHRINK);
		log_debug("%s[%u] %ld is not needed any more",
		    group->conf->name, child->birth.index, (long)child->pid);
	}
}

/* ---- between two looks --------------------------------------------------- */

static bool one_watch(struct master *master, int fd, bool watch)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	return fd < 0 ||
	       epoll_ctl(master->heritage.epoll_fd,
		   watch ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, fd, &event) == 0;
}

/*
 * While nobody is idle a connection that comes must not wait for our clock.
 * Watched is without EPOLLEXCLUSIVE, so that this takes no child's wake-up.
 */
static void watch_adjust(struct master *master, size_t index, bool watch)
{
	const struct pool_group *conf = &master->conf->groups[index];
	int take_fd = master->heritage.handover[index].take_fd;

	if (master->watched[index] == watch)
		return;
	if (one_watch(master, conf->listen_fd, watch) &&
	    one_watch(master, take_fd, watch)) {
		master->watched[index] = watch;
		return;
	}
	/* The clock alone is slower, and right. */
	BUG_ON(!watch);
	log_warning("%s: cannot watch for connections: %s", conf->name,
	    strerror(errno));
	(void)one_watch(master, conf->listen_fd, false);
}

bool pool_manage_event(struct master *master, int fd)
{
	for (size_t i = 0; i < master->conf->ngroups; i++) {
		if (!master->watched[i] ||
		    (fd != master->conf->groups[i].listen_fd &&
			fd != master->heritage.handover[i].take_fd))
			continue;
		/* Not again before the clock says so: what comes meanwhile may
		 * be more than max_children, and would wake us for ever. */
		watch_adjust(master, i, false);
		master->serving->groups[i].look_ns = 0;
		master->serving->groups[i].woken = true;
		return true;
	}
	return false;
}

static void full_tell(
    const struct master_group *group, const struct manager_look *look)
{
	char waiting[48] = "";

	if (look->queue_known)
		snprintf(waiting, sizeof(waiting), ", and %u connections wait",
		    look->queue);
	log_warning("%s: pm.max_children = %u is reached: %u are at work%s; if "
		    "this lasts, raise it",
	    group->conf->name, look->max, look->busy, waiting);
}

static void look(
    struct master *master, struct master_group *group, size_t index)
{
	struct manager_look seen = group_see(master, master->serving, index);
	unsigned there = seen.idle + seen.busy + seen.starting;
	struct manager_plan plan =
	    pool_manager_plan(&group->manager, &group->conf->size, &seen);
	bool lonely = seen.idle + seen.starting == 0 && plan.want <= there &&
		      there < seen.max;

	/* Beyond those that only take the place of a dead one. */
	if (plan.want > there && plan.want > group->want)
		pool_board_count_grown(master->heritage.board, index,
		    plan.want - (there > group->want ? there : group->want));
	if (plan.full)
		full_tell(group, &seen);
	group->want = plan.want;
	let_go(master, group, plan.let_go);
	watch_adjust(master, index, lonely && !group->woken);
	group->woken = false;
	/* With nobody there and nothing to come, only a connection matters. */
	group->look_ns = master->watched[index] && group->alive == 0
			     ? INT64_MAX
			     : seen.now_ns + MANAGER_LOOK_MS * NS_PER_MS;
}

int64_t pool_manage_turn(struct master *master)
{
	int64_t first_ns = INT64_MAX;

	if (!master->complete || master->heir || master->serving->leaves)
		return first_ns;
	for (size_t i = 0; i < master->conf->ngroups; i++) {
		struct master_group *group = &master->serving->groups[i];

		if (!is_managed(group)) {
			watch_adjust(master, i, false);
			continue;
		}
		if (mono_ns() >= group->look_ns)
			look(master, group, i);
		if (group->look_ns < first_ns)
			first_ns = group->look_ns;
	}
	return first_ns;
}

/* ---- a generation -------------------------------------------------------- */

/*
 * What the group has to carry at this moment, whoever does: at a reload our
 * other generation, for an heir the children of another master, whom it knows
 * from the board alone.
 */
static unsigned load_now(struct master *master, size_t index)
{
	const struct pool_group *conf = &master->conf->groups[index];
	struct manager_look look = {0};
	struct board_view view;

	queue_see(master, index, conf, &look);
	for (size_t k = 0; k < ARRAY_LEN(master->generations); k++) {
		const struct master_group *group =
		    &master->generations[k].groups[index];

		for (size_t i = 0; i < group->room; i++) {
			pool_board_view(
			    master->heritage.board, group->first + i, &view);
			look.busy += view.state == BOARD_BUSY;
		}
	}
	return look.busy + look.queue;
}

/* ... or lately. */
static unsigned load_of(struct master *master, size_t index)
{
	const struct master_group *group = &master->serving->groups[index];
	unsigned now = load_now(master, index), peak = 0;

	if (is_managed(group))
		peak = pool_manager_peak(&group->manager);
	return now > peak ? now : peak;
}

void pool_manage_found(struct master *master, struct generation *generation)
{
	bool first = generation == master->serving;
	int64_t now_ns = mono_ns();

	for (size_t i = 0; i < generation->conf->ngroups; i++) {
		struct master_group *group = &generation->groups[i];
		const struct pool_group *conf = group->conf;
		unsigned load = 0;

		if (is_managed(group) && first)
			load = load_now(master, i);
		else if (is_managed(group))
			load = load_of(master, i);
		group->want =
		    pool_manager_first(&conf->size, conf->max_children, load);
		pool_manager_init(&group->manager, &conf->size,
		    load < conf->max_children ? load : conf->max_children,
		    now_ns);
		group->retired = 0;
		group->look_ns = 0;
		group->woken = false;
	}
}
