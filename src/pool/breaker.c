/* SPDX-License-Identifier: Apache-2.0 */
/* So many deaths within so long: decisions only. */
#include "config.h"

#include "pool/breaker.h"
#include "base/bug.h"

/* The i-th newest, 0 ..; there is one. */
static int64_t newest(const struct breaker *breaker, unsigned i)
{
	return breaker
	    ->died_ns[(breaker->next + BREAKER_MAX - 1 - i) % BREAKER_MAX];
}

unsigned pool_breaker_count(const struct breaker *breaker,
    const struct breaker_limits *limits, int64_t now_ns)
{
	unsigned n = 0;

	while (
	    n < breaker->n && newest(breaker, n) > now_ns - limits->interval_ns)
		n++;
	return n;
}

bool pool_breaker_died(struct breaker *breaker,
    const struct breaker_limits *limits, int64_t now_ns)
{
	BUG_ON(limits->threshold > BREAKER_MAX);
	breaker->died_ns[breaker->next] = now_ns;
	breaker->next = (breaker->next + 1) % BREAKER_MAX;
	if (breaker->n < BREAKER_MAX)
		breaker->n++;
	if (breaker->open || limits->threshold == 0 ||
	    pool_breaker_count(breaker, limits, now_ns) < limits->threshold)
		return false;
	breaker->open = true;
	return true;
}

bool pool_breaker_turn(struct breaker *breaker,
    const struct breaker_limits *limits, int64_t now_ns, int64_t *again_ns)
{
	unsigned half = limits->threshold / 2;

	*again_ns = INT64_MAX;
	if (!breaker->open)
		return false;
	if (limits->threshold != 0 &&
	    pool_breaker_count(breaker, limits, now_ns) > half) {
		/* When the oldest of the half + 1 newest is too long ago. */
		*again_ns = newest(breaker, half) + limits->interval_ns;
		return false;
	}
	breaker->open = false;
	return true;
}
