/* SPDX-License-Identifier: Apache-2.0 */
/* The algorithms, one table.  "none" is not among them. */
#include "config.h"

#include "web/token_alg.h"

static const struct row {
	struct strv name;
	jwt_alg_t jwt;
} rows[] = {
    [TOKEN_HS256] = {{"HS256", 5}, JWT_ALG_HS256},
    [TOKEN_RS256] = {{"RS256", 5}, JWT_ALG_RS256},
    [TOKEN_ES256] = {{"ES256", 5}, JWT_ALG_ES256},
};

bool token_alg_parse(struct strv name, enum token_alg *out)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (!strv_eq(name, rows[i].name))
			continue;
		*out = (enum token_alg)i;
		return true;
	}
	return false;
}

struct strv token_alg_name(enum token_alg alg)
{
	return rows[alg].name;
}

jwt_alg_t token_alg_jwt(enum token_alg alg)
{
	return rows[alg].jwt;
}
