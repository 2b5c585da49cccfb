/* SPDX-License-Identifier: Apache-2.0 */
/* An options line, parsed as the program would. */
#ifndef TESTS_RUSH_ARGV_H
#define TESTS_RUSH_ARGV_H

#include "base/err.h"
#include "base/str.h"
#include "rush/options.h"

#include <check.h>
#include <string.h>

static struct options options;
static struct err err;

/* Parses the words of `line`, which may not hold blanks themselves. */
static inline bool parse(const char *line)
{
	static char bytes[512];
	static char program[] = "flashgate-rush";
	char *argv[16] = {program};
	int argc = 1;

	ck_assert(strv_copy(strv_c(line), bytes, sizeof(bytes)));
	for (char *word = strtok(bytes, " "); word != NULL;
	     word = strtok(NULL, " ")) {
		ck_assert_int_lt(argc, (int)ARRAY_LEN(argv) - 1);
		argv[argc++] = word;
	}
	err = (struct err)ERR_INIT;
	return options_parse(argc, argv, &options, &err);
}

#endif
