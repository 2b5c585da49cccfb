/* SPDX-License-Identifier: Apache-2.0 */
/* ledger: an accepted order is buried, once, and as a whole. */
#include "config.h"

#include "it.h"

#include "base/failpoint.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static MYSQL *root;
static struct ledger *settler, *admin;
static struct ledger_port port;
static struct sale sale;

/* Settlers have the keeper's account, or the workers'. */
static void begin(void)
{
	root = it_root();
	settler = it_ledger();
	admin = it_admin();
	port = ledger_port(settler);
	sale = it_sale(root);
}

static void end(void)
{
	ledger_free(&admin);
	ledger_free(&settler);
	mysql_close(root);
}

static struct gate_ref at(void)
{
	return (struct gate_ref){sale.id, sale.epoch};
}

static void bury(const struct dead_letter *letter)
{
	ck_done(port.bury(port.ctx, at(), letter, SOON, &why));
}

static struct letters_wanted of_sale(bool retried)
{
	return (struct letters_wanted){sale.id, retried};
}

static uint64_t counted(bool retried)
{
	struct letters_wanted wanted = of_sale(retried);
	uint64_t n = 7;

	ck_done(ledger_letters_count(settler, &wanted, SOON, &n, &why));
	return n;
}

/* The only one of the sale. */
static struct ledger_letter the_letter(void)
{
	struct letters_wanted wanted = of_sale(true);
	struct ledger_letter got[2];
	size_t n;

	ck_done(ledger_letters_page(admin, &wanted, 0, got, 2, &n, &why));
	ck_assert_uint_eq(n, 1);
	return got[0];
}

/* ---- burial -------------------------------------------------------------- */

/* The claim is decided, nothing is occupied, and all is there to be read. */
START_TEST(test_buried_order_is_void_and_told)
{
	struct dead_letter letter;
	struct ledger_letter got;
	struct order row;
	struct wall now;
	bool found;

	begin();
	letter = it_dead_letter(&sale, 1);
	bury(&letter);
	ck_assert(it_find(settler, &letter.order.claim, &row));
	ck_assert_int_eq(row.status, ORDER_VOID);
	ck_assert_uint_eq(row.unit, 0);
	ck_assert(customer_eq(&row.customer, &letter.order.customer));
	got = the_letter();
	it_same_letter(&got.dead, &letter);
	ck_assert_int_eq(got.state, LETTER_DEAD);
	ck_assert(claim_is_none(&got.retried_as));
	ck_done(port.sale(port.ctx, sale.id, SOON, &sale, &found, &now, &why));
	ck_assert_int_ge(now.us, got.at.us);
	ck_assert_int_lt(now.us - got.at.us, 60 * US_PER_S);
	end();
}
END_TEST

/* Another settler, or the same one after it died before it could tell the gate. */
START_TEST(test_second_burial_does_nothing)
{
	struct dead_letter letter, again;
	struct ledger_letter first, second;

	begin();
	letter = it_dead_letter(&sale, 1);
	bury(&letter);
	first = the_letter();
	again = letter;
	again.deliveries = 9;
	strcpy(again.reason, "something else");
	bury(&again);
	second = the_letter();
	ck_assert_uint_eq(second.id, first.id);
	it_same_letter(&second.dead, &letter);
	ck_assert_int_eq(it_rows(root, &sale), 1);
	end();
}
END_TEST

/* The key is all of sale, epoch and both halves of the entry's id. */
START_TEST(test_every_entry_has_its_letter)
{
	struct dead_letter letter;

	begin();
	letter = it_dead_letter(&sale, 1);
	bury(&letter);
	letter.entry.seq = UINT64_MAX;
	bury(&letter);
	letter.entry.ms = UINT64_MAX;
	bury(&letter);
	letter.order.epoch = 2;
	bury(&letter);
	ck_assert_uint_eq(counted(true), 4);
	ck_assert_int_eq(it_rows(root, &sale), 1);
	end();
}
END_TEST

/* What cannot be read of an entry is not made up; and all that can be read can be
 * kept, however wrong it is. */
START_TEST(test_what_could_not_be_read)
{
	struct dead_letter letter = {.entry = {1, 0}}, wild;
	struct ledger_letter got;

	begin();
	letter.order.sale = sale.id;
	letter.order.epoch = 1;
	bury(&letter);
	got = the_letter();
	it_same_letter(&got.dead, &letter);
	ck_assert_int_eq(it_rows(root, &sale), 0);
	ck_assert_int_eq(
	    it_number(root,
		"SELECT COUNT(*) FROM dead_letters WHERE sale_id = %u AND "
		"claim IS NULL AND customer IS NULL AND ref IS NULL AND "
		"created IS NULL",
		sale.id.v),
	    1);

	sale = it_sale(root);
	wild = it_dead_letter(&sale, 2);
	wild.order.unit = wild.order.slot = wild.deliveries = UINT32_MAX;
	wild.order.customer.n = CUSTOMER_MAX;
	memset(wild.order.customer.text, 0xfe, CUSTOMER_MAX);
	memset(wild.order.ref, 0x80, ORDER_REF_MAX);
	wild.order.created.us = INT64_MAX;
	bury(&wild);
	got = the_letter();
	wild.order.created.us = 0;
	it_same_letter(&got.dead, &wild);
	end();
}
END_TEST

/* A reason may quote anything; it is cut, not refused. */
START_TEST(test_reason_is_told_escaped)
{
	struct dead_letter letter;
	struct ledger_letter got;

	begin();
	letter = it_dead_letter(&sale, 1);
	memset(letter.reason, 0xff, sizeof(letter.reason));
	letter.reason[0] = 'a';
	letter.reason[1] = '\n';
	bury(&letter);
	got = the_letter();
	ck_assert_uint_eq(strlen(got.dead.reason), DEAD_REASON_MAX - 1);
	ck_assert_int_eq(strncmp(got.dead.reason, "a\\x0a\\xff\\xff", 13), 0);
	end();
}
END_TEST

/* A claim that was sold after all stays sold. */
START_TEST(test_burial_undoes_no_outcome)
{
	struct dead_letter letter;
	struct order row;

	begin();
	letter = it_dead_letter(&sale, 1);
	ck_assert_int_eq(it_record(settler, &letter.order), LEDGER_RECORDED);
	bury(&letter);
	ck_assert(it_find(settler, &letter.order.claim, &row));
	ck_assert_int_eq(row.status, ORDER_SOLD);
	ck_assert_uint_eq(counted(false), 1);
	end();
}
END_TEST

/* ---- burial fails: both or neither --------------------------------------- */

static void nothing_is_there(const struct dead_letter *letter)
{
	struct order row;

	ck_assert(!it_find(settler, &letter->order.claim, &row));
	ck_assert_uint_eq(counted(true), 0);
}

/* Its letter is refused (here: no right to write it): its void row goes too. */
START_TEST(test_no_void_without_its_letter)
{
	struct dead_letter letter;

	begin();
	letter = it_dead_letter(&sale, 1);
	it_sql(root, "REVOKE INSERT ON dead_letters FROM fg_app@localhost");
	ck_refused(OUT_NOT_DONE, "grant",
	    port.bury(port.ctx, at(), &letter, SOON, &why));
	it_sql(root, "GRANT INSERT ON dead_letters TO fg_app@localhost");
	nothing_is_there(&letter);
	conn_close(&settler->conn);
	bury(&letter);
	ck_assert_uint_eq(counted(false), 1);
	end();
}
END_TEST

static const struct cut_case {
	enum proxy_trick trick;
	unsigned code;
	enum outcome out;
	bool there;
} cuts[] = {
    /* The first statement of the transaction, not sent or not answered. */
    {PROXY_CUT_BEFORE, 0, OUT_NOT_DONE, false},
    {PROXY_CUT_AFTER, 0, OUT_NOT_DONE, false},
    {PROXY_EXECUTE_ERROR, 1213, OUT_NOT_DONE, false},
    {PROXY_EXECUTE_ERROR, 1290, OUT_NOT_DONE, false},
    {PROXY_EXECUTE_ERROR, 1053, OUT_NOT_DONE, false},
    /* Its commit: refused, or in doubt. */
    {PROXY_COMMIT_ERROR, 1213, OUT_NOT_DONE, false},
    {PROXY_COMMIT_CUT_AFTER, 0, OUT_UNKNOWN, true},
};

START_TEST(test_burial_is_cut_short)
{
	const struct cut_case *c = &cuts[_i];
	struct dead_letter letter;
	struct err err = ERR_INIT;
	struct proxy *proxy;
	struct ledger *far;
	struct ledger_port own;
	enum outcome out;

	begin();
	letter = it_dead_letter(&sale, 1);
	proxy = proxy_start(it_dir(), it_socket());
	far = it_ledger_with((struct it_conf){.address = proxy->path});
	own = ledger_port(far);
	ck_done(own.ready(own.ctx, SOON, &why));
	proxy->trick = c->trick;
	proxy->code = c->code;
	out = own.bury(own.ctx, at(), &letter, SOON, &err);
	ck_assert_msg(out == c->out, "%s: %s", outcome_name(out), err.text);
	ck_assert_int_eq(proxy->trick, PROXY_PASS);
	if (c->there)
		ck_assert_uint_eq(counted(false), 1);
	else
		nothing_is_there(&letter);
	/* And then it goes on, as if nothing had been. */
	while (mono_ns() < far->conn.pause_until_ns)
		usleep(5000);
	ck_done(own.bury(own.ctx, at(), &letter, SOON, &why));
	ck_assert_uint_eq(counted(false), 1);
	ck_assert_int_eq(it_rows(root, &sale), 1);
	ledger_free(&far);
	proxy_stop(proxy);
	end();
}
END_TEST

START_TEST(test_too_late)
{
	struct dead_letter letter;

	begin();
	letter = it_dead_letter(&sale, 1);
	ck_done(port.ready(port.ctx, SOON, &why));
	ck_refused(OUT_NOT_DONE, "no time left",
	    port.bury(port.ctx, at(), &letter, mono_ns() - 1, &why));
	nothing_is_there(&letter);
	bury(&letter);
	end();
}
END_TEST

#ifdef FG_FAILPOINTS
/* A settler that is killed before the commit leaves nothing, and no lock. */
START_TEST(test_killed_before_the_commit)
{
	struct dead_letter letter;
	int status;
	pid_t pid;

	begin();
	letter = it_dead_letter(&sale, 1);
	pid = fork();
	if (pid == 0) {
		struct ledger *own = it_ledger();
		struct ledger_port doomed = ledger_port(own);

		if (failpoint_arm(STRV("bury_before_commit=kill"), &why))
			(void)doomed.bury(
			    doomed.ctx, at(), &letter, SOON, &why);
		_exit(1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	nothing_is_there(&letter);
	failpoint_disarm();
	bury(&letter);
	ck_assert_uint_eq(counted(false), 1);
	end();
}
END_TEST
#define FAILPOINT_CASES UNIT("letter-killed", test_killed_before_the_commit),
#else
#define FAILPOINT_CASES
#endif

IT_PART(part_letters,
    FAILPOINT_CASES UNIT("letter-bury", test_buried_order_is_void_and_told),
    UNIT("letter-twice", test_second_burial_does_nothing),
    UNIT("letter-entries", test_every_entry_has_its_letter),
    UNIT("letter-unread", test_what_could_not_be_read),
    UNIT("letter-reason", test_reason_is_told_escaped),
    UNIT("letter-sold", test_burial_undoes_no_outcome),
    UNIT("letter-both", test_no_void_without_its_letter),
    UNIT_TABLE("letter-cut", test_burial_is_cut_short, ARRAY_LEN(cuts)),
    UNIT("letter-late", test_too_late))
