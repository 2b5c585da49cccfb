/* SPDX-License-Identifier: Apache-2.0 */
/* ledger: dead letters, from the burial to the end. */
#include "config.h"

#include "it.h"

#include "base/failpoint.h"

#include <inttypes.h>
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

/* Of entry 1700000000000-N. */
static struct dead_letter dead(uint64_t seq)
{
	struct dead_letter letter = {
	    .entry = {1700000000000, seq},
	    .deliveries = 6,
	    .reason = "insert orders: a CHECK refused the row (MySQL 4025)",
	};
	struct order *order = &letter.order;

	*order = it_order(&sale, 7, "alice@example.org");
	memcpy(
	    order->payload_hash, "\x00\xff\x01\x80'\";-", PAYLOAD_HASH_BYTES);
	strcpy(order->ref, "shop'; DROP TABLE orders; -- 4711");
	ck_assert(wall_parse("2026-11-22T20:00:00.123456Z", &order->created));
	return letter;
}

static void bury(const struct dead_letter *letter)
{
	ck_done(port.bury(port.ctx, letter, SOON, &why));
}

static const struct letters_wanted all = {.retried = true};

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

static int64_t audits(const char *what)
{
	return it_number(root,
	    "SELECT COUNT(*) FROM audit WHERE sale_id = %u AND what = '%s' "
	    "AND actor = 'anna'",
	    sale.id.v, what);
}

static void same_letter(
    const struct dead_letter *a, const struct dead_letter *b)
{
	ck_assert(claim_eq(&a->order.claim, &b->order.claim));
	ck_assert_uint_eq(a->order.sale.v, b->order.sale.v);
	ck_assert_uint_eq(a->order.epoch, b->order.epoch);
	ck_assert_uint_eq(a->order.unit, b->order.unit);
	ck_assert_uint_eq(a->order.slot, b->order.slot);
	ck_assert(customer_eq(&a->order.customer, &b->order.customer));
	ck_assert_mem_eq(
	    a->order.payload_hash, b->order.payload_hash, PAYLOAD_HASH_BYTES);
	ck_assert_str_eq(a->order.ref, b->order.ref);
	ck_assert_int_eq(a->order.created.us, b->order.created.us);
	ck_assert_uint_eq(a->entry.ms, b->entry.ms);
	ck_assert_uint_eq(a->entry.seq, b->entry.seq);
	ck_assert_uint_eq(a->deliveries, b->deliveries);
	ck_assert_str_eq(a->reason, b->reason);
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
	letter = dead(1);
	bury(&letter);
	ck_assert(it_find(settler, &letter.order.claim, &row));
	ck_assert_int_eq(row.status, ORDER_VOID);
	ck_assert_uint_eq(row.unit, 0);
	ck_assert(customer_eq(&row.customer, &letter.order.customer));
	got = the_letter();
	same_letter(&got.dead, &letter);
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
	letter = dead(1);
	bury(&letter);
	first = the_letter();
	again = letter;
	again.deliveries = 9;
	strcpy(again.reason, "something else");
	bury(&again);
	second = the_letter();
	ck_assert_uint_eq(second.id, first.id);
	same_letter(&second.dead, &letter);
	ck_assert_int_eq(it_rows(root, &sale), 1);
	end();
}
END_TEST

/* The key is all of sale, epoch and both halves of the entry's id. */
START_TEST(test_every_entry_has_its_letter)
{
	struct dead_letter letter;

	begin();
	letter = dead(1);
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
	same_letter(&got.dead, &letter);
	ck_assert_int_eq(it_rows(root, &sale), 0);
	ck_assert_int_eq(
	    it_number(root,
		"SELECT COUNT(*) FROM dead_letters WHERE sale_id = %u AND "
		"claim IS NULL AND customer IS NULL AND ref IS NULL AND "
		"created IS NULL",
		sale.id.v),
	    1);

	sale = it_sale(root);
	wild = dead(2);
	wild.order.unit = wild.order.slot = wild.deliveries = UINT32_MAX;
	wild.order.customer.n = CUSTOMER_MAX;
	memset(wild.order.customer.text, 0xfe, CUSTOMER_MAX);
	memset(wild.order.ref, 0x80, ORDER_REF_MAX);
	wild.order.created.us = INT64_MAX;
	bury(&wild);
	got = the_letter();
	wild.order.created.us = 0;
	same_letter(&got.dead, &wild);
	end();
}
END_TEST

/* A reason may quote anything; it is cut, not refused. */
START_TEST(test_reason_is_told_escaped)
{
	struct dead_letter letter;
	struct ledger_letter got;

	begin();
	letter = dead(1);
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
	letter = dead(1);
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
	letter = dead(1);
	it_sql(root, "REVOKE INSERT ON dead_letters FROM fg_app@localhost");
	ck_refused(
	    OUT_NOT_DONE, "grant", port.bury(port.ctx, &letter, SOON, &why));
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
	letter = dead(1);
	proxy = proxy_start(it_dir(), it_socket());
	far = it_ledger_with((struct it_conf){.address = proxy->path});
	own = ledger_port(far);
	ck_done(own.ready(own.ctx, SOON, &why));
	proxy->trick = c->trick;
	proxy->code = c->code;
	out = own.bury(own.ctx, &letter, SOON, &err);
	ck_assert_msg(out == c->out, "%s: %s", outcome_name(out), err.text);
	ck_assert_int_eq(proxy->trick, PROXY_PASS);
	if (c->there)
		ck_assert_uint_eq(counted(false), 1);
	else
		nothing_is_there(&letter);
	/* And then it goes on, as if nothing had been. */
	while (mono_ns() < far->conn.pause_until_ns)
		usleep(5000);
	ck_done(own.bury(own.ctx, &letter, SOON, &why));
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
	letter = dead(1);
	ck_done(port.ready(port.ctx, SOON, &why));
	ck_refused(OUT_NOT_DONE, "no time left",
	    port.bury(port.ctx, &letter, mono_ns() - 1, &why));
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
	letter = dead(1);
	pid = fork();
	if (pid == 0) {
		struct ledger *own = it_ledger();
		struct ledger_port doomed = ledger_port(own);

		if (failpoint_arm(STRV("bury_before_commit=kill"), &why))
			(void)doomed.bury(doomed.ctx, &letter, SOON, &why);
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

/* ---- the operator -------------------------------------------------------- */

/* Of two sales, mixed; every letter once, in order, and only what was asked for. */
START_TEST(test_letters_page_by_page)
{
	struct letters_wanted wanted;
	struct ledger_letter got[4];
	struct dead_letter letter;
	struct sale other;
	uint64_t last = 0, count = 7;
	size_t n, seen = 0;

	begin();
	other = it_sale(root);
	for (uint64_t seq = 1; seq <= 10; seq++) {
		letter = dead(seq);
		bury(&letter);
		letter.order.sale = other.id;
		letter.order.claim = it_order(&other, 1, "").claim;
		bury(&letter);
	}
	wanted = of_sale(false);
	do {
		ck_done(ledger_letters_page(
		    admin, &wanted, last, got, ARRAY_LEN(got), &n, &why));
		for (size_t i = 0; i < n; i++) {
			ck_assert_uint_eq(got[i].dead.order.sale.v, sale.id.v);
			ck_assert_uint_eq(got[i].dead.entry.seq, ++seen);
			ck_assert_uint_gt(got[i].id, last);
			last = got[i].id;
		}
	} while (n == ARRAY_LEN(got));
	ck_assert_uint_eq(seen, 10);
	ck_assert_uint_eq(counted(false), 10);
	ck_done(ledger_letters_count(admin, &all, SOON, &count, &why));
	ck_assert_int_eq((int64_t)count,
	    it_number(root, "SELECT COUNT(*) FROM dead_letters"));
	ck_assert_uint_ge(count, 20);
	end();
}
END_TEST

START_TEST(test_find_letter)
{
	struct ledger_letter got, one;
	struct dead_letter letter;
	bool found = false;

	begin();
	letter = dead(1);
	bury(&letter);
	one = the_letter();
	ck_done(ledger_letter_find(admin, one.id, &got, &found, &why));
	ck_assert(found);
	same_letter(&got.dead, &letter);
	ck_done(ledger_letter_find(admin, UINT64_MAX, &got, &found, &why));
	ck_assert(!found);
	end();
}
END_TEST

START_TEST(test_letter_is_retried_once)
{
	struct claim_id as;
	struct ledger_letter one, got;
	struct dead_letter letter;
	char order[ORDER_TEXT_LEN + 1];
	bool won = false;

	begin();
	letter = dead(1);
	bury(&letter);
	one = the_letter();
	as = it_order(&sale, 1, "").claim;
	ck_done(ledger_letter_retried(admin, &one, &as, "anna", &won, &why));
	ck_assert(won);
	got = the_letter();
	ck_assert_int_eq(got.state, LETTER_RETRIED);
	ck_assert(claim_eq(&got.retried_as, &as));
	same_letter(&got.dead, &letter);
	/* It is dealt with: no more in the count of what is to be done. */
	ck_assert_uint_eq(counted(false), 0);
	ck_assert_uint_eq(counted(true), 1);
	/* By somebody else, who saw it dead as well. */
	ck_done(ledger_letter_retried(
	    admin, &one, &letter.order.claim, "anna", &won, &why));
	ck_assert(!won);
	got = the_letter();
	ck_assert(claim_eq(&got.retried_as, &as));
	ck_assert_int_eq(audits("letter-retry"), 1);
	claim_format(&as, order);
	ck_assert_int_eq(it_number(root,
			     "SELECT COUNT(*) FROM audit WHERE sale_id = %u "
			     "AND JSON_VALUE(detail, '$.letter') = %" PRIu64
			     " AND JSON_VALUE(detail, '$.as') = '%s'",
			     sale.id.v, one.id, order),
	    1);
	end();
}
END_TEST

START_TEST(test_letter_is_dropped)
{
	struct dead_letter letter;
	struct ledger_letter one;
	struct order row;
	char order[ORDER_TEXT_LEN + 1];
	bool won = false;

	begin();
	letter = dead(1);
	bury(&letter);
	one = the_letter();
	ck_done(ledger_letter_drop(admin, &one, "anna", &won, &why));
	ck_assert(won);
	ck_assert_uint_eq(counted(true), 0);
	ck_done(ledger_letter_drop(admin, &one, "anna", &won, &why));
	ck_assert(!won);
	ck_assert_int_eq(audits("letter-drop"), 1);
	claim_format(&letter.order.claim, order);
	ck_assert_int_eq(it_number(root,
			     "SELECT COUNT(*) FROM audit WHERE sale_id = %u "
			     "AND JSON_VALUE(detail, '$.order') = '%s'",
			     sale.id.v, order),
	    1);
	/* The claim stays decided. */
	ck_assert(it_find(settler, &letter.order.claim, &row));
	ck_assert_int_eq(row.status, ORDER_VOID);
	end();
}
END_TEST

/* A bounded number at a time; another sale's stay. */
START_TEST(test_letters_of_a_sale_are_dropped)
{
	struct letters_wanted wanted;
	struct dead_letter letter;
	struct sale other;
	uint64_t n = 7, left = 0;

	begin();
	other = it_sale(root);
	letter = dead(1);
	letter.order.sale = other.id;
	bury(&letter);
	it_sql(root,
	    "INSERT INTO dead_letters (sale_id, epoch, entry_ms, entry_seq, "
	    "deliveries, reason, unit_no, slot, payload_hash) "
	    "SELECT %u, 1, 1, seq, 0, '', 0, 0, '' FROM seq_1_to_%d",
	    sale.id.v, LETTERS_DROP_MAX + 5);
	ck_done(ledger_letters_drop(admin, sale.id, "anna", &n, &why));
	ck_assert_uint_eq(n, LETTERS_DROP_MAX);
	ck_done(ledger_letters_drop(admin, sale.id, "anna", &n, &why));
	ck_assert_uint_eq(n, 5);
	ck_done(ledger_letters_drop(admin, sale.id, "anna", &n, &why));
	ck_assert_uint_eq(n, 0);
	ck_assert_int_eq(audits("letters-drop"), 2);
	wanted = (struct letters_wanted){other.id, true};
	ck_done(ledger_letters_count(admin, &wanted, SOON, &left, &why));
	ck_assert_uint_eq(left, 1);
	end();
}
END_TEST

/* A settler may bury and look, and no more. */
START_TEST(test_settler_may_not_drop)
{
	struct dead_letter letter;
	struct ledger_letter one;
	uint64_t n = 7;
	bool won = true;

	begin();
	letter = dead(1);
	bury(&letter);
	one = the_letter();
	ck_refused(OUT_NOT_DONE, "grant",
	    ledger_letter_drop(settler, &one, "anna", &won, &why));
	ck_refused(OUT_NOT_DONE, "grant",
	    ledger_letters_drop(settler, sale.id, "anna", &n, &why));
	ck_refused(OUT_NOT_DONE, "grant",
	    ledger_letter_retried(
		settler, &one, &letter.order.claim, "anna", &won, &why));
	ck_assert_uint_eq(counted(false), 1);
	end();
}
END_TEST

/* Written by hand: said, not guessed. */
START_TEST(test_foreign_letter)
{
	struct letters_wanted wanted;
	struct ledger_letter got[1];
	size_t n = 7;

	begin();
	wanted = of_sale(true);
	it_sql(root, "SET sql_mode = ''");
	it_sql(root,
	    "INSERT INTO dead_letters (sale_id, epoch, entry_ms, entry_seq, "
	    "deliveries, reason, unit_no, slot, payload_hash, created) VALUES "
	    "(%u, 1, 1, 1, 0, REPEAT('r', 200), 0, 0, '', '0000-00-00')",
	    sale.id.v);
	ck_refused(OUT_NOT_DONE, "bad created",
	    ledger_letters_page(admin, &wanted, 0, got, 1, &n, &why));
	ck_assert_uint_eq(n, 7);
	it_sql(root,
	    "UPDATE dead_letters SET created = NULL WHERE sale_id = %u",
	    sale.id.v);
	ck_done(ledger_letters_page(admin, &wanted, 0, got, 1, &n, &why));
	ck_assert_uint_eq(n, 1);
	ck_assert_uint_eq(strlen(got[0].dead.reason), DEAD_REASON_MAX - 1);
	end();
}
END_TEST

IT_PART(part_letters, UNIT("letter-bury", test_buried_order_is_void_and_told),
    UNIT("letter-twice", test_second_burial_does_nothing),
    UNIT("letter-entries", test_every_entry_has_its_letter),
    UNIT("letter-unread", test_what_could_not_be_read),
    UNIT("letter-reason", test_reason_is_told_escaped),
    UNIT("letter-sold", test_burial_undoes_no_outcome),
    UNIT("letter-both", test_no_void_without_its_letter),
    UNIT_TABLE("letter-cut", test_burial_is_cut_short, ARRAY_LEN(cuts)),
    UNIT("letter-late", test_too_late),
    FAILPOINT_CASES UNIT("letters-page", test_letters_page_by_page),
    UNIT("letter-find", test_find_letter),
    UNIT("letter-retried", test_letter_is_retried_once),
    UNIT("letter-drop", test_letter_is_dropped),
    UNIT("letters-drop", test_letters_of_a_sale_are_dropped),
    UNIT("letter-rights", test_settler_may_not_drop),
    UNIT("letter-foreign", test_foreign_letter))
