/* SPDX-License-Identifier: Apache-2.0 */
/* base: failpoints; built with --enable-failpoints only. */
#include "config.h"

#include "unit.h"

#include "base/failpoint.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Only what `spec` says is armed: without fork (valgrind) the table stays. */
static void arm(const char *spec)
{
	struct err err = ERR_INIT;

	failpoint_disarm();
	ck_assert_msg(failpoint_arm(strv_c(spec), &err), "%s", err.text);
}

static const char *const refused[] = {
    "",
    "nowhere=kill",
    "after_claim",
    "after_claim=",
    "after_claim=boom",
    "after_claim=kill@0",
    "after_claim=kill@p0",
    "after_claim=kill@p1.5",
    "after_claim=kill@px",
    "after_claim=kill@",
    "after_claim=kill@3x0",
    "after_claim=delay",
    "after_claim=delay:x",
    "after_claim=kill:3",
    "after_commit=err",
    "before_insert=err,after_claim=boom",
};

START_TEST(test_refused)
{
	struct err err = ERR_INIT;

	ck_assert(!failpoint_arm(strv_c(refused[_i]), &err));
	ck_assert_str_ne(err.text, "");
	/* As a whole: what was right beside it is not armed either. */
	ck_assert(!FAILPOINT_ARMED(before_insert));
}
END_TEST

START_TEST(test_nothing_armed)
{
	uint64_t fired = failpoint_count(FAILPOINT_before_insert).fired;

	failpoint_disarm();
	for (int i = 0; i < 1000; i++)
		ck_assert(!failpoint_hit(FAILPOINT_before_insert));
	ck_assert_uint_eq(
	    failpoint_count(FAILPOINT_before_insert).fired, fired);
}
END_TEST

START_TEST(test_nth)
{
	struct failpoint_counts was = failpoint_count(FAILPOINT_before_insert);
	struct failpoint_counts is;

	arm("before_insert=err@3");
	ck_assert(!failpoint_hit(FAILPOINT_before_insert));
	ck_assert(!failpoint_hit(FAILPOINT_before_insert));
	ck_assert(failpoint_hit(FAILPOINT_before_insert));
	ck_assert(!failpoint_hit(FAILPOINT_before_insert));
	ck_assert(!failpoint_hit(FAILPOINT_after_insert));
	/* Armed anew, it counts anew. */
	arm("before_insert=err@1");
	ck_assert(failpoint_hit(FAILPOINT_before_insert));
	is = failpoint_count(FAILPOINT_before_insert);
	ck_assert_uint_eq(is.hits - was.hits, 5);
	ck_assert_uint_eq(is.fired - was.fired, 2);
}
END_TEST

/* "exit" has an x too. */
START_TEST(test_times)
{
	unsigned n = 0;

	arm("after_accept=exit@1000000x1, before_insert=errx2");
	for (int i = 0; i < 10; i++)
		n += failpoint_hit(FAILPOINT_before_insert);
	ck_assert_uint_eq(n, 2);
	failpoint_disarm();
	ck_assert(!FAILPOINT_ARMED(before_insert));
}
END_TEST

START_TEST(test_chance)
{
	unsigned n = 0;

	arm("before_claim=err@p0.25");
	for (int i = 0; i < 10000; i++)
		n += failpoint_hit(FAILPOINT_before_claim);
	ck_assert_uint_gt(n, 2200);
	ck_assert_uint_lt(n, 2800);
}
END_TEST

START_TEST(test_says_who)
{
	struct err err = ERR_INIT;

	arm("after_claim=err");
	ck_assert(FAILPOINT_ERR(after_claim, &err));
	ck_assert_str_eq(err.text, "failpoint after_claim");
}
END_TEST

static const struct {
	const char *spec;
	int signal; /* 0: an exit code */
	int code;
} ends[] = {
    {"after_commit=kill@2", SIGKILL, 0},
    {"after_commit=abort@2", SIGABRT, 0},
    {"after_commit=exit@2", 0, 70},
};

/* @2 is the child's own second, whatever the parent hit before. */
START_TEST(test_ends)
{
	uint64_t fired = failpoint_count(FAILPOINT_after_commit).fired;
	pid_t child;
	int status;

	arm(ends[_i].spec);
	ck_assert(!failpoint_hit(FAILPOINT_after_commit));
	child = fork();
	if (child == 0) {
		FAILPOINT(after_commit);
		FAILPOINT(after_commit);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	if (ends[_i].signal != 0)
		ck_assert(
		    WIFSIGNALED(status) && WTERMSIG(status) == ends[_i].signal);
	else
		ck_assert(
		    WIFEXITED(status) && WEXITSTATUS(status) == ends[_i].code);
	ck_assert_uint_eq(
	    failpoint_count(FAILPOINT_after_commit).fired, fired + 1);
}
END_TEST

START_TEST(test_stop)
{
	pid_t child;
	int status;

	arm("after_commit=stop");
	child = fork();
	if (child == 0) {
		FAILPOINT(after_commit);
		_exit(3);
	}
	ck_assert_int_eq(waitpid(child, &status, WUNTRACED), child);
	ck_assert(WIFSTOPPED(status));
	kill(child, SIGCONT);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 3);
}
END_TEST

/* A running process does what the file says by then; xM is of all together. */
START_TEST(test_file)
{
	char path[] = "/tmp/fg-failpoint.XXXXXX";
	struct err err = ERR_INIT;
	int fd = mkstemp(path), fired = 0;

	ck_assert_int_ge(fd, 0);
	ck_assert_msg(failpoint_map(path, &err), "%s", err.text);
	arm("before_insert=errx2");
	for (int i = 0; i < 4; i++) {
		int status;
		pid_t child = fork();

		if (child == 0) {
			_exit(failpoint_map(path, &err) &&
				      failpoint_hit(FAILPOINT_before_insert)
				  ? 1
				  : 0);
		}
		ck_assert_int_eq(waitpid(child, &status, 0), child);
		fired += WEXITSTATUS(status);
	}
	ck_assert_int_eq(fired, 2);
	ck_assert_int_eq(ftruncate(fd, 7), 0);
	ck_assert(!failpoint_map(path, &err));
	close(fd);
	unlink(path);
}
END_TEST

TESTS_MAIN("failpoint", UNIT_TABLE("refused", test_refused, ARRAY_LEN(refused)),
    UNIT("nothing-armed", test_nothing_armed), UNIT("nth", test_nth),
    UNIT("times", test_times), UNIT("chance", test_chance),
    UNIT("says-who", test_says_who),
    UNIT_TABLE("ends", test_ends, ARRAY_LEN(ends)), UNIT("stop", test_stop),
    UNIT("file", test_file))
