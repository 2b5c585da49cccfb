/* SPDX-License-Identifier: Apache-2.0 */
/*
 * faultd: stands between clients and servers and makes what goes wrong there.
 *
 *	faultd [-s SEED] -c CONTROL NAME=LISTEN,BACKEND[,BACKEND]...
 *	faultd tell CONTROL NAME COMMAND...
 *
 * The first form serves until `faultd tell CONTROL all quit`; the second sends
 * one command, prints the answer, and exits 0 if that was "ok".  Addresses are
 * /path or number:port.  NAME "all" is every front.  Commands:
 *
 *	pass                          nothing is wrong (and listen again)
 *	latency MS [JITTER-MS]        each piece, each way
 *	slice [BYTES]                 writes of at most so many bytes (1)
 *	blackhole                     nothing moves, nobody hangs up
 *	reset                         everybody is cut off, once
 *	refuse                        nobody listens
 *	cut up|down BYTES             a link is reset after so many bytes
 *	swallow FIRST COUNT MATCH     those requests are done, not answered
 *	lose FIRST COUNT MATCH        those requests come to nothing, and a reset
 *	hold FIRST COUNT MS MATCH     those requests are delivered MS later
 *	release                       what is held is delivered now
 *	swap                          the other backend; everybody is cut off
 *	stats                         counts, as one JSON object
 *	quit
 *
 * MATCH is - (any), @insert (MySQL: the execute of an order's insert), or a
 * text that the request contains.  FIRST and COUNT count matching requests from
 * the command on.  A command replaces the one of its kind and leaves the others
 * as they are; pass ends all.  What is held when pass comes stays held.
 */
#include "config.h"

#include "chaos/front.h"
#include "base/clock.h"
#include "base/num.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sysexits.h>
#include <unistd.h>

#define FRONTS_MAX 8
#define WORDS_MAX  8
#define LINE_MAX_  512

struct faultd {
	struct front front[FRONTS_MAX];
	size_t nfronts;
	uint64_t dice;
	int epoll, control;
	bool quit;
	struct strbuf answer;
	char answer_bytes[4096];
};

/* ---- commands ---------------------------------------------------------------------- */

struct words {
	char *word[WORDS_MAX];
	size_t n;
};

static bool number(
    const struct words *words, size_t i, uint64_t preset, uint64_t *out)
{
	*out = preset;
	return i >= words->n ||
	       num_parse_u64(strv_c(words->word[i]), 0, INT32_MAX, out);
}

static bool match_set(struct match *match, const char *text)
{
	*match = (struct match){.any = strcmp(text, "-") == 0,
	    .insert = strcmp(text, "@insert") == 0};
	return strv_copy(strv_c(text), match->text, sizeof(match->text));
}

static bool do_pass(struct front *front, const struct words *words)
{
	struct err err;

	(void)words;
	front->toxics = (struct toxics){0};
	if (front->listener < 0 && !front_listen(front, &err)) {
		fprintf(stderr, "faultd: %s\n", err.text);
		return false;
	}
	return true;
}

static bool do_latency(struct front *front, const struct words *words)
{
	uint64_t ms, jitter_ms;

	if (words->n < 1 || !number(words, 0, 0, &ms) ||
	    !number(words, 1, 0, &jitter_ms))
		return false;
	front->toxics.latency_ms = (int64_t)ms;
	front->toxics.jitter_ms = (int64_t)jitter_ms;
	return true;
}

static bool do_slice(struct front *front, const struct words *words)
{
	uint64_t bytes;

	if (!number(words, 0, 1, &bytes) || bytes == 0)
		return false;
	front->toxics.slice_bytes = (uint32_t)bytes;
	return true;
}

static bool do_blackhole(struct front *front, const struct words *words)
{
	(void)words;
	front->toxics.blackhole = true;
	return true;
}

static bool do_reset(struct front *front, const struct words *words)
{
	(void)words;
	front_reset(front);
	return true;
}

static bool do_refuse(struct front *front, const struct words *words)
{
	(void)words;
	front->toxics.refuse = true;
	front_refuse(front);
	front_reset(front);
	return true;
}

static bool do_cut(struct front *front, const struct words *words)
{
	uint64_t bytes;
	enum way way;

	if (words->n != 2 || !number(words, 1, 0, &bytes) || bytes == 0)
		return false;
	if (strcmp(words->word[0], "up") == 0)
		way = WAY_UP;
	else if (strcmp(words->word[0], "down") == 0)
		way = WAY_DOWN;
	else
		return false;
	front_recount(front);
	front->toxics.cut_bytes[way] = bytes;
	return true;
}

static bool trick_set(struct trick *trick, const struct words *words, size_t at)
{
	*trick = (struct trick){0};
	return number(words, 0, 0, &trick->first) && trick->first > 0 &&
	       number(words, 1, 0, &trick->count) && trick->count > 0 &&
	       match_set(&trick->match, words->word[at]);
}

static bool do_swallow(struct front *front, const struct words *words)
{
	struct trick trick;

	if (words->n != 3 || !trick_set(&trick, words, 2))
		return false;
	front->toxics.swallow = trick;
	return true;
}

static bool do_lose(struct front *front, const struct words *words)
{
	struct trick trick;

	if (words->n != 3 || !trick_set(&trick, words, 2))
		return false;
	front->toxics.lose = trick;
	return true;
}

static bool do_hold(struct front *front, const struct words *words)
{
	struct trick trick;
	uint64_t ms;

	if (words->n != 4 || !trick_set(&trick, words, 3) ||
	    !number(words, 2, 0, &ms))
		return false;
	trick.ms = (int64_t)ms;
	front->toxics.hold = trick;
	return true;
}

static bool do_release(struct front *front, const struct words *words)
{
	(void)words;
	front_release(front);
	return true;
}

static bool do_swap(struct front *front, const struct words *words)
{
	(void)words;
	if (front->nbackends != 2)
		return false;
	front->current ^= 1;
	front_reset(front);
	return true;
}

static const struct command {
	const char *name;
	bool (*run)(struct front *front, const struct words *words);
} commands[] = {
    {"pass", do_pass},
    {"latency", do_latency},
    {"slice", do_slice},
    {"blackhole", do_blackhole},
    {"reset", do_reset},
    {"refuse", do_refuse},
    {"cut", do_cut},
    {"swallow", do_swallow},
    {"lose", do_lose},
    {"hold", do_hold},
    {"release", do_release},
    {"swap", do_swap},
};

static void stats_put(struct strbuf *out, const struct front *front)
{
	const struct front_counts *c = &front->counts;

	strbuf_printf(out,
	    "{\"name\":\"%s\",\"backend\":%u,\"links\":%" PRIu64
	    ",\"refused\":%" PRIu64 ",\"up\":%" PRIu64 ",\"down\":%" PRIu64
	    ",\"requests\":%" PRIu64 ",\"resets\":%" PRIu64 ",\"cuts\":%" PRIu64
	    ",\"swallowed\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"held\":%" PRIu64
	    ",\"held_delivered\":%" PRIu64 ",\"holding\":%u,\"open\":%u}\n",
	    front->name, front->current, c->links, c->refused, c->bytes[WAY_UP],
	    c->bytes[WAY_DOWN], c->requests, c->resets, c->cuts, c->swallowed,
	    c->lost, c->held, c->held_delivered, front_holding(front),
	    front_open(front));
}

static bool command_run(struct faultd *it, struct front *front,
    const char *name, const struct words *words)
{
	if (strcmp(name, "stats") == 0) {
		stats_put(&it->answer, front);
		return true;
	}
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (strcmp(commands[i].name, name) == 0)
			return commands[i].run(front, words);
	return false;
}

static bool line_run(struct faultd *it, char *line)
{
	struct words words = {.n = 0};
	char *name = strtok(line, " \n"), *command = strtok(NULL, " \n"), *word;
	bool any = false;

	while ((word = strtok(NULL, " \n")) != NULL && words.n < WORDS_MAX)
		words.word[words.n++] = word;
	if (name == NULL || command == NULL || word != NULL)
		return false;
	if (strcmp(command, "quit") == 0)
		return it->quit = true;
	for (size_t i = 0; i < it->nfronts; i++) {
		struct front *front = &it->front[i];

		if (strcmp(name, "all") != 0 && strcmp(name, front->name) != 0)
			continue;
		if (!command_run(it, front, command, &words))
			return false;
		any = true;
	}
	return any;
}

/* One line, one answer.  Who tells is a test of ours: it is waited for. */
static void control_serve(struct faultd *it)
{
	int fd = accept4(it->control, NULL, NULL, SOCK_CLOEXEC);
	char line[LINE_MAX_] = "", kept[LINE_MAX_];
	ssize_t n;

	if (fd < 0)
		return;
	n = read(fd, line, sizeof(line) - 1);
	line[n > 0 ? n : 0] = '\0';
	memcpy(kept, line, sizeof(kept));
	kept[strcspn(kept, "\n")] = '\0';
	strbuf_init(&it->answer, it->answer_bytes, sizeof(it->answer_bytes));
	if (line_run(it, line))
		strbuf_puts(&it->answer, "ok\n");
	else
		strbuf_printf(&it->answer, "error: %s\n", kept);
	if (write(fd, it->answer.p, it->answer.n) < 0)
		fprintf(stderr, "faultd: control: %s\n", strerror(errno));
	close(fd);
}

/* ---- the server ---------------------------------------------------------------------- */

static bool front_read(struct faultd *it, char *text, struct err *err)
{
	struct front *front = &it->front[it->nfronts];
	char *equals = strchr(text, '='), *rest, *part;

	*front = (struct front){.listener = -1, .dice = &it->dice};
	if (equals == NULL || it->nfronts == FRONTS_MAX) {
		err_set(err, 0, "%s: NAME=LISTEN,BACKEND[,BACKEND]", text);
		return false;
	}
	if (!strv_copy(strv_from(text, (size_t)(equals - text)), front->name,
		sizeof(front->name))) {
		err_set(err, 0, "%s: too long a name", text);
		return false;
	}
	part = strtok_r(equals + 1, ",", &rest);
	if (part == NULL || !address_parse(part, &front->listen, err))
		return false;
	while ((part = strtok_r(NULL, ",", &rest)) != NULL) {
		if (front->nbackends == ARRAY_LEN(front->backend) ||
		    !address_parse(
			part, &front->backend[front->nbackends++], err))
			return false;
	}
	if (front->nbackends == 0) {
		err_set(err, 0, "%s: no backend", front->name);
		return false;
	}
	it->nfronts++;
	return true;
}

static void serve(struct faultd *it)
{
	struct epoll_event events[64];
	int64_t next_ns = INT64_MAX, front_ns;
	int n;

	while (!it->quit) {
		n = epoll_wait(it->epoll, events, (int)ARRAY_LEN(events),
		    next_ns == INT64_MAX ? -1 : deadline_left_ms(next_ns));
		for (int i = 0; i < n; i++) {
			struct watch *watch = events[i].data.ptr;

			if (watch->what == WATCHED_PEER)
				link_event(watch, events[i].events);
		}
		/* After the links: a command may end them, and a new client may
		 * get a number that an event of this round still names. */
		next_ns = INT64_MAX;
		for (int i = 0; i < n; i++) {
			struct watch *watch = events[i].data.ptr;

			if (watch->what == WATCHED_FRONT)
				front_accept(watch->of);
		}
		for (int i = 0; i < n; i++) {
			struct watch *watch = events[i].data.ptr;

			if (watch->what == WATCHED_CONTROL)
				control_serve(it);
		}
		for (size_t i = 0; i < it->nfronts; i++) {
			front_ns = front_run(&it->front[i], mono_ns());
			if (front_ns < next_ns)
				next_ns = front_ns;
		}
	}
}

static int control_listen(const char *path, struct err *err)
{
	struct address at;
	int fd;

	if (!address_parse(path, &at, err))
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at.bytes, at.n) != 0 ||
	    listen(fd, 16) != 0) {
		err_set_errno(err, "%s", path);
		return -1;
	}
	return fd;
}

static int complain(int code, const struct err *err)
{
	fprintf(stderr, "faultd: %s\n", err->text);
	return code;
}

static int usage(void)
{
	fputs("usage: faultd [-s SEED] -c CONTROL "
	      "NAME=LISTEN,BACKEND[,BACKEND]...\n"
	      "       faultd tell CONTROL NAME COMMAND...\n",
	    stderr);
	return EX_USAGE;
}

/* Sends the words as one line. */
static int tell(int argc, char **argv)
{
	char line[LINE_MAX_], answer[4096];
	struct strbuf text;
	struct address at;
	struct err err;
	size_t n = 0;
	ssize_t got;
	int fd;

	if (argc < 3)
		return usage();
	if (!address_parse(argv[0], &at, &err))
		return complain(EX_USAGE, &err);
	strbuf_init(&text, line, sizeof(line));
	for (int i = 1; i < argc; i++)
		strbuf_printf(&text, "%s%s", i > 1 ? " " : "", argv[i]);
	strbuf_putc(&text, '\n');
	fd = socket(at.bytes.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (text.overflow || fd < 0 ||
	    connect(fd, (struct sockaddr *)&at.bytes, at.n) != 0 ||
	    write(fd, text.p, text.n) != (ssize_t)text.n) {
		err_set_errno(&err, "%s", argv[0]);
		return complain(EX_UNAVAILABLE, &err);
	}
	while (n < sizeof(answer) - 1 &&
	       (got = read(fd, answer + n, sizeof(answer) - 1 - n)) > 0)
		n += (size_t)got;
	answer[n] = '\0';
	close(fd);
	if (n < 3 || strcmp(answer + n - 3, "ok\n") != 0) {
		fprintf(stderr, "faultd: %s", answer);
		return 1;
	}
	answer[n - 3] = '\0';
	fputs(answer, stdout);
	return 0;
}

int main(int argc, char **argv)
{
	static struct faultd it;
	struct watch control = {.what = WATCHED_CONTROL};
	const char *path = NULL;
	struct err err = ERR_INIT;
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = &control};
	int c;

	if (argc > 1 && strcmp(argv[1], "tell") == 0)
		return tell(argc - 2, argv + 2);
	while ((c = getopt(argc, argv, "c:s:")) != -1) {
		if (c == 'c')
			path = optarg;
		else if (c != 's' || !num_parse_u64(strv_c(optarg), 0,
					 UINT64_MAX, &it.dice))
			return usage();
	}
	if (path == NULL || optind == argc)
		return usage();
	signal(SIGPIPE, SIG_IGN);
	it.epoll = epoll_create1(EPOLL_CLOEXEC);
	while (optind < argc)
		if (!front_read(&it, argv[optind++], &err))
			return complain(EX_USAGE, &err);
	for (size_t i = 0; i < it.nfronts; i++) {
		it.front[i].epoll = it.epoll;
		if (!front_listen(&it.front[i], &err))
			return complain(EX_OSERR, &err);
	}
	it.control = control_listen(path, &err);
	if (it.epoll < 0 || it.control < 0 ||
	    epoll_ctl(it.epoll, EPOLL_CTL_ADD, it.control, &event) != 0)
		return complain(EX_OSERR, &err);
	serve(&it);
	for (size_t i = 0; i < it.nfronts; i++)
		front_close(&it.front[i]);
	unlink(path);
	return 0;
}
