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

bool sale_entry_may_wait(const struct sale_entry *entry, int64_t now_ns)
{
	const struct sale *sale = &entry->sale;
	const struct gate_gauge *gauge = &entry->gauge;
	bool closed = sale->state == SALE_STATE_CLOSED;

	if (sale->epoch == 0 || sale->state == SALE_STATE_DRAFT ||
	    (closed && entry->gauge_fresh && !gauge->known))
		return false;
	return sale->mode != SALE_MODE_DIRECT || gauge->waiting > 0 ||
	       now_ns < entry->mode_settles_ns ||
	       /* It is being made anew, or will be. */
	       sale->state == SALE_STATE_REBUILD || (!closed && !gauge->known);
}

/*
 * A gauge outlives the refresh of its sale's row, as long as the row still is
 * about the same generation of the gate.
 */
static void gauge_carry(
    const struct sale_table *table, struct sale_entry *entry)
{
	for (size_t i = 0; i < head_own(table)->n; i++) {
		const struct sale_entry *old = row_own(table, i);

		if (old->sale.id.v != entry->sale.id.v)
			continue;
		entry->gauge = old->gauge;
		entry->gauge_fresh = old->gauge_fresh;
		if (old->sale.mode == entry->sale.mode)
			entry->mode_settles_ns = old->mode_settles_ns;
		return;
	}
}

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
	enum outcome out;
	size_t n;

	out = ledger->sales(ledger->ctx, deadline_ns, sales, SALE_TABLE_MAX, &n,
	    &ledger_now, err);
	if (out != OUT_DONE)
		return out;
	BUG_ON(n > SALE_TABLE_MAX);
	for (size_t i = 0; i < n; i++) {
		/* One that was not there may have had any mode. */
		fresh[i] = (struct sale_entry){.sale = sales[i],
		    .mode_settles_ns =
			clock->mono_ns(clock->ctx) + MODE_SETTLES_NS};
		gauge_carry(table, &fresh[i]);
	}
	for (size_t i = 0; i < n; i++)
		row_write(table, i, &fresh[i]);
	head.n = (uint32_t)n;
	head.refreshed_ns = clock->mono_ns(clock->ctx);
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
