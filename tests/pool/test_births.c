/* SPDX-License-Identifier: Apache-2.0 */
/* pool: children that die, never live, are recycled, or are born oddly. */
#include "config.h"

#include "unit.h"

#include "pool/rig.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

START_TEST(test_killed_worker_is_replaced_others_undisturbed)
{
	struct rig rig;
	struct rig_answer answer;
	pid_t victim, heir;
	int busy;

	rig_init(&rig, 2);
	rig_start(&rig);
	busy = rig_connect(&rig);
	rig_send(busy, "hold");
	RIG_AWAIT(RIG_GET(rig.stage->held) == 1);
	/* One is busy, so this is the other. */
	victim = rig_ask(&rig, "pid");
	ck_assert_int_eq(kill(victim, SIGKILL), 0);
	heir = rig_ask(&rig, "pid");
	ck_assert_int_ne(heir, victim);
	RIG_SET(rig.stage->release, 1);
	ck_assert(rig_receive(busy, &answer));
	ck_assert_int_ne(answer.pid, victim);
	ck_assert_int_ne(answer.pid, heir);
	close(busy);
	ck_assert_int_eq(RIG_GET(rig.stage->births), 3);
	RIG_AWAIT(rig_lines(rig.log, "died: signal 9 (Killed)") == 1);
	rig_stop(&rig);
}
END_TEST

START_TEST(test_kill_loses_only_its_own_request)
{
	struct rig rig;
	struct rig_answer answer;
	int held, waiting[8];
	pid_t victim;

	rig_init(&rig, 1);
	rig_start(&rig);
	held = rig_connect(&rig);
	rig_send(held, "hold");
	RIG_AWAIT(RIG_GET(rig.stage->held) == 1);
	for (size_t i = 0; i < ARRAY_LEN(waiting); i++) {
		waiting[i] = rig_connect(&rig);
		rig_send(waiting[i], "pid");
	}
	victim = rig_pid(&rig, 0);
	ck_assert_int_eq(kill(victim, SIGKILL), 0);
	ck_assert(!rig_receive(held, &answer));
	close(held);
	for (size_t i = 0; i < ARRAY_LEN(waiting); i++) {
		ck_assert(rig_receive(waiting[i], &answer));
		ck_assert_int_ne(answer.pid, victim);
		close(waiting[i]);
	}
	rig_stop(&rig);
}
END_TEST

START_TEST(test_twenty_kills_in_a_row)
{
	struct rig rig;
	pid_t last = 0;

	rig_init(&rig, 2);
	rig_start(&rig);
	for (int i = 0; i < 20; i++) {
		pid_t pid = rig_ask(&rig, "pid");

		ck_assert_int_ne(pid, last);
		ck_assert_int_eq(kill(pid, SIGKILL), 0);
		last = pid;
	}
	ck_assert_int_gt(rig_ask(&rig, "pid"), 0);
	RIG_AWAIT(RIG_GET(rig.stage->births) == 22);
	ck_assert_uint_eq(rig_lines(rig.log, "died: signal 9"), 20);
	rig_stop(&rig);
}
END_TEST

START_TEST(test_poison_is_no_fork_storm)
{
	struct rig rig;
	int64_t start_ns;
	int allowed;

	rig_init(&rig, 2);
	rig_start(&rig);
	start_ns = mono_ns();
	for (int i = 0; i < 30; i++) {
		struct rig_answer answer;
		int fd = rig_connect(&rig);

		rig_send(fd, "crash");
		ck_assert(!rig_receive(fd, &answer));
		close(fd);
	}
	/* A burst of ten, then ten a second. */
	allowed =
	    2 + 10 + (int)((mono_ns() - start_ns) / (100 * NS_PER_MS)) + 1;
	ck_assert_int_le(RIG_GET(rig.stage->births), allowed);
	ck_assert_int_ge(mono_ns() - start_ns, 1500 * NS_PER_MS);
	ck_assert_int_gt(rig_ask(&rig, "pid"), 0);
	rig_stop(&rig);
}
END_TEST

/* Lets births fail for a while; at most this many may have been tried. */
static void fail_for(struct rig *rig, int64_t ms, int at_least, int at_most)
{
	int64_t start_ns = mono_ns();

	rig_launch(rig);
	RIG_AWAIT(mono_ns() - start_ns > ms * NS_PER_MS &&
		  RIG_GET(rig->stage->births) >= at_least);
	if (mono_ns() - start_ns < 2 * ms * NS_PER_MS)
		ck_assert_int_le(RIG_GET(rig->stage->births), at_most);
	ck_assert_int_eq(RIG_GET(rig->stage->ready), 0);
}

START_TEST(test_open_that_fails_is_tried_with_growing_pauses)
{
	struct rig rig;
	int64_t since_ns;

	rig_init(&rig, 4);
	rig.stage->how_to_open = RIG_OPEN_FAILS;
	/* 4 at once, then one after 100, 200, 400, 800, 1600 ms. */
	fail_for(&rig, 2000, 4 + 3, 4 + 5);
	ck_assert_uint_ge(rig_lines(rig.log,
			      "exit code 70: no tea today; next try in 100 ms"),
	    1);
	ck_assert_uint_eq(rig_lines(rig.log, "next try in 100 ms"), 1);
	ck_assert_uint_eq(rig_lines(rig.log, "next try in 400 ms"), 1);
	/* In the middle of a pause the master still obeys at once. */
	since_ns = mono_ns();
	rig_stop(&rig);
	ck_assert_int_lt(mono_ns() - since_ns, 10000 * NS_PER_MS);
}
END_TEST

START_TEST(test_open_that_crashes_is_the_same)
{
	struct rig rig;

	rig_init(&rig, 1);
	rig.stage->how_to_open = RIG_OPEN_CRASHES;
	fail_for(&rig, 1000, 3, 1 + 4);
	ck_assert_uint_ge(rig_lines(rig.log, "failed after"), 3);
	ck_assert_uint_ge(rig_lines(rig.log, "signal 9 (Killed); next"), 3);
	rig_stop(&rig);
}
END_TEST

START_TEST(test_recovery_is_complete_at_once)
{
	struct rig rig;

	rig_init(&rig, 6);
	rig.stage->how_to_open = RIG_OPEN_FAILS;
	fail_for(&rig, 500, 6 + 2, 6 + 3);
	RIG_SET(rig.stage->how_to_open, RIG_OPEN_OK);
	/* One probe gets ready, and the other five follow it. */
	RIG_AWAIT(RIG_GET(rig.stage->ready) == 1);
	ck_assert_int_eq(RIG_GET(rig.stage->opens), 6);
	ck_assert_int_gt(rig_ask(&rig, "pid"), 0);
	rig_stop(&rig);
}
END_TEST

START_TEST(test_recycling_under_load_loses_nothing)
{
	struct rig rig;
	struct rig_answer answer;
	int fds[8];

	/* Children leave all the time, and take wake-ups with them. */
	rig_init(&rig, 4);
	rig.groups[0].max_requests = 10;
	rig_start(&rig);
	for (int round = 0; round < 60; round++) {
		for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
			fds[i] = rig_connect(&rig);
			rig_send(fds[i], "bye");
		}
		for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
			ck_assert(rig_receive(fds[i], &answer));
			close(fds[i]);
		}
	}
	ck_assert_int_eq(RIG_GET(rig.stage->serves), 480);
	RIG_AWAIT(RIG_GET(rig.stage->births) >= 4 + 4);
	ck_assert_uint_eq(rig_lines(rig.log, "died"), 0);
	rig_stop(&rig);
}
END_TEST

START_TEST(test_launcher_that_ignores_sigchld)
{
	struct rig rig;
	pid_t pid;

	rig_init(&rig, 1);
	rig.child_ignored = 1;
	rig_start(&rig);
	pid = rig_ask(&rig, "pid");
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_ne(rig_ask(&rig, "pid"), pid);
	rig_stop(&rig);
}
END_TEST

START_TEST(test_child_told_to_leave_is_replaced)
{
	static const int numbers[] = {SIGTERM, SIGQUIT, SIGINT};
	struct rig rig;
	pid_t pid;

	rig_init(&rig, 1);
	rig_start(&rig);
	pid = rig_ask(&rig, "pid");
	ck_assert_int_eq(kill(pid, numbers[_i]), 0);
	RIG_AWAIT(!rig_alive(pid));
	ck_assert_int_ne(rig_ask(&rig, "pid"), pid);
	ck_assert_int_eq(RIG_GET(rig.stage->closes), 1);
	ck_assert_uint_eq(rig_lines(rig.log, "died"), 0);
	rig_stop(&rig);
}
END_TEST

START_TEST(test_children_run_as_the_user_of_the_settings)
{
	struct rig rig;
	struct rig_answer answer;
	int fd;

	if (geteuid() != 0)
		return; /* only root can become somebody */
	rig_init(&rig, 1);
	rig.conf.user = "65534";
	rig.conf.group = "65533";
	rig_start(&rig);
	fd = rig_connect(&rig);
	rig_send(fd, "uid");
	ck_assert(rig_receive(fd, &answer));
	ck_assert_str_eq(answer.word, "65534/65533");
	close(fd);
	rig_stop(&rig);
}
END_TEST

static const struct {
	const char *user, *group;
	const char *pid_file; /* NULL: as it was */
	const char *text;
} bad_settings[] = {
    {"no such user", NULL, NULL, "alert master"},
    {"no such user", NULL, NULL, "there is no user no such user"},
    {NULL, "no such group", NULL, "there is no group no such group"},
    {NULL, NULL, "/nonexistent/fg/pid", "pid file /nonexistent/fg/pid: "},
};

START_TEST(test_bad_settings_end_before_the_first_child)
{
	struct rig rig;
	int status;

	rig_init(&rig, 1);
	rig.conf.user = bad_settings[_i].user;
	rig.conf.group = bad_settings[_i].group;
	if (bad_settings[_i].pid_file != NULL)
		rig.conf.pid_file = bad_settings[_i].pid_file;
	rig_launch(&rig);
	RIG_AWAIT(rig_lines(rig.log, bad_settings[_i].text) == 1);
	ck_assert_int_eq(RIG_GET(rig.stage->births), 0);
	status = rig_end(&rig);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), EX_CONFIG);
}
END_TEST

TESTS_MAIN("pool/births",
    UNIT_SLOW("killed", test_killed_worker_is_replaced_others_undisturbed, 30),
    UNIT_SLOW("backlog", test_kill_loses_only_its_own_request, 30),
    UNIT_SLOW("twenty", test_twenty_kills_in_a_row, 60),
    UNIT_SLOW("poison", test_poison_is_no_fork_storm, 60),
    UNIT_SLOW("fails", test_open_that_fails_is_tried_with_growing_pauses, 30),
    UNIT_SLOW("crashes", test_open_that_crashes_is_the_same, 30),
    UNIT_SLOW("recovery", test_recovery_is_complete_at_once, 30),
    UNIT_SLOW("recycling", test_recycling_under_load_loses_nothing, 60),
    UNIT_SLOW("sigchld", test_launcher_that_ignores_sigchld, 30),
    RIG_TABLE("leave", test_child_told_to_leave_is_replaced, 3),
    UNIT_SLOW("user", test_children_run_as_the_user_of_the_settings, 30),
    RIG_TABLE("settings", test_bad_settings_end_before_the_first_child,
	ARRAY_LEN(bad_settings)))
