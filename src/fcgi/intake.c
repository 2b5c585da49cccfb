/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a request off a connection, and laying it out for libfcgi. */
#include "config.h"

#include "fcgi/intake.h"
#include "fcgi/params.h"
#include "fcgi/records.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* A request of nginx has 1 to 3 KB. */
#define CHUNK_BYTES 16384

/* Two lengths of four bytes each for as many parameters as count. */
#define LENGTHS_BYTES (8 * (FCGI_PARAMS_COUNT_MAX + 1))

struct intake {
	struct records records;
	struct records_heap params, body; /* empty, with their memory */
	size_t body_max;
	char chunk[CHUNK_BYTES];
};

struct intake *intake_new(
    size_t params_max_bytes, size_t body_max_bytes, struct err *err)
{
	struct intake *intake = calloc(1, sizeof(*intake));

	if (intake != NULL) {
		intake->body_max = body_max_bytes;
		intake->params.max = params_max_bytes + LENGTHS_BYTES;
		intake->params.p = malloc(intake->params.max);
		/* The one more tells "above". */
		intake->body.max = body_max_bytes + 1;
		intake->body.p = malloc(intake->body.max);
	}
	if (intake == NULL || intake->params.p == NULL ||
	    intake->body.p == NULL) {
		err_set_errno(err,
		    "fcgi: buffers for %zu bytes of parameters and a body of "
		    "%zu",
		    params_max_bytes, body_max_bytes);
		intake_free(&intake);
	}
	return intake;
}

void intake_free(struct intake **intake)
{
	if (*intake == NULL)
		return;
	free((*intake)->params.p);
	free((*intake)->body.p);
	free(*intake);
	*intake = NULL;
}

/* ---- reading ---------------------------------------------------------------- */

static int64_t deadline_of(int fd)
{
	struct timeval wait = {0};
	socklen_t size = sizeof(wait);

	if (getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, &size) != 0 ||
	    (wait.tv_sec == 0 && wait.tv_usec == 0))
		return INT64_MAX;
	return mono_ns() + wait.tv_sec * NS_PER_S +
	       wait.tv_usec * INT64_C(1000);
}

static const char *part_of(const struct records *records)
{
	return records->state == RECORDS_IN_PARAMS ? "parameters" : "body";
}

static void lost(const struct records *records, int code, struct err *err)
{
	if (records->state == RECORDS_AT_BEGIN)
		err_set(err, code,
		    "request: none came whole: the connection was closed, "
		    "stalled, or does not speak FastCGI");
	else if (code == EAGAIN)
		err_set(err, code,
		    "request: stalled in its %s beyond the receive timeout",
		    part_of(records));
	else
		err_set(err, code,
		    "request: cut in its %s: closed, aborted, or not FastCGI",
		    part_of(records));
}

/* The next bytes; 0 with `err` when none will come. */
static size_t chunk_read(
    struct intake *intake, int fd, int64_t deadline_ns, struct err *err)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	ssize_t n;

	for (;;) {
		/* First of all: who never stops sending is late, too. */
		if (deadline_left_ms(deadline_ns) == 0) {
			lost(&intake->records, EAGAIN, err);
			return 0;
		}
		n = recv(
		    fd, intake->chunk, sizeof(intake->chunk), MSG_DONTWAIT);
		if (n > 0)
			return (size_t)n;
		if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
			lost(&intake->records, n == 0 ? 0 : errno, err);
			return 0;
		}
		/* EINTR: a signal is no reason to lose a request. */
		(void)poll(&wait, 1,
		    deadline_ns == INT64_MAX ? -1
					     : deadline_left_ms(deadline_ns));
	}
}

/* A peer that asks and does not read is not waited for. */
static bool answer_send(struct records *records, int fd)
{
	ssize_t n = (ssize_t)records->answer_n;

	if (n == 0)
		return true;
	records->answer_n = 0;
	return send(fd, records->answer, (size_t)n,
		   MSG_DONTWAIT | MSG_NOSIGNAL) == n;
}

/* Feeds all `n` bytes of the chunk, or up to the end; `*left` were not. */
static bool chunk_feed(
    struct intake *intake, int fd, size_t n, size_t *left, struct err *err)
{
	struct records *records = &intake->records;
	size_t at = 0;

	while (at < n && records->state < RECORDS_WHOLE) {
		at += records_feed(records, intake->chunk + at, n - at);
		if (!answer_send(records, fd)) {
			err_set(
			    err, 0, "request: the peer does not take answers");
			return false;
		}
	}
	*left = n - at;
	if (records->state != RECORDS_BAD)
		return true;
	err_set(err, 0, "request: %s", records->why);
	return false;
}

/* ---- laying out --------------------------------------------------------------- */

static bool record_write(
    int fd, unsigned type, unsigned id, struct strv content)
{
	unsigned char header[RECORDS_HEADER_BYTES];

	records_header(header, type, id, content.n);
	return write(fd, header, sizeof(header)) == (ssize_t)sizeof(header) &&
	       write(fd, content.p, content.n) == (ssize_t)content.n;
}

static bool stream_write(
    int fd, unsigned type, unsigned id, const struct records_heap *heap)
{
	size_t at = 0;

	while (at < heap->n) {
		size_t n = heap->n - at < RECORDS_CONTENT_MAX
			       ? heap->n - at
			       : RECORDS_CONTENT_MAX;

		if (!record_write(fd, type, id, strv_from(heap->p + at, n)))
			return false;
		at += n;
	}
	return record_write(fd, type, id, STRV(""));
}

static int lay_out(const struct records *records, struct err *err)
{
	struct strv begin =
	    strv_from((const char *)records->begin, sizeof(records->begin));
	unsigned id = records->id;
	int fd = memfd_create("request", MFD_CLOEXEC);

	if (fd >= 0 && record_write(fd, RECORDS_BEGIN_REQUEST, id, begin) &&
	    stream_write(fd, RECORDS_PARAMS, id, &records->params) &&
	    stream_write(fd, RECORDS_STDIN, id, &records->body) &&
	    lseek(fd, 0, SEEK_SET) == 0)
		return fd;
	err_set_errno(err, "request: no memory to lay it out in");
	if (fd >= 0)
		close(fd);
	return -1;
}

/* ---- both ------------------------------------------------------------------------ */

static bool is_plain(struct intake *intake, int fd)
{
	ssize_t n = recv(
	    fd, intake->chunk, sizeof(intake->chunk), MSG_PEEK | MSG_DONTWAIT);

	return n > 0 && records_are_plain(strv_from(intake->chunk, (size_t)n),
			    intake->params.max, intake->body_max);
}

enum intake_result intake_read(struct intake *intake, int fd,
    struct intake_request *request, struct err *err)
{
	struct records *records = &intake->records;
	int64_t deadline_ns;
	size_t n, left = 0;

	*request = (struct intake_request){.laid_fd = -1, .alone = true};
	if (is_plain(intake, fd))
		return INTAKE_PLAIN;
	deadline_ns = deadline_of(fd);
	records_start(records, intake->params, intake->body);
	do {
		n = chunk_read(intake, fd, deadline_ns, err);
		if (n == 0 || !chunk_feed(intake, fd, n, &left, err))
			return INTAKE_GONE;
		/* A question was answered: nobody waits here for what the peer
		 * makes of it. */
		if (records_at_rest(records))
			return INTAKE_NONE;
	} while (records->state != RECORDS_WHOLE);
	request->params_cut = records->params.surplus > 0;
	request->unread = records->unread;
	request->alone = left == 0;
	request->laid_fd = lay_out(records, err);
	return request->laid_fd >= 0 ? INTAKE_LAID : INTAKE_GONE;
}
