/* SPDX-License-Identifier: Apache-2.0 */
/* Names of the algorithms, and libjwt's numbers for them.  Inside src/web
 * only. */
#ifndef WEB_TOKEN_ALG_H
#define WEB_TOKEN_ALG_H

#include "web/token.h"

#include <jwt.h>

/* As RFC 7518 spells them; letters of the wrong case are no algorithm. */
bool token_alg_parse(struct strv name, enum token_alg *out) ATTR_MUSTUSE;
struct strv token_alg_name(enum token_alg alg);
jwt_alg_t token_alg_jwt(enum token_alg alg);

#endif
