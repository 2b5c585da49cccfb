/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger: a batch and somebody else at once.  Who must wait for whom, and what the
 * second one finds.  `busy` is a settler in the middle of its batch.
 */
#include "config.h"

#include "it.h"

#define WHOLE SETTLE_BATCH

static MYSQL *root;
static struct ledger *ledger, *busy;
static struct ledger_port port;
static struct sale sale;
static struct order orders[WHOLE];

static void begin(void)
{
	root = it_root();
	/* What waits must not run into its own limit. */
	ledger = it_ledger_with(
	    (struct it_conf){.user = "fg_keeper", .password = "change-me-2"});
	ledger->conn.limits.lock_wait_s = 20;
	busy = it_ledger();
	port = ledger_port(ledger);
	sale = it_sale(root);
	it_orders(&sale, orders, WHOLE);
}

static void end(void)
{
	ledger_free(&ledger);
	ledger_free(&busy);
	mysql_close(root);
}

static void rows_are(int64_t want)
{
	ck_assert_int_eq(it_rows(root, &sale), want);
}

/* The very statement of a settler, held before its commit. */
static void batch_begins(void)
{
	ck_done(tx_begin(&busy->conn, SOON, &why));
	ck_assert_int_eq(it_batch(busy, &sale, orders, 64), LEDGER_RECORDED);
}

static void batch_commits(void)
{
	ck_done(tx_commit(&busy->conn, SOON, &why));
}

static void *run_epoch_begin(void *arg)
{
	struct it_job *job = arg;
	struct ledger_port keeper = ledger_port(job->ledger);

	job->out = keeper.epoch_begin(keeper.ctx, &job->sale,
	    SALE_STATE_REBUILD, SOON, &job->won, &job->err);
	return NULL;
}

/* What a rebuild stands on: no batch of the old epoch comes to light after the
 * new one has begun. */
START_TEST(test_epoch_waits_for_running_batch)
{
	struct it_job job;
	struct order late, got;
	bool won;

	begin();
	batch_begins();
	job = (struct it_job){.ledger = ledger, .sale = sale};
	it_start(run_epoch_begin, &job);
	it_wait_blocked(root);
	ck_assert_int_eq(
	    it_number(root, "SELECT epoch FROM sales WHERE id = %u", sale.id.v),
	    1);
	batch_commits();
	it_join();
	ck_assert_msg(job.out == OUT_DONE, "%s", job.err.text);
	ck_assert(job.won);
	rows_are(64);
	ck_assert(it_find(ledger, &orders[63].claim, &got));
	ck_assert_int_eq(got.status, ORDER_SOLD);

	/* A settler that slept: fenced while it is rebuilt, and for ever. */
	late = it_order(&sale, 70, "late");
	late.created = orders[0].created;
	ck_assert_int_eq(it_batch(busy, &sale, &late, 1), LEDGER_FENCED);
	ck_done(port.epoch_end(
	    port.ctx, sale.id, 2, SALE_STATE_OPEN, SOON, &won, &why));
	ck_assert(won);
	ck_assert_int_eq(it_batch(busy, &sale, &late, 1), LEDGER_FENCED);
	sale.epoch = 2;
	ck_assert_int_eq(it_batch(busy, &sale, &late, 1), LEDGER_RECORDED);
	end();
}
END_TEST

/* A running batch of which nothing came: the epoch goes on without it. */
START_TEST(test_epoch_goes_on_when_the_batch_rolls_back)
{
	struct it_job job;

	begin();
	batch_begins();
	job = (struct it_job){.ledger = ledger, .sale = sale};
	it_start(run_epoch_begin, &job);
	it_wait_blocked(root);
	tx_rollback(&busy->conn);
	it_join();
	ck_assert_msg(job.out == OUT_DONE, "%s", job.err.text);
	ck_assert(job.won);
	rows_are(0);
	end();
}
END_TEST

/* A batch that is refused for one row holds nothing afterwards: the epoch does
 * not wait for it. */
START_TEST(test_refused_batch_holds_nothing)
{
	bool won;

	begin();
	it_void(busy, &orders[39], 1);
	ck_assert_int_eq(it_batch(busy, &sale, orders, 64), LEDGER_CLASH);
	orders[39].customer.n = 0;
	orders[39].claim = it_order(&sale, 0, "").claim;
	ck_assert_int_eq(it_batch(busy, &sale, orders, 64), LEDGER_REFUSED);
	ledger->conn.limits.statement_ms = 500;
	ck_done(port.epoch_begin(port.ctx, it_seen(&sale, 1),
	    SALE_STATE_REBUILD, deadline_in_ms(500), &won, &why));
	ck_assert(won);
	end();
}
END_TEST

/* The batch came while the epoch was changing. */
START_TEST(test_batch_waits_for_epoch_and_is_fenced)
{
	MYSQL *other;
	struct it_job job;

	begin();
	other = it_root();
	job = (struct it_job){
	    .ledger = ledger, .sale = sale, .orders = orders, .norders = 64};
	it_sql(other, "START TRANSACTION");
	it_sql(other,
	    "UPDATE sales SET epoch = epoch + 1, state = 'rebuild' "
	    "WHERE id = %u",
	    sale.id.v);
	it_start(it_run_batch, &job);
	it_wait_blocked(root);
	it_sql(other, "COMMIT");
	it_join();
	ck_assert_msg(job.out == OUT_DONE, "%s", job.err.text);
	ck_assert_int_eq(job.answer, LEDGER_FENCED);
	rows_are(0);
	mysql_close(other);
	end();
}
END_TEST

/* Two settlers hold the same entries (one of them was taken for dead): the second
 * waits for the first, and clashes or takes its place. */
START_TEST(test_batch_twin)
{
	struct it_job job;

	begin();
	batch_begins();
	job = (struct it_job){
	    .ledger = ledger, .sale = sale, .orders = orders, .norders = 64};
	it_start(it_run_batch, &job);
	it_wait_blocked(root);
	if (_i == 0)
		batch_commits();
	else
		tx_rollback(&busy->conn);
	it_join();
	ck_assert_msg(job.out == OUT_DONE, "%s", job.err.text);
	ck_assert_int_eq(job.answer, _i == 0 ? LEDGER_CLASH : LEDGER_RECORDED);
	rows_are(64);
	end();
}
END_TEST

static void *run_void(void *arg)
{
	struct it_job *job = arg;
	struct ledger_port keeper = ledger_port(job->ledger);

	job->out = keeper.void_claims(keeper.ctx,
	    (struct gate_ref){sale.id, sale.epoch}, &job->order, 1, SOON,
	    &job->err);
	return NULL;
}

/* A rebuild voids what it does not carry over, while its settler still writes. */
START_TEST(test_void_waits_for_running_batch)
{
	struct it_job job;
	struct order got;

	begin();
	batch_begins();
	job = (struct it_job){.ledger = ledger, .order = orders[39]};
	it_start(run_void, &job);
	it_wait_blocked(root);
	batch_commits();
	it_join();
	ck_assert_msg(job.out == OUT_DONE, "%s", job.err.text);
	ck_assert(it_find(ledger, &orders[39].claim, &got));
	ck_assert_int_eq(got.status, ORDER_SOLD);
	end();
}
END_TEST

/* Settlers of one sale do not wait for each other, nor for purchases: they share
 * the lock on its row. */
START_TEST(test_batches_run_side_by_side)
{
	struct order alone;

	begin();
	busy->conn.limits.lock_wait_s = 20;
	ck_done(tx_begin(&busy->conn, SOON, &why));
	ck_assert_int_eq(it_batch(busy, &sale, orders, 32), LEDGER_RECORDED);
	ledger->conn.limits.lock_wait_s = 1;
	ck_assert_int_eq(
	    it_batch(ledger, &sale, orders + 32, 32), LEDGER_RECORDED);
	alone = it_order(&sale, 80, "alone");
	ck_assert_int_eq(it_record(ledger, &alone), LEDGER_RECORDED);
	batch_commits();
	rows_are(65);
	end();
}
END_TEST

IT_PART(part_batch_wait,
    UNIT("batch-epoch-waits", test_epoch_waits_for_running_batch),
    UNIT("batch-epoch-on", test_epoch_goes_on_when_the_batch_rolls_back),
    UNIT("batch-refused-free", test_refused_batch_holds_nothing),
    UNIT("batch-fenced", test_batch_waits_for_epoch_and_is_fenced),
    UNIT_TABLE("batch-twin", test_batch_twin, 2),
    UNIT("batch-void-waits", test_void_waits_for_running_batch),
    UNIT("batch-side-by-side", test_batches_run_side_by_side))
