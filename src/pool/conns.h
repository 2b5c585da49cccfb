/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connections that a child holds and does not serve at this moment: a fixed
 * table with two lists through it, each from the oldest to the newest.
 *
 *	waiting  accepted, no byte has come yet; has a deadline
 *	kept     served before, the front end may send again; has none
 *
 * Only the table: opens, closes and reads nothing.  A tag names an entry in an
 * event; when its entry was given up meanwhile, the tag finds nothing, however
 * often slot and descriptor were used again.  Child.
 */
#ifndef POOL_CONNS_H
#define POOL_CONNS_H

#include "base/attr.h"

#include <stdbool.h>
#include <stdint.h>

enum conn_state {
	CONN_FREE,
	CONN_WAITING,
	CONN_KEPT,
	CONN_STATE_COUNT
};

struct conn {
	int fd;
	enum conn_state state;
	int64_t deadline_ns; /* of a waiting one */
	uint32_t serial; /* of this use of the slot, never 0 */
	uint32_t older, newer; /* neighbours in its list */
};

struct conn_list {
	uint32_t oldest, newest;
	uint32_t n;
};

struct conns {
	struct conn *slots;
	uint32_t size;
	struct conn_list lists[CONN_STATE_COUNT];
};

/* False when there is no memory. */
bool pool_conns_init(struct conns *conns, uint32_t size) ATTR_MUSTUSE;
void pool_conns_fini(struct conns *conns);

static inline uint32_t pool_conns_count(
    const struct conns *conns, enum conn_state state)
{
	return conns->lists[state].n;
}

/* As the newest waiting one.  NULL when the table is full. */
struct conn *pool_conns_add(
    struct conns *conns, int fd, int64_t deadline_ns) ATTR_MUSTUSE;
/* Now, and as the newest, a kept one. */
void pool_conns_keep(struct conns *conns, struct conn *conn);
/* Gives the slot back; the descriptor is the caller's. */
void pool_conns_forget(struct conns *conns, struct conn *conn);

/* NULL: none. */
struct conn *pool_conns_oldest(
    const struct conns *conns, enum conn_state state);
struct conn *pool_conns_newer(
    const struct conns *conns, const struct conn *conn);

/* Never below 1 << 32: smaller numbers are free for other uses. */
uint64_t pool_conns_tag(const struct conns *conns, const struct conn *conn);
struct conn *pool_conns_find(const struct conns *conns, uint64_t tag);

#endif
