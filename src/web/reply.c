/* SPDX-License-Identifier: Apache-2.0 */
/* Status line, headers, body, in this order, into the bounded buffer. */
#include "config.h"

#include "web/reply.h"
#include "base/bug.h"

#include <stdlib.h>

static const struct reason {
	int status;
	const char *text;
} reasons[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {303, "See Other"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {409, "Conflict"},
    {410, "Gone"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {500, "Internal Server Error"},
    {503, "Service Unavailable"},
};

static const char *reason_of(int status)
{
	for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
		if (reasons[i].status == status)
			return reasons[i].text;
	BUG("a status without a reason");
}

void reply_begin(struct exchange *x, int status, enum reply_cache cache)
{
	x->outcome->status = status;
	strbuf_reset(x->response);
	/* Some front ends take the first line's place for granted. */
	strbuf_printf(
	    x->response, "Status: %d %s\r\n", status, reason_of(status));
	reply_header(x, "X-Content-Type-Options", "nosniff");
	reply_header(x, "Cache-Control",
	    cache == REPLY_SECOND ? "public, max-age=1" : "no-store");
}

static bool header_safe(const char *value)
{
	for (; *value != '\0'; value++)
		if ((unsigned char)*value < 0x20 ||
		    (unsigned char)*value > 0x7e)
			return false;
	return true;
}

void reply_header(struct exchange *x, const char *name, const char *value)
{
	if (!header_safe(value)) {
		err_set(&x->outcome->err, 0,
		    "header %s: the value holds a byte that none may hold",
		    name);
		x->broken = true;
		return;
	}
	strbuf_puts(x->response, name);
	strbuf_puts(x->response, ": ");
	strbuf_puts(x->response, value);
	strbuf_puts(x->response, "\r\n");
}

void reply_header_int(struct exchange *x, const char *name, int value)
{
	char text[16];
	struct strbuf buf;

	strbuf_init(&buf, text, sizeof(text));
	strbuf_printf(&buf, "%d", value);
	reply_header(x, name, text);
}

void reply_end(struct exchange *x, const char *type, struct strv body)
{
	reply_header(x, "Content-Type", type);
	strbuf_printf(x->response, "Content-Length: %zu\r\n\r\n", body.n);
	if (!x->head)
		strbuf_put(x->response, body);
}

void reply_end_json(struct exchange *x, const char *type, json_t *body)
{
	char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;

	if (text != NULL)
		reply_end(x, type, strv_c(text));
	else
		x->broken = true;
	free(text);
	json_decref(body);
}

/* Without Content-Length: in a 304 it would have to be that of the 200 (RFC
 * 9110 8.6), and not every front end knows that no body follows. */
void reply_end_empty(struct exchange *x)
{
	strbuf_puts(x->response, "\r\n");
}

/* From constants: nothing here can fail for the same reason again. */
static const char broken_json[] =
    "{\"type\":\"about:blank\",\"title\":\"Internal error\","
    "\"status\":500,\"detail\":\"The request could not be answered. The same "
    "request may be sent again.\",\"code\":\"internal\"}";
static const char broken_html[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<title>Internal error</title>\n</head>\n<body>\n<main>\n"
    "<h1>Internal error</h1>\n<p role=\"alert\">The request could not be "
    "answered. Reload this page to send it again.</p>\n"
    "</main>\n</body>\n</html>\n";

void reply_broken(struct exchange *x)
{
	/* Whoever knew better has said so. */
	if (x->outcome->err.text[0] == '\0' && x->response->overflow)
		err_set(&x->outcome->err, 0,
		    "reply: longer than the %zu bytes of the buffer",
		    x->response->size);
	else if (x->outcome->err.text[0] == '\0')
		err_set(&x->outcome->err, 0, "reply: no memory for the body");
	reply_begin(x, 500, REPLY_PRIVATE);
	x->outcome->code = "internal";
	if (x->html)
		reply_end(x, REPLY_HTML,
		    strv_from(broken_html, sizeof(broken_html) - 1));
	else
		reply_end(x, REPLY_PROBLEM,
		    strv_from(broken_json, sizeof(broken_json) - 1));
}
