/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger: the server itself refuses, stops, dies and comes back.  These tests
 * run last: they change settings of the server, and put them back.
 */
#include "config.h"

#include "it.h"

#include <stdio.h>
#include <unistd.h>

static MYSQL *root;
static struct ledger *ledger;
static struct ledger_port port;
static struct sale sale;
static enum ledger_record answer;

static void begin_with(int64_t statement_timeout_ms)
{
	root = it_root();
	sale = it_sale(root);
	ledger = it_ledger_with(
	    (struct it_conf){.statement_timeout_ms = statement_timeout_ms,
		.connect_timeout_ms = 1000});
	port = ledger_port(ledger);
}

static void begin(void)
{
	begin_with(20000);
}

static void end(void)
{
	ledger_free(&ledger);
	mysql_close(root);
}

/* ---- refused ------------------------------------------------------------- */

START_TEST(test_wrong_password)
{
	struct ledger *wrong = it_ledger_with(
	    (struct it_conf){.password = "secret-that-must-not-be-told"});
	struct ledger_port p = ledger_port(wrong);
	struct err err = ERR_INIT;

	ck_assert_int_eq(p.ready(p.ctx, SOON, &err), OUT_NOT_DONE);
	ck_assert_int_eq(err.code, 1045);
	ck_assert_ptr_nonnull(strstr(err.text, "wrong user or password"));
	ck_assert_ptr_null(strstr(err.text, "secret"));
	ledger_free(&wrong);
}
END_TEST

START_TEST(test_no_such_database)
{
	struct ledger *wrong = it_ledger_with((struct it_conf){
	    .user = "root", .password = "", .database = "nowhere"});
	struct ledger_port p = ledger_port(wrong);

	ck_refused(
	    OUT_NOT_DONE, "no such database", p.ready(p.ctx, SOON, &why));
	ledger_free(&wrong);
}
END_TEST

START_TEST(test_foreign_database)
{
	struct ledger *wrong =
	    it_ledger_with((struct it_conf){.database = "mysql"});
	struct ledger_port p = ledger_port(wrong);

	ck_refused(OUT_NOT_DONE, "may not use this database",
	    p.ready(p.ctx, SOON, &why));
	ledger_free(&wrong);
}
END_TEST

/* Where no schema is, ready says so before anything is claimed. */
START_TEST(test_no_schema)
{
	struct ledger *wrong = it_ledger_with((struct it_conf){
	    .user = "root", .password = "", .database = "mysql"});
	struct ledger_port p = ledger_port(wrong);

	ck_refused(OUT_NOT_DONE, "flashgatectl schema install",
	    p.ready(p.ctx, SOON, &why));
	ck_refused(OUT_NOT_DONE, "flashgatectl schema install",
	    p.ready(p.ctx, SOON, &why));
	ledger_free(&wrong);
}
END_TEST

START_TEST(test_no_server)
{
	struct ledger *wrong = it_ledger_with((struct it_conf){
	    .address = _i == 0 ? "/nowhere/mysql.sock" : "127.0.0.1:1"});
	struct ledger_port p = ledger_port(wrong);

	ck_refused(OUT_NOT_DONE, "no server", p.ready(p.ctx, SOON, &why));
	ledger_free(&wrong);
}
END_TEST

START_TEST(test_too_many_connections)
{
	MYSQL *others[64] = {NULL};
	struct err err = ERR_INIT;
	size_t n = 0;

	begin();
	it_sql(root, "SET GLOBAL max_connections = 10");
	/* Until the server itself says that it is full; the last seat is the
	 * administrator's. */
	for (; n < ARRAY_LEN(others); n++) {
		unsigned socket = MYSQL_PROTOCOL_SOCKET;

		others[n] = mysql_init(NULL);
		mysql_options(others[n], MYSQL_OPT_PROTOCOL, &socket);
		if (mysql_real_connect(others[n], NULL, "fg_app", "change-me-1",
			"flashgate", 0, it_socket(), 0) == NULL)
			break;
	}
	ck_assert_uint_lt(n, ARRAY_LEN(others));
	ck_assert_int_eq(port.ready(port.ctx, SOON, &err), OUT_NOT_DONE);
	ck_assert_int_eq(err.code, 1040);
	it_sql(root, "SET GLOBAL max_connections = 300");
	for (size_t i = 0; i <= n; i++)
		mysql_close(others[i]);
	while (mono_ns() < ledger->conn.pause_until_ns)
		usleep(5000);
	ck_done(port.ready(port.ctx, SOON, &why));
	end();
}
END_TEST

/* As after a failover, on the old primary.  A new connection may lead to the new
 * one, so this one is given up; and there is a pause before the next. */
START_TEST(test_read_only)
{
	struct order order, got;

	begin();
	order = it_order(&sale, 1, "alice");
	ck_done(port.ready(port.ctx, SOON, &why));
	it_sql(root, "SET GLOBAL read_only = 1");
	ck_refused(OUT_NOT_DONE, "read only",
	    port.record(port.ctx, &order, SOON, &answer, &why));
	ck_assert_ptr_null(ledger->conn.mysql);
	ck_assert_int_gt(ledger->conn.pause_until_ns, 0);
	it_sql(root, "SET GLOBAL read_only = 0");
	while (mono_ns() < ledger->conn.pause_until_ns)
		usleep(5000);
	ck_assert(!it_find(ledger, &order.claim, &got));
	ck_assert_int_eq(it_record(ledger, &order), LEDGER_RECORDED);
	end();
}
END_TEST

/* Somebody sits on the sale's row.  Which limit ends the wait depends on which is
 * shorter; neither has applied anything, and the connection is kept. */
START_TEST(test_waits_end)
{
	static const struct {
		int64_t statement_ms;
		int code;
	} limits[] = {{20000, 1205}, {300, 1969}};
	struct order order, got;
	struct err err = ERR_INIT;

	begin_with(limits[_i].statement_ms);
	order = it_order(&sale, 1, "alice");
	ck_done(port.ready(port.ctx, SOON, &why));
	it_sql(root, "START TRANSACTION");
	it_sql(root, "SELECT * FROM sales WHERE id = %u FOR UPDATE", sale.id.v);
	mysql_free_result(mysql_store_result(root));
	ck_assert_int_eq(
	    port.record(port.ctx, &order, SOON, &answer, &err), OUT_NOT_DONE);
	ck_assert_int_eq(err.code, limits[_i].code);
	ck_assert_ptr_nonnull(ledger->conn.mysql);
	it_sql(root, "COMMIT");
	ck_assert(!it_find(ledger, &order.claim, &got));
	ck_assert_int_eq(it_record(ledger, &order), LEDGER_RECORDED);
	end();
}
END_TEST

/* A table lock of somebody's DDL ends as quickly: not after the day that
 * lock_wait_timeout is by default. */
START_TEST(test_metadata_lock)
{
	struct order order;
	struct err err = ERR_INIT;

	begin();
	order = it_order(&sale, 1, "alice");
	ck_done(port.ready(port.ctx, SOON, &why));
	it_sql(root, "LOCK TABLES orders WRITE");
	ck_assert_int_eq(
	    port.record(port.ctx, &order, SOON, &answer, &err), OUT_NOT_DONE);
	ck_assert_int_eq(err.code, 1205);
	it_sql(root, "UNLOCK TABLES");
	ck_assert_int_eq(it_record(ledger, &order), LEDGER_RECORDED);
	end();
}
END_TEST

/* ALTER TABLE under our prepared statements: the server prepares them anew. */
START_TEST(test_table_altered_underneath)
{
	struct order order, got;

	begin();
	order = it_order(&sale, 1, "alice");
	ck_assert_int_eq(it_record(ledger, &order), LEDGER_RECORDED);
	it_sql(root, "ALTER TABLE orders ADD COLUMN note INT NULL");
	order = it_order(&sale, 2, "bob");
	ck_assert_int_eq(it_record(ledger, &order), LEDGER_RECORDED);
	ck_assert(it_find(ledger, &order.claim, &got));
	it_sql(root, "ALTER TABLE orders DROP COLUMN note");
	order = it_order(&sale, 3, "carol");
	ck_assert_int_eq(it_record(ledger, &order), LEDGER_RECORDED);
	end();
}
END_TEST

/* ---- killed -------------------------------------------------------------- */

static void kill_ours(void)
{
	char still[160];

	snprintf(still, sizeof(still),
	    "SELECT COUNT(*) FROM information_schema.processlist WHERE id = "
	    "%lu",
	    mysql_thread_id(ledger->conn.mysql));
	it_sql(root, "KILL %lu", mysql_thread_id(ledger->conn.mysql));
	it_wait_number(root, 0, still);
}

START_TEST(test_killed_in_use_is_unknown)
{
	struct order order;

	begin();
	order = it_order(&sale, 1, "alice");
	ck_done(port.ready(port.ctx, SOON, &why));
	kill_ours();
	/* As if it had answered just now. */
	ledger->conn.used_ns = SOON;
	ck_refused(OUT_UNKNOWN, "insert order",
	    port.record(port.ctx, &order, SOON, &answer, &why));
	ck_assert_int_eq(it_record(ledger, &order), LEDGER_RECORDED);
	end();
}
END_TEST

/* Idle before the opening, cut off by the server: noticed before a unit is
 * claimed, not by the first purchase. */
START_TEST(test_killed_while_idle_is_noticed)
{
	struct order order;

	begin();
	order = it_order(&sale, 1, "alice");
	ck_done(port.ready(port.ctx, SOON, &why));
	kill_ours();
	/* As if that had been long ago. */
	ledger->conn.used_ns -= 2 * CONN_IDLE_MS * NS_PER_MS;
	ck_done(port.ready(port.ctx, SOON, &why));
	ck_assert_int_eq(it_record(ledger, &order), LEDGER_RECORDED);
	end();
}
END_TEST

/* An idle connection that lives is kept. */
START_TEST(test_idle_is_kept)
{
	unsigned long id;

	begin();
	ck_done(port.ready(port.ctx, SOON, &why));
	id = mysql_thread_id(ledger->conn.mysql);
	ledger->conn.used_ns -= 2 * CONN_IDLE_MS * NS_PER_MS;
	ck_done(port.ready(port.ctx, SOON, &why));
	ck_assert_uint_eq(mysql_thread_id(ledger->conn.mysql), id);
	end();
}
END_TEST

/* KILL QUERY leaves the connection, and a doubt. */
static void *run_record(void *arg)
{
	struct it_job *job = arg;

	job->out = job->port.record(
	    job->port.ctx, &job->order, SOON, &job->answer, &job->err);
	return NULL;
}

START_TEST(test_interrupted)
{
	struct it_job job;
	MYSQL *locker;
	struct order got;

	begin();
	ck_done(port.ready(port.ctx, SOON, &why));
	ledger->conn.limits.lock_wait_s = 20;
	conn_close(&ledger->conn);
	ck_done(port.ready(port.ctx, SOON, &why));
	job = (struct it_job){.port = port, .order = it_order(&sale, 1, "a")};
	locker = it_root();
	it_sql(locker, "START TRANSACTION");
	it_sql(locker, "UPDATE sales SET stock = 99 WHERE id = %u", sale.id.v);
	it_start(run_record, &job);
	it_wait_blocked(root);
	it_sql(root, "KILL QUERY %lu", mysql_thread_id(ledger->conn.mysql));
	it_join();
	ck_assert_msg(job.out == OUT_UNKNOWN, "%s: %s", outcome_name(job.out),
	    job.err.text);
	ck_assert_int_eq(job.err.code, 1317);
	it_sql(locker, "COMMIT");
	ck_assert(!it_find(ledger, &job.order.claim, &got));
	ck_assert_int_eq(it_record(ledger, &job.order), LEDGER_RECORDED);
	mysql_close(locker);
	end();
}
END_TEST

/* ---- stopped and dead ---------------------------------------------------- */

/*
 * Stopped to the last thread: kill() returns before that, and a thread that still
 * begins our statement would find its time over when it goes on.
 */
static void server_stops(void)
{
	it_shell("pid=$(cat \"$FG_DIR/mysql.pid\"); kill -STOP \"$pid\"; "
		 "none_runs() { ! grep -L '^State:[[:space:]]*T' "
		 "/proc/\"$pid\"/task/*/status | grep -q .; }; "
		 "server_wait /dev/null none_runs");
}

static void server_goes_on(void)
{
	it_shell("kill -CONT \"$(cat \"$FG_DIR/mysql.pid\")\"");
}

/*
 * The story of UNKNOWN: the server was stopped while the insert was on its way.
 * The client gave up; the row comes to be all the same, or (on a machine so busy
 * that the server ends the statement for its time) does not.  The same insert
 * again finds it, or makes it.  Measured for the notes: 2013 after a second, and
 * the row was there.
 */
START_TEST(test_server_stops_and_goes_on)
{
	struct order order, got;
	struct err err = ERR_INIT;
	int64_t began_ns, took_ns;
	enum outcome out, again;
	char there[160];

	begin_with(800);
	order = it_order(&sale, 1, "alice");
	ck_done(port.ready(port.ctx, SOON, &why));
	server_stops();
	began_ns = mono_ns();
	out = port.record(port.ctx, &order, SOON, &answer, &err);
	took_ns = mono_ns() - began_ns;
	/* A new connection hangs in the handshake: that is not in doubt. */
	again = port.ready(port.ctx, SOON, &err);
	server_goes_on();
	ck_assert_msg(
	    out == OUT_UNKNOWN, "%s: %s", outcome_name(out), err.text);
	ck_assert_int_eq(again, OUT_NOT_DONE);
	/* 800 ms are a second, and one more, to the client library. */
	ck_assert_int_ge(took_ns, 1900 * NS_PER_MS);
	ck_assert_int_lt(took_ns, 10 * SECOND_NS);

	do {
		while (mono_ns() < ledger->conn.pause_until_ns)
			usleep(5000);
		out = port.record(port.ctx, &order, SOON, &answer, &err);
	} while (out != OUT_DONE);
	ck_assert(answer == LEDGER_CLASH || answer == LEDGER_RECORDED);
	snprintf(there, sizeof(there),
	    "SELECT COUNT(*) FROM orders WHERE sale_id = %u", sale.id.v);
	it_wait_number(root, 1, there);
	ck_assert(it_find(ledger, &order.claim, &got));
	ck_assert_int_eq(got.status, ORDER_SOLD);
	end();
}
END_TEST

START_TEST(test_server_killed_and_restarted)
{
	struct order kept, order, got;
	struct err err = ERR_INIT;
	enum outcome out;

	begin();
	kept = it_order(&sale, 1, "alice");
	order = it_order(&sale, 2, "bob");
	ck_assert_int_eq(it_record(ledger, &kept), LEDGER_RECORDED);
	it_shell("server_kill \"$FG_DIR\" mysql");
	/* It went down under a standing connection: in doubt, once. */
	ledger->conn.used_ns = SOON;
	out = port.record(port.ctx, &order, SOON, &answer, &err);
	ck_assert_msg(
	    out == OUT_UNKNOWN, "%s: %s", outcome_name(out), err.text);
	/* Nobody listens, or nobody accepts any more. */
	ck_refused(OUT_NOT_DONE, it_socket(),
	    port.record(port.ctx, &order, SOON, &answer, &why));
	it_shell("mariadb_start \"$FG_DIR\"");
	while (mono_ns() < ledger->conn.pause_until_ns)
		usleep(5000);
	/* What was acknowledged is there. */
	ck_assert(it_find(ledger, &kept.claim, &got));
	ck_assert_int_eq(got.status, ORDER_SOLD);
	ck_assert_int_eq(it_record(ledger, &kept), LEDGER_CLASH);
	ck_assert_int_eq(it_record(ledger, &order), LEDGER_RECORDED);
	end();
}
END_TEST

/* A restart in order, while we are idle: nobody notices. */
START_TEST(test_server_restarted_while_idle)
{
	struct order order;

	begin();
	order = it_order(&sale, 1, "alice");
	ck_done(port.ready(port.ctx, SOON, &why));
	it_shell("mariadb_stop \"$FG_DIR\"; mariadb_start \"$FG_DIR\"");
	ledger->conn.used_ns -= 2 * CONN_IDLE_MS * NS_PER_MS;
	ck_done(port.ready(port.ctx, SOON, &why));
	ck_assert_int_eq(it_record(ledger, &order), LEDGER_RECORDED);
	end();
}
END_TEST

IT_PART(part_server, UNIT("password", test_wrong_password),
    UNIT("no-database", test_no_such_database),
    UNIT("foreign-database", test_foreign_database),
    UNIT("no-schema", test_no_schema),
    UNIT_TABLE("no-server", test_no_server, 2),
    UNIT("full", test_too_many_connections), UNIT("read-only", test_read_only),
    UNIT_TABLE("waits-end", test_waits_end, 2),
    UNIT("metadata-lock", test_metadata_lock),
    UNIT("altered", test_table_altered_underneath),
    UNIT("killed-in-use", test_killed_in_use_is_unknown),
    UNIT("killed-idle", test_killed_while_idle_is_noticed),
    UNIT("idle", test_idle_is_kept), UNIT("interrupted", test_interrupted),
    UNIT_SLOW("stopped", test_server_stops_and_goes_on, 30),
    UNIT_SLOW("killed", test_server_killed_and_restarted, 60),
    UNIT_SLOW("restarted", test_server_restarted_while_idle, 60))
