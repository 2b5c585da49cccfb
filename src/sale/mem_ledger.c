/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger in memory: the guard and the three unique keys in C, without
 * MySQL.  Linear searches; for tests.
 */
#include "config.h"

#include "sale/mem.h"
#include "base/bug.h"

#include <stdlib.h>

struct mem_ledger {
	const struct clock *clock;
	struct sale sales[16];
	size_t nsales;
	struct order *rows;
	size_t nrows, room;
	struct dead_letter letters[64];
	size_t nletters;
	struct claim_id refused[16];
	size_t nrefused;
};

struct mem_ledger *mem_ledger_new(const struct clock *clock)
{
	struct mem_ledger *ledger = calloc(1, sizeof(*ledger));

	BUG_ON(ledger == NULL);
	ledger->clock = clock;
	return ledger;
}

void mem_ledger_free(struct mem_ledger **ledger)
{
	if (*ledger == NULL)
		return;
	free((*ledger)->rows);
	free(*ledger);
	*ledger = NULL;
}

static struct wall ledger_now(const struct mem_ledger *ledger)
{
	return ledger->clock->wall(ledger->clock->ctx);
}

static struct sale *sale_of(struct mem_ledger *ledger, struct sale_id id)
{
	for (size_t i = 0; i < ledger->nsales; i++)
		if (ledger->sales[i].id.v == id.v)
			return &ledger->sales[i];
	return NULL;
}

void mem_ledger_put_sale(struct mem_ledger *ledger, const struct sale *sale)
{
	struct sale *old = sale_of(ledger, sale->id);

	if (old == NULL) {
		BUG_ON(ledger->nsales == ARRAY_LEN(ledger->sales));
		old = &ledger->sales[ledger->nsales++];
	}
	*old = *sale;
}

const struct order *mem_ledger_rows(struct mem_ledger *ledger, size_t *n)
{
	*n = ledger->nrows;
	return ledger->rows;
}

void mem_ledger_put_row(struct mem_ledger *ledger, const struct order *row)
{
	if (ledger->nrows == ledger->room) {
		ledger->room = ledger->room == 0 ? 64 : ledger->room * 2;
		ledger->rows = realloc(
		    ledger->rows, ledger->room * sizeof(ledger->rows[0]));
		BUG_ON(ledger->rows == NULL);
	}
	ledger->rows[ledger->nrows++] = *row;
}

void mem_ledger_refuse(struct mem_ledger *ledger, const struct claim_id *claim)
{
	BUG_ON(ledger->nrefused == ARRAY_LEN(ledger->refused));
	ledger->refused[ledger->nrefused++] = *claim;
}

const struct dead_letter *mem_ledger_letters(
    struct mem_ledger *ledger, size_t *n)
{
	*n = ledger->nletters;
	return ledger->letters;
}

static enum outcome ledger_ready(
    void *ctx, int64_t deadline_ns, struct err *err)
{
	(void)ctx;
	(void)deadline_ns;
	(void)err;
	return OUT_DONE;
}

static bool guard_passes(
    const struct sale *sale, const struct order *order, struct wall now)
{
	return sale->epoch == order->epoch && sale->state == SALE_STATE_OPEN &&
	       order->unit >= 1 && order->unit <= sale->stock &&
	       order->slot >= 1 && order->slot <= sale->per_customer &&
	       (sale->opens.us == 0 || now.us >= sale->opens.us) &&
	       (sale->closes.us == 0 || now.us < sale->closes.us);
}

static bool clashes(const struct order *row, const struct order *order)
{
	if (claim_eq(&row->claim, &order->claim))
		return true;
	if (row->status != ORDER_SOLD || row->sale.v != order->sale.v)
		return false;
	return row->unit == order->unit ||
	       (row->slot == order->slot &&
		   customer_eq(&row->customer, &order->customer));
}

static enum outcome ledger_record(void *ctx, const struct order *order,
    int64_t deadline_ns, enum ledger_record *out, struct err *err)
{
	struct mem_ledger *ledger = ctx;
	const struct sale *sale = sale_of(ledger, order->sale);
	struct order row = *order;

	(void)deadline_ns;
	(void)err;
	*out = LEDGER_FENCED;
	if (sale == NULL || !guard_passes(sale, order, ledger_now(ledger)))
		return OUT_DONE;
	*out = LEDGER_CLASH;
	for (size_t i = 0; i < ledger->nrows; i++)
		if (clashes(&ledger->rows[i], order))
			return OUT_DONE;
	if (row.created.us == 0)
		row.created = ledger_now(ledger);
	mem_ledger_put_row(ledger, &row);
	*out = LEDGER_RECORDED;
	return OUT_DONE;
}

static struct order *row_find(
    struct mem_ledger *ledger, const struct claim_id *claim)
{
	for (size_t i = 0; i < ledger->nrows; i++)
		if (claim_eq(&ledger->rows[i].claim, claim))
			return &ledger->rows[i];
	return NULL;
}

/* ---- accepted orders ------------------------------------------------------------ */

static bool batch_guard_passes(const struct sale *sale, struct gate_ref ref,
    const struct order *orders, size_t n)
{
	if (sale == NULL || sale->epoch != ref.epoch ||
	    sale->state == SALE_STATE_DRAFT ||
	    sale->state == SALE_STATE_REBUILD)
		return false;
	for (size_t i = 0; i < n; i++)
		if (orders[i].unit > sale->stock ||
		    orders[i].slot > sale->per_customer)
			return false;
	return true;
}

static bool is_refused(
    const struct mem_ledger *ledger, const struct claim_id *claim)
{
	for (size_t i = 0; i < ledger->nrefused; i++)
		if (claim_eq(&ledger->refused[i], claim))
			return true;
	return false;
}

/* With a row that is there, or with one before it in the batch. */
static bool row_clashes(
    const struct mem_ledger *ledger, const struct order *orders, size_t i)
{
	for (size_t k = 0; k < ledger->nrows; k++)
		if (clashes(&ledger->rows[k], &orders[i]))
			return true;
	for (size_t k = 0; k < i; k++)
		if (clashes(&orders[k], &orders[i]))
			return true;
	return false;
}

/* Row after row, as they are inserted: the first one that is not taken tells what
 * becomes of the batch. */
static enum ledger_record batch_try(const struct mem_ledger *ledger,
    const struct order *orders, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		if (is_refused(ledger, &orders[i].claim)) {
			err_set(err, 4025, "the test refuses row %zu", i);
			return LEDGER_REFUSED;
		}
		/* The CHECK of the table: the guard knows upper bounds only. */
		if (orders[i].unit < 1 || orders[i].slot < 1 ||
		    orders[i].customer.n == 0) {
			err_set(err, 4025, "row %zu is no order", i);
			return LEDGER_REFUSED;
		}
		if (row_clashes(ledger, orders, i))
			return LEDGER_CLASH;
	}
	return LEDGER_RECORDED;
}

static enum outcome ledger_record_batch(void *ctx, struct gate_ref ref,
    const struct order *orders, size_t n, int64_t deadline_ns,
    enum ledger_record *out, struct err *err)
{
	struct mem_ledger *ledger = ctx;

	(void)deadline_ns;
	BUG_ON(n < 1 || n > SETTLE_BATCH);
	*out = LEDGER_FENCED;
	if (!batch_guard_passes(sale_of(ledger, ref.sale), ref, orders, n))
		return OUT_DONE;
	for (size_t i = 0; i < n; i++)
		BUG_ON(orders[i].created.us == 0);
	*out = batch_try(ledger, orders, n, err);
	for (size_t i = 0; i < n && *out == LEDGER_RECORDED; i++) {
		struct order row = orders[i];

		row.epoch = ref.epoch;
		mem_ledger_put_row(ledger, &row);
	}
	return OUT_DONE;
}

static bool is_at(struct mem_ledger *ledger, struct gate_ref ref)
{
	const struct sale *sale = sale_of(ledger, ref.sale);

	return sale != NULL && sale->epoch == ref.epoch;
}

static enum outcome ledger_void_claims(void *ctx, struct gate_ref ref,
    const struct order *claims, size_t n, int64_t deadline_ns, struct err *err)
{
	struct mem_ledger *ledger = ctx;

	(void)deadline_ns;
	(void)err;
	for (size_t i = 0; i < n && is_at(ledger, ref); i++) {
		struct order row = {
		    .claim = claims[i].claim,
		    .sale = ref.sale,
		    .epoch = ref.epoch,
		    .status = ORDER_VOID,
		    .customer = claims[i].customer,
		    .created = ledger_now(ledger),
		};

		if (row_find(ledger, &row.claim) == NULL)
			mem_ledger_put_row(ledger, &row);
	}
	return OUT_DONE;
}

static bool letter_is_there(
    const struct mem_ledger *ledger, const struct dead_letter *letter)
{
	for (size_t i = 0; i < ledger->nletters; i++) {
		const struct dead_letter *old = &ledger->letters[i];

		if (old->order.sale.v == letter->order.sale.v &&
		    old->order.epoch == letter->order.epoch &&
		    old->entry.ms == letter->entry.ms &&
		    old->entry.seq == letter->entry.seq)
			return true;
	}
	return false;
}

static enum outcome ledger_bury(void *ctx, struct gate_ref ref,
    const struct dead_letter *letter, int64_t deadline_ns, struct err *err)
{
	struct mem_ledger *ledger = ctx;

	if (!is_at(ledger, ref)) {
		err_set(err, 0, "epoch %u is over", ref.epoch);
		return OUT_NOT_DONE;
	}
	if (!claim_is_none(&letter->order.claim))
		(void)ledger_void_claims(
		    ctx, ref, &letter->order, 1, deadline_ns, err);
	if (letter_is_there(ledger, letter))
		return OUT_DONE;
	BUG_ON(ledger->nletters == ARRAY_LEN(ledger->letters));
	ledger->letters[ledger->nletters++] = *letter;
	return OUT_DONE;
}

static enum outcome ledger_find(void *ctx, const struct claim_id *claims,
    size_t n, int64_t deadline_ns, struct order *out, size_t *found,
    struct err *err)
{
	(void)deadline_ns;
	(void)err;
	*found = 0;
	for (size_t i = 0; i < n; i++) {
		const struct order *row = row_find(ctx, &claims[i]);

		if (row != NULL)
			out[(*found)++] = *row;
	}
	return OUT_DONE;
}

static enum outcome ledger_find_unit(void *ctx, struct sale_id sale,
    uint32_t unit, int64_t deadline_ns, struct order *out, bool *found,
    struct err *err)
{
	struct mem_ledger *ledger = ctx;

	(void)deadline_ns;
	(void)err;
	*found = false;
	for (size_t i = 0; i < ledger->nrows && !*found; i++) {
		const struct order *row = &ledger->rows[i];

		*found = row->sale.v == sale.v && row->status == ORDER_SOLD &&
			 row->unit == unit;
		if (*found)
			*out = *row;
	}
	return OUT_DONE;
}

static enum outcome ledger_find_customer(void *ctx, struct sale_id sale,
    const struct customer *who, int64_t deadline_ns, struct order *out,
    size_t max, size_t *n, struct err *err)
{
	struct mem_ledger *ledger = ctx;

	(void)deadline_ns;
	(void)err;
	*n = 0;
	for (size_t i = 0; i < ledger->nrows && *n < max; i++) {
		const struct order *row = &ledger->rows[i];

		if (row->sale.v == sale.v && row->status == ORDER_SOLD &&
		    customer_eq(&row->customer, who))
			out[(*n)++] = *row;
	}
	return OUT_DONE;
}

static enum outcome ledger_sale(void *ctx, struct sale_id id,
    int64_t deadline_ns, struct sale *out, bool *found, struct wall *now,
    struct err *err)
{
	const struct sale *sale = sale_of(ctx, id);

	(void)deadline_ns;
	(void)err;
	*now = ledger_now(ctx);
	*found = sale != NULL;
	if (sale != NULL)
		*out = *sale;
	return OUT_DONE;
}

static enum outcome ledger_sales(void *ctx, int64_t deadline_ns,
    struct sale *out, size_t max, size_t *n, struct wall *now, struct err *err)
{
	struct mem_ledger *ledger = ctx;

	(void)deadline_ns;
	(void)err;
	*n = 0;
	for (size_t i = ledger->nsales; i-- > 0 && *n < max;)
		if (ledger->sales[i].state != SALE_STATE_DRAFT)
			out[(*n)++] = ledger->sales[i];
	*now = ledger_now(ledger);
	return OUT_DONE;
}

static int by_unit(const void *a, const void *b)
{
	uint32_t x = ((const struct order *)a)->unit;
	uint32_t y = ((const struct order *)b)->unit;

	return (x > y) - (x < y);
}

static enum outcome ledger_sold_after(void *ctx, struct sale_id sale,
    uint32_t after, int64_t deadline_ns, struct order *out, size_t max,
    size_t *n, struct err *err)
{
	struct mem_ledger *ledger = ctx;
	struct order *all = calloc(ledger->nrows + 1, sizeof(*all));
	size_t found = 0;

	(void)deadline_ns;
	(void)err;
	BUG_ON(all == NULL);
	for (size_t i = 0; i < ledger->nrows; i++) {
		const struct order *row = &ledger->rows[i];

		if (row->sale.v == sale.v && row->status == ORDER_SOLD &&
		    row->unit > after)
			all[found++] = *row;
	}
	qsort(all, found, sizeof(*all), by_unit);
	*n = found < max ? found : max;
	memcpy(out, all, *n * sizeof(*all));
	free(all);
	return OUT_DONE;
}

static enum outcome ledger_epoch_begin(void *ctx, const struct sale *seen,
    enum sale_state during, int64_t deadline_ns, bool *won, struct err *err)
{
	struct sale *sale = sale_of(ctx, seen->id);

	(void)deadline_ns;
	(void)err;
	*won = sale != NULL && sale->epoch == seen->epoch &&
	       sale->state == seen->state;
	if (*won) {
		sale->epoch++;
		sale->state = during;
	}
	return OUT_DONE;
}

static enum outcome ledger_epoch_end(void *ctx, struct sale_id id,
    uint32_t epoch, enum sale_state state, int64_t deadline_ns, bool *won,
    struct err *err)
{
	struct sale *sale = sale_of(ctx, id);

	(void)deadline_ns;
	(void)err;
	*won = sale != NULL && sale->epoch == epoch &&
	       sale->state == SALE_STATE_REBUILD;
	if (*won)
		sale->state = state;
	return OUT_DONE;
}

struct ledger_port mem_ledger_port(struct mem_ledger *ledger)
{
	return (struct ledger_port){
	    .ready = ledger_ready,
	    .record = ledger_record,
	    .record_batch = ledger_record_batch,
	    .bury = ledger_bury,
	    .void_claims = ledger_void_claims,
	    .find = ledger_find,
	    .find_unit = ledger_find_unit,
	    .find_customer = ledger_find_customer,
	    .sale = ledger_sale,
	    .sales = ledger_sales,
	    .sold_after = ledger_sold_after,
	    .epoch_begin = ledger_epoch_begin,
	    .epoch_end = ledger_epoch_end,
	    .ctx = ledger,
	};
}
