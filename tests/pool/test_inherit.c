/* SPDX-License-Identifier: Apache-2.0 */
/* pool/listen, inherit: what an address may look like, sockets that somebody
 * else made, abstract ones. */
#include "config.h"

#include "unit.h"

#include "pool/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char name_107[109], name_108[110], path_107[108], path_108[109];

static const struct {
	const char *address;
	bool good;
} forms[] = {
    {"/run/fg.sock", true},
    {path_107, true},
    {path_108, false},
    {"@fg", true},
    {name_107, true},
    {name_108, false},
    {"@", false},
    {"9000", true},
    {"127.0.0.1:9000", true},
    {"[::1]:9000", true},
    {"[127.0.0.1]:9000", false},
    {"::1:9000", false},
    {"localhost:9000", false},
    {"127.0.0.1:65536", false},
    {"127.0.0.1:", false},
    {"0", false},
    {"fd:0", true},
    {"fd:7", true},
    {"fd:", false},
    {"fd:-1", false},
    {"fd:x", false},
    {"systemd:", true},
    {"systemd:web", true},
    {"systemd:a:b", false},
    {"run/fg.sock", false},
    {"", false},
};

static void names_fill(void)
{
	memset(path_108, 'x', 108);
	memset(path_107, 'x', 107);
	memset(name_108, 'x', 109);
	memset(name_107, 'x', 108);
	path_107[0] = path_108[0] = '/';
	name_107[0] = name_108[0] = '@';
}

START_TEST(test_forms)
{
	struct pool_listen_conf conf = {.mode = 0600};
	struct err err = ERR_INIT;

	names_fill();
	conf.address = forms[_i].address;
	ck_assert_msg(pool_listen_check(&conf, &err) == forms[_i].good,
	    "\"%s\": %s", conf.address, err.text);
	if (!forms[_i].good)
		ck_assert_ptr_nonnull(strstr(err.text, "listen "));
}
END_TEST

START_TEST(test_check_finds_owner_and_group)
{
	struct pool_listen_conf conf = {.address = "/run/x", .mode = 0600};
	struct err err = ERR_INIT;

	conf.owner = "root";
	conf.group = "0";
	ck_assert(pool_listen_check(&conf, &err));
	conf.owner = "nobody-of-that-name";
	ck_assert(!pool_listen_check(&conf, &err));
	ck_assert_ptr_nonnull(strstr(err.text, "nobody-of-that-name"));
	conf.owner = NULL;
	conf.group = "no-such-group";
	ck_assert(!pool_listen_check(&conf, &err));
	ck_assert_ptr_nonnull(strstr(err.text, "no-such-group"));
	ck_assert(pool_user_check("root", NULL, &err));
	ck_assert(!pool_user_check("nobody-of-that-name", NULL, &err));
	ck_assert(!pool_user_check(NULL, "no-such-group", &err));
}
END_TEST

/* A socket of the loopback, as a launcher would make it; its port. */
static in_port_t launcher_socket(int at, bool listening)
{
	struct sockaddr_in addr = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	if (listening)
		ck_assert_int_eq(listen(fd, 8), 0);
	if (fd != at) {
		ck_assert_int_eq(dup2(fd, at), at);
		close(fd);
	}
	return addr.sin_port;
}

static bool is_serving(int fd, in_port_t port)
{
	struct sockaddr_in addr = {.sin_family = AF_INET,
	    .sin_port = port,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int client = socket(AF_INET, SOCK_STREAM, 0);
	bool good =
	    connect(client, (struct sockaddr *)&addr, sizeof(addr)) == 0;
	int served = accept(fd, NULL, NULL);

	close(client);
	if (served >= 0)
		close(served);
	return good && served >= 0;
}

static void assert_adopted(int fd)
{
	ck_assert_int_gt(fd, STDERR_FILENO);
	ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
	ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
}

START_TEST(test_descriptor_0)
{
	struct pool_listen_conf conf = {.address = "fd:0"};
	struct err err = ERR_INIT;
	in_port_t port;
	char byte;
	int fd;

	ck_assert(!pool_listen_given());
	port = launcher_socket(0, true);
	ck_assert(pool_listen_given());
	fd = pool_listen_open(&conf, &err);
	ck_assert_msg(fd >= 0, "%s", err.text);
	assert_adopted(fd);
	ck_assert(is_serving(fd, port));
	/* In its place is /dev/null. */
	ck_assert(!pool_listen_given());
	ck_assert_int_eq(read(0, &byte, 1), 0);
	pool_listen_close(&conf, fd);
}
END_TEST

START_TEST(test_what_cannot_be_taken_over)
{
	struct pool_listen_conf conf = {.address = "fd:0"};
	struct err err = ERR_INIT;
	int pipes[2];

	/* A closed one. */
	conf.address = "fd:99";
	ck_assert_int_eq(pool_listen_open(&conf, &err), -1);
	ck_assert_int_eq(err.code, EBADF);
	/* No socket. */
	ck_assert_int_eq(pipe(pipes), 0);
	ck_assert_int_eq(dup2(pipes[0], 99), 99);
	ck_assert_int_eq(pool_listen_open(&conf, &err), -1);
	ck_assert_int_eq(err.code, ENOTSOCK);
	/* A connection, or a socket on which nobody called listen(). */
	(void)launcher_socket(99, false);
	ck_assert_int_eq(pool_listen_open(&conf, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "listen()"));
}
END_TEST

/* spawn-fcgi -F 2 */
START_TEST(test_a_second_master_is_refused)
{
	struct pool_listen_conf conf = {.address = "fd:50", .alone = true};
	struct err err = ERR_INIT;
	int fd, status;
	pid_t pid;

	(void)launcher_socket(50, true);
	fd = pool_listen_open(&conf, &err);
	ck_assert_msg(fd == 50, "%s", err.text);
	pid = fork();
	if (pid == 0) {
		bool refused = pool_listen_open(&conf, &err) == -1 &&
			       strstr(err.text, "-F 1") != NULL;

		_exit(refused ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	/* The lock was not lost by the other's close(), and ends with us. */
	pid = fork();
	if (pid == 0) {
		conf.alone = false; /* as lone workers share it */
		_exit(pool_listen_open(&conf, &err) == 50 ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
END_TEST

static void passed(const char *names, int pid_off)
{
	char number[16];

	snprintf(number, sizeof(number), "%ld", (long)getpid() + pid_off);
	setenv("LISTEN_PID", number, 1);
	setenv("LISTEN_FDS", "2", 1);
	if (names != NULL)
		setenv("LISTEN_FDNAMES", names, 1);
	else
		unsetenv("LISTEN_FDNAMES");
}

static const struct {
	const char *address, *names;
	int pid_off;
	int fd; /* -1: refused */
	const char *text; /* then in the reason */
} systemd_rows[] = {
    {"systemd:", NULL, 0, 3, NULL},
    {"systemd:", "a:b", 0, 3, NULL},
    {"systemd:a", "a:b", 0, 3, NULL},
    {"systemd:b", "a:b", 0, 4, NULL},
    {"systemd:c", "a:b", 0, -1, "a:b"},
    {"systemd:b", NULL, 0, -1, "FileDescriptorName"},
    {"systemd:a", "a:b", 1, -1, "passed to process"},
};

/* Where systemd puts sockets, Check has its pipes: so in a process that does
 * not come back.  The line that failed, or 0. */
static int systemd_row(int row)
{
	struct pool_listen_conf conf = {.address = systemd_rows[row].address};
	struct err err = ERR_INIT;
	in_port_t ports[2];
	int fd;

	ports[0] = launcher_socket(60, true);
	ports[1] = launcher_socket(61, true);
	/* From here on without assertions, which would write there. */
	if (dup2(60, 3) != 3 || dup2(61, 4) != 4)
		return __LINE__ % 256;
	passed(systemd_rows[row].names, systemd_rows[row].pid_off);
	fd = pool_listen_open(&conf, &err);
	if (fd != systemd_rows[row].fd)
		return __LINE__ % 256;
	if (fd < 0)
		return strstr(err.text, systemd_rows[row].text) != NULL
			   ? 0
			   : __LINE__ % 256;
	if (!is_serving(fd, ports[fd - 3]) ||
	    (fcntl(fd, F_GETFL) & O_NONBLOCK) == 0)
		return __LINE__ % 256;
	/* The other one is not ours, but no program of ours sees it either. */
	return (fcntl(3, F_GETFD) & FD_CLOEXEC) != 0 &&
		       (fcntl(4, F_GETFD) & FD_CLOEXEC) != 0
		   ? 0
		   : __LINE__ % 256;
}

START_TEST(test_systemd)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(systemd_row(_i));
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(test_systemd_passed_nothing)
{
	struct pool_listen_conf conf = {.address = "systemd:"};
	struct err err = ERR_INIT;

	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	ck_assert_int_eq(pool_listen_open(&conf, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, ".socket"));
}
END_TEST

START_TEST(test_abstract)
{
	char name[40];
	struct pool_listen_conf conf = {.address = name, .backlog = -1};
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct err err = ERR_INIT;
	socklen_t len;
	int fd, client;

	snprintf(name, sizeof(name), "@fg-test-%ld", (long)getpid());
	fd = pool_listen_open(&conf, &err);
	ck_assert_msg(fd >= 0, "%s", err.text);
	assert_adopted(fd);
	memcpy(addr.sun_path + 1, name + 1, strlen(name) - 1);
	len =
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
	client = socket(AF_UNIX, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(client, (struct sockaddr *)&addr, len), 0);
	close(client);
	/* In use is in use; it ends with its last descriptor. */
	ck_assert_int_eq(pool_listen_open(&conf, &err), -1);
	ck_assert_int_eq(err.code, EADDRINUSE);
	pool_listen_close(&conf, fd);
	fd = pool_listen_open(&conf, &err);
	ck_assert_msg(fd >= 0, "%s", err.text);
	pool_listen_close(&conf, fd);
}
END_TEST

TESTS_MAIN("pool/inherit", UNIT_TABLE("forms", test_forms, ARRAY_LEN(forms)),
    UNIT("owner", test_check_finds_owner_and_group),
    UNIT("descriptor_0", test_descriptor_0),
    UNIT("refused", test_what_cannot_be_taken_over),
    UNIT("alone", test_a_second_master_is_refused),
    UNIT_TABLE("systemd", test_systemd, ARRAY_LEN(systemd_rows)),
    UNIT("systemd_nothing", test_systemd_passed_nothing),
    UNIT("abstract", test_abstract))
