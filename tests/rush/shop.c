/* SPDX-License-Identifier: Apache-2.0 */
/* The shop's process: poll(2) over its connections, answers in turn. */
#include "config.h"

#include "shop.h"

#include <check.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define CONNECTIONS_MAX 256
#define PURCHASES_MAX   4096
#define REQUEST_MAX     8192

struct connection {
	int fd; /* -1: free */
	unsigned served;
	size_t n;
	char bytes[REQUEST_MAX + 1];
};

struct purchase {
	char key[64];
	char user[80];
	unsigned order; /* 0: none */
	bool told; /* accepted before */
};

static struct shop_conf conf;
static struct shop_seen *seen;
static struct connection connections[CONNECTIONS_MAX];
static struct purchase purchases[PURCHASES_MAX];
static size_t npurchases;
static unsigned order_numbers;

/* ---- selling ----------------------------------------------------------------- */

static void header_get(
    const char *request, const char *name, char *out, size_t size)
{
	const char *at = strstr(request, name);
	size_t n;

	out[0] = '\0';
	if (at == NULL)
		return;
	at += strlen(name);
	n = strcspn(at, "\r");
	if (n < size) {
		memcpy(out, at, n);
		out[n] = '\0';
	}
}

static struct purchase *purchase_of(const char *key, const char *user)
{
	struct purchase *purchase;

	for (size_t i = 0; i < npurchases; i++)
		if (strcmp(purchases[i].key, key) == 0 &&
		    strcmp(purchases[i].user, user) == 0)
			return &purchases[i];
	if (npurchases == PURCHASES_MAX)
		_exit(3);
	purchase = &purchases[npurchases++];
	snprintf(purchase->key, sizeof(purchase->key), "%s", key);
	snprintf(purchase->user, sizeof(purchase->user), "%s", user);
	return purchase;
}

static bool user_has_order(const char *user)
{
	for (size_t i = 0; i < npurchases; i++)
		if (purchases[i].order != 0 &&
		    strcmp(purchases[i].user, user) == 0)
			return true;
	return false;
}

static void problem(char *out, size_t size, int status, const char *code)
{
	char body[128];

	snprintf(body, sizeof(body), "{\"status\":%d,\"code\":\"%s\"}", status,
	    code);
	snprintf(out, size,
	    "HTTP/1.1 %d Problem\r\nContent-Length: %zu\r\n"
	    "Retry-After: %u\r\n\r\n%s",
	    status, strlen(body), conf.retry_after_s, body);
}

static void success(
    char *out, size_t size, struct purchase *purchase, int status)
{
	unsigned order = purchase->order, unit = purchase->order;
	char body[128];

	if (conf.lie == SHOP_NEW_ORDER_EACH_TIME && status == 200)
		order = ++order_numbers;
	if (conf.lie == SHOP_ONE_ORDER_FOR_ALL)
		order = 1;
	if (conf.lie == SHOP_ONE_UNIT_FOR_ALL)
		unit = 1;
	if (conf.accepts && !purchase->told)
		status = 202;
	purchase->told = true;
	snprintf(body, sizeof(body), "{\"order\":\"ORDER%u\",\"unit\":%u}",
	    order, unit);
	snprintf(out, size, "HTTP/1.1 %d OK\r\nContent-Length: %zu\r\n%s\r\n%s",
	    status, strlen(body),
	    status == 200 ? "idempotent-replayed:  true \r\n" : "", body);
}

static void sell(const char *request, char *out, size_t size)
{
	char key[64], user[80];
	struct purchase *purchase;

	header_get(request, "\r\nIdempotency-Key: ", key, sizeof(key));
	header_get(request, "\r\nX-User: ", user, sizeof(user));
	if (user[0] == '\0') {
		problem(out, size, 401, "customer-unknown");
		return;
	}
	purchase = purchase_of(key, user);
	if (purchase->order != 0 && conf.lie == SHOP_FORGETS_OWNERS) {
		problem(out, size, 409, "sold-out");
	} else if (purchase->order != 0) {
		success(out, size, purchase, 200);
	} else if (user_has_order(user)) {
		problem(out, size, 409, "limit-reached");
	} else if (seen->sold == conf.stock) {
		problem(out, size, 409, "sold-out");
	} else {
		seen->sold++;
		purchase->order = ++order_numbers;
		success(out, size, purchase, 201);
	}
}

/* ---- connections --------------------------------------------------------------- */

static void connection_close(struct connection *connection)
{
	close(connection->fd);
	connection->fd = -1;
}

/* A whole request is there. */
static void connection_serve(struct connection *connection)
{
	char reply[512];
	unsigned number = ++seen->requests;
	size_t n;

	connection->n = 0;
	if (conf.per_connection != 0 &&
	    connection->served++ == conf.per_connection) {
		connection_close(connection);
		return;
	}
	if (conf.stalls)
		return;
	if (number <= conf.busy_first)
		problem(reply, sizeof(reply), 503, "try-again");
	else
		sell(connection->bytes, reply, sizeof(reply));
	if (conf.delay_ms != 0)
		usleep(conf.delay_ms * 1000);
	n = strlen(reply);
	if (conf.half_every != 0 && number % conf.half_every == 0)
		n -= 5;
	if ((conf.lose_every == 0 || number % conf.lose_every != 0) &&
	    send(connection->fd, reply, n, MSG_NOSIGNAL) != (ssize_t)n)
		connection_close(connection);
	else if (n != strlen(reply) ||
		 (conf.lose_every != 0 && number % conf.lose_every == 0))
		connection_close(connection);
}

static void connection_read(struct connection *connection)
{
	ssize_t n = read(connection->fd, connection->bytes + connection->n,
	    REQUEST_MAX - connection->n);

	if (n <= 0) {
		connection_close(connection);
		return;
	}
	connection->n += (size_t)n;
	connection->bytes[connection->n] = '\0';
	if (strstr(connection->bytes, "\r\n\r\n{}") != NULL)
		connection_serve(connection);
}

static void connection_accept(int listener)
{
	int fd = accept(listener, NULL, NULL);

	if (fd < 0)
		return;
	seen->connections++;
	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		if (connections[i].fd < 0) {
			connections[i] = (struct connection){.fd = fd};
			return;
		}
	}
	_exit(4);
}

static void serve(int listener)
{
	struct pollfd polls[CONNECTIONS_MAX + 1];

	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		connections[i].fd = -1;
	for (;;) {
		for (size_t i = 0; i < CONNECTIONS_MAX; i++)
			polls[i] =
			    (struct pollfd){connections[i].fd, POLLIN, 0};
		polls[CONNECTIONS_MAX] = (struct pollfd){listener, POLLIN, 0};
		if (poll(polls, CONNECTIONS_MAX + 1, -1) < 0)
			_exit(5);
		for (size_t i = 0; i < CONNECTIONS_MAX; i++)
			if (polls[i].revents != 0 && connections[i].fd >= 0)
				connection_read(&connections[i]);
		if (polls[CONNECTIONS_MAX].revents != 0)
			connection_accept(listener);
	}
}

/* ---- opening and closing --------------------------------------------------------- */

void shop_open(struct shop *shop, const struct shop_conf *how)
{
	struct sockaddr_in address = {
	    .sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t size = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid_t parent = getpid();
	void *shared = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(shared, MAP_FAILED);
	ck_assert_int_ge(listener, 0);
	ck_assert_int_eq(
	    bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(listener, CONNECTIONS_MAX), 0);
	ck_assert_int_eq(
	    getsockname(listener, (struct sockaddr *)&address, &size), 0);
	*shop = (struct shop){.port = ntohs(address.sin_port), .seen = shared};
	shop->pid = fork();
	ck_assert_int_ge(shop->pid, 0);
	if (shop->pid == 0) {
		conf = *how;
		seen = shared;
		/* A test that fails does not come to shop_close(). */
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 ||
		    getppid() != parent)
			_exit(2);
		serve(listener);
	}
	close(listener);
}

void shop_close(struct shop *shop)
{
	int status;

	ck_assert_int_eq(kill(shop->pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(shop->pid, &status, 0), shop->pid);
	/* Had it given up by itself, the test would have proved little. */
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}
