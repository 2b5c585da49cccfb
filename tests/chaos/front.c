/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses, listening, accepting, and the end of links. */
#include "config.h"

#include "chaos/link.h"
#include "base/num.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

/* Splitmix64: small, seeded, good enough to spread latencies. */
uint64_t dice_below(uint64_t *state, uint64_t n)
{
	uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return n == 0 ? 0 : (x ^ (x >> 31)) % n;
}

static bool address_unix(const char *path, struct address *out, struct err *err)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};

	if (!strv_copy(strv_c(path), at.sun_path, sizeof(at.sun_path))) {
		err_set(err, 0, "%s: longer than a socket's path may be", path);
		return false;
	}
	memcpy(&out->bytes, &at, sizeof(at));
	out->n = sizeof(at);
	return true;
}

bool address_parse(const char *text, struct address *out, struct err *err)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	const char *colon = strrchr(text, ':');
	char host[64];
	uint64_t port;

	memset(out, 0, sizeof(*out));
	if (text[0] == '/')
		return address_unix(text, out, err);
	if (colon == NULL || !num_parse_u64(strv_c(colon + 1), 0, 65535, &port))
		goto bad;
	if (text[0] == '[') {
		if (colon < text + 2 || colon[-1] != ']' ||
		    !strv_copy(strv_from(text + 1, (size_t)(colon - text) - 2),
			host, sizeof(host)) ||
		    inet_pton(AF_INET6, host, &in6.sin6_addr) != 1)
			goto bad;
		in6.sin6_port = htons((uint16_t)port);
		memcpy(&out->bytes, &in6, sizeof(in6));
		out->n = sizeof(in6);
		return true;
	}
	if (!strv_copy(
		strv_from(text, (size_t)(colon - text)), host, sizeof(host)) ||
	    inet_pton(AF_INET, host, &in.sin_addr) != 1)
		goto bad;
	in.sin_port = htons((uint16_t)port);
	memcpy(&out->bytes, &in, sizeof(in));
	out->n = sizeof(in);
	return true;
bad:
	err_set(err, 0, "%s: neither /path nor number:port", text);
	return false;
}

/* ---- listening ------------------------------------------------------------------ */

bool front_listen(struct front *front, struct err *err)
{
	int family = front->listen.bytes.ss_family, one = 1;
	struct watch *watch;
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0) {
		err_set_errno(err, "%s: socket", front->name);
		return false;
	}
	if (family == AF_UNIX)
		unlink(((struct sockaddr_un *)&front->listen.bytes)->sun_path);
	else
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&front->listen.bytes,
		front->listen.n) != 0 ||
	    listen(fd, 511) != 0) {
		err_set_errno(err, "%s: listen", front->name);
		close(fd);
		return false;
	}
	/* A port of 0 was the kernel's to choose: the same one from now on. */
	if (family != AF_UNIX)
		getsockname(fd, (struct sockaddr *)&front->listen.bytes,
		    &front->listen.n);
	watch = calloc(1, sizeof(*watch));
	if (watch == NULL)
		abort();
	*watch = (struct watch){.what = WATCHED_FRONT, .of = front};
	watch_add(front->epoll, fd, watch);
	front->listener_watch = watch;
	front->listener = fd;
	return true;
}

/* The path stays: who connects hears ECONNREFUSED, as of a server that died. */
void front_refuse(struct front *front)
{
	if (front->listener < 0)
		return;
	close(front->listener);
	free(front->listener_watch);
	front->listener_watch = NULL;
	front->listener = -1;
}

void front_accept(struct front *front)
{
	struct address *backend = &front->backend[front->current];
	int client, server;

	for (;;) {
		client = accept4(
		    front->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (client < 0)
			return;
		server = socket(backend->bytes.ss_family,
		    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (server < 0) {
			close(client);
			return;
		}
		/* Both are on this machine: a connection is there at once, or
		 * (TCP) in progress, and then a first write waits for it. */
		if (connect(server, (struct sockaddr *)&backend->bytes,
			backend->n) != 0 &&
		    errno != EINPROGRESS) {
			front->counts.refused++;
			close(server);
			close(client);
			continue;
		}
		front->counts.links++;
		link_new(front, client, server);
	}
}

void front_reset(struct front *front)
{
	for (struct link *at = front->links; at != NULL; at = at->next)
		link_reset(at);
	front->counts.resets++;
}

void front_recount(struct front *front)
{
	for (struct link *at = front->links; at != NULL; at = at->next)
		for (int way = 0; way < WAY_COUNT; way++)
			at->pipe[way].passed = 0;
}

unsigned front_holding(const struct front *front)
{
	unsigned n = 0;

	for (const struct link *at = front->links; at != NULL; at = at->next)
		for (const struct piece *piece = at->pipe[WAY_UP].first;
		     piece != NULL; piece = piece->next)
			n += piece->held;
	return n;
}

void front_release(struct front *front)
{
	for (struct link *at = front->links; at != NULL; at = at->next) {
		struct pipe *pipe = &at->pipe[WAY_UP];
		bool holding = false;

		for (struct piece *piece = pipe->first; piece != NULL;
		     piece = piece->next) {
			holding |= piece->held;
			if (holding)
				piece->due_ns = 0;
		}
		if (holding)
			pipe->floor_ns = 0;
	}
}

unsigned front_open(const struct front *front)
{
	unsigned n = 0;

	for (const struct link *at = front->links; at != NULL; at = at->next)
		n++;
	return n;
}

void front_close(struct front *front)
{
	front_reset(front);
	(void)front_run(front, 0);
	front_refuse(front);
	if (front->listen.bytes.ss_family == AF_UNIX)
		unlink(((struct sockaddr_un *)&front->listen.bytes)->sun_path);
}
