/* SPDX-License-Identifier: Apache-2.0 */
/* A stop-watch around claim and record. */
#include "config.h"

#include "prog/timed.h"
#include "base/clock.h"

const char *const worker_phases[PHASE_COUNT] = {
    [PHASE_READ - 1] = "read",
    [PHASE_WORK - 1] = "work",
    [PHASE_CLAIM - 1] = "claim",
    [PHASE_INSERT - 1] = "insert",
    [PHASE_REPLY - 1] = "reply",
};

static struct {
	struct gate_port gate;
	struct ledger_port ledger;
	struct stats *stats;
	struct pool_child *child;
	int64_t claim_ns, insert_ns;
} watch = {.claim_ns = -1, .insert_ns = -1};

/* A purchase may call more than once: the sum is what the shopper waits. */
static void note(
    int64_t *sum_ns, struct stats_histogram *histogram, int64_t begin_ns)
{
	int64_t now_ns = mono_ns();

	*sum_ns = (*sum_ns < 0 ? 0 : *sum_ns) + (now_ns - begin_ns);
	stats_observe(histogram, now_ns - begin_ns);
	pool_child_phase(watch.child, PHASE_WORK, now_ns);
}

static int64_t begin(enum worker_phase phase, const struct claim_id *claim)
{
	char text[ORDER_TEXT_LEN + 1];
	int64_t now_ns = mono_ns();

	claim_format(claim, text);
	pool_child_note(watch.child, strv_c(text));
	pool_child_phase(watch.child, phase, now_ns);
	return now_ns;
}

static enum outcome timed_claim(void *ctx, struct gate_ref ref,
    const struct claim_chain *chain, const struct customer *who,
    int64_t deadline_ns, struct gate_ticket *out, struct err *err)
{
	int64_t begin_ns = begin(PHASE_CLAIM, &chain->id[0]);
	enum outcome done =
	    watch.gate.claim(ctx, ref, chain, who, deadline_ns, out, err);

	note(&watch.claim_ns, &watch.stats->claim, begin_ns);
	stats_count(&watch.stats->claims[done]);
	return done;
}

static enum outcome timed_enqueue(void *ctx, struct gate_ref ref,
    const struct claim_chain *chain, size_t from, const struct customer *who,
    const struct order *draft, bool regardless, int64_t deadline_ns,
    struct gate_ticket *out, struct err *err)
{
	int64_t begin_ns = begin(PHASE_CLAIM, &chain->id[from]);
	enum outcome done = watch.gate.enqueue(ctx, ref, chain, from, who,
	    draft, regardless, deadline_ns, out, err);

	note(&watch.claim_ns, &watch.stats->claim, begin_ns);
	stats_count(&watch.stats->enqueues[done]);
	if (done == OUT_DONE && out->answer == GATE_TAKEN)
		stats_count(&watch.stats->accepted);
	return done;
}

static enum outcome timed_record(void *ctx, const struct order *order,
    int64_t deadline_ns, enum ledger_record *out, struct err *err)
{
	int64_t begin_ns = begin(PHASE_INSERT, &order->claim);
	enum outcome done =
	    watch.ledger.record(ctx, order, deadline_ns, out, err);

	note(&watch.insert_ns, &watch.stats->insert, begin_ns);
	stats_count(&watch.stats->inserts[done]);
	return done;
}

void timed_install(struct gate_port *gate, struct ledger_port *ledger,
    struct stats *stats, struct pool_child *child)
{
	watch.gate = *gate;
	watch.ledger = *ledger;
	watch.stats = stats;
	watch.child = child;
	gate->claim = timed_claim;
	gate->enqueue = timed_enqueue;
	ledger->record = timed_record;
}

void timed_begin(void)
{
	watch.claim_ns = -1;
	watch.insert_ns = -1;
}

int64_t timed_claim_ns(void)
{
	return watch.claim_ns;
}

int64_t timed_insert_ns(void)
{
	return watch.insert_ns;
}
