/* SPDX-License-Identifier: Apache-2.0 */
/* Buckets of a logarithmic histogram. */
#include "config.h"

#include "rush/latency.h"
#include "base/bug.h"

#define SUB    (1u << LATENCY_SUB_BITS)
#define EXACT  (1u << LATENCY_EXP_MIN)
#define TOP_NS ((INT64_C(1) << (LATENCY_EXP_MAX + 1)) - 1)

size_t latency_bucket(int64_t ns)
{
	unsigned exponent, sub;
	uint64_t value;

	if (ns < 0)
		ns = 0;
	if (ns > TOP_NS)
		ns = TOP_NS;
	value = (uint64_t)ns;
	if (value < EXACT)
		return (size_t)value;
	exponent = 63u - (unsigned)__builtin_clzll(value);
	sub = (unsigned)(value >> (exponent - LATENCY_SUB_BITS)) & (SUB - 1);
	return EXACT + (exponent - LATENCY_EXP_MIN) * SUB + sub;
}

int64_t latency_bucket_top(size_t bucket)
{
	unsigned exponent, sub;

	BUG_ON(bucket >= LATENCY_BUCKETS);
	if (bucket < EXACT)
		return (int64_t)bucket;
	exponent = (unsigned)((bucket - EXACT) / SUB) + LATENCY_EXP_MIN;
	sub = (unsigned)((bucket - EXACT) % SUB);
	return ((int64_t)(SUB + sub + 1) << (exponent - LATENCY_SUB_BITS)) - 1;
}

void latency_add(struct latency *latency, int64_t ns)
{
	latency->n++;
	latency->bucket[latency_bucket(ns)]++;
	if (ns > latency->max_ns)
		latency->max_ns = ns;
}

int64_t latency_at(const struct latency *latency, unsigned per_mille)
{
	/* Nearest rank: the smallest value that this many do not exceed. */
	uint64_t rank = (latency->n * per_mille + 999) / 1000;
	uint64_t seen = 0;

	if (latency->n == 0)
		return 0;
	if (rank == 0)
		rank = 1;
	for (size_t i = 0; i < LATENCY_BUCKETS; i++) {
		seen += latency->bucket[i];
		if (seen >= rank) {
			int64_t top = latency_bucket_top(i);

			return top < latency->max_ns ? top : latency->max_ns;
		}
	}
	BUG("a histogram with fewer entries than its count");
}
