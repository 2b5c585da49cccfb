/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scoreboard: shared memory made before the first fork.  One slot a child,
 * with one writer at a time: the master between two children, the child from
 * its fork to its death.  One line of counts a group, written by the master
 * only.  No locks that a dead process could hold; totals are sums that the
 * reader makes.  Readers (any process of the pool) tolerate that the fields of
 * a view were not written in the same instant.
 *
 * Behind each slot lies its area: memory that the app gives a meaning.  It is
 * zero before the slot's first child, is never cleared, and has the same one
 * writer, so that a counter in it goes on over any number of children.
 *
 * To add a number: a field in struct board_slot (board.c), one in struct
 * board_view, a setter.  Text goes under a struct flip in the slot.
 */
#ifndef POOL_BOARD_H
#define POOL_BOARD_H

#include "base/attr.h"
#include "base/str.h"

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

/* What ended a child, in the eyes of people who count. */
enum board_cause {
	BOARD_CAUSE_NONE, /* nothing has yet */
	BOARD_CAUSE_MAX_REQUESTS, /* it had its share, and was replaced */
	BOARD_CAUSE_MAX_RSS,
	BOARD_CAUSE_MAX_LIFETIME,
	BOARD_CAUSE_SHRINK, /* fewer are wanted */
	BOARD_CAUSE_RELOAD,
	BOARD_CAUSE_STOP,
	BOARD_CAUSE_TERMINATE, /* too long at one request */
	BOARD_CAUSE_LATE, /* was told to go, and had to be killed */
	BOARD_CAUSE_SIGNAL, /* somebody else told it, and it left in order */
	BOARD_CAUSE_CRASH,
	BOARD_CAUSE_STILLBORN,
	BOARD_CAUSE_COUNT
};

const char *pool_board_cause_name(enum board_cause cause);

struct board; /* all of it */
struct board_slot; /* of one child */

struct board_view {
	pid_t pid; /* 0: none */
	uint32_t group; /* in conf->groups */
	uint32_t serial; /* the how manieth birth of this master */
	uint32_t generation; /* of the configuration it was made from */
	enum board_state state;
	uint64_t requests; /* of this child */
	uint64_t requests_total; /* of all children of this slot so far */
	int64_t started_ns; /* monotonic */
	int64_t request_ns; /* when the request at hand began; 0: none */
	int64_t last_ns; /* how long the last finished one took; 0: none */
	uint32_t phase; /* the app's own; 0 between two requests */
	int64_t phase_ns; /* since when */
};

/* Bounds of what is kept of a request: longer text is cut, for it is here for
 * a person's eyes.  Foreign bytes: escape them. */
#define BOARD_METHOD_MAX 16
#define BOARD_URI_MAX    128
#define BOARD_USER_MAX   65
#define BOARD_NOTE_MAX   32

/* The last request that a child began. */
struct board_request {
	char method[BOARD_METHOD_MAX];
	char uri[BOARD_URI_MAX]; /* path */
	char query[BOARD_URI_MAX];
	uint64_t content_length;
};

struct board_text {
	struct board_request request;
	char user[BOARD_USER_MAX]; /* "": not known (yet) */
	char note[BOARD_NOTE_MAX]; /* what the phase is about */
};

#define BOARD_EXIT_CODES 256
#define BOARD_SIGNALS    65

struct board_deaths {
	uint64_t births;
	uint64_t stillborn;
	uint64_t grown; /* were wanted because of the load */
	uint64_t by_exit[BOARD_EXIT_CODES]; /* 0: left in order */
	uint64_t by_signal[BOARD_SIGNALS];
	uint64_t by_cause[BOARD_CAUSE_COUNT];
	uint64_t crash_loop; /* 1: children die again and again just now */
};

struct board_size {
	size_t ngroups, nslots;
	size_t area_bytes; /* for each slot, the app's */
	uint32_t area_layout; /* what stands in it; see struct pool_conf */
};

/* Master: NULL with errno when there is no memory. */
struct board *pool_board_new(const struct board_size *size) ATTR_MUSTUSE;
/*
 * The board that the program before us has made, with all that is counted on
 * it.  Takes `fd`.  NULL with errno; EINVAL: it is not what ours would be.
 */
struct board *pool_board_attach(
    int fd, const struct board_size *size) ATTR_MUSTUSE;
/* Borrowed: what pool_board_attach() of the next program takes. */
int pool_board_fd(const struct board *board);
void pool_board_free(struct board **board);

struct board_slot *pool_board_slot(struct board *board, size_t slot);
/* Aligned to a cache line. */
void *pool_board_area(struct board *board, size_t slot);
size_t pool_board_slots(const struct board *board);
void pool_board_view(
    const struct board *board, size_t slot, struct board_view *view);
/* How many slots of a group are in each state, but for one slot. */
void pool_board_count(const struct board *board, size_t group, size_t but,
    unsigned counts[BOARD_STATE_COUNT]);
/* All empty when the writer was faster than the reader again and again. */
void pool_board_text(
    const struct board *board, size_t slot, struct board_text *text);
void pool_board_deaths(
    const struct board *board, size_t group, struct board_deaths *deaths);

/* Master, around a child's life. */
struct board_birth {
	uint32_t serial, generation;
	int64_t started_ns;
};
void pool_board_born(struct board_slot *slot, const struct board_birth *birth);
void pool_board_set_group(struct board_slot *slot, size_t group);
void pool_board_buried(struct board_slot *slot);
void pool_board_count_birth(struct board *board, size_t group);
void pool_board_count_grown(struct board *board, size_t group, unsigned n);
/* `status` as waitpid(2) gives it. */
void pool_board_count_death(
    struct board *board, size_t group, int status, enum board_cause cause);
void pool_board_set_crash_loop(struct board *board, size_t group, bool now);

/* The child. */
void pool_board_set_pid(struct board_slot *slot, pid_t pid);
void pool_board_set_state(struct board_slot *slot, enum board_state state);
/* A request: begin counts it, and is its phase 1. */
void pool_board_begin(struct board_slot *slot, int64_t now_ns);
void pool_board_end(struct board_slot *slot, int64_t now_ns);
void pool_board_set_phase(
    struct board_slot *slot, uint32_t phase, int64_t now_ns);
void pool_board_set_request(
    struct board_slot *slot, const struct board_request *request);
/* Cut to their bounds. */
void pool_board_set_user(struct board_slot *slot, struct strv user);
void pool_board_set_note(struct board_slot *slot, struct strv note);
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
