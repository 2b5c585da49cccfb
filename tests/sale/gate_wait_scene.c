/* SPDX-License-Identifier: Apache-2.0 */
/* Scenes as tables of steps, over two units and a customer for each claim. */
#include "config.h"

#include "sale/gate_wait_list.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

struct stage {
	struct gate_port *port;
	struct gate_ref ref;
	int64_t deadline_ns;
	const struct scene *scene;
	/* The last entry of each claim, and whose attempt it was. */
	struct gate_entry entry[10];
	struct gate_seeded seeded; /* of the next epoch */
	struct err err;
};

static struct customer who(uint32_t n)
{
	struct customer out;
	char name[8];

	snprintf(name, sizeof(name), "c%u", n);
	ck_assert(customer_parse(strv_c(name), &out));
	return out;
}

static struct claim_chain chain_of(uint32_t n)
{
	struct claim_chain chain = {.n = CLAIM_ATTEMPTS};

	for (size_t i = 0; i < CLAIM_ATTEMPTS; i++)
		chain.id[i] = (struct claim_id){{'w', 'a', 'i', 't', 0, 0xff,
		    (uint8_t)n, (uint8_t)i, '|', ' ', '\n'}};
	return chain;
}

static struct order draft_of(uint32_t n)
{
	struct order order = {.created = {1800000000000000 + n}};

	memset(order.payload_hash, (int)n, sizeof(order.payload_hash));
	snprintf(order.ref, sizeof(order.ref), "ref %u|\"", n);
	return order;
}

static void build(struct stage *stage)
{
	static const uint32_t units[UNITS] = {1, 2};
	struct gate_port *port = stage->port;
	struct gate_seeded seeded = {.units = UNITS, .limit = 1, .free = UNITS};

	stage->ref.epoch++;
	ck_assert_int_eq(port->seed(port->ctx, stage->ref, units, UNITS,
			     stage->deadline_ns, &stage->err),
	    OUT_DONE);
	ck_assert_int_eq(port->publish(port->ctx, stage->ref, &seeded,
			     stage->deadline_ns, &stage->err),
	    OUT_DONE);
}

static void entries_note(struct stage *stage)
{
	struct gate_port *port = stage->port;
	struct gate_entry entry[SETTLE_BATCH];
	size_t n;

	ck_assert_int_eq(port->queue_scan(port->ctx, stage->ref,
			     (struct gate_entry_id){0, 0}, SETTLE_BATCH,
			     stage->deadline_ns, entry, &n, &stage->err),
	    OUT_DONE);
	for (size_t i = 0; i < n; i++) {
		ck_assert_str_eq(entry[i].flaw, "");
		ck_assert_uint_eq(entry[i].deliveries, 0);
		stage->entry[entry[i].order.claim.b[6]] = entry[i];
	}
}

static void order_assert(const struct order *order, uint32_t n)
{
	struct order draft = draft_of(n);
	struct customer customer = who(n);

	ck_assert_uint_eq(order->sale.v, 5);
	ck_assert_int_eq(order->status, ORDER_SOLD);
	ck_assert_uint_eq(order->slot, 1);
	ck_assert(customer_eq(&order->customer, &customer));
	ck_assert_int_eq(order->created.us, draft.created.us);
	ck_assert_str_eq(order->ref, draft.ref);
	ck_assert_mem_eq(order->payload_hash, draft.payload_hash,
	    sizeof(draft.payload_hash));
}

static void ask(struct stage *stage, struct step step)
{
	struct gate_port *port = stage->port;
	struct claim_chain chain = chain_of(step.n);
	struct customer customer = who(step.n);
	struct order draft = draft_of(step.n);
	struct gate_ticket ticket;
	enum outcome out;

	if (step.act == CLAIM)
		chain.n = 1;
	out = step.act == CLAIM
		  ? port->claim(port->ctx, stage->ref, &chain, &customer,
			stage->deadline_ns, &ticket, &stage->err)
		  : port->enqueue(port->ctx, stage->ref, &chain, 0, &customer,
			&draft, step.act == INSIST, stage->deadline_ns, &ticket,
			&stage->err);
	ck_assert_msg(
	    out == OUT_DONE, "%s: %s", stage->scene->name, stage->err.text);
	ck_assert_msg(ticket.answer == step.want, "%s: %u hears %s, not %s",
	    stage->scene->name, step.n, gate_answer_name(ticket.answer),
	    gate_answer_name((enum gate_answer)step.want));
	if (ticket.answer == GATE_QUEUED)
		order_assert(&ticket.queued, step.n);
	if (ticket.answer == GATE_EPOCH)
		ck_assert_uint_eq(ticket.epoch, stage->ref.epoch + 1);
	if (ticket.answer == GATE_GONE)
		ck_assert(ticket.waiting && ticket.units == UNITS);
	entries_note(stage);
}

static void waits_assert(struct stage *stage, struct step step)
{
	struct gate_port *port = stage->port;
	struct customer customer = who(step.n);
	struct order order;
	bool known;
	size_t n;

	ck_assert_int_eq(
	    port->pending(port->ctx, stage->ref, &customer, stage->deadline_ns,
		&order, 1, &n, &known, &stage->err),
	    OUT_DONE);
	ck_assert(known);
	ck_assert_uint_eq(n, step.want);
	if (n > 0)
		order_assert(&order, step.n);
}

static void take(struct stage *stage, struct step step)
{
	struct gate_port *port = stage->port;
	struct gate_entry entry[SETTLE_BATCH];
	bool known;
	size_t n;

	ck_assert_int_eq(port->take(port->ctx, stage->ref,
			     step.act == TAKE_A ? "a:settler:0" : "b:settler:0",
			     SETTLE_BATCH, 3600000, stage->deadline_ns, entry,
			     &n, &known, &stage->err),
	    OUT_DONE);
	ck_assert(known);
	ck_assert_msg(n == step.n, "%s: taken %zu, not %u", stage->scene->name,
	    n, step.n);
	for (size_t i = 0; i < n; i++) {
		order_assert(&entry[i].order, entry[i].order.claim.b[6]);
		ck_assert_uint_ge(entry[i].deliveries, 1);
	}
}

static void end(struct stage *stage, uint32_t n, enum gate_fate fate)
{
	struct gate_port *port = stage->port;
	struct gate_settled settled = {.id = stage->entry[n].id,
	    .claim = stage->entry[n].order.claim,
	    .customer = who(n),
	    .fate = fate};

	ck_assert_int_eq(port->settled(port->ctx, stage->ref, &settled, 1,
			     stage->deadline_ns, &stage->err),
	    OUT_DONE);
}

static void spend(struct stage *stage, uint32_t n)
{
	for (int i = 0; i < CLAIM_ATTEMPTS; i++) {
		ask(stage, (struct step){ACCEPT, n, GATE_TAKEN});
		end(stage, n, GATE_FATE_VOID);
	}
}

/* About the first attempt, whatever waits by now. */
static void release(struct stage *stage, uint32_t n)
{
	struct gate_port *port = stage->port;
	struct claim_chain chain = chain_of(n);
	struct customer customer = who(n);

	ck_assert_int_eq(
	    port->release(port->ctx, stage->ref, &chain.id[0], &customer,
		GATE_RELEASE_VOID, stage->deadline_ns, &stage->err),
	    OUT_DONE);
}

static void confirm(struct stage *stage, uint32_t n)
{
	struct claim_chain chain = chain_of(n);

	stage->port->confirm(stage->port->ctx, stage->ref, &chain.id[0], n);
	stage->port->flush(stage->port->ctx);
}

static void stock(struct stage *stage, struct step step)
{
	struct gate_port *port = stage->port;
	uint32_t done;

	ck_assert_int_eq(
	    (step.act == GROW ? port->grow : port->shrink)(port->ctx,
		stage->ref, step.n, stage->deadline_ns, &done, &stage->err),
	    OUT_DONE);
	ck_assert_uint_eq(done, step.n);
}

static void tell(struct stage *stage, struct step step)
{
	struct gate_port *port = stage->port;
	struct gate_terms terms = {.shut = step.act == SHUT};
	bool done = false;

	if (step.act == OPENS)
		terms.opens = draft_of(2).created;
	if (step.act == CLOSES)
		terms.closes = draft_of(2).created;
	ck_assert_int_eq(port->tell(port->ctx, stage->ref, &terms, step.n,
			     stage->deadline_ns, &done, &stage->err),
	    OUT_DONE);
	ck_assert_msg(
	    done == (step.want == 0), "%s: told or not", stage->scene->name);
}

static struct gate_ref next(const struct stage *stage)
{
	return (struct gate_ref){stage->ref.sale, stage->ref.epoch + 1};
}

static void carry(struct stage *stage, struct step step)
{
	struct gate_port *port = stage->port;
	enum gate_carried carried = GATE_CARRY_COUNT;

	ck_assert_int_eq(
	    port->carry(port->ctx, next(stage), &stage->entry[step.n].order, 1,
		stage->deadline_ns, &carried, &stage->err),
	    OUT_DONE);
	ck_assert_uint_eq(carried, step.want);
}

static void seed(struct stage *stage, uint32_t unit)
{
	struct gate_port *port = stage->port;

	ck_assert_int_eq(port->seed(port->ctx, next(stage), &unit, 1,
			     stage->deadline_ns, &stage->err),
	    OUT_DONE);
	stage->seeded.free++;
}

static void own(struct stage *stage, uint32_t n)
{
	struct gate_port *port = stage->port;
	struct order row = {.claim = {{'s', 'o', 'l', 'd'}},
	    .sale = stage->ref.sale,
	    .unit = 1,
	    .slot = 1,
	    .customer = who(n)};

	ck_assert_int_eq(port->own(port->ctx, next(stage), &row, 1,
			     stage->deadline_ns, &stage->err),
	    OUT_DONE);
	stage->seeded.owners++;
}

static void publish(struct stage *stage, struct step step)
{
	struct gate_port *port = stage->port;

	stage->seeded.units = UNITS;
	stage->seeded.limit = 1;
	stage->seeded.waiting = step.n;
	ck_assert_int_eq(port->publish(port->ctx, next(stage), &stage->seeded,
			     stage->deadline_ns, &stage->err),
	    step.want != 0 ? OUT_NOT_DONE : OUT_DONE);
	if (step.want == 0) {
		stage->ref.epoch++;
		entries_note(stage);
	}
}

static void retire(struct stage *stage, struct step step)
{
	struct gate_port *port = stage->port;
	struct gate_ref ref = {stage->ref.sale, stage->ref.epoch + step.n};

	ck_assert_int_eq(
	    port->retire(port->ctx, ref, stage->deadline_ns, &stage->err),
	    step.want != 0 ? OUT_NOT_DONE : OUT_DONE);
}

static void discard(struct stage *stage, struct step step)
{
	struct gate_port *port = stage->port;
	struct gate_ref ref = {stage->ref.sale, stage->ref.epoch - 1};
	struct gate_entry entry[SETTLE_BATCH];
	size_t n;

	ck_assert_int_eq(
	    port->discard(port->ctx, ref, stage->deadline_ns, &stage->err),
	    OUT_DONE);
	ck_assert_int_eq(
	    port->queue_scan(port->ctx, ref, (struct gate_entry_id){0, 0},
		SETTLE_BATCH, stage->deadline_ns, entry, &n, &stage->err),
	    OUT_DONE);
	ck_assert_uint_eq(n, step.want);
}

static void act(struct stage *stage, struct step step)
{
	switch (step.act) {
	case END:
		break;
	case BUILD:
		build(stage);
		break;
	case ACCEPT:
	case CLAIM:
	case INSIST:
		ask(stage, step);
		break;
	case WAITS:
		waits_assert(stage, step);
		break;
	case TAKE_A:
	case TAKE_B:
		take(stage, step);
		break;
	case SOLD:
		end(stage, step.n, GATE_FATE_SOLD);
		break;
	case VOID:
		end(stage, step.n, GATE_FATE_VOID);
		break;
	case LOST:
		end(stage, step.n, GATE_FATE_TAKEN);
		break;
	case ELSEWHERE:
		end(stage, step.n, GATE_FATE_ELSEWHERE);
		break;
	case SPEND:
		spend(stage, step.n);
		break;
	case RELEASE:
		release(stage, step.n);
		break;
	case CONFIRM:
		confirm(stage, step.n);
		break;
	case SHRINK:
	case GROW:
		stock(stage, step);
		break;
	case SHUT:
	case UNSHUT:
	case OPENS:
	case CLOSES:
		tell(stage, step);
		break;
	case RETIRE:
		retire(stage, step);
		break;
	case CARRY:
		carry(stage, step);
		break;
	case SEED:
		seed(stage, step.n);
		break;
	case OWN:
		own(stage, step.n);
		break;
	case PUBLISH:
		publish(stage, step);
		break;
	case DISCARD:
		discard(stage, step);
		break;
	}
}

static void free_assert(struct stage *stage)
{
	struct gate_port *port = stage->port;
	char text[100] = "";
	uint32_t units[10];
	size_t n, length = 0;

	ck_assert_int_eq(port->free_list(port->ctx, stage->ref, 0, 10,
			     stage->deadline_ns, units, &n, &stage->err),
	    OUT_DONE);
	for (size_t i = 0; i < n; i++)
		length += (size_t)snprintf(text + length, sizeof(text) - length,
		    "%s%u", i > 0 ? " " : "", units[i]);
	ck_assert_msg(strcmp(text, stage->scene->free) == 0,
	    "%s: free are \"%s\", not \"%s\"", stage->scene->name, text,
	    stage->scene->free);
}

static void gauge_assert(struct stage *stage)
{
	const struct scene *scene = stage->scene;
	struct gate_port *port = stage->port;
	struct gate_gauge gauge;

	ck_assert_int_eq(port->gauge(port->ctx, stage->ref.sale,
			     stage->deadline_ns, &gauge, &stage->err),
	    OUT_DONE);
	ck_assert_msg(gauge.known && gauge.epoch == stage->ref.epoch &&
			  gauge.leased == scene->leased &&
			  gauge.waiting == scene->waiting &&
			  gauge.delivered == scene->delivered &&
			  (gauge.forgot > 0) == scene->forgot,
	    "%s: epoch %u, %u leased, %u wait, %u delivered, forgot %u",
	    scene->name, gauge.epoch, (unsigned)gauge.leased,
	    (unsigned)gauge.waiting, (unsigned)gauge.delivered, gauge.forgot);
}

void gate_wait_scene_play(struct gate_port *port, size_t i, int64_t deadline_ns)
{
	struct stage stage = {.port = port,
	    .ref = {{5}, 0},
	    .deadline_ns = deadline_ns,
	    .scene = &scenes[i]};

	for (size_t k = 0; k < STEPS && scenes[i].steps[k].act != END; k++)
		act(&stage, scenes[i].steps[k]);
	free_assert(&stage);
	gauge_assert(&stage);
}
