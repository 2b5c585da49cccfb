/* SPDX-License-Identifier: Apache-2.0 */
/* The port's shopping side: a claim begins, goes over, ends. */
#include "config.h"

#include "base/bug.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "gate/gate_priv.h"

#include <inttypes.h>

/* A token that is no number means that somebody else wrote into our keys, or
 * worse: the unit it stood for is found missing by the audit. */
static void dropped_tell(struct gate_ref ref, uint32_t dropped)
{
	static struct log_rate rate;

	if (dropped > 0)
		log_limited(&rate, LOG_LEVEL_WARNING,
		    "gate of sale %" PRIu32 ": threw away %" PRIu32
		    " entries of the free list that are no unit numbers; "
		    "flashgatectl reconcile says what is missing",
		    ref.sale.v, dropped);
}

enum outcome gate_ticket_call(struct gate *gate,
    const struct claim_chain *chain, int64_t deadline_ns,
    struct gate_ticket *out, struct err *err)
{
	struct gate_ref ref = gate->keys.ref;
	struct gate_ticket ticket;
	uint32_t dropped = 0;
	redisReply *reply;
	bool good;
	enum outcome done = gate_call(gate, deadline_ns, &reply, err);

	if (done != OUT_DONE)
		return done;
	good = gate_reply_ticket(reply, chain->n, &ticket, &dropped);
	if (good && ticket.answer == GATE_QUEUED) {
		ticket.queued.sale = ref.sale;
		ticket.queued.epoch = ref.epoch;
		good =
		    claim_eq(&ticket.queued.claim, &chain->id[ticket.attempt]);
	}
	done = gate_finish(gate, reply, good, err);
	dropped_tell(ref, dropped);
	if (done == OUT_DONE)
		*out = ticket;
	return done;
}

/* What waits, another connection has accepted. */
static enum outcome claim_call(struct gate *gate,
    const struct claim_chain *chain, int64_t deadline_ns,
    struct gate_ticket *out, struct err *err)
{
	struct gate_ticket ticket;
	enum outcome done =
	    gate_ticket_call(gate, chain, deadline_ns, &ticket, err);

	if (done == OUT_DONE && ticket.answer == GATE_QUEUED)
		done = gate_durable_seen(gate, deadline_ns, err);
	if (done == OUT_DONE)
		*out = ticket;
	return done;
}

static enum outcome port_claim(void *ctx, struct gate_ref ref,
    const struct claim_chain *chain, const struct customer *who,
    int64_t deadline_ns, struct gate_ticket *out, struct err *err)
{
	struct gate *gate = ctx;
	struct command *cmd = gate_fcall(gate, ref, GATE_FN("claim"));
	enum outcome done;

	BUG_ON(chain->n == 0 || chain->n > CLAIM_ATTEMPTS);
	BUG_ON(who->n == 0);
	command_number(cmd, ref.epoch);
	command_customer(cmd, who);
	for (size_t i = 0; i < chain->n; i++)
		command_claim(cmd, &chain->id[i]);
	if (FAILPOINT_ERR(before_claim, err))
		return OUT_UNKNOWN;
	done = claim_call(gate, chain, deadline_ns, out, err);
	return FAILPOINT_ERR(after_claim, err) ? OUT_UNKNOWN : done;
}

/* So many wait for the next claim before they are sent by themselves. */
#define CONFIRMS_KEPT 32

static void port_confirm(
    void *ctx, struct gate_ref ref, const struct claim_id *claim, uint32_t unit)
{
	static struct log_rate rate;
	struct gate *gate = ctx;
	struct command *cmd = gate_fcall(gate, ref, GATE_FN("confirm"));

	command_claim(cmd, claim);
	command_number(cmd, unit);
	if (!gate_conn_post(&gate->conn, &gate->cmd))
		log_limited(&rate, LOG_LEVEL_WARNING,
		    "redis %s: no room to note a confirm; the keeper will do "
		    "it",
		    gate->address);
	if (gate->conn.posted >= CONFIRMS_KEPT)
		gate_conn_flush(&gate->conn);
}

static void port_flush(void *ctx)
{
	struct gate *gate = ctx;

	gate_conn_flush(&gate->conn);
}

/* The end of release and heal: a number up to `max`. */
static enum outcome number_call(struct gate *gate, int64_t deadline_ns,
    uint32_t max, uint32_t *number, struct err *err)
{
	redisReply *reply;
	enum outcome out = gate_call(gate, deadline_ns, &reply, err);

	if (out != OUT_DONE)
		return out;
	return gate_finish(
	    gate, reply, gate_reply_number(reply, max, number), err);
}

static enum outcome port_release(void *ctx, struct gate_ref ref,
    const struct claim_id *claim, const struct customer *who,
    enum gate_release why, int64_t deadline_ns, struct err *err)
{
	static struct log_rate rate;
	struct gate *gate = ctx;
	struct command *cmd = gate_fcall(gate, ref, GATE_FN("release"));
	uint32_t what = 0;
	enum outcome out;

	command_claim(cmd, claim);
	command_customer(cmd, who);
	command_text(cmd, why == GATE_RELEASE_VOID ? "VOID" : "ELSEWHERE");
	command_number(cmd, ref.epoch);
	out = number_call(gate, deadline_ns, 2, &what, err);
	if (what == 2)
		log_limited(&rate, LOG_LEVEL_WARNING,
		    "gate of sale %" PRIu32 ": dropped a lease whose record is "
		    "lost; flashgatectl reconcile says which unit is missing",
		    ref.sale.v);
	return out;
}

static enum outcome port_heal(void *ctx, struct gate_ref ref,
    const struct claim_id *claim, const struct customer *who,
    const struct order *owner, int64_t deadline_ns, struct err *err)
{
	struct gate *gate = ctx;
	struct command *cmd = gate_fcall(gate, ref, GATE_FN("heal"));
	uint32_t dropped;

	(void)who; /* the claim's own record says so */
	BUG_ON(owner->status != ORDER_SOLD || owner->customer.n == 0);
	command_number(cmd, ref.epoch);
	command_claim(cmd, claim);
	command_number(cmd, owner->unit);
	command_claim(cmd, &owner->claim);
	command_number(cmd, owner->slot);
	command_customer(cmd, &owner->customer);
	return number_call(gate, deadline_ns, 1, &dropped, err);
}

static enum outcome port_rekey(void *ctx, struct gate_ref ref,
    const struct claim_id *from, const struct claim_id *to,
    const struct customer *who, int64_t deadline_ns, struct gate_ticket *out,
    struct err *err)
{
	struct gate *gate = ctx;
	struct command *cmd = gate_fcall(gate, ref, GATE_FN("rekey"));
	struct claim_chain chain = {.id = {*to}, .n = 1};

	BUG_ON(claim_eq(from, to));
	command_number(cmd, ref.epoch);
	command_claim(cmd, from);
	command_claim(cmd, to);
	command_customer(cmd, who);
	return claim_call(gate, &chain, deadline_ns, out, err);
}

void gate_port_claim(struct gate_port *port)
{
	port->claim = port_claim;
	port->confirm = port_confirm;
	port->flush = port_flush;
	port->release = port_release;
	port->heal = port_heal;
	port->rekey = port_rekey;
}
