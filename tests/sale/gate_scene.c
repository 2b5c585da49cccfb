/* SPDX-License-Identifier: Apache-2.0 */
/* Scenes as tables of steps, over two units and one customer. */
#include "config.h"

#include "sale/gate_scene.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

#define UNITS 2
#define STEPS 10

/*
 * Claim n takes unit 1 when n is odd, unit 2 when it is even.  Every step is
 * about epoch 1, but OLD_* and those after BUILD.
 */
enum act {
	END,
	BUILD, /* and publish: a gate of the next epoch */
	PUBLISH, /* the present epoch once more */
	CLAIM, /* by claim n */
	VOID, /* claim n is released */
	SOLD, /* claim n is confirmed */
	REKEY, /* claim n goes over to claim n + 2 */
	OLD_VOID, /* a late release of the epoch before */
	SHRINK, /* to n units */
	GROW,
	RELIMIT,
	FORGOT, /* an owner was forgotten, and is written back */
	KNOWN /* and once more, by somebody who is late */
};

struct step {
	enum act act;
	uint32_t n;
};

struct scene {
	const char *name;
	struct step steps[STEPS];
	const char *free; /* in the end */
	uint32_t leased;
};

#define TWO_TAKEN               \
	{BUILD, 0}, {CLAIM, 1}, \
	{                       \
		CLAIM, 2        \
	}

static const struct scene scenes[GATE_SCENES] = {
    {"less and more of what nobody has",
	{{BUILD, 0}, {SHRINK, 1}, {GROW, 2}, {SHRINK, 0}, {GROW, 2}}, "1 2", 0},
    {"more leaves a leased unit to its claim",
	{TWO_TAKEN, {SHRINK, 1}, {GROW, 2}}, "", 2},
    {"once, and no trace of it",
	{TWO_TAKEN, {SHRINK, 1}, {GROW, 2}, {SHRINK, 1}, {GROW, 2}}, "", 2},
    {"returned in between, it is there again",
	{TWO_TAKEN, {SHRINK, 1}, {VOID, 2}, {GROW, 2}}, "2", 1},
    {"and its mark has ended",
	{TWO_TAKEN, {SHRINK, 1}, {VOID, 2}, {GROW, 2}, {SHRINK, 1}, {GROW, 2}},
	"2", 1},
    {"returned afterwards, too", {TWO_TAKEN, {SHRINK, 1}, {GROW, 2}, {VOID, 2}},
	"2", 1},
    {"sold, it never comes back",
	{TWO_TAKEN, {SHRINK, 1}, {SOLD, 2}, {GROW, 2}, {SHRINK, 1}, {GROW, 2}},
	"", 1},
    {"gone over to another attempt, it is still away",
	{TWO_TAKEN, {SHRINK, 1}, {REKEY, 2}, {GROW, 2}}, "", 2},
    {"and comes back from there",
	{TWO_TAKEN, {SHRINK, 1}, {REKEY, 2}, {VOID, 4}, {GROW, 2}}, "2", 1},
    {"a late call about the gate before does not end the mark of this one",
	{TWO_TAKEN, {BUILD, 0}, {CLAIM, 3}, {CLAIM, 4}, {SHRINK, 1},
	    {OLD_VOID, 2}, {GROW, 2}},
	"", 2},
    {"a new gate begins without marks",
	{TWO_TAKEN, {SHRINK, 0}, {BUILD, 0}, {SHRINK, 0}, {GROW, 2}}, "1 2", 0},
    {"published again, it keeps marks, stock, limit and what it noticed",
	{TWO_TAKEN, {SHRINK, 1}, {RELIMIT, 7}, {FORGOT, 9}, {PUBLISH, 0},
	    {GROW, 2}},
	"", 2},
    {"told twice of an owner, it has forgotten him once",
	{TWO_TAKEN, {FORGOT, 9}, {KNOWN, 9}, {KNOWN, 9}}, "", 2},
};

struct stage {
	struct gate_port *port;
	struct gate_ref ref;
	int64_t deadline_ns;
	uint32_t units, limit, forgot; /* that the gauge is to show */
	struct err err;
};

static struct claim_id claim_of(uint32_t n)
{
	return (struct claim_id){{'s', 'c', 'e', 'n', 'e', (uint8_t)n}};
}

static uint32_t unit_of(uint32_t n)
{
	return n % 2 == 1 ? 1 : 2;
}

static struct customer ann(void)
{
	struct customer who;

	ck_assert(customer_parse(strv_c("ann"), &who));
	return who;
}

static void publish(struct stage *stage)
{
	struct gate_port *port = stage->port;
	struct gate_seeded seeded = {
	    .units = UNITS, .limit = 9, .free = UNITS, .owners = 0};

	ck_assert_int_eq(port->publish(port->ctx, stage->ref, &seeded,
			     stage->deadline_ns, &stage->err),
	    OUT_DONE);
}

static void build(struct stage *stage)
{
	static const uint32_t units[UNITS] = {1, 2};
	struct gate_port *port = stage->port;

	stage->ref.epoch++;
	ck_assert_int_eq(port->seed(port->ctx, stage->ref, units, UNITS,
			     stage->deadline_ns, &stage->err),
	    OUT_DONE);
	publish(stage);
	stage->units = UNITS;
	stage->limit = 9;
	stage->forgot = 0;
}

static void claim(struct stage *stage, uint32_t n)
{
	struct gate_port *port = stage->port;
	struct claim_chain chain = {.id = {claim_of(n)}, .n = 1};
	struct customer who = ann();
	struct gate_ticket ticket;

	ck_assert_int_eq(port->claim(port->ctx, stage->ref, &chain, &who,
			     stage->deadline_ns, &ticket, &stage->err),
	    OUT_DONE);
	ck_assert_int_eq(ticket.answer, GATE_TAKEN);
	ck_assert_uint_eq(ticket.unit, unit_of(n));
}

static void rekey(struct stage *stage, uint32_t n)
{
	struct gate_port *port = stage->port;
	struct claim_id from = claim_of(n), to = claim_of(n + 2);
	struct customer who = ann();
	struct gate_ticket ticket;

	ck_assert_int_eq(port->rekey(port->ctx, stage->ref, &from, &to, &who,
			     stage->deadline_ns, &ticket, &stage->err),
	    OUT_DONE);
	ck_assert_int_eq(ticket.answer, GATE_TAKEN);
}

static void release(struct stage *stage, uint32_t epoch, uint32_t n)
{
	struct gate_port *port = stage->port;
	struct gate_ref ref = {stage->ref.sale, epoch};
	struct claim_id id = claim_of(n);
	struct customer who = ann();

	ck_assert_int_eq(
	    port->release(port->ctx, ref, &id, &who, GATE_RELEASE_VOID,
		stage->deadline_ns, &stage->err),
	    OUT_DONE);
}

static void confirm(struct stage *stage, uint32_t n)
{
	struct gate_port *port = stage->port;
	struct claim_id id = claim_of(n);

	port->confirm(port->ctx, stage->ref, &id, unit_of(n));
	port->flush(port->ctx);
}

static void stock(struct stage *stage, bool more, uint32_t units)
{
	struct gate_port *port = stage->port;
	uint32_t done = 0;

	ck_assert_int_eq(
	    (more ? port->grow : port->shrink)(port->ctx, stage->ref, units,
		stage->deadline_ns, &done, &stage->err),
	    OUT_DONE);
	ck_assert_uint_eq(done, units);
	stage->units = units;
}

static void relimit(struct stage *stage, uint32_t limit)
{
	struct gate_port *port = stage->port;

	ck_assert_int_eq(port->relimit(port->ctx, stage->ref, limit,
			     stage->deadline_ns, &stage->err),
	    OUT_DONE);
	stage->limit = limit;
}

static void own(struct stage *stage, uint32_t n)
{
	struct gate_port *port = stage->port;
	struct order owner = {.claim = claim_of(n),
	    .sale = stage->ref.sale,
	    .status = ORDER_SOLD,
	    .unit = unit_of(n),
	    .slot = 9,
	    .customer = ann()};

	ck_assert_int_eq(port->own(port->ctx, stage->ref, &owner, 1,
			     stage->deadline_ns, &stage->err),
	    OUT_DONE);
}

static void act(struct stage *stage, struct step step)
{
	switch (step.act) {
	case END:
		break;
	case BUILD:
		build(stage);
		break;
	case PUBLISH:
		publish(stage);
		break;
	case CLAIM:
		claim(stage, step.n);
		break;
	case VOID:
		release(stage, stage->ref.epoch, step.n);
		break;
	case OLD_VOID:
		release(stage, stage->ref.epoch - 1, step.n);
		break;
	case SOLD:
		confirm(stage, step.n);
		break;
	case REKEY:
		rekey(stage, step.n);
		break;
	case SHRINK:
	case GROW:
		stock(stage, step.act == GROW, step.n);
		break;
	case RELIMIT:
		relimit(stage, step.n);
		break;
	case FORGOT:
		own(stage, step.n);
		stage->forgot++;
		break;
	case KNOWN:
		own(stage, step.n);
		break;
	}
}

static void free_assert(struct stage *stage, const struct scene *scene)
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
	ck_assert_msg(strcmp(text, scene->free) == 0,
	    "%s: free are \"%s\", not \"%s\"", scene->name, text, scene->free);
}

static void gauge_assert(struct stage *stage, const struct scene *scene)
{
	struct gate_port *port = stage->port;
	struct gate_gauge gauge;

	ck_assert_int_eq(port->gauge(port->ctx, stage->ref.sale,
			     stage->deadline_ns, &gauge, &stage->err),
	    OUT_DONE);
	ck_assert_msg(
	    gauge.known && gauge.epoch == stage->ref.epoch &&
		gauge.units == stage->units && gauge.limit == stage->limit &&
		gauge.forgot == stage->forgot && gauge.leased == scene->leased,
	    "%s: epoch %u, %u units, limit %u, %u forgot, %u leased",
	    scene->name, gauge.epoch, gauge.units, gauge.limit, gauge.forgot,
	    (unsigned)gauge.leased);
}

void gate_scene_play(struct gate_port *port, size_t i, int64_t deadline_ns)
{
	const struct scene *scene = &scenes[i];
	struct stage stage = {
	    .port = port, .ref = {{5}, 0}, .deadline_ns = deadline_ns};

	for (size_t k = 0; k < STEPS && scene->steps[k].act != END; k++)
		act(&stage, scene->steps[k]);
	free_assert(&stage, scene);
	gauge_assert(&stage, scene);
}
