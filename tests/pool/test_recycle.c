/* SPDX-License-Identifier: Apache-2.0 */
/* pool: children that are replaced while the pool serves, because they are worn
 * out or stuck; crash loops. */
#include "config.h"

#include "unit.h"

#include "pool/policy.h"
#include "pool/recycle.h"
#include "pool/rig.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A number that the board has. */
static int told(const struct rig *rig, const char *line)
{
	struct rig_answer answer;
	int fd = rig_connect(rig);

	rig_send(fd, line);
	ck_assert(rig_receive(fd, &answer));
	close(fd);
	return atoi(answer.word);
}

/* Resident bytes of ourselves, of which children inherit most. */
static uint64_t own_size(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	unsigned long all, resident;

	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fscanf(file, "%lu %lu", &all, &resident), 2);
	fclose(file);
	return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* ---- worn out ------------------------------------------------------------ */

START_TEST(test_max_requests_is_exact_where_there_is_time)
{
	struct rig rig;
	pid_t pid;

	rig_init(&rig, 1);
	rig.groups[0].max_requests = 5;
	rig_start(&rig);
	for (int round = 0; round < 4; round++) {
		pid = rig_ask(&rig, "pid");
		for (int i = 1; i < 5; i++)
			ck_assert_int_eq(rig_ask(&rig, "pid"), pid);
		RIG_AWAIT(!rig_alive(pid));
		ck_assert_int_eq(RIG_GET(rig.stage->births), 2 + round);
	}
	/* That is life, not death. */
	ck_assert_uint_eq(rig_lines(rig.log, "died"), 0);
	ck_assert_uint_eq(rig_lines(rig.log, "failed"), 0);
	RIG_AWAIT(told(&rig, "ends:max_requests") == 4);
	rig_stop(&rig);
}
END_TEST

START_TEST(test_who_is_not_replaced_serves_on)
{
	struct rig rig;
	pid_t pid;

	rig_init(&rig, 1);
	rig.groups[0].max_requests = 5;
	rig_start(&rig);
	/* No master, no heir. */
	rig_signal(&rig, SIGSTOP);
	pid = rig_ask(&rig, "pid");
	for (int i = 1; i < 50; i++)
		ck_assert_int_eq(rig_ask(&rig, "pid"), pid);
	rig_signal(&rig, SIGCONT);
	RIG_AWAIT(!rig_alive(pid));
	ck_assert_int_ne(rig_ask(&rig, "pid"), pid);
	ck_assert_int_eq(RIG_GET(rig.stage->births), 2);
	rig_stop(&rig);
}
END_TEST

START_TEST(test_heir_is_ready_before_the_old_one_goes)
{
	struct rig rig;
	pid_t pid, heir;

	rig_init(&rig, 1);
	rig.groups[0].max_requests = 5;
	rig_start(&rig);
	pid = rig_ask(&rig, "pid");
	RIG_SET(rig.stage->how_to_open, RIG_OPEN_HANGS);
	for (int i = 1; i < 5; i++)
		ck_assert_int_eq(rig_ask(&rig, "pid"), pid);
	RIG_AWAIT(RIG_GET(rig.stage->births) == 2);
	heir = rig_pid(&rig, 1);
	/* Not even when it takes for ever: there is nobody else. */
	for (int64_t end_ns = deadline_in_ms(RECYCLE_PATIENCE_MS + 1500);
	     mono_ns() < end_ns; rig_pause_ms(20))
		ck_assert_int_eq(rig_ask(&rig, "pid"), pid);
	ck_assert_int_eq(RIG_GET(rig.stage->births), 2);
	/* It dies instead: another one is tried. */
	RIG_SET(rig.stage->how_to_open, RIG_OPEN_OK);
	ck_assert_int_eq(kill(heir, SIGKILL), 0);
	RIG_AWAIT(!rig_alive(pid));
	ck_assert_int_eq(rig_ask(&rig, "pid"), rig_pid(&rig, 2));
	RIG_AWAIT(told(&rig, "ends:stillborn") == 1);
	rig_stop(&rig);
}
END_TEST

START_TEST(test_heir_gets_the_kept_connection)
{
	struct rig rig;
	struct rig_answer answer;
	int fd;

	rig_init(&rig, 1);
	rig.groups[0].max_requests = 3;
	rig_start(&rig);
	fd = rig_connect(&rig);
	for (int i = 1; i <= 3; i++) {
		rig_send(fd, "pid");
		ck_assert(rig_receive(fd, &answer));
		ck_assert_int_eq(answer.draining, 0);
	}
	RIG_AWAIT(!rig_alive(answer.pid));
	ck_assert_int_ne(rig_ask_on(fd, "pid"), answer.pid);
	close(fd);
	rig_stop(&rig);
}
END_TEST

/* Twenty get old at about the same time. */
START_TEST(test_all_at_once_neither_dip_nor_double)
{
	const unsigned want = 20;
	struct rig rig;
	int closes, most = 0;

	rig_init(&rig, want);
	rig.groups[0].max_lifetime_ms = 1500;
	rig_start(&rig);
	while (RIG_GET(rig.stage->closes) < 2 * (int)want) {
		int births = RIG_GET(rig.stage->births);
		int fd;

		closes = RIG_GET(rig.stage->closes);
		/* Read in this order, both err on the safe side. */
		if (births - RIG_GET(rig.stage->closes) > most)
			most = births - closes;
		ck_assert_int_le(births - RIG_GET(rig.stage->closes),
		    (int)(want + pool_recycle_bound(want)));
		ck_assert_int_ge(RIG_GET(rig.stage->opens) - closes, (int)want);
		fd = rig_connect(&rig);
		ck_assert_int_gt(rig_ask_on(fd, "bye"), 0);
		close(fd);
	}
	ck_assert_int_gt(most, (int)want);
	ck_assert_uint_eq(rig_lines(rig.log, "died"), 0);
	ck_assert_int_ge(told(&rig, "ends:max_lifetime"), 2 * (int)want - 2);
	rig_stop(&rig);
}
END_TEST

START_TEST(test_who_has_grown_is_replaced)
{
	struct rig rig;
	pid_t pid;
	int fd;

	rig_init(&rig, 2);
	/* Above what a child begins with, below what one will have. */
	rig.groups[0].max_rss_bytes = own_size() + (24u << 20);
	rig_start(&rig);
	fd = rig_connect(&rig);
	pid = rig_ask_on(fd, "grow");
	RIG_AWAIT(!rig_alive(pid));
	ck_assert_int_ne(rig_ask_on(fd, "pid"), pid);
	close(fd);
	RIG_AWAIT(told(&rig, "ends:max_rss") == 1);
	/* The other one has not grown. */
	ck_assert_int_eq(RIG_GET(rig.stage->births), 3);
	rig_stop(&rig);
}
END_TEST

START_TEST(test_without_heirs_one_leaves_first_and_no_more)
{
	struct rig rig;
	int64_t since_ns;

	rig_init(&rig, 4);
	rig.groups[0].max_lifetime_ms = 500;
	rig_start(&rig);
	since_ns = mono_ns();
	RIG_SET(rig.stage->how_to_open, RIG_OPEN_FAILS);
	RIG_AWAIT(RIG_GET(rig.stage->closes) == 1);
	ck_assert_int_ge(mono_ns() - since_ns, RECYCLE_PATIENCE_MS * NS_PER_MS);
	for (int i = 0; i < 100; i++, rig_pause_ms(20)) {
		ck_assert_int_eq(RIG_GET(rig.stage->closes), 1);
		ck_assert_int_gt(rig_ask(&rig, "pid"), 0);
	}
	RIG_SET(rig.stage->how_to_open, RIG_OPEN_OK);
	RIG_AWAIT(RIG_GET(rig.stage->closes) >= 4);
	RIG_AWAIT(told(&rig, "ends:max_lifetime") >= 3);
	rig_stop(&rig);
}
END_TEST

START_TEST(test_reload_of_workers_that_wear_out_at_once)
{
	struct rig rig;

	rig_init(&rig, 4);
	rig_add_reloader(&rig);
	rig.groups[0].max_lifetime_ms = 20;
	rig_start(&rig);
	/* A new generation that replaced its own would never be complete. */
	for (int i = 0; i < 5; i++)
		ck_assert(!rig_reload(&rig));
	RIG_AWAIT(told(&rig, "ends:reload") >= 20);
	RIG_AWAIT(told(&rig, "ends:max_lifetime") > 0);
	ck_assert_uint_eq(rig_lines(rig.log, "died"), 0);
	ck_assert_uint_eq(rig_lines(rig.log, "killing"), 0);
	rig_stop(&rig);
}
END_TEST

START_TEST(test_who_does_not_go_is_killed)
{
	struct rig rig;
	struct rig_answer answer;
	int64_t since_ns;
	int fd;

	rig_init(&rig, 1);
	rig.conf.control_timeout_ms = 1200;
	rig.groups[0].max_requests = 2;
	rig_start(&rig);
	RIG_SET(rig.stage->how_to_open, RIG_OPEN_HANGS);
	for (int i = 0; i < 2; i++)
		ck_assert_int_gt(rig_ask(&rig, "pid"), 0);
	RIG_AWAIT(RIG_GET(rig.stage->births) == 2);
	/* While it waits to be replaced it begins what it never ends. */
	fd = rig_connect(&rig);
	rig_send(fd, "hang");
	RIG_AWAIT(RIG_GET(rig.stage->held) == 1);
	RIG_SET(rig.stage->how_to_open, RIG_OPEN_OK);
	since_ns = mono_ns();
	ck_assert_int_eq(kill(rig_pid(&rig, 1), SIGKILL), 0);
	ck_assert(!rig_receive(fd, &answer));
	ck_assert_int_ge(mono_ns() - since_ns, 1200 * NS_PER_MS);
	close(fd);
	RIG_AWAIT(rig_lines(rig.log, "was told to leave (max_requests)") == 1);
	RIG_AWAIT(told(&rig, "ends:late") == 1);
	rig_stop(&rig);
}
END_TEST

START_TEST(test_stop_amid_a_replacement)
{
	struct rig rig;

	rig_init(&rig, 2);
	rig.conf.control_timeout_ms = 500;
	rig.groups[0].max_lifetime_ms = 100;
	rig_start(&rig);
	RIG_SET(rig.stage->how_to_open, RIG_OPEN_HANGS);
	RIG_AWAIT(rig.stage->births > RIG_GET(rig.stage->opens));
	rig_stop(&rig);
}
END_TEST

/* ---- too long at one request --------------------------------------------- */

/* Stuck in serve(), or stopped there. */
START_TEST(test_stuck_worker_is_killed_and_replaced)
{
	struct rig rig;
	struct rig_answer answer;
	int64_t since_ns, took_ms;
	pid_t pid;
	int fd;

	rig_init(&rig, 1);
	rig.groups[0].terminate_ms = 300;
	rig_start(&rig);
	pid = rig_pid(&rig, 0);
	fd = rig_connect(&rig);
	since_ns = mono_ns();
	rig_send(fd, "hang");
	RIG_AWAIT(RIG_GET(rig.stage->held) == 1);
	if (_i == 1)
		ck_assert_int_eq(kill(pid, SIGSTOP), 0);
	/* Somebody else serves long before it is gone. */
	ck_assert_int_ne(rig_ask(&rig, "pid"), pid);
	ck_assert(!rig_receive(fd, &answer));
	took_ms = (mono_ns() - since_ns) / NS_PER_MS;
	ck_assert_int_ge(took_ms, 1300);
	ck_assert_int_lt(took_ms, 20000);
	close(fd);
	ck_assert_uint_eq(rig_lines(rig.log, "it is to leave"), 1);
	ck_assert_uint_eq(rig_lines(rig.log, "killing it"), 1);
	ck_assert_uint_eq(rig_lines(rig.log, "died"), 0);
	RIG_AWAIT(told(&rig, "ends:terminate_timeout") == 1);
	ck_assert_int_eq(RIG_GET(rig.stage->births), 2);
	rig_stop(&rig);
}
END_TEST

START_TEST(test_slow_worker_finishes_and_leaves)
{
	struct rig rig;
	struct rig_answer answer;
	int fd;

	rig_init(&rig, 1);
	rig.groups[0].terminate_ms = 100;
	rig_start(&rig);
	fd = rig_connect(&rig);
	rig_send(fd, "slow");
	ck_assert(rig_receive(fd, &answer));
	/* Nothing is lost, not even the connection. */
	RIG_AWAIT(!rig_alive(answer.pid));
	ck_assert_int_ne(rig_ask_on(fd, "pid"), answer.pid);
	close(fd);
	ck_assert_uint_eq(rig_lines(rig.log, "killing"), 0);
	RIG_AWAIT(told(&rig, "ends:terminate_timeout") == 1);
	rig_stop(&rig);
}
END_TEST

START_TEST(test_idle_connection_is_no_request)
{
	struct rig rig;
	int kept, silent;
	pid_t pid;

	rig_init(&rig, 1);
	rig.groups[0].terminate_ms = 50;
	rig_start(&rig);
	kept = rig_connect(&rig);
	silent = rig_connect(&rig);
	pid = rig_ask_on(kept, "pid");
	rig_pause_ms(600);
	ck_assert_int_eq(rig_ask_on(kept, "pid"), pid);
	ck_assert_int_eq(rig_ask_on(silent, "pid"), pid);
	close(kept);
	close(silent);
	ck_assert_int_eq(RIG_GET(rig.stage->births), 1);
	rig_stop(&rig);
}
END_TEST

/* What every worker hung at is no fault of the next ones: no pause. */
START_TEST(test_all_stuck_are_replaced_at_once)
{
	enum {
		N = 64
	};
	struct rig rig;
	struct rig_answer answer;
	int64_t since_ns;
	int fds[N];

	rig_init(&rig, N);
	rig.groups[0].terminate_ms = 1000;
	rig_start(&rig);
	for (int i = 0; i < N; i++) {
		fds[i] = rig_connect(&rig);
		rig_send(fds[i], "hang");
		/* One at a time: a worker that holds two when it is killed at
		 * one of them takes the other along. */
		RIG_AWAIT(RIG_GET(rig.stage->held) > i);
	}
	for (int i = 0; i < N; i++) {
		ck_assert(!rig_receive(fds[i], &answer));
		close(fds[i]);
	}
	since_ns = mono_ns();
	RIG_AWAIT(RIG_GET(rig.stage->births) >= 2 * N);
	/* Crashes would be paid for; here that is over 5 s. */
	ck_assert_int_lt(mono_ns() - since_ns,
	    (N - POLICY_BURST) * POLICY_INTERVAL_MS * NS_PER_MS);
	RIG_AWAIT(told(&rig, "ends:terminate_timeout") == N);
	ck_assert_int_eq(told(&rig, "ends:crash"), 0);
	rig_stop(&rig);
}
END_TEST

/* ---- crash loops --------------------------------------------------------- */

START_TEST(test_crash_loop_is_said)
{
	struct rig rig;
	struct rig_answer answer;

	rig_init(&rig, 2);
	rig.conf.crash_threshold = 3;
	rig.conf.crash_interval_ms = 2000;
	rig_start(&rig);
	for (int i = 0; i < 3; i++) {
		int fd = rig_connect(&rig);

		RIG_AWAIT(told(&rig, "looping") == 0);
		rig_send(fd, "crash");
		ck_assert(!rig_receive(fd, &answer));
		close(fd);
	}
	RIG_AWAIT(rig_lines(rig.log,
		      "crash loop: 3 children of worker died by "
		      "themselves within 2 s, the last by signal 9") == 1);
	RIG_AWAIT(rig_lines(rig.log, "the crash loop is over") == 1);
	RIG_AWAIT(told(&rig, "looping") == 0);
	RIG_AWAIT(told(&rig, "ends:crash") == 3);
	rig_stop(&rig);
}
END_TEST

START_TEST(test_crash_loop_at_the_start)
{
	struct rig rig;
	int64_t since_ns;

	rig_init(&rig, 4);
	rig.conf.crash_threshold = 5;
	rig.conf.crash_interval_ms = 60000;
	rig.stage->how_to_open = RIG_OPEN_FAILS;
	rig_launch(&rig);
	/* The four at once, and the first probe. */
	RIG_AWAIT(rig_lines(rig.log,
		      "crash loop: 5 children of worker died by "
		      "themselves within 60 s, the last by exit code 70: "
		      "no tea today") == 1);
	RIG_SET(rig.stage->how_to_open, RIG_OPEN_OK);
	RIG_AWAIT(RIG_GET(rig.stage->ready) == 1);
	/* Still an alarm: what has happened so often may come again. */
	RIG_AWAIT(told(&rig, "looping") == 1);
	RIG_AWAIT(told(&rig, "ends:stillborn") >= 5);
	since_ns = mono_ns();
	rig_stop(&rig);
	ck_assert_int_lt(mono_ns() - since_ns, 10000 * NS_PER_MS);
}
END_TEST

TESTS_MAIN("pool/recycle",
    UNIT_SLOW(
	"max_requests", test_max_requests_is_exact_where_there_is_time, 60),
    UNIT_SLOW("serves_on", test_who_is_not_replaced_serves_on, 60),
    UNIT_SLOW("heir_first", test_heir_is_ready_before_the_old_one_goes, 90),
    UNIT_SLOW("kept", test_heir_gets_the_kept_connection, 60),
    UNIT_SLOW("lifetime", test_all_at_once_neither_dip_nor_double, 90),
    UNIT_SLOW("rss", test_who_has_grown_is_replaced, 60),
    UNIT_SLOW("no_heirs", test_without_heirs_one_leaves_first_and_no_more, 90),
    UNIT_SLOW("reload", test_reload_of_workers_that_wear_out_at_once, 90),
    UNIT_SLOW("late", test_who_does_not_go_is_killed, 60),
    UNIT_SLOW("stop", test_stop_amid_a_replacement, 60),
    RIG_TABLE("stuck", test_stuck_worker_is_killed_and_replaced, 2),
    UNIT_SLOW("slow", test_slow_worker_finishes_and_leaves, 60),
    UNIT_SLOW("idle", test_idle_connection_is_no_request, 60),
    UNIT_SLOW("all_stuck", test_all_stuck_are_replaced_at_once, 90),
    UNIT_SLOW("crash_loop", test_crash_loop_is_said, 60),
    UNIT_SLOW("crash_start", test_crash_loop_at_the_start, 60))
