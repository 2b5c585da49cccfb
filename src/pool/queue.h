/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many connections wait at a listening socket to be accepted.  php-fpm
 * says 0 for every Unix socket; the kernel does know: by sock_diag(7) for a
 * Unix socket, by TCP_INFO for TCP.  Where it cannot be asked (no such module,
 * a sandbox without AF_NETLINK) the answer is "not known", which is not 0.
 * Any process that holds the socket.
 */
#ifndef POOL_QUEUE_H
#define POOL_QUEUE_H

#include "base/attr.h"

#include <stdbool.h>
#include <stdint.h>

struct pool_queue {
	bool known;
	uint32_t depth; /* wait now */
	uint32_t limit; /* may wait: the backlog that the kernel granted */
};

struct pool_queue_probe {
	int listen_fd; /* borrowed */
	int netlink_fd; /* -1 for TCP, or where there is none */
	uint32_t inode; /* of a Unix socket; 0: TCP */
	uint32_t serial;
};

/* Cannot fail: a probe that has nothing to ask answers "not known". */
void pool_queue_open(struct pool_queue_probe *probe, int listen_fd);
/* Waits for nothing. */
struct pool_queue pool_queue_read(struct pool_queue_probe *probe);
void pool_queue_close(struct pool_queue_probe *probe);

/* net.core.somaxconn; 0 when it cannot be read. */
unsigned pool_queue_somaxconn(void);
/* Would the kernel cut this backlog (-1: its maximum) without a word? */
bool pool_queue_is_clipped(int backlog, unsigned somaxconn) ATTR_MUSTUSE;

#endif
