/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long answers took: counts in buckets whose width grows with the value,
 * so that a percentile is known to better than 1 % whatever its size, in fixed
 * memory.
 *
 *	0 .. 255 ns		one bucket each
 *	2^e .. 2^(e+1) ns	128 buckets each, e = 8 .. 42
 *
 * What is longer than 2.4 hours counts into the last bucket; the maximum is
 * always exact.  flashgate-rush only.
 */
#ifndef RUSH_LATENCY_H
#define RUSH_LATENCY_H

#include <stddef.h>
#include <stdint.h>

#define LATENCY_SUB_BITS 7
#define LATENCY_EXP_MIN  (LATENCY_SUB_BITS + 1)
#define LATENCY_EXP_MAX  42
#define LATENCY_BUCKETS            \
	((1u << LATENCY_EXP_MIN) + \
	    ((LATENCY_EXP_MAX - LATENCY_EXP_MIN + 1) << LATENCY_SUB_BITS))

struct latency {
	uint64_t n;
	int64_t max_ns;
	uint32_t bucket[LATENCY_BUCKETS];
};

/* A negative time (never seen from a monotonic clock) counts as 0. */
void latency_add(struct latency *latency, int64_t ns);
/*
 * The time that `per_mille` of the answers did not exceed (500: the median);
 * at most 1 % above the true one, never above the maximum.  0 without any.
 */
int64_t latency_at(const struct latency *latency, unsigned per_mille);

/* For tests: the bucket of a value, and the greatest value in a bucket. */
size_t latency_bucket(int64_t ns);
int64_t latency_bucket_top(size_t bucket);

#endif
