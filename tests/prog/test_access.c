/* SPDX-License-Identifier: Apache-2.0 */
/* prog/access: the tokens of access.format, and the lines that they make. */
#include "config.h"

#include "unit.h"

#include "base/log.h"
#include "prog/access.h"
#include "prog/access_format.h"

#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

/* ---- formats ------------------------------------------------------------------- */

static const struct {
	const char *format;
	const char *why; /* NULL: good */
} formats[] = {
    {"%R - %u %t \"%m %r\" %s", NULL},
    {"%%%{A_B}e%d%{seconds}d%{milliseconds}d%{milli}d%{microseconds}d%{micro}d"
     "%l%m%n%p%P%q%Q%r%R%s%t%T%{%s}t%{%H:%M}T%u%{queue}x%{claim}x%{insert}x"
     "%{id}x%{outcome}x%{route}x%{sent}x",
	NULL},
    {"json", NULL},
    {"plain text", NULL},
    {"", "empty"},
    {"%", "ends amid a token"},
    {"%{HTTP_HOST", "ends amid a token"},
    {"%{HTTP_HOST}", "ends amid a token"},
    {"%z", "%z is no token"},
    {"%C", "%C is no token"},
    {"%f", "%f is no token"},
    {"%e", "%e is no token"},
    {"%{}e", "%{}e is no token"},
    {"%x", "%x is no token"},
    {"%{hours}d", "%{hours}d is no token"},
    {"%{x}m", "%{x}m is no token"},
    {"%{nothing}x", "%{nothing}x is no token"},
    {"%{}t", "%{}t is no token"},
    {"%{x}%", "%{x}% is no token"},
};

START_TEST(test_format)
{
	struct err err = ERR_INIT;
	bool good = access_format_check(formats[_i].format, &err);

	ck_assert_msg(good == (formats[_i].why == NULL), "%s: %s",
	    formats[_i].format, err.text);
	if (!good)
		ck_assert_msg(
		    strstr(err.text, formats[_i].why) != NULL, "%s", err.text);
}
END_TEST

START_TEST(test_too_many_tokens)
{
	char format[2 * ACCESS_PIECES_MAX + 3];
	struct strbuf text;
	struct err err = ERR_INIT;

	strbuf_init(&text, format, sizeof(format));
	for (int i = 0; i < ACCESS_PIECES_MAX; i++)
		strbuf_puts(&text, "%m");
	ck_assert(access_format_check(format, &err));
	strbuf_puts(&text, "%m");
	ck_assert(!access_format_check(format, &err));
}
END_TEST

/* ---- lines ---------------------------------------------------------------------- */

static char path[80];
static struct settings settings;
static struct web_request request;
static struct web_outcome outcome;

static struct strv param(const void *ctx, const char *name)
{
	(void)ctx;
	if (strcmp(name, "REMOTE_ADDR") == 0)
		return STRV("::1");
	if (strcmp(name, "HTTP_X") == 0)
		return STRV("a\"b\\c\n\xff");
	return strv_from(NULL, 0);
}

static struct access *access_log;

static void begin_log(const char *format)
{
	struct err err = ERR_INIT;
	int fd;

	snprintf(path, sizeof(path), "/tmp/fg-access.XXXXXX");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	close(fd);
	settings_defaults(&settings);
	ck_assert(strv_copy(strv_c(path), settings.www.access_log,
	    sizeof(settings.www.access_log)));
	ck_assert(strv_copy(strv_c(format), settings.www.access_format,
	    sizeof(settings.www.access_format)));
	access_log = access_new(&settings, &err);
	ck_assert_msg(access_log != NULL, "%s", err.text);
	request = (struct web_request){
	    .method = STRV("GET"), .uri = STRV("/v1/sales?a=1")};
	outcome =
	    (struct web_outcome){.status = 200, .route = "sales", .code = "ok"};
	ck_assert(customer_parse(STRV("ann"), &outcome.who));
}

static void log_one(void)
{
	const struct access_facts facts = {
	    .request = &request,
	    .outcome = &outcome,
	    .param = param,
	    .received = {INT64_C(1700000000000000)},
	    .queue_ns = 1500000,
	    .claim_ns = 2345678901,
	    .insert_ns = -1,
	    .sent = 321,
	    .master = 4711,
	};

	access_begin(access_log, &facts);
	access_end(access_log, INT64_C(1234567890));
}

/* Reads all of it and takes the file away. */
static const char *end_log(void)
{
	static char text[400000];
	FILE *file;

	access_free(&access_log);
	file = fopen(path, "r");
	ck_assert_ptr_nonnull(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	unlink(path);
	return text;
}

static const struct {
	const char *format, *line;
} lines[] = {
    {"100%% %m %r%Q%q %s", "100% GET /v1/sales?a=1 200\n"},
    {"%d %{milliseconds}d %{milli}d %{microseconds}d %{micro}d",
	"1.234 1234.567 1234.567 1234567 1234567\n"},
    {"%R %u %n %P %l", "::1 ann www 4711 0\n"},
    {"%{queue}x %{claim}x %{insert}x", "0.001500 2.345678 -\n"},
    {"%{outcome}x %{route}x %{sent}x %{id}x", "ok sales 321 -\n"},
    {"%{HTTP_X}e|%{HTTP_NO}e", "a\\x22b\\x5cc\\x0a\\xff|-\n"},
    {"%{%s}t", "1700000000\n"},
    {"%d", "1.234\n"},
    {"<%d", "<1.234\n"},
    {"%d>", "1.234>\n"},
};

START_TEST(test_line)
{
	begin_log(lines[_i].format);
	log_one();
	ck_assert_str_eq(end_log(), lines[_i].line);
}
END_TEST

START_TEST(test_times)
{
	char *text;
	unsigned long logged;

	begin_log("%{%s}T %p");
	log_one();
	text = (char *)(uintptr_t)end_log();
	logged = strtoul(text, &text, 10);
	ck_assert_uint_ge(logged, 1700000000);
	ck_assert_uint_eq(strtoul(text, &text, 10), (unsigned long)getpid());
	ck_assert_str_eq(text, "\n");
}
END_TEST

START_TEST(test_json)
{
	json_t *line;

	begin_log("json");
	request.uri = STRV("/\"<\\\x01\xc3?q\"");
	log_one();
	line = json_loads(end_log(), 0, NULL);
	ck_assert_ptr_nonnull(line);
	ck_assert_str_eq(json_string_value(json_object_get(line, "path")),
	    "/\"<\\\\x01\\xc3");
	ck_assert_str_eq(
	    json_string_value(json_object_get(line, "query")), "q\"");
	ck_assert_int_eq(
	    json_integer_value(json_object_get(line, "status")), 200);
	ck_assert_double_eq_tol(
	    json_real_value(json_object_get(line, "duration")), 1.234, 1e-9);
	ck_assert(json_is_null(json_object_get(line, "insert")));
	json_decref(line);
}
END_TEST

/* php-fpm cuts at 1024. */
START_TEST(test_a_long_uri_is_whole)
{
	static char uri[4097];
	const char *text;

	begin_log("%r.");
	memset(uri, 0xff, sizeof(uri) - 1);
	request.uri = strv_c(uri);
	log_one();
	text = end_log();
	ck_assert_uint_eq(strlen(text), 4 * 4096 + 2);
	ck_assert_str_eq(text + 4 * 4096, ".\n");
}
END_TEST

/* What cannot fit says that it does not; a line it is all the same. */
START_TEST(test_what_does_not_fit_is_marked)
{
	static char uri[300000];
	const char *text;

	begin_log("%r%r %d");
	memset(uri, 0xff, sizeof(uri) - 1);
	request.uri = strv_c(uri);
	log_one();
	text = end_log();
	ck_assert_str_eq(text + strlen(text) - 7, " [cut]\n");
}
END_TEST

static const struct {
	const char *method, *uri, *body;
	int status;
	bool logged;
} suppressed[] = {
    {"GET", "/health", "", 200, false},
    {"HEAD", "/live", "", 204, false},
    {"POST", "/health", "", 200, true},
    {"GET", "/health?x", "", 200, true},
    {"GET", "/health/", "", 200, true},
    {"GET", "/health", "body", 200, true},
    {"GET", "/health", "", 503, true},
    {"GET", "/", "", 200, true},
    {"GET", "", "", 200, true},
};

START_TEST(test_suppress)
{
	begin_log("%m");
	ck_assert(
	    strv_copy(STRV("/health  /live"), settings.www.access_suppress_path,
		sizeof(settings.www.access_suppress_path)));
	request.method = strv_c(suppressed[_i].method);
	request.uri = strv_c(suppressed[_i].uri);
	request.body = strv_c(suppressed[_i].body);
	outcome.status = suppressed[_i].status;
	log_one();
	ck_assert_int_eq(end_log()[0] != '\0', suppressed[_i].logged);
}
END_TEST

START_TEST(test_none)
{
	struct err err = ERR_INIT;

	settings_defaults(&settings);
	ck_assert_ptr_null(access_new(&settings, &err));
	ck_assert_str_eq(err.text, "");
	ck_assert(strv_copy(STRV("/nonexistent/dir/access.log"),
	    settings.www.access_log, sizeof(settings.www.access_log)));
	ck_assert_ptr_null(access_new(&settings, &err));
	ck_assert_ptr_nonnull(strstr(err.text, "[www] access.log"));
	ck_assert_ptr_nonnull(strstr(err.text, "No such file"));
}
END_TEST

START_TEST(test_reopened_with_the_log)
{
	struct err err = ERR_INIT;
	char aside[sizeof(path)];

	begin_log("%m");
	log_one();
	snprintf(aside, sizeof(aside), "%.70s.1", path);
	ck_assert_int_eq(rename(path, aside), 0);
	log_one();
	ck_assert(log_reopen(&err));
	log_one();
	ck_assert_str_eq(end_log(), "GET\n");
	snprintf(path, sizeof(path), "%s", aside);
	ck_assert_str_eq(end_log(), "GET\nGET\n");
	/* A closed one is no longer the log's business. */
	ck_assert(log_reopen(&err));
	ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

TESTS_MAIN("access", UNIT_TABLE("format", test_format, (int)ARRAY_LEN(formats)),
    UNIT("too_many", test_too_many_tokens),
    UNIT_TABLE("line", test_line, (int)ARRAY_LEN(lines)),
    UNIT("times", test_times), UNIT("json", test_json),
    UNIT("long", test_a_long_uri_is_whole),
    UNIT("cut", test_what_does_not_fit_is_marked),
    UNIT_TABLE("suppress", test_suppress, (int)ARRAY_LEN(suppressed)),
    UNIT("none", test_none), UNIT("reopen", test_reopened_with_the_log))
