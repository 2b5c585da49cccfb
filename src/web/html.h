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

/* Does a client that sends this Accept want a page?  It names text/html and no
 * JSON: browsers do, programs that want neither get JSON. */
bool html_is_wanted(struct strv accept) ATTR_MUSTUSE;

/* These write the rest of a reply that was begun. */
void html_problem(struct exchange *x, const struct problem *problem);
void html_moved(struct exchange *x, const char *location);
/* `refresh_s` above 0: it is not decided yet, and looks again after that. */
void html_order(struct exchange *x, const struct order *order,
    const struct sale *sale, int refresh_s);

#endif
