/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger: a row that is told is on disk.  The story: a campaign of faults (C4,
 * seed 1, mysql-kill) had a shopper hear "limit-reached" by a row that was gone
 * when MariaDB was back.  InnoDB without a binary log shows a commit to others
 * before it has written its redo; who reads in between reads what a kill -9 takes
 * back.  libheld.so makes that moment as long as a test wants it.
 *
 * These tests come after all others: they exchange the server.
 */
#include "config.h"

#include "it.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

static MYSQL *root;
static struct sale sale;

/* ---- a server whose redo can be held ------------------------------------- */

static void held_start(void)
{
	it_shell("mariadb_stop \"$FG_DIR\"; "
		 "export HELD_FILE=\"$FG_DIR/hold\"; "
		 "LD_PRELOAD=\"$(cd \"$top_builddir\" && "
		 "pwd)/tests/lib/libheld.so\" "
		 "mariadb_start \"$FG_DIR\" "
		 "--innodb-stats-auto-recalc=OFF");
	root = it_root();
	sale = it_sale(root);
}

static void hold(void)
{
	it_shell(": >\"$FG_DIR/hold\"");
}

static void let_go(void)
{
	it_shell("rm -f \"$FG_DIR/hold\"");
}

/* As after a power cut, but for what the kernel had been given already. */
static void crash(void)
{
	mysql_close(root);
	it_shell("server_kill \"$FG_DIR\" mysql; rm -f \"$FG_DIR/hold\"; "
		 "mariadb_start \"$FG_DIR\"");
	root = it_root();
}

static void *run_record(void *arg)
{
	struct it_job *job = arg;

	job->out = job->port.record(
	    job->port.ctx, &job->order, SOON, &job->answer, &job->err);
	return NULL;
}

/* An order that has committed for everybody to see, and waits for its redo. */
static void record_begin(struct it_job *job)
{
	struct ledger *ledger = it_ledger();
	char there[160];

	*job = (struct it_job){.ledger = ledger,
	    .port = ledger_port(ledger),
	    .order = it_order(&sale, 1, "alice")};
	ck_done(job->port.ready(job->port.ctx, SOON, &why));
	hold();
	it_start(run_record, job);
	snprintf(there, sizeof(there),
	    "SELECT COUNT(*) FROM orders WHERE sale_id = %u", sale.id.v);
	it_wait_number(root, 1, there);
}

/* ---- who reads it -------------------------------------------------------- */

enum reading {
	READ_CLAIM,
	READ_UNIT,
	READ_CUSTOMER,
	READ_COUNT
};

struct reader {
	enum reading how;
	struct ledger *ledger;
	struct ledger_port port;
	const struct order *wanted;
	pthread_t thread;
	atomic_bool answered;
	enum outcome out;
	struct order row;
	size_t n;
	struct err err;
};

static void *run_read(void *arg)
{
	struct reader *r = arg;
	const struct order *o = r->wanted;
	bool found = false;

	switch (r->how) {
	case READ_CLAIM:
		r->out = r->port.find(
		    r->port.ctx, &o->claim, 1, SOON, &r->row, &r->n, &r->err);
		break;
	case READ_UNIT:
		r->out = r->port.find_unit(r->port.ctx, o->sale, o->unit, SOON,
		    &r->row, &found, &r->err);
		r->n = found;
		break;
	case READ_CUSTOMER:
		r->out = r->port.find_customer(r->port.ctx, o->sale,
		    &o->customer, SOON, &r->row, 1, &r->n, &r->err);
		break;
	case READ_COUNT:
		break;
	}
	atomic_store(&r->answered, true);
	return NULL;
}

static bool any_answered(struct reader *readers)
{
	for (int i = 0; i < READ_COUNT; i++)
		if (atomic_load(&readers[i].answered))
			return true;
	return false;
}

/* Every reading of the port that leads to an answer, all at once, until each of
 * them waits in the server for the redo. */
static void readers_begin(struct reader *readers, const struct order *wanted)
{
	int64_t until_ns = SOON;

	memset(readers, 0, READ_COUNT * sizeof(*readers));
	for (int i = 0; i < READ_COUNT; i++) {
		struct reader *r = &readers[i];

		r->how = (enum reading)i;
		r->wanted = wanted;
		r->ledger = it_ledger();
		r->port = ledger_port(r->ledger);
		ck_assert_int_eq(
		    pthread_create(&r->thread, NULL, run_read, r), 0);
	}
	while (it_number(root,
		   "SELECT COUNT(*) FROM "
		   "information_schema.processlist "
		   "WHERE info LIKE 'UPDATE barrier %%'") != READ_COUNT) {
		for (int i = 0; i < READ_COUNT; i++)
			ck_assert_msg(!atomic_load(&readers[i].answered),
			    "reading %d was answered (%s, %zu rows) although "
			    "the row is not on disk",
			    i, outcome_name(readers[i].out), readers[i].n);
		ck_assert_msg(mono_ns() < until_ns, "nobody waits");
		usleep(5000);
	}
	ck_assert(!any_answered(readers));
}

static void readers_join(struct reader *readers)
{
	for (int i = 0; i < READ_COUNT; i++) {
		ck_assert_int_eq(pthread_join(readers[i].thread, NULL), 0);
		ledger_free(&readers[i].ledger);
	}
}

static int64_t rows_left(void)
{
	return it_number(
	    root, "SELECT COUNT(*) FROM orders WHERE sale_id = %u", sale.id.v);
}

START_TEST(test_row_that_a_crash_takes_back)
{
	struct reader readers[READ_COUNT];
	struct it_job job;

	held_start();
	record_begin(&job);
	readers_begin(readers, &job.order);
	crash();
	it_join();
	readers_join(readers);
	/* Everybody could see it, and it is gone: so nobody was told. */
	ck_assert_int_eq(rows_left(), 0);
	ck_assert_int_ne(job.out, OUT_DONE);
	for (int i = 0; i < READ_COUNT; i++) {
		ck_assert_msg(readers[i].out != OUT_DONE, "reading %d", i);
		ck_assert_uint_eq(readers[i].n, 0);
	}
	ledger_free(&job.ledger);
	mysql_close(root);
}
END_TEST

START_TEST(test_row_that_is_on_disk_after_all)
{
	struct reader readers[READ_COUNT];
	struct it_job job;

	held_start();
	record_begin(&job);
	readers_begin(readers, &job.order);
	let_go();
	it_join();
	readers_join(readers);
	crash();
	ck_assert_int_eq(rows_left(), 1);
	ck_assert_int_eq(job.out, OUT_DONE);
	for (int i = 0; i < READ_COUNT; i++) {
		ck_assert_msg(readers[i].out == OUT_DONE, "reading %d: %s", i,
		    readers[i].err.text);
		ck_assert_uint_eq(readers[i].n, 1);
		ck_assert(claim_eq(&readers[i].row.claim, &job.order.claim));
	}
	ledger_free(&job.ledger);
	mysql_close(root);
}
END_TEST

/* ---- what it costs ------------------------------------------------------- */

static int64_t barriers(void)
{
	return it_number(root, "SELECT SUM(n) FROM barrier");
}

struct cost_case {
	const char *name;
	struct ledger *ledger;
	enum reading how;
	int64_t barriers;
};

/* One reading of the port, of a row that is there. */
static enum outcome read_once(
    struct ledger *ledger, enum reading how, const struct order *wanted)
{
	struct reader r = {.how = how,
	    .ledger = ledger,
	    .port = ledger_port(ledger),
	    .wanted = wanted};

	run_read(&r);
	ck_assert_uint_eq(r.n, r.out == OUT_DONE ? 1 : 0);
	why = r.err;
	return r.out;
}

/* A connection pays once for a row, whichever way it is read, and not at all for
 * what it has written itself. */
START_TEST(test_what_is_known_costs_nothing)
{
	struct ledger *writer = it_ledger(), *reader = it_ledger(),
		      *other = it_ledger();
	const struct cost_case cases[] = {
	    {"the writer's own", writer, READ_CLAIM, 0},
	    {"another's, first", reader, READ_CLAIM, 1},
	    {"another's, again", reader, READ_CLAIM, 0},
	    {"... by its unit", reader, READ_UNIT, 0},
	    {"... by its customer", reader, READ_CUSTOMER, 0},
	    {"a third's, by its unit", other, READ_UNIT, 1},
	    {"... by its customer", other, READ_CUSTOMER, 0},
	};
	struct order order, got;
	int64_t before;

	root = it_root();
	sale = it_sale(root);
	order = it_order(&sale, 1, "alice");
	before = barriers();
	ck_assert(!it_find(reader, &order.claim, &got));
	ck_assert_int_eq(it_record(writer, &order), LEDGER_RECORDED);
	ck_assert_int_eq(barriers(), before);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct cost_case *c = &cases[i];

		before = barriers();
		ck_done(read_once(c->ledger, c->how, &order));
		ck_assert_msg(barriers() - before == c->barriers,
		    "%s: %d barriers", c->name, (int)(barriers() - before));
	}
	/* Many rows at once are one barrier; a void row is one like others. */
	order = it_order(&sale, 2, "bob");
	it_void(writer, &order, 1);
	before = barriers();
	ck_assert(it_find(reader, &order.claim, &got));
	ck_assert_int_eq(barriers(), before + 1);
	ledger_free(&other);
	ledger_free(&reader);
	ledger_free(&writer);
	mysql_close(root);
}
END_TEST

static void connection_lose(struct ledger *ledger)
{
	char still[160];

	snprintf(still, sizeof(still),
	    "SELECT COUNT(*) FROM information_schema.processlist WHERE id = "
	    "%lu",
	    mysql_thread_id(ledger->conn.mysql));
	it_sql(root, "KILL %lu", mysql_thread_id(ledger->conn.mysql));
	it_wait_number(root, 0, still);
	/* As if that had been long ago: noticed, and made anew. */
	ledger->conn.used_ns -= 2 * CONN_IDLE_MS * NS_PER_MS;
}

/* The next connection may lead to another server, which was not asked yet. */
START_TEST(test_a_new_connection_knows_nothing)
{
	struct ledger *ledger = it_ledger();
	struct order order;
	int64_t before;

	root = it_root();
	sale = it_sale(root);
	order = it_order(&sale, 1, "alice");
	ck_assert_int_eq(it_record(ledger, &order), LEDGER_RECORDED);
	connection_lose(ledger);
	before = barriers();
	ck_done(read_once(ledger, READ_CLAIM, &order));
	ck_assert_int_eq(barriers(), before + 1);
	ledger_free(&ledger);
	mysql_close(root);
}
END_TEST

/*
 * Lost between the reading and the barrier, by a crash perhaps, with the row: that
 * the server, or the next one, answers a barrier now says nothing about it.
 */
START_TEST(test_barrier_of_another_connection)
{
	struct ledger *ledger = it_ledger();
	struct order order;

	root = it_root();
	sale = it_sale(root);
	order = it_order(&sale, 1, "alice");
	ck_done(conn_ensure(&ledger->conn, SOON, &why));
	connection_lose(ledger);
	ck_refused(OUT_NOT_DONE, "connection was lost",
	    durable_rows(ledger, &order, 1, SOON, &why));
	/* It stands again. */
	ck_done(durable_rows(ledger, &order, 1, SOON, &why));
	ledger_free(&ledger);
	mysql_close(root);
}
END_TEST

/* ---- where there can be none --------------------------------------------- */

static const struct without_case {
	const char *spoil, *restore;
	const char *says;
} without[] = {
    {"UPDATE barrier SET id = id + 100", "UPDATE barrier SET id = id - 100",
	"lacks row"},
    {"REVOKE UPDATE (n) ON flashgate.barrier FROM fg_app@localhost",
	"GRANT UPDATE (n) ON flashgate.barrier TO fg_app@localhost", "grant"},
    {"SET GLOBAL read_only = 1", "SET GLOBAL read_only = 0", "read only"},
    {"LOCK TABLES barrier WRITE", "UNLOCK TABLES", "lock wait"},
};

/* Read, and not told; what this connection knows already it tells all the same.
 * The start-up's question has the same answer. */
START_TEST(test_without_a_barrier)
{
	const struct without_case *c = &without[_i];
	struct ledger *writer = it_ledger(), *reader = it_ledger();
	struct order order;

	root = it_root();
	sale = it_sale(root);
	order = it_order(&sale, 1, "alice");
	ck_assert_int_eq(it_record(writer, &order), LEDGER_RECORDED);
	ck_done(ledger_check_barrier(reader, SOON, &why));
	it_sql(root, "%s", c->spoil);
	for (int i = 0; i < READ_COUNT; i++) {
		/* Which a server that is read only costs, for a moment. */
		while (mono_ns() < reader->conn.pause_until_ns)
			usleep(5000);
		ck_refused(OUT_NOT_DONE, c->says,
		    read_once(reader, (enum reading)i, &order));
	}
	while (mono_ns() < reader->conn.pause_until_ns)
		usleep(5000);
	ck_refused(
	    OUT_NOT_DONE, c->says, ledger_check_barrier(reader, SOON, &why));
	ck_assert_ptr_nonnull(strstr(why.text, "UPDATE (n) ON barrier"));
	ck_done(read_once(writer, READ_CLAIM, &order));
	it_sql(root, "%s", c->restore);
	while (mono_ns() < reader->conn.pause_until_ns)
		usleep(5000);
	ck_done(read_once(reader, READ_CLAIM, &order));
	ledger_free(&reader);
	ledger_free(&writer);
	mysql_close(root);
}
END_TEST

IT_PART(part_durable, UNIT("known", test_what_is_known_costs_nothing),
    UNIT("new-connection", test_a_new_connection_knows_nothing),
    UNIT("lost-between", test_barrier_of_another_connection),
    {.name = "without",
	.test = test_without_a_barrier,
	.timeout_s = 60,
	.loops = ARRAY_LEN(without)},
    UNIT_SLOW("taken-back", test_row_that_a_crash_takes_back, 60),
    UNIT_SLOW("on-disk", test_row_that_is_on_disk_after_all, 60))
