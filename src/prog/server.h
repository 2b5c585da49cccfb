/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From settings that were read to a server that runs: judged, stores asked,
 * sockets opened, shared memory made, and into the pool; everything that is
 * made once and outlives every generation.  Master.
 */
#ifndef PROG_SERVER_H
#define PROG_SERVER_H

#include "prog/settings.h"

#include <stdio.h>

/* Who runs, and where; see flashgate(8), "Launching". */
struct launch {
	const char *path; /* of the settings; absolute */
	bool single; /* one worker, no master */
	bool services; /* no worker */
	bool daemon;
};

/* Everything that is wrong and needs no store to know it: said within
 * milliseconds, for spawn-fcgi waits 100 of them. */
bool server_settings_judge(
    const struct settings *settings, struct err *err) ATTR_MUSTUSE;

/* Asks both stores, in a process of its own; what they said goes to `out` (may
 * be NULL), what is wrong into the log. */
bool server_stores_judge(
    const struct settings *settings, FILE *out) ATTR_MUSTUSE;

/* Serves until it is stopped.  An exit code. */
int server_run(const struct settings *settings, const struct launch *launch);

#endif
