/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line, one write(2), to an O_APPEND descriptor that master and children
 * share.  Lines look like
 *
 *	2026-11-22T20:00:00.123456Z notice worker[4711]: ready
 *
 * Foreign bytes must come through strbuf_put_escaped(); what is left of control
 * characters is escaped again here.  Any process; not from a signal handler.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/attr.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <sys/types.h>

/* As in php-fpm's log_level, most urgent first. */
enum log_level {
	LOG_LEVEL_ALERT,
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_NOTICE,
	LOG_LEVEL_DEBUG,
	LOG_LEVEL_COUNT
};

const char *log_level_name(enum log_level level);

/*
 * Opens (creates, 0640) `path` for appending; NULL or "" means standard error.
 * Before the first call lines go to standard error at level notice.
 */
bool log_open(
    const char *path, enum log_level level, struct err *err) ATTR_MUSTUSE;
/* Text as above, or one JSON object a line: time, level, role, pid, message. */
enum log_format {
	LOG_FORMAT_TEXT,
	LOG_FORMAT_JSON
};
void log_set_format(enum log_format format);
/*
 * Opens the same path again, after a rotation, and that of every other file
 * below.  The old one serves on failure.
 */
bool log_reopen(struct err *err) ATTR_MUSTUSE;
/*
 * Gives the open files to `uid`, so that children who run as that user can
 * reopen them; their group stays.  True when the log is no file.
 */
bool log_give(uid_t uid, struct err *err) ATTR_MUSTUSE;
/* The word before the pid: "master", "worker", "keeper".  Copied. */
void log_set_role(const char *role);
/* The text of the last line at level error or more urgent, cut; "" if none. */
const char *log_last_error(void);

/*
 * Another file with lines of its own, as the access log, that log_reopen() and
 * log_give() take along.  The struct is the caller's, and must stay where it is
 * from a successful open to close.
 */
struct log_file {
	int fd;
	char path[256];
	struct log_file *next;
};
bool log_file_open(
    struct log_file *file, const char *path, struct err *err) ATTR_MUSTUSE;
/* One write(2); `line` has its newline. */
void log_file_write(const struct log_file *file, struct strv line);
void log_file_close(struct log_file *file);

/* For tests: every line goes to `sink` instead.  NULL restores. */
typedef void log_sink_fn(enum log_level level, const char *line, void *ctx);
void log_set_sink(log_sink_fn *sink, void *ctx);

void log_write(enum log_level level, const char *fmt, ...) ATTR_PRINTF(2, 3);

#define log_alert(...)   log_write(LOG_LEVEL_ALERT, __VA_ARGS__)
#define log_error(...)   log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...)  log_write(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_debug(...)   log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

/*
 * At most one line a second for one place in the code; the next line that gets
 * through says how many were held back.  `state` is a zeroed static of the
 * place.
 */
struct log_rate {
	long long next_ns;
	unsigned held;
};
void log_limited(struct log_rate *state, enum log_level level, const char *fmt,
    ...) ATTR_PRINTF(3, 4);

#endif
