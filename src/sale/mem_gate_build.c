/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate in memory: a gate is seeded, published, changed, unlinked, and read
 * in pieces.
 */
#include "config.h"

#include "sale/mem_gate_int.h"
#include "base/bug.h"

#include <stdlib.h>

/* Units that one call of the real gate moves. */
#define GROW_MAX   1000
#define SHRINK_MAX 64

/* ---- building ------------------------------------------------------------------ */

bool mem_is_published(
    struct mem_gate *gate, struct gate_ref ref, struct err *err)
{
	struct mem_meta *meta = mem_meta_of(gate, ref.sale);

	if (meta == NULL || meta->epoch < ref.epoch)
		return false;
	err_set(err, 0, "epoch %u is in use", meta->epoch);
	return true;
}

static enum outcome gate_seed(void *ctx, struct gate_ref ref,
    const uint32_t *units, size_t n, int64_t deadline_ns, struct err *err)
{
	struct mem_epoch *epoch = mem_epoch_of(ctx, ref);

	(void)deadline_ns;
	if (mem_is_published(ctx, ref, err))
		return OUT_NOT_DONE;
	/* The chunk whose answer was lost comes a second time. */
	if (n > 0 && epoch->free.n > 0 &&
	    ((uint32_t *)epoch->free.items)[epoch->free.n - 1] == units[n - 1])
		return OUT_DONE;
	for (size_t i = 0; i < n; i++)
		VEC_PUSH(&epoch->free, units[i]);
	return OUT_DONE;
}

static enum outcome gate_own(void *ctx, struct gate_ref ref,
    const struct order *owners, size_t n, int64_t deadline_ns, struct err *err)
{
	struct mem_epoch *epoch = mem_epoch_of(ctx, ref);
	bool knew_all = true;

	(void)deadline_ns;
	if (mem_is_published(ctx, ref, err) && mem_meta_at(ctx, ref) == NULL)
		return OUT_NOT_DONE;
	for (size_t i = 0; i < n; i++) {
		knew_all = knew_all && mem_slot_is(epoch, &owners[i]);
		mem_slot_set(epoch, &owners[i].customer, owners[i].slot,
		    &owners[i].claim);
	}
	if (!knew_all)
		mem_forgot_note(ctx, ref);
	return OUT_DONE;
}

static struct mem_meta *meta_make(struct mem_gate *gate, struct sale_id sale)
{
	for (size_t i = 0; i < gate->nmetas; i++)
		if (gate->metas[i].sale.v == sale.v)
			return &gate->metas[i];
	BUG_ON(gate->nmetas == ARRAY_LEN(gate->metas));
	gate->metas[gate->nmetas] = (struct mem_meta){.sale = sale};
	return &gate->metas[gate->nmetas++];
}

static enum outcome gate_retire(
    void *ctx, struct gate_ref ref, int64_t deadline_ns, struct err *err)
{
	struct mem_meta *meta;

	(void)deadline_ns;
	if (mem_is_published(ctx, ref, err))
		return OUT_NOT_DONE;
	meta = meta_make(ctx, ref.sale);
	if (ref.epoch > meta->retired)
		meta->retired = ref.epoch;
	return OUT_DONE;
}

static enum outcome gate_publish(void *ctx, struct gate_ref ref,
    const struct gate_seeded *seeded, int64_t deadline_ns, struct err *err)
{
	struct mem_gate *gate = ctx;
	struct mem_epoch *epoch = mem_epoch_of(gate, ref);
	struct mem_meta *meta;

	(void)deadline_ns;
	/* It has sold since its answer was lost, and has notes to keep. */
	if (mem_meta_at(gate, ref) != NULL)
		return OUT_DONE;
	if (mem_is_published(gate, ref, err))
		return OUT_NOT_DONE;
	if (epoch->free.n != seeded->free ||
	    epoch->slot.n != seeded->owners + seeded->waiting ||
	    epoch->queue.n != seeded->waiting) {
		err_set(err, 0, "the gate has lost what was seeded");
		return OUT_NOT_DONE;
	}
	meta = meta_make(gate, ref.sale);
	if (meta->retired > ref.epoch) {
		err_set(err, 0, "epoch %u is being made", meta->retired);
		return OUT_NOT_DONE;
	}
	if (seeded->retired && meta->retired != ref.epoch) {
		err_set(err, 0, "the gate has lost that it was retired");
		return OUT_NOT_DONE;
	}
	free(meta->away.items);
	*meta = (struct mem_meta){.sale = ref.sale,
	    .epoch = ref.epoch,
	    .units = seeded->units,
	    .limit = seeded->limit,
	    .run = gate->run};
	return OUT_DONE;
}

static enum outcome gate_discard(
    void *ctx, struct gate_ref ref, int64_t deadline_ns, struct err *err)
{
	struct mem_epoch *epoch = mem_epoch_of(ctx, ref);

	(void)deadline_ns;
	if (mem_meta_at(ctx, ref) != NULL) {
		err_set(err, 0, "epoch %u is in use", ref.epoch);
		return OUT_NOT_DONE;
	}
	mem_epoch_clear(epoch);
	epoch->ref = ref;
	return OUT_DONE;
}

/* A unit that is away stays with its claim. */
static enum outcome gate_grow(void *ctx, struct gate_ref ref, uint32_t units,
    int64_t deadline_ns, uint32_t *done, struct err *err)
{
	struct mem_meta *meta = mem_meta_at(ctx, ref);

	(void)deadline_ns;
	if (meta == NULL) {
		err_set(err, 0, "the gate is of another epoch");
		return OUT_NOT_DONE;
	}
	for (int i = 0; i < GROW_MAX && meta->units < units; i++) {
		uint32_t unit = ++meta->units;

		if (!mem_away_end(meta, unit))
			VEC_PUSH(&mem_epoch_of(ctx, ref)->free, unit);
	}
	*done = meta->units;
	return OUT_DONE;
}

static bool unit_remove(struct mem_epoch *epoch, uint32_t unit)
{
	const uint32_t *free = epoch->free.items;

	for (size_t i = 0; i < epoch->free.n; i++)
		if (free[i] == unit) {
			mem_vec_drop(&epoch->free, i, sizeof(unit));
			return true;
		}
	return false;
}

static enum outcome gate_shrink(void *ctx, struct gate_ref ref, uint32_t units,
    int64_t deadline_ns, uint32_t *done, struct err *err)
{
	struct mem_meta *meta = mem_meta_at(ctx, ref);

	(void)deadline_ns;
	if (meta == NULL) {
		err_set(err, 0, "the gate is of another epoch");
		return OUT_NOT_DONE;
	}
	for (int i = 0; i < SHRINK_MAX && meta->units > units;
	     i++, meta->units--)
		if (!unit_remove(mem_epoch_of(ctx, ref), meta->units))
			VEC_PUSH(&meta->away, meta->units);
	*done = meta->units;
	return OUT_DONE;
}

static enum outcome gate_relimit(void *ctx, struct gate_ref ref, uint32_t limit,
    int64_t deadline_ns, struct err *err)
{
	struct mem_meta *meta = mem_meta_at(ctx, ref);

	(void)deadline_ns;
	if (meta == NULL) {
		err_set(err, 0, "the gate is of another epoch");
		return OUT_NOT_DONE;
	}
	meta->limit = limit;
	return OUT_DONE;
}

static enum outcome gate_tell(void *ctx, struct gate_ref ref,
    const struct gate_terms *terms, uint32_t told, int64_t deadline_ns,
    bool *done, struct err *err)
{
	struct mem_meta *meta = mem_meta_at(ctx, ref);

	(void)deadline_ns;
	if (meta == NULL) {
		err_set(err, 0, "the gate is of another epoch");
		return OUT_NOT_DONE;
	}
	*done = meta->told == told;
	if (*done) {
		meta->terms = *terms;
		meta->told++;
	}
	return OUT_DONE;
}

static enum outcome gate_free_list(void *ctx, struct gate_ref ref,
    uint64_t offset, size_t max, int64_t deadline_ns, uint32_t *units,
    size_t *n, struct err *err)
{
	struct mem_epoch *epoch = mem_epoch_of(ctx, ref);
	const uint32_t *unit = epoch->free.items;

	(void)deadline_ns;
	(void)err;
	for (*n = 0; *n < max && offset + *n < epoch->free.n; ++*n)
		units[*n] = unit[offset + *n];
	return OUT_DONE;
}

/* ---- reading ------------------------------------------------------------------- */

static struct gate_lease lease_show(
    struct mem_gate *gate, const struct mem_lease *lease)
{
	return (struct gate_lease){
	    .claim = lease->claim,
	    .unit = lease->unit,
	    .slot = lease->slot,
	    .customer = lease->customer,
	    .remaining_ms = lease->deadline_ms - mem_now_ms(gate),
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
	struct mem_epoch *epoch = mem_epoch_of(gate, ref);
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
	size_t all = mem_epoch_of(gate, ref)->lease.n;
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
	struct mem_meta *meta = mem_meta_of(gate, sale);
	const struct mem_entry *entry;
	struct mem_epoch *epoch;

	(void)deadline_ns;
	(void)err;
	memset(out, 0, sizeof(*out));
	if (meta == NULL)
		return OUT_DONE;
	epoch = mem_epoch_of(gate, (struct gate_ref){sale, meta->epoch});
	*out = (struct gate_gauge){.known = true,
	    .epoch = meta->epoch,
	    .units = meta->units,
	    .limit = meta->limit,
	    .free = epoch->free.n,
	    .leased = epoch->lease.n,
	    .forgot = meta->forgot,
	    .dropped = meta->dropped,
	    .restarted = meta->run != gate->run,
	    .terms = meta->terms,
	    .told = meta->told,
	    .waiting = epoch->queue.n};
	entry = epoch->queue.items;
	for (size_t i = 0; i < epoch->queue.n; i++)
		out->delivered += entry[i].consumer[0] != '\0';
	if (epoch->queue.n > 0)
		out->oldest_ms =
		    mem_now_ms(gate) - (int64_t)entry[0].shown.id.ms;
	return OUT_DONE;
}

void mem_gate_lose_meta(struct mem_gate *gate, struct sale_id sale)
{
	struct mem_meta *meta = mem_meta_of(gate, sale);

	BUG_ON(meta == NULL);
	free(meta->away.items);
	*meta = (struct mem_meta){.sale = sale};
}

/* ---- copies ----------------------------------------------------------------------- */

static void vec_copy(struct vec *to, const struct vec *from, size_t size)
{
	*to = (struct vec){.n = from->n, .room = from->n};
	if (from->n == 0)
		return;
	to->items = malloc(from->n * size);
	BUG_ON(to->items == NULL);
	memcpy(to->items, from->items, from->n * size);
}

static void epoch_copy(struct mem_epoch *to, const struct mem_epoch *from)
{
	*to = *from;
	vec_copy(&to->free, &from->free, sizeof(uint32_t));
	vec_copy(&to->lease, &from->lease, sizeof(struct mem_lease));
	vec_copy(&to->slot, &from->slot, sizeof(struct mem_slot));
	vec_copy(&to->accepted, &from->accepted, sizeof(struct mem_accepted));
	vec_copy(&to->queue, &from->queue, sizeof(struct mem_entry));
	vec_copy(&to->spent, &from->spent, sizeof(struct claim_id));
}

void mem_gate_restore(struct mem_gate *gate, const struct mem_gate *copy)
{
	mem_gate_flushall(gate);
	for (size_t i = 0; i < copy->nepochs; i++)
		epoch_copy(&gate->epochs[i], &copy->epochs[i]);
	gate->nepochs = copy->nepochs;
	for (size_t i = 0; i < copy->nmetas; i++) {
		gate->metas[i] = copy->metas[i];
		vec_copy(&gate->metas[i].away, &copy->metas[i].away,
		    sizeof(uint32_t));
	}
	gate->nmetas = copy->nmetas;
}

struct mem_gate *mem_gate_copy(const struct mem_gate *gate)
{
	struct mem_gate *copy = mem_gate_new(gate->clock, gate->lease_ms);

	copy->run = gate->run;
	mem_gate_restore(copy, gate);
	return copy;
}

void mem_gate_port_build(struct gate_port *port)
{
	port->leases = gate_leases;
	port->gauge = gate_gauge;
	port->seed = gate_seed;
	port->own = gate_own;
	port->retire = gate_retire;
	port->publish = gate_publish;
	port->discard = gate_discard;
	port->grow = gate_grow;
	port->shrink = gate_shrink;
	port->relimit = gate_relimit;
	port->tell = gate_tell;
	port->free_list = gate_free_list;
	port->lease_scan = gate_lease_scan;
}
