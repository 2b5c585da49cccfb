/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rush: the crowd against a small shop that loses replies, closes connections,
 * is busy, stalls or lies.  Over all of them stands: what the shop saw is what
 * the history says, line by line.
 */
#include "config.h"

#include "unit.h"

#include "shop.h"

#include "rush/crowd.h"
#include "rush/target.h"

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include <curl/curl.h>

static struct shop shop;
static struct options options;
static struct plan plan;
static struct tally tally;
static struct crowd_result result;
static struct progress progress;
static char history_path[64];
static volatile sig_atomic_t stop;

/* Opens a shop, and a crowd that is in a hurry. */
static void setup(const struct shop_conf *conf)
{
	int fd;

	snprintf(history_path, sizeof(history_path), "/tmp/rush-crowd.XXXXXX");
	fd = mkstemp(history_path);
	ck_assert_int_ge(fd, 0);
	close(fd);
	shop_open(&shop, conf);
	options = (struct options){
	    .requests = 100,
	    .shoppers = 100,
	    .keys = 1,
	    .customer_prefix = "rush-",
	    .concurrency = 8,
	    .rate = OPTION_UNSET,
	    .timeout_ms = 30000,
	    .retries = 5,
	    .retry_cap_ms = 100,
	    .settle_seconds = 60,
	    .seed = 42,
	    .remote_user_header = "X-User",
	    .expect_sold = OPTION_UNSET,
	};
}

static bool never_called(void *ctx, uint32_t done, uint32_t total)
{
	(void)ctx;
	(void)done;
	(void)total;
	return true;
}

/* Runs it; the tally and the history are there afterwards. */
static void run(void)
{
	char base[64], url[TARGET_URL_MAX];
	struct err err = ERR_INIT;
	struct history *history = history_open(history_path, &err);
	struct crowd_conf conf = {.options = &options,
	    .plan = &plan,
	    .url = url,
	    .tally = &tally,
	    .history = history,
	    .progress = &progress,
	    .stop = &stop};
	struct idents *idents;

	ck_assert_ptr_nonnull(history);
	snprintf(base, sizeof(base), "http://127.0.0.1:%u", shop.port);
	ck_assert(target_make(
	    &(struct target_ask){.url = base, .sale = "s"}, url, &err));
	plan_init(&plan, options.seed, (uint32_t)options.shoppers,
	    (uint32_t)options.keys);
	plan.clicks = (uint32_t)options.requests;
	plan.double_pct = (uint32_t)options.double_click;
	idents = idents_new(&options, &plan, never_called, NULL, &err);
	ck_assert_ptr_nonnull(idents);
	conf.idents = idents;
	ck_assert(tally_init(&tally, &plan, options.customer_prefix));
	progress_init(&progress, true);
	ck_assert_int_eq(curl_global_init(CURL_GLOBAL_DEFAULT), CURLE_OK);
	ck_assert_msg(crowd_run(&conf, &result, &err), "%s", err.text);
	curl_global_cleanup();
	ck_assert(history_close(&history, &err));
	ck_assert(tally_finish(&tally));
	idents_free(&idents);
}

static uint64_t heard(enum answer_kind kind)
{
	return tally.kind[kind].n;
}

/* The lines of the history: each is JSON; attempts of one customer and key are
 * numbered 1, 2, ... as often as the tally has it.  Returns their number. */
static unsigned history_check(void)
{
	uint32_t *attempts = calloc(plan_purchases(&plan), sizeof(*attempts));
	unsigned lines = 0;
	char *line = NULL;
	size_t size = 0;
	FILE *in = fopen(history_path, "r");

	ck_assert_ptr_nonnull(in);
	for (; getline(&line, &size, in) > 0; lines++) {
		json_t *object = json_loads(line, 0, NULL);
		const char *name =
		    json_string_value(json_object_get(object, "customer"));
		unsigned customer;

		ck_assert_ptr_nonnull(name);
		ck_assert_int_eq(sscanf(name, "rush-%u", &customer), 1);
		if (options.keys == 1)
			attempts[customer - 1]++;
		ck_assert(json_number_value(json_object_get(object, "start")) <=
			  json_number_value(json_object_get(object, "end")));
		json_decref(object);
	}
	for (uint32_t i = 0; options.keys == 1 && i < options.shoppers; i++)
		ck_assert_uint_eq(attempts[i], tally.purchase[i].attempts);
	free(attempts);
	free(line);
	fclose(in);
	return lines;
}

static void teardown(void)
{
	ck_assert_uint_eq(history_check(), tally.counts.attempts);
	tally_free(&tally);
	shop_close(&shop);
	unlink(history_path);
}

/* ---- honest shops ------------------------------------------------------------------ */

START_TEST(test_more_shoppers_than_units)
{
	setup(&(struct shop_conf){.stock = 30});
	run();
	ck_assert_uint_eq(heard(ANSWER_CREATED), 30);
	ck_assert_uint_eq(heard(ANSWER_SOLD_OUT), 70);
	ck_assert_uint_eq(tally.counts.attempts, 100);
	ck_assert_uint_eq(tally.counts.confirmed, 30);
	ck_assert_uint_eq(tally_violations(&tally), 0);
	ck_assert_uint_eq(shop.seen->requests, 100);
	/* Kept connections: no more than asked for. */
	ck_assert_uint_le(shop.seen->connections, 8);
	teardown();
}
END_TEST

START_TEST(test_double_clicks)
{
	setup(&(struct shop_conf){.stock = 100});
	options.double_click = 100;
	run();
	ck_assert_uint_eq(tally.counts.attempts, 200);
	ck_assert_uint_eq(heard(ANSWER_CREATED), 100);
	ck_assert_uint_eq(heard(ANSWER_REPLAYED), 100);
	ck_assert_uint_eq(tally.counts.confirmed, 100);
	ck_assert_uint_eq(tally_violations(&tally), 0);
	teardown();
}
END_TEST

START_TEST(test_one_connection_still_clicks_twice)
{
	setup(&(struct shop_conf){.stock = 100});
	options.double_click = 100;
	options.concurrency = 1;
	run();
	ck_assert_uint_eq(tally.counts.attempts, 200);
	ck_assert_uint_eq(shop.seen->connections, 1);
	teardown();
}
END_TEST

START_TEST(test_evading_the_limit_with_keys)
{
	setup(&(struct shop_conf){.stock = 100});
	options.keys = 4;
	options.shoppers = 25;
	run();
	ck_assert_uint_eq(heard(ANSWER_CREATED), 25);
	ck_assert_uint_eq(heard(ANSWER_LIMIT), 75);
	ck_assert_uint_eq(tally.counts.per_customer, 1);
	teardown();
}
END_TEST

START_TEST(test_without_keys)
{
	setup(&(struct shop_conf){.stock = 100});
	options.no_key = true;
	options.double_click = 100;
	run();
	ck_assert_uint_eq(heard(ANSWER_CREATED), 100);
	ck_assert_uint_eq(heard(ANSWER_REPLAYED), 100);
	teardown();
}
END_TEST

START_TEST(test_rounds_repeat_the_same_keys)
{
	setup(&(struct shop_conf){.stock = 100});
	options.requests = 300;
	run();
	ck_assert_uint_eq(heard(ANSWER_CREATED), 100);
	ck_assert_uint_eq(heard(ANSWER_REPLAYED), 200);
	teardown();
}
END_TEST

/* ---- faults ------------------------------------------------------------------------- */

START_TEST(test_lost_replies_are_asked_for_again)
{
	setup(&(struct shop_conf){.stock = 100, .lose_every = 3});
	run();
	/* The order was made before the reply was lost: it is replayed. */
	ck_assert_uint_gt(heard(ANSWER_CUT), 0);
	ck_assert_uint_gt(heard(ANSWER_REPLAYED), 0);
	ck_assert_uint_eq(tally.counts.confirmed, 100);
	ck_assert_uint_eq(tally.counts.open, 0);
	ck_assert_uint_eq(tally_violations(&tally), 0);
	ck_assert_uint_eq(shop.seen->requests, tally.counts.attempts);
	teardown();
}
END_TEST

START_TEST(test_half_a_reply_is_none)
{
	setup(&(struct shop_conf){.stock = 100, .half_every = 3});
	run();
	ck_assert_uint_gt(heard(ANSWER_CUT), 0);
	ck_assert_uint_eq(tally.counts.confirmed, 100);
	ck_assert_uint_eq(shop.seen->requests, tally.counts.attempts);
	teardown();
}
END_TEST

/*
 * libcurl sends a request again, by itself and in silence, when its kept
 * connection was closed under it.  The shop would then see more than the
 * history has.
 */
START_TEST(test_no_attempt_is_sent_twice)
{
	setup(&(struct shop_conf){.stock = 100, .per_connection = 3});
	run();
	ck_assert_uint_gt(heard(ANSWER_CUT), 0);
	ck_assert_uint_eq(tally.counts.confirmed, 100);
	ck_assert_uint_eq(shop.seen->requests, tally.counts.attempts);
	teardown();
}
END_TEST

START_TEST(test_busy_shop_is_asked_later)
{
	setup(&(struct shop_conf){
	    .stock = 100, .busy_first = 60, .retry_after_s = 3600});
	run();
	ck_assert_uint_eq(heard(ANSWER_UNAVAILABLE), 60);
	ck_assert_uint_eq(heard(ANSWER_CREATED), 100);
	/* The cap of 100 ms beat the hour; nothing was left to settle. */
	ck_assert_int_lt(result.rush_ns, 60 * NS_PER_S);
	ck_assert_uint_eq(result.to_settle, 0);
	teardown();
}
END_TEST

START_TEST(test_out_of_retries_is_settled)
{
	setup(&(struct shop_conf){.stock = 100, .busy_first = 100});
	options.retries = 0;
	run();
	ck_assert_uint_eq(result.rush_attempts, 100);
	ck_assert_uint_eq(result.to_settle, 100);
	ck_assert_uint_eq(heard(ANSWER_CREATED), 100);
	ck_assert_uint_eq(tally.counts.open, 0);
	teardown();
}
END_TEST

START_TEST(test_settling_can_be_left_out)
{
	setup(&(struct shop_conf){.stock = 100, .busy_first = 100});
	options.retries = 0;
	options.settle_seconds = 0;
	run();
	ck_assert_uint_eq(tally.counts.attempts, 100);
	ck_assert_uint_eq(tally.counts.open, 100);
	ck_assert_uint_eq(tally.counts.confirmed, 0);
	teardown();
}
END_TEST

START_TEST(test_settling_ends)
{
	setup(&(struct shop_conf){.stock = 100, .busy_first = 1000000});
	options.requests = options.shoppers = 10;
	options.retries = 1;
	options.settle_seconds = 1;
	run();
	ck_assert_uint_eq(tally.counts.open, 10);
	ck_assert_uint_eq(result.to_settle, 10);
	ck_assert_uint_gt(tally.counts.attempts, 20);
	teardown();
}
END_TEST

START_TEST(test_accepted_orders_are_waited_for)
{
	setup(&(struct shop_conf){.stock = 40, .accepts = true});
	run();
	ck_assert_uint_eq(heard(ANSWER_ACCEPTED), 40);
	ck_assert_uint_eq(heard(ANSWER_REPLAYED), 40);
	ck_assert_uint_eq(result.to_settle, 40);
	ck_assert_uint_eq(tally.counts.confirmed, 40);
	ck_assert_uint_eq(tally.counts.accepted, 0);
	teardown();
}
END_TEST

START_TEST(test_patience_ends)
{
	setup(&(struct shop_conf){.stock = 100, .stalls = true});
	options.requests = options.shoppers = 4;
	options.timeout_ms = 100;
	options.retries = 1;
	options.settle_seconds = 0;
	run();
	ck_assert_uint_eq(heard(ANSWER_TIMEOUT), 8);
	ck_assert_uint_eq(result.heard, 0);
	ck_assert_ptr_nonnull(strstr(result.last_error, "timed out"));
	ck_assert_int_ge(tally.kind[ANSWER_TIMEOUT].max_ns, 100 * NS_PER_MS);
	teardown();
}
END_TEST

/* Stops the crowd once all that it may have under way has arrived. */
static void on_alarm(int number)
{
	(void)number;
	if (shop.seen->requests >= 8)
		stop = 1;
}

START_TEST(test_stopping_leaves_no_gap)
{
	struct itimerval often = {{0, 20000}, {0, 20000}};
	struct sigaction action = {.sa_handler = on_alarm};

	setup(&(struct shop_conf){.stock = 100, .stalls = true});
	ck_assert_int_eq(sigaction(SIGALRM, &action, NULL), 0);
	ck_assert_int_eq(setitimer(ITIMER_REAL, &often, NULL), 0);
	run();
	ck_assert(result.interrupted);
	ck_assert_uint_eq(heard(ANSWER_INTERRUPTED), 8);
	/* teardown() finds a line for each of them. */
	ck_assert_uint_eq(tally.counts.attempts, 8);
	ck_assert_int_eq(
	    setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL), 0);
	stop = 0;
	teardown();
}
END_TEST

/* ---- an open loop -------------------------------------------------------------------- */

START_TEST(test_a_rate_is_kept)
{
	setup(&(struct shop_conf){.stock = 100});
	options.rate = 200;
	run();
	/* The last of 100 clicks is due after 495 ms. */
	ck_assert_int_ge(result.rush_ns, 495 * NS_PER_MS);
	ck_assert_uint_eq(heard(ANSWER_CREATED), 100);
	teardown();
}
END_TEST

/*
 * One connection, 5 ms an answer, and a click each millisecond: click 100 is
 * due after 99 ms and answered after 500.  From the moment it was sent it took
 * 5 ms, which is what a naive load generator would report.
 */
START_TEST(test_a_slow_server_is_not_flattered)
{
	setup(&(struct shop_conf){.stock = 100, .delay_ms = 5});
	options.rate = 1000;
	options.concurrency = 1;
	run();
	ck_assert_int_ge(tally.kind[ANSWER_CREATED].max_ns, 390 * NS_PER_MS);
	teardown();
}
END_TEST

/* ---- lies ------------------------------------------------------------------------------ */

static const struct {
	enum shop_lie lie;
	size_t count; /* the one that must be found */
} lies[] = {
    {SHOP_NEW_ORDER_EACH_TIME, offsetof(struct tally_counts, differing_keys)},
    {SHOP_ONE_ORDER_FOR_ALL, offsetof(struct tally_counts, shared_orders)},
    {SHOP_ONE_UNIT_FOR_ALL, offsetof(struct tally_counts, shared_units)},
    {SHOP_FORGETS_OWNERS, offsetof(struct tally_counts, refused_owners)},
};

START_TEST(test_lies_are_found)
{
	setup(&(struct shop_conf){.stock = 100, .lie = lies[_i].lie});
	options.double_click = 50;
	options.requests = 200;
	run();
	ck_assert_uint_gt(
	    *(uint64_t *)((char *)&tally.counts + lies[_i].count), 0);
	ck_assert_uint_gt(tally_violations(&tally), 0);
	ck_assert_uint_gt(tally.nexamples, 0);
	teardown();
}
END_TEST

TESTS_MAIN("rush crowd",
    UNIT_SLOW("more shoppers than units", test_more_shoppers_than_units, 60),
    UNIT_SLOW("double clicks", test_double_clicks, 60),
    UNIT_SLOW(
	"twice on one connection", test_one_connection_still_clicks_twice, 60),
    UNIT_SLOW("evading the limit", test_evading_the_limit_with_keys, 60),
    UNIT_SLOW("without keys", test_without_keys, 60),
    UNIT_SLOW("rounds repeat keys", test_rounds_repeat_the_same_keys, 60),
    UNIT_SLOW("lost replies", test_lost_replies_are_asked_for_again, 60),
    UNIT_SLOW("half a reply", test_half_a_reply_is_none, 60),
    UNIT_SLOW("no attempt twice", test_no_attempt_is_sent_twice, 60),
    UNIT_SLOW("busy shop", test_busy_shop_is_asked_later, 60),
    UNIT_SLOW("out of retries", test_out_of_retries_is_settled, 60),
    UNIT_SLOW("no settling", test_settling_can_be_left_out, 60),
    UNIT_SLOW("settling ends", test_settling_ends, 60),
    UNIT_SLOW("accepted orders", test_accepted_orders_are_waited_for, 60),
    UNIT_SLOW("patience ends", test_patience_ends, 60),
    UNIT_SLOW("stopping leaves no gap", test_stopping_leaves_no_gap, 60),
    UNIT_SLOW("a rate is kept", test_a_rate_is_kept, 60),
    UNIT_SLOW("not flattered", test_a_slow_server_is_not_flattered, 60),
    UNIT_TABLE("lies are found", test_lies_are_found, (int)ARRAY_LEN(lies)))
