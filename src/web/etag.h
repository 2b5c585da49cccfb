/* SPDX-License-Identifier: Apache-2.0 */
/* Entity tags of what is public, RFC 9110 8.8.3 and 13.1.2.  Worker
 * processes. */
#ifndef WEB_ETAG_H
#define WEB_ETAG_H

#include "base/attr.h"
#include "base/str.h"

#include <jansson.h>
#include <stdbool.h>

#define ETAG_MAX 24 /* W/"16 hex digits" and the end */

/* A weak tag from the content; false when memory is out. */
bool etag_make(const json_t *content, char out[ETAG_MAX]) ATTR_MUSTUSE;

/* Does If-None-Match name it ("*", or a list, compared weakly)?  A header that
 * makes no sense matches nothing. */
bool etag_matches(struct strv if_none_match, const char *tag) ATTR_MUSTUSE;

#endif
