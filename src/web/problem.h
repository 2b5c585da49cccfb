/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Refusals: RFC 9457 problem details, or a page for the form twin.  One table
 * of kinds here for what the web itself refuses, one in verdicts.c for what the
 * rules do.  Inside src/web only.
 */
#ifndef WEB_PROBLEM_H
#define WEB_PROBLEM_H

#include "web/exchange.h"

#include <jansson.h>

/* A refusal that a client may simply repeat later. */
#define KIND_RETRY 1u /* Retry-After, 1..3 s */
/* Nothing is decided: "retry":"same key" tells that a repetition is safe. */
#define KIND_SAME_KEY 2u

struct problem_kind {
	int status;
	const char *code; /* stable: part of the API, and of `type` */
	const char *title;
	const char *detail; /* a sentence for people, without foreign bytes */
	unsigned flags;
};

enum problem_id {
	PROBLEM_URI_INVALID,
	PROBLEM_LENGTH_INVALID,
	PROBLEM_HEADER_DUPLICATE,
	PROBLEM_BODY_INVALID,
	PROBLEM_KEY_INVALID,
	PROBLEM_CUSTOMER_UNKNOWN,
	PROBLEM_CROSS_SITE,
	PROBLEM_ROUTE_UNKNOWN,
	PROBLEM_SALE_UNKNOWN,
	PROBLEM_ORDER_UNKNOWN,
	PROBLEM_METHOD,
	PROBLEM_TOO_LARGE,
	PROBLEM_TYPE_UNSUPPORTED,
	PROBLEM_RATE_LIMITED,
	PROBLEM_COUNT
};

extern const struct problem_kind problems[PROBLEM_COUNT];

/* One refusal.  All but `kind` may be left out. */
struct problem {
	const struct problem_kind *kind;
	const char *detail; /* instead of the kind's; UTF-8 */
	const char *header; /* one more header ... */
	const char *value; /* ... and its value */
	int retry_after_s; /* instead of what the kind's flags say */
	json_t *members; /* further members; taken over */
	const struct order *orders; /* links on the page of the form twin */
	size_t norders;
};

/* Writes the whole reply. */
void problem_send(struct exchange *x, const struct problem *problem);
/* The same for a kind that needs nothing more. */
void problem_send_kind(struct exchange *x, const struct problem_kind *kind);

#endif
