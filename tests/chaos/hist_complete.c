/* SPDX-License-Identifier: Apache-2.0 */
/* Is it all there?  A rule whose input is missing finds nothing, and "nothing
 * found" must not be said of what nobody has seen. */
#include "config.h"

#include "chaos/hist.h"

#include <string.h>

static bool lacks(struct err *err, const char *what)
{
	err_set(err, 0, "incomplete: %s", what);
	return false;
}

static bool has_counter(const struct hist *hist, const char *name)
{
	for (size_t i = 0; i < hist->counter.n; i++)
		if (strcmp(hist->counter.at[i].name, name) == 0)
			return true;
	return false;
}

static bool anybody_bought(const struct hist *hist)
{
	for (size_t i = 0; i < hist->attempt.n; i++)
		if (!hist->attempt.at[i].get &&
		    hist->attempt.at[i].status >= 200 &&
		    hist->attempt.at[i].status <= 202)
			return true;
	return false;
}

bool hist_complete(const struct hist *hist, struct err *err)
{
	static const char *const counters[] = {"leaks_found", "healed",
	    "out-of-bounds", "queue_lost", "redis_lost"};

	if (!hist->have_claim_key)
		return lacks(err, "the sale has no claim_key (C5, C9)");
	if (!hist->have_rows)
		return lacks(err, "nothing says how many rows there are");
	if (!hist->have_attempts)
		return lacks(err, "nothing says how many attempts there were");
	if (!hist->have_gate || !hist->have_gate_end)
		return lacks(err, "the gate is not there, or not to its end");
	if (hist->gate_epoch != hist->epoch)
		return lacks(err, "the gate is of another epoch than the sale");
	if (hist->undecided_s <= 0)
		return lacks(err, "no undecided_ms (C8)");
	for (size_t i = 0; i < ARRAY_LEN(counters); i++)
		if (!has_counter(hist, counters[i]))
			return lacks(err, counters[i]);
	/* A crowd that bought nothing has put nothing to the test. */
	return anybody_bought(hist) || lacks(err, "nobody was told yes");
}
