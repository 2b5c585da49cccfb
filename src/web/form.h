/* SPDX-License-Identifier: Apache-2.0 */
/* application/x-www-form-urlencoded, one pair after the other.  Worker
 * processes. */
#ifndef WEB_FORM_H
#define WEB_FORM_H

#include "base/str.h"

#define FORM_TEXT_MAX 512

enum form_step {
	FORM_PAIR,
	FORM_END,
	FORM_BAD /* an escape, a NUL, no UTF-8, or longer than FORM_TEXT_MAX */
};

struct form_pair {
	struct strv name; /* decoded; views into the bytes below */
	struct strv value;
	char name_bytes[FORM_TEXT_MAX];
	char value_bytes[FORM_TEXT_MAX];
};

/* The next pair of `*rest`, which is cut; empty ones are passed over. */
enum form_step form_next(struct strv *rest, struct form_pair *out);

#endif
