/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the crowd was told, counted, and compared: the promises that shoppers
 * can check among themselves, without a look into the ledger.
 *
 *	one key, one order         two orders for one customer and key
 *	one order, one customer    an order number told to two customers
 *	one unit, one order        a unit named by two confirmed orders
 *	sold stays sold            an owner who asks again hears "sold out"
 *
 * Each breach is a violation; the first few are kept as text.
 * flashgate-rush only.
 */
#ifndef RUSH_TALLY_H
#define RUSH_TALLY_H

#include "base/attr.h"
#include "rush/answer.h"
#include "rush/latency.h"
#include "rush/plan.h"

#include <stdbool.h>
#include <stdint.h>

#define TALLY_EXAMPLES    8
#define TALLY_EXAMPLE_MAX 256

/* What is known of one customer with one key.  One thread sends and hears, so
 * an attempt with a number above `owns_from` surely went out by an owner. */
struct tally_purchase {
	uint32_t order; /* 1 + index of the first order told; 0: none */
	uint32_t attempts; /* sent so far */
	uint32_t owns_from; /* attempts sent when an order was told; 0: none */
	bool open; /* the last answer was not final */
	bool differs; /* was told of a second order */
};

struct tally_order {
	char text[ANSWER_ORDER_MAX + 1];
	uint32_t purchase; /* who heard of it first */
	uint32_t unit; /* by the confirmation; 0: not told */
	bool confirmed; /* 201 or 200 was heard, not only 202 */
	bool shared;
};

struct tally_counts {
	uint64_t attempts;
	uint64_t confirmed; /* distinct orders, by 201 or 200 */
	uint64_t accepted; /* distinct orders, by 202 only */
	uint64_t open; /* purchases whose last answer was not final */
	uint32_t per_customer; /* the most confirmed orders of one customer */
	/* Violations. */
	uint64_t differing_answers; /* that named another order for the key */
	uint64_t differing_keys; /* customer and key with two orders */
	uint64_t shared_orders; /* told to two customers */
	uint64_t shared_units; /* orders beyond the first on a unit */
	uint64_t refused_owners; /* were told that it is sold out */
};

struct tally {
	const struct plan *plan;
	const char *customer_prefix;
	struct latency *kind; /* ANSWER_KINDS of them */
	struct tally_purchase *purchase;
	uint16_t *customer_orders; /* confirmed, by customer */
	struct tally_order *order;
	uint32_t norders;
	uint32_t *slot; /* open addressing: 1 + index of an order */
	uint32_t nslots;
	struct tally_counts counts;
	char example[TALLY_EXAMPLES][TALLY_EXAMPLE_MAX];
	size_t nexamples;
};

/* False when memory is out.  `plan` and `prefix` stay the caller's and alive. */
bool tally_init(struct tally *tally, const struct plan *plan,
    const char *customer_prefix) ATTR_MUSTUSE;
void tally_free(struct tally *tally);

/* An attempt goes out: its number, from 1. */
uint32_t tally_attempt(struct tally *tally, uint32_t purchase);
struct tally_heard {
	uint32_t purchase;
	uint32_t attempt; /* as tally_attempt() numbered it */
	enum answer_kind kind;
	const struct answer_body *body;
	int64_t latency_ns;
};

/* An attempt ended.  False when memory is out. */
bool tally_answer(
    struct tally *tally, const struct tally_heard *heard) ATTR_MUSTUSE;
/* At the end, once: looks for units with two orders.  False: no memory. */
bool tally_finish(struct tally *tally) ATTR_MUSTUSE;

/* How many breaches were found. */
uint64_t tally_violations(const struct tally *tally);

#endif
