/* SPDX-License-Identifier: Apache-2.0 */
/* pool/policy: how many children to start, and when.  Tables, no process. */
#include "config.h"

#include "unit.h"

#include "base/clock.h"
#include "pool/policy.h"

#define MS(n) ((n)*NS_PER_MS)
/* Any moment: the policy must not care where the clock started. */
#define T0 MS(INT64_C(5000000))

static const struct {
	const char *name;
	struct policy_life life; /* times in ms after T0 */
	enum policy_death death;
} lives[] = {
    {"never ready, failed", {false, false, false, false, 0, 50, 0},
	POLICY_STILLBORN},
    {"never ready, exit 0", {false, false, true, false, 0, 50, 0},
	POLICY_STILLBORN},
    {"never ready, after an hour", {false, false, false, false, 0, 3600000, 0},
	POLICY_STILLBORN},
    {"ready, crashed at once", {true, false, false, false, 50, 1049, 0},
	POLICY_STILLBORN},
    {"ready, exit 0 at once, unannounced",
	{true, false, true, false, 50, 60, 0}, POLICY_STILLBORN},
    {"ready, crashed after a second", {true, false, false, false, 50, 1050, 0},
	POLICY_CRASHED},
    {"crashed in its first request", {true, false, false, false, 50, 60, 1},
	POLICY_CRASHED},
    {"exit 0, unannounced, after work", {true, false, true, false, 50, 5000, 7},
	POLICY_CRASHED},
    {"announced, but failed", {true, true, false, false, 50, 5000, 7},
	POLICY_CRASHED},
    {"told to leave at once", {true, true, true, false, 50, 60, 0},
	POLICY_LEFT},
    {"max_requests", {true, true, true, false, 50, 60000, 500}, POLICY_LEFT},
    {"killed by the master", {true, false, false, true, 50, 60, 1},
	POLICY_LEFT},
    {"killed while it left", {true, true, false, true, 50, 5000, 7},
	POLICY_LEFT},
    {"killed before it was ready", {false, false, false, true, 0, 50, 0},
	POLICY_STILLBORN},
};

START_TEST(test_classify)
{
	struct policy_life life = lives[_i].life;

	life.ready_ns = T0 + MS(life.ready_ns);
	life.died_ns = T0 + MS(life.died_ns);
	ck_assert_msg(pool_policy_classify(&life) == lives[_i].death, "%s",
	    lives[_i].name);
}
END_TEST

/* Plans from a policy in a given state; times in ms after T0, now is T0. */
static const struct {
	const char *name;
	struct policy_count count; /* want, alive, starting */
	unsigned step;
	int64_t not_before;
	bool probed;
	int64_t debt;
	unsigned spawn;
	int64_t again; /* -1: never */
} plans[] = {
    {"first fill", {16, 0, 0}, 0, 0, false, 0, 16, -1},
    {"full", {16, 16, 0}, 0, 0, false, 0, 0, -1},
    {"full of starting ones", {16, 16, 16}, 0, 0, false, 0, 0, -1},
    {"wants none", {0, 0, 0}, 0, 0, false, 0, 0, -1},
    {"more than wanted", {4, 5, 0}, 0, 0, false, 0, 0, -1},
    {"one missing", {16, 15, 3}, 0, 0, false, 0, 1, -1},
    {"pause", {16, 0, 0}, 1, 100, false, 0, 0, 100},
    {"pause, even with a good report", {16, 3, 0}, 1, 100, true, 0, 0, 100},
    {"pause over: one probe", {16, 0, 0}, 1, 0, false, 0, 1, -1},
    {"probe under way", {16, 1, 1}, 1, 0, false, 0, 0, -1},
    {"probe beside healthy ones", {16, 15, 0}, 3, -1, false, 0, 1, -1},
    {"probe was good: all", {16, 1, 0}, 1, 0, true, 0, 15, -1},
    {"crashes within the burst", {16, 6, 0}, 0, 0, false, 1000, 10, -1},
    {"one above the burst", {16, 5, 0}, 0, 0, false, 1001, 10, 1},
    {"all 64 at once", {64, 0, 0}, 0, 0, false, 6400, 10, 100},
    {"debt above what is missing", {4, 0, 0}, 0, 0, false, 2000, 0, 100},
    {"debt long paid", {4, 0, 0}, 0, 0, false, -5000, 4, -1},
};

START_TEST(test_plan)
{
	struct policy policy;
	struct policy_plan plan;

	pool_policy_init(&policy);
	policy.step = plans[_i].step;
	policy.not_before_ns = T0 + MS(plans[_i].not_before);
	policy.probed = plans[_i].probed;
	policy.debt_ns = T0 + MS(plans[_i].debt);
	plan = pool_policy_plan(&policy, plans[_i].count, T0);
	ck_assert_msg(plan.spawn == plans[_i].spawn, "%s: spawns %u",
	    plans[_i].name, plan.spawn);
	if (plans[_i].again < 0)
		ck_assert_msg(
		    plan.again_ns == POLICY_NEVER, "%s", plans[_i].name);
	else
		ck_assert_msg(plan.again_ns == T0 + MS(plans[_i].again),
		    "%s: again after %lld ns", plans[_i].name,
		    (long long)(plan.again_ns - T0));
}
END_TEST

/* Every birth fails `life_ms` after it: how many within `run_ms`? */
static unsigned births_of_a_broken_app(
    unsigned want, int64_t life_ms, int64_t run_ms, unsigned *said)
{
	struct policy policy;
	int64_t now = T0, born = 0;
	unsigned alive = 0, births = 0;

	pool_policy_init(&policy);
	*said = 0;
	while (now < T0 + MS(run_ms)) {
		struct policy_plan plan = pool_policy_plan(
		    &policy, (struct policy_count){want, alive, alive}, now);

		births += plan.spawn;
		alive += plan.spawn;
		if (alive == 0) {
			ck_assert_int_gt(plan.again_ns, now);
			now = plan.again_ns;
			continue;
		}
		born = now;
		now += MS(life_ms);
		for (; alive > 0; alive--)
			*said += pool_policy_died(
			    &policy, POLICY_STILLBORN, born, now);
	}
	return births;
}

START_TEST(test_broken_app_is_born_seldom_and_said_seldom)
{
	unsigned said;

	/* 16 at once are one wave; then a probe after 100 ms, 200 ... 5 s. */
	ck_assert_uint_eq(births_of_a_broken_app(16, 1, 60000, &said), 16 + 16);
	ck_assert_uint_ge(said, 7);
	ck_assert_uint_le(said, 8);
	ck_assert_uint_eq(births_of_a_broken_app(1, 1, 1000, &said), 1 + 3);
	/* A slow failure is not hurried by its own slowness. */
	ck_assert_uint_le(births_of_a_broken_app(1, 4000, 60000, &said), 12);
	/* An hour: the last pause stays, and a line a minute. */
	ck_assert_uint_le(births_of_a_broken_app(4, 1, 3600000, &said), 735);
	ck_assert_uint_ge(said, 60);
	ck_assert_uint_le(said, 70);
}
END_TEST

START_TEST(test_pauses)
{
	static const int64_t pauses[] = {
	    100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000};
	struct policy policy;
	int64_t now = T0;

	pool_policy_init(&policy);
	ck_assert_int_eq(pool_policy_pause_ms(&policy), 0);
	for (size_t i = 0; i < ARRAY_LEN(pauses); i++) {
		pool_policy_died(&policy, POLICY_STILLBORN, now, now + 1);
		ck_assert_int_eq(pool_policy_pause_ms(&policy), pauses[i]);
		ck_assert_int_eq(policy.not_before_ns, now + 1 + MS(pauses[i]));
		now = policy.not_before_ns;
	}
}
END_TEST

START_TEST(test_wave_is_one_step)
{
	struct policy policy;

	pool_policy_init(&policy);
	ck_assert(pool_policy_died(&policy, POLICY_STILLBORN, T0, T0 + MS(10)));
	for (int i = 1; i < 16; i++)
		ck_assert(!pool_policy_died(
		    &policy, POLICY_STILLBORN, T0, T0 + MS(10 + i)));
	ck_assert_uint_eq(policy.step, 1);
	/* The next one is of the next wave. */
	ck_assert(pool_policy_died(
	    &policy, POLICY_STILLBORN, T0 + MS(110), T0 + MS(120)));
	ck_assert_uint_eq(policy.step, 2);
}
END_TEST

START_TEST(test_success_must_last_to_end_a_series)
{
	struct policy policy;
	int64_t now = T0;

	pool_policy_init(&policy);
	/* Ready each time, dead half a second later: the pause still grows. */
	for (unsigned i = 1; i <= 4; i++) {
		pool_policy_ready(&policy, now);
		pool_policy_died(&policy, POLICY_STILLBORN, now, now + MS(500));
		ck_assert_uint_eq(policy.step, i);
		now = policy.not_before_ns;
	}
	/* Ready, and a second of peace: the next failure is a new story. */
	pool_policy_ready(&policy, now);
	pool_policy_died(
	    &policy, POLICY_STILLBORN, now + MS(900), now + MS(1000));
	ck_assert_uint_eq(policy.step, 1);
}
END_TEST

START_TEST(test_crashes_are_replaced_in_a_burst_then_steadily)
{
	struct policy policy;
	unsigned alive = 0;
	int64_t now = T0;

	pool_policy_init(&policy);
	for (int i = 0; i < 64; i++)
		ck_assert(!pool_policy_died(
		    &policy, POLICY_CRASHED, T0 - MS(60000), T0));
	while (alive < 64) {
		struct policy_plan plan = pool_policy_plan(
		    &policy, (struct policy_count){64, alive, 0}, now);

		alive += plan.spawn;
		ck_assert_uint_le(alive, 10 + (unsigned)((now - T0) / MS(100)));
		if (alive < 64) {
			ck_assert_int_gt(plan.again_ns, now);
			now = plan.again_ns;
		}
	}
	ck_assert_int_eq(now, T0 + MS(5400));
	/* Single deaths, far enough apart, never wait. */
	now += MS(10000);
	for (int i = 0; i < 100; i++, now += MS(100)) {
		pool_policy_died(&policy, POLICY_CRASHED, T0, now);
		ck_assert_uint_eq(pool_policy_plan(&policy,
				      (struct policy_count){64, 63, 0}, now)
				      .spawn,
		    1);
	}
}
END_TEST

START_TEST(test_leaving_costs_nothing)
{
	struct policy policy;

	pool_policy_init(&policy);
	for (int i = 0; i < 1000; i++)
		ck_assert(!pool_policy_died(&policy, POLICY_LEFT, T0, T0 + i));
	ck_assert_uint_eq(
	    pool_policy_plan(&policy, (struct policy_count){64, 0, 0}, T0)
		.spawn,
	    64);
}
END_TEST

START_TEST(test_limits_are_spread)
{
	bool seen[21] = {false};

	ck_assert_uint_eq(pool_policy_spread(0, 5), 0);
	for (unsigned index = 0; index < 21; index++) {
		uint64_t limit = pool_policy_spread(1000, index);

		ck_assert_uint_ge(limit, 900);
		ck_assert_uint_le(limit, 1100);
		ck_assert_uint_eq(limit % 10, 0);
		ck_assert(!seen[(limit - 900) / 10]);
		seen[(limit - 900) / 10] = true;
		ck_assert_uint_ge(pool_policy_spread(1, index), 1);
	}
	ck_assert_uint_eq(pool_policy_spread(1000, 0), 1000);
	ck_assert_uint_eq(pool_policy_spread(7, 0), 7);
	ck_assert_uint_eq(pool_policy_spread(UINT64_MAX, 3), UINT64_MAX);
}
END_TEST

START_TEST(test_asks_a_little_before_the_limit)
{
	ck_assert_uint_eq(pool_policy_request_ask(0), 0);
	ck_assert_uint_eq(pool_policy_request_ask(1), 1);
	ck_assert_uint_eq(pool_policy_request_ask(19), 19);
	ck_assert_uint_eq(pool_policy_request_ask(20), 19);
	ck_assert_uint_eq(pool_policy_request_ask(1000), 950);
	ck_assert_uint_eq(pool_policy_request_ask(100000), 99900);
	ck_assert_uint_eq(
	    pool_policy_request_ask(UINT64_MAX), UINT64_MAX - 100);
}
END_TEST

TESTS_MAIN("pool/policy",
    UNIT_TABLE("classify", test_classify, ARRAY_LEN(lives)),
    UNIT_TABLE("plan", test_plan, ARRAY_LEN(plans)),
    UNIT("broken", test_broken_app_is_born_seldom_and_said_seldom),
    UNIT("pauses", test_pauses), UNIT("wave", test_wave_is_one_step),
    UNIT("series", test_success_must_last_to_end_a_series),
    UNIT("crashes", test_crashes_are_replaced_in_a_burst_then_steadily),
    UNIT("leaving", test_leaving_costs_nothing),
    UNIT("spread", test_limits_are_spread),
    UNIT("ask", test_asks_a_little_before_the_limit))
