/* SPDX-License-Identifier: Apache-2.0 */
/* The claim id: one value that is key, fence, and unguessable order number. */
#include "config.h"

#include "sale/buy.h"
#include "base/bug.h"
#include "base/mutant.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

/* Everything variable is preceded by its length: no two inputs share bytes. */
struct claim_id claim_id_make(const struct sale *sale,
    const struct customer *who, struct strv key, size_t attempt)
{
	uint8_t input[16 + CUSTOMER_MAX + IDEMPOTENCY_KEY_MAX];
	uint8_t mac[EVP_MAX_MD_SIZE];
	unsigned mac_n = 0;
	struct claim_id out;
	size_t n = 0;

	BUG_ON(key.n > IDEMPOTENCY_KEY_MAX || attempt >= CLAIM_ATTEMPTS);
	for (int shift = 24; shift >= 0; shift -= 8)
		input[n++] = (uint8_t)(sale->id.v >> shift);
	input[n++] = (uint8_t)attempt;
	input[n++] = who->n;
	memcpy(input + n, who->text, who->n);
	if (!MUTANT(claim_no_customer))
		n += who->n;
	input[n++] = key.p != NULL;
	if (key.n > 0)
		memcpy(input + n, key.p, key.n);
	if (!MUTANT(claim_no_key))
		n += key.n;
	BUG_ON(HMAC(EVP_sha256(), sale->claim_key, SALE_KEY_BYTES, input, n,
		   mac, &mac_n) == NULL);
	BUG_ON(mac_n < CLAIM_BYTES);
	memcpy(out.b, mac, CLAIM_BYTES);
	return out;
}
