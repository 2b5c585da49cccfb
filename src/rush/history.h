/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The history of a rehearsal for the checker: one JSON object a line, one line
 * an attempt, also for one that was never answered.  Written in bulk, always
 * whole lines; everything is in the file after history_close().
 *
 *	{"customer":"rush-7","key":"5f…","attempt":1,
 *	 "start":12.000001,"end":12.004200,"start_wall":1795377600.123456,
 *	 "status":201,"code":"created","order":"0AB…","unit":42,
 *	 "replayed":false,"error":null}
 *
 * start and end are seconds of CLOCK_MONOTONIC, rounded outwards to the
 * microsecond, so that what really happened lies between them; start_wall is
 * seconds since 1970.  What was not there is null.  flashgate-rush only.
 */
#ifndef RUSH_HISTORY_H
#define RUSH_HISTORY_H

#include "base/attr.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* Foreign text (order, code, error) may hold any bytes; it is cut at 512. */
struct history_entry {
	struct strv customer;
	struct strv key; /* absent: no Idempotency-Key was sent */
	uint32_t attempt; /* 1.., counts all attempts of customer and key */
	int64_t start_ns;
	int64_t end_ns;
	struct wall start_wall;
	int status; /* of HTTP, 0: no answer */
	struct strv code; /* absent or empty: null, like the next ones */
	struct strv order;
	uint32_t unit; /* 0: none */
	bool replayed; /* the answer had Idempotent-Replayed: true */
	struct strv error;
};

#define HISTORY_LINE_MAX 16384

/* Appends the line with its newline. */
void history_format(struct strbuf *out, const struct history_entry *entry);

struct history;

/* Creates or empties the file.  NULL with a reason. */
struct history *history_open(const char *path, struct err *err) ATTR_MUSTUSE;
/* False when the file could not be written (now or before). */
bool history_add(struct history *history, const struct history_entry *entry,
    struct err *err) ATTR_MUSTUSE;
/* What was added so far goes into the file. */
bool history_flush(struct history *history, struct err *err) ATTR_MUSTUSE;
/* Flushes and frees; also when it fails. */
bool history_close(struct history **history, struct err *err) ATTR_MUSTUSE;

#endif
