/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a run left behind, in memory: what shoppers heard, what the ledger and
 * the gate hold, which faults there were.  hist_read() takes JSON lines from
 * any number of files; a line's members say what it is:
 *
 *	{"stock":500,"per_customer":4,"id":1,"claim_key":"HEX"}   the sale
 *	{"customer":..,"attempt":1,"start":..,"end":..,"status":..}  an attempt, as
 *	                flashgate-rush writes it; with "op":"get" a reading of `order`
 *	{"order":..,"status":"sold","unit":..,"customer":..,"slot":..,"created":..}
 *	                a row of the ledger; "key" where there is no claim_key
 *	{"free":12}   {"lease":"ORDER","unit":3}   {"slot":1,"customer":..,
 *	"claim":"ORDER"}   {"gate_epoch":3}        the gate, when all was quiet
 *	{"waiting":"ORDER","unit":4,"entry":"5-0"}   an accepted order that has not
 *	                been settled   {"held":"5-0","by":..}   and who was given it
 *	{"fault":"redis-kill","begin":..,"end":..}   seconds since 1970
 *	{"loss":"redis-flushall","begin":..,"end":..}   Redis lost something that it
 *	                had stored, until the gate was whole again
 *	{"counter":"leaks_found","value":0}   {"undecided_ms":13000}
 *	{"rows":40}      as the ledger itself counts them, after all else was read
 *	{"attempts":99}  as who asked counts them; these add up
 *	{"gate_end":60}  so many lines of the gate came before
 *
 * The last three are held against what was read: a file that was cut off at the
 * end of a line looks like a whole one.
 *
 * Times of attempts are seconds of CLOCK_MONOTONIC; start_wall ties them to
 * those of the ledger and of the faults (absent: they are the same).  A rule
 * is only applied where its input is there.  One process, one thread.
 */
#ifndef TESTS_CHAOS_HIST_H
#define TESTS_CHAOS_HIST_H

#include "base/attr.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NONE UINT32_MAX

/* Texts become numbers 0.. in the order in which they come. */
struct names {
	char **text;
	uint32_t n, room;
	uint32_t *slot;
	uint32_t nslots; /* a power of 2 */
};
uint32_t names_put(struct names *names, const char *text);
/* NONE when it never came. */
uint32_t names_find(const struct names *names, const char *text);

struct attempt {
	uint32_t key, order; /* order: NONE where none was named */
	double start, end, start_wall;
	int status;
	uint32_t code; /* of hist.codes */
	uint32_t unit;
	bool get; /* a reading, not a purchase */
};

enum row_status {
	ROW_SOLD,
	ROW_VOID,
	ROW_CANCELLED
};

struct row {
	uint32_t order, customer, key; /* key: NONE when it is not known */
	enum row_status status;
	uint32_t unit, slot;
	double created;
};

struct slot {
	uint32_t slot, customer, order;
};

struct waiting {
	uint32_t order, unit;
};

struct fault { /* or a loss */
	uint32_t kind; /* of hist.kinds */
	double begin, end;
};

struct counter {
	char name[64];
	double value;
};

/* One customer with one key. */
struct key {
	uint32_t customer;
	uint32_t first, n; /* its attempts, by start, in hist.attempt */
	uint32_t sold; /* its sold row, NONE */
};

#define LIST(type)              \
	struct {                \
		type *at;       \
		size_t n, room; \
	}

struct hist {
	bool have_sale, have_gate, have_claim_key;
	bool have_rows, have_attempts, have_gate_end;
	uint32_t rows_told, attempts_told, gate_told; /* by {"rows":} .. */
	uint32_t sale_id, stock, per_customer, epoch, gate_epoch;
	bool stock_changed;
	bool always_open; /* nobody may hear "not yet" or "over" */
	uint8_t claim_key[32];
	double undecided_s; /* 0: no rule */
	struct names customers, keys, orders, codes, kinds;
	LIST(struct attempt) attempt; /* by key, then by start */
	LIST(struct row) row;
	LIST(struct key) key; /* by the number of keys */
	LIST(uint32_t) row_of; /* by the number of orders, NONE */
	LIST(uint32_t) free;
	LIST(uint32_t) lease; /* orders */
	LIST(struct slot) slot;
	LIST(struct waiting) waiting;
	LIST(uint32_t) held; /* who holds it, of hist.customers */
	LIST(struct fault) fault;
	LIST(struct fault) loss;
	LIST(struct counter) counter;
};

/* Room for one more; aborts when memory is out. */
void *hist_grow(void *at, size_t *n, size_t *room, size_t bytes);
#define LIST_ADD(list)                                                    \
	((list)->at = hist_grow(                                          \
	     (list)->at, &(list)->n, &(list)->room, sizeof(*(list)->at)), \
	    &(list)->at[(list)->n++])

bool hist_read(
    struct hist *hist, const char *path, struct err *err) ATTR_MUSTUSE;
/* After the last file: sorts, and finds out which key each row is of. */
bool hist_join(struct hist *hist, struct err *err) ATTR_MUSTUSE;
/* Is it all there, and is there anything to judge?  What is not given here
 * cannot be judged, and would pass. */
bool hist_complete(const struct hist *hist, struct err *err) ATTR_MUSTUSE;
void hist_free(struct hist *hist);

/* ---- the rules ---- */

#define RULES 13 /* C1 .. C12, by number */

struct verdicts {
	uint64_t violations[RULES];
	uint64_t judged[RULES]; /* what each rule looked at */
	unsigned shown; /* of each rule, on standard output */
};
void hist_judge(const struct hist *hist, struct verdicts *verdicts);

/* Orders that a 202 named: how many, and what became of them. */
struct accepted_count {
	uint64_t told, sold, voided, nowhere;
};
struct accepted_count hist_accepted(const struct hist *hist);

/* Counts and recovery times, as one JSON object. */
void hist_figures(const struct hist *hist, const struct verdicts *verdicts);

#endif
