/* SPDX-License-Identifier: Apache-2.0 */
/* The schema's version, and the files that make it (sql/README). */
#include "config.h"

#include "ledger/impl.h"
#include "ledger/split.h"

#include "base/num.h"

#include <stdlib.h>
#include <errno.h>
#include <stdio.h>

#define SCHEMA_FILE_MAX (1024 * 1024)
/* A statement that alters a table with millions of orders copies it. */
#define SCHEMA_STATEMENT_MS CONN_TIMEOUT_MAX_MS

enum outcome ledger_schema_read(struct ledger *ledger, int64_t deadline_ns,
    unsigned *version, struct err *err)
{
	struct call call = {.id = STMT_SCHEMA_VERSION};
	int64_t value = 0;
	enum outcome out;

	out = ledger_read_number(ledger, &call, deadline_ns, &value, err);
	if (out == OUT_NOT_DONE && err->code == ER_NO_SUCH_TABLE) {
		*version = 0;
		return OUT_DONE;
	}
	if (out == OUT_DONE)
		*version = (unsigned)value;
	return out;
}

enum outcome ledger_schema_version(
    struct ledger *ledger, unsigned *version, struct err *err)
{
	return ledger_schema_read(ledger, NO_DEADLINE, version, err);
}

/* "…/012-more.sql" is 12. */
static bool file_number(const char *path, unsigned *out)
{
	const char *slash = strrchr(path, '/');
	struct strv name = strv_c(slash != NULL ? slash + 1 : path);
	struct strv digits = strv_cut(&name, '-');
	uint64_t value;

	if (name.p == NULL || !num_parse_u64(digits, 1, 999, &value))
		return false;
	*out = (unsigned)value;
	return true;
}

/* The whole file in one allocation, to be freed by the caller. */
static bool file_read(const char *path, struct strv *out, struct err *err)
{
	FILE *file = fopen(path, "re");
	char *bytes = malloc(SCHEMA_FILE_MAX + 1);
	bool ok = false;
	size_t n;

	if (file == NULL)
		err_set_errno(err, "%s", path);
	else if (bytes == NULL)
		err_set(err, 0, "%s: out of memory", path);
	else {
		errno = 0;
		n = fread(bytes, 1, SCHEMA_FILE_MAX + 1, file);
		if (ferror(file))
			err_set_errno(err, "%s", path);
		else if (n > SCHEMA_FILE_MAX)
			err_set(err, 0, "%s: larger than 1 MiB", path);
		else {
			*out = strv_from(bytes, n);
			ok = true;
		}
	}
	if (file != NULL)
		fclose(file);
	if (!ok)
		free(bytes);
	return ok;
}

static unsigned line_of(struct strv file, const char *at)
{
	unsigned line = 1;

	for (const char *p = file.p; p < at; p++)
		line += *p == '\n';
	return line;
}

/* Statement by statement; the error names the line. */
static enum outcome statements_run(
    struct conn *conn, const char *path, struct strv file, struct err *err)
{
	struct strv rest = file, sql;
	enum outcome out;
	enum split found;
	char where[160];
	struct strbuf buf;

	while ((found = sql_split(&rest, &sql)) == SPLIT_STATEMENT) {
		struct text text = {.what = where, .sql = sql, .tell = true};

		strbuf_init(&buf, where, sizeof(where));
		strbuf_printf(&buf, "%s:%u", path, line_of(file, sql.p));
		out = conn_text(conn, &text, NO_DEADLINE, err);
		if (out != OUT_DONE)
			return out;
	}
	if (found == SPLIT_END)
		return OUT_DONE;
	err_set(err, 0, "%s:%u: no semicolon ends this", path,
	    line_of(file, sql.p));
	return OUT_NOT_DONE;
}

enum outcome ledger_schema_apply(
    struct ledger *ledger, const char *path, struct err *err)
{
	unsigned number, have;
	struct conn patient;
	struct strv file;
	enum outcome out;

	if (!file_number(path, &number)) {
		err_set(err, 0, "%s: the name is not NNN-what.sql", path);
		return OUT_NOT_DONE;
	}
	if (!file_read(path, &file, err))
		return OUT_NOT_DONE;
	out = ledger_patient(
	    ledger, SCHEMA_STATEMENT_MS, NO_DEADLINE, &patient, err);
	if (out == OUT_DONE)
		out = statements_run(&patient, path, file, err);
	conn_close(&patient);
	free((void *)(uintptr_t)file.p);
	if (out == OUT_DONE)
		out = ledger_schema_read(ledger, NO_DEADLINE, &have, err);
	if (out == OUT_DONE && have < number) {
		err_set(err, 0,
		    "%s: did not record its number in schema_version", path);
		out = OUT_NOT_DONE;
	}
	return out;
}
