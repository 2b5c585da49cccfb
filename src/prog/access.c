/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of the access log. */
#include "config.h"

#include "prog/access.h"
#include "base/log.h"
#include "prog/access_format.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

/* All parameters of a request fit, though each byte becomes five, and what is
 * not of the request beside them. */
#define BYTES_A_BYTE 5
#define OWN_BYTES    8192
#define END_BYTES    16

struct access {
	const struct settings *settings;
	struct access_format format;
	struct log_file file;
	bool begun;
	/* What was known in begin(), and where the later pieces go into it. */
	struct strbuf early;
	struct {
		size_t at, piece;
	} late[ACCESS_PIECES_MAX];
	size_t nlate;
	size_t line_bytes;
	char *line; /* of line_bytes, and as many for `early` behind it */
};

struct access *access_new(const struct settings *settings, struct err *err)
{
	struct access *access;

	if (settings->www.access_log[0] == '\0')
		return NULL;
	access = calloc(1, sizeof(*access));
	if (access != NULL) {
		access->settings = settings;
		access->line_bytes =
		    (size_t)settings->limits.params_max_bytes * BYTES_A_BYTE +
		    OWN_BYTES;
		access->line = malloc(2 * access->line_bytes);
	}
	if (access == NULL || access->line == NULL) {
		err_set_errno(err, "[www] access.log");
		free(access);
		return NULL;
	}
	if (access_format_parse(
		settings->www.access_format, &access->format, err) &&
	    log_file_open(&access->file, settings->www.access_log, err))
		return access;
	err_wrap(err, "[www] access.log");
	free(access->line);
	free(access);
	return NULL;
}

void access_free(struct access **access)
{
	if (*access == NULL)
		return;
	log_file_close(&(*access)->file);
	free((*access)->line);
	free(*access);
	*access = NULL;
}

/* ---- pieces -------------------------------------------------------------------------- */

static void foreign_put(
    const struct access *access, struct strbuf *out, struct strv text)
{
	if (text.n == 0)
		strbuf_putc(out, '-');
	else if (access->format.json)
		strbuf_put_json(out, text);
	else
		strbuf_put_escaped(out, text);
}

/* Seconds, to the microsecond. */
static void seconds_put(
    const struct access *access, struct strbuf *out, int64_t ns)
{
	if (ns >= 0)
		strbuf_printf(out, "%" PRId64 ".%06" PRId64, ns / NS_PER_S,
		    ns % NS_PER_S / 1000);
	else
		strbuf_puts(out, access->format.json ? "null" : "-");
}

static void number_put(struct strbuf *out, int64_t n)
{
	strbuf_printf(out, "%" PRId64, n);
}

typedef void early_fn(struct access *access, const struct access_piece *piece,
    const struct access_facts *facts);

static void literal(struct access *access, const struct access_piece *piece,
    const struct access_facts *facts)
{
	(void)facts;
	strbuf_put(&access->early, piece->arg);
}

static void param(struct access *access, const struct access_piece *piece,
    const struct access_facts *facts)
{
	char name[SETTINGS_TEXT_MAX];

	if (strv_copy(piece->arg, name, sizeof(name)))
		foreign_put(
		    access, &access->early, facts->param(facts->ctx, name));
}

/* What stands before the question mark of the URI, and what behind it. */
static void target(struct access *access, const struct access_piece *piece,
    const struct access_facts *facts)
{
	struct strv query = facts->request->uri;
	struct strv path = strv_cut(&query, '?');

	if (piece->token == ACCESS_PATH)
		foreign_put(access, &access->early, path);
	else if (piece->token == ACCESS_QUESTION)
		strbuf_puts(&access->early, query.p != NULL ? "?" : "");
	else if (query.n > 0)
		/* Otherwise nothing, no dash: it stands right behind %Q. */
		foreign_put(access, &access->early, query);
}

static void known_param(struct access *access, const struct access_piece *piece,
    const struct access_facts *facts)
{
	foreign_put(access, &access->early,
	    facts->param(facts->ctx,
		piece->token == ACCESS_ADDRESS ? "REMOTE_ADDR" : "REQUEST_ID"));
}

static void method(struct access *access, const struct access_piece *piece,
    const struct access_facts *facts)
{
	(void)piece;
	foreign_put(access, &access->early, facts->request->method);
}

static void user(struct access *access, const struct access_piece *piece,
    const struct access_facts *facts)
{
	(void)piece;
	foreign_put(
	    access, &access->early, customer_view(&facts->outcome->who));
}

static void received(struct access *access, const struct access_piece *piece,
    const struct access_facts *facts)
{
	if (!access_time_put(&access->early, piece->arg, facts->received))
		strbuf_putc(&access->early, '-');
}

static void word(struct access *access, const struct access_piece *piece,
    const struct access_facts *facts)
{
	strbuf_puts(&access->early,
	    piece->token == ACCESS_OUTCOME ? facts->outcome->code
	    : piece->token == ACCESS_ROUTE ? facts->outcome->route
					   : "www");
}

static void number(struct access *access, const struct access_piece *piece,
    const struct access_facts *facts)
{
	const int64_t numbers[ACCESS_TOKEN_COUNT] = {
	    [ACCESS_LENGTH] = (int64_t)facts->request->body.n,
	    [ACCESS_PID] = getpid(),
	    [ACCESS_MASTER] = facts->master,
	    [ACCESS_STATUS] = facts->outcome->status,
	    [ACCESS_SENT] = (int64_t)facts->sent,
	};

	number_put(&access->early, numbers[piece->token]);
}

static void seconds(struct access *access, const struct access_piece *piece,
    const struct access_facts *facts)
{
	seconds_put(access, &access->early,
	    piece->token == ACCESS_QUEUE   ? facts->queue_ns
	    : piece->token == ACCESS_CLAIM ? facts->claim_ns
					   : facts->insert_ns);
}

/* Those without a row are late. */
static early_fn *const early[ACCESS_TOKEN_COUNT] = {
    [ACCESS_LITERAL] = literal,
    [ACCESS_PARAM] = param,
    [ACCESS_LENGTH] = number,
    [ACCESS_METHOD] = method,
    [ACCESS_POOL] = word,
    [ACCESS_PID] = number,
    [ACCESS_MASTER] = number,
    [ACCESS_QUERY] = target,
    [ACCESS_QUESTION] = target,
    [ACCESS_PATH] = target,
    [ACCESS_ADDRESS] = known_param,
    [ACCESS_STATUS] = number,
    [ACCESS_RECEIVED] = received,
    [ACCESS_USER] = user,
    [ACCESS_QUEUE] = seconds,
    [ACCESS_CLAIM] = seconds,
    [ACCESS_INSERT] = seconds,
    [ACCESS_ID] = known_param,
    [ACCESS_OUTCOME] = word,
    [ACCESS_ROUTE] = word,
    [ACCESS_SENT] = number,
};

static void late_put(
    const struct access_piece *piece, int64_t ns, struct strbuf *out)
{
	if (piece->token == ACCESS_LOGGED)
		access_time_put(out, piece->arg, wall_now());
	else if (piece->token == ACCESS_MICROSECONDS)
		number_put(out, ns / 1000);
	else if (piece->token == ACCESS_MILLISECONDS)
		strbuf_printf(out, "%" PRId64 ".%03" PRId64, ns / NS_PER_MS,
		    ns % NS_PER_MS / 1000);
	else
		strbuf_printf(out, "%" PRId64 ".%03" PRId64, ns / NS_PER_S,
		    ns % NS_PER_S / NS_PER_MS);
}

/* ---- lines --------------------------------------------------------------------------- */

/* php-fpm's rule: only what a health check does, and only while it is well. */
static bool is_suppressed(
    const struct access *access, const struct access_facts *facts)
{
	const struct web_request *request = facts->request;
	struct strv list = strv_c(access->settings->www.access_suppress_path);

	if (facts->outcome->status / 100 != 2 || request->body.n > 0 ||
	    (!strv_eq(request->method, STRV("GET")) &&
		!strv_eq(request->method, STRV("HEAD"))))
		return false;
	while (list.n > 0) {
		struct strv path = strv_cut(&list, ' ');

		if (path.n > 0 && strv_eq(path, request->uri))
			return true;
	}
	return false;
}

void access_begin(struct access *access, const struct access_facts *facts)
{
	access->begun = !is_suppressed(access, facts);
	access->nlate = 0;
	if (!access->begun)
		return;
	strbuf_init(&access->early, access->line + access->line_bytes,
	    access->line_bytes);
	for (size_t i = 0; i < access->format.n; i++) {
		const struct access_piece *piece = &access->format.piece[i];

		if (early[piece->token] != NULL) {
			early[piece->token](access, piece, facts);
			continue;
		}
		access->late[access->nlate].at = access->early.n;
		access->late[access->nlate++].piece = i;
	}
}

void access_end(struct access *access, int64_t duration_ns)
{
	size_t done = 0;
	struct strbuf line;

	if (!access->begun)
		return;
	access->begun = false;
	/* Room for the end, whatever comes before it. */
	strbuf_init(&line, access->line, access->line_bytes - END_BYTES);
	for (size_t i = 0; i < access->nlate; i++) {
		strbuf_put(&line, strv_from(access->early.p + done,
				      access->late[i].at - done));
		done = access->late[i].at;
		late_put(&access->format.piece[access->late[i].piece],
		    duration_ns, &line);
	}
	strbuf_put(
	    &line, strv_from(access->early.p + done, access->early.n - done));
	line.size += END_BYTES;
	line.overflow = line.overflow || access->early.overflow;
	strbuf_puts(&line, line.overflow ? " [cut]\n" : "\n");
	log_file_write(&access->file, strbuf_view(&line));
}
