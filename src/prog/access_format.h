/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access.format: text with tokens in it, taken apart once.  One table of tokens;
 * who writes a line (prog/access.h) asks it for each piece.  Any process.
 */
#ifndef PROG_ACCESS_FORMAT_H
#define PROG_ACCESS_FORMAT_H

#include "base/attr.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

enum access_token {
	ACCESS_LITERAL, /* `arg` is the text */
	ACCESS_PARAM, /* of FastCGI, named `arg` */
	ACCESS_SECONDS, /* duration */
	ACCESS_MILLISECONDS,
	ACCESS_MICROSECONDS,
	ACCESS_LENGTH,
	ACCESS_METHOD,
	ACCESS_POOL,
	ACCESS_PID,
	ACCESS_MASTER,
	ACCESS_QUERY,
	ACCESS_QUESTION, /* "?" if there is a query */
	ACCESS_PATH,
	ACCESS_ADDRESS,
	ACCESS_STATUS,
	ACCESS_RECEIVED, /* strftime(3) of `arg` */
	ACCESS_LOGGED,
	ACCESS_USER,
	ACCESS_QUEUE,
	ACCESS_CLAIM,
	ACCESS_INSERT,
	ACCESS_ID,
	ACCESS_OUTCOME,
	ACCESS_ROUTE,
	ACCESS_SENT,
	ACCESS_TOKEN_COUNT
};

struct access_piece {
	enum access_token token;
	struct strv arg; /* a view into the format */
};

#define ACCESS_PIECES_MAX 96

struct access_format {
	struct access_piece piece[ACCESS_PIECES_MAX];
	size_t n;
	bool json; /* foreign bytes are escaped for JSON */
};

/* `text` must outlive `out`.  False with `err`, which names the token. */
bool access_format_parse(
    const char *text, struct access_format *out, struct err *err) ATTR_MUSTUSE;
bool access_format_check(const char *text, struct err *err) ATTR_MUSTUSE;

/* `when` in local time, by the argument of a token of time. */
bool access_time_put(struct strbuf *out, struct strv format, struct wall when);

#endif
