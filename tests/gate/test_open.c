/* SPDX-License-Identifier: Apache-2.0 */
/* gate: connecting, and what is done about a refusal. */
#include "config.h"

#include "calls.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- connecting ---------------------------------------------------------- */

static const struct {
	const char *reply;
	const char *says;
} greetings[] = {
    {"-LOADING Redis is loading the dataset in memory\r\n", "PING: LOADING"},
    {"-NOAUTH Authentication required.\r\n", "set the password"},
    {"-ERR max number of clients reached\r\n", "raise maxclients"},
    {"-WHATEVER new\r\n", "PING: WHATEVER new"},
    {"$4\r\nPONG\r\n", "not speak as Redis"},
    {"SSH-2.0-OpenSSH_9.2p1\r\n", "PING: read: Protocol error"},
    {"", "PING: read: Server closed"},
};

/* Before the call itself is sent, everything is NOT_DONE. */
START_TEST(test_greeting_refused)
{
	const struct fake_step steps[] = {
	    ACCEPT(), EXPECT(1), SEND(greetings[_i].reply), CLOSE()};
	struct fake *fake = START(steps);
	struct gate *gate = gate_at(fake_address(fake), LONG_MS);

	ASSERT_NOT(claim, OUT_NOT_DONE, greetings[_i].says);
	stop(fake, gate);
}
END_TEST

START_TEST(test_greeting_without_an_answer)
{
	static const struct fake_step steps[] = {
	    ACCEPT(), EXPECT(1), UNTIL_CLOSED()};
	struct fake *fake = START(steps);
	struct gate *gate = gate_at(fake_address(fake), SHORT_MS);

	ASSERT_NOT(claim, OUT_NOT_DONE, "PING: no answer in time");
	stop(fake, gate);
}
END_TEST

START_TEST(test_password_and_database)
{
	static const struct fake_step steps[] = {ACCEPT(), EXPECT(3),
	    SEND("+OK\r\n+OK\r\n+PONG\r\n"), EXPECT(1), SEND(GAUGE),
	    UNTIL_CLOSED()};
	static const char hello[] = "*3\r\n$4\r\nAUTH\r\n$3\r\nbob\r\n"
				    "$4\r\np w\n\r\n"
				    "*2\r\n$6\r\nSELECT\r\n$1\r\n7\r\n"
				    "*1\r\n$4\r\nPING\r\n";
	struct fake *fake = START(steps);
	struct gate_conf conf = {.address = fake_address(fake),
	    .user = "bob",
	    .password = "p w\n",
	    .database = 7,
	    .connect_timeout_ms = LONG_MS,
	    .timeout_ms = LONG_MS,
	    .lease_ms = 1};
	struct err err = ERR_INIT;
	struct gate *gate = gate_new(&conf, &err);
	const char *got;
	size_t n;

	ASSERT_DONE(gauge);
	gate_free(&gate);
	fake_finish(fake);
	got = fake_got(fake, &n);
	ck_assert_uint_ge(n, sizeof(hello) - 1);
	ck_assert_mem_eq(got, hello, sizeof(hello) - 1);
	fake_stop(&fake);
}
END_TEST

START_TEST(test_password_refused)
{
	static const struct fake_step steps[] = {ACCEPT(), EXPECT(2),
	    SEND("-WRONGPASS invalid username-password pair\r\n"
		 "-NOAUTH Authentication required.\r\n"),
	    UNTIL_CLOSED()};
	struct fake *fake = START(steps);
	struct gate_conf conf = {.address = fake_address(fake),
	    .password = "wrong",
	    .connect_timeout_ms = LONG_MS,
	    .timeout_ms = LONG_MS,
	    .lease_ms = 1};
	struct err err = ERR_INIT;
	struct gate *gate = gate_new(&conf, &err);

	ASSERT_NOT(claim, OUT_NOT_DONE, "AUTH: WRONGPASS");
	stop(fake, gate);
}
END_TEST

START_TEST(test_nobody_there)
{
	struct gate *gate = gate_at("/nonexistent/redis.sock", LONG_MS);

	ASSERT_NOT(claim, OUT_NOT_DONE,
	    "redis /nonexistent/redis.sock: fg_claim_v2: connect: No such");
	gate_free(&gate);
}
END_TEST

/* A server that does not accept: the backlog is full, and connect(2) waits. */
START_TEST(test_backlog_full)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	char dir[] = "/tmp/fg-full-XXXXXX";
	int listener = socket(AF_UNIX, SOCK_STREAM, 0), filler[16];
	size_t fillers = 0;
	struct gate *gate;
	int64_t began;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(un.sun_path, sizeof(un.sun_path), "%s/s", dir);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&un, sizeof(un)), 0);
	ck_assert_int_eq(listen(listener, 1), 0);
	for (;; fillers++) {
		ck_assert_uint_lt(fillers, ARRAY_LEN(filler));
		filler[fillers] =
		    socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		if (connect(filler[fillers], (struct sockaddr *)&un,
			sizeof(un)) != 0)
			break;
	}
	gate = gate_at(un.sun_path, SHORT_MS);
	began = mono_ns();
	ASSERT_NOT(claim, OUT_NOT_DONE, "connect: no answer in time");
	ck_assert_int_ge(mono_ns() - began, SHORT_MS * NS_PER_MS);
	gate_free(&gate);
	for (size_t i = 0; i <= fillers; i++)
		close(filler[i]);
	close(listener);
	unlink(un.sun_path);
	rmdir(dir);
}
END_TEST

/* A daemon may have closed 0, 1 and 2; hiredis does not close 0. */
START_TEST(test_descriptor_is_none_of_the_standard_ones)
{
	static const struct fake_step steps[] = {
	    GREET(), EXPECT(1), SEND(GAUGE), UNTIL_CLOSED()};
	struct fake *fake = START(steps);
	struct gate *gate = gate_at(fake_address(fake), LONG_MS);
	int saved = dup(STDIN_FILENO);

	close(STDIN_FILENO);
	ASSERT_DONE(gauge);
	ck_assert_int_gt(gate->conn.redis->fd, STDERR_FILENO);
	stop(fake, gate);
	if (saved >= 0) {
		ck_assert_int_eq(dup2(saved, STDIN_FILENO), STDIN_FILENO);
		close(saved);
	}
}
END_TEST

/* ---- refusals ------------------------------------------------------------ */

#define MISSING "-ERR Function not found\r\n"

START_TEST(test_missing_library_is_loaded)
{
	static const struct fake_step steps[] = {GREET(), EXPECT(1),
	    SEND(MISSING), EXPECT(1), SEND("$12\r\nflashgate_v2\r\n"),
	    EXPECT(1), SEND(TAKEN), UNTIL_CLOSED()};
	struct fake *fake = START(steps);
	struct gate *gate = gate_at(fake_address(fake), LONG_MS);

	ASSERT_DONE(claim);
	stop(fake, gate);
}
END_TEST

START_TEST(test_missing_library_again)
{
	static const struct fake_step steps[] = {GREET(), EXPECT(1),
	    SEND(MISSING), EXPECT(1), SEND("$12\r\nflashgate_v2\r\n"),
	    EXPECT(1), SEND(MISSING), UNTIL_CLOSED()};
	struct fake *fake = START(steps);
	struct gate *gate = gate_at(fake_address(fake), LONG_MS);

	ASSERT_NOT(claim, OUT_NOT_DONE, "Function not found");
	stop(fake, gate);
}
END_TEST

static const char *const load_failures[] = {
    "-NOPERM this user has no permissions to run the 'function|load'\r\n",
    "-ERR Error compiling function\r\n", "$5\r\nother\r\n",
    "", /* the connection ends */
};

/* The claim was refused, whatever became of the load. */
START_TEST(test_missing_library_cannot_be_loaded)
{
	const struct fake_step steps[] = {GREET(), EXPECT(1), SEND(MISSING),
	    EXPECT(1), SEND(load_failures[_i]), CLOSE()};
	struct fake *fake = START(steps);
	struct gate *gate = gate_at(fake_address(fake), LONG_MS);

	ASSERT_NOT(claim, OUT_NOT_DONE, "redis ");
	stop(fake, gate);
}
END_TEST

START_TEST(test_readonly_reconnects)
{
	static const struct fake_step steps[] = {GREET(), EXPECT(1),
	    SEND("-READONLY You can't write against a read only replica.\r\n"),
	    GREET(), EXPECT(1), SEND(TAKEN), UNTIL_CLOSED()};
	struct fake *fake = START(steps);
	struct gate *gate = gate_at(fake_address(fake), LONG_MS);

	ASSERT_NOT(claim, OUT_NOT_DONE, "point [redis] to the master");
	ASSERT_DONE(claim);
	stop(fake, gate);
}
END_TEST

TESTS_MAIN("gate-open",
    UNIT_TABLE("greeting", test_greeting_refused, ARRAY_LEN(greetings)),
    UNIT("greeting-mute", test_greeting_without_an_answer),
    UNIT("hello", test_password_and_database),
    UNIT("password", test_password_refused), UNIT("nobody", test_nobody_there),
    UNIT("backlog", test_backlog_full),
    UNIT("descriptor", test_descriptor_is_none_of_the_standard_ones),
    UNIT("load", test_missing_library_is_loaded),
    UNIT("load-again", test_missing_library_again),
    UNIT_TABLE("load-fails", test_missing_library_cannot_be_loaded,
	ARRAY_LEN(load_failures)),
    UNIT("readonly", test_readonly_reconnects))
