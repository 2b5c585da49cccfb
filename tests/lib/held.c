/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libheld.so, for LD_PRELOAD into mariadbd or mysqld: while the file that
 * HELD_FILE names is there, nothing is written to InnoDB's redo log, and none of
 * it is synced.  It is a disk that takes its time, for as long as a test wants:
 * what was committed and not yet written is lost to a kill -9.
 *
 * Begin the server with --innodb-stats-auto-recalc=OFF: statistics are saved under
 * the latch of the dictionary, and their commit, held, would hold every reader.
 *
 * A forgotten file holds nobody longer than HELD_MAX_MS.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define HELD_MAX_MS 60000
#define LOOK_MS     2

/* MariaDB's one file; MySQL's since 8.0.30. */
static bool is_redo(int fd)
{
	char link[32], path[256];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0)
		return false;
	path[n] = '\0';
	return strstr(path, "/ib_logfile") != NULL ||
	       strstr(path, "/#ib_redo") != NULL;
}

static void hold(int fd)
{
	const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000L};
	const char *file = getenv("HELD_FILE");
	int saved = errno;

	if (file != NULL && access(file, F_OK) == 0 && is_redo(fd))
		for (int ms = 0; ms < HELD_MAX_MS && access(file, F_OK) == 0;
		     ms += LOOK_MS)
			nanosleep(&pause, NULL);
	errno = saved;
}

/* A function found by name: C has no cast for it, memcpy does. */
static void find(const char *name, void *function)
{
	void *at = dlsym(RTLD_NEXT, name);

	if (at == NULL)
		abort();
	memcpy(function, &at, sizeof(at));
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t at)
{
	static ssize_t (*real)(int, const void *, size_t, off64_t);

	if (real == NULL)
		find("pwrite64", &real);
	hold(fd);
	return real(fd, bytes, n, at);
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at)
{
	return pwrite64(fd, bytes, n, at);
}

int fsync(int fd)
{
	static int (*real)(int);

	if (real == NULL)
		find("fsync", &real);
	hold(fd);
	return real(fd);
}

int fdatasync(int fd)
{
	static int (*real)(int);

	if (real == NULL)
		find("fdatasync", &real);
	hold(fd);
	return real(fd);
}
