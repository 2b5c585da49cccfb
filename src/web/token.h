/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bearer tokens (JWT, RFC 7519 with the advice of RFC 8725): the algorithm is a
 * property of the key, never of the token.  Worker and operator processes.
 */
#ifndef WEB_TOKEN_H
#define WEB_TOKEN_H

#include "base/attr.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "sale/ids.h"

#include <stdbool.h>
#include <stddef.h>

#define TOKEN_KEYS_MAX   4
#define TOKEN_KID_MAX    63
#define TOKEN_SECRET_MIN 32 /* bytes, RFC 7518 3.2 for HS256 */
#define TOKEN_SECRET_MAX 4096
#define TOKEN_BYTES_MAX  4096
#define TOKEN_LEEWAY_S   60

enum token_alg {
	TOKEN_HS256,
	TOKEN_RS256,
	TOKEN_ES256
};

struct token_key {
	char kid[TOKEN_KID_MAX + 1]; /* "": the key for tokens without kid */
	enum token_alg alg;
	unsigned char secret[TOKEN_SECRET_MAX]; /* or a PEM public key */
	size_t secret_len;
};

struct token_keys {
	struct token_key key[TOKEN_KEYS_MAX];
	size_t n;
	char issuer[128]; /* "": any */
	char audience[128]; /* "": any; a token's `aud` may be a list */
};

/*
 * Reads the key from a file's bytes: "kid:alg:" in front is split off by the
 * caller.  HS256 secrets are used as they are, without a trailing newline.
 */
bool token_key_set(struct token_key *key, struct strv kid, struct strv alg,
    struct strv secret, struct err *err) ATTR_MUSTUSE;

/*
 * Who sent it: checks key, signature, `exp` (required), `nbf`, `iss`, `aud`,
 * and takes `sub` as the customer.  False with a reason fit for a log, not for
 * the sender.
 */
bool token_verify(const struct token_keys *keys, struct strv token,
    struct wall now, struct customer *out, struct err *err) ATTR_MUSTUSE;

/* A token for a customer, signed with the first HS256 key; `out` has room for
 * TOKEN_BYTES_MAX. */
bool token_make(const struct token_keys *keys, struct strv customer,
    struct wall now, int64_t ttl_s, char *out, size_t size,
    struct err *err) ATTR_MUSTUSE;

#endif
