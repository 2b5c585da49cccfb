/* SPDX-License-Identifier: Apache-2.0 */
/* Blocked signals, read through signalfd(2). */
#include "config.h"

#include "pool/signals.h"
#include "base/bug.h"

#include <stdbool.h>
#include <sys/signalfd.h>
#include <unistd.h>

static const struct {
	int number;
	enum signals_event event;
	bool in_child; /* read there too; otherwise ignored there */
} signal_table[] = {
    {SIGTERM, SIGNALS_STOP, true},
    {SIGQUIT, SIGNALS_STOP, true},
    {SIGINT, SIGNALS_STOP, true},
    {SIGUSR1, SIGNALS_REOPEN, true},
    /* Blocked in the master too: a child must not miss it before it reads. */
    {SIGNALS_RETIRE_NUMBER, SIGNALS_RETIRE, true},
    {SIGCHLD, SIGNALS_CHILD, false},
    {SIGHUP, SIGNALS_RELOAD, false},
    {SIGUSR2, SIGNALS_RENEW, false},
};

static void signals_of(sigset_t *set, bool child)
{
	sigemptyset(set);
	for (size_t i = 0; i < ARRAY_LEN(signal_table); i++)
		if (!child || signal_table[i].in_child)
			sigaddset(set, signal_table[i].number);
}

static void dispose(int number, void (*handler)(int))
{
	struct sigaction action = {.sa_handler = handler};

	sigemptyset(&action.sa_mask);
	BUG_ON(sigaction(number, &action, NULL) != 0);
}

void pool_signals_master(void)
{
	sigset_t set;

	signals_of(&set, false);
	BUG_ON(sigprocmask(SIG_BLOCK, &set, NULL) != 0);
	dispose(SIGPIPE, SIG_IGN);
	/* A launcher that ignores SIGCHLD hands that down, and the kernel then
	 * buries children itself: we would never hear of a death. */
	dispose(SIGCHLD, SIG_DFL);
}

void pool_signals_child(void)
{
	sigset_t set;

	/* Ignore first, then unblock: one that already waits must not kill. */
	for (size_t i = 0; i < ARRAY_LEN(signal_table); i++)
		if (!signal_table[i].in_child)
			dispose(signal_table[i].number,
			    signal_table[i].number == SIGCHLD ? SIG_DFL
							      : SIG_IGN);
	signals_of(&set, true);
	BUG_ON(sigprocmask(SIG_SETMASK, &set, NULL) != 0);
}

static int signals_open(bool child)
{
	sigset_t set;

	signals_of(&set, child);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int pool_signals_open_master(void)
{
	return signals_open(false);
}

int pool_signals_open_child(void)
{
	return signals_open(true);
}

static unsigned event_of(uint32_t number)
{
	for (size_t i = 0; i < ARRAY_LEN(signal_table); i++)
		if ((uint32_t)signal_table[i].number == number)
			return signal_table[i].event;
	return 0;
}

unsigned pool_signals_read(int fd)
{
	struct signalfd_siginfo info;
	unsigned events = 0;

	while (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		events |= event_of(info.ssi_signo);
	return events;
}
