/* SPDX-License-Identifier: Apache-2.0 */
/* Views and bounded text. */
#include "config.h"

#include "base/str.h"
#include "base/bug.h"

#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

bool strv_eq(struct strv a, struct strv b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool strv_eq_nocase(struct strv a, struct strv b)
{
	return a.n == b.n && (a.n == 0 || strncasecmp(a.p, b.p, a.n) == 0);
}

bool strv_starts(struct strv text, struct strv prefix)
{
	return text.n >= prefix.n &&
	       strv_eq(strv_from(text.p, prefix.n), prefix);
}

bool strv_starts_nocase(struct strv text, struct strv prefix)
{
	return text.n >= prefix.n &&
	       strv_eq_nocase(strv_from(text.p, prefix.n), prefix);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

struct strv strv_trim(struct strv text)
{
	while (text.n > 0 && is_blank(text.p[0])) {
		text.p++;
		text.n--;
	}
	while (text.n > 0 && is_blank(text.p[text.n - 1]))
		text.n--;
	return text;
}

struct strv strv_cut(struct strv *rest, char c)
{
	struct strv head = *rest;
	const char *at = rest->n > 0 ? memchr(rest->p, c, rest->n) : NULL;

	if (at == NULL) {
		*rest = (struct strv){NULL, 0};
		return head;
	}
	head.n = (size_t)(at - head.p);
	rest->p = at + 1;
	rest->n -= head.n + 1;
	return head;
}

bool strv_copy(struct strv text, char *out, size_t size)
{
	BUG_ON(size == 0);
	out[0] = '\0';
	if (text.n >= size ||
	    (text.n > 0 && memchr(text.p, '\0', text.n) != NULL))
		return false;
	if (text.n > 0)
		memcpy(out, text.p, text.n);
	out[text.n] = '\0';
	return true;
}

void strv_copy_cut(struct strv text, char *out, size_t size)
{
	size_t n = text.n < size ? text.n : size - 1;

	if (n > 0)
		memcpy(out, text.p, n);
	out[n] = '\0';
}

void strbuf_init(struct strbuf *buf, char *p, size_t size)
{
	BUG_ON(size == 0);
	buf->p = p;
	buf->size = size;
	strbuf_reset(buf);
}

void strbuf_reset(struct strbuf *buf)
{
	buf->n = 0;
	buf->p[0] = '\0';
	buf->overflow = false;
}

void strbuf_put(struct strbuf *buf, struct strv text)
{
	size_t room = buf->size - 1 - buf->n;

	if (text.n > room) {
		buf->overflow = true;
		text.n = room;
	}
	if (text.n > 0)
		memcpy(buf->p + buf->n, text.p, text.n);
	buf->n += text.n;
	buf->p[buf->n] = '\0';
}

void strbuf_puts(struct strbuf *buf, const char *text)
{
	strbuf_put(buf, strv_c(text));
}

void strbuf_putc(struct strbuf *buf, char c)
{
	strbuf_put(buf, strv_from(&c, 1));
}

void strbuf_printf(struct strbuf *buf, const char *fmt, ...)
{
	size_t room = buf->size - buf->n;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf->p + buf->n, room, fmt, ap);
	va_end(ap);
	BUG_ON(n < 0);
	if ((size_t)n >= room) {
		buf->overflow = true;
		n = (int)room - 1;
	}
	buf->n += (size_t)n;
}

void strbuf_put_escaped(struct strbuf *buf, struct strv text)
{
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];

		if (c >= 0x20 && c < 0x7f && c != '\\' && c != '"')
			strbuf_putc(buf, (char)c);
		else
			strbuf_printf(buf, "\\x%02x", c);
	}
}

void strbuf_put_json(struct strbuf *buf, struct strv text)
{
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];

		if (c == '"' || c == '\\')
			strbuf_printf(buf, "\\%c", c);
		else if (c < 0x20 || c > 0x7e)
			strbuf_printf(buf, "\\\\x%02x", c);
		else
			strbuf_putc(buf, (char)c);
	}
}
