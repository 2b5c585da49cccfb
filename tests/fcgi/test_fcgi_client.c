/* SPDX-License-Identifier: Apache-2.0 */
/* The tests' own client: what others build on must tell right from wrong. */
#include "config.h"

#include "unit.h"
#include "lib/fcgi_client.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE_MS 20000

/* ---- records out --------------------------------------------------------- */

/* FastCGI 1.0, 3.4: four bytes from 128 on, the top bit set. */
static const struct {
	uint32_t length;
	struct strv bytes;
} length_rows[] = {
    {0, {"\0", 1}},
    {127, {"\177", 1}},
    {128, {"\200\0\0\200", 4}},
    {65536, {"\200\1\0\0", 4}},
    {0x7fffffff, {"\377\377\377\377", 4}},
};

START_TEST(test_length)
{
	struct fcc_bytes out = {0};

	fcc_put_length(&out, length_rows[_i].length);
	ck_assert(strv_eq(strv_from(out.p, out.n), length_rows[_i].bytes));
	fcc_bytes_free(&out);
}
END_TEST

START_TEST(test_request_as_nginx_sends_it)
{
	static const char want[] =
	    "\1\1\1\2\0\10\0\0\0\1\1\0\0\0\0\0" /* BEGIN, id 258, keep */
	    "\1\4\1\2\0\6\2\0\2\2HIyo\0\0" /* PARAMS, 6 and 2 */
	    "\1\4\1\2\0\0\0\0"
	    "\1\5\1\2\0\3\5\0abc\0\0\0\0\0" /* STDIN, 3 and 5 */
	    "\1\5\1\2\0\0\0\0";
	const struct fcc_param params[] = {{"HI", "yo"}, {NULL, NULL}};
	struct fcc_bytes out = {0};

	fcc_put_request(&out, &(struct fcc_request){.id = 258,
				  .keep = true,
				  .params = params,
				  .body = STRV("abc")});
	ck_assert_uint_eq(out.n, sizeof(want) - 1);
	ck_assert_mem_eq(out.p, want, out.n);
	fcc_bytes_free(&out);
}
END_TEST

START_TEST(test_long_stream_is_cut_at_65535)
{
	static const char zeros[65536];
	struct fcc_bytes out = {0};

	fcc_put_stream(&out, FCC_STDIN, 1, strv_from(zeros, sizeof(zeros)));
	/* 65535 + 1 of padding, 1 + 7, and the empty one. */
	ck_assert_uint_eq(out.n, (8 + 65536) + (8 + 8) + 8);
	ck_assert_mem_eq(out.p, "\1\5\0\1\377\377\1\0", 8);
	ck_assert_mem_eq(out.p + 8 + 65536, "\1\5\0\1\0\1\7\0", 8);
	fcc_bytes_free(&out);
}
END_TEST

/* ---- records in ---------------------------------------------------------- */

#define ANSWER "\1\6\0\1\0\5\3\0X:y\n\n\0\0\0"
#define END    "\1\3\0\1\0\10\0\0\0\0\0\7\0\0\0\0"

static const struct {
	struct strv bytes;
	bool close; /* after sending them */
	enum fcc_recv result;
} recv_rows[] = {
    {STRV(ANSWER END), false, FCC_OK},
    {STRV(ANSWER "\1\7\0\1\0\1\0\0e" END), false, FCC_OK},
    {STRV(""), true, FCC_EOF},
    {STRV(ANSWER), true, FCC_EOF},
    {STRV("\1\6\0"), true, FCC_CUT},
    {STRV("\1\6\0\1\0\5\3\0X:y"), true, FCC_CUT},
    {STRV("\1\6\0\1\0\5\3\0"), true, FCC_CUT},
    {STRV(""), false, FCC_TIMEOUT},
    {STRV(ANSWER), false, FCC_TIMEOUT},
    {STRV("\1\6\0"), false, FCC_TIMEOUT},
    {STRV("HTTP/1.1 400 Bad Request"), false, FCC_BROKEN},
    /* of another request, of no answer, after the end, END of 4 bytes */
    {STRV("\1\6\0\2\0\0\0\0" END), false, FCC_BROKEN},
    {STRV("\1\5\0\1\0\0\0\0" END), false, FCC_BROKEN},
    {STRV("\1\6\0\1\0\0\0\0" ANSWER END), false, FCC_BROKEN},
    {STRV("\1\3\0\1\0\4\0\0\0\0\0\0"), false, FCC_BROKEN},
};

START_TEST(test_recv)
{
	bool waits = recv_rows[_i].result == FCC_TIMEOUT;
	struct fcc_answer answer = {0};
	struct fcc_peer peer = {0};
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	peer.fd = pair[0];
	ck_assert(fcc_send(pair[1], recv_rows[_i].bytes.p,
	    recv_rows[_i].bytes.n, deadline_in_ms(PATIENCE_MS)));
	if (recv_rows[_i].close)
		shutdown(pair[1], SHUT_WR);
	ck_assert_str_eq(fcc_recv_name(fcc_recv_answer(&peer, 1, &answer,
			     deadline_in_ms(waits ? 20 : PATIENCE_MS))),
	    fcc_recv_name(recv_rows[_i].result));
	if (recv_rows[_i].result == FCC_OK) {
		ck_assert(strv_eq(
		    strv_from(answer.out.p, answer.out.n), STRV("X:y\n\n")));
		ck_assert_uint_eq(answer.app_status, 7);
	}
	fcc_answer_free(&answer);
	fcc_peer_free(&peer);
	close(pair[0]);
	close(pair[1]);
}
END_TEST

/* ---- the response in it --------------------------------------------------- */

static const struct {
	struct strv out;
	int status;
	struct strv body;
} response_rows[] = {
    {STRV("Status: 201 Created\r\nX-A: 1\r\n\r\nbody"), 201, STRV("body")},
    {STRV("X-A: 1\nSTATUS:  404\n\n\nbody"), 404, STRV("\nbody")},
    {STRV("X-A:1\r\n\r\n"), 200, STRV("")},
    {STRV("X-A: 1\nStatus: abc\n\nbody"), -1, STRV("body")},
    {STRV("X-A: 1\nStatus: 2000\n\nbody"), -1, STRV("body")},
    {STRV("X-A: 1\r\n"), -1, {NULL, 0}},
    {STRV("no headers, only text"), -1, {NULL, 0}},
    {STRV(""), -1, {NULL, 0}},
};

START_TEST(test_response)
{
	struct fcc_answer answer = {0};
	struct strv a;

	fcc_put(&answer.out, response_rows[_i].out);
	a = fcc_answer_header(&answer, "x-a");
	ck_assert_int_eq(fcc_answer_status(&answer), response_rows[_i].status);
	ck_assert(strv_eq(fcc_answer_body(&answer), response_rows[_i].body));
	ck_assert_int_eq(a.p != NULL, response_rows[_i].body.p != NULL);
	if (a.p != NULL)
		ck_assert(strv_eq(a, STRV("1")));
	ck_assert_ptr_null(fcc_answer_header(&answer, "X").p);
	fcc_answer_free(&answer);
}
END_TEST

/* ---- connecting ------------------------------------------------------------ */

/* The port it listens on, -1 when the machine has no such family. */
static int listen_on_loopback(int family, int *fd)
{
	struct sockaddr_in v4 = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in6 v6 = {
	    .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	struct sockaddr *sa =
	    family == AF_INET ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
	socklen_t n = family == AF_INET ? sizeof(v4) : sizeof(v6);

	*fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (*fd < 0)
		return -1;
	if (bind(*fd, sa, n) != 0 || listen(*fd, 1) != 0 ||
	    getsockname(*fd, sa, &n) != 0) {
		close(*fd);
		return -1;
	}
	return ntohs(family == AF_INET ? v4.sin_port : v6.sin6_port);
}

static const struct {
	int family;
	const char *host;
} connect_rows[] = {
    {AF_INET, "127.0.0.1"},
    {AF_INET6, "[::1]"},
};

START_TEST(test_connect)
{
	struct err err = ERR_INIT;
	char address[64];
	int listener;
	int port = listen_on_loopback(connect_rows[_i].family, &listener);
	int fd;

	if (port < 0)
		return; /* no IPv6 here */
	snprintf(
	    address, sizeof(address), "%s:%d", connect_rows[_i].host, port);
	fd = fcc_connect(address, &err);
	ck_assert_msg(fd >= 0, "%s", err.text);
	close(fd);
	close(listener);
	/* Nobody listens there any more. */
	ck_assert_int_eq(fcc_connect(address, &err), -1);
	ck_assert_msg(strstr(err.text, "refused") != NULL, "%s", err.text);
}
END_TEST

static const struct {
	const char *address;
	const char *says;
} no_address_rows[] = {
    {"nowhere", "neither /path nor host:port"},
    {":80", "neither /path nor host:port"},
    {"127.0.0.1:", "neither /path nor host:port"},
    {"/nonexistent/socket", "No such file"},
    {"/a-path-beyond-what-fits-into-an-address/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	"too long"},
};

START_TEST(test_no_address)
{
	struct err err = ERR_INIT;

	ck_assert_int_eq(fcc_connect(no_address_rows[_i].address, &err), -1);
	ck_assert_msg(
	    strstr(err.text, no_address_rows[_i].says) != NULL, "%s", err.text);
}
END_TEST

TESTS_MAIN("fcgi: the tests' client",
    UNIT_TABLE("lengths", test_length, ARRAY_LEN(length_rows)),
    UNIT("a request as nginx sends it", test_request_as_nginx_sends_it),
    UNIT("a long stream is cut at 65535", test_long_stream_is_cut_at_65535),
    UNIT_TABLE("what comes back", test_recv, ARRAY_LEN(recv_rows)),
    UNIT_TABLE("the response in it", test_response, ARRAY_LEN(response_rows)),
    UNIT_TABLE("connects", test_connect, ARRAY_LEN(connect_rows)),
    UNIT_TABLE(
	"says why it does not", test_no_address, ARRAY_LEN(no_address_rows)))
