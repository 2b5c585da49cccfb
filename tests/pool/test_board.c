/* SPDX-License-Identifier: Apache-2.0 */
/* pool: the scoreboard. */
#include "config.h"

#include "unit.h"

#include "pool/board.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

START_TEST(test_board_life_of_a_slot)
{
	struct board *board = pool_board_new(
	    &(struct board_size){.ngroups = 2, .nslots = 5, .area_bytes = 0});
	struct board_slot *slot;
	struct board_view view;
	char why[64];

	ck_assert_ptr_nonnull(board);
	slot = pool_board_slot(board, 3);
	pool_board_view(board, 3, &view);
	ck_assert_int_eq(view.state, BOARD_EMPTY);

	pool_board_born(
	    slot, &(struct board_birth){
		      .serial = 7, .generation = 2, .started_ns = 123});
	pool_board_set_pid(slot, 4711);
	pool_board_begin(slot, 1);
	pool_board_begin(slot, 1);
	pool_board_set_state(slot, BOARD_BUSY);
	pool_board_set_why(slot, "no more tea");
	pool_board_view(board, 3, &view);
	ck_assert_int_eq(view.pid, 4711);
	ck_assert_uint_eq(view.serial, 7);
	ck_assert_uint_eq(view.generation, 2);
	ck_assert_int_eq(view.state, BOARD_BUSY);
	ck_assert_uint_eq(view.requests, 2);
	ck_assert_int_eq(view.started_ns, 123);
	pool_board_why(slot, why, sizeof(why));
	ck_assert_str_eq(why, "no more tea");
	ck_assert_str_eq(pool_board_state_name(view.state), "busy");

	/* The next child begins at 0; the slot's total never goes back. */
	pool_board_buried(slot);
	pool_board_born(
	    slot, &(struct board_birth){
		      .serial = 9, .generation = 3, .started_ns = 456});
	pool_board_begin(slot, 1);
	pool_board_view(board, 3, &view);
	ck_assert_uint_eq(view.requests, 1);
	ck_assert_uint_eq(view.requests_total, 3);
	pool_board_why(slot, why, sizeof(why));
	ck_assert_str_eq(why, "");

	/* Nobody else's slot was touched. */
	for (size_t i = 0; i < 5; i++) {
		pool_board_view(board, i, &view);
		ck_assert(i == 3 || view.serial == 0);
	}
	pool_board_free(&board);
	ck_assert_ptr_null(board);
}
END_TEST

START_TEST(test_board_shows_the_request_at_hand)
{
	struct board *board = pool_board_new(
	    &(struct board_size){.ngroups = 1, .nslots = 2, .area_bytes = 100});
	struct board_slot *slot = pool_board_slot(board, 1);
	struct board_request request = {
	    .method = "POST", .uri = "/v1", .query = "a", .content_length = 5};
	struct board_view view;
	struct board_text text;

	pool_board_born(
	    slot, &(struct board_birth){
		      .serial = 1, .generation = 1, .started_ns = 10});
	pool_board_begin(slot, 1000);
	pool_board_view(board, 1, &view);
	ck_assert_uint_eq(view.phase, 1);
	ck_assert_int_eq(view.phase_ns, 1000);
	pool_board_set_request(slot, &request);
	pool_board_set_phase(slot, 2, 1500);
	pool_board_set_user(slot, STRV("ann"));
	pool_board_set_note(
	    slot, STRV("0123456789012345678901234567890123456789"));
	pool_board_view(board, 1, &view);
	ck_assert_int_eq(view.request_ns, 1000);
	ck_assert_uint_eq(view.phase, 2);
	ck_assert_int_eq(view.phase_ns, 1500);
	ck_assert_int_eq(view.last_ns, 0);
	pool_board_text(board, 1, &text);
	ck_assert_str_eq(text.request.method, "POST");
	ck_assert_str_eq(text.request.uri, "/v1");
	ck_assert_str_eq(text.request.query, "a");
	ck_assert_uint_eq(text.request.content_length, 5);
	ck_assert_str_eq(text.user, "ann");
	ck_assert_str_eq(text.note, "0123456789012345678901234567890");

	/* Afterwards it is the last one, with its duration. */
	pool_board_end(slot, 4000);
	pool_board_view(board, 1, &view);
	ck_assert_int_eq(view.request_ns, 0);
	ck_assert_uint_eq(view.phase, 0);
	ck_assert_int_eq(view.last_ns, 3000);
	pool_board_text(board, 1, &text);
	ck_assert_str_eq(text.request.uri, "/v1");

	/* The next request has no user yet, the next child no request. */
	pool_board_begin(slot, 5000);
	pool_board_set_request(slot, &request);
	pool_board_text(board, 1, &text);
	ck_assert_str_eq(text.user, "");
	pool_board_buried(slot);
	pool_board_born(
	    slot, &(struct board_birth){
		      .serial = 2, .generation = 1, .started_ns = 20});
	pool_board_view(board, 1, &view);
	ck_assert_int_eq(view.request_ns, 0);
	pool_board_text(board, 1, &text);
	ck_assert_str_eq(text.request.uri, "");
	pool_board_free(&board);
}
END_TEST

START_TEST(test_board_areas_are_kept_and_do_not_overlap)
{
	struct board *board = pool_board_new(
	    &(struct board_size){.ngroups = 2, .nslots = 3, .area_bytes = 100});

	ck_assert_uint_eq(pool_board_slots(board), 3);
	for (size_t i = 0; i < 3; i++) {
		unsigned char *area = pool_board_area(board, i);

		ck_assert_uint_eq((uintptr_t)area % 64, 0);
		for (size_t k = 0; k < 100; k++)
			ck_assert_int_eq(area[k], 0);
		memset(area, (int)i + 1, 100);
	}
	pool_board_born(pool_board_slot(board, 1),
	    &(struct board_birth){
		.serial = 1, .generation = 1, .started_ns = 1});
	pool_board_buried(pool_board_slot(board, 1));
	pool_board_born(pool_board_slot(board, 1),
	    &(struct board_birth){
		.serial = 2, .generation = 1, .started_ns = 2});
	for (size_t i = 0; i < 3; i++)
		for (size_t k = 0; k < 100; k++)
			ck_assert_int_eq(
			    ((unsigned char *)pool_board_area(board, i))[k],
			    (int)i + 1);
	pool_board_free(&board);
}
END_TEST

START_TEST(test_board_is_shared_and_survives_nonsense)
{
	struct board *board = pool_board_new(
	    &(struct board_size){.ngroups = 1, .nslots = 1, .area_bytes = 0});
	struct board_slot *slot = pool_board_slot(board, 0);
	struct board_view view;
	char why[1024];
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		pool_board_set_pid(slot, getpid());
		pool_board_set_state(slot, (enum board_state)4000);
		memset(why, 'x', sizeof(why) - 1);
		why[sizeof(why) - 1] = '\0';
		pool_board_set_why(slot, why);
		_exit(3);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	pool_board_view(board, 0, &view);
	ck_assert_int_eq(view.pid, pid);
	ck_assert_int_eq(view.state, BOARD_EMPTY);
	pool_board_why(slot, why, sizeof(why));
	ck_assert_uint_gt(strlen(why), 100);
	ck_assert_uint_lt(strlen(why), 256);
	pool_board_free(&board);
}
END_TEST

START_TEST(test_board_counts_deaths_by_reason)
{
	struct board *board = pool_board_new(
	    &(struct board_size){.ngroups = 2, .nslots = 1, .area_bytes = 0});
	struct board_deaths deaths;

	pool_board_count_birth(board, 1);
	pool_board_count_birth(board, 1);
	pool_board_count_death(board, 1, 70 << 8, BOARD_CAUSE_STILLBORN);
	pool_board_count_death(board, 1, SIGKILL, BOARD_CAUSE_TERMINATE);
	pool_board_count_death(board, 1, 0, BOARD_CAUSE_MAX_RSS);
	pool_board_deaths(board, 1, &deaths);
	ck_assert_uint_eq(deaths.births, 2);
	ck_assert_uint_eq(deaths.stillborn, 1);
	ck_assert_uint_eq(deaths.by_exit[70], 1);
	ck_assert_uint_eq(deaths.by_exit[0], 1);
	ck_assert_uint_eq(deaths.by_signal[SIGKILL], 1);
	ck_assert_uint_eq(deaths.by_cause[BOARD_CAUSE_STILLBORN], 1);
	ck_assert_uint_eq(deaths.by_cause[BOARD_CAUSE_TERMINATE], 1);
	ck_assert_uint_eq(deaths.by_cause[BOARD_CAUSE_MAX_RSS], 1);
	ck_assert_uint_eq(deaths.crash_loop, 0);
	pool_board_set_crash_loop(board, 1, true);
	pool_board_deaths(board, 1, &deaths);
	ck_assert_uint_eq(deaths.crash_loop, 1);
	pool_board_deaths(board, 0, &deaths);
	ck_assert_uint_eq(deaths.births, 0);
	ck_assert_uint_eq(deaths.crash_loop, 0);
	pool_board_free(&board);
}
END_TEST

/* All of them have its descriptor. */
START_TEST(test_board_cannot_be_cut_by_a_child)
{
	struct board *board = pool_board_new(
	    &(struct board_size){.ngroups = 1, .nslots = 1, .area_bytes = 0});
	struct board *next;

	ck_assert_int_ne(ftruncate(pool_board_fd(board), 0), 0);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_int_ne(ftruncate(pool_board_fd(board), 1 << 20), 0);
	/* The next program has no use for that either. */
	next = pool_board_attach(dup(pool_board_fd(board)),
	    &(struct board_size){.ngroups = 1, .nslots = 1, .area_bytes = 0});
	ck_assert_ptr_nonnull(next);
	pool_board_free(&next);
	pool_board_free(&board);
}
END_TEST

TESTS_MAIN("pool/board", UNIT("slot", test_board_life_of_a_slot),
    UNIT("request", test_board_shows_the_request_at_hand),
    UNIT("areas", test_board_areas_are_kept_and_do_not_overlap),
    UNIT("shared", test_board_is_shared_and_survives_nonsense),
    UNIT("deaths", test_board_counts_deaths_by_reason),
    UNIT("cut", test_board_cannot_be_cut_by_a_child))
