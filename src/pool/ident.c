/* SPDX-License-Identifier: Apache-2.0 */
/* Looking up users and groups, and becoming one. */
#include "config.h"

#include "pool/ident.h"
#include "pool/pool.h"
#include "base/num.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

/* The kernel's "no change" is no one's id. */
#define ID_MAX (UINT32_MAX - 1)

static const struct passwd *passwd_of(const char *user)
{
	uint64_t number;

	if (num_parse_u64(strv_c(user), 0, ID_MAX, &number))
		return getpwuid((uid_t)number);
	return getpwnam(user);
}

bool pool_ident_uid(const char *user, uid_t *uid, struct err *err)
{
	const struct passwd *entry;
	uint64_t number;

	if (num_parse_u64(strv_c(user), 0, ID_MAX, &number)) {
		*uid = (uid_t)number;
		return true;
	}
	entry = getpwnam(user);
	if (entry == NULL) {
		err_set(err, 0, "there is no user %s", user);
		return false;
	}
	*uid = entry->pw_uid;
	return true;
}

bool pool_ident_gid(const char *group, gid_t *gid, struct err *err)
{
	const struct group *entry;
	uint64_t number;

	if (num_parse_u64(strv_c(group), 0, ID_MAX, &number)) {
		*gid = (gid_t)number;
		return true;
	}
	entry = getgrnam(group);
	if (entry == NULL) {
		err_set(err, 0, "there is no group %s", group);
		return false;
	}
	*gid = entry->gr_gid;
	return true;
}

/* The primary group and the supplementary ones, from the user's entry. */
static bool groups_resolve(
    struct ident *ident, const char *user, struct err *err)
{
	const struct passwd *entry = passwd_of(user);
	int n = IDENT_GROUPS_MAX;

	if (entry == NULL) {
		/* A bare number is fine as long as its group is named. */
		ident->groups[0] = ident->gid;
		ident->ngroups = 1;
		if (!ident->group_set)
			err_set(err, 0,
			    "user %s has no entry to take a group from: set "
			    "the group too",
			    user);
		return ident->group_set;
	}
	if (!ident->group_set)
		ident->gid = entry->pw_gid;
	if (getgrouplist(entry->pw_name, ident->gid, ident->groups, &n) < 0) {
		err_set(err, 0, "user %s is in more than %d groups", user,
		    IDENT_GROUPS_MAX);
		return false;
	}
	ident->ngroups = (size_t)n;
	ident->group_set = true;
	return true;
}

bool pool_ident_resolve(
    struct ident *ident, const char *user, const char *group, struct err *err)
{
	*ident = (struct ident){
	    .user_set = user != NULL, .group_set = group != NULL};
	if (group != NULL && !pool_ident_gid(group, &ident->gid, err))
		return false;
	if (user == NULL) {
		ident->groups[0] = ident->gid;
		ident->ngroups = ident->group_set ? 1 : 0;
		return true;
	}
	return pool_ident_uid(user, &ident->uid, err) &&
	       groups_resolve(ident, user, err);
}

bool pool_user_check(const char *user, const char *group, struct err *err)
{
	struct ident ident;

	return pool_ident_resolve(&ident, user, group, err);
}

static bool group_drop(const struct ident *ident, struct err *err)
{
	gid_t real, effective, saved;

	if (setgroups(ident->ngroups, ident->groups) != 0) {
		err_set_errno(err, "setgroups");
		return false;
	}
	if (setresgid(ident->gid, ident->gid, ident->gid) != 0) {
		err_set_errno(err, "setgid %u", (unsigned)ident->gid);
		return false;
	}
	if (getresgid(&real, &effective, &saved) != 0 || real != ident->gid ||
	    effective != ident->gid || saved != ident->gid) {
		err_set(
		    err, 0, "setgid %u had no effect", (unsigned)ident->gid);
		return false;
	}
	return true;
}

static bool user_drop(const struct ident *ident, struct err *err)
{
	uid_t real, effective, saved;

	/* EAGAIN: the user's process limit; going on would be going on as root. */
	if (setresuid(ident->uid, ident->uid, ident->uid) != 0) {
		err_set_errno(err, "setuid %u", (unsigned)ident->uid);
		return false;
	}
	if (getresuid(&real, &effective, &saved) != 0 || real != ident->uid ||
	    effective != ident->uid || saved != ident->uid) {
		err_set(
		    err, 0, "setuid %u had no effect", (unsigned)ident->uid);
		return false;
	}
	/* The proof: there is no way back. */
	if (ident->uid != 0 && setuid(0) == 0) {
		err_set(
		    err, 0, "setuid %u can be undone", (unsigned)ident->uid);
		return false;
	}
	return true;
}

bool pool_ident_drop(const struct ident *ident, struct err *err)
{
	/* Groups first: afterwards the right to change them is gone. */
	if (ident->group_set && !group_drop(ident, err))
		return false;
	return !ident->user_set || user_drop(ident, err);
}
