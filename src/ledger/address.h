/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a server is, from one word of the settings.  Pure; any process.
 */
#ifndef LEDGER_ADDRESS_H
#define LEDGER_ADDRESS_H

#include "base/attr.h"
#include "base/err.h"

#include <stdbool.h>

#define LEDGER_PORT_DEFAULT 3306

struct ledger_address {
	char socket[108]; /* path; "" for TCP.  sun_path's size on Linux */
	char host[256]; /* name or number; "" for a socket */
	unsigned port;
};

/*
 * "/path", "unix:/path", "host", "host:port", "[v6]", "[v6]:port".  False with
 * a text that shows how to write it.
 */
bool address_parse(
    const char *text, struct ledger_address *out, struct err *err) ATTR_MUSTUSE;

#endif
