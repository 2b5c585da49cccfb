/* SPDX-License-Identifier: Apache-2.0 */
/* rush: the plan of a crowd, its waiting, and the figures of its latency. */
#include "config.h"

#include "unit.h"

#include "base/clock.h"
#include "base/str.h"
#include "rush/dice.h"
#include "rush/errands.h"
#include "rush/latency.h"
#include "rush/plan.h"

#include <string.h>

/* ---- chance -------------------------------------------------------------------- */

START_TEST(test_dice_depend_on_everything)
{
	uint64_t base = dice_throw(1, DICE_KEY, 2, 3);

	ck_assert_uint_eq(base, dice_throw(1, DICE_KEY, 2, 3));
	ck_assert_uint_ne(base, dice_throw(2, DICE_KEY, 2, 3));
	ck_assert_uint_ne(base, dice_throw(1, DICE_JITTER, 2, 3));
	ck_assert_uint_ne(base, dice_throw(1, DICE_KEY, 3, 2));
	ck_assert_uint_ne(base, dice_throw(1, DICE_KEY, 2, 4));
}
END_TEST

START_TEST(test_dice_are_fair_enough)
{
	unsigned count[10] = {0};

	for (uint64_t i = 0; i < 100000; i++) {
		uint64_t face =
		    dice_below(10, dice_throw(7, DICE_DOUBLE, i, 0));

		ck_assert_uint_lt(face, 10);
		count[face]++;
	}
	/* 10 000 +- 5 standard deviations. */
	for (size_t i = 0; i < ARRAY_LEN(count); i++) {
		ck_assert_uint_gt(count[i], 9500);
		ck_assert_uint_lt(count[i], 10500);
	}
	ck_assert_uint_eq(dice_below(1, UINT64_MAX), 0);
}
END_TEST

/* ---- the plan -------------------------------------------------------------------- */

static struct plan plan_of(
    uint64_t seed, uint32_t clicks, uint32_t shoppers, uint32_t keys)
{
	struct plan plan;

	plan_init(&plan, seed, shoppers, keys);
	plan.clicks = clicks;
	return plan;
}

static const struct {
	uint32_t shoppers;
	uint32_t keys;
} crowds[] = {{1, 1}, {1, 7}, {2, 1}, {6, 4}, {1000, 3}, {997, 1}, {4096, 1}};

START_TEST(test_every_purchase_comes_once_a_round)
{
	uint32_t n = crowds[_i].shoppers * crowds[_i].keys;
	struct plan plan =
	    plan_of(5, 2 * n, crowds[_i].shoppers, crowds[_i].keys);
	unsigned char *seen = calloc(n, 1);

	ck_assert_uint_eq(plan_purchases(&plan), n);
	for (uint32_t i = 0; i < 2 * n; i++) {
		struct click click = plan_click(&plan, i);

		ck_assert_uint_lt(click.purchase, n);
		/* The first round has each once, the second each again. */
		ck_assert_uint_eq(seen[click.purchase], i / n);
		seen[click.purchase]++;
	}
	free(seen);
}
END_TEST

START_TEST(test_keys_of_a_customer_come_together)
{
	struct plan plan = plan_of(5, 300, 100, 3);

	for (uint32_t i = 0; i < 300; i += 3) {
		uint32_t customer =
		    plan_customer(&plan, plan_click(&plan, i).purchase);

		for (uint32_t k = 0; k < 3; k++)
			ck_assert_uint_eq(plan_click(&plan, i + k).purchase,
			    customer * 3 + k);
	}
}
END_TEST

START_TEST(test_only_those_who_click_are_present)
{
	struct plan few = plan_of(1, 10, 1000, 3);
	struct plan all = plan_of(1, 9000, 1000, 3);
	struct plan exact = plan_of(1, 9, 1000, 3);

	ck_assert_uint_eq(plan_present(&few), 4);
	ck_assert_uint_eq(plan_present(&exact), 3);
	ck_assert_uint_eq(plan_present(&all), 1000);
	/* ... and they are the first ones of plan_shopper(). */
	for (uint32_t i = 0; i < 10; i++)
		ck_assert_uint_eq(
		    plan_customer(&few, plan_click(&few, i).purchase),
		    plan_shopper(&few, i / 3));
}
END_TEST

START_TEST(test_the_seed_makes_the_crowd)
{
	struct plan a = plan_of(11, 2000, 1000, 2);
	struct plan b = plan_of(11, 2000, 1000, 2);
	struct plan other = plan_of(12, 2000, 1000, 2);
	unsigned moved = 0, twice_differs = 0;

	a.double_pct = b.double_pct = other.double_pct = 30;
	for (uint32_t i = 0; i < 2000; i++) {
		char key_a[PLAN_KEY_LEN + 1], key_b[PLAN_KEY_LEN + 1];
		struct click x = plan_click(&a, i), y = plan_click(&b, i),
			     z = plan_click(&other, i);

		ck_assert_uint_eq(x.purchase, y.purchase);
		ck_assert_int_eq(x.twice, y.twice);
		plan_key(&a, x.purchase, key_a);
		plan_key(&b, x.purchase, key_b);
		ck_assert_str_eq(key_a, key_b);
		plan_key(&other, x.purchase, key_b);
		ck_assert_str_ne(key_a, key_b);
		moved += x.purchase != z.purchase;
		twice_differs += x.twice != z.twice;
	}
	ck_assert_uint_gt(moved, 1000);
	ck_assert_uint_gt(twice_differs, 100);
}
END_TEST

START_TEST(test_share_of_double_clicks)
{
	struct plan plan = plan_of(3, 10000, 10000, 1);
	unsigned twice = 0;

	for (uint32_t i = 0; i < plan.clicks; i++)
		ck_assert(!plan_click(&plan, i).twice);
	plan.double_pct = 20;
	for (uint32_t i = 0; i < plan.clicks; i++)
		twice += plan_click(&plan, i).twice;
	ck_assert_uint_gt(twice, 1800);
	ck_assert_uint_lt(twice, 2200);
	plan.double_pct = 100;
	for (uint32_t i = 0; i < plan.clicks; i++)
		ck_assert(plan_click(&plan, i).twice);
}
END_TEST

START_TEST(test_keys_are_distinct_hex)
{
	struct plan plan = plan_of(3, 1, 1000, 2);
	char first[PLAN_KEY_LEN + 1], key[PLAN_KEY_LEN + 1];

	plan_key(&plan, 0, first);
	for (uint32_t i = 1; i < 2000; i++) {
		plan_key(&plan, i, key);
		ck_assert_uint_eq(strlen(key), PLAN_KEY_LEN);
		ck_assert_uint_eq(
		    strspn(key, "0123456789abcdef"), PLAN_KEY_LEN);
		ck_assert_str_ne(first, key);
	}
}
END_TEST

/* ---- waiting ----------------------------------------------------------------------- */

static const struct {
	uint32_t tries;
	int64_t retry_after_ms;
	int64_t min_ms, max_ms;
} waits[] = {
    {0, 0, 50, 100},
    {1, 0, 100, 200},
    {2, 0, 200, 400},
    {3, 0, 400, 800},
    {4, 0, 800, 1600},
    {5, 0, 1000, 2000},
    {40, 0, 1000, 2000},
    {0, 10, 50, 100}, /* shorter than the backoff: nothing changes */
    {0, 600, 600, 750},
    {0, 1000, 1000, 1250},
    {0, 3000, 1000, 1250}, /* the cap */
    {0, 86400000, 1000, 1250},
};

START_TEST(test_backoff_schedule)
{
	const struct backoff backoff = {.seed = 9, .cap_ms = 1000};
	int64_t low = INT64_MAX, high = 0;

	for (uint32_t purchase = 0; purchase < 2000; purchase++) {
		int64_t wait = backoff_ms(&backoff, purchase, 1,
		    waits[_i].tries, waits[_i].retry_after_ms);

		ck_assert_int_ge(wait, waits[_i].min_ms);
		ck_assert_int_le(wait, waits[_i].max_ms);
		ck_assert_int_eq(
		    wait, backoff_ms(&backoff, purchase, 1, waits[_i].tries,
			      waits[_i].retry_after_ms));
		low = wait < low ? wait : low;
		high = wait > high ? wait : high;
	}
	/* The jitter uses its range, so that a herd does not stay one. */
	ck_assert_int_lt(
	    low, waits[_i].min_ms + (waits[_i].max_ms - waits[_i].min_ms) / 10);
	ck_assert_int_gt(high,
	    waits[_i].max_ms - (waits[_i].max_ms - waits[_i].min_ms) / 10);
}
END_TEST

START_TEST(test_a_cap_of_zero_ignores_retry_after)
{
	const struct backoff backoff = {.seed = 9, .cap_ms = 0};

	ck_assert_int_le(backoff_ms(&backoff, 1, 1, 0, 60000), 100);
}
END_TEST

START_TEST(test_twins_do_not_wait_the_same)
{
	const struct backoff backoff = {.seed = 9, .cap_ms = 1000};
	unsigned same = 0;

	/* The halves of a double click have different attempt numbers. */
	for (uint32_t purchase = 0; purchase < 1000; purchase++)
		same += backoff_ms(&backoff, purchase, 1, 3, 0) ==
			backoff_ms(&backoff, purchase, 2, 3, 0);
	ck_assert_uint_lt(same, 50);
}
END_TEST

START_TEST(test_errands_come_in_time)
{
	struct errands errands = {0};
	int64_t before = INT64_MIN;

	ck_assert_ptr_null(errands_first(&errands));
	for (uint32_t i = 0; i < 5000; i++)
		ck_assert(errands_push(&errands,
		    (struct errand){.due_ns = (int64_t)dice_below(
					1000, dice_throw(1, DICE_ORDER, i, 0)),
			.purchase = i}));
	for (uint32_t i = 0; i < 5000; i++) {
		struct errand errand;

		ck_assert_int_eq(
		    errands_first(&errands)->due_ns, errands.heap[0].due_ns);
		errand = errands_pop(&errands);
		ck_assert_int_ge(errand.due_ns, before);
		before = errand.due_ns;
	}
	ck_assert_ptr_null(errands_first(&errands));
	ck_assert(errands_push(&errands, (struct errand){.due_ns = 1}));
	errands_clear(&errands);
	ck_assert_ptr_null(errands_first(&errands));
	errands_free(&errands);
}
END_TEST

/* ---- latency ------------------------------------------------------------------------ */

START_TEST(test_buckets_follow_each_other)
{
	/* Each bucket begins where the one before it ends. */
	for (size_t i = 0; i + 1 < LATENCY_BUCKETS; i++) {
		int64_t top = latency_bucket_top(i);

		ck_assert_uint_eq(latency_bucket(top), i);
		ck_assert_uint_eq(latency_bucket(top + 1), i + 1);
	}
	ck_assert_uint_eq(latency_bucket(-1), 0);
	ck_assert_uint_eq(latency_bucket(INT64_MAX), LATENCY_BUCKETS - 1);
}
END_TEST

START_TEST(test_buckets_are_narrow)
{
	for (int64_t ns = 1; ns < 3600 * NS_PER_S; ns += ns / 50 + 1) {
		int64_t top = latency_bucket_top(latency_bucket(ns));

		ck_assert_int_ge(top, ns);
		/* 1 % at most. */
		ck_assert_int_le((top - ns) * 100, ns);
	}
}
END_TEST

static const struct {
	int64_t scale;
	unsigned per_mille;
	int64_t rank; /* of the values 1..1000 */
} ranks[] = {
    {1000, 0, 1},
    {1000, 1, 1},
    {1000, 500, 500},
    {1000, 990, 990},
    {1000, 999, 999},
    {1000, 1000, 1000},
    {NS_PER_MS, 500, 500},
    {NS_PER_MS, 990, 990},
    {NS_PER_S, 999, 999},
};

START_TEST(test_percentiles)
{
	struct latency *latency = calloc(1, sizeof(*latency));
	int64_t want = ranks[_i].rank * ranks[_i].scale;
	int64_t got;

	for (int64_t i = 1000; i >= 1; i--)
		latency_add(latency, i * ranks[_i].scale);
	got = latency_at(latency, ranks[_i].per_mille);
	ck_assert_uint_eq(latency->n, 1000);
	ck_assert_int_eq(latency->max_ns, 1000 * ranks[_i].scale);
	ck_assert_int_ge(got, want);
	ck_assert_int_le((got - want) * 100, want);
	free(latency);
}
END_TEST

START_TEST(test_percentiles_of_few)
{
	struct latency *latency = calloc(1, sizeof(*latency));

	ck_assert_int_eq(latency_at(latency, 500), 0);
	latency_add(latency, 1234567);
	/* A percentile is never above the maximum, which is exact. */
	ck_assert_int_eq(latency_at(latency, 500), 1234567);
	ck_assert_int_eq(latency_at(latency, 999), 1234567);
	latency_add(latency, -5);
	ck_assert_int_eq(latency_at(latency, 500), 0);
	free(latency);
}
END_TEST

TESTS_MAIN("rush plan",
    UNIT("dice depend on everything", test_dice_depend_on_everything),
    UNIT("dice are fair enough", test_dice_are_fair_enough),
    UNIT_TABLE("every purchase once a round",
	test_every_purchase_comes_once_a_round, (int)ARRAY_LEN(crowds)),
    UNIT("keys of a customer together", test_keys_of_a_customer_come_together),
    UNIT("who is present", test_only_those_who_click_are_present),
    UNIT("the seed makes the crowd", test_the_seed_makes_the_crowd),
    UNIT("share of double clicks", test_share_of_double_clicks),
    UNIT("keys are distinct hex", test_keys_are_distinct_hex),
    UNIT_TABLE("backoff", test_backoff_schedule, (int)ARRAY_LEN(waits)),
    UNIT("cap of zero", test_a_cap_of_zero_ignores_retry_after),
    UNIT("twins wait differently", test_twins_do_not_wait_the_same),
    UNIT("errands in time", test_errands_come_in_time),
    UNIT("buckets in a row", test_buckets_follow_each_other),
    UNIT("buckets are narrow", test_buckets_are_narrow),
    UNIT_TABLE("percentiles", test_percentiles, (int)ARRAY_LEN(ranks)),
    UNIT("percentiles of few", test_percentiles_of_few))
