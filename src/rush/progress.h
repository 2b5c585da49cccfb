/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far a long work is, on standard error: a bar on a terminal, a line a
 * second elsewhere.  flashgate-rush only.
 */
#ifndef RUSH_PROGRESS_H
#define RUSH_PROGRESS_H

#include "base/attr.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct progress {
	bool quiet;
	bool tty;
	bool shown; /* there is a bar to wipe off */
	int64_t next_ns; /* when it is time to show something again */
};

struct progress_step {
	const char *what; /* "rush" */
	uint64_t done;
	uint64_t total;
	const char *note; /* behind the figures */
};

void progress_init(struct progress *progress, bool quiet);
/* Is it time?  Cheap; asked often. */
bool progress_due(const struct progress *progress, int64_t now_ns);
void progress_show(struct progress *progress, int64_t now_ns,
    const struct progress_step *step);
/* Wipes off the bar, before anything else is printed. */
void progress_clear(struct progress *progress);

/* Pure: the line for a terminal (with a bar) or a log (without). */
void progress_format(
    struct strbuf *out, const struct progress_step *step, bool bar);

#endif
