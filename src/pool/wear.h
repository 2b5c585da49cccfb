/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a child has done enough: requests, memory, age.  It does not leave by
 * itself: it asks the master, serves on, and goes when it is told to, which is
 * when somebody is there in its place (pool/recycle.h).  Child.
 */
#ifndef POOL_WEAR_H
#define POOL_WEAR_H

#include "pool/board.h"
#include "pool/pool.h"

#include <stdbool.h>
#include <stdint.h>

/* Looks at its size: a read of /proc, so not with each request. */
#define WEAR_LOOK_REQUESTS 64
#define WEAR_LOOK_MS       1000
/* Asks again, in case that the master did not hear. */
#define WEAR_AGAIN_MS 1000

/* 0: no limit. */
struct wear_limits {
	uint64_t requests;
	uint64_t rss_bytes;
	int64_t lifetime_ns;
};

struct wear_facts {
	uint64_t requests;
	uint64_t rss_bytes; /* 0: not known */
	int64_t age_ns;
};

struct wear {
	struct wear_limits limits;
	int64_t born_ns;
	int statm_fd; /* -1: none */
	uint64_t rss_bytes; /* when we looked */
	uint64_t looked_requests;
	int64_t looked_ns;
	enum board_cause cause; /* BOARD_CAUSE_NONE: not worn out */
	int64_t asked_ns; /* 0: not yet */
};

/* BOARD_CAUSE_NONE: none of the limits is reached. */
enum board_cause pool_wear_judge(const struct wear_limits *limits,
    const struct wear_facts *facts) ATTR_MUSTUSE;

/* The limits of `group` for its child `index`; `index` spreads them. */
struct wear_limits pool_wear_limits(
    const struct pool_group *group, unsigned index) ATTR_MUSTUSE;

void pool_wear_open(
    struct wear *wear, const struct wear_limits *limits, int64_t born_ns);
void pool_wear_close(struct wear *wear);

/*
 * It is ready, and has its full size but for what requests add.  A limit below
 * that would replace children for ever: it is said, and not kept.
 */
void pool_wear_ready(struct wear *wear);

/* After `requests`: true when the master is to be asked now. */
bool pool_wear_turn(struct wear *wear, uint64_t requests) ATTR_MUSTUSE;
/* When the next turn is due though nothing happens; INT64_MAX: never. */
int64_t pool_wear_next_ns(const struct wear *wear, uint64_t requests);

#endif
