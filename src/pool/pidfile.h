/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file that tells init scripts the master's number.  Appears complete or
 * not at all; goes only if it is still ours.  Master.
 */
#ifndef POOL_PIDFILE_H
#define POOL_PIDFILE_H

#include "base/attr.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>

/* `text` in place of whatever `path` holds, at once. */
bool pool_file_replace(
    const char *path, struct strv text, struct err *err) ATTR_MUSTUSE;
bool pool_pidfile_write(const char *path, struct err *err) ATTR_MUSTUSE;
void pool_pidfile_remove(const char *path);

#endif
