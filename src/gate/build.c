/* SPDX-License-Identifier: Apache-2.0 */
/* The port's building side: a gate is seeded, published, changed, unlinked. */
#include "config.h"

#include "base/bug.h"
#include "gate/gate_priv.h"

/* Begins one of the functions whose first argument is the epoch. */
static struct command *epoch_fcall(
    struct gate *gate, struct gate_ref ref, const char *function)
{
	struct command *cmd = gate_fcall(gate, ref, function);

	command_number(cmd, ref.epoch);
	return cmd;
}

static enum outcome port_seed(void *ctx, struct gate_ref ref,
    const uint32_t *units, size_t n, int64_t deadline_ns, struct err *err)
{
	struct command *cmd = epoch_fcall(ctx, ref, GATE_FN("seed"));

	BUG_ON(n > GATE_BATCH_MAX);
	if (n == 0)
		return OUT_DONE;
	for (size_t i = 0; i < n; i++)
		command_number(cmd, units[i]);
	return gate_call_status(ctx, deadline_ns, NULL, err);
}

static enum outcome port_own(void *ctx, struct gate_ref ref,
    const struct order *owners, size_t n, int64_t deadline_ns, struct err *err)
{
	struct command *cmd = epoch_fcall(ctx, ref, GATE_FN("own"));

	BUG_ON(n > GATE_BATCH_MAX);
	if (n == 0)
		return OUT_DONE;
	for (size_t i = 0; i < n; i++) {
		BUG_ON(owners[i].status != ORDER_SOLD);
		command_number(cmd, owners[i].slot);
		command_customer(cmd, &owners[i].customer);
		command_claim(cmd, &owners[i].claim);
	}
	return gate_call_status(ctx, deadline_ns, NULL, err);
}

static enum outcome port_retire(
    void *ctx, struct gate_ref ref, int64_t deadline_ns, struct err *err)
{
	epoch_fcall(ctx, ref, GATE_FN("retire"));
	return gate_call_status(ctx, deadline_ns, NULL, err);
}

static enum outcome port_publish(void *ctx, struct gate_ref ref,
    const struct gate_seeded *seeded, int64_t deadline_ns, struct err *err)
{
	struct gate *gate = ctx;
	struct command *cmd = epoch_fcall(gate, ref, GATE_FN("publish"));

	BUG_ON(seeded->limit == 0 || seeded->limit > SALE_PER_CUSTOMER_MAX);
	command_number(cmd, seeded->units);
	command_number(cmd, seeded->limit);
	command_number(cmd, (uint64_t)gate->lease_ms);
	command_number(cmd, seeded->free);
	command_number(cmd, seeded->owners);
	command_number(cmd, seeded->waiting);
	command_number(cmd, seeded->retired);
	return gate_call_status(gate, deadline_ns, NULL, err);
}

static enum outcome port_discard(
    void *ctx, struct gate_ref ref, int64_t deadline_ns, struct err *err)
{
	epoch_fcall(ctx, ref, GATE_FN("discard"));
	return gate_call_status(ctx, deadline_ns, NULL, err);
}

static enum outcome port_grow(void *ctx, struct gate_ref ref, uint32_t units,
    int64_t deadline_ns, uint32_t *done, struct err *err)
{
	command_number(epoch_fcall(ctx, ref, GATE_FN("grow")), units);
	return gate_call_status(ctx, deadline_ns, done, err);
}

static enum outcome port_shrink(void *ctx, struct gate_ref ref, uint32_t units,
    int64_t deadline_ns, uint32_t *done, struct err *err)
{
	command_number(epoch_fcall(ctx, ref, GATE_FN("shrink")), units);
	return gate_call_status(ctx, deadline_ns, done, err);
}

static enum outcome port_relimit(void *ctx, struct gate_ref ref, uint32_t limit,
    int64_t deadline_ns, struct err *err)
{
	BUG_ON(limit == 0 || limit > SALE_PER_CUSTOMER_MAX);
	command_number(epoch_fcall(ctx, ref, GATE_FN("relimit")), limit);
	return gate_call_status(ctx, deadline_ns, NULL, err);
}

static enum outcome port_tell(void *ctx, struct gate_ref ref,
    const struct gate_terms *terms, uint32_t told, int64_t deadline_ns,
    bool *done, struct err *err)
{
	struct command *cmd = epoch_fcall(ctx, ref, GATE_FN("tell"));
	uint32_t number = 0;
	enum outcome out;

	BUG_ON(terms->opens.us < 0 || terms->closes.us < 0);
	command_number(cmd, terms->shut);
	command_number(cmd, (uint64_t)terms->opens.us);
	command_number(cmd, (uint64_t)terms->closes.us);
	command_number(cmd, told);
	out = gate_call_status(ctx, deadline_ns, &number, err);
	if (out == OUT_DONE)
		*done = number == 1;
	return out;
}

void gate_port_build(struct gate_port *port)
{
	port->seed = port_seed;
	port->own = port_own;
	port->retire = port_retire;
	port->publish = port_publish;
	port->discard = port_discard;
	port->grow = port_grow;
	port->shrink = port_shrink;
	port->relimit = port_relimit;
	port->tell = port_tell;
}
