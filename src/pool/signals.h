/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals as bytes on a descriptor.  They stay blocked for the whole life of
 * master and child and are read where the loop waits, so that none of them ever
 * interrupts a request, a write or a handler.  Both processes.
 */
#ifndef POOL_SIGNALS_H
#define POOL_SIGNALS_H

#include "base/attr.h"

#include <signal.h>

/*
 * What the master sends to a child that is to make room for others.  Nobody
 * else sends it (USR2 or HUP to the whole process group would), and who is not
 * ready for it ignores it instead of dying.
 */
#define SIGNALS_RETIRE_NUMBER SIGURG

/* A set of these is what came. */
enum signals_event {
	SIGNALS_STOP = 1 << 0, /* TERM, QUIT, INT */
	SIGNALS_REOPEN = 1 << 1, /* USR1 */
	SIGNALS_CHILD = 1 << 2, /* CHLD; master only */
	SIGNALS_RELOAD = 1 << 3, /* HUP; master only */
	SIGNALS_RETIRE = 1 << 4, /* SIGNALS_RETIRE_NUMBER; child only */
	SIGNALS_RENEW = 1 << 5 /* USR2; master only */
};

/*
 * Master: blocks, ignores SIGPIPE.  Nothing undoes it: a second TERM that comes
 * while the caller tidies up after the pool must not kill it half way.
 */
void pool_signals_master(void);
/* Child, right after the fork, with the master's signals still blocked. */
void pool_signals_child(void);

/* A descriptor for what is blocked; -1 with errno. */
int pool_signals_open_master(void) ATTR_MUSTUSE;
int pool_signals_open_child(void) ATTR_MUSTUSE;
/* Everything that waits, as a set of enum signals_event. */
unsigned pool_signals_read(int fd);

#endif
