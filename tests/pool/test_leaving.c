/* SPDX-License-Identifier: Apache-2.0 */
/* pool: stops, graceful and less so; a dead master; logs reopened. */
#include "config.h"

#include "unit.h"

#include "pool/rig.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

static const int stop_signals[] = {SIGTERM, SIGQUIT, SIGINT};

START_TEST(test_stop_finishes_the_running_request)
{
	struct rig rig;
	struct rig_answer answer;
	int fd, status;

	rig_init(&rig, 2);
	rig_start(&rig);
	fd = rig_connect(&rig);
	rig_send(fd, "hold");
	RIG_AWAIT(RIG_GET(rig.stage->held) == 1);
	rig_signal(&rig, stop_signals[_i]);
	RIG_AWAIT(rig_lines(rig.log, "stopping") == 1);
	/* The idle one is gone, the busy one is not. */
	RIG_AWAIT(RIG_GET(rig.stage->closes) == 1);
	ck_assert_int_eq(waitpid(rig.master, &status, WNOHANG), 0);
	RIG_SET(rig.stage->release, 1);
	ck_assert(rig_receive(fd, &answer));
	ck_assert_str_eq(answer.word, "ok");
	ck_assert(!rig_receive(fd, &answer));
	close(fd);
	RIG_AWAIT(RIG_GET(rig.stage->closes) == 2);
	ck_assert_uint_eq(rig_lines(rig.log, "killing"), 0);
	ck_assert_int_eq(rig_end(&rig), 0);
}
END_TEST

START_TEST(test_stop_serves_what_was_sent_and_closes_what_is_idle)
{
	struct rig rig;
	struct rig_answer answer;
	int idle, sent, silent, busy;

	rig_init(&rig, 1);
	/* Even an app that never closes a connection must not stay. */
	rig.stage->naive = _i;
	rig_start(&rig);
	idle = rig_connect(&rig);
	ck_assert_int_gt(rig_ask_on(idle, "pid"), 0);
	sent = rig_connect(&rig);
	ck_assert_int_gt(rig_ask_on(sent, "pid"), 0);
	silent = rig_connect(&rig);
	ck_assert_int_gt(rig_ask(&rig, "bye"), 0); /* behind it: accepted */
	busy = rig_connect(&rig);
	rig_send(busy, "hold");
	RIG_AWAIT(RIG_GET(rig.stage->held) == 1);
	rig_signal(&rig, SIGTERM);
	RIG_AWAIT(rig_lines(rig.log, "stopping") == 1);
	rig_send(sent, "pid");
	RIG_SET(rig.stage->release, 1);
	ck_assert(rig_receive(busy, &answer));
	ck_assert(rig_receive(sent, &answer));
	ck_assert_int_eq(answer.draining, 1);
	ck_assert(!rig_receive(idle, &answer));
	/* Who has just connected may still say what for. */
	ck_assert(!rig_is_closed(silent));
	rig_send(silent, "pid");
	ck_assert(rig_receive(silent, &answer));
	ck_assert(!rig_receive(silent, &answer));
	close(idle);
	close(sent);
	close(silent);
	close(busy);
	ck_assert_int_eq(rig_end(&rig), 0);
}
END_TEST

START_TEST(test_silent_connection_does_not_hold_up_a_stop)
{
	struct rig rig;
	int64_t since_ns;
	int silent;

	rig_init(&rig, 1);
	rig.groups[0].io_timeout_ms = 600000;
	rig_start(&rig);
	silent = rig_connect(&rig);
	ck_assert_int_gt(rig_ask(&rig, "bye"), 0);
	since_ns = mono_ns();
	rig_stop(&rig);
	ck_assert_int_lt(mono_ns() - since_ns, 20000 * NS_PER_MS);
	close(silent);
}
END_TEST

START_TEST(test_stuck_worker_is_killed_after_the_grace)
{
	struct rig rig;
	int64_t since_ns;
	char text[64];
	int fd;

	rig_init(&rig, 2);
	rig.conf.control_timeout_ms = 400;
	rig_start(&rig);
	fd = rig_connect(&rig);
	rig_send(fd, "hang");
	RIG_AWAIT(RIG_GET(rig.stage->held) == 1);
	since_ns = mono_ns();
	rig_signal(&rig, SIGTERM);
	RIG_AWAIT(rig_lines(rig.log, "killing") == 1);
	ck_assert_int_ge(mono_ns() - since_ns, 400 * NS_PER_MS);
	/* It says whom: one of the two. */
	snprintf(text, sizeof(text), "killing %ld\n", (long)rig_pid(&rig, 0));
	if (rig_lines(rig.log, text) == 0)
		snprintf(text, sizeof(text), "killing %ld\n",
		    (long)rig_pid(&rig, 1));
	ck_assert_uint_eq(rig_lines(rig.log, text), 1);
	close(fd);
	ck_assert_int_eq(rig_end(&rig), 0);
}
END_TEST

START_TEST(test_second_signal_is_at_once)
{
	struct rig rig;
	int64_t since_ns;
	int fd;

	rig_init(&rig, 3);
	rig.conf.control_timeout_ms = 600000;
	rig_start(&rig);
	fd = rig_connect(&rig);
	rig_send(fd, "hang");
	RIG_AWAIT(RIG_GET(rig.stage->held) == 1);
	rig_signal(&rig, stop_signals[_i]);
	RIG_AWAIT(rig_lines(rig.log, "stopping") == 1);
	/* Not an echo of the first. */
	rig_pause_ms(50);
	since_ns = mono_ns();
	rig_signal(&rig, SIGTERM);
	ck_assert_int_eq(rig_end(&rig), 0);
	ck_assert_int_lt(mono_ns() - since_ns, 20000 * NS_PER_MS);
	close(fd);
}
END_TEST

/*
 * What outlives KILL: a process in an uninterruptible wait.  From the master's
 * side a traced one is the same: dead, but not to be buried before its tracer
 * has looked.
 */
START_TEST(test_unkillable_worker_is_given_up)
{
	struct rig rig;
	int64_t since_ns;
	char text[64];
	int status;
	pid_t pid;

	rig_init(&rig, 2);
	rig.conf.control_timeout_ms = 100;
	rig_start(&rig);
	pid = rig_ask(&rig, "bye");
	if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) != 0) {
		rig_stop(&rig);
		return; /* not allowed here */
	}
	since_ns = mono_ns();
	rig_signal(&rig, SIGTERM);
	snprintf(text, sizeof(text), "giving up on %ld: ", (long)pid);
	RIG_AWAIT(rig_lines(rig.log, text) == 1);
	ck_assert_int_ge(mono_ns() - since_ns, 2000 * NS_PER_MS);
	RIG_AWAIT(waitpid(rig.master, &status, WNOHANG) == rig.master);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), EX_SOFTWARE);
	rig_tidy(&rig);
}
END_TEST

START_TEST(test_dead_master_takes_all_along)
{
	struct rig rig;
	struct rig_answer answer;
	int64_t since_ns;
	int kept, busy, status;

	rig_init(&rig, 3);
	rig_add_ticker(&rig);
	/* With both belts, and with the lifeline alone. */
	rig.stage->no_deathsig = _i;
	rig_start(&rig);
	kept = rig_connect(&rig);
	ck_assert_int_gt(rig_ask_on(kept, "pid"), 0);
	busy = rig_connect(&rig);
	rig_send(busy, "slow");
	RIG_AWAIT(RIG_GET(rig.stage->held) == 1);
	since_ns = mono_ns();
	rig_signal(&rig, SIGKILL);
	/* What has begun is finished even so. */
	ck_assert(rig_receive(busy, &answer));
	RIG_AWAIT(rig_is_closed(kept));
	close(kept);
	close(busy);
	RIG_AWAIT(RIG_GET(rig.stage->closes) == 4);
	status = rig_end(&rig);
	ck_assert_int_lt(mono_ns() - since_ns, 20000 * NS_PER_MS);
	ck_assert(WIFSIGNALED(status));
}
END_TEST

/* A kept connection to each of three children. */
static void connect_to_each(struct rig *rig, int fds[3], pid_t pids[3])
{
	struct rig_answer answer;

	for (int i = 0; i < 3; i++) {
		fds[i] = rig_connect(rig);
		rig_send(fds[i], "hold");
		/* One at a time: an idle child may take two connections. */
		RIG_AWAIT(RIG_GET(rig->stage->held) == i + 1);
	}
	RIG_SET(rig->stage->release, 1);
	for (int i = 0; i < 3; i++) {
		ck_assert(rig_receive(fds[i], &answer));
		pids[i] = answer.pid;
	}
	RIG_SET(rig->stage->release, 0);
}

START_TEST(test_usr1_reopens_logs_and_recycles_nobody)
{
	struct rig rig;
	struct rig_answer answer;
	char rotated[80], line[64];
	pid_t pids[3];
	int fds[3];

	if (_i == 1 && geteuid() != 0)
		return; /* only a root master has children of another user */
	rig_init(&rig, 3);
	if (_i == 1) {
		rig.conf.user = "65534";
		rig.conf.group = "65534";
	}
	rig_start(&rig);
	connect_to_each(&rig, fds, pids);
	/* One is busy meanwhile, and hears of it later. */
	rig_send(fds[0], "hold");
	RIG_AWAIT(RIG_GET(rig.stage->held) == 4);
	snprintf(rotated, sizeof(rotated), "%s/log.1", rig.dir);
	ck_assert_int_eq(rename(rig.log, rotated), 0);
	rig_signal(&rig, SIGUSR1);
	RIG_AWAIT(rig_lines(rig.log, "log reopened") == 1);
	RIG_SET(rig.stage->release, 1);
	ck_assert(rig_receive(fds[0], &answer));
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(rig_ask_on(fds[i], "log"), pids[i]);
		snprintf(line, sizeof(line), "line of %ld", (long)pids[i]);
		ck_assert_uint_eq(rig_lines(rig.log, line), 1);
		close(fds[i]);
	}
	ck_assert_uint_eq(rig_lines(rotated, "line of"), 0);
	ck_assert_int_eq(RIG_GET(rig.stage->births), 3);
	rig_stop(&rig);
}
END_TEST

START_TEST(test_reload_signals_do_not_kill)
{
	static const int numbers[] = {SIGHUP, SIGUSR2};
	struct rig rig;
	pid_t pid;

	rig_init(&rig, 1);
	rig_start(&rig);
	pid = rig_ask(&rig, "pid");
	rig_signal(&rig, numbers[_i]);
	RIG_AWAIT(rig_lines(rig.log, "there is no reload") == 1);
	/* Nor a child that a launcher's killpg() reaches. */
	ck_assert_int_eq(kill(pid, numbers[_i]), 0);
	ck_assert_int_eq(rig_ask(&rig, "pid"), pid);
	rig_stop(&rig);
}
END_TEST

START_TEST(test_stopped_child_is_not_lost)
{
	struct rig rig;
	pid_t pid;

	rig_init(&rig, 1);
	rig.conf.control_timeout_ms = 300;
	rig_start(&rig);
	pid = rig_ask(&rig, "pid");
	/* SIGCHLD also says "stopped": that is no death. */
	ck_assert_int_eq(kill(pid, SIGSTOP), 0);
	rig_pause_ms(50);
	ck_assert_int_eq(kill(pid, SIGCONT), 0);
	ck_assert_int_eq(rig_ask(&rig, "pid"), pid);
	/* It cannot hear TERM, but KILL reaches it. */
	ck_assert_int_eq(kill(pid, SIGSTOP), 0);
	rig_stop(&rig);
}
END_TEST

TESTS_MAIN("pool/leaving",
    RIG_TABLE("finishes", test_stop_finishes_the_running_request,
	ARRAY_LEN(stop_signals)),
    RIG_TABLE(
	"drains", test_stop_serves_what_was_sent_and_closes_what_is_idle, 2),
    UNIT_SLOW("silent", test_silent_connection_does_not_hold_up_a_stop, 60),
    UNIT_SLOW("stuck", test_stuck_worker_is_killed_after_the_grace, 30),
    RIG_TABLE("second", test_second_signal_is_at_once, ARRAY_LEN(stop_signals)),
    UNIT_SLOW("unkillable", test_unkillable_worker_is_given_up, 30),
    RIG_TABLE("orphans", test_dead_master_takes_all_along, 2),
    RIG_TABLE("usr1", test_usr1_reopens_logs_and_recycles_nobody, 2),
    RIG_TABLE("reload", test_reload_signals_do_not_kill, 2),
    UNIT_SLOW("stopped", test_stopped_child_is_not_lost, 30))
