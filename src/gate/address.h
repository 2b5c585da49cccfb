/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where Redis listens: text to socket address.  Numeric hosts only, because a
 * name is resolved in a blocking way that knows no deadline.  Any process.
 */
#ifndef GATE_ADDRESS_H
#define GATE_ADDRESS_H

#include "base/attr.h"
#include "base/err.h"

#include <stdbool.h>
#include <sys/socket.h>

struct gate_address {
	struct sockaddr_storage addr;
	socklen_t len;
};

/* "/path", "unix:/path", "127.0.0.1:6379", "[::1]:6379". */
bool gate_address_parse(
    const char *text, struct gate_address *out, struct err *err) ATTR_MUSTUSE;

#endif
