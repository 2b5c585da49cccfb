/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger: who acts for an epoch that is over takes nothing away.  A keeper, a
 * worker or a settler that was stopped, and wakes up behind a rebuild, can void
 * and bury nothing: what it means may have been accepted or carried over since.
 */
#include "config.h"

#include "it.h"

static MYSQL *root;
static struct ledger *ledger, *busy;
static struct ledger_port port;
static struct sale sale;

static void begin(void)
{
	root = it_root();
	ledger = it_ledger_with(
	    (struct it_conf){.user = "fg_keeper", .password = "change-me-2"});
	/* What waits must not run into its own limit. */
	ledger->conn.limits.lock_wait_s = 20;
	busy = it_ledger();
	port = ledger_port(ledger);
	sale = it_sale(root);
}

static void end(void)
{
	ledger_free(&ledger);
	ledger_free(&busy);
	mysql_close(root);
}

static struct gate_ref at(uint32_t epoch)
{
	return (struct gate_ref){sale.id, epoch};
}

static enum outcome busy_ready(void)
{
	struct ledger_port of_busy = ledger_port(busy);

	return of_busy.ready(of_busy.ctx, SOON, &why);
}

static void rebuild_begins(void)
{
	bool won;

	ck_done(port.epoch_begin(
	    port.ctx, &sale, SALE_STATE_REBUILD, SOON, &won, &why));
	ck_assert(won);
}

static int64_t letters(void)
{
	return it_number(root,
	    "SELECT COUNT(*) FROM dead_letters WHERE sale_id = %u", sale.id.v);
}

/* ---- void ---------------------------------------------------------------- */

static const size_t sizes[] = {1, 2, 10, 11, 100};

/* The statement of each size, of an older epoch and of one that is not yet. */
START_TEST(test_void_of_another_epoch)
{
	/* "": its record is lost. */
	static const char *const names[] = {
	    "a", "", "somebody.else@example.org"};
	struct order claims[100], got;
	size_t n = sizes[_i];

	begin();
	for (size_t i = 0; i < n; i++)
		claims[i] = it_order(&sale, 1, names[i % ARRAY_LEN(names)]);
	rebuild_begins();
	ck_done(port.void_claims(port.ctx, at(1), claims, n, SOON, &why));
	ck_done(port.void_claims(port.ctx, at(3), claims, n, SOON, &why));
	ck_assert_int_eq(it_rows(root, &sale), 0);
	/* The rebuild itself may, whatever epoch the orders were accepted in;
	 * and its rows are of its own. */
	ck_done(port.void_claims(port.ctx, at(2), claims, n, SOON, &why));
	ck_assert_int_eq(it_rows(root, &sale), (int64_t)n);
	for (size_t i = 0; i < n; i++) {
		ck_assert(it_find(ledger, &claims[i].claim, &got));
		ck_assert_int_eq(got.status, ORDER_VOID);
		ck_assert_uint_eq(got.epoch, 2);
		ck_assert(customer_eq(&got.customer, &claims[i].customer));
	}
	end();
}
END_TEST

static const char *const states[] = {
    "draft", "open", "paused", "rebuild", "closed"};

/* Claims run out while nothing is sold, too. */
START_TEST(test_void_in_any_state)
{
	struct order claim, got;

	begin();
	it_sql(root, "UPDATE sales SET state = '%s' WHERE id = %u", states[_i],
	    sale.id.v);
	claim = it_order(&sale, 1, "alice");
	it_void(ledger, &claim, 1);
	ck_assert(it_find(ledger, &claim.claim, &got));
	end();
}
END_TEST

static void *run_void(void *arg)
{
	struct it_job *job = arg;

	job->out = job->port.void_claims(
	    job->port.ctx, at(1), &job->order, 1, SOON, &job->err);
	return NULL;
}

/* It came while the epoch was changing. */
START_TEST(test_void_waits_for_epoch_and_does_nothing)
{
	struct it_job job;
	MYSQL *other;

	begin();
	other = it_root();
	job =
	    (struct it_job){.port = port, .order = it_order(&sale, 1, "alice")};
	it_sql(other, "START TRANSACTION");
	it_sql(other,
	    "UPDATE sales SET epoch = 2, state = 'rebuild' WHERE id = %u",
	    sale.id.v);
	it_start(run_void, &job);
	it_wait_blocked(root);
	it_sql(other, "COMMIT");
	it_join();
	ck_assert_msg(job.out == OUT_DONE, "%s", job.err.text);
	ck_assert_int_eq(it_rows(root, &sale), 0);
	mysql_close(other);
	end();
}
END_TEST

static void *run_epoch_begin(void *arg)
{
	struct it_job *job = arg;

	job->out = job->port.epoch_begin(job->port.ctx, &sale,
	    SALE_STATE_REBUILD, SOON, &job->won, &job->err);
	return NULL;
}

/* And the other way round: what a rebuild reads is all that there will be. */
START_TEST(test_epoch_waits_for_running_void)
{
	struct order claim;
	struct it_job job;

	begin();
	claim = it_order(&sale, 1, "alice");
	ck_done(tx_begin(&busy->conn, SOON, &why));
	it_void(busy, &claim, 1);
	job = (struct it_job){.port = port};
	it_start(run_epoch_begin, &job);
	it_wait_blocked(root);
	ck_done(tx_commit(&busy->conn, SOON, &why));
	it_join();
	ck_assert_msg(job.out == OUT_DONE, "%s", job.err.text);
	ck_assert(job.won);
	ck_assert_int_eq(it_rows(root, &sale), 1);
	end();
}
END_TEST

/* Keepers do not wait for each other, nor for purchases. */
START_TEST(test_voids_run_side_by_side)
{
	struct order claim, sold;

	begin();
	claim = it_order(&sale, 1, "alice");
	sold = it_order(&sale, 2, "bob");
	ck_done(tx_begin(&busy->conn, SOON, &why));
	it_void(busy, &claim, 1);
	ledger->conn.limits.lock_wait_s = 1;
	claim = it_order(&sale, 1, "carol");
	it_void(ledger, &claim, 1);
	ck_assert_int_eq(it_record(ledger, &sold), LEDGER_RECORDED);
	ck_done(tx_commit(&busy->conn, SOON, &why));
	ck_assert_int_eq(it_rows(root, &sale), 3);
	end();
}
END_TEST

/* ---- bury ---------------------------------------------------------------- */

/* Neither the void row nor the letter: the operator would make a second order of
 * one that lives. */
START_TEST(test_burial_of_another_epoch)
{
	struct dead_letter letter, unread;

	begin();
	letter = it_dead_letter(&sale, 1);
	unread = it_dead_letter(&sale, 2);
	unread.order.claim = (struct claim_id){{0}};
	rebuild_begins();
	ck_refused(OUT_NOT_DONE, "not in epoch 1 any more",
	    port.bury(port.ctx, at(1), &letter, SOON, &why));
	ck_refused(OUT_NOT_DONE, "not in epoch 1 any more",
	    port.bury(port.ctx, at(1), &unread, SOON, &why));
	ck_assert_int_eq(it_rows(root, &sale), 0);
	ck_assert_int_eq(letters(), 0);
	/* The rebuild buries what it finds, under the stream's epoch. */
	ck_done(port.bury(port.ctx, at(2), &letter, SOON, &why));
	ck_done(port.bury(port.ctx, at(2), &unread, SOON, &why));
	ck_assert_int_eq(it_rows(root, &sale), 1);
	ck_assert_int_eq(letters(), 2);
	end();
}
END_TEST

START_TEST(test_burial_of_a_sale_that_is_not_there)
{
	struct dead_letter letter;

	begin();
	letter = it_dead_letter(&sale, 1);
	letter.order.sale.v = UINT32_MAX;
	ck_refused(OUT_NOT_DONE, "not in epoch 1 any more",
	    port.bury(port.ctx, (struct gate_ref){{UINT32_MAX}, 1}, &letter,
		SOON, &why));
	end();
}
END_TEST

static int64_t barriers(void)
{
	return it_number(root, "SELECT SUM(n) FROM barrier");
}

/* The letter that is met may be seen before it is on disk, and who is told that it
 * is there lets go of its entry. */
START_TEST(test_second_burial_makes_sure)
{
	struct dead_letter letter;
	struct ledger_port other;
	int64_t before;

	begin();
	other = ledger_port(busy);
	letter = it_dead_letter(&sale, 1);
	if (_i == 1)
		letter.order.claim = (struct claim_id){{0}};
	before = barriers();
	ck_done(port.bury(port.ctx, at(1), &letter, SOON, &why));
	ck_assert_int_eq(barriers(), before);
	ck_done(other.bury(other.ctx, at(1), &letter, SOON, &why));
	ck_assert_int_eq(barriers(), before + 1);
	ck_assert_int_eq(letters(), 1);
	end();
}
END_TEST

/* A settler that is stopped amid its burial holds up a rebuild for some seconds, and
 * not until somebody finds it.  (MySQL has no such limit.) */
START_TEST(test_stopped_burial_lets_go)
{
	struct order claim;
	MYSQL *mysql;

	begin();
	claim = it_order(&sale, 1, "alice");
	ck_done(busy_ready());
	mysql = busy->conn.mysql;
	if (strstr(mysql_get_server_info(mysql), "MariaDB") != NULL) {
		ck_assert_int_eq(
		    it_number(mysql, "SELECT @@idle_transaction_timeout"), 10);
		it_sql(mysql, "SET SESSION idle_transaction_timeout = 1");
		ck_done(tx_begin(&busy->conn, SOON, &why));
		it_void(busy, &claim, 1);
		rebuild_begins();
		ck_assert_int_eq(it_rows(root, &sale), 0);
		ck_refused(
		    OUT_UNKNOWN, "commit", tx_commit(&busy->conn, SOON, &why));
	}
	end();
}
END_TEST

IT_PART(part_fence,
    UNIT_TABLE("fence-void", test_void_of_another_epoch, ARRAY_LEN(sizes)),
    UNIT_TABLE("fence-state", test_void_in_any_state, ARRAY_LEN(states)),
    UNIT("fence-void-waits", test_void_waits_for_epoch_and_does_nothing),
    UNIT("fence-epoch-waits", test_epoch_waits_for_running_void),
    UNIT("fence-side", test_voids_run_side_by_side),
    UNIT("fence-bury", test_burial_of_another_epoch),
    UNIT("fence-no-sale", test_burial_of_a_sale_that_is_not_there),
    UNIT_TABLE("fence-again", test_second_burial_makes_sure, 2),
    UNIT("fence-stopped", test_stopped_burial_lets_go))
