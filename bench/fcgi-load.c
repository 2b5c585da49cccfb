/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fcgi-load: a front end with many connections to one FastCGI socket, kept or
 * one a request, and a fixed rate of requests.  A latency counts from when the
 * request was due, not from when a connection was free for it, so that a server
 * that stands still is not flattered.
 *
 *	fcgi-load [-u] [-c CONNS] [-r RATE] [-s SECONDS] [-p NAME=VALUE]... SOCKET
 *
 * -u opens a connection for each request.  A '%' in a value becomes the
 * request's number.  One line:
 *
 *	kept 30000 requests, 0 lost, 3000/s, p50 0.2 ms, p99 1.2 ms, ...
 */
#include "config.h"

#include "lib/fcgi_client.h"

#include "base/clock.h"
#include "base/num.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#define PARAMS_MAX 32
#define VALUE_MAX  256
#define LOST_MS    20000 /* an answer that takes longer is none */

struct conn {
	int fd; /* -1: none */
	bool busy;
	int64_t due_ns;
	struct fcc_peer peer;
	struct fcc_bytes out;
	uint64_t served;
};

struct load {
	const char *address;
	bool unkept;
	uint64_t nconns, rate, seconds;
	struct fcc_param params[PARAMS_MAX + 1];
	size_t nparams;
	struct conn *conns;
	/* A ring of free connections: each has its turn. */
	uint64_t *idle;
	uint64_t nidle, next_idle;
	int epoll_fd;
	uint64_t due, sent, lost, failed, n;
	int64_t start_ns;
	int64_t *taken_ns;
};

static void die(const char *what)
{
	fprintf(stderr, "fcgi-load: %s: %s\n", what, strerror(errno));
	exit(EX_OSERR);
}

/* ---- a request --------------------------------------------------------------- */

static void request_build(struct load *load, struct conn *conn, uint64_t number)
{
	static char values[PARAMS_MAX][VALUE_MAX];
	struct fcc_param params[PARAMS_MAX + 1] = {{NULL, NULL}};

	for (size_t i = 0; i < load->nparams; i++) {
		const char *percent = strchr(load->params[i].value, '%');

		params[i] = load->params[i];
		if (percent == NULL)
			continue;
		snprintf(values[i], VALUE_MAX, "%.*s%" PRIu64 "%s",
		    (int)(percent - load->params[i].value),
		    load->params[i].value, number, percent + 1);
		params[i].value = values[i];
	}
	conn->out.n = 0;
	fcc_put_request(&conn->out,
	    &(struct fcc_request){.keep = !load->unkept, .params = params});
}

static void conn_open(struct load *load, struct conn *conn)
{
	struct err err = ERR_INIT;
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = conn};

	conn->fd = fcc_connect(load->address, &err);
	if (conn->fd < 0) {
		fprintf(stderr, "fcgi-load: %s\n", err.text);
		exit(EX_UNAVAILABLE);
	}
	conn->peer = (struct fcc_peer){.fd = conn->fd};
	if (epoll_ctl(load->epoll_fd, EPOLL_CTL_ADD, conn->fd, &event) != 0)
		die("epoll_ctl");
}

static void conn_close(struct conn *conn)
{
	close(conn->fd);
	conn->fd = -1;
	fcc_peer_free(&conn->peer);
}

static void conn_free(struct load *load, struct conn *conn)
{
	conn->busy = false;
	load->idle[(load->next_idle + load->nidle++) % load->nconns] =
	    (uint64_t)(conn - load->conns);
}

static void request_send(struct load *load, int64_t due_ns)
{
	struct conn *conn = &load->conns[load->idle[load->next_idle]];

	load->next_idle = (load->next_idle + 1) % load->nconns;
	load->nidle--;
	if (conn->fd < 0)
		conn_open(load, conn);
	request_build(load, conn, load->sent++);
	conn->busy = true;
	conn->due_ns = due_ns;
	if (fcc_send(
		conn->fd, conn->out.p, conn->out.n, deadline_in_ms(LOST_MS)))
		return;
	load->lost++;
	conn_close(conn);
	conn_free(load, conn);
}

/* Up to END_REQUEST: an answer of this size comes at once. */
static void answer_take(struct load *load, struct conn *conn)
{
	struct fcc_answer answer = {0};

	if (!conn->busy) { /* the server has closed an idle one */
		conn_close(conn);
		return;
	}
	if (fcc_recv_answer(&conn->peer, 1, &answer, deadline_in_ms(LOST_MS)) ==
	    FCC_OK) {
		load->taken_ns[load->n++] = mono_ns() - conn->due_ns;
		conn->served++;
		if (fcc_answer_status(&answer) >= 500)
			load->failed++;
	} else {
		load->lost++;
		conn_close(conn);
	}
	fcc_answer_free(&answer);
	if (load->unkept && conn->fd >= 0)
		conn_close(conn);
	conn_free(load, conn);
}

/* ---- the run -------------------------------------------------------------------- */

static void answers_wait(struct load *load, int timeout_ms)
{
	struct epoll_event events[64];
	int n = epoll_wait(load->epoll_fd, events, 64, timeout_ms);

	if (n < 0 && errno != EINTR)
		die("epoll_wait");
	for (int i = 0; i < n; i++)
		answer_take(load, events[i].data.ptr);
}

static int64_t due_of(const struct load *load, uint64_t number)
{
	return load->start_ns +
	       (int64_t)(number * (uint64_t)NS_PER_S / load->rate);
}

static void run(struct load *load)
{
	uint64_t total = load->rate * load->seconds;
	int64_t end_ns;

	load->start_ns = mono_ns();
	while (load->due < total) {
		int64_t due_ns = due_of(load, load->due);
		int64_t now_ns = mono_ns();

		if (now_ns >= due_ns && load->nidle > 0) {
			request_send(load, due_ns);
			load->due++;
			answers_wait(load, 0);
		} else {
			answers_wait(load, now_ns >= due_ns ? 1000 : 1);
		}
	}
	end_ns = deadline_in_ms(LOST_MS);
	while (load->n + load->lost < total && mono_ns() < end_ns)
		answers_wait(load, 10);
	load->lost = total - load->n;
}

static int by_size(const void *a, const void *b)
{
	const int64_t *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

static double percentile(const struct load *load, double share)
{
	if (load->n == 0)
		return 0;
	return (double)load->taken_ns[(size_t)((double)(load->n - 1) * share)] /
	       (double)NS_PER_MS;
}

static void report(struct load *load)
{
	double s = (double)(mono_ns() - load->start_ns) / (double)NS_PER_S;
	uint64_t least = UINT64_MAX, most = 0;

	qsort(load->taken_ns, load->n, sizeof(load->taken_ns[0]), by_size);
	for (uint64_t i = 0; i < load->nconns; i++) {
		if (load->conns[i].served < least)
			least = load->conns[i].served;
		if (load->conns[i].served > most)
			most = load->conns[i].served;
	}
	printf("%s %" PRIu64 " requests, %" PRIu64 " lost, %" PRIu64
	       " refused, %.0f/s, p50 %.2f ms, p99 %.2f ms, p99.9 %.2f ms, max "
	       "%.2f ms, a connection served %" PRIu64 " to %" PRIu64 "\n",
	    load->unkept ? "unkept" : "kept", load->n, load->lost, load->failed,
	    (double)load->n / s, percentile(load, 0.5), percentile(load, 0.99),
	    percentile(load, 0.999), percentile(load, 1), least, most);
}

/* ---- arguments --------------------------------------------------------------------- */

static void usage(void)
{
	fputs("usage: fcgi-load [-u] [-c CONNS] [-r RATE] [-s SECONDS] "
	      "[-p NAME=VALUE]... SOCKET\n",
	    stderr);
	exit(EX_USAGE);
}

static uint64_t number(const char *text)
{
	uint64_t out;

	if (!num_parse_u64(strv_c(text), 1, 1000000, &out))
		usage();
	return out;
}

static void arguments(struct load *load, int argc, char *argv[])
{
	char *equals;
	int c;

	while ((c = getopt(argc, argv, "uc:r:s:p:")) != -1) {
		switch (c) {
		case 'u':
			load->unkept = true;
			break;
		case 'c':
			load->nconns = number(optarg);
			break;
		case 'r':
			load->rate = number(optarg);
			break;
		case 's':
			load->seconds = number(optarg);
			break;
		case 'p':
			equals = strchr(optarg, '=');
			if (equals == NULL || load->nparams == PARAMS_MAX)
				usage();
			*equals = '\0';
			load->params[load->nparams++] =
			    (struct fcc_param){optarg, equals + 1};
			break;
		default:
			usage();
		}
	}
	if (argc - optind != 1)
		usage();
	load->address = argv[optind];
}

int main(int argc, char *argv[])
{
	struct load load = {.nconns = 256, .rate = 1000, .seconds = 10};

	arguments(&load, argc, argv);
	load.conns = calloc(load.nconns, sizeof(*load.conns));
	load.idle = calloc(load.nconns, sizeof(*load.idle));
	load.taken_ns =
	    calloc(load.rate * load.seconds, sizeof(*load.taken_ns));
	load.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (load.conns == NULL || load.idle == NULL || load.taken_ns == NULL ||
	    load.epoll_fd < 0)
		die("start");
	for (uint64_t i = 0; i < load.nconns; i++) {
		load.conns[i].fd = -1;
		if (!load.unkept)
			conn_open(&load, &load.conns[i]);
		conn_free(&load, &load.conns[i]);
	}
	run(&load);
	report(&load);
	return load.lost == 0 ? 0 : 1;
}
