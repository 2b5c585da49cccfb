/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes from the network before libfcgi sees it: one request, checked
 * record by record (records.h), under one deadline for all of it.
 *
 * A request that lies there whole and plain, as nginx sends it, stays where it
 * is: a look costs one system call.  Any other is read here, and laid out anew
 * in a file in memory, which libfcgi then reads.  So libfcgi never waits for a
 * peer, and never parses a record that was not checked.  Worker.
 */
#ifndef FCGI_INTAKE_H
#define FCGI_INTAKE_H

#include "base/attr.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct intake; /* one a process */

/* NULL with `err`. */
struct intake *intake_new(size_t params_max_bytes, size_t body_max_bytes,
    struct err *err) ATTR_MUSTUSE;
void intake_free(struct intake **intake);

enum intake_result {
	INTAKE_PLAIN, /* libfcgi reads the connection itself */
	INTAKE_LAID, /* libfcgi reads `laid_fd`, which is the caller's */
	INTAKE_NONE, /* no request, but something that was answered */
	INTAKE_GONE /* none will come: close the connection */
};

struct intake_request {
	int laid_fd;
	bool params_cut; /* there were more than the limit */
	bool unread; /* the peer still sends its body */
	bool alone; /* nothing came behind it: the connection can be kept */
};

/*
 * Waits for the rest of a request at most as long as SO_RCVTIMEO of `fd` says:
 * in all, not for each byte.  `err` when it is GONE.
 */
enum intake_result intake_read(struct intake *intake, int fd,
    struct intake_request *request, struct err *err);

#endif
