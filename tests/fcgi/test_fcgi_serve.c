/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layer in a process of its own, against peers that act while it does:
 * many requests on a connection, slow and endless senders, slow readers,
 * signals, and what ends the process.
 */
#include "config.h"

#include "fcgi/echo.h"
#include "fcgi/rig.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct echo_conf plain = {
    .limits = {RIG_BODY_MAX, RIG_PARAMS_MAX},
    .io_timeout_ms = 5000,
};

/* One kept connection of the echo, and the answer last heard on it. */
struct talk {
	struct fcc_peer peer;
	struct fcc_bytes request;
	struct fcc_answer answer;
};

static void talk_free(struct talk *talk)
{
	fcc_peer_free(&talk->peer);
	fcc_bytes_free(&talk->request);
	fcc_answer_free(&talk->answer);
}

static void put_uri(struct talk *talk, const char *uri, struct strv body)
{
	const struct fcc_param params[] = {{"REQUEST_URI", uri}, {NULL, NULL}};

	talk->request.n = 0;
	fcc_put_request(
	    &talk->request, &(struct fcc_request){
				.keep = true, .params = params, .body = body});
}

static void hear(struct talk *talk, int status, const char *uri)
{
	ck_assert_int_eq(fcc_recv_answer(&talk->peer, 1, &talk->answer,
			     deadline_in_ms(RIG_PATIENCE_MS)),
	    FCC_OK);
	ck_assert_int_eq(fcc_answer_status(&talk->answer), status);
	ck_assert_strv(fcc_answer_header(&talk->answer, "X-Uri"), strv_c(uri));
}

static void say(struct talk *talk)
{
	ck_assert(fcc_send(talk->peer.fd, talk->request.p, talk->request.n,
	    deadline_in_ms(RIG_PATIENCE_MS)));
}

static struct echo_report reported(struct echo *echo, enum fcgi_read read)
{
	struct echo_report report;

	ck_assert_msg(echo_next(echo, &report), "the echo is dead");
	ck_assert_msg(report.read == read, "%s: %s",
	    echo_read_name(report.read), report.err.text);
	return report;
}

/* ---- many requests ------------------------------------------------------ */

START_TEST(test_many_on_one_connection)
{
	struct echo echo;
	struct talk talk = {0};

	echo_start(&echo, &plain);
	talk.peer.fd = echo.conns[0];
	for (int i = 0; i < 20; i++) {
		char uri[32];

		snprintf(uri, sizeof(uri), "/%d", i);
		put_uri(&talk, uri, strv_c(uri));
		say(&talk);
		hear(&talk, 200, uri);
		ck_assert_strv(fcc_answer_body(&talk.answer), strv_c(uri));
		ck_assert(reported(&echo, FCGI_READ_REQUEST).stands);
	}
	talk_free(&talk);
	ck_assert_int_eq(echo_stop(&echo), 0);
}
END_TEST

/* Neither sees what is the other's. */
START_TEST(test_two_connections_in_turn)
{
	struct talk talks[2] = {0};
	struct echo echo;

	echo_start(&echo, &plain);
	for (int i = 0; i < 20; i++) {
		struct talk *talk = &talks[i % 2];
		char uri[32];

		talk->peer.fd = echo.conns[i % 2];
		snprintf(uri, sizeof(uri), "/%d", i);
		put_uri(talk, uri, i % 2 == 0 ? STRV("even") : STRV(""));
		say(talk);
		hear(talk, 200, uri);
		ck_assert_strv(fcc_answer_body(&talk->answer),
		    i % 2 == 0 ? STRV("even") : STRV(""));
	}
	talk_free(&talks[0]);
	talk_free(&talks[1]);
	ck_assert_int_eq(echo_stop(&echo), 0);
}
END_TEST

/* A request whose length exceeds the receive timeout as a whole, not a byte. */
START_TEST(test_one_byte_at_a_time)
{
	struct echo echo;
	struct talk talk = {0};

	echo_start(&echo, &plain);
	talk.peer.fd = echo.conns[0];
	for (int i = 0; i < 3; i++) {
		put_uri(&talk, "/slow", STRV("byte by byte"));
		ck_assert(fcc_send_pieces(talk.peer.fd,
		    strv_from(talk.request.p, talk.request.n), 1,
		    deadline_in_ms(RIG_PATIENCE_MS)));
		hear(&talk, 200, "/slow");
		ck_assert_strv(
		    fcc_answer_body(&talk.answer), STRV("byte by byte"));
	}
	talk_free(&talk);
	ck_assert_int_eq(echo_stop(&echo), 0);
}
END_TEST

/* ---- bodies far above the limit ------------------------------------------ */

#define MIB (1024 * 1024)

static const struct {
	size_t n;
	bool stands; /* read to its end, so the next request can follow */
} huge_rows[] = {
    {MIB, true},
    {MIB + RIG_BODY_MAX - 16384, true},
    {MIB + RIG_BODY_MAX + 16384, false},
    {3 * MIB, false},
};

/* A front end sends first and listens then: the refusal must still get there. */
START_TEST(test_huge_body_hears_its_refusal)
{
	char *body = calloc(1, huge_rows[_i].n);
	struct echo_report report;
	struct talk talk = {0};
	struct echo echo;

	ck_assert_ptr_nonnull(body);
	echo_start(&echo, &plain);
	talk.peer.fd = echo.conns[0];
	put_uri(&talk, "/huge", strv_from(body, huge_rows[_i].n));
	say(&talk);
	hear(&talk, 413, "/huge");
	report = reported(&echo, FCGI_READ_TOO_LARGE);
	ck_assert_int_eq(report.stands, huge_rows[_i].stands);
	if (!report.stands) {
		fcc_peer_free(&talk.peer);
		talk.peer.fd = echo.conns[1];
	}
	put_uri(&talk, "/next", STRV(""));
	say(&talk);
	hear(&talk, 200, "/next");
	free(body);
	talk_free(&talk);
	ck_assert_int_eq(echo_stop(&echo), 0);
}
END_TEST

/* Sends the same for ever; comes back when the other end has closed. */
static void send_endlessly(struct talk *talk, const struct fcc_bytes *block)
{
	int64_t deadline = deadline_in_ms(RIG_PATIENCE_MS);

	while (fcc_send(talk->peer.fd, block->p, block->n, deadline))
		;
	ck_assert_msg(deadline_left_ms(deadline) > 0, "it listens for ever");
}

/* libfcgi would read what such a peer sends for ever, once it closes. */
START_TEST(test_endless_body_does_not_hold_the_worker)
{
	static const char block[65528];
	struct fcc_bytes record = {0};
	struct echo_report report;
	struct talk talk = {0};
	struct echo echo;

	echo_start(&echo, &plain);
	talk.peer.fd = echo.conns[0];
	fcc_put_begin(&talk.request, 1, FCC_RESPONDER, true);
	fcc_put_stream(&talk.request, FCC_PARAMS, 1, STRV("\1\1Ab"));
	say(&talk);
	fcc_put_record(
	    &record, FCC_STDIN, 1, strv_from(block, sizeof(block)), 0);
	send_endlessly(&talk, &record);
	report = reported(&echo, FCGI_READ_TOO_LARGE);
	ck_assert(!report.stands);
	ck_assert_int_lt(report.finish_ns, 1500 * NS_PER_MS);
	fcc_bytes_free(&record);
	talk_free(&talk);
	ck_assert_int_eq(echo_stop(&echo), 0);
}
END_TEST

/* The same where libfcgi closes by itself. */
START_TEST(test_endless_rubbish_does_not_hold_the_worker)
{
	struct talk talk = {0};
	struct echo echo;

	echo_start(&echo, &plain);
	talk.peer.fd = echo.conns[0];
	for (int i = 0; i < 1000; i++)
		fcc_put(&talk.request, STRV("GET / HTTP/1.1\r\n"));
	send_endlessly(&talk, &talk.request);
	reported(&echo, FCGI_READ_GONE);
	talk_free(&talk);
	ck_assert_int_eq(echo_stop(&echo), 0);
}
END_TEST

/* ---- a slow reader -------------------------------------------------------- */

START_TEST(test_slow_reader_gets_all)
{
	const struct fcc_param params[] = {
	    {"ANSWER_BYTES", "600000"}, {NULL, NULL}};
	struct echo_conf conf = plain;
	struct talk talk = {0};
	struct echo echo;
	struct strv body;

	conf.send_buffer_bytes = 1; /* the system's least: a few KB */
	echo_start(&echo, &conf);
	talk.peer.fd = echo.conns[0];
	fcc_put_request(&talk.request,
	    &(struct fcc_request){.keep = true, .params = params});
	say(&talk);
	/* The writer is blocked while we have not begun to read. */
	ck_assert_int_eq(
	    poll(&(struct pollfd){.fd = echo.report, .events = POLLIN}, 1, 100),
	    0);
	hear(&talk, 200, "");
	ck_assert_uint_eq(talk.answer.out.n, 600000);
	body = fcc_answer_body(&talk.answer);
	for (size_t i = 0; i < body.n; i++) {
		size_t at = talk.answer.out.n - body.n + i;

		ck_assert_msg(
		    body.p[i] == (char)('a' + at % 26), "torn at %zu", at);
	}
	ck_assert(reported(&echo, FCGI_READ_REQUEST).stands);
	talk_free(&talk);
	ck_assert_int_eq(echo_stop(&echo), 0);
}
END_TEST

/* ---- signals -------------------------------------------------------------- */

/* Blocked but for the wait between requests, they find nothing to interrupt. */
START_TEST(test_blocked_signals_break_nothing)
{
	struct echo_conf conf = plain;
	struct echo_report report;
	struct talk talk = {0};
	struct echo echo;

	conf.signals = ECHO_SIGNALS_BLOCKED;
	echo_start(&echo, &conf);
	talk.peer.fd = echo.conns[0];
	/* One round, so that its handlers are there. */
	put_uri(&talk, "/first", STRV(""));
	say(&talk);
	hear(&talk, 200, "/first");
	reported(&echo, FCGI_READ_REQUEST);

	put_uri(&talk, "/order", STRV("a body in pieces"));
	for (size_t i = 0; i < talk.request.n; i++) {
		ck_assert(fcc_send(talk.peer.fd, talk.request.p + i, 1,
		    deadline_in_ms(RIG_PATIENCE_MS)));
		kill(echo.pid, i % 2 == 0 ? SIGUSR1 : SIGTERM);
	}
	hear(&talk, 200, "/order");
	ck_assert_strv(fcc_answer_body(&talk.answer), STRV("a body in pieces"));
	ck_assert(reported(&echo, FCGI_READ_REQUEST).stands);

	/* They are delivered when nothing is under way: a server that finds
	 * the next request there does not wait, and so does not take them yet. */
	do {
		put_uri(&talk, "/last", STRV(""));
		say(&talk);
		hear(&talk, 200, "/last");
		report = reported(&echo, FCGI_READ_REQUEST);
	} while (report.nsignals == 0);
	talk_free(&talk);
	ck_assert_int_eq(echo_stop(&echo), 0);
}
END_TEST

/* libfcgi takes EINTR for the end; but it never waits. */
START_TEST(test_open_signals_break_no_reading)
{
	struct echo_conf conf = plain;
	struct echo_report report;
	struct talk talk = {0};
	struct echo echo;

	conf.signals = ECHO_SIGNALS_OPEN;
	conf.io_timeout_ms = RIG_PATIENCE_MS;
	echo_start(&echo, &conf);
	talk.peer.fd = echo.conns[0];
	put_uri(&talk, "/first", STRV(""));
	say(&talk);
	hear(&talk, 200, "/first");
	reported(&echo, FCGI_READ_REQUEST);

	put_uri(&talk, "/order", STRV("hello"));
	for (size_t i = 0; i < talk.request.n; i++) {
		ck_assert(fcc_send(talk.peer.fd, talk.request.p + i, 1,
		    deadline_in_ms(RIG_PATIENCE_MS)));
		kill(echo.pid, SIGUSR1);
	}
	hear(&talk, 200, "/order");
	report = reported(&echo, FCGI_READ_REQUEST);
	ck_assert_uint_ge(report.nsignals, 1);
	talk_free(&talk);
	ck_assert_int_eq(echo_stop(&echo), 0);
}
END_TEST

/* ---- what would end the process ------------------------------------------------ */

/* GET_VALUES that asks often for the same: libfcgi's answer has 64 bytes. */
static void put_values_repeated(struct fcc_bytes *out)
{
	struct fcc_bytes pairs = {0};

	for (int i = 0; i < 8; i++)
		fcc_put_pair(&pairs, STRV("FCGI_MAX_CONNS"), STRV(""));
	fcc_put_record(out, FCC_GET_VALUES, 0, strv_from(pairs.p, pairs.n), 0);
	fcc_bytes_free(&pairs);
}

/* Two lengths that are accepted each, and whose sum is negative. */
static void put_lengths_that_wrap(struct fcc_bytes *out)
{
	struct fcc_bytes pairs = {0};

	fcc_put_length(&pairs, 0x7ffffffe);
	fcc_put_length(&pairs, 0x7ffffffe);
	fcc_put_begin(out, 1, FCC_RESPONDER, true);
	fcc_put_stream(out, FCC_PARAMS, 1, strv_from(pairs.p, pairs.n));
	fcc_put_stream(out, FCC_STDIN, 1, STRV(""));
	fcc_bytes_free(&pairs);
}

static const struct {
	const char *name;
	void (*put)(struct fcc_bytes *out);
} abort_rows[] = {
    {"GET_VALUES repeated", put_values_repeated},
    {"lengths that wrap", put_lengths_that_wrap},
};

/* libfcgi aborts on both (notes 5.2), so they do not reach it: they cost the
 * connection, or nothing, and the process serves on. */
START_TEST(test_hostile_record_costs_at_most_the_connection)
{
	struct echo_report report;
	struct talk talk = {0};
	struct echo echo;

	echo_start(&echo, &plain);
	talk.peer.fd = echo.conns[0];
	abort_rows[_i].put(&talk.request);
	say(&talk);
	shutdown(talk.peer.fd, SHUT_WR);
	ck_assert(echo_next(&echo, &report));
	ck_assert_msg(
	    report.read == FCGI_READ_GONE || report.read == FCGI_READ_NONE,
	    "%s: given out as a %s", abort_rows[_i].name,
	    echo_read_name(report.read));
	fcc_peer_free(&talk.peer);
	talk.peer.fd = echo.conns[1];
	put_uri(&talk, "/next", STRV(""));
	say(&talk);
	hear(&talk, 200, "/next");
	talk_free(&talk);
	ck_assert_int_eq(echo_stop(&echo), 0);
}
END_TEST

TESTS_MAIN("fcgi: serving",
    UNIT("many requests on one connection", test_many_on_one_connection),
    UNIT("two connections in turn", test_two_connections_in_turn),
    UNIT("one byte at a time", test_one_byte_at_a_time),
    UNIT_TABLE("a huge body hears its refusal",
	test_huge_body_hears_its_refusal, ARRAY_LEN(huge_rows)),
    UNIT_SLOW("an endless body does not hold the worker",
	test_endless_body_does_not_hold_the_worker, 30),
    UNIT_SLOW("endless rubbish does not hold the worker",
	test_endless_rubbish_does_not_hold_the_worker, 30),
    UNIT_SLOW("a slow reader gets all", test_slow_reader_gets_all, 30),
    UNIT("blocked signals break nothing", test_blocked_signals_break_nothing),
    UNIT_SLOW("open signals break no reading",
	test_open_signals_break_no_reading, 30),
    UNIT_TABLE("a hostile record costs at most the connection",
	test_hostile_record_costs_at_most_the_connection,
	ARRAY_LEN(abort_rows)))
