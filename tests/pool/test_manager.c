/* SPDX-License-Identifier: Apache-2.0 */
/* pool/manager: how many children there are to be.  Tables, no process. */
#include "config.h"

#include "unit.h"

#include "base/clock.h"
#include "pool/manager.h"

#define MS(n) ((n)*NS_PER_MS)
/* Any moment: the manager must not care where the clock started. */
#define T0   MS(INT64_C(5000000))
#define IDLE 10000 /* ms */

static const struct pool_size dynamic = {.manager = POOL_DYNAMIC,
    .start = 6,
    .min_spare = 4,
    .max_spare = 8,
    .idle_ms = IDLE};
static const struct pool_size ondemand = {
    .manager = POOL_ONDEMAND, .idle_ms = IDLE};
static const struct pool_size fixed = {.manager = POOL_STATIC};

/* One look at a manager that remembers nothing. */
static const struct {
	const char *name;
	const struct pool_size *size;
	struct manager_look look; /* idle busy starting holding max known queue
				     moved */
	unsigned want, let_go;
} firsts[] = {
    {"static: always all", &fixed, {3, 1, 0, 0, 16, true, 9, true, 0}, 16, 0},
    {"static: nobody is let go", &fixed, {16, 0, 0, 0, 16, true, 0, false, 0},
	16, 0},

    {"dynamic: within the band", &dynamic, {6, 0, 0, 0, 200, true, 0, false, 0},
	6, 0},
    {"at its lower end", &dynamic, {4, 10, 0, 0, 200, true, 0, true, 0}, 14, 0},
    {"one spare is missing", &dynamic, {3, 11, 0, 0, 200, true, 0, true, 0}, 15,
	0},
    {"that one is starting already", &dynamic,
	{3, 11, 1, 0, 200, true, 0, true, 0}, 15, 0},
    {"a queue: all of it, at once", &dynamic,
	{0, 4, 0, 0, 200, true, 150, true, 0}, 158, 0},
    {"what idles will take its part of it", &dynamic,
	{2, 4, 0, 0, 200, true, 3, true, 0}, 11, 0},
    {"never above max_children", &dynamic,
	{0, 4, 0, 0, 200, true, 4000, true, 0}, 200, 0},
    {"not even the spare", &dynamic, {0, 199, 0, 0, 200, true, 0, true, 0}, 200,
	0},
    {"full", &dynamic, {0, 200, 0, 0, 200, true, 500, true, 0}, 200, 0},
    {"nobody is there", &dynamic, {0, 0, 0, 0, 200, true, 0, false, 0}, 4, 0},
    {"a surplus goes by quarters", &dynamic,
	{48, 0, 0, 0, 200, true, 0, false, 0}, 38, 10},
    {"the last of it, too", &dynamic, {9, 0, 0, 0, 200, true, 0, false, 0}, 8,
	1},
    {"only idle ones can go", &dynamic, {1, 30, 0, 0, 200, true, 0, true, 0},
	34, 0},
    {"not while others start", &dynamic, {48, 0, 1, 0, 200, true, 0, false, 0},
	49, 0},
    {"unknown, and some wait", &dynamic, {0, 4, 0, 0, 200, false, 1, true, 0},
	9, 0},
    {"unknown, and none wait", &dynamic, {0, 4, 0, 0, 200, false, 0, true, 0},
	8, 0},

    {"ondemand: none", &ondemand, {0, 0, 0, 0, 200, true, 0, false, 0}, 0, 0},
    {"the first", &ondemand, {0, 0, 0, 0, 200, true, 1, false, 0}, 1, 0},
    {"as many as wait", &ondemand, {0, 3, 0, 0, 200, true, 50, true, 0}, 53, 0},
    {"some are starting for them", &ondemand,
	{0, 3, 50, 0, 200, true, 50, true, 0}, 53, 0},
    {"no spare", &ondemand, {0, 3, 0, 0, 200, true, 0, true, 0}, 3, 0},
    {"nobody needs it", &ondemand, {1, 0, 0, 0, 200, true, 0, false, 0}, 0, 1},
    {"too short to be seen", &ondemand, {1, 0, 0, 0, 200, true, 0, true, 0}, 1,
	0},
    {"the last one holds connections", &ondemand,
	{1, 0, 0, 1, 200, true, 0, false, 0}, 1, 0},
    {"one of two holds some", &ondemand, {2, 0, 0, 1, 200, true, 0, false, 0},
	1, 1},
    {"a full queue", &ondemand, {0, 0, 0, 0, 200, true, 4096, false, 0}, 200,
	0},
};

static struct manager_plan plan_at(struct manager *manager,
    const struct pool_size *size, struct manager_look look, int64_t ms)
{
	look.now_ns = T0 + MS(ms);
	return pool_manager_plan(manager, size, &look);
}

START_TEST(test_first_look)
{
	struct manager manager;
	struct manager_plan plan;

	pool_manager_init(&manager, firsts[_i].size, 0, T0);
	plan = plan_at(&manager, firsts[_i].size, firsts[_i].look, 0);
	ck_assert_msg(
	    plan.want == firsts[_i].want && plan.let_go == firsts[_i].let_go,
	    "%s: want %u, let go %u", firsts[_i].name, plan.want, plan.let_go);
}
END_TEST

static const struct {
	const char *name;
	const struct pool_size *size;
	unsigned max, in_use, first;
} births[] = {
    {"static", &fixed, 16, 3, 16},
    {"dynamic begins with start_servers", &dynamic, 200, 0, 6},
    {"the load before it is carried on", &dynamic, 200, 50, 54},
    {"dynamic, above max_children", &dynamic, 32, 50, 32},
    {"max_children below start_servers", &dynamic, 5, 0, 5},
    {"ondemand", &ondemand, 200, 0, 0},
    {"ondemand under load", &ondemand, 200, 50, 50},
    {"ondemand, above max_children", &ondemand, 32, 50, 32},
};

START_TEST(test_a_generation_begins)
{
	ck_assert_msg(pool_manager_first(births[_i].size, births[_i].max,
			  births[_i].in_use) == births[_i].first,
	    "%s", births[_i].name);
}
END_TEST

/* A burst that came and went: everybody stays for idle_ms, whatever is seen
 * meanwhile, and then goes within seconds, down to the band and no further. */
START_TEST(test_shrinks_by_the_recent_peak)
{
	const struct pool_size *size = _i == 0 ? &dynamic : &ondemand;
	const unsigned last = _i == 0 ? 8 : 0;
	struct manager_look look = {
	    .busy = 100, .max = 200, .queue_known = true, .moved = true};
	struct manager manager;
	struct manager_plan plan;
	unsigned there;
	int64_t ms = 100, done = 0;

	pool_manager_init(&manager, size, 0, T0);
	plan = plan_at(&manager, size, look, 0);
	there = plan.want;
	for (; ms < IDLE; ms += 100) {
		plan = plan_at(&manager, size,
		    (struct manager_look){
			.idle = there, .max = 200, .queue_known = true},
		    ms);
		ck_assert_uint_eq(plan.let_go, 0);
		ck_assert_uint_eq(plan.want, there);
	}
	for (; ms < 2 * IDLE; ms += 100) {
		plan = plan_at(&manager, size,
		    (struct manager_look){
			.idle = there, .max = 200, .queue_known = true},
		    ms);
		ck_assert_uint_eq(plan.want, there - plan.let_go);
		there = plan.want;
		if (there == last && done == 0)
			done = ms;
	}
	ck_assert_uint_eq(there, last);
	ck_assert_int_ge(done, IDLE);
	ck_assert_int_le(done, IDLE + IDLE / 16 + 2500);
}
END_TEST

/* One short request every two seconds is enough for one to stay. */
START_TEST(test_ondemand_keeps_what_is_used_now_and_then)
{
	struct manager_look look = {.idle = 1, .max = 8, .queue_known = true};
	struct manager manager;

	pool_manager_init(&manager, &ondemand, 0, T0);
	for (int64_t ms = 0; ms < 60000; ms += 100) {
		struct manager_plan plan;

		look.moved = ms % 2000 == 0;
		plan = plan_at(&manager, &ondemand, look, ms);
		ck_assert_uint_eq(plan.want, 1);
	}
}
END_TEST

/* Someone who died in a quiet moment: the peak of a dynamic group is kept
 * ready for, one of an ondemand group is not needed. */
START_TEST(test_a_death_after_the_peak)
{
	struct manager_look look = {.busy = 10,
	    .idle = 4,
	    .max = 200,
	    .queue_known = true,
	    .moved = true};
	struct manager manager;

	pool_manager_init(&manager, &dynamic, 0, T0);
	ck_assert_uint_eq(plan_at(&manager, &dynamic, look, 0).want, 14);
	look =
	    (struct manager_look){.idle = 13, .max = 200, .queue_known = true};
	ck_assert_uint_eq(plan_at(&manager, &dynamic, look, 100).want, 14);

	pool_manager_init(&manager, &ondemand, 0, T0);
	look = (struct manager_look){
	    .busy = 10, .max = 200, .queue_known = true, .moved = true};
	ck_assert_uint_eq(plan_at(&manager, &ondemand, look, 0).want, 10);
	look =
	    (struct manager_look){.idle = 9, .max = 200, .queue_known = true};
	ck_assert_uint_eq(plan_at(&manager, &ondemand, look, 100).want, 9);
}
END_TEST

/* php-fpm's ondemand starts one an event; ours doubles while the kernel does
 * not say how many wait. */
START_TEST(test_unknown_queue_grows_faster_each_time)
{
	static const unsigned wants[] = {1, 3, 7, 15, 31, 63, 127, 200, 200};
	struct manager_look look = {.max = 200, .queue = 1};
	struct manager manager;

	pool_manager_init(&manager, &ondemand, 0, T0);
	for (size_t i = 0; i < ARRAY_LEN(wants); i++) {
		struct manager_plan plan =
		    plan_at(&manager, &ondemand, look, (int64_t)(2 * i) * 100);

		ck_assert_uint_eq(plan.want, wants[i]);
		/* They start, and that is no reason for more. */
		look.starting = plan.want - look.busy;
		plan = plan_at(
		    &manager, &ondemand, look, (int64_t)(2 * i + 1) * 100);
		ck_assert_uint_eq(plan.want, wants[i]);
		look.starting = 0;
		look.busy = plan.want;
	}
}
END_TEST

START_TEST(test_idle_ones_that_take_nothing_do_not_count)
{
	struct manager_look look = {
	    .idle = 1, .max = 8, .queue_known = true, .queue = 2};
	struct manager manager;
	int64_t ms = 0;

	pool_manager_init(&manager, &ondemand, 0, T0);
	for (int i = 1; i < MANAGER_STUCK_LOOKS; i++, ms += 100)
		ck_assert_uint_eq(
		    plan_at(&manager, &ondemand, look, ms).want, 2);
	ck_assert_uint_eq(plan_at(&manager, &ondemand, look, ms).want, 3);
	/* Somebody served: then they are only slow. */
	look.moved = true;
	ck_assert_uint_eq(plan_at(&manager, &ondemand, look, ms + 100).want, 2);
}
END_TEST

START_TEST(test_spawn_max_bounds_what_comes_in_100_ms)
{
	struct pool_size size = dynamic;
	struct manager_look look = {
	    .idle = 4, .max = 200, .queue_known = true, .queue = 150};
	struct manager manager;

	size.spawn_max = 32;
	pool_manager_init(&manager, &size, 0, T0);
	ck_assert_uint_eq(plan_at(&manager, &size, look, 0).want, 36);
	look.starting = 32;
	/* Looks in between, as when a child dies or a connection comes. */
	ck_assert_uint_eq(plan_at(&manager, &size, look, 10).want, 36);
	ck_assert_uint_eq(plan_at(&manager, &size, look, 99).want, 36);
	ck_assert_uint_eq(plan_at(&manager, &size, look, 100).want, 68);
}
END_TEST

static const struct {
	const struct pool_size *size;
	unsigned max;
	uint64_t active, idle;
	bool full;
} fulls[] = {
    {&fixed, 16, 15, 1, false},
    {&fixed, 16, 16, 0, true},
    {&ondemand, 16, 15, 0, false},
    {&ondemand, 16, 16, 0, true},
    /* min_spare cannot be had any more. */
    {&dynamic, 16, 12, 4, false},
    {&dynamic, 16, 13, 3, true},
    {&dynamic, 16, 16, 0, true},
    /* More are on their way. */
    {&dynamic, 16, 8, 2, false},
    /* Two generations, and one of them waits for work. */
    {&fixed, 16, 17, 15, false},
    /* A board that lies. */
    {&dynamic, 16, UINT64_C(1) << 40, 0, true},
};

START_TEST(test_full)
{
	ck_assert_int_eq(pool_manager_is_full(fulls[_i].size, fulls[_i].max,
			     fulls[_i].active, fulls[_i].idle),
	    fulls[_i].full);
}
END_TEST

/* Once an episode, and a breath within it does not make two of it. */
START_TEST(test_an_episode_is_told_once)
{
	struct manager_look full = {.busy = 16, .max = 16, .queue_known = true},
			    calm = {.idle = 16, .max = 16, .queue_known = true};
	struct manager manager;

	pool_manager_init(&manager, &ondemand, 0, T0);
	ck_assert(plan_at(&manager, &ondemand, full, 0).full);
	ck_assert(!plan_at(&manager, &ondemand, full, 100).full);
	ck_assert(!plan_at(&manager, &ondemand, calm, 200).full);
	ck_assert(!plan_at(&manager, &ondemand, full, 300).full);
	ck_assert(!plan_at(&manager, &ondemand, calm, 1299).full);
	ck_assert(!plan_at(&manager, &ondemand, full, 1300).full);
	ck_assert(!plan_at(&manager, &ondemand, calm, 2300).full);
	ck_assert(plan_at(&manager, &ondemand, full, 2400).full);
}
END_TEST

/* Whatever it is shown: never above max_children, never below nothing, and
 * nobody is let go who is not idle. */
START_TEST(test_no_look_makes_nonsense)
{
	struct manager manager;
	uint32_t random = 12345;
	const struct pool_size *size = _i == 0 ? &dynamic : &ondemand;

	pool_manager_init(&manager, size, 0, T0);
	for (int i = 0; i < 20000; i++) {
		struct manager_look look = {.max = 64};
		struct manager_plan plan;
		unsigned there;

		random = random * 1664525 + 1013904223;
		look.idle = random >> 8 & 31;
		look.busy = random >> 13 & 15;
		look.starting = random >> 17 & 15;
		look.holding = look.idle / 2;
		look.queue = (random >> 21 & 1) ? random >> 22 : 0;
		look.queue_known = (random & 64) != 0;
		look.moved = (random & 128) != 0;
		there = look.idle + look.busy + look.starting;
		plan = plan_at(&manager, size, look,
		    (int64_t)i * ((random & 4096) ? 3 : 170));
		/* One assert: each costs a write, and valgrind is slow. */
		ck_assert(
		    plan.want <= 64 && plan.let_go <= look.idle &&
		    (plan.let_go == 0 || plan.want + plan.let_go == there) &&
		    (plan.want > 0 ||
			(look.holding == 0 && size == &ondemand)));
	}
}
END_TEST

TESTS_MAIN("pool/manager",
    UNIT_TABLE("first", test_first_look, ARRAY_LEN(firsts)),
    UNIT_TABLE("begins", test_a_generation_begins, ARRAY_LEN(births)),
    UNIT_TABLE("shrinks", test_shrinks_by_the_recent_peak, 2),
    UNIT("seldom", test_ondemand_keeps_what_is_used_now_and_then),
    UNIT("death", test_a_death_after_the_peak),
    UNIT("unknown", test_unknown_queue_grows_faster_each_time),
    UNIT("stuck", test_idle_ones_that_take_nothing_do_not_count),
    UNIT("spawn_max", test_spawn_max_bounds_what_comes_in_100_ms),
    UNIT_TABLE("full", test_full, ARRAY_LEN(fulls)),
    UNIT("episode", test_an_episode_is_told_once),
    UNIT_TABLE("nonsense", test_no_look_makes_nonsense, 2))
