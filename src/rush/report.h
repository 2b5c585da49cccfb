/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the crowd found, for people (a table) and for programs (JSON).
 * flashgate-rush only.
 */
#ifndef RUSH_REPORT_H
#define RUSH_REPORT_H

#include "base/attr.h"
#include "rush/crowd.h"
#include "rush/options.h"
#include "rush/tally.h"

#include <stdbool.h>
#include <stdio.h>

/* All borrowed. */
struct report {
	const struct options *options;
	const char *url;
	const struct tally *tally;
	const struct crowd_result *result;
};

/* Is the number of confirmed orders what --expect-sold asked for? */
bool report_as_expected(const struct report *report);

void report_table(const struct report *report, FILE *out);
/* One object and a newline.  False: no memory. */
bool report_json(const struct report *report, FILE *out) ATTR_MUSTUSE;

#endif
