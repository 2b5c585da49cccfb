/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The OpenMetrics text format, 1.0: a family is its head and then its samples,
 * families do not mix, and the whole ends with om_end().  Label values of any
 * UTF-8 are escaped here.  Pure; any process.
 */
#ifndef PROG_OPENMETRICS_H
#define PROG_OPENMETRICS_H

#include "base/str.h"
#include "prog/stats.h"

#include <stddef.h>
#include <stdint.h>

#define OM_CONTENT_TYPE \
	"application/openmetrics-text; version=1.0.0; charset=utf-8"

enum om_type {
	OM_GAUGE,
	OM_COUNTER, /* its samples end in _total */
	OM_HISTOGRAM,
	OM_INFO /* its sample ends in _info, and is 1 */
};

struct om_family {
	const char *prefix, *name; /* together, without the type's suffix */
	enum om_type type;
	const char *unit; /* NULL: none; else the name ends in _unit */
	const char *help;
};

struct om_label {
	const char *name, *value;
};

void om_head(struct strbuf *out, const struct om_family *family);
void om_int(struct strbuf *out, const struct om_family *family,
    const struct om_label *labels, size_t n, int64_t value);
/* A time in nanoseconds, written as seconds. */
void om_seconds(struct strbuf *out, const struct om_family *family,
    const struct om_label *labels, size_t n, int64_t ns);
/* The three sets of samples of a histogram: of seconds, if its scale is. */
void om_histogram(struct strbuf *out, const struct om_family *family,
    const struct stats_scale *scale, const struct stats_histogram *histogram);
void om_end(struct strbuf *out);

#endif
