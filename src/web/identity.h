/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who asks.  REMOTE_USER, if the settings trust the web server with it, or a
 * bearer token; of the two the first that was sent, and no falling back when
 * that one is bad.  No other header is an identity.  Worker processes.
 */
#ifndef WEB_IDENTITY_H
#define WEB_IDENTITY_H

#include "web/web.h"

enum identity {
	IDENTITY_NONE, /* nobody said anything that counts */
	IDENTITY_REMOTE_USER, /* the browser sent it by itself: beware of CSRF */
	IDENTITY_TOKEN,
	IDENTITY_BAD_REMOTE_USER,
	IDENTITY_BAD_TOKEN /* `err` says why, for the log */
};

enum identity identity_find(const struct web_conf *conf,
    const struct web_request *request, struct wall now, struct customer *who,
    struct err *err);

#endif
