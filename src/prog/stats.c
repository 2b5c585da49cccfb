/* SPDX-License-Identifier: Apache-2.0 */
/* Counters: relaxed stores of one writer. */
#include "config.h"

#include "prog/stats.h"
#include "base/num.h"
#include "web/words.h"

#include <sys/resource.h>

#define US INT64_C(1000)
#define MS NS_PER_MS

#define S  NS_PER_S

const struct stats_scale stats_scale_request = {
    {100 * US, 250 * US, 500 * US, 1 * MS, 2500 * US, 5 * MS, 10 * MS, 25 * MS,
	50 * MS, 100 * MS, 250 * MS, 500 * MS, 1000 * MS, 2500 * MS, 5000 * MS,
	10000 * MS},
    true};

/* A settler is there in milliseconds, a sweep in minutes. */
const struct stats_scale stats_scale_lag = {
    {1 * MS, 2500 * US, 5 * MS, 10 * MS, 25 * MS, 50 * MS, 100 * MS, 250 * MS,
	1 * S, 5 * S, 15 * S, 60 * S, 120 * S, 300 * S, 900 * S, 3600 * S},
    true};

const struct stats_scale stats_scale_batch = {
    {1, 2, 3, 4, 6, 8, 12, 16, 20, 24, 28, 32, 40, 48, 56, SETTLE_BATCH},
    false};

_Static_assert(sizeof(struct stats) % sizeof(uint64_t) == 0, "counters only");
_Static_assert(
    sizeof(struct keeper_stats) % sizeof(uint64_t) == 0, "counters only");
_Static_assert(
    sizeof(struct settler_stats) % sizeof(uint64_t) == 0, "counters only");

static uint64_t load(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static void store(uint64_t *counter, uint64_t value)
{
	__atomic_store_n(counter, value, __ATOMIC_RELAXED);
}

static void add(uint64_t *counter, uint64_t n)
{
	store(counter, load(counter) + n);
}

void stats_count(uint64_t *counter)
{
	add(counter, 1);
}

void stats_count_by(uint64_t *counter, uint64_t n)
{
	add(counter, n);
}

const char *stats_route(size_t i)
{
	return i < STATS_ROUTES ? web_route_word(i) : NULL;
}

const char *stats_code(size_t i)
{
	return i < STATS_CODES ? web_code_word(i) : NULL;
}

static size_t number_of(const char *(*word)(size_t i), const char *text)
{
	for (size_t i = 0; word(i) != NULL; i++)
		if (strcmp(word(i), text) == 0)
			return i;
	return 0;
}

void stats_outcome(
    struct stats *stats, const struct web_outcome *outcome, size_t sent_bytes)
{
	size_t class = (size_t)outcome->status / 100;
	size_t route = number_of(stats_route, outcome->route);

	add(&stats->requests[route][class < STATS_CLASSES ? class : 0], 1);
	add(&stats->codes[number_of(stats_code, outcome->code)], 1);
	add(&stats->sent_bytes, sent_bytes);
	for (size_t i = 0; i < STATS_EVENTS; i++)
		if ((outcome->events & (1u << i)) != 0)
			add(&stats->events[i], 1);
}

void stats_observe_on(const struct stats_scale *scale,
    struct stats_histogram *histogram, int64_t value)
{
	size_t i = 0;

	while (i < STATS_BUCKETS && value > scale->bound[i])
		i++;
	add(&histogram->sum, value > 0 ? (uint64_t)value : 0);
	add(&histogram->bucket[i], 1);
}

void stats_observe(struct stats_histogram *histogram, int64_t ns)
{
	stats_observe_on(&stats_scale_request, histogram, ns);
}

void stats_rss(struct stats *stats)
{
	struct rusage usage;
	uint64_t bytes;

	if (getrusage(RUSAGE_SELF, &usage) != 0)
		return;
	bytes = (uint64_t)usage.ru_maxrss * 1024;
	if (bytes > load(&stats->rss_peak_bytes))
		store(&stats->rss_peak_bytes, bytes);
}

/* Counters, each of `from` onto its own. */
static void sum_up(void *sum, const void *from, size_t bytes)
{
	const uint64_t *in = from;
	uint64_t *out = sum;

	for (size_t i = 0; i < bytes / sizeof(*out); i++)
		out[i] += load(&in[i]);
}

void stats_add(struct stats *sum, const struct stats *from)
{
	uint64_t peak = sum->rss_peak_bytes;

	sum_up(sum, from, sizeof(*sum));
	if (load(&from->rss_peak_bytes) > peak)
		peak = load(&from->rss_peak_bytes);
	sum->rss_peak_bytes = peak;
}

void stats_add_keeper(struct keeper_stats *sum, const struct keeper_stats *from)
{
	sum_up(sum, from, sizeof(*sum));
}

void stats_add_settler(
    struct settler_stats *sum, const struct settler_stats *from)
{
	sum_up(sum, from, sizeof(*sum));
}

/* Web servers differ in how they can write it: nginx and Apache as seconds with
 * a fraction, Caddy as whole milliseconds, which are seconds in no year that a
 * clock shows. */
static bool sent_parse(struct strv sent, int64_t *us)
{
	const uint64_t ms_min = UINT64_C(100000000000);
	struct strv rest = sent;
	struct strv whole = strv_cut(&rest, '.');
	uint64_t n, fraction = 0;

	if (!num_parse_u64(whole, 0, INT64_MAX / US_PER_S / 2, &n))
		return false;
	if (rest.p == NULL) {
		*us = (int64_t)(n < ms_min ? n * US_PER_S : n * 1000);
		return true;
	}
	if ((rest.n != 3 && rest.n != 6) ||
	    !num_parse_u64(rest, 0, US_PER_S - 1, &fraction))
		return false;
	*us = (int64_t)(n * US_PER_S + fraction * (rest.n == 3 ? 1000 : 1));
	return true;
}

bool stats_queue_age(struct strv sent, struct wall now, int64_t *age_ns)
{
	const int64_t day_us = 86400 * US_PER_S;
	int64_t sent_us, age_us;

	if (!sent_parse(sent, &sent_us))
		return false;
	age_us = now.us - sent_us;
	if (age_us > day_us || age_us < -day_us)
		return false;
	*age_ns = age_us > 0 ? age_us * 1000 : 0;
	return true;
}
