/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run-time failure as a value: a code and one line of text, in the caller's
 * storage, no allocation.  Text is completed while unwinding with err_wrap()
 * ("order 0AB…: insert: lost connection") and logged once, by whoever decides.
 * Any process.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/attr.h"

#include <stdbool.h>

struct err {
	int code; /* the origin's own number (errno, MySQL's …), 0: none */
	char text[240]; /* one line, no newline at its end; cut when too long */
};

#define ERR_INIT      \
	{             \
		0, "" \
	}

/* Sets code and text.  `err` may not be NULL. */
void err_set(struct err *err, int code, const char *fmt, ...) ATTR_PRINTF(3, 4);

/* Like err_set() with errno as code and ": <strerror>" behind the text. */
void err_set_errno(struct err *err, const char *fmt, ...) ATTR_PRINTF(2, 3);

/* Puts "<prefix>: " before the text; keeps the code. */
void err_wrap(struct err *err, const char *fmt, ...) ATTR_PRINTF(2, 3);

#endif
