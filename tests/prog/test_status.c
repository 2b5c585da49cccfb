/* SPDX-License-Identifier: Apache-2.0 */
/* prog/status, prog/metrics: formats over a snapshot; everything foreign is
 * escaped, what is not known is not 0. */
#include "config.h"

#include "unit.h"

#include "lib/openmetrics.h"
#include "prog/metrics.h"
#include "prog/snapshot.h"
#include "prog/status.h"

#include <jansson.h>
#include <stdio.h>

/* Each field of php-fpm 8.4's page, in its JSON spelling. */
static const char *const php_fields[] = {"pool", "process manager",
    "start time", "start since", "accepted conn", "listen queue",
    "max listen queue", "listen queue len", "idle processes",
    "active processes", "total processes", "max active processes",
    "max children reached", "slow requests", "memory peak"};
static const char *const php_process_fields[] = {"pid", "state", "start time",
    "start since", "requests", "request duration", "request method",
    "request uri", "content length", "user", "script", "last request cpu",
    "last request memory"};
static const char *const php_metrics[] = {"up", "start_since",
    "accepted_connections", "listen_queue", "max_listen_queue",
    "listen_queue_length", "idle_processes", "active_processes",
    "total_processes", "max_active_processes", "max_children_reached",
    "slow_requests", "memory_peak"};

#define HOSTILE "/a<b>&\"'\\]]>{}%0a?x=</script><!--"

static char page[65536];

static struct status_process process = {
    .pid = 4711,
    .state = "Running",
    .start_time = 1700000000,
    .requests = 3,
    .duration_us = 812345,
    .method = "GET",
    .uri = HOSTILE,
    .user = "ann<\"&>",
    .script = "-",
    .cpu = STATUS_NA,
    .memory = STATUS_NA,
    .phase = "insert",
    .phase_us = 800000,
    .claim = "7E6S3502DP3ZCW67WP110ES5R3",
};

static struct status status = {
    .pool = "www",
    .manager = "static",
    .start_time = 1700000000,
    .start_since = 60,
    .accepted = 12,
    .queue = 3,
    .queue_peak = 5,
    .queue_limit = 4096,
    .idle = 1,
    .active = 2,
    .total = 3,
    .active_peak = 3,
    .full = 1,
    .slow = 1,
    .memory_peak = 1048576,
    .generation = 4,
    .reloads = 5,
    .reloads_failed = 2,
    .last_reload = "failed: <b>\"tea\\&'",
    .waiting = 17,
    .oldest = 3,
    .lost = 2,
    .durability = "memory: may be lost",
    .processes = &process,
    .nprocesses = 1,
};

static const char *write_page(enum status_format format, bool full)
{
	struct strbuf out;

	strbuf_init(&out, page, sizeof(page));
	ck_assert(status_write(&status, format, full, &out));
	ck_assert(!out.overflow);
	return page;
}

static void has(const char *text, const char *part)
{
	ck_assert_msg(strstr(text, part) != NULL, "no %s in:\n%s", part, text);
}

static void has_not(const char *text, const char *part)
{
	ck_assert_msg(strstr(text, part) == NULL, "%s in:\n%s", part, text);
}

START_TEST(test_query)
{
	static const struct {
		const char *query;
		enum status_format format;
		bool full;
	} queries[] = {
	    {"", STATUS_TEXT, false},
	    {"full", STATUS_TEXT, true},
	    {"json", STATUS_JSON, false},
	    {"json&full", STATUS_JSON, true},
	    {"full&xml", STATUS_XML, true},
	    {"html", STATUS_HTML, false},
	    {"openmetrics", STATUS_OPENMETRICS, false},
	    {"jsonx&fullx", STATUS_TEXT, false},
	    {"json&xml", STATUS_JSON, false},
	    {"&&_=17&json", STATUS_JSON, false},
	};
	bool full;

	for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
		ck_assert_int_eq(
		    status_format_of(strv_c(queries[i].query), &full),
		    queries[i].format);
		ck_assert_int_eq(full, queries[i].full);
	}
}
END_TEST

START_TEST(test_text)
{
	const char *text = write_page(STATUS_TEXT, true);

	has(text, "pool:                 www\n");
	has(text, "max children reached: 1\n");
	has(text, "listen queue len:     4096\n");
	has(text, "\n************************\npid:                  4711\n");
	has(text, "last request cpu:     n/a\n");
	has_not(write_page(STATUS_TEXT, false), "pid:");
}
END_TEST

/* Lower case, blanks as dashes: an element of the XML. */
static void element_name(const char *name, char *out, size_t size)
{
	snprintf(out, size, "<%s>", name);
	for (; *out != '\0'; out++)
		if (*out == ' ')
			*out = '-';
}

START_TEST(test_every_field_of_php_fpm_is_there)
{
	json_t *root = json_loads(write_page(STATUS_JSON, true), 0, NULL);
	json_t *first = json_array_get(json_object_get(root, "processes"), 0);
	char name[64];

	ck_assert_ptr_nonnull(first);
	for (size_t i = 0; i < ARRAY_LEN(php_fields); i++)
		ck_assert_msg(json_object_get(root, php_fields[i]) != NULL,
		    "%s", php_fields[i]);
	for (size_t i = 0; i < ARRAY_LEN(php_process_fields); i++)
		ck_assert_msg(
		    json_object_get(first, php_process_fields[i]) != NULL, "%s",
		    php_process_fields[i]);
	json_decref(root);
	write_page(STATUS_XML, true);
	for (size_t i = 0; i < ARRAY_LEN(php_fields); i++) {
		element_name(php_fields[i], name, sizeof(name));
		has(page, name);
	}
	for (size_t i = 0; i < ARRAY_LEN(php_process_fields); i++) {
		element_name(php_process_fields[i], name, sizeof(name));
		has(page, name);
	}
	write_page(STATUS_OPENMETRICS, false);
	for (size_t i = 0; i < ARRAY_LEN(php_metrics); i++) {
		snprintf(name, sizeof(name), "\nphpfpm_%s{pool=\"www\"} ",
		    php_metrics[i]);
		has(page, name);
	}
}
END_TEST

START_TEST(test_hostile_text_is_escaped)
{
	json_t *root = json_loads(write_page(STATUS_JSON, true), 0, NULL);
	json_t *first = json_array_get(json_object_get(root, "processes"), 0);

	ck_assert_str_eq(
	    json_string_value(json_object_get(first, "request uri")), HOSTILE);
	ck_assert_str_eq(
	    json_string_value(json_object_get(first, "user")), "ann<\"&>");
	json_decref(root);
	for (int format = STATUS_HTML; format <= STATUS_XML; format++) {
		write_page((enum status_format)format, true);
		has(page, "/a&lt;b&gt;&amp;&quot;&#39;\\]]&gt;{}%0a?x=&lt;/"
			  "script&gt;&lt;!--");
		has(page, "ann&lt;&quot;&amp;&gt;");
		has_not(page, "</script><!--");
	}
}
END_TEST

/* Behind php-fpm's own fields, in its manner, and the reason escaped. */
START_TEST(test_reloads_are_shown)
{
	json_t *root = json_loads(write_page(STATUS_JSON, false), 0, NULL);
	struct err err = ERR_INIT;

	ck_assert_int_eq(
	    json_integer_value(json_object_get(root, "generation")), 4);
	ck_assert_int_eq(
	    json_integer_value(json_object_get(root, "reloads")), 5);
	ck_assert_int_eq(
	    json_integer_value(json_object_get(root, "reloads failed")), 2);
	ck_assert_str_eq(
	    json_string_value(json_object_get(root, "last reload")),
	    status.last_reload);
	json_decref(root);
	write_page(STATUS_TEXT, false);
	has(page, "\nmemory peak:          1048576\ngeneration:           4\n"
		  "reloads:              5\nreloads failed:       2\n"
		  "last reload:          failed: <b>\"tea\\&'\n");
	has(write_page(STATUS_XML, false),
	    "<reloads-failed>2</reloads-failed>\n<last-reload>failed: "
	    "&lt;b&gt;&quot;tea\\&amp;&#39;</last-reload>");
	has(write_page(STATUS_HTML, false),
	    "<th>last reload</th><td>failed: "
	    "&lt;b&gt;&quot;tea\\&amp;&#39;</td>");
	write_page(STATUS_OPENMETRICS, false);
	has(page, "\nphpfpm_generation{pool=\"www\"} 4\n");
	has(page, "\nphpfpm_reloads_failed{pool=\"www\"} 2\n");
	has(page, "\nphpfpm_last_reload_info{pool=\"www\",verdict=\"failed: "
		  "<b>\\\"tea\\\\&'\"} 1\n");
	ck_assert_msg(openmetrics_check(strv_c(page), &err), "%s", err.text);
}
END_TEST

START_TEST(test_accepted_orders_are_shown)
{
	json_t *root = json_loads(write_page(STATUS_JSON, false), 0, NULL);

	ck_assert_int_eq(
	    json_integer_value(json_object_get(root, "waiting orders")), 17);
	ck_assert_str_eq(json_string_value(json_object_get(root, "durability")),
	    "memory: may be lost");
	json_decref(root);
	has(write_page(STATUS_TEXT, false),
	    "\nwaiting orders:       17\noldest waiting:       3\n"
	    "lost orders:          2\n"
	    "durability:           memory: may be lost\n");
	has(write_page(STATUS_XML, false),
	    "<waiting-orders>17</waiting-orders>\n");
	/* Their metrics are /metrics'. */
	has_not(write_page(STATUS_OPENMETRICS, false), "waiting");
	status.waiting = status.oldest = STATUS_NA;
	has(write_page(STATUS_TEXT, false), "waiting orders:       n/a\n");
}
END_TEST

START_TEST(test_not_known_is_not_zero)
{
	struct err err = ERR_INIT;
	json_t *root;

	status.queue = status.queue_peak = status.queue_limit = STATUS_NA;
	has(write_page(STATUS_TEXT, false), "listen queue:         n/a\n");
	has(write_page(STATUS_XML, false), "<listen-queue>n/a</listen-queue>");
	has(write_page(STATUS_HTML, false), "<td>n/a</td>");
	root = json_loads(write_page(STATUS_JSON, false), 0, NULL);
	ck_assert(json_is_null(json_object_get(root, "listen queue")));
	ck_assert(json_is_null(json_object_get(root, "max listen queue")));
	json_decref(root);
	write_page(STATUS_OPENMETRICS, false);
	has(page, "# TYPE phpfpm_listen_queue gauge\n");
	has_not(page, "\nphpfpm_listen_queue{");
	ck_assert_msg(openmetrics_check(strv_c(page), &err), "%s", err.text);
}
END_TEST

START_TEST(test_what_does_not_fit_is_overflow)
{
	char small[64];
	struct strbuf out;

	for (int format = 0; format < STATUS_FORMAT_COUNT; format++) {
		strbuf_init(&out, small, sizeof(small));
		ck_assert(status_write(
		    &status, (enum status_format)format, true, &out));
		ck_assert(out.overflow);
		ck_assert_uint_lt(out.n, sizeof(small));
	}
}
END_TEST

START_TEST(test_clean)
{
	static const struct {
		const char *in, *out;
	} texts[] = {
	    {"", ""},
	    {"plain", "plain"},
	    {"\xc3\xa4", "\xc3\xa4"},
	    {"a\xff"
	     "b",
		"a\xef\xbf\xbd"
		"b"},
	    {"\xc3", "\xef\xbf\xbd"},
	    {"a\nb\x7f", "a\xef\xbf\xbd"
			 "b\xef\xbf\xbd"},
	    /* A mark that turns the direction of what follows. */
	    {"\xe2\x80\xae", "\xef\xbf\xbd"},
	    /* Cut between characters. */
	    {"1234567890\xc3\xa4", "1234567890"},
	};
	char out[12];

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		snapshot_clean(strv_c(texts[i].in), out, sizeof(out));
		ck_assert_str_eq(out, texts[i].out);
	}
}
END_TEST

/* ---- metrics ---------------------------------------------------------------- */

static struct metrics metrics;

static const char *write_metrics(void)
{
	struct err err = ERR_INIT;
	struct strbuf out;

	strbuf_init(&out, page, sizeof(page));
	metrics_write(&metrics, &out);
	ck_assert(!out.overflow);
	ck_assert_msg(
	    openmetrics_check(strv_c(page), &err), "%s:\n%s", err.text, page);
	return page;
}

static void metrics_begin(void)
{
	metrics = (struct metrics){
	    .version = "1\"2\\3", .status = &status, .table_age_ns = STATUS_NA};
	metrics.groups[0].name = "worker";
	metrics.ngroups = 1;
}

START_TEST(test_metrics)
{
	const struct web_outcome outcome = {
	    .status = 409, .route = "buy", .code = "sold-out"};
	struct sale_entry *sale = &metrics.sales[0];

	metrics_begin();
	stats_outcome(&metrics.stats, &outcome, 321);
	stats_observe(&metrics.stats.claim, 2 * NS_PER_MS);
	stats_observe(&metrics.stats.claim, 20 * NS_PER_S);
	metrics.groups[0].max = 4;
	metrics.groups[0].in_state[BOARD_IDLE] = 3;
	metrics.groups[0].deaths.births = 5;
	metrics.groups[0].deaths.by_signal[9] = 1;
	metrics.groups[0].deaths.by_cause[BOARD_CAUSE_TERMINATE] = 2;
	metrics.groups[0].deaths.crash_loop = 1;
	metrics.nsales = 1;
	memcpy(sale->sale.slug, "tea", 4);
	sale->sale.stock = 100;
	sale->sale.epoch = 2;
	sale->sale.state = SALE_STATE_OPEN;
	sale->gauge = (struct gate_gauge){
	    .known = true, .epoch = 2, .free = 7, .leased = 1};
	sale->gauge_fresh = true;
	sale->gauge.waiting = 5;
	sale->gauge.delivered = 2;
	sale->gauge.oldest_ms = 2500;
	metrics.stats.accepted = 9;
	metrics.stats.enqueues[OUT_UNKNOWN] = 1;
	metrics.settler.sold = 3;
	metrics.settler.dead = 1;
	metrics.settler.redelivered = 6;
	metrics.settler.failures[OUT_NOT_DONE] = 4;
	stats_observe_on(&stats_scale_batch, &metrics.settler.batch, 64);
	stats_observe_on(&stats_scale_lag, &metrics.settler.lag, 70 * NS_PER_S);
	metrics.keeper.lost = 8;
	metrics.durability = ACCEPTED_MEMORY;
	metrics.table_age_ns = 1500 * NS_PER_MS;
	write_metrics();
	has(page, "flashgate_build_info{version=\"1\\\"2\\\\3\"} 1\n");
	has(page, "flashgate_requests_total{route=\"buy\",status=\"4xx\"} 1\n");
	has(page, "flashgate_outcomes_total{code=\"sold-out\"} 1\n");
	has(page, "flashgate_sent_bytes_total 321\n");
	has(page, "flashgate_claim_duration_seconds_bucket{le=\"0.001\"} 0\n");
	has(page, "flashgate_claim_duration_seconds_bucket{le=\"0.0025\"} 1\n");
	has(page, "flashgate_claim_duration_seconds_bucket{le=\"+Inf\"} 2\n");
	has(page, "flashgate_claim_duration_seconds_sum 20.002\n");
	has(page, "flashgate_children{group=\"worker\",state=\"idle\"} 3\n");
	has(page, "flashgate_deaths_total{group=\"worker\",reason=\"signal\","
		  "number=\"9\"} 1\n");
	has(page, "flashgate_ends_total{group=\"worker\","
		  "cause=\"terminate_timeout\"} 2\n");
	/* Also what never happened, but not that nothing did. */
	has(page, "flashgate_ends_total{group=\"worker\","
		  "cause=\"max_rss\"} 0\n");
	has_not(page, "cause=\"none\"");
	has(page, "flashgate_crash_loop{group=\"worker\"} 1\n");
	has(page, "flashgate_generation 4\n");
	has(page, "flashgate_reloads_total{result=\"succeeded\"} 3\n");
	has(page, "flashgate_reloads_total{result=\"failed\"} 2\n");
	has(page, "flashgate_sale_stock_units{sale=\"tea\"} 100\n");
	has(page, "flashgate_sale_free_units{sale=\"tea\"} 7\n");
	has(page, "flashgate_sale_state{sale=\"tea\",state=\"open\"} 1\n");
	has(page, "flashgate_sale_table_age_seconds 1.5\n");

	has(page, "flashgate_sale_waiting_orders{sale=\"tea\"} 5\n");
	has(page, "flashgate_sale_delivered_orders{sale=\"tea\"} 2\n");
	has(page, "flashgate_sale_waiting_age_seconds{sale=\"tea\"} 2.5\n");
	has(page, "flashgate_orders_accepted_total 9\n");
	has(page, "flashgate_enqueue_calls_total{outcome=\"unknown\"} 1\n");
	has(page, "flashgate_settled_orders_total{result=\"sold\"} 3\n");
	has(page, "flashgate_settled_orders_total{result=\"dead\"} 1\n");
	has(page, "flashgate_settle_redelivered_total 6\n");
	has(page, "flashgate_settle_failures_total{outcome=\"not done\"} 4\n");
	has(page, "flashgate_settle_batch_orders_bucket{le=\"56.0\"} 0\n");
	has(page, "flashgate_settle_batch_orders_bucket{le=\"64.0\"} 1\n");
	has(page, "flashgate_settle_batch_orders_sum 64.0\n");
	has(page, "flashgate_settle_lag_seconds_bucket{le=\"60.0\"} 0\n");
	has(page, "flashgate_settle_lag_seconds_bucket{le=\"120.0\"} 1\n");
	has(page, "flashgate_queue_lost_total 8\n");
	has(page, "flashgate_queue_durability{is=\"memory\"} 1\n");
	has(page, "flashgate_queue_durability{is=\"stored\"} 0\n");

	/* A gauge of another generation, or an old one, says nothing. */
	sale->gauge.epoch = 1;
	has_not(write_metrics(), "waiting_orders{");
	has_not(write_metrics(), "free_units{");
	sale->gauge.epoch = 2;
	sale->gauge_fresh = false;
	has_not(write_metrics(), "free_units{");
	metrics.table_age_ns = STATUS_NA;
	has_not(write_metrics(), "\nflashgate_sale_table_age_seconds ");
	status.generation = status.reloads = status.reloads_failed = STATUS_NA;
	has_not(write_metrics(), "\nflashgate_reloads_total{");
	has_not(write_metrics(), "\nflashgate_generation ");
}
END_TEST

START_TEST(test_status_as_openmetrics)
{
	struct err err = ERR_INIT;

	write_page(STATUS_OPENMETRICS, true);
	ck_assert_msg(openmetrics_check(strv_c(page), &err), "%s", err.text);
	has(page, "phpfpm_process_requests{pool=\"www\",pid=\"4711\"} 3\n");
}
END_TEST

TESTS_MAIN("status", UNIT("query", test_query), UNIT("text", test_text),
    UNIT("fields", test_every_field_of_php_fpm_is_there),
    UNIT("hostile", test_hostile_text_is_escaped),
    UNIT("reloads", test_reloads_are_shown),
    UNIT("accepted", test_accepted_orders_are_shown),
    UNIT("not_known", test_not_known_is_not_zero),
    UNIT("overflow", test_what_does_not_fit_is_overflow),
    UNIT("clean", test_clean), UNIT("metrics", test_metrics),
    UNIT("openmetrics", test_status_as_openmetrics))
