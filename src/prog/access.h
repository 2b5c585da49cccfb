/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The access log: a line a request, in one write(2), foreign bytes escaped.  A
 * line begins while the request's own bytes are still there and ends when the
 * answer has left, so that its duration is the whole one.  Opened in the
 * master, written by workers; log_reopen() takes its file along.
 */
#ifndef PROG_ACCESS_H
#define PROG_ACCESS_H

#include "base/clock.h"
#include "prog/settings.h"
#include "web/web.h"

struct access;

/* The settings must outlive it.  NULL with `err`; also NULL, with no text in
 * `err`, when there is to be no access log. */
struct access *access_new(
    const struct settings *settings, struct err *err) ATTR_MUSTUSE;
void access_free(struct access **access);

/* What a line can tell.  Views may die after access_begin(). */
struct access_facts {
	const struct web_request *request;
	const struct web_outcome *outcome;
	/* A FastCGI parameter; absent: {NULL, 0}. */
	struct strv (*param)(const void *ctx, const char *name);
	const void *ctx;
	struct wall received;
	int64_t queue_ns, claim_ns, insert_ns; /* -1: not known, not called */
	size_t sent;
	long master;
};

void access_begin(struct access *access, const struct access_facts *facts);
/* Writes what begin() left, if it left anything. */
void access_end(struct access *access, int64_t duration_ns);

#endif
