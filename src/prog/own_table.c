/* SPDX-License-Identifier: Apache-2.0 */
/* A table of sales that its only reader keeps. */
#include "config.h"

#include "prog/own_table.h"
#include "base/clock.h"

/* Only what is for sale, or is being written still: this is in the way of a
 * request. */
static void gauges_read(struct own_table *own, const struct gate_port *gate)
{
	struct sale_table_head head;
	struct sale_entry entry;
	struct gate_gauge gauge;
	struct err err = ERR_INIT;
	enum outcome out = OUT_DONE;

	if (!sale_table_head_read(own->table, &head))
		return;
	for (size_t i = 0; i < head.n && out == OUT_DONE; i++) {
		if (!sale_table_row(own->table, i, &entry) ||
		    (entry.sale.state != SALE_STATE_OPEN &&
			!sale_entry_may_wait(&entry, mono_ns())))
			continue;
		out = gate->gauge(gate->ctx, entry.sale.id,
		    deadline_in_ms(own->call_ms), &gauge, &err);
		sale_table_gauge(
		    own->table, entry.sale.id, &gauge, out == OUT_DONE);
	}
	if (out != OUT_DONE)
		log_limited(&own->rate, LOG_LEVEL_WARNING,
		    "Redis did not say how many are left: %s", err.text);
}

void own_table_keep(struct own_table *own, const struct gate_port *gate,
    const struct ledger_port *ledger)
{
	struct err err = ERR_INIT;

	if (own->table == NULL || mono_ns() < own->due_ns)
		return;
	if (sale_table_refresh(own->table, ledger, &clock_system,
		deadline_in_ms(own->call_ms), &err) == OUT_DONE)
		gauges_read(own, gate);
	else
		log_limited(&own->rate, LOG_LEVEL_WARNING,
		    "MySQL did not tell the sales: %s", err.text);
	/* From now, not from when it was due: a store that hangs must not be
	 * asked by every request. */
	own->due_ns = deadline_in_ms(own->refresh_ms);
}
