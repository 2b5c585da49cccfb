/* SPDX-License-Identifier: Apache-2.0 */
/* A state machine over records; pure. */
#include "config.h"

#include "fcgi/records.h"
#include "base/bug.h"

#include <string.h>

#define FASTCGI_1      1
#define ROLE_RESPONDER 1
#define ROLE_LAST      3
/* Content of END_REQUEST: this connection is busy. */
#define CANT_MPX_CONN "\0\0\0\0\1\0\0\0"
#define LENGTH_LONG   0x80 /* four bytes, not one */
#define LENGTH_MASK   0x7fffffff

/* ---- pairs ----------------------------------------------------------------- */

static bool length_read(struct strv bytes, size_t *at, uint32_t *length)
{
	const unsigned char *p = (const unsigned char *)bytes.p + *at;
	size_t left = bytes.n - *at;

	if (left < 1 || (left < 4 && (p[0] & LENGTH_LONG) != 0))
		return false;
	if ((p[0] & LENGTH_LONG) == 0) {
		*length = p[0];
		*at += 1;
		return true;
	}
	*length = ((uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
		      (uint32_t)p[2] << 8 | p[3]) &
		  LENGTH_MASK;
	*at += 4;
	return true;
}

struct pair {
	struct strv name, value;
};

static bool pair_read(struct strv bytes, size_t *at, struct pair *out)
{
	size_t pos = *at;
	uint32_t name_n, value_n;

	if (!length_read(bytes, &pos, &name_n) ||
	    !length_read(bytes, &pos, &value_n) || name_n > bytes.n - pos ||
	    value_n > bytes.n - pos - name_n)
		return false;
	out->name = strv_from(bytes.p + pos, name_n);
	out->value = strv_from(bytes.p + pos + name_n, value_n);
	*at = pos + name_n + value_n;
	return true;
}

bool records_pairs(struct strv pairs, size_t *whole)
{
	struct pair pair;

	*whole = 0;
	while (*whole < pairs.n)
		if (!pair_read(pairs, whole, &pair))
			return false;
	return true;
}

/* ---- headers --------------------------------------------------------------- */

void records_header(unsigned char out[RECORDS_HEADER_BYTES], unsigned type,
    unsigned id, size_t content_n)
{
	BUG_ON(content_n > RECORDS_CONTENT_MAX);
	out[0] = FASTCGI_1;
	out[1] = (unsigned char)type;
	out[2] = (unsigned char)(id >> 8);
	out[3] = (unsigned char)id;
	out[4] = (unsigned char)(content_n >> 8);
	out[5] = (unsigned char)content_n;
	out[6] = 0;
	out[7] = 0;
}

struct header {
	unsigned version, type, id;
	size_t content_n, padding_n;
};

static struct header header_read(const unsigned char *p)
{
	return (struct header){
	    .version = p[0],
	    .type = p[1],
	    .id = (unsigned)p[2] << 8 | p[3],
	    .content_n = (size_t)p[4] << 8 | p[5],
	    .padding_n = p[6],
	};
}

static unsigned role_of(const unsigned char begin[8])
{
	return (unsigned)begin[0] << 8 | begin[1];
}

bool records_is_responder(const unsigned char begin[8])
{
	return role_of(begin) == ROLE_RESPONDER;
}

/* ---- answers --------------------------------------------------------------- */

static void answer_put(
    struct records *records, unsigned type, unsigned id, struct strv content)
{
	unsigned char header[RECORDS_HEADER_BYTES];

	BUG_ON(records->answer_n + sizeof(header) + content.n >
	       sizeof(records->answer));
	records_header(header, type, id, content.n);
	memcpy(records->answer + records->answer_n, header, sizeof(header));
	records->answer_n += sizeof(header);
	memcpy(records->answer + records->answer_n, content.p, content.n);
	records->answer_n += content.n;
}

static void bad(struct records *records, const char *why)
{
	records->state = RECORDS_BAD;
	records->why = why;
}

static bool question_allowed(struct records *records)
{
	if (++records->questions <= RECORDS_QUESTIONS_MAX)
		return true;
	bad(records, "too many records that are no part of a request");
	return false;
}

/* As libfcgi has it: one request at a time, on this connection. */
static const struct {
	struct strv name;
	struct strv pair;
} values[] = {
    {STRV("FCGI_MAX_CONNS"), STRV("\16\1FCGI_MAX_CONNS1")},
    {STRV("FCGI_MAX_REQS"), STRV("\15\1FCGI_MAX_REQS1")},
    {STRV("FCGI_MPXS_CONNS"), STRV("\17\1FCGI_MPXS_CONNS0")},
};

/* Each value once, however often it is asked for. */
static void values_answer(struct records *records)
{
	struct strv asked = strv_from(records->small.p, records->small.n);
	bool wanted[ARRAY_LEN(values)] = {false};
	char bytes[64];
	struct strbuf answer;
	struct pair pair;
	size_t at = 0;

	while (at < asked.n) {
		if (!pair_read(asked, &at, &pair)) {
			bad(records, "GET_VALUES with a broken pair");
			return;
		}
		for (size_t i = 0; i < ARRAY_LEN(values); i++)
			if (strv_eq(pair.name, values[i].name))
				wanted[i] = true;
	}
	strbuf_init(&answer, bytes, sizeof(bytes));
	for (size_t i = 0; i < ARRAY_LEN(values); i++)
		if (wanted[i])
			strbuf_put(&answer, values[i].pair);
	answer_put(records, RECORDS_GET_VALUES_RESULT, 0, strbuf_view(&answer));
}

/* ---- a record begins ------------------------------------------------------- */

static void management_begins(
    struct records *records, const struct header *header)
{
	if (header->type <= RECORDS_DATA) {
		bad(records, "a request with the number 0");
		return;
	}
	if (!question_allowed(records) || header->type != RECORDS_GET_VALUES)
		return;
	if (header->content_n > records->small.max)
		bad(records, "GET_VALUES asks for too much");
	else
		records->into = &records->small;
}

static void foreign_begins(struct records *records, const struct header *header)
{
	if (header->type != RECORDS_BEGIN_REQUEST || !question_allowed(records))
		return;
	answer_put(records, RECORDS_END_REQUEST, header->id,
	    strv_from(CANT_MPX_CONN, 8));
}

static void own_begins(struct records *records, const struct header *header)
{
	bool in_params = records->state == RECORDS_IN_PARAMS;

	if (header->type != (in_params ? RECORDS_PARAMS : RECORDS_STDIN))
		bad(records, header->type == RECORDS_ABORT_REQUEST
				 ? "aborted"
				 : "a record that does not belong there");
	else
		records->into = in_params ? &records->params : &records->body;
}

static void record_begins(struct records *records)
{
	struct header header = header_read(records->header);

	records->content_left = header.content_n;
	records->padding_left = header.padding_n;
	records->into = NULL;
	records->small.n = 0;
	records->small.surplus = 0;
	if (header.version != FASTCGI_1)
		bad(records, "not FastCGI");
	else if (header.id == 0)
		management_begins(records, &header);
	else if (records->state != RECORDS_AT_BEGIN)
		header.id == records->id ? own_begins(records, &header)
					 : foreign_begins(records, &header);
	else if (header.type != RECORDS_BEGIN_REQUEST ||
		 header.content_n != sizeof(records->begin))
		bad(records, "not the begin of a request");
	else
		records->into = &records->small;
}

/* ---- a record ends --------------------------------------------------------- */

static void request_begins(struct records *records, unsigned id)
{
	memcpy(records->begin, records->small.p, sizeof(records->begin));
	records->id = id;
	records->state = RECORDS_IN_PARAMS;
	if (role_of(records->begin) == 0 || role_of(records->begin) > ROLE_LAST)
		bad(records, "a role that does not exist");
}

static void params_end(struct records *records)
{
	struct records_heap *heap = &records->params;
	size_t whole;

	if (!records_pairs(strv_from(heap->p, heap->n), &whole) &&
	    heap->surplus == 0) {
		bad(records, "a parameter longer than all of them");
		return;
	}
	heap->surplus += heap->n - whole;
	heap->n = whole;
	records->state = RECORDS_IN_BODY;
	if (!records_is_responder(records->begin)) {
		/* An authorizer gets no body, a filter one stream more. */
		records->unread = true;
		records->state = RECORDS_WHOLE;
	}
}

static void record_ends(struct records *records)
{
	struct header header = header_read(records->header);

	records->header_n = 0;
	if (records->into == &records->small) {
		if (header.type == RECORDS_BEGIN_REQUEST)
			request_begins(records, header.id);
		else
			values_answer(records);
	} else if (header.id == 0) {
		const char type[8] = {(char)header.type};

		answer_put(
		    records, RECORDS_UNKNOWN_TYPE, 0, strv_from(type, 8));
	} else if (records->into == &records->params && header.content_n == 0) {
		params_end(records);
	} else if (records->into == &records->body && header.content_n == 0) {
		records->state = RECORDS_WHOLE;
	}
}

/* ---- feeding --------------------------------------------------------------- */

static void heap_put(struct records_heap *heap, const char *p, size_t n)
{
	size_t room = heap->max - heap->n;
	size_t fits = n < room ? n : room;

	memcpy(heap->p + heap->n, p, fits);
	heap->n += fits;
	heap->surplus += n - fits;
}

static size_t header_feed(struct records *records, const char *p, size_t n)
{
	size_t want = RECORDS_HEADER_BYTES - records->header_n;
	size_t take = n < want ? n : want;

	memcpy(records->header + records->header_n, p, take);
	records->header_n += take;
	if (records->header_n == RECORDS_HEADER_BYTES)
		record_begins(records);
	return take;
}

static size_t content_feed(struct records *records, const char *p, size_t n)
{
	size_t take = n < records->content_left ? n : records->content_left;

	if (records->into != NULL)
		heap_put(records->into, p, take);
	records->content_left -= take;
	if (records->params.surplus > RECORDS_SURPLUS_MAX)
		bad(records, "parameters without end");
	if (records->body.surplus > RECORDS_SURPLUS_MAX) {
		records->unread = true;
		records->state = RECORDS_WHOLE;
	}
	return take;
}

size_t records_feed(struct records *records, const char *p, size_t n)
{
	size_t at = 0;

	while (records->state < RECORDS_WHOLE && records->answer_n == 0 &&
	       at < n) {
		if (records->header_n < RECORDS_HEADER_BYTES) {
			at += header_feed(records, p + at, n - at);
		} else if (records->content_left > 0) {
			at += content_feed(records, p + at, n - at);
		} else {
			size_t skip = n - at < records->padding_left
					  ? n - at
					  : records->padding_left;

			records->padding_left -= skip;
			at += skip;
		}
		if (records->state < RECORDS_WHOLE &&
		    records->header_n == RECORDS_HEADER_BYTES &&
		    records->content_left + records->padding_left == 0)
			record_ends(records);
	}
	return at;
}

void records_start(struct records *records, struct records_heap params,
    struct records_heap body)
{
	/* Not the answer's bytes: there are none. */
	records->state = RECORDS_AT_BEGIN;
	records->why = NULL;
	records->id = 0;
	records->params = params;
	records->body = body;
	records->unread = false;
	records->answer_n = 0;
	records->questions = 0;
	records->header_n = 0;
	records->content_left = 0;
	records->padding_left = 0;
	records->into = NULL;
	records->small = (struct records_heap){
	    .p = records->small_bytes, .max = sizeof(records->small_bytes)};
}

bool records_at_rest(const struct records *records)
{
	return records->state == RECORDS_AT_BEGIN && records->header_n == 0;
}

/* ---- the plain case -------------------------------------------------------- */

/* The next record, if it is of this type and id, and all there. */
static bool plain_next(
    struct strv bytes, size_t *at, unsigned type, struct header *header)
{
	unsigned id = header->id;

	if (bytes.n - *at < RECORDS_HEADER_BYTES)
		return false;
	*header = header_read((const unsigned char *)bytes.p + *at);
	*at += RECORDS_HEADER_BYTES;
	if (header->version != FASTCGI_1 || header->type != type ||
	    header->id == 0 || (id != 0 && header->id != id) ||
	    header->content_n + header->padding_n > bytes.n - *at)
		return false;
	*at += header->content_n + header->padding_n;
	return true;
}

bool records_are_plain(struct strv bytes, size_t params_max, size_t body_max)
{
	struct header header = {.id = 0};
	size_t at = 0, from, whole, body_n = 0;

	if (!plain_next(bytes, &at, RECORDS_BEGIN_REQUEST, &header) ||
	    header.content_n != 8 ||
	    !records_is_responder(
		(const unsigned char *)bytes.p + RECORDS_HEADER_BYTES))
		return false;
	from = at + RECORDS_HEADER_BYTES;
	if (!plain_next(bytes, &at, RECORDS_PARAMS, &header) ||
	    header.content_n == 0 || header.content_n > params_max ||
	    !records_pairs(
		strv_from(bytes.p + from, header.content_n), &whole) ||
	    !plain_next(bytes, &at, RECORDS_PARAMS, &header) ||
	    header.content_n != 0)
		return false;
	do {
		if (!plain_next(bytes, &at, RECORDS_STDIN, &header))
			return false;
		body_n += header.content_n;
	} while (header.content_n != 0);
	return body_n <= body_max && at == bytes.n;
}
