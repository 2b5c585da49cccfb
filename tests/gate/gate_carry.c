/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accepted orders while the gate changes around them, on a real Redis
 * (src/sale/ports.h): a rebuild carries them over, the stock goes up and down, the
 * memory is full, a key is not ours.  Run by gate_carry.it.
 */
#include "config.h"

#include "queue_rig.h"
#include "sale/gate_wait_scene.h"

static const struct gate_ref next = {{5}, 2};

/* ---- scanning ------------------------------------------------------------------ */

/* Taken or not, in pages, and of an epoch that is not in use any more. */
START_TEST(test_scan)
{
	static const size_t pages[] = {1, 2, 3, 64};
	struct gate_entry entries[SETTLE_BATCH], seen[8];
	struct err err = ERR_INIT;
	struct rig rig;

	rig_open(&rig);
	ck_assert_uint_eq(queue_scan_all(&rig, ref, 64, seen, 8), 0);
	rig_sale(&rig, ref, 9, 1);
	queue_accept(&rig, 5);
	ck_assert_uint_eq(queue_take(&rig, "s", entries), 5);
	queue_settle(&rig, ref, &entries[1], 1, GATE_FATE_SOLD);
	rig_sale(&rig, next, 9, 1);
	for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
		ck_assert_uint_eq(
		    queue_scan_all(&rig, ref, pages[i], seen, 8), 4);
		queue_assert_order(&seen[0].order, "c1", 1, 0, 1, 1);
		queue_assert_order(&seen[1].order, "c3", 3, 0, 3, 1);
		queue_assert_order(&seen[3].order, "c5", 5, 0, 5, 1);
		ck_assert_uint_eq(seen[3].deliveries, 0);
		ck_assert_uint_eq(seen[3].order.epoch, 1);
	}
	ASSERT_OUT(rig.port.discard(rig.port.ctx, ref, SOON, &err), OUT_DONE);
	ck_assert_uint_eq(queue_scan_all(&rig, ref, 64, seen, 8), 0);
	rig_close(&rig);
}
END_TEST

/* ---- carrying ------------------------------------------------------------------ */

static void all_are(
    const enum gate_carried *got, size_t n, enum gate_carried want)
{
	for (size_t i = 0; i < n; i++)
		ck_assert_int_eq(got[i], want);
}

static enum outcome carry(struct rig *rig, const struct order *orders, size_t n,
    enum gate_carried *carried, struct err *err)
{
	return rig->port.carry(
	    rig->port.ctx, next, orders, n, SOON, carried, err);
}

static enum outcome publish(
    struct rig *rig, struct gate_seeded seeded, struct err *err)
{
	return rig->port.publish(rig->port.ctx, next, &seeded, SOON, err);
}

/* What the scan of epoch 1 shows, as orders. */
static size_t scanned(struct rig *rig, struct order orders[8])
{
	struct gate_entry seen[8];
	size_t n = queue_scan_all(rig, ref, 64, seen, 8);

	for (size_t i = 0; i < n; i++)
		orders[i] = seen[i].order;
	return n;
}

START_TEST(test_carried_over)
{
	static const uint32_t units[] = {4};
	struct order orders[8];
	struct gate_entry entries[SETTLE_BATCH];
	struct claim_chain chain = queue_chain(2);
	struct customer who = rig_who("c2");
	struct order draft = queue_draft(2);
	struct gate_ticket ticket;
	enum gate_carried got[8] = {9, 9, 9};
	bool known;
	size_t n;
	struct err err = ERR_INIT;
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 4, 1);
	queue_accept(&rig, 3);
	ck_assert_uint_eq(scanned(&rig, orders), 3);
	ASSERT_OUT(carry(&rig, orders, 0, got, &err), OUT_DONE);
	ASSERT_OUT(carry(&rig, orders, 3, got, &err), OUT_DONE);
	all_are(got, 3, GATE_CARRIED);
	/* Nothing is there twice. */
	ASSERT_OUT(carry(&rig, orders, 3, got, &err), OUT_DONE);
	all_are(got, 3, GATE_CARRY_THERE);
	ASSERT_OUT(
	    rig.port.seed(rig.port.ctx, next, units, 1, SOON, &err), OUT_DONE);
	/* Nobody sees them before. */
	ck_assert_uint_eq(rig_gauge(&rig).epoch, 1);
	ASSERT_OUT(
	    publish(&rig, (struct gate_seeded){4, 1, 1, 0, 3, false}, &err),
	    OUT_DONE);
	ck_assert_uint_eq(rig_gauge(&rig).waiting, 3);
	ASSERT_OUT(rig.port.enqueue(rig.port.ctx, next, &chain, 0, &who, &draft,
		       false, SOON, &ticket, &err),
	    OUT_DONE);
	ck_assert_int_eq(ticket.answer, GATE_QUEUED);
	queue_assert_order(&ticket.queued, "c2", 2, 0, 2, 1);
	ASSERT_OUT(rig.port.take(rig.port.ctx, next, "s", 64, 1000, SOON,
		       entries, &n, &known, &err),
	    OUT_DONE);
	ck_assert_uint_eq(n, 3);
	queue_assert_order(&entries[2].order, "c3", 3, 0, 3, 1);
	ck_assert_uint_eq(entries[2].order.epoch, 2);
	queue_settle(&rig, next, entries, 3, GATE_FATE_VOID);
	ck_assert_uint_eq(rig_gauge(&rig).free, 4);
	rig_close(&rig);
}
END_TEST

static struct order sold(const char *who, unsigned id, uint32_t slot)
{
	return (struct order){.claim = rig_id(id),
	    .sale = ref.sale,
	    .status = ORDER_SOLD,
	    .unit = 9,
	    .slot = slot,
	    .customer = rig_who(who)};
}

/*
 * While the next gate is made, the one that sells gives nothing out: an order that
 * it accepted behind the reader's back would be lost.  All else goes on.
 */
START_TEST(test_retired)
{
	struct gate_entry entries[SETTLE_BATCH];
	struct gate_ref third = {{5}, 3};
	struct gate_seeded seeded = {0, 1, 0, 0, 0, false};
	struct gate_ticket ticket;
	struct err err = ERR_INIT;
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 4, 2);
	queue_accept(&rig, 2);
	ck_assert_int_eq(rig_claim(&rig, "bob", 900).answer, GATE_TAKEN);
	ASSERT_OUT(
	    rig.port.retire(rig.port.ctx, ref, SOON, &err), OUT_NOT_DONE);
	/* Twice, and not back again. */
	ASSERT_OUT(rig.port.retire(rig.port.ctx, third, SOON, &err), OUT_DONE);
	ASSERT_OUT(rig.port.retire(rig.port.ctx, next, SOON, &err), OUT_DONE);
	for (int direct = 0; direct < 2; direct++)
		for (unsigned n = 1; n < 4; n += 2) {
			ticket = direct ? rig_claim(&rig, "c1", n * 100)
					: queue_enqueue(&rig, "c1", n);
			ck_assert_int_eq(ticket.answer, GATE_EPOCH);
			ck_assert_uint_eq(ticket.epoch, 3);
		}
	rig_assert_counts(&rig, 1, 1, 3, 3);
	ck_assert_uint_eq(rig_gauge(&rig).epoch, 1);
	/* Once, however many ask. */
	ck_assert_uint_eq(rig_gauge(&rig).forgot, 1);
	ck_assert_uint_eq(queue_take(&rig, "s", entries), 2);
	queue_settle(&rig, ref, entries, 1, GATE_FATE_VOID);
	rig_release(&rig, "bob", 900, GATE_RELEASE_VOID);
	rig_assert_free(&rig, "4 1 3");
	/* One that was overtaken is not published; the later one begins anew. */
	ASSERT_OUT(publish(&rig, seeded, &err), OUT_NOT_DONE);
	ASSERT_SAYS("epoch 3");
	/* Nor one that has lost its mark: it may have accepted orders since. */
	seeded.retired = true;
	ck_assert_int_eq(rig_do(&rig, "HDEL {fg:5}:meta retired"), 1);
	ASSERT_OUT(rig.port.publish(rig.port.ctx, third, &seeded, SOON, &err),
	    OUT_NOT_DONE);
	ck_assert_uint_eq(rig_gauge(&rig).epoch, 1);
	ASSERT_OUT(rig.port.retire(rig.port.ctx, third, SOON, &err), OUT_DONE);
	ASSERT_OUT(rig.port.publish(rig.port.ctx, third, &seeded, SOON, &err),
	    OUT_DONE);
	ck_assert_uint_eq(rig_gauge(&rig).epoch, 3);
	ck_assert_int_eq(rig_do(&rig, "HEXISTS {fg:5}:meta retired"), 0);
	rig_close(&rig);
}
END_TEST

/* Of a gate that is lost: that is what it is, and an older one is not made. */
START_TEST(test_retired_without_a_gate)
{
	struct gate_seeded seeded = {0, 1, 0, 0, 0, false};
	struct err err = ERR_INIT;
	struct rig rig;

	rig_open(&rig);
	ASSERT_OUT(rig.port.retire(rig.port.ctx, next, SOON, &err), OUT_DONE);
	ck_assert(!rig_gauge(&rig).known);
	ck_assert_int_eq(queue_enqueue(&rig, "ann", 1).answer, GATE_NO_SALE);
	ASSERT_OUT(rig.port.publish(rig.port.ctx, ref, &seeded, SOON, &err),
	    OUT_NOT_DONE);
	ASSERT_OUT(publish(&rig, seeded, &err), OUT_DONE);
	rig_close(&rig);
}
END_TEST

/* A slot that an owner has by now, or another that was carried before. */
START_TEST(test_refused_slots)
{
	struct order orders[8], owner = sold("c2", 77, 1);
	struct order asked[2] = {{.unit = 0}};
	enum gate_carried got[8];
	struct err err = ERR_INIT;
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 9, 1);
	queue_accept(&rig, 3);
	ck_assert_uint_eq(scanned(&rig, orders), 3);
	orders[3] = orders[0];
	orders[3].claim = rig_id(4444);
	orders[4] = orders[2];
	ASSERT_OUT(
	    rig.port.own(rig.port.ctx, next, &owner, 1, SOON, &err), OUT_DONE);
	ASSERT_OUT(carry(&rig, orders, 5, got, &err), OUT_DONE);
	ck_assert_int_eq(got[0], GATE_CARRIED);
	ck_assert_int_eq(got[1], GATE_CARRY_REFUSED);
	ck_assert_int_eq(got[2], GATE_CARRIED);
	ck_assert_int_eq(got[3], GATE_CARRY_REFUSED);
	/* A copy of one in the same call is none that is there. */
	ck_assert_int_eq(got[4], GATE_CARRY_THERE);
	ASSERT_OUT(carry(&rig, &orders[3], 1, got, &err), OUT_DONE);
	ck_assert_int_eq(got[0], GATE_CARRY_REFUSED);
	/* On another unit, and in another slot, it is there as well. */
	orders[2].unit = orders[2].slot = 9;
	ASSERT_OUT(carry(&rig, &orders[2], 1, got, &err), OUT_DONE);
	ck_assert_int_eq(got[0], GATE_CARRY_THERE);
	/* Only asked, nothing comes of it. */
	asked[0].claim = orders[2].claim;
	asked[1].claim = orders[3].claim;
	ASSERT_OUT(carry(&rig, asked, 2, got, &err), OUT_DONE);
	ck_assert_int_eq(got[0], GATE_CARRY_THERE);
	ck_assert_int_eq(got[1], GATE_CARRY_REFUSED);
	ck_assert_int_eq(rig_do(&rig, "XLEN {fg:5}:2:queue"), 2);
	ck_assert_int_eq(rig_do(&rig, "HLEN {fg:5}:2:slot"), 3);
	ASSERT_OUT(
	    publish(&rig, (struct gate_seeded){9, 1, 0, 1, 2, false}, &err),
	    OUT_DONE);
	rig_close(&rig);
}
END_TEST

/* Wiped between two calls of a rebuild, each kind of thing: not published. */
START_TEST(test_what_was_lost_is_not_published)
{
	static const char *const lost[] = {
	    "DEL {fg:5}:2:queue", "DEL {fg:5}:2:rec", "DEL {fg:5}:2:slot"};
	struct order orders[8];
	enum gate_carried got[8];
	struct err err = ERR_INIT;
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 2, 1);
	queue_accept(&rig, 2);
	ck_assert_uint_eq(scanned(&rig, orders), 2);
	ASSERT_OUT(carry(&rig, orders, 2, got, &err), OUT_DONE);
	ASSERT_OUT(
	    publish(&rig, (struct gate_seeded){2, 1, 0, 0, 1, false}, &err),
	    OUT_NOT_DONE);
	rig_do(&rig, lost[_i]);
	ASSERT_OUT(
	    publish(&rig, (struct gate_seeded){2, 1, 0, 0, 2, false}, &err),
	    OUT_NOT_DONE);
	ck_assert_uint_eq(rig_gauge(&rig).epoch, 1);
	rig_close(&rig);
}
END_TEST

/* A rebuilder that was overtaken changes nothing in the gate that sells. */
START_TEST(test_a_gate_in_use_is_not_carried_into)
{
	struct order order = queue_draft(1);
	enum gate_carried got[1];
	struct err err = ERR_INIT;
	struct rig rig;

	order.claim = rig_id(1);
	order.unit = order.slot = 1;
	order.customer = rig_who("ann");
	rig_open(&rig);
	rig_sale(&rig, next, 2, 1);
	ASSERT_OUT(carry(&rig, &order, 1, got, &err), OUT_NOT_DONE);
	ASSERT_SAYS("epoch 2 is in use");
	ck_assert_int_eq(rig_do(&rig, "DBSIZE"), 2);
	rig_close(&rig);
}
END_TEST

START_TEST(test_discard_takes_everything)
{
	struct err err = ERR_INIT;
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 4, 1);
	queue_accept(&rig, 3);
	queue_settle_all(&rig, GATE_FATE_VOID);
	queue_accept(&rig, 1);
	rig_claim(&rig, "ann", 900);
	ck_assert_int_eq(rig_do(&rig, "DBSIZE"), 7);
	rig_sale(&rig, next, 4, 1);
	ASSERT_OUT(rig.port.discard(rig.port.ctx, ref, SOON, &err), OUT_DONE);
	ck_assert_int_eq(rig_do(&rig, "DBSIZE"), 2);
	rig_close(&rig);
}
END_TEST

/* ---- stock --------------------------------------------------------------------- */

/* A unit that waits is away like a leased one. */
static const struct {
	enum gate_fate fate;
	bool first; /* settled before there is more again */
	const char *free; /* in the end */
} stocks[] = {
    {GATE_FATE_VOID, true, "2"},
    {GATE_FATE_VOID, false, "2"},
    {GATE_FATE_SOLD, true, ""},
    {GATE_FATE_SOLD, false, ""},
    {GATE_FATE_TAKEN, true, ""},
    {GATE_FATE_TAKEN, false, ""},
};

static void stock(struct rig *rig, bool more, uint32_t units)
{
	struct err err = ERR_INIT;
	uint32_t done = 0;

	ASSERT_OUT((more ? rig->port.grow : rig->port.shrink)(
		       rig->port.ctx, ref, units, SOON, &done, &err),
	    OUT_DONE);
	ck_assert_uint_eq(done, units);
}

START_TEST(test_stock_while_they_wait)
{
	struct gate_entry entries[SETTLE_BATCH];
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 2, 1);
	queue_accept(&rig, 2);
	stock(&rig, false, 1);
	ck_assert_uint_eq(queue_take(&rig, "s", entries), 2);
	if (stocks[_i].first)
		queue_settle(&rig, ref, &entries[1], 1, stocks[_i].fate);
	/* What comes back above the stock is let go. */
	rig_assert_free(&rig, "");
	stock(&rig, true, 2);
	if (!stocks[_i].first)
		queue_settle(&rig, ref, &entries[1], 1, stocks[_i].fate);
	rig_assert_free(&rig, stocks[_i].free);
	/* Once, and no trace of it: less and more again is as at first. */
	stock(&rig, false, 1);
	stock(&rig, true, 2);
	rig_assert_free(&rig, stocks[_i].free);
	rig_close(&rig);
}
END_TEST

/* ---- refusals ------------------------------------------------------------------- */

/* Administrator's commands. */
static const struct refusal {
	const char *provoke, *undo;
	bool settles; /* what frees memory goes on */
	const char *says;
} refusals[] = {
    {"CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0", true,
	"raise maxmemory"},
    {"REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE", false,
	"point [redis] to the master"},
    {"CONFIG SET min-replicas-to-write 1", "CONFIG SET min-replicas-to-write 0",
	false, "too few replicas"},
};

START_TEST(test_refused_whole)
{
	const struct refusal *row = &refusals[_i];
	struct gate_entry entries[SETTLE_BATCH];
	struct order orders[16];
	struct gate_ticket ticket;
	enum gate_carried got[8];
	bool known;
	struct err err = ERR_INIT;
	size_t n;
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 3, 1);
	queue_accept(&rig, 2);
	ck_assert_uint_eq(scanned(&rig, orders), 2);
	rig_do(&rig, row->provoke);
	ASSERT_OUT(queue_try(&rig, "ann", 9, 0, &ticket, &err), OUT_NOT_DONE);
	ASSERT_SAYS(row->says);
	ASSERT_OUT(carry(&rig, orders, 2, got, &err), OUT_NOT_DONE);
	if (row->settles) {
		ck_assert_uint_eq(queue_pending(&rig, "c1", orders, &known), 1);
		ck_assert_uint_eq(queue_take(&rig, "s", entries), 2);
		queue_settle(&rig, ref, entries, 2, GATE_FATE_VOID);
		rig_assert_free(&rig, "3 1 2");
		rig_release(&rig, "ann", 900, GATE_RELEASE_VOID);
	} else {
		ASSERT_OUT(rig.port.take(rig.port.ctx, ref, "s", 1, 0, SOON,
			       entries, &n, &known, &err),
		    OUT_NOT_DONE);
	}
	rig_do(&rig, row->undo);
	ck_assert_int_eq(queue_enqueue(&rig, "ann", 9).answer, GATE_TAKEN);
	ck_assert_int_eq(rig_do(&rig, "EXISTS {fg:5}:2:queue"), 0);
	rig_close(&rig);
}
END_TEST

/* Nothing is written before everything is read: a foreign key in the place of one
 * of ours leaves the others as they were. */
static const char *const parts[] = {
    "meta", "1:free", "1:lease", "1:rec", "1:slot", "1:queue", "1:void"};

START_TEST(test_foreign_key)
{
	struct gate_entry entries[SETTLE_BATCH];
	struct gate_ticket ticket;
	struct gate_settled settled;
	struct err err = ERR_INIT;
	struct rig rig;
	long before;

	rig_open(&rig);
	rig_sale(&rig, ref, 3, 1);
	queue_accept(&rig, 1);
	ck_assert_uint_eq(queue_take(&rig, "s", entries), 1);
	settled = (struct gate_settled){.id = entries[0].id,
	    .claim = entries[0].order.claim,
	    .customer = entries[0].order.customer,
	    .fate = GATE_FATE_VOID};
	rig_do(&rig, "DEL {fg:5}:%s", parts[_i]);
	rig_do(&rig, "SET {fg:5}:%s foreign", parts[_i]);
	before = rig_changes(&rig);
	ASSERT_OUT(queue_try(&rig, "ann", 9, 0, &ticket, &err), OUT_UNKNOWN);
	ASSERT_SAYS("WRONGTYPE");
	if (_i != 2) /* what is accepted has no lease */
		ASSERT_OUT(rig.port.settled(
			       rig.port.ctx, ref, &settled, 1, SOON, &err),
		    OUT_UNKNOWN);
	ck_assert_int_eq(rig_changes(&rig), before);
	rig_close(&rig);
}
END_TEST

/* Its twin in memory plays the same (tests/sale/test_mem_gate.c). */
START_TEST(test_scene)
{
	struct rig rig;

	rig_open(&rig);
	gate_wait_scene_play(&rig.port, (size_t)_i, SOON);
	rig_close(&rig);
}
END_TEST

TESTS_MAIN("gate-carry", UNIT_TABLE("scene", test_scene, GATE_WAIT_SCENES),
    UNIT("scan", test_scan), UNIT("carried", test_carried_over),
    UNIT("retired", test_retired),
    UNIT("retired-lost", test_retired_without_a_gate),
    UNIT("refused", test_refused_slots),
    UNIT_TABLE("lost", test_what_was_lost_is_not_published, 3),
    UNIT("in-use", test_a_gate_in_use_is_not_carried_into),
    UNIT("discard", test_discard_takes_everything),
    UNIT_TABLE("stock", test_stock_while_they_wait, ARRAY_LEN(stocks)),
    UNIT_TABLE("refused-whole", test_refused_whole, ARRAY_LEN(refusals)),
    UNIT_TABLE("foreign-key", test_foreign_key, ARRAY_LEN(parts)))
