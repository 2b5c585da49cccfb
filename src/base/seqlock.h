/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One writer, many readers, over shared memory, without a lock that a dying
 * process could leave behind.  The writer makes the counter odd, writes, makes
 * it even; a reader copies and accepts the copy only if the counter was even
 * and did not move.  A writer that dies in the middle leaves it odd: the next
 * writer repairs it by writing again, readers meanwhile get false.
 *
 * What is guarded must be plain old data.  Any process; one writer at a time.
 */
#ifndef BASE_SEQLOCK_H
#define BASE_SEQLOCK_H

#include "base/attr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct seqlock {
	uint32_t seq;
};

static inline void seqlock_write(
    struct seqlock *lock, void *shared, const void *value, size_t n)
{
	uint32_t odd = __atomic_load_n(&lock->seq, __ATOMIC_RELAXED) | 1u;

	__atomic_store_n(&lock->seq, odd, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	memcpy(shared, value, n);
	__atomic_store_n(&lock->seq, odd + 1, __ATOMIC_RELEASE);
}

/*
 * Tries a bounded number of times; false when a writer was always in the
 * middle (or died there).
 */
static inline bool ATTR_MUSTUSE seqlock_read(
    const struct seqlock *lock, const void *shared, void *value, size_t n)
{
	for (int tries = 0; tries < 64; tries++) {
		uint32_t before = __atomic_load_n(&lock->seq, __ATOMIC_ACQUIRE);

		if ((before & 1u) != 0)
			continue;
		memcpy(value, shared, n);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (__atomic_load_n(&lock->seq, __ATOMIC_RELAXED) == before)
			return true;
	}
	return false;
}

#endif
