/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Redis behind the sale's gate port: one connection, one library of functions
 * (gate.lua), which carries its version in its name.  Worker, keeper,
 * settler and operator processes; after the fork, one each.
 */
#ifndef GATE_GATE_H
#define GATE_GATE_H

#include "base/clock.h"
#include "sale/ports.h"

struct gate;

/*
 * What an accepted order (modes queue and sweep) must have survived before a
 * shopper hears of it.  Claims of mode direct never wait for it: MySQL has them.
 */
enum gate_durable {
	/* The server syncs before it answers: appendonly yes, appendfsync
	 * always, no-appendfsync-on-rewrite no.  Asked on each connection, and
	 * now and then. */
	GATE_DURABLE_ALWAYS,
	/* The server is asked after each one: WAITAOF (Redis 7.2, Valkey). */
	GATE_DURABLE_WAITAOF,
	/* Whatever the server does: a crash of it may lose some. */
	GATE_DURABLE_ACCEPT_LOSS
};

struct gate_conf {
	/* "/path", "unix:/path", "host:port", "[v6]:port" (numeric host) */
	const char *address;
	const char *user, *password; /* ACL user; NULL or "": none */
	unsigned database;
	int64_t connect_timeout_ms;
	int64_t timeout_ms; /* of one call; a caller's deadline binds as well */
	/* How long a claim may stay undecided: written by publish, and the
	 * same for every claim of that gate, whoever makes it. */
	int64_t lease_ms;
	enum gate_durable durability;
};

/* Does not connect.  `conf` is copied. */
struct gate *gate_new(
    const struct gate_conf *conf, struct err *err) ATTR_MUSTUSE;
void gate_free(struct gate **gate);
struct gate_port gate_port(struct gate *gate);

/*
 * Connects and asks: is it Redis >= 7 (or Valkey), may we write (a master that
 * never evicts; every command of the functions, when they are there), what is
 * its version (into `version`: "Redis 7.0.15", "Valkey 8.0.1", "" when
 * unknown).  Changes nothing.
 */
enum outcome gate_check(
    struct gate *gate, int64_t deadline_ns, char version[32], struct err *err);
/*
 * Loads (replaces) the library of functions and asks whether this user may run
 * every command in it.  Idempotent; the loading is also done by itself when a
 * call finds the library missing.
 */
enum outcome gate_load(struct gate *gate, int64_t deadline_ns, struct err *err);

/* What the server does about durability right now. */
enum gate_fsync {
	GATE_FSYNC_UNKNOWN, /* it does not say so to this user */
	GATE_FSYNC_NONE, /* no file, or when the kernel likes */
	GATE_FSYNC_EVERYSEC, /* or so: a crash loses a second or two; and so is
			      * "always" with no-appendfsync-on-rewrite */
	GATE_FSYNC_ALWAYS, /* before it answers */
	GATE_FSYNC_COUNT
};

/*
 * The file that it syncs, where it syncs always.  After CONFIG SET appendonly yes
 * CONFIG GET says yes at once, and a crash loses everything until the first file
 * is written whole.  No field tells that from a later rewrite, during which the
 * older file holds: only who has seen it whole, in this run of the server, knows.
 */
enum gate_file {
	GATE_FILE_UNKNOWN, /* not asked, or it does not say so to this user */
	GATE_FILE_WHOLE, /* there is one, and everything goes into it */
	GATE_FILE_UNSEEN, /* it is being written, and may be the first */
	GATE_FILE_BROKEN /* the last write to it failed */
};

struct gate_durability {
	enum gate_fsync fsync;
	enum gate_file file; /* asked when fsync is ALWAYS */
	bool waitaof; /* it has WAITAOF, and its file is on */
};

const char *gate_fsync_name(enum gate_fsync fsync);

/* Asks, and changes nothing. */
enum outcome gate_durability(struct gate *gate, int64_t deadline_ns,
    struct gate_durability *has, struct err *err);
/*
 * Is that enough for `want`?  False, with a text that says what to set: the same
 * that enqueue gives.
 */
bool gate_durability_suffices(enum gate_durable want,
    const struct gate_durability *has, struct err *err) ATTR_MUSTUSE;

/*
 * What the server says of itself: a field of INFO, or a parameter of CONFIG GET.
 * *found is false when it does not say, or does not say it to this user.
 */
#define GATE_VALUE_MAX 128
enum outcome gate_setting(struct gate *gate, const char *name, bool info,
    int64_t deadline_ns, char value[GATE_VALUE_MAX], bool *found,
    struct err *err);
/* Its clock; *found as above. */
enum outcome gate_time(struct gate *gate, int64_t deadline_ns, struct wall *now,
    bool *found, struct err *err);

#endif
