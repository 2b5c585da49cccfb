/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an error reply of Redis means: was the call applied, and what helps.
 * One table, one row a class, decided by how the text begins.  Any process.
 */
#ifndef GATE_ERRORS_H
#define GATE_ERRORS_H

#include "base/err.h"
#include "base/str.h"
#include "sale/ports.h"

enum gate_remedy {
	GATE_REMEDY_NONE,
	GATE_REMEDY_LOAD, /* load the library, then the same call once */
	GATE_REMEDY_RECONNECT /* another server may answer at this address */
};

struct gate_error {
	const char *prefix; /* whole words at the beginning of the reply */
	enum outcome outcome; /* of the FCALL that was answered so */
	enum gate_remedy remedy;
	const char *advice; /* what to do, for the operator; "" without */
};

/* Never NULL: what no row knows is UNKNOWN. */
const struct gate_error *gate_error_of(struct strv reply);

/* "<what>: <the reply, escaped>; <advice>" */
void gate_error_describe(struct strv reply, const char *what, struct err *err);

/* The rows, for the tests. */
const struct gate_error *gate_error_table(size_t *n);

#endif
