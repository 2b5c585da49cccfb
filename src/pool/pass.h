/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections handed from one child of a group to another: a socket pair that
 * the master makes before the first fork and never reads.  Whoever is free
 * takes; what nobody has taken yet waits, as in a backlog, and outlives every
 * child.
 *
 * Why not close a connection that one would rather not keep?  A front end may
 * send its next request at the moment of the close, and a purchase sent into a
 * closed connection is not sent again: nginx makes it a 502.  Measured with
 * nginx 1.22, 64 shoppers, a close right after every eighth answer: 91 requests
 * lost with 2500 closes.  A handed one loses nothing.  Child; open and close:
 * master.
 */
#ifndef POOL_PASS_H
#define POOL_PASS_H

#include "base/attr.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* With the deadline for its first byte, PASS_KEPT when it was served before. */
#define PASS_KEPT INT64_MAX

struct pass {
	int give_fd, take_fd; /* -1: there is nobody to hand to */
};

#define PASS_NONE ((struct pass){-1, -1})

bool pool_pass_open(struct pass *pass, struct err *err) ATTR_MUSTUSE;
void pool_pass_close(struct pass *pass);

/*
 * Neither ever blocks.  After true the caller still has its descriptor: out of
 * its epoll set first, then closed.
 */
bool pool_pass_give(
    const struct pass *pass, int fd, int64_t deadline_ns) ATTR_MUSTUSE;
/* -1: nothing there (any more), or no descriptor free: errno. */
int pool_pass_take(const struct pass *pass, int64_t *deadline_ns) ATTR_MUSTUSE;

/*
 * Of `kept` connections with a request, beside `others` that wait to come in,
 * how many go to `idle` siblings: one piece of work stays here.
 */
unsigned pool_pass_surplus(unsigned kept, unsigned others, unsigned idle);

#endif
