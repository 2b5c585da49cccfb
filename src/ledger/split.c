/* SPDX-License-Identifier: Apache-2.0 */
/* Cutting SQL at its semicolons (MySQL Reference Manual: comments, literals). */
#include "config.h"

#include "ledger/split.h"

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' ||
	       c == '\v';
}

static bool at(struct strv text, size_t i, const char *what)
{
	return strv_starts(strv_from(text.p + i, text.n - i), strv_c(what));
}

/* Past the end of a line, or at the end of the text. */
static size_t line_end(struct strv text, size_t i)
{
	while (i < text.n && text.p[i] != '\n')
		i++;
	return i;
}

/* Past the closing star and slash, or n + 1 when there is none. */
static size_t block_end(struct strv text, size_t i)
{
	for (i += 2; i + 1 < text.n; i++)
		if (at(text, i, "*/"))
			return i + 2;
	return text.n + 1;
}

/* Past the closing quote, or n + 1.  A doubled quote is left and entered again
 * by the caller, which comes to the same; names know no backslash. */
static size_t quote_end(struct strv text, size_t i)
{
	char quote = text.p[i];

	for (i++; i < text.n; i++) {
		if (text.p[i] == '\\' && quote != '`')
			i++;
		else if (text.p[i] == quote)
			return i + 1;
	}
	return text.n + 1;
}

/* Two dashes begin a comment only before a blank: 1--1 is a sum. */
static bool dash_comment(struct strv text, size_t i)
{
	return at(text, i, "--") && (i + 2 == text.n || blank(text.p[i + 2]));
}

/* Past whatever begins at `i`: comment, quoted piece or one character. */
static size_t piece_end(struct strv text, size_t i)
{
	char c = text.p[i];

	if (c == '#' || dash_comment(text, i))
		return line_end(text, i);
	if (at(text, i, "/*"))
		return block_end(text, i);
	if (c == '\'' || c == '"' || c == '`')
		return quote_end(text, i);
	return i + 1;
}

static bool comment_at(struct strv text, size_t i)
{
	return text.p[i] == '#' || dash_comment(text, i) ||
	       (at(text, i, "/*") && !at(text, i, "/*!"));
}

enum split sql_split(struct strv *rest, struct strv *out)
{
	struct strv text = *rest;
	size_t begin = 0, i;

	while (
	    begin < text.n && (blank(text.p[begin]) || text.p[begin] == ';' ||
				  comment_at(text, begin))) {
		size_t end = piece_end(text, begin);

		if (end > text.n) {
			*out = strv_from(text.p + begin, text.n - begin);
			return SPLIT_OPEN;
		}
		begin = end;
	}
	*out = strv_from(text.p + begin, text.n - begin);
	if (begin == text.n)
		return SPLIT_END;
	for (i = begin; i < text.n; i = piece_end(text, i)) {
		if (text.p[i] != ';')
			continue;
		out->n = i - begin;
		*rest = strv_from(text.p + i + 1, text.n - i - 1);
		return SPLIT_STATEMENT;
	}
	return SPLIT_OPEN;
}
