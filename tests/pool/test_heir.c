/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool: a master that is to follow another one.  The test plays that other: it
 * has made the board, and holds its end of the link.
 */
#include "config.h"

#include "unit.h"

#include "pool/rig.h"

#include "pool/board.h"
#include "pool/legacy.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Two workers and one to replace them, twice: two generations. */
#define SLOTS 6
/* The first of the half that the former program's children have. */
#define SLOT_THEIRS 3

struct former {
	struct rig rig;
	struct board *board;
	int link_fd;
	struct legacy legacy;
};

/* In the process that becomes the heir. */
static void leave(struct rig *rig)
{
	const struct former *former = rig->with;

	close(former->link_fd);
	ck_assert(pool_legacy_leave(&former->legacy));
}

static void former_init(struct former *former)
{
	const struct board_size size = {.ngroups = 1, .nslots = SLOTS};
	int ends[2];

	memset(former, 0, sizeof(*former));
	rig_init(&former->rig, 2);
	rig_add_reloader(&former->rig);
	former->board = pool_board_new(&size);
	ck_assert_ptr_nonnull(former->board);
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	former->link_fd = ends[0];
	former->legacy = (struct legacy){.link_fd = ends[1],
	    .board_fd = pool_board_fd(former->board),
	    .generation = 7,
	    .births = 30};
	former->rig.before = leave;
	former->rig.with = former;
}

/* Until it has said that it is ready. */
static void heir_start(struct former *former)
{
	char word[16] = "";

	rig_launch(&former->rig);
	close(former->legacy.link_fd);
	ck_assert_int_eq(recv(former->link_fd, word, sizeof(word) - 1, 0), 5);
	ck_assert_str_eq(word, LEGACY_READY);
}

static void heir_serves(struct former *former)
{
	ck_assert_int_eq(
	    send(former->link_fd, LEGACY_YOURS, 5, MSG_NOSIGNAL), 5);
	RIG_AWAIT(RIG_GET(former->rig.stage->ready) == 1);
}

static void former_end(struct former *former)
{
	rig_stop(&former->rig);
	close(former->link_fd);
	pool_board_free(&former->board);
}

static struct board_view theirs_view(const struct former *former)
{
	struct board_view view;

	pool_board_view(former->board, SLOT_THEIRS, &view);
	return view;
}

/* A child of the former program, at a request still. */
static pid_t theirs_begin(struct former *former)
{
	struct board_slot *slot = pool_board_slot(former->board, SLOT_THEIRS);
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			rig_pause_ms(1000);
	ck_assert_int_gt(pid, 0);
	pool_board_born(
	    slot, &(struct board_birth){.serial = 3, .generation = 7});
	pool_board_set_pid(slot, pid);
	pool_board_set_state(slot, BOARD_BUSY);
	return pid;
}

static void theirs_end(pid_t pid)
{
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

/* Long enough for several turns of the master. */
static void turns_pass(const struct former *former)
{
	for (int i = 0; i < 20; i++) {
		ck_assert_int_gt(rig_ask(&former->rig, "pid"), 0);
		rig_pause_ms(10);
	}
}

/*
 * The places of the next generation are those that the former program's children
 * have until they are gone: two children in one place would count into each
 * other's numbers, and who is buried last takes the other off the board.
 */
START_TEST(test_a_reload_waits_for_the_children_of_the_former_program)
{
	struct former former;
	pid_t theirs;

	former_init(&former);
	theirs = theirs_begin(&former);
	heir_start(&former);
	heir_serves(&former);
	rig_signal(&former.rig, SIGUSR2);
	turns_pass(&former);
	ck_assert_int_eq(RIG_GET(former.rig.stage->makes), 0);
	ck_assert_int_eq(theirs_view(&former).pid, theirs);
	theirs_end(theirs);
	RIG_AWAIT(RIG_GET(former.rig.stage->ended) == 1);
	ck_assert(!RIG_GET(former.rig.stage->failed));
	ck_assert_uint_eq(RIG_GET(former.rig.stage->generation), 9);
	former_end(&former);
}
END_TEST

/* Nobody buries the children of a master that was killed: for ever they would
 * look idle to their siblings, to the watchdog and to /ready. */
START_TEST(test_children_of_a_dead_master_leave_the_board)
{
	struct former former;
	pid_t theirs;

	former_init(&former);
	theirs = theirs_begin(&former);
	theirs_end(theirs);
	heir_start(&former);
	heir_serves(&former);
	RIG_AWAIT(theirs_view(&former).pid == 0);
	ck_assert(theirs_view(&former).state == BOARD_EMPTY);
	former_end(&former);
}
END_TEST

/* A hang-up of a terminal, for one, goes to both. */
START_TEST(test_a_reload_waits_until_the_place_is_ours)
{
	struct former former;

	former_init(&former);
	heir_start(&former);
	rig_signal(&former.rig, SIGHUP);
	turns_pass(&former);
	ck_assert_int_eq(RIG_GET(former.rig.stage->makes), 0);
	ck_assert_uint_eq(rig_lines(former.rig.log, "reload: begun"), 0);
	heir_serves(&former);
	RIG_AWAIT(RIG_GET(former.rig.stage->ended) == 1);
	ck_assert(!RIG_GET(former.rig.stage->failed));
	former_end(&former);
}
END_TEST

static bool is_looping(const struct former *former)
{
	struct board_deaths deaths;

	pool_board_deaths(former->board, 0, &deaths);
	return deaths.crash_loop != 0;
}

/* Whose alarm it was does not watch its end any more. */
START_TEST(test_a_crash_loop_of_the_former_program_ends_with_it)
{
	struct former former;

	former_init(&former);
	pool_board_set_crash_loop(former.board, 0, true);
	heir_start(&former);
	/* It serves still, and says so. */
	ck_assert(is_looping(&former));
	heir_serves(&former);
	RIG_AWAIT(!is_looping(&former));
	former_end(&former);
}
END_TEST

/* ... and the alarm of one that never got the place is nobody's. */
START_TEST(test_a_crash_loop_of_an_heir_is_its_own)
{
	struct former former;

	former_init(&former);
	former.rig.conf.crash_threshold = 1;
	former.rig.conf.crash_interval_ms = 60000;
	heir_start(&former);
	for (int i = 0; i < 2; i++) {
		int fd = rig_connect(&former.rig);

		rig_send(fd, "crash");
		RIG_AWAIT(rig_is_closed(fd));
		close(fd);
	}
	RIG_AWAIT(rig_lines(former.rig.log, "crash loop") > 0);
	ck_assert(!is_looping(&former));
	heir_serves(&former);
	RIG_AWAIT(is_looping(&former));
	former_end(&former);
}
END_TEST

TESTS_MAIN("pool/heir",
    UNIT("reload", test_a_reload_waits_for_the_children_of_the_former_program),
    UNIT("dead", test_children_of_a_dead_master_leave_the_board),
    UNIT("early", test_a_reload_waits_until_the_place_is_ours),
    UNIT("alarm", test_a_crash_loop_of_the_former_program_ends_with_it),
    UNIT("own", test_a_crash_loop_of_an_heir_is_its_own))
