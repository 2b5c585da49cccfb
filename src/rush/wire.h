/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connections of a crowd: up to n requests under way at once, over kept
 * connections, on one thread.  A request that is sent is answered exactly once,
 * from within wire_run() or wire_abort(), be it by an error text.
 *
 * One send is one attempt: libcurl's quiet repeat of a request whose kept
 * connection was closed under it is turned off, since a purchase would then be
 * sent twice and appear once in the history.  flashgate-rush only.
 */
#ifndef RUSH_WIRE_H
#define RUSH_WIRE_H

#include "base/attr.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* Longer bodies are cut here; ours are shorter by far. */
#define WIRE_BODY_MAX 8192

struct wire_answer {
	uint32_t lane; /* what wire_send() said */
	int64_t start_ns;
	int64_t end_ns;
	struct wall start_wall;
	int status; /* of HTTP, 0: no (whole) answer */
	bool timed_out;
	bool interrupted;
	bool replayed; /* Idempotent-Replayed: true */
	int64_t retry_after_ms; /* 0: none */
	struct strv body; /* valid during the call */
	struct strv error; /* without a status; valid during the call */
};

/* Must not call back into the wire. */
typedef void wire_answered_fn(void *ctx, const struct wire_answer *answer);

struct wire_conf {
	const char *url;
	const char *unix_socket; /* NULL: TCP */
	bool allow_remote; /* else a connection leaves the machine never */
	uint32_t lanes; /* requests under way at most */
	int64_t timeout_ms; /* of one attempt */
	wire_answered_fn *answered;
	void *ctx;
};

struct wire;

/* Texts stay the caller's and alive.  NULL with a reason. */
struct wire *wire_new(
    const struct wire_conf *conf, struct err *err) ATTR_MUSTUSE;
void wire_free(struct wire **wire);

/* How many more requests may be sent now, and how many are under way. */
uint32_t wire_room(const struct wire *wire);
uint32_t wire_busy(const struct wire *wire);

/*
 * Sends one purchase; the two header lines may be absent.  Only with room.
 * False when it could not even be started.
 */
bool wire_send(struct wire *wire, struct strv identity, struct strv key,
    uint32_t *lane, struct err *err) ATTR_MUSTUSE;

/*
 * Works until something was answered, a signal came, or `until_ns`
 * (mono_ns()), whichever is first.
 */
bool wire_run(
    struct wire *wire, int64_t until_ns, struct err *err) ATTR_MUSTUSE;

/* Gives up what is under way: each is answered as interrupted. */
void wire_abort(struct wire *wire);

#endif
