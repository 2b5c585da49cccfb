/* SPDX-License-Identifier: Apache-2.0 */
/*
 * failpoint FILE arm SPEC... | off | show | names
 *
 * The table that programs with FLASHGATE_FAILPOINT_FILE=FILE share, changed
 * while they run.  `show`: place, hits, fired, a line each.  A build with
 * failpoints only (base/failpoint.h has the grammar of SPEC).
 */
#include "config.h"

#include "base/failpoint.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static void show(void)
{
	for (unsigned i = 0; i < FAILPOINT_COUNT; i++) {
		struct failpoint_counts counts =
		    failpoint_count((enum failpoint)i);

		printf("%s %" PRIu64 " %" PRIu64 "\n",
		    failpoint_name((enum failpoint)i), counts.hits,
		    counts.fired);
	}
}

static int arm(int n, char **specs)
{
	struct err err = ERR_INIT;

	for (int i = 0; i < n; i++)
		if (!failpoint_arm(strv_c(specs[i]), &err)) {
			fprintf(stderr, "failpoint: %s\n", err.text);
			return EX_USAGE;
		}
	return EX_OK;
}

int main(int argc, char **argv)
{
	struct err err = ERR_INIT;

	if (argc < 3) {
		fputs(
		    "usage: failpoint FILE arm SPEC... | off | show\n", stderr);
		return EX_USAGE;
	}
	if (!failpoint_map(argv[1], &err)) {
		fprintf(stderr, "failpoint: %s\n", err.text);
		return EX_NOINPUT;
	}
	if (strcmp(argv[2], "arm") == 0)
		return arm(argc - 3, argv + 3);
	if (strcmp(argv[2], "off") == 0)
		failpoint_disarm();
	else if (strcmp(argv[2], "show") == 0)
		show();
	else
		return EX_USAGE;
	return EX_OK;
}
