/* SPDX-License-Identifier: Apache-2.0 */
/* Pairs of a form. */
#include "config.h"

#include "web/form.h"
#include "web/uri.h"
#include "web/utf8.h"

static bool text_decode(struct strv raw, char *bytes, struct strv *out)
{
	struct strbuf buf;

	strbuf_init(&buf, bytes, FORM_TEXT_MAX);
	if (!uri_decode(raw, true, &buf) || buf.overflow)
		return false;
	*out = strbuf_view(&buf);
	return utf8_valid(*out);
}

enum form_step form_next(struct strv *rest, struct form_pair *out)
{
	while (rest->n > 0) {
		struct strv pair = strv_cut(rest, '&');
		struct strv name;

		if (pair.n == 0)
			continue;
		name = strv_cut(&pair, '=');
		if (!text_decode(name, out->name_bytes, &out->name) ||
		    !text_decode(pair, out->value_bytes, &out->value))
			return FORM_BAD;
		return FORM_PAIR;
	}
	return FORM_END;
}
