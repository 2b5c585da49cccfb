/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scoreboard: shared memory made before the first fork.  One slot a child,
 * with one writer at a time: the master between two children, the child from
 * its fork to its death.  One line of counts a group, written by the master
 * only.  No locks that a dead process could hold; totals are sums that the
 * reader makes.  Readers (any process of the pool) tolerate that the fields of
 * a view were not written in the same instant.
 *
 * To add a number: a field in struct board_slot (board.c), one in struct
 * board_view, a setter.  Text goes under a struct flip in the slot.
 */
#ifndef POOL_BOARD_H
#define POOL_BOARD_H

#include "base/attr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum board_state {
	BOARD_EMPTY, /* no child has this slot */
	BOARD_STARTING, /* forked, open() not done */
	BOARD_IDLE, /* waits, holds no connection */
	BOARD_KEEP, /* waits, holds connections */
	BOARD_BUSY, /* in serve() or tick() */
	BOARD_DRAINING, /* leaves when what it has begun is done */
	BOARD_STATE_COUNT
};

const char *pool_board_state_name(enum board_state state);

struct board; /* all of it */
struct board_slot; /* of one child */

struct board_view {
	pid_t pid; /* 0: none */
	uint32_t serial; /* the how manieth birth of this master */
	uint32_t generation; /* of the configuration it was made from */
	enum board_state state;
	uint64_t requests; /* of this child */
	uint64_t requests_total; /* of all children of this slot so far */
	int64_t started_ns; /* monotonic */
};

#define BOARD_EXIT_CODES 256
#define BOARD_SIGNALS    65

struct board_deaths {
	uint64_t births;
	uint64_t stillborn;
	uint64_t by_exit[BOARD_EXIT_CODES]; /* 0: left in order */
	uint64_t by_signal[BOARD_SIGNALS];
};

/* Master: NULL with errno when there is no memory. */
struct board *pool_board_new(size_t ngroups, size_t nslots) ATTR_MUSTUSE;
void pool_board_free(struct board **board);

struct board_slot *pool_board_slot(struct board *board, size_t slot);
void pool_board_view(
    const struct board *board, size_t slot, struct board_view *view);
void pool_board_deaths(
    const struct board *board, size_t group, struct board_deaths *deaths);

/* Master, around a child's life. */
struct board_birth {
	uint32_t serial, generation;
	int64_t started_ns;
};
void pool_board_born(struct board_slot *slot, const struct board_birth *birth);
void pool_board_buried(struct board_slot *slot);
void pool_board_count_birth(struct board *board, size_t group);
/* `status` as waitpid(2) gives it. */
void pool_board_count_death(
    struct board *board, size_t group, int status, bool stillborn);

/* The child. */
void pool_board_set_pid(struct board_slot *slot, pid_t pid);
void pool_board_set_state(struct board_slot *slot, enum board_state state);
void pool_board_count_request(struct board_slot *slot);
/* Its last words, for the master's log. */
void pool_board_set_why(struct board_slot *slot, const char *why);
/* Master, after that child's death: "" when it said nothing. */
void pool_board_why(const struct board_slot *slot, char *out, size_t size);

/* Reloads: written by the master only, but for the judge's last words. */
struct pool_reload_status;
void pool_board_reload_write(
    struct board *board, const struct pool_reload_status *status);
bool pool_board_reload_read(
    const struct board *board, struct pool_reload_status *out) ATTR_MUSTUSE;
void pool_board_set_judged(struct board *board, const char *why);
void pool_board_judged(const struct board *board, char *out, size_t size);

#endif
