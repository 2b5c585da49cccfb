/* SPDX-License-Identifier: Apache-2.0 */
/* Taking over listening sockets that a launcher made. */
#include "config.h"

#include "pool/inherit.h"
#include "base/num.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define FD_PREFIX      STRV("fd:")
#define SYSTEMD_PREFIX STRV("systemd:")
/* sd_listen_fds(3): SD_LISTEN_FDS_START. */
#define SYSTEMD_FIRST 3
#define FD_MAX        65535

static bool is_listening(int fd)
{
	int on = 0;
	socklen_t len = sizeof(on);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) == 0 &&
	       on != 0;
}

bool pool_listen_given(void)
{
	return is_listening(STDIN_FILENO);
}

void pool_descriptors_private(void)
{
	/* Before Linux 5.11 it stays as it was; what we use is done one by one
	 * in any case. */
	(void)!close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
}

static bool judge(int fd, struct err *err)
{
	int type = 0;
	socklen_t len = sizeof(type);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) != 0) {
		err_set_errno(err, "descriptor %d", fd);
		return false;
	}
	if (type == SOCK_STREAM && is_listening(fd))
		return true;
	err_set(err, EINVAL,
	    "descriptor %d is not a stream socket that somebody called "
	    "listen() on",
	    fd);
	return false;
}

/* Away from 0, 1 and 2: what writes to standard error must not reach it. */
static int move_up(int fd, struct err *err)
{
	int moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (moved < 0 || null < 0 || dup2(null, fd) < 0) {
		err_set_errno(err, "cannot move descriptor %d", fd);
		if (moved >= 0)
			close(moved);
		moved = -1;
	}
	if (null >= 0)
		close(null);
	return moved;
}

/*
 * Every copy that `spawn-fcgi -F 2` makes would be a master with a full set of
 * workers.  A record lock on the socket belongs to the process, not to the
 * descriptor that all copies share; it ends with the process and outlives an
 * exec.  Works on sockets as on any inode.
 */
static bool lock(int fd, struct err *err)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	if (fcntl(fd, F_SETLK, &whole) == 0)
		return true;
	if (errno == EAGAIN || errno == EACCES)
		err_set(err, EADDRINUSE,
		    "another flashgate serves this socket already: start one "
		    "(spawn-fcgi -F 1)");
	else
		err_set_errno(err, "cannot lock descriptor %d", fd);
	return false;
}

static int adopt(int fd, bool alone, struct err *err)
{
	int flags;

	if (!judge(fd, err))
		return -1;
	if (fd <= STDERR_FILENO) {
		fd = move_up(fd, err);
		if (fd < 0)
			return -1;
	}
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
		err_set_errno(err, "descriptor %d", fd);
	else if (!alone || lock(fd, err))
		return fd;
	close(fd);
	return -1;
}

/* ---- fd:N ---------------------------------------------------------------- */

static bool fd_parse(const char *address, int *fd, struct err *err)
{
	struct strv number = strv_c(address + FD_PREFIX.n);
	uint64_t value;

	if (!num_parse_u64(number, 0, FD_MAX, &value)) {
		err_set(err, EINVAL, "write the descriptor as fd:0");
		return false;
	}
	*fd = (int)value;
	return true;
}

bool pool_inherit_fd_check(const struct pool_listen_conf *conf, struct err *err)
{
	int fd;

	return fd_parse(conf->address, &fd, err);
}

int pool_inherit_fd(const struct pool_listen_conf *conf, struct err *err)
{
	int fd;

	return fd_parse(conf->address, &fd, err) ? adopt(fd, conf->alone, err)
						 : -1;
}

/* ---- systemd:NAME -------------------------------------------------------- */

static bool number_of(const char *variable, uint64_t max, uint64_t *out)
{
	return num_parse_u64(strv_c(getenv(variable)), 0, max, out);
}

/* How many were passed to us, and not to a process that started us. */
static bool passed_count(int *n, struct err *err)
{
	uint64_t pid, count;

	if (!number_of("LISTEN_PID", INT32_MAX, &pid) ||
	    !number_of("LISTEN_FDS", FD_MAX, &count) || count == 0) {
		err_set(err, ENOENT,
		    "no socket was passed (LISTEN_PID, LISTEN_FDS): start it "
		    "by its .socket unit");
		return false;
	}
	if ((pid_t)pid != getpid()) {
		err_set(err, ENOENT,
		    "the sockets were passed to process %lld, we are %lld: "
		    "nothing may stand between systemd and us",
		    (long long)pid, (long long)getpid());
		return false;
	}
	*n = (int)count;
	return true;
}

/* The place of a name in LISTEN_FDNAMES, -1 when it is not there. */
static int place_of(struct strv name, int n)
{
	struct strv rest = strv_c(getenv("LISTEN_FDNAMES"));

	if (name.n == 0)
		return 0;
	for (int i = 0; i < n && rest.n > 0; i++)
		if (strv_eq(strv_cut(&rest, ':'), name))
			return i;
	return -1;
}

int pool_inherit_systemd(const struct pool_listen_conf *conf, struct err *err)
{
	struct strv name = strv_c(conf->address + SYSTEMD_PREFIX.n);
	int n, place;

	if (!passed_count(&n, err))
		return -1;
	/* Also those that we do not use: no program of ours inherits them. */
	for (int i = 0; i < n; i++)
		if (fcntl(SYSTEMD_FIRST + i, F_SETFD, FD_CLOEXEC) != 0) {
			err_set_errno(err, "descriptor %d", SYSTEMD_FIRST + i);
			return -1;
		}
	place = place_of(name, n);
	if (place < 0) {
		err_set(err, ENOENT,
		    "no socket of this name was passed, only \"%s\" "
		    "(FileDescriptorName= of the .socket unit)",
		    getenv("LISTEN_FDNAMES") != NULL ? getenv("LISTEN_FDNAMES")
						     : "");
		return -1;
	}
	return adopt(SYSTEMD_FIRST + place, conf->alone, err);
}

/* systemd.socket(5), FileDescriptorName=: up to 255 characters without ':'. */
bool pool_inherit_systemd_check(
    const struct pool_listen_conf *conf, struct err *err)
{
	struct strv name = strv_c(conf->address + SYSTEMD_PREFIX.n);

	if (name.n <= 255 &&
	    (name.n == 0 || memchr(name.p, ':', name.n) == NULL))
		return true;
	err_set(err, EINVAL, "write it as systemd: or systemd:NAME");
	return false;
}
