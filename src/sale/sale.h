/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a sale and an order are, and what may be asked of them without any
 * store.  Plain values: they may be copied and may lie in shared memory.  Any
 * process.
 */
#ifndef SALE_SALE_H
#define SALE_SALE_H

#include "base/attr.h"
#include "base/clock.h"
#include "sale/ids.h"

#include <stdbool.h>
#include <stdint.h>

/* When the order is written (DESIGN: the three write modes). */
enum sale_mode {
	SALE_MODE_DIRECT,
	SALE_MODE_QUEUE,
	SALE_MODE_SWEEP,
	SALE_MODE_COUNT
};

/* The names are the ledger's ENUM values, and the API's. */
enum sale_state {
	SALE_STATE_DRAFT, /* created, never opened: invisible to shoppers */
	SALE_STATE_OPEN, /* sells inside its window */
	SALE_STATE_PAUSED, /* by the operator; nothing is sold */
	SALE_STATE_REBUILD, /* its gate is being made anew; nothing is sold */
	SALE_STATE_CLOSED, /* for good */
	SALE_STATE_COUNT
};

const char *sale_mode_name(enum sale_mode mode);
bool sale_mode_parse(struct strv text, enum sale_mode *out) ATTR_MUSTUSE;
const char *sale_state_name(enum sale_state state);
bool sale_state_parse(struct strv text, enum sale_state *out) ATTR_MUSTUSE;

#define SALE_SLUG_MAX         63 /* [a-z0-9] and inner hyphens */
#define SALE_TITLE_MAX        200 /* bytes of UTF-8 */
#define SALE_KEY_BYTES        32
#define SALE_STOCK_MAX        10000000u
#define SALE_PER_CUSTOMER_MAX 16u

struct sale {
	struct sale_id id;
	char slug[SALE_SLUG_MAX + 1];
	char title[SALE_TITLE_MAX + 1];
	struct money price;
	uint32_t stock; /* units are numbered 1..stock */
	uint32_t per_customer; /* limit, 1..SALE_PER_CUSTOMER_MAX */
	struct wall opens; /* 0: no bound; inclusive */
	struct wall closes; /* 0: no bound; exclusive */
	enum sale_mode mode;
	enum sale_state state;
	uint32_t epoch; /* generation of the gate; 0 before the first opening */
	uint8_t
	    claim_key[SALE_KEY_BYTES]; /* secret; never logged, never sent */
};

/* True for 1..63 of [a-z0-9-] that neither begin nor end with a hyphen. */
bool sale_slug_valid(struct strv slug) ATTR_MUSTUSE;

/* What the clock and the state alone say about a purchase right now. */
enum sale_phase {
	SALE_PHASE_NOT_OPEN,
	SALE_PHASE_SELLING,
	SALE_PHASE_PAUSED,
	SALE_PHASE_REBUILDING,
	SALE_PHASE_ENDED
};

enum sale_phase sale_phase_at(const struct sale *sale, struct wall now);

/* orders.status in the ledger.  `sold` alone occupies a unit and a slot. */
enum order_status {
	ORDER_SOLD,
	ORDER_VOID, /* the claim was given up; it can never be sold */
	ORDER_CANCELLED, /* was sold, was given back */
	ORDER_STATUS_COUNT
};

const char *order_status_name(enum order_status status);
bool order_status_parse(struct strv text, enum order_status *out) ATTR_MUSTUSE;

#define PAYLOAD_HASH_BYTES 8
#define ORDER_REF_MAX      64

/* The outcome row of a claim; an order when it is sold. */
struct order {
	struct claim_id claim;
	struct sale_id sale;
	uint32_t epoch;
	enum order_status status;
	uint32_t unit; /* 0 unless sold */
	uint32_t slot; /* 1..per_customer, 0 unless sold */
	struct customer
	    customer; /* n == 0: unknown (a void of a lost record) */
	uint8_t payload_hash[PAYLOAD_HASH_BYTES];
	char ref[ORDER_REF_MAX + 1]; /* the shop's own reference, "" without */
	struct wall created; /* by the ledger's clock */
};

#endif
