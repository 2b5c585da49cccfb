/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fcgi-get: one request, or many over one kept connection, to a FastCGI socket,
 * with the parameters that nginx sends.  For tests, and for people who look at
 * a pool without a web server before it.
 */
#include "config.h"

#include "lib/fcgi_client.h"

#include "base/clock.h"
#include "base/num.h"

#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#define PARAMS_MAX 128

struct job {
	const char *address;
	uint64_t repeat;
	uint64_t timeout_s;
	struct strv body;
	struct fcc_param params[PARAMS_MAX + 1];
	size_t nparams;
};

static const char usage_text[] =
    "usage: fcgi-get [-k N] [-t SECONDS] [-p NAME=VALUE]... [-d BODY]\n"
    "                SOCKET METHOD URI\n"
    "SOCKET  /path, host:port or [v6]:port\n"
    "-k N    N requests on one kept connection\n"
    "-t S    give up on an answer after S seconds (10)\n"
    "-p N=V  a parameter; replaces what fcgi-get would send under that name\n"
    "-d B    a body, with its CONTENT_LENGTH\n"
    "Exit: 0 every answer came whole, 1 one did not, 64 usage\n";

static void usage(void)
{
	fputs(usage_text, stderr);
	exit(EX_USAGE);
}

static void param_set(struct job *job, const char *name, const char *value)
{
	size_t i = 0;

	while (i < job->nparams && strcmp(job->params[i].name, name) != 0)
		i++;
	if (i == PARAMS_MAX) {
		fprintf(
		    stderr, "fcgi-get: more than %d parameters\n", PARAMS_MAX);
		exit(EX_USAGE);
	}
	job->params[i] = (struct fcc_param){name, value};
	if (i == job->nparams)
		job->nparams++;
}

/* What nginx's fastcgi_params would say. */
static void params_default(struct job *job, const char *method, const char *uri)
{
	static char length[32];
	static char path[4096];
	const char *query = strchr(uri, '?');
	size_t path_n = query != NULL ? (size_t)(query - uri) : strlen(uri);

	if (!strv_copy(strv_from(uri, path_n), path, sizeof(path)))
		usage();
	if (job->body.p != NULL)
		snprintf(length, sizeof(length), "%zu", job->body.n);
	param_set(job, "QUERY_STRING", query != NULL ? query + 1 : "");
	param_set(job, "REQUEST_METHOD", method);
	param_set(job, "CONTENT_TYPE", "");
	param_set(job, "CONTENT_LENGTH", length);
	param_set(job, "SCRIPT_NAME", path);
	param_set(job, "REQUEST_URI", uri);
	param_set(job, "DOCUMENT_URI", path);
	param_set(job, "DOCUMENT_ROOT", "/nonexistent");
	param_set(job, "SERVER_PROTOCOL", "HTTP/1.1");
	param_set(job, "REQUEST_SCHEME", "http");
	param_set(job, "GATEWAY_INTERFACE", "CGI/1.1");
	param_set(job, "SERVER_SOFTWARE", "fcgi-get");
	param_set(job, "REMOTE_ADDR", "127.0.0.1");
	param_set(job, "REMOTE_PORT", "9");
	param_set(job, "SERVER_ADDR", "127.0.0.1");
	param_set(job, "SERVER_PORT", "80");
	param_set(job, "SERVER_NAME", "localhost");
	param_set(job, "HTTP_HOST", "localhost");
}

/* Cuts NAME=VALUE in place; argv is ours to write. */
static struct fcc_param param_split(char *text)
{
	char *equals = strchr(text, '=');

	if (equals == NULL)
		usage();
	*equals = '\0';
	return (struct fcc_param){text, equals + 1};
}

static uint64_t number(const char *text, uint64_t max)
{
	uint64_t out;

	if (!num_parse_u64(strv_c(text), 1, max, &out))
		usage();
	return out;
}

static void arguments(int argc, char *argv[], struct job *job)
{
	struct fcc_param given[PARAMS_MAX];
	size_t ngiven = 0;
	int c;

	while ((c = getopt(argc, argv, "k:t:p:d:")) != -1) {
		switch (c) {
		case 'k':
			job->repeat = number(optarg, 1000000000);
			break;
		case 't':
			job->timeout_s = number(optarg, 86400);
			break;
		case 'p':
			if (ngiven == PARAMS_MAX)
				usage();
			given[ngiven++] = param_split(optarg);
			break;
		case 'd':
			job->body = strv_c(optarg);
			break;
		default:
			usage();
		}
	}
	if (argc - optind != 3)
		usage();
	job->address = argv[optind];
	params_default(job, argv[optind + 1], argv[optind + 2]);
	for (size_t i = 0; i < ngiven; i++)
		param_set(job, given[i].name, given[i].value);
}

/* The status first whether it was sent or not; then all as it came. */
static void answer_print(const struct fcc_answer *answer)
{
	struct strv body = fcc_answer_body(answer);

	if (fcc_answer_header(answer, "Status").p == NULL)
		printf("Status: %d\n", fcc_answer_status(answer));
	for (size_t i = 0; i + body.n < answer->out.n; i++)
		if (answer->out.p[i] != '\r')
			putchar(answer->out.p[i]);
	fwrite(body.p, 1, body.n, stdout);
	if (answer->err.n > 0)
		fwrite(answer->err.p, 1, answer->err.n, stderr);
}

static bool exchange(struct fcc_peer *peer, const struct job *job,
    const struct fcc_bytes *request)
{
	int64_t deadline = deadline_in_ms((int64_t)job->timeout_s * 1000);
	struct fcc_answer answer = {0};
	bool whole = false;

	if (!fcc_send(peer->fd, request->p, request->n, deadline)) {
		fprintf(stderr, "fcgi-get: %s: cannot send the request\n",
		    job->address);
		return false;
	}
	switch (fcc_recv_answer(peer, 1, &answer, deadline)) {
	case FCC_OK:
		whole = answer.out_closed &&
			answer.protocol_status == FCC_REQUEST_COMPLETE &&
			fcc_answer_status(&answer) > 0;
		if (!whole)
			fprintf(stderr,
			    "fcgi-get: %s: refused (protocol status %d), or "
			    "no response in the answer\n",
			    job->address, answer.protocol_status);
		else
			answer_print(&answer);
		break;
	case FCC_EOF:
	case FCC_CUT:
	case FCC_RESET:
	case FCC_BROKEN:
		fprintf(stderr,
		    "fcgi-get: %s: no whole answer: the "
		    "connection was closed, or speaks no FastCGI\n",
		    job->address);
		break;
	case FCC_TIMEOUT:
		fprintf(stderr, "fcgi-get: %s: no whole answer within %llu s\n",
		    job->address, (unsigned long long)job->timeout_s);
		break;
	}
	fcc_answer_free(&answer);
	return whole;
}

int main(int argc, char *argv[])
{
	struct job job = {.repeat = 1, .timeout_s = 10};
	struct fcc_bytes request = {0};
	struct fcc_peer peer = {.fd = -1};
	struct err err = ERR_INIT;
	bool ok = true;

	arguments(argc, argv, &job);
	peer.fd = fcc_connect(job.address, &err);
	if (peer.fd < 0) {
		fprintf(stderr, "fcgi-get: %s\n", err.text);
		return EXIT_FAILURE;
	}
	fcc_put_request(&request, &(struct fcc_request){.keep = job.repeat > 1,
				      .params = job.params,
				      .body = job.body});
	for (uint64_t i = 0; ok && i < job.repeat; i++)
		ok = exchange(&peer, &job, &request);
	fcc_bytes_free(&request);
	fcc_peer_free(&peer);
	close(peer.fd);
	return ok && fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
