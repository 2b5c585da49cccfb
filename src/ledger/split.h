/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file of SQL as single statements: what stands between semicolons that are
 * in no quotes and no comment.  Pure; any process.
 */
#ifndef LEDGER_SPLIT_H
#define LEDGER_SPLIT_H

#include "base/attr.h"
#include "base/str.h"

enum split {
	SPLIT_STATEMENT, /* *out is one, without its semicolon */
	SPLIT_END, /* nothing but blanks and comments was left */
	SPLIT_OPEN /* a quote or comment never ends, or a semicolon is
			  * missing; *out is where it begins */
};

/*
 * Takes the next statement off `*rest`.  Comments between statements are
 * dropped, those inside are kept; a version comment (slash, star, bang) is
 * part of a statement.
 */
enum split sql_split(struct strv *rest, struct strv *out) ATTR_MUSTUSE;

#endif
