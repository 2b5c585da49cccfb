/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shoppers who wait for their next attempt, the earliest first: a binary heap.
 * flashgate-rush only.
 */
#ifndef RUSH_ERRANDS_H
#define RUSH_ERRANDS_H

#include "base/attr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One shopper's way to an answer: the same customer and key until it is had. */
struct errand {
	int64_t due_ns; /* of mono_ns(): when the next attempt is to go out */
	uint32_t purchase;
	uint32_t tries; /* attempts made before this one */
};

struct errands {
	struct errand *heap;
	size_t n;
	size_t size;
};

/* A zeroed value is an empty heap. */
void errands_free(struct errands *errands);
/* False when memory is out. */
bool errands_push(struct errands *errands, struct errand errand) ATTR_MUSTUSE;
/* The earliest, NULL when nobody waits. */
const struct errand *errands_first(const struct errands *errands);
/* Takes out the earliest; there must be one. */
struct errand errands_pop(struct errands *errands);
/* Everybody goes home. */
void errands_clear(struct errands *errands);

#endif
