/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check-history [-c] [-f] [-n SHOWN] FILE...
 *
 * Holds what shoppers heard against what ledger and gate hold (hist.h says what
 * the files are) and prints each violation with its rule:
 *
 *	C1   never more sold than there is, each unit once and within the stock
 *	C2   nobody holds more than the limit, each slot once
 *	C3   every yes is a sold row of that customer, with that unit
 *	C4   a final no is true: no yes before (and no 202 for an order that is
 *	     sold), no order afterwards unless it was
 *	     asked for again; "limit reached" only by rows that are there
 *	C5   one key names one order; another only where an accepted one is void or
 *	     lost
 *	C6   "sold out" only when everything is sold, or waits and is sold then, and
 *	     nothing after it
 *	C7   when all is quiet every unit is free or sold, exactly one of them,
 *	     no claim is leased, no order waits, no settler holds one, and the
 *	     gate's slots are the sold rows
 *	C8   no claim stays undecided longer than undecided_ms and the outages
 *	C9   nobody owns what nobody asked for
 *	C10  the counters of damage are 0 unless Redis lost something
 *	C11  who was told of an order can read it: pending, then sold or "no such
 *	     order", which is the last word until he asks for it again
 *	C12  what was accepted (202) is sold, and not told to be pending after that;
 *	     void or nowhere only by what Redis lost after it, and what is nowhere
 *	     is counted (queue_lost)
 *
 * -f prints the figures as one JSON object.  -c demands that all is there, so
 * that each rule can be judged.  Exit 0: no violation, 1: some, 65: the files are
 * not such a history.
 */
#include "config.h"

#include "chaos/hist.h"
#include "base/num.h"

#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

static int usage(void)
{
	fputs("usage: check-history [-c] [-f] [-n SHOWN] FILE...\n", stderr);
	return EX_USAGE;
}

int main(int argc, char **argv)
{
	static struct hist hist;
	struct verdicts verdicts = {.shown = 5};
	struct err err = ERR_INIT;
	bool figures = false, complete = false, good = true;
	uint64_t shown = 5, violations = 0;
	int c;

	while ((c = getopt(argc, argv, "cfn:")) != -1) {
		if (c == 'f')
			figures = true;
		else if (c == 'c')
			complete = true;
		else if (c != 'n' ||
			 !num_parse_u64(strv_c(optarg), 0, UINT32_MAX, &shown))
			return usage();
	}
	if (optind == argc)
		return usage();
	verdicts.shown = (unsigned)shown;
	while (good && optind < argc)
		good = hist_read(&hist, argv[optind++], &err);
	if (!good || !hist_join(&hist, &err) ||
	    (complete && !hist_complete(&hist, &err))) {
		fprintf(stderr, "check-history: %s\n", err.text);
		hist_free(&hist);
		return EX_DATAERR;
	}
	hist_judge(&hist, &verdicts);
	if (figures)
		hist_figures(&hist, &verdicts);
	for (int rule = 1; rule < RULES; rule++) {
		violations += verdicts.violations[rule];
		if (verdicts.violations[rule] > verdicts.shown)
			printf("C%d: %llu in all\n", rule,
			    (unsigned long long)verdicts.violations[rule]);
	}
	hist_free(&hist);
	return fflush(stdout) != 0 ? EX_IOERR : violations > 0;
}
