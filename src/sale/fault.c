/* SPDX-License-Identifier: Apache-2.0 */
/* Ports that fail on purpose: one wrapper a call, one decision for all. */
#include "config.h"

#include "sale/fault.h"
#include "base/bug.h"

static const char *const call_names[] = {
    [FAULT_GATE_CLAIM] = "gate claim",
    [FAULT_GATE_RELEASE] = "gate release",
    [FAULT_GATE_HEAL] = "gate heal",
    [FAULT_GATE_REKEY] = "gate rekey",
    [FAULT_GATE_LEASES] = "gate leases",
    [FAULT_GATE_GAUGE] = "gate gauge",
    [FAULT_GATE_SEED] = "gate seed",
    [FAULT_GATE_OWN] = "gate own",
    [FAULT_GATE_PUBLISH] = "gate publish",
    [FAULT_GATE_DISCARD] = "gate discard",
    [FAULT_GATE_FREE_LIST] = "gate free list",
    [FAULT_GATE_LEASE_SCAN] = "gate lease scan",
    [FAULT_GATE_ENQUEUE] = "gate enqueue",
    [FAULT_GATE_PENDING] = "gate pending",
    [FAULT_GATE_TAKE] = "gate take",
    [FAULT_GATE_SETTLED] = "gate settled",
    [FAULT_GATE_QUEUE_SCAN] = "gate queue scan",
    [FAULT_GATE_RETIRE] = "gate retire",
    [FAULT_GATE_TELL] = "gate tell",
    [FAULT_GATE_CARRY] = "gate carry",
    [FAULT_GATE_CONFIRM] = "gate confirm",
    [FAULT_LEDGER_READY] = "ledger ready",
    [FAULT_LEDGER_RECORD] = "ledger record",
    [FAULT_LEDGER_RECORD_BATCH] = "ledger record batch",
    [FAULT_LEDGER_BURY] = "ledger bury",
    [FAULT_LEDGER_VOID] = "ledger void",
    [FAULT_LEDGER_FIND] = "ledger find",
    [FAULT_LEDGER_FIND_UNIT] = "ledger find unit",
    [FAULT_LEDGER_FIND_CUSTOMER] = "ledger find customer",
    [FAULT_LEDGER_SALE] = "ledger sale",
    [FAULT_LEDGER_SOLD_AFTER] = "ledger sold after",
    [FAULT_LEDGER_EPOCH_BEGIN] = "ledger epoch begin",
    [FAULT_LEDGER_EPOCH_END] = "ledger epoch end",
};
_Static_assert(ARRAY_LEN(call_names) == FAULT_CALL_COUNT, "a name for each");

const char *fault_call_name(enum fault_call call)
{
	return call_names[call];
}

void fault_plan_add(struct fault_plan *plan, enum fault_call call, unsigned nth,
    enum fault_kind kind)
{
	BUG_ON(plan->n == FAULT_PLAN_MAX);
	plan->step[plan->n].call = call;
	plan->step[plan->n].nth = nth;
	plan->step[plan->n].kind = kind;
	plan->n++;
}

/* Counts the call and says what is to become of it. */
static enum fault_kind fault_next(
    struct fault_plan *plan, enum fault_call call, struct err *err)
{
	unsigned nth = ++plan->calls[call];
	enum fault_kind kind = FAULT_NONE;

	for (size_t i = 0; i < plan->n; i++) {
		if (plan->step[i].call != call ||
		    (plan->step[i].nth != 0 && plan->step[i].nth != nth))
			continue;
		if (err != NULL)
			err_set(err, 0, "planned fault, call %u", nth);
		return plan->step[i].kind;
	}
	if (plan->chance != NULL)
		kind = plan->chance(plan->chance_ctx, call);
	if (kind != FAULT_NONE && err != NULL)
		err_set(err, 0, "fault by chance, call %u", nth);
	return kind;
}

/*
 * Runs `expr` as the plan says.  The call's out-parameters are written even
 * when its answer is "lost": a caller that reads them has a bug, and the tests'
 * verdicts show it.
 */
#define FAULTY(call, expr) FAULTY_KIND(fault_next(plan, call, err), expr)
#define FAULTY_KIND(kind, expr)                                     \
	switch (kind) {                                             \
	case FAULT_NONE:                                            \
		return expr;                                        \
	case FAULT_NOT_DONE:                                        \
		return OUT_NOT_DONE;                                \
	case FAULT_UNKNOWN_APPLIED: {                               \
		enum outcome applied = expr;                        \
                                                                    \
		return applied == OUT_DONE ? OUT_UNKNOWN : applied; \
	}                                                           \
	case FAULT_UNKNOWN_NOT_APPLIED:                             \
		return OUT_UNKNOWN;                                 \
	case FAULT_STALE:                                           \
		break;                                              \
	}                                                           \
	BUG("no such fault")

static enum outcome fault_claim(void *ctx, struct gate_ref ref,
    const struct claim_chain *chain, const struct customer *who,
    int64_t deadline_ns, struct gate_ticket *out, struct err *err)
{
	struct fault_plan *plan = ctx;

	FAULTY(FAULT_GATE_CLAIM, plan->gate->claim(plan->gate->ctx, ref, chain,
				     who, deadline_ns, out, err));
}

static enum outcome fault_enqueue(void *ctx, struct gate_ref ref,
    const struct claim_chain *chain, size_t from, const struct customer *who,
    const struct order *draft, bool regardless, int64_t deadline_ns,
    struct gate_ticket *out, struct err *err)
{
	struct fault_plan *plan = ctx;

	FAULTY(FAULT_GATE_ENQUEUE,
	    plan->gate->enqueue(plan->gate->ctx, ref, chain, from, who, draft,
		regardless, deadline_ns, out, err));
}

static enum outcome fault_tell(void *ctx, struct gate_ref ref,
    const struct gate_terms *terms, uint32_t told, int64_t deadline_ns,
    bool *done, struct err *err)
{
	struct fault_plan *plan = ctx;

	FAULTY(FAULT_GATE_TELL, plan->gate->tell(plan->gate->ctx, ref, terms,
				    told, deadline_ns, done, err));
}

static enum outcome fault_pending(void *ctx, struct gate_ref ref,
    const struct customer *who, int64_t deadline_ns, struct order *out,
    size_t max, size_t *n, bool *known, struct err *err)
{
	struct fault_plan *plan = ctx;

	FAULTY(
	    FAULT_GATE_PENDING, plan->gate->pending(plan->gate->ctx, ref, who,
				    deadline_ns, out, max, n, known, err));
}

static enum outcome fault_take(void *ctx, struct gate_ref ref,
    const char *consumer, size_t max, int64_t idle_ms, int64_t deadline_ns,
    struct gate_entry *out, size_t *n, bool *known, struct err *err)
{
	struct fault_plan *plan = ctx;

	FAULTY(FAULT_GATE_TAKE,
	    plan->gate->take(plan->gate->ctx, ref, consumer, max, idle_ms,
		deadline_ns, out, n, known, err));
}

static enum outcome fault_settled(void *ctx, struct gate_ref ref,
    const struct gate_settled *settled, size_t n, int64_t deadline_ns,
    struct err *err)
{
	struct fault_plan *plan = ctx;

	FAULTY(FAULT_GATE_SETTLED, plan->gate->settled(plan->gate->ctx, ref,
				       settled, n, deadline_ns, err));
}

static enum outcome fault_queue_scan(void *ctx, struct gate_ref ref,
    struct gate_entry_id after, size_t max, int64_t deadline_ns,
    struct gate_entry *out, size_t *n, struct err *err)
{
	struct fault_plan *plan = ctx;

	FAULTY(
	    FAULT_GATE_QUEUE_SCAN, plan->gate->queue_scan(plan->gate->ctx, ref,
				       after, max, deadline_ns, out, n, err));
}

static enum outcome fault_retire(
    void *ctx, struct gate_ref ref, int64_t deadline_ns, struct err *err)
{
	struct fault_plan *plan = ctx;

	FAULTY(FAULT_GATE_RETIRE,
	    plan->gate->retire(plan->gate->ctx, ref, deadline_ns, err));
}

static enum outcome fault_carry(void *ctx, struct gate_ref ref,
    const struct order *orders, size_t n, int64_t deadline_ns,
    enum gate_carried *carried, struct err *err)
{
	struct fault_plan *plan = ctx;

	FAULTY(FAULT_GATE_CARRY, plan->gate->carry(plan->gate->ctx, ref, orders,
				     n, deadline_ns, carried, err));
}

static void fault_confirm(
    void *ctx, struct gate_ref ref, const struct claim_id *claim, uint32_t unit)
{
	struct fault_plan *plan = ctx;

	if (fault_next(plan, FAULT_GATE_CONFIRM, NULL) == FAULT_NONE)
		plan->gate->confirm(plan->gate->ctx, ref, claim, unit);
}

static void fault_flush(void *ctx)
{
	struct fault_plan *plan = ctx;

	plan->gate->flush(plan->gate->ctx);
}

static enum outcome fault_release(void *ctx, struct gate_ref ref,
    const struct claim_id *claim, const struct customer *who,
    enum gate_release why, int64_t deadline_ns, struct err *err)
{
	struct fault_plan *plan = ctx;

	FAULTY(FAULT_GATE_RELEASE, plan->gate->release(plan->gate->ctx, ref,
				       claim, who, why, deadline_ns, err));
}

static enum outcome fault_heal(void *ctx, struct gate_ref ref,
    const struct claim_id *claim, const struct customer *who,
    const struct order *owner, int64_t deadline_ns, struct err *err)
{
	struct fault_plan *plan = ctx;

	FAULTY(FAULT_GATE_HEAL, plan->gate->heal(plan->gate->ctx, ref, claim,
				    who, owner, deadline_ns, err));
}

static enum outcome fault_rekey(void *ctx, struct gate_ref ref,
    const struct claim_id *from, const struct claim_id *to,
    const struct customer *who, int64_t deadline_ns, struct gate_ticket *out,
    struct err *err)
{
	struct fault_plan *plan = ctx;

	FAULTY(FAULT_GATE_REKEY, plan->gate->rekey(plan->gate->ctx, ref, from,
				     to, who, deadline_ns, out, err));
}

static enum outcome fault_leases(void *ctx, struct gate_ref ref, size_t max,
    int64_t deadline_ns, struct gate_lease *out, size_t *n, struct err *err)
{
	struct fault_plan *plan = ctx;

	FAULTY(FAULT_GATE_LEASES, plan->gate->leases(plan->gate->ctx, ref, max,
				      deadline_ns, out, n, err));
}

static enum outcome fault_gauge(void *ctx, struct sale_id sale,
    int64_t deadline_ns, struct gate_gauge *out, struct err *err)
{
	struct fault_plan *plan = ctx;

	FAULTY(FAULT_GATE_GAUGE,
	    plan->gate->gauge(plan->gate->ctx, sale, deadline_ns, out, err));
}

static enum outcome fault_seed(void *ctx, struct gate_ref ref,
    const uint32_t *units, size_t n, int64_t deadline_ns, struct err *err)
{
	struct fault_plan *plan = ctx;

	FAULTY(FAULT_GATE_SEED,
	    plan->gate->seed(plan->gate->ctx, ref, units, n, deadline_ns, err));
}

static enum outcome fault_own(void *ctx, struct gate_ref ref,
    const struct order *owners, size_t n, int64_t deadline_ns, struct err *err)
{
	struct fault_plan *plan = ctx;

	FAULTY(FAULT_GATE_OWN,
	    plan->gate->own(plan->gate->ctx, ref, owners, n, deadline_ns, err));
}

static enum outcome fault_publish(void *ctx, struct gate_ref ref,
    const struct gate_seeded *seeded, int64_t deadline_ns, struct err *err)
{
	struct fault_plan *plan = ctx;

	FAULTY(FAULT_GATE_PUBLISH, plan->gate->publish(plan->gate->ctx, ref,
				       seeded, deadline_ns, err));
}

static enum outcome fault_discard(
    void *ctx, struct gate_ref ref, int64_t deadline_ns, struct err *err)
{
	struct fault_plan *plan = ctx;

	FAULTY(FAULT_GATE_DISCARD,
	    plan->gate->discard(plan->gate->ctx, ref, deadline_ns, err));
}

static enum outcome fault_free_list(void *ctx, struct gate_ref ref,
    uint64_t offset, size_t max, int64_t deadline_ns, uint32_t *units,
    size_t *n, struct err *err)
{
	struct fault_plan *plan = ctx;

	FAULTY(
	    FAULT_GATE_FREE_LIST, plan->gate->free_list(plan->gate->ctx, ref,
				      offset, max, deadline_ns, units, n, err));
}

static enum outcome fault_lease_scan(void *ctx, struct gate_ref ref,
    uint64_t *cursor, size_t max, int64_t deadline_ns, struct gate_lease *out,
    size_t *n, struct err *err)
{
	struct fault_plan *plan = ctx;

	FAULTY(
	    FAULT_GATE_LEASE_SCAN, plan->gate->lease_scan(plan->gate->ctx, ref,
				       cursor, max, deadline_ns, out, n, err));
}

static enum outcome fault_ready(void *ctx, int64_t deadline_ns, struct err *err)
{
	struct fault_plan *plan = ctx;

	FAULTY(FAULT_LEDGER_READY,
	    plan->ledger->ready(plan->ledger->ctx, deadline_ns, err));
}

static enum outcome fault_record(void *ctx, const struct order *order,
    int64_t deadline_ns, enum ledger_record *out, struct err *err)
{
	struct fault_plan *plan = ctx;

	FAULTY(FAULT_LEDGER_RECORD, plan->ledger->record(plan->ledger->ctx,
					order, deadline_ns, out, err));
}

static enum outcome fault_record_batch(void *ctx, struct gate_ref ref,
    const struct order *orders, size_t n, int64_t deadline_ns,
    enum ledger_record *out, struct err *err)
{
	struct fault_plan *plan = ctx;

	FAULTY(FAULT_LEDGER_RECORD_BATCH,
	    plan->ledger->record_batch(
		plan->ledger->ctx, ref, orders, n, deadline_ns, out, err));
}

static enum outcome fault_bury(void *ctx, struct gate_ref ref,
    const struct dead_letter *letter, int64_t deadline_ns, struct err *err)
{
	struct fault_plan *plan = ctx;

	FAULTY(FAULT_LEDGER_BURY, plan->ledger->bury(plan->ledger->ctx, ref,
				      letter, deadline_ns, err));
}

static enum outcome fault_void(void *ctx, struct gate_ref ref,
    const struct order *claims, size_t n, int64_t deadline_ns, struct err *err)
{
	struct fault_plan *plan = ctx;

	FAULTY(FAULT_LEDGER_VOID, plan->ledger->void_claims(plan->ledger->ctx,
				      ref, claims, n, deadline_ns, err));
}

static enum outcome fault_find(void *ctx, const struct claim_id *claims,
    size_t n, int64_t deadline_ns, struct order *out, size_t *found,
    struct err *err)
{
	struct fault_plan *plan = ctx;
	enum fault_kind kind = fault_next(plan, FAULT_LEDGER_FIND, err);

	if (kind == FAULT_STALE) {
		*found = 0;
		return OUT_DONE;
	}
	FAULTY_KIND(kind, plan->ledger->find(plan->ledger->ctx, claims, n,
			      deadline_ns, out, found, err));
}

static enum outcome fault_find_unit(void *ctx, struct sale_id sale,
    uint32_t unit, int64_t deadline_ns, struct order *out, bool *found,
    struct err *err)
{
	struct fault_plan *plan = ctx;

	FAULTY(FAULT_LEDGER_FIND_UNIT,
	    plan->ledger->find_unit(
		plan->ledger->ctx, sale, unit, deadline_ns, out, found, err));
}

static enum outcome fault_find_customer(void *ctx, struct sale_id sale,
    const struct customer *who, int64_t deadline_ns, struct order *out,
    size_t max, size_t *n, struct err *err)
{
	struct fault_plan *plan = ctx;

	FAULTY(FAULT_LEDGER_FIND_CUSTOMER,
	    plan->ledger->find_customer(
		plan->ledger->ctx, sale, who, deadline_ns, out, max, n, err));
}

static enum outcome fault_sale(void *ctx, struct sale_id id,
    int64_t deadline_ns, struct sale *out, bool *found, struct wall *now,
    struct err *err)
{
	struct fault_plan *plan = ctx;

	FAULTY(FAULT_LEDGER_SALE, plan->ledger->sale(plan->ledger->ctx, id,
				      deadline_ns, out, found, now, err));
}

static enum outcome fault_epoch_begin(void *ctx, const struct sale *seen,
    enum sale_state during, int64_t deadline_ns, bool *won, struct err *err)
{
	struct fault_plan *plan = ctx;

	FAULTY(FAULT_LEDGER_EPOCH_BEGIN,
	    plan->ledger->epoch_begin(
		plan->ledger->ctx, seen, during, deadline_ns, won, err));
}

static enum outcome fault_epoch_end(void *ctx, struct sale_id id,
    uint32_t epoch, enum sale_state state, int64_t deadline_ns, bool *won,
    struct err *err)
{
	struct fault_plan *plan = ctx;

	FAULTY(FAULT_LEDGER_EPOCH_END,
	    plan->ledger->epoch_end(
		plan->ledger->ctx, id, epoch, state, deadline_ns, won, err));
}

static enum outcome fault_sold_after(void *ctx, struct sale_id sale,
    uint32_t after, int64_t deadline_ns, struct order *out, size_t max,
    size_t *n, struct err *err)
{
	struct fault_plan *plan = ctx;

	FAULTY(FAULT_LEDGER_SOLD_AFTER,
	    plan->ledger->sold_after(
		plan->ledger->ctx, sale, after, deadline_ns, out, max, n, err));
}

struct gate_port fault_gate_port(struct fault_plan *plan)
{
	return (struct gate_port){
	    .claim = fault_claim,
	    .enqueue = fault_enqueue,
	    .pending = fault_pending,
	    .take = fault_take,
	    .settled = fault_settled,
	    .queue_scan = fault_queue_scan,
	    .retire = fault_retire,
	    .tell = fault_tell,
	    .carry = fault_carry,
	    .confirm = fault_confirm,
	    .flush = fault_flush,
	    .release = fault_release,
	    .heal = fault_heal,
	    .rekey = fault_rekey,
	    .leases = fault_leases,
	    .gauge = fault_gauge,
	    .seed = fault_seed,
	    .own = fault_own,
	    .publish = fault_publish,
	    .discard = fault_discard,
	    .free_list = fault_free_list,
	    .lease_scan = fault_lease_scan,
	    .ctx = plan,
	};
}

struct ledger_port fault_ledger_port(struct fault_plan *plan)
{
	return (struct ledger_port){
	    .ready = fault_ready,
	    .record = fault_record,
	    .record_batch = fault_record_batch,
	    .bury = fault_bury,
	    .void_claims = fault_void,
	    .find = fault_find,
	    .find_unit = fault_find_unit,
	    .find_customer = fault_find_customer,
	    .sale = fault_sale,
	    .sold_after = fault_sold_after,
	    .epoch_begin = fault_epoch_begin,
	    .epoch_end = fault_epoch_end,
	    .ctx = plan,
	};
}
