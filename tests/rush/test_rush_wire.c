/* SPDX-License-Identifier: Apache-2.0 */
/* rush: descriptors that are watched, and connections that must not be made. */
#include "config.h"

#include "unit.h"

#include "base/clock.h"
#include "rush/watch.h"
#include "rush/wire.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <curl/curl.h>

static struct watch watch;
static struct watch_event events[WATCH_EVENTS_MAX];
static struct err err;
static int pair[2];

static void setup(void)
{
	ck_assert(watch_init(&watch, &err));
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
}

static void teardown(void)
{
	close(pair[0]);
	close(pair[1]);
	watch_free(&watch);
}

/* The events within a generous or, where none is expected, a short time. */
static int look(int ms)
{
	return watch_wait(&watch, deadline_in_ms(ms), -1, events, &err);
}

START_TEST(test_wanted_events_come)
{
	setup();
	ck_assert(watch_opened(&watch, pair[0]));
	ck_assert(watch_want(&watch, pair[0], EPOLLIN));
	ck_assert_int_eq(look(10), 0);
	ck_assert_int_eq(write(pair[1], "x", 1), 1);
	ck_assert_int_eq(look(30000), 1);
	ck_assert_int_eq(events[0].fd, pair[0]);
	ck_assert_uint_eq(events[0].events, EPOLLIN);
	ck_assert(watch_want(&watch, pair[0], EPOLLIN | EPOLLOUT));
	ck_assert_int_eq(look(30000), 1);
	ck_assert_uint_eq(events[0].events, EPOLLIN | EPOLLOUT);
	teardown();
}
END_TEST

START_TEST(test_an_idle_connection_stays_until_it_speaks)
{
	setup();
	ck_assert(watch_opened(&watch, pair[0]));
	ck_assert(watch_want(&watch, pair[0], EPOLLIN));
	ck_assert(watch_want(&watch, pair[0], 0));
	ck_assert_uint_ne(watch.fd[pair[0]].registered, 0);
	/* Nobody asked: it is no event, and it must not wake us for ever. */
	ck_assert_int_eq(write(pair[1], "x", 1), 1);
	ck_assert_int_eq(look(30000), 0);
	ck_assert_uint_eq(watch.fd[pair[0]].registered, 0);
	/* ... and is not lost for who asks later. */
	ck_assert(watch_want(&watch, pair[0], EPOLLIN));
	ck_assert_int_eq(look(30000), 1);
	teardown();
}
END_TEST

START_TEST(test_a_strangers_descriptor_leaves_at_once)
{
	setup();
	ck_assert(watch_want(&watch, pair[0], EPOLLIN));
	ck_assert(watch_want(&watch, pair[0], 0));
	ck_assert_uint_eq(watch.fd[pair[0]].registered, 0);
	teardown();
}
END_TEST

START_TEST(test_a_closed_number_starts_anew)
{
	int other;

	setup();
	ck_assert(watch_opened(&watch, pair[0]));
	ck_assert(watch_want(&watch, pair[0], EPOLLIN));
	watch_closing(&watch, pair[0]);
	/* The same number, another socket. */
	other = dup(pair[1]);
	ck_assert_int_eq(dup2(other, pair[0]), pair[0]);
	close(other);
	ck_assert(watch_opened(&watch, pair[0]));
	ck_assert(watch_want(&watch, pair[0], EPOLLOUT | EPOLLHUP));
	ck_assert_int_eq(look(30000), 1);
	teardown();
}
END_TEST

START_TEST(test_waits_are_kept_to_the_microsecond)
{
	setup();
	for (int64_t us = 0; us <= 5000; us += 500) {
		int64_t until_ns = mono_ns() + us * (NS_PER_S / US_PER_S);

		ck_assert_int_eq(
		    watch_wait(&watch, until_ns, -1, events, &err), 0);
		ck_assert_int_ge(mono_ns(), until_ns);
	}
	/* The other bound, and a moment that is long gone. */
	ck_assert_int_eq(
	    watch_wait(&watch, deadline_in_ms(60000), 1, events, &err), 0);
	ck_assert_int_eq(watch_wait(&watch, 0, -1, events, &err), 0);
	teardown();
}
END_TEST

/* ---- connections ----------------------------------------------------------------- */

static struct wire *wire_to(const char *url, wire_answered_fn *answered)
{
	struct wire *wire;

	ck_assert_int_eq(curl_global_init(CURL_GLOBAL_DEFAULT), CURLE_OK);
	wire = wire_new(&(struct wire_conf){.url = url,
			    .lanes = 3,
			    .timeout_ms = 30000,
			    .answered = answered},
	    &err);
	ck_assert_ptr_nonnull(wire);
	return wire;
}

static void wire_end(struct wire *wire)
{
	wire_free(&wire);
	ck_assert_ptr_null(wire);
	curl_global_cleanup();
}

static unsigned answers;

static void refused(void *ctx, const struct wire_answer *answer)
{
	(void)ctx;
	answers++;
	ck_assert_int_eq(answer->status, 0);
	ck_assert(
	    strv_eq(answer->error, STRV("the address is not this machine's")));
}

/* A name may lie about where it leads: the address is looked at as well.
 * 192.0.2.1 is nobody's (RFC 5737), and is not even tried. */
START_TEST(test_no_connection_leaves)
{
	struct wire *wire = wire_to("http://192.0.2.1/", refused);
	uint32_t lane;

	answers = 0;
	ck_assert_uint_eq(wire_room(wire), 3);
	ck_assert(
	    wire_send(wire, STRV("X-User: a"), strv_c(NULL), &lane, &err));
	ck_assert_uint_eq(wire_room(wire), 2);
	while (wire_busy(wire) > 0)
		ck_assert(wire_run(wire, mono_ns() + NS_PER_S, &err));
	ck_assert_uint_eq(answers, 1);
	wire_end(wire);
}
END_TEST

static void given_up(void *ctx, const struct wire_answer *answer)
{
	(void)ctx;
	answers++;
	ck_assert(answer->interrupted);
	ck_assert(strv_eq(answer->error, STRV("interrupted")));
	ck_assert_int_ge(answer->end_ns, answer->start_ns);
}

START_TEST(test_giving_up_answers_everybody_once)
{
	struct wire *wire = wire_to("http://127.0.0.1:9/", given_up);
	uint32_t lane, seen = 0;

	answers = 0;
	for (unsigned i = 0; i < 3; i++) {
		ck_assert(
		    wire_send(wire, strv_c(NULL), strv_c(NULL), &lane, &err));
		seen |= 1u << lane;
	}
	ck_assert_uint_eq(seen, 7);
	ck_assert_uint_eq(wire_room(wire), 0);
	wire_abort(wire);
	wire_abort(wire);
	ck_assert_uint_eq(answers, 3);
	ck_assert_uint_eq(wire_room(wire), 3);
	/* A lane can be used again. */
	ck_assert(wire_send(wire, strv_c(NULL), strv_c(NULL), &lane, &err));
	wire_abort(wire);
	ck_assert_uint_eq(answers, 4);
	wire_end(wire);
}
END_TEST

TESTS_MAIN("rush wire", UNIT("wanted events", test_wanted_events_come),
    UNIT(
	"idle connections stay", test_an_idle_connection_stays_until_it_speaks),
    UNIT("strangers leave", test_a_strangers_descriptor_leaves_at_once),
    UNIT("numbers start anew", test_a_closed_number_starts_anew),
    UNIT("waits are exact", test_waits_are_kept_to_the_microsecond),
    UNIT("no connection leaves", test_no_connection_leaves),
    UNIT("giving up", test_giving_up_answers_everybody_once))
