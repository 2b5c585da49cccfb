/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger: two at once.  Who must wait for whom, and what the second one finds.
 * `busy` is a worker in the middle of its insert.
 */
#include "config.h"

#include "it.h"

#include <unistd.h>

static MYSQL *root, *other;
static struct ledger *ledger, *busy;
static struct sale sale;

static void begin(void)
{
	root = it_root();
	other = it_root();
	/* What waits must not run into its own limit: that is another test. */
	ledger = it_ledger_with(
	    (struct it_conf){.user = "fg_keeper", .password = "change-me-2"});
	ledger->conn.limits.lock_wait_s = 20;
	busy = it_ledger();
	sale = it_sale(root);
}

static void end(void)
{
	ledger_free(&ledger);
	ledger_free(&busy);
	mysql_close(other);
	mysql_close(root);
}

/* The very statement of a purchase, held before its commit. */
static void purchase_begins(const struct order *order)
{
	ck_done(tx_begin(&busy->conn, SOON, &why));
	ck_assert_int_eq(it_record(busy, order), LEDGER_RECORDED);
}

static void purchase_commits(void)
{
	ck_done(tx_commit(&busy->conn, SOON, &why));
}

static void *run_epoch_begin(void *arg)
{
	struct it_job *job = arg;
	struct ledger_port port = ledger_port(job->ledger);

	job->out = port.epoch_begin(port.ctx, &job->sale, SALE_STATE_REBUILD,
	    SOON, &job->won, &job->err);
	return NULL;
}

/* The promise that a rebuild stands on: no insert of the old epoch comes to
 * light after the new one has begun. */
START_TEST(test_epoch_waits_for_running_insert)
{
	struct it_job job;
	struct order running, late, got;
	struct ledger_port port;
	int64_t longer_ns;
	bool won;

	begin();
	/* A purchase would not wait longer than a second; this does. */
	ledger->conn.limits.lock_wait_s = 1;
	port = ledger_port(ledger);
	running = it_order(&sale, 1, "alice");
	late = it_order(&sale, 2, "bob");
	purchase_begins(&running);
	job = (struct it_job){.ledger = ledger, .sale = sale};
	it_start(run_epoch_begin, &job);
	it_wait_blocked(root);
	longer_ns = deadline_in_ms(1500);
	while (mono_ns() < longer_ns)
		usleep(10000);
	purchase_commits();
	it_join();
	ck_assert_msg(job.out == OUT_DONE, "%s", job.err.text);
	ck_assert(job.won);

	ck_assert(it_find(ledger, &running.claim, &got));
	ck_assert_int_eq(got.status, ORDER_SOLD);
	ck_assert_int_eq(it_record(ledger, &late), LEDGER_FENCED);
	late.epoch = 2;
	ck_assert_int_eq(it_record(ledger, &late), LEDGER_FENCED);
	ck_done(port.epoch_end(
	    port.ctx, sale.id, 2, SALE_STATE_OPEN, SOON, &won, &why));
	ck_assert(won);
	ck_assert_int_eq(it_record(ledger, &late), LEDGER_RECORDED);
	late = it_order(&sale, 3, "carol");
	ck_assert_int_eq(it_record(ledger, &late), LEDGER_FENCED);
	end();
}
END_TEST

static void *run_record(void *arg)
{
	struct it_job *job = arg;
	struct ledger_port port = ledger_port(job->ledger);

	job->out =
	    port.record(port.ctx, &job->order, SOON, &job->answer, &job->err);
	return NULL;
}

/* The other way round: the insert came while the epoch was changing. */
START_TEST(test_insert_waits_for_epoch_and_is_fenced)
{
	struct it_job job;

	begin();
	job = (struct it_job){
	    .ledger = ledger, .order = it_order(&sale, 1, "alice")};
	it_sql(other, "START TRANSACTION");
	it_sql(other,
	    "UPDATE sales SET epoch = epoch + 1, state = 'rebuild' "
	    "WHERE id = %u",
	    sale.id.v);
	it_start(run_record, &job);
	it_wait_blocked(root);
	it_sql(other, "COMMIT");
	it_join();
	ck_assert_msg(job.out == OUT_DONE, "%s", job.err.text);
	ck_assert_int_eq(job.answer, LEDGER_FENCED);
	end();
}
END_TEST

START_TEST(test_epoch_has_one_winner)
{
	struct ledger_port port;
	bool won;

	begin();
	port = ledger_port(ledger);
	ck_done(port.epoch_begin(
	    port.ctx, it_seen(&sale, 1), SALE_STATE_REBUILD, SOON, &won, &why));
	ck_assert(won);
	ck_done(port.epoch_begin(
	    port.ctx, it_seen(&sale, 1), SALE_STATE_REBUILD, SOON, &won, &why));
	ck_assert(!won);
	ck_done(port.epoch_begin(
	    port.ctx, it_seen(&sale, 7), SALE_STATE_REBUILD, SOON, &won, &why));
	ck_assert(!won);
	/* The epoch is right, but the sale was closed since it was read. */
	it_sql(
	    root, "UPDATE sales SET state = 'closed' WHERE id = %u", sale.id.v);
	ck_done(port.epoch_begin(
	    port.ctx, it_seen(&sale, 2), SALE_STATE_REBUILD, SOON, &won, &why));
	ck_assert(!won);
	it_sql(root, "UPDATE sales SET state = 'rebuild' WHERE id = %u",
	    sale.id.v);
	/* A rebuild that was overtaken must not open the sale. */
	ck_done(port.epoch_begin(
	    port.ctx, it_seen(&sale, 2), SALE_STATE_REBUILD, SOON, &won, &why));
	ck_assert(won);
	ck_done(port.epoch_end(
	    port.ctx, sale.id, 2, SALE_STATE_OPEN, SOON, &won, &why));
	ck_assert(!won);
	ck_done(port.epoch_end(
	    port.ctx, sale.id, 3, SALE_STATE_PAUSED, SOON, &won, &why));
	ck_assert(won);
	/* And only out of a rebuild. */
	ck_done(port.epoch_end(
	    port.ctx, sale.id, 3, SALE_STATE_OPEN, SOON, &won, &why));
	ck_assert(!won);
	ck_assert_int_eq(it_number(root,
			     "SELECT epoch FROM sales WHERE id = %u "
			     "AND state = 'paused'",
			     sale.id.v),
	    3);
	end();
}
END_TEST

static void *run_void(void *arg)
{
	struct it_job *job = arg;
	struct ledger_port port = ledger_port(job->ledger);

	job->out =
	    port.void_claims(port.ctx, (struct gate_ref){sale.id, sale.epoch},
		&job->order, 1, SOON, &job->err);
	return NULL;
}

/* A worker that sleeps in the middle of its insert: the reaper's void waits for
 * it, and then finds that it was sold. */
START_TEST(test_void_waits_for_running_insert)
{
	struct it_job job;
	struct order got;

	begin();
	job = (struct it_job){
	    .ledger = ledger, .order = it_order(&sale, 1, "alice")};
	purchase_begins(&job.order);
	it_start(run_void, &job);
	it_wait_blocked(root);
	purchase_commits();
	it_join();
	ck_assert_msg(job.out == OUT_DONE, "%s", job.err.text);
	ck_assert(it_find(ledger, &job.order.claim, &got));
	ck_assert_int_eq(got.status, ORDER_SOLD);
	end();
}
END_TEST

START_TEST(test_void_wins_when_the_insert_rolls_back)
{
	struct it_job job;
	struct order got;

	begin();
	job = (struct it_job){
	    .ledger = ledger, .order = it_order(&sale, 1, "alice")};
	purchase_begins(&job.order);
	it_start(run_void, &job);
	it_wait_blocked(root);
	tx_rollback(&busy->conn);
	it_join();
	ck_assert_msg(job.out == OUT_DONE, "%s", job.err.text);
	ck_assert(it_find(ledger, &job.order.claim, &got));
	ck_assert_int_eq(got.status, ORDER_VOID);
	ck_assert_int_eq(it_record(ledger, &job.order), LEDGER_CLASH);
	end();
}
END_TEST

/* The answer was lost and the purchase sends itself again while the first one
 * still runs: the twin waits, and clashes with it. */
START_TEST(test_twin_waits_and_clashes)
{
	struct it_job job;

	begin();
	job = (struct it_job){
	    .ledger = ledger, .order = it_order(&sale, 1, "alice")};
	purchase_begins(&job.order);
	it_start(run_record, &job);
	it_wait_blocked(root);
	purchase_commits();
	it_join();
	ck_assert_msg(job.out == OUT_DONE, "%s", job.err.text);
	ck_assert_int_eq(job.answer, LEDGER_CLASH);
	end();
}
END_TEST

static void *run_shrink(void *arg)
{
	struct it_job *job = arg;

	job->out = ledger_sale_set_stock(job->ledger, job->sale.id, 100,
	    job->number, "test", &job->won, &job->err);
	return NULL;
}

/* Unit 100 is being sold while the stock goes down to 50: the count is made
 * after the wait, and sees it. */
START_TEST(test_shrinking_waits_for_running_insert)
{
	struct ledger *admin = it_admin();
	struct it_job job;
	struct order running;

	begin();
	admin->conn.limits.lock_wait_s = 20;
	running = it_order(&sale, 100, "alice");
	purchase_begins(&running);
	job = (struct it_job){.ledger = admin, .sale = sale, .number = 50};
	it_start(run_shrink, &job);
	it_wait_blocked(root);
	purchase_commits();
	it_join();
	ck_assert_msg(job.out == OUT_DONE, "%s", job.err.text);
	ck_assert(!job.won);
	ck_assert_int_eq(
	    it_number(root, "SELECT stock FROM sales WHERE id = %u", sale.id.v),
	    100);
	ledger_free(&admin);
	end();
}
END_TEST

IT_PART(part_wait, UNIT("epoch-waits", test_epoch_waits_for_running_insert),
    UNIT("insert-waits", test_insert_waits_for_epoch_and_is_fenced),
    UNIT("epoch-one-winner", test_epoch_has_one_winner),
    UNIT("void-waits", test_void_waits_for_running_insert),
    UNIT("void-wins", test_void_wins_when_the_insert_rolls_back),
    UNIT("twin", test_twin_waits_and_clashes),
    UNIT("shrink-waits", test_shrinking_waits_for_running_insert))
