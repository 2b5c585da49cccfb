/* SPDX-License-Identifier: Apache-2.0 */
/* pool: connections that go from child to child, and outlive them. */
#include "config.h"

#include "unit.h"

#include "pool/handover.h"
#include "pool/rig.h"
#include "pool/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- the parts ------------------------------------------------------------ */

static const struct {
	unsigned held, others, idle, surplus;
} surplus_rows[] = {
    {0, 0, 0, 0},
    {0, 0, 4, 0},
    {0, 2, 4, 0}, /* who comes in belongs to nobody: no need to hand it on */
    {1, 0, 4, 0}, /* one stays */
    {1, 1, 4, 1}, /* or comes in, and then none stays */
    {1, 1, 0, 0},
    {2, 0, 4, 1},
    {5, 0, 4, 4},
    {5, 0, 2, 2},
    {5, 1, 9, 5},
    {32, 2, 200, 32},
};

START_TEST(test_surplus)
{
	ck_assert_uint_eq(pool_handover_surplus(surplus_rows[_i].held,
			      surplus_rows[_i].others, surplus_rows[_i].idle),
	    surplus_rows[_i].surplus);
}
END_TEST

START_TEST(test_a_gift_is_the_same_connection)
{
	struct handover pass = HANDOVER_NONE;
	struct err err = ERR_INIT;
	int64_t deadline_ns;
	int pair[2], taken;
	char byte = 0;

	ck_assert(pool_handover_open(&pass, &err));
	ck_assert_int_eq(pool_handover_take(&pass, &deadline_ns), -1);
	ck_assert_int_eq(errno, EAGAIN);

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ck_assert(pool_handover_give(&pass, pair[0], HANDOVER_USED));
	ck_assert(pool_handover_give(&pass, pair[0], 4711));
	close(pair[0]);
	taken = pool_handover_take(&pass, &deadline_ns);
	ck_assert_int_ge(taken, 0);
	ck_assert_int_eq(deadline_ns, HANDOVER_USED);
	ck_assert_int_eq(fcntl(taken, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(write(taken, "x", 1), 1);
	ck_assert_int_eq(read(pair[1], &byte, 1), 1);
	ck_assert_int_eq(byte, 'x');
	close(taken);
	taken = pool_handover_take(&pass, &deadline_ns);
	ck_assert_int_eq(deadline_ns, 4711);
	close(taken);
	/* The last descriptor: now the peer sees the end. */
	ck_assert_int_eq(read(pair[1], &byte, 1), 0);
	close(pair[1]);
	pool_handover_close(&pass);
}
END_TEST

/* What does not fit is refused at once, and stays with the giver. */
START_TEST(test_a_full_socket_refuses)
{
	struct handover pass = HANDOVER_NONE;
	struct err err = ERR_INIT;
	int64_t deadline_ns;
	unsigned n = 0, back = 0;
	int fd;

	ck_assert(pool_handover_open(&pass, &err));
	while (n < 100000 && pool_handover_give(&pass, STDIN_FILENO, n))
		n++;
	ck_assert_uint_ge(n, 100); /* at least a child's connections */
	ck_assert_uint_lt(n, 100000);
	while ((fd = pool_handover_take(&pass, &deadline_ns)) >= 0) {
		ck_assert_int_eq(deadline_ns, back++);
		close(fd);
	}
	ck_assert_uint_eq(back, n);
	pool_handover_close(&pass);
}
END_TEST

/* ---- in a pool -------------------------------------------------------------- */

#define BIRTHS 10 /* of children that replace others */
#define CONNS  8

/* So many kept connections, spread over the children; whose each is. */
static void connect_all(struct rig *rig, int fds[CONNS], pid_t pids[CONNS])
{
	for (int i = 0; i < CONNS; i++) {
		int idles = RIG_GET(rig->stage->idles);

		fds[i] = rig_connect(rig);
		pids[i] = rig_ask_on(fds[i], "pid");
		ck_assert_int_gt(pids[i], 0);
		RIG_AWAIT(RIG_GET(rig->stage->idles) > idles);
	}
}

static void close_all(int fds[CONNS])
{
	for (int i = 0; i < CONNS; i++)
		close(fds[i]);
}

START_TEST(test_who_is_busy_shares_with_who_is_idle)
{
	struct rig rig;
	struct rig_answer answer;
	int fds[CONNS], own[3], n = 0;
	pid_t pids[CONNS];

	rig_init(&rig, 2);
	rig.conf.control_timeout_ms = 300;
	rig_start(&rig);
	connect_all(&rig, fds, pids);
	/* 8 over two children: one has at least 4. */
	for (int i = 0; i < CONNS && n < 3; i++)
		if (pids[i] == pids[0])
			own[n++] = fds[i];
	if (n < 3)
		n = 0;
	for (int i = 0; i < CONNS && n < 3; i++)
		if (pids[i] != pids[0])
			own[n++] = fds[i];
	/* While their owner is busy two of its connections speak, and the first
	 * of them it will never be done with. */
	rig_send(own[0], "hold");
	RIG_AWAIT(RIG_GET(rig.stage->held) == 1);
	rig_send(own[1], "hang");
	rig_send(own[2], "pid");
	RIG_SET(rig.stage->release, 1);
	ck_assert(rig_receive(own[0], &answer));
	RIG_AWAIT(RIG_GET(rig.stage->held) == 2);
	{
		pid_t busy = answer.pid;

		ck_assert(rig_receive(own[2], &answer));
		ck_assert_int_ne(answer.pid, busy);
		/* It has moved: the next one is not pinned either. */
		ck_assert_int_eq(rig_ask_on(own[2], "pid"), answer.pid);
	}
	ck_assert_int_gt(rig_ask(&rig, "pid"), 0);
	close_all(fds);
	rig_stop(&rig);
}
END_TEST

START_TEST(test_kept_connections_outlive_their_child)
{
	struct rig rig;
	struct rig_answer answer;
	int fds[CONNS], silent;
	pid_t pids[CONNS], gone[2] = {0};

	rig_init(&rig, 2);
	rig_start(&rig);
	connect_all(&rig, fds, pids);
	silent = rig_connect(&rig);
	for (int i = 0; i < 2; i++) {
		gone[i] = rig_pid(&rig, i);
		ck_assert_int_eq(kill(gone[i], SIGNALS_RETIRE_NUMBER), 0);
		/* Also amid the change. */
		for (int k = 0; k < CONNS; k++)
			ck_assert_int_gt(rig_ask_on(fds[k], "pid"), 0);
		RIG_AWAIT(RIG_GET(rig.stage->opens) == 3 + i);
		RIG_AWAIT(RIG_GET(rig.stage->closes) == 1 + i);
	}
	for (int i = 0; i < CONNS; i++) {
		pid_t pid = rig_ask_on(fds[i], "pid");

		ck_assert(pid > 0 && pid != gone[0] && pid != gone[1]);
		ck_assert(!rig_is_closed(fds[i]));
	}
	rig_send(silent, "pid");
	ck_assert(rig_receive(silent, &answer));
	close(silent);
	close_all(fds);
	rig_stop(&rig);
}
END_TEST

/* A front end never sees a close that it has not asked for. */
START_TEST(test_recycling_closes_no_kept_connection)
{
	int64_t end_ns = deadline_in_ms(RIG_PATIENCE_MS);
	struct rig rig;
	int fds[CONNS];
	pid_t pids[CONNS];

	rig_init(&rig, 3);
	rig.groups[0].max_requests = 10;
	rig_start(&rig);
	connect_all(&rig, fds, pids);
	/* A child goes when its replacement is there, however long that takes. */
	for (int round = 0;
	     round < 30 || RIG_GET(rig.stage->births) < 3 + BIRTHS; round++) {
		struct rig_answer answer;

		ck_assert(mono_ns() < end_ns);

		for (int i = 0; i < CONNS; i++)
			rig_send(fds[i], "pid");
		for (int i = 0; i < CONNS; i++)
			ck_assert_msg(rig_receive(fds[i], &answer),
			    "connection %d was closed in round %d", i, round);
	}
	close_all(fds);
	rig_stop(&rig);
}
END_TEST

/* Where all leave, nothing is left lying between them. */
START_TEST(test_a_stop_leaves_no_gift_behind)
{
	struct rig rig;
	int fds[CONNS];
	pid_t pids[CONNS];

	rig_init(&rig, 4);
	rig_start(&rig);
	connect_all(&rig, fds, pids);
	rig_signal(&rig, SIGTERM);
	for (int i = 0; i < CONNS; i++)
		RIG_AWAIT(rig_is_closed(fds[i]));
	ck_assert_int_eq(rig_end(&rig), 0);
	close_all(fds);
}
END_TEST

/* As many front ends have it: 256 kept connections, 16 children. */
START_TEST(test_many_kept_connections_all_progress)
{
	enum {
		MANY = 256,
		TURNS = 4000
	};
	struct rig rig;
	struct rig_answer answer;
	unsigned served[MANY] = {0}, least = TURNS;
	unsigned seed = 20261122;
	int fds[MANY];

	rig_init(&rig, 16);
	rig_start(&rig);
	for (int i = 0; i < MANY; i++)
		fds[i] = rig_connect(&rig);
	/* Bursts of up to all of them, each time others. */
	for (unsigned turn = 0; turn < TURNS;) {
		unsigned from = (seed = seed * 1103515245 + 12345) >> 16;
		unsigned n = 1 + (from >> 4) % MANY;

		for (unsigned i = 0; i < n; i++)
			rig_send(fds[(from + i) % MANY], "pid");
		for (unsigned i = 0; i < n; i++) {
			ck_assert(rig_receive(fds[(from + i) % MANY], &answer));
			served[(from + i) % MANY]++;
		}
		turn += n;
	}
	for (int i = 0; i < MANY; i++) {
		if (served[i] < least)
			least = served[i];
		close(fds[i]);
	}
	ck_assert_uint_ge(least, 1);
	ck_assert_int_eq(RIG_GET(rig.stage->births), 16);
	rig_stop(&rig);
}
END_TEST

TESTS_MAIN("pool/sharing",
    UNIT_TABLE("surplus", test_surplus, ARRAY_LEN(surplus_rows)),
    UNIT("gift", test_a_gift_is_the_same_connection),
    UNIT("full", test_a_full_socket_refuses),
    UNIT_SLOW("shares", test_who_is_busy_shares_with_who_is_idle, 60),
    UNIT_SLOW("inherited", test_kept_connections_outlive_their_child, 60),
    UNIT_SLOW("recycling", test_recycling_closes_no_kept_connection, 60),
    RIG_TABLE("stop", test_a_stop_leaves_no_gift_behind, 5),
    UNIT_SLOW("many", test_many_kept_connections_all_progress, 120))
