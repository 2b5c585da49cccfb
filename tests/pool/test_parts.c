/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool's small parts: the table of connections, reports, users and groups, the pid file, pool_peer_gone().
 */
#include "config.h"

#include "unit.h"

#include "pool/board.h"
#include "pool/conns.h"
#include "pool/ident.h"
#include "pool/master.h"
#include "pool/pidfile.h"
#include "pool/pool.h"
#include "pool/report.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- connections --------------------------------------------------------- */

START_TEST(test_conns_move_between_lists)
{
	struct conns conns;
	struct conn *a, *b, *c;

	ck_assert(pool_conns_init(&conns, 3));
	a = pool_conns_add(&conns, 10, 100);
	b = pool_conns_add(&conns, 11, 200);
	c = pool_conns_add(&conns, 12, 300);
	ck_assert_ptr_nonnull(c);
	ck_assert_ptr_null(pool_conns_add(&conns, 13, 400));
	ck_assert_uint_eq(pool_conns_count(&conns, CONN_WAITING), 3);
	ck_assert_ptr_eq(pool_conns_oldest(&conns, CONN_WAITING), a);
	ck_assert_ptr_eq(pool_conns_newer(&conns, a), b);

	/* Use makes young. */
	pool_conns_keep(&conns, a);
	pool_conns_keep(&conns, b);
	pool_conns_keep(&conns, a);
	ck_assert_ptr_eq(pool_conns_oldest(&conns, CONN_KEPT), b);
	ck_assert_ptr_eq(pool_conns_newer(&conns, b), a);
	ck_assert_ptr_null(pool_conns_newer(&conns, a));
	ck_assert_ptr_eq(pool_conns_oldest(&conns, CONN_WAITING), c);

	pool_conns_forget(&conns, b);
	pool_conns_forget(&conns, c);
	pool_conns_forget(&conns, a);
	ck_assert_uint_eq(pool_conns_count(&conns, CONN_FREE), 3);
	ck_assert_ptr_null(pool_conns_oldest(&conns, CONN_KEPT));
	pool_conns_fini(&conns);
}
END_TEST

START_TEST(test_conns_stale_tag_finds_nothing)
{
	struct conns conns;
	struct conn *conn;
	uint64_t tag, old;

	ck_assert(pool_conns_init(&conns, 1));
	conn = pool_conns_add(&conns, 10, 100);
	tag = pool_conns_tag(&conns, conn);
	ck_assert_uint_ge(tag, UINT64_C(1) << 32);
	ck_assert_ptr_eq(pool_conns_find(&conns, tag), conn);
	pool_conns_keep(&conns, conn);
	ck_assert_ptr_eq(pool_conns_find(&conns, tag), conn);
	pool_conns_forget(&conns, conn);
	ck_assert_ptr_null(pool_conns_find(&conns, tag));
	/* The same slot, the same descriptor, another connection. */
	old = tag;
	conn = pool_conns_add(&conns, 10, 100);
	ck_assert_ptr_null(pool_conns_find(&conns, old));
	ck_assert_ptr_eq(
	    pool_conns_find(&conns, pool_conns_tag(&conns, conn)), conn);
	ck_assert_ptr_null(pool_conns_find(&conns, 0));
	ck_assert_ptr_null(pool_conns_find(&conns, UINT64_MAX));
	/* The serial comes round without ever being 0. */
	conn->serial = UINT32_MAX;
	pool_conns_forget(&conns, conn);
	conn = pool_conns_add(&conns, 10, 100);
	ck_assert_uint_eq(conn->serial, 1);
	pool_conns_fini(&conns);
}
END_TEST

START_TEST(test_conns_random_walk_keeps_the_lists_whole)
{
	struct conns conns;
	unsigned seed = 20261122;

	ck_assert(pool_conns_init(&conns, 17));
	for (int i = 0; i < 20000; i++) {
		uint32_t index = (uint32_t)rand_r(&seed) % conns.size;
		struct conn *conn = &conns.slots[index];
		uint32_t n = 0;

		if (rand_r(&seed) % 3 == 0)
			(void)!pool_conns_add(&conns, i, i);
		else if (conn->state != CONN_FREE && rand_r(&seed) % 2 == 0)
			pool_conns_keep(&conns, conn);
		else if (conn->state != CONN_FREE)
			pool_conns_forget(&conns, conn);
		for (int state = 0; state < CONN_STATE_COUNT; state++) {
			uint32_t length = 0;

			for (conn = pool_conns_oldest(&conns, state);
			     conn != NULL;
			     conn = pool_conns_newer(&conns, conn)) {
				ck_assert_int_eq(conn->state, state);
				ck_assert_uint_le(++length, conns.size);
			}
			ck_assert_uint_eq(
			    length, pool_conns_count(&conns, state));
			n += length;
		}
		ck_assert_uint_eq(n, conns.size);
	}
	pool_conns_fini(&conns);
}
END_TEST

/* ---- reports ------------------------------------------------------------- */

START_TEST(test_report_full_pipe_is_no_block)
{
	struct report report = {REPORT_READY, 3, 7, 4711, 0};
	struct report got;
	int fds[2];
	unsigned sent = 0, received = 0;

	ck_assert_int_eq(pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0);
	ck_assert(!pool_report_receive(fds[0], &got));
	/* Nobody reads: room ends, and the sender gets on with its life. */
	while (pool_report_send(fds[1], &report))
		sent++;
	ck_assert_uint_ge(sent, 256);
	while (pool_report_receive(fds[0], &got)) {
		received++;
		ck_assert_mem_eq(&got, &report, sizeof(got));
	}
	ck_assert_uint_eq(received, sent);
	/* A short record is nonsense, not a report. */
	ck_assert_int_eq(write(fds[1], "short", 5), 5);
	ck_assert(!pool_report_receive(fds[0], &got));
	/* The reader is gone. */
	signal(SIGPIPE, SIG_IGN);
	close(fds[0]);
	ck_assert(!pool_report_send(fds[1], &report));
	close(fds[1]);
}
END_TEST

/* One group of two; child 0 is alive, child 1 is not. */
static void master_make(struct master *master, struct master_child children[2],
    const struct pool_group *group)
{
	*master = (struct master){.children = children, .nchildren = 2};
	master->heritage.board = pool_board_new(
	    &(struct board_size){.ngroups = 1, .nslots = 2, .area_bytes = 0});
	ck_assert_ptr_nonnull(master->heritage.board);
	master->serving = &master->generations[0];
	master->other = &master->generations[1];
	master->serving->groups[0] =
	    (struct master_group){.conf = group, .alive = 1, .starting = 1};
	pool_policy_init(&master->serving->groups[0].policy);
	children[0] = (struct master_child){
	    .pid = 4711, .birth = {.slot = 0, .serial = 7}};
	children[1] = (struct master_child){.birth = {.slot = 1}};
}

static const struct report gossip[] = {
    {REPORT_READY, 0, 6, 4711, 0}, /* who had the slot before */
    {REPORT_READY, 0, 7, 4710, 0},
    {REPORT_READY, 1, 7, 4711, 0},
    {REPORT_READY, 1, 0, 0, 0}, /* nobody's slot */
    {REPORT_READY, 2, 7, 4711, 0},
    {REPORT_READY, UINT32_MAX, 7, 4711, 0},
    {0, 0, 7, 4711, 0},
    {77, 0, 7, 4711, 0},
    {REPORT_WORN, 0, 6, 4711, BOARD_CAUSE_MAX_RSS},
    {REPORT_WORN, 1, 7, 4711, BOARD_CAUSE_MAX_RSS},
    /* Who is worn out has been used up: nothing else is a reason. */
    {REPORT_WORN, 0, 7, 4711, BOARD_CAUSE_NONE},
    {REPORT_WORN, 0, 7, 4711, BOARD_CAUSE_TERMINATE},
    {REPORT_WORN, 0, 7, 4711, BOARD_CAUSE_CRASH},
    {REPORT_WORN, 0, 7, 4711, BOARD_CAUSE_COUNT},
    {REPORT_WORN, 0, 7, 4711, UINT32_MAX},
};

START_TEST(test_report_is_gossip_until_it_fits)
{
	static const struct pool_group group = {
	    .name = "worker", .max_children = 2};
	struct report report = {REPORT_READY, 0, 7, 4711, 0};
	struct master_child children[2];
	struct master master;

	master_make(&master, children, &group);
	for (size_t i = 0; i < ARRAY_LEN(gossip); i++) {
		pool_spawn_heard(&master, &gossip[i]);
		ck_assert(!children[0].ready && !children[0].leaving);
		ck_assert(!children[1].ready && !children[1].leaving);
		ck_assert(!children[0].worn && !children[1].worn);
		ck_assert_uint_eq(master.serving->groups[0].starting, 1);
	}
	/* The truth counts, and counts once. */
	for (int i = 0; i < 2; i++) {
		pool_spawn_heard(&master, &report);
		ck_assert(children[0].ready);
		ck_assert_uint_eq(master.serving->groups[0].starting, 0);
	}
	report.kind = REPORT_WORN;
	report.cause = BOARD_CAUSE_MAX_LIFETIME;
	pool_spawn_heard(&master, &report);
	ck_assert_int_eq(children[0].worn, BOARD_CAUSE_MAX_LIFETIME);
	ck_assert_int_gt(children[0].worn_ns, 0);
	report.kind = REPORT_LEAVING;
	pool_spawn_heard(&master, &report);
	ck_assert(children[0].leaving);
	pool_board_free(&master.heritage.board);
}
END_TEST

START_TEST(test_burial_of_a_stranger_is_none)
{
	static const struct pool_group group = {
	    .name = "worker", .max_children = 2};
	struct master_child children[2];
	struct board_deaths deaths;
	struct master master;

	master_make(&master, children, &group);
	children[0].leaving = true;
	master.stop.state = STOP_GRACEFUL;
	pool_spawn_bury(&master, 4712, 0);
	ck_assert_uint_eq(master.serving->groups[0].alive, 1);
	pool_spawn_bury(&master, 4711, 0);
	ck_assert_uint_eq(master.serving->groups[0].alive, 0);
	ck_assert_uint_eq(master.serving->groups[0].starting, 0);
	ck_assert_int_eq(children[0].pid, 0);
	pool_board_deaths(master.heritage.board, 0, &deaths);
	ck_assert_uint_eq(deaths.by_exit[0], 1);
	/* It was not ready; but nobody waited for it any more. */
	ck_assert_uint_eq(deaths.stillborn, 0);
	ck_assert_uint_eq(deaths.by_cause[BOARD_CAUSE_STOP], 1);
	pool_board_free(&master.heritage.board);
}
END_TEST

/* ---- users and groups ---------------------------------------------------- */

START_TEST(test_ident_names_and_numbers)
{
	struct err err = ERR_INIT;
	struct ident ident;
	uid_t uid;
	gid_t gid;

	ck_assert(pool_ident_uid("root", &uid, &err));
	ck_assert_uint_eq(uid, 0);
	ck_assert(pool_ident_uid("4000000000", &uid, &err));
	ck_assert_uint_eq(uid, 4000000000u);
	ck_assert(pool_ident_gid("12", &gid, &err));
	ck_assert_uint_eq(gid, 12);
	ck_assert(!pool_ident_uid("no such user", &uid, &err));
	ck_assert_str_eq(err.text, "there is no user no such user");
	ck_assert(!pool_ident_gid("no such group", &gid, &err));
	ck_assert_str_eq(err.text, "there is no group no such group");
	/* (uid_t)-1 would mean "change nothing". */
	ck_assert(!pool_ident_uid("4294967295", &uid, &err));

	ck_assert(pool_ident_resolve(&ident, NULL, NULL, &err));
	ck_assert(!ident.user_set && !ident.group_set);
	ck_assert(pool_ident_resolve(&ident, "root", NULL, &err));
	ck_assert(ident.user_set && ident.group_set);
	ck_assert_uint_eq(ident.gid, 0);
	ck_assert_uint_ge(ident.ngroups, 1);
	ck_assert(pool_ident_resolve(&ident, "root", "12", &err));
	ck_assert_uint_eq(ident.gid, 12);
	ck_assert(pool_ident_resolve(&ident, NULL, "12", &err));
	ck_assert(!ident.user_set && ident.group_set);
	ck_assert_uint_eq(ident.groups[0], 12);
	/* A bare number has no group of its own. */
	ck_assert(!pool_ident_resolve(&ident, "3999999999", NULL, &err));
	ck_assert_ptr_nonnull(strstr(err.text, "set the group too"));
	ck_assert(pool_ident_resolve(&ident, "3999999999", "12", &err));
	ck_assert_uint_eq(ident.ngroups, 1);
}
END_TEST

START_TEST(test_ident_drop_is_for_good)
{
	struct err err = ERR_INIT;
	struct ident ident;
	int status;
	pid_t pid;

	if (geteuid() != 0)
		return; /* only root has something to drop */
	ck_assert(pool_ident_resolve(&ident, "65534", "65533", &err));
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		gid_t groups[8];

		if (!pool_ident_drop(&ident, &err) || getuid() != 65534 ||
		    geteuid() != 65534 || getgid() != 65533 ||
		    getegid() != 65533)
			_exit(1);
		for (int n = getgroups(8, groups); n > 0; n--)
			if (groups[n - 1] == 0)
				_exit(2);
		if (setuid(0) == 0 || setgid(0) == 0)
			_exit(3);
		/* What is dropped cannot be dropped to somebody else. */
		ident.uid = 1;
		_exit(pool_ident_drop(&ident, &err) ? 4 : 0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
END_TEST

/* ---- the pid file -------------------------------------------------------- */

START_TEST(test_pidfile)
{
	char dir[] = "/tmp/fg-pool.XXXXXX";
	char path[64], draft[64], text[32] = "";
	struct err err = ERR_INIT;
	struct stat st;
	FILE *file;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/pid", dir);
	snprintf(draft, sizeof(draft), "%s/pid.new", dir);
	/* A link left at the draft's name is not written through. */
	ck_assert_int_eq(symlink("/etc/passwd", draft), 0);
	ck_assert_msg(pool_pidfile_write(path, &err), "%s", err.text);
	ck_assert_int_ne(lstat(draft, &st), 0);
	file = fopen(path, "r");
	ck_assert_ptr_nonnull(file);
	ck_assert_ptr_nonnull(fgets(text, sizeof(text), file));
	fclose(file);
	ck_assert_int_eq(strtol(text, NULL, 10), getpid());
	ck_assert_ptr_nonnull(strchr(text, '\n'));

	/* Somebody else's stays. */
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	fprintf(file, "1\n");
	fclose(file);
	pool_pidfile_remove(path);
	ck_assert_int_eq(lstat(path, &st), 0);
	ck_assert(pool_pidfile_write(path, &err));
	pool_pidfile_remove(path);
	ck_assert_int_ne(lstat(path, &st), 0);
	pool_pidfile_remove(path);

	ck_assert_int_eq(rmdir(dir), 0);
	ck_assert(!pool_pidfile_write(path, &err));
	ck_assert_int_eq(err.code, ENOENT);
	ck_assert_ptr_nonnull(strstr(err.text, path));
}
END_TEST

/* ---- pool_peer_gone ------------------------------------------------------ */

START_TEST(test_peer_gone)
{
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	ck_assert(!pool_peer_gone(fds[0]));
	ck_assert_int_eq(write(fds[1], "x", 1), 1);
	ck_assert(!pool_peer_gone(fds[0]));
	/* Gone, though there still is something to read. */
	close(fds[1]);
	ck_assert(pool_peer_gone(fds[0]));
	close(fds[0]);
	ck_assert(pool_peer_gone(fds[0]));
}
END_TEST

TESTS_MAIN("pool/parts", UNIT("conns_lists", test_conns_move_between_lists),
    UNIT("conns_tags", test_conns_stale_tag_finds_nothing),
    UNIT("conns_walk", test_conns_random_walk_keeps_the_lists_whole),
    UNIT("report", test_report_full_pipe_is_no_block),
    UNIT("gossip", test_report_is_gossip_until_it_fits),
    UNIT("stranger", test_burial_of_a_stranger_is_none),
    UNIT("ident", test_ident_names_and_numbers),
    UNIT("drop", test_ident_drop_is_for_good), UNIT("pidfile", test_pidfile),
    UNIT("peer_gone", test_peer_gone))
