/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers from text, and sums that cannot overflow in silence.  Any process.
 */
#ifndef BASE_NUM_H
#define BASE_NUM_H

#include "base/attr.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Decimal digits only (a leading '-' for the signed one): no blanks, no '+',
 * nothing behind.  False, and `*out` untouched, when it is not a number or
 * lies outside min..max.
 */
bool num_parse_u64(
    struct strv text, uint64_t min, uint64_t max, uint64_t *out) ATTR_MUSTUSE;
bool num_parse_i64(
    struct strv text, int64_t min, int64_t max, int64_t *out) ATTR_MUSTUSE;

/* False on overflow. */
static inline bool num_add_i64(int64_t a, int64_t b, int64_t *out)
{
	return !__builtin_add_overflow(a, b, out);
}

static inline bool num_mul_i64(int64_t a, int64_t b, int64_t *out)
{
	return !__builtin_mul_overflow(a, b, out);
}

#endif
