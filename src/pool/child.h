/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child: what it inherits, what it knows of itself, and its whole life, which
 * begins right after fork(2) and ends in _exit(2) within one function.  The
 * master makes struct heritage and struct birth; everything else is the
 * child's.
 */
#ifndef POOL_CHILD_H
#define POOL_CHILD_H

#include "pool/board.h"
#include "pool/handover.h"
#include "pool/ident.h"
#include "pool/pool.h"
#include "pool/wear.h"

/* Everything that crosses the fork, and whose it is. */
struct heritage {
	const struct pool_conf *conf; /* of the generation that is forked */
	const struct ident *ident; /* whom to become */
	struct board *board;
	pid_t master; /* 0: none, see pool_single() */
	/* For the child. */
	int lifeline_read; /* end of file: the master is gone */
	int report_write;
	int turns_fd; /* who may tick; see turns.h */
	/* Connections on their way from a child that retires to one that
	 * stays; one channel a group with a listening socket, else -1. */
	struct handover handover[POOL_GROUPS_MAX];
	/* The master's own: the child closes them before anything else. */
	int lifeline_write; /* only the master holds it */
	int report_read;
	int signal_fd;
	int epoll_fd;
};

struct birth {
	size_t group; /* in conf->groups */
	unsigned index; /* within the group */
	size_t slot; /* on the board */
	uint32_t serial; /* the how manieth birth of this master */
	uint32_t
	    generation; /* of the configuration: 1, and one more a reload */
};

/* Why a child takes no new work; it never gets less urgent. */
enum leaving {
	LEAVING_NOT, /* it does take new work */
	LEAVING_RETIRES, /* others go on: they get its connections */
	LEAVING_STOPS /* nobody does */
};

/* The child's view of itself. */
struct pool_child {
	const struct heritage *from;
	const struct pool_group *group;
	const struct birth *birth;
	const struct board *board;
	struct board_slot *slot;
	int lifeline_fd;
	int report_fd;
	int signal_fd;
	uint64_t requests;
	int64_t request_ns; /* when the one at hand began */
	struct wear wear;
	enum leaving leaving;
	struct handover handover; /* of its group */
	int turns_fd;
};

void pool_child_main(
    const struct heritage *from, const struct birth *birth) ATTR_NORETURN;

/* The part of it after everything foreign is closed: from becoming nobody to
 * close().  An exit code; why it is not 0 is on the board. */
int pool_child_live(
    const struct heritage *from, struct pool_child *child) ATTR_MUSTUSE;

/* Siblings that wait for work right now; 0 where nothing can change hands. */
unsigned pool_child_idle_siblings(const struct pool_child *child);

/* Tells the master; `kind` is an enum report_kind. */
void pool_child_report(const struct pool_child *child, uint32_t kind);

#endif
