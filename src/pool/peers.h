/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may connect: judged right after accept(2), before a byte is read.  The
 * list is made by pool_peers_parse() (pool.h) and read only from then on.
 * libfcgi's FCGI_WEB_SERVER_ADDRS knows no IPv6; it is not used.  Child.
 */
#ifndef POOL_PEERS_H
#define POOL_PEERS_H

#include "pool/pool.h"

#include <sys/socket.h>

/*
 * True when `peers` (NULL: everybody) has who is at the other end of `fd`;
 * `from` is what accept(2) said of him.  TCP is judged by the addresses, a Unix
 * socket by the user ids.  What cannot be read is refused.
 */
bool pool_peers_allow(const struct pool_peers *peers, int fd,
    const struct sockaddr_storage *from) ATTR_MUSTUSE;

#endif
