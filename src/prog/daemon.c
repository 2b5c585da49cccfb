/* SPDX-License-Identifier: Apache-2.0 */
/* Into the background. */
#include "config.h"

#include "prog/daemon.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

/* The daemon's end of the pipe, on which it says that it is ready; it closes
 * with the process, whatever that dies of. */
static int ready_fd = -1;

/* True for a byte, false when the daemon died or the time is up. */
static bool ready_wait(int fd)
{
	int64_t deadline_ns = deadline_in_ms(DAEMON_WAIT_MS);
	struct pollfd event = {.fd = fd, .events = POLLIN};
	char byte;
	int rc;

	do
		rc = poll(&event, 1, deadline_left_ms(deadline_ns));
	while (rc < 0 && errno == EINTR);
	return rc > 0 && read(fd, &byte, 1) == 1;
}

static int code_of(pid_t daemon)
{
	int status;

	while (waitpid(daemon, &status, 0) != daemon)
		if (errno != EINTR)
			return EX_SOFTWARE;
	/* 0 without having been ready: somebody stopped it. */
	return WIFEXITED(status) && WEXITSTATUS(status) != EX_OK
		   ? WEXITSTATUS(status)
		   : EX_SOFTWARE;
}

static void caller_wait(pid_t daemon, int fd, const char *log) ATTR_NORETURN;

static void caller_wait(pid_t daemon, int fd, const char *log)
{
	int code;

	if (ready_wait(fd))
		_exit(EX_OK);
	/* Dead already, or not ready in time: then it must not come up behind
	 * the back of who was told that it did not. */
	kill(daemon, SIGTERM);
	code = code_of(daemon);
	fprintf(stderr, "flashgate did not start (exit code %d): see %s\n",
	    code, log);
	_exit(code);
}

bool daemon_start(const char *log, struct err *err)
{
	int fds[2];
	pid_t pid;

	fflush(NULL);
	if (pipe2(fds, O_CLOEXEC) != 0) {
		err_set_errno(err, "pipe");
		return false;
	}
	pid = fork();
	if (pid < 0) {
		err_set_errno(err, "fork");
		close(fds[0]);
		close(fds[1]);
		return false;
	}
	if (pid > 0) {
		close(fds[1]);
		caller_wait(pid, fds[0], log);
	}
	close(fds[0]);
	ready_fd = fds[1];
	/* Cannot fail: a process just forked leads no group. */
	if (setsid() < 0 || chdir("/") != 0) {
		err_set_errno(err, "setsid, chdir");
		return false;
	}
	return true;
}

bool daemon_detach(struct err *err)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || dup2(null, STDIN_FILENO) < 0 ||
	    dup2(null, STDOUT_FILENO) < 0 || dup2(null, STDERR_FILENO) < 0) {
		err_set_errno(err, "/dev/null");
		return false;
	}
	if (null > STDERR_FILENO)
		close(null);
	return true;
}

void daemon_ready(void)
{
	if (ready_fd < 0)
		return;
	/* EPIPE: who waited has been killed; nothing to tell then. */
	(void)!write(ready_fd, "", 1);
	close(ready_fd);
	ready_fd = -1;
}
