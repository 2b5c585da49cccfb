/* SPDX-License-Identifier: Apache-2.0 */
/* Attempts become JSON lines in a file. */
#include "config.h"

#include "rush/history.h"
#include "base/bug.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#define FOREIGN_MAX  512
#define BUFFER_BYTES (256 * 1024)

struct history {
	int fd;
	struct err broken; /* the first failure; code 0: none */
	struct strbuf text;
	char *path;
	char bytes[BUFFER_BYTES];
};

/*
 * Any bytes as a JSON string: what is not printable ASCII becomes the \u00NN
 * of its byte.  That is not what UTF-8 would say, but it is always valid JSON
 * and loses nothing.  A NUL is replaced: jansson refuses \u0000.
 */
static void put_string(struct strbuf *out, struct strv text)
{
	if (text.n > FOREIGN_MAX)
		text.n = FOREIGN_MAX;
	strbuf_putc(out, '"');
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];

		if (c == '"' || c == '\\') {
			strbuf_putc(out, '\\');
			strbuf_putc(out, (char)c);
		} else if (c >= 0x20 && c < 0x7f) {
			strbuf_putc(out, (char)c);
		} else {
			strbuf_printf(out, "\\u%04x", c == 0 ? 0xfffd : c);
		}
	}
	strbuf_putc(out, '"');
}

static void put_member(struct strbuf *out, const char *name, struct strv text)
{
	strbuf_printf(out, ",\"%s\":", name);
	if (text.n == 0)
		strbuf_puts(out, "null");
	else
		put_string(out, text);
}

static void put_seconds(struct strbuf *out, const char *name, int64_t us)
{
	strbuf_printf(out, ",\"%s\":%" PRId64 ".%06" PRId64, name,
	    us / US_PER_S, us % US_PER_S);
}

void history_format(struct strbuf *out, const struct history_entry *entry)
{
	const int64_t ns_per_us = NS_PER_S / US_PER_S;

	strbuf_puts(out, "{\"customer\":");
	put_string(out, entry->customer);
	put_member(out, "key", entry->key);
	strbuf_printf(out, ",\"attempt\":%" PRIu32, entry->attempt);
	put_seconds(out, "start", entry->start_ns / ns_per_us);
	put_seconds(out, "end", (entry->end_ns + ns_per_us - 1) / ns_per_us);
	put_seconds(out, "start_wall", entry->start_wall.us);
	strbuf_printf(out, ",\"status\":%d", entry->status);
	put_member(out, "code", entry->code);
	put_member(out, "order", entry->order);
	if (entry->unit == 0)
		strbuf_puts(out, ",\"unit\":null");
	else
		strbuf_printf(out, ",\"unit\":%" PRIu32, entry->unit);
	strbuf_puts(out,
	    entry->replayed ? ",\"replayed\":true" : ",\"replayed\":false");
	put_member(out, "error", entry->error);
	strbuf_puts(out, "}\n");
}

struct history *history_open(const char *path, struct err *err)
{
	struct history *history = malloc(sizeof(*history));

	if (history == NULL || (history->path = strdup(path)) == NULL) {
		free(history);
		err_set(err, ENOMEM, "history %s: out of memory", path);
		return NULL;
	}
	history->broken = (struct err)ERR_INIT;
	strbuf_init(&history->text, history->bytes, sizeof(history->bytes));
	history->fd =
	    open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (history->fd < 0) {
		err_set_errno(err, "history %s", path);
		free(history->path);
		free(history);
		return NULL;
	}
	return history;
}

static bool broken(const struct history *history, struct err *err)
{
	if (history->broken.code == 0)
		return false;
	*err = history->broken;
	return true;
}

bool history_flush(struct history *history, struct err *err)
{
	const char *at = history->text.p;
	size_t left = history->text.n;

	while (left > 0 && history->broken.code == 0) {
		ssize_t n = write(history->fd, at, left);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			err_set_errno(&history->broken, "history %s: write",
			    history->path);
			break;
		}
		at += n;
		left -= (size_t)n;
	}
	strbuf_reset(&history->text);
	return !broken(history, err);
}

bool history_add(
    struct history *history, const struct history_entry *entry, struct err *err)
{
	if (history->text.size - history->text.n < HISTORY_LINE_MAX &&
	    !history_flush(history, err))
		return false;
	history_format(&history->text, entry);
	BUG_ON(history->text.overflow);
	return !broken(history, err);
}

bool history_close(struct history **history, struct err *err)
{
	struct history *gone = *history;
	bool good;

	if (gone == NULL)
		return true;
	*history = NULL;
	good = history_flush(gone, err);
	/* A full disk may show only here (NFS, quotas). */
	if (close(gone->fd) != 0 && good) {
		err_set_errno(err, "history %s: close", gone->path);
		good = false;
	}
	free(gone->path);
	free(gone);
	return good;
}
