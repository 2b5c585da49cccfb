/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is this text?  UTF-8 as RFC 3629 has it: no overlong forms, no surrogates,
 * nothing above U+10FFFF.  Pure functions over views; worker processes.
 */
#ifndef WEB_UTF8_H
#define WEB_UTF8_H

#include "base/attr.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* Takes one character off the front of `*rest`; false, and `*rest` untouched,
 * when it is empty or begins with something that is none. */
bool utf8_next(struct strv *rest, uint32_t *code) ATTR_MUSTUSE;

bool utf8_valid(struct strv text) ATTR_MUSTUSE;

/*
 * Valid, and without control characters: C0, DEL, C1, the line and paragraph
 * separators, and the marks that turn the direction of what follows (a name
 * that reads differently on the operator's screen than it is).
 */
bool utf8_printable(struct strv text) ATTR_MUSTUSE;

/* The longest prefix of at most `max` bytes that does not cut a character. */
struct strv utf8_head(struct strv text, size_t max);

#endif
