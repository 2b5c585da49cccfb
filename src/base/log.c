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
	struct log_file file; /* first of the list; path "": standard error */
	enum log_level level;
	enum log_format format;
	char role[24];
	char last_error[256];
	log_sink_fn *sink;
	void *sink_ctx;
} logger = {.file = {.fd = STDERR_FILENO},
    .level = LOG_LEVEL_NOTICE,
    .role = "flashgate"};

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

/* False when the path is too long to be opened again. */
static bool path_keep(
    struct log_file *file, const char *path, int fd, struct err *err)
{
	if (!strv_copy(strv_c(path), file->path, sizeof(file->path))) {
		err_set(err, 0, "log file name is too long: %s", path);
		return false;
	}
	file->fd = fd;
	return true;
}

bool log_open(const char *path, enum log_level level, struct err *err)
{
	int old = logger.file.fd;
	int fd = STDERR_FILENO;

	if (path == NULL)
		path = "";
	if (path[0] != '\0') {
		fd = path_open(path, err);
		if (fd < 0)
			return false;
	}
	if (!path_keep(&logger.file, path, fd, err)) {
		if (fd != STDERR_FILENO)
			close(fd);
		return false;
	}
	if (old != STDERR_FILENO)
		close(old);
	logger.level = level;
	return true;
}

bool log_file_open(struct log_file *file, const char *path, struct err *err)
{
	int fd = path_open(path, err);

	if (fd < 0)
		return false;
	if (!path_keep(file, path, fd, err)) {
		close(fd);
		return false;
	}
	file->next = logger.file.next;
	logger.file.next = file;
	return true;
}

void log_file_close(struct log_file *file)
{
	struct log_file *before = &logger.file;

	while (before->next != NULL && before->next != file)
		before = before->next;
	if (before->next == NULL)
		return;
	before->next = file->next;
	close(file->fd);
	file->fd = -1;
}

void log_set_format(enum log_format format)
{
	logger.format = format;
}

bool log_reopen(struct err *err)
{
	bool good = true;

	/* All of them, though one fails: `err` has the last. */
	for (struct log_file *file = &logger.file; file != NULL;
	     file = file->next) {
		int fd;

		if (file->path[0] == '\0')
			continue;
		fd = path_open(file->path, err);
		if (fd < 0) {
			good = false;
			continue;
		}
		close(file->fd);
		file->fd = fd;
	}
	return good;
}

bool log_give(uid_t uid, struct err *err)
{
	for (const struct log_file *file = &logger.file; file != NULL;
	     file = file->next) {
		if (file->path[0] == '\0' ||
		    fchown(file->fd, uid, (gid_t)-1) == 0)
			continue;
		err_set_errno(err, "cannot give log file %s to user %u",
		    file->path, (unsigned)uid);
		return false;
	}
	return true;
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

static void text_line(
    struct strbuf *line, enum log_level level, const char *text)
{
	char now[WALL_TEXT_MAX];

	wall_format(wall_now(), 6, now);
	strbuf_printf(line, "%s %s %s[%ld]: %s", now, level_names[level],
	    logger.role, (long)getpid(), text);
	line_tidy(line->p, line->n);
}

static void json_line(
    struct strbuf *line, enum log_level level, const char *text)
{
	char now[WALL_TEXT_MAX];

	wall_format(wall_now(), 6, now);
	strbuf_printf(line,
	    "{\"time\":\"%s\",\"level\":\"%s\",\"role\":\"%s\",\"pid\":%ld,"
	    "\"message\":\"",
	    now, level_names[level], logger.role, (long)getpid());
	strbuf_put_json(line, strv_c(text));
	strbuf_puts(line, "\"}");
}

void log_file_write(const struct log_file *file, struct strv line)
{
	/* A full disk must not stop a sale; there is nowhere left to tell. */
	ssize_t n = write(file->fd, line.p, line.n);

	(void)n;
}

const char *log_last_error(void)
{
	return logger.last_error;
}

static void line_send(enum log_level level, const char *text)
{
	/* A byte is at most five in JSON; the frame fits into the rest. */
	char bytes[5 * LINE_MAX_BYTES];
	struct strbuf line;

	if (level <= LOG_LEVEL_ERROR)
		strv_copy_cut(
		    strv_c(text), logger.last_error, sizeof(logger.last_error));
	if (logger.sink != NULL) {
		logger.sink(level, text, logger.sink_ctx);
		return;
	}
	strbuf_init(&line, bytes, sizeof(bytes));
	if (logger.format == LOG_FORMAT_JSON)
		json_line(&line, level, text);
	else
		text_line(&line, level, text);
	strbuf_putc(&line, '\n');
	log_file_write(&logger.file, strbuf_view(&line));
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
