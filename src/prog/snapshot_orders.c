/* SPDX-License-Identifier: Apache-2.0 */
/* Accepted orders, and those who look after them. */
#include "config.h"

#include "prog/snapshot_parts.h"

/* Of all keepers and settlers that ever were. */
void snapshot_services_sum(const struct snapshot *snapshot,
    struct keeper_stats *keeper, struct settler_stats *settler)
{
	size_t n = pool_status_slots(snapshot->child);
	size_t keepers = snapshot_group_find(snapshot->child, SNAPSHOT_KEEPER);
	size_t settlers =
	    snapshot_group_find(snapshot->child, SNAPSHOT_SETTLER);
	struct board_view view;

	memset(keeper, 0, sizeof(*keeper));
	memset(settler, 0, sizeof(*settler));
	for (size_t i = 0; i < n; i++) {
		if (!pool_status_view(snapshot->child, i, &view))
			continue;
		if (view.group == keepers)
			stats_add_keeper(
			    keeper, pool_status_area(snapshot->child, i));
		else if (view.group == settlers)
			stats_add_settler(
			    settler, pool_status_area(snapshot->child, i));
	}
}

/* A sale that has, or may be given, such orders.  A gate that is gone and will not
 * be made anew has none. */
static bool counts(const struct sale_entry *entry)
{
	if (entry->sale.state == SALE_STATE_CLOSED && !entry->gauge.known)
		return false;
	return entry->sale.mode != SALE_MODE_DIRECT || entry->gauge.waiting > 0;
}

static void sale_add(
    const struct sale_entry *entry, struct status *status, int64_t *oldest_ms)
{
	const struct gate_gauge *gauge = &entry->gauge;

	/* What one of them does not say is not known of all. */
	if (!entry->gauge_fresh || !gauge->known)
		status->waiting = STATUS_NA;
	else if (status->waiting != STATUS_NA)
		status->waiting += (int64_t)gauge->waiting;
	if (gauge->oldest_ms > *oldest_ms)
		*oldest_ms = gauge->oldest_ms;
}

void snapshot_orders(const struct snapshot *snapshot, struct status *status)
{
	static const char *const words[ACCEPTED_DURABILITY_COUNT] = {
	    [ACCEPTED_UNKNOWN] = "unknown",
	    [ACCEPTED_STORED] = "stored",
	    [ACCEPTED_MEMORY] = "memory: may be lost",
	    [ACCEPTED_REFUSED] = "too weak: none is accepted",
	};
	struct settler_stats settler;
	struct keeper_stats keeper;
	struct sale_table_head head;
	struct sale_entry entry;
	int64_t oldest_ms = 0;

	snapshot_services_sum(snapshot, &keeper, &settler);
	status->lost = (int64_t)keeper.lost;
	status->durability = "-";
	if (!sale_table_head_read(snapshot->table, &head)) {
		status->waiting = status->oldest = STATUS_NA;
		return;
	}
	for (size_t i = 0; i < head.n; i++) {
		if (!sale_table_row(snapshot->table, i, &entry) ||
		    !counts(&entry))
			continue;
		sale_add(&entry, status, &oldest_ms);
		status->durability =
		    words[accepted_durability(snapshot->accepted)];
	}
	status->oldest =
	    status->waiting == STATUS_NA ? STATUS_NA : oldest_ms / 1000;
}
