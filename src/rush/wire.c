/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcurl's multi interface on epoll.  The crowd shares the machine with the
 * server, so a lane keeps its easy handle and its header list for ever and only
 * rewrites their text.
 */
#include "config.h"

#include "rush/wire.h"
#include "base/bug.h"
#include "rush/ident.h"
#include "rush/target.h"
#include "rush/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <curl/curl.h>

#define KEY_LINE_MAX 320
/* A purchase says nothing beyond who and which sale. */
#define REQUEST_BODY "{}"

struct lane {
	struct wire *wire;
	CURL *easy;
	struct lane *next_free;
	bool busy;
	unsigned sends; /* of this request: more than one is a quiet repeat */
	int64_t start_ns;
	struct wall start_wall;
	bool replayed;
	struct curl_slist type, agent, identity, key; /* the header list */
	size_t body_n;
	char identity_line[IDENT_LINE_MAX];
	char key_line[KEY_LINE_MAX];
	char error[CURL_ERROR_SIZE];
	char body[WIRE_BODY_MAX];
};

struct wire {
	struct wire_conf conf;
	CURLM *multi;
	struct watch watch;
	int64_t curl_due_ns; /* when libcurl wants to be called; 0: never */
	struct lane *lane;
	struct lane *free;
	uint32_t busy;
	uint64_t answered; /* counts, so that wire_run() sees progress */
	bool out_of_memory; /* noticed inside a callback */
	bool strayed; /* an address was not this machine's */
};

/* ---- what libcurl calls for ---------------------------------------------------- */

static int on_socket(
    CURL *easy, curl_socket_t fd, int what, void *ctx, void *unused)
{
	struct wire *wire = ctx;
	uint32_t events = 0;

	(void)easy;
	(void)unused;
	if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
		events |= EPOLLIN;
	if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
		events |= EPOLLOUT;
	if (watch_want(&wire->watch, fd, events))
		return 0;
	wire->out_of_memory = true;
	return -1;
}

static curl_socket_t on_open(
    void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct wire *wire = ctx;
	int fd;

	(void)purpose;
	/* The name said "here"; what it resolved to decides. */
	if (!wire->conf.allow_remote &&
	    !target_address_is_here(&address->addr)) {
		wire->strayed = true;
		return CURL_SOCKET_BAD;
	}
	fd = socket(address->family, address->socktype | SOCK_CLOEXEC,
	    address->protocol);
	if (fd < 0)
		return CURL_SOCKET_BAD;
	if (watch_opened(&wire->watch, fd))
		return fd;
	wire->out_of_memory = true;
	close(fd);
	return CURL_SOCKET_BAD;
}

static int on_close(void *ctx, curl_socket_t fd)
{
	struct wire *wire = ctx;

	watch_closing(&wire->watch, fd);
	return close(fd);
}

static int on_timer(CURLM *multi, long timeout_ms, void *ctx)
{
	struct wire *wire = ctx;

	(void)multi;
	wire->curl_due_ns =
	    timeout_ms < 0 ? 0 : mono_ns() + timeout_ms * NS_PER_MS;
	return 0;
}

/* ---- one request -------------------------------------------------------------- */

static int on_before_send(
    void *ctx, char *peer, char *local, int peer_port, int local_port)
{
	struct lane *lane = ctx;

	(void)peer;
	(void)local;
	(void)peer_port;
	(void)local_port;
	return ++lane->sends == 1 ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

static size_t on_header(char *line, size_t size, size_t n, void *ctx)
{
	static const struct strv name = {"idempotent-replayed:", 20};
	struct strv text = strv_from(line, size * n);
	struct lane *lane = ctx;

	if (strv_starts_nocase(text, name)) {
		text.p += name.n;
		text.n -= name.n;
		while (text.n > 0 && (text.p[text.n - 1] == '\r' ||
					 text.p[text.n - 1] == '\n'))
			text.n--;
		lane->replayed = strv_eq_nocase(strv_trim(text), STRV("true"));
	}
	return size * n;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *ctx)
{
	struct lane *lane = ctx;
	size_t fits = WIRE_BODY_MAX - lane->body_n;

	if (fits > size * n)
		fits = size * n;
	memcpy(lane->body + lane->body_n, bytes, fits);
	lane->body_n += fits;
	/* All of it was taken, or libcurl would call it a failure. */
	return size * n;
}

static void header_link(
    struct curl_slist **tail, struct curl_slist *node, struct strv line)
{
	if (line.n == 0)
		return;
	(*tail)->next = node;
	*tail = node;
	node->next = NULL;
}

bool wire_send(struct wire *wire, struct strv identity, struct strv key,
    uint32_t *number, struct err *err)
{
	struct lane *lane = wire->free;
	struct curl_slist *tail = &lane->agent;
	CURLMcode code;

	BUG_ON(lane == NULL);
	BUG_ON(!strv_copy(
	    identity, lane->identity_line, sizeof(lane->identity_line)));
	BUG_ON(!strv_copy(key, lane->key_line, sizeof(lane->key_line)));
	tail->next = NULL;
	header_link(&tail, &lane->identity, identity);
	header_link(&tail, &lane->key, key);
	lane->sends = 0;
	lane->body_n = 0;
	lane->replayed = false;
	lane->error[0] = '\0';
	lane->start_wall = wall_now();
	lane->start_ns = mono_ns();
	code = curl_multi_add_handle(wire->multi, lane->easy);
	if (code != CURLM_OK) {
		err_set(
		    err, (int)code, "libcurl: %s", curl_multi_strerror(code));
		return false;
	}
	wire->free = lane->next_free;
	lane->busy = true;
	wire->busy++;
	*number = (uint32_t)(lane - wire->lane);
	return true;
}

/* ---- answers ------------------------------------------------------------------ */

static struct strv error_text(const struct lane *lane, CURLcode code)
{
	if (lane->wire->strayed)
		return STRV("the address is not this machine's");
	/* The repeat that on_before_send() stopped, see wire.h. */
	if (code == CURLE_ABORTED_BY_CALLBACK && lane->sends > 1)
		return STRV("the kept connection was closed under the request");
	return strv_c(
	    lane->error[0] != '\0' ? lane->error : curl_easy_strerror(code));
}

static void lane_answer(struct lane *lane, struct wire_answer *answer)
{
	struct wire *wire = lane->wire;

	answer->lane = (uint32_t)(lane - wire->lane);
	answer->start_ns = lane->start_ns;
	answer->start_wall = lane->start_wall;
	answer->end_ns = mono_ns();
	curl_multi_remove_handle(wire->multi, lane->easy);
	lane->busy = false;
	wire->busy--;
	wire->answered++;
	/* The lane is free only behind the call: its text is lent meanwhile. */
	wire->conf.answered(wire->conf.ctx, answer);
	lane->next_free = wire->free;
	wire->free = lane;
}

static void lane_done(struct lane *lane, CURLcode code)
{
	struct wire_answer answer = {0};
	curl_off_t retry_after_s = 0;
	long status = 0;

	if (code == CURLE_OK) {
		curl_easy_getinfo(lane->easy, CURLINFO_RESPONSE_CODE, &status);
		curl_easy_getinfo(
		    lane->easy, CURLINFO_RETRY_AFTER, &retry_after_s);
		answer.status = (int)status;
		answer.replayed = lane->replayed;
		/* A day is as long as any; no overflow for a silly number. */
		if (retry_after_s > 86400)
			retry_after_s = 86400;
		answer.retry_after_ms = retry_after_s * 1000;
		answer.body = strv_from(lane->body, lane->body_n);
	} else {
		answer.timed_out = code == CURLE_OPERATION_TIMEDOUT;
		answer.error = error_text(lane, code);
	}
	lane_answer(lane, &answer);
}

static void answers_collect(struct wire *wire)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(wire->multi, &left)) != NULL) {
		CURLcode code = message->data.result;
		struct lane *lane;

		BUG_ON(message->msg != CURLMSG_DONE);
		curl_easy_getinfo(
		    message->easy_handle, CURLINFO_PRIVATE, (char **)&lane);
		lane_done(lane, code);
	}
}

void wire_abort(struct wire *wire)
{
	for (uint32_t i = 0; i < wire->conf.lanes; i++) {
		struct wire_answer answer = {
		    .interrupted = true, .error = STRV("interrupted")};

		if (wire->lane[i].busy)
			lane_answer(&wire->lane[i], &answer);
	}
}

/* ---- the loop ----------------------------------------------------------------- */

static void act(struct wire *wire, curl_socket_t fd, int events)
{
	int running;

	BUG_ON(curl_multi_socket_action(wire->multi, fd, events, &running) !=
	       CURLM_OK);
	/* Now, not after the other events: the end of each is measured. */
	answers_collect(wire);
}

static int curl_events(uint32_t events)
{
	int out = 0;

	if ((events & (EPOLLIN | EPOLLHUP)) != 0)
		out |= CURL_CSELECT_IN;
	if ((events & EPOLLOUT) != 0)
		out |= CURL_CSELECT_OUT;
	if ((events & EPOLLERR) != 0)
		out |= CURL_CSELECT_ERR;
	return out;
}

static bool curl_is_due(const struct wire *wire)
{
	return wire->curl_due_ns != 0 && wire->curl_due_ns <= mono_ns();
}

bool wire_run(struct wire *wire, int64_t until_ns, struct err *err)
{
	struct watch_event events[WATCH_EVENTS_MAX];
	uint64_t answered = wire->answered;
	int timeout_ms = -1;
	int n;

	/* What was just added is started by this. */
	if (curl_is_due(wire))
		act(wire, CURL_SOCKET_TIMEOUT, 0);
	if (wire->curl_due_ns != 0)
		timeout_ms = deadline_left_ms(wire->curl_due_ns);
	if (wire->answered != answered)
		timeout_ms = 0;
	n = watch_wait(&wire->watch, until_ns, timeout_ms, events, err);
	if (n < 0)
		return false;
	for (int i = 0; i < n; i++)
		act(wire, events[i].fd, curl_events(events[i].events));
	if (curl_is_due(wire))
		act(wire, CURL_SOCKET_TIMEOUT, 0);
	if (wire->out_of_memory) {
		err_set(err, ENOMEM, "connections: out of memory");
		return false;
	}
	return true;
}

uint32_t wire_busy(const struct wire *wire)
{
	return wire->busy;
}

uint32_t wire_room(const struct wire *wire)
{
	return wire->conf.lanes - wire->busy;
}

/* ---- making and unmaking ------------------------------------------------------- */

/* What must not be refused by libcurl; anything else would be a bug of ours or
 * a libcurl without it, and either must not pass for a slow server. */
#define SET(easy, option, value) \
	BUG_ON(curl_easy_setopt(easy, option, value) != CURLE_OK)
#define MSET(multi, option, value) \
	BUG_ON(curl_multi_setopt(multi, option, value) != CURLM_OK)

static void lane_route(struct lane *lane, const struct wire_conf *conf)
{
	SET(lane->easy, CURLOPT_URL, conf->url);
	SET(lane->easy, CURLOPT_UNIX_SOCKET_PATH, conf->unix_socket);
	SET(lane->easy, CURLOPT_NOPROXY, "*");
	SET(lane->easy, CURLOPT_NOSIGNAL, 1L);
	SET(lane->easy, CURLOPT_FOLLOWLOCATION, 0L);
	SET(lane->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(lane->easy, CURLOPT_TIMEOUT_MS, (long)conf->timeout_ms);
	SET(lane->easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
	SET(lane->easy, CURLOPT_OPENSOCKETDATA, lane->wire);
	SET(lane->easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
	SET(lane->easy, CURLOPT_CLOSESOCKETDATA, lane->wire);
}

static bool lane_make(struct wire *wire, struct lane *lane)
{
	static char type[] = "Content-Type: application/json";
	static char agent[] = "User-Agent: flashgate-rush/" PACKAGE_VERSION;

	lane->wire = wire;
	lane->easy = curl_easy_init();
	if (lane->easy == NULL)
		return false;
	lane->type = (struct curl_slist){type, &lane->agent};
	lane->agent = (struct curl_slist){agent, NULL};
	lane->identity.data = lane->identity_line;
	lane->key.data = lane->key_line;
	lane_route(lane, &wire->conf);
	SET(lane->easy, CURLOPT_PRIVATE, lane);
	SET(lane->easy, CURLOPT_ERRORBUFFER, lane->error);
	SET(lane->easy, CURLOPT_POST, 1L);
	SET(lane->easy, CURLOPT_POSTFIELDS, REQUEST_BODY);
	SET(lane->easy, CURLOPT_POSTFIELDSIZE, (long)strlen(REQUEST_BODY));
	SET(lane->easy, CURLOPT_HTTPHEADER, &lane->type);
	SET(lane->easy, CURLOPT_PREREQFUNCTION, on_before_send);
	SET(lane->easy, CURLOPT_PREREQDATA, lane);
	SET(lane->easy, CURLOPT_HEADERFUNCTION, on_header);
	SET(lane->easy, CURLOPT_HEADERDATA, lane);
	SET(lane->easy, CURLOPT_WRITEFUNCTION, on_body);
	SET(lane->easy, CURLOPT_WRITEDATA, lane);
	lane->next_free = wire->free;
	wire->free = lane;
	return true;
}

static bool multi_make(struct wire *wire)
{
	wire->multi = curl_multi_init();
	if (wire->multi == NULL)
		return false;
	MSET(wire->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	MSET(wire->multi, CURLMOPT_SOCKETDATA, wire);
	MSET(wire->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	MSET(wire->multi, CURLMOPT_TIMERDATA, wire);
	MSET(wire->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
	/* As many idle connections are kept as there are lanes. */
	MSET(wire->multi, CURLMOPT_MAXCONNECTS, (long)wire->conf.lanes);
	return true;
}

struct wire *wire_new(const struct wire_conf *conf, struct err *err)
{
	struct wire *wire = calloc(1, sizeof(*wire));

	if (wire == NULL) {
		err_set(err, ENOMEM, "connections: out of memory");
		return NULL;
	}
	wire->conf = *conf;
	if (!watch_init(&wire->watch, err)) {
		free(wire);
		return NULL;
	}
	wire->lane = calloc(conf->lanes, sizeof(*wire->lane));
	if (wire->lane == NULL || !multi_make(wire))
		goto full;
	for (uint32_t i = conf->lanes; i > 0; i--)
		if (!lane_make(wire, &wire->lane[i - 1]))
			goto full;
	return wire;
full:
	err_set(err, ENOMEM, "connections: out of memory");
	wire_free(&wire);
	return NULL;
}

void wire_free(struct wire **wire)
{
	struct wire *gone = *wire;

	if (gone == NULL)
		return;
	*wire = NULL;
	for (uint32_t i = 0; gone->lane != NULL && i < gone->conf.lanes; i++) {
		struct lane *lane = &gone->lane[i];

		if (lane->busy)
			curl_multi_remove_handle(gone->multi, lane->easy);
		curl_easy_cleanup(lane->easy);
	}
	/* Closes the connections: on_close() still needs the watch. */
	if (gone->multi != NULL)
		curl_multi_cleanup(gone->multi);
	watch_free(&gone->watch);
	free(gone->lane);
	free(gone);
}
