/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers: whole at any size, a short one in one write(2), and the end of the
 * connection.  write() is ours here, between libfcgi and the kernel: it counts,
 * and can break off as a slow peer makes it do.
 */
#include "config.h"

#include "fcgi/rig.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct {
	int fd; /* watched; 0: none */
	unsigned calls;
	unsigned cut_call; /* this call writes cut_bytes, the next times out */
	size_t cut_bytes;
} watch;

ssize_t write(int fd, const void *p, size_t n)
{
	if (watch.fd > 0 && fd == watch.fd) {
		watch.calls++;
		if (watch.calls == watch.cut_call && n > watch.cut_bytes)
			n = watch.cut_bytes;
		if (watch.cut_call > 0 && watch.calls == watch.cut_call + 1) {
			errno = EAGAIN;
			return -1;
		}
	}
	return syscall(SYS_write, fd, p, n);
}

static const struct fcc_param get_params[] = {
    {"REQUEST_METHOD", "GET"},
    {"REQUEST_URI", "/v1/time"},
    {"CONTENT_LENGTH", ""},
    {NULL, NULL},
};

static void read_get(struct rig *rig, bool keep)
{
	fcc_put_request(&rig->request,
	    &(struct fcc_request){.keep = keep, .params = get_params});
	ck_assert_int_eq(rig_exchange(rig), FCGI_READ_REQUEST);
	watch.fd = rig->server;
	watch.calls = 0;
}

static void assert_eof(struct rig *rig)
{
	struct fcc_record record;

	ck_assert_int_eq(fcc_recv_record(&rig->peer, &record,
			     deadline_in_ms(RIG_PATIENCE_MS)),
	    FCC_EOF);
}

/* A response of n bytes that shows where it was torn. */
static struct strv response_of(size_t n)
{
	static char text[60000];

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i / 7 % 26);
	ck_assert_uint_le(n, sizeof(text));
	return strv_from(text, n);
}

/* ---- whole ------------------------------------------------------------- */

/* The edges are libfcgi's: 8160 is what fits with END_REQUEST behind it. */
static const struct {
	size_t n;
	unsigned writes; /* 0: more than one, and we do not mind how many */
} size_rows[] = {
    {0, 1},
    {1, 1},
    {100, 1},
    {8000, 1},
    {8150, 1},
    {8159, 1},
    {8160, 1},
    {8161, 0},
    {8176, 0},
    {8183, 0},
    {8184, 0},
    {8185, 0},
    {8192, 0},
    {8200, 0},
    {16344, 0},
    {16368, 0},
    {16369, 0},
    {60000, 0},
};

START_TEST(test_whole_at_any_size)
{
	struct strv response = response_of(size_rows[_i].n);
	struct fcc_answer answer = {0};
	struct rig rig;

	rig_open(&rig, SOCK_STREAM);
	for (int keep = 1; keep >= 0; keep--) {
		read_get(&rig, keep);
		ck_assert_int_eq(rig_finish(&rig, response, true), keep);
		if (size_rows[_i].writes > 0)
			ck_assert_uint_eq(watch.calls, size_rows[_i].writes);
		ck_assert_int_eq(rig_answer(&rig, 1, &answer), FCC_OK);
		ck_assert(
		    strv_eq(strv_from(answer.out.p, answer.out.n), response));
		ck_assert(answer.out_closed);
		ck_assert_uint_eq(answer.err.n, 0);
		ck_assert_uint_eq(answer.app_status, 0);
		ck_assert_int_eq(answer.protocol_status, FCC_REQUEST_COMPLETE);
	}
	assert_eof(&rig);
	fcc_answer_free(&answer);
	rig_close(&rig);
}
END_TEST

/*
 * Over SOCK_SEQPACKET a second read of the request would find nothing, and a
 * second write of the answer would be a second packet.
 */
START_TEST(test_kept_request_is_one_read_and_one_write)
{
	char packet[9000];
	struct rig rig;

	rig_open(&rig, SOCK_SEQPACKET);
	for (int i = 0; i < 3; i++) {
		ssize_t n;

		read_get(&rig, true);
		ck_assert(rig_finish(&rig, response_of(8000), true));
		n = recv(rig.client, packet, sizeof(packet), MSG_DONTWAIT);
		/* header, response, end of the stream, END_REQUEST */
		ck_assert_int_eq(n, 8 + 8000 + 8 + 16);
		n = recv(rig.client, packet, sizeof(packet), MSG_DONTWAIT);
		ck_assert_int_eq(n, -1);
		ck_assert_int_eq(errno, EAGAIN);
	}
	rig_close(&rig);
}
END_TEST

START_TEST(test_half_closed_peer_hears_the_answer)
{
	struct fcc_answer answer = {0};
	struct rig rig;

	rig_open(&rig, SOCK_STREAM);
	fcc_put_request(&rig.request, &(struct fcc_request){.keep = true});
	rig_send(&rig);
	shutdown(rig.client, SHUT_WR);
	ck_assert_int_eq(rig_read(&rig), FCGI_READ_REQUEST);
	ck_assert(rig_finish(&rig, RIG_OK, true));
	ck_assert_int_eq(rig_answer(&rig, 1, &answer), FCC_OK);
	/* What comes next on it is its end. */
	ck_assert_int_eq(rig_read(&rig), FCGI_READ_GONE);
	fcc_answer_free(&answer);
	rig_close(&rig);
}
END_TEST

/* ---- who closes, and when ---------------------------------------------- */

static const struct {
	bool peer_keeps;
	bool we_keep;
} keep_rows[] = {{true, true}, {true, false}, {false, true}, {false, false}};

START_TEST(test_kept_when_both_want)
{
	bool stands = keep_rows[_i].peer_keeps && keep_rows[_i].we_keep;
	struct fcc_answer answer = {0};
	struct rig rig;

	rig_open(&rig, SOCK_STREAM);
	read_get(&rig, keep_rows[_i].peer_keeps);
	ck_assert_int_eq(
	    rig_finish(&rig, RIG_OK, keep_rows[_i].we_keep), stands);
	ck_assert_int_eq(rig_answer(&rig, 1, &answer), FCC_OK);
	ck_assert_int_eq(fcc_answer_status(&answer), 200);
	if (stands)
		read_get(&rig, true);
	else
		assert_eof(&rig);
	if (stands)
		ck_assert(rig_finish(&rig, RIG_OK, true));
	fcc_answer_free(&answer);
	rig_close(&rig);
}
END_TEST

/* libfcgi waited two seconds for the peer to close first. */
START_TEST(test_peer_that_does_not_close_costs_nothing)
{
	struct fcc_answer answer = {0};
	struct rig rig;

	rig_open(&rig, SOCK_STREAM);
	for (int i = 0; i < 5; i++) {
		int64_t start = mono_ns();

		read_get(&rig, false);
		ck_assert(!rig_finish(&rig, RIG_OK, true));
		ck_assert_int_lt(mono_ns() - start, 1000 * NS_PER_MS);
		ck_assert_int_eq(rig_answer(&rig, 1, &answer), FCC_OK);
		rig_reconnect(&rig, SOCK_STREAM);
	}
	fcc_answer_free(&answer);
	rig_close(&rig);
}
END_TEST

/* The signal would end the process; the answer just has no reader. */
static const size_t gone_rows[] = {0, 100, 8000, 8200, 60000};

START_TEST(test_peer_that_is_gone_costs_its_connection)
{
	struct fcc_answer answer = {0};
	struct rig rig;

	rig_open(&rig, SOCK_STREAM);
	read_get(&rig, true);
	close(rig.client);
	rig.client = -1;
	ck_assert(!rig_finish(&rig, response_of(gone_rows[_i]), true));

	rig_reconnect(&rig, SOCK_STREAM);
	read_get(&rig, true);
	ck_assert(rig_finish(&rig, RIG_OK, true));
	ck_assert_int_eq(rig_answer(&rig, 1, &answer), FCC_OK);
	fcc_answer_free(&answer);
	rig_close(&rig);
}
END_TEST

/* Filled up, so that not a byte more goes: one send timeout, and no second. */
START_TEST(test_peer_that_does_not_read_costs_the_send_timeout)
{
	static const char block[4096];
	struct fcc_answer answer = {0};
	struct rig rig;
	int64_t start;

	rig_open(&rig, SOCK_STREAM);
	rig_timeout_ms(&rig, 200);
	read_get(&rig, true);
	while (send(rig.server, block, sizeof(block), MSG_DONTWAIT) > 0)
		;
	start = mono_ns();
	ck_assert(!rig_finish(&rig, response_of(60000), true));
	ck_assert_int_ge(mono_ns() - start, 150 * NS_PER_MS);
	ck_assert_int_lt(mono_ns() - start, 1500 * NS_PER_MS);
	/* The first was cut; another would be the start of it again. */
	ck_assert_uint_le(watch.calls, 2);

	rig_reconnect(&rig, SOCK_STREAM);
	read_get(&rig, true);
	ck_assert(rig_finish(&rig, RIG_OK, true));
	ck_assert_int_eq(rig_answer(&rig, 1, &answer), FCC_OK);
	fcc_answer_free(&answer);
	rig_close(&rig);
}
END_TEST

/* ---- a write that breaks off -------------------------------------------- */

/* One record of 8192 bytes a call, the rest (2720 of 60000), END_REQUEST. */
static const struct {
	size_t n;
	unsigned call;
	size_t bytes;
	ssize_t arrive;
} cut_rows[] = {
    {100, 1, 50, 50},
    {8160, 1, 8000, 8000},
    {8184, 1, 3000, 3000},
    {8200, 1, 3000, 3000},
    {8200, 1, 8192, 8192},
    {60000, 1, 1, 1},
    {60000, 4, 5000, 3 * 8192 + 5000},
    {60000, 7, 8191, 6 * 8192 + 8191},
    {60000, 8, 2000, 7 * 8192 + 2000},
    {60000, 8, 2720, 7 * 8192 + 2720},
    {60000, 9, 10, 7 * 8192 + 2720 + 10},
};

/*
 * libfcgi keeps what it failed to write and writes it once more from its start
 * when it closes.  What arrives must be the beginning of the answer, no more.
 */
START_TEST(test_cut_answer_is_not_begun_again)
{
	static char whole[70000];
	static char got[70000];
	struct strv response = response_of(cut_rows[_i].n);
	ssize_t want_n;
	ssize_t got_n = 0;
	struct rig rig;

	rig_open(&rig, SOCK_STREAM);
	read_get(&rig, true);
	ck_assert(rig_finish(&rig, response, true));
	want_n = recv(rig.client, whole, sizeof(whole), 0);
	ck_assert_int_gt(want_n, (ssize_t)response.n);

	read_get(&rig, true);
	watch.cut_call = cut_rows[_i].call;
	watch.cut_bytes = cut_rows[_i].bytes;
	ck_assert(!rig_finish(&rig, response, true));
	watch.cut_call = 0;
	for (;;) {
		ssize_t n = recv(
		    rig.client, got + got_n, sizeof(got) - (size_t)got_n, 0);

		if (n <= 0)
			break;
		got_n += n;
	}
	ck_assert_int_eq(got_n, cut_rows[_i].arrive);
	ck_assert_int_lt(got_n, want_n);
	ck_assert_mem_eq(got, whole, (size_t)got_n);
	rig_close(&rig);
}
END_TEST

TESTS_MAIN("fcgi: answers",
    UNIT_TABLE("whole at any size, a short one in one write",
	test_whole_at_any_size, ARRAY_LEN(size_rows)),
    UNIT("a kept request is one read and one write",
	test_kept_request_is_one_read_and_one_write),
    UNIT("a half-closed peer hears the answer",
	test_half_closed_peer_hears_the_answer),
    UNIT_TABLE(
	"kept when both want", test_kept_when_both_want, ARRAY_LEN(keep_rows)),
    UNIT("a peer that does not close costs nothing",
	test_peer_that_does_not_close_costs_nothing),
    UNIT_TABLE("a peer that is gone costs its connection",
	test_peer_that_is_gone_costs_its_connection, ARRAY_LEN(gone_rows)),
    UNIT("a peer that does not read costs the send timeout",
	test_peer_that_does_not_read_costs_the_send_timeout),
    UNIT_TABLE("a cut answer is not begun again",
	test_cut_answer_is_not_begun_again, ARRAY_LEN(cut_rows)))
