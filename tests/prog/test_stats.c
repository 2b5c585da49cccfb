/* SPDX-License-Identifier: Apache-2.0 */
/* prog/stats, prog/ready: counters, the age of a request, the judgement. */
#include "config.h"

#include "unit.h"

#include "prog/ready.h"
#include "prog/stats.h"

START_TEST(test_words_have_numbers_of_their_own)
{
	size_t n = 0;

	/* The table is bounded: a new code must still fit. */
	while (stats_code(n) != NULL)
		n++;
	ck_assert_uint_lt(n, STATS_CODES);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < i; k++)
			ck_assert_str_ne(stats_code(i), stats_code(k));
	for (n = 0; stats_route(n) != NULL; n++)
		;
	ck_assert_uint_lt(n, STATS_ROUTES);
	ck_assert_str_eq(stats_route(0), "unknown");
	ck_assert_str_eq(stats_code(0), "unknown");
}
END_TEST

START_TEST(test_counting)
{
	static struct stats one, two, sum;
	struct web_outcome outcome = {.status = 201,
	    .route = stats_route(1),
	    .code = "created",
	    .events = 1u << BUY_EVENT_HEALED};

	stats_outcome(&one, &outcome, 100);
	ck_assert_uint_eq(one.requests[1][2], 1);
	ck_assert_uint_eq(one.events[BUY_EVENT_HEALED], 1);
	/* Nothing was sent; words that nobody knows; a status that is none. */
	outcome = (struct web_outcome){
	    .status = 0, .route = "nowhere", .code = "never heard of"};
	stats_outcome(&two, &outcome, 0);
	outcome.status = 999;
	stats_outcome(&two, &outcome, 11);
	ck_assert_uint_eq(two.requests[0][0], 2);
	ck_assert_uint_eq(two.codes[0], 2);

	one.rss_peak_bytes = 5;
	two.rss_peak_bytes = 9;
	stats_add(&sum, &one);
	stats_add(&sum, &two);
	ck_assert_uint_eq(sum.requests[1][2], 1);
	ck_assert_uint_eq(sum.requests[0][0], 2);
	ck_assert_uint_eq(sum.sent_bytes, 111);
	ck_assert_uint_eq(sum.rss_peak_bytes, 9);
	stats_rss(&one);
	ck_assert_uint_gt(one.rss_peak_bytes, 100000);
}
END_TEST

static const struct stats_scale *const scales[] = {
    &stats_scale_request, &stats_scale_lag, &stats_scale_batch};

START_TEST(test_buckets)
{
	const struct stats_scale *scale = scales[_i];
	struct stats_histogram h = {0};

	for (size_t i = 0; i < STATS_BUCKETS; i++) {
		ck_assert(i == 0 || scale->bound[i] > scale->bound[i - 1]);
		stats_observe_on(scale, &h, scale->bound[i]);
		ck_assert_uint_eq(h.bucket[i], 1);
	}
	stats_observe_on(scale, &h, scale->bound[STATS_BUCKETS - 1] + 1);
	ck_assert_uint_eq(h.bucket[STATS_BUCKETS], 1);
	/* A clock that went back is no negative sum. */
	h = (struct stats_histogram){0};
	stats_observe_on(scale, &h, -5);
	ck_assert_uint_eq(h.bucket[0], 1);
	ck_assert_uint_eq(h.sum, 0);
}
END_TEST

static const struct {
	const char *sent;
	int64_t age_ms; /* -1: no answer */
} ages[] = {
    {"1700000000.000", 500},
    {"1700000000.123", 377},
    {"1699999999", 1500},
    {"1700000000.123000", 377},
    {"1700000000123", 377}, /* milliseconds */
    {"1700000000.500", 0},
    {"1700000060.000", 0}, /* the front end's clock is ahead */
    {"1699913601.000", 86399500},
    {"1699913599.000", -1},
    {"1700090000.000", -1},
    {"", -1},
    {"soon", -1},
    {"1700000000.", -1},
    {"1700000000.12", -1},
    {"1700000000.1234", -1},
    {"1700000000.1234567", -1},
    {"1700000000.12345x", -1},
    {"1700000000123.000", -1},
    {"1700000000123456", -1},
    {"1700000000.12x", -1},
    {"-5", -1},
    {"99999999999999999999", -1},
    {"9223372036854775807.000", -1},
};

START_TEST(test_queue_age)
{
	const struct wall now = {INT64_C(1700000000500000)};
	int64_t age_ns = -1;
	bool known = stats_queue_age(strv_c(ages[_i].sent), now, &age_ns);

	ck_assert_int_eq(known, ages[_i].age_ms >= 0);
	if (known)
		ck_assert_int_eq(age_ns, ages[_i].age_ms * NS_PER_MS);
}
END_TEST

static const struct {
	bool master_runs;
	unsigned accepting;
	int64_t table_age_ms;
	struct pool_queue queue;
	uint32_t queue_max;
	bool live;
	const char *reasons; /* "": ready */
} judgements[] = {
    {true, 2, 100, {true, 3, 100}, 0, true, ""},
    {false, 2, 100, {true, 3, 100}, 0, false,
	"the master is stopped or gone\n"},
    {true, 0, 100, {true, 3, 100}, 0, true, "no worker takes connections\n"},
    {true, 2, -1, {true, 3, 100}, 0, true,
	"the sales were never read from MySQL\n"},
    {true, 2, 5000, {true, 3, 100}, 0, true, ""},
    {true, 2, 5001, {true, 3, 100}, 0, true,
	"the sales were last read from MySQL 5001 ms ago\n"},
    {true, 2, 100, {true, 50, 100}, 0, true,
	"50 connections wait, 50 are too many\n"},
    {true, 2, 100, {true, 49, 100}, 0, true, ""},
    {true, 2, 100, {true, 9, 100}, 9, true,
	"9 connections wait, 9 are too many\n"},
    /* Not known is no reason to stay away. */
    {true, 2, 100, {false, 0, 0}, 0, true, ""},
    {true, 0, -1, {true, 3, 100}, 0, true,
	"no worker takes connections\n"
	"the sales were never read from MySQL\n"},
};

START_TEST(test_ready)
{
	const struct ready_facts facts = {
	    .master_runs = judgements[_i].master_runs,
	    .accepting = judgements[_i].accepting,
	    .table_age_ms = judgements[_i].table_age_ms,
	    .table_age_max_ms = 5000,
	    .queue = judgements[_i].queue,
	    .queue_max = judgements[_i].queue_max,
	};
	char bytes[512];
	struct strbuf why;

	strbuf_init(&why, bytes, sizeof(bytes));
	ck_assert_int_eq(
	    ready_is_ready(&facts, &why), judgements[_i].reasons[0] == '\0');
	ck_assert_str_eq(why.p, judgements[_i].reasons);
	strbuf_reset(&why);
	ck_assert_int_eq(ready_is_alive(&facts, &why), judgements[_i].live);
}
END_TEST

/* pm = ondemand: nobody is there, and that is how it should be. */
START_TEST(test_ready_without_workers)
{
	const struct ready_facts facts = {.master_runs = true,
	    .on_demand = true,
	    .table_age_ms = 100,
	    .table_age_max_ms = 5000};
	char bytes[64];
	struct strbuf why;

	strbuf_init(&why, bytes, sizeof(bytes));
	ck_assert(ready_is_ready(&facts, &why));
}
END_TEST

TESTS_MAIN("stats", UNIT("words", test_words_have_numbers_of_their_own),
    UNIT("counting", test_counting),
    UNIT_TABLE("buckets", test_buckets, (int)ARRAY_LEN(scales)),
    UNIT_TABLE("queue_age", test_queue_age, (int)ARRAY_LEN(ages)),
    UNIT_TABLE("ready", test_ready, (int)ARRAY_LEN(judgements)),
    UNIT("on_demand", test_ready_without_workers))
