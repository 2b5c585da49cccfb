/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP's meaning: a request becomes a purchase or a look-up, a verdict becomes
 * a reply.  Sees ports, never stores.  Worker processes.
 */
#ifndef WEB_WEB_H
#define WEB_WEB_H

#include "base/clock.h"
#include "base/str.h"
#include "sale/buy.h"
#include "sale/ports.h"
#include "sale/table.h"
#include "web/token.h"

#include <stdbool.h>

/* A request as the web understands it: views into the front end's bytes. */
struct web_request {
	struct strv method; /* REQUEST_METHOD */
	struct strv uri; /* REQUEST_URI, raw */
	struct strv content_type;
	struct strv idempotency_key; /* HTTP_IDEMPOTENCY_KEY */
	struct strv authorization; /* HTTP_AUTHORIZATION */
	struct strv remote_user; /* REMOTE_USER, never HTTP_* */
	struct strv if_none_match;
	struct strv origin; /* HTTP_ORIGIN */
	struct strv host; /* HTTP_HOST */
	struct strv sec_fetch_site;
	struct strv accept; /* HTTP_ACCEPT */
	struct strv body;
	/* What the layer below found wrong with it; WEB_FLAW_NONE mostly. */
	enum web_flaw {
		WEB_FLAW_NONE,
		WEB_FLAW_TOO_LARGE, /* 413 */
		WEB_FLAW_BAD_LENGTH, /* 400 */
		WEB_FLAW_DUPLICATE /* 400: a header that may come once came twice */
	} flaw;
};

struct web_conf {
	bool trust_remote_user; /* [identity] remote_user = yes */
	const struct token_keys *keys; /* NULL: no bearer tokens */
	int64_t request_deadline_ms;
	const char *problem_base; /* "https://…/problems/", prefix of `type` */
	int64_t sweep_interval_ms; /* 0: nobody knows when the next run is */
};

/* Everything a request may use.  All borrowed. */
struct web {
	const struct web_conf *conf;
	const struct buyer *buyer;
	const struct sale_table *table;
	/*
	 * A sale that the table does not have (yet): may be NULL.  An outcome
	 * like a port's, since "the ledger is away" must not become 404.  The
	 * slug is a valid one, and anybody may send any: bound what it costs.
	 */
	enum outcome (*sale_miss)(void *ctx, struct strv slug,
	    int64_t deadline_ns, struct sale_entry *out, bool *found,
	    struct err *err);
	/* Does this customer buy faster than is allowed?  429; may be NULL. */
	bool (*too_many)(void *ctx, const struct customer *who);
	/* The shopper has hung up: asked right before the claim; may be NULL. */
	bool (*peer_gone)(void *ctx);
	/* A shopper is about to be told that this order is accepted (202); may
	 * be NULL. */
	void (*accepted)(void *ctx, const struct order *order);
	/* May a crash of the gate take accepted orders with it?  NULL: no. */
	bool (*may_lose)(void *ctx);
	void *ctx;
};

/* What happened, for the log and the counters. */
struct web_outcome {
	int status; /* of HTTP; 0: peer gone, nothing to send */
	const char *route; /* a stable word, "unknown" for none */
	const char *code; /* of the problem, or the verdict's name */
	struct customer who; /* n == 0: nobody, or nobody asked */
	bool purchase; /* a purchase ran; `events` is valid */
	unsigned events; /* as purchase_result.events */
	struct err err; /* worth a log line when text is not "" */
};

/* A full table of sales with titles that are all escapes fits. */
#define WEB_RESPONSE_MAX 131072

/*
 * Handles one request: writes the whole CGI response ("Status: …") into
 * `response`.  Never fails: what cannot be answered well is answered 500.
 */
void web_handle(const struct web *web, const struct web_request *request,
    struct strbuf *response, struct web_outcome *outcome);

#endif
