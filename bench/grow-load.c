/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grow-load: a burst of FastCGI requests that lasts until a pool has grown, and
 * a look at its number of children each 20 ms, until it has shrunk.
 *
 *	grow-load SOCKET MASTER-PID SCRIPT CONNECTIONS MAX BAND BOUND_S SAMPLES
 *
 * CONNECTIONS are open at a time, each for one request; who was answered asks
 * again until the master has MAX children.  Then nobody asks, until there are
 * at most BAND.  SAMPLES gets a line each time the number changes.  Prints, as
 * shell assignments: grown_ms (-1: not within the bound), served_ms (until each
 * of the first CONNECTIONS had its answer), shrunk_ms (from the last answer on),
 * most, answered, lost.
 */
#include "config.h"

#include "base/bug.h"
#include "base/clock.h"
#include "base/num.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#define SAMPLE_MS       20
#define CONNECTIONS_MAX 4096

struct caller {
	int fd; /* -1: has none */
	bool first; /* it is the first one's */
	size_t got;
	char head[512]; /* of the answer */
};

struct load {
	const char *socket, *script, *samples_path;
	uint64_t master, connections, max, band, bound_s;
	struct caller *callers;
	char request[1024];
	size_t request_n;
	int epoll_fd;
	FILE *samples;
	int64_t start_ns, last_ns; /* last: answer */
	int64_t grown_ns, served_ns;
	unsigned firsts, open;
	unsigned children, most;
	unsigned long answered, lost;
};

/* ---- one request --------------------------------------------------------- */

static void record_put(struct strbuf *out, int type, struct strv content)
{
	const char head[8] = {1, (char)type, 0, 1, (char)(content.n >> 8),
	    (char)(content.n & 255), 0, 0};

	strbuf_put(out, strv_from(head, sizeof(head)));
	strbuf_put(out, content);
}

static void param_put(struct strbuf *out, const char *name, const char *value)
{
	size_t n = strlen(value);
	const char lengths[5] = {(char)strlen(name), (char)(n >> 24 | 128),
	    (char)(n >> 16), (char)(n >> 8), (char)n};

	strbuf_put(out, strv_from(lengths, sizeof(lengths)));
	strbuf_puts(out, name);
	strbuf_puts(out, value);
}

/* One responder request that does not ask to keep the connection. */
static void request_make(struct load *load)
{
	static const char begin[8] = {0, 1, 0};
	char bytes[768];
	struct strbuf out, params;

	strbuf_init(&params, bytes, sizeof(bytes));
	param_put(&params, "SCRIPT_FILENAME", load->script);
	param_put(&params, "SCRIPT_NAME", "/grow.php");
	param_put(&params, "REQUEST_URI", "/grow.php");
	param_put(&params, "REQUEST_METHOD", "GET");
	param_put(&params, "QUERY_STRING", "");
	param_put(&params, "SERVER_PROTOCOL", "HTTP/1.1");
	param_put(&params, "GATEWAY_INTERFACE", "CGI/1.1");
	strbuf_init(&out, load->request, sizeof(load->request));
	record_put(&out, 1, strv_from(begin, sizeof(begin)));
	record_put(&out, 4, strbuf_view(&params));
	record_put(&out, 4, STRV(""));
	record_put(&out, 5, STRV(""));
	load->request_n = out.n;
}

static int unix_connect(const char *path)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 ||
	    !strv_copy(strv_c(path), to.sun_path, sizeof(to.sun_path)))
		return -1;
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* A full backlog is tried again at the next look. */
static void caller_ask(struct load *load, struct caller *caller)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = caller};
	int fd = unix_connect(load->socket);

	if (fd < 0)
		return;
	if (send(fd, load->request, load->request_n, MSG_NOSIGNAL) !=
		(ssize_t)load->request_n ||
	    epoll_ctl(load->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
		close(fd);
		load->lost++;
		return;
	}
	caller->fd = fd;
	caller->got = 0;
	load->open++;
}

static void caller_done(struct load *load, struct caller *caller)
{
	/* Either pool ends its text with "ok"; an error page does not. */
	bool good = memmem(caller->head, caller->got, "\r\n\r\nok", 6) != NULL;

	close(caller->fd);
	caller->fd = -1;
	load->open--;
	load->last_ns = mono_ns();
	if (good)
		load->answered++;
	else
		load->lost++;
	if (caller->first && good) {
		caller->first = false;
		if (++load->firsts == load->connections)
			load->served_ns = load->last_ns;
	}
}

static void caller_read(struct load *load, struct caller *caller)
{
	char rest[4096];
	size_t room = sizeof(caller->head) - caller->got;
	ssize_t n = room > 0
			? recv(caller->fd, caller->head + caller->got, room, 0)
			: recv(caller->fd, rest, sizeof(rest), 0);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0)
		caller_done(load, caller);
	else if (room > 0)
		caller->got += (size_t)n;
}

/* ---- looks --------------------------------------------------------------- */

static unsigned children_count(const struct load *load)
{
	char path[64], bytes[65536];
	unsigned n = 0;
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "/proc/%lu/task/%lu/children",
	    (unsigned long)load->master, (unsigned long)load->master);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		perror(path);
		exit(EX_SOFTWARE);
	}
	got = read(fd, bytes, sizeof(bytes));
	close(fd);
	for (ssize_t i = 0; i < got; i++)
		n += bytes[i] == ' ';
	return n;
}

static void sample(struct load *load)
{
	unsigned n = children_count(load);

	if (n != load->children)
		fprintf(load->samples, "%.2f %u\n",
		    (double)(mono_ns() - load->start_ns) / NS_PER_S, n);
	load->children = n;
	if (n > load->most)
		load->most = n;
	if (n >= load->max && load->grown_ns == 0)
		load->grown_ns = mono_ns();
}

static void turn(struct load *load, int64_t until_ns)
{
	struct epoll_event events[256];
	int n = epoll_wait(load->epoll_fd, events, (int)ARRAY_LEN(events),
	    deadline_left_ms(until_ns));

	BUG_ON(n < 0 && errno != EINTR);
	for (int i = 0; i < n; i++)
		caller_read(load, events[i].data.ptr);
}

static void callers_ask(struct load *load)
{
	for (uint64_t i = 0; i < load->connections; i++)
		if (load->callers[i].fd < 0)
			caller_ask(load, &load->callers[i]);
}

static void burst(struct load *load)
{
	int64_t end_ns = deadline_in_ms((int64_t)load->bound_s * 1000);
	int64_t next_ns = 0;

	load->start_ns = load->last_ns = mono_ns();
	while (mono_ns() < end_ns) {
		bool enough =
		    load->grown_ns != 0 && load->firsts == load->connections;

		if (enough && load->open == 0)
			break;
		if (!enough)
			callers_ask(load);
		if (mono_ns() >= next_ns) {
			sample(load);
			next_ns = deadline_in_ms(SAMPLE_MS);
		}
		turn(load, next_ns);
	}
}

/* When it is done; 0 when it was not within the bound. */
static int64_t calm(struct load *load)
{
	int64_t end_ns = deadline_in_ms((int64_t)load->bound_s * 1000);

	while (mono_ns() < end_ns) {
		sample(load);
		if (load->children <= load->band)
			return mono_ns();
		turn(load, deadline_in_ms(SAMPLE_MS));
	}
	return 0;
}

static long since_ms(int64_t then_ns, int64_t from_ns)
{
	return then_ns == 0 ? -1 : (long)((then_ns - from_ns) / NS_PER_MS);
}

static void run(struct load *load)
{
	int64_t shrunk_ns;

	request_make(load);
	for (uint64_t i = 0; i < load->connections; i++)
		load->callers[i] = (struct caller){.fd = -1, .first = true};
	burst(load);
	shrunk_ns = calm(load);
	printf("grown_ms=%ld served_ms=%ld shrunk_ms=%ld most=%u answered=%lu "
	       "lost=%lu\n",
	    since_ms(load->grown_ns, load->start_ns),
	    since_ms(load->served_ns, load->start_ns),
	    since_ms(shrunk_ns, load->last_ns), load->most, load->answered,
	    load->lost);
}

static bool arguments(int argc, char *argv[], struct load *load)
{
	return argc == 9 &&
	       num_parse_u64(strv_c(argv[2]), 1, 1 << 30, &load->master) &&
	       num_parse_u64(
		   strv_c(argv[4]), 1, CONNECTIONS_MAX, &load->connections) &&
	       num_parse_u64(strv_c(argv[5]), 1, 65535, &load->max) &&
	       num_parse_u64(strv_c(argv[6]), 0, 65535, &load->band) &&
	       num_parse_u64(strv_c(argv[7]), 1, 86400, &load->bound_s);
}

int main(int argc, char *argv[])
{
	struct load load = {.epoll_fd = epoll_create1(EPOLL_CLOEXEC)};

	if (!arguments(argc, argv, &load)) {
		fputs("usage: grow-load SOCKET MASTER-PID SCRIPT CONNECTIONS "
		      "MAX BAND BOUND_S SAMPLES\n",
		    stderr);
		return EX_USAGE;
	}
	load.socket = argv[1];
	load.script = argv[3];
	load.samples = fopen(argv[8], "we");
	load.callers = calloc(load.connections, sizeof(*load.callers));
	if (load.samples == NULL || load.callers == NULL) {
		perror(argv[8]);
		return EX_SOFTWARE;
	}
	run(&load);
	free(load.callers);
	close(load.epoll_fd);
	return fclose(load.samples) == 0 ? EX_OK : EX_SOFTWARE;
}
