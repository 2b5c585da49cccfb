/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many children a group should have: follows the load.  Pure: values in,
 * values out, no system call, no clock of its own; manage.c looks and does what
 * is decided here, policy.h decides how fast what is missing may be started.
 * One struct manager a group and generation, owned by the master.
 *
 * In use are those at work and those that a waiting connection needs.  Let U be
 * how many are in use now, and P the most that were within the last idle_ms:
 *
 *	dynamic   between P + min_spare and P + max_spare
 *	ondemand  between U and P
 *
 * What is missing is started in one go; what is too much leaves a quarter at a
 * look, since load that went away may be back.  So a burst is met with all that
 * it needs, and idle_ms after it the group is what it was.
 */
#ifndef POOL_MANAGER_H
#define POOL_MANAGER_H

#include "pool/pool.h"

/* A look each so often, and when something happens. */
#define MANAGER_LOOK_MS 100
/* Connections wait, some are idle, and nothing moves: for so many looks. */
#define MANAGER_STUCK_LOOKS 3
/* Less than full for so long ends an episode. */
#define MANAGER_CALM_MS 1000
/* Memory of the last idle_ms, and the piece that is being written. */
#define MANAGER_PIECES 17

/* The group, as it is seen at one moment.  Who is leaving is not counted. */
struct manager_look {
	unsigned idle, busy, starting;
	unsigned holding; /* of the idle: these hold connections */
	unsigned max; /* max_children */
	/* Connections that nobody has accepted yet; where the kernel does not
	 * tell how many, 1 for some. */
	bool queue_known;
	unsigned queue;
	bool moved; /* a request has begun since the last look */
	int64_t now_ns;
};

struct manager_plan {
	unsigned want; /* so many should there be */
	unsigned let_go; /* of the idle ones, now */
	bool full; /* max_children has come to be too few */
};

/* Something that begins, goes on with short pauses, and ends. */
struct manager_episode {
	bool on;
	int64_t last_ns;
};

struct manager {
	unsigned peaks[MANAGER_PIECES];
	int64_t piece; /* number of the one that is being written */
	unsigned blind; /* looks in a row at a queue of unknown length */
	unsigned stuck; /* looks in a row at which nothing moved */
	unsigned grown; /* since grown_ns, see spawn_max */
	int64_t grown_ns;
	struct manager_episode full;
};

/* `in_use` are known to be: by the generation before this one. */
void pool_manager_init(struct manager *manager, const struct pool_size *size,
    unsigned in_use, int64_t now_ns);

/* With how many a generation begins that has to carry `in_use`. */
unsigned pool_manager_first(
    const struct pool_size *size, unsigned max, unsigned in_use) ATTR_MUSTUSE;

struct manager_plan pool_manager_plan(struct manager *manager,
    const struct pool_size *size, const struct manager_look *look) ATTR_MUSTUSE;

/* The most that were in use lately. */
unsigned pool_manager_peak(const struct manager *manager) ATTR_MUSTUSE;

/*
 * Are max_children too few, with so many at work and idle?  As php-fpm has it:
 * dynamic cannot keep min_spare any more; otherwise, every one is at work.  Any
 * process.
 */
bool pool_manager_is_full(const struct pool_size *size, unsigned max,
    uint64_t active, uint64_t idle) ATTR_MUSTUSE;

/* True when an episode begins.  Any process. */
bool pool_manager_episode(
    struct manager_episode *episode, bool is, int64_t now_ns) ATTR_MUSTUSE;

#endif
