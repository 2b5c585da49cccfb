/* SPDX-License-Identifier: Apache-2.0 */
/* pool/listen: Unix sockets, and every way in which one is refused. */
#include "config.h"

#include "unit.h"

#include "pool/pool.h"

#include <errno.h>
#include <fcntl.h>
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

TESTS_MAIN("pool/listen", UNIT("unix", test_unix_works),
    UNIT_TABLE("mode", test_unix_mode_is_the_umasks_equal, 9),
    UNIT("owner", test_unix_owner_by_name_and_number),
    UNIT("unknown_owner", test_unix_unknown_owner_leaves_nothing),
    UNIT("live", test_unix_live_is_refused),
    UNIT("stale", test_unix_stale_is_replaced),
    UNIT("foreign", test_unix_what_is_no_such_socket_stays),
    UNIT("length", test_unix_path_length),
    UNIT("no_directory", test_unix_no_directory),
    UNIT("heir", test_unix_close_spares_an_heir))
