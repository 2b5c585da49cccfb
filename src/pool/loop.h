/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a child does between open() and close(): waits on one epoll set for its
 * signals, the lifeline, the listening socket and the connections that it
 * holds, and serves one request at a time.  Child.
 *
 *	loop.c   wait, ticks, control, which events mean what
 *	serve.c  accepting, serving, holding and closing connections
 *	drain.c  finishing what was begun, when the child is to leave
 */
#ifndef POOL_LOOP_H
#define POOL_LOOP_H

#include "pool/child.h"
#include "pool/conns.h"

#include <sys/epoll.h>

/* Events taken at once: more would let a new connection wait longer. */
#define LOOP_BATCH 32
/* Room for connections that have not sent a byte, above keep_max. */
#define LOOP_WAITING 64
/* Silent for less than that: about to speak. */
#define LOOP_YOUNG_MS 20
/* How long accept() pauses when descriptors or memory are out. */
#define LOOP_PAUSE_MS 1000
/* How often a full channel, and a predecessor's end, are looked at. */
#define LOOP_RETRY_MS 10
/* What a front end may need to send its first byte to a child that leaves. */
#define LOOP_LAST_CALL_MS 500

struct loop {
	struct pool_child *child;
	int epoll_fd;
	struct conns conns;
	bool tcp; /* the listening socket is */
	bool listening; /* it is in the set */
	bool taking; /* the channel of handed over ones is */
	bool step_back; /* let the others accept first */
	int64_t resume_ns; /* not before; 0: no pause */
	int64_t take_ns; /* not before; 0: no pause */
	int64_t tick_ns; /* the next; INT64_MAX: none */
	bool orphaned; /* the lifeline has ended, and is out of the set */
	bool my_turn; /* nobody else ticks in our place */
	bool forgot; /* a connection left the table since the last wait */
	bool ghost; /* events come from a descriptor that is none of ours */
};

/* loop.c */
bool pool_loop_open(
    struct loop *loop, struct pool_child *child, struct err *err) ATTR_MUSTUSE;
/* Until the child is told to drain; then drains. */
void pool_loop_run(struct loop *loop);
void pool_loop_close(struct loop *loop);
/* Both may be called at any time; watching fails when the kernel is out of
 * something, with errno. */
bool pool_loop_watch(const struct loop *loop, int fd, uint32_t events,
    uint64_t tag) ATTR_MUSTUSE;
void pool_loop_unwatch(const struct loop *loop, int fd);
/* Takes the first `n` events that are not for connections; a set of LOOP_MAY. */
enum loop_may {
	LOOP_MAY_ACCEPT = 1 << 0,
	LOOP_MAY_TAKE = 1 << 1
};
unsigned pool_loop_control(
    struct loop *loop, const struct epoll_event *events, int n);
/* For epoll_wait(2): until the first of our own moments, -1 when none. */
int pool_loop_timeout_ms(const struct loop *loop);

/* serve.c */
/* Accepts at most one connection, and serves it if its request is there;
 * false: none. */
bool pool_serve_accept(struct loop *loop);
/* Takes some connections that other children have given, up to the first with
 * a request, which it serves; false: none. */
bool pool_serve_take(struct loop *loop);
/*
 * Of the listening socket, and of the channel, one more that waits is held.  For
 * who goes while others stay, after it has ceased to watch: a wake-up may have
 * come to it that nobody else was given, and nobody may be born in its place,
 * who would look anew.
 */
void pool_serve_rescue(struct loop *loop, bool accepted, bool took);
/* To a sibling, with what it has sent; false, with errno, and nothing has
 * changed. */
bool pool_serve_give_one(struct loop *loop, struct conn *conn) ATTR_MUSTUSE;
/* Gives what is held to the others; true when nothing is held any more. */
bool pool_serve_give(struct loop *loop) ATTR_MUSTUSE;
/* An event came for a connection of the table. */
void pool_serve_ready(struct loop *loop, struct conn *conn, uint32_t events);
/* Closes who has sent nothing until its deadline. */
void pool_serve_expire(struct loop *loop);
/* Serves the kept connections that have sent something, closes the others. */
void pool_serve_finish_kept(struct loop *loop);

/* drain.c */
void pool_drain_run(struct loop *loop);

#endif
