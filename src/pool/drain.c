/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of a child's work.  It accepts nothing more, and hands what it holds
 * to its siblings: nobody outside notices.  Where all leave, it finishes what it
 * has: a kept connection is closed once it has nothing to read (a front end
 * mostly notices that before it uses it again), but one that was accepted and
 * has not sent its first byte belongs to somebody who is just about to: closing
 * that would lose a request, so it gets a last, short wait.
 */
#include "config.h"

#include "pool/loop.h"
#include "pool/report.h"
#include "base/bug.h"
#include "base/clock.h"

#include <errno.h>

static void last_call(struct loop *loop)
{
	int64_t end_ns = deadline_in_ms(LOOP_LAST_CALL_MS);
	struct conn *conn = pool_conns_oldest(&loop->conns, CONN_WAITING);

	for (; conn != NULL; conn = pool_conns_newer(&loop->conns, conn))
		if (conn->deadline_ns > end_ns)
			conn->deadline_ns = end_ns;
}

/* A sibling can wait for the first byte as well. */
static void waiting_give(struct loop *loop)
{
	struct conn *conn = pool_conns_oldest(&loop->conns, CONN_WAITING);
	struct conn *next;

	for (; conn != NULL; conn = next) {
		next = pool_conns_newer(&loop->conns, conn);
		if (!pool_child_has_heirs(loop->child) ||
		    !pool_serve_give(loop, conn))
			return;
	}
}

/*
 * When a whole group leaves, what one has given while the others were there
 * must not be forgotten.  Each first shows that it drains, and then looks here,
 * also for its own gifts: so whoever is last finds them.  True: there were some.
 */
static bool gifts_take(struct loop *loop)
{
	bool any = false;

	while (!pool_child_has_heirs(loop->child) &&
	       pool_conns_count(&loop->conns, CONN_FREE) > 0 &&
	       pool_serve_take(loop))
		any = true;
	return any;
}

static void waiting_take(struct loop *loop)
{
	struct epoll_event events[LOOP_BATCH];
	int n = epoll_wait(
	    loop->epoll_fd, events, LOOP_BATCH, pool_loop_timeout_ms(loop));

	BUG_ON(n < 0 && errno != EINTR);
	for (int i = 0; i < n; i++) {
		struct conn *conn =
		    pool_conns_find(&loop->conns, events[i].data.u64);

		if (conn != NULL)
			pool_serve_ready(loop, conn, events[i].events);
	}
}

void pool_drain_run(struct loop *loop)
{
	struct pool_child *child = loop->child;

	pool_board_set_state(child->slot, BOARD_DRAINING);
	pool_child_report(child, REPORT_LEAVING);
	/* Both would be readable for ever from now on. */
	pool_loop_unwatch(loop, child->signal_fd);
	pool_loop_unwatch(loop, child->lifeline_fd);
	if (loop->listening)
		pool_loop_deafen(loop);
	loop->resume_ns = 0;
	loop->tick_ns = INT64_MAX;
	waiting_give(loop);
	last_call(loop);
	for (;;) {
		do
			pool_serve_finish_kept(loop);
		while (gifts_take(loop));
		if (pool_conns_count(&loop->conns, CONN_WAITING) == 0)
			return;
		waiting_take(loop);
		pool_serve_expire(loop);
	}
}
