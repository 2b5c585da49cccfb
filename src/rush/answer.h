/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an answer to a purchase means to the shopper: one table of kinds, one
 * of rules from HTTP status and problem code to a kind, and the reading of the
 * body.  Pure.  flashgate-rush only.
 */
#ifndef RUSH_ANSWER_H
#define RUSH_ANSWER_H

#include "base/attr.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* The rows of the report, in its order. */
enum answer_kind {
	ANSWER_CREATED,
	ANSWER_REPLAYED,
	ANSWER_ACCEPTED,
	ANSWER_SOLD_OUT,
	ANSWER_LIMIT,
	ANSWER_IN_PROGRESS,
	ANSWER_NOT_OPEN,
	ANSWER_ENDED,
	ANSWER_RATE_LIMITED,
	ANSWER_UNAVAILABLE,
	ANSWER_REFUSED,
	ANSWER_GATEWAY,
	ANSWER_OTHER,
	ANSWER_CUT,
	ANSWER_TIMEOUT,
	ANSWER_INTERRUPTED,
	ANSWER_KINDS
};

struct answer_row {
	const char *name; /* in JSON: "sold-out" */
	const char *label; /* in the table: "sold out (409)" */
	/* The shopper knows where he stands: nothing more to ask. */
	bool final;
	/* The shopper asks again at once, with the same key. */
	bool retry;
};

/* Indexed by kind. */
extern const struct answer_row answer_rows[ANSWER_KINDS];

#define ANSWER_ORDER_MAX 64
#define ANSWER_CODE_MAX  64

/* What a body says; a member that is missing or too long is "" or 0. */
struct answer_body {
	char order[ANSWER_ORDER_MAX + 1];
	char code[ANSWER_CODE_MAX + 1];
	uint32_t unit;
};

/* Never fails: what is no JSON object says nothing. */
void answer_read(struct strv body, struct answer_body *out);

/* An attempt as the wire saw it. */
struct answer_seen {
	int status; /* of HTTP; 0: no answer */
	bool timed_out; /* without an answer: ours was the last word */
	bool interrupted; /* without an answer: we were told to stop */
};

/*
 * A 2xx without an order number is ANSWER_OTHER: whoever sent that is not
 * flashgate, and nothing was proved.
 */
enum answer_kind answer_classify(
    const struct answer_seen *seen, const struct answer_body *body);

/* "created", "replayed", "accepted" for a success, else the problem's code,
 * "" without one. */
const char *answer_code(enum answer_kind kind, const struct answer_body *body);

/* created or replayed: the order is in the ledger. */
static inline bool answer_confirms(enum answer_kind kind)
{
	return kind == ANSWER_CREATED || kind == ANSWER_REPLAYED;
}

static inline bool answer_names_order(enum answer_kind kind)
{
	return answer_confirms(kind) || kind == ANSWER_ACCEPTED;
}

#endif
