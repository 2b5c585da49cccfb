/* SPDX-License-Identifier: Apache-2.0 */
/* rush: what contradicts itself among the answers is found. */
#include "config.h"

#include "unit.h"

#include "base/clock.h"
#include "rush/tally.h"

#include <stdio.h>
#include <string.h>

static struct plan plan;
static struct tally tally;

static void tally_setup(uint32_t shoppers, uint32_t keys)
{
	plan_init(&plan, 1, shoppers, keys);
	plan.clicks = shoppers * keys;
	ck_assert(tally_init(&tally, &plan, "rush-"));
}

/* The answer to one attempt among those that were sent before. */
static void hear_late(uint32_t purchase, uint32_t attempt,
    enum answer_kind kind, const char *order, uint32_t unit)
{
	struct answer_body body = {.unit = unit};

	ck_assert(strv_copy(strv_c(order), body.order, sizeof(body.order)));
	ck_assert(tally_answer(&tally, &(struct tally_heard){
					   .purchase = purchase,
					   .attempt = attempt,
					   .kind = kind,
					   .body = &body,
					   .latency_ns = NS_PER_MS,
				       }));
}

static void hear(
    uint32_t purchase, enum answer_kind kind, const char *order, uint32_t unit)
{
	hear_late(purchase, tally_attempt(&tally, purchase), kind, order, unit);
}

START_TEST(test_tally_of_an_honest_shop)
{
	tally_setup(10, 2);
	hear(0, ANSWER_CREATED, "A", 1);
	hear(0, ANSWER_REPLAYED, "A", 1);
	hear(2, ANSWER_TIMEOUT, "", 0);
	hear(2, ANSWER_CREATED, "B", 2);
	hear(4, ANSWER_ACCEPTED, "C", 0);
	hear(6, ANSWER_SOLD_OUT, "", 0);
	ck_assert(tally_finish(&tally));
	ck_assert_uint_eq(tally.counts.attempts, 6);
	ck_assert_uint_eq(tally.counts.confirmed, 2);
	ck_assert_uint_eq(tally.counts.accepted, 1);
	/* The accepted one is still to be asked for. */
	ck_assert_uint_eq(tally.counts.open, 1);
	ck_assert(tally.purchase[4].open);
	ck_assert_uint_eq(tally.kind[ANSWER_CREATED].n, 2);
	ck_assert_uint_eq(tally.counts.per_customer, 1);
	ck_assert_uint_eq(tally_violations(&tally), 0);
	hear(4, ANSWER_REPLAYED, "C", 3);
	ck_assert_uint_eq(tally.counts.confirmed, 3);
	ck_assert_uint_eq(tally.counts.accepted, 0);
	ck_assert_uint_eq(tally.counts.open, 0);
	tally_free(&tally);
}
END_TEST

START_TEST(test_attempts_are_numbered_by_purchase)
{
	tally_setup(2, 1);
	ck_assert_uint_eq(tally_attempt(&tally, 0), 1);
	ck_assert_uint_eq(tally_attempt(&tally, 1), 1);
	ck_assert_uint_eq(tally_attempt(&tally, 0), 2);
	tally_free(&tally);
}
END_TEST

START_TEST(test_a_customers_keys_may_name_one_order)
{
	/* With a limit of 1 the customer is the key: no violation. */
	tally_setup(2, 3);
	hear(0, ANSWER_CREATED, "A", 1);
	hear(1, ANSWER_REPLAYED, "A", 1);
	hear(2, ANSWER_REPLAYED, "A", 1);
	ck_assert(tally_finish(&tally));
	ck_assert_uint_eq(tally_violations(&tally), 0);
	ck_assert_uint_eq(tally.counts.confirmed, 1);
	tally_free(&tally);
}
END_TEST

START_TEST(test_most_orders_of_one_customer)
{
	tally_setup(3, 3);
	hear(0, ANSWER_CREATED, "A", 1);
	hear(1, ANSWER_CREATED, "B", 2);
	hear(3, ANSWER_CREATED, "C", 3);
	ck_assert_uint_eq(tally.counts.per_customer, 2);
	ck_assert_uint_eq(tally_violations(&tally), 0);
	tally_free(&tally);
}
END_TEST

START_TEST(test_two_orders_for_one_key)
{
	tally_setup(2, 1);
	hear(0, ANSWER_CREATED, "A", 1);
	hear(0, ANSWER_CREATED, "B", 2);
	hear(0, ANSWER_REPLAYED, "B", 2);
	ck_assert(tally_finish(&tally));
	ck_assert_uint_eq(tally.counts.differing_answers, 2);
	ck_assert_uint_eq(tally.counts.differing_keys, 1);
	ck_assert_uint_gt(tally_violations(&tally), 0);
	ck_assert_uint_eq(tally.nexamples, 1);
	ck_assert_ptr_nonnull(strstr(tally.example[0], "rush-1 key "));
	ck_assert_ptr_nonnull(strstr(tally.example[0], "order B"));
	tally_free(&tally);
}
END_TEST

START_TEST(test_an_accepted_order_may_not_become_another)
{
	tally_setup(2, 1);
	hear(0, ANSWER_ACCEPTED, "A", 0);
	hear(0, ANSWER_REPLAYED, "B", 2);
	ck_assert_uint_eq(tally.counts.differing_keys, 1);
	tally_free(&tally);
}
END_TEST

START_TEST(test_one_order_for_two_customers)
{
	tally_setup(3, 1);
	hear(0, ANSWER_CREATED, "A", 1);
	hear(1, ANSWER_CREATED, "A", 1);
	hear(2, ANSWER_CREATED, "A", 1);
	ck_assert(tally_finish(&tally));
	/* An order is shared once, however many were told. */
	ck_assert_uint_eq(tally.counts.shared_orders, 1);
	ck_assert_uint_gt(tally_violations(&tally), 0);
	tally_free(&tally);
}
END_TEST

START_TEST(test_one_unit_for_two_orders)
{
	tally_setup(4, 1);
	hear(0, ANSWER_CREATED, "A", 7);
	hear(1, ANSWER_CREATED, "B", 8);
	hear(2, ANSWER_CREATED, "C", 7);
	/* A shop that names no units is not judged by them. */
	hear(3, ANSWER_CREATED, "D", 0);
	ck_assert_uint_eq(tally_violations(&tally), 0);
	ck_assert(tally_finish(&tally));
	ck_assert_uint_eq(tally.counts.shared_units, 1);
	ck_assert_uint_eq(tally_violations(&tally), 1);
	ck_assert_ptr_nonnull(strstr(tally.example[0], "order C"));
	tally_free(&tally);
}
END_TEST

START_TEST(test_an_order_may_not_change_its_unit)
{
	tally_setup(1, 1);
	hear(0, ANSWER_CREATED, "A", 7);
	hear(0, ANSWER_REPLAYED, "A", 8);
	ck_assert_uint_eq(tally.counts.shared_units, 1);
	tally_free(&tally);
}
END_TEST

static const enum answer_kind told_kinds[] = {
    ANSWER_CREATED, ANSWER_REPLAYED, ANSWER_ACCEPTED};

START_TEST(test_an_owner_may_not_hear_sold_out)
{
	tally_setup(2, 1);
	/* First without, then with: units may come back. */
	hear(0, ANSWER_SOLD_OUT, "", 0);
	hear(0, told_kinds[_i], "A", 1);
	ck_assert_uint_eq(tally_violations(&tally), 0);
	/* Somebody else may hear it. */
	hear(1, ANSWER_SOLD_OUT, "", 0);
	ck_assert_uint_eq(tally_violations(&tally), 0);
	hear(0, ANSWER_SOLD_OUT, "", 0);
	ck_assert_uint_eq(tally.counts.refused_owners, 1);
	ck_assert_uint_eq(tally_violations(&tally), 1);
	ck_assert_ptr_nonnull(strstr(tally.example[0], "order A was sold"));
	tally_free(&tally);
}
END_TEST

START_TEST(test_an_earlier_attempt_proves_nothing)
{
	uint32_t first, second;

	/* Both halves of a double click were on their way before either was
	 * answered: which the shop saw first, nobody knows. */
	tally_setup(1, 1);
	first = tally_attempt(&tally, 0);
	second = tally_attempt(&tally, 0);
	hear_late(0, first, ANSWER_CREATED, "A", 1);
	hear_late(0, second, ANSWER_SOLD_OUT, "", 0);
	ck_assert_uint_eq(tally_violations(&tally), 0);
	tally_free(&tally);
}
END_TEST

START_TEST(test_many_orders)
{
	char order[16];

	tally_setup(20000, 1);
	for (unsigned round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < 20000; i++) {
			snprintf(order, sizeof(order), "ORDER%u", i);
			hear(i, round == 0 ? ANSWER_CREATED : ANSWER_REPLAYED,
			    order, i + 1);
		}
	}
	ck_assert(tally_finish(&tally));
	ck_assert_uint_eq(tally.counts.confirmed, 20000);
	ck_assert_uint_eq(tally_violations(&tally), 0);
	tally_free(&tally);
}
END_TEST

TESTS_MAIN("rush tally", UNIT("honest shop", test_tally_of_an_honest_shop),
    UNIT("numbered attempts", test_attempts_are_numbered_by_purchase),
    UNIT("keys of a customer", test_a_customers_keys_may_name_one_order),
    UNIT("most orders of one", test_most_orders_of_one_customer),
    UNIT("two orders, one key", test_two_orders_for_one_key),
    UNIT("accepted, then another",
	test_an_accepted_order_may_not_become_another),
    UNIT("one order, two customers", test_one_order_for_two_customers),
    UNIT("one unit, two orders", test_one_unit_for_two_orders),
    UNIT("order changes unit", test_an_order_may_not_change_its_unit),
    UNIT_TABLE("owner hears sold out", test_an_owner_may_not_hear_sold_out,
	(int)ARRAY_LEN(told_kinds)),
    UNIT("earlier attempt", test_an_earlier_attempt_proves_nothing),
    UNIT_SLOW("many orders", test_many_orders, 20))
