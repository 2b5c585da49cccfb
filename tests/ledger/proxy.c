/* SPDX-License-Identifier: Apache-2.0 */
/* The process that stands between and plays tricks. */
#include "config.h"

#include "proxy.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define COM_QUERY        0x03
#define COM_STMT_PREPARE 0x16
#define COM_STMT_EXECUTE 0x17
#define PACKET_MAX       65536

static void die(const char *what)
{
	fprintf(stderr, "proxy: %s: %s\n", what, strerror(errno));
	_exit(1);
}

static int unix_socket(const char *path, struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memset(addr, 0, sizeof(*addr));
	addr->sun_family = AF_UNIX;
	if (fd < 0 || strlen(path) >= sizeof(addr->sun_path))
		die(path);
	memcpy(addr->sun_path, path, strlen(path));
	return fd;
}

/* False when the peer is gone. */
static bool send_all(int fd, const void *p, size_t n)
{
	const char *at = p;

	while (n > 0) {
		ssize_t sent = send(fd, at, n, MSG_NOSIGNAL);

		if (sent <= 0)
			return false;
		at += sent;
		n -= (size_t)sent;
	}
	return true;
}

static bool recv_all(int fd, void *p, size_t n)
{
	char *at = p;

	while (n > 0) {
		ssize_t got = recv(fd, at, n, 0);

		if (got <= 0)
			return false;
		at += got;
		n -= (size_t)got;
	}
	return true;
}

static bool packet_send(
    int fd, unsigned char seq, const void *payload, size_t n)
{
	unsigned char head[4] = {(unsigned char)n, (unsigned char)(n >> 8),
	    (unsigned char)(n >> 16), seq};

	return send_all(fd, head, sizeof(head)) && send_all(fd, payload, n);
}

/* A greeting has no SQLSTATE in its error yet. */
static bool error_send(int fd, unsigned char seq, unsigned code, bool greeting)
{
	char payload[64];
	int n;

	payload[0] = (char)0xff;
	payload[1] = (char)code;
	payload[2] = (char)(code >> 8);
	n = snprintf(payload + 3, sizeof(payload) - 3, "%splayed",
	    greeting ? "" : "#HY000");
	return packet_send(fd, seq, payload, 3 + (size_t)n);
}

/* Whole packets of the client, one at a time. */
struct packet {
	unsigned char head[4];
	unsigned char body[PACKET_MAX];
	size_t n;
};

static bool packet_read(int fd, struct packet *p)
{
	if (!recv_all(fd, p->head, sizeof(p->head)))
		return false;
	p->n = p->head[0] | (size_t)p->head[1] << 8 | (size_t)p->head[2] << 16;
	return p->n <= sizeof(p->body) && recv_all(fd, p->body, p->n);
}

static bool packet_pass(int server, const struct packet *p)
{
	return send_all(server, p->head, sizeof(p->head)) &&
	       send_all(server, p->body, p->n);
}

static bool server_pass(int server, int client)
{
	char bytes[16384];
	ssize_t n = recv(server, bytes, sizeof(bytes), 0);

	return n > 0 && send_all(client, bytes, (size_t)n);
}

/* Passes on, waits for the first bytes of the answer, and keeps them. */
static void done_but_untold(int server, const struct packet *p)
{
	char byte;

	if (packet_pass(server, p))
		(void)recv_all(server, &byte, 1);
}

static void file_ask(struct proxy *proxy, int client, unsigned char seq)
{
	static const char ask[] = "\xfb/etc/hostname";
	struct packet answer;

	if (packet_send(client, (unsigned char)(seq + 1), ask, sizeof(ask) - 1))
		while (packet_read(client, &answer) && answer.n > 0)
			proxy->file_bytes += (unsigned)answer.n;
}

static bool text_begins(const struct packet *p, const char *text)
{
	return p->n > strlen(text) &&
	       memcmp(p->body + 1, text, strlen(text)) == 0;
}

/* A text query.  *played is false when it is to be passed on. */
static bool query(struct proxy *proxy, int client, int server,
    const struct packet *p, bool *played)
{
	static const char ok[] = {0, 0, 0, 2, 0, 0, 0};
	unsigned char seq = (unsigned char)(p->head[3] + 1);
	enum proxy_trick trick = proxy->trick;
	bool commit = text_begins(p, "COMMIT");

	*played = true;
	if (trick == PROXY_SET_DROPPED && text_begins(p, "SET "))
		return packet_send(client, seq, ok, sizeof(ok));
	if (trick == PROXY_ASK_FILE) {
		proxy->trick = PROXY_PASS;
		file_ask(proxy, client, p->head[3]);
		return false;
	}
	if (trick == PROXY_COMMIT_CUT_AFTER && commit) {
		proxy->trick = PROXY_PASS;
		done_but_untold(server, p);
		return false;
	}
	if (trick == PROXY_COMMIT_ERROR && commit) {
		proxy->trick = PROXY_PASS;
		return error_send(client, seq, proxy->code, false);
	}
	*played = false;
	return true;
}

/* The next execute is played to; false ends the connection. */
static bool execute(
    struct proxy *proxy, int client, int server, const struct packet *p)
{
	unsigned char seq = (unsigned char)(p->head[3] + 1);
	enum proxy_trick trick = proxy->trick;
	const char ok[] = {0, (char)proxy->code, 0, 2, 0, 0, 0};

	proxy->trick = PROXY_PASS;
	if (trick == PROXY_EXECUTE_ERROR)
		return error_send(client, seq, proxy->code, false);
	if (trick == PROXY_EXECUTE_NOISE)
		return packet_send(
		    client, (unsigned char)(seq + 7), "\0noise", 6);
	if (trick == PROXY_EXECUTE_COUNT)
		return packet_send(client, seq, ok, sizeof(ok));
	if (trick == PROXY_CUT_AFTER)
		done_but_untold(server, p);
	return false;
}

/* One command of the client; false ends the connection. */
static bool command(
    struct proxy *proxy, int client, int server, const struct packet *p)
{
	unsigned char what = p->n > 0 ? p->body[0] : 0;
	unsigned char seq = (unsigned char)(p->head[3] + 1);
	enum proxy_trick trick = proxy->trick;
	bool played, more;

	proxy->packets++;
	proxy->executes += what == COM_STMT_EXECUTE;
	proxy->prepares += what == COM_STMT_PREPARE;
	if (what == COM_STMT_PREPARE && trick == PROXY_PREPARE_ERROR) {
		proxy->trick = PROXY_PASS;
		return error_send(client, seq, proxy->code, false);
	}
	while (what == COM_STMT_PREPARE && proxy->trick == PROXY_PREPARE_HOLD &&
	       mono_ns() < proxy->hold_until_ns)
		usleep(5000);
	if (what == COM_QUERY) {
		more = query(proxy, client, server, p, &played);
		return played ? more : packet_pass(server, p);
	}
	if (what != COM_STMT_EXECUTE || trick < PROXY_EXECUTE_ERROR ||
	    trick > PROXY_EXECUTE_COUNT)
		return packet_pass(server, p);
	return execute(proxy, client, server, p);
}

static void greeting(struct proxy *proxy, int client)
{
	char byte;

	if (proxy->trick == PROXY_GREETING_ERROR)
		(void)error_send(client, 0, proxy->code, true);
	else if (proxy->trick == PROXY_GREETING_NOISE)
		(void)packet_send(client, 0, "\x07noise", 6);
	/* Until the client gives up. */
	while (recv(client, &byte, 1, 0) > 0)
		continue;
}

static void relay(struct proxy *proxy, int client, const char *path)
{
	static struct packet packet;
	struct sockaddr_un addr;
	int server = unix_socket(path, &addr);
	bool more =
	    connect(server, (struct sockaddr *)&addr, sizeof(addr)) == 0;

	while (more) {
		struct pollfd fds[2] = {{.fd = client, .events = POLLIN},
		    {.fd = server, .events = POLLIN}};

		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			die("poll");
		if (fds[1].revents != 0)
			more = server_pass(server, client);
		if (more && fds[0].revents != 0)
			more = packet_read(client, &packet) &&
			       command(proxy, client, server, &packet);
	}
	close(server);
}

static void serve(struct proxy *proxy, int listener, const char *server)
{
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (client < 0)
			die("accept");
		proxy->connections++;
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			close(listener);
			if (proxy->trick >= PROXY_GREETING_ERROR &&
			    proxy->trick <= PROXY_GREETING_SILENCE)
				greeting(proxy, client);
			else
				relay(proxy, client, server);
			_exit(0);
		}
		close(client);
	}
}

struct proxy *proxy_start(const char *dir, const char *server)
{
	struct proxy *proxy = mmap(NULL, sizeof(*proxy), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct sockaddr_un addr;
	int listener;
	pid_t pid;

	if (proxy == MAP_FAILED)
		die("mmap");
	snprintf(proxy->path, sizeof(proxy->path), "%s/proxy.%d.sock", dir,
	    (int)getpid());
	unlink(proxy->path);
	listener = unix_socket(proxy->path, &addr);
	if (bind(listener, (struct sockaddr *)&addr, sizeof(addr)) != 0 ||
	    listen(listener, 16) != 0)
		die(proxy->path);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve(proxy, listener, server);
	}
	proxy->pid = pid;
	close(listener);
	return proxy;
}

/* The relays of its connections go with it (PR_SET_PDEATHSIG). */
void proxy_stop(struct proxy *proxy)
{
	kill(proxy->pid, SIGKILL);
	waitpid(proxy->pid, NULL, 0);
	unlink(proxy->path);
	munmap(proxy, sizeof(*proxy));
}
