/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parameters of one request, measured once: name and length of each, so
 * that a look-up compares lengths first and never walks a text again.  Views
 * into libfcgi's memory; they die with its request.  Pure, allocates nothing.
 * Worker processes; only fcgi.c includes it.
 */
#ifndef FCGI_PARAMS_H
#define FCGI_PARAMS_H

#include "base/attr.h"
#include "base/str.h"

#include <stddef.h>

/*
 * nginx's buffers let some thousand tiny headers through, Apache and h2o a
 * hundred; with nothing but a count a front end's whole CGI set is about 40.
 */
#define FCGI_PARAMS_COUNT_MAX 256

struct fcgi_params {
	size_t n;
	struct {
		struct strv name;
		struct strv value;
	} all[FCGI_PARAMS_COUNT_MAX];
};

enum fcgi_params_verdict {
	FCGI_PARAMS_OK,
	FCGI_PARAMS_TOO_LARGE, /* too many, or too many bytes; the first stay */
	FCGI_PARAMS_BROKEN /* a name with a NUL in it */
};

/*
 * Indexes `envp`, "NAME=value" strings up to a NULL.  `max_bytes` bounds the
 * sum of all names and values.
 *
 * libfcgi hands out C strings, so a NUL in a name shows (no '=' is left) and a
 * NUL in a value does not: the value ends there.  Front ends refuse both in
 * HTTP; whoever decodes a percent-encoded text must refuse %00 by himself.
 * A '=' in a name moves into the value, which no HTTP header can do.
 */
enum fcgi_params_verdict fcgi_params_index(struct fcgi_params *params,
    char *const *envp, size_t max_bytes) ATTR_MUSTUSE;

/* The first value of `name`; {NULL, 0} without one. */
struct strv fcgi_params_find(
    const struct fcgi_params *params, struct strv name);
size_t fcgi_params_count(const struct fcgi_params *params, struct strv name);

#endif
