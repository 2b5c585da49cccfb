/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys of tokens, judged once at set-up: a key that is weak, of another kind
 * than its algorithm wants, or private where a public one belongs never gets
 * as far as a token.
 */
#include "config.h"

#include "web/token.h"
#include "web/token_alg.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#define RSA_BITS_MIN 2048

/* RFC 7518 3.2: at least as long as the hash. */
static bool secret_judge(struct strv secret, struct err *err)
{
	if (secret.n >= TOKEN_SECRET_MIN)
		return true;
	err_set(err, 0,
	    "the HS256 secret has %zu bytes, at least %d are needed "
	    "(head -c 32 /dev/urandom | base64)",
	    secret.n, TOKEN_SECRET_MIN);
	return false;
}

static EVP_PKEY *public_key_read(struct strv pem)
{
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	EVP_PKEY *key = NULL;

	if (bio != NULL)
		key = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
	BIO_free(bio);
	/* Other libraries of the process look at this queue. */
	ERR_clear_error();
	return key;
}

static bool rsa_judge(const EVP_PKEY *key, struct err *err)
{
	if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA)
		err_set(err, 0, "RS256 needs an RSA key");
	else if (EVP_PKEY_get_bits(key) < RSA_BITS_MIN)
		err_set(err, 0,
		    "the RSA key has %d bits, at least %d are needed",
		    EVP_PKEY_get_bits(key), RSA_BITS_MIN);
	else
		return true;
	return false;
}

static bool p256_judge(const EVP_PKEY *key, struct err *err)
{
	char group[32] = "";

	if (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
	    EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) == 1 &&
	    strcmp(group, "prime256v1") == 0)
		return true;
	err_set(err, 0, "ES256 needs an EC key on P-256");
	return false;
}

static bool pem_judge(enum token_alg alg, struct strv pem, struct err *err)
{
	EVP_PKEY *key = public_key_read(pem);
	bool ok;

	if (key == NULL) {
		err_set(err, 0,
		    "no PEM public key (\"BEGIN PUBLIC KEY\"); of a private "
		    "key: openssl pkey -pubout");
		return false;
	}
	ok = alg == TOKEN_RS256 ? rsa_judge(key, err) : p256_judge(key, err);
	EVP_PKEY_free(key);
	return ok;
}

static bool kid_copy(struct strv kid, struct token_key *key)
{
	for (size_t i = 0; i < kid.n; i++)
		if (kid.p[i] <= 0x20 || kid.p[i] > 0x7e)
			return false;
	return strv_copy(kid, key->kid, sizeof(key->kid));
}

/* Editors end a file with a newline; it is no part of the secret. */
static struct strv without_newline(struct strv secret)
{
	if (secret.n > 0 && secret.p[secret.n - 1] == '\n')
		secret.n--;
	if (secret.n > 0 && secret.p[secret.n - 1] == '\r')
		secret.n--;
	return secret;
}

bool token_key_set(struct token_key *key, struct strv kid, struct strv alg,
    struct strv secret, struct err *err)
{
	memset(key, 0, sizeof(*key));
	if (!kid_copy(kid, key)) {
		err_set(err, 0,
		    "the key id must be at most %d visible ASCII characters",
		    TOKEN_KID_MAX);
		return false;
	}
	if (!token_alg_parse(alg, &key->alg)) {
		err_set(err, 0, "the algorithm must be HS256, RS256 or ES256");
		return false;
	}
	if (key->alg == TOKEN_HS256)
		secret = without_newline(secret);
	if (secret.n > TOKEN_SECRET_MAX) {
		err_set(err, 0, "the key has %zu bytes, %d are the most",
		    secret.n, TOKEN_SECRET_MAX);
		return false;
	}
	if (key->alg == TOKEN_HS256 ? !secret_judge(secret, err)
				    : !pem_judge(key->alg, secret, err))
		return false;
	memcpy(key->secret, secret.p, secret.n);
	key->secret_len = secret.n;
	return true;
}
