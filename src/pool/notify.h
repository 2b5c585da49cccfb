/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What systemd is told, by sd_notify(3)'s protocol: a datagram of VARIABLE=value
 * lines to $NOTIFY_SOCKET.  No library.  Without that variable everything here
 * does nothing.  Master; nobody waits for an answer, and nothing blocks.
 *
 * The watchdog is fed only while the service is of use: the master's loop turns
 * (it is the loop that calls), and a worker is alive that made progress, or had
 * nothing to do, since it was fed last.
 */
#ifndef POOL_NOTIFY_H
#define POOL_NOTIFY_H

#include "pool/board.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NOTIFY_STATUS_MS 10000

struct notify {
	int fd; /* -1: nobody listens */
	int64_t watchdog_ns; /* pause between two feeds; 0: no watchdog */
	int64_t feed_ns, status_ns; /* when the next is due */
	uint64_t served; /* requests when the watchdog was fed last */
	bool ready; /* READY=1 has been sent */
};

/* What the master knows when it calls. */
struct notify_facts {
	const struct board *board;
	size_t nslots; /* the first so many serve; 0: nobody does */
	unsigned alive; /* of these (or of those that tick) are ready */
	bool resting; /* none is needed, so none has to make progress */
	const char
	    *reload_failed; /* why the last reload did; NULL: it did not */
	const char *alarm; /* a crash loop; NULL: none */
	int64_t now_ns;
};

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID. */
void pool_notify_open(struct notify *notify);
void pool_notify_close(struct notify *notify);

void pool_notify_ready(struct notify *notify);
/* A reload begins, and has its verdict, good or bad.  Neither says anything
 * before the first pool_notify_ready(). */
void pool_notify_reloading(struct notify *notify);
void pool_notify_reloaded(struct notify *notify);
/* The service's main process, to which alone systemd listens. */
void pool_notify_main(struct notify *notify, pid_t pid);
/* `grace_ms` is how long it may take from now. */
void pool_notify_stopping(struct notify *notify, unsigned grace_ms);
/* The next turn says STATUS, for something has changed. */
void pool_notify_soon(struct notify *notify);
/* One line for `systemctl status`. */
void pool_notify_status(struct notify *notify, const char *text);

/*
 * Says STATUS and feeds the watchdog, each when due.  Returns when the next is;
 * INT64_MAX: never.
 */
int64_t pool_notify_turn(
    struct notify *notify, const struct notify_facts *facts) ATTR_MUSTUSE;

#endif
