/* SPDX-License-Identifier: Apache-2.0 */
/* The epoll set with lazy leaving, and its timer. */
#include "config.h"

#include "rush/watch.h"
#include "base/bug.h"
#include "base/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define FDS_MIN 256

static struct watch_fd *fd_of(struct watch *watch, int fd)
{
	size_t n = watch->n == 0 ? FDS_MIN : watch->n;
	struct watch_fd *grown;

	BUG_ON(fd < 0);
	if ((size_t)fd < watch->n)
		return &watch->fd[fd];
	while (n <= (size_t)fd)
		n *= 2;
	grown = realloc(watch->fd, n * sizeof(*grown));
	if (grown == NULL)
		return NULL;
	memset(grown + watch->n, 0, (n - watch->n) * sizeof(*grown));
	watch->fd = grown;
	watch->n = n;
	return &watch->fd[fd];
}

static void fd_register(
    struct watch *watch, int fd, struct watch_fd *state, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};
	int op = EPOLL_CTL_MOD;

	if (state->registered == events)
		return;
	if (state->registered == 0)
		op = EPOLL_CTL_ADD;
	else if (events == 0)
		op = EPOLL_CTL_DEL;
	BUG_ON(epoll_ctl(watch->epoll_fd, op, fd, &event) != 0);
	state->registered = events;
}

bool watch_init(struct watch *watch, struct err *err)
{
	struct epoll_event event = {.events = EPOLLIN};

	*watch = (struct watch){.epoll_fd = epoll_create1(EPOLL_CLOEXEC),
	    .timer_fd =
		timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)};
	event.data.fd = watch->timer_fd;
	if (watch->epoll_fd >= 0 && watch->timer_fd >= 0 &&
	    epoll_ctl(
		watch->epoll_fd, EPOLL_CTL_ADD, watch->timer_fd, &event) == 0)
		return true;
	err_set_errno(err, "epoll and timer");
	watch_free(watch);
	return false;
}

void watch_free(struct watch *watch)
{
	free(watch->fd);
	if (watch->timer_fd >= 0)
		close(watch->timer_fd);
	if (watch->epoll_fd >= 0)
		close(watch->epoll_fd);
	*watch = (struct watch){.epoll_fd = -1, .timer_fd = -1};
}

bool watch_opened(struct watch *watch, int fd)
{
	struct watch_fd *state = fd_of(watch, fd);

	if (state == NULL)
		return false;
	*state = (struct watch_fd){.connection = true};
	return true;
}

void watch_closing(struct watch *watch, int fd)
{
	/* close(2) takes it out of the epoll set. */
	watch->fd[fd] = (struct watch_fd){0};
}

bool watch_want(struct watch *watch, int fd, uint32_t events)
{
	struct watch_fd *state = fd_of(watch, fd);

	if (state == NULL)
		return false;
	state->wanted = events;
	/*
	 * libcurl's resolver closes its descriptors behind our back, so they
	 * leave at once: their number may be a connection's next.
	 */
	if (events != 0 || !state->connection)
		fd_register(watch, fd, state, events);
	return true;
}

/* epoll_wait(2) knows milliseconds only, too coarse for an open loop. */
static void timer_set(struct watch *watch, int64_t when_ns)
{
	struct itimerspec when = {
	    .it_value = {when_ns / NS_PER_S, when_ns % NS_PER_S}};

	if (watch->timer_ns == when_ns)
		return;
	BUG_ON(timerfd_settime(
		   watch->timer_fd, TFD_TIMER_ABSTIME, &when, NULL) != 0);
	watch->timer_ns = when_ns;
}

static bool event_counts(struct watch *watch, const struct epoll_event *event)
{
	int fd = event->data.fd;
	struct watch_fd *state;

	if (fd == watch->timer_fd) {
		/* Setting it anew, next time, also takes back its expiry. */
		watch->timer_ns = 0;
		return false;
	}
	state = &watch->fd[fd];
	if (state->wanted != 0)
		return true;
	/* Idle, and closed by the server: it would wake us for ever. */
	fd_register(watch, fd, state, 0);
	return false;
}

int watch_wait(struct watch *watch, int64_t until_ns, int timeout_ms,
    struct watch_event events[WATCH_EVENTS_MAX], struct err *err)
{
	struct epoll_event got[WATCH_EVENTS_MAX];
	int n, counted = 0;

	/* 0 would switch it off. */
	timer_set(watch, until_ns > 0 ? until_ns : 1);
	n = epoll_wait(watch->epoll_fd, got, WATCH_EVENTS_MAX, timeout_ms);
	if (n < 0 && errno == EINTR)
		return 0;
	if (n < 0) {
		err_set_errno(err, "epoll");
		return -1;
	}
	for (int i = 0; i < n; i++)
		if (event_counts(watch, &got[i]))
			events[counted++] =
			    (struct watch_event){got[i].data.fd, got[i].events};
	return counted;
}
