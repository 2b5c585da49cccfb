/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate in memory: the meaning of gate.lua in C, without Redis.  Linear
 * searches; for tests.  Here who gets in; mem_gate_build.c has the rest.
 */
#include "config.h"

#include "sale/mem_gate_int.h"
#include "base/bug.h"

#include <stdlib.h>

void mem_vec_reserve(struct vec *vec, size_t size)
{
	if (vec->n < vec->room)
		return;
	vec->room = vec->room == 0 ? 64 : vec->room * 2;
	vec->items = realloc(vec->items, vec->room * size);
	BUG_ON(vec->items == NULL);
}

void mem_vec_drop(struct vec *vec, size_t i, size_t size)
{
	char *at = (char *)vec->items + i * size;

	memmove(at, at + size, (vec->n - i - 1) * size);
	vec->n--;
}

struct mem_gate *mem_gate_new(const struct clock *clock, int64_t lease_ms)
{
	struct mem_gate *gate = calloc(1, sizeof(*gate));

	BUG_ON(gate == NULL);
	gate->clock = clock;
	gate->lease_ms = lease_ms;
	return gate;
}

void mem_epoch_clear(struct mem_epoch *epoch)
{
	free(epoch->free.items);
	free(epoch->lease.items);
	free(epoch->slot.items);
	free(epoch->accepted.items);
	free(epoch->queue.items);
	free(epoch->spent.items);
	memset(epoch, 0, sizeof(*epoch));
}

void mem_gate_flushall(struct mem_gate *gate)
{
	for (size_t i = 0; i < gate->nepochs; i++)
		mem_epoch_clear(&gate->epochs[i]);
	gate->nepochs = 0;
	for (size_t i = 0; i < gate->nmetas; i++)
		free(gate->metas[i].away.items);
	gate->nmetas = 0;
}

void mem_gate_free(struct mem_gate **gate)
{
	if (*gate == NULL)
		return;
	mem_gate_flushall(*gate);
	free(*gate);
	*gate = NULL;
}

/* No keys: as if it had never been. */
static bool epoch_is_empty(struct mem_gate *gate, const struct mem_epoch *epoch)
{
	return epoch->free.n + epoch->lease.n + epoch->slot.n +
		       epoch->accepted.n + epoch->queue.n + epoch->spent.n ==
		   0 &&
	       mem_meta_at(gate, epoch->ref) == NULL;
}

struct mem_epoch *mem_epoch_of(struct mem_gate *gate, struct gate_ref ref)
{
	for (size_t i = 0; i < gate->nepochs; i++)
		if (gate->epochs[i].ref.sale.v == ref.sale.v &&
		    gate->epochs[i].ref.epoch == ref.epoch)
			return &gate->epochs[i];
	if (gate->nepochs < ARRAY_LEN(gate->epochs)) {
		gate->epochs[gate->nepochs].ref = ref;
		return &gate->epochs[gate->nepochs++];
	}
	for (size_t i = 0; i < gate->nepochs; i++)
		if (epoch_is_empty(gate, &gate->epochs[i])) {
			mem_epoch_clear(&gate->epochs[i]);
			gate->epochs[i].ref = ref;
			return &gate->epochs[i];
		}
	BUG("more epochs than this gate has room for");
}

struct mem_meta *mem_meta_of(struct mem_gate *gate, struct sale_id sale)
{
	for (size_t i = 0; i < gate->nmetas; i++)
		if (gate->metas[i].sale.v == sale.v && gate->metas[i].epoch > 0)
			return &gate->metas[i];
	return NULL;
}

struct mem_meta *mem_meta_at(struct mem_gate *gate, struct gate_ref ref)
{
	struct mem_meta *meta = mem_meta_of(gate, ref.sale);

	return meta != NULL && meta->epoch == ref.epoch ? meta : NULL;
}

bool mem_away_end(struct mem_meta *meta, uint32_t unit)
{
	const uint32_t *away = meta->away.items;

	for (size_t i = 0; i < meta->away.n; i++)
		if (away[i] == unit) {
			mem_vec_drop(&meta->away, i, sizeof(*away));
			return true;
		}
	return false;
}

void mem_gate_stuff(struct mem_gate *gate, struct sale_id sale, uint32_t unit)
{
	struct mem_meta *meta = mem_meta_of(gate, sale);

	BUG_ON(meta == NULL);
	VEC_PUSH(
	    &mem_epoch_of(gate, (struct gate_ref){sale, meta->epoch})->free,
	    unit);
}

void mem_gate_restart(struct mem_gate *gate)
{
	gate->run++;
}

void mem_forgot_note(struct mem_gate *gate, struct gate_ref ref)
{
	struct mem_meta *meta = mem_meta_at(gate, ref);

	if (meta != NULL)
		meta->forgot++;
}

int64_t mem_now_ms(struct mem_gate *gate)
{
	return gate->clock->wall(gate->clock->ctx).us / 1000;
}

static struct mem_lease *lease_find(
    struct mem_epoch *epoch, const struct claim_id *claim)
{
	struct mem_lease *lease = epoch->lease.items;

	for (size_t i = 0; i < epoch->lease.n; i++)
		if (claim_eq(&lease[i].claim, claim))
			return &lease[i];
	return NULL;
}

bool mem_is_leased(struct mem_epoch *epoch, const struct claim_id *claim)
{
	return lease_find(epoch, claim) != NULL;
}

static void lease_drop(struct mem_epoch *epoch, struct mem_lease *lease)
{
	mem_vec_drop(&epoch->lease,
	    (size_t)(lease - (struct mem_lease *)epoch->lease.items),
	    sizeof(*lease));
}

struct mem_slot *mem_slot_find(
    struct mem_epoch *epoch, const struct customer *who, uint32_t n)
{
	struct mem_slot *slot = epoch->slot.items;

	for (size_t i = 0; i < epoch->slot.n; i++)
		if (slot[i].n == n && customer_eq(&slot[i].customer, who))
			return &slot[i];
	return NULL;
}

void mem_slot_set(struct mem_epoch *epoch, const struct customer *who,
    uint32_t n, const struct claim_id *claim)
{
	struct mem_slot *slot = mem_slot_find(epoch, who, n);
	struct mem_slot fresh = {*who, n, *claim};

	if (slot != NULL)
		slot->claim = *claim;
	else
		VEC_PUSH(&epoch->slot, fresh);
}

bool mem_slot_is(struct mem_epoch *epoch, const struct order *owner)
{
	const struct mem_slot *slot =
	    mem_slot_find(epoch, &owner->customer, owner->slot);

	return slot != NULL && claim_eq(&slot->claim, &owner->claim);
}

void mem_slot_clear(struct mem_epoch *epoch, const struct customer *who,
    const struct claim_id *claim)
{
	for (size_t i = epoch->slot.n; i-- > 0;) {
		struct mem_slot *slot =
		    (struct mem_slot *)epoch->slot.items + i;

		if (customer_eq(&slot->customer, who) &&
		    claim_eq(&slot->claim, claim))
			mem_vec_drop(&epoch->slot, i, sizeof(*slot));
	}
}

static bool slot_names(struct mem_epoch *epoch, const struct customer *who,
    uint32_t limit, const struct claim_id *claim)
{
	for (uint32_t n = 1; n <= limit; n++) {
		struct mem_slot *slot = mem_slot_find(epoch, who, n);

		if (slot != NULL && claim_eq(&slot->claim, claim))
			return true;
	}
	return false;
}

/* Answers for a claim that has a record. */
static bool record_match(struct mem_epoch *epoch, const struct claim_id *claim,
    struct gate_ticket *out)
{
	const struct mem_accepted *accepted = mem_accepted_find(epoch, claim);
	const struct mem_lease *lease = lease_find(epoch, claim);

	if (accepted != NULL) {
		out->answer = GATE_QUEUED;
		out->queued = mem_accepted_order(epoch, accepted);
	} else if (lease != NULL) {
		out->answer = GATE_SAME;
		out->unit = lease->unit;
		out->slot = lease->slot;
	}
	return accepted != NULL || lease != NULL;
}

/* Answers for the first of the chain that holds a unit, or has it for good. */
static bool chain_match(struct mem_epoch *epoch,
    const struct claim_chain *chain, const struct customer *who, uint32_t limit,
    struct gate_ticket *out)
{
	for (size_t i = 0; i < chain->n; i++)
		if (record_match(epoch, &chain->id[i], out)) {
			out->attempt = i;
			return true;
		}
	for (size_t i = 0; i < chain->n; i++)
		if (slot_names(epoch, who, limit, &chain->id[i])) {
			out->answer = GATE_MINE;
			out->attempt = i;
			return true;
		}
	return false;
}

uint32_t mem_unit_pop(struct mem_epoch *epoch, struct mem_meta *meta)
{
	while (epoch->free.n > 0) {
		uint32_t unit = *(uint32_t *)epoch->free.items;

		mem_vec_drop(&epoch->free, 0, sizeof(unit));
		if (unit >= 1 && unit <= meta->units)
			return unit;
		meta->dropped++;
		mem_away_end(meta, unit);
	}
	return 0;
}

void mem_unit_return(
    struct mem_epoch *epoch, struct mem_meta *meta, uint32_t unit)
{
	if (meta == NULL || unit <= meta->units)
		VEC_PUSH(&epoch->free, unit);
	else
		mem_away_end(meta, unit);
}

static enum gate_answer nothing_left(const struct mem_gate *gate,
    const struct mem_meta *meta, const struct mem_epoch *epoch,
    struct gate_ticket *out)
{
	bool may_have_forgotten = meta->forgot > 0 || meta->run != gate->run;

	out->units = meta->units;
	out->waiting = epoch->queue.n > 0;
	if (epoch->lease.n > 0 || (out->waiting && may_have_forgotten))
		return GATE_SOFT;
	return GATE_GONE;
}

bool mem_claim_check(struct mem_gate *gate, struct gate_ref ref,
    const struct claim_chain *chain, const struct customer *who,
    struct gate_ticket *out)
{
	struct mem_meta *meta = mem_meta_of(gate, ref.sale);
	struct mem_epoch *epoch = mem_epoch_of(gate, ref);

	memset(out, 0, sizeof(*out));
	if (meta == NULL || meta->epoch != ref.epoch || meta->retired != 0) {
		out->answer = meta == NULL ? GATE_NO_SALE : GATE_EPOCH;
		if (meta != NULL)
			out->epoch =
			    meta->retired != 0 ? meta->retired : meta->epoch;
		/* A ledger that has lost the later epoch tells nobody of it. */
		if (meta != NULL && meta->forgot == 0)
			mem_forgot_note(gate, ref);
		return false;
	}
	if (chain_match(epoch, chain, who, meta->limit, out))
		return false;
	for (uint32_t n = meta->limit; n >= 1; n--)
		if (mem_slot_find(epoch, who, n) == NULL)
			out->slot = n;
		else
			out->slots_held++;
	if (out->slot == 0)
		out->answer = GATE_LIMIT;
	else if (epoch->free.n == 0)
		out->answer = nothing_left(gate, meta, epoch, out);
	else
		return true;
	return false;
}

static enum outcome gate_claim(void *ctx, struct gate_ref ref,
    const struct claim_chain *chain, const struct customer *who,
    int64_t deadline_ns, struct gate_ticket *out, struct err *err)
{
	struct mem_gate *gate = ctx;
	struct mem_epoch *epoch = mem_epoch_of(gate, ref);
	struct mem_lease lease = {.claim = chain->id[0], .customer = *who};

	(void)deadline_ns;
	(void)err;
	if (!mem_claim_check(gate, ref, chain, who, out))
		return OUT_DONE;
	lease.slot = out->slot;
	lease.unit = mem_unit_pop(epoch, mem_meta_of(gate, ref.sale));
	if (lease.unit == 0) {
		out->answer = GATE_SOFT;
		return OUT_DONE;
	}
	lease.deadline_ms = mem_now_ms(gate) + gate->lease_ms;
	VEC_PUSH(&epoch->lease, lease);
	mem_slot_set(epoch, who, lease.slot, &lease.claim);
	out->answer = GATE_TAKEN;
	out->unit = lease.unit;
	out->attempt = 0;
	return OUT_DONE;
}

static void gate_confirm(
    void *ctx, struct gate_ref ref, const struct claim_id *claim, uint32_t unit)
{
	struct mem_epoch *epoch = mem_epoch_of(ctx, ref);
	struct mem_lease *lease = lease_find(epoch, claim);

	if (lease != NULL && lease->unit == unit)
		lease_drop(epoch, lease);
}

static void gate_flush(void *ctx)
{
	(void)ctx;
}

static enum outcome gate_release(void *ctx, struct gate_ref ref,
    const struct claim_id *claim, const struct customer *who,
    enum gate_release why, int64_t deadline_ns, struct err *err)
{
	struct mem_gate *gate = ctx;
	struct mem_epoch *epoch = mem_epoch_of(gate, ref);
	struct mem_meta *meta = mem_meta_at(gate, ref);
	struct mem_lease *lease = lease_find(epoch, claim);
	uint32_t unit;

	(void)deadline_ns;
	(void)err;
	if (why == GATE_RELEASE_ELSEWHERE)
		mem_forgot_note(gate, ref);
	if (mem_accepted_find(epoch, claim) != NULL)
		return OUT_DONE;
	if (why == GATE_RELEASE_VOID)
		mem_slot_clear(
		    epoch, lease != NULL ? &lease->customer : who, claim);
	if (why == GATE_RELEASE_VOID && meta != NULL)
		mem_spent_note(epoch, claim);
	if (lease == NULL)
		return OUT_DONE;
	unit = lease->unit;
	lease_drop(epoch, lease);
	mem_unit_return(epoch, meta, unit);
	return OUT_DONE;
}

static enum outcome gate_heal(void *ctx, struct gate_ref ref,
    const struct claim_id *claim, const struct customer *who,
    const struct order *owner, int64_t deadline_ns, struct err *err)
{
	struct mem_epoch *epoch = mem_epoch_of(ctx, ref);
	struct mem_lease *lease = lease_find(epoch, claim);
	bool drops = lease != NULL && lease->unit == owner->unit;
	bool knew = mem_slot_is(epoch, owner);

	(void)deadline_ns;
	(void)err;
	(void)who;
	if (mem_meta_at(ctx, ref) == NULL)
		return OUT_DONE;
	if (drops) {
		mem_slot_clear(epoch, &lease->customer, claim);
		lease_drop(epoch, lease);
	}
	mem_slot_set(epoch, &owner->customer, owner->slot, &owner->claim);
	if (drops || !knew)
		mem_forgot_note(ctx, ref);
	return OUT_DONE;
}

/* False: the gate is of another epoch, or none, and `out` says so. */
static bool epoch_check(
    struct mem_gate *gate, struct gate_ref ref, struct gate_ticket *out)
{
	const struct mem_meta *meta = mem_meta_of(gate, ref.sale);

	if (meta != NULL && meta->epoch == ref.epoch)
		return true;
	out->answer = meta == NULL ? GATE_NO_SALE : GATE_EPOCH;
	out->epoch = meta == NULL ? 0 : meta->epoch;
	return false;
}

static enum outcome gate_rekey(void *ctx, struct gate_ref ref,
    const struct claim_id *from, const struct claim_id *to,
    const struct customer *who, int64_t deadline_ns, struct gate_ticket *out,
    struct err *err)
{
	struct mem_gate *gate = ctx;
	struct mem_epoch *epoch = mem_epoch_of(gate, ref);
	struct mem_lease *old = lease_find(epoch, from);
	struct claim_chain only = {.id = {*to}, .n = 1};
	const struct mem_slot *slot;

	memset(out, 0, sizeof(*out));
	if (!epoch_check(gate, ref, out))
		return OUT_DONE;
	mem_spent_note(epoch, from);
	if (chain_match(epoch, &only, who, SALE_PER_CUSTOMER_MAX, out))
		return gate_release(
		    ctx, ref, from, who, GATE_RELEASE_VOID, deadline_ns, err);
	if (old == NULL) {
		out->answer = GATE_SOFT;
		return OUT_DONE;
	}
	/* A slot that meanwhile names somebody else is a sold order's. */
	slot = mem_slot_find(epoch, &old->customer, old->slot);
	if (slot == NULL || claim_eq(&slot->claim, from))
		mem_slot_set(epoch, &old->customer, old->slot, to);
	old->claim = *to;
	old->deadline_ms = mem_now_ms(gate) + gate->lease_ms;
	out->answer = GATE_TAKEN;
	out->unit = old->unit;
	out->slot = old->slot;
	return OUT_DONE;
}

struct gate_port mem_gate_port(struct mem_gate *gate)
{
	struct gate_port port = {
	    .claim = gate_claim,
	    .confirm = gate_confirm,
	    .flush = gate_flush,
	    .release = gate_release,
	    .heal = gate_heal,
	    .rekey = gate_rekey,
	    .ctx = gate,
	};

	mem_gate_port_queue(&port);
	mem_gate_port_build(&port);
	return port;
}
