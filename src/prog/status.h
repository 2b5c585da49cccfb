/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The status page as php-fpm's operators and exporters know it: the same
 * fields, under the same names, in the same formats.  Pure functions over a
 * snapshot (prog/snapshot.h fills it).  Texts of the snapshot are valid UTF-8
 * without control characters; each format escapes what is special to it.
 *
 * A number that is not known is STATUS_NA, and is shown as such: n/a, null, or
 * no sample; never as 0.
 */
#ifndef PROG_STATUS_H
#define PROG_STATUS_H

#include "base/attr.h"
#include "base/clock.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STATUS_NA INT64_MIN

/* A text of the board, each byte perhaps three after cleaning. */
#define STATUS_URI_MAX    (2 * 3 * 128 + 2)
#define STATUS_TEXT_MAX   (3 * 65 + 1)
#define STATUS_REASON_MAX (3 * 256 + 16)

struct status_process {
	int64_t pid;
	const char *state; /* php-fpm's words */
	int64_t start_time; /* seconds since 1970 */
	int64_t start_since;
	int64_t requests;
	int64_t duration_us; /* of the request at hand, or the last one */
	char method[STATUS_TEXT_MAX];
	char uri[STATUS_URI_MAX]; /* "/path?query" */
	int64_t content_length;
	char user[STATUS_TEXT_MAX];
	const char *script; /* "-": there are none */
	int64_t cpu; /* not measured */
	int64_t memory; /* not measured */
	/* Ours, behind php-fpm's. */
	const char *phase; /* "" between two requests */
	int64_t phase_us; /* how long already */
	char claim[STATUS_TEXT_MAX]; /* what the phase is about */
	int64_t generation;
};

struct status {
	const char *pool, *manager;
	int64_t start_time; /* seconds since 1970 */
	int64_t start_since;
	int64_t accepted;
	int64_t queue, queue_peak, queue_limit;
	int64_t idle, active, total;
	int64_t active_peak;
	int64_t full; /* times when every child was active */
	int64_t slow;
	int64_t memory_peak; /* bytes */
	/* Ours, behind php-fpm's. */
	int64_t generation; /* of the configuration that serves */
	int64_t reloads, reloads_failed; /* with a verdict; of these */
	const char *last_reload; /* its verdict; "-": there was none */
	int64_t waiting; /* accepted orders that are not written yet */
	int64_t oldest; /* seconds since the oldest of them was accepted */
	int64_t lost; /* accepted orders that Redis has lost */
	const char *durability; /* what Redis makes of them; "-": no sale has
				 * such orders */
	const struct status_process *processes;
	size_t nprocesses;
};

enum status_format {
	STATUS_TEXT,
	STATUS_HTML,
	STATUS_XML,
	STATUS_JSON,
	STATUS_OPENMETRICS,
	STATUS_FORMAT_COUNT
};

/* From a query string: "json&full"; the first format named counts. */
enum status_format status_format_of(struct strv query, bool *full);
const char *status_content_type(enum status_format format);

/* Writes the body; what does not fit is the buffer's overflow.  False when
 * memory was out. */
bool status_write(const struct status *status, enum status_format format,
    bool full, struct strbuf *out) ATTR_MUSTUSE;

#endif
