/* SPDX-License-Identifier: Apache-2.0 */
/* Hexadecimal and Crockford's base32 (https://www.crockford.com/base32.html). */
#include "config.h"

#include "base/encode.h"

static const char base32_digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/* 0..31, or -1. */
static int base32_value(char c)
{
	const char *at;

	if (c >= 'a' && c <= 'z')
		c = (char)(c - 'a' + 'A');
	if (c == 'I' || c == 'L')
		return 1;
	if (c == 'O')
		return 0;
	at = c != '\0' ? strchr(base32_digits, c) : NULL;
	return at != NULL ? (int)(at - base32_digits) : -1;
}

/* The five bits of digit `i`, counted from the most significant of 130. */
void base32_encode16(const uint8_t in[16], char out[BASE32_16_LEN + 1])
{
	for (int i = 0; i < BASE32_16_LEN; i++) {
		unsigned value = 0;

		for (int b = 0; b < 5; b++) {
			int bit = i * 5 + b - 2; /* two bits of padding */

			value <<= 1;
			if (bit >= 0)
				value |=
				    (unsigned)in[bit / 8] >> (7 - bit % 8) & 1u;
		}
		out[i] = base32_digits[value];
	}
	out[BASE32_16_LEN] = '\0';
}

bool base32_decode16(struct strv text, uint8_t out[16])
{
	uint8_t bytes[16] = {0};

	if (text.n != BASE32_16_LEN)
		return false;
	for (int i = 0; i < BASE32_16_LEN; i++) {
		int value = base32_value(text.p[i]);

		if (value < 0 || (i == 0 && value > 7))
			return false;
		for (int b = 0; b < 5; b++) {
			int bit = i * 5 + b - 2;

			if (bit >= 0 && ((value >> (4 - b)) & 1) != 0)
				bytes[bit / 8] |=
				    (uint8_t)(1u << (7 - bit % 8));
		}
	}
	memcpy(out, bytes, sizeof(bytes));
	return true;
}

void hex_encode(const uint8_t *in, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[in[i] >> 4];
		out[2 * i + 1] = digits[in[i] & 15];
	}
	out[2 * n] = '\0';
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool hex_decode(struct strv text, uint8_t *out, size_t n)
{
	if (text.n != 2 * n)
		return false;
	for (size_t i = 0; i < n; i++) {
		int hi = hex_value(text.p[2 * i]);
		int lo = hex_value(text.p[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return false;
		out[i] = (uint8_t)(hi << 4 | lo);
	}
	return true;
}
