/* SPDX-License-Identifier: Apache-2.0 */
/* Idempotency-Key: bare or quoted. */
#include "config.h"

#include "web/key.h"
#include "sale/buy.h"

/* Strips the quotes of an sf-string (RFC 9651 3.3.3): inside, quotes and
 * backslashes come only behind a backslash. */
static bool quotes_strip(struct strv *text)
{
	struct strv inner;

	if (text->n < 2 || text->p[text->n - 1] != '"')
		return false;
	inner = strv_from(text->p + 1, text->n - 2);
	for (size_t i = 0; i < inner.n; i++) {
		if (inner.p[i] == '"')
			return false;
		if (inner.p[i] != '\\')
			continue;
		if (++i == inner.n || (inner.p[i] != '"' && inner.p[i] != '\\'))
			return false;
	}
	*text = inner;
	return true;
}

bool key_parse(struct strv header, struct strv *key)
{
	struct strv text = strv_trim(header);

	*key = (struct strv){NULL, 0};
	if (header.p == NULL)
		return true;
	if (text.n > 0 && text.p[0] == '"' && !quotes_strip(&text))
		return false;
	if (text.n == 0 || text.n > IDEMPOTENCY_KEY_MAX)
		return false;
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] < 0x20 || text.p[i] > 0x7e)
			return false;
	*key = text;
	return true;
}
