/* SPDX-License-Identifier: Apache-2.0 */
/* flashgatectl schema: numbered, additive files, each of them repeatable. */
#include "config.h"

#include "prog/ctl.h"
#include "base/clock.h"

#include <glob.h>
#include <string.h>
#include <sysexits.h>

#define CHECK_DEADLINE_MS 10000

static int files_apply(struct ctl *ctl, const glob_t *files)
{
	struct err err = ERR_INIT;
	enum outcome out;

	for (size_t i = 0; i < files->gl_pathc; i++) {
		out =
		    ledger_schema_apply(ctl->ledger, files->gl_pathv[i], &err);
		if (out != OUT_DONE) {
			err_wrap(&err, "%s", files->gl_pathv[i]);
			return ctl_fail_outcome(out, &err);
		}
	}
	return 0;
}

static int version_tell(struct ctl *ctl)
{
	struct err err = ERR_INIT;
	unsigned version;
	enum outcome out;

	out = ledger_schema_version(ctl->ledger, &version, &err);
	if (out != OUT_DONE)
		return ctl_fail_outcome(out, &err);
	if (ctl->json)
		ctl_json(json_pack("{s:i, s:i}", "version", (int)version,
		    "needed", LEDGER_SCHEMA_VERSION));
	else
		printf("schema version %u of %d\n", version,
		    LEDGER_SCHEMA_VERSION);
	/* A later one has added to it, and taken nothing away. */
	if (version >= LEDGER_SCHEMA_VERSION)
		return 0;
	return ctl_fail(CTL_NO, "the schema is not what this build needs; run "
				"flashgatectl schema install");
}

int ctl_schema_install(struct ctl *ctl)
{
	const char *dir = ctl_option(ctl, "sql-dir");
	char pattern[512];
	glob_t files;
	int code;

	if (!ctl_need_ledger(ctl))
		return EX_UNAVAILABLE;
	if (dir == NULL)
		dir = FG_PKGDATADIR "/sql";
	snprintf(pattern, sizeof(pattern), "%s/[0-9][0-9][0-9]-*.sql", dir);
	if (glob(pattern, 0, NULL, &files) != 0)
		return ctl_fail(EX_NOINPUT,
		    "no schema files match %s (--sql-dir)", pattern);
	code = files_apply(ctl, &files);
	globfree(&files);
	return code != 0 ? code : version_tell(ctl);
}

int ctl_schema_check(struct ctl *ctl)
{
	struct err err = ERR_INIT;
	char server[64];
	enum outcome out;

	if (!ctl_need_ledger(ctl))
		return EX_UNAVAILABLE;
	out = ledger_check(
	    ctl->ledger, deadline_in_ms(CHECK_DEADLINE_MS), server, &err);
	if (out != OUT_DONE)
		return ctl_fail(CTL_NO, "%s", err.text);
	return version_tell(ctl);
}
