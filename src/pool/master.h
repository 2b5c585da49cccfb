/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The master's own things, shared by the files that run in it:
 *
 *	master.c  the loop: signals, reports, clocks; calls the rest
 *	spawn.c   birth and burial of one child
 *
 * All memory is taken before the first fork; nothing is allocated afterwards.
 */
#ifndef POOL_MASTER_H
#define POOL_MASTER_H

#include "pool/board.h"
#include "pool/child.h"
#include "pool/ident.h"
#include "pool/notify.h"
#include "pool/policy.h"
#include "pool/pool.h"
#include "pool/stop.h"

/* A child as the master knows it: from its own calls, not from the board. */
struct master_child {
	pid_t pid; /* 0: this slot is free */
	struct birth birth;
	bool ready; /* it said so */
	bool leaving; /* it said so */
	int64_t born_ns, ready_ns;
};

struct master_group {
	const struct pool_group *conf;
	size_t first; /* its children: first .. first + max_children */
	struct policy policy;
	/* starting + (those that are ready) == alive <= max_children */
	unsigned alive;
	unsigned starting;
};

struct master {
	const struct pool_conf *conf;
	struct ident ident;
	struct heritage heritage;
	struct master_group groups[POOL_GROUPS_MAX];
	struct master_child *children;
	size_t nchildren; /* slots */
	uint32_t generation; /* births so far */
	struct stop stop;
	struct notify notify;
	bool
	    complete; /* every group was, at once; conf->ready has been called */
};

/* Starts what the policy wants now.  The moment to ask again. */
int64_t pool_spawn_missing(struct master *master, size_t group) ATTR_MUSTUSE;
/* `status` as waitpid(2) gave it; a stranger's pid is ignored. */
void pool_spawn_bury(struct master *master, pid_t pid, int status);
/* A report that was received; gossip until it fits a living child. */
struct report;
void pool_spawn_heard(struct master *master, const struct report *report);

#endif
