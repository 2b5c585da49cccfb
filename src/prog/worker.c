/* SPDX-License-Identifier: Apache-2.0 */
/* The worker: fcgi below, web above, the stores at its sides. */
#include "config.h"

#include "prog/worker.h"
#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "fcgi/fcgi.h"
#include "prog/own_table.h"
#include "prog/access.h"
#include "prog/stats.h"
#include "prog/timed.h"
#include "prog/wire.h"
#include "web/web.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Look-ups of sales that the table does not have, a second and worker: enough
 * for a sale that was opened just now, too few to attack MySQL with. */
#define MISSES_PER_SECOND 5

/* Requests between two looks at one's own size: a system call. */
#define RSS_EVERY 256

/* Longest wait for the keeper's first reading of the sales, and its step. */
#define TABLE_WAIT_MS 2000
#define TABLE_LOOK_MS 2

struct worker {
	const struct settings *settings;
	const struct sale_table *table;
	const struct token_keys *keys;
	struct accepted
	    *accepted; /* shared; NULL: there is nobody to read it */
	struct access *access; /* NULL: none */
	struct pool_child *child; /* from here on: the child's own */
	struct stats *stats; /* in shared memory, ours to write */
	struct fcgi *fcgi;
	struct gate *gate;
	struct ledger *ledger;
	struct gate_port gate_port;
	struct ledger_port ledger_port;
	struct buyer buyer;
	struct web_conf web_conf;
	struct web web;
	int fd; /* of the request at hand */
	int64_t miss_second;
	unsigned misses;
	struct sale_entry young; /* the last one that a look-up found */
	int64_t young_until_ns;
	struct own_table own;
	struct log_rate log_rate;
	uint64_t served;
	struct wall received; /* of the request at hand */
	int64_t queue_ns; /* its time before us; -1: not known */
	char response[WEB_RESPONSE_MAX];
};

struct worker *worker_new(const struct settings *settings,
    const struct sale_table *table, const struct token_keys *keys,
    struct err *err)
{
	struct worker *worker = calloc(1, sizeof(*worker));

	if (worker == NULL) {
		err_set_errno(err, "a worker");
		return NULL;
	}
	worker->access = access_new(settings, err);
	if (worker->access == NULL && err->text[0] != '\0') {
		free(worker);
		return NULL;
	}
	worker->settings = settings;
	worker->table = table;
	worker->keys = keys;
	worker->fd = -1;
	return worker;
}

void worker_own_table(struct worker *worker, struct sale_table *table)
{
	const struct settings *settings = worker->settings;

	/* What a request has time for, twice: MySQL, and Redis. */
	worker->own = (struct own_table){.table = table,
	    .refresh_ms = settings->keeper.refresh_ms,
	    .call_ms = settings->limits.request_deadline_ms / 4};
}

void worker_note_accepted(struct worker *worker, struct accepted *accepted)
{
	worker->accepted = accepted;
}

void worker_free(struct worker **worker)
{
	if (*worker == NULL)
		return;
	access_free(&(*worker)->access);
	free(*worker);
	*worker = NULL;
}

/* ---- what the web asks of us ------------------------------------------------------- */

/* One look-up more this second? */
static bool miss_allowed(struct worker *worker)
{
	int64_t second = mono_ns() / NS_PER_S;

	if (second != worker->miss_second) {
		worker->miss_second = second;
		worker->misses = 0;
	}
	return ++worker->misses <= MISSES_PER_SECOND;
}

/*
 * A sale that was opened since the keeper last read them: found once, it is
 * remembered until the table must have it.  What may not be looked up is a
 * doubt, not an unknown sale.
 */
static enum outcome sale_miss(void *ctx, struct strv slug, int64_t deadline_ns,
    struct sale_entry *out, bool *found, struct err *err)
{
	struct worker *worker = ctx;
	struct sale_entry *young = &worker->young;
	struct wall now;
	enum outcome done;

	(void)deadline_ns;
	*found = mono_ns() < worker->young_until_ns &&
		 strv_eq(slug, strv_c(young->sale.slug));
	if (*found) {
		*out = *young;
		return OUT_DONE;
	}
	if (!miss_allowed(worker)) {
		err_set(
		    err, 0, "too many sales that nobody knows are asked for");
		return OUT_NOT_DONE;
	}
	memset(out, 0, sizeof(*out));
	done = ledger_sale_find(
	    worker->ledger, slug, &out->sale, found, &now, err);
	if (done != OUT_DONE)
		return done;
	*found = *found && out->sale.state != SALE_STATE_DRAFT;
	if (*found) {
		*young = *out;
		worker->young_until_ns =
		    deadline_in_ms(2 * worker->settings->keeper.refresh_ms);
	}
	return OUT_DONE;
}

static bool peer_gone(void *ctx)
{
	return pool_peer_gone(((struct worker *)ctx)->fd);
}

static void accepted_tell(void *ctx, const struct order *order)
{
	struct worker *worker = ctx;

	if (worker->accepted != NULL)
		accepted_note(worker->accepted, order);
}

/* Where it must not, the gate does not accept what could be lost.  Where it may,
 * and nobody knows whether it can, that is what is said. */
static bool accepted_may_lose(void *ctx)
{
	struct worker *worker = ctx;

	return worker->settings->queue.accept_loss &&
	       (worker->accepted == NULL ||
		   accepted_durability(worker->accepted) != ACCEPTED_STORED);
}

/* ---- open, close ----------------------------------------------------------------- */

static void web_set_up(struct worker *worker)
{
	const struct settings *settings = worker->settings;

	worker->buyer = (struct buyer){.gate = &worker->gate_port,
	    .ledger = &worker->ledger_port,
	    .gate_timeout_ms = settings->redis.timeout_ms,
	    .lease_ms = settings->keeper.lease_ms,
	    .clock = &clock_system};
	worker->web_conf = (struct web_conf){
	    .trust_remote_user = settings->identity.remote_user,
	    .keys = worker->keys->n > 0 ? worker->keys : NULL,
	    .request_deadline_ms = settings->limits.request_deadline_ms,
	    .problem_base = settings->www.problem_base,
	    .sweep_interval_ms = settings->settler.sweep_interval_ms};
	worker->web = (struct web){.conf = &worker->web_conf,
	    .buyer = &worker->buyer,
	    .table = worker->table,
	    .sale_miss = sale_miss,
	    .peer_gone = peer_gone,
	    .accepted = accepted_tell,
	    .may_lose = accepted_may_lose,
	    .ctx = worker};
}

static void worker_close(void *ctx)
{
	struct worker *worker = ctx;

	if (worker->gate != NULL)
		worker->gate_port.flush(worker->gate_port.ctx);
	gate_free(&worker->gate);
	ledger_free(&worker->ledger);
	fcgi_free(&worker->fcgi);
}

/*
 * Connections are made before the first request, so that second 0 of a sale
 * has no connect storm.  A store that is away is no reason not to be born: the
 * worker says so to shoppers, and connects when it can.
 */
/*
 * At a start, and at an upgrade, the keeper fills the table at the same moment:
 * who is ready before it is would tell the first shoppers to try again.  Without
 * a keeper that can, service begins as well as it may.
 */
static void table_await(const struct worker *worker)
{
	const struct timespec pause = {.tv_nsec = TABLE_LOOK_MS * NS_PER_MS};
	int64_t end_ns = deadline_in_ms(TABLE_WAIT_MS);
	struct sale_table_head head;

	while (
	    !sale_table_head_read(worker->table, &head) && mono_ns() < end_ns)
		nanosleep(&pause, NULL);
}

static bool worker_open(void *ctx, struct pool_child *child, struct err *err)
{
	struct worker *worker = ctx;
	struct fcgi_limits limits = {
	    .body_max_bytes = (size_t)worker->settings->limits.body_max_bytes,
	    .params_max_bytes =
		(size_t)worker->settings->limits.params_max_bytes};
	struct err why = ERR_INIT;
	struct gate_gauge gauge;

	worker->child = child;
	worker->stats = pool_child_area(child);
	worker->fcgi = fcgi_new(&limits, err);
	worker->gate = wire_gate(worker->settings, err);
	worker->ledger = wire_ledger(worker->settings, WIRE_SERVER, err);
	if (worker->fcgi == NULL || worker->gate == NULL ||
	    worker->ledger == NULL) {
		worker_close(worker);
		return false;
	}
	worker->gate_port = gate_port(worker->gate);
	worker->ledger_port = ledger_port(worker->ledger);
	timed_install(
	    &worker->gate_port, &worker->ledger_port, worker->stats, child);
	web_set_up(worker);
	if (worker->ledger_port.ready(worker->ledger_port.ctx,
		deadline_in_ms(worker->settings->mysql.connect_timeout_ms),
		&why) != OUT_DONE)
		log_warning("MySQL is away at start: %s", why.text);
	if (worker->gate_port.gauge(worker->gate_port.ctx, (struct sale_id){0},
		deadline_in_ms(worker->settings->redis.connect_timeout_ms),
		&gauge, &why) != OUT_DONE)
		log_warning("Redis is away at start: %s", why.text);
	own_table_keep(&worker->own, &worker->gate_port, &worker->ledger_port);
	if (worker->own.table == NULL)
		table_await(worker);
	stats_rss(worker->stats);
	return true;
}

/* ---- one request ------------------------------------------------------------------ */

/* Headers of which a second one would make the request ambiguous. */
static const char *const single[] = {"CONTENT_LENGTH", "CONTENT_TYPE",
    "HTTP_AUTHORIZATION", "HTTP_HOST", "HTTP_IDEMPOTENCY_KEY", "HTTP_ORIGIN",
    "REMOTE_USER", "REQUEST_METHOD", "REQUEST_URI"};

static enum web_flaw flaw_of(const struct fcgi *fcgi, enum fcgi_read read)
{
	if (read == FCGI_READ_TOO_LARGE)
		return WEB_FLAW_TOO_LARGE;
	if (read != FCGI_READ_REQUEST)
		return WEB_FLAW_BAD_LENGTH;
	for (size_t i = 0; i < ARRAY_LEN(single); i++)
		if (fcgi_param_count(fcgi, single[i]) > 1)
			return WEB_FLAW_DUPLICATE;
	return WEB_FLAW_NONE;
}

static struct web_request request_of(
    const struct fcgi *fcgi, enum fcgi_read read)
{
	return (struct web_request){
	    .method = fcgi_param(fcgi, "REQUEST_METHOD"),
	    .uri = fcgi_param(fcgi, "REQUEST_URI"),
	    .content_type = fcgi_param(fcgi, "CONTENT_TYPE"),
	    .idempotency_key = fcgi_param(fcgi, "HTTP_IDEMPOTENCY_KEY"),
	    .authorization = fcgi_param(fcgi, "HTTP_AUTHORIZATION"),
	    .remote_user = fcgi_param(fcgi, "REMOTE_USER"),
	    .if_none_match = fcgi_param(fcgi, "HTTP_IF_NONE_MATCH"),
	    .origin = fcgi_param(fcgi, "HTTP_ORIGIN"),
	    .host = fcgi_param(fcgi, "HTTP_HOST"),
	    .sec_fetch_site = fcgi_param(fcgi, "HTTP_SEC_FETCH_SITE"),
	    .accept = fcgi_param(fcgi, "HTTP_ACCEPT"),
	    .body = fcgi_body(fcgi),
	    .flaw = flaw_of(fcgi, read),
	};
}

static const struct {
	enum buy_event event;
	const char *text;
} event_texts[] = {
    {BUY_EVENT_HEALED, "the gate had forgotten a sold unit: healed"},
    {BUY_EVENT_OUT_OF_BOUNDS, "the gate offered a unit above the stock"},
    {BUY_EVENT_GATE_LOST,
	"the gate has lost a sale: flashgatectl sale open SALE"},
    {BUY_EVENT_AMBIGUOUS, "an insert was sent twice, its answer was lost"},
};

/* A doubt of ours is worth a line; a shopper's mistake only when debugging. */
static void outcome_log(
    struct worker *worker, const struct web_outcome *outcome)
{
	enum log_level level = outcome->status >= 500 || outcome->events != 0
				   ? LOG_LEVEL_WARNING
				   : LOG_LEVEL_DEBUG;
	const char *event = "";

	for (size_t i = 0; i < ARRAY_LEN(event_texts); i++)
		if ((outcome->events & (1u << event_texts[i].event)) != 0)
			event = event_texts[i].text;
	if (event[0] == '\0' && outcome->err.text[0] == '\0')
		return;
	log_limited(&worker->log_rate, level, "%s: %d %s%s%s%s%s",
	    outcome->route, outcome->status, outcome->code,
	    event[0] != '\0' ? ": " : "", event,
	    outcome->err.text[0] != '\0' ? ": " : "", outcome->err.text);
}

/* Says on the board what has come, and counts how long it has waited. */
static void request_note(
    struct worker *worker, const struct web_request *request)
{
	struct strv query = request->uri;
	struct pool_request shown = {.method = request->method,
	    .path = strv_cut(&query, '?'),
	    .content_length = request->body.n};
	int64_t now_ns = mono_ns();
	/* Without the time that reading took: that is ours. */
	int64_t reading_ns = now_ns - pool_child_request_ns(worker->child);

	shown.query = query;
	pool_child_show(worker->child, &shown);
	pool_child_phase(worker->child, PHASE_WORK, now_ns);
	timed_begin();
	worker->received = wall_now();
	worker->received.us -= reading_ns / 1000;
	worker->queue_ns = -1;
	if (stats_queue_age(fcgi_param(worker->fcgi, "FG_T"), worker->received,
		&worker->queue_ns))
		stats_observe(&worker->stats->queue_age, worker->queue_ns);
}

static struct strv param_of(const void *ctx, const char *name)
{
	return fcgi_param(ctx, name);
}

static void access_note(struct worker *worker,
    const struct web_request *request, const struct web_outcome *outcome,
    size_t sent)
{
	if (worker->access == NULL)
		return;
	access_begin(worker->access, &(struct access_facts){.request = request,
					 .outcome = outcome,
					 .param = param_of,
					 .ctx = worker->fcgi,
					 .received = worker->received,
					 .queue_ns = worker->queue_ns,
					 .claim_ns = timed_claim_ns(),
					 .insert_ns = timed_insert_ns(),
					 .sent = sent,
					 .master = (long)getppid()});
}

/* Sends it, and counts it; false when the connection is closed. */
static bool request_end(struct worker *worker, struct strv response,
    const struct web_outcome *outcome)
{
	int64_t taken_ns;
	/* Nothing to send: the shopper has gone, and so has the connection. */
	bool keep = outcome->status != 0 && !pool_child_draining(worker->child);

	pool_child_show_user(worker->child, customer_view(&outcome->who));
	pool_child_phase(worker->child, PHASE_REPLY, mono_ns());
	FAILPOINT(before_reply);
	keep = fcgi_finish(worker->fcgi, response, keep);
	taken_ns = mono_ns() - pool_child_request_ns(worker->child);
	stats_observe(&worker->stats->request, taken_ns);
	stats_outcome(worker->stats, outcome, response.n);
	if (worker->access != NULL)
		access_end(worker->access, taken_ns);
	return keep;
}

static enum pool_next worker_serve(void *ctx, int fd)
{
	struct worker *worker = ctx;
	struct web_outcome outcome = {0};
	struct web_request request;
	struct err err = ERR_INIT;
	struct strbuf response;
	enum fcgi_read read;
	bool keep;

	read = fcgi_read(worker->fcgi, fd, &err);
	if (read == FCGI_READ_GONE) {
		log_debug("connection dropped: %s", err.text);
		return POOL_CLOSED;
	}
	if (read == FCGI_READ_NONE)
		return POOL_KEEP;
	FAILPOINT(after_params);
	worker->fd = fd;
	request = request_of(worker->fcgi, read);
	request_note(worker, &request);
	strbuf_init(&response, worker->response, sizeof(worker->response));
	own_table_keep(&worker->own, &worker->gate_port, &worker->ledger_port);
	web_handle(&worker->web, &request, &response, &outcome);
	outcome_log(worker, &outcome);
	access_note(worker, &request, &outcome, response.n);
	worker->fd = -1;
	keep = request_end(worker, strbuf_view(&response), &outcome);
	if (++worker->served % RSS_EVERY == 0)
		stats_rss(worker->stats);
	return keep ? POOL_KEEP : POOL_CLOSED;
}

static void worker_idle(void *ctx)
{
	struct worker *worker = ctx;

	worker->gate_port.flush(worker->gate_port.ctx);
}

struct pool_app worker_app(struct worker *worker)
{
	return (struct pool_app){.open = worker_open,
	    .serve = worker_serve,
	    .idle = worker_idle,
	    .close = worker_close,
	    .phases = worker_phases,
	    .nphases = ARRAY_LEN(worker_phases),
	    .ctx = worker};
}
