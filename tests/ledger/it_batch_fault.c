/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger: a batch whose answer is an error, or none, or a lie.  What is UNKNOWN is
 * all or nothing, and the same batch again finds out.
 */
#include "config.h"

#include "it.h"

#include "error_rows.h"

#include "base/failpoint.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#define WHOLE SETTLE_BATCH

static MYSQL *root;
static struct proxy *proxy;
static struct ledger *ledger;
static struct ledger_port port;
static struct sale sale;
static struct order orders[WHOLE];
static enum ledger_record answer;

static void begin_with(int64_t statement_timeout_ms)
{
	root = it_root();
	sale = it_sale(root);
	it_orders(&sale, orders, WHOLE);
	proxy = proxy_start(it_dir(), it_socket());
	ledger = it_ledger_with((struct it_conf){.address = proxy->path,
	    .statement_timeout_ms = statement_timeout_ms});
	port = ledger_port(ledger);
}

static void begin(void)
{
	begin_with(20000);
}

static void end(void)
{
	ledger_free(&ledger);
	proxy_stop(proxy);
	mysql_close(root);
}

static void pause_ends(void)
{
	while (mono_ns() < ledger->conn.pause_until_ns)
		usleep(5000);
}

static enum outcome batch(struct err *err)
{
	struct gate_ref ref = {sale.id, sale.epoch};

	return port.record_batch(
	    port.ctx, ref, orders, WHOLE, SOON, &answer, err);
}

/* Prepared and idle. */
static void ready(void)
{
	ck_done(port.ready(port.ctx, SOON, &why));
	ck_done(
	    exec_prepare(&ledger->conn, STMT_RECORD_64, PHASE_PREPARE, &why));
}

static void rows_are(int64_t want)
{
	ck_assert_int_eq(it_rows(root, &sale), want);
}

/* ---- answers -------------------------------------------------------------- */

/* As a batch's settler hears it: to be done row by row, to be tried again, or in
 * doubt.  Every row of the table that an execution can meet. */
START_TEST(test_every_row)
{
	const struct error_expected *want = &error_expected[_i];
	struct err err = ERR_INIT;
	enum outcome out;

	if (want->phase != PHASE_EXECUTE)
		return;
	begin();
	ready();
	answer = LEDGER_RECORDED;
	proxy->trick = PROXY_EXECUTE_ERROR;
	proxy->code = want->code;
	out = batch(&err);
	if (want->code == 1062 || row_refusal(want->code)) {
		ck_assert_int_eq(out, OUT_DONE);
		ck_assert_int_eq(
		    answer, want->code == 1062 ? LEDGER_CLASH : LEDGER_REFUSED);
		ck_assert_int_eq(err.code, (int)want->code);
	} else {
		ck_assert_msg(out == want->outcome, "%s: %s", outcome_name(out),
		    err.text);
		ck_assert_int_eq(answer, LEDGER_RECORDED);
	}
	/* Never the server's words: they may hold customers. */
	ck_assert_ptr_null(strstr(err.text, "played"));
	ck_assert_int_eq(ledger->conn.mysql != NULL, want->fate == FATE_KEEP);
	pause_ends();
	ck_done(batch(&why));
	ck_assert_int_eq(answer, LEDGER_RECORDED);
	rows_are(WHOLE);
	end();
}
END_TEST

/* A refusal is only believed of the statement itself: what a connection says while
 * it is made or prepares is nobody's poison. */
START_TEST(test_refusal_before_the_statement)
{
	struct err err = ERR_INIT;

	begin();
	ck_done(port.ready(port.ctx, SOON, &why));
	proxy->trick = PROXY_PREPARE_ERROR;
	proxy->code = 1406;
	ck_assert_int_eq(batch(&err), OUT_NOT_DONE);
	ck_assert_int_eq(err.code, 1406);
	pause_ends();
	ck_done(batch(&why));
	rows_are(WHOLE);
	end();
}
END_TEST

/* Neither all nor none: what no server does is not explained away. */
START_TEST(test_count_is_neither)
{
	static const unsigned counts[] = {1, 63, 65};

	begin();
	ready();
	proxy->trick = PROXY_EXECUTE_COUNT;
	proxy->code = counts[_i];
	ck_refused(OUT_UNKNOWN, "of 64 rows", batch(&why));
	ck_assert_ptr_null(ledger->conn.mysql);
	ck_done(batch(&why));
	ck_assert_int_eq(answer, LEDGER_RECORDED);
	end();
}
END_TEST

/* ---- no answer -------------------------------------------------------------- */

/* It was committed: the same batch again says CLASH, and the rows are ours. */
START_TEST(test_acknowledgement_lost)
{
	struct claim_id ids[WHOLE];
	struct order got[WHOLE];
	size_t found;

	begin();
	ready();
	proxy->trick = PROXY_CUT_AFTER;
	ck_refused(OUT_UNKNOWN, "insert orders", batch(&why));
	ck_assert_ptr_null(ledger->conn.mysql);
	ck_done(batch(&why));
	ck_assert_int_eq(answer, LEDGER_CLASH);
	for (size_t i = 0; i < WHOLE; i++)
		ids[i] = orders[i].claim;
	ck_done(port.find(port.ctx, ids, WHOLE, SOON, got, &found, &why));
	ck_assert_uint_eq(found, WHOLE);
	for (size_t i = 0; i < WHOLE; i++)
		ck_assert(got[i].status == ORDER_SOLD &&
			  claim_eq(&got[i].claim, &ids[got[i].unit - 1]));
	end();
}
END_TEST

/* It never arrived: the same batch again is the first one. */
START_TEST(test_request_lost)
{
	begin();
	ready();
	proxy->trick = PROXY_CUT_BEFORE;
	ck_refused(OUT_UNKNOWN, "insert orders", batch(&why));
	rows_are(0);
	ck_done(batch(&why));
	ck_assert_int_eq(answer, LEDGER_RECORDED);
	end();
}
END_TEST

START_TEST(test_answer_is_noise)
{
	begin();
	ready();
	proxy->trick = PROXY_EXECUTE_NOISE;
	ck_refused(OUT_UNKNOWN, "insert orders", batch(&why));
	ck_assert_ptr_null(ledger->conn.mysql);
	ck_done(batch(&why));
	ck_assert_int_eq(answer, LEDGER_RECORDED);
	end();
}
END_TEST

/*
 * Killed in its 40th row: somebody else's open transaction holds that unit, so
 * the server has 39 of ours when it is told to drop us, or our statement.
 */
START_TEST(test_killed_in_the_middle)
{
	static const char *const kill[] = {"KILL", "KILL QUERY"};
	struct order there;
	struct ledger *holder;
	struct it_job job;

	begin();
	ledger->conn.limits.lock_wait_s = 20;
	holder = it_ledger();
	there = it_order(&sale, orders[39].unit, "holder");
	ck_done(tx_begin(&holder->conn, SOON, &why));
	ck_assert_int_eq(it_record(holder, &there), LEDGER_RECORDED);
	ready();
	job = (struct it_job){
	    .ledger = ledger, .sale = sale, .orders = orders, .norders = WHOLE};
	it_start(it_run_batch, &job);
	it_wait_blocked(root);
	it_sql(root, "%s %lu", kill[_i], mysql_thread_id(ledger->conn.mysql));
	it_join();
	ck_assert_msg(job.out == OUT_UNKNOWN, "%s: %s", outcome_name(job.out),
	    job.err.text);
	ck_assert_ptr_null(ledger->conn.mysql);
	tx_rollback(&holder->conn);
	rows_are(0);
	ck_done(batch(&why));
	ck_assert_int_eq(answer, LEDGER_RECORDED);
	rows_are(WHOLE);
	ledger_free(&holder);
	end();
}
END_TEST

/* ---- not done ---------------------------------------------------------------- */

/* Which limit ends the wait depends on which is shorter; either way nothing is
 * there, and the connection is as good as before. */
START_TEST(test_waits_end)
{
	static const struct {
		int64_t statement_ms;
		int code;
	} limits[] = {{20000, 1205}, {300, 1969}};
	struct err err = ERR_INIT;
	struct order there;
	struct ledger *holder;

	begin_with(limits[_i].statement_ms);
	holder = it_ledger();
	there = it_order(&sale, orders[39].unit, "holder");
	ck_done(tx_begin(&holder->conn, SOON, &why));
	ck_assert_int_eq(it_record(holder, &there), LEDGER_RECORDED);
	ready();
	ck_assert_int_eq(batch(&err), OUT_NOT_DONE);
	ck_assert_int_eq(err.code, limits[_i].code);
	ck_assert_ptr_nonnull(ledger->conn.mysql);
	tx_rollback(&holder->conn);
	rows_are(0);
	/* 300 ms may be too short for a busy machine, which is not the point. */
	ledger->conn.limits.statement_ms = 20000;
	conn_close(&ledger->conn);
	ck_done(batch(&why));
	ck_assert_int_eq(answer, LEDGER_RECORDED);
	ledger_free(&holder);
	end();
}
END_TEST

/* As after a failover, on the old primary. */
START_TEST(test_read_only)
{
	begin();
	ready();
	it_sql(root, "SET GLOBAL read_only = 1");
	ck_refused(OUT_NOT_DONE, "read only", batch(&why));
	it_sql(root, "SET GLOBAL read_only = 0");
	ck_assert_ptr_null(ledger->conn.mysql);
	rows_are(0);
	pause_ends();
	ck_done(batch(&why));
	ck_assert_int_eq(answer, LEDGER_RECORDED);
	end();
}
END_TEST

START_TEST(test_too_late_is_not_sent)
{
	struct gate_ref ref = {sale.id, 1};
	unsigned before;

	begin();
	ready();
	before = proxy->packets;
	ck_refused(OUT_NOT_DONE, "no time left",
	    port.record_batch(
		port.ctx, ref, orders, WHOLE, mono_ns() - 1, &answer, &why));
	ck_assert_uint_eq(proxy->packets, before);
	end();
}
END_TEST

/* Once prepared, 64 orders are one packet there and one back. */
START_TEST(test_batch_is_one_round_trip)
{
	unsigned before;

	begin();
	ready();
	before = proxy->packets;
	ck_done(batch(&why));
	ck_assert_uint_eq(proxy->packets, before + 1);
	ck_assert_uint_eq(proxy->connections, 1);
	end();
}
END_TEST

/* ---- the server dies -------------------------------------------------------- */

#define ROUNDS 400

struct writer {
	struct ledger *ledger;
	struct sale sale;
	unsigned acknowledged; /* batches; read by the test while it grows */
	enum outcome out;
};

static void *run_batches(void *arg)
{
	struct writer *writer = arg;
	struct ledger_port own = ledger_port(writer->ledger);
	struct gate_ref ref = {writer->sale.id, writer->sale.epoch};
	struct err err = ERR_INIT;
	enum ledger_record said;

	for (uint32_t round = 0; round < ROUNDS; round++) {
		struct order some[WHOLE];

		it_orders(&writer->sale, some, WHOLE);
		for (size_t i = 0; i < WHOLE; i++) {
			some[i].unit += round * WHOLE;
			some[i].customer.n =
			    (uint8_t)snprintf(some[i].customer.text,
				CUSTOMER_MAX, "c%u.%zu", round, i);
		}
		writer->out = own.record_batch(
		    own.ctx, ref, some, WHOLE, SOON, &said, &err);
		if (writer->out != OUT_DONE || said != LEDGER_RECORDED)
			return NULL;
		__atomic_store_n(
		    &writer->acknowledged, round + 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

/* kill -9 of the server in the middle of a stream of batches: what comes back is
 * all that was acknowledged, and whole batches only. */
START_TEST(test_server_killed_between_rows)
{
	struct writer writer = {.out = OUT_DONE};
	int64_t until_ns = SOON, rows;
	pthread_t thread;

	begin();
	it_sql(
	    root, "UPDATE sales SET stock = 10000000 WHERE id = %u", sale.id.v);
	writer.ledger = it_ledger();
	writer.sale = sale;
	ck_assert_int_eq(
	    pthread_create(&thread, NULL, run_batches, &writer), 0);
	while (__atomic_load_n(&writer.acknowledged, __ATOMIC_ACQUIRE) < 5) {
		ck_assert_int_lt(mono_ns(), until_ns);
		usleep(1000);
	}
	it_shell("server_kill \"$FG_DIR\" mysql");
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	it_shell("mariadb_start \"$FG_DIR\"");
	mysql_close(root);
	root = it_root();
	rows = it_rows(root, &sale);
	ck_assert_int_eq(rows % WHOLE, 0);
	ck_assert_int_ge(rows, (int64_t)writer.acknowledged * WHOLE);
	ck_assert_int_le(rows, ((int64_t)writer.acknowledged + 1) * WHOLE);
	ledger_free(&writer.ledger);
	end();
}
END_TEST

/* ---- places to fail at ------------------------------------------------------- */

#ifdef FG_FAILPOINTS
static void arm(const char *spec)
{
	ck_assert_msg(failpoint_arm(strv_c(spec), &why), "%s", why.text);
}

START_TEST(test_failpoints)
{
	uint64_t sent;

	begin();
	ready();
	sent = failpoint_count(FAILPOINT_at_batch_send).hits;
	arm("before_batch=err@1,at_batch_send=delay:1");
	ck_refused(OUT_UNKNOWN, "before_batch", batch(&why));
	ck_assert_uint_eq(failpoint_count(FAILPOINT_at_batch_send).hits, sent);
	rows_are(0);
	failpoint_disarm();
	arm("after_batch=err@1,at_batch_send=delay:1");
	ck_refused(OUT_UNKNOWN, "after_batch", batch(&why));
	ck_assert_uint_eq(
	    failpoint_count(FAILPOINT_at_batch_send).hits, sent + 1);
	rows_are(WHOLE);
	ck_done(batch(&why));
	ck_assert_int_eq(answer, LEDGER_CLASH);
	failpoint_disarm();
	end();
}
END_TEST
#define FAILPOINT_CASES UNIT("batch-failpoints", test_failpoints),
#else
#define FAILPOINT_CASES
#endif

IT_PART(part_batch_fault,
    UNIT_TABLE("batch-every-row", test_every_row, ARRAY_LEN(error_expected)),
    UNIT("batch-refusal-before", test_refusal_before_the_statement),
    UNIT_TABLE("batch-count", test_count_is_neither, 3),
    UNIT("batch-ack-lost", test_acknowledgement_lost),
    UNIT("batch-request-lost", test_request_lost),
    UNIT("batch-noise", test_answer_is_noise),
    UNIT_TABLE("batch-killed", test_killed_in_the_middle, 2),
    UNIT_TABLE("batch-waits-end", test_waits_end, 2),
    UNIT("batch-read-only", test_read_only),
    UNIT("batch-too-late", test_too_late_is_not_sent),
    FAILPOINT_CASES UNIT("batch-round-trip", test_batch_is_one_round_trip),
    UNIT_SLOW("batch-server-killed", test_server_killed_between_rows, 60))
