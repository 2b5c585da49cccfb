/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Foreign bytes are views with a length; our own text is built into a bounded
 * buffer whose overflow is sticky and asked for once, at the end.  Nothing
 * here allocates, nothing truncates in silence.  Any process.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include "base/attr.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* A view: not terminated, may hold NUL, owns nothing.  {NULL, 0} is "absent". */
struct strv {
	const char *p;
	size_t n;
};

#define STRV_FMT      "%.*s"
#define STRV_ARG(v)   (int)(v).n, (v).p
#define STRV(literal) ((struct strv){"" literal, sizeof(literal) - 1})

static inline struct strv strv_from(const char *p, size_t n)
{
	return (struct strv){p, n};
}

static inline struct strv strv_c(const char *text)
{
	return (struct strv){text, text != NULL ? strlen(text) : 0};
}

bool strv_eq(struct strv a, struct strv b);
bool strv_eq_nocase(struct strv a, struct strv b); /* ASCII */
bool strv_starts(struct strv text, struct strv prefix);
bool strv_starts_nocase(struct strv text, struct strv prefix);
/* Blanks and tabs off both ends. */
struct strv strv_trim(struct strv text);
/*
 * Cuts `*rest` at the first `c`: returns what stands before it, leaves what
 * stands behind.  Without a `c` returns all and leaves the absent view.
 */
struct strv strv_cut(struct strv *rest, char c);

/*
 * Copies into `out` with a terminator.  False, and `out` empty, when it does
 * not fit or holds a NUL.
 */
bool strv_copy(struct strv text, char *out, size_t size) ATTR_MUSTUSE;
/* What fits of it, for a person's eyes; a NUL ends it. */
void strv_copy_cut(struct strv text, char *out, size_t size);

/*
 * Text under construction in the caller's buffer, always terminated:
 *
 *	p[0 .. n)   written        p[n] == '\0'        p[n+1 .. size)  free
 */
struct strbuf {
	char *p;
	size_t n;
	size_t size;
	bool overflow; /* something did not fit; what is there is cut */
};

void strbuf_init(struct strbuf *buf, char *p, size_t size);
void strbuf_reset(struct strbuf *buf);
void strbuf_put(struct strbuf *buf, struct strv text);
void strbuf_puts(struct strbuf *buf, const char *text);
void strbuf_putc(struct strbuf *buf, char c);
void strbuf_printf(struct strbuf *buf, const char *fmt, ...) ATTR_PRINTF(2, 3);
/*
 * Foreign bytes for a log line: printable ASCII as it is, everything else,
 * the backslash and the double quote as \xNN.
 */
void strbuf_put_escaped(struct strbuf *buf, struct strv text);
/* The inside of a JSON string: whatever the bytes are, it is a valid one.  What
 * is not printable ASCII stands there as strbuf_put_escaped() writes it. */
void strbuf_put_json(struct strbuf *buf, struct strv text);

static inline struct strv strbuf_view(const struct strbuf *buf)
{
	return (struct strv){buf->p, buf->n};
}

#endif
