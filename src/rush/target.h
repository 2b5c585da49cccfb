/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the crowd goes.  A crowd is a weapon: unless the operator says
 * otherwise it is let loose on this machine only, by the name in the URL and
 * again by the address that a connection is about to be made to.
 * flashgate-rush only.
 */
#ifndef RUSH_TARGET_H
#define RUSH_TARGET_H

#include "base/attr.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <sys/socket.h>

#define TARGET_URL_MAX 1024

struct target_ask {
	const char *url; /* the base: scheme, host, port, perhaps a path */
	const char *sale; /* a valid slug */
	bool may_be_remote; /* --allow-remote, or a Unix socket is used */
};

/* The whole URL of the buy route; `out` has TARGET_URL_MAX.  False with a
 * reason: not http or https, too long, or the host is not this machine. */
bool target_make(
    const struct target_ask *ask, char *out, struct err *err) ATTR_MUSTUSE;

/* "localhost" and its children (RFC 6761), 127.0.0.0/8, ::1. */
bool target_host_is_here(const char *host);
/* A loopback or Unix address. */
bool target_address_is_here(const struct sockaddr *address);

#endif
