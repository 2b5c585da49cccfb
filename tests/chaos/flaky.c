/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libflaky.so, for LD_PRELOAD: the system calls and the allocator of a process
 * become what their manuals allow.  Each setting is a number of a call, "5": the
 * fifth of the process fails, or "%5": every fifth does.
 *
 *	FLAKY_ALLOC   malloc, calloc, realloc: NULL, ENOMEM
 *	FLAKY_EINTR   read, recv, send, poll, epoll_wait, accept4, connect: EINTR
 *	FLAKY_SHORT   read, recv, write, send: one byte instead of all
 *	FLAKY_LOG     file; a line a hit: "PID alloc 5".  Without one for a run,
 *	              no call was left to fail: the loop over 1, 2, 3 .. ends.
 *	FLAKY_OWN     set: only allocations that the program itself asks for count,
 *	              not those of its libraries (some die of them: libjwt 1.10
 *	              and glibc's own getpwuid take a NULL for a text)
 *	FLAKY_ONLY    only in the process with this name (comm), and only its calls
 *	              count
 *
 * Counters are a process's own; a child goes on from its parent's.  Short
 * writes are only made of what is larger than PIPE_BUF allows to be whole or
 * goes to a stream socket: a log line stays one write, as the kernel has it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum kind {
	KIND_ALLOC,
	KIND_EINTR,
	KIND_SHORT,
	KIND_COUNT
};

static struct plan {
	const char *variable, *word;
	long nth, every;
	long calls;
} plans[KIND_COUNT] = {
    {"FLAKY_ALLOC", "alloc", 0, 0, 0},
    {"FLAKY_EINTR", "eintr", 0, 0, 0},
    {"FLAKY_SHORT", "short", 0, 0, 0},
};

static char log_path[256], only[16];
static bool ready, own_only;
static uintptr_t own_from, own_to; /* the program's code */

static void *(*real_malloc)(size_t);
static void *(*real_calloc)(size_t, size_t);
static void *(*real_realloc)(void *, size_t);
static ssize_t (*real_read)(int, void *, size_t);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_recv)(int, void *, size_t, int);
static ssize_t (*real_send)(int, const void *, size_t, int);
static int (*real_poll)(struct pollfd *, nfds_t, int);
static int (*real_epoll_wait)(int, struct epoll_event *, int, int);
static int (*real_accept4)(int, struct sockaddr *, socklen_t *, int);
static int (*real_connect)(int, const struct sockaddr *, socklen_t);

/* dlsym() may allocate before the real allocator is known: from here. */
static char early[16384];
static size_t early_used;

static void *early_alloc(size_t bytes)
{
	size_t at = (early_used + 15) & ~(size_t)15;

	if (bytes > sizeof(early) - at)
		return NULL;
	early_used = at + bytes;
	return early + at;
}

static bool is_early(const void *p)
{
	return (const char *)p >= early &&
	       (const char *)p < early + sizeof(early);
}

/* A function found by name: C has no cast for it, memcpy does. */
static void find(const char *name, void *function)
{
	void *at = dlsym(RTLD_NEXT, name);

	if (at == NULL)
		abort();
	memcpy(function, &at, sizeof(at));
}

/* The first object is the program. */
static int own_find(struct dl_phdr_info *info, size_t size, void *ctx)
{
	(void)size;
	(void)ctx;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];

		if (part->p_type != PT_LOAD || (part->p_flags & PF_X) == 0)
			continue;
		own_from = info->dlpi_addr + part->p_vaddr;
		own_to = own_from + part->p_memsz;
	}
	return 1;
}

static void __attribute__((constructor)) flaky_begin(void)
{
	static bool begun;
	const char *text;

	if (begun)
		return;
	begun = true;
	find("calloc", &real_calloc);
	find("malloc", &real_malloc);
	find("realloc", &real_realloc);
	find("read", &real_read);
	find("write", &real_write);
	find("recv", &real_recv);
	find("send", &real_send);
	find("poll", &real_poll);
	find("epoll_wait", &real_epoll_wait);
	find("accept4", &real_accept4);
	find("connect", &real_connect);
	for (int i = 0; i < KIND_COUNT; i++) {
		text = getenv(plans[i].variable);
		if (text != NULL && text[0] == '%')
			plans[i].every = strtol(text + 1, NULL, 10);
		else if (text != NULL)
			plans[i].nth = strtol(text, NULL, 10);
	}
	text = getenv("FLAKY_LOG");
	if (text != NULL)
		snprintf(log_path, sizeof(log_path), "%s", text);
	text = getenv("FLAKY_ONLY");
	if (text != NULL)
		snprintf(only, sizeof(only), "%s", text);
	own_only = getenv("FLAKY_OWN") != NULL;
	(void)dl_iterate_phdr(own_find, NULL);
	ready = true;
}

static void hit_log(const struct plan *plan, long call)
{
	char line[64];
	int fd, n;

	if (log_path[0] == '\0')
		return;
	fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (fd < 0)
		return;
	n = snprintf(
	    line, sizeof(line), "%d %s %ld\n", (int)getpid(), plan->word, call);
	if (real_write(fd, line, (size_t)n) != n)
		abort();
	close(fd);
}

static bool concerned(void)
{
	char name[17] = "";

	return only[0] == '\0' ||
	       (prctl(PR_GET_NAME, name) == 0 && strcmp(name, only) == 0);
}

/* Is this the call?  errno stays what it was. */
static bool hit(enum kind kind)
{
	struct plan *plan = &plans[kind];
	int saved = errno;
	bool now;
	long call;

	if (!ready || (plan->nth == 0 && plan->every == 0) || !concerned())
		return false;
	call = __atomic_add_fetch(&plan->calls, 1, __ATOMIC_RELAXED);
	now = plan->nth == call || (plan->every > 0 && call % plan->every == 0);
	if (now)
		hit_log(plan, call);
	errno = saved;
	return now;
}

static bool out_of_memory(const void *caller)
{
	uintptr_t from = (uintptr_t)caller;

	if ((own_only && (from < own_from || from >= own_to)) ||
	    !hit(KIND_ALLOC))
		return false;
	errno = ENOMEM;
	return true;
}

static bool interrupted(void)
{
	if (!hit(KIND_EINTR))
		return false;
	errno = EINTR;
	return true;
}

static bool is_stream(int fd)
{
	int type = 0;
	socklen_t n = sizeof(type);
	int saved = errno;
	bool stream = getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) == 0 &&
		      type == SOCK_STREAM;

	errno = saved;
	return stream;
}

static size_t shortened(int fd, size_t n)
{
	return n > 1 && is_stream(fd) && hit(KIND_SHORT) ? 1 : n;
}

/* ---- the allocator ---- */

void *malloc(size_t n)
{
	if (real_malloc == NULL)
		return early_alloc(n);
	if (out_of_memory(__builtin_return_address(0)))
		return NULL;
	return real_malloc(n);
}

void *calloc(size_t n, size_t each)
{
	/* What the early block gives is zero: nothing of it is given twice. */
	if (real_calloc == NULL)
		return early_alloc(n * each);
	if (out_of_memory(__builtin_return_address(0)))
		return NULL;
	return real_calloc(n, each);
}

/* Its malloc would be asked for by the C library. */
char *strdup(const char *text)
{
	size_t n = strlen(text) + 1;
	char *copy;

	if (real_malloc == NULL || out_of_memory(__builtin_return_address(0)) ||
	    (copy = real_malloc(n)) == NULL)
		return NULL;
	return memcpy(copy, text, n);
}

void *realloc(void *p, size_t n)
{
	if (real_realloc == NULL || is_early(p)) {
		void *moved =
		    real_malloc == NULL ? early_alloc(n) : real_malloc(n);
		size_t most = (size_t)(early + sizeof(early) - (char *)p);

		if (moved != NULL && p != NULL)
			memcpy(moved, p, n < most ? n : most);
		return moved;
	}
	if (out_of_memory(__builtin_return_address(0)))
		return NULL;
	return real_realloc(p, n);
}

void free(void *p)
{
	static void (*real_free)(void *);

	if (p == NULL || is_early(p))
		return;
	if (real_free == NULL)
		find("free", &real_free);
	real_free(p);
}

/* ---- the calls ---- */

ssize_t read(int fd, void *bytes, size_t n)
{
	flaky_begin();
	return interrupted() ? -1 : real_read(fd, bytes, shortened(fd, n));
}

ssize_t write(int fd, const void *bytes, size_t n)
{
	flaky_begin();
	return real_write(fd, bytes, shortened(fd, n));
}

/* A peek or a wait for all means what it says. */
ssize_t recv(int fd, void *bytes, size_t n, int flags)
{
	bool whole = (flags & (MSG_PEEK | MSG_WAITALL)) != 0;

	flaky_begin();
	return interrupted()
		   ? -1
		   : real_recv(fd, bytes, whole ? n : shortened(fd, n), flags);
}

ssize_t send(int fd, const void *bytes, size_t n, int flags)
{
	flaky_begin();
	return interrupted() ? -1
			     : real_send(fd, bytes, shortened(fd, n), flags);
}

int poll(struct pollfd *fds, nfds_t n, int timeout)
{
	flaky_begin();
	return interrupted() ? -1 : real_poll(fds, n, timeout);
}

int epoll_wait(int epoll, struct epoll_event *events, int max, int timeout)
{
	flaky_begin();
	return interrupted() ? -1
			     : real_epoll_wait(epoll, events, max, timeout);
}

int accept4(int fd, struct sockaddr *at, socklen_t *n, int flags)
{
	flaky_begin();
	return interrupted() ? -1 : real_accept4(fd, at, n, flags);
}

/* An interrupted connect(2) over the network goes on by itself; one to a Unix
 * socket has not been made. */
int connect(int fd, const struct sockaddr *at, socklen_t n)
{
	int rc;

	flaky_begin();
	if (!hit(KIND_EINTR))
		return real_connect(fd, at, n);
	if (at->sa_family != AF_UNIX) {
		rc = real_connect(fd, at, n);
		if (rc != 0 && errno != EINPROGRESS)
			return rc;
	}
	errno = EINTR;
	return -1;
}

/* What a fortified program or library calls instead. */
ssize_t __read_chk(int fd, void *bytes, size_t n, size_t room);
ssize_t __recv_chk(int fd, void *bytes, size_t n, size_t room, int flags);
int __poll_chk(struct pollfd *fds, nfds_t n, int timeout, size_t room);

ssize_t __read_chk(int fd, void *bytes, size_t n, size_t room)
{
	if (n > room)
		abort();
	return read(fd, bytes, n);
}

ssize_t __recv_chk(int fd, void *bytes, size_t n, size_t room, int flags)
{
	if (n > room)
		abort();
	return recv(fd, bytes, n, flags);
}

int __poll_chk(struct pollfd *fds, nfds_t n, int timeout, size_t room)
{
	if (n > room / sizeof(*fds))
		abort();
	return poll(fds, n, timeout);
}
