/* SPDX-License-Identifier: Apache-2.0 */
/* rush: who the shoppers say they are, and what the operator is told. */
#include "config.h"

#include "unit.h"

#include "argv.h"

#include "base/clock.h"
#include "rush/ident.h"
#include "rush/progress.h"
#include "rush/report.h"
#include "rush/run.h"
#include "web/token.h"

#include <jansson.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/* ---- who ---------------------------------------------------------------------------------- */

static bool go_on(void *ctx, uint32_t done, uint32_t total)
{
	(void)ctx;
	ck_assert_uint_lt(done, total);
	return true;
}

static bool give_up(void *ctx, uint32_t done, uint32_t total)
{
	(void)ctx;
	(void)done;
	(void)total;
	return false;
}

static void secret_file(char path[], struct strv secret)
{
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, secret.p, secret.n), (ssize_t)secret.n);
	/* As an editor leaves it. */
	ck_assert_int_eq(write(fd, "\n", 1), 1);
	close(fd);
}

START_TEST(test_tokens_of_all_who_come)
{
	char path[] = "/tmp/rush-key.XXXXXX", bytes[IDENT_LINE_MAX], want[128];
	const struct strv bearer = STRV("Authorization: Bearer ");
	const struct strv secret = STRV("0123456789abcdef0123456789abcdef");
	struct token_keys keys = {.n = 1, .issuer = "me", .audience = "shop"};
	struct customer who;
	struct plan plan;
	struct idents *idents;
	struct strbuf line;

	secret_file(path, secret);
	ck_assert(token_key_set(
	    &keys.key[0], STRV("k1"), STRV("HS256"), secret, &err));
	ck_assert(parse("--url u --sale s --requests 1000 --token-key f "
			"--token-kid k1 --issuer me --audience shop"));
	options.token_key = path;
	plan_init(&plan, 1, (uint32_t)options.shoppers, 1);
	plan.clicks = (uint32_t)options.requests;
	idents = idents_new(&options, &plan, go_on, NULL, &err);
	ck_assert_msg(idents != NULL, "%s", err.text);
	strbuf_init(&line, bytes, sizeof(bytes));
	for (uint32_t i = 0; i < 1000; i++) {
		uint32_t customer = plan_shopper(&plan, i);

		strbuf_reset(&line);
		ident_line(idents, customer, &line);
		ck_assert(strv_starts(strbuf_view(&line), bearer));
		/* As the server will read it, in the last hour of the day. */
		ck_assert_msg(
		    token_verify(&keys, strv_c(bytes + bearer.n),
			(struct wall){wall_now().us + 23 * 3600 * US_PER_S},
			&who, &err),
		    "%s", err.text);
		snprintf(want, sizeof(want), "rush-%u", customer + 1);
		ck_assert(strv_eq(customer_view(&who), strv_c(want)));
	}
	idents_free(&idents);
	ck_assert_ptr_null(idents);
	ck_assert_ptr_null(idents_new(&options, &plan, give_up, NULL, &err));
	unlink(path);
}
END_TEST

START_TEST(test_key_files_that_will_not_do)
{
	char path[] = "/tmp/rush-key.XXXXXX";
	static char big[8192];
	struct plan plan;

	plan_init(&plan, 1, 10, 1);
	ck_assert(parse("--url u --sale s --token-key /nonexistent/key"));
	ck_assert_ptr_null(idents_new(&options, &plan, go_on, NULL, &err));
	ck_assert_ptr_nonnull(strstr(err.text, "/nonexistent/key"));
	options.token_key = "/tmp";
	ck_assert_ptr_null(idents_new(&options, &plan, go_on, NULL, &err));
	ck_assert_ptr_nonnull(strstr(err.text, "/tmp"));
	memset(big, 'x', sizeof(big));
	secret_file(path, strv_from(big, sizeof(big)));
	options.token_key = path;
	ck_assert_ptr_null(idents_new(&options, &plan, go_on, NULL, &err));
	ck_assert_ptr_nonnull(strstr(err.text, "too long"));
	/* A key that the server would refuse. */
	ck_assert_int_eq(truncate(path, 5), 0);
	ck_assert_ptr_null(idents_new(&options, &plan, go_on, NULL, &err));
	ck_assert_ptr_nonnull(strstr(err.text, "5 bytes"));
	unlink(path);
}
END_TEST

START_TEST(test_other_identities)
{
	char bytes[IDENT_LINE_MAX];
	struct idents *idents;
	struct strbuf line;
	struct plan plan;

	plan_init(&plan, 1, 10, 1);
	strbuf_init(&line, bytes, sizeof(bytes));
	ck_assert(parse("--url u --sale s --remote-user-header X-User "
			"--customer-prefix kim@"));
	idents = idents_new(&options, &plan, go_on, NULL, &err);
	ident_line(idents, 6, &line);
	ck_assert_str_eq(bytes, "X-User: kim@7");
	idents_free(&idents);

	strbuf_reset(&line);
	ck_assert(parse("--url u --sale s"));
	idents = idents_new(&options, &plan, go_on, NULL, &err);
	ident_line(idents, 6, &line);
	ck_assert_str_eq(bytes, "");
	idents_free(&idents);
}
END_TEST

/* ---- what is printed ------------------------------------------------------------------------ */

START_TEST(test_progress_lines)
{
	const struct progress_step half = {"rush", 50, 100, "7 orders"};
	const struct progress_step none = {"settling", 0, 0, NULL};
	char bytes[160];
	struct strbuf line;

	strbuf_init(&line, bytes, sizeof(bytes));
	progress_format(&line, &half, false);
	ck_assert_str_eq(bytes, "rush 50/100 50% 7 orders");
	strbuf_reset(&line);
	progress_format(&line, &half, true);
	ck_assert_str_eq(
	    bytes, "rush [############............] 50/100 50% 7 orders");
	strbuf_reset(&line);
	progress_format(&line, &none, true);
	ck_assert_str_eq(bytes, "settling [........................] 0/0 0%");
}
END_TEST

START_TEST(test_progress_is_rare_and_can_be_quiet)
{
	struct progress progress;
	int64_t now = mono_ns();

	progress_init(&progress, false);
	ck_assert(!progress_due(&progress, now));
	ck_assert(progress_due(&progress, now + 3 * NS_PER_S));
	progress_init(&progress, true);
	ck_assert(!progress_due(&progress, now + 3 * NS_PER_S));
}
END_TEST

static struct plan plan;
static struct tally tally;
static struct crowd_result result;
static struct report report;

static void hear(uint32_t purchase, enum answer_kind kind, const char *order,
    int64_t latency_ns)
{
	struct answer_body body = {0};

	ck_assert(strv_copy(strv_c(order), body.order, sizeof(body.order)));
	ck_assert(
	    tally_answer(&tally, &(struct tally_heard){
				     .purchase = purchase,
				     .attempt = tally_attempt(&tally, purchase),
				     .kind = kind,
				     .body = &body,
				     .latency_ns = latency_ns,
				 }));
}

static void report_setup(const char *line)
{
	ck_assert(parse(line));
	plan_init(&plan, 1, 4, 1);
	plan.clicks = 4;
	ck_assert(tally_init(&tally, &plan, "rush-"));
	hear(0, ANSWER_CREATED, "A", 1500 * (NS_PER_MS / 1000));
	hear(1, ANSWER_SOLD_OUT, "", 2 * NS_PER_MS);
	result = (struct crowd_result){.rush_ns = NS_PER_S / 2,
	    .rush_cpu_ns = NS_PER_S / 4,
	    .rush_attempts = 2,
	    .heard = 2};
	report = (struct report){.options = &options,
	    .url = "http://h/x",
	    .tally = &tally,
	    .result = &result};
}

static char *printed(bool json)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (json)
		ck_assert(report_json(&report, out));
	else
		report_table(&report, out);
	fclose(out);
	return text;
}

START_TEST(test_table)
{
	char *text;

	report_setup("--url u --sale s --expect-sold 1");
	text = printed(false);
	ck_assert_ptr_nonnull(
	    strstr(text, "created (201)                         1"
			 "       1.50       1.50       1.50       1.50\n"));
	ck_assert_ptr_nonnull(
	    strstr(text, "no answer in time                     0"
			 "          -          -          -          -\n"));
	ck_assert_ptr_nonnull(strstr(text, "4 attempts/s"));
	ck_assert_ptr_nonnull(strstr(text, "50 % of a processor\n"));
	ck_assert_ptr_nonnull(
	    strstr(text, "as expected: 1 orders expected, 1 confirmed"));
	ck_assert_ptr_null(strstr(text, "VIOLATION"));
	ck_assert_ptr_null(strstr(text, "interrupted:"));
	free(text);
	tally_free(&tally);
}
END_TEST

START_TEST(test_table_of_a_bad_shop)
{
	char *text;

	report_setup("--url u --sale s --expect-sold 1");
	hear(0, ANSWER_CREATED, "B", 1);
	result.interrupted = true;
	result.rush_cpu_ns = result.rush_ns;
	text = printed(false);
	ck_assert_ptr_nonnull(strstr(text, "VIOLATION: rush-1 key "));
	ck_assert_ptr_nonnull(strstr(text, "1  VIOLATION\n"));
	ck_assert_ptr_nonnull(
	    strstr(text, "NOT AS EXPECTED: 1 orders expected, 2 confirmed"));
	ck_assert_ptr_nonnull(strstr(text, "interrupted:"));
	ck_assert_ptr_nonnull(strstr(text, "what was measured is the crowd"));
	free(text);
	tally_free(&tally);
}
END_TEST

START_TEST(test_json)
{
	json_t *object, *created;
	char *text;

	report_setup("--url u --sale s --seed 9223372036854775807");
	text = printed(true);
	object = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	ck_assert_ptr_nonnull(object);
	created =
	    json_object_get(json_object_get(object, "answers"), "created");
	ck_assert_int_eq(
	    json_integer_value(json_object_get(created, "count")), 1);
	ck_assert_double_eq_tol(
	    json_real_value(json_object_get(created, "max_ms")), 1.5, 1e-9);
	for (int kind = 0; kind < ANSWER_KINDS; kind++)
		ck_assert(json_is_object(
		    json_object_get(json_object_get(object, "answers"),
			answer_rows[kind].name)));
	ck_assert_int_eq(
	    json_integer_value(json_object_get(object, "orders_confirmed")), 1);
	ck_assert(json_is_false(json_object_get(object, "violation")));
	ck_assert(json_is_null(json_object_get(object, "as_expected")));
	ck_assert(json_is_null(json_object_get(object, "rate")));
	ck_assert_int_eq(
	    json_integer_value(json_object_get(object, "seed")), INT64_MAX);
	ck_assert_double_eq_tol(
	    json_real_value(json_object_get(object, "attempts_per_s")), 4,
	    1e-9);
	json_decref(object);
	free(text);
	tally_free(&tally);
}
END_TEST

static const struct {
	struct rush_end end;
	int code;
} ends[] = {
    {{.heard = true, .expected = true}, 0},
    {{.heard = true, .expected = false}, 1},
    {{.heard = true, .expected = true, .violation = true}, 1},
    {{.heard = true, .expected = true, .interrupted = true}, 130},
    /* A violation stays one, whoever stopped the crowd. */
    {{.heard = true, .interrupted = true, .violation = true}, 1},
    /* "0 sold" is not proved by silence. */
    {{.heard = false, .expected = true}, EX_UNAVAILABLE},
    {{.heard = false, .expected = false}, EX_UNAVAILABLE},
};

START_TEST(test_exit_codes)
{
	ck_assert_int_eq(rush_exit_code(&ends[_i].end), ends[_i].code);
}
END_TEST

TESTS_MAIN("rush report", UNIT("tokens", test_tokens_of_all_who_come),
    UNIT("key files", test_key_files_that_will_not_do),
    UNIT("other identities", test_other_identities),
    UNIT("progress lines", test_progress_lines),
    UNIT("progress is rare", test_progress_is_rare_and_can_be_quiet),
    UNIT("table", test_table),
    UNIT("table of a bad shop", test_table_of_a_bad_shop),
    UNIT("JSON", test_json),
    UNIT_TABLE("exit codes", test_exit_codes, (int)ARRAY_LEN(ends)))
