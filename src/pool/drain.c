/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of a child's work.  It accepts nothing more.
 *
 * When it retires (a reload, or its last request) others go on, and get every
 * connection that it holds: none is closed, so no request can be lost in the
 * moment of closing.
 *
 * When the whole pool stops, it finishes what it has: a kept connection is
 * closed once it has nothing to read (a front end notices that before it uses
 * it again), but one that was accepted and has not sent its first byte belongs
 * to somebody who is just about to: closing that would lose a request, so it
 * gets a last, short wait.
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

static void conns_take(
    struct loop *loop, const struct epoll_event *events, int n)
{
	for (int i = 0; i < n; i++) {
		struct conn *conn =
		    pool_conns_find(&loop->conns, events[i].data.u64);

		if (conn != NULL)
			pool_serve_ready(loop, conn, events[i].events);
	}
}

static void waiting_take(struct loop *loop)
{
	struct epoll_event events[LOOP_BATCH];
	int n = epoll_wait(
	    loop->epoll_fd, events, LOOP_BATCH, pool_loop_timeout_ms(loop));

	BUG_ON(n < 0 && errno != EINTR);
	conns_take(loop, events, n);
}

/* The others go on: they get the connections, and what is sent on them. */
static void retire(struct loop *loop)
{
	struct pool_child *child = loop->child;
	struct epoll_event events[LOOP_BATCH];

	while (child->leaving == LEAVING_RETIRES && !pool_serve_give(loop)) {
		int n = epoll_wait(
		    loop->epoll_fd, events, LOOP_BATCH, LOOP_RETRY_MS);

		BUG_ON(n < 0 && errno != EINTR);
		(void)pool_loop_control(loop, events, n);
		conns_take(loop, events, n);
		pool_serve_expire(loop);
	}
}

/* Connections that somebody gave and nobody took: their last chance. */
static void orphans_adopt(struct loop *loop)
{
	if (loop->child->handover.take_fd < 0)
		return;
	while (pool_serve_take(loop))
		;
	loop->take_ns = 0;
}

/* Nobody goes on. */
static void stop(struct loop *loop)
{
	/* Both would be readable for ever from now on. */
	pool_loop_unwatch(loop, loop->child->signal_fd);
	if (!loop->orphaned)
		pool_loop_unwatch(loop, loop->child->lifeline_fd);
	orphans_adopt(loop);
	last_call(loop);
	for (;;) {
		pool_serve_finish_kept(loop);
		if (pool_conns_count(&loop->conns, CONN_WAITING) == 0)
			return;
		waiting_take(loop);
		pool_serve_expire(loop);
	}
}

void pool_drain_run(struct loop *loop)
{
	struct pool_child *child = loop->child;
	bool listened = loop->listening, took = loop->taking;

	pool_board_set_state(child->slot, BOARD_DRAINING);
	pool_child_report(child, REPORT_LEAVING);
	if (loop->listening)
		pool_loop_unwatch(loop, child->group->listen_fd);
	if (loop->taking)
		pool_loop_unwatch(loop, child->handover.take_fd);
	loop->listening = false;
	loop->taking = false;
	if (child->leaving == LEAVING_RETIRES)
		pool_serve_rescue(loop, listened, took);
	loop->resume_ns = 0;
	loop->take_ns = 0;
	loop->tick_ns = INT64_MAX;
	if (child->leaving == LEAVING_RETIRES)
		retire(loop);
	if (child->leaving == LEAVING_STOPS)
		stop(loop);
}
