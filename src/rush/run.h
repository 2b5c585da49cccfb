/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One rehearsal from the options to the exit code.  The main program of
 * flashgate-rush.
 */
#ifndef RUSH_RUN_H
#define RUSH_RUN_H

#include "rush/options.h"

/*
 * Exit codes.  What the shop did wrong is 1, so that a script can tell it from
 * what went wrong with the rehearsal (sysexits.h).
 */
#define RUSH_EXIT_JUDGED      1 /* a violation, or not as expected */
#define RUSH_EXIT_INTERRUPTED 130 /* as a shell has it for SIGINT */

/* Reads argv, runs, prints; the process's exit code. */
int rush_main(int argc, char **argv);

/* What a finished rehearsal is worth as an exit code. */
struct rush_end {
	bool interrupted;
	bool heard; /* at least one answer came */
	bool violation;
	bool expected; /* or nothing in particular was */
};
int rush_exit_code(const struct rush_end *end);

#endif
