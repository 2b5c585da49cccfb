/* SPDX-License-Identifier: Apache-2.0 */
/* The table of connections: lists by index through one array. */
#include "config.h"

#include "pool/conns.h"
#include "base/bug.h"

#include <stdlib.h>

#define NOBODY UINT32_MAX

static struct conn *at(const struct conns *conns, uint32_t index)
{
	return index == NOBODY ? NULL : &conns->slots[index];
}

static uint32_t index_of(const struct conns *conns, const struct conn *conn)
{
	return (uint32_t)(conn - conns->slots);
}

static void list_append(
    struct conns *conns, enum conn_state state, struct conn *conn)
{
	struct conn_list *list = &conns->lists[state];
	uint32_t index = index_of(conns, conn);

	conn->state = state;
	conn->older = list->newest;
	conn->newer = NOBODY;
	if (list->newest != NOBODY)
		conns->slots[list->newest].newer = index;
	else
		list->oldest = index;
	list->newest = index;
	list->n++;
}

static void list_remove(struct conns *conns, struct conn *conn)
{
	struct conn_list *list = &conns->lists[conn->state];

	BUG_ON(list->n == 0);
	if (conn->older != NOBODY)
		conns->slots[conn->older].newer = conn->newer;
	else
		list->oldest = conn->newer;
	if (conn->newer != NOBODY)
		conns->slots[conn->newer].older = conn->older;
	else
		list->newest = conn->older;
	list->n--;
}

bool pool_conns_init(struct conns *conns, uint32_t size)
{
	BUG_ON(size == NOBODY);
	*conns = (struct conns){.size = size};
	conns->slots = calloc(size, sizeof(*conns->slots));
	if (conns->slots == NULL)
		return false;
	for (int i = 0; i < CONN_STATE_COUNT; i++)
		conns->lists[i] = (struct conn_list){NOBODY, NOBODY, 0};
	for (uint32_t i = 0; i < size; i++)
		list_append(conns, CONN_FREE, &conns->slots[i]);
	return true;
}

void pool_conns_fini(struct conns *conns)
{
	free(conns->slots);
	*conns = (struct conns){.slots = NULL};
}

struct conn *pool_conns_add(struct conns *conns, int fd, int64_t deadline_ns)
{
	struct conn *conn = at(conns, conns->lists[CONN_FREE].oldest);

	if (conn == NULL)
		return NULL;
	list_remove(conns, conn);
	conn->fd = fd;
	conn->deadline_ns = deadline_ns;
	conn->serial = conn->serial == UINT32_MAX ? 1 : conn->serial + 1;
	list_append(conns, CONN_WAITING, conn);
	return conn;
}

void pool_conns_keep(struct conns *conns, struct conn *conn)
{
	BUG_ON(conn->state == CONN_FREE);
	list_remove(conns, conn);
	list_append(conns, CONN_KEPT, conn);
}

void pool_conns_forget(struct conns *conns, struct conn *conn)
{
	BUG_ON(conn->state == CONN_FREE);
	list_remove(conns, conn);
	conn->fd = -1;
	list_append(conns, CONN_FREE, conn);
}

struct conn *pool_conns_oldest(const struct conns *conns, enum conn_state state)
{
	return at(conns, conns->lists[state].oldest);
}

struct conn *pool_conns_newer(
    const struct conns *conns, const struct conn *conn)
{
	return at(conns, conn->newer);
}

uint64_t pool_conns_tag(const struct conns *conns, const struct conn *conn)
{
	return (uint64_t)conn->serial << 32 | index_of(conns, conn);
}

struct conn *pool_conns_find(const struct conns *conns, uint64_t tag)
{
	uint32_t index = (uint32_t)tag;
	struct conn *conn;

	if (index >= conns->size)
		return NULL;
	conn = &conns->slots[index];
	return conn->state != CONN_FREE && conn->serial == tag >> 32 ? conn
								     : NULL;
}
