/* SPDX-License-Identifier: Apache-2.0 */
/* Whole requests: body, CONTENT_LENGTH, role, and setting the library up. */
#include "config.h"

#include "fcgi/rig.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>

/* ---- the body and its length ------------------------------------------ */

static const struct {
	const char *length; /* NULL: not sent */
	const char *body;
	enum fcgi_read result;
} length_rows[] = {
    /* given, and true */
    {"0", "", FCGI_READ_REQUEST},
    {"5", "hello", FCGI_READ_REQUEST},
    {"005", "hello", FCGI_READ_REQUEST},
    /* not known: nothing said, nginx without a body, lighttpd streaming */
    {NULL, "", FCGI_READ_REQUEST},
    {NULL, "hello", FCGI_READ_REQUEST},
    {"", "", FCGI_READ_REQUEST},
    {"", "hello", FCGI_READ_REQUEST},
    {"-1", "", FCGI_READ_REQUEST},
    {"-1", "hello", FCGI_READ_REQUEST},
    /* shorter and longer than said */
    {"6", "hello", FCGI_READ_BAD_LENGTH},
    {"4", "hello", FCGI_READ_BAD_LENGTH},
    {"0", "hello", FCGI_READ_BAD_LENGTH},
    {"5", "", FCGI_READ_BAD_LENGTH},
    {"1001", "hello", FCGI_READ_BAD_LENGTH},
    {"18446744073709551615", "hello", FCGI_READ_BAD_LENGTH},
    /* no number */
    {"abc", "hello", FCGI_READ_BAD_LENGTH},
    {"5abc", "hello", FCGI_READ_BAD_LENGTH},
    {"1e3", "hello", FCGI_READ_BAD_LENGTH},
    {"0x5", "hello", FCGI_READ_BAD_LENGTH},
    {"5.0", "hello", FCGI_READ_BAD_LENGTH},
    {"+5", "hello", FCGI_READ_BAD_LENGTH},
    {" 5", "hello", FCGI_READ_BAD_LENGTH},
    {"5 ", "hello", FCGI_READ_BAD_LENGTH},
    {"5, 5", "hello", FCGI_READ_BAD_LENGTH},
    {"-5", "hello", FCGI_READ_BAD_LENGTH},
    {"-0", "", FCGI_READ_BAD_LENGTH},
    {"-", "", FCGI_READ_BAD_LENGTH},
    /* 2^64 and 2^64 + 5: no wrap */
    {"18446744073709551616", "", FCGI_READ_BAD_LENGTH},
    {"18446744073709551621", "hello", FCGI_READ_BAD_LENGTH},
};

START_TEST(test_length)
{
	const struct fcc_param params[] = {
	    {length_rows[_i].length != NULL ? "CONTENT_LENGTH" : "HTTPS",
		length_rows[_i].length != NULL ? length_rows[_i].length : ""},
	    {NULL, NULL}};
	struct strv body = strv_c(length_rows[_i].body);
	struct fcc_answer answer = {0};
	struct rig rig;

	rig_open(&rig, SOCK_STREAM);
	fcc_put_request(
	    &rig.request, &(struct fcc_request){
			      .keep = true, .params = params, .body = body});
	ck_assert_int_eq(rig_exchange(&rig), length_rows[_i].result);
	ck_assert_strv(fcgi_body(rig.fcgi), body);
	/* Refused or not: it is answered, and the connection stands. */
	ck_assert(rig_finish(&rig, RIG_OK, true));
	ck_assert_int_eq(rig_answer(&rig, 1, &answer), FCC_OK);
	ck_assert_int_eq(answer.protocol_status, FCC_REQUEST_COMPLETE);
	fcc_answer_free(&answer);
	rig_close(&rig);
}
END_TEST

/* Two lengths are a contradiction even where they agree. */
START_TEST(test_length_twice)
{
	const struct fcc_param params[] = {
	    {"CONTENT_LENGTH", "5"}, {"CONTENT_LENGTH", "5"}, {NULL, NULL}};
	struct rig rig;

	rig_open(&rig, SOCK_STREAM);
	fcc_put_request(&rig.request,
	    &(struct fcc_request){.params = params, .body = STRV("hello")});
	ck_assert_int_eq(rig_exchange(&rig), FCGI_READ_BAD_LENGTH);
	ck_assert_msg(
	    strstr(rig.err.text, "2 times") != NULL, "%s", rig.err.text);
	rig_finish(&rig, RIG_OK, true);
	rig_close(&rig);
}
END_TEST

START_TEST(test_any_byte_passes)
{
	char body[256];
	struct rig rig;

	for (size_t i = 0; i < sizeof(body); i++)
		body[i] = (char)i;
	rig_open(&rig, SOCK_STREAM);
	fcc_put_request(&rig.request,
	    &(struct fcc_request){.body = strv_from(body, sizeof(body))});
	ck_assert_int_eq(rig_exchange(&rig), FCGI_READ_REQUEST);
	ck_assert(strv_eq(fcgi_body(rig.fcgi), strv_from(body, sizeof(body))));
	rig_finish(&rig, RIG_OK, true);
	ck_assert_uint_eq(fcgi_body(rig.fcgi).n, 0);
	rig_close(&rig);
}
END_TEST

/* Many small records, each with padding, are one body. */
START_TEST(test_records_of_any_size)
{
	char body[600];
	struct rig rig;

	for (size_t i = 0; i < sizeof(body); i++)
		body[i] = (char)('a' + i % 26);
	rig_open(&rig, SOCK_STREAM);
	fcc_put_begin(&rig.request, 0xffff, FCC_RESPONDER, true);
	fcc_put_stream(&rig.request, FCC_PARAMS, 0xffff, STRV("\1\1Ab"));
	for (size_t i = 0; i < sizeof(body); i += 3)
		fcc_put_record(&rig.request, FCC_STDIN, 0xffff,
		    strv_from(body + i, 3), (unsigned)i % 256);
	fcc_put_record(&rig.request, FCC_STDIN, 0xffff, STRV(""), 0);
	ck_assert_int_eq(rig_exchange(&rig), FCGI_READ_REQUEST);
	ck_assert_strv(fcgi_param(rig.fcgi, "A"), STRV("b"));
	ck_assert(strv_eq(fcgi_body(rig.fcgi), strv_from(body, sizeof(body))));
	rig_finish(&rig, RIG_OK, true);
	rig_close(&rig);
}
END_TEST

/* ---- a body above the limit -------------------------------------------- */

static const struct {
	size_t body_n;
	enum fcgi_read result;
} limit_rows[] = {
    {RIG_BODY_MAX - 1, FCGI_READ_REQUEST},
    {RIG_BODY_MAX, FCGI_READ_REQUEST},
    {RIG_BODY_MAX + 1, FCGI_READ_TOO_LARGE},
    {RIG_BODY_MAX + 2, FCGI_READ_TOO_LARGE},
    /* around libfcgi's buffer, where what it does not hold is left unread */
    {8192, FCGI_READ_TOO_LARGE},
    {9000, FCGI_READ_TOO_LARGE},
    {RIG_BODY_MAX + 1 + 8192, FCGI_READ_TOO_LARGE},
    {RIG_BODY_MAX + 2 + 8192, FCGI_READ_TOO_LARGE},
    {100000, FCGI_READ_TOO_LARGE},
};

/* Read to its end, else the next request would be lost with the rest of it. */
START_TEST(test_body_limit)
{
	static char body[100000];
	size_t body_n = limit_rows[_i].body_n;
	struct fcc_answer answer = {0};
	struct rig rig;

	memset(body, 'b', sizeof(body));
	rig_open(&rig, SOCK_STREAM);
	fcc_put_request(&rig.request, &(struct fcc_request){.keep = true,
					  .body = strv_from(body, body_n)});
	ck_assert_int_eq(rig_exchange(&rig), limit_rows[_i].result);
	ck_assert_uint_eq(fcgi_body(rig.fcgi).n,
	    limit_rows[_i].result == FCGI_READ_REQUEST ? body_n : 0);
	ck_assert(rig_finish(&rig, STRV("Status: 413\r\n\r\n"), true));
	ck_assert_int_eq(rig_answer(&rig, 1, &answer), FCC_OK);
	ck_assert_int_eq(fcc_answer_status(&answer), 413);

	fcc_put_request(&rig.request,
	    &(struct fcc_request){.keep = true, .body = STRV("next")});
	ck_assert_int_eq(rig_exchange(&rig), FCGI_READ_REQUEST);
	ck_assert_strv(fcgi_body(rig.fcgi), STRV("next"));
	ck_assert(rig_finish(&rig, RIG_OK, true));
	ck_assert_int_eq(rig_answer(&rig, 1, &answer), FCC_OK);
	fcc_answer_free(&answer);
	rig_close(&rig);
}
END_TEST

/* ---- roles ------------------------------------------------------------- */

static const unsigned other_roles[] = {FCC_AUTHORIZER, FCC_FILTER};

/* An authorizer gets no stdin, so nothing may wait for one. */
START_TEST(test_other_role)
{
	struct fcc_answer answer = {0};
	struct fcc_record record;
	struct rig rig;
	int64_t start;

	rig_open(&rig, SOCK_STREAM);
	fcc_put_begin(&rig.request, 1, other_roles[_i], true);
	fcc_put_stream(&rig.request, FCC_PARAMS, 1, STRV("\1\1Ab"));
	start = mono_ns();
	ck_assert_int_eq(rig_exchange(&rig), FCGI_READ_BAD_ROLE);
	ck_assert_strv(fcgi_param(rig.fcgi, "A"), STRV("b"));
	/* Closed whatever the peer asked: its streams are not ours to know. */
	ck_assert(!rig_finish(&rig, STRV("Status: 501\r\n\r\n"), true));
	ck_assert_int_lt(mono_ns() - start, 1500 * NS_PER_MS);
	ck_assert_int_eq(rig_answer(&rig, 1, &answer), FCC_OK);
	ck_assert_int_eq(fcc_answer_status(&answer), 501);
	ck_assert_int_eq(fcc_recv_record(&rig.peer, &record,
			     deadline_in_ms(RIG_PATIENCE_MS)),
	    FCC_EOF);
	fcc_answer_free(&answer);
	rig_close(&rig);
}
END_TEST

/* The streams that were sent already must not turn the answer to a reset. */
START_TEST(test_filter_with_data_hears_the_answer)
{
	static char data[20000];
	struct fcc_answer answer = {0};
	struct rig rig;

	rig_open(&rig, SOCK_STREAM);
	fcc_put_request(&rig.request,
	    &(struct fcc_request){.role = FCC_FILTER, .body = STRV("in")});
	fcc_put_stream(
	    &rig.request, FCC_DATA, 1, strv_from(data, sizeof(data)));
	ck_assert_int_eq(rig_exchange(&rig), FCGI_READ_BAD_ROLE);
	ck_assert(!rig_finish(&rig, STRV("Status: 501\r\n\r\n"), true));
	ck_assert_int_eq(rig_answer(&rig, 1, &answer), FCC_OK);
	ck_assert_int_eq(fcc_answer_status(&answer), 501);
	fcc_answer_free(&answer);
	rig_close(&rig);
}
END_TEST

/* libfcgi closes without END_REQUEST/UNKNOWN_ROLE; there is nothing to answer. */
START_TEST(test_unknown_role_is_closed)
{
	struct fcc_record record;
	struct rig rig;

	rig_open(&rig, SOCK_STREAM);
	fcc_put_begin(&rig.request, 1, 4, true);
	ck_assert_int_eq(rig_exchange(&rig), FCGI_READ_GONE);
	ck_assert_int_eq(fcc_recv_record(&rig.peer, &record,
			     deadline_in_ms(RIG_PATIENCE_MS)),
	    FCC_EOF);
	rig_close(&rig);
}
END_TEST

/* ---- setting up --------------------------------------------------------- */

static void on_signal(int signo)
{
	(void)signo;
}

static void (*handler_of(int signo))(int)
{
	struct sigaction action;

	ck_assert_int_eq(sigaction(signo, NULL, &action), 0);
	return action.sa_handler;
}

/* libfcgi would take both where they are default, and mark itself finished. */
static void (*const handler_rows[])(int) = {SIG_DFL, SIG_IGN, on_signal};

START_TEST(test_signals_stay_the_pools)
{
	struct rig rig;

	signal(SIGTERM, handler_rows[_i]);
	signal(SIGUSR1, handler_rows[_i]);
	rig_open(&rig, SOCK_STREAM);
	ck_assert(handler_of(SIGTERM) == handler_rows[_i]);
	ck_assert(handler_of(SIGUSR1) == handler_rows[_i]);
	ck_assert(handler_of(SIGPIPE) == SIG_IGN);
	rig_close(&rig);
	signal(SIGTERM, SIG_DFL);
	signal(SIGUSR1, SIG_DFL);
}
END_TEST

START_TEST(test_timeouts_are_the_operators)
{
	struct rig rig;

	setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", "77", 1);
	unsetenv("LIBFCGI_IS_AF_UNIX_KEEPER_POLL_TIMEOUT");
	rig_open(&rig, SOCK_STREAM);
	ck_assert_str_eq(getenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT"), "77");
	ck_assert_str_eq(
	    getenv("LIBFCGI_IS_AF_UNIX_KEEPER_POLL_TIMEOUT"), "100");
	rig_close(&rig);
	unsetenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT");
}
END_TEST

static const struct fcgi_limits bad_limits[] = {
    {INT_MAX, 1},
    {SIZE_MAX, 1},
    {1, 0},
};

START_TEST(test_limits_that_cannot_be)
{
	struct err err = ERR_INIT;

	ck_assert_ptr_null(fcgi_new(&bad_limits[_i], &err));
	ck_assert_int_eq(err.code, EINVAL);
	ck_assert_msg(strstr(err.text, "limits") != NULL, "%s", err.text);
}
END_TEST

/* No body at all is a limit, too. */
START_TEST(test_limit_of_no_body)
{
	const struct fcgi_limits limits = {0, 100};
	struct rig rig;

	rig_open(&rig, SOCK_STREAM);
	fcgi_free(&rig.fcgi);
	ck_assert_ptr_null(rig.fcgi);
	rig.fcgi = fcgi_new(&limits, &rig.err);
	ck_assert_ptr_nonnull(rig.fcgi);
	fcc_put_request(&rig.request, &(struct fcc_request){.keep = true});
	ck_assert_int_eq(rig_exchange(&rig), FCGI_READ_REQUEST);
	ck_assert(rig_finish(&rig, RIG_OK, true));
	fcc_put_request(&rig.request, &(struct fcc_request){.body = STRV("x")});
	ck_assert_int_eq(rig_exchange(&rig), FCGI_READ_TOO_LARGE);
	rig_finish(&rig, RIG_OK, true);
	rig_close(&rig);
}
END_TEST

/* A worker that leaves amid a request leaks nothing of it. */
START_TEST(test_freed_amid_a_request)
{
	struct rig rig;

	rig_open(&rig, SOCK_STREAM);
	fcc_put_request(&rig.request, &(struct fcc_request){.keep = true});
	ck_assert_int_eq(rig_exchange(&rig), FCGI_READ_REQUEST);
	fcgi_free(&rig.fcgi);
	ck_assert_ptr_null(rig.fcgi);
	rig_close(&rig);
}
END_TEST

TESTS_MAIN("fcgi: requests",
    UNIT_TABLE("CONTENT_LENGTH and body", test_length, ARRAY_LEN(length_rows)),
    UNIT("CONTENT_LENGTH twice", test_length_twice),
    UNIT("any byte passes", test_any_byte_passes),
    UNIT("records of any size, padded", test_records_of_any_size),
    UNIT_TABLE("a body around the limit, and the next request", test_body_limit,
	ARRAY_LEN(limit_rows)),
    UNIT_TABLE("authorizer and filter are answered", test_other_role,
	ARRAY_LEN(other_roles)),
    UNIT("a filter's data does not reset the answer",
	test_filter_with_data_hears_the_answer),
    UNIT("an unknown role is closed", test_unknown_role_is_closed),
    UNIT_TABLE("signals stay the pool's", test_signals_stay_the_pools,
	ARRAY_LEN(handler_rows)),
    UNIT("timeouts of libfcgi are the operator's",
	test_timeouts_are_the_operators),
    UNIT_TABLE("limits that cannot be", test_limits_that_cannot_be,
	ARRAY_LEN(bad_limits)),
    UNIT("a limit of no body", test_limit_of_no_body),
    UNIT("freed amid a request", test_freed_amid_a_request))
