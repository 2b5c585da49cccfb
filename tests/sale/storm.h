/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of test_storm.c: storm.c (who is next, and what is checked of each call),
 * storm_deeds.c (what each does, and what happens to Redis), test_storm.c (what must
 * hold when it is over).  One process.
 */
#ifndef TESTS_SALE_STORM_H
#define TESTS_SALE_STORM_H

#include "sale/mend.h"
#include "sale/world.h"

#include <pthread.h>

#define SHOPPERS  4
#define CUSTOMERS 7
#define KEYS      3
#define STOCK     6
#define TURNS     1000
#define ACCEPTED  (TURNS * 2)
#define SPOILT    8

struct storm;

struct actor {
	struct storm *storm;
	const char *name;
	void (*deed)(struct actor *actor); /* once; over and over */
	pthread_t thread;
	pthread_cond_t wake;
	struct fault_plan plan;
	struct gate_port faulty; /* what `gate` passes on to */
	struct gate_port gate;
	struct ledger_port ledger;
	struct sale table; /* the sale as this one knows it: maybe old */
	bool dead; /* until its deed is over: nothing it calls happens */
	bool gone; /* its thread has ended */
	struct mend_memory mend;
	struct reap_memory reap;
};

/* Somebody who wants something by a key. */
struct request {
	unsigned asked, running;
	bool is_no; /* the last answer was final, and nobody asked since */
};

enum {
	ACTORS = SHOPPERS + 6
};

struct storm {
	struct world w;
	uint64_t dice;
	uint64_t luck; /* one call in so many fails */
	bool direct; /* the mode never changes */
	bool strict; /* nothing happens that may end an accepted order */
	bool lossy; /* Redis forgets: then accepted orders may be lost */
	bool calm; /* no faults, and nobody begins anything */
	pthread_mutex_t lock;
	pthread_cond_t over;
	struct actor *turn; /* NULL: the scheduler's */
	struct actor actor[ACTORS];
	struct request request[CUSTOMERS][KEYS];
	struct order accepted[ACCEPTED];
	size_t naccepted;
	size_t nspoilt;
	struct gate_entry waiting[SETTLE_BATCH];
	size_t nwaiting;
	struct mem_gate *copy;
	char wrong[200]; /* the first thing that must not be */
	bool traced;
};

struct storm_part {
	const char *name;
	void (*deed)(struct actor *actor);
};
extern const struct storm_part storm_cast[ACTORS];

/* ---- storm.c ---- */

uint64_t dice(struct storm *s, uint64_t n);
/* The first thing that must not be. */
void wrong(struct storm *s, const char *fmt, ...) ATTR_PRINTF(2, 3);
/* TRACE=1: the history, for whoever looks for the reason. */
void trace(struct storm *s, const char *fmt, ...) ATTR_PRINTF(2, 3);
void sale_read(struct storm *s, struct sale *sale);
bool row_of(struct storm *s, const struct claim_id *claim, struct order *row);
/* In the stream of any epoch. */
bool waits(struct storm *s, const struct claim_id *claim);
void storm_begin(struct storm *s, unsigned seed);
void storm_blow(struct storm *s);

/* ---- storm_deeds.c ---- */

/* A final no, to somebody who has (or will have) what he asked for? */
void no_check(struct storm *s, const struct purchase *purchase,
    enum verdict verdict, bool in_the_end);
struct purchase purchase_of(
    struct storm *s, const struct sale *table, size_t customer, size_t key);
/* What the ledger says of the stock, and the gate does not know. */
void stock_follow(struct storm *s);
/* What happens to Redis. */
void mishap(struct storm *s);

#endif
