/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads Redis' INFO: is this a server that a gate can stand on?  Pure; any
 * process.
 */
#ifndef GATE_INFO_H
#define GATE_INFO_H

#include "base/attr.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>

/*
 * False, with a text that says what to do, for a server older than Redis 7, a
 * replica, or one that may evict.  `version` is written in any case: "Redis
 * 7.0.15", "Valkey 8.0.1", "" when INFO does not say.
 */
bool gate_info_judge(
    struct strv info, char version[32], struct err *err) ATTR_MUSTUSE;

/* The value of "name:value" on a line of its own; absent: {NULL, 0}. */
struct strv gate_info_field(struct strv info, const char *name);

#endif
