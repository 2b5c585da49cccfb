/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A front: one address that a client takes for the server, the server (or two,
 * one at a time) behind it, and what goes wrong between them.  A *link* is one
 * client's connection with its connection to the backend; a link owns both
 * sockets and what waits in them, a front owns its links.  Bytes go *up* to
 * the backend and *down* to the client.  faultd only; one thread, one epoll.
 */
#ifndef TESTS_CHAOS_FRONT_H
#define TESTS_CHAOS_FRONT_H

#include "base/attr.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#define FRONT_NAME_MAX  32
#define FRONT_MATCH_MAX 128

enum way {
	WAY_UP,
	WAY_DOWN,
	WAY_COUNT
};

struct address {
	struct sockaddr_storage bytes;
	socklen_t n;
};
/* "/path", "127.0.0.1:6379" or "[::1]:3306": numbers only, no names. */
bool address_parse(
    const char *text, struct address *out, struct err *err) ATTR_MUSTUSE;

/*
 * Which requests a trick is for: any ("-"), those that contain a text, or with
 * "@insert" the executes of MySQL statements that were prepared with a text
 * beginning "INSERT INTO orders".
 */
struct match {
	bool any, insert;
	char text[FRONT_MATCH_MAX];
};

/* Played on the requests first .. first + count - 1 that match. */
struct trick {
	struct match match;
	uint64_t first, count;
	uint64_t seen;
	int64_t ms; /* of a hold */
};

/* What goes wrong now.  All zero: nothing. */
struct toxics {
	int64_t latency_ms, jitter_ms; /* each way */
	uint32_t slice_bytes; /* of one write; 0: whole */
	bool blackhole; /* nothing moves, nobody hangs up */
	bool refuse; /* nobody listens */
	uint64_t cut_bytes[WAY_COUNT]; /* of a link, then reset; 0: never */
	struct trick swallow; /* delivered; its reply is dropped, then reset */
	struct trick lose; /* not delivered, reset */
	struct trick hold; /* delivered `ms` later, also if the client left */
};

struct front_counts {
	uint64_t links, refused, bytes[WAY_COUNT];
	uint64_t requests; /* pieces that went up */
	uint64_t resets, cuts, swallowed, lost, held;
	uint64_t held_delivered; /* of the held ones, by now */
};

struct link;
struct watch;

struct front {
	char name[FRONT_NAME_MAX];
	struct address listen, backend[2];
	unsigned nbackends, current;
	struct toxics toxics;
	struct front_counts counts;
	struct link *links;
	uint64_t *dice; /* borrowed: the state of the seeded generator */
	int listener; /* -1: refusing */
	struct watch *listener_watch; /* owned */
	int epoll; /* borrowed */
};

/* A next random number below `n`; the sequence is the seed's. */
uint64_t dice_below(uint64_t *state, uint64_t n);

bool front_listen(struct front *front, struct err *err) ATTR_MUSTUSE;
void front_refuse(struct front *front);
/* A client came. */
void front_accept(struct front *front);
/* Everybody is cut off, with a reset where the protocol has one. */
void front_reset(struct front *front);
void front_close(struct front *front);
/* Requests that are held at this moment. */
unsigned front_holding(const struct front *front);
/* They, and what waits behind them, are due now. */
void front_release(struct front *front);
/* Links at this moment: one whose client has left counts until the backend has
 * read what was on its way, and has hung up. */
unsigned front_open(const struct front *front);
/* Counts of each link begin anew (a cut counts from its command). */
void front_recount(struct front *front);

/* What epoll's data points at; the first word tells which it is. */
enum watched {
	WATCHED_FRONT,
	WATCHED_CONTROL,
	WATCHED_PEER
};
struct watch {
	enum watched what;
	void *of; /* front, NULL, link */
	enum way from; /* of a peer: the client sends up, the backend down */
};

/* A socket of a link has something. */
void link_event(struct watch *watch, uint32_t events);
/* What is due goes on; frees links that are done.  The next moment at which
 * something is due, or INT64_MAX. */
int64_t front_run(struct front *front, int64_t now_ns);

#endif
