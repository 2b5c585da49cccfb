/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gate: what a kept connection does with a server that is late, mute, rude or
 * gone.  The server is scripted (fake.h); the calls are those of the port.
 */
#include "config.h"

#include "calls.h"

#include "base/log.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* ---- counting the client's system calls ---------------------------------- */

static unsigned sends, polls;

/* In front of libc's, for this program alone. */
ssize_t send(int fd, const void *p, size_t n, int flags)
{
	__atomic_add_fetch(&sends, 1, __ATOMIC_RELAXED);
	return sendto(fd, p, n, flags, NULL, 0);
}

static __thread unsigned in_client;

int poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
	struct timespec ts = {
	    timeout_ms / 1000, (long)(timeout_ms % 1000) * NS_PER_MS};

	if (in_client > 0)
		polls++;
	return ppoll(fds, n, timeout_ms < 0 ? NULL : &ts, NULL);
}

/* ---- the hot path -------------------------------------------------------- */

START_TEST(test_confirm_rides_with_the_next_claim)
{
	static const struct fake_step steps[] = {GREET(), EXPECT(1),
	    SEND(TAKEN), EXPECT(2), SEND(":1\r\n" TAKEN), UNTIL_CLOSED()};
	struct fake *fake = START(steps);
	struct gate *gate = gate_at(fake_address(fake), LONG_MS);

	ASSERT_DONE(claim);
	sends = polls = 0;
	confirm(gate);
	ck_assert_uint_eq(sends, 0);
	in_client = 1;
	ASSERT_DONE(claim);
	in_client = 0;
	ck_assert_uint_eq(sends, 1);
	ck_assert_uint_eq(polls, 1);
	stop(fake, gate);
}
END_TEST

START_TEST(test_many_confirms_go_by_themselves)
{
	static const struct fake_step steps[] = {GREET(), EXPECT(1),
	    SEND(TAKEN), EXPECT(32), WAIT(), EXPECT(1),
	    SEND(":1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n"
		 ":1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n"),
	    SEND(":1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n"
		 ":1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n" TAKEN),
	    UNTIL_CLOSED()};
	struct fake *fake = START(steps);
	struct gate *gate = gate_at(fake_address(fake), LONG_MS);

	ASSERT_DONE(claim);
	for (int i = 0; i < 32; i++)
		confirm(gate);
	fake_reached(fake, 6);
	fake_go(fake);
	ASSERT_DONE(claim);
	ck_assert_uint_eq(gate->conn.owed, 0);
	stop(fake, gate);
}
END_TEST

/* The replies of flushed confirms come with the next call's, in order. */
START_TEST(test_flush_does_not_wait)
{
	static const struct fake_step steps[] = {GREET(), EXPECT(1),
	    SEND(TAKEN), EXPECT(1), EXPECT(1), WAIT(), EXPECT(1),
	    SEND(":1\r\n:1\r\n"), SEND(GAUGE), UNTIL_CLOSED()};
	struct fake *fake = START(steps);
	struct gate *gate = gate_at(fake_address(fake), LONG_MS);

	ASSERT_DONE(claim);
	confirm(gate);
	flush(gate);
	fake_reached(fake, 6); /* it arrived, and is not answered yet */
	ck_assert_uint_eq(gate->conn.owed, 1);
	flush(gate); /* nothing left to send */
	confirm(gate);
	flush(gate);
	fake_reached(fake, 1);
	ck_assert_uint_eq(gate->conn.owed, 2);
	fake_go(fake);
	ASSERT_DONE(gauge);
	ck_assert_uint_eq(gate->conn.owed, 0);
	stop(fake, gate);
}
END_TEST

/* A reply that has come meanwhile is taken, and the connection kept. */
START_TEST(test_flush_answered_before_the_next_call)
{
	static const struct fake_step steps[] = {GREET(), EXPECT(1),
	    SEND(TAKEN), EXPECT(1), SEND(":1\r\n"), EXPECT(1), SEND(":1\r\n"),
	    EXPECT(1), SEND(GAUGE), UNTIL_CLOSED()};
	struct fake *fake = START(steps);
	struct gate *gate = gate_at(fake_address(fake), LONG_MS);

	ASSERT_DONE(claim);
	confirm(gate);
	flush(gate);
	fake_reached(fake, 7);
	confirm(gate);
	flush(gate);
	ck_assert_uint_eq(gate->conn.owed, 1);
	fake_reached(fake, 2);
	ASSERT_DONE(gauge);
	stop(fake, gate);
}
END_TEST

START_TEST(test_flush_without_a_connection_keeps_the_confirm)
{
	static const struct fake_step steps[] = {
	    GREET(), EXPECT(2), SEND(":0\r\n" TAKEN), UNTIL_CLOSED()};
	struct fake *fake = START(steps);
	struct gate *gate = gate_at(fake_address(fake), LONG_MS);

	confirm(gate);
	flush(gate);
	ASSERT_DONE(claim);
	stop(fake, gate);
}
END_TEST

static void line_keep(enum log_level level, const char *line, void *ctx)
{
	(void)level;
	snprintf(ctx, 300, "%s", line);
}

/* The confirm is lost and that is logged; the claim beside it is not hurt. */
START_TEST(test_confirm_refused)
{
	static const struct fake_step steps[] = {GREET(), EXPECT(2),
	    SEND("-MISCONF no disk\r\n" TAKEN), UNTIL_CLOSED()};
	struct fake *fake = START(steps);
	struct gate *gate = gate_at(fake_address(fake), LONG_MS);
	char line[300] = "";

	log_set_sink(line_keep, line);
	confirm(gate);
	ASSERT_DONE(claim);
	log_set_sink(NULL, NULL);
	ck_assert_ptr_nonnull(strstr(line, "confirm: MISCONF no disk"));
	stop(fake, gate);
}
END_TEST

START_TEST(test_confirms_without_end_are_bounded)
{
	struct gate *gate = gate_at("/nonexistent/s", SHORT_MS);
	char line[300] = "";

	log_set_sink(line_keep, line);
	for (int i = 0; i < 10 * GATE_POSTED_MAX; i++)
		confirm(gate);
	log_set_sink(NULL, NULL);
	ck_assert_uint_eq(gate->conn.posted, GATE_POSTED_MAX);
	ck_assert_ptr_nonnull(strstr(line, "no room"));
	gate_free(&gate);
}
END_TEST

/* ---- late and slow ------------------------------------------------------- */

START_TEST(test_late_reply_is_not_the_next_calls)
{
	static const struct fake_step steps[] = {GREET(), EXPECT(1), WAIT(),
	    SEND(LATE), GREET(), EXPECT(1), SEND(GAUGE), UNTIL_CLOSED()};
	struct fake *fake = START(steps);
	struct gate *gate = gate_at(fake_address(fake), SHORT_MS);
	int64_t began = mono_ns();

	ASSERT_NOT(gauge, OUT_UNKNOWN, "in time");
	ck_assert_int_ge(mono_ns() - began, SHORT_MS * NS_PER_MS);
	ck_assert_ptr_null(gate->conn.redis);
	gate->timeout_ms = gate->target.connect_timeout_ms = LONG_MS;
	fake_go(fake);
	ASSERT_DONE(gauge);
	stop(fake, gate);
}
END_TEST

/* A byte now and then does not keep the call alive. */
START_TEST(test_trickle_ends_at_the_deadline)
{
	static const struct fake_step steps[] = {GREET(), EXPECT(1),
	    TRICKLE("*6\r\n$2\r\nOK\r\n:0000000000000000000000000000000000000"
		    "000000000000000000000000000000000000000000000000000000"
		    "000000000000000000000000000000000000000000000000000000"
		    "000000000000000000000000000000000000000000000000000000"
		    "000000000000000000000000000000000000000000000000000000"
		    "000000000000000000000000000000000000000000000000000000"
		    "000000000000000000000000000000000000000000000000000000"
		    "000000000000000000000000000000000000000000000000000000")};
	struct fake *fake = START(steps);
	struct gate *gate = gate_at(fake_address(fake), LONG_MS);
	int64_t began = mono_ns();

	gate->timeout_ms = SHORT_MS;
	ASSERT_NOT(gauge, OUT_UNKNOWN, "in time");
	ck_assert_int_ge(mono_ns() - began, SHORT_MS * NS_PER_MS);
	/* All of the trickle would take 8 s, and longer on a busy machine. */
	ck_assert_int_lt(mono_ns() - began, 6 * NS_PER_S);
	stop(fake, gate);
}
END_TEST

/*
 * We were not run for so long that the deadline is over: a reply that is there
 * is taken, but a stream that is no whole reply is looked at only once.
 */
START_TEST(test_coming_late)
{
	static char zeros[65536];
	redisReply *reply = NULL;
	struct err err = ERR_INIT;
	redisContext *redis;
	int pair[2], unread = 0;

	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	redis = redisConnectFd(pair[0]);
	redis->flags &= ~REDIS_BLOCK;
	ck_assert_int_eq(write(pair[1], ":7\r\n:", 5), 5);
	ck_assert(wire_reply(redis, mono_ns() - 1, &reply, &err));
	ck_assert_int_eq(reply->integer, 7);
	freeReplyObject(reply);
	memset(zeros, '0', sizeof(zeros));
	ck_assert_int_eq(write(pair[1], zeros, sizeof(zeros)), sizeof(zeros));
	ck_assert(!wire_reply(redis, mono_ns() - 1, &reply, &err));
	ck_assert_str_eq(err.text, "no whole answer in time");
	ck_assert_int_eq(ioctl(pair[0], FIONREAD, &unread), 0);
	ck_assert_int_gt(unread, 0);
	redisFree(redis);
	close(pair[1]);
}
END_TEST

static void on_alarm(int sig)
{
	(void)sig;
}

/* Signals neither end the wait nor stretch it. */
START_TEST(test_signals_do_not_move_the_deadline)
{
	static const struct fake_step steps[] = {
	    GREET(), EXPECT(1), WAIT(), SEND(GAUGE), EXPECT(1), UNTIL_CLOSED()};
	struct sigaction act = {.sa_handler = on_alarm};
	struct itimerval every = {{0, 3000}, {0, 3000}}, never = {0};
	struct fake *fake;
	struct gate *gate;
	int64_t began;
	sigset_t alarms;

	/* Only this thread is to be interrupted. */
	sigemptyset(&alarms);
	sigaddset(&alarms, SIGALRM);
	sigprocmask(SIG_BLOCK, &alarms, NULL);
	fake = START(steps);
	sigprocmask(SIG_UNBLOCK, &alarms, NULL);
	sigaction(SIGALRM, &act, NULL);
	gate = gate_at(fake_address(fake), LONG_MS);
	setitimer(ITIMER_REAL, &every, NULL);
	fake_go(fake);
	ASSERT_DONE(gauge);
	gate->timeout_ms = SHORT_MS;
	began = mono_ns();
	ASSERT_NOT(gauge, OUT_UNKNOWN, "in time");
	ck_assert_int_ge(mono_ns() - began, SHORT_MS * NS_PER_MS);
	setitimer(ITIMER_REAL, &never, NULL);
	stop(fake, gate);
}
END_TEST

START_TEST(test_callers_deadline_binds)
{
	static const struct fake_step steps[] = {
	    GREET(), EXPECT(1), UNTIL_CLOSED()};
	struct fake *fake = START(steps);
	struct gate *gate = gate_at(fake_address(fake), LONG_MS);
	struct gate_port port = gate_port(gate);
	struct gate_gauge got;
	struct err err = ERR_INIT;

	ck_assert_int_eq(
	    port.gauge(port.ctx, ref.sale, mono_ns() - 1, &got, &err),
	    OUT_NOT_DONE);
	ck_assert_ptr_nonnull(strstr(err.text, "no time left"));
	ck_assert_ptr_null(gate->conn.redis); /* it did not even connect */
	ck_assert_int_eq(
	    port.gauge(port.ctx, ref.sale, deadline_in_ms(1000), &got, &err),
	    OUT_UNKNOWN);
	stop(fake, gate);
}
END_TEST

/* ---- gone ---------------------------------------------------------------- */

/* A restart while we were idle costs a connection, not a doubt. */
START_TEST(test_end_while_idle_is_noticed)
{
	static const struct fake_step steps[] = {GREET(), EXPECT(1),
	    SEND(GAUGE), CLOSE(), GREET(), EXPECT(1), SEND(GAUGE),
	    UNTIL_CLOSED()};
	struct fake *fake = START(steps);
	struct gate *gate = gate_at(fake_address(fake), LONG_MS);

	ASSERT_DONE(gauge);
	fake_reached(fake, 6);
	ASSERT_DONE(gauge);
	stop(fake, gate);
}
END_TEST

/* The same when the last thing it did was to answer a flushed confirm. */
START_TEST(test_end_behind_an_owed_reply_is_noticed)
{
	static const struct fake_step steps[] = {GREET(), EXPECT(1),
	    SEND(GAUGE), EXPECT(1), SEND(":1\r\n"), CLOSE(), GREET(), EXPECT(1),
	    SEND(GAUGE), UNTIL_CLOSED()};
	struct fake *fake = START(steps);
	struct gate *gate = gate_at(fake_address(fake), LONG_MS);

	ASSERT_DONE(gauge);
	confirm(gate);
	flush(gate);
	fake_reached(fake, 8);
	ASSERT_DONE(gauge);
	stop(fake, gate);
}
END_TEST

static const struct {
	const char *name;
	const char *reply;
	const char *says;
} broken[] = {
    {"end instead of a reply", "", "Server closed the connection"},
    {"half a reply", "*6\r\n$2\r\nOK\r\n:1\r", "Server closed the connection"},
    {"not RESP", "HTTP/1.1 400 Bad Request\r\n\r\n", "Protocol error"},
    {"absurd depth",
	"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n",
	"read: "},
    {"another shape", "*1\r\n$5\r\nOTHER\r\n", "wrong shape"},
    {"a number", ":1\r\n", "wrong shape"},
    {"an error of the function", "-ERR user_function:3: bad\r\n",
	"ERR user_function:3: bad"},
    {"an error that nobody knows", "-NEWCLASS what is this\r\n", "NEWCLASS"},
};

/* Whatever was sent and not answered by our function may have happened. */
START_TEST(test_broken_reply_is_unknown)
{
	const struct fake_step steps[] = {GREET(), EXPECT(1),
	    SEND(broken[_i].reply), CLOSE(), GREET(), EXPECT(1), SEND(TAKEN),
	    UNTIL_CLOSED()};
	struct fake *fake = START(steps);
	struct gate *gate = gate_at(fake_address(fake), LONG_MS);

	ASSERT_NOT(claim, OUT_UNKNOWN, broken[_i].says);
	fake_reached(fake, 6);
	ASSERT_DONE(claim);
	stop(fake, gate);
}
END_TEST

START_TEST(test_confirm_answered_in_a_wrong_shape)
{
	static const struct fake_step steps[] = {GREET(), EXPECT(2),
	    SEND(TAKEN TAKEN), GREET(), EXPECT(1), SEND(TAKEN), UNTIL_CLOSED()};
	struct fake *fake = START(steps);
	struct gate *gate = gate_at(fake_address(fake), LONG_MS);

	confirm(gate);
	ASSERT_NOT(claim, OUT_UNKNOWN, "confirm");
	ASSERT_DONE(claim);
	stop(fake, gate);
}
END_TEST

static const char *const extras[] = {LATE, "+", "*6\r\n$2\r\nOK\r\n:1"};

/* What nobody asked for is never an answer, whenever it arrives. */
START_TEST(test_reply_too_many)
{
	char both[200];
	const struct fake_step at_once[] = {GREET(), EXPECT(1), SEND(both),
	    GREET(), EXPECT(1), SEND(GAUGE), UNTIL_CLOSED()};
	const struct fake_step later[] = {GREET(), EXPECT(1), SEND(GAUGE),
	    WAIT(), SEND(extras[_i]), GREET(), EXPECT(1), SEND(GAUGE),
	    UNTIL_CLOSED()};
	struct fake *fake;
	struct gate *gate;

	snprintf(both, sizeof(both), GAUGE "%s", extras[_i]);
	fake = START(at_once);
	gate = gate_at(fake_address(fake), LONG_MS);
	ASSERT_DONE(gauge);
	ASSERT_DONE(gauge);
	stop(fake, gate);

	fake = START(later);
	gate = gate_at(fake_address(fake), LONG_MS);
	ASSERT_DONE(gauge);
	fake_go(fake);
	fake_reached(fake, 7);
	ASSERT_DONE(gauge);
	stop(fake, gate);
}
END_TEST

TESTS_MAIN("gate-conn",
    UNIT("confirm-rides", test_confirm_rides_with_the_next_claim),
    UNIT("confirm-many", test_many_confirms_go_by_themselves),
    UNIT("flush", test_flush_does_not_wait),
    UNIT("flush-answered", test_flush_answered_before_the_next_call),
    UNIT(
	"flush-unconnected", test_flush_without_a_connection_keeps_the_confirm),
    UNIT("confirm-refused", test_confirm_refused),
    UNIT("confirm-bounded", test_confirms_without_end_are_bounded),
    UNIT("late", test_late_reply_is_not_the_next_calls),
    UNIT_SLOW("trickle", test_trickle_ends_at_the_deadline, 30),
    UNIT("coming-late", test_coming_late),
    UNIT("signals", test_signals_do_not_move_the_deadline),
    UNIT("deadline", test_callers_deadline_binds),
    UNIT("idle-end", test_end_while_idle_is_noticed),
    UNIT("owed-end", test_end_behind_an_owed_reply_is_noticed),
    UNIT_TABLE("broken", test_broken_reply_is_unknown, ARRAY_LEN(broken)),
    UNIT("confirm-shape", test_confirm_answered_in_a_wrong_shape),
    UNIT_TABLE("too-many", test_reply_too_many, ARRAY_LEN(extras)))
