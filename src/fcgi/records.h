/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request out of FastCGI records, byte by byte, as they come: what belongs
 * to it is gathered, what a peer may ask besides is answered, what is nonsense
 * ends it.  Bounded whatever is sent.  Reads and writes nothing.  Worker.
 *
 * It stands before libfcgi, which aborts the process on lengths whose sum wraps
 * and on a GET_VALUES that asks twice for the same, mistakes other requests'
 * records for this one's, and waits for every byte anew.
 *
 * Source: FastCGI Specification 1.0, sections 3 to 5.
 */
#ifndef FCGI_RECORDS_H
#define FCGI_RECORDS_H

#include "base/attr.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORDS_HEADER_BYTES  8
#define RECORDS_CONTENT_MAX   65535
#define RECORDS_ANSWER_MAX    256
#define RECORDS_QUESTIONS_MAX 16 /* a request; more is an attack */

/* Read on behind the body's limit so far, that the refusal is heard. */
#define RECORDS_SURPLUS_MAX (1024 * 1024)

enum records_type {
	RECORDS_BEGIN_REQUEST = 1,
	RECORDS_ABORT_REQUEST,
	RECORDS_END_REQUEST,
	RECORDS_PARAMS,
	RECORDS_STDIN,
	RECORDS_STDOUT,
	RECORDS_STDERR,
	RECORDS_DATA,
	RECORDS_GET_VALUES,
	RECORDS_GET_VALUES_RESULT,
	RECORDS_UNKNOWN_TYPE
};

enum records_state {
	RECORDS_AT_BEGIN, /* nothing of the request yet */
	RECORDS_IN_PARAMS,
	RECORDS_IN_BODY,
	RECORDS_WHOLE, /* as far as it will be read */
	RECORDS_BAD /* `why` */
};

/* Content up to a bound; the rest is counted only. */
struct records_heap {
	char *p;
	size_t n, max;
	size_t surplus;
};

struct records {
	enum records_state state;
	const char *why;
	unsigned id;
	unsigned char begin[8]; /* role and flags, as they came */
	struct records_heap params; /* whole pairs only, once it is WHOLE */
	struct records_heap body;
	bool unread; /* WHOLE, but the peer still sends its body */
	/* To be sent to the peer; feeding goes on when it was taken. */
	char answer[RECORDS_ANSWER_MAX];
	size_t answer_n;
	unsigned questions;
	/* The record at hand. */
	unsigned char header[RECORDS_HEADER_BYTES];
	size_t header_n;
	size_t content_left, padding_left;
	struct records_heap *into; /* NULL: not wanted */
	char small_bytes[256]; /* BEGIN_REQUEST, GET_VALUES */
	struct records_heap small;
};

/* The heaps' memory is the caller's. */
void records_start(struct records *records, struct records_heap params,
    struct records_heap body);

/*
 * Takes bytes until there are none, an answer is to be sent, or the request is
 * WHOLE or BAD; how many it took.
 */
size_t records_feed(
    struct records *records, const char *p, size_t n) ATTR_MUSTUSE;

/* True between two records, before the request's first. */
bool records_at_rest(const struct records *records);

/* Role: responder? */
bool records_is_responder(const unsigned char begin[8]);

/*
 * Walks name-value pairs; true when the last ends where they end.  `*whole` is
 * where the last whole one ends.
 */
bool records_pairs(struct strv pairs, size_t *whole);

/* A record's header. */
void records_header(unsigned char out[RECORDS_HEADER_BYTES], unsigned type,
    unsigned id, size_t content_n);

/*
 * True when `bytes` are one whole request, and nothing else: BEGIN_REQUEST of a
 * responder, PARAMS in one record, STDIN, all of one id, within the bounds.
 * What nginx sends, and nothing that libfcgi could stumble over.
 */
bool records_are_plain(
    struct strv bytes, size_t params_max, size_t body_max) ATTR_MUSTUSE;

#endif
