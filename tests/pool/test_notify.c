/* SPDX-License-Identifier: Apache-2.0 */
/* pool/notify: what systemd hears, on a socket of our own. */
#include "config.h"

#include "unit.h"

#include "pool/rig.h"
#include "pool/notify.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define WATCHDOG_MS 400

static int systemd_fd = -1;

/* Plays systemd: `name` as NOTIFY_SOCKET would have it. */
static void systemd_listen(const char *name)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	socklen_t len =
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));

	memcpy(addr.sun_path, name, strlen(name));
	if (name[0] == '@')
		addr.sun_path[0] = '\0';
	/* Tests that share a process (valgrind) share the name. */
	if (systemd_fd >= 0)
		close(systemd_fd);
	systemd_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(
	    bind(systemd_fd, (const struct sockaddr *)&addr, len), 0);
	setenv("NOTIFY_SOCKET", name, 1);
}

/* False when nothing comes for so long. */
static bool heard_within(char *out, size_t size, int ms)
{
	struct pollfd event = {.fd = systemd_fd, .events = POLLIN};
	ssize_t n;

	if (poll(&event, 1, ms) <= 0)
		return false;
	n = recv(systemd_fd, out, size - 1, 0);
	ck_assert_int_gt(n, 0);
	out[n] = '\0';
	return true;
}

/* The next message that begins with this; others are passed over. */
static void await_heard(const char *start, char *out, size_t size)
{
	int64_t end_ns = deadline_in_ms(RIG_PATIENCE_MS);

	do
		ck_assert_msg(mono_ns() < end_ns &&
				  heard_within(out, size, RIG_PATIENCE_MS),
		    "never heard: %s", start);
	while (strncmp(out, start, strlen(start)) != 0);
}

static void environment(int watchdog_ms)
{
	char name[64], usec[32];

	snprintf(name, sizeof(name), "@fg-notify-%ld", (long)getpid());
	systemd_listen(name);
	unsetenv("WATCHDOG_PID");
	unsetenv("WATCHDOG_USEC");
	snprintf(usec, sizeof(usec), "%d000", watchdog_ms);
	if (watchdog_ms > 0)
		setenv("WATCHDOG_USEC", usec, 1);
}

START_TEST(test_a_life)
{
	char text[512];
	struct rig rig;

	environment(0);
	rig_init(&rig, 2);
	rig_start(&rig);
	await_heard("READY=1", text, sizeof(text));
	ck_assert_str_eq(text, "READY=1");
	await_heard("STATUS=", text, sizeof(text));
	ck_assert_ptr_nonnull(strstr(text, "2 idle"));
	rig_signal(&rig, SIGTERM);
	await_heard("STOPPING=1", text, sizeof(text));
	/* 30 s of grace, and what comes after it. */
	ck_assert_ptr_nonnull(strstr(text, "\nEXTEND_TIMEOUT_USEC=37000000"));
	ck_assert_int_eq(rig_end(&rig), 0);
}
END_TEST

/* What never got ready does not say so. */
START_TEST(test_no_ready_without_workers)
{
	char text[512];
	struct rig rig;

	environment(WATCHDOG_MS);
	rig_init(&rig, 1);
	RIG_SET(rig.stage->how_to_open, RIG_OPEN_FAILS);
	rig_launch(&rig);
	RIG_AWAIT(rig_lines(rig.log, "no tea today") > 1);
	ck_assert(!heard_within(text, sizeof(text), 0));
	rig_signal(&rig, SIGTERM);
	await_heard("STOPPING=1", text, sizeof(text));
	ck_assert_int_eq(rig_end(&rig), 0);
}
END_TEST

START_TEST(test_a_start_that_failed_says_why)
{
	char text[512];
	struct rig rig;

	environment(0);
	rig_init(&rig, 1);
	rig.conf.user = "nobody-of-that-name";
	rig_launch(&rig);
	await_heard("STATUS=", text, sizeof(text));
	ck_assert_ptr_nonnull(strstr(text, "nobody-of-that-name"));
	(void)rig_end(&rig);
}
END_TEST

START_TEST(test_watchdog_is_fed)
{
	char text[512];
	int64_t before_ns;
	struct rig rig;

	environment(WATCHDOG_MS);
	rig_init(&rig, 1);
	rig_start(&rig);
	await_heard("WATCHDOG=1", text, sizeof(text));
	before_ns = mono_ns();
	for (int i = 0; i < 5; i++)
		await_heard("WATCHDOG=1", text, sizeof(text));
	/* At half the time, not in a busy loop. */
	ck_assert_int_ge(
	    mono_ns() - before_ns, 4 * (WATCHDOG_MS / 2) * NS_PER_MS);
	rig_stop(&rig);
}
END_TEST

START_TEST(test_a_crash_loop_is_in_the_status)
{
	struct rig_answer answer;
	char text[900];
	struct rig rig;

	environment(0);
	rig_init(&rig, 2);
	rig.conf.crash_threshold = 2;
	rig.conf.crash_interval_ms = 1500;
	rig_start(&rig);
	for (int i = 0; i < 2; i++) {
		int fd = rig_connect(&rig);

		rig_send(fd, "crash");
		ck_assert(!rig_receive(fd, &answer));
		close(fd);
	}
	await_heard(
	    "STATUS=crash loop: 2 children of worker died", text, sizeof(text));
	ck_assert_ptr_nonnull(strstr(text, "the last by signal 9"));
	ck_assert_ptr_nonnull(strstr(text, " busy, "));
	/* And again when it is over. */
	RIG_AWAIT(rig_lines(rig.log, "the crash loop is over") == 1);
	await_heard("STATUS=0 busy", text, sizeof(text));
	rig_stop(&rig);
}
END_TEST

/* The only worker hangs: the loop turns, but the service is of no use. */
/* pm = ondemand, and nobody is needed. */
START_TEST(test_watchdog_is_fed_while_nobody_is_there)
{
	char text[512];
	struct rig rig;

	environment(WATCHDOG_MS);
	rig_init(&rig, 1);
	rig.groups[0].size =
	    (struct pool_size){.manager = POOL_ONDEMAND, .idle_ms = 1000};
	rig_start(&rig);
	for (int i = 0; i < 3; i++)
		await_heard("WATCHDOG=1", text, sizeof(text));
	ck_assert_int_eq(RIG_GET(rig.stage->births), 0);
	rig_stop(&rig);
}
END_TEST

START_TEST(test_watchdog_starves_with_the_workers)
{
	char text[512];
	struct rig rig;
	unsigned before;
	int fd, held;

	environment(WATCHDOG_MS);
	rig_init(&rig, 1);
	rig_start(&rig);
	await_heard("WATCHDOG=1", text, sizeof(text));
	held = rig_connect(&rig);
	rig_send(held, "hold");
	RIG_AWAIT(RIG_GET(rig.stage->held) == 1);
	before = rig_lines(rig.log, "watchdog is not fed");
	RIG_AWAIT(rig_lines(rig.log, "watchdog is not fed") > before);
	while (heard_within(text, sizeof(text), 0))
		;
	ck_assert(!heard_within(text, sizeof(text), 2 * WATCHDOG_MS));
	/* And lives again. */
	RIG_SET(rig.stage->release, 1);
	await_heard("WATCHDOG=1", text, sizeof(text));
	close(held);
	fd = rig_connect(&rig);
	close(fd);
	rig_stop(&rig);
}
END_TEST

START_TEST(test_watchdog_of_somebody_else)
{
	struct notify notify;
	struct notify_facts facts = {.alive = 1, .now_ns = INT64_MAX / 2};

	environment(WATCHDOG_MS);
	setenv("WATCHDOG_PID", "1", 1);
	pool_notify_open(&notify);
	ck_assert_int_ge(notify.fd, 0);
	ck_assert_int_eq(notify.watchdog_ns, 0);
	ck_assert(pool_notify_turn(&notify, &facts) == INT64_MAX);
	pool_notify_close(&notify);
}
END_TEST

START_TEST(test_reloading_has_a_time)
{
	long long usec = 0;
	struct notify notify;
	char text[512];

	environment(0);
	pool_notify_open(&notify);
	/* A start that is not done yet is no reload, whoever asks for one. */
	pool_notify_reloading(&notify);
	pool_notify_reloaded(&notify);
	pool_notify_ready(&notify);
	await_heard("READY=1", text, sizeof(text));
	pool_notify_reloading(&notify);
	await_heard("RELOADING=1", text, sizeof(text));
	ck_assert_int_eq(
	    sscanf(text, "RELOADING=1\nMONOTONIC_USEC=%lld", &usec), 1);
	ck_assert_int_le(usec, mono_ns() / 1000);
	ck_assert_int_gt(usec, mono_ns() / 1000 - INT64_C(60000000));
	pool_notify_reloaded(&notify);
	await_heard("READY=1", text, sizeof(text));
	pool_notify_close(&notify);
}
END_TEST

/* A store's words are no variables of systemd's. */
START_TEST(test_a_status_is_one_line)
{
	struct notify notify;
	char text[512], longest[2000];

	environment(0);
	pool_notify_open(&notify);
	pool_notify_status(&notify, "said:\nMAINPID=1\r\t\xff\xc3\xa4.");
	ck_assert(heard_within(text, sizeof(text), RIG_PATIENCE_MS));
	ck_assert_str_eq(text, "STATUS=said: MAINPID=1  ???.");
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	pool_notify_status(&notify, longest);
	ck_assert(heard_within(text, sizeof(text), RIG_PATIENCE_MS));
	ck_assert_int_eq(strncmp(text, "STATUS=xxx", 10), 0);
	ck_assert_uint_gt(strlen(text), 400);
	pool_notify_close(&notify);
}
END_TEST

static const char *const nowhere[] = {
    NULL, "", "relative", "@", "/nonexistent/fg/notify"};

START_TEST(test_nobody_listens)
{
	struct notify notify;

	unsetenv("NOTIFY_SOCKET");
	if (nowhere[_i] != NULL)
		setenv("NOTIFY_SOCKET", nowhere[_i], 1);
	pool_notify_open(&notify);
	ck_assert_int_eq(notify.fd, -1);
	pool_notify_ready(&notify);
	pool_notify_status(&notify, "all is well");
	pool_notify_stopping(&notify, 1);
	pool_notify_close(&notify);
}
END_TEST

TESTS_MAIN("pool/notify", UNIT_SLOW("life", test_a_life, 60),
    UNIT_SLOW("not_ready", test_no_ready_without_workers, 60),
    UNIT_SLOW("failed", test_a_start_that_failed_says_why, 60),
    UNIT_SLOW("watchdog", test_watchdog_is_fed, 60),
    UNIT_SLOW("resting", test_watchdog_is_fed_while_nobody_is_there, 30),
    UNIT_SLOW("starving", test_watchdog_starves_with_the_workers, 60),
    UNIT("watchdog_pid", test_watchdog_of_somebody_else),
    UNIT_SLOW("crash_loop", test_a_crash_loop_is_in_the_status, 60),
    UNIT("reloading", test_reloading_has_a_time),
    UNIT("one_line", test_a_status_is_one_line),
    UNIT_TABLE("nobody", test_nobody_listens, ARRAY_LEN(nowhere)))
