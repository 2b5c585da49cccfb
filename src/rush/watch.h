/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The descriptors that the crowd waits for: an epoll set and a timer.
 *
 * A connection that idles between two requests stays in the set, since taking
 * it out and putting it back would be two system calls a request; it leaves
 * when it is closed, or when it says something that nobody asked for.
 * flashgate-rush only.
 */
#ifndef RUSH_WATCH_H
#define RUSH_WATCH_H

#include "base/attr.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* EPOLLIN, EPOLLOUT, … */
struct watch_event {
	int fd;
	uint32_t events;
};

#define WATCH_EVENTS_MAX 64

struct watch_fd {
	bool connection; /* opened and closed through us */
	uint32_t registered; /* events in the epoll set; 0: not in it */
	uint32_t wanted; /* what is asked for now; 0: nothing */
};

struct watch {
	int epoll_fd;
	int timer_fd;
	int64_t timer_ns; /* what the timer is set to; 0: nothing */
	struct watch_fd *fd; /* by descriptor */
	size_t n;
};

bool watch_init(struct watch *watch, struct err *err) ATTR_MUSTUSE;
void watch_free(struct watch *watch);

/* A connection was made, or is about to be closed.  False: no memory. */
bool watch_opened(struct watch *watch, int fd) ATTR_MUSTUSE;
void watch_closing(struct watch *watch, int fd);
/* From now on `events` of `fd` count; 0: none.  False: no memory. */
bool watch_want(struct watch *watch, int fd, uint32_t events) ATTR_MUSTUSE;

/*
 * Waits for wanted events, until `until_ns` (to the microsecond), and at most
 * `timeout_ms` (-1: no such bound).  The number of events, 0 also after a
 * signal; -1 with a reason.
 */
int watch_wait(struct watch *watch, int64_t until_ns, int timeout_ms,
    struct watch_event events[WATCH_EVENTS_MAX], struct err *err) ATTR_MUSTUSE;

#endif
