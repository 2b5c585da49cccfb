/* SPDX-License-Identifier: Apache-2.0 */
/* pool/listen: Unix and TCP sockets, and every way in which one is refused. */
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
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char dir[32], path[64];

static struct pool_listen_conf unix_conf(void)
{
	return (struct pool_listen_conf){
	    .address = path, .backlog = -1, .mode = 0660};
}

static void setup(void)
{
	snprintf(dir, sizeof(dir), "/tmp/fg-listen.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/s", dir);
}

static void teardown(void)
{
	unlink(path);
	ck_assert_int_eq(rmdir(dir), 0);
}

static int unix_socket(int type)
{
	int fd = socket(AF_UNIX, type, 0);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static struct sockaddr_un unix_addr(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	memcpy(addr.sun_path, path, strlen(path) + 1);
	return addr;
}

static int unix_connect(void)
{
	struct sockaddr_un addr = unix_addr();
	int fd = unix_socket(SOCK_STREAM);

	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	close(fd);
	return -1;
}

static int unix_listen_by_hand(int type, int backlog)
{
	struct sockaddr_un addr = unix_addr();
	int fd = unix_socket(type);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	if (type == SOCK_STREAM)
		ck_assert_int_eq(listen(fd, backlog), 0);
	return fd;
}

START_TEST(test_unix_works)
{
	struct pool_listen_conf conf = unix_conf();
	struct err err = ERR_INIT;
	struct stat st;
	int fd, client, served;

	setup();
	fd = pool_listen_open(&conf, &err);
	ck_assert_msg(fd >= 0, "%s", err.text);
	ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
	ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_eq(accept(fd, NULL, NULL), -1);
	ck_assert_int_eq(errno, EAGAIN);
	client = unix_connect();
	ck_assert_int_ge(client, 0);
	served = accept(fd, NULL, NULL);
	ck_assert_int_ge(served, 0);
	close(client);
	close(served);
	pool_listen_close(&conf, fd);
	ck_assert_int_ne(lstat(path, &st), 0);
	teardown();
}
END_TEST

START_TEST(test_unix_mode_is_the_umasks_equal)
{
	static const mode_t masks[] = {0, 022, 0777};
	static const mode_t modes[] = {0660, 0666, 0600};
	struct pool_listen_conf conf = unix_conf();
	struct err err = ERR_INIT;
	mode_t before, mask = masks[_i / 3];
	struct stat st;
	int fd;

	setup();
	conf.mode = modes[_i % 3];
	before = umask(mask);
	fd = pool_listen_open(&conf, &err);
	ck_assert_msg(fd >= 0, "%s", err.text);
	ck_assert_int_eq(umask(before), mask);
	ck_assert_int_eq(lstat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, modes[_i % 3]);
	pool_listen_close(&conf, fd);
	teardown();
}
END_TEST

START_TEST(test_unix_owner_by_name_and_number)
{
	struct pool_listen_conf conf = unix_conf();
	struct err err = ERR_INIT;
	struct stat st;
	int fd;

	if (geteuid() != 0)
		return; /* only root gives files away */
	setup();
	conf.owner = "4711";
	conf.group = "4712";
	fd = pool_listen_open(&conf, &err);
	ck_assert_msg(fd >= 0, "%s", err.text);
	ck_assert_int_eq(lstat(path, &st), 0);
	ck_assert_uint_eq(st.st_uid, 4711);
	ck_assert_uint_eq(st.st_gid, 4712);
	pool_listen_close(&conf, fd);

	conf.owner = "root";
	conf.group = "root";
	fd = pool_listen_open(&conf, &err);
	ck_assert_msg(fd >= 0, "%s", err.text);
	ck_assert_int_eq(lstat(path, &st), 0);
	ck_assert_uint_eq(st.st_uid, 0);
	ck_assert_uint_eq(st.st_gid, 0);
	pool_listen_close(&conf, fd);
	teardown();
}
END_TEST

START_TEST(test_unix_unknown_owner_leaves_nothing)
{
	struct pool_listen_conf conf = unix_conf();
	struct err err = ERR_INIT;
	struct stat st;

	setup();
	conf.owner = "no such user";
	ck_assert_int_eq(pool_listen_open(&conf, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "there is no user"));
	ck_assert_ptr_nonnull(strstr(err.text, path));
	ck_assert_int_ne(lstat(path, &st), 0);
	conf.owner = NULL;
	conf.group = "no such group";
	ck_assert_int_eq(pool_listen_open(&conf, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "there is no group"));
	ck_assert_int_ne(lstat(path, &st), 0);
	teardown();
}
END_TEST

START_TEST(test_unix_live_is_refused)
{
	struct pool_listen_conf conf = unix_conf();
	struct err err = ERR_INIT;
	int other, client;

	setup();
	other = unix_listen_by_hand(SOCK_STREAM, 0);
	ck_assert_int_eq(pool_listen_open(&conf, &err), -1);
	ck_assert_int_eq(err.code, EADDRINUSE);
	ck_assert_ptr_nonnull(strstr(err.text, "another process serves"));
	ck_assert_ptr_nonnull(strstr(err.text, path));
	/* Its backlog of 0 is full by now (of our probe): still alive. */
	err = (struct err)ERR_INIT;
	ck_assert_int_eq(pool_listen_open(&conf, &err), -1);
	ck_assert_int_eq(err.code, EADDRINUSE);
	/* And it was not disturbed. */
	client = accept(other, NULL, NULL);
	ck_assert_int_ge(client, 0);
	close(client);
	client = unix_connect();
	ck_assert_int_ge(client, 0);
	close(client);
	close(other);
	teardown();
}
END_TEST

START_TEST(test_unix_stale_is_replaced)
{
	struct pool_listen_conf conf = unix_conf();
	struct err err = ERR_INIT;
	int fd, client;

	setup();
	close(unix_listen_by_hand(SOCK_STREAM, 5));
	ck_assert_int_eq(unix_connect(), -1);
	fd = pool_listen_open(&conf, &err);
	ck_assert_msg(fd >= 0, "%s", err.text);
	client = unix_connect();
	ck_assert_int_ge(client, 0);
	close(client);
	pool_listen_close(&conf, fd);
	teardown();
}
END_TEST

START_TEST(test_unix_what_is_no_such_socket_stays)
{
	struct pool_listen_conf conf = unix_conf();
	struct err err = ERR_INIT;
	char target[80];
	struct stat st;
	int fd;

	setup();
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_int_eq(pool_listen_open(&conf, &err), -1);
	ck_assert_int_eq(err.code, EEXIST);
	ck_assert_int_eq(lstat(path, &st), 0);
	ck_assert(S_ISREG(st.st_mode));
	unlink(path);

	/* A link, even a dangling one, is somebody's. */
	snprintf(target, sizeof(target), "%s/elsewhere", dir);
	ck_assert_int_eq(symlink(target, path), 0);
	ck_assert_int_eq(pool_listen_open(&conf, &err), -1);
	ck_assert_int_eq(err.code, EEXIST);
	unlink(path);

	/* A datagram socket: connect() cannot tell whether it lives. */
	fd = unix_listen_by_hand(SOCK_DGRAM, 0);
	ck_assert_int_eq(pool_listen_open(&conf, &err), -1);
	ck_assert_int_eq(err.code, EPROTOTYPE);
	ck_assert_int_eq(lstat(path, &st), 0);
	close(fd);
	teardown();
}
END_TEST

START_TEST(test_unix_path_length)
{
	struct pool_listen_conf conf = unix_conf();
	struct err err = ERR_INIT;
	char longest[128];
	size_t n;
	int fd;

	setup();
	/* 107 bytes and their terminator just fit ... */
	n = (size_t)snprintf(longest, sizeof(longest), "%s/", dir);
	memset(longest + n, 'x', 107 - n);
	longest[107] = '\0';
	conf.address = longest;
	fd = pool_listen_open(&conf, &err);
	ck_assert_msg(fd >= 0, "%s", err.text);
	pool_listen_close(&conf, fd);
	/* ... 108 are not cut to another name. */
	longest[107] = 'x';
	longest[108] = '\0';
	ck_assert_int_eq(pool_listen_open(&conf, &err), -1);
	ck_assert_int_eq(err.code, ENAMETOOLONG);
	ck_assert_ptr_nonnull(strstr(err.text, "has 108 bytes"));
	ck_assert_ptr_nonnull(strstr(err.text, "may have 107"));
	teardown();
}
END_TEST

START_TEST(test_unix_no_directory)
{
	struct pool_listen_conf conf = unix_conf();
	struct err err = ERR_INIT;

	conf.address = "/nonexistent/fg/s";
	ck_assert_int_eq(pool_listen_open(&conf, &err), -1);
	ck_assert_int_eq(err.code, ENOENT);
	ck_assert_ptr_nonnull(strstr(err.text, "/nonexistent/fg/s"));
}
END_TEST

START_TEST(test_unix_close_spares_an_heir)
{
	struct pool_listen_conf conf = unix_conf();
	struct err err = ERR_INIT;
	int fd, heir, client;

	setup();
	fd = pool_listen_open(&conf, &err);
	ck_assert_msg(fd >= 0, "%s", err.text);
	unlink(path);
	heir = unix_listen_by_hand(SOCK_STREAM, 5);
	pool_listen_close(&conf, fd);
	client = unix_connect();
	ck_assert_int_ge(client, 0);
	close(client);
	/* And a socket that was not made here is only closed. */
	pool_listen_close(&conf, heir);
	ck_assert_int_eq(access(path, F_OK), 0);
	teardown();
}
END_TEST

/* ---- TCP ----------------------------------------------------------------- */

static const char *const bad_addresses[] = {"", "0", "65536", "-1", "9000 ",
    ":9000", "localhost:9000", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0",
    "127.0.0.1:http", "127.0.0.1:9000:1", "256.0.0.1:9000", "[::1]",
    "[::1]9000", "[]:9000", "[::1:9000", "[127.0.0.1]:9000", "::1:9000",
    "relative/path", "@abstract"};

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

TESTS_MAIN("pool/listen", UNIT("unix", test_unix_works),
    UNIT_TABLE("mode", test_unix_mode_is_the_umasks_equal, 9),
    UNIT("owner", test_unix_owner_by_name_and_number),
    UNIT("unknown_owner", test_unix_unknown_owner_leaves_nothing),
    UNIT("live", test_unix_live_is_refused),
    UNIT("stale", test_unix_stale_is_replaced),
    UNIT("foreign", test_unix_what_is_no_such_socket_stays),
    UNIT("length", test_unix_path_length),
    UNIT("no_directory", test_unix_no_directory),
    UNIT("heir", test_unix_close_spares_an_heir),
    UNIT_TABLE("tcp_bad", test_tcp_bad_address, ARRAY_LEN(bad_addresses)),
    UNIT("tcp", test_tcp_families), UNIT("tcp_in_use", test_tcp_in_use),
    UNIT("backlog", test_backlog))
