/* SPDX-License-Identifier: Apache-2.0 */
/* Making a token: flashgatectl and tests.  Workers only verify. */
#include "config.h"

#include "base/num.h"
#include "web/token_alg.h"

#include <inttypes.h>
#include <stdlib.h>

static const struct token_key *signing_key(const struct token_keys *keys)
{
	for (size_t i = 0; i < keys->n; i++)
		if (keys->key[i].alg == TOKEN_HS256)
			return &keys->key[i];
	return NULL;
}

/* As JSON: libjwt's own setter takes a long, which may have 32 bits. */
static bool dates_put(jwt_t *jwt, struct wall now, int64_t ttl_s)
{
	int64_t iat = now.us / US_PER_S, exp;
	char bytes[80];
	struct strbuf json;

	if (!num_add_i64(iat, ttl_s, &exp))
		return false;
	strbuf_init(&json, bytes, sizeof(bytes));
	strbuf_printf(
	    &json, "{\"iat\":%" PRId64 ",\"exp\":%" PRId64 "}", iat, exp);
	return !json.overflow && jwt_add_grants_json(jwt, json.p) == 0;
}

/* A claim that is "" in the settings is not made. */
static bool text_put(jwt_t *jwt, const char *name, const char *value)
{
	return value[0] == '\0' || jwt_add_grant(jwt, name, value) == 0;
}

static bool token_fill(jwt_t *jwt, const struct token_key *key,
    const struct token_keys *keys, const char *customer)
{
	return (key->kid[0] == '\0' ||
		   jwt_add_header(jwt, "kid", key->kid) == 0) &&
	       jwt_set_alg(jwt, token_alg_jwt(key->alg), key->secret,
		   (int)key->secret_len) == 0 &&
	       text_put(jwt, "sub", customer) &&
	       text_put(jwt, "iss", keys->issuer) &&
	       text_put(jwt, "aud", keys->audience);
}

static bool token_out(char *text, char *out, size_t size, struct err *err)
{
	if (text == NULL) {
		err_set(err, 0, "the token could not be made");
		return false;
	}
	if (!strv_copy(strv_c(text), out, size)) {
		err_set(err, 0,
		    "the token has %zu bytes, there is room for %zu",
		    strlen(text), size - 1);
		return false;
	}
	return true;
}

bool token_make(const struct token_keys *keys, struct strv customer,
    struct wall now, int64_t ttl_s, char *out, size_t size, struct err *err)
{
	const struct token_key *key = signing_key(keys);
	char name[CUSTOMER_MAX + 1];
	struct customer who;
	jwt_t *jwt = NULL;
	char *text = NULL;
	bool ok;

	if (key == NULL) {
		err_set(err, 0,
		    "no HS256 key in the settings, so no token can be signed");
		return false;
	}
	if (!customer_parse(customer, &who) ||
	    !strv_copy(customer, name, sizeof(name))) {
		err_set(err, 0,
		    "a customer is 1 to %d of A-Z a-z 0-9 _ . @ : + -",
		    CUSTOMER_MAX);
		return false;
	}
	if (ttl_s <= 0) {
		err_set(err, 0, "a token must live for at least a second");
		return false;
	}
	if (jwt_new(&jwt) == 0 && token_fill(jwt, key, keys, name) &&
	    dates_put(jwt, now, ttl_s))
		text = jwt_encode_str(jwt);
	ok = token_out(text, out, size, err);
	jwt_free(jwt);
	free(text);
	return ok;
}
