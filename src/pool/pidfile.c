/* SPDX-License-Identifier: Apache-2.0 */
/* Writing and removing the pid file. */
#include "config.h"

#include "pool/pidfile.h"
#include "base/num.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

static bool text_write(int fd, struct strv text, struct err *err)
{
	ssize_t n = write(fd, text.p, text.n);

	if (n == (ssize_t)text.n)
		return true;
	if (n >= 0)
		errno = ENOSPC;
	err_set_errno(err, "write");
	return false;
}

static bool draft_write(
    const char *path, const char *draft, struct strv text, struct err *err)
{
	int fd;
	bool ok;

	/* A draft that was left behind is replaced, a link is not followed. */
	unlink(draft);
	fd = open(
	    draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0) {
		err_set_errno(err, "cannot create %s", draft);
		return false;
	}
	ok = text_write(fd, text, err);
	close(fd);
	if (ok && rename(draft, path) != 0) {
		err_set_errno(err, "rename");
		ok = false;
	}
	if (!ok)
		unlink(draft);
	return ok;
}

bool pool_file_replace(const char *path, struct strv text, struct err *err)
{
	char bytes[PATH_MAX];
	struct strbuf draft;

	strbuf_init(&draft, bytes, sizeof(bytes));
	strbuf_printf(&draft, "%s.new", path);
	if (draft.overflow) {
		err_set(err, ENAMETOOLONG, "its name is too long");
		return false;
	}
	return draft_write(path, draft.p, text, err);
}

bool pool_pidfile_write(const char *path, struct err *err)
{
	char bytes[32];
	struct strbuf text;

	strbuf_init(&text, bytes, sizeof(bytes));
	strbuf_printf(&text, "%ld\n", (long)getpid());
	if (pool_file_replace(path, strbuf_view(&text), err))
		return true;
	err_wrap(err, "pid file %s", path);
	return false;
}

void pool_pidfile_remove(const char *path)
{
	char bytes[32];
	uint64_t pid = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return;
	n = read(fd, bytes, sizeof(bytes));
	close(fd);
	/* Another master may have been started over us. */
	if (n > 1 &&
	    num_parse_u64(
		strv_from(bytes, (size_t)n - 1), 1, INT32_MAX, &pid) &&
	    (pid_t)pid == getpid())
		unlink(path);
}
