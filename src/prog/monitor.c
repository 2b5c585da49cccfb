/* SPDX-License-Identifier: Apache-2.0 */
/* The monitor: a table of paths, and one reply each. */
#include "config.h"

#include "prog/monitor.h"
#include "base/clock.h"
#include "base/log.h"
#include "fcgi/fcgi.h"
#include "prog/openmetrics.h"
#include "prog/snapshot.h"

#include <stdlib.h>

/* php-fpm's pace of looking at the queue is a second, in which a backlog can
 * fill up and empty again. */
#define SAMPLE_MS 100

/* A page of all workers: what the longest texts may become in any format. */
#define PAGE_BYTES         (256 * 1024)
#define PAGE_WORKER_BYTES  4096
#define HEAD_BYTES         1024
#define REQUEST_BODY_MAX   4096
#define REQUEST_PARAMS_MAX 65536

struct reply {
	int status;
	const char *type;
	struct strbuf body;
};

struct monitor {
	struct snapshot snapshot;
	const struct settings *settings;
	struct pool_child *child; /* from here on: the child's own */
	struct fcgi *fcgi;
	size_t page_bytes;
	char *page; /* the body, and */
	char *response; /* the whole */
	struct metrics metrics;
};

struct monitor *monitor_new(const struct settings *settings,
    const struct sale_table *table, const struct accepted *accepted,
    const struct snapshot_start *start)
{
	struct monitor *monitor = calloc(1, sizeof(*monitor));

	if (monitor == NULL)
		return NULL;
	monitor->settings = settings;
	monitor->snapshot = (struct snapshot){
	    .settings = settings,
	    .table = table,
	    .accepted = accepted,
	    .start = *start,
	};
	return monitor;
}

void monitor_free(struct monitor **monitor)
{
	free(*monitor);
	*monitor = NULL;
}

size_t monitor_area_bytes(void)
{
	return sizeof(struct stats);
}

/* ---- the replies ------------------------------------------------------------------------- */

static void status_reply(
    struct monitor *monitor, struct strv query, struct reply *reply)
{
	bool full;
	enum status_format format = status_format_of(query, &full);
	struct status status;

	snapshot_status(&monitor->snapshot, full, &status);
	reply->type = status_content_type(format);
	if (!status_write(&status, format, full, &reply->body))
		reply->status = 500;
}

static void metrics_reply(
    struct monitor *monitor, struct strv query, struct reply *reply)
{
	struct status status;

	(void)query;
	snapshot_status(&monitor->snapshot, false, &status);
	snapshot_metrics(&monitor->snapshot, &status, &monitor->metrics);
	reply->type = OM_CONTENT_TYPE;
	metrics_write(&monitor->metrics, &reply->body);
}

static void ping_reply(
    struct monitor *monitor, struct strv query, struct reply *reply)
{
	(void)query;
	strbuf_puts(&reply->body, monitor->settings->www.ping_response);
}

static void health_reply(struct monitor *monitor, struct reply *reply,
    bool (*judge)(const struct ready_facts *facts, struct strbuf *why))
{
	struct ready_facts facts;

	snapshot_facts(&monitor->snapshot, &facts);
	if (judge(&facts, &reply->body))
		strbuf_puts(&reply->body, "ok\n");
	else
		reply->status = 503;
}

static void live_reply(
    struct monitor *monitor, struct strv query, struct reply *reply)
{
	(void)query;
	health_reply(monitor, reply, ready_is_alive);
}

static void ready_reply(
    struct monitor *monitor, struct strv query, struct reply *reply)
{
	(void)query;
	health_reply(monitor, reply, ready_is_ready);
}

static const struct route {
	const char *path; /* NULL: the setting at `offset` */
	size_t offset;
	void (*run)(
	    struct monitor *monitor, struct strv query, struct reply *reply);
} routes[] = {
    {NULL, offsetof(struct settings, www.status_path), status_reply},
    {NULL, offsetof(struct settings, www.ping_path), ping_reply},
    {"/metrics", 0, metrics_reply},
    {"/livez", 0, live_reply},
    {"/readyz", 0, ready_reply},
};

static const struct route *route_of(
    const struct monitor *monitor, struct strv path)
{
	for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
		const char *own = routes[i].path;

		if (own == NULL)
			own =
			    (const char *)monitor->settings + routes[i].offset;
		if (own[0] != '\0' && strv_eq(path, strv_c(own)))
			return &routes[i];
	}
	return NULL;
}

/* ---- one request --------------------------------------------------------------------------- */

static const char *reason_of(int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 400:
		return "Bad Request";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 503:
		return "Service Unavailable";
	default:
		return "Internal Server Error";
	}
}

/* As php-fpm has it: exporters name the page by SCRIPT_NAME, a web server that
 * leaves it empty by REQUEST_URI. */
static void target_of(
    const struct fcgi *fcgi, struct strv *path, struct strv *query)
{
	struct strv uri = fcgi_param(fcgi, "REQUEST_URI");
	struct strv script = fcgi_param(fcgi, "SCRIPT_NAME");
	struct strv given = fcgi_param(fcgi, "QUERY_STRING");

	*path = strv_cut(&uri, '?');
	*query = given.n > 0 ? given : uri;
	if (script.n > 0)
		*path = script;
}

static void reply_make(
    struct monitor *monitor, enum fcgi_read read, struct reply *reply)
{
	struct strv method = fcgi_param(monitor->fcgi, "REQUEST_METHOD");
	const struct route *route;
	struct strv path, query;

	target_of(monitor->fcgi, &path, &query);
	route = route_of(monitor, path);
	if (read != FCGI_READ_REQUEST)
		reply->status = 400;
	else if (route == NULL)
		reply->status = 404;
	else if (!strv_eq(method, STRV("GET")) &&
		 !strv_eq(method, STRV("HEAD")))
		reply->status = 405;
	else
		route->run(monitor, query, reply);
	if (reply->body.overflow) {
		log_warning("a status page does not fit into %zu bytes",
		    monitor->page_bytes);
		reply->status = 500;
	}
	/* A half-written page says nothing; the reasons of a 503 do. */
	if (reply->status != 200 && reply->status != 503) {
		strbuf_reset(&reply->body);
		strbuf_printf(&reply->body, "%s\n", reason_of(reply->status));
		reply->type = "text/plain; charset=utf-8";
	}
}

static void response_put(
    struct strbuf *out, const struct reply *reply, bool head)
{
	strbuf_printf(out,
	    "Status: %d %s\r\n"
	    "Content-Type: %s\r\n"
	    "Expires: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
	    "Cache-Control: no-cache, no-store, must-revalidate, max-age=0\r\n"
	    "X-Content-Type-Options: nosniff\r\n"
	    "Content-Security-Policy: default-src 'none'\r\n",
	    reply->status, reason_of(reply->status), reply->type);
	if (reply->status == 405)
		strbuf_puts(out, "Allow: GET, HEAD\r\n");
	strbuf_printf(out, "Content-Length: %zu\r\n\r\n", reply->body.n);
	if (!head)
		strbuf_put(out, strbuf_view(&reply->body));
}

static enum pool_next monitor_serve(void *ctx, int fd)
{
	struct monitor *monitor = ctx;
	struct reply reply = {200, "text/plain; charset=utf-8", {0}};
	struct strbuf response;
	struct err err = ERR_INIT;
	enum fcgi_read read = fcgi_read(monitor->fcgi, fd, &err);
	bool head;

	if (read == FCGI_READ_GONE)
		return POOL_CLOSED;
	if (read == FCGI_READ_NONE)
		return POOL_KEEP;
	strbuf_init(&reply.body, monitor->page, monitor->page_bytes);
	strbuf_init(
	    &response, monitor->response, monitor->page_bytes + HEAD_BYTES);
	reply_make(monitor, read, &reply);
	head =
	    strv_eq(fcgi_param(monitor->fcgi, "REQUEST_METHOD"), STRV("HEAD"));
	response_put(&response, &reply, head);
	return fcgi_finish(monitor->fcgi, strbuf_view(&response),
		   !pool_child_draining(monitor->child))
		   ? POOL_KEEP
		   : POOL_CLOSED;
}

/* ---- open, close, tick ----------------------------------------------------------------------- */

static void monitor_close(void *ctx)
{
	struct monitor *monitor = ctx;

	snapshot_close(&monitor->snapshot);
	fcgi_free(&monitor->fcgi);
	free(monitor->page);
	free(monitor->response);
	monitor->page = NULL;
	monitor->response = NULL;
}

static bool monitor_open(void *ctx, struct pool_child *child, struct err *err)
{
	struct monitor *monitor = ctx;
	const struct fcgi_limits limits = {
	    REQUEST_BODY_MAX, REQUEST_PARAMS_MAX};

	monitor->child = child;
	if (!snapshot_open(&monitor->snapshot, child, err))
		return false;
	monitor->page_bytes =
	    PAGE_BYTES + pool_status_slots(child) * PAGE_WORKER_BYTES;
	monitor->page = malloc(monitor->page_bytes);
	monitor->response = malloc(monitor->page_bytes + HEAD_BYTES);
	if (monitor->page == NULL || monitor->response == NULL)
		err_set_errno(err, "a page of %zu bytes", monitor->page_bytes);
	else
		monitor->fcgi = fcgi_new(&limits, err);
	if (monitor->fcgi != NULL)
		return true;
	monitor_close(monitor);
	return false;
}

static int64_t monitor_tick(void *ctx)
{
	struct monitor *monitor = ctx;

	snapshot_sample(&monitor->snapshot);
	return SAMPLE_MS;
}

struct pool_app monitor_app(struct monitor *monitor)
{
	return (struct pool_app){.open = monitor_open,
	    .serve = monitor_serve,
	    .tick = monitor_tick,
	    .close = monitor_close,
	    .ctx = monitor};
}
