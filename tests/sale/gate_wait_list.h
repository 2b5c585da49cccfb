/* SPDX-License-Identifier: Apache-2.0 */
/* The scenes of gate_wait_scene.c, which alone includes this: as tables of steps. */
#ifndef TESTS_SALE_GATE_WAIT_LIST_H
#define TESTS_SALE_GATE_WAIT_LIST_H

#include "sale/gate_wait_scene.h"

#define UNITS 2
#define STEPS 12

/* Claim n is customer n's.  Units are taken in order, so 1 is the first one's. */
enum act {
	END,
	BUILD, /* and publish: a gate with both units free */
	ACCEPT, /* claim n, and the answer is `want` */
	CLAIM, /* as mode direct does */
	WAITS, /* the order of n waits, `want` of them (0 or 1) */
	TAKE_A, /* a settler is given n entries */
	TAKE_B, /* another */
	SOLD, /* the order of n is ended so */
	VOID,
	LOST, /* TAKEN */
	ELSEWHERE,
	SPEND, /* all attempts of n are accepted and void */
	RELEASE, /* n is released as void, which is for leases */
	CONFIRM, /* likewise */
	SHUT, /* by somebody who saw it told n times; `want`: in vain */
	UNSHUT, /* likewise */
	OPENS, /* it does when 2 buys: so not for 1; seen told n times */
	CLOSES, /* it did when 2 buys: so for 1 only */
	INSIST, /* accepts n regardless, and the answer is `want` */
	SHRINK, /* to n units */
	GROW,
	RETIRE, /* for the epoch n above this one */
	CARRY, /* n goes into the next epoch; `want`: enum gate_carried */
	SEED, /* unit n does */
	OWN, /* n has a row, and its slot there */
	PUBLISH, /* the next one, with n carried; `want`: it is refused */
	DISCARD /* the one before; its stream has `want` entries then */
};

struct step {
	enum act act;
	uint32_t n;
	uint32_t want;
};

struct scene {
	const char *name;
	struct step steps[STEPS];
	const char *free; /* in the end */
	uint32_t leased, waiting, delivered;
	bool forgot;
};

static const struct scene scenes[GATE_WAIT_SCENES] = {
    {"accepted, it waits",
	{{BUILD, 0, 0}, {WAITS, 1, 0}, {ACCEPT, 1, GATE_TAKEN}, {WAITS, 1, 1},
	    {ACCEPT, 1, GATE_QUEUED}, {CLAIM, 1, GATE_QUEUED}},
	"2", 0, 1, 0, false},
    {"written, it has its slot",
	{{BUILD, 0, 0}, {ACCEPT, 1, GATE_TAKEN}, {TAKE_A, 1, 0}, {SOLD, 1, 0},
	    {WAITS, 1, 0}, {ACCEPT, 1, GATE_MINE}, {CLAIM, 1, GATE_MINE},
	    {SOLD, 1, 0}},
	"2", 0, 0, 0, false},
    {"void, its unit is back, and the next attempt is taken",
	{{BUILD, 0, 0}, {ACCEPT, 1, GATE_TAKEN}, {TAKE_A, 1, 0}, {VOID, 1, 0},
	    {ACCEPT, 1, GATE_TAKEN}, {WAITS, 1, 1}},
	"1", 0, 1, 0, false},
    {"void a second time, it does nothing",
	{{BUILD, 0, 0}, {ACCEPT, 1, GATE_TAKEN}, {VOID, 1, 0}, {VOID, 1, 0},
	    {ACCEPT, 2, GATE_TAKEN}, {ACCEPT, 3, GATE_TAKEN}, {VOID, 1, 0}},
	"", 0, 2, 0, false},
    {"somebody else's unit stays where it is",
	{{BUILD, 0, 0}, {ACCEPT, 1, GATE_TAKEN}, {TAKE_A, 1, 0}, {LOST, 1, 0},
	    {WAITS, 1, 0}, {ACCEPT, 1, GATE_TAKEN}},
	"", 0, 1, 0, true},
    {"sold elsewhere, the unit is back and the slot stays",
	{{BUILD, 0, 0}, {ACCEPT, 1, GATE_TAKEN}, {TAKE_A, 1, 0},
	    {ELSEWHERE, 1, 0}, {ACCEPT, 1, GATE_MINE}},
	"2 1", 0, 0, 0, true},
    {"all attempts are spent",
	{{BUILD, 0, 0}, {SPEND, 1, 0}, {ACCEPT, 1, GATE_SPENT}}, "1 2", 0, 0, 0,
	false},
    {"a release spends the attempt, and a lease is gone on with",
	{{BUILD, 0, 0}, {CLAIM, 1, GATE_TAKEN}, {ACCEPT, 1, GATE_SAME},
	    {RELEASE, 1, 0}, {ACCEPT, 1, GATE_TAKEN}, {RELEASE, 1, 0}},
	"1", 0, 1, 0, false},
    {"what is for leases does nothing to what waits",
	{{BUILD, 0, 0}, {ACCEPT, 1, GATE_TAKEN}, {RELEASE, 1, 0},
	    {CONFIRM, 1, 0}, {WAITS, 1, 1}, {ACCEPT, 1, GATE_QUEUED}},
	"2", 0, 1, 0, false},
    {"none is left",
	{{BUILD, 0, 0}, {ACCEPT, 1, GATE_TAKEN}, {CLAIM, 2, GATE_TAKEN},
	    {ACCEPT, 3, GATE_SOFT}, {CONFIRM, 2, 0}, {ACCEPT, 3, GATE_GONE},
	    {CLAIM, 3, GATE_GONE}, {ACCEPT, 1, GATE_QUEUED}},
	"", 0, 1, 0, false},
    {"one's own, and what is new, and nobody else's",
	{{BUILD, 0, 0}, {ACCEPT, 1, GATE_TAKEN}, {TAKE_A, 1, 0}, {TAKE_B, 0, 0},
	    {ACCEPT, 2, GATE_TAKEN}, {TAKE_A, 2, 0}, {TAKE_B, 0, 0},
	    {SOLD, 1, 0}, {TAKE_A, 1, 0}},
	"", 0, 1, 1, false},
    {"less stock, its unit is let go",
	{{BUILD, 0, 0}, {ACCEPT, 1, GATE_TAKEN}, {ACCEPT, 2, GATE_TAKEN},
	    {SHRINK, 1, 0}, {VOID, 2, 0}, {GROW, 2, 0}},
	"2", 0, 1, 0, false},
    {"less and more, its unit stays with it",
	{{BUILD, 0, 0}, {ACCEPT, 1, GATE_TAKEN}, {ACCEPT, 2, GATE_TAKEN},
	    {SHRINK, 1, 0}, {GROW, 2, 0}},
	"", 0, 2, 0, false},
    {"retired, it gives nothing out, and all else goes on",
	{{BUILD, 0, 0}, {ACCEPT, 1, GATE_TAKEN}, {RETIRE, 1, 0},
	    {ACCEPT, 2, GATE_EPOCH}, {CLAIM, 2, GATE_EPOCH}, {WAITS, 1, 1},
	    {TAKE_A, 1, 0}, {VOID, 1, 0}},
	"2 1", 0, 0, 0, true},
    {"carried over, nothing has changed",
	{{BUILD, 0, 0}, {ACCEPT, 1, GATE_TAKEN}, {TAKE_A, 1, 0}, {RETIRE, 1, 0},
	    {CARRY, 1, 0}, {SEED, 2, 0}, {PUBLISH, 1, 0},
	    {ACCEPT, 1, GATE_QUEUED}, {WAITS, 1, 1}, {DISCARD, 0, 0},
	    {TAKE_A, 1, 0}, {VOID, 1, 0}},
	"2 1", 0, 0, 0, false},
    {"carried over once",
	{{BUILD, 0, 0}, {ACCEPT, 1, GATE_TAKEN}, {CARRY, 1, 0}, {CARRY, 1, 2},
	    {SEED, 2, 0}, {PUBLISH, 1, 0}},
	"2", 0, 1, 0, false},
    {"its slot is an order's by now",
	{{BUILD, 0, 0}, {ACCEPT, 1, GATE_TAKEN}, {OWN, 1, 0}, {CARRY, 1, 1},
	    {SEED, 2, 0}, {PUBLISH, 0, 0}, {ACCEPT, 1, GATE_LIMIT}},
	"2", 0, 0, 0, false},
    {"a gate without what was carried is none",
	{{BUILD, 0, 0}, {ACCEPT, 1, GATE_TAKEN}, {SEED, 2, 0}, {PUBLISH, 1, 1},
	    {WAITS, 1, 1}},
	"2", 0, 1, 0, false},
    {"who was taken for dead does not publish",
	{{BUILD, 0, 0}, {ACCEPT, 1, GATE_TAKEN}, {RETIRE, 1, 0}, {SEED, 1, 0},
	    {SEED, 2, 0}, {RETIRE, 2, 0}, {PUBLISH, 0, 1}, {WAITS, 1, 1}},
	"2", 0, 1, 0, false},
    {"nor does he retire what is published",
	{{BUILD, 0, 0}, {RETIRE, 0, 1}, {ACCEPT, 1, GATE_TAKEN}}, "2", 0, 1, 0,
	false},
    {"what was void before is not known to a new gate",
	{{BUILD, 0, 0}, {ACCEPT, 1, GATE_TAKEN}, {VOID, 1, 0}, {SEED, 1, 0},
	    {SEED, 2, 0}, {PUBLISH, 0, 0}, {ACCEPT, 1, GATE_TAKEN},
	    {WAITS, 1, 1}},
	"2", 0, 1, 0, false},
    {"shut, it takes no order, and knows those that it has",
	{{BUILD, 0, 0}, {ACCEPT, 1, GATE_TAKEN}, {SHUT, 0, 0},
	    {ACCEPT, 2, GATE_SHUT}, {ACCEPT, 1, GATE_QUEUED},
	    {CLAIM, 2, GATE_TAKEN}, {ACCEPT, 2, GATE_SAME},
	    {ACCEPT, 3, GATE_SHUT}, {UNSHUT, 1, 0}, {ACCEPT, 3, GATE_SOFT}},
	"", 1, 1, 0, false},
    {"shut by somebody who has not seen what it was told since",
	{{BUILD, 0, 0}, {SHUT, 0, 0}, {UNSHUT, 0, 1}, {ACCEPT, 1, GATE_SHUT},
	    {UNSHUT, 1, 0}, {SHUT, 1, 1}, {SHUT, 0, 1},
	    {ACCEPT, 1, GATE_TAKEN}},
	"2", 0, 1, 0, false},
    {"it takes orders of its window",
	{{BUILD, 0, 0}, {OPENS, 0, 0}, {ACCEPT, 1, GATE_SHUT},
	    {ACCEPT, 2, GATE_TAKEN}, {CLOSES, 1, 0}, {ACCEPT, 3, GATE_SHUT},
	    {ACCEPT, 2, GATE_QUEUED}, {ACCEPT, 1, GATE_TAKEN}},
	"", 0, 2, 0, false},
    {"shut, and the operator insists",
	{{BUILD, 0, 0}, {SHUT, 0, 0}, {INSIST, 1, GATE_TAKEN},
	    {INSIST, 1, GATE_QUEUED}},
	"2", 0, 1, 0, false},
    {"a new gate was told nothing yet, and the old one says who is newer",
	{{BUILD, 0, 0}, {SHUT, 0, 0}, {RETIRE, 1, 0}, {ACCEPT, 1, GATE_EPOCH},
	    {SEED, 1, 0}, {SEED, 2, 0}, {PUBLISH, 0, 0},
	    {ACCEPT, 1, GATE_TAKEN}, {SHUT, 0, 0}, {ACCEPT, 2, GATE_SHUT}},
	"2", 0, 1, 0, false},
};

#endif
