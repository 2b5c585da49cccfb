/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Into the background, without a lie: whoever called waits until the server is
 * ready or has failed, and ends with the same exit code that it would have had
 * in the foreground.  Before anything else was forked.
 */
#ifndef PROG_DAEMON_H
#define PROG_DAEMON_H

#include "base/attr.h"
#include "base/err.h"

#include <stdbool.h>

/* Longer than any start-up check; then the daemon is told to stop. */
#define DAEMON_WAIT_MS 60000

/*
 * Returns in the daemon only: a session of its own, `/` as its folder.  The
 * caller's process waits, and exits.  False when there is no process to be had.
 * `log` is named where the daemon fails.
 */
bool daemon_start(const char *log, struct err *err) ATTR_MUSTUSE;
/* Standard input, output and error become /dev/null. */
bool daemon_detach(struct err *err) ATTR_MUSTUSE;
/* The caller may go, with exit code 0.  Nothing where there is none. */
void daemon_ready(void);

#endif
