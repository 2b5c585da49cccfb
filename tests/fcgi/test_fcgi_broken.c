/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that did not arrive whole, and peers that do not keep to the
 * protocol: never given out as a request, and the next one is served.
 */
#include "config.h"

#include "fcgi/rig.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct fcc_param order_params[] = {
    {"REQUEST_METHOD", "POST"},
    {"REQUEST_URI", "/v1/sales/shoe/orders"},
    {"CONTENT_LENGTH", "11"},
    {"HTTP_IDEMPOTENCY_KEY", "8a1f"},
    {NULL, NULL},
};

/*
 * A purchase as mod_proxy_fcgi sends it, the parameters in two records split
 * between two pairs: there a cut looks like the end to libfcgi.
 */
static void put_order(struct fcc_bytes *out)
{
	struct fcc_bytes pairs = {0};
	size_t half = 0;

	for (size_t i = 0; order_params[i].name != NULL; i++) {
		if (i == 2)
			half = pairs.n;
		fcc_put_pair(&pairs, strv_c(order_params[i].name),
		    strv_c(order_params[i].value));
	}
	fcc_put_begin(out, 1, FCC_RESPONDER, true);
	fcc_put_record(out, FCC_PARAMS, 1, strv_from(pairs.p, half), 3);
	fcc_put_stream(
	    out, FCC_PARAMS, 1, strv_from(pairs.p + half, pairs.n - half));
	fcc_put_record(out, FCC_STDIN, 1, STRV("hello"), 3);
	fcc_put_stream(out, FCC_STDIN, 1, STRV(" world"));
	fcc_bytes_free(&pairs);
}

static void assert_next_is_served(struct rig *rig)
{
	struct fcc_answer answer = {0};

	rig_reconnect(rig, SOCK_STREAM);
	put_order(&rig->request);
	ck_assert_int_eq(rig_exchange(rig), FCGI_READ_REQUEST);
	ck_assert_strv(fcgi_body(rig->fcgi), STRV("hello world"));
	ck_assert(rig_finish(rig, RIG_OK, true));
	ck_assert_int_eq(rig_answer(rig, 1, &answer), FCC_OK);
	fcc_answer_free(&answer);
}

/* ---- cut and stalled --------------------------------------------------- */

/* Every byte: in a header, BEGIN, PARAMS, between two pairs, in STDIN. */
START_TEST(test_cut_anywhere)
{
	struct rig rig;
	size_t n;

	rig_open(&rig, SOCK_STREAM);
	put_order(&rig.request);
	n = rig.request.n;
	for (size_t cut = 0; cut < n; cut++) {
		rig.request.n = 0;
		rig_reconnect(&rig, SOCK_STREAM);
		put_order(&rig.request);
		rig_send_first(&rig, cut);
		shutdown(rig.client, SHUT_WR);
		ck_assert_msg(rig_read(&rig) == FCGI_READ_GONE,
		    "whole with %zu of %zu bytes", cut, n);
	}
	rig.request.n = 0;
	assert_next_is_served(&rig);
	rig_close(&rig);
}
END_TEST

/* The same with a peer that falls silent: SO_RCVTIMEO ends it. */
START_TEST(test_stalled_anywhere)
{
	struct rig rig;
	size_t n;

	rig_open(&rig, SOCK_STREAM);
	put_order(&rig.request);
	n = rig.request.n;
	for (size_t cut = 0; cut < n; cut++) {
		rig.request.n = 0;
		rig_reconnect(&rig, SOCK_STREAM);
		rig_timeout_ms(&rig, 5);
		put_order(&rig.request);
		rig_send_first(&rig, cut);
		ck_assert_msg(rig_read(&rig) == FCGI_READ_GONE,
		    "whole with %zu of %zu bytes", cut, n);
	}
	rig.request.n = 0;
	assert_next_is_served(&rig);
	rig_close(&rig);
}
END_TEST

/* Not libfcgi's two seconds, and not for ever. */
START_TEST(test_silent_connect_costs_the_receive_timeout)
{
	struct rig rig;
	int64_t start;

	rig_open(&rig, SOCK_STREAM);
	rig_timeout_ms(&rig, 200);
	start = mono_ns();
	ck_assert_int_eq(rig_read(&rig), FCGI_READ_GONE);
	ck_assert_int_ge(mono_ns() - start, 150 * NS_PER_MS);
	ck_assert_int_lt(mono_ns() - start, 1500 * NS_PER_MS);
	assert_next_is_served(&rig);
	rig_close(&rig);
}
END_TEST

/* A byte now and then does not buy time: the limit is for all of a request. */
START_TEST(test_trickling_peer_has_one_deadline)
{
	struct rig rig;
	int64_t start;
	pid_t peer;

	rig_open(&rig, SOCK_STREAM);
	rig_timeout_ms(&rig, 300);
	put_order(&rig.request);
	peer = fork();
	ck_assert_int_ge(peer, 0);
	if (peer == 0) {
		/* Each byte far within the limit; all of them far beyond. */
		for (size_t i = 0; i < rig.request.n; i++) {
			if (send(rig.client, rig.request.p + i, 1,
				MSG_NOSIGNAL) != 1)
				_exit(0);
			usleep(50 * 1000);
		}
		_exit(0);
	}
	start = mono_ns();
	ck_assert_int_eq(rig_read(&rig), FCGI_READ_GONE);
	ck_assert_int_eq(rig.err.code, EAGAIN);
	ck_assert_int_ge(mono_ns() - start, 300 * NS_PER_MS);
	/* The peer would need 10 s. */
	ck_assert_int_lt(mono_ns() - start, 5000 * NS_PER_MS);
	kill(peer, SIGKILL);
	ck_assert_int_eq(waitpid(peer, NULL, 0), peer);
	rig.request.n = 0;
	assert_next_is_served(&rig);
	rig_close(&rig);
}
END_TEST

/* Where the cut is. */
START_TEST(test_says_where_it_was_cut)
{
	struct rig rig;

	rig_open(&rig, SOCK_STREAM);
	rig_timeout_ms(&rig, 20);
	fcc_put_begin(&rig.request, 1, FCC_RESPONDER, true);
	fcc_put_record(&rig.request, FCC_PARAMS, 1, STRV("\1\1Ab"), 4);
	ck_assert_int_eq(rig_exchange(&rig), FCGI_READ_GONE);
	ck_assert_int_eq(rig.err.code, EAGAIN);
	ck_assert_str_eq(rig.err.text,
	    "request: stalled in its parameters beyond the receive timeout");

	rig_reconnect(&rig, SOCK_STREAM);
	put_order(&rig.request);
	rig_send_first(&rig, rig.request.n - 8);
	shutdown(rig.client, SHUT_WR);
	ck_assert_int_eq(rig_read(&rig), FCGI_READ_GONE);
	ck_assert_str_eq(rig.err.text,
	    "request: cut in its body: closed, aborted, or not FastCGI");

	rig_reconnect(&rig, SOCK_STREAM);
	shutdown(rig.client, SHUT_WR);
	ck_assert_int_eq(rig_read(&rig), FCGI_READ_GONE);
	ck_assert_msg(strstr(rig.err.text, "none came whole") != NULL, "%s",
	    rig.err.text);
	rig_close(&rig);
}
END_TEST

/* A request that is not given out is not answered either: not one byte. */
START_TEST(test_gone_answers_nothing)
{
	struct fcc_record record;
	struct rig rig;

	rig_open(&rig, SOCK_STREAM);
	rig_timeout_ms(&rig, 20);
	put_order(&rig.request);
	rig_send_first(&rig, rig.request.n - 8);
	ck_assert_int_eq(rig_read(&rig), FCGI_READ_GONE);
	ck_assert_int_eq(fcc_recv_record(&rig.peer, &record,
			     deadline_in_ms(RIG_PATIENCE_MS)),
	    FCC_EOF);
	rig_close(&rig);
}
END_TEST

/* ---- not the protocol --------------------------------------------------- */

static void spoil_version(struct fcc_bytes *out)
{
	fcc_put_request(out, &(struct fcc_request){0});
	out->p[0] = 2;
}

static void spoil_second_version(struct fcc_bytes *out)
{
	put_order(out);
	out->p[16] = 0;
}

static void spoil_begin_length(struct fcc_bytes *out)
{
	fcc_put_record(out, FCC_BEGIN_REQUEST, 1, STRV("\0\1\0\0"), 0);
	fcc_put_stream(out, FCC_PARAMS, 1, STRV(""));
	fcc_put_stream(out, FCC_STDIN, 1, STRV(""));
}

static void spoil_begin_id(struct fcc_bytes *out)
{
	fcc_put_begin(out, 0, FCC_RESPONDER, true);
	fcc_put_stream(out, FCC_PARAMS, 1, STRV(""));
	fcc_put_stream(out, FCC_STDIN, 1, STRV(""));
}

static void http(struct fcc_bytes *out)
{
	fcc_put(out, STRV("GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n"));
}

static void stdin_amid_params(struct fcc_bytes *out)
{
	fcc_put_begin(out, 1, FCC_RESPONDER, true);
	fcc_put_record(out, FCC_PARAMS, 1, STRV("\1\1Ab"), 4);
	fcc_put_stream(out, FCC_STDIN, 1, STRV("hello"));
}

static void abort_amid_params(struct fcc_bytes *out)
{
	fcc_put_begin(out, 1, FCC_RESPONDER, true);
	fcc_put_record(out, FCC_PARAMS, 1, STRV("\1\1Ab"), 4);
	fcc_put_record(out, FCC_ABORT_REQUEST, 1, STRV(""), 0);
}

static void abort_amid_body(struct fcc_bytes *out)
{
	fcc_put_begin(out, 1, FCC_RESPONDER, true);
	fcc_put_stream(out, FCC_PARAMS, 1, STRV("\1\1Ab"));
	fcc_put_record(out, FCC_STDIN, 1, STRV("hello"), 3);
	fcc_put_record(out, FCC_ABORT_REQUEST, 1, STRV(""), 0);
}

static void abort_before_body(struct fcc_bytes *out)
{
	fcc_put_begin(out, 1, FCC_RESPONDER, true);
	fcc_put_stream(out, FCC_PARAMS, 1, STRV("\1\1Ab"));
	fcc_put_record(out, FCC_ABORT_REQUEST, 1, STRV(""), 0);
	fcc_put_stream(out, FCC_STDIN, 1, STRV(""));
}

/* A pair that says it is longer than its stream. */
static void pair_beyond_the_stream(struct fcc_bytes *out)
{
	fcc_put_begin(out, 1, FCC_RESPONDER, true);
	fcc_put_stream(out, FCC_PARAMS, 1, STRV("\1\11Ab"));
	fcc_put_stream(out, FCC_STDIN, 1, STRV(""));
}

/* 0x7fffffff is what Debian's patch for CVE-2025-23016 refuses. */
static void length_of_2_gib(struct fcc_bytes *out)
{
	struct fcc_bytes pairs = {0};

	fcc_put_length(&pairs, 0x7fffffff);
	fcc_put_length(&pairs, 0x7fffffff);
	fcc_put_begin(out, 1, FCC_RESPONDER, true);
	fcc_put_stream(out, FCC_PARAMS, 1, strv_from(pairs.p, pairs.n));
	fcc_bytes_free(&pairs);
}

/* Each is accepted by libfcgi 2.4.2, their sum is negative: SIGABRT. */
static void lengths_that_wrap(struct fcc_bytes *out)
{
	struct fcc_bytes pairs = {0};

	fcc_put_length(&pairs, 0x7ffffffe);
	fcc_put_length(&pairs, 0x7ffffffe);
	fcc_put_begin(out, 1, FCC_RESPONDER, true);
	fcc_put_stream(out, FCC_PARAMS, 1, strv_from(pairs.p, pairs.n));
	fcc_put_stream(out, FCC_STDIN, 1, STRV(""));
	fcc_bytes_free(&pairs);
}

static void values_broken(struct fcc_bytes *out)
{
	fcc_put_record(out, FCC_GET_VALUES, 0, STRV("\16\1FCGI_MAX"), 0);
}

static void values_long(struct fcc_bytes *out)
{
	static const char zeros[300];

	fcc_put_record(
	    out, FCC_GET_VALUES, 0, strv_from(zeros, sizeof(zeros)), 0);
}

static void second_begin(struct fcc_bytes *out)
{
	fcc_put_begin(out, 1, FCC_RESPONDER, true);
	fcc_put_begin(out, 1, FCC_RESPONDER, true);
	fcc_put_stream(out, FCC_PARAMS, 1, STRV("\1\1Ab"));
	fcc_put_stream(out, FCC_STDIN, 1, STRV(""));
}

static void no_role(struct fcc_bytes *out)
{
	fcc_put_begin(out, 1, 4, true);
	fcc_put_stream(out, FCC_PARAMS, 1, STRV("\1\1Ab"));
	fcc_put_stream(out, FCC_STDIN, 1, STRV(""));
}

static const struct {
	const char *name;
	void (*put)(struct fcc_bytes *out);
} protocol_rows[] = {
    {"version 2", spoil_version},
    {"version 0 in the second record", spoil_second_version},
    {"BEGIN of 4 bytes", spoil_begin_length},
    {"BEGIN with id 0", spoil_begin_id},
    {"HTTP", http},
    {"STDIN amid PARAMS", stdin_amid_params},
    {"ABORT amid PARAMS", abort_amid_params},
    {"ABORT amid the body", abort_amid_body},
    {"ABORT before the body", abort_before_body},
    {"a pair longer than its stream", pair_beyond_the_stream},
    {"a length of 2 GiB", length_of_2_gib},
    {"lengths that wrap", lengths_that_wrap},
    {"GET_VALUES with a broken pair", values_broken},
    {"GET_VALUES of 300 bytes", values_long},
    {"a second BEGIN of the same request", second_begin},
    {"a role that does not exist", no_role},
};

START_TEST(test_no_fastcgi_is_gone)
{
	struct rig rig;

	rig_open(&rig, SOCK_STREAM);
	protocol_rows[_i].put(&rig.request);
	ck_assert_msg(rig_exchange(&rig) == FCGI_READ_GONE, "%s was a request",
	    protocol_rows[_i].name);
	assert_next_is_served(&rig);
	rig_close(&rig);
}
END_TEST

/* ---- management records and a second request ---------------------------- */

static void put_get_values(struct fcc_bytes *out)
{
	struct fcc_bytes pairs = {0};

	fcc_put_pair(&pairs, STRV("FCGI_MAX_CONNS"), STRV(""));
	fcc_put_pair(&pairs, STRV("FCGI_MAX_REQS"), STRV(""));
	fcc_put_pair(&pairs, STRV("FCGI_MPXS_CONNS"), STRV(""));
	fcc_put_pair(&pairs, STRV("FCGI_WHAT_ELSE"), STRV(""));
	fcc_put_record(out, FCC_GET_VALUES, 0, strv_from(pairs.p, pairs.n), 0);
	fcc_bytes_free(&pairs);
}

static void assert_record(
    struct rig *rig, int type, unsigned id, struct strv content)
{
	struct fcc_record record;

	ck_assert_int_eq(fcc_recv_record(&rig->peer, &record,
			     deadline_in_ms(RIG_PATIENCE_MS)),
	    FCC_OK);
	ck_assert_int_eq(record.type, type);
	ck_assert_uint_eq(record.id, id);
	ck_assert(strv_eq(record.content, content));
}

#define VALUES \
	STRV("\16\1FCGI_MAX_CONNS1\15\1FCGI_MAX_REQS1\17\1FCGI_MPXS_CONNS0")

static void finish_and_expect_answer(struct rig *rig)
{
	struct fcc_answer answer = {0};

	ck_assert(rig_finish(rig, RIG_OK, true));
	ck_assert_int_eq(rig_answer(rig, 1, &answer), FCC_OK);
	ck_assert_int_eq(fcc_answer_status(&answer), 200);
	fcc_answer_free(&answer);
}

/* Before a request, amid one, and again before the next. */
START_TEST(test_get_values_is_answered)
{
	struct rig rig;

	rig_open(&rig, SOCK_STREAM);
	put_get_values(&rig.request);
	put_order(&rig.request);
	ck_assert_int_eq(rig_exchange(&rig), FCGI_READ_REQUEST);
	assert_record(&rig, FCC_GET_VALUES_RESULT, 0, VALUES);
	finish_and_expect_answer(&rig);

	fcc_put_begin(&rig.request, 1, FCC_RESPONDER, true);
	fcc_put_stream(&rig.request, FCC_PARAMS, 1, STRV("\1\1Ab"));
	fcc_put_record(&rig.request, FCC_STDIN, 1, STRV("hel"), 5);
	put_get_values(&rig.request);
	fcc_put_stream(&rig.request, FCC_STDIN, 1, STRV("lo"));
	ck_assert_int_eq(rig_exchange(&rig), FCGI_READ_REQUEST);
	ck_assert_strv(fcgi_body(rig.fcgi), STRV("hello"));
	assert_record(&rig, FCC_GET_VALUES_RESULT, 0, VALUES);
	finish_and_expect_answer(&rig);

	put_get_values(&rig.request);
	put_order(&rig.request);
	ck_assert_int_eq(rig_exchange(&rig), FCGI_READ_REQUEST);
	assert_record(&rig, FCC_GET_VALUES_RESULT, 0, VALUES);
	finish_and_expect_answer(&rig);
	rig_close(&rig);
}
END_TEST

START_TEST(test_unknown_type_is_answered)
{
	struct rig rig;

	rig_open(&rig, SOCK_STREAM);
	fcc_put_record(&rig.request, 99, 0, STRV(""), 0);
	put_order(&rig.request);
	ck_assert_int_eq(rig_exchange(&rig), FCGI_READ_REQUEST);
	assert_record(
	    &rig, FCC_UNKNOWN_TYPE, 0, strv_from("\143\0\0\0\0\0\0\0", 8));
	finish_and_expect_answer(&rig);
	rig_close(&rig);
}
END_TEST

/* libfcgi does not skip the content of such a record: before a request that
 * would end the connection, amid the body it would become body. */
START_TEST(test_unknown_type_with_content_is_no_body)
{
	struct rig rig;

	rig_open(&rig, SOCK_STREAM);
	fcc_put_record(&rig.request, 99, 0, STRV("12345678"), 0);
	put_order(&rig.request);
	ck_assert_int_eq(rig_exchange(&rig), FCGI_READ_REQUEST);
	assert_record(
	    &rig, FCC_UNKNOWN_TYPE, 0, strv_from("\143\0\0\0\0\0\0\0", 8));
	finish_and_expect_answer(&rig);

	fcc_put_begin(&rig.request, 1, FCC_RESPONDER, true);
	fcc_put_stream(
	    &rig.request, FCC_PARAMS, 1, STRV("\16\1CONTENT_LENGTH5"));
	fcc_put_record(&rig.request, FCC_STDIN, 1, STRV("hel"), 0);
	fcc_put_record(&rig.request, 99, 0, STRV("12345678"), 0);
	fcc_put_stream(&rig.request, FCC_STDIN, 1, STRV("lo"));
	ck_assert_int_eq(rig_exchange(&rig), FCGI_READ_REQUEST);
	ck_assert_strv(fcgi_body(rig.fcgi), STRV("hello"));
	assert_record(
	    &rig, FCC_UNKNOWN_TYPE, 0, strv_from("\143\0\0\0\0\0\0\0", 8));
	finish_and_expect_answer(&rig);
	rig_close(&rig);
}
END_TEST

/* A connection serves one request at a time, and says so. */
START_TEST(test_second_begin_is_refused_and_the_first_served)
{
	struct rig rig;

	rig_open(&rig, SOCK_STREAM);
	fcc_put_begin(&rig.request, 1, FCC_RESPONDER, true);
	fcc_put_begin(&rig.request, 2, FCC_RESPONDER, true);
	fcc_put_record(&rig.request, FCC_PARAMS, 2, STRV("\1\1Ax"), 4);
	fcc_put_stream(&rig.request, FCC_PARAMS, 1, STRV("\1\1Ab"));
	fcc_put_record(&rig.request, FCC_STDIN, 2, STRV("other"), 3);
	fcc_put_stream(&rig.request, FCC_STDIN, 1, STRV("hello"));
	ck_assert_int_eq(rig_exchange(&rig), FCGI_READ_REQUEST);
	ck_assert_strv(fcgi_param(rig.fcgi, "A"), STRV("b"));
	ck_assert_uint_eq(fcgi_param_count(rig.fcgi, "A"), 1);
	ck_assert_strv(fcgi_body(rig.fcgi), STRV("hello"));
	assert_record(
	    &rig, FCC_END_REQUEST, 2, strv_from("\0\0\0\0\1\0\0\0", 8));
	finish_and_expect_answer(&rig);
	rig_close(&rig);
}
END_TEST

/* An empty record of another request makes libfcgi skip the next one of ours. */
START_TEST(test_foreign_records_are_skipped)
{
	struct rig rig;

	rig_open(&rig, SOCK_STREAM);
	fcc_put_begin(&rig.request, 1, FCC_RESPONDER, true);
	fcc_put_record(&rig.request, FCC_PARAMS, 2, STRV(""), 0);
	fcc_put_stream(
	    &rig.request, FCC_PARAMS, 1, STRV("\16\1CONTENT_LENGTH5"));
	fcc_put_record(&rig.request, FCC_STDIN, 2, STRV(""), 0);
	fcc_put_record(&rig.request, FCC_STDIN, 2, STRV("other"), 3);
	fcc_put_record(&rig.request, FCC_ABORT_REQUEST, 2, STRV(""), 0);
	fcc_put_stream(&rig.request, FCC_STDIN, 1, STRV("hello"));
	ck_assert_int_eq(rig_exchange(&rig), FCGI_READ_REQUEST);
	ck_assert_strv(fcgi_body(rig.fcgi), STRV("hello"));
	finish_and_expect_answer(&rig);
	rig_close(&rig);
}
END_TEST

/* Nothing but a question: nobody waits for what may follow. */
START_TEST(test_a_question_alone_holds_nobody)
{
	struct rig rig;

	rig_open(&rig, SOCK_STREAM);
	put_get_values(&rig.request);
	ck_assert_int_eq(rig_exchange(&rig), FCGI_READ_NONE);
	assert_record(&rig, FCC_GET_VALUES_RESULT, 0, VALUES);
	put_order(&rig.request);
	ck_assert_int_eq(rig_exchange(&rig), FCGI_READ_REQUEST);
	finish_and_expect_answer(&rig);
	rig_close(&rig);
}
END_TEST

/* The first is answered, and what came behind it is not left waiting: the
 * connection ends. */
START_TEST(test_pipelined_request_ends_the_connection)
{
	struct fcc_answer answer = {0};
	struct fcc_record record;
	struct rig rig;

	rig_open(&rig, SOCK_STREAM);
	put_order(&rig.request);
	put_order(&rig.request);
	ck_assert_int_eq(rig_exchange(&rig), FCGI_READ_REQUEST);
	ck_assert(!rig_finish(&rig, RIG_OK, true));
	ck_assert_int_eq(rig_answer(&rig, 1, &answer), FCC_OK);
	fcc_answer_free(&answer);
	ck_assert_int_eq(fcc_recv_record(&rig.peer, &record,
			     deadline_in_ms(RIG_PATIENCE_MS)),
	    FCC_EOF);
	assert_next_is_served(&rig);
	rig_close(&rig);
}
END_TEST

/* More questions than anybody has are an attack, and cost the connection. */
START_TEST(test_too_many_questions)
{
	struct rig rig;

	rig_open(&rig, SOCK_STREAM);
	for (int i = 0; i < 17; i++)
		_i == 0 ? put_get_values(&rig.request)
			: fcc_put_record(&rig.request, 99, 0, STRV(""), 0);
	ck_assert_int_eq(rig_exchange(&rig), FCGI_READ_GONE);
	assert_next_is_served(&rig);
	rig_close(&rig);
}
END_TEST

TESTS_MAIN("fcgi: broken requests",
    UNIT_SLOW("cut after any byte: gone", test_cut_anywhere, 20),
    UNIT_SLOW("stalled after any byte: gone", test_stalled_anywhere, 20),
    UNIT("a silent connect costs the receive timeout",
	test_silent_connect_costs_the_receive_timeout),
    UNIT("a trickling peer has one deadline",
	test_trickling_peer_has_one_deadline),
    UNIT("says where it was cut", test_says_where_it_was_cut),
    UNIT("what is gone gets no answer", test_gone_answers_nothing),
    UNIT_TABLE("what is no FastCGI is gone, the next one served",
	test_no_fastcgi_is_gone, ARRAY_LEN(protocol_rows)),
    UNIT("GET_VALUES is answered, at any time", test_get_values_is_answered),
    UNIT("an unknown type is answered", test_unknown_type_is_answered),
    UNIT("the content of an unknown type is no body",
	test_unknown_type_with_content_is_no_body),
    UNIT("a second BEGIN is refused, the first request served",
	test_second_begin_is_refused_and_the_first_served),
    UNIT("records of other requests are skipped",
	test_foreign_records_are_skipped),
    UNIT("a question alone holds nobody", test_a_question_alone_holds_nobody),
    UNIT("a pipelined request ends the connection",
	test_pipelined_request_ends_the_connection),
    UNIT_TABLE("too many questions: gone", test_too_many_questions, 2))
