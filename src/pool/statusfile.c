/* SPDX-License-Identifier: Apache-2.0 */
/* The status of reloads as lines of "key value", and back. */
#include "config.h"

#include "pool/statusfile.h"
#include "pool/pidfile.h"
#include "base/num.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <unistd.h>

#define TEXT_MAX 1024

static bool path_make(const char *pid_file, char path[PATH_MAX])
{
	struct strbuf text;

	strbuf_init(&text, path, PATH_MAX);
	strbuf_printf(&text, "%s.reload", pid_file);
	return !text.overflow;
}

bool pool_statusfile_write(const char *pid_file,
    const struct pool_reload_status *status, struct err *err)
{
	char path[PATH_MAX], bytes[TEXT_MAX];
	struct strbuf text;

	if (pid_file == NULL)
		return true;
	if (!path_make(pid_file, path)) {
		err_set(err, ENAMETOOLONG, "pid file: its name is too long");
		return false;
	}
	strbuf_init(&text, bytes, sizeof(bytes));
	strbuf_printf(&text,
	    "master %ld\ngeneration %" PRIu32 "\nbegun %" PRIu64
	    "\nended %" PRIu64 "\nfailures %" PRIu64 "\nfailed %d\ntext ",
	    (long)status->master, status->generation, status->begun,
	    status->ended, status->failures, status->failed);
	/* One line, whatever a store or a file has put into it. */
	for (const char *at = status->text; *at != '\0'; at++)
		strbuf_putc(&text, (unsigned char)*at < ' ' ? ' ' : *at);
	strbuf_putc(&text, '\n');
	if (pool_file_replace(path, strbuf_view(&text), err))
		return true;
	err_wrap(err, "%s", path);
	return false;
}

void pool_statusfile_remove(const char *pid_file)
{
	char path[PATH_MAX];

	if (pid_file != NULL && path_make(pid_file, path))
		unlink(path);
}

/* ---- reading ------------------------------------------------------------- */

static bool number_take(
    struct strv *rest, const char *key, uint64_t max, uint64_t *out)
{
	struct strv line = strv_cut(rest, '\n');
	struct strv word = strv_cut(&line, ' ');

	return strv_eq(word, strv_c(key)) && num_parse_u64(line, 0, max, out);
}

static bool status_parse(struct strv rest, struct pool_reload_status *out)
{
	uint64_t master, generation, failed;
	struct strv line, word;

	if (!number_take(&rest, "master", INT32_MAX, &master) ||
	    !number_take(&rest, "generation", UINT32_MAX, &generation) ||
	    !number_take(&rest, "begun", UINT64_MAX, &out->begun) ||
	    !number_take(&rest, "ended", UINT64_MAX, &out->ended) ||
	    !number_take(&rest, "failures", UINT64_MAX, &out->failures) ||
	    !number_take(&rest, "failed", 1, &failed))
		return false;
	out->master = (pid_t)master;
	out->generation = (uint32_t)generation;
	out->failed = failed == 1;
	line = strv_cut(&rest, '\n');
	word = strv_cut(&line, ' ');
	return strv_eq(word, STRV("text")) &&
	       strv_copy(line, out->text, sizeof(out->text));
}

bool pool_reload_status_read(
    const char *pid_file, struct pool_reload_status *out, struct err *err)
{
	char path[PATH_MAX], bytes[TEXT_MAX];
	ssize_t n;
	int fd;

	if (!path_make(pid_file, path)) {
		err_set(err, ENAMETOOLONG, "pid file: its name is too long");
		return false;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		err_set_errno(err, "cannot open %s", path);
		return false;
	}
	n = read(fd, bytes, sizeof(bytes));
	if (n < 0)
		err_set_errno(err, "cannot read %s", path);
	close(fd);
	if (n < 0)
		return false;
	if (!status_parse(strv_from(bytes, (size_t)n), out)) {
		err_set(err, 0, "%s is not a status of reloads", path);
		return false;
	}
	return true;
}
