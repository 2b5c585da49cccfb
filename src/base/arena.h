/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One block of memory for all that a request parses; reset at its end.
 *
 * Price: a piece cannot be freed alone, and everything is gone at once, so
 * nothing that owns a resource (descriptor, library object) may live here.
 * Overflow gives NULL and is remembered: the request asks once, at the end.
 * A build with sanitizers gives every piece its own malloc, so that they see a
 * write past its end.  Worker processes.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/attr.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

struct arena;

/* NULL when memory is out. */
struct arena *arena_new(size_t size_bytes) ATTR_MUSTUSE;
void arena_free(struct arena **arena);

/* Aligned for any type, not cleared.  NULL when it does not fit. */
void *arena_alloc(struct arena *arena, size_t bytes) ATTR_MUSTUSE;
/* A terminated copy.  NULL when it does not fit. */
char *arena_strdup(struct arena *arena, struct strv text) ATTR_MUSTUSE;

bool arena_overflowed(const struct arena *arena);
/* Gives everything back; clears the overflow. */
void arena_reset(struct arena *arena);

#endif
