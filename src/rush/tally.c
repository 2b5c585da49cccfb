/* SPDX-License-Identifier: Apache-2.0 */
/* Counts of answers, orders by number, and the breaches among them. */
#include "config.h"

#include "rush/tally.h"
#include "base/bug.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_MIN 1024u

bool tally_init(
    struct tally *tally, const struct plan *plan, const char *customer_prefix)
{
	*tally = (struct tally){
	    .plan = plan,
	    .customer_prefix = customer_prefix,
	    .nslots = SLOTS_MIN,
	};
	tally->kind = calloc(ANSWER_KINDS, sizeof(*tally->kind));
	tally->purchase =
	    calloc(plan_purchases(plan), sizeof(*tally->purchase));
	tally->customer_orders =
	    calloc(plan->shoppers, sizeof(*tally->customer_orders));
	tally->slot = calloc(SLOTS_MIN, sizeof(*tally->slot));
	/* Half as many orders as slots: a search ends soon. */
	tally->order = calloc(SLOTS_MIN / 2, sizeof(*tally->order));
	if (tally->kind != NULL && tally->purchase != NULL &&
	    tally->customer_orders != NULL && tally->slot != NULL &&
	    tally->order != NULL)
		return true;
	tally_free(tally);
	return false;
}

void tally_free(struct tally *tally)
{
	free(tally->order);
	free(tally->slot);
	free(tally->customer_orders);
	free(tally->purchase);
	free(tally->kind);
	*tally = (struct tally){0};
}

static void example_add(struct tally *tally, uint32_t purchase,
    const struct tally_order *order, const char *what)
{
	char key[PLAN_KEY_LEN + 1];
	struct strbuf text;

	if (tally->nexamples == TALLY_EXAMPLES)
		return;
	strbuf_init(&text, tally->example[tally->nexamples++],
	    sizeof(tally->example[0]));
	plan_key(tally->plan, purchase, key);
	strbuf_printf(&text, "%s%" PRIu32 " key %s: order ",
	    tally->customer_prefix, plan_customer(tally->plan, purchase) + 1,
	    key);
	strbuf_put_escaped(&text, strv_c(order->text));
	strbuf_printf(&text, " %s", what);
}

/* ---- orders by number --------------------------------------------------------- */

static uint32_t hash_text(const char *text)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (; *text != '\0'; text++)
		hash = (hash ^ (unsigned char)*text) * 16777619u;
	return hash;
}

/* Where the order stands, or the free place where it belongs. */
static uint32_t slot_of(const struct tally *tally, const char *text)
{
	uint32_t at = hash_text(text) & (tally->nslots - 1);

	while (tally->slot[at] != 0 &&
	       strcmp(tally->order[tally->slot[at] - 1].text, text) != 0)
		at = (at + 1) & (tally->nslots - 1);
	return at;
}

static bool grow(struct tally *tally)
{
	uint32_t nslots = tally->nslots * 2;
	struct tally_order *order =
	    realloc(tally->order, nslots / 2 * sizeof(*order));
	uint32_t *slot;

	if (order == NULL)
		return false;
	tally->order = order;
	slot = calloc(nslots, sizeof(*slot));
	if (slot == NULL)
		return false;
	free(tally->slot);
	tally->slot = slot;
	tally->nslots = nslots;
	for (uint32_t i = 0; i < tally->norders; i++)
		slot[slot_of(tally, order[i].text)] = i + 1;
	return true;
}

/* The order of this number, made when it is new; NULL: no memory. */
static struct tally_order *order_of(
    struct tally *tally, uint32_t purchase, const char *text)
{
	uint32_t at = slot_of(tally, text);
	struct tally_order *order;

	if (tally->slot[at] != 0)
		return &tally->order[tally->slot[at] - 1];
	if (tally->norders == tally->nslots / 2) {
		if (!grow(tally))
			return NULL;
		at = slot_of(tally, text);
	}
	order = &tally->order[tally->norders++];
	*order = (struct tally_order){.purchase = purchase};
	BUG_ON(!strv_copy(strv_c(text), order->text, sizeof(order->text)));
	tally->slot[at] = tally->norders;
	tally->counts.accepted++;
	return order;
}

/* ---- answers ------------------------------------------------------------------ */

static void order_confirm(
    struct tally *tally, struct tally_order *order, uint32_t unit)
{
	uint32_t customer = plan_customer(tally->plan, order->purchase);
	uint16_t *mine = &tally->customer_orders[customer];

	if (order->unit == 0)
		order->unit = unit;
	if (order->confirmed)
		return;
	order->confirmed = true;
	tally->counts.accepted--;
	tally->counts.confirmed++;
	if (*mine < UINT16_MAX)
		++*mine;
	if (*mine > tally->counts.per_customer)
		tally->counts.per_customer = *mine;
}

static void order_compare(
    struct tally *tally, uint32_t purchase, struct tally_order *order)
{
	struct tally_purchase *mine = &tally->purchase[purchase];
	uint32_t number = (uint32_t)(order - tally->order) + 1;

	if (mine->order == 0)
		mine->order = number;
	if (mine->order != number) {
		tally->counts.differing_answers++;
		if (!mine->differs) {
			mine->differs = true;
			tally->counts.differing_keys++;
			example_add(tally, purchase, order,
			    "is the second one for this key");
		}
	}
	if (plan_customer(tally->plan, purchase) !=
		plan_customer(tally->plan, order->purchase) &&
	    !order->shared) {
		order->shared = true;
		tally->counts.shared_orders++;
		example_add(tally, purchase, order,
		    "was told to another customer before");
	}
}

uint32_t tally_attempt(struct tally *tally, uint32_t purchase)
{
	return ++tally->purchase[purchase].attempts;
}

static void open_count(struct tally *tally, const struct tally_heard *heard)
{
	struct tally_purchase *mine = &tally->purchase[heard->purchase];
	bool open = !answer_rows[heard->kind].final;

	if (open && !mine->open)
		tally->counts.open++;
	if (!open && mine->open)
		tally->counts.open--;
	mine->open = open;
}

static void refusal_compare(
    struct tally *tally, const struct tally_heard *heard)
{
	struct tally_purchase *mine = &tally->purchase[heard->purchase];

	if (heard->kind != ANSWER_SOLD_OUT || mine->owns_from == 0 ||
	    heard->attempt <= mine->owns_from)
		return;
	tally->counts.refused_owners++;
	example_add(tally, heard->purchase, &tally->order[mine->order - 1],
	    "was sold, and then its owner heard \"sold out\"");
}

bool tally_answer(struct tally *tally, const struct tally_heard *heard)
{
	struct tally_purchase *mine = &tally->purchase[heard->purchase];
	const struct answer_body *body = heard->body;
	struct tally_order *order;

	tally->counts.attempts++;
	latency_add(&tally->kind[heard->kind], heard->latency_ns);
	open_count(tally, heard);
	refusal_compare(tally, heard);
	if (!answer_names_order(heard->kind))
		return true;
	order = order_of(tally, heard->purchase, body->order);
	if (order == NULL)
		return false;
	if (mine->owns_from == 0)
		mine->owns_from = mine->attempts;
	order_compare(tally, heard->purchase, order);
	if (!answer_confirms(heard->kind))
		return true;
	if (order->unit != 0 && body->unit != 0 && order->unit != body->unit) {
		tally->counts.shared_units++;
		example_add(tally, heard->purchase, order, "changed its unit");
	}
	order_confirm(tally, order, body->unit);
	return true;
}

/* ---- the end ------------------------------------------------------------------ */

static int by_unit(const void *a, const void *b)
{
	const struct tally_order *x = *(const struct tally_order *const *)a;
	const struct tally_order *y = *(const struct tally_order *const *)b;

	if (x->unit != y->unit)
		return x->unit < y->unit ? -1 : 1;
	/* Equal units in the order of their arrival, for a stable report. */
	return x < y ? -1 : x > y;
}

bool tally_finish(struct tally *tally)
{
	const struct tally_order **sold;
	size_t n = 0;

	sold = calloc(tally->norders + 1, sizeof(*sold));
	if (sold == NULL)
		return false;
	for (uint32_t i = 0; i < tally->norders; i++)
		if (tally->order[i].confirmed && tally->order[i].unit != 0)
			sold[n++] = &tally->order[i];
	qsort(sold, n, sizeof(*sold), by_unit);
	for (size_t i = 1; i < n; i++) {
		if (sold[i]->unit != sold[i - 1]->unit)
			continue;
		tally->counts.shared_units++;
		example_add(tally, sold[i]->purchase, sold[i],
		    "has the unit of another order");
	}
	free(sold);
	return true;
}

uint64_t tally_violations(const struct tally *tally)
{
	const struct tally_counts *counts = &tally->counts;

	return counts->differing_answers + counts->shared_orders +
	       counts->shared_units + counts->refused_owners;
}
