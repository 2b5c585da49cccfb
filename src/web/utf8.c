/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8, one character at a time. */
#include "config.h"

#include "web/utf8.h"

/* By lead byte: how many bytes, which bits are the character's, and from which
 * code on this length is not overlong. */
static const struct lead {
	uint8_t mask;
	uint8_t value;
	uint8_t length;
	uint32_t least;
} leads[] = {
    {0x80, 0x00, 1, 0},
    {0xe0, 0xc0, 2, 0x80},
    {0xf0, 0xe0, 3, 0x800},
    {0xf8, 0xf0, 4, 0x10000},
};

static const struct range {
	uint32_t from;
	uint32_t to;
} unprintable[] = {
    {0x00, 0x1f}, /* C0 */
    {0x7f, 0x9f}, /* DEL, C1 */
    {0x200e, 0x200f}, /* direction marks */
    {0x2028, 0x202e}, /* separators, embeddings and overrides */
    {0x2066, 0x2069}, /* isolates */
    {0xfeff, 0xfeff}, /* byte order mark */
};

static const struct lead *lead_of(uint8_t byte)
{
	for (size_t i = 0; i < ARRAY_LEN(leads); i++)
		if ((byte & leads[i].mask) == leads[i].value)
			return &leads[i];
	return NULL;
}

bool utf8_next(struct strv *rest, uint32_t *code)
{
	const struct lead *lead;
	uint32_t value;

	if (rest->n == 0)
		return false;
	lead = lead_of((uint8_t)rest->p[0]);
	if (lead == NULL || lead->length > rest->n)
		return false;
	value = (uint8_t)rest->p[0] & (uint8_t)~lead->mask;
	for (size_t i = 1; i < lead->length; i++) {
		uint8_t byte = (uint8_t)rest->p[i];

		if ((byte & 0xc0) != 0x80)
			return false;
		value = value << 6 | (byte & 0x3f);
	}
	if (value < lead->least || value > 0x10ffff ||
	    (value >= 0xd800 && value <= 0xdfff))
		return false;
	rest->p += lead->length;
	rest->n -= lead->length;
	*code = value;
	return true;
}

bool utf8_valid(struct strv text)
{
	uint32_t code;

	while (text.n > 0)
		if (!utf8_next(&text, &code))
			return false;
	return true;
}

static bool printable(uint32_t code)
{
	for (size_t i = 0; i < ARRAY_LEN(unprintable); i++)
		if (code >= unprintable[i].from && code <= unprintable[i].to)
			return false;
	return true;
}

bool utf8_printable(struct strv text)
{
	uint32_t code;

	while (text.n > 0)
		if (!utf8_next(&text, &code) || !printable(code))
			return false;
	return true;
}

struct strv utf8_head(struct strv text, size_t max)
{
	if (text.n <= max)
		return text;
	/* A continuation byte behind the cut means that we stand inside. */
	while (max > 0 && ((uint8_t)text.p[max] & 0xc0) == 0x80)
		max--;
	return strv_from(text.p, max);
}
