/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verifying a token: header, key, signature, claims, in this order.  Nothing
 * in a token chooses how it is verified but its kid, and that only among keys
 * that the settings name.
 */
#include "config.h"

#include "web/token.h"
#include "base/bug.h"
#include "web/base64url.h"
#include "web/token_alg.h"

#include <jansson.h>
#include <openssl/err.h>

/* Header, payload and signature, still encoded. */
struct parts {
	struct strv head;
	struct strv body;
	struct strv sig;
};

static bool fail(struct err *err, const char *why)
{
	err_set(err, 0, "%s", why);
	return false;
}

/* Two dots, three parts, none of them empty. */
static bool parts_split(struct strv token, struct parts *out)
{
	out->head = strv_cut(&token, '.');
	out->body = strv_cut(&token, '.');
	out->sig = strv_cut(&token, '.');
	return token.p == NULL && out->head.n > 0 && out->body.n > 0 &&
	       out->sig.n > 0;
}

/* An object, or NULL: a name that comes twice could mean one thing here and
 * another to whoever signed it. */
static json_t *part_parse(struct strv part)
{
	char bytes[TOKEN_BYTES_MAX];
	struct strbuf buf;
	json_t *json;

	strbuf_init(&buf, bytes, sizeof(bytes));
	if (!base64url_decode(part, &buf) || buf.overflow)
		return NULL;
	json = json_loadb(buf.p, buf.n, JSON_REJECT_DUPLICATES, NULL);
	if (json_is_object(json))
		return json;
	json_decref(json);
	return NULL;
}

/* A string member as a view; absent when it is not there or no string. */
static struct strv member_text(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	return json_is_string(value) ? strv_from(json_string_value(value),
					   json_string_length(value))
				     : (struct strv){NULL, 0};
}

/* ---- the key ---- */

static const struct token_key *key_find(
    const struct token_keys *keys, struct strv kid)
{
	for (size_t i = 0; i < keys->n; i++)
		if (strv_eq(kid, strv_c(keys->key[i].kid)))
			return &keys->key[i];
	return NULL;
}

static bool kid_unknown(struct strv kid, struct err *err)
{
	char bytes[4 * TOKEN_KID_MAX + 1];
	struct strbuf shown;

	strbuf_init(&shown, bytes, sizeof(bytes));
	if (kid.n > TOKEN_KID_MAX)
		kid.n = TOKEN_KID_MAX;
	strbuf_put_escaped(&shown, kid);
	err_set(err, 0, "no key has the kid \"%.100s\"", shown.p);
	return false;
}

static bool header_read(const json_t *header, const struct token_keys *keys,
    const struct token_key **key, struct err *err)
{
	const json_t *kid = json_object_get(header, "kid");
	struct strv kid_text = member_text(header, "kid");

	if (kid != NULL && !json_is_string(kid))
		return fail(err, "the kid is not a string");
	/* RFC 7515 4.1.11: what we do not understand must not be passed over,
	 * and we understand no extension. */
	if (json_object_get(header, "crit") != NULL)
		return fail(err, "it has critical extensions");
	/* "" in our table means "without kid", which a kid of "" is not. */
	if (kid != NULL && kid_text.n == 0)
		return fail(err, "the kid is empty");
	*key = key_find(keys, kid_text);
	if (*key == NULL)
		return kid_unknown(kid_text, err);
	if (!strv_eq(member_text(header, "alg"), token_alg_name((*key)->alg)))
		return fail(err, "its alg is not the one of the key");
	return true;
}

static bool key_choose(struct strv head, const struct token_keys *keys,
    const struct token_key **key, struct err *err)
{
	json_t *header = part_parse(head);
	bool ok;

	if (header == NULL)
		return fail(err, "the header is not base64url of an object");
	ok = header_read(header, keys, key, err);
	json_decref(header);
	return ok;
}

/* ---- the signature ---- */

/*
 * libjwt 1.10 takes a token of any algorithm as good, and calls it "none",
 * when it is given no key: so there must be one, and afterwards the algorithm
 * must be the one that we asked for.  It compares HMACs in constant time
 * (CVE-2024-25189, fixed in 1.10.2-1+deb12u1 and 1.17).
 */
static bool signature_verify(
    struct strv token, const struct token_key *key, struct err *err)
{
	char text[TOKEN_BYTES_MAX + 1];
	jwt_t *jwt = NULL;
	bool ok;

	BUG_ON(key->secret_len == 0);
	if (!strv_copy(token, text, sizeof(text)))
		return fail(err, "it holds a NUL");
	ok = jwt_decode(&jwt, text, key->secret, (int)key->secret_len) == 0 &&
	     jwt_get_alg(jwt) == token_alg_jwt(key->alg);
	jwt_free(jwt);
	/* Other libraries of the process look at this queue. */
	ERR_clear_error();
	return ok || fail(err, "the signature is not the key's");
}

/* ---- the claims ---- */

/* NumericDate (RFC 7519 2) may have a fraction, which is dropped.  False when
 * it is there and is none, or lies beyond what a clock can show. */
static bool date_read(
    const json_t *claims, const char *name, bool *there, int64_t *seconds)
{
	const json_t *value = json_object_get(claims, name);
	const double most = 1e11;

	*there = value != NULL;
	if (value == NULL)
		return true;
	if (!json_is_number(value) || !(json_number_value(value) >= 0) ||
	    json_number_value(value) > most)
		return false;
	*seconds = (int64_t)json_number_value(value);
	return true;
}

static bool dates_judge(const json_t *claims, struct wall now, struct err *err)
{
	int64_t now_s = now.us / US_PER_S, exp = 0, nbf = 0, iat = 0;
	bool has_exp, has_nbf, has_iat;

	if (!date_read(claims, "exp", &has_exp, &exp) ||
	    !date_read(claims, "nbf", &has_nbf, &nbf) ||
	    !date_read(claims, "iat", &has_iat, &iat))
		return fail(err, "exp, nbf or iat is not a time");
	if (!has_exp)
		return fail(err, "it has no exp");
	if (now_s >= exp)
		return fail(err, "it has expired");
	if (has_nbf && nbf > now_s + TOKEN_LEEWAY_S)
		return fail(err, "it is not valid yet (nbf)");
	if (has_iat && iat > now_s + TOKEN_LEEWAY_S)
		return fail(err, "it was issued in the future (iat)");
	return true;
}

/* `aud` is one name or a list of them (RFC 7519 4.1.3). */
static bool audience_has(const json_t *aud, struct strv want)
{
	const json_t *one;
	size_t i;

	if (json_is_string(aud))
		return strv_eq(want, strv_c(json_string_value(aud)));
	json_array_foreach(aud, i,
	    one) if (json_is_string(one) &&
		     strv_eq(want, strv_c(json_string_value(one)))) return true;
	return false;
}

static bool claims_judge(const json_t *claims, const struct token_keys *keys,
    struct wall now, struct err *err)
{
	struct strv issuer = strv_c(keys->issuer);
	struct strv audience = strv_c(keys->audience);

	if (!dates_judge(claims, now, err))
		return false;
	if (issuer.n > 0 && !strv_eq(member_text(claims, "iss"), issuer))
		return fail(err, "it is from another issuer (iss)");
	if (audience.n > 0 &&
	    !audience_has(json_object_get(claims, "aud"), audience))
		return fail(err, "it is for another audience (aud)");
	return true;
}

static bool claims_read(struct strv body, const struct token_keys *keys,
    struct wall now, struct customer *out, struct err *err)
{
	json_t *claims = part_parse(body);
	bool ok;

	if (claims == NULL)
		return fail(err, "the payload is not base64url of an object");
	ok = claims_judge(claims, keys, now, err);
	if (ok && !customer_parse(member_text(claims, "sub"), out))
		ok = fail(err, "its sub is not a customer's name");
	json_decref(claims);
	return ok;
}

bool token_verify(const struct token_keys *keys, struct strv token,
    struct wall now, struct customer *out, struct err *err)
{
	const struct token_key *key;
	struct parts parts;

	if (token.n > TOKEN_BYTES_MAX)
		return fail(err, "it is too long");
	if (!parts_split(token, &parts))
		return fail(err, "it is not three parts with dots between");
	return key_choose(parts.head, keys, &key, err) &&
	       signature_verify(token, key, err) &&
	       claims_read(parts.body, keys, now, out, err);
}
