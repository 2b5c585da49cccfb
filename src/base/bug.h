/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our own invariant is broken: say where, and abort.  Stays on in release
 * builds; what a peer, a store or an operator does wrong is never a bug.
 * Any process; async-signal-unsafe.
 */
#ifndef BASE_BUG_H
#define BASE_BUG_H

#include "base/attr.h"

/* Prints file, line and text to standard error and aborts. */
void bug_abort(
    const char *file, int line, const char *what) ATTR_NORETURN ATTR_COLD;

#define BUG(what) bug_abort(__FILE__, __LINE__, what)
#define BUG_ON(cond)                                          \
	do {                                                  \
		if (__builtin_expect(!!(cond), 0))            \
			bug_abort(__FILE__, __LINE__, #cond); \
	} while (0)

#endif
