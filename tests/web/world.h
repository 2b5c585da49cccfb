/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A world for the web layer without any store: a table of sales, a ledger with
 * a few rows, a purchase that answers what the test wants, a clock that stands
 * still.  world_ask() sends one request and checks of every response what must
 * hold for all of them.
 */
#ifndef TESTS_WEB_WORLD_H
#define TESTS_WEB_WORLD_H

#include "unit.h"

#include "web/web.h"

#include <jansson.h>

#define WORLD_ROWS 8
/* 2026-11-22T20:00:00Z, by the ledger's clock; ours is 90 s behind. */
#define WORLD_NOW_S   INT64_C(1795377600)
#define WORLD_SKEW_S  90
#define WORLD_OPENS_S (WORLD_NOW_S - 3600)

struct world {
	struct web web;
	struct web_conf conf;
	struct buyer buyer;
	struct clock clock;
	struct gate_port gate;
	struct ledger_port ledger;
	struct token_keys keys;
	struct sale_table *table;

	/* the ledger */
	struct sale sales[SALE_TABLE_MAX];
	size_t nsales;
	struct order rows[WORLD_ROWS];
	size_t nrows;
	enum outcome ledger_says; /* of find and find_customer */
	enum outcome sale_says; /* of sale */
	struct sale hidden; /* only ledger->sale() knows it; id 0: none */
	unsigned finds;
	/* when this is found for the first time, `rows` has it from then on:
	 * it is written between two looks */
	struct order late;

	/* the gate */
	struct order waiting[WORLD_ROWS];
	size_t nwaiting;
	enum outcome gate_says;
	bool gate_lost;
	unsigned asks;

	/* the purchase */
	unsigned buys;
	struct purchase bought; /* the last one, views copied below */
	char bought_key[IDEMPOTENCY_KEY_MAX + 1];
	bool bought_with_key;
	struct purchase_result answer;

	/* hooks */
	unsigned accepted; /* orders that were noted */
	struct order accepted_order; /* the last one */
	bool may_lose;
	int64_t later_ns; /* than when the clock stood still */
	bool gone;
	bool limited;
	enum outcome miss_says;
	struct sale_entry missed; /* what sale_miss knows; id 0: nothing */
	unsigned misses;

	/* the last answer */
	struct web_outcome outcome;
	struct strbuf response;
	char *bytes;
	char header[512]; /* what world_header() last found */
	struct strv body;
};

/* One sale, "drop", open, limit 1; bearer keys "k1" (HS256). */
struct world *world_new(void);
void world_free(struct world *w);
/* Puts w->sales into the table. */
void world_refresh(struct world *w);
/* Gives the gauge of a sale. */
void world_gauge(struct world *w, uint32_t sale, struct gate_gauge gauge);

struct sale world_sale(uint32_t id, const char *slug);
struct order world_order(uint8_t n, const char *customer, uint32_t unit);
/* The order number of world_order(n, ...). */
const char *world_number(uint8_t n);

/* A request with an authorization that is good for "ann". */
struct web_request world_get(struct world *w, const char *uri);
struct web_request world_post(struct world *w, const char *uri);

/* Returns the status; 0 when nothing is to be sent. */
int world_ask(struct world *w, const struct web_request *request);
/* NULL when it is not there; fails when it is there twice. */
const char *world_header(struct world *w, const char *name);
/* The body as JSON, which the caller frees; fails when it is none. */
json_t *world_json(struct world *w);
/* Asks, and checks status, type and code of a refusal, and that nothing was
 * bought. */
void world_refused(struct world *w, const struct web_request *request,
    int status, const char *code);

/* A string member; "(none)" when there is none. */
const char *world_text(const json_t *json, const char *name);
/* GET, which must answer 200 with JSON. */
json_t *world_get_json(struct world *w, const char *uri);

/* ---- tokens ---- */
#define WORLD_SECRET  "0123456789abcdef0123456789abcdef"
#define WORLD_SECRET2 "fedcba9876543210fedcba9876543210"

/* head.body.HMAC-SHA256, whatever head and body are; static storage. */
const char *world_token(const char *head, const char *body, const char *secret);
/* "Bearer <token>" */
const char *world_bearer(const char *token);
/* base64url; static storage. */
const char *world_base64url(const void *bytes, size_t n);

#endif
