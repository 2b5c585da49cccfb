/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an error code of MySQL, MariaDB or their client libraries means for the
 * call that met it.  One table; pure; any process.
 *
 * The rule behind it: NOT_DONE is said only where the server is known to have
 * rolled the statement back or never to have seen it.  Everything else, every
 * code that the table does not have included, is UNKNOWN.
 */
#ifndef LEDGER_ERRORS_H
#define LEDGER_ERRORS_H

#include "sale/ports.h"

enum error_phase {
	PHASE_CONNECT, /* address, handshake, session set-up */
	PHASE_PREPARE, /* the text was sent, no values: nothing can be applied */
	PHASE_EXECUTE,
	PHASE_COUNT
};

/* What becomes of the connection. */
enum conn_fate {
	FATE_KEEP, /* as good as before */
	FATE_CLOSE, /* never to be used again */
	FATE_PAUSE, /* closed, and the next attempt to connect waits a little */
	FATE_COUNT
};

struct error_class {
	unsigned code; /* 0 in the answer for a code that is not listed */
	unsigned phases; /* bit set of 1 << enum error_phase */
	enum outcome outcome;
	enum conn_fate fate;
	const char *word; /* what it is and, where that helps, what to do */
};

/* Never NULL. */
const struct error_class *error_classify(unsigned code, enum error_phase phase);

/*
 * Was a row refused for what it says, so that the same row will be refused
 * again?  Not a duplicate, and nothing that another time or a repaired schema
 * would take.
 */
bool error_refuses_row(unsigned code);

/* The rows, for the test that has a line for each. */
const struct error_class *error_table(size_t *n);

#endif
