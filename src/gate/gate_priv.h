/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the gate: its state, and how its parts call Redis.  For src/gate only.
 */
#ifndef GATE_GATE_PRIV_H
#define GATE_GATE_PRIV_H

#include "gate/command.h"
#include "gate/conn.h"
#include "gate/gate.h"
#include "gate/reply.h"

#include <stddef.h>

/* The Lua beside this, made into C by local.mk, and the names that it registers. */
extern const char gate_lua[];
extern const size_t gate_lua_bytes;
#define GATE_LIBRARY  "flashgate_v2"
#define GATE_FN(name) "fg_" name "_v2"

#define RUN_ID_MAX    40

struct gate {
	char *address, *user, *password; /* ours */
	struct gate_target target;
	int64_t timeout_ms, lease_ms;
	enum gate_durable durability;
	struct gate_conn conn;
	/* The server's durability was found good: on which connection, and until
	 * when that is believed (durable.c). */
	uint64_t durable_conn;
	int64_t durable_until_ns;
	/* The run of the server in which its file was seen whole, or "". */
	char whole_in_run[RUN_ID_MAX + 1];
	/* What is in this stream up to this entry was seen to be synced, on this
	 * connection (durable.c). */
	struct {
		uint64_t conn;
		struct gate_ref ref;
		struct gate_entry_id upto;
	} synced;
	/* How far take() has looked through what is in anybody's hands. */
	struct {
		struct gate_ref ref;
		struct gate_entry_id from;
	} idle;
	struct gate_keys keys; /* of the sale asked about last */
	struct command cmd; /* the one in the making */
};

/* Begins a call of a function on the keys of `ref`; arguments are added. */
struct command *gate_fcall(
    struct gate *gate, struct gate_ref ref, const char *function);

/*
 * Sends the command in the making.  DONE: *reply is not an error; freed by the
 * caller.  A missing library is loaded and the call sent again, once.
 */
enum outcome gate_call(struct gate *gate, int64_t deadline_ns,
    redisReply **reply, struct err *err);

/*
 * The end of every call: frees the reply.  A reply that could not be decoded
 * may still stand for a change that was made, and what follows it on the
 * connection cannot be trusted: UNKNOWN, and the connection goes.
 */
enum outcome gate_finish(
    struct gate *gate, redisReply *reply, bool decoded, struct err *err);

/*
 * For the calls that answer OK, EPOCH or NOSALE: the latter two changed
 * nothing and are NOT_DONE here.  `number` may be NULL.
 */
enum outcome gate_call_status(
    struct gate *gate, int64_t deadline_ns, uint32_t *number, struct err *err);

/* The end of claim, rekey and enqueue; `chain` as the function was asked. */
enum outcome gate_ticket_call(struct gate *gate,
    const struct claim_chain *chain, int64_t deadline_ns,
    struct gate_ticket *out, struct err *err);

/*
 * Durability of accepted orders (durable.c).  Before an order is accepted: DONE, or
 * NOT_DONE and what to set.  After it was: DONE when it is as durable as
 * gate_conf.durability asks, else UNKNOWN.
 */
enum outcome gate_durable_before(
    struct gate *gate, int64_t deadline_ns, struct err *err);
enum outcome gate_durable_after(
    struct gate *gate, int64_t deadline_ns, struct err *err);

/*
 * The same for a waiting order that a call has shown, which maybe another connection
 * wrote a moment ago: somebody may be told of it.  For the sale that was asked about
 * last, right after that call.  Only waitaof asks anything.
 */
enum outcome gate_durable_seen(
    struct gate *gate, int64_t deadline_ns, struct err *err);
/* For entries, which are not asked about twice. */
enum outcome gate_durable_entries(struct gate *gate,
    const struct gate_entry *entries, size_t n, int64_t deadline_ns,
    struct err *err);

/* The parts of the port (src/sale/ports.h), each in its file. */
void gate_port_claim(struct gate_port *port); /* claim.c */
void gate_port_keep(struct gate_port *port); /* keep.c */
void gate_port_build(struct gate_port *port); /* build.c */
void gate_port_queue(struct gate_port *port); /* queue.c */

#endif
