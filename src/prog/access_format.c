/* SPDX-License-Identifier: Apache-2.0 */
/* The tokens of access.format, one table. */
#include "config.h"

#include "prog/access_format.h"

#include <time.h>

#define TIME_FORMAT "%d/%b/%Y:%H:%M:%S %z"

/* access.format = json.  What may be missing is a null without quotes. */
static const char json_format[] =
    "{\"time\":\"%{%Y-%m-%dT%H:%M:%S%z}t\",\"address\":\"%R\",\"user\":\"%u\","
    "\"method\":\"%m\",\"path\":\"%r\",\"query\":\"%q\",\"length\":%l,"
    "\"status\":%s,\"outcome\":\"%{outcome}x\",\"route\":\"%{route}x\","
    "\"sent\":%{sent}x,\"duration\":%d,\"queue\":%{queue}x,"
    "\"claim\":%{claim}x,\"insert\":%{insert}x,\"id\":\"%{id}x\",\"pid\":%p}";

#define ANY "*" /* an argument of one's own */

/* In the order of the letters; a row without a word takes no argument, or is
 * what stands for none. */
static const struct {
	char letter;
	const char *word; /* NULL: without an argument */
	enum access_token token;
} tokens[] = {
    {'d', NULL, ACCESS_SECONDS},
    {'d', "seconds", ACCESS_SECONDS},
    {'d', "milliseconds", ACCESS_MILLISECONDS},
    {'d', "milli", ACCESS_MILLISECONDS},
    {'d', "microseconds", ACCESS_MICROSECONDS},
    {'d', "micro", ACCESS_MICROSECONDS},
    {'e', ANY, ACCESS_PARAM},
    {'l', NULL, ACCESS_LENGTH},
    {'m', NULL, ACCESS_METHOD},
    {'n', NULL, ACCESS_POOL},
    {'p', NULL, ACCESS_PID},
    {'P', NULL, ACCESS_MASTER},
    {'q', NULL, ACCESS_QUERY},
    {'Q', NULL, ACCESS_QUESTION},
    {'r', NULL, ACCESS_PATH},
    {'R', NULL, ACCESS_ADDRESS},
    {'s', NULL, ACCESS_STATUS},
    {'t', NULL, ACCESS_RECEIVED},
    {'t', ANY, ACCESS_RECEIVED},
    {'T', NULL, ACCESS_LOGGED},
    {'T', ANY, ACCESS_LOGGED},
    {'u', NULL, ACCESS_USER},
    {'x', "queue", ACCESS_QUEUE},
    {'x', "claim", ACCESS_CLAIM},
    {'x', "insert", ACCESS_INSERT},
    {'x', "id", ACCESS_ID},
    {'x', "outcome", ACCESS_OUTCOME},
    {'x', "route", ACCESS_ROUTE},
    {'x', "sent", ACCESS_SENT},
};

static bool row_fits(size_t i, char letter, struct strv arg)
{
	if (tokens[i].letter != letter)
		return false;
	if (tokens[i].word == NULL)
		return arg.p == NULL;
	return strcmp(tokens[i].word, ANY) == 0
		   ? arg.n > 0
		   : strv_eq(arg, strv_c(tokens[i].word));
}

/* The operator's own format: checked by time_good() when it is read. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
bool access_time_put(struct strbuf *out, struct strv format, struct wall when)
{
	time_t seconds = (time_t)(when.us / US_PER_S);
	char pattern[128], text[128];
	struct tm tm;

	if (!strv_copy(format, pattern, sizeof(pattern)) ||
	    localtime_r(&seconds, &tm) == NULL ||
	    strftime(text, sizeof(text), pattern, &tm) == 0)
		return false;
	strbuf_puts(out, text);
	return true;
}
#pragma GCC diagnostic pop

/* A time that does not fit, or is nothing, would be an empty field. */
static bool time_good(struct strv format)
{
	char bytes[160];
	struct strbuf out;

	strbuf_init(&out, bytes, sizeof(bytes));
	return access_time_put(&out, format, wall_now());
}

static bool piece_add(struct access_format *out, enum access_token token,
    struct strv arg, struct err *err)
{
	if (out->n == ACCESS_PIECES_MAX) {
		err_set(err, 0, "more than %d tokens and texts between them",
		    ACCESS_PIECES_MAX);
		return false;
	}
	out->piece[out->n++] = (struct access_piece){token, arg};
	return true;
}

static bool token_take(
    struct access_format *out, char letter, struct strv arg, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(tokens); i++) {
		if (!row_fits(i, letter, arg))
			continue;
		if (tokens[i].token == ACCESS_RECEIVED ||
		    tokens[i].token == ACCESS_LOGGED) {
			if (arg.p == NULL)
				arg = STRV(TIME_FORMAT);
			if (!time_good(arg))
				break;
		}
		return piece_add(out, tokens[i].token, arg, err);
	}
	if (arg.p != NULL)
		err_set(err, 0, "%%{" STRV_FMT "}%c is no token", STRV_ARG(arg),
		    letter);
	else
		err_set(err, 0, "%%%c is no token", letter);
	return false;
}

/* Behind a '%'; moves `*rest` behind the token. */
static bool token_parse(
    struct access_format *out, struct strv *rest, struct err *err)
{
	struct strv arg = {NULL, 0};
	char letter;

	if (rest->n > 0 && rest->p[0] == '{') {
		strv_cut(rest, '{');
		arg = strv_cut(rest, '}');
	}
	if (rest->p == NULL || rest->n == 0) {
		err_set(err, 0, "it ends amid a token");
		return false;
	}
	letter = rest->p[0];
	*rest = strv_from(rest->p + 1, rest->n - 1);
	if (letter == '%' && arg.p == NULL)
		return piece_add(out, ACCESS_LITERAL, STRV("%"), err);
	return token_take(out, letter, arg, err);
}

bool access_format_parse(
    const char *text, struct access_format *out, struct err *err)
{
	struct strv rest;

	out->n = 0;
	out->json = strcmp(text, "json") == 0;
	rest = strv_c(out->json ? json_format : text);
	while (rest.n > 0) {
		size_t n = 0;

		while (n < rest.n && rest.p[n] != '%')
			n++;
		if (n > 0 &&
		    !piece_add(out, ACCESS_LITERAL, strv_from(rest.p, n), err))
			return false;
		rest = strv_from(rest.p + n, rest.n - n);
		if (rest.n == 0)
			break;
		rest = strv_from(rest.p + 1, rest.n - 1);
		if (!token_parse(out, &rest, err))
			return false;
	}
	if (out->n > 0)
		return true;
	err_set(err, 0, "it is empty: leave access.log empty for no log");
	return false;
}

bool access_format_check(const char *text, struct err *err)
{
	struct access_format format;

	return access_format_parse(text, &format, err);
}
