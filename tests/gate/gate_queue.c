/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Orders are accepted, on a real Redis (src/sale/ports.h): every answer of
 * enqueue, beside claims of mode direct.  Run by gate_queue.it.
 */
#include "config.h"

#include "queue_rig.h"

#include <signal.h>

/* ---- scenes -------------------------------------------------------------------- */

enum act {
	END,
	ENQUEUE, /* order n by `who` */
	CLAIM, /* the same as a claim of mode direct: attempt 0 */
	CONFIRM, /* of that lease */
	RELEASE, /* of attempt 0, which is void */
	REKEY, /* attempt 0, which is void, goes over to attempt 1 */
	SETTLE, /* all that waits, as `n` says */
	RELIMIT, /* to n */
	BUILD /* epoch n is published */
};

struct step {
	enum act act;
	const char *who;
	unsigned n;
	enum gate_answer answer;
	uint32_t unit, slot;
	size_t attempt;
};

#define E(who, n, answer, unit, slot, attempt)                      \
	{                                                           \
		ENQUEUE, who, n, GATE_##answer, unit, slot, attempt \
	}
#define C(who, n, answer, unit, slot, attempt)                    \
	{                                                         \
		CLAIM, who, n, GATE_##answer, unit, slot, attempt \
	}
#define DO(act, who, n)                          \
	{                                        \
		act, who, n, GATE_TAKEN, 0, 0, 0 \
	}

#define UNITS 4
#define STEPS 12

static const struct scene {
	const char *name;
	uint32_t limit;
	struct step steps[STEPS];
	const char *free; /* in the end */
	long long waiting, slots;
} scenes[] = {
    {"taken", 1, {E("ann", 1, TAKEN, 1, 1, 0), E("bob", 2, TAKEN, 2, 1, 0)},
	"3 4", 2, 2},
    {"accepted is accepted", 1,
	{E("ann", 1, TAKEN, 1, 1, 0), E("ann", 1, QUEUED, 1, 1, 0),
	    E("ann", 1, QUEUED, 1, 1, 0)},
	"2 3 4", 1, 1},
    {"a claim finds what was accepted", 1,
	{E("ann", 1, TAKEN, 1, 1, 0), C("ann", 1, QUEUED, 1, 1, 0)}, "2 3 4", 1,
	1},
    {"a lease is gone on with", 1,
	{C("ann", 1, TAKEN, 1, 1, 0), E("ann", 1, SAME, 1, 1, 0)}, "2 3 4", 0,
	1},
    {"of another attempt, too", 2,
	{C("ann", 1, TAKEN, 1, 1, 0), DO(REKEY, "ann", 1),
	    E("ann", 1, SAME, 1, 1, 1)},
	"2 3 4", 0, 1},
    {"a confirmed lease is the ledger's", 1,
	{C("ann", 1, TAKEN, 1, 1, 0), DO(CONFIRM, "ann", 1),
	    E("ann", 1, MINE, 0, 0, 0)},
	"2 3 4", 0, 1},
    {"sold", 1,
	{E("ann", 1, TAKEN, 1, 1, 0), DO(SETTLE, "", GATE_FATE_SOLD),
	    E("ann", 1, MINE, 0, 0, 0), C("ann", 1, MINE, 0, 0, 0)},
	"2 3 4", 0, 1},
    {"void: the next attempt, another unit", 1,
	{E("ann", 1, TAKEN, 1, 1, 0), DO(SETTLE, "", GATE_FATE_VOID),
	    E("ann", 1, TAKEN, 2, 1, 1), E("ann", 1, QUEUED, 2, 1, 1)},
	"3 4 1", 1, 1},
    {"void, and its unit is somebody else's", 1,
	{E("ann", 1, TAKEN, 1, 1, 0), DO(SETTLE, "", GATE_FATE_TAKEN),
	    E("ann", 1, TAKEN, 2, 1, 1)},
	"3 4", 1, 1},
    {"void in mode direct is void here", 1,
	{C("ann", 1, TAKEN, 1, 1, 0), DO(RELEASE, "ann", 1),
	    E("ann", 1, TAKEN, 2, 1, 1)},
	"3 4 1", 1, 1},
    {"void without a lease, too", 1,
	{DO(RELEASE, "ann", 1), E("ann", 1, TAKEN, 1, 1, 1)}, "2 3 4", 1, 1},
    {"gone over and void", 1,
	{C("ann", 1, TAKEN, 1, 1, 0), DO(REKEY, "ann", 1),
	    DO(CONFIRM, "ann", 1), DO(RELEASE, "ann", 1),
	    E("ann", 1, MINE, 0, 0, 1)},
	"2 3 4", 0, 1},
    {"one each", 1,
	{E("ann", 1, TAKEN, 1, 1, 0), E("ann", 2, LIMIT, 0, 0, 0),
	    C("ann", 2, LIMIT, 0, 0, 0), DO(SETTLE, "", GATE_FATE_SOLD),
	    E("ann", 2, LIMIT, 0, 0, 0)},
	"2 3 4", 0, 1},
    {"two each, in any mode", 2,
	{E("ann", 1, TAKEN, 1, 1, 0), C("ann", 2, TAKEN, 2, 2, 0),
	    E("ann", 3, LIMIT, 0, 0, 0), E("ann", 1, QUEUED, 1, 1, 0),
	    E("ann", 2, SAME, 2, 2, 0), DO(SETTLE, "", GATE_FATE_VOID),
	    E("ann", 3, TAKEN, 3, 1, 0), E("ann", 1, LIMIT, 0, 0, 0)},
	"4 1", 1, 2},
    {"another limit", 1,
	{E("ann", 1, TAKEN, 1, 1, 0), DO(RELIMIT, "", 2),
	    E("ann", 2, TAKEN, 2, 2, 0), DO(RELIMIT, "", 1),
	    E("ann", 2, QUEUED, 2, 2, 0), E("ann", 3, LIMIT, 0, 0, 0)},
	"3 4", 2, 2},
    {"a release does nothing to what was accepted", 1,
	{E("ann", 1, TAKEN, 1, 1, 0), DO(RELEASE, "ann", 1),
	    DO(CONFIRM, "ann", 1), E("ann", 1, QUEUED, 1, 1, 0)},
	"2 3 4", 1, 1},
    {"nor does a rekey", 1,
	{E("ann", 1, TAKEN, 1, 1, 0), DO(REKEY, "ann", 1),
	    E("ann", 1, QUEUED, 1, 1, 0)},
	"2 3 4", 1, 1},
    {"of another epoch", 1,
	{E("ann", 1, TAKEN, 1, 1, 0), DO(BUILD, "", 2),
	    E("ann", 1, EPOCH, 0, 0, 0), C("ann", 1, EPOCH, 0, 0, 0)},
	"2 3 4", 1, 1},
};

static void ticket_assert(
    const struct scene *scene, const struct step *step, struct gate_ticket got)
{
	struct order queued = got.queued;

	ck_assert_msg(
	    got.answer == step->answer && got.attempt == step->attempt &&
		(got.answer == GATE_QUEUED ||
		    (got.unit == step->unit && got.slot == step->slot)),
	    "%s: order %u: answer %d, unit %u, slot %u, attempt %zu",
	    scene->name, step->n, (int)got.answer, got.unit, got.slot,
	    got.attempt);
	if (got.answer == GATE_QUEUED) {
		queue_assert_order(&queued, step->who, step->n, step->attempt,
		    step->unit, step->slot);
		ck_assert_uint_eq(queued.epoch, 1);
	}
	if (got.answer == GATE_EPOCH)
		ck_assert_uint_eq(got.epoch, 2);
}

/* Both of the first attempts, whatever unit they have. */
static void confirm(struct rig *rig, unsigned n)
{
	for (uint32_t unit = 1; unit <= UNITS; unit++)
		for (unsigned attempt = 0; attempt < 2; attempt++) {
			struct claim_id claim = rig_id(n * 100 + attempt);

			rig->port.confirm(rig->port.ctx, ref, &claim, unit);
		}
	rig_gauge(rig); /* reads the confirms' replies before its own */
}

static void step_play(
    struct rig *rig, const struct scene *scene, const struct step *step)
{
	struct err err = ERR_INIT;

	switch (step->act) {
	case END:
		break;
	case ENQUEUE:
		ticket_assert(
		    scene, step, queue_enqueue(rig, step->who, step->n));
		break;
	case CLAIM:
		ticket_assert(
		    scene, step, rig_claim(rig, step->who, step->n * 100));
		break;
	case CONFIRM:
		confirm(rig, step->n);
		break;
	case RELEASE:
		rig_release(rig, step->who, step->n * 100, GATE_RELEASE_VOID);
		break;
	case REKEY:
		rig_rekey(rig, step->who, step->n * 100, step->n * 100 + 1);
		break;
	case SETTLE:
		ck_assert_uint_gt(
		    queue_settle_all(rig, (enum gate_fate)step->n), 0);
		break;
	case RELIMIT:
		ASSERT_OUT(
		    rig->port.relimit(rig->port.ctx, ref, step->n, SOON, &err),
		    OUT_DONE);
		break;
	case BUILD:
		rig_sale(rig, (struct gate_ref){ref.sale, step->n}, UNITS, 1);
		break;
	}
}

START_TEST(test_scene)
{
	const struct scene *scene = &scenes[_i];
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, UNITS, scene->limit);
	for (size_t i = 0; i < STEPS; i++)
		step_play(&rig, scene, &scene->steps[i]);
	rig_assert_free(&rig, scene->free);
	ck_assert_int_eq(rig_do(&rig, "XLEN {fg:5}:1:queue"), scene->waiting);
	ck_assert_int_eq(rig_do(&rig, "HLEN {fg:5}:1:slot"), scene->slots);
	rig_close(&rig);
}
END_TEST

/* ---- one fact ------------------------------------------------------------------ */

START_TEST(test_accepted_is_one_fact)
{
	struct gate_gauge gauge;
	struct gate_ticket ticket;
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 3, 1);
	ticket = queue_enqueue(&rig, "ann", 1);
	ck_assert_int_eq(ticket.answer, GATE_TAKEN);
	ck_assert_uint_eq(ticket.unit, 1);
	ck_assert_uint_eq(ticket.slot, 1);
	ck_assert_uint_eq(ticket.attempt, 0);
	/* No lease: no keeper will ever void it. */
	rig_assert_counts(&rig, 2, 0, 1, 1);
	rig_assert_slot(&rig, 1, "ann", 100);
	queue_assert(&rig, 1, 0);
	gauge = rig_gauge(&rig);
	ck_assert_uint_eq(gauge.free, 2);
	ck_assert_uint_eq(gauge.leased, 0);
	ck_assert_int_ge(gauge.oldest_ms, 0);
	ck_assert_int_lt(gauge.oldest_ms, LONG_MS);
	rig_close(&rig);
}
END_TEST

#define SHORT_MS 300 /* how long a call waits for a server that stands still */

/* No answer: the same call again, by another worker, whether the first was run
 * before it or runs after it. */
START_TEST(test_a_lost_answer)
{
	struct gate_ticket ticket;
	struct err err = ERR_INIT;
	struct rig rig, hasty;

	rig_open(&rig);
	rig_sale(&rig, ref, 3, 1);
	hasty = rig;
	hasty.gate = rig_gate(SHORT_MS, LEASE_MS);
	hasty.port = gate_port(hasty.gate);
	rig_gauge(&hasty);
	ck_assert_int_eq(kill(rig_server_pid(), SIGSTOP), 0);
	ASSERT_OUT(queue_try(&hasty, "ann", 1, 0, &ticket, &err), OUT_UNKNOWN);
	ck_assert_int_eq(kill(rig_server_pid(), SIGCONT), 0);
	queue_enqueue(&rig, "ann", 1);
	ticket = queue_enqueue(&rig, "ann", 1);
	ck_assert_int_eq(ticket.answer, GATE_QUEUED);
	queue_assert_order(&ticket.queued, "ann", 1, 0, 1, 1);
	queue_assert(&rig, 1, 0);
	rig_assert_counts(&rig, 2, 0, 1, 1);
	gate_free(&hasty.gate);
	rig_close(&rig);
}
END_TEST

/* Gone and soft: what waits counts as sold, but may come back. */
START_TEST(test_no_unit_left)
{
	struct gate_ticket ticket;
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 2, 2);
	queue_enqueue(&rig, "ann", 1);
	ck_assert_int_eq(rig_claim(&rig, "bob", 200).answer, GATE_TAKEN);
	ticket = queue_enqueue(&rig, "cid", 3);
	ck_assert_int_eq(ticket.answer, GATE_SOFT);
	rig_confirm(&rig, 200);
	for (int direct = 0; direct < 2; direct++) {
		ticket = direct ? rig_claim(&rig, "ann", 900)
				: queue_enqueue(&rig, "ann", 9);
		ck_assert_int_eq(ticket.answer, GATE_GONE);
		ck_assert(ticket.waiting);
		ck_assert_uint_eq(ticket.units, 2);
		ck_assert_uint_eq(ticket.slots_held, 1);
	}
	queue_settle_all(&rig, GATE_FATE_SOLD);
	ticket = queue_enqueue(&rig, "cid", 3);
	ck_assert_int_eq(ticket.answer, GATE_GONE);
	ck_assert(!ticket.waiting);
	rig_close(&rig);
}
END_TEST

/* A server that may have forgotten an owner: an order may wait for his unit.  He
 * must not hear that all are sold. */
START_TEST(test_no_unit_left_and_history_lost)
{
	struct gate_ticket ticket;
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 1, 1);
	queue_enqueue(&rig, "ann", 1);
	ck_assert_int_eq(queue_enqueue(&rig, "bob", 2).answer, GATE_GONE);
	if (_i == 0)
		rig_do(&rig, "HSET {fg:5}:meta run_id 0123456789abcdef");
	else
		rig_do(&rig, "HSET {fg:5}:meta forgot 1");
	ck_assert_int_eq(queue_enqueue(&rig, "bob", 2).answer,
	    _i == 0 ? GATE_SHUT : GATE_SOFT);
	ck_assert_int_eq(rig_claim(&rig, "bob", 200).answer, GATE_SOFT);
	/* What is written is sold, whatever else was forgotten. */
	queue_settle_all(&rig, GATE_FATE_SOLD);
	ck_assert_int_eq(rig_claim(&rig, "bob", 200).answer, GATE_GONE);
	ticket = queue_enqueue(&rig, "bob", 2);
	ck_assert_int_eq(ticket.answer, _i == 0 ? GATE_SHUT : GATE_GONE);
	rig_close(&rig);
}
END_TEST

/*
 * A failover to a copy that was behind: it has units for sale that are sold.  What
 * it accepted until its keeper looked would be void (168 orders in one run of the
 * campaign).  What it has accepted is answered as ever.
 */
START_TEST(test_another_run_accepts_nothing)
{
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 5, 1);
	queue_enqueue(&rig, "ann", 1);
	rig_do(&rig, "HSET {fg:5}:meta run_id 0123456789abcdef");
	ck_assert_int_eq(queue_enqueue(&rig, "bob", 2).answer, GATE_SHUT);
	ck_assert_int_eq(queue_enqueue(&rig, "ann", 1).answer, GATE_QUEUED);
	ck_assert_int_eq(rig_do(&rig, "XLEN {fg:5}:1:queue"), 1);
	/* Mode direct has its guard in the ledger. */
	ck_assert_int_eq(rig_claim(&rig, "bob", 200).answer, GATE_TAKEN);
	rig_close(&rig);
}
END_TEST

START_TEST(test_no_sale)
{
	struct order orders[16];
	struct gate_entry entry;
	struct customer ann = rig_who("ann");
	struct err err = ERR_INIT;
	bool known = true;
	size_t n = 9;
	struct rig rig;

	rig_open(&rig);
	ck_assert_int_eq(queue_enqueue(&rig, "ann", 1).answer, GATE_NO_SALE);
	ck_assert_uint_eq(queue_pending(&rig, "ann", orders, &known), 0);
	ck_assert(!known);
	rig_sale(&rig, (struct gate_ref){ref.sale, 2}, 3, 1);
	known = true;
	ASSERT_OUT(rig.port.pending(rig.port.ctx, ref, &ann, SOON, orders, 16,
		       &n, &known, &err),
	    OUT_DONE);
	ck_assert(!known && n == 0);
	known = true;
	ASSERT_OUT(rig.port.take(rig.port.ctx, ref, "s", 1, 0, SOON, &entry, &n,
		       &known, &err),
	    OUT_DONE);
	ck_assert(!known && n == 0);
	/* Nothing of it was made on the way. */
	ck_assert_int_eq(rig_do(&rig, "DBSIZE"), 2);
	rig_close(&rig);
}
END_TEST

/* ---- spent attempts ------------------------------------------------------------- */

START_TEST(test_spent)
{
	struct gate_ticket ticket;
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 3, 1);
	for (size_t i = 0; i < CLAIM_ATTEMPTS; i++) {
		ticket = queue_enqueue(&rig, "ann", 1);
		ck_assert_int_eq(ticket.answer, GATE_TAKEN);
		ck_assert_uint_eq(ticket.attempt, i);
		queue_settle_all(&rig, GATE_FATE_VOID);
	}
	ck_assert_int_eq(queue_enqueue(&rig, "ann", 1).answer, GATE_SPENT);
	ck_assert_int_eq(rig_do(&rig, "SCARD {fg:5}:1:void"), CLAIM_ATTEMPTS);
	rig_assert_counts(&rig, 3, 0, 0, 0);
	/* Another key of the same customer may. */
	ck_assert_int_eq(queue_enqueue(&rig, "ann", 2).answer, GATE_TAKEN);
	rig_close(&rig);
}
END_TEST

/* What the ledger knows and the gate does not: `from`. */
START_TEST(test_from)
{
	static const struct {
		size_t from;
		enum gate_answer answer;
		size_t attempt;
	} rows[] = {
	    {0, GATE_TAKEN, 0},
	    {3, GATE_TAKEN, 3},
	    {CLAIM_ATTEMPTS - 1, GATE_TAKEN, CLAIM_ATTEMPTS - 1},
	    {CLAIM_ATTEMPTS, GATE_SPENT, 0},
	};
	struct gate_ticket ticket;
	struct rig rig;

	rig_open(&rig);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		rig_do(&rig, "FLUSHALL");
		rig_sale(&rig, ref, 3, 1);
		ticket = queue_enqueue_from(&rig, "ann", 1, rows[i].from);
		ck_assert_int_eq(ticket.answer, rows[i].answer);
		ck_assert_uint_eq(ticket.attempt, rows[i].attempt);
		if (ticket.answer == GATE_SPENT)
			continue;
		/* Whoever asks from the first on finds it. */
		ticket = queue_enqueue(&rig, "ann", 1);
		ck_assert_int_eq(ticket.answer, GATE_QUEUED);
		ck_assert_uint_eq(ticket.attempt, rows[i].attempt);
	}
	rig_close(&rig);
}
END_TEST

/* ---- pending ------------------------------------------------------------------- */

START_TEST(test_pending)
{
	struct order orders[16];
	struct customer ann = rig_who("ann");
	struct err err = ERR_INIT;
	bool known;
	size_t n;
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 9, 4);
	ck_assert_uint_eq(queue_pending(&rig, "ann", orders, &known), 0);
	ck_assert(known);
	queue_enqueue(&rig, "ann", 1);
	rig_claim(&rig, "ann", 200);
	queue_enqueue(&rig, "ann", 3);
	queue_enqueue(&rig, "bob", 4);
	/* By slot; the lease is none of them, nor is somebody else's. */
	ck_assert_uint_eq(queue_pending(&rig, "ann", orders, &known), 2);
	queue_assert_order(&orders[0], "ann", 1, 0, 1, 1);
	queue_assert_order(&orders[1], "ann", 3, 0, 3, 3);
	ck_assert_uint_eq(orders[1].epoch, 1);
	ASSERT_OUT(rig.port.pending(rig.port.ctx, ref, &ann, SOON, orders, 1,
		       &n, &known, &err),
	    OUT_DONE);
	ck_assert_uint_eq(n, 1);
	/* Above a limit that was lowered, too. */
	ASSERT_OUT(
	    rig.port.relimit(rig.port.ctx, ref, 1, SOON, &err), OUT_DONE);
	ck_assert_uint_eq(queue_pending(&rig, "ann", orders, &known), 2);
	queue_settle_all(&rig, GATE_FATE_SOLD);
	ck_assert_uint_eq(queue_pending(&rig, "ann", orders, &known), 0);
	rig_close(&rig);
}
END_TEST

TESTS_MAIN("gate-queue", UNIT_TABLE("scene", test_scene, ARRAY_LEN(scenes)),
    UNIT("one-fact", test_accepted_is_one_fact),
    UNIT("lost-answer", test_a_lost_answer), UNIT("no-unit", test_no_unit_left),
    UNIT_TABLE("no-unit-history", test_no_unit_left_and_history_lost, 2),
    UNIT("another-run", test_another_run_accepts_nothing),
    UNIT("no-sale", test_no_sale), UNIT("spent", test_spent),
    UNIT("from", test_from), UNIT("pending", test_pending))
