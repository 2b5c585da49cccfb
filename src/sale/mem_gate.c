/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate in memory: the meaning of gate.lua in C, without Redis.  Linear
 * searches; for tests.
 */
#include "config.h"

#include "sale/mem.h"
#include "base/bug.h"

#include <stdlib.h>

struct mem_lease {
	struct claim_id claim;
	uint32_t unit, slot;
	struct customer customer;
	int64_t deadline_ms;
};

struct mem_slot {
	struct customer customer;
	uint32_t n;
	struct claim_id claim;
};

/* A vector of equal items. */
struct vec {
	void *items;
	size_t n, room;
};

#define VEC_PUSH(vec, value)                                              \
	do {                                                              \
		vec_reserve((vec), sizeof(value));                        \
		memcpy((char *)(vec)->items + (vec)->n++ * sizeof(value), \
		    &(value), sizeof(value));                             \
	} while (0)

static void vec_reserve(struct vec *vec, size_t size)
{
	if (vec->n < vec->room)
		return;
	vec->room = vec->room == 0 ? 64 : vec->room * 2;
	vec->items = realloc(vec->items, vec->room * size);
	BUG_ON(vec->items == NULL);
}

static void vec_drop(struct vec *vec, size_t i, size_t size)
{
	char *at = (char *)vec->items + i * size;

	memmove(at, at + size, (vec->n - i - 1) * size);
	vec->n--;
}

/* The keys of one epoch of one sale. */
struct mem_epoch {
	struct gate_ref ref;
	struct vec free; /* uint32_t */
	struct vec lease; /* struct mem_lease, oldest deadline first */
	struct vec slot; /* struct mem_slot */
};

struct mem_meta {
	struct sale_id sale;
	uint32_t epoch, units, limit, forgot;
	unsigned run; /* of the server that published it */
};

struct mem_gate {
	const struct clock *clock;
	int64_t lease_ms;
	unsigned run;
	struct mem_epoch epochs[32];
	size_t nepochs;
	struct mem_meta metas[16];
	size_t nmetas;
};

struct mem_gate *mem_gate_new(const struct clock *clock, int64_t lease_ms)
{
	struct mem_gate *gate = calloc(1, sizeof(*gate));

	BUG_ON(gate == NULL);
	gate->clock = clock;
	gate->lease_ms = lease_ms;
	return gate;
}

static void epoch_clear(struct mem_epoch *epoch)
{
	free(epoch->free.items);
	free(epoch->lease.items);
	free(epoch->slot.items);
	memset(epoch, 0, sizeof(*epoch));
}

void mem_gate_flushall(struct mem_gate *gate)
{
	for (size_t i = 0; i < gate->nepochs; i++)
		epoch_clear(&gate->epochs[i]);
	gate->nepochs = 0;
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

static struct mem_epoch *epoch_of(struct mem_gate *gate, struct gate_ref ref)
{
	for (size_t i = 0; i < gate->nepochs; i++)
		if (gate->epochs[i].ref.sale.v == ref.sale.v &&
		    gate->epochs[i].ref.epoch == ref.epoch)
			return &gate->epochs[i];
	BUG_ON(gate->nepochs == ARRAY_LEN(gate->epochs));
	gate->epochs[gate->nepochs].ref = ref;
	return &gate->epochs[gate->nepochs++];
}

static struct mem_meta *meta_of(struct mem_gate *gate, struct sale_id sale)
{
	for (size_t i = 0; i < gate->nmetas; i++)
		if (gate->metas[i].sale.v == sale.v)
			return &gate->metas[i];
	return NULL;
}

void mem_gate_stuff(struct mem_gate *gate, struct sale_id sale, uint32_t unit)
{
	struct mem_meta *meta = meta_of(gate, sale);

	BUG_ON(meta == NULL);
	VEC_PUSH(
	    &epoch_of(gate, (struct gate_ref){sale, meta->epoch})->free, unit);
}

void mem_gate_restart(struct mem_gate *gate)
{
	gate->run++;
}

static void forgot_note(struct mem_gate *gate, struct gate_ref ref)
{
	struct mem_meta *meta = meta_of(gate, ref.sale);

	if (meta != NULL && meta->epoch == ref.epoch)
		meta->forgot++;
}

static int64_t gate_now_ms(struct mem_gate *gate)
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

static void lease_drop(struct mem_epoch *epoch, struct mem_lease *lease)
{
	vec_drop(&epoch->lease,
	    (size_t)(lease - (struct mem_lease *)epoch->lease.items),
	    sizeof(*lease));
}

static struct mem_slot *slot_find(
    struct mem_epoch *epoch, const struct customer *who, uint32_t n)
{
	struct mem_slot *slot = epoch->slot.items;

	for (size_t i = 0; i < epoch->slot.n; i++)
		if (slot[i].n == n && customer_eq(&slot[i].customer, who))
			return &slot[i];
	return NULL;
}

static void slot_set(struct mem_epoch *epoch, const struct customer *who,
    uint32_t n, const struct claim_id *claim)
{
	struct mem_slot *slot = slot_find(epoch, who, n);
	struct mem_slot fresh = {*who, n, *claim};

	if (slot != NULL)
		slot->claim = *claim;
	else
		VEC_PUSH(&epoch->slot, fresh);
}

/* Frees every slot of the customer that names this claim. */
static void slot_clear(struct mem_epoch *epoch, const struct customer *who,
    const struct claim_id *claim)
{
	for (size_t i = epoch->slot.n; i-- > 0;) {
		struct mem_slot *slot =
		    (struct mem_slot *)epoch->slot.items + i;

		if (customer_eq(&slot->customer, who) &&
		    claim_eq(&slot->claim, claim))
			vec_drop(&epoch->slot, i, sizeof(*slot));
	}
}

static bool slot_names(struct mem_epoch *epoch, const struct customer *who,
    const struct claim_id *claim)
{
	for (uint32_t n = 1; n <= SALE_PER_CUSTOMER_MAX; n++) {
		struct mem_slot *slot = slot_find(epoch, who, n);

		if (slot != NULL && claim_eq(&slot->claim, claim))
			return true;
	}
	return false;
}

/* A ticket for a chain member that the slot `claim` belongs to; false: none. */
static bool chain_match(struct mem_epoch *epoch,
    const struct claim_chain *chain, const struct claim_id *claim,
    struct gate_ticket *out)
{
	for (size_t i = 0; i < chain->n; i++) {
		struct mem_lease *lease;

		if (!claim_eq(&chain->id[i], claim))
			continue;
		lease = lease_find(epoch, claim);
		out->answer = lease != NULL ? GATE_SAME : GATE_MINE;
		out->attempt = i;
		out->unit = lease != NULL ? lease->unit : 0;
		out->slot = lease != NULL ? lease->slot : 0;
		return true;
	}
	return false;
}

static void claim_take(struct mem_gate *gate, struct mem_epoch *epoch,
    const struct claim_chain *chain, const struct customer *who,
    struct gate_ticket *out)
{
	struct mem_lease lease = {.claim = chain->id[0], .customer = *who};

	lease.slot = out->slot;
	lease.unit = *(uint32_t *)epoch->free.items;
	lease.deadline_ms = gate_now_ms(gate) + gate->lease_ms;
	vec_drop(&epoch->free, 0, sizeof(uint32_t));
	VEC_PUSH(&epoch->lease, lease);
	slot_set(epoch, who, lease.slot, &lease.claim);
	out->answer = GATE_TAKEN;
	out->unit = lease.unit;
	out->attempt = 0;
}

static void gone_or_soft(const struct mem_meta *meta,
    const struct mem_epoch *epoch, struct gate_ticket *out)
{
	out->answer = epoch->lease.n == 0 ? GATE_GONE : GATE_SOFT;
	out->units = meta->units;
}

static enum outcome gate_claim(void *ctx, struct gate_ref ref,
    const struct claim_chain *chain, const struct customer *who,
    int64_t deadline_ns, struct gate_ticket *out, struct err *err)
{
	struct mem_gate *gate = ctx;
	struct mem_meta *meta = meta_of(gate, ref.sale);
	struct mem_epoch *epoch = epoch_of(gate, ref);
	struct gate_ticket ticket = {0};

	(void)deadline_ns;
	(void)err;
	*out = ticket;
	if (meta == NULL || meta->epoch != ref.epoch) {
		out->answer = meta == NULL ? GATE_NO_SALE : GATE_EPOCH;
		out->epoch = meta == NULL ? 0 : meta->epoch;
		return OUT_DONE;
	}
	for (uint32_t n = meta->limit; n >= 1; n--) {
		struct mem_slot *slot = slot_find(epoch, who, n);

		if (slot == NULL)
			out->slot = n;
		else if (chain_match(epoch, chain, &slot->claim, out))
			return OUT_DONE;
		else
			out->slots_held++;
	}
	if (out->slots_held == meta->limit)
		out->answer = GATE_LIMIT;
	else if (epoch->free.n == 0)
		gone_or_soft(meta, epoch, out);
	else
		claim_take(gate, epoch, chain, who, out);
	return OUT_DONE;
}

static void gate_confirm(
    void *ctx, struct gate_ref ref, const struct claim_id *claim, uint32_t unit)
{
	struct mem_epoch *epoch = epoch_of(ctx, ref);
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
	struct mem_epoch *epoch = epoch_of(gate, ref);
	struct mem_meta *meta = meta_of(gate, ref.sale);
	struct mem_lease *lease = lease_find(epoch, claim);
	uint32_t unit;

	(void)deadline_ns;
	(void)err;
	if (why == GATE_RELEASE_VOID)
		slot_clear(epoch, who, claim);
	else
		forgot_note(gate, ref);
	if (lease == NULL)
		return OUT_DONE;
	unit = lease->unit;
	lease_drop(epoch, lease);
	if (meta != NULL && unit >= 1 && unit <= meta->units)
		VEC_PUSH(&epoch->free, unit);
	return OUT_DONE;
}

static enum outcome gate_heal(void *ctx, struct gate_ref ref,
    const struct claim_id *claim, const struct customer *who,
    const struct order *owner, int64_t deadline_ns, struct err *err)
{
	struct mem_epoch *epoch = epoch_of(ctx, ref);
	struct mem_lease *lease = lease_find(epoch, claim);

	(void)deadline_ns;
	(void)err;
	forgot_note(ctx, ref);
	if (lease == NULL || lease->unit != owner->unit)
		return OUT_DONE;
	lease_drop(epoch, lease);
	slot_clear(epoch, who, claim);
	slot_set(epoch, &owner->customer, owner->slot, &owner->claim);
	return OUT_DONE;
}

static enum outcome gate_rekey(void *ctx, struct gate_ref ref,
    const struct claim_id *from, const struct claim_id *to,
    const struct customer *who, int64_t deadline_ns, struct gate_ticket *out,
    struct err *err)
{
	struct mem_gate *gate = ctx;
	struct mem_epoch *epoch = epoch_of(gate, ref);
	struct mem_lease *old = lease_find(epoch, from);
	struct mem_lease *held = lease_find(epoch, to);

	memset(out, 0, sizeof(*out));
	if (held != NULL || slot_names(epoch, who, to)) {
		out->answer = held != NULL ? GATE_SAME : GATE_MINE;
		out->unit = held != NULL ? held->unit : 0;
		out->slot = held != NULL ? held->slot : 0;
		return gate_release(
		    ctx, ref, from, who, GATE_RELEASE_VOID, deadline_ns, err);
	}
	if (old == NULL) {
		out->answer = GATE_SOFT;
		return OUT_DONE;
	}
	old->claim = *to;
	old->deadline_ms = gate_now_ms(gate) + gate->lease_ms;
	slot_set(epoch, who, old->slot, to);
	out->answer = GATE_TAKEN;
	out->unit = old->unit;
	out->slot = old->slot;
	return OUT_DONE;
}

static struct gate_lease lease_show(
    struct mem_gate *gate, const struct mem_lease *lease)
{
	return (struct gate_lease){
	    .claim = lease->claim,
	    .unit = lease->unit,
	    .slot = lease->slot,
	    .customer = lease->customer,
	    .remaining_ms = lease->deadline_ms - gate_now_ms(gate),
	};
}

static int by_deadline(const void *a, const void *b)
{
	int64_t x = ((const struct gate_lease *)a)->remaining_ms;
	int64_t y = ((const struct gate_lease *)b)->remaining_ms;

	return (x > y) - (x < y);
}

static enum outcome gate_lease_scan(void *ctx, struct gate_ref ref,
    uint64_t *cursor, size_t max, int64_t deadline_ns, struct gate_lease *out,
    size_t *n, struct err *err)
{
	struct mem_gate *gate = ctx;
	struct mem_epoch *epoch = epoch_of(gate, ref);
	const struct mem_lease *lease = epoch->lease.items;

	(void)deadline_ns;
	(void)err;
	for (*n = 0; *n < max && *cursor < epoch->lease.n; ++*n, ++*cursor)
		out[*n] = lease_show(gate, &lease[*cursor]);
	if (*cursor >= epoch->lease.n)
		*cursor = 0;
	return OUT_DONE;
}

static enum outcome gate_leases(void *ctx, struct gate_ref ref, size_t max,
    int64_t deadline_ns, struct gate_lease *out, size_t *n, struct err *err)
{
	struct mem_gate *gate = ctx;
	size_t all = epoch_of(gate, ref)->lease.n;
	struct gate_lease *every = calloc(all + 1, sizeof(*every));
	uint64_t cursor = 0;

	BUG_ON(every == NULL);
	gate_lease_scan(ctx, ref, &cursor, all, deadline_ns, every, &all, err);
	qsort(every, all, sizeof(*every), by_deadline);
	*n = all < max ? all : max;
	memcpy(out, every, *n * sizeof(*out));
	free(every);
	return OUT_DONE;
}

static enum outcome gate_gauge(void *ctx, struct sale_id sale,
    int64_t deadline_ns, struct gate_gauge *out, struct err *err)
{
	struct mem_gate *gate = ctx;
	struct mem_meta *meta = meta_of(gate, sale);
	struct mem_epoch *epoch;

	(void)deadline_ns;
	(void)err;
	memset(out, 0, sizeof(*out));
	if (meta == NULL)
		return OUT_DONE;
	epoch = epoch_of(gate, (struct gate_ref){sale, meta->epoch});
	*out = (struct gate_gauge){.known = true,
	    .epoch = meta->epoch,
	    .units = meta->units,
	    .limit = meta->limit,
	    .free = epoch->free.n,
	    .leased = epoch->lease.n,
	    .forgot = meta->forgot,
	    .restarted = meta->run != gate->run};
	return OUT_DONE;
}

static enum outcome gate_seed(void *ctx, struct gate_ref ref,
    const uint32_t *units, size_t n, int64_t deadline_ns, struct err *err)
{
	struct mem_epoch *epoch = epoch_of(ctx, ref);

	(void)deadline_ns;
	(void)err;
	for (size_t i = 0; i < n; i++)
		VEC_PUSH(&epoch->free, units[i]);
	return OUT_DONE;
}

static enum outcome gate_own(void *ctx, struct gate_ref ref,
    const struct order *owners, size_t n, int64_t deadline_ns, struct err *err)
{
	struct mem_epoch *epoch = epoch_of(ctx, ref);

	(void)deadline_ns;
	(void)err;
	for (size_t i = 0; i < n; i++)
		slot_set(epoch, &owners[i].customer, owners[i].slot,
		    &owners[i].claim);
	forgot_note(ctx, ref);
	return OUT_DONE;
}

static enum outcome gate_publish(void *ctx, struct gate_ref ref,
    const struct gate_seeded *seeded, int64_t deadline_ns, struct err *err)
{
	struct mem_gate *gate = ctx;
	struct mem_meta *meta = meta_of(gate, ref.sale);
	struct mem_epoch *epoch = epoch_of(gate, ref);

	(void)deadline_ns;
	if (meta != NULL && meta->epoch > ref.epoch) {
		err_set(
		    err, 0, "the gate is of a later epoch, %u", meta->epoch);
		return OUT_NOT_DONE;
	}
	if ((meta == NULL || meta->epoch < ref.epoch) &&
	    (epoch->free.n != seeded->free ||
		epoch->slot.n != seeded->owners)) {
		err_set(err, 0, "the gate has lost what was seeded");
		return OUT_NOT_DONE;
	}
	if (meta == NULL) {
		BUG_ON(gate->nmetas == ARRAY_LEN(gate->metas));
		meta = &gate->metas[gate->nmetas++];
	}
	*meta = (struct mem_meta){
	    ref.sale, ref.epoch, seeded->units, seeded->limit, 0, gate->run};
	return OUT_DONE;
}

static enum outcome gate_discard(
    void *ctx, struct gate_ref ref, int64_t deadline_ns, struct err *err)
{
	struct mem_epoch *epoch = epoch_of(ctx, ref);

	(void)deadline_ns;
	(void)err;
	epoch_clear(epoch);
	epoch->ref = ref;
	return OUT_DONE;
}

static enum outcome gate_grow(void *ctx, struct gate_ref ref, uint32_t units,
    int64_t deadline_ns, uint32_t *done, struct err *err)
{
	struct mem_meta *meta = meta_of(ctx, ref.sale);

	(void)deadline_ns;
	if (meta == NULL || meta->epoch != ref.epoch) {
		err_set(err, 0, "the gate is of another epoch");
		return OUT_NOT_DONE;
	}
	while (meta->units < units) {
		uint32_t unit = ++meta->units;

		VEC_PUSH(&epoch_of(ctx, ref)->free, unit);
	}
	*done = meta->units;
	return OUT_DONE;
}

static enum outcome gate_shrink(void *ctx, struct gate_ref ref, uint32_t units,
    int64_t deadline_ns, uint32_t *done, struct err *err)
{
	struct mem_meta *meta = meta_of(ctx, ref.sale);
	struct mem_epoch *epoch = epoch_of(ctx, ref);

	(void)deadline_ns;
	if (meta == NULL || meta->epoch != ref.epoch) {
		err_set(err, 0, "the gate is of another epoch");
		return OUT_NOT_DONE;
	}
	for (; meta->units > units; meta->units--) {
		const uint32_t *unit = epoch->free.items;
		size_t i = 0;

		while (i < epoch->free.n && unit[i] != meta->units)
			i++;
		if (i < epoch->free.n)
			vec_drop(&epoch->free, i, sizeof(*unit));
	}
	*done = meta->units;
	return OUT_DONE;
}

static enum outcome gate_relimit(void *ctx, struct gate_ref ref, uint32_t limit,
    int64_t deadline_ns, struct err *err)
{
	struct mem_meta *meta = meta_of(ctx, ref.sale);

	(void)deadline_ns;
	if (meta == NULL || meta->epoch != ref.epoch) {
		err_set(err, 0, "the gate is of another epoch");
		return OUT_NOT_DONE;
	}
	meta->limit = limit;
	return OUT_DONE;
}

static enum outcome gate_free_list(void *ctx, struct gate_ref ref,
    uint64_t offset, size_t max, int64_t deadline_ns, uint32_t *units,
    size_t *n, struct err *err)
{
	struct mem_epoch *epoch = epoch_of(ctx, ref);
	const uint32_t *unit = epoch->free.items;

	(void)deadline_ns;
	(void)err;
	for (*n = 0; *n < max && offset + *n < epoch->free.n; ++*n)
		units[*n] = unit[offset + *n];
	return OUT_DONE;
}

struct gate_port mem_gate_port(struct mem_gate *gate)
{
	return (struct gate_port){
	    .claim = gate_claim,
	    .confirm = gate_confirm,
	    .flush = gate_flush,
	    .release = gate_release,
	    .heal = gate_heal,
	    .rekey = gate_rekey,
	    .leases = gate_leases,
	    .gauge = gate_gauge,
	    .seed = gate_seed,
	    .own = gate_own,
	    .publish = gate_publish,
	    .discard = gate_discard,
	    .grow = gate_grow,
	    .shrink = gate_shrink,
	    .relimit = gate_relimit,
	    .free_list = gate_free_list,
	    .lease_scan = gate_lease_scan,
	    .ctx = gate,
	};
}
