/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections that change hands: a child that retires puts those it holds into
 * a channel, and any child of its group that stays takes them out; and so does
 * one with more to do at once than its idle siblings (loop.c).  Nobody's
 * connection is closed, so there is no moment in which a front end could send
 * into one that is just being closed: what it sends meanwhile waits in the
 * connection, and the connection in the channel.
 *
 * FastCGI has no word for "use this connection no more", and closing races with
 * a front end that has just picked it for a POST, which it may not send again.
 * Measured with nginx 1.22 and 64 shoppers, a close right after every eighth
 * answer: 91 requests lost with 2500 closes.
 *
 * Made in the master before the first fork, so that a channel outlives every
 * child.  Children give and take.
 */
#ifndef POOL_HANDOVER_H
#define POOL_HANDOVER_H

#include "base/attr.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct handover {
	int give_fd, take_fd; /* both -1: no channel */
};

#define HANDOVER_NONE ((struct handover){-1, -1})

/* Master. */
bool pool_handover_open(struct handover *channel, struct err *err) ATTR_MUSTUSE;
void pool_handover_close(const struct handover *channel);

/* In place of a deadline: the connection has served a request before. */
#define HANDOVER_USED INT64_MAX

/*
 * `deadline_ns`: of its first byte, so that who stays silent does not win time
 * with every change.  The descriptor stays the
 * caller's, who closes it.  False, with errno, when it is not given: EAGAIN
 * when the channel is full.
 */
bool pool_handover_give(
    const struct handover *channel, int fd, int64_t deadline_ns) ATTR_MUSTUSE;
/* The caller's from now on, close-on-exec; -1 when there is none. */
int pool_handover_take(
    const struct handover *channel, int64_t *deadline_ns) ATTR_MUSTUSE;

/*
 * Of `held` connections with a request, beside `others` that may come in, so
 * many go to `idle` siblings: one piece of work stays here.
 */
unsigned pool_handover_surplus(unsigned held, unsigned others, unsigned idle);

#endif
