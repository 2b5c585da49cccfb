/* SPDX-License-Identifier: Apache-2.0 */
/* The log: level, role, one write a line. */
#include "config.h"

#include "base/log.h"
#include "base/clock.h"
#include "base/str.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define LINE_MAX_BYTES 4096

static struct {
	int fd;
	enum log_level level;
	char path[256];
	char role[24];
	log_sink_fn *sink;
	void *sink_ctx;
} logger = {STDERR_FILENO, LOG_LEVEL_NOTICE, "", "flashgate", NULL, NULL};

static const char *const level_names[] = {
    [LOG_LEVEL_ALERT] = "alert",
    [LOG_LEVEL_ERROR] = "error",
    [LOG_LEVEL_WARNING] = "warning",
    [LOG_LEVEL_NOTICE] = "notice",
    [LOG_LEVEL_DEBUG] = "debug",
};
_Static_assert(ARRAY_LEN(level_names) == LOG_LEVEL_COUNT, "a name for each");

const char *log_level_name(enum log_level level)
{
	return level_names[level];
}

static int path_open(const char *path, struct err *err)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);

	if (fd < 0)
		err_set_errno(err, "cannot open log file %s", path);
	return fd;
}

bool log_open(const char *path, enum log_level level, struct err *err)
{
	int fd = STDERR_FILENO;

	if (path == NULL)
		path = "";
	if (path[0] != '\0') {
		fd = path_open(path, err);
		if (fd < 0)
			return false;
	}
	if (!strv_copy(strv_c(path), logger.path, sizeof(logger.path))) {
		if (fd != STDERR_FILENO)
			close(fd);
		err_set(err, 0, "log file name is too long: %s", path);
		return false;
	}
	if (logger.fd != STDERR_FILENO)
		close(logger.fd);
	logger.fd = fd;
	logger.level = level;
	return true;
}

bool log_reopen(struct err *err)
{
	int fd;

	if (logger.path[0] == '\0')
		return true;
	fd = path_open(logger.path, err);
	if (fd < 0)
		return false;
	close(logger.fd);
	logger.fd = fd;
	return true;
}

bool log_give(uid_t uid, struct err *err)
{
	if (logger.path[0] == '\0' || fchown(logger.fd, uid, (gid_t)-1) == 0)
		return true;
	err_set_errno(err, "cannot give log file %s to user %u", logger.path,
	    (unsigned)uid);
	return false;
}

void log_set_role(const char *role)
{
	snprintf(logger.role, sizeof(logger.role), "%s", role);
}

void log_set_sink(log_sink_fn *sink, void *ctx)
{
	logger.sink = sink;
	logger.sink_ctx = ctx;
}

/* A line is one line, whatever got into it. */
static void line_tidy(char *line, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
}

static void line_send(enum log_level level, const char *text)
{
	char bytes[LINE_MAX_BYTES];
	char now[WALL_TEXT_MAX];
	struct strbuf line;
	ssize_t n;

	if (logger.sink != NULL) {
		logger.sink(level, text, logger.sink_ctx);
		return;
	}
	wall_format(wall_now(), 6, now);
	strbuf_init(&line, bytes, sizeof(bytes) - 1);
	strbuf_printf(&line, "%s %s %s[%ld]: %s", now, level_names[level],
	    logger.role, (long)getpid(), text);
	line_tidy(line.p, line.n);
	line.p[line.n++] = '\n';
	/* A full disk must not stop a sale; there is nowhere left to tell. */
	n = write(logger.fd, line.p, line.n);
	(void)n;
}

void log_write(enum log_level level, const char *fmt, ...)
{
	char text[LINE_MAX_BYTES - 128];
	va_list ap;

	if (level > logger.level)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	line_send(level, text);
}

void log_limited(
    struct log_rate *state, enum log_level level, const char *fmt, ...)
{
	char text[LINE_MAX_BYTES - 128];
	struct strbuf line;
	va_list ap;
	int n;

	if (level > logger.level)
		return;
	if (mono_ns() < state->next_ns) {
		state->held++;
		return;
	}
	strbuf_init(&line, text, sizeof(text));
	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	line.n = n < 0 ? 0 : strlen(text);
	if (state->held > 0)
		strbuf_printf(&line, " (and %u more like it)", state->held);
	state->held = 0;
	state->next_ns = mono_ns() + NS_PER_S;
	line_send(level, text);
}
