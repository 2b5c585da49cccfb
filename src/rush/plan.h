/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The script of a rehearsal: who clicks when, with which key, who clicks twice,
 * and how long somebody waits before asking again.  Pure functions of the
 * options.  flashgate-rush only.
 *
 * A *purchase* is one customer with one Idempotency-Key, numbered
 * customer * keys + key.  Clicks of one customer with different keys stand next
 * to each other, so that they are on the wire together: that is the race that
 * evades a limit.  When every purchase had its click, the round starts again,
 * as repeats with the same key.
 */
#ifndef RUSH_PLAN_H
#define RUSH_PLAN_H

#include "base/attr.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define PLAN_PURCHASES_MAX (UINT32_C(1) << 24)
#define PLAN_KEY_LEN       32 /* hex digits */

struct plan {
	uint64_t seed;
	uint32_t clicks; /* first clicks */
	uint32_t shoppers; /* distinct customers */
	uint32_t keys; /* Idempotency-Keys of each */
	uint32_t double_pct; /* of the clicks, sent twice at once */
	/* The order in which they come: x -> (stride * x + offset) mod n. */
	uint32_t stride;
	uint32_t offset;
};

struct click {
	uint32_t purchase;
	bool twice;
};

/* `shoppers` * `keys` is at most PLAN_PURCHASES_MAX, both at least 1. */
void plan_init(
    struct plan *plan, uint64_t seed, uint32_t shoppers, uint32_t keys);
uint32_t plan_purchases(const struct plan *plan);
/* How many customers click at all: the first n of plan_shopper(). */
uint32_t plan_present(const struct plan *plan);
/* The i-th customer to come, i < shoppers. */
uint32_t plan_shopper(const struct plan *plan, uint32_t i);
/* Click `n`, n < clicks. */
struct click plan_click(const struct plan *plan, uint32_t n);
uint32_t plan_customer(const struct plan *plan, uint32_t purchase);
void plan_key(
    const struct plan *plan, uint32_t purchase, char out[PLAN_KEY_LEN + 1]);

#define BACKOFF_MIN_MS 50
#define BACKOFF_MAX_MS 2000

struct backoff {
	uint64_t seed;
	uint32_t cap_ms; /* of a Retry-After */
};

/*
 * How long to wait before repeat number `tries` (0: the first) of attempt
 * `attempt` of a purchase: a random time between 50 ms * 2^tries and twice
 * that, never more than 2 s.  `retry_after_ms` (0: none) counts up to cap_ms;
 * where it is longer than the backoff it is kept and up to a quarter of it is
 * added, since everybody was told the same.
 */
int64_t backoff_ms(const struct backoff *backoff, uint32_t purchase,
    uint32_t attempt, uint32_t tries, int64_t retry_after_ms);

#endif
