/* SPDX-License-Identifier: Apache-2.0 */
/* From REMOTE_USER or Authorization to a customer. */
#include "config.h"

#include "web/identity.h"

/* "Bearer <token>", RFC 6750 2.1; false for any other scheme. */
static bool bearer_token(struct strv authorization, struct strv *token)
{
	struct strv rest = strv_trim(authorization);
	struct strv scheme = strv_cut(&rest, ' ');

	if (!strv_eq_nocase(scheme, STRV("Bearer")))
		return false;
	*token = strv_trim(rest);
	return true;
}

enum identity identity_find(const struct web_conf *conf,
    const struct web_request *request, struct wall now, struct customer *who,
    struct err *err)
{
	struct strv token;

	/* A front end that sets the parameter for everybody sends it empty for
	 * those whom it does not know. */
	if (conf->trust_remote_user && request->remote_user.n > 0) {
		if (customer_parse(request->remote_user, who))
			return IDENTITY_REMOTE_USER;
		err_set(err, 0, "REMOTE_USER is not a customer's name");
		return IDENTITY_BAD_REMOTE_USER;
	}
	if (conf->keys == NULL || conf->keys->n == 0 ||
	    !bearer_token(request->authorization, &token))
		return IDENTITY_NONE;
	if (token_verify(conf->keys, token, now, who, err))
		return IDENTITY_TOKEN;
	err_wrap(err, "bearer token");
	return IDENTITY_BAD_TOKEN;
}
