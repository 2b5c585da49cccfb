/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shop of a hundred lines for tests of the crowd: one process, one item, one
 * to a customer (X-User), HTTP/1.1 on a loopback port of its own, with the
 * faults that a real one has and the lies that a real one must not tell.
 */
#ifndef TESTS_RUSH_SHOP_H
#define TESTS_RUSH_SHOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum shop_lie {
	SHOP_HONEST,
	SHOP_NEW_ORDER_EACH_TIME, /* a replay names another order */
	SHOP_ONE_ORDER_FOR_ALL,
	SHOP_ONE_UNIT_FOR_ALL,
	SHOP_FORGETS_OWNERS /* who asks again hears "sold out" */
};

struct shop_conf {
	unsigned stock;
	enum shop_lie lie;
	bool accepts; /* 202 first, 200 from the second time on */
	unsigned busy_first; /* so many requests hear 503 at first ... */
	unsigned retry_after_s; /* ... with this Retry-After */
	unsigned lose_every; /* each n-th: done, but closed without a reply */
	unsigned half_every; /* each n-th: done, closed amid the reply */
	unsigned per_connection; /* the request after so many: closed unread */
	bool stalls; /* reads, and never answers */
	unsigned delay_ms; /* each answer, one after the other */
};

/* Written by the shop, read by the test: shared memory. */
struct shop_seen {
	unsigned requests; /* that arrived whole */
	unsigned sold;
	unsigned connections;
};

struct shop {
	pid_t pid;
	uint16_t port;
	volatile struct shop_seen *seen;
};

void shop_open(struct shop *shop, const struct shop_conf *conf);
/* Ends the process, and waits for it. */
void shop_close(struct shop *shop);

#endif
