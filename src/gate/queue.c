/* SPDX-License-Identifier: Apache-2.0 */
/* The port's side of accepted orders: they are taken in, shown, written, ended. */
#include "config.h"

#include "base/bug.h"
#include "base/failpoint.h"
#include "gate/entry.h"
#include "gate/gate_priv.h"

#include <inttypes.h>

/* ---- accepting ----------------------------------------------------------- */

static enum outcome enqueue_call(struct gate *gate,
    const struct claim_chain *chain, int64_t deadline_ns,
    struct gate_ticket *out, struct err *err)
{
	struct gate_ticket ticket;
	enum outcome done =
	    gate_ticket_call(gate, chain, deadline_ns, &ticket, err);

	if (done == OUT_DONE &&
	    (ticket.answer == GATE_TAKEN || ticket.answer == GATE_QUEUED))
		done = gate_durable_after(gate, deadline_ns, err);
	if (done == OUT_DONE)
		*out = ticket;
	return done;
}

static enum outcome port_enqueue(void *ctx, struct gate_ref ref,
    const struct claim_chain *chain, size_t from, const struct customer *who,
    const struct order *draft, bool regardless, int64_t deadline_ns,
    struct gate_ticket *out, struct err *err)
{
	struct gate *gate = ctx;
	struct command *cmd;
	enum outcome done;

	BUG_ON(chain->n != CLAIM_ATTEMPTS || from > chain->n);
	BUG_ON(who->n == 0 || draft->created.us <= 0);
	if (gate_durable_before(gate, deadline_ns, err) != OUT_DONE)
		return OUT_NOT_DONE;
	cmd = gate_fcall(gate, ref, GATE_FN("enqueue"));
	command_number(cmd, ref.epoch);
	command_customer(cmd, who);
	command_number(cmd, from);
	command_number(cmd, gate->durability == GATE_DURABLE_WAITAOF);
	command_number(cmd, regardless);
	command_bytes(cmd, draft->payload_hash, PAYLOAD_HASH_BYTES);
	command_text(cmd, draft->ref);
	command_number(cmd, (uint64_t)draft->created.us);
	for (size_t i = 0; i < chain->n; i++)
		command_claim(cmd, &chain->id[i]);
	if (FAILPOINT_ERR(before_enqueue, err))
		return OUT_UNKNOWN;
	done = enqueue_call(gate, chain, deadline_ns, out, err);
	return FAILPOINT_ERR(after_enqueue, err) ? OUT_UNKNOWN : done;
}

/* ---- reading ------------------------------------------------------------- */

static void entries_place(
    struct gate_ref ref, struct gate_entry *entries, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		entries[i].order.sale = ref.sale;
		entries[i].order.epoch = ref.epoch;
	}
}

/* The end of the calls that answer with entries. */
static enum outcome entries_call(struct gate *gate, size_t max,
    int64_t deadline_ns, struct gate_entry *out, size_t *n, bool *known,
    struct err *err)
{
	redisReply *reply;
	enum outcome done = gate_call(gate, deadline_ns, &reply, err);

	if (done != OUT_DONE)
		return done;
	done = gate_finish(
	    gate, reply, gate_reply_entries(reply, max, out, n, known), err);
	if (done == OUT_DONE)
		entries_place(gate->keys.ref, out, *n);
	return done;
}

static enum outcome port_pending(void *ctx, struct gate_ref ref,
    const struct customer *who, int64_t deadline_ns, struct order *out,
    size_t max, size_t *n, bool *known, struct err *err)
{
	struct gate_entry entries[SALE_PER_CUSTOMER_MAX];
	struct command *cmd = gate_fcall(ctx, ref, GATE_FN("pending"));
	size_t found = 0;
	enum outcome done;

	BUG_ON(who->n == 0);
	command_number(cmd, ref.epoch);
	command_customer(cmd, who);
	done = entries_call(
	    ctx, ARRAY_LEN(entries), deadline_ns, entries, &found, known, err);
	if (done == OUT_DONE)
		done =
		    gate_durable_entries(ctx, entries, found, deadline_ns, err);
	if (done != OUT_DONE)
		return done;
	*n = 0;
	for (size_t i = 0; i < found && *n < max; i++)
		if (entries[i].flaw[0] == '\0')
			out[(*n)++] = entries[i].order;
	return OUT_DONE;
}

static enum outcome port_queue_scan(void *ctx, struct gate_ref ref,
    struct gate_entry_id after, size_t max, int64_t deadline_ns,
    struct gate_entry *out, size_t *n, struct err *err)
{
	struct command *cmd = gate_fcall(ctx, ref, GATE_FN("queue_scan"));
	bool known;

	BUG_ON(max == 0 || max > SETTLE_BATCH);
	/* Nothing can come after the largest id, and Redis refuses to say so. */
	if (after.ms == UINT64_MAX && after.seq == UINT64_MAX) {
		*n = 0;
		return OUT_DONE;
	}
	command_entry(cmd, after);
	command_number(cmd, max);
	return entries_call(ctx, max, deadline_ns, out, n, &known, err);
}

/* ---- settling ------------------------------------------------------------ */

#define CONSUMER_MAX 64

/* Where to look for entries of settlers that died; from the first on in another
 * stream. */
static struct gate_entry_id idle_from(struct gate *gate, struct gate_ref ref)
{
	if (gate->idle.ref.sale.v != ref.sale.v ||
	    gate->idle.ref.epoch != ref.epoch) {
		gate->idle.ref = ref;
		gate->idle.from = (struct gate_entry_id){0, 0};
	}
	return gate->idle.from;
}

static enum outcome port_take(void *ctx, struct gate_ref ref,
    const char *consumer, size_t max, int64_t idle_ms, int64_t deadline_ns,
    struct gate_entry *out, size_t *n, bool *known, struct err *err)
{
	struct gate *gate = ctx;
	struct command *cmd = gate_fcall(gate, ref, GATE_FN("take"));
	redisReply *reply;
	enum outcome done;

	BUG_ON(max == 0 || max > SETTLE_BATCH || idle_ms < 0);
	BUG_ON(consumer[0] == '\0' || strlen(consumer) > CONSUMER_MAX);
	command_number(cmd, ref.epoch);
	command_text(cmd, consumer);
	command_number(cmd, max);
	command_number(cmd, (uint64_t)idle_ms);
	command_entry(cmd, idle_from(gate, ref));
	done = gate_call(gate, deadline_ns, &reply, err);
	if (done != OUT_DONE)
		return done;
	done = gate_finish(gate, reply,
	    gate_reply_taken(reply, max, out, n, &gate->idle.from, known), err);
	if (done == OUT_DONE)
		entries_place(ref, out, *n);
	return FAILPOINT_ERR(after_take, err) ? OUT_UNKNOWN : done;
}

static const char *const fates[] = {
    [GATE_FATE_SOLD] = "SOLD",
    [GATE_FATE_VOID] = "VOID",
    [GATE_FATE_TAKEN] = "TAKEN",
    [GATE_FATE_ELSEWHERE] = "ELSEWHERE",
};

static enum outcome port_settled(void *ctx, struct gate_ref ref,
    const struct gate_settled *settled, size_t n, int64_t deadline_ns,
    struct err *err)
{
	static const struct claim_id unknown;
	struct command *cmd = gate_fcall(ctx, ref, GATE_FN("settled"));
	enum outcome done;

	BUG_ON(n > SETTLE_BATCH);
	if (n == 0)
		return OUT_DONE;
	command_number(cmd, ref.epoch);
	for (size_t i = 0; i < n; i++) {
		command_entry(cmd, settled[i].id);
		/* An entry that nobody could read has no claim. */
		if (claim_eq(&settled[i].claim, &unknown))
			command_text(cmd, "");
		else
			command_claim(cmd, &settled[i].claim);
		command_customer(cmd, &settled[i].customer);
		command_text(cmd, fates[settled[i].fate]);
	}
	if (FAILPOINT_ERR(before_settled, err))
		return OUT_UNKNOWN;
	done = gate_call_status(ctx, deadline_ns, NULL, err);
	return FAILPOINT_ERR(after_settled, err) ? OUT_UNKNOWN : done;
}

/* ---- a rebuild ----------------------------------------------------------- */

/* Who is only asked about may have nothing but his claim. */
static void command_question(struct command *cmd, const struct order *order)
{
	command_claim(cmd, &order->claim);
	command_number(cmd, 0);
	for (int i = 0; i < 5; i++)
		command_text(cmd, "");
}

static void command_order(struct command *cmd, const struct order *order)
{
	if (order->unit == 0) {
		command_question(cmd, order);
		return;
	}
	BUG_ON(order->customer.n == 0);
	BUG_ON(order->slot == 0 || order->slot > SALE_PER_CUSTOMER_MAX);
	BUG_ON(order->created.us <= 0);
	command_claim(cmd, &order->claim);
	command_number(cmd, order->unit);
	command_number(cmd, order->slot);
	command_customer(cmd, &order->customer);
	command_bytes(cmd, order->payload_hash, PAYLOAD_HASH_BYTES);
	command_text(cmd, order->ref);
	command_number(cmd, (uint64_t)order->created.us);
}

static enum outcome port_carry(void *ctx, struct gate_ref ref,
    const struct order *orders, size_t n, int64_t deadline_ns,
    enum gate_carried *carried, struct err *err)
{
	struct command *cmd = gate_fcall(ctx, ref, GATE_FN("carry"));
	uint32_t elsewhere = 0;
	redisReply *reply;
	enum outcome done;

	BUG_ON(n > SETTLE_BATCH);
	if (n == 0)
		return OUT_DONE;
	command_number(cmd, ref.epoch);
	for (size_t i = 0; i < n; i++)
		command_order(cmd, &orders[i]);
	done = gate_call(ctx, deadline_ns, &reply, err);
	if (done != OUT_DONE)
		return done;
	done = gate_finish(
	    ctx, reply, gate_reply_carried(reply, n, carried, &elsewhere), err);
	if (done != OUT_DONE || elsewhere == 0)
		return done;
	err_set(err, 0,
	    "gate of sale %" PRIu32 ": carry for epoch %" PRIu32
	    " refused: epoch %" PRIu32 " is in use",
	    ref.sale.v, ref.epoch, elsewhere);
	return OUT_NOT_DONE;
}

void gate_port_queue(struct gate_port *port)
{
	port->enqueue = port_enqueue;
	port->pending = port_pending;
	port->take = port_take;
	port->settled = port_settled;
	port->queue_scan = port_queue_scan;
	port->carry = port_carry;
}
