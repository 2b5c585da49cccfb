/* SPDX-License-Identifier: Apache-2.0 */
/* rush: what an answer means, and how it is written down. */
#include "config.h"

#include "unit.h"

#include "rush/answer.h"
#include "rush/history.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- classes ---------------------------------------------------------------------- */

static const struct {
	int status;
	const char *body;
	enum answer_kind kind;
	const char *code;
} answers[] = {
    {201, "{\"order\":\"A\",\"unit\":1}", ANSWER_CREATED, "created"},
    {200, "{\"order\":\"A\",\"unit\":1}", ANSWER_REPLAYED, "replayed"},
    {202, "{\"order\":\"A\"}", ANSWER_ACCEPTED, "accepted"},
    {409, "{\"code\":\"sold-out\"}", ANSWER_SOLD_OUT, "sold-out"},
    {409, "{\"code\":\"limit-reached\"}", ANSWER_LIMIT, "limit-reached"},
    {409, "{\"code\":\"in-progress\"}", ANSWER_IN_PROGRESS, "in-progress"},
    {403, "{\"code\":\"sale-not-open\"}", ANSWER_NOT_OPEN, "sale-not-open"},
    {410, "{\"code\":\"sale-ended\"}", ANSWER_ENDED, "sale-ended"},
    {429, "{\"code\":\"rate-limited\"}", ANSWER_RATE_LIMITED, "rate-limited"},
    {503, "{\"code\":\"try-again\"}", ANSWER_UNAVAILABLE, "try-again"},
    {503, "{\"code\":\"unavailable\"}", ANSWER_UNAVAILABLE, "unavailable"},
    {503, "{\"code\":\"paused\"}", ANSWER_UNAVAILABLE, "paused"},
    {503, "{\"code\":\"rebuilding\"}", ANSWER_UNAVAILABLE, "rebuilding"},
    /* A web server's own 503 is no JSON. */
    {503, "<html>503</html>", ANSWER_UNAVAILABLE, ""},
    {400, "{\"code\":\"key-missing\"}", ANSWER_REFUSED, "key-missing"},
    {401, "", ANSWER_REFUSED, ""},
    {403, "{\"code\":\"foreign-origin\"}", ANSWER_REFUSED, "foreign-origin"},
    {404, "", ANSWER_REFUSED, ""},
    /* A 409 counts as sold out only if it says so. */
    {409, "", ANSWER_REFUSED, ""},
    {409, "{\"code\":\"key-spent\"}", ANSWER_REFUSED, "key-spent"},
    {413, "", ANSWER_REFUSED, ""},
    {415, "", ANSWER_REFUSED, ""},
    {422, "{\"code\":\"key-reused\"}", ANSWER_REFUSED, "key-reused"},
    {502, "<html>", ANSWER_GATEWAY, ""},
    {504, "", ANSWER_GATEWAY, ""},
    {500, "{\"code\":\"internal\"}", ANSWER_OTHER, "internal"},
    {505, "", ANSWER_OTHER, ""},
    {302, "", ANSWER_OTHER, ""},
    {204, "", ANSWER_OTHER, ""},
    /* A success that names no order proves nothing. */
    {200, "<html>It works!</html>", ANSWER_OTHER, ""},
    {201, "{}", ANSWER_OTHER, ""},
    {201, "{\"order\":7}", ANSWER_OTHER, ""},
    {201, "[\"order\"]", ANSWER_OTHER, ""},
    {202, "{\"order\":\"\"}", ANSWER_OTHER, ""},
};

START_TEST(test_answers_are_classified)
{
	struct answer_seen seen = {.status = answers[_i].status};
	struct answer_body body;
	enum answer_kind kind;

	answer_read(strv_c(answers[_i].body), &body);
	kind = answer_classify(&seen, &body);
	ck_assert_str_eq(
	    answer_rows[kind].name, answer_rows[answers[_i].kind].name);
	ck_assert_str_eq(answer_code(kind, &body), answers[_i].code);
}
END_TEST

static const struct {
	struct answer_seen seen;
	enum answer_kind kind;
} silences[] = {
    {{.status = 0}, ANSWER_CUT},
    {{.status = 0, .timed_out = true}, ANSWER_TIMEOUT},
    {{.status = 0, .interrupted = true}, ANSWER_INTERRUPTED},
};

START_TEST(test_silence_is_classified)
{
	struct answer_body body;

	answer_read(STRV(""), &body);
	ck_assert_int_eq(
	    answer_classify(&silences[_i].seen, &body), silences[_i].kind);
}
END_TEST

/* The promise of each row: is the shopper done, does he repeat? */
static const struct {
	bool final, retry;
} manners[ANSWER_KINDS] = {
    [ANSWER_CREATED] = {true, false},
    [ANSWER_REPLAYED] = {true, false},
    [ANSWER_ACCEPTED] = {false, false},
    [ANSWER_SOLD_OUT] = {true, false},
    [ANSWER_LIMIT] = {true, false},
    [ANSWER_IN_PROGRESS] = {false, true},
    [ANSWER_NOT_OPEN] = {true, false},
    [ANSWER_ENDED] = {true, false},
    [ANSWER_RATE_LIMITED] = {false, true},
    [ANSWER_UNAVAILABLE] = {false, true},
    [ANSWER_REFUSED] = {true, false},
    [ANSWER_GATEWAY] = {false, true},
    [ANSWER_OTHER] = {false, true},
    [ANSWER_CUT] = {false, true},
    [ANSWER_TIMEOUT] = {false, true},
    [ANSWER_INTERRUPTED] = {false, false},
};

START_TEST(test_manners)
{
	ck_assert_int_eq(answer_rows[_i].final, manners[_i].final);
	ck_assert_int_eq(answer_rows[_i].retry, manners[_i].retry);
	for (int other = 0; other < _i; other++) {
		ck_assert_str_ne(answer_rows[_i].name, answer_rows[other].name);
		ck_assert_str_ne(
		    answer_rows[_i].label, answer_rows[other].label);
	}
}
END_TEST

START_TEST(test_bodies_from_strangers)
{
	char long_order[300];
	struct answer_body body;

	answer_read(
	    STRV("{\"order\":\"A\",\"unit\":42,\"code\":\"c\"}"), &body);
	ck_assert_str_eq(body.order, "A");
	ck_assert_str_eq(body.code, "c");
	ck_assert_uint_eq(body.unit, 42);
	answer_read(STRV("{\"unit\":4294967296}"), &body);
	ck_assert_uint_eq(body.unit, 0);
	answer_read(STRV("{\"unit\":-1}"), &body);
	ck_assert_uint_eq(body.unit, 0);
	answer_read(STRV("{\"order\":\"A\\u0000B\"}"), &body);
	ck_assert_str_eq(body.order, "");
	answer_read(STRV("{\"order\":\"A"), &body);
	ck_assert_str_eq(body.order, "");
	/* Too long for an order is none, rather than half of one. */
	snprintf(long_order, sizeof(long_order), "{\"order\":\"%0100d\"}", 7);
	answer_read(strv_c(long_order), &body);
	ck_assert_str_eq(body.order, "");
}
END_TEST

/* ---- history ----------------------------------------------------------------------- */

static json_t *line_parse(const struct history_entry *entry)
{
	static char bytes[HISTORY_LINE_MAX];
	struct strbuf line;
	json_t *object;

	strbuf_init(&line, bytes, sizeof(bytes));
	history_format(&line, entry);
	ck_assert(!line.overflow);
	/* One line, and only one. */
	ck_assert_ptr_eq(strchr(bytes, '\n'), bytes + line.n - 1);
	object = json_loads(bytes, JSON_REJECT_DUPLICATES, NULL);
	ck_assert_ptr_nonnull(object);
	ck_assert_uint_eq(json_object_size(object), 12);
	return object;
}

static const char *text_of(json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

static double number_of(json_t *object, const char *name)
{
	return json_number_value(json_object_get(object, name));
}

START_TEST(test_line_of_an_answer)
{
	json_t *object = line_parse(&(struct history_entry){
	    .customer = STRV("rush-1"),
	    .key = STRV("00ff"),
	    .attempt = 3,
	    .start_ns = 12 * NS_PER_S + 1999,
	    .end_ns = 12 * NS_PER_S + 5001,
	    .start_wall = {1795377600123456},
	    .status = 201,
	    .code = STRV("created"),
	    .order = STRV("0AB"),
	    .unit = 42,
	    .replayed = true,
	});

	ck_assert_str_eq(text_of(object, "customer"), "rush-1");
	ck_assert_str_eq(text_of(object, "key"), "00ff");
	ck_assert_double_eq(number_of(object, "attempt"), 3);
	/* Outwards: what happened lies between the two. */
	ck_assert_double_eq(number_of(object, "start"), 12.000001);
	ck_assert_double_eq(number_of(object, "end"), 12.000006);
	ck_assert_double_eq(number_of(object, "start_wall"), 1795377600.123456);
	ck_assert_double_eq(number_of(object, "status"), 201);
	ck_assert_str_eq(text_of(object, "code"), "created");
	ck_assert_str_eq(text_of(object, "order"), "0AB");
	ck_assert_double_eq(number_of(object, "unit"), 42);
	ck_assert(json_is_true(json_object_get(object, "replayed")));
	ck_assert(json_is_null(json_object_get(object, "error")));
	json_decref(object);
}
END_TEST

START_TEST(test_line_of_a_silence)
{
	json_t *object = line_parse(&(struct history_entry){
	    .customer = STRV("rush-1"),
	    .attempt = 1,
	    .error = STRV("Connection refused"),
	});

	ck_assert_double_eq(number_of(object, "status"), 0);
	ck_assert(json_is_null(json_object_get(object, "key")));
	ck_assert(json_is_null(json_object_get(object, "code")));
	ck_assert(json_is_null(json_object_get(object, "order")));
	ck_assert(json_is_null(json_object_get(object, "unit")));
	ck_assert(json_is_false(json_object_get(object, "replayed")));
	ck_assert_str_eq(text_of(object, "error"), "Connection refused");
	json_decref(object);
}
END_TEST

START_TEST(test_hostile_bytes_stay_json)
{
	char all[256], many[4096];
	json_t *object;

	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (char)i;
	memset(many, '\x01', sizeof(many));
	object = line_parse(&(struct history_entry){
	    .customer = STRV("rush-1"),
	    .key = STRV("k"),
	    .code = strv_from(all, sizeof(all)),
	    .order = STRV("\"},{\"x\":\"\\\n"),
	    .error = strv_from(many, sizeof(many)),
	});
	ck_assert_str_eq(text_of(object, "order"), "\"},{\"x\":\"\\\n");
	ck_assert_uint_eq(
	    json_string_length(json_object_get(object, "error")), 512);
	json_decref(object);
	/* The longest line there is fits. */
	json_decref(line_parse(&(struct history_entry){
	    .customer = strv_from(many, sizeof(many)),
	    .key = strv_from(many, sizeof(many)),
	    .code = strv_from(many, sizeof(many)),
	    .order = strv_from(many, sizeof(many)),
	    .error = strv_from(many, sizeof(many)),
	    .attempt = UINT32_MAX,
	    .unit = UINT32_MAX,
	    .start_ns = INT64_MAX / 2,
	    .end_ns = INT64_MAX / 2,
	    .start_wall = {INT64_MAX},
	    .status = 999,
	}));
}
END_TEST

START_TEST(test_file_has_every_line)
{
	char path[] = "/tmp/rush-history.XXXXXX";
	struct history_entry entry = {.customer = STRV("rush-1")};
	int fd = mkstemp(path);
	struct history *history;
	struct err err = ERR_INIT;
	unsigned lines = 0;
	char *line = NULL;
	size_t size = 0;
	FILE *in;

	ck_assert_int_ge(fd, 0);
	history = history_open(path, &err);
	ck_assert_ptr_nonnull(history);
	/* More than the buffer holds, several times over. */
	for (entry.attempt = 1; entry.attempt <= 5000; entry.attempt++)
		ck_assert(history_add(history, &entry, &err));
	ck_assert(history_close(&history, &err));
	ck_assert_ptr_null(history);
	in = fdopen(fd, "r");
	while (getline(&line, &size, in) > 0) {
		json_t *object = json_loads(line, 0, NULL);

		ck_assert_ptr_nonnull(object);
		ck_assert_double_eq(number_of(object, "attempt"), ++lines);
		json_decref(object);
	}
	ck_assert_uint_eq(lines, 5000);
	free(line);
	fclose(in);
	unlink(path);
}
END_TEST

START_TEST(test_full_disk_is_told)
{
	struct history_entry entry = {.customer = STRV("rush-1")};
	struct err err = ERR_INIT;
	struct history *history;
	bool good = true;

	ck_assert_ptr_null(history_open("/nonexistent/history", &err));
	ck_assert_ptr_nonnull(strstr(err.text, "/nonexistent/history"));
	history = history_open("/dev/full", &err);
	ck_assert_ptr_nonnull(history);
	for (unsigned i = 0; i < 10000 && good; i++)
		good = history_add(history, &entry, &err);
	ck_assert(!good);
	ck_assert_ptr_nonnull(strstr(err.text, "/dev/full"));
	/* It stays broken, and says so again at the end. */
	err.text[0] = '\0';
	ck_assert(!history_close(&history, &err));
	ck_assert_ptr_nonnull(strstr(err.text, "/dev/full"));
}
END_TEST

TESTS_MAIN("rush answer",
    UNIT_TABLE("answers", test_answers_are_classified, (int)ARRAY_LEN(answers)),
    UNIT_TABLE(
	"silences", test_silence_is_classified, (int)ARRAY_LEN(silences)),
    UNIT_TABLE("manners", test_manners, (int)ARRAY_LEN(manners)),
    UNIT("bodies from strangers", test_bodies_from_strangers),
    UNIT("line of an answer", test_line_of_an_answer),
    UNIT("line of a silence", test_line_of_a_silence),
    UNIT("hostile bytes stay JSON", test_hostile_bytes_stay_json),
    UNIT("every line is in the file", test_file_has_every_line),
    UNIT("a full disk is told", test_full_disk_is_told))
