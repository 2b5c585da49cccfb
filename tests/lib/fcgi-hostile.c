/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fcgi-hostile: a peer that does not keep to the protocol, one way a run, built
 * around an honest request.  For tests.  Prints what it heard:
 *
 *	status=201 answers=1 end=closed sent=all ms=12
 */
#include "config.h"

#include "lib/fcgi_client.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#define PARAMS_MAX  32
#define PATIENCE_MS 30000
#define TRICKLE_MS  100

struct hostile {
	struct fcc_peer peer;
	struct fcc_bytes bytes;
	struct fcc_param params[PARAMS_MAX + 1];
	size_t nparams;
	bool keep;
};

static void put_request(struct hostile *it)
{
	fcc_put_request(&it->bytes,
	    &(struct fcc_request){.params = it->params, .keep = it->keep});
}

static void put_values(struct hostile *it, int times)
{
	struct fcc_bytes pairs = {0};

	for (int i = 0; i < times; i++)
		fcc_put_pair(&pairs, STRV("FCGI_MAX_CONNS"), STRV(""));
	fcc_put_record(
	    &it->bytes, FCC_GET_VALUES, 0, strv_from(pairs.p, pairs.n), 0);
	fcc_bytes_free(&pairs);
}

static void put_params(struct hostile *it, struct fcc_bytes *pairs)
{
	for (size_t i = 0; i < it->nparams; i++)
		fcc_put_pair(pairs, strv_c(it->params[i].name),
		    strv_c(it->params[i].value));
}

/* ---- one way each ------------------------------------------------------------ */

static void wrap(struct hostile *it)
{
	struct fcc_bytes pairs = {0};

	put_params(it, &pairs);
	fcc_put_length(&pairs, 0x7ffffffe);
	fcc_put_length(&pairs, 0x7ffffffe);
	fcc_put_begin(&it->bytes, 1, FCC_RESPONDER, it->keep);
	fcc_put_stream(&it->bytes, FCC_PARAMS, 1, strv_from(pairs.p, pairs.n));
	fcc_put_stream(&it->bytes, FCC_STDIN, 1, STRV(""));
	fcc_bytes_free(&pairs);
}

static void values(struct hostile *it)
{
	put_values(it, 8);
}

static void values_many(struct hostile *it)
{
	put_values(it, 4000);
}

static void values_first(struct hostile *it)
{
	put_values(it, 1);
	put_request(it);
}

/* All parameters are there, and between two of them is the cut. */
static void cut(struct hostile *it)
{
	struct fcc_bytes pairs = {0};

	put_params(it, &pairs);
	fcc_put_begin(&it->bytes, 1, FCC_RESPONDER, it->keep);
	fcc_put_record(
	    &it->bytes, FCC_PARAMS, 1, strv_from(pairs.p, pairs.n), 0);
	fcc_bytes_free(&pairs);
}

static void abort_last(struct hostile *it)
{
	put_request(it);
	/* In place of the end of STDIN. */
	it->bytes.n -= FCC_HEADER_BYTES;
	fcc_put_record(&it->bytes, FCC_ABORT_REQUEST, 1, STRV(""), 0);
}

static void empty(struct hostile *it)
{
	fcc_put_record(&it->bytes, 99, 0, STRV(""), 0);
	put_request(it);
	fcc_put_record(&it->bytes, FCC_STDIN, 7, STRV(""), 255);
}

static void twice(struct hostile *it)
{
	put_request(it);
	put_request(it);
}

static void second_begin(struct hostile *it)
{
	struct fcc_bytes pairs = {0};

	put_params(it, &pairs);
	fcc_put_begin(&it->bytes, 1, FCC_RESPONDER, it->keep);
	fcc_put_begin(&it->bytes, 2, FCC_RESPONDER, it->keep);
	fcc_put_stream(&it->bytes, FCC_PARAMS, 1, strv_from(pairs.p, pairs.n));
	fcc_put_stream(&it->bytes, FCC_STDIN, 1, STRV(""));
	fcc_bytes_free(&pairs);
}

static void nothing(struct hostile *it)
{
	(void)it;
}

static const struct {
	const char *name;
	void (*put)(struct hostile *it);
	bool hangs_up; /* after that, as far as sending goes */
	bool trickles; /* a byte at a time */
	bool lingers; /* does not close when it has its answer */
} ways[] = {
    {.name = "honest", .put = put_request},
    {.name = "wrap", .put = wrap},
    {.name = "values", .put = values, .hangs_up = true},
    {.name = "values-many", .put = values_many},
    {.name = "values-first", .put = values_first},
    {.name = "cut", .put = cut, .hangs_up = true},
    {.name = "stall", .put = cut},
    {.name = "silent", .put = nothing},
    {.name = "linger", .put = put_request, .lingers = true},
    {.name = "abort", .put = abort_last},
    {.name = "empty", .put = empty},
    {.name = "trickle", .put = put_request, .trickles = true},
    {.name = "pipelined", .put = twice},
    {.name = "second-begin", .put = second_begin},
};

/* ---- sending, hearing ------------------------------------------------------------ */

static bool trickle(struct hostile *it)
{
	for (size_t i = 0; i < it->bytes.n; i++) {
		if (!fcc_send(it->peer.fd, it->bytes.p + i, 1,
			deadline_in_ms(PATIENCE_MS)))
			return false;
		usleep(TRICKLE_MS * 1000);
	}
	return true;
}

/* Every answer up to the end; questions' answers are passed over. */
static int hear(struct hostile *it, bool lingers)
{
	struct fcc_answer answer = {0};
	struct fcc_record record;
	int64_t deadline = deadline_in_ms(PATIENCE_MS);
	enum fcc_recv got = FCC_OK;
	int answers = 0;

	while (got == FCC_OK) {
		got = fcc_recv_record(&it->peer, &record, deadline);
		if (got != FCC_OK || record.id != 1)
			continue;
		if (record.type == FCC_STDOUT)
			fcc_put(&answer.out, record.content);
		if (record.type != FCC_END_REQUEST)
			continue;
		answers++;
		/* A front end that has what it wants closes. */
		if (!lingers && it->keep)
			break;
	}
	printf("status=%d answers=%d end=%s",
	    answers > 0 ? fcc_answer_status(&answer) : 0, answers,
	    got == FCC_OK        ? "open"
	    : got == FCC_TIMEOUT ? "timeout"
				 : "closed");
	fcc_answer_free(&answer);
	return got == FCC_TIMEOUT ? 1 : 0;
}

static void usage(void)
{
	fputs("usage: fcgi-hostile [-k] [-p NAME=VALUE]... SOCKET WAY\nways:",
	    stderr);
	for (size_t i = 0; i < ARRAY_LEN(ways); i++)
		fprintf(stderr, " %s", ways[i].name);
	fputs("\n", stderr);
	exit(EX_USAGE);
}

static void param_add(struct hostile *it, char *text)
{
	char *equals = strchr(text, '=');

	if (equals == NULL || it->nparams == PARAMS_MAX)
		usage();
	*equals = '\0';
	it->params[it->nparams++] = (struct fcc_param){text, equals + 1};
}

int main(int argc, char *argv[])
{
	struct hostile it = {0};
	struct err err = ERR_INIT;
	int64_t start_ns = mono_ns();
	size_t way = 0;
	bool sent;
	int c, code;

	while ((c = getopt(argc, argv, "kp:")) != -1) {
		if (c == 'p')
			param_add(&it, optarg);
		else if (c == 'k')
			it.keep = true;
		else
			usage();
	}
	if (argc - optind != 2)
		usage();
	while (way < ARRAY_LEN(ways) &&
	       strcmp(ways[way].name, argv[optind + 1]) != 0)
		way++;
	if (way == ARRAY_LEN(ways))
		usage();
	it.peer.fd = fcc_connect(argv[optind], &err);
	if (it.peer.fd < 0) {
		fprintf(stderr, "fcgi-hostile: %s\n", err.text);
		return 1;
	}
	ways[way].put(&it);
	/* Cut short by the other side: what it has said is heard all the same. */
	sent = ways[way].trickles ? trickle(&it)
				  : fcc_send(it.peer.fd, it.bytes.p, it.bytes.n,
					deadline_in_ms(PATIENCE_MS));
	if (ways[way].hangs_up)
		shutdown(it.peer.fd, SHUT_WR);
	code = hear(&it, ways[way].lingers);
	printf(" sent=%s ms=%" PRId64 "\n", sent ? "all" : "part",
	    (mono_ns() - start_ns) / NS_PER_MS);
	fcc_peer_free(&it.peer);
	fcc_bytes_free(&it.bytes);
	close(it.peer.fd);
	return code;
}
