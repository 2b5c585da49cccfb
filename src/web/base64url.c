/* SPDX-License-Identifier: Apache-2.0 */
/* Six bits a character, into bytes. */
#include "config.h"

#include "web/base64url.h"

#include <stdint.h>

static int digit_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '-')
		return 62;
	return c == '_' ? 63 : -1;
}

bool base64url_decode(struct strv text, struct strbuf *out)
{
	uint32_t bits = 0;
	unsigned held = 0;

	if (text.n % 4 == 1)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		int digit = digit_of(text.p[i]);

		if (digit < 0)
			return false;
		bits = bits << 6 | (uint32_t)digit;
		held += 6;
		if (held >= 8) {
			held -= 8;
			strbuf_putc(out, (char)(bits >> held & 0xff));
		}
	}
	return (bits & ((1u << held) - 1)) == 0;
}
