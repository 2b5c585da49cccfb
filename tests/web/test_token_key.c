/* SPDX-License-Identifier: Apache-2.0 */
/* web: keys of tokens: which are taken, and what they verify. */
#include "config.h"

#include "world.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>

/* The moment of the checks, and of "exp":2000000600. */
#define NOW_S INT64_C(2000000000)

static const struct wall now = {NOW_S * US_PER_S};

static struct token_keys *keys_new(void)
{
	struct token_keys *keys = calloc(1, sizeof(*keys));
	struct err err = ERR_INIT;

	ck_assert_ptr_nonnull(keys);
	ck_assert(token_key_set(&keys->key[0], STRV("k1"), STRV("HS256"),
	    STRV(WORLD_SECRET), &err));
	ck_assert(token_key_set(&keys->key[1], STRV("k2"), STRV("HS256"),
	    STRV(WORLD_SECRET2), &err));
	keys->n = 2;
	strcpy(keys->issuer, "shop");
	strcpy(keys->audience, "sale");
	return keys;
}

#define HEAD   "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"k1\"}"
#define CLAIMS "\"sub\":\"ann\",\"iss\":\"shop\",\"aud\":\"sale\""
#define EXP    "\"exp\":2000000600"
#define GOOD   "{" CLAIMS "," EXP "}"

static void pem_of(EVP_PKEY *key, char *out, size_t size)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int n;

	ck_assert_int_eq(PEM_write_bio_PUBKEY(bio, key), 1);
	n = BIO_read(bio, out, (int)size - 1);
	ck_assert_int_gt(n, 0);
	out[n] = '\0';
	BIO_free(bio);
}

static void private_pem_of(EVP_PKEY *key, char *out, size_t size)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int n;

	ck_assert_int_eq(
	    PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
	n = BIO_read(bio, out, (int)size - 1);
	ck_assert_int_gt(n, 0);
	out[n] = '\0';
	BIO_free(bio);
}

static const struct {
	const char *kid, *alg, *secret;
	const char *why; /* "" when it is taken */
} bad_keys[] = {
    {"k", "HS256", "0123456789abcdef0123456789abcdef", ""},
    {"k", "HS256", "0123456789abcdef0123456789abcdef\n", ""},
    {"k", "HS256", "0123456789abcdef0123456789abcde", "31 bytes"},
    {"k", "HS256", "0123456789abcdef0123456789abcde\n", "31 bytes"},
    {"k", "HS256", "0123456789abcdef0123456789abcd\r\n", "30 bytes"},
    {"k", "HS256", "", "0 bytes"},
    {"k", "none", WORLD_SECRET, "HS256, RS256 or ES256"},
    {"k", "", WORLD_SECRET, "HS256, RS256 or ES256"},
    {"k", "HS512", WORLD_SECRET, "HS256, RS256 or ES256"},
    {"k", "hs256", WORLD_SECRET, "HS256, RS256 or ES256"},
    {"a b", "HS256", WORLD_SECRET, "key id"},
    {"a\n", "HS256", WORLD_SECRET, "key id"},
    {"0123456789012345678901234567890123456789012345678901234567890123",
	"HS256", WORLD_SECRET, "key id"},
    {"k", "RS256", "0123456789abcdef0123456789abcdef", "PEM"},
    {"k", "ES256", "", "PEM"},
    {"k", "ES256", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
	"PEM"},
};

START_TEST(test_key_set)
{
	struct token_key key;
	struct err err = ERR_INIT;
	bool ok = token_key_set(&key, strv_c(bad_keys[_i].kid),
	    strv_c(bad_keys[_i].alg), strv_c(bad_keys[_i].secret), &err);

	ck_assert_int_eq(ok, bad_keys[_i].why[0] == '\0');
	if (ok)
		ck_assert_uint_eq(key.secret_len, 32);
	else
		ck_assert_ptr_nonnull(strstr(err.text, bad_keys[_i].why));
}
END_TEST

START_TEST(test_key_too_large)
{
	static char large[TOKEN_SECRET_MAX + 1];
	struct token_key key;
	struct err err = ERR_INIT;

	memset(large, 'x', sizeof(large));
	ck_assert(token_key_set(&key, STRV("k"), STRV("HS256"),
	    strv_from(large, TOKEN_SECRET_MAX), &err));
	ck_assert(!token_key_set(&key, STRV("k"), STRV("HS256"),
	    strv_from(large, sizeof(large)), &err));
}
END_TEST

/* The signature as JWS wants it: r and s side by side, 32 bytes each. */
static size_t raw_of_der(unsigned char *sig, size_t n)
{
	const unsigned char *at = sig;
	ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &at, (long)n);

	ck_assert_ptr_nonnull(pair);
	ck_assert_int_eq(BN_bn2binpad(ECDSA_SIG_get0_r(pair), sig, 32), 32);
	ck_assert_int_eq(
	    BN_bn2binpad(ECDSA_SIG_get0_s(pair), sig + 32, 32), 32);
	ECDSA_SIG_free(pair);
	return 64;
}

static const char *signed_token(
    const char *head, const char *body, EVP_PKEY *key)
{
	static char token[4096];
	unsigned char sig[512];
	size_t n = sizeof(sig);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	struct strbuf out;

	strbuf_init(&out, token, sizeof(token));
	strbuf_puts(&out, world_base64url(head, strlen(head)));
	strbuf_putc(&out, '.');
	strbuf_puts(&out, world_base64url(body, strlen(body)));
	ck_assert_int_eq(
	    EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key), 1);
	ck_assert_int_eq(
	    EVP_DigestSign(ctx, sig, &n, (const unsigned char *)out.p, out.n),
	    1);
	EVP_MD_CTX_free(ctx);
	if (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC)
		n = raw_of_der(sig, n);
	strbuf_putc(&out, '.');
	strbuf_puts(&out, world_base64url(sig, n));
	ck_assert(!out.overflow);
	return token;
}

static const struct {
	const char *alg;
	const char *type, *curve;
	size_t bits;
} pairs[] = {{"RS256", "RSA", NULL, 2048}, {"ES256", "EC", "P-256", 0}};

static EVP_PKEY *pair_new(const char *type, const char *curve, size_t bits)
{
	EVP_PKEY *key = curve != NULL
			    ? EVP_PKEY_Q_keygen(NULL, NULL, type, curve)
			    : EVP_PKEY_Q_keygen(NULL, NULL, type, bits);

	ck_assert_ptr_nonnull(key);
	return key;
}

/*
 * Public keys: the right signature passes, another key's does not, and the
 * public key's own text as an HMAC secret (the confusion of RFC 8725 2.1) does
 * not either.
 */
START_TEST(test_public_key)
{
	EVP_PKEY *key =
	    pair_new(pairs[_i].type, pairs[_i].curve, pairs[_i].bits);
	EVP_PKEY *other =
	    pair_new(pairs[_i].type, pairs[_i].curve, pairs[_i].bits);
	struct token_keys *keys = keys_new();
	char pem[2048], private_pem[4096], head[80];
	struct customer who;
	struct err err = ERR_INIT;

	pem_of(key, pem, sizeof(pem));
	private_pem_of(key, private_pem, sizeof(private_pem));
	snprintf(head, sizeof(head), "{\"alg\":\"%s\",\"kid\":\"k1\"}",
	    pairs[_i].alg);
	ck_assert(!token_key_set(&keys->key[0], STRV("k1"),
	    strv_c(pairs[_i].alg), strv_c(private_pem), &err));
	ck_assert_ptr_nonnull(strstr(err.text, "public"));
	ck_assert(!token_key_set(&keys->key[0], STRV("k1"),
	    _i == 0 ? STRV("ES256") : STRV("RS256"), strv_c(pem), &err));
	ck_assert_msg(token_key_set(&keys->key[0], STRV("k1"),
			  strv_c(pairs[_i].alg), strv_c(pem), &err),
	    "%s", err.text);
	ck_assert_msg(token_verify(keys, strv_c(signed_token(head, GOOD, key)),
			  now, &who, &err),
	    "%s", err.text);
	ck_assert(strv_eq(customer_view(&who), STRV("ann")));
	ck_assert(!token_verify(
	    keys, strv_c(signed_token(head, GOOD, other)), now, &who, &err));
	ck_assert(!token_verify(
	    keys, strv_c(world_token(head, GOOD, pem)), now, &who, &err));
	ck_assert(!token_verify(
	    keys, strv_c(world_token(HEAD, GOOD, pem)), now, &who, &err));
	ck_assert_ptr_nonnull(strstr(err.text, "alg"));
	/* A token for a customer is made with the other, the HS256 key. */
	ck_assert(
	    token_make(keys, STRV("ann"), now, 60, pem, sizeof(pem), &err));
	ck_assert(token_verify(keys, strv_c(pem), now, &who, &err));
	EVP_PKEY_free(key);
	EVP_PKEY_free(other);
	free(keys);
}
END_TEST

START_TEST(test_weak_public_keys)
{
	static const struct {
		const char *alg, *type, *curve;
		size_t bits;
		const char *why;
	} weak[] = {{"RS256", "RSA", NULL, 1024, "1024 bits"},
	    {"ES256", "EC", "P-384", 0, "P-256"},
	    {"ES256", "EC", "secp256k1", 0, "P-256"}};
	char pem[2048];
	struct token_key key;
	struct err err = ERR_INIT;

	for (size_t i = 0; i < ARRAY_LEN(weak); i++) {
		EVP_PKEY *pair =
		    pair_new(weak[i].type, weak[i].curve, weak[i].bits);

		pem_of(pair, pem, sizeof(pem));
		ck_assert(!token_key_set(
		    &key, STRV("k"), strv_c(weak[i].alg), strv_c(pem), &err));
		ck_assert_ptr_nonnull(strstr(err.text, weak[i].why));
		EVP_PKEY_free(pair);
	}
}
END_TEST

TESTS_MAIN("web_token_key",
    UNIT_TABLE("set-up", test_key_set, ARRAY_LEN(bad_keys)),
    UNIT("too large", test_key_too_large),
    ((struct unit_case){.name = "public key",
	.test = test_public_key,
	.timeout_s = 60,
	.loops = ARRAY_LEN(pairs)}),
    UNIT_SLOW("weak public keys", test_weak_public_keys, 60))
