/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a link, for front.c and link.c alone. */
#ifndef TESTS_CHAOS_LINK_H
#define TESTS_CHAOS_LINK_H

#include "chaos/front.h"

/* Bytes that were read together, on their way. */
struct piece {
	struct piece *next;
	int64_t due_ns;
	size_t n, off;
	bool held;
	bool swallow; /* once it is delivered, the link hears no reply */
	char bytes[];
};

struct pipe {
	struct piece *first, **last;
	size_t waiting; /* bytes */
	uint64_t passed; /* bytes since the link, or a cut, began */
	int64_t floor_ns; /* nothing overtakes */
	bool ended; /* the source says no more */
	bool shut; /* and that was passed on */
	bool deaf; /* the destination is gone: what comes is dropped */
};

#define LINK_INSERTS 8

struct link {
	struct link *next;
	struct front *front;
	int fd[WAY_COUNT]; /* by the way on which it is the source */
	struct watch watch[WAY_COUNT];
	struct pipe pipe[WAY_COUNT];
	uint32_t asked[WAY_COUNT]; /* epoll events */
	int64_t mute_until_ns; /* replies are dropped until then, then reset */
	bool mute;
	bool over;
	/* MySQL: the inserts' statement numbers, learned from their prepares: one
	 * of each size of batch.  The latest ones. */
	bool prepare_asked;
	uint32_t ninserts; /* learned so far */
	uint8_t insert_id[LINK_INSERTS][4];
};

void watch_add(int epoll, int fd, struct watch *watch);
void link_new(struct front *front, int client, int server);
/* Marks it over; front_run() frees it. */
void link_reset(struct link *link);

#endif
