/* SPDX-License-Identifier: Apache-2.0 */
/* The Idempotency-Key's syntax.  Worker processes. */
#ifndef WEB_KEY_H
#define WEB_KEY_H

#include "base/attr.h"
#include "base/str.h"

#include <stdbool.h>

/*
 * Takes 1..IDEMPOTENCY_KEY_MAX printable ASCII characters.  The draft
 * (httpapi, -07) wants a quoted string of structured fields, clients in the
 * field send bare UUIDs: both are taken, and "x" and x are the same key, for
 * the quotes are stripped.  Backslashes inside stay as they were sent.
 * `header` absent gives an absent key and true; empty is false.
 */
bool key_parse(struct strv header, struct strv *key) ATTR_MUSTUSE;

#endif
