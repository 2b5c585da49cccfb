/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Users and groups, by name or by number.  The master looks up, once, at start:
 * a name service may be slow or gone later, and a child after chroot or without
 * privileges may not reach it at all.  The child only applies.
 */
#ifndef POOL_IDENT_H
#define POOL_IDENT_H

#include "base/attr.h"
#include "base/err.h"

#include <stdbool.h>
#include <sys/types.h>

#define IDENT_GROUPS_MAX 128

struct ident {
	bool user_set, group_set; /* otherwise nothing is changed */
	uid_t uid;
	gid_t gid;
	gid_t groups[IDENT_GROUPS_MAX]; /* supplementary */
	size_t ngroups;
};

/* One name or number. */
bool pool_ident_uid(const char *user, uid_t *uid, struct err *err) ATTR_MUSTUSE;
bool pool_ident_gid(
    const char *group, gid_t *gid, struct err *err) ATTR_MUSTUSE;

/*
 * What a child becomes: `user` with all its groups, or with `group` in place of
 * its primary one.  Either may be NULL.
 */
bool pool_ident_resolve(struct ident *ident, const char *user,
    const char *group, struct err *err) ATTR_MUSTUSE;

/* Child: for good, and checked. */
bool pool_ident_drop(const struct ident *ident, struct err *err) ATTR_MUSTUSE;

#endif
