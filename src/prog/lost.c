/* SPDX-License-Identifier: Apache-2.0 */
/* Notes of older epochs, a few at a tick, against gate and ledger. */
#include "config.h"

#include "prog/lost.h"
#include "base/clock.h"
#include "base/log.h"

#include <inttypes.h>
#include <stdlib.h>

/* Of a tick: notes that are looked at, and of these those that are looked up.
 * Each of the latter is a call of the gate. */
#define PLACES_A_TICK    8192
#define NOTES_A_TICK     64

#define CALL_DEADLINE_MS 2000

#define COUNTED_MAX      (2 * ACCEPTED_MAX)

struct care { /* of one sale */
	struct sale_id sale;
	uint32_t epoch; /* whose predecessors are, or were, looked through */
	bool gone; /* the sale is over, and its gate is lost for good */
	bool under_way;
	int64_t begin_ns;
	size_t place;
	uint64_t found; /* lost ones, in this epoch's pass */
};

struct lost {
	struct lost_conf conf;
	struct care care[SALE_TABLE_MAX];
	/* Of the step at hand. */
	struct {
		struct accepted_note note;
		size_t place;
		bool settled; /* it is somewhere, or counted */
	} seen[NOTES_A_TICK];
	size_t nseen;
	/* Losses that were counted, as many as fit: of one order several notes
	 * may speak. */
	uint64_t counted[COUNTED_MAX];
	size_t ncounted;
	struct log_rate away_rate;
};

struct lost *lost_new(const struct lost_conf *conf)
{
	struct lost *lost = calloc(1, sizeof(*lost));

	if (lost != NULL)
		lost->conf = *conf;
	return lost;
}

void lost_free(struct lost **lost)
{
	free(*lost);
	*lost = NULL;
}

/* Row `i` belongs to whatever sale is there now.  A keeper that was born just
 * now does not know what the one before it has seen to. */
static struct care *care_of(
    struct lost *lost, size_t i, const struct sale *sale, bool gone)
{
	struct care *care = &lost->care[i];
	uint32_t epoch = sale->epoch + gone;

	if (care->sale.v == sale->id.v && care->epoch == epoch)
		return care;
	*care = (struct care){.sale = sale->id,
	    .epoch = epoch,
	    .gone = gone,
	    .under_way = true,
	    .begin_ns = deadline_in_ms(lost->conf.grace_ms)};
	return care;
}

/* ---- the step ---------------------------------------------------------------------- */

/* Fills `seen`; where to go on if they can be judged. */
static size_t notes_gather(struct lost *lost, const struct care *care)
{
	size_t places = accepted_places(lost->conf.accepted);
	size_t place = care->place, end = place + PLACES_A_TICK;

	lost->nseen = 0;
	for (; place < places && place < end && lost->nseen < NOTES_A_TICK;
	     place++) {
		struct accepted_note note;

		if (!accepted_read(lost->conf.accepted, place, &note) ||
		    note.order.sale.v != care->sale.v ||
		    note.order.epoch >= care->epoch)
			continue;
		lost->seen[lost->nseen].note = note;
		lost->seen[lost->nseen].place = place;
		lost->seen[lost->nseen].settled = false;
		lost->nseen++;
	}
	return place;
}

static void seen_close(struct lost *lost, size_t i)
{
	lost->seen[i].settled = true;
	accepted_close(
	    lost->conf.accepted, lost->seen[i].place, lost->seen[i].note.stamp);
}

/* What has a row, of either kind, is decided as it was promised. */
static enum outcome ledger_ask(struct lost *lost, struct err *err)
{
	const struct ledger_port *ledger = lost->conf.ledger;
	struct claim_id claims[NOTES_A_TICK];
	struct order rows[NOTES_A_TICK];
	size_t n = 0, found = 0;
	enum outcome out;

	for (size_t i = 0; i < lost->nseen; i++)
		if (!lost->seen[i].settled)
			claims[n++] = lost->seen[i].note.order.claim;
	if (n == 0)
		return OUT_DONE;
	out = ledger->find(ledger->ctx, claims, n,
	    deadline_in_ms(CALL_DEADLINE_MS), rows, &found, err);
	for (size_t i = 0; out == OUT_DONE && i < lost->nseen; i++)
		for (size_t k = 0; k < found; k++)
			if (claim_eq(&lost->seen[i].note.order.claim,
				&rows[k].claim))
				seen_close(lost, i);
	return out;
}

/* What was carried over, or asked for anew, waits: it stays open, for this gate
 * may be lost as well. */
static enum outcome gate_ask(
    struct lost *lost, const struct care *care, struct err *err)
{
	const struct gate_port *gate = lost->conf.gate;
	const struct gate_ref ref = {care->sale, care->epoch};
	enum outcome out = OUT_DONE;

	for (size_t i = 0; i < lost->nseen && out == OUT_DONE; i++) {
		const struct order *order = &lost->seen[i].note.order;
		struct order waiting[SALE_PER_CUSTOMER_MAX];
		bool known = false;
		size_t n = 0;

		if (lost->seen[i].settled || care->gone)
			continue;
		out = gate->pending(gate->ctx, ref, &order->customer,
		    deadline_in_ms(CALL_DEADLINE_MS), waiting,
		    ARRAY_LEN(waiting), &n, &known, err);
		if (out == OUT_DONE && !known) {
			err_set(err, 0, "the gate is of another epoch");
			return OUT_NOT_DONE;
		}
		for (size_t k = 0; out == OUT_DONE && k < n; k++)
			if (claim_eq(&waiting[k].claim, &order->claim))
				lost->seen[i].settled = true;
	}
	return out;
}

/* The loss of this claim in this epoch, which is not 0.  Claims are HMACs: any
 * part of one is as good as a hash. */
static uint64_t loss_key(const struct claim_id *claim, uint32_t epoch)
{
	uint64_t key;

	memcpy(&key, claim->b, sizeof(key));
	key ^= epoch * UINT64_C(0x9e3779b97f4a7c15);
	return key != 0 ? key : 1;
}

/* True the first time. */
static bool loss_is_new(struct lost *lost, uint64_t key)
{
	size_t at = (size_t)(key % COUNTED_MAX);

	if (lost->ncounted >= COUNTED_MAX / 2) {
		memset(lost->counted, 0, sizeof(lost->counted));
		lost->ncounted = 0;
	}
	for (; lost->counted[at] != 0; at = (at + 1) % COUNTED_MAX)
		if (lost->counted[at] == key)
			return false;
	lost->counted[at] = key;
	lost->ncounted++;
	return true;
}

static void losses_count(
    struct lost *lost, struct care *care, const struct sale *sale)
{
	char number[ORDER_TEXT_LEN + 1];

	for (size_t i = 0; i < lost->nseen; i++) {
		const struct order *order = &lost->seen[i].note.order;

		if (lost->seen[i].settled)
			continue;
		seen_close(lost, i);
		if (!loss_is_new(lost, loss_key(&order->claim, care->epoch)))
			continue;
		claim_format(&order->claim, number);
		log_error("sale %s: order %s was accepted in epoch %" PRIu32
			  " and is lost: Redis has lost it, and it was not "
			  "written yet",
		    sale->slug, number, order->epoch);
		stats_count(&lost->conf.stats->lost);
		care->found++;
	}
}

/* The ledger first, for most are there; and again after the gate: what was
 * written in between has left the one for the other. */
static enum outcome notes_judge(struct lost *lost, struct care *care,
    const struct sale *sale, struct err *err)
{
	enum outcome out = ledger_ask(lost, err);

	if (out == OUT_DONE)
		out = gate_ask(lost, care, err);
	if (out == OUT_DONE)
		out = ledger_ask(lost, err);
	if (out == OUT_DONE)
		losses_count(lost, care, sale);
	return out;
}

static void pass_end(struct care *care, const struct sale *sale)
{
	care->under_way = false;
	if (care->found > 0)
		log_alert("sale %s: %" PRIu64 " accepted orders of this host "
			  "are lost (by number above); [queue] in "
			  "flashgate.conf(5) says how to lose none",
		    sale->slug, care->found);
}

void lost_look(struct lost *lost, size_t i, const struct sale_entry *entry)
{
	const struct sale *sale = &entry->sale;
	struct err err = ERR_INIT;
	struct care *care;
	size_t next;
	bool gone;

	if (lost->conf.accepted == NULL || !entry->gauge_fresh ||
	    sale->epoch == 0)
		return;
	gone = sale->state == SALE_STATE_CLOSED && !entry->gauge.known;
	/* While it is being made anew, nothing can be said of what it has. */
	if (!gone &&
	    (!entry->gauge.known || entry->gauge.epoch != sale->epoch ||
		sale->state == SALE_STATE_REBUILD))
		return;
	care = care_of(lost, i, sale, gone);
	if (!care->under_way || mono_ns() < care->begin_ns)
		return;
	next = notes_gather(lost, care);
	if (notes_judge(lost, care, sale, &err) != OUT_DONE) {
		log_limited(&lost->away_rate, LOG_LEVEL_WARNING,
		    "sale %s: what became of accepted orders of its last "
		    "epoch is not known yet: %s",
		    sale->slug, err.text);
		return;
	}
	care->place = next;
	if (next >= accepted_places(lost->conf.accepted))
		pass_end(care, sale);
}
