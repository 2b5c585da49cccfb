/* SPDX-License-Identifier: Apache-2.0 */
/* Who clicks when, with which key; how long a retry waits. */
#include "config.h"

#include "rush/plan.h"
#include "base/bug.h"
#include "base/encode.h"
#include "rush/dice.h"

static uint32_t gcd(uint32_t a, uint32_t b)
{
	while (b != 0) {
		uint32_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

void plan_init(
    struct plan *plan, uint64_t seed, uint32_t shoppers, uint32_t keys)
{
	BUG_ON(shoppers == 0 || keys == 0);
	BUG_ON((uint64_t)shoppers * keys > PLAN_PURCHASES_MAX);
	*plan = (struct plan){
	    .seed = seed, .shoppers = shoppers, .keys = keys, .stride = 1};
	plan->offset =
	    (uint32_t)dice_below(shoppers, dice_throw(seed, DICE_ORDER, 0, 0));
	plan->stride = 1 + (uint32_t)dice_below(
			       shoppers, dice_throw(seed, DICE_ORDER, 1, 0));
	/* Only a stride without a common divisor visits everybody. */
	while (gcd(plan->stride, shoppers) != 1)
		plan->stride++;
}

uint32_t plan_purchases(const struct plan *plan)
{
	return plan->shoppers * plan->keys;
}

uint32_t plan_present(const struct plan *plan)
{
	uint32_t whole = plan->clicks / plan->keys;

	if (plan->clicks % plan->keys != 0)
		whole++;
	return whole < plan->shoppers ? whole : plan->shoppers;
}

uint32_t plan_shopper(const struct plan *plan, uint32_t i)
{
	return (uint32_t)(((uint64_t)plan->stride * i + plan->offset) %
			  plan->shoppers);
}

struct click plan_click(const struct plan *plan, uint32_t n)
{
	uint32_t place = n % plan_purchases(plan);
	uint32_t customer = plan_shopper(plan, place / plan->keys);

	return (struct click){
	    .purchase = customer * plan->keys + place % plan->keys,
	    .twice = dice_below(100, dice_throw(plan->seed, DICE_DOUBLE, n,
					 0)) < plan->double_pct,
	};
}

uint32_t plan_customer(const struct plan *plan, uint32_t purchase)
{
	return purchase / plan->keys;
}

void plan_key(
    const struct plan *plan, uint32_t purchase, char out[PLAN_KEY_LEN + 1])
{
	uint8_t bytes[PLAN_KEY_LEN / 2];
	uint64_t word = 0;

	for (size_t i = 0; i < sizeof(bytes); i++) {
		if (i % 8 == 0)
			word =
			    dice_throw(plan->seed, DICE_KEY, purchase, i / 8);
		bytes[i] = (uint8_t)(word >> (i % 8 * 8));
	}
	hex_encode(bytes, sizeof(bytes), out);
}

int64_t backoff_ms(const struct backoff *backoff, uint32_t purchase,
    uint32_t attempt, uint32_t tries, int64_t retry_after_ms)
{
	uint64_t dice =
	    dice_throw(backoff->seed, DICE_JITTER, purchase, attempt);
	int64_t base = BACKOFF_MIN_MS;
	int64_t wait;

	for (; tries > 0 && base < BACKOFF_MAX_MS / 2; tries--)
		base *= 2;
	if (base > BACKOFF_MAX_MS / 2)
		base = BACKOFF_MAX_MS / 2;
	wait = base + (int64_t)dice_below((uint64_t)base + 1, dice);
	if (retry_after_ms > backoff->cap_ms)
		retry_after_ms = backoff->cap_ms;
	if (wait >= retry_after_ms)
		return wait;
	return retry_after_ms +
	       (int64_t)dice_below((uint64_t)retry_after_ms / 4 + 1, dice);
}
