/* SPDX-License-Identifier: Apache-2.0 */
/* The raw FastCGI client: records out, records in. */
#include "config.h"

#include "lib/fcgi_client.h"

#include "base/bug.h"
#include "base/clock.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void fcc_bytes_free(struct fcc_bytes *bytes)
{
	free(bytes->p);
	*bytes = (struct fcc_bytes){0};
}

static char *bytes_room(struct fcc_bytes *out, size_t n)
{
	if (out->size - out->n < n) {
		out->size = 2 * out->size + n + 256;
		out->p = realloc(out->p, out->size);
		if (out->p == NULL)
			BUG("a test's client is out of memory");
	}
	return out->p + out->n;
}

void fcc_put(struct fcc_bytes *out, struct strv raw)
{
	if (raw.n == 0)
		return;
	memcpy(bytes_room(out, raw.n), raw.p, raw.n);
	out->n += raw.n;
}

static void put_u8(struct fcc_bytes *out, unsigned value)
{
	*bytes_room(out, 1) = (char)(value & 0xff);
	out->n++;
}

void fcc_put_record(struct fcc_bytes *out, int type, unsigned id,
    struct strv content, unsigned padding)
{
	static const char zeros[255];

	BUG_ON(content.n > FCC_CONTENT_MAX || padding > sizeof(zeros));
	put_u8(out, 1);
	put_u8(out, (unsigned)type);
	put_u8(out, id >> 8);
	put_u8(out, id);
	put_u8(out, (unsigned)content.n >> 8);
	put_u8(out, (unsigned)content.n);
	put_u8(out, padding);
	put_u8(out, 0);
	fcc_put(out, content);
	fcc_put(out, strv_from(zeros, padding));
}

void fcc_put_begin(struct fcc_bytes *out, unsigned id, unsigned role, bool keep)
{
	const char body[8] = {
	    (char)(role >> 8), (char)role, keep ? FCC_FLAG_KEEPCONN : 0};

	fcc_put_record(
	    out, FCC_BEGIN_REQUEST, id, strv_from(body, sizeof(body)), 0);
}

void fcc_put_length(struct fcc_bytes *out, uint32_t length)
{
	if (length > 127) {
		put_u8(out, 0x80 | length >> 24);
		put_u8(out, length >> 16);
		put_u8(out, length >> 8);
	}
	put_u8(out, length);
}

void fcc_put_pair(struct fcc_bytes *out, struct strv name, struct strv value)
{
	fcc_put_length(out, (uint32_t)name.n);
	fcc_put_length(out, (uint32_t)value.n);
	fcc_put(out, name);
	fcc_put(out, value);
}

void fcc_put_stream(
    struct fcc_bytes *out, int type, unsigned id, struct strv content)
{
	while (content.n > 0) {
		size_t n = content.n;

		if (n > FCC_CONTENT_MAX)
			n = FCC_CONTENT_MAX;
		/* Padded to 8, as nginx does. */
		fcc_put_record(
		    out, type, id, strv_from(content.p, n), (unsigned)(-n & 7));
		content.p += n;
		content.n -= n;
	}
	fcc_put_record(out, type, id, STRV(""), 0);
}

void fcc_put_request(struct fcc_bytes *out, const struct fcc_request *request)
{
	unsigned id = request->id != 0 ? request->id : 1;
	unsigned role = request->role != 0 ? request->role : FCC_RESPONDER;
	struct fcc_bytes pairs = {0};

	for (const struct fcc_param *p = request->params;
	     p != NULL && p->name != NULL; p++)
		fcc_put_pair(&pairs, strv_c(p->name), strv_c(p->value));
	fcc_put_begin(out, id, role, request->keep);
	fcc_put_stream(out, FCC_PARAMS, id, strv_from(pairs.p, pairs.n));
	fcc_put_stream(out, FCC_STDIN, id, request->body);
	fcc_bytes_free(&pairs);
}

/* ---- talking ---------------------------------------------------------- */

static int connect_unix(const char *path, struct err *err)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd;

	if (!strv_copy(strv_c(path), sa.sun_path, sizeof(sa.sun_path))) {
		err_set(err, ENAMETOOLONG, "%s: too long for a socket's path",
		    path);
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 ||
	    connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) != 0) {
		err_set_errno(err, "%s", path);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

/* Cuts "host:port" or "[v6]:port" in two, in place. */
static bool split_address(char *address, char **host, char **port)
{
	char *colon = strrchr(address, ':');

	if (colon == NULL || colon == address || colon[1] == '\0')
		return false;
	*colon = '\0';
	*host = address;
	*port = colon + 1;
	if (address[0] == '[' && colon[-1] == ']') {
		colon[-1] = '\0';
		*host = address + 1;
	}
	return true;
}

static int connect_inet(const char *address, struct err *err)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *list;
	char copy[256];
	char *host;
	char *port;
	int fd = -1;
	int rc;

	if (!strv_copy(strv_c(address), copy, sizeof(copy)) ||
	    !split_address(copy, &host, &port)) {
		err_set(err, EINVAL,
		    "%s: neither /path nor host:port nor [v6]:port", address);
		return -1;
	}
	rc = getaddrinfo(host, port, &hints, &list);
	if (rc != 0) {
		err_set(err, rc, "%s: %s", address, gai_strerror(rc));
		return -1;
	}
	for (struct addrinfo *a = list; a != NULL && fd < 0; a = a->ai_next) {
		fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, 0);
		if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) == 0)
			break;
		err_set_errno(err, "%s", address);
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	freeaddrinfo(list);
	return fd;
}

int fcc_connect(const char *address, struct err *err)
{
	return strchr(address, '/') != NULL ? connect_unix(address, err)
					    : connect_inet(address, err);
}

/* False when the deadline passed first. */
static bool wait_fd(int fd, short events, int64_t deadline_ns)
{
	struct pollfd wait = {.fd = fd, .events = events};
	int rc;

	do
		rc = poll(&wait, 1, deadline_left_ms(deadline_ns));
	while (rc < 0 && errno == EINTR);
	return rc > 0;
}

bool fcc_send_pieces(
    int fd, struct strv bytes, size_t piece, int64_t deadline_ns)
{
	while (bytes.n > 0) {
		size_t n = bytes.n < piece ? bytes.n : piece;
		ssize_t sent =
		    send(fd, bytes.p, n, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent > 0) {
			bytes.p += sent;
			bytes.n -= (size_t)sent;
		} else if (errno == EAGAIN || errno == EINTR) {
			if (!wait_fd(fd, POLLOUT, deadline_ns))
				return false;
		} else {
			return false;
		}
	}
	return true;
}

bool fcc_send(int fd, const void *p, size_t n, int64_t deadline_ns)
{
	return fcc_send_pieces(fd, strv_from(p, n), n, deadline_ns);
}

const char *fcc_recv_name(enum fcc_recv result)
{
	static const char *const names[] = {
	    [FCC_OK] = "complete",
	    [FCC_EOF] = "closed",
	    [FCC_CUT] = "cut within a record",
	    [FCC_RESET] = "reset",
	    [FCC_TIMEOUT] = "timed out",
	    [FCC_BROKEN] = "not an answer in FastCGI",
	};

	return names[result];
}

void fcc_peer_free(struct fcc_peer *peer)
{
	fcc_bytes_free(&peer->in);
	peer->used = 0;
}

/* Until `n` unused bytes are there. */
static enum fcc_recv peer_fill(
    struct fcc_peer *peer, size_t n, int64_t deadline_ns)
{
	struct fcc_bytes *in = &peer->in;

	while (in->n - peer->used < n) {
		bool between = in->n == peer->used;
		ssize_t got;

		if (!wait_fd(peer->fd, POLLIN, deadline_ns))
			return FCC_TIMEOUT;
		got =
		    recv(peer->fd, bytes_room(in, 65536), 65536, MSG_DONTWAIT);
		if (got > 0)
			in->n += (size_t)got;
		else if (got == 0)
			return between ? FCC_EOF : FCC_CUT;
		else if (errno != EAGAIN && errno != EINTR)
			return between ? FCC_RESET : FCC_CUT;
	}
	return FCC_OK;
}

static unsigned get_u8(const char *p)
{
	return (unsigned char)*p;
}

enum fcc_recv fcc_recv_record(
    struct fcc_peer *peer, struct fcc_record *out, int64_t deadline_ns)
{
	struct fcc_bytes *in = &peer->in;
	enum fcc_recv result;
	const char *header;
	size_t content_n;
	size_t all_n;

	if (peer->used > 0) {
		in->n -= peer->used;
		memmove(in->p, in->p + peer->used, in->n);
		peer->used = 0;
	}
	result = peer_fill(peer, FCC_HEADER_BYTES, deadline_ns);
	if (result != FCC_OK)
		return result;
	header = in->p;
	if (get_u8(header) != 1)
		return FCC_BROKEN;
	content_n = get_u8(header + 4) << 8 | get_u8(header + 5);
	all_n = FCC_HEADER_BYTES + content_n + get_u8(header + 6);
	result = peer_fill(peer, all_n, deadline_ns);
	if (result != FCC_OK)
		return result == FCC_TIMEOUT ? result : FCC_CUT;
	header = in->p;
	out->type = (int)get_u8(header + 1);
	out->id = get_u8(header + 2) << 8 | get_u8(header + 3);
	out->content = strv_from(header + FCC_HEADER_BYTES, content_n);
	peer->used = all_n;
	return FCC_OK;
}

void fcc_answer_free(struct fcc_answer *answer)
{
	fcc_bytes_free(&answer->out);
	fcc_bytes_free(&answer->err);
	*answer = (struct fcc_answer){0};
}

/* One record into the answer; true when it was the last. */
static enum fcc_recv answer_take(
    struct fcc_answer *answer, const struct fcc_record *record, bool *ended)
{
	const char *p = record->content.p;

	switch (record->type) {
	case FCC_STDOUT:
		if (answer->out_closed)
			return FCC_BROKEN;
		answer->out_closed = record->content.n == 0;
		fcc_put(&answer->out, record->content);
		return FCC_OK;
	case FCC_STDERR:
		fcc_put(&answer->err, record->content);
		return FCC_OK;
	case FCC_END_REQUEST:
		if (record->content.n != 8)
			return FCC_BROKEN;
		answer->app_status = get_u8(p) << 24 | get_u8(p + 1) << 16 |
				     get_u8(p + 2) << 8 | get_u8(p + 3);
		answer->protocol_status = (int)get_u8(p + 4);
		*ended = true;
		return FCC_OK;
	default:
		return FCC_BROKEN;
	}
}

enum fcc_recv fcc_recv_answer(struct fcc_peer *peer, unsigned id,
    struct fcc_answer *answer, int64_t deadline_ns)
{
	enum fcc_recv result = FCC_OK;
	bool ended = false;

	fcc_answer_free(answer);
	while (result == FCC_OK && !ended) {
		struct fcc_record record;

		result = fcc_recv_record(peer, &record, deadline_ns);
		if (result == FCC_OK)
			result = record.id == id
				     ? answer_take(answer, &record, &ended)
				     : FCC_BROKEN;
	}
	return result;
}
