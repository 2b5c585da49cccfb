/* SPDX-License-Identifier: Apache-2.0 */
/* pool/queue: how many wait at a socket, and when that is not known. */
#include "config.h"

#include "unit.h"

#include "pool/queue.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 7

union address {
	struct sockaddr any;
	struct sockaddr_un local;
	struct sockaddr_in tcp;
};

/* A name that goes with the socket. */
static int local_listener(union address *address, socklen_t *size)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	*address = (union address){.local = {.sun_family = AF_UNIX}};
	ck_assert_int_eq(
	    bind(fd, &address->any, sizeof(address->local.sun_family)), 0);
	*size = sizeof(*address);
	ck_assert_int_eq(getsockname(fd, &address->any, size), 0);
	ck_assert_int_eq(listen(fd, BACKLOG), 0);
	return fd;
}

static int tcp_listener(union address *address, socklen_t *size)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	*address =
	    (union address){.tcp = {.sin_family = AF_INET,
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};
	ck_assert_int_eq(bind(fd, &address->any, sizeof(address->tcp)), 0);
	*size = sizeof(*address);
	ck_assert_int_eq(getsockname(fd, &address->any, size), 0);
	ck_assert_int_eq(listen(fd, BACKLOG), 0);
	return fd;
}

static int (*const listeners[])(union address *, socklen_t *) = {
    local_listener, tcp_listener};

START_TEST(test_depth_follows_the_queue)
{
	struct pool_queue_probe probe;
	struct pool_queue queue;
	union address address;
	socklen_t size;
	int listener = listeners[_i](&address, &size);
	int peers[3];

	pool_queue_open(&probe, listener);
	queue = pool_queue_read(&probe);
	ck_assert(queue.known);
	ck_assert_uint_eq(queue.depth, 0);
	ck_assert_uint_eq(queue.limit, BACKLOG);
	for (unsigned i = 0; i < 3; i++) {
		peers[i] = socket(address.any.sa_family, SOCK_STREAM, 0);
		ck_assert_int_eq(connect(peers[i], &address.any, size), 0);
		/* TCP counts when the last acknowledgement is in, which is
		 * after connect() returned. */
		do
			queue = pool_queue_read(&probe);
		while (queue.known && queue.depth == i);
		ck_assert(queue.known);
		ck_assert_uint_eq(queue.depth, i + 1);
	}
	for (unsigned i = 0; i < 3; i++) {
		close(accept(listener, NULL, NULL));
		queue = pool_queue_read(&probe);
		ck_assert(queue.known);
		ck_assert_uint_eq(queue.depth, 2 - i);
		close(peers[i]);
	}
	pool_queue_close(&probe);
	close(listener);
}
END_TEST

static void unknown_is_read(int fd)
{
	struct pool_queue_probe probe;
	struct pool_queue queue;

	pool_queue_open(&probe, fd);
	queue = pool_queue_read(&probe);
	ck_assert(!queue.known);
	pool_queue_close(&probe);
}

START_TEST(test_not_known_is_not_zero)
{
	union address address;
	socklen_t size;
	struct pool_queue_probe probe;
	int listener = local_listener(&address, &size);
	int quiet = socket(AF_INET, SOCK_STREAM, 0);
	int file = open("/dev/null", O_RDONLY);

	unknown_is_read(-1);
	unknown_is_read(file);
	/* TCP, but it does not listen. */
	unknown_is_read(quiet);

	/* A sandbox without AF_NETLINK. */
	pool_queue_open(&probe, listener);
	close(probe.netlink_fd);
	probe.netlink_fd = -1;
	ck_assert(!pool_queue_read(&probe).known);
	pool_queue_close(&probe);

	/* The socket is gone, or was never there. */
	pool_queue_open(&probe, listener);
	close(listener);
	ck_assert(!pool_queue_read(&probe).known);
	pool_queue_close(&probe);
	close(quiet);
	close(file);
}
END_TEST

START_TEST(test_an_old_answer_is_not_taken)
{
	struct pool_queue_probe probe;
	union address address;
	socklen_t size;
	int listener = local_listener(&address, &size);
	int peer = socket(AF_UNIX, SOCK_STREAM, 0);
	char stale[256];
	ssize_t n;

	/* A question whose answer was not fetched. */
	pool_queue_open(&probe, listener);
	ck_assert(pool_queue_read(&probe).known);
	{
		struct pool_queue_probe other = probe;
		int pair[2];

		ck_assert_int_eq(
		    socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair),
		    0);
		/* A netlink socket that answers with nothing at all. */
		other.netlink_fd = pair[0];
		ck_assert(!pool_queue_read(&other).known);
		/* Our own question is no answer. */
		n = recv(pair[1], stale, sizeof(stale), 0);
		ck_assert_int_gt(n, 0);
		stale[4] = 0;
		ck_assert_int_eq(send(pair[1], stale, (size_t)n, 0), n);
		ck_assert(!pool_queue_read(&other).known);
		/* Nor is a cut one. */
		ck_assert_int_eq(send(pair[1], stale, 10, 0), 10);
		ck_assert(!pool_queue_read(&other).known);
		close(pair[0]);
		close(pair[1]);
	}
	ck_assert_int_eq(connect(peer, &address.any, size), 0);
	ck_assert_uint_eq(pool_queue_read(&probe).depth, 1);
	pool_queue_close(&probe);
	close(peer);
	close(listener);
}
END_TEST

START_TEST(test_clipped)
{
	ck_assert(pool_queue_is_clipped(4096, 128));
	ck_assert(!pool_queue_is_clipped(128, 128));
	ck_assert(!pool_queue_is_clipped(127, 128));
	/* The maximum, whatever it is; and a maximum that nobody knows. */
	ck_assert(!pool_queue_is_clipped(-1, 128));
	ck_assert(!pool_queue_is_clipped(4096, 0));
	ck_assert_uint_gt(pool_queue_somaxconn(), 0);
}
END_TEST

TESTS_MAIN("queue",
    UNIT_TABLE("depth follows", test_depth_follows_the_queue,
	(int)ARRAY_LEN(listeners)),
    UNIT("not known", test_not_known_is_not_zero),
    UNIT("old answers", test_an_old_answer_is_not_taken),
    UNIT("somaxconn", test_clipped))
