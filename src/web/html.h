/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pages of the form twin, for browsers without JavaScript: small, readable
 * by a screen reader, nothing loaded, every byte that is not ours escaped.
 * Inside src/web only, but for html_escape().
 */
#ifndef WEB_HTML_H
#define WEB_HTML_H

#include "web/problem.h"

/* The five characters that mean something to HTML, as references. */
void html_escape(struct strbuf *out, struct strv text);

/* These two write the rest of a reply that was begun. */
void html_problem(struct exchange *x, const struct problem *problem);
void html_moved(struct exchange *x, const char *location);

#endif
