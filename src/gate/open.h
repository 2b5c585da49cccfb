/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new connection to Redis: socket, options, password, database, and a PING
 * whose answer shows that the server serves us.  Whatever goes wrong here,
 * nothing of the caller's was sent.  Any process.
 */
#ifndef GATE_OPEN_H
#define GATE_OPEN_H

#include "base/attr.h"
#include "base/err.h"
#include "gate/address.h"

#include <hiredis/hiredis.h>

#include <stdint.h>

struct gate_target {
	struct gate_address address;
	const char *user, *password; /* NULL or "": none; borrowed */
	unsigned database;
	int64_t connect_timeout_ms;
};

/*
 * NULL, and a text, when there is no connection before the deadline or within
 * connect_timeout_ms.  The context does not block.
 */
redisContext *gate_open(const struct gate_target *target, int64_t deadline_ns,
    struct err *err) ATTR_MUSTUSE;

#endif
