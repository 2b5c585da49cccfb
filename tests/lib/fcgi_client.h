/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A raw FastCGI client for tests: builds records byte by byte, well formed or
 * not, sends them in any pieces, and reads the answer record by record with
 * deadlines.  Written from the FastCGI 1.0 specification; shares no code with
 * libfcgi, so that the two check each other.
 *
 *	struct fcc_bytes request = {0};
 *	struct fcc_answer answer = {0};
 *	struct fcc_peer peer = {.fd = fcc_connect("/run/x.sock", &err)};
 *
 *	fcc_put_request(&request, &(struct fcc_request){.params = params});
 *	fcc_send(peer.fd, request.p, request.n, deadline);
 *	fcc_recv_answer(&peer, 1, &answer, deadline);
 *
 * Every struct starts zeroed and is freed by its _free.  Memory running out
 * aborts: this is a test's tool.  Any process; one thread a peer.
 */
#ifndef TESTS_LIB_FCGI_CLIENT_H
#define TESTS_LIB_FCGI_CLIENT_H

#include "base/attr.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fcc_type {
	FCC_BEGIN_REQUEST = 1,
	FCC_ABORT_REQUEST,
	FCC_END_REQUEST,
	FCC_PARAMS,
	FCC_STDIN,
	FCC_STDOUT,
	FCC_STDERR,
	FCC_DATA,
	FCC_GET_VALUES,
	FCC_GET_VALUES_RESULT,
	FCC_UNKNOWN_TYPE
};

enum fcc_role {
	FCC_RESPONDER = 1,
	FCC_AUTHORIZER,
	FCC_FILTER
};

enum fcc_protocol_status {
	FCC_REQUEST_COMPLETE,
	FCC_CANT_MPX_CONN,
	FCC_OVERLOADED,
	FCC_UNKNOWN_ROLE
};

#define FCC_HEADER_BYTES  8
#define FCC_CONTENT_MAX   65535
#define FCC_FLAG_KEEPCONN 1

/* ---- building --------------------------------------------------------- */

struct fcc_bytes {
	char *p;
	size_t n;
	size_t size;
};

void fcc_bytes_free(struct fcc_bytes *bytes);
void fcc_put(struct fcc_bytes *out, struct strv raw);
/* One record; `padding` (0..255) bytes are appended and announced. */
void fcc_put_record(struct fcc_bytes *out, int type, unsigned id,
    struct strv content, unsigned padding);
void fcc_put_begin(
    struct fcc_bytes *out, unsigned id, unsigned role, bool keep);
/* A length as in a name-value pair: one byte up to 127, else four. */
void fcc_put_length(struct fcc_bytes *out, uint32_t length);
/* A name-value pair, the content of PARAMS and GET_VALUES. */
void fcc_put_pair(struct fcc_bytes *out, struct strv name, struct strv value);
/* `content` in records of at most 65535 bytes, then the empty one. */
void fcc_put_stream(
    struct fcc_bytes *out, int type, unsigned id, struct strv content);

struct fcc_param {
	const char *name;
	const char *value;
};

struct fcc_request {
	unsigned id; /* 0: 1, as nginx has it */
	unsigned role; /* 0: responder */
	bool keep; /* FCGI_KEEP_CONN */
	const struct fcc_param *params; /* up to a NULL name; NULL: none */
	struct strv body; /* CONTENT_LENGTH is a parameter, and not added */
};

/* A whole request, in the order and the records of nginx. */
void fcc_put_request(struct fcc_bytes *out, const struct fcc_request *request);

/* ---- talking ---------------------------------------------------------- */

/* "/path", "host:port" or "[v6]:port".  -1 with `err`. */
int fcc_connect(const char *address, struct err *err) ATTR_MUSTUSE;

/* False when the deadline passed or the peer is gone.  No SIGPIPE. */
bool fcc_send(
    int fd, const void *p, size_t n, int64_t deadline_ns) ATTR_MUSTUSE;
/* The same, `piece` bytes a send(2). */
bool fcc_send_pieces(
    int fd, struct strv bytes, size_t piece, int64_t deadline_ns) ATTR_MUSTUSE;

enum fcc_recv {
	FCC_OK,
	FCC_EOF, /* closed between two records */
	FCC_CUT, /* closed or reset within a record */
	FCC_RESET, /* reset between two records */
	FCC_TIMEOUT, /* the deadline passed */
	FCC_BROKEN /* not FastCGI, or not an answer to this request */
};

const char *fcc_recv_name(enum fcc_recv result);

struct fcc_peer {
	int fd; /* the caller's */
	struct fcc_bytes in;
	size_t used; /* bytes of `in` that were given out */
};

void fcc_peer_free(struct fcc_peer *peer);

struct fcc_record {
	int type;
	unsigned id;
	struct strv content; /* until the next call with this peer */
};

enum fcc_recv fcc_recv_record(struct fcc_peer *peer, struct fcc_record *out,
    int64_t deadline_ns) ATTR_MUSTUSE;

struct fcc_answer {
	struct fcc_bytes out;
	struct fcc_bytes err;
	bool out_closed; /* the empty STDOUT record came */
	uint32_t app_status;
	int protocol_status; /* enum fcc_protocol_status */
};

void fcc_answer_free(struct fcc_answer *answer);

/* Up to END_REQUEST of `id`; a record of another request is BROKEN. */
enum fcc_recv fcc_recv_answer(struct fcc_peer *peer, unsigned id,
    struct fcc_answer *answer, int64_t deadline_ns) ATTR_MUSTUSE;

/* ---- the CGI response in it ------------------------------------------- */

/* "Status:", 200 without one, -1 when there is no end of the headers. */
int fcc_answer_status(const struct fcc_answer *answer);
/* Without the empty line; absent when there is none. */
struct strv fcc_answer_headers(const struct fcc_answer *answer);
struct strv fcc_answer_header(
    const struct fcc_answer *answer, const char *name);
struct strv fcc_answer_body(const struct fcc_answer *answer);

#endif
