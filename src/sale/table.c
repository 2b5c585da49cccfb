/* SPDX-License-Identifier: Apache-2.0 */
/* The sales in shared memory: one writer, lock-free readers. */
#include "config.h"

#include "sale/table.h"
#include "base/bug.h"

#include <stdlib.h>

/* A reading that took longer does not tell what time it is at the ledger. */
#define CLOCK_READING_MS 100

size_t sale_table_bytes(void)
{
	return sizeof(struct sale_table);
}

void sale_table_init(struct sale_table *table)
{
	memset(table, 0, sizeof(*table));
}

static void row_write(
    struct sale_table *table, size_t i, const struct sale_entry *entry)
{
	flip_write(
	    &table->rows[i].flip, table->rows[i].entry, entry, sizeof(*entry));
}

/* The writer's own view: what it wrote last. */
static const struct sale_entry *row_own(
    const struct sale_table *table, size_t i)
{
	return flip_own(&table->rows[i].flip, table->rows[i].entry,
	    sizeof(struct sale_entry));
}

static const struct sale_table_head *head_own(const struct sale_table *table)
{
	return flip_own(
	    &table->head_flip, table->head, sizeof(struct sale_table_head));
}

/* The longest that a request may take, and the age of the table it went by. */
#define MODE_SETTLES_NS (120 * NS_PER_S)

/* Until whoever read of the same store that the sale was open has his answer. */
#define CLOSED_SETTLES_NS (5 * NS_PER_S)

bool sale_entry_may_wait(const struct sale_entry *entry, int64_t now_ns)
{
	const struct sale *sale = &entry->sale;
	const struct gate_gauge *gauge = &entry->gauge;
	bool closed = sale->state == SALE_STATE_CLOSED;

	if (sale->epoch == 0 || sale->state == SALE_STATE_DRAFT ||
	    (closed && entry->gauge_fresh && !gauge->known))
		return false;
	return sale->mode != SALE_MODE_DIRECT || gauge->waiting > 0 ||
	       now_ns < entry->mode_settles_ns || !entry->mode_settled ||
	       /* It is being made anew, or will be. */
	       sale->state == SALE_STATE_REBUILD || (!closed && !gauge->known);
}

/*
 * A gauge outlives the refresh of its sale's row, as long as the row still is
 * about the same generation of the gate.
 */
static void gauge_carry(
    const struct sale_table *table, int64_t now_ns, struct sale_entry *entry)
{
	for (size_t i = 0; i < head_own(table)->n; i++) {
		const struct sale_entry *old = row_own(table, i);

		if (old->sale.id.v != entry->sale.id.v)
			continue;
		entry->gauge = old->gauge;
		entry->gauge_fresh = old->gauge_fresh;
		if (old->sale.mode == entry->sale.mode) {
			entry->mode_settles_ns = old->mode_settles_ns;
			entry->mode_settled =
			    old->mode_settled ||
			    (old->gauge_fresh &&
				now_ns >= old->mode_settles_ns);
		}
		if (old->sale.state == SALE_STATE_CLOSED)
			entry->closed_settles_ns = old->closed_settles_ns;
		return;
	}
}

/* One that was not there may have had any mode, and been open. */
static void entry_make(const struct sale_table *table, const struct sale *sale,
    int64_t now_ns, struct sale_entry *out)
{
	*out = (struct sale_entry){.sale = *sale,
	    .mode_settles_ns = now_ns + MODE_SETTLES_NS,
	    .closed_settles_ns = now_ns + CLOSED_SETTLES_NS};
	gauge_carry(table, now_ns, out);
}

/* ---- kept --------------------------------------------------------------------------- */

/* Some may have been accepted behind the last gauge that saw the sale open. */
static bool is_owing(const struct sale_entry *entry, int64_t now_ns)
{
	if (entry->gauge.waiting > 0)
		return true;
	return entry->sale.mode != SALE_MODE_DIRECT &&
	       (entry->sale.state != SALE_STATE_CLOSED || !entry->gauge_fresh ||
		   now_ns < entry->closed_settles_ns);
}

static bool is_among(
    const struct sale_entry *entries, size_t n, struct sale_id sale)
{
	for (size_t i = 0; i < n; i++)
		if (entries[i].sale.id.v == sale.v)
			return true;
	return false;
}

/* A place for one more, or NULL. */
static struct sale_entry *room_make(
    struct sale_entry *entries, size_t *n, int64_t now_ns)
{
	if (*n < SALE_TABLE_MAX)
		return &entries[(*n)++];
	for (size_t i = *n; i-- > 0;)
		if (entries[i].sale.state == SALE_STATE_CLOSED &&
		    !is_owing(&entries[i], now_ns))
			return &entries[i];
	return NULL;
}

/*
 * The ledger gives the newest: a sale that is closed now may be older than all of
 * them.
 */
static enum outcome crowded_out_keep(const struct sale_table *table,
    const struct ledger_port *ledger, int64_t now_ns,
    struct sale_entry *entries, size_t *n, int64_t deadline_ns, struct err *err)
{
	for (size_t i = 0; i < head_own(table)->n; i++) {
		const struct sale_entry *old = row_own(table, i);
		struct sale_entry *room;
		enum outcome out;
		struct sale sale;
		struct wall now;
		bool found;

		if (!is_owing(old, now_ns) ||
		    is_among(entries, *n, old->sale.id))
			continue;
		out = ledger->sale(ledger->ctx, old->sale.id, deadline_ns,
		    &sale, &found, &now, err);
		if (out != OUT_DONE)
			return out;
		room = found ? room_make(entries, n, now_ns) : NULL;
		if (room != NULL)
			entry_make(table, &sale, now_ns, room);
	}
	return OUT_DONE;
}

/* ---- refresh --------------------------------------------------------------------- */

/*
 * The ledger looked at its clock somewhere between the asking and the hearing of
 * it.  A keeper that was stopped in between, or heard late, would put every
 * worker's clock back by as much: sales would open late, orders be dated before
 * they were asked for.  What was known before is better then.
 */
static int64_t ledger_offset_us(const struct sale_table *table,
    struct wall asked, int64_t took_ns, struct wall ledger_now)
{
	if (took_ns > CLOCK_READING_MS * NS_PER_MS &&
	    head_own(table)->refreshed_ns != 0)
		return head_own(table)->ledger_offset_us;
	return ledger_now.us - asked.us - took_ns / 2 / NS_PER_US;
}

enum outcome sale_table_refresh(struct sale_table *table,
    const struct ledger_port *ledger, const struct clock *clock,
    int64_t deadline_ns, struct err *err)
{
	static struct sale sales[SALE_TABLE_MAX]; /* one writer a process */
	static struct sale_entry fresh[SALE_TABLE_MAX];
	/* In this order: a stop in between counts as a late answer. */
	int64_t asked_ns = clock->mono_ns(clock->ctx);
	struct wall ledger_now, asked = clock->wall(clock->ctx);
	struct sale_table_head head;
	int64_t heard_ns;
	enum outcome out;
	size_t n;

	out = ledger->sales(ledger->ctx, deadline_ns, sales, SALE_TABLE_MAX, &n,
	    &ledger_now, err);
	if (out != OUT_DONE)
		return out;
	BUG_ON(n > SALE_TABLE_MAX);
	heard_ns = clock->mono_ns(clock->ctx);
	for (size_t i = 0; i < n; i++)
		entry_make(table, &sales[i], heard_ns, &fresh[i]);
	out = crowded_out_keep(
	    table, ledger, heard_ns, fresh, &n, deadline_ns, err);
	if (out != OUT_DONE)
		return out;
	for (size_t i = 0; i < n; i++)
		row_write(table, i, &fresh[i]);
	head.n = (uint32_t)n;
	head.refreshed_ns = heard_ns;
	head.ledger_offset_us = ledger_offset_us(
	    table, asked, head.refreshed_ns - asked_ns, ledger_now);
	flip_write(&table->head_flip, table->head, &head, sizeof(head));
	return OUT_DONE;
}

void sale_table_gauge(struct sale_table *table, struct sale_id sale,
    const struct gate_gauge *gauge, bool fresh)
{
	for (size_t i = 0; i < head_own(table)->n; i++) {
		struct sale_entry entry = *row_own(table, i);

		if (entry.sale.id.v != sale.v)
			continue;
		if (fresh)
			entry.gauge = *gauge;
		entry.gauge_fresh = fresh;
		row_write(table, i, &entry);
		return;
	}
}

bool sale_table_head_read(
    const struct sale_table *table, struct sale_table_head *out)
{
	return flip_read(&table->head_flip, table->head, out, sizeof(*out)) &&
	       out->refreshed_ns != 0;
}

bool sale_table_row(
    const struct sale_table *table, size_t i, struct sale_entry *out)
{
	BUG_ON(i >= SALE_TABLE_MAX);
	return flip_read(
	    &table->rows[i].flip, table->rows[i].entry, out, sizeof(*out));
}

bool sale_table_find(
    const struct sale_table *table, struct strv slug, struct sale_entry *out)
{
	struct sale_table_head head;

	if (!sale_table_head_read(table, &head))
		return false;
	for (size_t i = 0; i < head.n; i++)
		if (sale_table_row(table, i, out) &&
		    strv_eq(slug, strv_c(out->sale.slug)))
			return true;
	return false;
}

struct wall sale_table_now(
    const struct sale_table_head *head, const struct clock *clock)
{
	return (struct wall){
	    clock->wall(clock->ctx).us + head->ledger_offset_us};
}
