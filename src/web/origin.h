/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Did the shop's own page send this?  For requests that a browser would make
 * for any page that asks it to: with an identity that it adds by itself, or as
 * a plain form.  Worker processes.
 */
#ifndef WEB_ORIGIN_H
#define WEB_ORIGIN_H

#include "web/web.h"

/*
 * False when Sec-Fetch-Site (W3C Fetch Metadata) says that another site did, or
 * when Origin names another host and port than Host.  A client that sends
 * neither is no browser of the last years, and none that could be tricked.
 */
bool origin_is_own(const struct web_request *request) ATTR_MUSTUSE;

#endif
