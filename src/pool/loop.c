/* SPDX-License-Identifier: Apache-2.0 */
/* The child's loop: one epoll set, one turn after the other. */
#include "config.h"

#include "pool/loop.h"
#include "pool/report.h"
#include "pool/signals.h"
#include "base/bug.h"
#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* Tags of what is not a connection; those are above 32 bits. */
enum tag {
	TAG_SIGNALS,
	TAG_LIFELINE,
	TAG_LISTEN,
	TAG_HANDOVER,
	TAG_COUNT
};

bool pool_loop_watch(
    const struct loop *loop, int fd, uint32_t events, uint64_t tag)
{
	struct epoll_event event = {.events = events, .data.u64 = tag};

	return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

void pool_loop_unwatch(const struct loop *loop, int fd)
{
	BUG_ON(epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL) != 0);
}

/* A child cannot hold more connections than descriptors. */
static uint32_t conns_max(const struct pool_group *group)
{
	struct rlimit files;
	uint32_t max = group->keep_max;

	if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur > 1u << 20)
		files.rlim_cur = 1u << 20;
	if (max > files.rlim_cur)
		max = (uint32_t)files.rlim_cur;
	return max + LOOP_WAITING;
}

static bool is_tcp(int fd)
{
	int domain = AF_UNSPEC;
	socklen_t len = sizeof(domain);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 &&
	       (domain == AF_INET || domain == AF_INET6);
}

static bool watch_control(struct loop *loop)
{
	const struct pool_child *child = loop->child;

	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return loop->epoll_fd >= 0 &&
	       pool_loop_watch(loop, child->signal_fd, EPOLLIN, TAG_SIGNALS) &&
	       pool_loop_watch(loop, child->lifeline_fd, EPOLLIN, TAG_LIFELINE);
}

bool pool_loop_open(
    struct loop *loop, struct pool_child *child, struct err *err)
{
	const struct pool_group *group = child->group;

	*loop = (struct loop){
	    .child = child,
	    .tcp = group->listen_fd >= 0 && is_tcp(group->listen_fd),
	    /* The first tick comes right after open(). */
	    .tick_ns = group->app->tick != NULL ? 0 : INT64_MAX,
	};
	if (!watch_control(loop)) {
		err_set_errno(err, "epoll");
		return false;
	}
	if (!pool_conns_init(&loop->conns, conns_max(group))) {
		err_set(err, ENOMEM, "no memory for %u connections",
		    conns_max(group));
		return false;
	}
	return true;
}

void pool_loop_close(struct loop *loop)
{
	pool_conns_fini(&loop->conns);
	close(loop->epoll_fd);
}

/*
 * The kernel wakes the child that has watched the longest of those that wait.
 * Who has just kept a connection goes to the end of that row: otherwise the
 * first child collects all connections that a front end opens one by one, and
 * is alone with them when they all speak at once (16 children, 64 connections,
 * requests of 2 ms: 440/s instead of 7400).
 */
static void listen_step_back(struct loop *loop)
{
	if (loop->step_back && loop->listening) {
		pool_loop_unwatch(loop, loop->child->group->listen_fd);
		loop->listening = false;
	}
	loop->step_back = false;
}

/* Watches a source of connections, or no longer. */
static void source_adjust(
    struct loop *loop, int fd, enum tag tag, bool want, bool *watched)
{
	if (want == *watched)
		return;
	*watched = want;
	if (!want) {
		pool_loop_unwatch(loop, fd);
		return;
	}
	/*
	 * EXCLUSIVE: a connection wakes one waiting child, not all of them.
	 * Adding looks at the socket at once, so a child that comes (back) also
	 * finds a connection whose wake-up went to somebody who then died.
	 */
	if (!pool_loop_watch(loop, fd, EPOLLIN | EPOLLEXCLUSIVE, tag)) {
		static struct log_rate rate;

		log_limited(&rate, LOG_LEVEL_ERROR,
		    "cannot watch for connections (errno %d): next try in a "
		    "second",
		    errno);
		*watched = false;
		loop->resume_ns = deadline_in_ms(LOOP_PAUSE_MS);
	}
}

static void pause_end(int64_t *until_ns)
{
	if (*until_ns != 0 && mono_ns() >= *until_ns)
		*until_ns = 0;
}

static void sources_adjust(struct loop *loop)
{
	int listen_fd = loop->child->group->listen_fd;
	int take_fd = loop->child->handover.take_fd;
	bool ready;

	listen_step_back(loop);
	pause_end(&loop->resume_ns);
	pause_end(&loop->take_ns);
	ready = loop->resume_ns == 0 && loop->child->leaving == LEAVING_NOT &&
		pool_conns_count(&loop->conns, CONN_FREE) > 0;
	source_adjust(loop, listen_fd, TAG_LISTEN, ready && listen_fd >= 0,
	    &loop->listening);
	source_adjust(loop, take_fd, TAG_HANDOVER,
	    ready && take_fd >= 0 && loop->take_ns == 0, &loop->taking);
}

/* Not while the child whose place we take still ticks. */
static bool turn_is_ours(struct loop *loop)
{
	if (!loop->my_turn)
		loop->my_turn = pool_child_turn(loop->child);
	return loop->my_turn;
}

static void tick_if_due(struct loop *loop)
{
	const struct pool_app *app = loop->child->group->app;
	int64_t next_ms;

	if (loop->tick_ns == INT64_MAX || mono_ns() < loop->tick_ns)
		return;
	if (!turn_is_ours(loop)) {
		loop->tick_ns = deadline_in_ms(LOOP_RETRY_MS);
		return;
	}
	pool_board_set_state(loop->child->slot, BOARD_BUSY);
	next_ms = app->tick(app->ctx);
	loop->tick_ns = deadline_in_ms(next_ms > 0 ? next_ms : 0);
}

int pool_loop_timeout_ms(const struct loop *loop)
{
	const struct conn *conn = pool_conns_oldest(&loop->conns, CONN_WAITING);
	int64_t first_ns = loop->tick_ns;
	int64_t wear_ns =
	    loop->child->leaving == LEAVING_NOT
		? pool_wear_next_ns(&loop->child->wear, loop->child->requests)
		: INT64_MAX;

	if (wear_ns < first_ns)
		first_ns = wear_ns;
	if (conn != NULL && conn->deadline_ns < first_ns)
		first_ns = conn->deadline_ns;
	if (loop->resume_ns != 0 && loop->resume_ns < first_ns)
		first_ns = loop->resume_ns;
	if (loop->take_ns != 0 && loop->take_ns < first_ns)
		first_ns = loop->take_ns;
	return first_ns == INT64_MAX ? -1 : deadline_left_ms(first_ns);
}

static int events_take(
    const struct loop *loop, struct epoll_event *events, int timeout_ms)
{
	int n = epoll_wait(loop->epoll_fd, events, LOOP_BATCH, timeout_ms);

	/* No signal of ours gets here, but a stop and continue does. */
	BUG_ON(n < 0 && errno != EINTR);
	return n < 0 ? 0 : n;
}

/* Takes what is there; only when there is nothing says so, and blocks. */
static int events_wait(struct loop *loop, struct epoll_event *events)
{
	const struct pool_app *app = loop->child->group->app;
	int timeout_ms = pool_loop_timeout_ms(loop);
	int n = events_take(loop, events, 0);

	if (n > 0 || timeout_ms == 0)
		return n;
	if (app->idle != NULL) {
		app->idle(app->ctx);
		timeout_ms = pool_loop_timeout_ms(loop);
	}
	pool_board_set_state(loop->child->slot,
	    pool_conns_count(&loop->conns, CONN_FREE) == loop->conns.size
		? BOARD_IDLE
		: BOARD_KEEP);
	return events_take(loop, events, timeout_ms);
}

static void signals_take(struct pool_child *child)
{
	unsigned came = pool_signals_read(child->signal_fd);
	struct err err = ERR_INIT;

	if ((came & SIGNALS_REOPEN) != 0 && !log_reopen(&err))
		log_warning("%s; the old one stays in use", err.text);
	if ((came & SIGNALS_RETIRE) != 0 && child->leaving == LEAVING_NOT)
		child->leaving = LEAVING_RETIRES;
	if ((came & SIGNALS_STOP) != 0)
		child->leaving = LEAVING_STOPS;
}

unsigned pool_loop_control(
    struct loop *loop, const struct epoll_event *events, int n)
{
	unsigned may = 0;

	for (int i = 0; i < n; i++) {
		switch (events[i].data.u64) {
		case TAG_SIGNALS:
			signals_take(loop->child);
			break;
		case TAG_LIFELINE:
			log_warning("the master is gone: leaving");
			loop->child->leaving = LEAVING_STOPS;
			/* It would be readable for ever from now on. */
			pool_loop_unwatch(loop, loop->child->lifeline_fd);
			loop->orphaned = true;
			break;
		case TAG_LISTEN:
			may |= LOOP_MAY_ACCEPT;
			break;
		case TAG_HANDOVER:
			may |= LOOP_MAY_TAKE;
			break;
		default:
			break;
		}
	}
	return may;
}

static struct conn *conn_of(
    const struct loop *loop, const struct epoll_event *event)
{
	if (event->data.u64 < TAG_COUNT)
		return NULL;
	return pool_conns_find(&loop->conns, event->data.u64);
}

/* Who has connected just now is about to speak, and should not wait for the end
 * of what `stays` has asked for.  Who has been silent for longer stays. */
static void young_give(
    struct loop *loop, const struct conn *stays, unsigned max)
{
	int64_t age_ms = loop->child->group->io_timeout_ms;
	int64_t young_ns = mono_ns() + (age_ms - LOOP_YOUNG_MS) * NS_PER_MS;
	struct conn *conn = pool_conns_oldest(&loop->conns, CONN_WAITING);
	struct conn *next;

	for (; conn != NULL && max > 0; conn = next) {
		next = pool_conns_newer(&loop->conns, conn);
		if (conn == stays || conn->deadline_ns < young_ns)
			continue;
		if (!pool_serve_give_one(loop, conn))
			return;
		max--;
	}
}

/* How many of them are connections that we hold; and the first. */
static unsigned conns_count(const struct loop *loop,
    const struct epoll_event *events, int n, const struct conn **first)
{
	unsigned count = 0;

	*first = NULL;
	for (int i = n - 1; i >= 0; i--) {
		const struct conn *conn = conn_of(loop, &events[i]);

		if (conn == NULL)
			continue;
		*first = conn;
		count++;
	}
	return count;
}

/*
 * A connection belongs to the child that accepted it, a request to whoever is
 * free: of several connections that have something to say, or are about to, all
 * but one go to siblings that wait.  Of the former those who came last: the
 * others have waited longest.
 */
static void conns_share(
    struct loop *loop, const struct epoll_event *events, int n, unsigned may)
{
	const struct conn *stays;
	unsigned held = conns_count(loop, events, n, &stays);
	unsigned others = ((may & LOOP_MAY_ACCEPT) != 0 ? 1 : 0) +
			  ((may & LOOP_MAY_TAKE) != 0 ? 1 : 0);
	unsigned silent = pool_conns_count(&loop->conns, CONN_WAITING);
	unsigned idle, more;

	if (held + others == 0 || held + others + silent < 2)
		return;
	idle = pool_child_idle_siblings(loop->child);
	more = pool_handover_surplus(held, others, idle);
	idle -= more;
	for (int i = n - 1; i >= 0 && more > 0; i--) {
		struct conn *conn = conn_of(loop, &events[i]);

		if (conn == NULL)
			continue;
		if (!pool_serve_give_one(loop, conn))
			return;
		more--;
	}
	young_give(loop, stays, idle);
}

static bool may_come_in(const struct loop *loop)
{
	return pool_conns_count(&loop->conns, CONN_FREE) > 0;
}

/* One new one, one from a sibling; what is still to be had. */
static unsigned sources_take(struct loop *loop, unsigned may)
{
	if ((may & LOOP_MAY_ACCEPT) != 0 && may_come_in(loop) &&
	    !pool_serve_accept(loop))
		may &= ~(unsigned)LOOP_MAY_ACCEPT;
	if ((may & LOOP_MAY_TAKE) != 0 && may_come_in(loop) &&
	    !pool_serve_take(loop))
		may &= ~(unsigned)LOOP_MAY_TAKE;
	return may;
}

/* One that we hold, one from outside, in turns: neither can starve the other.
 * What is still to be had outside. */
static unsigned conns_take(
    struct loop *loop, const struct epoll_event *events, int n, unsigned may)
{
	for (int i = 0; i < n; i++) {
		struct conn *conn = conn_of(loop, &events[i]);

		if (conn != NULL) {
			pool_serve_ready(loop, conn, events[i].events);
			if (loop->child->leaving == LEAVING_NOT)
				may = sources_take(loop, may);
		} else if (events[i].data.u64 >= TAG_COUNT && !loop->forgot) {
			loop->ghost = true;
		}
	}
	return may;
}

static bool conns_rewatch(struct loop *loop, enum conn_state state)
{
	struct conn *conn = pool_conns_oldest(&loop->conns, state);

	for (; conn != NULL; conn = pool_conns_newer(&loop->conns, conn))
		if (!pool_loop_watch(loop, conn->fd, EPOLLIN | EPOLLRDHUP,
			pool_conns_tag(&loop->conns, conn)))
			return false;
	return true;
}

/*
 * A closed connection leaves the set only with its last descriptor.  Where
 * serve() or a library in it made another one, its events would come for ever,
 * without a number to remove them by: only a new set gets rid of them.
 */
static void ghost_banish(struct loop *loop)
{
	static struct log_rate rate;
	struct loop fresh = *loop;

	log_limited(&rate, LOG_LEVEL_WARNING,
	    "a connection said to be closed is still open somewhere");
	loop->ghost = false;
	fresh.ghost = false;
	fresh.listening = false;
	fresh.taking = false;
	fresh.orphaned = false;
	if (watch_control(&fresh) && conns_rewatch(&fresh, CONN_WAITING) &&
	    conns_rewatch(&fresh, CONN_KEPT)) {
		close(loop->epoll_fd);
		*loop = fresh;
		return;
	}
	/* The old set is good enough to leave with. */
	log_error("no new epoll set (errno %d): leaving", errno);
	if (fresh.epoll_fd >= 0)
		close(fresh.epoll_fd);
	loop->child->leaving = LEAVING_RETIRES;
}

static void turn(struct loop *loop)
{
	struct epoll_event events[LOOP_BATCH];
	unsigned may;
	int n;

	tick_if_due(loop);
	sources_adjust(loop);
	loop->forgot = false;
	n = events_wait(loop, events);
	may = pool_loop_control(loop, events, n);
	conns_share(loop, events, n, may);
	may = conns_take(loop, events, n, may);
	/*
	 * Also when a signal came with it: this wake-up was ours alone, and
	 * nobody else will be told of that connection.
	 */
	(void)sources_take(loop, may);
	pool_serve_expire(loop);
	/* It serves on until the master tells it to go. */
	if (pool_wear_turn(&loop->child->wear, loop->child->requests))
		pool_child_report(loop->child, REPORT_WORN);
	if (loop->ghost)
		ghost_banish(loop);
}

void pool_loop_run(struct loop *loop)
{
	while (loop->child->leaving == LEAVING_NOT)
		turn(loop);
	pool_drain_run(loop);
}
