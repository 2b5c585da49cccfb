/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One writer, many readers, over shared memory, without a lock that a dying
 * process could leave behind: two copies of a value, and a counter whose lowest
 * bit says which is current.  The writer fills the other one and then moves the
 * counter; a reader copies the current one and accepts the copy only if the
 * counter has not moved.  A writer that dies in the middle has spoilt only the
 * copy that nobody reads.
 *
 * The value must be plain old data.  Any process; one writer at a time.
 */
#ifndef BASE_FLIP_H
#define BASE_FLIP_H

#include "base/attr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct flip {
	uint32_t turn;
};

/* The current copy, for the writer alone.  `twins` are two values of n bytes. */
static inline const void *flip_own(
    const struct flip *flip, const void *twins, size_t n)
{
	return (const char *)twins + (flip->turn & 1u) * n;
}

static inline void flip_write(
    struct flip *flip, void *twins, const void *value, size_t n)
{
	uint32_t turn = __atomic_load_n(&flip->turn, __ATOMIC_RELAXED) + 1;

	/* Whoever still reads the copy that is overwritten now must see that
	 * the counter has moved: its last move comes first. */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	memcpy((char *)twins + (turn & 1u) * n, value, n);
	__atomic_store_n(&flip->turn, turn, __ATOMIC_RELEASE);
}

/* Tries a bounded number of times; false when the writer was always faster. */
static inline bool ATTR_MUSTUSE flip_read(
    const struct flip *flip, const void *twins, void *value, size_t n)
{
	for (int tries = 0; tries < 64; tries++) {
		uint32_t turn = __atomic_load_n(&flip->turn, __ATOMIC_ACQUIRE);

		memcpy(value, (const char *)twins + (turn & 1u) * n, n);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (__atomic_load_n(&flip->turn, __ATOMIC_RELAXED) == turn)
			return true;
	}
	return false;
}

#endif
