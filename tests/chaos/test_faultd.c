/* SPDX-License-Identifier: Apache-2.0 */
/* faultd: the test is both the client before it and the server behind it. */
#include "config.h"

#include "unit.h"

#include "base/clock.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_MS 20000
/* "Nothing comes" is believed after so long. */
#define SILENCE_MS 150

static char dir[64], program[4096], path[4][108];
static const char *const name[] = {"front", "a", "b", "control"};
static int backend[2];
static pid_t faultd;
static bool tcp;
static struct sockaddr_in port;

/* ---- sockets --------------------------------------------------------------------- */

static int listen_unix(const char *at)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert(strv_copy(strv_c(at), un.sun_path, sizeof(un.sun_path)));
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	ck_assert_int_eq(listen(fd, 8), 0);
	return fd;
}

/* A port of the loopback that was free a moment ago. */
static void port_pick(void)
{
	socklen_t n = sizeof(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	port = (struct sockaddr_in){
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&port, n), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&port, &n), 0);
	close(fd);
}

static int try_connect(void)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(tcp ? AF_INET : AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int rc;

	ck_assert(strv_copy(strv_c(path[0]), un.sun_path, sizeof(un.sun_path)));
	rc = tcp ? connect(fd, (struct sockaddr *)&port, sizeof(port))
		 : connect(fd, (struct sockaddr *)&un, sizeof(un));
	if (rc == 0)
		return fd;
	close(fd);
	return -1;
}

static bool ready(int fd, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, ms) == 1;
}

static void say(int fd, const char *text)
{
	ck_assert_int_eq(
	    send(fd, text, strlen(text), MSG_NOSIGNAL), (int)strlen(text));
}

/* All of `text` and nothing else comes; how many reads it took. */
static int hears(int fd, const char *text)
{
	char got[1024];
	size_t n = 0;
	int reads = 0;

	while (n < strlen(text)) {
		ssize_t r;

		ck_assert_msg(ready(fd, PATIENCE_MS), "nothing after %zu", n);
		r = read(fd, got + n, strlen(text) - n);
		ck_assert_int_gt(r, 0);
		n += (size_t)r;
		reads++;
	}
	ck_assert_mem_eq(got, text, n);
	return reads;
}

static void hears_nothing(int fd)
{
	ck_assert(!ready(fd, SILENCE_MS));
}

/* What comes until the end, which must come. */
static size_t hears_end(int fd)
{
	char got[1024];
	size_t n = 0;
	ssize_t r = 1;

	while (r > 0) {
		ck_assert(ready(fd, PATIENCE_MS));
		r = read(fd, got, sizeof(got));
		n += r > 0 ? (size_t)r : 0;
	}
	ck_assert(r == 0 || errno == ECONNRESET);
	return n;
}

/* ---- the program ------------------------------------------------------------------- */

static int tell(const char *words)
{
	char line[9000];
	int status;

	ck_assert_int_lt(
	    snprintf(line, sizeof(line), "'%s' tell '%s' %s 2>/dev/null",
		program, path[3], words),
	    (int)sizeof(line));
	status = system(line);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static unsigned stat_of(const char *what)
{
	char line[9000], answer[1024] = "", *at;
	FILE *pipe;

	ck_assert_int_lt(snprintf(line, sizeof(line), "'%s' tell '%s' f stats",
			     program, path[3]),
	    (int)sizeof(line));
	pipe = popen(line, "r");
	ck_assert_ptr_nonnull(fgets(answer, sizeof(answer), pipe));
	ck_assert_int_eq(pclose(pipe), 0);
	at = strstr(answer, what);
	ck_assert_ptr_nonnull(at);
	return (unsigned)strtoul(at + strlen(what) + 1, NULL, 10);
}

static void start(bool over_tcp)
{
	const char *build = getenv("top_builddir");
	char spec[512], listen_at[160];

	tcp = over_tcp;
	snprintf(program, sizeof(program), "%s/tests/chaos/faultd",
	    build != NULL ? build : ".");
	strcpy(dir, "/tmp/fg-faultd.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	for (int i = 0; i < 4; i++)
		snprintf(path[i], sizeof(path[i]), "%s/%s", dir, name[i]);
	backend[0] = listen_unix(path[1]);
	backend[1] = listen_unix(path[2]);
	port_pick();
	if (tcp)
		snprintf(listen_at, sizeof(listen_at), "127.0.0.1:%u",
		    ntohs(port.sin_port));
	else
		snprintf(listen_at, sizeof(listen_at), "%s", path[0]);
	snprintf(spec, sizeof(spec), "f=%s,%s,%s", listen_at, path[1], path[2]);
	faultd = fork();
	if (faultd == 0) {
		execl(program, program, "-s", "7", "-c", path[3], spec,
		    (char *)NULL);
		_exit(127);
	}
	for (int64_t until = deadline_in_ms(PATIENCE_MS);
	     tell("f stats >/dev/null") != 0;) {
		ck_assert(mono_ns() < until);
		ck_assert_int_eq(waitpid(faultd, NULL, WNOHANG), 0);
		poll(NULL, 0, 10);
	}
}

static void stop(void)
{
	int status;

	ck_assert_int_eq(tell("all quit"), 0);
	ck_assert_int_eq(waitpid(faultd, &status, 0), faultd);
	ck_assert_int_eq(status, 0);
	for (int i = 0; i < 2; i++)
		close(backend[i]);
	for (int i = 0; i < 4; i++)
		unlink(path[i]);
	ck_assert_int_eq(rmdir(dir), 0);
}

struct pair {
	int client, server;
};

static struct pair joined(int which)
{
	struct pair pair = {.client = try_connect()};

	ck_assert_int_ge(pair.client, 0);
	ck_assert(ready(backend[which], PATIENCE_MS));
	pair.server = accept(backend[which], NULL, NULL);
	ck_assert_int_ge(pair.server, 0);
	return pair;
}

static void part(struct pair pair)
{
	close(pair.client);
	close(pair.server);
}

/* ---- cases ------------------------------------------------------------------------- */

/* Unix, then TCP. */
START_TEST(test_passes_both_ways)
{
	struct pair p;

	start(_i == 1);
	p = joined(0);
	say(p.client, "question");
	hears(p.server, "question");
	say(p.server, "answer");
	hears(p.client, "answer");
	/* An end is passed on, and the other way stays open. */
	shutdown(p.client, SHUT_WR);
	ck_assert_uint_eq(hears_end(p.server), 0);
	say(p.server, "last");
	hears(p.client, "last");
	part(p);
	ck_assert_uint_eq(stat_of("\"links\""), 1);
	ck_assert_uint_eq(stat_of("\"up\""), 8);
	stop();
}
END_TEST

START_TEST(test_latency)
{
	int64_t begun;
	struct pair p;

	start(false);
	p = joined(0);
	ck_assert_int_eq(tell("f latency 80 20"), 0);
	begun = mono_ns();
	say(p.client, "slow");
	hears(p.server, "slow");
	ck_assert_int_ge(mono_ns() - begun, 79 * NS_PER_MS);
	part(p);
	stop();
}
END_TEST

START_TEST(test_one_byte_writes)
{
	struct pair p;

	start(true);
	p = joined(0);
	ck_assert_int_eq(tell("f slice"), 0);
	say(p.server, "0123456789abcdef0123456789abcdef");
	ck_assert_int_gt(
	    hears(p.client, "0123456789abcdef0123456789abcdef"), 1);
	part(p);
	stop();
}
END_TEST

START_TEST(test_black_hole_hangs_and_lets_go)
{
	struct pair p;

	start(_i == 1);
	p = joined(0);
	ck_assert_int_eq(tell("f blackhole"), 0);
	say(p.client, "lost?");
	hears_nothing(p.server);
	ck_assert_int_eq(tell("f pass"), 0);
	hears(p.server, "lost?");
	part(p);
	stop();
}
END_TEST

START_TEST(test_reset)
{
	struct pair p;

	start(_i == 1);
	p = joined(0);
	ck_assert_int_eq(tell("f reset"), 0);
	hears_end(p.client);
	hears_end(p.server);
	part(p);
	p = joined(0);
	say(p.client, "again");
	hears(p.server, "again");
	part(p);
	stop();
}
END_TEST

START_TEST(test_refuse)
{
	struct pair p;

	start(_i == 1);
	p = joined(0);
	ck_assert_int_eq(tell("f refuse"), 0);
	hears_end(p.client);
	part(p);
	ck_assert_int_eq(try_connect(), -1);
	ck_assert_int_eq(errno, ECONNREFUSED);
	ck_assert_int_eq(tell("f pass"), 0);
	part(joined(0));
	stop();
}
END_TEST

START_TEST(test_cut_after_bytes)
{
	struct pair p;

	start(false);
	ck_assert_int_eq(tell("f cut up 5"), 0);
	p = joined(0);
	say(p.client, "12");
	hears(p.server, "12");
	say(p.client, "345678");
	ck_assert_uint_eq(hears_end(p.server), 3);
	part(p);
	ck_assert_int_eq(tell("f pass"), 0);
	ck_assert_int_eq(tell("f cut down 4"), 0);
	p = joined(0);
	say(p.server, "12345678");
	ck_assert_uint_eq(hears_end(p.client), 4);
	part(p);
	ck_assert_uint_eq(stat_of("\"cuts\""), 2);
	stop();
}
END_TEST

START_TEST(test_swallows_the_second_matching_reply)
{
	struct pair p;

	start(_i == 1);
	p = joined(0);
	ck_assert_int_eq(tell("f swallow 2 1 claim"), 0);
	say(p.client, "a claim");
	hears(p.server, "a claim");
	say(p.server, "one");
	hears(p.client, "one");
	say(p.client, "ping");
	hears(p.server, "ping");
	say(p.server, "pong");
	hears(p.client, "pong");
	say(p.client, "b claim");
	hears(p.server, "b claim");
	say(p.server, "two");
	ck_assert_uint_eq(hears_end(p.client), 0);
	part(p);
	p = joined(0);
	say(p.client, "c claim");
	hears(p.server, "c claim");
	say(p.server, "three");
	hears(p.client, "three");
	part(p);
	ck_assert_uint_eq(stat_of("\"swallowed\""), 1);
	stop();
}
END_TEST

START_TEST(test_loses_a_request)
{
	struct pair p;

	start(_i == 1);
	p = joined(0);
	ck_assert_int_eq(tell("f lose 2 1 claim"), 0);
	say(p.client, "a claim");
	hears(p.server, "a claim");
	say(p.client, "b claim");
	ck_assert_uint_eq(hears_end(p.server), 0);
	hears_end(p.client);
	part(p);
	ck_assert_uint_eq(stat_of("\"lost\""), 1);
	part(joined(0));
	stop();
}
END_TEST

START_TEST(test_holds_a_request_whose_client_has_left)
{
	int64_t begun;
	struct pair p;

	start(_i == 1);
	p = joined(0);
	ck_assert_int_eq(tell("f hold 1 1 900 INSERT"), 0);
	begun = mono_ns();
	say(p.client, "the INSERT");
	hears_nothing(p.server);
	close(p.client);
	/* What is wrong ends; what is held stays so. */
	ck_assert_int_eq(tell("f pass"), 0);
	ck_assert_uint_eq(stat_of("\"holding\""), 1);
	hears(p.server, "the INSERT");
	ck_assert_int_ge(mono_ns() - begun, 899 * NS_PER_MS);
	ck_assert_uint_eq(hears_end(p.server), 0);
	ck_assert_uint_eq(stat_of("\"held_delivered\""), 1);
	close(p.server);
	stop();
}
END_TEST

START_TEST(test_releases_what_is_held)
{
	struct pair p;

	start(_i == 1);
	p = joined(0);
	ck_assert_int_eq(tell("f hold 1 1 3600000 INSERT"), 0);
	say(p.client, "the INSERT");
	hears_nothing(p.server);
	say(p.client, " and more"); /* nothing overtakes */
	close(p.client);
	hears_nothing(p.server);
	ck_assert_int_eq(tell("f release"), 0);
	hears(p.server, "the INSERT and more");
	ck_assert_uint_eq(stat_of("\"holding\""), 0);
	/* Until the backend has hung up, it may be at it. */
	ck_assert_uint_eq(stat_of("\"open\""), 1);
	close(p.server);
	while (stat_of("\"open\"") != 0)
		usleep(1000);
	stop();
}
END_TEST

START_TEST(test_swaps_the_backend)
{
	struct pair p;

	start(false);
	p = joined(0);
	ck_assert_int_eq(tell("f swap"), 0);
	hears_end(p.client);
	part(p);
	p = joined(1);
	say(p.client, "who");
	hears(p.server, "who");
	part(p);
	ck_assert_int_eq(tell("f swap"), 0);
	part(joined(0));
	stop();
}
END_TEST

static void packet(int fd, const char *payload, size_t n)
{
	char bytes[256] = {(char)n, 0, 0, 0};

	memcpy(bytes + 4, payload, n);
	ck_assert_int_eq(send(fd, bytes, n + 4, MSG_NOSIGNAL), (int)n + 4);
}

static void together(
    int fd, const char *first, size_t n, const char *second, size_t m)
{
	char bytes[256] = {(char)n, 0, 0, 0};

	memcpy(bytes + 4, first, n);
	memset(bytes + 4 + n, 0, 4);
	bytes[4 + n] = (char)m;
	memcpy(bytes + 8 + n, second, m);
	ck_assert_int_eq(
	    send(fd, bytes, n + m + 8, MSG_NOSIGNAL), (int)(n + m + 8));
}

static void drain(int fd)
{
	char bytes[256];

	ck_assert(ready(fd, PATIENCE_MS));
	ck_assert_int_gt(read(fd, bytes, sizeof(bytes)), 0);
}

/* A settler has one for each size of its batches: 9 and 10.  Statement 8 is none. */
START_TEST(test_knows_the_executes_of_all_inserts)
{
	static const char insert[] = "\x16INSERT INTO orders (claim) SELECT";
	struct pair p;

	start(false);
	p = joined(0);
	ck_assert_int_eq(tell("f swallow 2 1 @insert"), 0);
	for (int i = 0; i < 2; i++) {
		packet(p.client, insert, sizeof(insert) - 1);
		drain(p.server);
		packet(p.server, i == 0 ? "\0\11\0\0\0\0\0" : "\0\12\0\0\0\0\0",
		    7);
		drain(p.client);
	}
	packet(p.client, "\x17\11\0\0\0\0", 6);
	drain(p.server);
	packet(p.server, "\0", 1);
	drain(p.client);
	packet(p.client, "\x17\10\0\0\0\0", 6);
	drain(p.server);
	packet(p.server, "\0", 1);
	drain(p.client);
	packet(p.client, "\x17\12\0\0\0\0", 6);
	drain(p.server);
	packet(p.server, "\0", 1);
	ck_assert_uint_eq(hears_end(p.client), 0);
	part(p);
	stop();
}
END_TEST

/* Statement 9 is the insert, statement 8 is not. */
START_TEST(test_knows_the_execute_of_the_insert)
{
	static const char other[] = "\x16SELECT 1 FROM orders";
	static const char insert[] = "\x16INSERT INTO orders (claim) SELECT";
	struct pair p;

	start(false);
	p = joined(0);
	ck_assert_int_eq(tell("f swallow 1 1 @insert"), 0);
	packet(p.client, other, sizeof(other) - 1);
	drain(p.server);
	packet(p.server, "\0\10\0\0\0\0\0", 7);
	drain(p.client);
	/* A close, which has no answer, rides along. */
	together(p.client, "\x19\10\0\0\0", 5, insert, sizeof(insert) - 1);
	drain(p.server);
	packet(p.server, "\0\11\0\0\0\0\0", 7);
	drain(p.client);
	packet(p.client, "\x17\10\0\0\0\0", 6);
	drain(p.server);
	packet(p.server, "\0", 1);
	drain(p.client);
	packet(p.client, "\x17\11\0\0\0\0", 6);
	drain(p.server);
	packet(p.server, "\0", 1);
	ck_assert_uint_eq(hears_end(p.client), 0);
	part(p);
	stop();
}
END_TEST

START_TEST(test_refuses_commands_that_make_no_sense)
{
	static const char *const bad[] = {"f", "f explode", "g pass",
	    "f latency", "f latency x", "f slice 0", "f cut up", "f cut in 5",
	    "f cut up 0", "f swallow 0 1 -", "f swallow 1 0 -", "f swallow 1 1",
	    "f hold 1 1 -", "f hold 1 1 5", "f 1 2 3 4 5 6 7 8 9 10"};

	start(false);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		ck_assert_msg(tell(bad[i]) != 0, "%s", bad[i]);
	part(joined(0));
	stop();
}
END_TEST

TESTS_MAIN("faultd", UNIT_TABLE("passes both ways", test_passes_both_ways, 2),
    UNIT("latency", test_latency),
    UNIT("one-byte writes", test_one_byte_writes),
    UNIT_TABLE("black hole", test_black_hole_hangs_and_lets_go, 2),
    UNIT_TABLE("reset", test_reset, 2), UNIT_TABLE("refuse", test_refuse, 2),
    UNIT("cut after bytes", test_cut_after_bytes),
    UNIT_TABLE("swallows a reply", test_swallows_the_second_matching_reply, 2),
    UNIT_TABLE(
	"holds a request", test_holds_a_request_whose_client_has_left, 2),
    UNIT_TABLE("loses a request", test_loses_a_request, 2),
    UNIT_TABLE("releases what is held", test_releases_what_is_held, 2),
    UNIT("swaps the backend", test_swaps_the_backend),
    UNIT("@insert", test_knows_the_execute_of_the_insert),
    UNIT("@insert of each size", test_knows_the_executes_of_all_inserts),
    UNIT("bad commands", test_refuses_commands_that_make_no_sense))
