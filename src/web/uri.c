/* SPDX-License-Identifier: Apache-2.0 */
/* The path of a request, from the raw request target. */
#include "config.h"

#include "web/uri.h"
#include "web/utf8.h"

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The byte of "XX" at the front of `text`; 0 (which nobody may send) for no
 * such thing. */
static char escape_value(struct strv text)
{
	int high = -1, low = -1;

	if (text.n >= 2) {
		high = hex_digit(text.p[0]);
		low = hex_digit(text.p[1]);
	}
	if (high < 0 || low < 0)
		return '\0';
	return (char)(high << 4 | low);
}

bool uri_decode(struct strv text, bool plus, struct strbuf *out)
{
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (c == '%') {
			c = escape_value(
			    strv_from(text.p + i + 1, text.n - i - 1));
			i += 2;
		} else if (plus && c == '+') {
			c = ' ';
		}
		if (c == '\0')
			return false;
		strbuf_putc(out, c);
	}
	return true;
}

/* No control character and no blank may stand in a request target. */
static bool target_clean(struct strv uri)
{
	for (size_t i = 0; i < uri.n; i++) {
		unsigned char c = (unsigned char)uri.p[i];

		if (c <= 0x20 || c == 0x7f || c == '#')
			return false;
	}
	return true;
}

/* Cuts "http://host" off an absolute-form target. */
static struct strv without_authority(struct strv uri)
{
	static const struct strv schemes[] = {
	    {"http://", 7},
	    {"https://", 8},
	};

	for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
		const char *slash;

		if (!strv_starts_nocase(uri, schemes[i]))
			continue;
		uri.p += schemes[i].n;
		uri.n -= schemes[i].n;
		slash = memchr(uri.p, '/', uri.n);
		if (slash == NULL)
			return STRV("/");
		uri.n -= (size_t)(slash - uri.p);
		uri.p = slash;
		return uri;
	}
	return uri;
}

bool uri_parse(struct strv uri, struct uri_path *out)
{
	struct strbuf bytes;
	struct strv rest, path;
	bool deep = false;

	out->n = 0;
	strbuf_init(&bytes, out->bytes, sizeof(out->bytes));
	if (!target_clean(uri))
		return false;
	rest = uri;
	path = without_authority(strv_cut(&rest, '?'));
	if (path.n == 0 || path.p[0] != '/')
		return false;
	rest = strv_from(path.p + 1, path.n - 1);
	/* To the end even when it is too deep: what is malformed must be told
	 * so, wherever it stands. */
	while (rest.p != NULL) {
		struct strv raw = strv_cut(&rest, '/');
		size_t from = bytes.n;
		struct strv segment;

		if (!uri_decode(raw, false, &bytes))
			return false;
		segment = strv_from(bytes.p + from, bytes.n - from);
		if (!bytes.overflow && !utf8_valid(segment))
			return false;
		if (out->n < URI_SEGMENTS_MAX)
			out->segment[out->n++] = segment;
		else
			deep = true;
	}
	if (deep || bytes.overflow)
		out->n = 0;
	return true;
}
