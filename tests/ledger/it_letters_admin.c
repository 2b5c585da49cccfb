/* SPDX-License-Identifier: Apache-2.0 */
/* ledger: what the operator does with dead letters. */
#include "config.h"

#include "it.h"

#include <inttypes.h>
#include <stdio.h>

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

static void bury(const struct dead_letter *letter)
{
	ck_done(port.bury(port.ctx,
	    (struct gate_ref){letter->order.sale, letter->order.epoch}, letter,
	    SOON, &why));
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
		letter = it_dead_letter(&sale, seq);
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
	letter = it_dead_letter(&sale, 1);
	bury(&letter);
	one = the_letter();
	ck_done(ledger_letter_find(admin, one.id, &got, &found, &why));
	ck_assert(found);
	it_same_letter(&got.dead, &letter);
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
	letter = it_dead_letter(&sale, 1);
	bury(&letter);
	one = the_letter();
	as = it_order(&sale, 1, "").claim;
	ck_done(ledger_letter_retried(admin, &one, &as, "anna", &won, &why));
	ck_assert(won);
	got = the_letter();
	ck_assert_int_eq(got.state, LETTER_RETRIED);
	ck_assert(claim_eq(&got.retried_as, &as));
	it_same_letter(&got.dead, &letter);
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
	letter = it_dead_letter(&sale, 1);
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
	letter = it_dead_letter(&sale, 1);
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
	letter = it_dead_letter(&sale, 1);
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

IT_PART(part_letters_admin, UNIT("letters-page", test_letters_page_by_page),
    UNIT("letter-find", test_find_letter),
    UNIT("letter-retried", test_letter_is_retried_once),
    UNIT("letter-drop", test_letter_is_dropped),
    UNIT("letters-drop", test_letters_of_a_sale_are_dropped),
    UNIT("letter-rights", test_settler_may_not_drop),
    UNIT("letter-foreign", test_foreign_letter))
