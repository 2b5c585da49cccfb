/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which server this is, from what it says of itself.  Pure; any process.
 */
#ifndef LEDGER_VERSION_H
#define LEDGER_VERSION_H

#include "base/attr.h"

#include <stdbool.h>

struct server_version {
	bool mariadb;
	unsigned major, minor, patch;
};

/* "10.11.19-MariaDB-0+deb12u1", "8.0.36", "5.5.5-10.6.1-MariaDB" (the prefix
 * that MariaDB puts before its own for old clients).  False without numbers. */
bool server_version_parse(
    const char *text, struct server_version *out) ATTR_MUSTUSE;

/* MariaDB from 10.6, MySQL from 8.0.16 on: before that CHECKs are not enforced,
 * or defaults cannot be expressions. */
bool server_version_enough(const struct server_version *version);

#endif
