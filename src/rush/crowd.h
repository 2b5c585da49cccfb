/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The crowd at work.  It has two phases: the *rush*, in which every click of
 * the plan goes out and is repeated after a doubtful answer like a shopper
 * would, and the *settling*, in which each purchase whose last answer was no
 * final one is asked for again, with the same key, until it is or time is up.
 * flashgate-rush only.
 */
#ifndef RUSH_CROWD_H
#define RUSH_CROWD_H

#include "base/attr.h"
#include "base/err.h"
#include "rush/history.h"
#include "rush/ident.h"
#include "rush/options.h"
#include "rush/plan.h"
#include "rush/progress.h"
#include "rush/tally.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

/* All borrowed. */
struct crowd_conf {
	const struct options *options;
	const struct plan *plan;
	const struct idents *idents;
	const char *url;
	struct tally *tally;
	struct history *history; /* NULL: none is kept */
	struct progress *progress;
	const volatile sig_atomic_t *stop; /* set by a signal */
};

struct crowd_result {
	int64_t rush_ns; /* from the first click to the last answer */
	int64_t rush_cpu_ns; /* of this process, meanwhile */
	uint64_t rush_attempts;
	int64_t settle_ns;
	uint64_t to_settle; /* purchases that the settling began with */
	uint64_t heard; /* attempts with an HTTP status */
	bool interrupted;
	char last_error[240]; /* of an attempt without an answer */
};

/*
 * Runs both phases.  Every attempt is in the tally and in the history, also
 * those that were under way when it was stopped.  False, with a reason, when
 * the crowd itself broke (memory, history); what is there counts.
 */
bool crowd_run(const struct crowd_conf *conf, struct crowd_result *result,
    struct err *err) ATTR_MUSTUSE;

#endif
