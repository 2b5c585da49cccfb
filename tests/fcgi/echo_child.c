/* SPDX-License-Identifier: Apache-2.0 */
/* The echo in a child of the test. */
#include "config.h"

#include "fcgi/rig.h"
#include "fcgi/echo.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef FG_SANITIZED
#include <sanitizer/lsan_interface.h>
#endif
/* gcov's, in a build that counts; _exit() does not write the counters. */
extern void __gcov_dump(void) __attribute__((weak));

static void child(
    const struct echo_conf *conf, struct echo_fds *fds) ATTR_NORETURN;
static void child(const struct echo_conf *conf, struct echo_fds *fds)
{
	struct err err = ERR_INIT;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!echo_serve(conf, fds, &err)) {
		fprintf(stderr, "echo: %s\n", err.text);
		_exit(1);
	}
#ifdef FG_SANITIZED
	if (__lsan_do_recoverable_leak_check() != 0)
		_exit(2);
#endif
	if (__gcov_dump != NULL)
		__gcov_dump();
	_exit(0);
}

void echo_start(struct echo *echo, const struct echo_conf *conf)
{
	struct echo_fds fds = {.listen = -1};
	int lifeline[2];
	int report[2];

	ck_assert_int_eq(pipe2(lifeline, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(report, O_CLOEXEC), 0);
	for (int i = 0; i < ECHO_CONNS; i++) {
		int pair[2];

		ck_assert_int_eq(
		    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair),
		    0);
		echo->conns[i] = pair[0];
		fds.conns[i] = pair[1];
	}
	fds.lifeline = lifeline[0];
	fds.report = report[1];
	echo->lifeline = lifeline[1];
	echo->report = report[0];
	fflush(NULL);
	echo->pid = fork();
	ck_assert_int_ge(echo->pid, 0);
	if (echo->pid == 0) {
		/* The peer's ends: with a copy here, none would ever close. */
		close(echo->lifeline);
		close(echo->report);
		for (int i = 0; i < ECHO_CONNS; i++)
			close(echo->conns[i]);
		child(conf, &fds);
	}
	close(fds.lifeline);
	close(fds.report);
	for (int i = 0; i < ECHO_CONNS; i++)
		close(fds.conns[i]);
}

bool echo_next(struct echo *echo, struct echo_report *report)
{
	struct pollfd wait = {.fd = echo->report, .events = POLLIN};
	ssize_t n;

	ck_assert_msg(
	    poll(&wait, 1, RIG_PATIENCE_MS) == 1, "the echo reports nothing");
	n = read(echo->report, report, sizeof(*report));
	ck_assert(n == 0 || n == sizeof(*report));
	return n > 0;
}

int echo_stop(struct echo *echo)
{
	int status;

	close(echo->lifeline);
	for (int i = 0; i < ECHO_CONNS; i++)
		if (echo->conns[i] >= 0)
			close(echo->conns[i]);
	ck_assert_int_eq(waitpid(echo->pid, &status, 0), echo->pid);
	/* Not before: it may report the connections just closed. */
	close(echo->report);
	return status;
}
