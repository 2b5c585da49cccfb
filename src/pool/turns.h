/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may tick.  What a ticking child writes has one writer (the sale table
 * has), and at a reload there are two children of the same group and index for
 * a while.  The second one waits until the first is gone: each holds the lock
 * that belongs to its group and index, and the kernel lets go of it when its
 * holder dies, however that happens.
 */
#ifndef POOL_TURNS_H
#define POOL_TURNS_H

#include "base/attr.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* Master: a descriptor for the locks, -1 with `err`. */
int pool_turns_open(struct err *err) ATTR_MUSTUSE;
/* Child: true when the turn is ours, until we die. */
bool pool_turns_take(int turns_fd, size_t group, unsigned index) ATTR_MUSTUSE;

#endif
