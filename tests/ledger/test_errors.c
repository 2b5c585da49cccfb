/* SPDX-License-Identifier: Apache-2.0 */
/* ledger: the table of error classes, every row. */
#include "config.h"

#include "unit.h"

#include "error_rows.h"

START_TEST(test_row)
{
	const struct error_expected *want = &error_expected[_i];
	const struct error_class *class =
	    error_classify(want->code, want->phase);

	ck_assert_msg(
	    class->outcome == want->outcome && class->fate == want->fate,
	    "%u in phase %d: %s, fate %d", want->code, (int)want->phase,
	    outcome_name(class->outcome), (int)class->fate);
	ck_assert_str_ne(class->word, "");
}
END_TEST

static bool expected(unsigned code, enum error_phase phase)
{
	for (size_t i = 0; i < ARRAY_LEN(error_expected); i++)
		if (error_expected[i].code == code &&
		    error_expected[i].phase == phase)
			return true;
	return false;
}

START_TEST(test_no_row_without_a_test)
{
	size_t n;
	const struct error_class *rows = error_table(&n);

	for (size_t i = 0; i < n; i++)
		for (int phase = 0; phase < PHASE_COUNT; phase++)
			if ((rows[i].phases & (1u << phase)) != 0)
				ck_assert_msg(expected(rows[i].code,
						  (enum error_phase)phase),
				    "%u in phase %d has no test", rows[i].code,
				    phase);
}
END_TEST

START_TEST(test_no_row_hides_another)
{
	size_t n;
	const struct error_class *rows = error_table(&n);

	for (size_t i = 0; i < n; i++)
		for (size_t j = i + 1; j < n; j++)
			ck_assert_msg(
			    rows[i].code != rows[j].code ||
				(rows[i].phases & rows[j].phases) == 0,
			    "%u stands twice", rows[i].code);
}
END_TEST

/* The rules that no row may break, whatever is added one day. */
START_TEST(test_rules)
{
	size_t n;
	const struct error_class *rows = error_table(&n);

	for (size_t i = 0; i < n; i++) {
		const struct error_class *row = &rows[i];
		bool client = row->code >= 2000 && row->code < 3000;

		ck_assert_msg(row->outcome != OUT_DONE, "%u", row->code);
		/* Nothing was sent: it cannot be in doubt. */
		if (row->outcome == OUT_UNKNOWN)
			ck_assert_msg(row->phases == 1u << PHASE_EXECUTE, "%u",
			    row->code);
		/* In doubt, or an error of the client: never used again. */
		if (row->outcome == OUT_UNKNOWN || client)
			ck_assert_msg(row->fate != FATE_KEEP, "%u", row->code);
		/* The client cannot know what became of a statement. */
		if (client && (row->phases & (1u << PHASE_EXECUTE)) != 0)
			ck_assert_msg(
			    row->outcome == OUT_UNKNOWN, "%u", row->code);
	}
}
END_TEST

/* Poison is buried, everything else is tried again: so a code is in one list by
 * decision, and it must be an answer that leaves the connection as it was. */
START_TEST(test_refusals_of_rows)
{
	size_t n, seen = 0;
	const struct error_class *rows = error_table(&n);

	for (size_t i = 0; i < n; i++) {
		bool refuses = error_refuses_row(rows[i].code);

		ck_assert_msg(
		    refuses == row_refusal(rows[i].code), "%u", rows[i].code);
		if (!refuses)
			continue;
		seen++;
		ck_assert_msg(rows[i].outcome == OUT_NOT_DONE &&
				  rows[i].fate == FATE_KEEP &&
				  rows[i].phases == 1u << PHASE_EXECUTE,
		    "%u", rows[i].code);
	}
	ck_assert_uint_eq(seen, ARRAY_LEN(row_refusals));
	ck_assert(!error_refuses_row(0));
	ck_assert(!error_refuses_row(1062));
	ck_assert(!error_refuses_row(1999));
}
END_TEST

TESTS_MAIN("ledger errors",
    UNIT_TABLE("row", test_row, ARRAY_LEN(error_expected)),
    UNIT("complete", test_no_row_without_a_test),
    UNIT("unique", test_no_row_hides_another), UNIT("rules", test_rules),
    UNIT("refusals", test_refusals_of_rows))
