/* SPDX-License-Identifier: Apache-2.0 */
/* pool: who is worn out, who may go, who is stuck, when it is a crash loop.
 * Tables, no process. */
#include "config.h"

#include "unit.h"

#include "base/clock.h"
#include "pool/breaker.h"
#include "pool/overdue.h"
#include "pool/recycle.h"
#include "pool/wear.h"

#include <sys/mman.h>

#define MS(n) ((n)*NS_PER_MS)
#define S(n)  ((n)*NS_PER_S)
/* Any moment: nothing must depend on where the clock started. */
#define T0 S(INT64_C(5000))

/* ---- wear ---------------------------------------------------------------- */

static const struct {
	const char *name;
	struct wear_limits limits;
	struct wear_facts facts;
	enum board_cause cause;
} wears[] = {
    {"no limit", {0, 0, 0}, {1u << 30, 1u << 30, S(1000)}, BOARD_CAUSE_NONE},
    {"below all", {10, 1000, S(5)}, {9, 1000, S(5) - 1}, BOARD_CAUSE_NONE},
    {"requests", {10, 1000, S(5)}, {10, 0, 0}, BOARD_CAUSE_MAX_REQUESTS},
    {"more requests", {10, 0, 0}, {11, 0, 0}, BOARD_CAUSE_MAX_REQUESTS},
    {"size", {10, 1000, S(5)}, {1, 1001, 0}, BOARD_CAUSE_MAX_RSS},
    {"size not known", {10, 1000, S(5)}, {1, 0, 0}, BOARD_CAUSE_NONE},
    {"age", {10, 1000, S(5)}, {0, 0, S(5)}, BOARD_CAUSE_MAX_LIFETIME},
    {"all: what costs most", {10, 1000, S(5)}, {10, 1001, S(5)},
	BOARD_CAUSE_MAX_RSS},
};

START_TEST(test_wear)
{
	ck_assert_msg(pool_wear_judge(&wears[_i].limits, &wears[_i].facts) ==
			  wears[_i].cause,
	    "%s", wears[_i].name);
}
END_TEST

START_TEST(test_limits_of_a_group)
{
	const struct pool_group group = {.max_requests = 1000,
	    .max_rss_bytes = 4096,
	    .max_lifetime_ms = 60000};
	const struct pool_group none = {0};
	struct wear_limits first = pool_wear_limits(&group, 0);
	struct wear_limits second = pool_wear_limits(&group, 1);
	struct wear_limits never = pool_wear_limits(&none, 3);

	/* A twentieth before the limit it asks. */
	ck_assert_uint_eq(first.requests, 950);
	ck_assert_int_eq(first.lifetime_ns, S(60));
	ck_assert_uint_ne(second.requests, first.requests);
	ck_assert_int_ne(second.lifetime_ns, first.lifetime_ns);
	/* What it costs does not depend on who it is. */
	ck_assert_uint_eq(second.rss_bytes, first.rss_bytes);
	ck_assert_uint_eq(
	    never.requests + never.rss_bytes + (uint64_t)never.lifetime_ns, 0);
}
END_TEST

START_TEST(test_asks_once_and_again_later)
{
	const struct wear_limits limits = {.requests = 3};
	struct wear wear;
	int64_t asked_ns;

	pool_wear_open(&wear, &limits, mono_ns());
	ck_assert_int_eq(pool_wear_next_ns(&wear, 2), INT64_MAX);
	ck_assert(!pool_wear_turn(&wear, 2));
	ck_assert(pool_wear_turn(&wear, 3));
	ck_assert_int_eq(wear.cause, BOARD_CAUSE_MAX_REQUESTS);
	asked_ns = wear.asked_ns;
	ck_assert(!pool_wear_turn(&wear, 4));
	ck_assert_int_eq(
	    pool_wear_next_ns(&wear, 4), asked_ns + MS(WEAR_AGAIN_MS));
	/* As if the time had passed: the master may have been stopped. */
	wear.asked_ns -= MS(WEAR_AGAIN_MS);
	ck_assert(pool_wear_turn(&wear, 4));
	pool_wear_close(&wear);
}
END_TEST

START_TEST(test_own_size_is_seen)
{
	const size_t more = 16u << 20;
	const struct wear_limits nothing = {.rss_bytes = 1};
	struct wear_limits limits = nothing;
	struct wear wear;
	void *memory;

	/* With /proc, and as if there were none. */
	pool_wear_open(&wear, &nothing, mono_ns());
	if (_i == 1)
		pool_wear_close(&wear);
	ck_assert(pool_wear_turn(&wear, 1));
	ck_assert_uint_gt(wear.rss_bytes, 65536);
	limits.rss_bytes = wear.rss_bytes + more / 2;
	pool_wear_close(&wear);
	/* A peak may be far above what is in use: no growth to be seen. */
	if (_i == 1)
		return;

	pool_wear_open(&wear, &limits, mono_ns());
	ck_assert(!pool_wear_turn(&wear, 1));
	memory = mmap(NULL, more, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	ck_assert_ptr_ne(memory, MAP_FAILED);
	/* Not with each request; when it has served many, or after a while. */
	ck_assert(!pool_wear_turn(&wear, 2));
	ck_assert_int_eq(
	    pool_wear_next_ns(&wear, 2), wear.looked_ns + MS(WEAR_LOOK_MS));
	ck_assert(pool_wear_turn(&wear, 1 + WEAR_LOOK_REQUESTS));
	ck_assert_int_eq(wear.cause, BOARD_CAUSE_MAX_RSS);
	ck_assert_int_eq(munmap(memory, more), 0);
	pool_wear_close(&wear);
}
END_TEST

START_TEST(test_limit_below_the_first_size_is_none)
{
	const struct wear_limits low = {.rss_bytes = 4096, .requests = 5},
				 high = {.rss_bytes = UINT64_MAX / 2};
	struct wear wear;

	pool_wear_open(&wear, &low, mono_ns());
	pool_wear_ready(&wear);
	ck_assert(!pool_wear_turn(&wear, 1));
	ck_assert(pool_wear_turn(&wear, 5));
	ck_assert_int_eq(wear.cause, BOARD_CAUSE_MAX_REQUESTS);
	pool_wear_close(&wear);
	pool_wear_open(&wear, &high, mono_ns());
	pool_wear_ready(&wear);
	ck_assert_uint_eq(wear.limits.rss_bytes, high.rss_bytes);
	pool_wear_close(&wear);
}
END_TEST

START_TEST(test_idle_one_is_not_looked_at)
{
	const struct wear_limits limits = {
	    .rss_bytes = UINT64_MAX, .lifetime_ns = S(100)};
	struct wear wear;

	pool_wear_open(&wear, &limits, mono_ns());
	ck_assert(!pool_wear_turn(&wear, 5));
	/* It has served nothing since; but it gets older. */
	ck_assert_int_eq(pool_wear_next_ns(&wear, 5), wear.born_ns + S(100));
	pool_wear_close(&wear);
}
END_TEST

/* ---- recycling ----------------------------------------------------------- */

static const struct {
	const char *name;
	struct recycle_count count; /* want room ready worn going impatient */
	unsigned target, go;
} recycles[] = {
    {"nobody is worn", {16, 33, 16, 0, 0, false}, 16, 0},
    {"one: its heir is wanted first", {16, 33, 16, 1, 0, false}, 17, 0},
    {"the heir is ready", {16, 33, 17, 1, 0, false}, 17, 1},
    {"told, not gone yet", {16, 33, 16, 0, 1, false}, 17, 0},
    {"told, another waits", {16, 33, 16, 1, 1, false}, 17, 0},
    {"all at once: one at a time", {16, 33, 16, 16, 0, false}, 17, 0},
    {"of 200, twenty", {200, 420, 200, 200, 0, false}, 220, 0},
    {"of these three are ready", {200, 420, 203, 200, 0, false}, 220, 3},
    {"one of the others died", {16, 33, 15, 3, 0, false}, 17, 0},
    {"alone: still the heir first", {1, 3, 1, 1, 0, false}, 2, 0},
    {"alone, and the heir is ready", {1, 3, 2, 1, 0, false}, 2, 1},
    {"the heir is worn out, too", {1, 3, 2, 2, 0, false}, 2, 1},
    {"alone and impatient: serves on", {1, 3, 1, 1, 0, true}, 2, 0},
    {"impatient: one leaves first", {16, 33, 16, 4, 0, true}, 17, 1},
    {"... and its hole is enough", {16, 33, 15, 3, 1, true}, 17, 0},
    {"two of three have died", {3, 7, 1, 1, 0, true}, 4, 0},
    {"more than wanted, nobody worn", {4, 9, 6, 0, 0, false}, 4, 0},
    {"fewer are wanted: the worn go", {4, 9, 6, 1, 0, false}, 5, 1},
    {"no room for more", {16, 16, 16, 2, 0, false}, 16, 0},
    {"none are wanted", {0, 9, 1, 1, 0, false}, 1, 1},
};

START_TEST(test_recycle)
{
	const struct recycle_count *count = &recycles[_i].count;

	ck_assert_msg(pool_recycle_target(count) == recycles[_i].target,
	    "%s: target %u", recycles[_i].name, pool_recycle_target(count));
	ck_assert_msg(pool_recycle_go(count) == recycles[_i].go, "%s: go %u",
	    recycles[_i].name, pool_recycle_go(count));
}
END_TEST

START_TEST(test_recycle_bound)
{
	ck_assert_uint_eq(pool_recycle_bound(0), 1);
	ck_assert_uint_eq(pool_recycle_bound(1), 1);
	ck_assert_uint_eq(pool_recycle_bound(19), 1);
	ck_assert_uint_eq(pool_recycle_bound(20), 2);
	ck_assert_uint_eq(pool_recycle_bound(200), 20);
}
END_TEST

/* ---- overdue ------------------------------------------------------------- */

/* Rows of one story, in ms after T0; the limit is 100 ms, birth was at -1000. */
static const struct look {
	int64_t now, request; /* -1: between two requests */
	enum overdue_act act;
	int64_t again;
} story_plain[] =
    {
	{0, -1, OVERDUE_NOTHING, 100},
	{50, 20, OVERDUE_NOTHING, 120},
	{119, 20, OVERDUE_NOTHING, 120},
	{120, 20, OVERDUE_TELL, 1120},
	{1119, 20, OVERDUE_NOTHING, 1120},
	{1120, 20, OVERDUE_KILL, 1220},
},
  story_finished[] =
      {
	  {50, 20, OVERDUE_NOTHING, 120},
	  {120, 20, OVERDUE_TELL, 1120},
	  /* It was only slow; the next one has its own time. */
	  {500, 450, OVERDUE_NOTHING, 550},
	  {550, 450, OVERDUE_TELL, 1550},
	  {560, -1, OVERDUE_NOTHING, 660},
	  {1560, -1, OVERDUE_NOTHING, 1660},
},
  story_many_short[] =
      {
	  {90, 10, OVERDUE_NOTHING, 110},
	  {110, 105, OVERDUE_NOTHING, 205},
	  {205, 200, OVERDUE_NOTHING, 300},
},
  story_seen_late[] =
      {
	  /* Already too old when it is seen first: looked at once more. */
	  {500, 20, OVERDUE_NOTHING, 505},
	  {504, 20, OVERDUE_NOTHING, 505},
	  {505, 20, OVERDUE_TELL, 1505},
},
  story_torn[] =
      {
	  /* Somebody scribbled, and the next request overwrote it. */
	  {500, 20, OVERDUE_NOTHING, 505},
	  {505, 501, OVERDUE_NOTHING, 601},
},
  story_before_birth[] =
      {
	  {10, -4000, OVERDUE_NOTHING, 110},
	  {109, -4000, OVERDUE_NOTHING, 110},
	  {110, -4000, OVERDUE_TELL, 1110},
},
  story_future[] = {
      {10, 999999, OVERDUE_NOTHING, 110},
      {110, 999999, OVERDUE_TELL, 1110},
      {1110, 999999, OVERDUE_KILL, 1210},
};

static const struct {
	const char *name;
	const struct look *looks;
	size_t n;
} stories[] = {
    {"plain", story_plain, ARRAY_LEN(story_plain)},
    {"finished", story_finished, ARRAY_LEN(story_finished)},
    {"many short", story_many_short, ARRAY_LEN(story_many_short)},
    {"seen late", story_seen_late, ARRAY_LEN(story_seen_late)},
    {"torn", story_torn, ARRAY_LEN(story_torn)},
    {"before birth", story_before_birth, ARRAY_LEN(story_before_birth)},
    {"future", story_future, ARRAY_LEN(story_future)},
};

START_TEST(test_overdue)
{
	struct overdue overdue = {0};

	for (size_t i = 0; i < stories[_i].n; i++) {
		const struct look *look = &stories[_i].looks[i];
		const struct overdue_facts facts = {
		    .request_ns =
			look->request == -1 ? 0 : T0 + MS(look->request),
		    .born_ns = T0 - MS(1000),
		    .limit_ns = MS(100),
		    .now_ns = T0 + MS(look->now)};
		int64_t again_ns;
		enum overdue_act act =
		    pool_overdue_step(&overdue, &facts, &again_ns);

		ck_assert_msg(act == look->act, "%s, row %zu: act %d",
		    stories[_i].name, i, (int)act);
		ck_assert_msg(again_ns == T0 + MS(look->again),
		    "%s, row %zu: again at %lld ms", stories[_i].name, i,
		    (long long)((again_ns - T0) / NS_PER_MS));
	}
}
END_TEST

START_TEST(test_insane_beginnings_are_no_age)
{
	static const int64_t insane[] = {
	    INT64_MIN, -1, 1, INT64_MAX, INT64_MAX - 1};
	struct overdue overdue = {0};
	int64_t again_ns;

	for (size_t i = 0; i < ARRAY_LEN(insane); i++) {
		ck_assert_int_eq(
		    pool_overdue_step(&overdue,
			&(struct overdue_facts){.request_ns = insane[i],
			    .born_ns = T0 - MS(1000),
			    .limit_ns = MS(100),
			    .now_ns = T0 + (int64_t)i},
			&again_ns),
		    OVERDUE_NOTHING);
		ck_assert_int_eq(pool_overdue_began_ns(&overdue, T0 - MS(1000)),
		    T0 + (int64_t)i);
	}
}
END_TEST

/* ---- crash loops --------------------------------------------------------- */

static const struct breaker_limits three_in_ten = {3, S(10)};

START_TEST(test_breaker_opens_and_closes)
{
	struct breaker breaker = {0};
	int64_t again_ns;

	ck_assert(!pool_breaker_died(&breaker, &three_in_ten, T0));
	ck_assert(!pool_breaker_died(&breaker, &three_in_ten, T0 + S(9)));
	/* The first is too long ago by then. */
	ck_assert(!pool_breaker_died(&breaker, &three_in_ten, T0 + S(10)));
	ck_assert(!breaker.open);
	ck_assert(pool_breaker_died(&breaker, &three_in_ten, T0 + S(11)));
	ck_assert(breaker.open);
	/* Said once. */
	ck_assert(!pool_breaker_died(&breaker, &three_in_ten, T0 + S(12)));
	/* Over when no more than half as many are within the time. */
	ck_assert(
	    !pool_breaker_turn(&breaker, &three_in_ten, T0 + S(13), &again_ns));
	ck_assert_int_eq(again_ns, T0 + S(11 + 10));
	ck_assert(!pool_breaker_turn(
	    &breaker, &three_in_ten, again_ns - 1, &again_ns));
	ck_assert(
	    pool_breaker_turn(&breaker, &three_in_ten, again_ns, &again_ns));
	ck_assert_int_eq(again_ns, INT64_MAX);
	ck_assert(!breaker.open);
	ck_assert(
	    !pool_breaker_turn(&breaker, &three_in_ten, T0 + S(99), &again_ns));
}
END_TEST

START_TEST(test_breaker_of_none_and_of_one)
{
	const struct breaker_limits none = {0, S(10)}, one = {1, S(10)};
	struct breaker breaker = {0};
	int64_t again_ns;

	for (int i = 0; i < 3 * BREAKER_MAX; i++)
		ck_assert(!pool_breaker_died(&breaker, &none, T0 + i));
	ck_assert(!pool_breaker_turn(&breaker, &none, T0, &again_ns));
	ck_assert(pool_breaker_died(&breaker, &one, T0 + S(50)));
	ck_assert(!pool_breaker_turn(&breaker, &one, T0 + S(51), &again_ns));
	ck_assert_int_eq(again_ns, T0 + S(60));
	ck_assert(pool_breaker_turn(&breaker, &one, T0 + S(60), &again_ns));
	/* Switched off while open, as a reload may. */
	ck_assert(pool_breaker_died(&breaker, &one, T0 + S(70)));
	ck_assert(pool_breaker_turn(&breaker, &none, T0 + S(70), &again_ns));
	ck_assert(!breaker.open);
}
END_TEST

START_TEST(test_breaker_of_many)
{
	const struct breaker_limits limits = {BREAKER_MAX, S(10)};
	struct breaker breaker = {0};
	int64_t now = T0;

	/* The ring is as long as the highest threshold. */
	for (unsigned i = 1; i <= BREAKER_MAX; i++, now += MS(10))
		ck_assert_int_eq(pool_breaker_died(&breaker, &limits, now),
		    i == BREAKER_MAX);
	for (unsigned i = 0; i < BREAKER_MAX; i++, now += MS(10))
		ck_assert(!pool_breaker_died(&breaker, &limits, now));
	ck_assert_uint_eq(
	    pool_breaker_count(&breaker, &limits, now), BREAKER_MAX);
	ck_assert_uint_eq(
	    pool_breaker_count(&breaker, &limits, now + S(9)), 99);
}
END_TEST

TESTS_MAIN("pool/turnover", UNIT_TABLE("wear", test_wear, ARRAY_LEN(wears)),
    UNIT("limits", test_limits_of_a_group),
    UNIT("asks", test_asks_once_and_again_later),
    UNIT_TABLE("size", test_own_size_is_seen, 2),
    UNIT("low", test_limit_below_the_first_size_is_none),
    UNIT("idle", test_idle_one_is_not_looked_at),
    UNIT_TABLE("recycle", test_recycle, ARRAY_LEN(recycles)),
    UNIT("bound", test_recycle_bound),
    UNIT_TABLE("overdue", test_overdue, ARRAY_LEN(stories)),
    UNIT("insane", test_insane_beginnings_are_no_age),
    UNIT("breaker", test_breaker_opens_and_closes),
    UNIT("breaker_none", test_breaker_of_none_and_of_one),
    UNIT("breaker_many", test_breaker_of_many))
