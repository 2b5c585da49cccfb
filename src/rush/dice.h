/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that a rehearsal leaves to chance, without a state: the throw is a
 * pure function of the seed, what it is for and two numbers, so that the same
 * seed gives the same crowd whatever the order of the answers was.
 * flashgate-rush only.
 */
#ifndef RUSH_DICE_H
#define RUSH_DICE_H

#include <stdint.h>

/* One stream of numbers for each use, so that none leans on another. */
enum dice_use {
	DICE_ORDER, /* in which order the shoppers come */
	DICE_KEY, /* the bytes of an Idempotency-Key */
	DICE_DOUBLE, /* which click is sent twice */
	DICE_JITTER /* how long a retry waits */
};

uint64_t dice_throw(uint64_t seed, enum dice_use use, uint64_t a, uint64_t b);
/* 0 .. n-1, n >= 1. */
uint64_t dice_below(uint64_t n, uint64_t throw_);

#endif
