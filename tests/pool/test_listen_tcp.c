/* SPDX-License-Identifier: Apache-2.0 */
/* pool/listen: TCP sockets, and every address that is none. */
#include "config.h"

#include "unit.h"

#include "pool/pool.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *const bad_addresses[] = {"", "0", "65536", "-1", "9000 ",
    ":9000", "localhost:9000", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0",
    "127.0.0.1:http", "127.0.0.1:9000:1", "256.0.0.1:9000", "[::1]",
    "[::1]9000", "[]:9000", "[::1:9000", "[127.0.0.1]:9000", "::1:9000",
    "relative/path", "abstract"};

START_TEST(test_tcp_bad_address)
{
	const struct pool_listen_conf conf = {
	    .address = bad_addresses[_i], .backlog = -1};
	struct err err = ERR_INIT;

	ck_assert_int_eq(pool_listen_open(&conf, &err), -1);
	ck_assert_int_eq(err.code, EINVAL);
	ck_assert_ptr_nonnull(strstr(err.text, "listen "));
}
END_TEST

/* A port that was free a moment ago. */
static unsigned free_port(void)
{
	struct sockaddr_in addr = {.sin_family = AF_INET};
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	close(fd);
	return ntohs(addr.sin_port);
}

/* Opens `fmt` with a free port; another program may snatch one port, hardly
 * ten in a row. */
static int tcp_open(const char *fmt, unsigned *port, int backlog)
{
	struct err err = ERR_INIT;
	char address[64];

	for (int tries = 0; tries < 10; tries++) {
		struct pool_listen_conf conf = {
		    .address = address, .backlog = backlog};
		int fd;

		*port = free_port();
		snprintf(address, sizeof(address), "%s%u", fmt, *port);
		fd = pool_listen_open(&conf, &err);
		if (fd >= 0 || err.code != EADDRINUSE)
			return fd;
	}
	return -1;
}

static bool tcp4_reaches(unsigned port)
{
	struct sockaddr_in addr = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int rc = connect(fd, (struct sockaddr *)&addr, sizeof(addr));

	close(fd);
	return rc == 0;
}

static bool tcp6_reaches(unsigned port)
{
	struct sockaddr_in6 addr = {.sin6_family = AF_INET6,
	    .sin6_port = htons((uint16_t)port),
	    .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	int fd = socket(AF_INET6, SOCK_STREAM, 0);
	int rc = connect(fd, (struct sockaddr *)&addr, sizeof(addr));

	close(fd);
	return rc == 0;
}

static bool have_v6(void)
{
	struct sockaddr_in6 addr = {
	    .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	int fd = socket(AF_INET6, SOCK_STREAM, 0);
	int rc = fd < 0 ? -1 : bind(fd, (struct sockaddr *)&addr, sizeof(addr));

	if (fd >= 0)
		close(fd);
	return rc == 0;
}

static void tcp_close(int fd)
{
	const struct pool_listen_conf conf = {.address = "1"};

	pool_listen_close(&conf, fd);
}

START_TEST(test_tcp_families)
{
	unsigned port;
	int fd = tcp_open("127.0.0.1:", &port, -1);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
	ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	ck_assert(tcp4_reaches(port));
	ck_assert(!have_v6() || !tcp6_reaches(port));
	tcp_close(fd);

	/* A bare port: both families where there are two. */
	fd = tcp_open("", &port, -1);
	ck_assert_int_ge(fd, 0);
	ck_assert(tcp4_reaches(port));
	ck_assert(!have_v6() || tcp6_reaches(port));
	tcp_close(fd);

	if (!have_v6())
		return;
	fd = tcp_open("[::1]:", &port, -1);
	ck_assert_int_ge(fd, 0);
	ck_assert(tcp6_reaches(port));
	ck_assert(!tcp4_reaches(port));
	tcp_close(fd);
}
END_TEST

START_TEST(test_tcp_in_use)
{
	struct err err = ERR_INIT;
	char address[32];
	struct pool_listen_conf conf = {.address = address, .backlog = -1};
	unsigned port;
	int fd = tcp_open("127.0.0.1:", &port, -1);

	ck_assert_int_ge(fd, 0);
	snprintf(address, sizeof(address), "127.0.0.1:%u", port);
	ck_assert_int_eq(pool_listen_open(&conf, &err), -1);
	ck_assert_int_eq(err.code, EADDRINUSE);
	ck_assert_ptr_nonnull(strstr(err.text, address));
	tcp_close(fd);
}
END_TEST

/* The kernel tells a listening socket's backlog in tcpi_sacked. */
static unsigned backlog_of(int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	ck_assert_int_eq(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
	return info.tcpi_sacked;
}

START_TEST(test_backlog)
{
	unsigned port, somaxconn = 0;
	FILE *file = fopen("/proc/sys/net/core/somaxconn", "r");
	int fd;

	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fscanf(file, "%u", &somaxconn), 1);
	fclose(file);
	fd = tcp_open("127.0.0.1:", &port, -1);
	ck_assert_int_ge(fd, 0);
	ck_assert_uint_eq(backlog_of(fd), somaxconn);
	tcp_close(fd);
	fd = tcp_open("127.0.0.1:", &port, 17);
	ck_assert_int_ge(fd, 0);
	ck_assert_uint_eq(backlog_of(fd), 17);
	tcp_close(fd);
}
END_TEST

TESTS_MAIN("pool/listen_tcp",
    UNIT_TABLE("tcp_bad", test_tcp_bad_address, ARRAY_LEN(bad_addresses)),
    UNIT("tcp", test_tcp_families), UNIT("tcp_in_use", test_tcp_in_use),
    UNIT("backlog", test_backlog))
