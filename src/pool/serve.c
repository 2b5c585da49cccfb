/* SPDX-License-Identifier: Apache-2.0 */
/* Connections of a child: accepted, served, kept, closed. */
#include "config.h"

#include "pool/loop.h"
#include "pool/peers.h"
#include "base/bug.h"
#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum peek {
	PEEK_BYTES, /* something to read */
	PEEK_NOTHING, /* not now */
	PEEK_GONE /* hung up, or broken */
};

static enum peek peek(int fd)
{
	char byte;
	ssize_t n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	if (n > 0)
		return PEEK_BYTES;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return PEEK_NOTHING;
	return PEEK_GONE;
}

static void drop(struct loop *loop, struct conn *conn)
{
	close(conn->fd);
	pool_conns_forget(&loop->conns, conn);
	loop->forgot = true;
}

static enum pool_next serve(struct loop *loop, int fd)
{
	struct pool_child *child = loop->child;
	const struct pool_app *app = child->group->app;
	enum pool_next next;

	/* Before, not after: a request that kills has been one. */
	child->requests++;
	child->request_ns = mono_ns();
	pool_board_begin(child->slot, child->request_ns);
	pool_board_set_state(child->slot,
	    child->leaving == LEAVING_NOT ? BOARD_BUSY : BOARD_DRAINING);
	next = app->serve(app->ctx, fd);
	pool_board_end(child->slot, mono_ns());
	return next;
}

/* Above keep_max the longest unused go, but none that has sent a request. */
static void kept_trim(struct loop *loop)
{
	struct conn *conn = pool_conns_oldest(&loop->conns, CONN_KEPT);
	struct conn *next;

	while (conn != NULL && pool_conns_count(&loop->conns, CONN_KEPT) >
				   loop->child->group->keep_max) {
		next = pool_conns_newer(&loop->conns, conn);
		if (peek(conn->fd) != PEEK_BYTES)
			drop(loop, conn);
		conn = next;
	}
}

static void keep(struct loop *loop, struct conn *conn)
{
	if (conn->state == CONN_WAITING)
		loop->step_back = true;
	pool_conns_keep(&loop->conns, conn);
	kept_trim(loop);
}

/* `conn` has a request. */
static void conn_serve(struct loop *loop, struct conn *conn)
{
	if (serve(loop, conn->fd) == POOL_CLOSED) {
		pool_conns_forget(&loop->conns, conn);
		loop->forgot = true;
		return;
	}
	keep(loop, conn);
}

void pool_serve_ready(struct loop *loop, struct conn *conn, uint32_t events)
{
	/* Hung up, perhaps behind a last request. */
	if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0 &&
	    peek(conn->fd) != PEEK_BYTES)
		drop(loop, conn);
	else
		conn_serve(loop, conn);
}

void pool_serve_expire(struct loop *loop)
{
	struct conn *conn = pool_conns_oldest(&loop->conns, CONN_WAITING);
	int64_t now_ns = conn != NULL ? mono_ns() : 0;

	while (conn != NULL && now_ns >= conn->deadline_ns) {
		if (peek(conn->fd) == PEEK_BYTES)
			conn_serve(loop, conn);
		else
			drop(loop, conn);
		conn = pool_conns_oldest(&loop->conns, CONN_WAITING);
	}
}

void pool_serve_finish_kept(struct loop *loop)
{
	struct conn *conn;

	for (;;) {
		conn = pool_conns_oldest(&loop->conns, CONN_KEPT);
		if (conn == NULL)
			return;
		if (peek(conn->fd) == PEEK_BYTES)
			conn_serve(loop, conn);
		else
			drop(loop, conn);
	}
}

/* ---- new ones ------------------------------------------------------------ */

static void accept_failed(struct loop *loop, int why)
{
	static struct log_rate rate;

	switch (why) {
	case EAGAIN: /* somebody else was faster */
	case EINTR:
	case ECONNABORTED: /* its peer has gone meanwhile */
	case EPROTO:
	case EPERM: /* a firewall's verdict */
	/* accept(2): errors of the network that wait on the new socket. */
	case ENETDOWN:
	case ENOPROTOOPT:
	case EHOSTDOWN:
	case ENONET:
	case EHOSTUNREACH:
	case ENETUNREACH:
	case ETIMEDOUT:
		return;
	default:
		break;
	}
	/* EMFILE, ENFILE, ENOBUFS, ENOMEM, and what nobody has foreseen: the
	 * connection stays in the backlog and would wake us again at once. */
	log_limited(&rate, LOG_LEVEL_ERROR,
	    "cannot accept: %s; next try in a second", strerror(why));
	loop->resume_ns = deadline_in_ms(LOOP_PAUSE_MS);
}

/* False when the connection is of no use. */
static bool socket_prepare(const struct loop *loop, int fd)
{
	unsigned ms = loop->child->group->io_timeout_ms;
	const struct timeval wait = {
	    .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
	const int on = 1;

	/* Without it a reply in two writes waits for the peer's delayed ACK. */
	if (loop->tcp)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) ==
		   0 &&
	       setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) ==
		   0;
}

/* NULL, and closed, when it cannot be held. */
static struct conn *hold(struct loop *loop, int fd, int64_t deadline_ns)
{
	static struct log_rate rate;
	struct conn *conn = pool_conns_add(&loop->conns, fd, deadline_ns);

	/* Who gets here saw a free entry. */
	BUG_ON(conn == NULL);
	if (pool_loop_watch(loop, fd, EPOLLIN | EPOLLRDHUP,
		pool_conns_tag(&loop->conns, conn)))
		return conn;
	log_limited(&rate, LOG_LEVEL_ERROR, "cannot hold a connection: %s",
	    strerror(errno));
	drop(loop, conn);
	return NULL;
}

static void serve_new(struct loop *loop, int fd)
{
	struct conn *conn;

	if (serve(loop, fd) == POOL_CLOSED)
		return;
	conn = hold(loop, fd, HANDOVER_USED);
	if (conn != NULL)
		keep(loop, conn);
}

/* False: none.  `*fd` is -1 for one that is of no use. */
static bool accept_one(struct loop *loop, int *fd)
{
	const struct pool_group *group = loop->child->group;
	struct sockaddr_storage from = {.ss_family = AF_UNSPEC};
	socklen_t len = sizeof(from);

	*fd = accept4(
	    group->listen_fd, (struct sockaddr *)&from, &len, SOCK_CLOEXEC);
	if (*fd < 0) {
		accept_failed(loop, errno);
		return false;
	}
	if (!pool_peers_allow(group->peers, *fd, &from)) {
		static struct log_rate rate;

		log_limited(&rate, LOG_LEVEL_WARNING,
		    "a connection was refused: its peer is not in "
		    "listen.allowed_clients or listen.allowed_uids");
		close(*fd);
		*fd = -1;
	} else if (!socket_prepare(loop, *fd)) {
		close(*fd);
		*fd = -1;
	}
	return true;
}

/* For one that has not sent a byte yet. */
static int64_t silence_end(const struct loop *loop)
{
	return deadline_in_ms(loop->child->group->io_timeout_ms);
}

bool pool_serve_accept(struct loop *loop)
{
	int fd;

	if (!accept_one(loop, &fd))
		return false;
	if (fd < 0)
		return true;
	FAILPOINT(after_accept);
	/* Mostly the request is here already, and the connection is closed
	 * after it: then the set never hears of it. */
	switch (peek(fd)) {
	case PEEK_BYTES:
		serve_new(loop, fd);
		break;
	case PEEK_NOTHING:
		(void)hold(loop, fd, silence_end(loop));
		break;
	case PEEK_GONE:
		close(fd);
		break;
	}
	return true;
}

/* ---- from one child to another ------------------------------------------- */

/* A connection that another child has accepted, and perhaps served on.  True
 * when it had a request. */
static bool adopt(struct loop *loop, int fd, int64_t deadline_ns)
{
	struct conn *conn;

	if (!socket_prepare(loop, fd)) {
		close(fd);
		return false;
	}
	switch (peek(fd)) {
	case PEEK_BYTES:
		serve_new(loop, fd);
		return true;
	case PEEK_NOTHING:
		conn = hold(loop, fd, deadline_ns);
		if (conn != NULL && deadline_ns == HANDOVER_USED)
			keep(loop, conn);
		return false;
	case PEEK_GONE:
		close(fd);
		return false;
	}
	return false;
}

/*
 * A few at once, and then a pause, so that the others get theirs: who is faster
 * than all of them is alone with all of them later.  More at once the more it
 * has: alone, it takes 256 in some 40 turns.  One with a request is work enough
 * for one turn, and no reason to pause.
 */
bool pool_serve_take(struct loop *loop)
{
	uint32_t held =
	    loop->conns.size - pool_conns_count(&loop->conns, CONN_FREE);
	int64_t deadline_ns;
	bool some = false;
	int fd;

	for (uint32_t i = 0; i <= held / 8; i++) {
		if (pool_conns_count(&loop->conns, CONN_FREE) == 0)
			break;
		fd = pool_handover_take(&loop->child->handover, &deadline_ns);
		if (fd < 0)
			break;
		some = true;
		if (adopt(loop, fd, deadline_ns))
			return true;
	}
	loop->take_ns = deadline_in_ms(1);
	return some;
}

void pool_serve_rescue(struct loop *loop, bool accepted, bool took)
{
	struct conn *conn;
	int64_t deadline_ns;
	int fd = -1;

	if (accepted && pool_conns_count(&loop->conns, CONN_FREE) > 0 &&
	    accept_one(loop, &fd) && fd >= 0)
		(void)hold(loop, fd, silence_end(loop));
	fd = -1;
	if (took && pool_conns_count(&loop->conns, CONN_FREE) > 0)
		fd = pool_handover_take(&loop->child->handover, &deadline_ns);
	if (fd < 0)
		return;
	conn = hold(loop, fd, deadline_ns);
	if (conn != NULL && deadline_ns == HANDOVER_USED)
		pool_conns_keep(&loop->conns, conn);
}

bool pool_serve_give_one(struct loop *loop, struct conn *conn)
{
	int64_t deadline_ns =
	    conn->state == CONN_WAITING ? conn->deadline_ns : HANDOVER_USED;

	if (!pool_handover_give(&loop->child->handover, conn->fd, deadline_ns))
		return false;
	FAILPOINT(handover_mid);
	/* It lives on: closing our end takes it out of no set. */
	pool_loop_unwatch(loop, conn->fd);
	drop(loop, conn);
	return true;
}

static bool give_all(struct loop *loop, enum conn_state state)
{
	struct conn *conn;

	while ((conn = pool_conns_oldest(&loop->conns, state)) != NULL)
		if (!pool_serve_give_one(loop, conn))
			return false;
	return true;
}

bool pool_serve_give(struct loop *loop)
{
	static struct log_rate rate;

	if (give_all(loop, CONN_WAITING) && give_all(loop, CONN_KEPT))
		return true;
	if (errno != EAGAIN)
		log_limited(&rate, LOG_LEVEL_WARNING,
		    "cannot hand connections over: %s; serving on them",
		    strerror(errno));
	return false;
}
