/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a reload does outside of the pool: settings read again from the same
 * file, those that need a restart held back, the stores asked, the log changed.
 * Master, and the judge's process.
 */
#ifndef PROG_RENEWAL_H
#define PROG_RENEWAL_H

#include "prog/crew.h"

struct renewal {
	const char *path; /* of the settings */
	/* Of the start: what needs a restart stays as it is here. */
	const struct settings *settings;
	const struct crew_house *house;
};

/* `renewal` is borrowed. */
struct pool_reloader renewal_reloader(struct renewal *renewal);

#endif
