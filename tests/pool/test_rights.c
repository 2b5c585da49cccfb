/* SPDX-License-Identifier: Apache-2.0 */
/* pool/rights, pool/single: what a child may do; a child without a master. */
#include "config.h"

#include "unit.h"

#include "pool/rig.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void ask_word(const struct rig *rig, const char *line, char word[32])
{
	struct rig_answer answer;
	int fd = rig_connect(rig);

	rig_send(fd, line);
	ck_assert(rig_receive(fd, &answer));
	memcpy(word, answer.word, 32);
	close(fd);
}

static const struct {
	int nice, files, core, dumpable;
} limits[] = {
    {3, 200, 0, 0},
    {0, 300, 4096, 1},
};

START_TEST(test_rights)
{
	struct pool_rights rights = {.priority = limits[_i].nice,
	    .rlimit_files = limits[_i].files,
	    .rlimit_core = limits[_i].core,
	    .dumpable = limits[_i].dumpable};
	char want[32], word[32];
	struct rig rig;

	rig_init(&rig, 1);
	rig.conf.rights = &rights;
	rig_start(&rig);
	/* 0 is not set: whatever we were started with. */
	snprintf(want, sizeof(want), "%d/%d/%d/%d",
	    limits[_i].nice != 0 ? limits[_i].nice
				 : getpriority(PRIO_PROCESS, 0),
	    limits[_i].files, limits[_i].core, limits[_i].dumpable);
	ask_word(&rig, "rights", word);
	ck_assert_str_eq(word, want);
	rig_stop(&rig);
}
END_TEST

START_TEST(test_minus_one_changes_nothing)
{
	struct pool_rights rights = {.rlimit_files = -1, .rlimit_core = -1};
	struct rlimit files, core;
	char want[32], word[32];
	struct rig rig;

	getrlimit(RLIMIT_NOFILE, &files);
	getrlimit(RLIMIT_CORE, &core);
	rig_init(&rig, 1);
	rig.conf.rights = &rights;
	rig_start(&rig);
	snprintf(want, sizeof(want), "%d/%ld/%ld/0",
	    getpriority(PRIO_PROCESS, 0), (long)files.rlim_cur,
	    (long)core.rlim_cur);
	ask_word(&rig, "rights", word);
	ck_assert_str_eq(word, want);
	rig_stop(&rig);
}
END_TEST

/* A limit that cannot be had is no reason to run without it. */
START_TEST(test_what_cannot_be_had)
{
	struct pool_rights rights = {
	    .rlimit_files = INT64_C(1) << 40, .rlimit_core = -1};
	struct rig rig;

	rig_init(&rig, 1);
	rig.conf.rights = &rights;
	rig_launch(&rig);
	RIG_AWAIT(rig_lines(rig.log, "rlimit_files") > 0);
	ck_assert_int_eq(RIG_GET(rig.stage->opens), 0);
	rig_stop(&rig);
}
END_TEST

static const struct {
	const char *name;
	bool cleared, kept; /* there after clear_env, and without it */
} variables[] = {
    {"PATH", true, true},
    {"LIBFCGI_SLEEP", true, true},
    {"FG_SECRET", false, true},
    {"NOTIFY_SOCKET", false, false},
    {"LISTEN_FDS", false, false},
    {"WATCHDOG_USEC", false, false},
};

START_TEST(test_environment)
{
	struct pool_rights rights = {
	    .rlimit_files = -1, .rlimit_core = -1, .clear_env = _i == 0};
	char line[32], word[32];
	struct rig rig;

	for (size_t i = 1; i < ARRAY_LEN(variables); i++)
		setenv(variables[i].name, "@fg-nobody-listens", 1);
	rig_init(&rig, 1);
	rig.conf.rights = &rights;
	rig_start(&rig);
	for (size_t i = 0; i < ARRAY_LEN(variables); i++) {
		bool there = _i == 0 ? variables[i].cleared : variables[i].kept;

		snprintf(line, sizeof(line), "env:%s", variables[i].name);
		ask_word(&rig, line, word);
		ck_assert_msg(strcmp(word, there ? "set" : "unset") == 0,
		    "%s is %s", variables[i].name, word);
	}
	rig_stop(&rig);
}
END_TEST

/* ---- a lone worker ------------------------------------------------------- */

/* Its end, with everything it left still there to look at. */
static int master_wait(const struct rig *rig)
{
	int status;

	ck_assert_int_eq(waitpid(rig->master, &status, 0), rig->master);
	return status;
}

static void single_start(struct rig *rig)
{
	rig_init(rig, 1);
	rig->single = 1;
	rig_launch(rig);
}

START_TEST(test_single_serves)
{
	struct rig rig;
	int fd;

	single_start(&rig);
	RIG_AWAIT(RIG_GET(rig.stage->opens) == 1);
	fd = rig_connect(&rig);
	/* No master, no fork. */
	ck_assert_int_eq(rig_ask_on(fd, "pid"), rig.master);
	ck_assert_int_eq(rig_ask_on(fd, "pid"), rig.master);
	close(fd);
	ck_assert_int_eq(rig_ask(&rig, "pid"), rig.master);
	rig_signal(&rig, SIGTERM);
	ck_assert_int_eq(master_wait(&rig), 0);
	ck_assert_int_eq(RIG_GET(rig.stage->births), 1);
	rig_tidy(&rig);
}
END_TEST

/* mod_fcgid sends TERM at once, and again after a second. */
START_TEST(test_single_finishes_what_it_began)
{
	struct rig_answer answer;
	struct rig rig;
	int fd;

	single_start(&rig);
	RIG_AWAIT(RIG_GET(rig.stage->opens) == 1);
	fd = rig_connect(&rig);
	rig_send(fd, "hold");
	RIG_AWAIT(RIG_GET(rig.stage->held) == 1);
	rig_signal(&rig, SIGTERM);
	rig_pause_ms(50);
	rig_signal(&rig, SIGTERM);
	RIG_SET(rig.stage->release, 1);
	ck_assert(rig_receive(fd, &answer));
	ck_assert_str_eq(answer.word, "ok");
	close(fd);
	ck_assert_int_eq(master_wait(&rig), 0);
	ck_assert_int_eq(RIG_GET(rig.stage->closes), 1);
	rig_tidy(&rig);
}
END_TEST

START_TEST(test_single_that_cannot_start)
{
	struct rig rig;
	int status;

	rig_init(&rig, 1);
	rig.single = 1;
	RIG_SET(rig.stage->how_to_open, RIG_OPEN_FAILS);
	rig_launch(&rig);
	status = master_wait(&rig);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 70);
	ck_assert_uint_eq(rig_lines(rig.log, "no tea today"), 1);
	rig_tidy(&rig);
}
END_TEST

START_TEST(test_single_reopens_its_log)
{
	char rotated[80];
	struct rig rig;

	single_start(&rig);
	RIG_AWAIT(RIG_GET(rig.stage->opens) == 1);
	snprintf(rotated, sizeof(rotated), "%s.1", rig.log);
	ck_assert_int_eq(rename(rig.log, rotated), 0);
	rig_signal(&rig, SIGUSR1);
	RIG_AWAIT(access(rig.log, F_OK) == 0);
	(void)rig_ask(&rig, "log");
	ck_assert_uint_eq(rig_lines(rig.log, "line of"), 1);
	rig_stop(&rig);
}
END_TEST

TESTS_MAIN("pool/rights", RIG_TABLE("rights", test_rights, ARRAY_LEN(limits)),
    UNIT_SLOW("inherited", test_minus_one_changes_nothing, 30),
    UNIT_SLOW("too_much", test_what_cannot_be_had, 30),
    RIG_TABLE("environment", test_environment, 2),
    UNIT_SLOW("single", test_single_serves, 30),
    UNIT_SLOW("single_term", test_single_finishes_what_it_began, 30),
    UNIT_SLOW("single_fails", test_single_that_cannot_start, 30),
    UNIT_SLOW("single_log", test_single_reopens_its_log, 30))
