/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What workers may believe of a sale that is over, or was in another mode: nothing
 * final is said, and no sale is forgotten, as long as accepted orders may come or
 * wait.
 */
#include "config.h"

#include "sale/world.h"
#include "unit.h"

#include "sale/table.h"

#include <stdio.h>

/* ---- ended --------------------------------------------------------------------------- */

/* A purchase that was admitted before may be accepted behind this answer: no guard
 * stops it, and nobody waits for it. */
static const struct {
	const char *name;
	enum sale_mode mode;
	bool closed; /* else: over, for three seconds */
	bool settling; /* closed just now */
	bool table_open; /* the table does not know it yet */
	bool waits; /* or may: its mode was another a moment ago */
	int64_t patience_ms; /* of a purchase */
	enum verdict expect;
} endings[] = {
    {"closed", SALE_MODE_QUEUE, true, false, false, false, 2000, VERDICT_ENDED},
    {"just now", SALE_MODE_QUEUE, true, true, false, false, 2000,
	VERDICT_TRY_AGAIN},
    {"just now", SALE_MODE_SWEEP, true, true, false, false, 2000,
	VERDICT_TRY_AGAIN},
    {"just now", SALE_MODE_DIRECT, true, true, false, false, 2000,
	VERDICT_ENDED},
    {"heard", SALE_MODE_QUEUE, true, false, true, false, 2000,
	VERDICT_TRY_AGAIN},
    {"heard", SALE_MODE_DIRECT, true, false, true, false, 2000, VERDICT_ENDED},
    {"over", SALE_MODE_QUEUE, false, false, false, false, 2000, VERDICT_ENDED},
    {"slow", SALE_MODE_QUEUE, false, false, false, false, 9000,
	VERDICT_TRY_AGAIN},
    {"slow", SALE_MODE_DIRECT, false, false, false, false, 9000, VERDICT_ENDED},
    {"was queue", SALE_MODE_DIRECT, true, true, false, true, 2000,
	VERDICT_TRY_AGAIN},
    {"was queue", SALE_MODE_DIRECT, true, false, true, true, 2000,
	VERDICT_TRY_AGAIN},
    {"was queue", SALE_MODE_DIRECT, true, false, false, true, 2000,
	VERDICT_ENDED},
    {"was queue", SALE_MODE_DIRECT, false, false, false, true, 9000,
	VERDICT_TRY_AGAIN},
};

START_TEST(test_ended)
{
	struct purchase_result result;
	struct purchase purchase;
	struct world w;

	world_init(&w, 2, 1);
	world_mode(&w, endings[_i].mode);
	purchase = (struct purchase){.sale = w.sale,
	    .settling = endings[_i].settling,
	    .waiting = endings[_i].waits,
	    .now = {w.wall_us},
	    .deadline_ns = w.mono_ns + endings[_i].patience_ms * NS_PER_MS};
	ck_assert(customer_parse(STRV("alice"), &purchase.customer));
	if (endings[_i].table_open)
		world_rebuild(&w, &(struct rebuild_result){0});
	world_sale_get(&w);
	if (endings[_i].closed)
		w.sale.state = SALE_STATE_CLOSED;
	else
		w.sale.closes.us = w.wall_us - 3 * US_PER_S;
	world_sale_put(&w);
	if (!endings[_i].table_open)
		purchase.sale = w.sale;
	sale_buy(&w.buyer, &purchase, &result);
	ck_assert_msg(result.verdict == endings[_i].expect, "%s, %s: %s",
	    endings[_i].name, sale_mode_name(endings[_i].mode),
	    verdict_name(result.verdict));
	world_fini(&w);
}
END_TEST

/* ---- a table, and a ledger to fill it ------------------------------------------------- */

#define OLD 1 /* the sale that others crowd out */

static struct {
	struct sale sales[SALE_TABLE_MAX + 1]; /* as the ledger orders them */
	size_t n; /* that it gives out */
	struct sale old;
	int64_t mono_ns;
	struct sale_table table;
} t;

static enum outcome sales_read(void *ctx, int64_t deadline_ns, struct sale *out,
    size_t max, size_t *n, struct wall *now, struct err *err)
{
	(void)ctx;
	(void)deadline_ns;
	(void)err;
	ck_assert_uint_le(t.n, max);
	memcpy(out, t.sales, t.n * sizeof(out[0]));
	*n = t.n;
	now->us = t.mono_ns / NS_PER_US;
	return OUT_DONE;
}

static enum outcome sale_read(void *ctx, struct sale_id id, int64_t deadline_ns,
    struct sale *out, bool *found, struct wall *now, struct err *err)
{
	(void)ctx;
	(void)deadline_ns;
	(void)err;
	ck_assert_uint_eq(id.v, OLD);
	*out = t.old;
	*found = true;
	now->us = t.mono_ns / NS_PER_US;
	return OUT_DONE;
}

static int64_t now_ns(void *ctx)
{
	(void)ctx;
	return t.mono_ns;
}

static struct wall now_wall(void *ctx)
{
	(void)ctx;
	return (struct wall){t.mono_ns / NS_PER_US};
}

static const struct clock clock = {now_ns, now_wall, NULL};

static void refresh(int64_t after_ms)
{
	const struct ledger_port ledger = {
	    .sales = sales_read, .sale = sale_read};
	struct err err;

	t.mono_ns += after_ms * NS_PER_MS;
	ck_assert_int_eq(
	    sale_table_refresh(&t.table, &ledger, &clock, INT64_MAX, &err),
	    OUT_DONE);
}

static void gauge(uint64_t waiting, bool fresh)
{
	struct gate_gauge gauge = {
	    .known = true, .epoch = 1, .waiting = waiting};

	sale_table_gauge(&t.table, (struct sale_id){OLD}, &gauge, fresh);
}

static bool old_find(struct sale_entry *out)
{
	struct sale_table_head head;

	ck_assert(sale_table_head_read(&t.table, &head));
	ck_assert_uint_le(head.n, SALE_TABLE_MAX);
	for (size_t i = 0; i < head.n; i++)
		if (sale_table_row(&t.table, i, out) && out->sale.id.v == OLD)
			return true;
	return false;
}

static struct sale sale_of(
    uint32_t id, enum sale_state state, enum sale_mode mode)
{
	struct sale sale = {
	    .id = {id}, .epoch = 1, .stock = 9, .state = state, .mode = mode};

	snprintf(sale.slug, sizeof(sale.slug), "sale-%u", id);
	return sale;
}

/* The old sale is open and in the table; the others are newer. */
static void begin(enum sale_mode mode, size_t others, enum sale_state state)
{
	memset(&t, 0, sizeof(t));
	t.mono_ns = 1000 * NS_PER_S;
	t.old = sale_of(OLD, SALE_STATE_OPEN, mode);
	t.sales[0] = t.old;
	for (uint32_t i = 1; i <= others; i++)
		t.sales[i] = sale_of(OLD + i, state, SALE_MODE_DIRECT);
	t.n = others < SALE_TABLE_MAX ? others + 1 : SALE_TABLE_MAX;
	sale_table_init(&t.table);
	refresh(0);
	gauge(0, true);
}

/* It is closed, and older than as many sales as the ledger gives out. */
static void close_old(size_t others)
{
	t.old.state = SALE_STATE_CLOSED;
	memmove(&t.sales[0], &t.sales[1], others * sizeof(t.sales[0]));
	t.n = others;
}

/* ---- crowded out ---------------------------------------------------------------------- */

/* Its accepted orders would never be written, and whoever asks for one would hear
 * that there is none. */
START_TEST(test_crowded_out)
{
	size_t others = _i == 0 ? SALE_TABLE_MAX : 2;
	struct sale_entry entry;

	begin(SALE_MODE_QUEUE, others, SALE_STATE_CLOSED);
	close_old(others);
	/* Some may have been accepted since its gauge was read. */
	refresh(200);
	ck_assert(old_find(&entry));
	ck_assert_int_eq(entry.sale.state, SALE_STATE_CLOSED);
	gauge(3, true);
	refresh(60000);
	ck_assert(old_find(&entry));
	ck_assert_uint_eq(entry.gauge.waiting, 3);
	ck_assert(sale_entry_may_wait(&entry, t.mono_ns));
	gauge(0, false);
	refresh(60000);
	ck_assert(old_find(&entry));
	gauge(0, true);
	refresh(200);
	ck_assert(!old_find(&entry));
}
END_TEST

START_TEST(test_settles_before_it_goes)
{
	struct sale_entry entry;

	begin(SALE_MODE_QUEUE, SALE_TABLE_MAX, SALE_STATE_CLOSED);
	close_old(SALE_TABLE_MAX);
	refresh(200);
	gauge(0, true);
	refresh(4000);
	ck_assert(old_find(&entry));
	ck_assert_int_lt(t.mono_ns, entry.closed_settles_ns);
	refresh(2000);
	ck_assert(!old_find(&entry));
}
END_TEST

/* Nothing waits for a sale of mode direct; and no open sale makes room. */
START_TEST(test_no_place)
{
	struct sale_entry entry;

	if (_i == 0) {
		begin(SALE_MODE_DIRECT, SALE_TABLE_MAX, SALE_STATE_CLOSED);
	} else {
		begin(SALE_MODE_QUEUE, SALE_TABLE_MAX, SALE_STATE_OPEN);
		gauge(1, true);
	}
	close_old(SALE_TABLE_MAX);
	refresh(200);
	ck_assert(!old_find(&entry));
}
END_TEST

/* ---- another mode ---------------------------------------------------------------------- */

/* Redis is away while the mode is changed: what the last gauge before said of the
 * waiting ones is no proof, however long ago that was. */
START_TEST(test_mode_settles_with_a_gauge)
{
	struct sale_entry entry;

	begin(SALE_MODE_QUEUE, 0, SALE_STATE_CLOSED);
	gauge(0, false);
	t.sales[0].mode = SALE_MODE_DIRECT;
	refresh(200);
	refresh(600000);
	ck_assert(old_find(&entry));
	ck_assert(sale_entry_may_wait(&entry, t.mono_ns));
	gauge(0, true);
	refresh(200);
	ck_assert(old_find(&entry));
	ck_assert(!sale_entry_may_wait(&entry, t.mono_ns));
	/* Later on nobody has to ask Redis. */
	gauge(0, false);
	refresh(200);
	ck_assert(old_find(&entry));
	ck_assert(!sale_entry_may_wait(&entry, t.mono_ns));
}
END_TEST

TESTS_MAIN("table", UNIT_TABLE("ended", test_ended, ARRAY_LEN(endings)),
    UNIT_TABLE("crowded-out", test_crowded_out, 2),
    UNIT("settles", test_settles_before_it_goes),
    UNIT_TABLE("no-place", test_no_place, 2),
    UNIT("mode", test_mode_settles_with_a_gauge))
