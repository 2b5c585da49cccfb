/* SPDX-License-Identifier: Apache-2.0 */
/* Tags from SHA-256, and the list of If-None-Match. */
#include "config.h"

#include "web/etag.h"
#include "base/encode.h"

#include <openssl/evp.h>
#include <stdlib.h>

#define ETAG_BYTES 8

bool etag_make(const json_t *content, char out[ETAG_MAX])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	char hex[2 * ETAG_BYTES + 1];
	char *text = json_dumps(content, JSON_COMPACT);
	struct strbuf tag;
	bool ok = text != NULL && EVP_Digest(text, strlen(text), digest, NULL,
				      EVP_sha256(), NULL) == 1;

	free(text);
	if (!ok)
		return false;
	hex_encode(digest, ETAG_BYTES, hex);
	strbuf_init(&tag, out, ETAG_MAX);
	strbuf_printf(&tag, "W/\"%s\"", hex);
	return !tag.overflow;
}

/* The part between the quotes, which is all that a weak comparison sees. */
static struct strv opaque_of(struct strv tag)
{
	if (strv_starts(tag, STRV("W/")))
		tag = strv_from(tag.p + 2, tag.n - 2);
	return tag;
}

bool etag_matches(struct strv if_none_match, const char *tag)
{
	struct strv rest = strv_trim(if_none_match);
	struct strv own = opaque_of(strv_c(tag));

	if (strv_eq(rest, STRV("*")))
		return true;
	/* Our tags hold no comma; one of somebody else's that does is cut in
	 * two, and neither half is ours. */
	while (rest.n > 0)
		if (strv_eq(opaque_of(strv_trim(strv_cut(&rest, ','))), own))
			return true;
	return false;
}
