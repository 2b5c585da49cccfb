/* SPDX-License-Identifier: Apache-2.0 */
/* base64url without padding, as JWS has it (RFC 7515 2), strictly.  Any
 * process. */
#ifndef WEB_BASE64URL_H
#define WEB_BASE64URL_H

#include "base/attr.h"
#include "base/str.h"

#include <stdbool.h>

/*
 * Appends the bytes.  False for a character outside the alphabet, for a length
 * that no bytes have, and for unused bits that are not zero: one text for one
 * value.  libjwt's own decoder lets all of that pass.
 */
bool base64url_decode(struct strv text, struct strbuf *out) ATTR_MUSTUSE;

#endif
