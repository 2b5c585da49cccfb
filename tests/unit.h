/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every unit test needs: Check, and a main that speaks TAP under
 * `make check` and plain text by hand.
 *
 *	TESTS_MAIN("str", UNIT("cut", test_cut), UNIT_TABLE("copy", test_copy, 4))
 *
 * Debug one:  CK_FORK=no CK_RUN_CASE=cut gdb tests/base/test_str
 */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include "base/attr.h"

#include <check.h>
#include <stdlib.h>

struct unit_case {
	const char *name;
	const TTest *test;
	double timeout_s; /* 0: Check's 4 s, times CK_TIMEOUT_MULTIPLIER */
	int loops; /* > 0: a table test, _i runs 0..loops-1 */
};

static inline int unit_main(
    const char *suite_name, const struct unit_case *cases, size_t n)
{
	Suite *suite = suite_create(suite_name);
	SRunner *runner = srunner_create(suite);
	int failed;

	for (size_t i = 0; i < n; i++) {
		TCase *tcase = tcase_create(cases[i].name);

		if (cases[i].timeout_s > 0)
			tcase_set_timeout(tcase, cases[i].timeout_s);
		if (cases[i].loops > 0)
			tcase_add_loop_test(
			    tcase, cases[i].test, 0, cases[i].loops);
		else
			tcase_add_test(tcase, cases[i].test);
		suite_add_tcase(suite, tcase);
	}
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#define UNIT(text, fn) ((struct unit_case){.name = text, .test = fn})
#define UNIT_SLOW(text, fn, seconds) \
	((struct unit_case){.name = text, .test = fn, .timeout_s = seconds})
/* A table test: Check's _i runs over 0..rows-1. */
#define UNIT_TABLE(text, fn, rows) \
	((struct unit_case){.name = text, .test = fn, .loops = rows})

#define TESTS_MAIN(suite_name, ...)                                    \
	int main(void)                                                 \
	{                                                              \
		const struct unit_case cases[] = {__VA_ARGS__};        \
		return unit_main(suite_name, cases, ARRAY_LEN(cases)); \
	}

#endif
