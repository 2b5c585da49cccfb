/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The master's own things, shared by the files that run in it:
 *
 *	master.c  the loop: signals, reports, clocks; calls the rest
 *	prepare.c what is made before the first fork
 *	spawn.c   birth and burial of one child
 *	manage.c  how many there are to be: dynamic, ondemand
 *	renew.c   one generation of children after the other: reloads
 *	retire.c  single children that are to go: worn out, or stuck
 *	upgrade.c one program after the other
 *
 * All memory of the pool is taken before the first fork; only the configuration
 * of a new generation comes later, from its reloader.
 */
#ifndef POOL_MASTER_H
#define POOL_MASTER_H

#include "pool/board.h"
#include "pool/breaker.h"
#include "pool/child.h"
#include "pool/ident.h"
#include "pool/manager.h"
#include "pool/notify.h"
#include "pool/overdue.h"
#include "pool/policy.h"
#include "pool/pool.h"
#include "pool/recycle.h"
#include "pool/reload.h"
#include "pool/stop.h"

/* A child as the master knows it: from its own calls, not from the board. */
struct master_child {
	pid_t pid; /* 0: this slot is free */
	struct birth birth;
	bool ready; /* it said so */
	bool leaving; /* it said so */
	bool retired; /* it was told so, since it is not needed */
	int64_t born_ns, ready_ns;
	enum board_cause worn; /* why it would like to go; it said so */
	int64_t worn_ns;
	enum board_cause told; /* why it was told to go */
	int64_t told_ns;
	bool killed; /* by us */
	struct overdue overdue;
	uint64_t requests; /* when it was last looked at */
	int64_t used_ns; /* when it was last seen to have begun one */
};

/* The children of one group in one generation. */
struct master_group {
	const struct pool_group *conf;
	size_t first; /* they have the slots first .. first + room */
	/* At least max_children, whatever a reload asks for, and where there
	 * is a listening socket some more, for replacements. */
	unsigned room;
	struct policy policy;
	/* starting + (those that are ready) == alive <= room */
	unsigned alive;
	unsigned starting;
	unsigned retired; /* of those that are ready */
	unsigned want; /* so many besides the retired */
	struct manager manager;
	int64_t look_ns; /* the next */
	bool woken; /* it is because of a connection */
};

/* Children that were made from one configuration. */
struct generation {
	const struct pool_conf *conf; /* NULL: nobody is in it */
	uint32_t number;
	bool leaves; /* nobody is born into it any more */
	struct master_group groups[POOL_GROUPS_MAX];
};

struct master {
	const struct pool_conf *conf; /* of the start */
	struct ident ident;
	struct heritage heritage;
	/* Two have room beside each other: the one that serves, and the one
	 * that comes or goes. */
	struct generation generations[2];
	struct generation *serving, *other;
	uint32_t generations_made;
	struct master_child *children;
	size_t nchildren; /* slots */
	/* By group: the master waits for connections, too; see manage.c. */
	bool watched[POOL_GROUPS_MAX];
	uint32_t births; /* so far */
	struct stop stop;
	struct notify notify;
	bool
	    complete; /* every group was, at once; conf->ready has been called */
	struct reload reload;
	pid_t judge; /* of a reload, or the next program; 0: none */
	const struct pool_conf *candidate; /* what it judges */
	char why[POOL_RELOAD_TEXT_MAX]; /* a reload fails */
	struct pool_reload_status status;
	struct breaker breakers[POOL_GROUPS_MAX]; /* of both generations */
	char alarm[POOL_RELOAD_TEXT_MAX]; /* a crash loop; "": none */
	int link_fd; /* to the next program, or to the former; -1: none */
	bool heir; /* the former is the server still */
	bool followed; /* the next is the server now */
};

/* Children that a group should have. */
static inline unsigned pool_group_want(const struct master_group *group)
{
	return group->want;
}

static inline struct generation *pool_generation_of(
    struct master *master, const struct master_child *child)
{
	return child->birth.generation == master->serving->number
		   ? master->serving
		   : master->other;
}

/* Nothing is open yet. */
void pool_prepare_none(struct master *master);
/* Memory, board and descriptors; in any case pool_prepare_undo(). */
bool pool_prepare(struct master *master, struct err *err) ATTR_MUSTUSE;
void pool_prepare_undo(struct master *master);

/* Starts what the policy wants now.  The moment to ask again. */
int64_t pool_spawn_missing(struct master *master, struct generation *generation,
    size_t group) ATTR_MUSTUSE;
/* `status` as waitpid(2) gave it; a stranger's pid is ignored. */
void pool_spawn_bury(struct master *master, pid_t pid, int status);
/* A report that was received; gossip until it fits a living child. */
struct report;
void pool_spawn_heard(struct master *master, const struct report *report);

/* Sizes to begin a generation with, for what the one that serves carries. */
void pool_manage_found(struct master *master, struct generation *generation);
/* Looks at the groups whose time has come.  The moment to look again. */
int64_t pool_manage_turn(struct master *master) ATTR_MUSTUSE;
/* A descriptor has become readable; true when that is manage.c's. */
bool pool_manage_event(struct master *master, int fd);

/* Gives the log to the children's user, who reopen it.  master.c */
void pool_master_share_log(const struct master *master);
/* We are the server: pid file, status, word to systemd and to conf->ready.
 * master.c */
void pool_master_take_over(struct master *master);

/* ---- single children that are to go ---------------------------------------- */

/* Tells it, and kills it when control_timeout_ms was not enough. */
void pool_retire_tell(struct master_child *child, enum board_cause cause);
struct recycle_count pool_retire_count(const struct master *master,
    const struct generation *generation, size_t group) ATTR_MUSTUSE;
/* A child of `group` has died by itself: `how`, and its last words or "". */
void pool_retire_crashed(
    struct master *master, size_t group, const char *how, const char *why);
/* An heir's crash loops are shown from now on, and no longer the former's. */
void pool_retire_publish(struct master *master);
/* Looks at everybody; the moment to look again. */
int64_t pool_retire_turn(struct master *master) ATTR_MUSTUSE;

/* ---- generations --------------------------------------------------------- */

/* The first one: `master->conf`. */
void pool_renew_init(struct master *master);
/* Gives every configuration back; no child is left. */
void pool_renew_fini(struct master *master);
unsigned pool_generation_alive(const struct generation *generation);
bool pool_generation_is_complete(const struct generation *generation);
/* What happened to a reload from outside: it was asked for, or a stop. */
void pool_renew_do(struct master *master, enum reload_event event);
/* Why what is under way is going to fail. */
void pool_renew_why(struct master *master, const char *why);
/* The judge has ended. */
void pool_renew_judged(struct master *master, int status);
/* A child of the new generation failed. */
void pool_renew_failed(struct master *master, const char *why);
/* What children and clocks have brought; the moment when there is more. */
int64_t pool_renew_turn(struct master *master) ATTR_MUSTUSE;
/* So that others can read it. */
void pool_renew_publish(struct master *master);

#endif
