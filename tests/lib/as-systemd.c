/* SPDX-License-Identifier: Apache-2.0 */
/*
 * as-systemd: starts a program the way systemd does, as far as the program can
 * see: a listening socket on descriptor 3 (LISTEN_*), a notify socket, a
 * watchdog.  Writes what it hears to a file, a message a line, passes TERM on,
 * and ends as the program ends.  For tests, where no systemd runs.
 */
#include "config.h"

#include "base/bug.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#define LISTEN_FD 3

struct job {
	const char *listen, *name, *heard, *watchdog_usec;
	char **argv;
};

static const char usage_text[] =
    "usage: as-systemd -l SOCKET [-n NAME] [-w WATCHDOG_USEC] -o FILE PROGRAM "
    "[ARGUMENT]...\n"
    "-l SOCKET  listens there and passes it on\n"
    "-n NAME    its FileDescriptorName\n"
    "-o FILE    what the program says, a message a line (newlines as |)\n";

static void die(const char *what) ATTR_NORETURN;

static void die(const char *what)
{
	fprintf(stderr, "as-systemd: %s: %s\n", what, strerror(errno));
	exit(EX_OSERR);
}

static struct sockaddr_un address_of(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(addr.sun_path)) {
		errno = ENAMETOOLONG;
		die(path);
	}
	memcpy(addr.sun_path, path, strlen(path));
	return addr;
}

static int socket_at(const char *path, int type)
{
	struct sockaddr_un addr = address_of(path);
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	unlink(path);
	if (fd < 0 ||
	    bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) != 0 ||
	    chmod(path, 0666) != 0 ||
	    (type == SOCK_STREAM && listen(fd, 128) != 0))
		die(path);
	return fd;
}

static void program_run(
    const struct job *job, int listen_fd, const char *notify, sigset_t *mask)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "1", 1);
	setenv("LISTEN_FDNAMES", job->name, 1);
	setenv("NOTIFY_SOCKET", notify, 1);
	if (job->watchdog_usec != NULL) {
		setenv("WATCHDOG_USEC", job->watchdog_usec, 1);
		setenv("WATCHDOG_PID", pid, 1);
	}
	/* dup2() also takes close-on-exec off; onto itself it does not. */
	if (listen_fd == LISTEN_FD)
		listen_fd = dup(listen_fd);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (dup2(listen_fd, LISTEN_FD) != LISTEN_FD ||
	    sigprocmask(SIG_SETMASK, mask, NULL) != 0)
		die("dup2");
	execv(job->argv[0], job->argv);
	die(job->argv[0]);
}

static void heard_write(int fd, FILE *out)
{
	char text[4096];
	ssize_t n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);

	if (n <= 0)
		return;
	for (ssize_t i = 0; i < n; i++)
		if (text[i] == '\n')
			text[i] = '|';
	text[n] = '\0';
	fprintf(out, "%s\n", text);
	fflush(out);
}

/* Until the program ends; its exit code, or 128 and the signal. */
static int program_watch(pid_t pid, int notify_fd, int signal_fd, FILE *out)
{
	struct pollfd events[] = {
	    {notify_fd, POLLIN, 0}, {signal_fd, POLLIN, 0}};
	struct signalfd_siginfo info;
	int status;

	for (;;) {
		if (poll(events, ARRAY_LEN(events), -1) < 0 && errno != EINTR)
			die("poll");
		if ((events[0].revents & POLLIN) != 0)
			heard_write(notify_fd, out);
		if ((events[1].revents & POLLIN) != 0 &&
		    read(signal_fd, &info, sizeof(info)) == sizeof(info) &&
		    info.ssi_signo != SIGCHLD)
			kill(pid, (int)info.ssi_signo);
		if (waitpid(pid, &status, WNOHANG) == pid)
			break;
	}
	heard_write(notify_fd, out);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static bool job_read(struct job *job, int argc, char **argv)
{
	int letter;

	*job = (struct job){.name = "unknown"};
	while ((letter = getopt(argc, argv, "+l:n:w:o:")) != -1) {
		switch (letter) {
		case 'l':
			job->listen = optarg;
			break;
		case 'n':
			job->name = optarg;
			break;
		case 'w':
			job->watchdog_usec = optarg;
			break;
		case 'o':
			job->heard = optarg;
			break;
		default:
			return false;
		}
	}
	job->argv = argv + optind;
	return job->listen != NULL && job->heard != NULL && optind < argc;
}

int main(int argc, char **argv)
{
	struct job job;
	char notify[108];
	sigset_t ours, before;
	int listen_fd, notify_fd, signal_fd;
	FILE *out;
	pid_t pid;

	if (!job_read(&job, argc, argv)) {
		fputs(usage_text, stderr);
		return EX_USAGE;
	}
	out = fopen(job.heard, "we");
	if (out == NULL)
		die(job.heard);
	snprintf(notify, sizeof(notify), "%.90s.notify", job.listen);
	listen_fd = socket_at(job.listen, SOCK_STREAM);
	notify_fd = socket_at(notify, SOCK_DGRAM);
	sigemptyset(&ours);
	sigaddset(&ours, SIGTERM);
	sigaddset(&ours, SIGUSR1);
	sigaddset(&ours, SIGUSR2);
	sigaddset(&ours, SIGHUP);
	sigaddset(&ours, SIGCHLD);
	sigprocmask(SIG_BLOCK, &ours, &before);
	signal_fd = signalfd(-1, &ours, SFD_CLOEXEC);
	pid = fork();
	if (pid == 0)
		program_run(&job, listen_fd, notify, &before);
	if (pid < 0 || signal_fd < 0)
		die("fork");
	/* As systemd does, it keeps the listening socket for the next start. */
	return program_watch(pid, notify_fd, signal_fd, out);
}
