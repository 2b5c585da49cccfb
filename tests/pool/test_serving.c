/* SPDX-License-Identifier: Apache-2.0 */
/* pool: children that serve: connections new, kept, silent, too many. */
#include "config.h"

#include "unit.h"

#include "pool/rig.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

START_TEST(test_a_pool_serves)
{
	struct rig rig;
	char text[32];
	struct stat st;
	FILE *file;

	rig_init(&rig, 3);
	rig_start(&rig);
	ck_assert_int_eq(RIG_GET(rig.stage->opens), 3);
	for (int i = 0; i < 50; i++)
		ck_assert_int_gt(rig_ask(&rig, "pid"), 0);
	file = fopen(rig.pid_file, "r");
	ck_assert_ptr_nonnull(file);
	ck_assert_ptr_nonnull(fgets(text, sizeof(text), file));
	fclose(file);
	ck_assert_int_eq(strtol(text, NULL, 10), rig.master);

	rig_signal(&rig, SIGTERM);
	RIG_AWAIT(lstat(rig.pid_file, &st) != 0);
	RIG_AWAIT(RIG_GET(rig.stage->closes) == 3);
	RIG_AWAIT(lstat(rig.sock, &st) != 0);
	ck_assert_int_eq(RIG_GET(rig.stage->serves), 50);
	ck_assert_int_eq(RIG_GET(rig.stage->ready), 1);
	ck_assert_int_eq(rig_end(&rig), 0);
}
END_TEST

START_TEST(test_all_children_take_part)
{
	struct rig rig;
	struct rig_answer answer;
	bool seen[4] = {false};
	int fds[4];

	rig_init(&rig, 4);
	rig_start(&rig);
	/* Four at the same time need four children. */
	for (int i = 0; i < 4; i++) {
		fds[i] = rig_connect(&rig);
		rig_send(fds[i], "hold");
	}
	RIG_AWAIT(RIG_GET(rig.stage->held) == 4);
	RIG_SET(rig.stage->release, 1);
	for (int i = 0; i < 4; i++) {
		ck_assert(rig_receive(fds[i], &answer));
		ck_assert_uint_lt(answer.index, 4);
		ck_assert(!seen[answer.index]);
		seen[answer.index] = true;
		close(fds[i]);
	}
	rig_stop(&rig);
}
END_TEST

START_TEST(test_descriptors_are_safe)
{
	struct rig rig;
	struct rig_answer answer;
	int fd;

	rig_init(&rig, 1);
	if (_i == 1)
		rig_use_tcp(&rig);
	rig_start(&rig);
	fd = rig_connect(&rig);
	rig_send(fd, "fds");
	ck_assert(rig_receive(fd, &answer));
	ck_assert_str_eq(answer.word, "safe");
	close(fd);
	rig_stop(&rig);
}
END_TEST

START_TEST(test_an_executed_helper_sees_no_descriptor)
{
	struct rig rig;
	struct rig_answer answer;
	/* A launcher that was careless. */
	int left = dup(STDERR_FILENO);
	int kept, fd;

	ck_assert_int_gt(left, STDERR_FILENO);
	pool_descriptors_private();
	rig_init(&rig, 1);
	if (_i == 1)
		rig_use_tcp(&rig);
	rig_add_ticker(&rig);
	rig_start(&rig);
	/* One connection kept, and one that is served. */
	kept = rig_connect(&rig);
	ck_assert_int_gt(rig_ask_on(kept, "pid"), 0);
	fd = rig_connect(&rig);
	rig_send(fd, "exec");
	ck_assert(rig_receive(fd, &answer));
	ck_assert_str_eq(answer.word, "none");
	close(fd);
	close(kept);
	rig_stop(&rig);
	close(left);
}
END_TEST

START_TEST(test_a_child_has_only_what_it_needs)
{
	struct rig rig;
	unsigned master;
	pid_t worker;

	rig_init(&rig, 1);
	rig_add_ticker(&rig);
	rig_start(&rig);
	worker = rig_ask(&rig, "bye");
	master = rig_descriptors(rig.master);
	/* Four of the master's are closed, two of its own opened; and who does
	 * not serve has neither the listening socket nor the channel of those
	 * who do.  The worker closes its last
	 * connection after the answer, so it is awaited. */
	for (int i = 0; i < 2; i++) {
		pid_t pid = rig_pid(&rig, i);
		unsigned less = pid == worker ? 2 : 5;

		RIG_AWAIT(rig_descriptors(pid) == master - less);
	}
	rig_stop(&rig);
}
END_TEST

START_TEST(test_silent_connections_pin_nobody)
{
	struct rig rig;
	int silent[400];

	rig_init(&rig, 1);
	rig.groups[0].io_timeout_ms = 300;
	rig.groups[0].keep_max = 4;
	rig_start(&rig);
	silent[0] = rig_connect(&rig);
	for (int i = 0; i < 20; i++)
		ck_assert_int_gt(rig_ask(&rig, "pid"), 0);
	/* It is not cut before its time, and it is cut. */
	RIG_AWAIT(rig_is_closed(silent[0]));
	close(silent[0]);
	/* Far more than the child has room for: they are shed in turns, and
	 * who comes behind them is served. */
	for (size_t i = 0; i < ARRAY_LEN(silent); i++)
		silent[i] = rig_connect(&rig);
	ck_assert_int_gt(rig_ask(&rig, "pid"), 0);
	for (size_t i = 0; i < ARRAY_LEN(silent); i++) {
		RIG_AWAIT(rig_is_closed(silent[i]));
		close(silent[i]);
	}
	ck_assert_int_eq(RIG_GET(rig.stage->births), 1);
	rig_stop(&rig);
}
END_TEST

START_TEST(test_first_byte_may_come_late)
{
	struct rig rig;
	int fd;

	rig_init(&rig, 1);
	rig_start(&rig);
	fd = rig_connect(&rig);
	/* Accepted, and waiting, when another one comes and goes. */
	ck_assert_int_gt(rig_ask(&rig, "pid"), 0);
	ck_assert_int_gt(rig_ask_on(fd, "pid"), 0);
	ck_assert_int_gt(rig_ask_on(fd, "pid"), 0);
	close(fd);
	rig_stop(&rig);
}
END_TEST

START_TEST(test_kept_connections_all_progress)
{
	struct rig rig;
	int fds[64];

	rig_init(&rig, 2);
	rig_start(&rig);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = rig_connect(&rig);
	for (int round = 0; round < 20; round++) {
		struct rig_answer answer;

		for (size_t i = 0; i < ARRAY_LEN(fds); i++)
			rig_send(fds[i], "pid");
		for (size_t i = 0; i < ARRAY_LEN(fds); i++)
			ck_assert(rig_receive(fds[i], &answer));
		/* Nor does a new connection starve behind them. */
		ck_assert_int_gt(rig_ask(&rig, "pid"), 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
	rig_stop(&rig);
}
END_TEST

START_TEST(test_connections_opened_one_by_one_spread)
{
	struct rig rig;
	struct rig_answer answer;
	unsigned held[4] = {0};
	int fds[16];

	rig_init(&rig, 4);
	rig_start(&rig);
	/* Ready is said a moment before the first wait. */
	RIG_AWAIT(RIG_GET(rig.stage->idles) == 4);
	/* Never two requests at a time: any child could take them all. */
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		int idles = RIG_GET(rig.stage->idles);

		fds[i] = rig_connect(&rig);
		rig_send(fds[i], "pid");
		ck_assert(rig_receive(fds[i], &answer));
		held[answer.index]++;
		RIG_AWAIT(RIG_GET(rig.stage->idles) > idles);
	}
	/* 4 each; a child that the machine holds up may miss a turn or two. */
	for (size_t i = 0; i < ARRAY_LEN(held); i++)
		ck_assert_uint_ge(held[i], 2);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
	rig_stop(&rig);
}
END_TEST

START_TEST(test_idle_kept_connection_outlives_the_timeout)
{
	struct rig rig;
	int fd;

	rig_init(&rig, 1);
	rig.groups[0].io_timeout_ms = 50;
	rig_start(&rig);
	fd = rig_connect(&rig);
	ck_assert_int_gt(rig_ask_on(fd, "pid"), 0);
	rig_pause_ms(300);
	ck_assert(!rig_is_closed(fd));
	ck_assert_int_gt(rig_ask_on(fd, "pid"), 0);
	close(fd);
	rig_stop(&rig);
}
END_TEST

START_TEST(test_keep_max_closes_the_longest_unused)
{
	struct rig rig;
	int fds[6];

	rig_init(&rig, 1);
	rig.groups[0].keep_max = 4;
	rig_start(&rig);
	for (int i = 0; i < 4; i++) {
		fds[i] = rig_connect(&rig);
		ck_assert_int_gt(rig_ask_on(fds[i], "pid"), 0);
	}
	/* Used again: now 1 is the oldest, then 2. */
	ck_assert_int_gt(rig_ask_on(fds[0], "pid"), 0);
	for (int i = 4; i < 6; i++) {
		fds[i] = rig_connect(&rig);
		ck_assert_int_gt(rig_ask_on(fds[i], "pid"), 0);
	}
	RIG_AWAIT(rig_is_closed(fds[1]) && rig_is_closed(fds[2]));
	for (int i = 0; i < 6; i++) {
		if (i != 1 && i != 2)
			ck_assert_int_gt(rig_ask_on(fds[i], "pid"), 0);
		close(fds[i]);
	}
	rig_stop(&rig);
}
END_TEST

START_TEST(test_keep_max_spares_who_has_sent)
{
	struct rig rig;
	struct rig_answer answer;
	int old, busy;

	rig_init(&rig, 1);
	rig.groups[0].keep_max = 1;
	rig_start(&rig);
	old = rig_connect(&rig);
	ck_assert_int_gt(rig_ask_on(old, "pid"), 0);
	busy = rig_connect(&rig);
	rig_send(busy, "hold");
	RIG_AWAIT(RIG_GET(rig.stage->held) == 1);
	/* The oldest sends while the child decides whom to close. */
	rig_send(old, "pid");
	RIG_SET(rig.stage->release, 1);
	ck_assert(rig_receive(busy, &answer));
	ck_assert(rig_receive(old, &answer));
	RIG_AWAIT(rig_is_closed(busy));
	ck_assert(!rig_is_closed(old));
	close(old);
	close(busy);
	rig_stop(&rig);
}
END_TEST

START_TEST(test_hung_up_connections_are_not_served)
{
	struct rig rig;
	int fd, kept;

	rig_init(&rig, 1);
	rig_start(&rig);
	kept = rig_connect(&rig);
	ck_assert_int_gt(rig_ask_on(kept, "pid"), 0);
	close(kept);
	close(rig_connect(&rig));
	/* A request, and nobody behind it any more, is still a request. */
	fd = rig_connect(&rig);
	rig_send(fd, "pid");
	ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
	{
		struct rig_answer answer;

		ck_assert(rig_receive(fd, &answer));
	}
	close(fd);
	ck_assert_int_gt(rig_ask(&rig, "pid"), 0);
	ck_assert_int_eq(RIG_GET(rig.stage->serves), 3);
	rig_stop(&rig);
}
END_TEST

START_TEST(test_second_descriptor_of_a_closed_connection)
{
	struct rig rig;
	int64_t used_ns;
	pid_t pid;
	int fd;

	rig_init(&rig, 1);
	rig_start(&rig);
	fd = rig_connect(&rig);
	/* In the epoll set, and then "closed" with a duplicate left. */
	pid = rig_ask_on(fd, "pid");
	ck_assert_int_eq(rig_ask_on(fd, "dup"), pid);
	rig_send(fd, "pid");
	RIG_AWAIT(rig_lines(rig.log, "still open somewhere") == 1);
	used_ns = rig_cpu_ns(pid);
	rig_pause_ms(500);
	ck_assert_int_lt(rig_cpu_ns(pid) - used_ns, 100 * NS_PER_MS);
	ck_assert_int_eq(rig_ask(&rig, "pid"), pid);
	close(fd);
	rig_stop(&rig);
}
END_TEST

/*
 * valgrind keeps the limit by itself: it lets the kernel accept, and closes what
 * is above, so that a connection is lost that really would have stayed.
 */
static bool is_valgrind(void)
{
	const char *preload = getenv("LD_PRELOAD");

	return preload != NULL && strstr(preload, "vgpreload") != NULL;
}

START_TEST(test_out_of_descriptors)
{
	struct rig rig;
	int64_t used_ns, start_ns;
	int fds[12], late;
	pid_t pid = 0;

	if (is_valgrind())
		return;
	rig_init(&rig, 1);
	rig.stage->max_files = 6;
	rig_start(&rig);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		fds[i] = rig_connect(&rig);
		rig_send(fds[i], "pid");
	}
	RIG_AWAIT(rig_lines(rig.log, "cannot accept: Too many open files"));
	pid = rig_pid(&rig, 0);
	/* The backlog is not empty, and yet nobody runs in circles. */
	used_ns = rig_cpu_ns(pid);
	start_ns = mono_ns();
	RIG_AWAIT(mono_ns() - start_ns > 2500 * NS_PER_MS);
	ck_assert_int_lt(rig_cpu_ns(pid) - used_ns, 300 * NS_PER_MS);
	ck_assert_uint_le(rig_lines(rig.log, "cannot accept"),
	    (unsigned)((mono_ns() - start_ns) / NS_PER_S) + 3);
	/* Room again: everybody is served, the same child goes on. */
	late = rig_connect(&rig);
	rig_send(late, "pid");
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		struct rig_answer answer;

		ck_assert(rig_receive(fds[i], &answer));
		ck_assert_int_eq(answer.pid, pid);
		close(fds[i]);
	}
	ck_assert_int_eq(rig_ask_on(late, "pid"), pid);
	close(late);
	rig_stop(&rig);
}
END_TEST

static bool number_rests(const int *number)
{
	int before = RIG_GET(*number);

	rig_pause_ms(200);
	return RIG_GET(*number) == before;
}

START_TEST(test_idle_is_told_before_each_wait)
{
	struct rig rig;
	int idles;

	rig_init(&rig, 1);
	rig_start(&rig);
	RIG_AWAIT(RIG_GET(rig.stage->idles) == 1);
	for (int i = 0; i < 10; i++) {
		idles = RIG_GET(rig.stage->idles);
		rig_ask(&rig, "bye");
		RIG_AWAIT(RIG_GET(rig.stage->idles) > idles);
	}
	/* Asleep is asleep. */
	RIG_AWAIT(number_rests(&rig.stage->idles));
	rig_stop(&rig);
}
END_TEST

START_TEST(test_ticks_beside_service)
{
	struct rig rig;
	int64_t since_ns;
	int ticks;

	rig_init(&rig, 1);
	rig_add_ticker(&rig);
	rig_start(&rig);
	RIG_AWAIT(RIG_GET(rig.stage->ticks) >= 10);
	ticks = RIG_GET(rig.stage->ticks);
	/* Never early: each comes 50 ms after the one before, or later. */
	for (int i = 1; i < ticks && i < (int)ARRAY_LEN(rig.stage->tick_ns);
	     i++) {
		RIG_AWAIT(RIG_GET(rig.stage->tick_ns[i]) != 0);
		ck_assert_int_ge(RIG_GET(rig.stage->tick_ns[i]) -
				     RIG_GET(rig.stage->tick_ns[i - 1]),
		    50 * NS_PER_MS);
	}
	ck_assert_int_gt(rig_ask(&rig, "pid"), 0);
	since_ns = mono_ns();
	rig_stop(&rig);
	ck_assert_int_lt(mono_ns() - since_ns, 15000 * NS_PER_MS);
}
END_TEST

TESTS_MAIN("pool/serving", UNIT_SLOW("serves", test_a_pool_serves, 30),
    UNIT_SLOW("all", test_all_children_take_part, 30),
    RIG_TABLE("descriptors", test_descriptors_are_safe, 2),
    RIG_TABLE("helper", test_an_executed_helper_sees_no_descriptor, 2),
    UNIT_SLOW("inherits", test_a_child_has_only_what_it_needs, 30),
    UNIT_SLOW("silent", test_silent_connections_pin_nobody, 60),
    UNIT_SLOW("late_byte", test_first_byte_may_come_late, 30),
    UNIT_SLOW("kept", test_kept_connections_all_progress, 30),
    UNIT_SLOW("spread", test_connections_opened_one_by_one_spread, 30),
    UNIT_SLOW("idle_kept", test_idle_kept_connection_outlives_the_timeout, 30),
    UNIT_SLOW("keep_max", test_keep_max_closes_the_longest_unused, 30),
    UNIT_SLOW("keep_spares", test_keep_max_spares_who_has_sent, 30),
    UNIT_SLOW("hung_up", test_hung_up_connections_are_not_served, 30),
    UNIT_SLOW("ghost", test_second_descriptor_of_a_closed_connection, 30),
    UNIT_SLOW("emfile", test_out_of_descriptors, 60),
    UNIT_SLOW("idle", test_idle_is_told_before_each_wait, 30),
    UNIT_SLOW("ticks", test_ticks_beside_service, 30))
