/* SPDX-License-Identifier: Apache-2.0 */
/*
 * REQUEST_URI, raw as the client sent it, into the segments of a path.
 *
 * It is split first and each segment is percent-decoded once afterwards: an
 * encoded slash never makes a new segment, an encoded percent sign never makes
 * a second escape.  Dots are not resolved and slashes not merged: a path that
 * needs that is not one of ours.  Worker processes.
 */
#ifndef WEB_URI_H
#define WEB_URI_H

#include "base/attr.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

#define URI_PATH_MAX     512
#define URI_SEGMENTS_MAX 8

struct uri_path {
	struct strv segment[URI_SEGMENTS_MAX]; /* decoded; views into bytes */
	size_t n; /* 0: too long or too deep for any route */
	char bytes[URI_PATH_MAX + 1];
};

/*
 * Takes origin-form ("/v1/sales?x=1") and absolute-form
 * ("https://shop.example/v1/sales"), RFC 9112 3.2; drops the query.  False
 * when it is neither, has a bad escape, a NUL, a control character or a blank,
 * or does not decode to UTF-8.
 */
bool uri_parse(struct strv uri, struct uri_path *out) ATTR_MUSTUSE;

/*
 * Appends `text` with its escapes decoded; with `plus`, a '+' is a blank (HTML
 * forms).  False for a bad escape and for %00.
 */
bool uri_decode(struct strv text, bool plus, struct strbuf *out) ATTR_MUSTUSE;

#endif
