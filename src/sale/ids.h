/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Distinct types for what must not be mixed up.  Values, owned by nobody.
 * Any process.
 */
#ifndef SALE_IDS_H
#define SALE_IDS_H

#include "base/attr.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* sales.id in the ledger, S in the gate's {fg:S}.  0 is no sale. */
struct sale_id {
	uint32_t v;
};

/* The 16 bytes that name a claim everywhere: primary key, fence, order. */
#define CLAIM_BYTES 16
struct claim_id {
	uint8_t b[CLAIM_BYTES];
};

static inline bool claim_eq(const struct claim_id *a, const struct claim_id *b)
{
	return memcmp(a->b, b->b, CLAIM_BYTES) == 0;
}

/* All zeros: a claim that could not be read.  No HMAC comes to that. */
static inline bool claim_is_none(const struct claim_id *claim)
{
	static const struct claim_id none;

	return claim_eq(claim, &none);
}

/* The order number: the claim id in Crockford base32, 26 digits. */
#define ORDER_TEXT_LEN 26
void claim_format(const struct claim_id *claim, char out[ORDER_TEXT_LEN + 1]);
bool claim_parse(struct strv text, struct claim_id *out) ATTR_MUSTUSE;

/*
 * Who buys: 1..64 bytes out of [A-Za-z0-9_.@:+-], compared byte by byte (the
 * ledger's column is VARBINARY for the same reason).
 */
#define CUSTOMER_MAX 64
struct customer {
	uint8_t n;
	char text[CUSTOMER_MAX];
};

bool customer_parse(struct strv text, struct customer *out) ATTR_MUSTUSE;

static inline struct strv customer_view(const struct customer *who)
{
	return strv_from(who->text, who->n);
}

static inline bool customer_eq(
    const struct customer *a, const struct customer *b)
{
	return strv_eq(customer_view(a), customer_view(b));
}

/* Minor units (cents), and an ISO 4217 code beside it. */
struct money {
	int64_t minor;
	char currency[4];
};

#endif
