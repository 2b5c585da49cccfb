/* SPDX-License-Identifier: Apache-2.0 */
/* Ids and names: text to value and back. */
#include "config.h"

#include "sale/ids.h"
#include "base/encode.h"

void claim_format(const struct claim_id *claim, char out[ORDER_TEXT_LEN + 1])
{
	_Static_assert(ORDER_TEXT_LEN == BASE32_16_LEN, "one text form");
	base32_encode16(claim->b, out);
}

bool claim_parse(struct strv text, struct claim_id *out)
{
	return base32_decode16(text, out->b);
}

static bool customer_char(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("_.@:+-", c) != NULL);
}

bool customer_parse(struct strv text, struct customer *out)
{
	if (text.n == 0 || text.n > CUSTOMER_MAX)
		return false;
	for (size_t i = 0; i < text.n; i++)
		if (!customer_char(text.p[i]))
			return false;
	memset(out, 0, sizeof(*out));
	memcpy(out->text, text.p, text.n);
	out->n = (uint8_t)text.n;
	return true;
}
