/* SPDX-License-Identifier: Apache-2.0 */
/* Foreign bytes, made fit to be shown. */
#include "config.h"

#include "prog/snapshot.h"
#include "web/utf8.h"

#include <string.h>

/* Takes one character off the front; what is none, or may not be shown, becomes
 * U+FFFD. */
static struct strv clean_next(struct strv *text)
{
	struct strv rest = *text, one = STRV("\xef\xbf\xbd");
	uint32_t code;

	if (!utf8_next(&rest, &code))
		rest = strv_from(text->p + 1, text->n - 1);
	else if (utf8_printable(strv_from(text->p, text->n - rest.n)))
		one = strv_from(text->p, text->n - rest.n);
	*text = rest;
	return one;
}

void snapshot_clean(struct strv text, char *out, size_t size)
{
	size_t n = 0;

	while (text.n > 0) {
		struct strv one = clean_next(&text);

		if (n + one.n >= size)
			break;
		memcpy(out + n, one.p, one.n);
		n += one.n;
	}
	out[n] = '\0';
}
