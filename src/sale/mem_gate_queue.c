/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate in memory: orders are accepted, wait in a stream, are given to
 * settlers, and end when their settler says how.
 */
#include "config.h"

#include "sale/mem_gate_int.h"
#include "base/bug.h"

/* ---- records and entries --------------------------------------------------------- */

struct mem_accepted *mem_accepted_find(
    struct mem_epoch *epoch, const struct claim_id *claim)
{
	struct mem_accepted *accepted = epoch->accepted.items;

	for (size_t i = 0; i < epoch->accepted.n; i++)
		if (claim_eq(&accepted[i].claim, claim))
			return &accepted[i];
	return NULL;
}

static bool id_eq(struct gate_entry_id a, struct gate_entry_id b)
{
	return a.ms == b.ms && a.seq == b.seq;
}

static bool id_before(struct gate_entry_id a, struct gate_entry_id b)
{
	return a.ms != b.ms ? a.ms < b.ms : a.seq < b.seq;
}

static struct mem_entry *entry_find(
    struct mem_epoch *epoch, struct gate_entry_id id)
{
	struct mem_entry *entry = epoch->queue.items;

	for (size_t i = 0; i < epoch->queue.n; i++)
		if (id_eq(entry[i].shown.id, id))
			return &entry[i];
	return NULL;
}

struct order mem_accepted_order(
    struct mem_epoch *epoch, const struct mem_accepted *accepted)
{
	const struct mem_entry *entry = entry_find(epoch, accepted->entry);

	BUG_ON(entry == NULL);
	return entry->shown.order;
}

static bool is_spent(
    const struct mem_epoch *epoch, const struct claim_id *claim)
{
	const struct claim_id *spent = epoch->spent.items;

	for (size_t i = 0; i < epoch->spent.n; i++)
		if (claim_eq(&spent[i], claim))
			return true;
	return false;
}

void mem_spent_note(struct mem_epoch *epoch, const struct claim_id *claim)
{
	if (!is_spent(epoch, claim))
		VEC_PUSH(&epoch->spent, *claim);
}

static struct gate_entry_id entry_add(struct mem_gate *gate,
    struct mem_epoch *epoch, const struct gate_entry *shown)
{
	struct mem_entry entry = {.shown = *shown};
	uint64_t now = (uint64_t)mem_now_ms(gate);

	if (now > epoch->last.ms)
		epoch->last = (struct gate_entry_id){now, 0};
	else
		epoch->last.seq++;
	entry.shown.id = epoch->last;
	VEC_PUSH(&epoch->queue, entry);
	return epoch->last;
}

/* Entry, record and slot, as one fact. */
static void order_accept(
    struct mem_gate *gate, struct mem_epoch *epoch, const struct order *order)
{
	struct gate_entry shown = {.order = *order};
	struct mem_accepted accepted = {.claim = order->claim,
	    .unit = order->unit,
	    .slot = order->slot,
	    .customer = order->customer};

	shown.order.epoch = epoch->ref.epoch;
	accepted.entry = entry_add(gate, epoch, &shown);
	VEC_PUSH(&epoch->accepted, accepted);
	mem_slot_set(epoch, &order->customer, order->slot, &order->claim);
}

void mem_gate_stuff_entry(
    struct mem_gate *gate, struct sale_id sale, const struct gate_entry *entry)
{
	struct mem_meta *meta = mem_meta_of(gate, sale);
	struct gate_entry shown = *entry;

	BUG_ON(meta == NULL);
	if (shown.flaw[0] == '\0' && claim_is_none(&shown.order.claim))
		strcpy(shown.flaw, "claim: damaged");
	entry_add(gate,
	    mem_epoch_of(gate, (struct gate_ref){sale, meta->epoch}), &shown);
}

/* ---- accepting --------------------------------------------------------------------- */

/* Of those that mem_claim_check() gives, the ones that say if there is room. */
static bool is_about_room(enum gate_answer answer)
{
	return answer == GATE_LIMIT || answer == GATE_SOFT ||
	       answer == GATE_GONE;
}

static bool is_time(const struct gate_terms *terms, struct wall created)
{
	return !terms->shut && created.us >= terms->opens.us &&
	       (terms->closes.us == 0 || created.us < terms->closes.us);
}

static bool accepts(const struct mem_gate *gate, const struct mem_meta *meta,
    bool regardless, struct wall created)
{
	return meta->run == gate->run &&
	       (regardless || is_time(&meta->terms, created));
}

static enum outcome gate_enqueue(void *ctx, struct gate_ref ref,
    const struct claim_chain *chain, size_t from, const struct customer *who,
    const struct order *draft, bool regardless, int64_t deadline_ns,
    struct gate_ticket *out, struct err *err)
{
	struct mem_gate *gate = ctx;
	struct mem_epoch *epoch = mem_epoch_of(gate, ref);
	struct order order = *draft;
	bool room;

	(void)deadline_ns;
	(void)err;
	BUG_ON(chain->n != CLAIM_ATTEMPTS);
	room = mem_claim_check(gate, ref, chain, who, out);
	if ((room || is_about_room(out->answer)) &&
	    !accepts(gate, mem_meta_of(gate, ref.sale), regardless,
		draft->created)) {
		*out = (struct gate_ticket){.answer = GATE_SHUT};
		return OUT_DONE;
	}
	if (!room)
		return OUT_DONE;
	while (from < chain->n && is_spent(epoch, &chain->id[from]))
		from++;
	if (from >= chain->n) {
		out->answer = GATE_SPENT;
		return OUT_DONE;
	}
	order.unit = mem_unit_pop(epoch, mem_meta_of(gate, ref.sale));
	if (order.unit == 0) {
		out->answer = GATE_SOFT;
		return OUT_DONE;
	}
	order.claim = chain->id[from];
	order.sale = ref.sale;
	order.status = ORDER_SOLD;
	order.slot = out->slot;
	order.customer = *who;
	order_accept(gate, epoch, &order);
	out->answer = GATE_TAKEN;
	out->unit = order.unit;
	out->attempt = from;
	return OUT_DONE;
}

static enum outcome gate_pending(void *ctx, struct gate_ref ref,
    const struct customer *who, int64_t deadline_ns, struct order *out,
    size_t max, size_t *n, bool *known, struct err *err)
{
	struct mem_epoch *epoch = mem_epoch_of(ctx, ref);

	(void)deadline_ns;
	(void)err;
	*n = 0;
	*known = mem_meta_at(ctx, ref) != NULL;
	for (uint32_t slot = 1;
	     *known && slot <= SALE_PER_CUSTOMER_MAX && *n < max; slot++) {
		const struct mem_slot *held = mem_slot_find(epoch, who, slot);
		const struct mem_accepted *accepted =
		    held != NULL ? mem_accepted_find(epoch, &held->claim)
				 : NULL;

		if (accepted != NULL)
			out[(*n)++] = mem_accepted_order(epoch, accepted);
	}
	return OUT_DONE;
}

/* ---- settling ------------------------------------------------------------------------ */

/* The three that a settler is given, in this order. */
enum kind {
	KIND_OWN,
	KIND_IDLE,
	KIND_NEW,
	KIND_COUNT
};

static bool is_of_kind(const struct mem_entry *entry, enum kind kind,
    const char *consumer, int64_t idle_since_ms)
{
	bool given = entry->consumer[0] != '\0';
	bool own = given && strcmp(entry->consumer, consumer) == 0;

	switch (kind) {
	case KIND_OWN:
		return own;
	case KIND_IDLE:
		return given && !own && entry->given_ms < idle_since_ms;
	case KIND_NEW:
		return !given;
	case KIND_COUNT:
		break;
	}
	BUG("no such kind");
}

/* Of another's at most so many in one call, as the real one. */
#define IDLE_MAX 32

static size_t kind_most(enum kind kind, size_t had, size_t max)
{
	return kind == KIND_IDLE && max - had > IDLE_MAX ? had + IDLE_MAX : max;
}

static enum outcome gate_take(void *ctx, struct gate_ref ref,
    const char *consumer, size_t max, int64_t idle_ms, int64_t deadline_ns,
    struct gate_entry *out, size_t *n, bool *known, struct err *err)
{
	struct mem_epoch *epoch = mem_epoch_of(ctx, ref);
	struct mem_entry *entry = epoch->queue.items;
	int64_t now_ms = mem_now_ms(ctx);

	(void)deadline_ns;
	(void)err;
	BUG_ON(consumer[0] == '\0' || strlen(consumer) > 64);
	BUG_ON(max < 1 || max > SETTLE_BATCH);
	*n = 0;
	*known = mem_meta_at(ctx, ref) != NULL;
	for (enum kind kind = KIND_OWN; *known && kind < KIND_COUNT; kind++) {
		size_t most = kind_most(kind, *n, max);

		for (size_t i = 0; i < epoch->queue.n && *n < most; i++) {
			if (!is_of_kind(
				&entry[i], kind, consumer, now_ms - idle_ms))
				continue;
			strcpy(entry[i].consumer, consumer);
			entry[i].given_ms = now_ms;
			entry[i].shown.deliveries++;
			out[(*n)++] = entry[i].shown;
		}
	}
	return OUT_DONE;
}

/* What a settler's word meets. */
struct told {
	bool names; /* the record names this entry: a second time it does not */
	bool lost; /* there is no record of the claim */
};

static struct told told_of(
    struct mem_epoch *epoch, const struct gate_settled *settled, size_t i)
{
	const struct gate_settled *one = &settled[i];
	const struct mem_accepted *accepted =
	    mem_accepted_find(epoch, &one->claim);
	struct told told = {
	    .names = accepted != NULL && id_eq(accepted->entry, one->id),
	    .lost = accepted == NULL && !mem_is_leased(epoch, &one->claim) &&
		    !claim_is_none(&one->claim)};

	for (size_t k = 0; k < i; k++)
		if (id_eq(settled[k].id, one->id))
			told.names = false;
	return told;
}

static void record_end(struct mem_gate *gate, struct mem_epoch *epoch,
    const struct gate_settled *settled)
{
	struct mem_accepted *accepted =
	    mem_accepted_find(epoch, &settled->claim);
	struct mem_accepted was = *accepted;
	enum gate_fate fate = settled->fate;

	mem_vec_drop(&epoch->accepted,
	    (size_t)(accepted - (struct mem_accepted *)epoch->accepted.items),
	    sizeof(*accepted));
	if (fate == GATE_FATE_VOID || fate == GATE_FATE_TAKEN)
		mem_slot_clear(epoch, &was.customer, &was.claim);
	if (fate == GATE_FATE_VOID || fate == GATE_FATE_ELSEWHERE)
		mem_unit_return(epoch, mem_meta_at(gate, epoch->ref), was.unit);
	if (fate == GATE_FATE_TAKEN || fate == GATE_FATE_ELSEWHERE)
		mem_forgot_note(gate, epoch->ref);
}

static void entry_settle(struct mem_gate *gate, struct mem_epoch *epoch,
    const struct gate_settled *settled, struct told told)
{
	struct mem_entry *entry = entry_find(epoch, settled->id);
	bool is_void =
	    settled->fate == GATE_FATE_VOID || settled->fate == GATE_FATE_TAKEN;

	if (is_void && (told.names || told.lost))
		mem_spent_note(epoch, &settled->claim);
	if (is_void && told.lost)
		mem_slot_clear(epoch, &settled->customer, &settled->claim);
	if (told.names)
		record_end(gate, epoch, settled);
	if (entry != NULL)
		mem_vec_drop(&epoch->queue,
		    (size_t)(entry - (struct mem_entry *)epoch->queue.items),
		    sizeof(*entry));
}

static enum outcome gate_settled(void *ctx, struct gate_ref ref,
    const struct gate_settled *settled, size_t n, int64_t deadline_ns,
    struct err *err)
{
	struct mem_gate *gate = ctx;
	struct mem_epoch *epoch = mem_epoch_of(gate, ref);
	struct told told[SETTLE_BATCH];

	(void)deadline_ns;
	(void)err;
	BUG_ON(n > SETTLE_BATCH);
	/* The making of another one has ended them. */
	if (mem_meta_at(gate, ref) == NULL)
		return OUT_DONE;
	for (size_t i = 0; i < n; i++)
		told[i] = told_of(epoch, settled, i);
	for (size_t i = 0; i < n; i++)
		entry_settle(gate, epoch, &settled[i], told[i]);
	return OUT_DONE;
}

/* ---- for rebuild, audit and report ------------------------------------------------ */

static enum outcome gate_queue_scan(void *ctx, struct gate_ref ref,
    struct gate_entry_id after, size_t max, int64_t deadline_ns,
    struct gate_entry *out, size_t *n, struct err *err)
{
	struct mem_epoch *epoch = mem_epoch_of(ctx, ref);
	const struct mem_entry *entry = epoch->queue.items;

	(void)deadline_ns;
	(void)err;
	BUG_ON(max < 1 || max > SETTLE_BATCH);
	*n = 0;
	for (size_t i = 0; i < epoch->queue.n && *n < max; i++)
		if (id_before(after, entry[i].shown.id)) {
			out[*n] = entry[i].shown;
			out[(*n)++].deliveries = 0;
		}
	return OUT_DONE;
}

static enum outcome gate_carry(void *ctx, struct gate_ref ref,
    const struct order *orders, size_t n, int64_t deadline_ns,
    enum gate_carried *carried, struct err *err)
{
	struct mem_gate *gate = ctx;
	struct mem_epoch *epoch = mem_epoch_of(gate, ref);

	(void)deadline_ns;
	BUG_ON(n > SETTLE_BATCH);
	if (mem_is_published(gate, ref, err))
		return OUT_NOT_DONE;
	for (size_t i = 0; i < n; i++) {
		const struct mem_slot *slot =
		    mem_slot_find(epoch, &orders[i].customer, orders[i].slot);

		if (mem_accepted_find(epoch, &orders[i].claim) != NULL) {
			carried[i] = GATE_CARRY_THERE;
		} else if (orders[i].unit == 0 ||
			   (slot != NULL &&
			       !claim_eq(&slot->claim, &orders[i].claim))) {
			carried[i] = GATE_CARRY_REFUSED;
		} else {
			carried[i] = GATE_CARRIED;
			order_accept(gate, epoch, &orders[i]);
		}
	}
	return OUT_DONE;
}

void mem_gate_port_queue(struct gate_port *port)
{
	port->enqueue = gate_enqueue;
	port->pending = gate_pending;
	port->take = gate_take;
	port->settled = gate_settled;
	port->queue_scan = gate_queue_scan;
	port->carry = gate_carry;
}
