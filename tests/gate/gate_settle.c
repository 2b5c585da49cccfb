/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accepted orders are taken and ended, on a real Redis (src/sale/ports.h): several
 * settlers, some that die.  Run by gate_settle.it.
 */
#include "config.h"

#include "queue_rig.h"

/* ---- taking -------------------------------------------------------------------- */

START_TEST(test_oldest_first)
{
	struct gate_entry entries[SETTLE_BATCH];
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 9, 1);
	ck_assert_uint_eq(queue_take(&rig, "s", entries), 0);
	/* Nothing was ever accepted: no stream is made by asking. */
	ck_assert_int_eq(rig_do(&rig, "EXISTS {fg:5}:1:queue"), 0);
	queue_accept(&rig, 3);
	ck_assert_uint_eq(queue_take(&rig, "s", entries), 3);
	queue_assert(&rig, 3, 3);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_str_eq(entries[i].flaw, "");
		ck_assert_uint_eq(entries[i].deliveries, 1);
		ck_assert_uint_eq(entries[i].order.epoch, 1);
		queue_assert_order(&entries[i].order,
		    (const char *[]){"c1", "c2", "c3"}[i], i + 1, 0, i + 1, 1);
	}
	rig_close(&rig);
}
END_TEST

/* What it was given and has not ended comes first, and is counted; what is new does
 * not wait for it. */
START_TEST(test_leftovers)
{
	struct gate_entry first[SETTLE_BATCH], again[SETTLE_BATCH];
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 9, 1);
	queue_accept(&rig, 2);
	ck_assert_uint_eq(queue_take(&rig, "s", first), 2);
	ck_assert_int_eq(queue_enqueue(&rig, "late", 7).answer, GATE_TAKEN);
	for (unsigned times = 2; times < 5; times++) {
		ck_assert_uint_eq(queue_take(&rig, "s", again), 3);
		ck_assert_uint_eq(again[0].id.ms, first[0].id.ms);
		ck_assert_uint_eq(again[1].deliveries, times);
		ck_assert_uint_eq(again[2].order.unit, 3);
		ck_assert_uint_eq(again[2].deliveries, times - 1);
	}
	queue_settle(&rig, ref, again, 2, GATE_FATE_SOLD);
	ck_assert_uint_eq(queue_take(&rig, "s", again), 1);
	ck_assert_uint_eq(again[0].order.unit, 3);
	ck_assert_uint_eq(again[0].deliveries, 4);
	queue_assert(&rig, 1, 1);
	rig_close(&rig);
}
END_TEST

START_TEST(test_two_settlers)
{
	struct gate_entry a[SETTLE_BATCH], b[SETTLE_BATCH];
	struct err err = ERR_INIT;
	bool known;
	size_t n;
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 9, 1);
	queue_accept(&rig, 5);
	ASSERT_OUT(rig.port.take(rig.port.ctx, ref, "a", 2, 1000, SOON, a, &n,
		       &known, &err),
	    OUT_DONE);
	ck_assert_uint_eq(n, 2);
	ck_assert_uint_eq(queue_take(&rig, "b", b), 3);
	ck_assert_uint_eq(b[0].order.unit, 3);
	ck_assert_uint_eq(queue_take(&rig, "c", b), 0);
	queue_assert(&rig, 5, 5);
	/* Whoever has it: it is ended by its id. */
	queue_settle(&rig, ref, a, 2, GATE_FATE_SOLD);
	queue_assert(&rig, 3, 3);
	rig_close(&rig);
}
END_TEST

/* A settler that died: another takes over after a while, and the dead one, when it
 * wakes up, does no harm. */
START_TEST(test_idle_takeover)
{
	struct gate_entry dead[SETTLE_BATCH], heir[SETTLE_BATCH];
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 9, 1);
	queue_accept(&rig, 2);
	ck_assert_uint_eq(queue_take(&rig, "dead", dead), 2);
	ck_assert_uint_eq(queue_take(&rig, "heir", heir), 0);
	ck_assert_uint_eq(queue_take_idle(&rig, "heir", 0, heir), 2);
	ck_assert_uint_eq(heir[1].deliveries, 2);
	ck_assert_uint_eq(queue_take(&rig, "dead", dead), 0);
	queue_settle(&rig, ref, heir, 2, GATE_FATE_VOID);
	rig_assert_free(&rig, "3 4 5 6 7 8 9 1 2");
	ck_assert_int_eq(queue_enqueue(&rig, "c1", 1).answer, GATE_TAKEN);
	queue_settle(&rig, ref, heir, 2, GATE_FATE_VOID);
	queue_settle(&rig, ref, heir, 2, GATE_FATE_SOLD);
	rig_assert_free(&rig, "4 5 6 7 8 9 1 2");
	queue_assert(&rig, 1, 0);
	rig_assert_slot(&rig, 1, "c1", 101);
	rig_close(&rig);
}
END_TEST

static void age(struct rig *rig, const char *consumer,
    const struct gate_entry *entries, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		freeReplyObject(redisCommand(rig->admin,
		    "XCLAIM {fg:5}:1:queue settlers %s 0 %llu-%llu IDLE 900000 "
		    "JUSTID",
		    consumer, (unsigned long long)entries[i].id.ms,
		    (unsigned long long)entries[i].id.seq));
	}
}

/* A settler that lives and cannot write keeps a whole page of older entries: what
 * a dead one has behind it is found all the same, at the next look. */
START_TEST(test_idle_behind_a_busy_page)
{
	struct gate_entry busy[SETTLE_BATCH], dead[SETTLE_BATCH];
	struct gate_entry entries[SETTLE_BATCH];
	struct rig rig, heir;

	rig_open(&rig);
	rig_sale(&rig, ref, 99, 1);
	queue_accept(&rig, 70);
	ck_assert_uint_eq(queue_take(&rig, "busy", busy), 64);
	ck_assert_uint_eq(queue_take(&rig, "dead", dead), 6);
	age(&rig, "dead", dead, 6);
	/* Each process remembers for itself how far it has looked. */
	heir = rig;
	heir.gate = rig_gate(LONG_MS, LEASE_MS);
	heir.port = gate_port(heir.gate);
	ck_assert_uint_eq(queue_take_idle(&heir, "heir", 60000, entries), 0);
	ck_assert_uint_eq(queue_take_idle(&heir, "heir", 60000, entries), 6);
	ck_assert_uint_eq(entries[0].order.unit, 65);
	ck_assert_uint_eq(entries[5].deliveries, 2);
	queue_settle(&rig, ref, entries, 6, GATE_FATE_SOLD);
	/* And from the first on again. */
	age(&rig, "busy", busy, 64);
	/* Half a batch of another's in one call; the next one has those, too. */
	ck_assert_uint_eq(queue_take_idle(&heir, "heir", 60000, entries), 32);
	ck_assert_uint_eq(queue_take_idle(&heir, "heir", 60000, entries), 64);
	ck_assert_uint_eq(entries[0].order.unit, 1);
	queue_settle(&rig, ref, entries, 64, GATE_FATE_SOLD);
	queue_assert(&rig, 0, 0);
	gate_free(&heir.gate);
	rig_close(&rig);
}
END_TEST

static size_t take_some(struct rig *rig, const char *consumer, size_t max,
    int64_t idle_ms, struct gate_entry *entries)
{
	struct err err = ERR_INIT;
	bool known;
	size_t n;

	ASSERT_OUT(rig->port.take(rig->port.ctx, ref, consumer, max, idle_ms,
		       SOON, entries, &n, &known, &err),
	    OUT_DONE);
	return n;
}

/* Its own leftovers, then others', then new ones: never more than it may have, none
 * of them twice. */
START_TEST(test_sources)
{
	struct gate_entry entries[SETTLE_BATCH];
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 9, 1);
	queue_accept(&rig, 4);
	ck_assert_uint_eq(take_some(&rig, "me", 1, 1000, entries), 1);
	ck_assert_uint_eq(take_some(&rig, "other", 1, 1000, entries), 1);
	for (size_t max = 1; max <= 5; max++) {
		size_t n = take_some(&rig, "me", max, 0, entries);

		ck_assert_uint_eq(n, max < 4 ? max : 4);
		for (unsigned i = 0; i < n; i++)
			ck_assert_uint_eq(entries[i].order.unit, i + 1);
	}
	queue_settle(&rig, ref, entries, 4, GATE_FATE_SOLD);
	queue_assert(&rig, 0, 0);
	rig_close(&rig);
}
END_TEST

/* The group is gone with somebody's XGROUP DESTROY: what is there is given out
 * anew, from the first on. */
START_TEST(test_group_lost)
{
	struct gate_entry entries[SETTLE_BATCH];
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 9, 1);
	queue_accept(&rig, 3);
	ck_assert_uint_eq(queue_take(&rig, "s", entries), 3);
	queue_settle(&rig, ref, entries, 1, GATE_FATE_SOLD);
	rig_do(&rig, "XGROUP DESTROY {fg:5}:1:queue settlers");
	rig_do(&rig, "XGROUP CREATE {fg:5}:1:queue strangers $");
	queue_assert(&rig, 2, 0);
	ck_assert_uint_eq(queue_take(&rig, "s", entries), 2);
	ck_assert_uint_eq(entries[0].order.unit, 2);
	ck_assert_uint_eq(entries[0].deliveries, 1);
	rig_close(&rig);
}
END_TEST

/* ---- settling ------------------------------------------------------------------- */

static const struct {
	enum gate_fate fate;
	const char *free;
	long long slots, void_n;
	uint32_t forgot;
} fates[] = {
    {GATE_FATE_SOLD, "3", 2, 0, 0},
    {GATE_FATE_VOID, "3 1 2", 0, 2, 0},
    {GATE_FATE_TAKEN, "3", 0, 2, 1},
    {GATE_FATE_ELSEWHERE, "3 1 2", 2, 0, 1},
};

START_TEST(test_fate)
{
	struct gate_entry entries[SETTLE_BATCH];
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 3, 1);
	queue_accept(&rig, 2);
	ck_assert_uint_eq(queue_take(&rig, "s", entries), 2);
	/* A second time does nothing. */
	for (int times = 0; times < 2; times++) {
		queue_settle(&rig, ref, entries, 2, fates[_i].fate);
		queue_assert(&rig, 0, 0);
		rig_assert_free(&rig, fates[_i].free);
		ck_assert_int_eq(rig_do(&rig, "HLEN {fg:5}:1:rec"), 0);
		ck_assert_int_eq(
		    rig_do(&rig, "HLEN {fg:5}:1:slot"), fates[_i].slots);
		ck_assert_int_eq(
		    rig_do(&rig, "SCARD {fg:5}:1:void"), fates[_i].void_n);
		/* Others' unit, or sold on another: it has forgotten that. */
		ck_assert_uint_eq(rig_gauge(&rig).forgot, fates[_i].forgot);
	}
	rig_close(&rig);
}
END_TEST

START_TEST(test_the_same_twice_in_a_call)
{
	struct gate_entry entries[SETTLE_BATCH];
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 3, 1);
	queue_accept(&rig, 1);
	ck_assert_uint_eq(queue_take(&rig, "s", entries), 1);
	entries[1] = entries[0];
	queue_settle(&rig, ref, entries, 2, GATE_FATE_VOID);
	rig_assert_free(&rig, "2 3 1");
	rig_close(&rig);
}
END_TEST

/* Not given to anybody yet, or given to another: an operator ends it. */
START_TEST(test_settled_without_taking)
{
	struct gate_entry entries[4];
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 3, 1);
	queue_accept(&rig, 2);
	ck_assert_uint_eq(queue_scan_all(&rig, ref, 64, entries, 4), 2);
	queue_settle(&rig, ref, entries, 1, GATE_FATE_VOID);
	queue_assert(&rig, 1, 0);
	rig_assert_free(&rig, "3 1");
	ck_assert_uint_eq(queue_settle_all(&rig, GATE_FATE_SOLD), 1);
	rig_close(&rig);
}
END_TEST

/* After a rebuild the old epoch's settler changes nothing, in either. */
START_TEST(test_settled_after_a_rebuild)
{
	struct gate_entry entries[SETTLE_BATCH];
	struct gate_ref next = {{5}, 2};
	struct err err = ERR_INIT;
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 3, 1);
	queue_accept(&rig, 2);
	ck_assert_uint_eq(queue_take(&rig, "s", entries), 2);
	rig_sale(&rig, next, 3, 1);
	queue_settle(&rig, ref, entries, 2, GATE_FATE_VOID);
	rig_assert_free(&rig, "3");
	ck_assert_int_eq(rig_do(&rig, "EXISTS {fg:5}:1:void"), 0);
	ASSERT_OUT(rig.port.discard(rig.port.ctx, ref, SOON, &err), OUT_DONE);
	queue_settle(&rig, ref, entries, 2, GATE_FATE_VOID);
	rig_release(&rig, "c1", 100, GATE_RELEASE_VOID);
	ck_assert_int_eq(rig_do(&rig, "DBSIZE"), 2);
	ck_assert_uint_eq(rig_gauge(&rig).free, 3);
	rig_close(&rig);
}
END_TEST

START_TEST(test_wiped_in_the_middle)
{
	struct gate_entry entries[SETTLE_BATCH];
	struct err err = ERR_INIT;
	bool known = true;
	size_t n = 9;
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 3, 1);
	queue_accept(&rig, 2);
	ck_assert_uint_eq(queue_take(&rig, "s", entries), 2);
	rig_do(&rig, "FLUSHALL");
	queue_settle(&rig, ref, entries, 1, GATE_FATE_SOLD);
	queue_settle(&rig, ref, entries, 2, GATE_FATE_VOID);
	ASSERT_OUT(rig.port.take(rig.port.ctx, ref, "s", 1, 0, SOON, entries,
		       &n, &known, &err),
	    OUT_DONE);
	ck_assert(!known && n == 0);
	ck_assert_uint_eq(queue_scan_all(&rig, ref, 64, entries, 4), 0);
	ck_assert_int_eq(rig_do(&rig, "DBSIZE"), 0);
	rig_close(&rig);
}
END_TEST

TESTS_MAIN("gate-settle", UNIT("oldest-first", test_oldest_first),
    UNIT("leftovers", test_leftovers), UNIT("two-settlers", test_two_settlers),
    UNIT("takeover", test_idle_takeover),
    UNIT("busy-page", test_idle_behind_a_busy_page),
    UNIT("sources", test_sources), UNIT("group-lost", test_group_lost),
    UNIT_TABLE("fate", test_fate, ARRAY_LEN(fates)),
    UNIT("twice", test_the_same_twice_in_a_call),
    UNIT("not-taken", test_settled_without_taking),
    UNIT("rebuilt", test_settled_after_a_rebuild),
    UNIT("wiped", test_wiped_in_the_middle))
