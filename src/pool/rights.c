/* SPDX-License-Identifier: Apache-2.0 */
/* Nice value, limits, core dumps, environment. */
#include "config.h"

#include "pool/rights.h"
#include "base/bug.h"
#include "base/str.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* Only root may raise the hard limit, and lowering it helps nobody. */
static void limit_put(struct rlimit *limit, int64_t value)
{
	limit->rlim_cur = (rlim_t)value;
	if (limit->rlim_max < limit->rlim_cur)
		limit->rlim_max = limit->rlim_cur;
}

static bool files_limit(int64_t value, struct err *err)
{
	struct rlimit limit;

	if (value < 0)
		return true;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit_put(&limit, value);
		if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
			return true;
	}
	err_set_errno(
	    err, "rlimit_files = %lld (see ulimit -Hn)", (long long)value);
	return false;
}

static bool core_limit(int64_t value, struct err *err)
{
	struct rlimit limit;

	if (value < 0)
		return true;
	if (getrlimit(RLIMIT_CORE, &limit) == 0) {
		limit_put(&limit, value);
		if (setrlimit(RLIMIT_CORE, &limit) == 0)
			return true;
	}
	err_set_errno(
	    err, "rlimit_core = %lld (see ulimit -Hc)", (long long)value);
	return false;
}

bool pool_rights_before(const struct pool_rights *rights, struct err *err)
{
	if (rights == NULL)
		return true;
	if (rights->priority != 0 &&
	    setpriority(PRIO_PROCESS, 0, rights->priority) != 0) {
		err_set_errno(err, "process.priority = %d", rights->priority);
		return false;
	}
	return files_limit(rights->rlimit_files, err) &&
	       core_limit(rights->rlimit_core, err);
}

/* ---- the environment ----------------------------------------------------- */

/* Kept: what finds programs, and libfcgi's time-outs. */
static const struct strv kept[] = {{"PATH=", 5}, {"LIBFCGI_", 8}};
/* The master's talk with systemd: a child that spoke there would be believed
 * where NotifyAccess=all is set. */
static const struct strv masters[] = {{"NOTIFY_SOCKET=", 14}, {"WATCHDOG_", 9},
    {"LISTEN_PID=", 11}, {"LISTEN_FDS=", 11}, {"LISTEN_FDNAMES=", 15}};

static bool any_starts(const struct strv *prefixes, size_t n, const char *entry)
{
	for (size_t i = 0; i < n; i++)
		if (strv_starts(strv_c(entry), prefixes[i]))
			return true;
	return false;
}

/* In place: the entries are not ours to free, and there are fewer than before. */
static void environment_clear(bool all)
{
	size_t n = 0;

	if (environ == NULL)
		return;
	for (size_t i = 0; environ[i] != NULL; i++) {
		bool keep =
		    all ? any_starts(kept, ARRAY_LEN(kept), environ[i])
			: !any_starts(masters, ARRAY_LEN(masters), environ[i]);

		if (keep)
			environ[n++] = environ[i];
	}
	environ[n] = NULL;
}

bool pool_rights_after(const struct pool_rights *rights, struct err *err)
{
	if (rights == NULL)
		return true;
	environment_clear(rights->clear_env);
	/* The change of user has just reset it to /proc/sys/fs/suid_dumpable. */
	if (prctl(PR_SET_DUMPABLE, rights->dumpable ? 1 : 0) == 0)
		return true;
	err_set_errno(err, "process.dumpable");
	return false;
}
