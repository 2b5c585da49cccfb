/* SPDX-License-Identifier: Apache-2.0 */
/* Strict decimal parsing. */
#include "config.h"

#include "base/num.h"

bool num_parse_u64(struct strv text, uint64_t min, uint64_t max, uint64_t *out)
{
	uint64_t value = 0;

	if (text.n == 0)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
		if (__builtin_mul_overflow(value, UINT64_C(10), &value) ||
		    __builtin_add_overflow(
			value, (uint64_t)(text.p[i] - '0'), &value))
			return false;
	}
	if (value < min || value > max)
		return false;
	*out = value;
	return true;
}

bool num_parse_i64(struct strv text, int64_t min, int64_t max, int64_t *out)
{
	bool negative = text.n > 0 && text.p[0] == '-';
	uint64_t magnitude;
	int64_t value;

	if (negative)
		text = strv_from(text.p + 1, text.n - 1);
	if (!num_parse_u64(text, 0, (uint64_t)INT64_MAX, &magnitude))
		return false;
	value = negative ? -(int64_t)magnitude : (int64_t)magnitude;
	if (value < min || value > max)
		return false;
	*out = value;
	return true;
}
