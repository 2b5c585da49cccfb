/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file beside the pid file ("<pid file>.reload") that tells other processes
 * what has become of a reload; pool.h has its reader.  Replaced as a whole, so
 * that nobody reads half of it.  Master.
 */
#ifndef POOL_STATUSFILE_H
#define POOL_STATUSFILE_H

#include "pool/pool.h"

/* Both: nothing for a `pid_file` of NULL. */
bool pool_statusfile_write(const char *pid_file,
    const struct pool_reload_status *status, struct err *err) ATTR_MUSTUSE;
void pool_statusfile_remove(const char *pid_file);

#endif
