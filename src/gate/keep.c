/* SPDX-License-Identifier: Apache-2.0 */
/* The port's keeping side: what the gate holds, read in bounded pieces. */
#include "config.h"

#include "base/bug.h"
#include "gate/gate_priv.h"

#include <inttypes.h>

#define LEASES_MAX 100

static enum outcome port_leases(void *ctx, struct gate_ref ref, size_t max,
    int64_t deadline_ns, struct gate_lease *out, size_t *n, struct err *err)
{
	struct gate *gate = ctx;
	redisReply *reply;
	enum outcome done;

	BUG_ON(max == 0 || max > LEASES_MAX);
	command_number(gate_fcall(gate, ref, GATE_FN("leases")), max);
	done = gate_call(gate, deadline_ns, &reply, err);
	if (done != OUT_DONE)
		return done;
	return gate_finish(
	    gate, reply, gate_reply_leases(reply, 0, max, out, n), err);
}

static enum outcome gauge_ask(struct gate *gate, struct gate_ref ref,
    int64_t deadline_ns, struct gate_gauge *out, uint32_t *elsewhere,
    struct err *err)
{
	redisReply *reply;
	enum outcome done;

	command_number(gate_fcall(gate, ref, GATE_FN("gauge")), ref.epoch);
	done = gate_call(gate, deadline_ns, &reply, err);
	if (done != OUT_DONE)
		return done;
	return gate_finish(
	    gate, reply, gate_reply_gauge(reply, out, elsewhere), err);
}

/*
 * Keys are named by epoch, and the epoch stands in meta: the function says
 * which when we ask for another.  Most sales are never rebuilt and stay at 1.
 */
#define GAUGE_TRIES 4

static enum outcome port_gauge(void *ctx, struct sale_id sale,
    int64_t deadline_ns, struct gate_gauge *out, struct err *err)
{
	struct gate_ref ref = {sale, 1};

	for (int i = 0; i < GAUGE_TRIES; i++) {
		uint32_t elsewhere = 0;
		enum outcome done =
		    gauge_ask(ctx, ref, deadline_ns, out, &elsewhere, err);

		if (done != OUT_DONE || elsewhere == 0)
			return done;
		ref.epoch = elsewhere;
	}
	err_set(
	    err, 0, "gate of sale %" PRIu32 ": its epoch keeps moving", sale.v);
	return OUT_NOT_DONE;
}

static enum outcome port_free_list(void *ctx, struct gate_ref ref,
    uint64_t offset, size_t max, int64_t deadline_ns, uint32_t *units,
    size_t *n, struct err *err)
{
	struct gate *gate = ctx;
	struct command *cmd = gate_fcall(gate, ref, GATE_FN("free_list"));
	redisReply *reply;
	enum outcome done;

	BUG_ON(max == 0 || max > GATE_BATCH_MAX);
	command_number(cmd, offset);
	command_number(cmd, max);
	done = gate_call(gate, deadline_ns, &reply, err);
	if (done != OUT_DONE)
		return done;
	return gate_finish(
	    gate, reply, gate_reply_units(reply, max, units, n), err);
}

static enum outcome port_lease_scan(void *ctx, struct gate_ref ref,
    uint64_t *cursor, size_t max, int64_t deadline_ns, struct gate_lease *out,
    size_t *n, struct err *err)
{
	struct gate *gate = ctx;
	struct command *cmd = gate_fcall(gate, ref, GATE_FN("lease_scan"));
	redisReply *reply;
	enum outcome done;
	uint64_t next;
	bool decoded;

	BUG_ON(max == 0 || max > GATE_BATCH_MAX);
	command_number(cmd, *cursor);
	command_number(cmd, max);
	done = gate_call(gate, deadline_ns, &reply, err);
	if (done != OUT_DONE)
		return done;
	decoded = gate_reply_cursor(reply, &next) &&
		  gate_reply_leases(reply, 1, max, out, n);
	done = gate_finish(gate, reply, decoded, err);
	if (done == OUT_DONE)
		*cursor = next;
	return done;
}

void gate_port_keep(struct gate_port *port)
{
	port->leases = port_leases;
	port->gauge = port_gauge;
	port->free_list = port_free_list;
	port->lease_scan = port_lease_scan;
}
