/* SPDX-License-Identifier: Apache-2.0 */
/* A keyed mix of 64 bits; no state, no libc generator. */
#include "config.h"

#include "rush/dice.h"

/*
 * The finalizer of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): a bijection
 * in which every bit of the input moves half of the output.
 */
static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

uint64_t dice_throw(uint64_t seed, enum dice_use use, uint64_t a, uint64_t b)
{
	const uint64_t golden = UINT64_C(0x9e3779b97f4a7c15);
	uint64_t x = mix(seed + golden);

	x = mix(x + golden * ((uint64_t)use + 1));
	x = mix(x + golden * (a + 1));
	return mix(x + golden * (b + 1));
}

uint64_t dice_below(uint64_t n, uint64_t throw_)
{
	return (uint64_t)(((unsigned __int128)throw_ * n) >> 64);
}
