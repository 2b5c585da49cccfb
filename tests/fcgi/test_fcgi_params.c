/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters: found whole, counted, bounded. */
#include "config.h"

#include "fcgi/rig.h"

#include "fcgi/params.h"

#include <stdio.h>
#include <sys/socket.h>

static const struct fcc_param nginx_like[] = {
    {"REQUEST_METHOD", "POST"},
    {"REQUEST_URI", "/v1/sales/shoe/orders?a=b=c"},
    {"QUERY_STRING", "a=b=c"},
    {"CONTENT_LENGTH", ""},
    {"HTTP_HOST", "shop.example"},
    {"HTTP_COOKIE", "a=1"},
    {"HTTP_COOKIE", "b=2"},
    {"HTTP_COOKIE_", "not a cookie"},
    {"", "nameless"},
    {NULL, NULL},
};

static void open_with(struct rig *rig, const struct fcc_param *params)
{
	rig_open(rig, SOCK_STREAM);
	fcc_put_request(&rig->request,
	    &(struct fcc_request){.keep = true, .params = params});
}

START_TEST(test_found)
{
	struct rig rig;

	open_with(&rig, nginx_like);
	ck_assert_int_eq(rig_exchange(&rig), FCGI_READ_REQUEST);
	ck_assert_strv(fcgi_param(rig.fcgi, "REQUEST_METHOD"), STRV("POST"));
	ck_assert_strv(fcgi_param(rig.fcgi, "REQUEST_URI"),
	    STRV("/v1/sales/shoe/orders?a=b=c"));
	ck_assert_strv(fcgi_param(rig.fcgi, "QUERY_STRING"), STRV("a=b=c"));
	/* Compared whole and with case: no prefix, no twin. */
	ck_assert_ptr_null(fcgi_param(rig.fcgi, "REQUEST").p);
	ck_assert_ptr_null(fcgi_param(rig.fcgi, "REQUEST_METHODS").p);
	ck_assert_ptr_null(fcgi_param(rig.fcgi, "request_method").p);
	rig_finish(&rig, RIG_OK, true);
	rig_close(&rig);
}
END_TEST

START_TEST(test_empty_value_is_not_absent)
{
	struct rig rig;

	open_with(&rig, nginx_like);
	ck_assert_int_eq(rig_exchange(&rig), FCGI_READ_REQUEST);
	ck_assert_uint_eq(fcgi_param(rig.fcgi, "CONTENT_LENGTH").n, 0);
	ck_assert_ptr_nonnull(fcgi_param(rig.fcgi, "CONTENT_LENGTH").p);
	ck_assert_uint_eq(fcgi_param(rig.fcgi, "HTTPS").n, 0);
	ck_assert_ptr_null(fcgi_param(rig.fcgi, "HTTPS").p);
	ck_assert_strv(fcgi_param(rig.fcgi, ""), STRV("nameless"));
	rig_finish(&rig, RIG_OK, true);
	rig_close(&rig);
}
END_TEST

START_TEST(test_duplicates_are_counted)
{
	struct rig rig;

	open_with(&rig, nginx_like);
	ck_assert_int_eq(rig_exchange(&rig), FCGI_READ_REQUEST);
	ck_assert_uint_eq(fcgi_param_count(rig.fcgi, "HTTP_COOKIE"), 2);
	ck_assert_strv(fcgi_param(rig.fcgi, "HTTP_COOKIE"), STRV("a=1"));
	ck_assert_uint_eq(fcgi_param_count(rig.fcgi, "HTTP_HOST"), 1);
	ck_assert_uint_eq(fcgi_param_count(rig.fcgi, "HTTPS"), 0);
	rig_finish(&rig, RIG_OK, true);
	rig_close(&rig);
}
END_TEST

/* libfcgi adds one of its own; a peer cannot be mistaken for it. */
START_TEST(test_the_librarys_own_is_hidden)
{
	const struct fcc_param forged[] = {
	    {"FCGI_ROLE", "FILTER"}, {NULL, NULL}};
	struct rig rig;

	open_with(&rig, nginx_like);
	ck_assert_int_eq(rig_exchange(&rig), FCGI_READ_REQUEST);
	ck_assert_uint_eq(fcgi_param_count(rig.fcgi, "FCGI_ROLE"), 0);
	rig_finish(&rig, RIG_OK, true);
	fcc_put_request(&rig.request, &(struct fcc_request){.params = forged});
	ck_assert_int_eq(rig_exchange(&rig), FCGI_READ_REQUEST);
	ck_assert_strv(fcgi_param(rig.fcgi, "FCGI_ROLE"), STRV("FILTER"));
	rig_finish(&rig, RIG_OK, true);
	rig_close(&rig);
}
END_TEST

/* Nothing of one request is left for the next one. */
START_TEST(test_die_with_their_request)
{
	struct rig rig;

	open_with(&rig, nginx_like);
	ck_assert_int_eq(rig_exchange(&rig), FCGI_READ_REQUEST);
	ck_assert_uint_eq(fcgi_param_count(rig.fcgi, ""), 1);
	rig_finish(&rig, RIG_OK, true);
	ck_assert_ptr_null(fcgi_param(rig.fcgi, "REQUEST_METHOD").p);
	ck_assert_uint_eq(fcgi_param_count(rig.fcgi, ""), 0);
	fcc_put_request(&rig.request, &(struct fcc_request){0});
	ck_assert_int_eq(rig_exchange(&rig), FCGI_READ_REQUEST);
	ck_assert_ptr_null(fcgi_param(rig.fcgi, "REQUEST_METHOD").p);
	rig_finish(&rig, RIG_OK, true);
	rig_close(&rig);
}
END_TEST

/* ---- limits ----------------------------------------------------------- */

static void one_of_length(struct rig *rig, size_t value_n)
{
	static char value[RIG_PARAMS_MAX + 2];
	const struct fcc_param params[] = {{"LONG", value}, {NULL, NULL}};

	memset(value, 'x', value_n);
	value[value_n] = '\0';
	fcc_put_request(&rig->request,
	    &(struct fcc_request){.keep = true, .params = params});
}

START_TEST(test_bytes_over_the_limit_are_refused)
{
	struct fcc_answer answer = {0};
	struct rig rig;

	rig_open(&rig, SOCK_STREAM);
	one_of_length(&rig, RIG_PARAMS_MAX - 4);
	ck_assert_int_eq(rig_exchange(&rig), FCGI_READ_REQUEST);
	ck_assert(rig_finish(&rig, RIG_OK, true));
	ck_assert_int_eq(rig_answer(&rig, 1, &answer), FCC_OK);

	one_of_length(&rig, RIG_PARAMS_MAX - 3);
	ck_assert_int_eq(rig_exchange(&rig), FCGI_READ_TOO_LARGE);
	ck_assert_msg(strstr(rig.err.text, "4000") != NULL, "%s", rig.err.text);
	ck_assert(rig_finish(&rig, STRV("Status: 431\r\n\r\n"), true));
	ck_assert_int_eq(rig_answer(&rig, 1, &answer), FCC_OK);
	ck_assert_int_eq(fcc_answer_status(&answer), 431);

	/* The connection stands, and serves. */
	one_of_length(&rig, 1);
	ck_assert_int_eq(rig_exchange(&rig), FCGI_READ_REQUEST);
	ck_assert(rig_finish(&rig, RIG_OK, true));
	fcc_answer_free(&answer);
	rig_close(&rig);
}
END_TEST

/* Empty ones weigh nothing, so their number is bounded, too. */
START_TEST(test_too_many_are_refused)
{
	struct fcc_param params[FCGI_PARAMS_COUNT_MAX + 2] = {{NULL, NULL}};
	struct rig rig;

	for (int i = 0; i < FCGI_PARAMS_COUNT_MAX; i++)
		params[i] = (struct fcc_param){"", ""};
	open_with(&rig, params);
	ck_assert_int_eq(rig_exchange(&rig), FCGI_READ_REQUEST);
	ck_assert_uint_eq(
	    fcgi_param_count(rig.fcgi, ""), FCGI_PARAMS_COUNT_MAX);
	rig_finish(&rig, RIG_OK, true);

	params[FCGI_PARAMS_COUNT_MAX] = (struct fcc_param){"", ""};
	fcc_put_request(&rig.request, &(struct fcc_request){.params = params});
	ck_assert_int_eq(rig_exchange(&rig), FCGI_READ_TOO_LARGE);
	rig_finish(&rig, RIG_OK, true);
	rig_close(&rig);
}
END_TEST

/* ---- NUL -------------------------------------------------------------- */

static void one_raw(struct rig *rig, struct strv name, struct strv value)
{
	struct fcc_bytes pairs = {0};

	fcc_put_pair(&pairs, name, value);
	fcc_put_begin(&rig->request, 1, FCC_RESPONDER, true);
	fcc_put_stream(
	    &rig->request, FCC_PARAMS, 1, strv_from(pairs.p, pairs.n));
	fcc_put_stream(&rig->request, FCC_STDIN, 1, STRV(""));
	fcc_bytes_free(&pairs);
}

START_TEST(test_nul_in_a_name_ends_the_connection)
{
	struct rig rig;

	rig_open(&rig, SOCK_STREAM);
	one_raw(&rig, STRV("REMOTE_USER\0X"), STRV("eve"));
	ck_assert_int_eq(rig_exchange(&rig), FCGI_READ_GONE);
	ck_assert_msg(strstr(rig.err.text, "NUL") != NULL, "%s", rig.err.text);
	rig_close(&rig);
}
END_TEST

/* The known limit of C strings, as params.h tells it. */
START_TEST(test_nul_in_a_value_cuts_it)
{
	struct rig rig;

	rig_open(&rig, SOCK_STREAM);
	one_raw(&rig, STRV("PATH_INFO"), STRV("/a\0b"));
	ck_assert_int_eq(rig_exchange(&rig), FCGI_READ_REQUEST);
	ck_assert_strv(fcgi_param(rig.fcgi, "PATH_INFO"), STRV("/a"));
	rig_finish(&rig, RIG_OK, true);
	rig_close(&rig);
}
END_TEST

/* ---- the index by itself ---------------------------------------------- */

static char text_a[] = "A=1";
static char text_ab[] = "AB=22";
static char text_none[] = "A";

static const struct {
	char *envp[4];
	size_t max_bytes;
	enum fcgi_params_verdict verdict;
	size_t n;
} index_rows[] = {
    {{NULL}, 1, FCGI_PARAMS_OK, 0},
    {{text_a, text_ab, NULL}, 6, FCGI_PARAMS_OK, 2},
    {{text_a, text_ab, NULL}, 5, FCGI_PARAMS_TOO_LARGE, 1},
    {{text_a, text_ab, NULL}, 3, FCGI_PARAMS_TOO_LARGE, 1},
    {{text_a, text_ab, NULL}, 1, FCGI_PARAMS_TOO_LARGE, 0},
    {{text_a, text_none, NULL}, 99, FCGI_PARAMS_BROKEN, 1},
};

START_TEST(test_index)
{
	struct fcgi_params params;

	ck_assert_int_eq(fcgi_params_index(&params, index_rows[_i].envp,
			     index_rows[_i].max_bytes),
	    index_rows[_i].verdict);
	ck_assert_uint_eq(params.n, index_rows[_i].n);
	if (params.n > 1)
		ck_assert_strv(
		    fcgi_params_find(&params, STRV("AB")), STRV("22"));
}
END_TEST

TESTS_MAIN("fcgi: parameters", UNIT("found by their whole name", test_found),
    UNIT("an empty value is not an absent one", test_empty_value_is_not_absent),
    UNIT("duplicates are counted, the first is given",
	test_duplicates_are_counted),
    UNIT("FCGI_ROLE of libfcgi is not the peer's",
	test_the_librarys_own_is_hidden),
    UNIT("gone with their request", test_die_with_their_request),
    UNIT("too many bytes are refused, the connection stands",
	test_bytes_over_the_limit_are_refused),
    UNIT("too many are refused", test_too_many_are_refused),
    UNIT("a NUL in a name ends the connection",
	test_nul_in_a_name_ends_the_connection),
    UNIT("a NUL in a value cuts the value", test_nul_in_a_value_cuts_it),
    UNIT_TABLE("the index by itself", test_index, ARRAY_LEN(index_rows)))
