/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands before libfcgi: pairs, plain requests, records in any pieces; and
 * requests with bytes changed at random, through all of the layer.
 */
#include "config.h"

#include "fcgi/records.h"
#include "fcgi/rig.h"

#include <stdlib.h>
#include <sys/socket.h>

/* ---- pairs -------------------------------------------------------------------- */

static const struct {
	struct strv bytes;
	bool ok;
	size_t whole;
} pair_rows[] = {
    {STRV(""), true, 0},
    {STRV("\0\0"), true, 2},
    {STRV("\1\1Ab"), true, 4},
    {STRV("\1\1Ab\0\0"), true, 6},
    {STRV("\1"), false, 0},
    {STRV("\1\1A"), false, 0},
    {STRV("\1\1Ab\1"), false, 4},
    {STRV("\1\1Ab\1\2Ab"), false, 4},
    {STRV("\1\x80\0\0\1Ab"), true, 7},
    {STRV("\x80\0\0\1\x80\0\0\1Ab"), true, 10},
    {STRV("\x80\0\0"), false, 0},
    {STRV("\1\x80\0\0"), false, 0},
    {STRV("\xff\xff\xff\xff\1Ab"), false, 0},
    {STRV("\xff\xff\xff\xfe\xff\xff\xff\xfe"), false, 0},
    {STRV("\1\xff\xff\xff\xff"
	  "Ab"),
	false, 0},
};

START_TEST(test_pairs)
{
	size_t whole;

	ck_assert_int_eq(
	    records_pairs(pair_rows[_i].bytes, &whole), pair_rows[_i].ok);
	ck_assert_uint_eq(whole, pair_rows[_i].whole);
}
END_TEST

/* ---- plain -------------------------------------------------------------------- */

static void put_plain(struct fcc_bytes *out)
{
	const struct fcc_param params[] = {
	    {"REQUEST_URI", "/v1/time"}, {NULL, NULL}};

	fcc_put_request(out,
	    &(struct fcc_request){.params = params, .body = STRV("hello")});
}

static void no_change(struct fcc_bytes *out)
{
	(void)out;
}

static void one_more_byte(struct fcc_bytes *out)
{
	fcc_put(out, STRV("\1"));
}

static void one_byte_less(struct fcc_bytes *out)
{
	out->n--;
}

static void another_role(struct fcc_bytes *out)
{
	out->p[9] = FCC_AUTHORIZER;
}

static void another_version(struct fcc_bytes *out)
{
	out->p[0] = 0;
}

static void another_id(struct fcc_bytes *out)
{
	out->p[3] = 2; /* of BEGIN alone */
}

static void id_0(struct fcc_bytes *out)
{
	out->p[3] = 0;
}

static void pair_too_long(struct fcc_bytes *out)
{
	out->p[24]++;
}

static void question_first(struct fcc_bytes *out)
{
	out->n = 0;
	fcc_put_record(out, FCC_GET_VALUES, 0, STRV(""), 0);
	put_plain(out);
}

static void body_above(struct fcc_bytes *out)
{
	out->n = 0;
	fcc_put_request(
	    out, &(struct fcc_request){.body = STRV("above ten bytes")});
}

static const struct {
	const char *name;
	void (*change)(struct fcc_bytes *out);
	bool plain;
} plain_rows[] = {
    {"as it is", no_change, true},
    {"a byte more", one_more_byte, false},
    {"a byte less", one_byte_less, false},
    {"an authorizer", another_role, false},
    {"version 0", another_version, false},
    {"two ids", another_id, false},
    {"id 0", id_0, false},
    {"a pair longer than its stream", pair_too_long, false},
    {"a question first", question_first, false},
    {"a body above the limit", body_above, false},
};

START_TEST(test_plain)
{
	struct fcc_bytes bytes = {0};

	put_plain(&bytes);
	plain_rows[_i].change(&bytes);
	ck_assert_msg(records_are_plain(strv_from(bytes.p, bytes.n), 1000,
			  10) == plain_rows[_i].plain,
	    "%s", plain_rows[_i].name);
	fcc_bytes_free(&bytes);
}
END_TEST

START_TEST(test_every_beginning_of_a_plain_one_is_not)
{
	struct fcc_bytes bytes = {0};

	put_plain(&bytes);
	for (size_t n = 0; n < bytes.n; n++) {
		/* Of its own length, so that a sanitizer sees a byte too far. */
		char *copy = malloc(n + 1);

		ck_assert_ptr_nonnull(copy);
		memcpy(copy, bytes.p, n);
		copy = realloc(copy, n > 0 ? n : 1);
		ck_assert(!records_are_plain(strv_from(copy, n), 1000, 10));
		free(copy);
	}
	fcc_bytes_free(&bytes);
}
END_TEST

/* ---- in pieces ------------------------------------------------------------------ */

#define PARAMS_MAX 200
#define BODY_MAX   20

struct bench {
	struct records records;
	char params[PARAMS_MAX], body[BODY_MAX], answers[4096];
	size_t answers_n;
};

/* Feeds `piece` bytes at a time; how many were taken. */
static size_t feed(struct bench *bench, struct strv bytes, size_t piece)
{
	struct records *records = &bench->records;
	size_t at = 0;

	bench->answers_n = 0;
	records_start(records,
	    (struct records_heap){.p = bench->params, .max = PARAMS_MAX},
	    (struct records_heap){.p = bench->body, .max = BODY_MAX});
	while (at < bytes.n && records->state < RECORDS_WHOLE) {
		size_t n = bytes.n - at < piece ? bytes.n - at : piece;

		at += records_feed(records, bytes.p + at, n);
		ck_assert_uint_le(bench->answers_n + records->answer_n,
		    sizeof(bench->answers));
		memcpy(bench->answers + bench->answers_n, records->answer,
		    records->answer_n);
		bench->answers_n += records->answer_n;
		records->answer_n = 0;
	}
	return at;
}

static void put_odd(struct fcc_bytes *out)
{
	fcc_put_record(out, FCC_GET_VALUES, 0,
	    STRV("\15\0FCGI_MAX_REQS\15\0FCGI_MAX_REQS\3\0ANY"), 7);
	fcc_put_begin(out, 513, FCC_RESPONDER, true);
	fcc_put_record(out, FCC_PARAMS, 513, STRV("\1\1A"), 5);
	fcc_put_begin(out, 2, FCC_RESPONDER, true);
	fcc_put_record(out, FCC_PARAMS, 2, STRV("\1\1Xy"), 3);
	fcc_put_record(out, 77, 0, STRV("12345"), 255);
	fcc_put_stream(out, FCC_PARAMS, 513, STRV("b"));
	fcc_put_record(out, FCC_STDIN, 513, STRV("hel"), 1);
	fcc_put_stream(out, FCC_STDIN, 513, STRV("lo"));
}

START_TEST(test_pieces_of_any_size_are_the_same)
{
	static struct bench bench;
	struct fcc_bytes bytes = {0};
	const struct strv answers =
	    STRV("\1\12\0\0\0\20\0\0\15\1FCGI_MAX_REQS1"
		 "\1\3\0\2\0\10\0\0\0\0\0\0\1\0\0\0"
		 "\1\13\0\0\0\10\0\0\115\0\0\0\0\0\0\0");

	put_odd(&bytes);
	for (size_t piece = 1; piece <= bytes.n; piece++) {
		ck_assert_uint_eq(
		    feed(&bench, strv_from(bytes.p, bytes.n), piece), bytes.n);
		ck_assert_int_eq(bench.records.state, RECORDS_WHOLE);
		ck_assert_uint_eq(bench.records.id, 513);
		ck_assert_strv(strv_from(bench.params, bench.records.params.n),
		    STRV("\1\1Ab"));
		ck_assert_strv(
		    strv_from(bench.body, bench.records.body.n), STRV("hello"));
		ck_assert_strv(
		    strv_from(bench.answers, bench.answers_n), answers);
	}
	fcc_bytes_free(&bytes);
}
END_TEST

/* Cut between two pairs, what is above the limit is told from what is not. */
START_TEST(test_params_above_the_limit)
{
	static struct bench bench;
	struct fcc_bytes pairs = {0}, bytes = {0};

	for (int i = 0; i < 12; i++)
		fcc_put_pair(&pairs, STRV("NAME"), STRV("0123456789"));
	fcc_put_begin(&bytes, 1, FCC_RESPONDER, true);
	fcc_put_stream(&bytes, FCC_PARAMS, 1, strv_from(pairs.p, pairs.n));
	fcc_put_stream(&bytes, FCC_STDIN, 1, STRV("more than twenty bytes"));
	feed(&bench, strv_from(bytes.p, bytes.n), 7);
	ck_assert_int_eq(bench.records.state, RECORDS_WHOLE);
	ck_assert_uint_eq(bench.records.params.n, 12 * 16);
	ck_assert_uint_eq(bench.records.params.surplus, 0);
	ck_assert_uint_eq(bench.records.body.n, BODY_MAX);
	ck_assert_uint_eq(bench.records.body.surplus, 2);

	bytes.n = 0;
	fcc_put_pair(&pairs, STRV("NAME"), STRV("0123456789"));
	fcc_put_begin(&bytes, 1, FCC_RESPONDER, true);
	fcc_put_stream(&bytes, FCC_PARAMS, 1, strv_from(pairs.p, pairs.n));
	fcc_put_stream(&bytes, FCC_STDIN, 1, STRV(""));
	feed(&bench, strv_from(bytes.p, bytes.n), 7);
	ck_assert_int_eq(bench.records.state, RECORDS_WHOLE);
	ck_assert_uint_eq(bench.records.params.n, 12 * 16);
	ck_assert_uint_eq(bench.records.params.surplus, 16);
	fcc_bytes_free(&pairs);
	fcc_bytes_free(&bytes);
}
END_TEST

/* ---- anything -------------------------------------------------------------------- */

static unsigned next(unsigned *seed)
{
	*seed = *seed * 1103515245 + 12345;
	return *seed >> 16;
}

/*
 * Whatever comes, there is a verdict, and the process lives: libfcgi by itself
 * aborts on some of these.  FUZZ_ROUNDS makes it as long as one likes.
 */
START_TEST(test_changed_bytes)
{
	const char *rounds = getenv("FUZZ_ROUNDS");
	long n = rounds != NULL ? strtol(rounds, NULL, 10) : 2000;
	unsigned seed = 20261122, verdicts[FCGI_READ_GONE + 1] = {0};
	struct rig rig;

	rig_open(&rig, SOCK_STREAM);
	for (long round = 0; round < n; round++) {
		enum fcgi_read read;

		rig_reconnect(&rig, SOCK_STREAM);
		rig.request.n = 0;
		(round & 1) != 0 ? put_odd(&rig.request)
				 : put_plain(&rig.request);
		for (unsigned i = next(&seed) % 4; i > 0; i--)
			rig.request.p[next(&seed) % rig.request.n] =
			    (char)(next(&seed) % 3 == 0 ? 0xff : next(&seed));
		rig_send(&rig);
		shutdown(rig.client, SHUT_WR);
		read = rig_read(&rig);
		ck_assert_int_le(read, FCGI_READ_GONE);
		verdicts[read]++;
		if (read != FCGI_READ_GONE && read != FCGI_READ_NONE)
			rig_finish(&rig, RIG_OK, true);
	}
	/* Neither all nor none of it was a request. */
	ck_assert_uint_gt(verdicts[FCGI_READ_REQUEST], n / 10);
	ck_assert_uint_gt(verdicts[FCGI_READ_GONE], n / 10);
	rig.request.n = 0;
	rig_close(&rig);
}
END_TEST

TESTS_MAIN("fcgi: records",
    UNIT_TABLE("pairs", test_pairs, ARRAY_LEN(pair_rows)),
    UNIT_TABLE("plain or not", test_plain, ARRAY_LEN(plain_rows)),
    UNIT("a part of a plain request is not plain",
	test_every_beginning_of_a_plain_one_is_not),
    UNIT("pieces of any size are the same",
	test_pieces_of_any_size_are_the_same),
    UNIT("parameters above the limit", test_params_above_the_limit),
    UNIT_SLOW("changed bytes", test_changed_bytes, 120))
