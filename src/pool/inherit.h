/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listening sockets that somebody else made: descriptor 0 of spawn-fcgi,
 * mod_fcgid, lighttpd and h2o, any number, or systemd's LISTEN_FDS.  Taking one
 * over makes it close-on-exec and non-blocking; descriptor 0 to 2 is moved
 * away, and /dev/null takes its place, so that no library ever reads from it.
 * Master, or a lone worker, before the first fork.
 */
#ifndef POOL_INHERIT_H
#define POOL_INHERIT_H

#include "pool/pool.h"

/* "fd:N" or "systemd:NAME", as in conf->address.  The descriptor, or -1. */
int pool_inherit_fd(
    const struct pool_listen_conf *conf, struct err *err) ATTR_MUSTUSE;
int pool_inherit_systemd(
    const struct pool_listen_conf *conf, struct err *err) ATTR_MUSTUSE;
/* Are they written well?  Looks at no descriptor. */
bool pool_inherit_fd_check(
    const struct pool_listen_conf *conf, struct err *err) ATTR_MUSTUSE;
bool pool_inherit_systemd_check(
    const struct pool_listen_conf *conf, struct err *err) ATTR_MUSTUSE;

#endif
