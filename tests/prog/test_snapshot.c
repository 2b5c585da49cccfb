/* SPDX-License-Identifier: Apache-2.0 */
/* prog/snapshot: what monitors count, one after the other and two at once, as
 * they are while a reload lasts.  The pool here is a board and nobody. */
#include "config.h"

#include "unit.h"

#include "pool/child.h"
#include "prog/snapshot.h"
#include "prog/stats.h"

enum {
	WORKERS,
	MONITORS
};
#define NWORKERS 2

static const char *const phases[] = {"read", "claim"};
static const struct pool_app worker_app = {.phases = phases, .nphases = 2};
static const struct pool_app monitor_app;
static const struct pool_group groups[] = {
    [WORKERS] = {.name = SNAPSHOT_WORKERS,
	.app = &worker_app,
	.listen_fd = -1,
	.max_children = NWORKERS},
    [MONITORS] = {.name = "monitor",
	.app = &monitor_app,
	.listen_fd = -1,
	.max_children = 1},
};
static const struct pool_conf conf = {
    .groups = groups, .ngroups = ARRAY_LEN(groups)};
static const struct settings settings = {.www = {.slowlog_timeout_ms = 1000}};

/* Places of two generations: two workers each, and then a monitor each. */
#define SLOTS 6
static struct board *board;
static struct heritage heritage;
static struct sale_table table; /* never read from a ledger */
static struct accepted *accepted;

struct watcher {
	struct birth birth;
	struct pool_child child;
	struct snapshot snapshot;
};
static struct watcher old, new;

static struct board_slot *born(size_t slot, size_t group, uint32_t generation)
{
	struct board_slot *at = pool_board_slot(board, slot);

	pool_board_born(at, &(struct board_birth){.serial = (uint32_t)slot + 1,
				.generation = generation,
				.started_ns = mono_ns()});
	pool_board_set_group(at, group);
	return at;
}

static void watcher_begin(struct watcher *watcher, size_t slot)
{
	struct err err = ERR_INIT;

	memset(watcher, 0, sizeof(*watcher));
	watcher->birth = (struct birth){.group = MONITORS, .slot = slot};
	watcher->child = (struct pool_child){.from = &heritage,
	    .group = &groups[MONITORS],
	    .birth = &watcher->birth,
	    .board = board,
	    .slot = born(slot, MONITORS, (uint32_t)slot)};
	watcher->snapshot.settings = &settings;
	watcher->snapshot.table = &table;
	watcher->snapshot.accepted = accepted;
	ck_assert_msg(snapshot_open(&watcher->snapshot, &watcher->child, &err),
	    "%s", err.text);
}

static struct status see(struct watcher *watcher)
{
	struct status status;

	snapshot_status(&watcher->snapshot, true, &status);
	return status;
}

static void setup(void)
{
	board =
	    pool_board_new(&(struct board_size){.ngroups = ARRAY_LEN(groups),
		.nslots = SLOTS,
		.area_bytes = sizeof(struct stats)});
	ck_assert_ptr_nonnull(board);
	sale_table_init(&table);
	accepted = accepted_init(calloc(1, accepted_bytes()));
	ck_assert_ptr_nonnull(accepted);
	heritage = (struct heritage){.conf = &conf, .board = board};
	for (size_t i = 0; i < NWORKERS; i++)
		pool_board_set_state(born(i, WORKERS, 1), BOARD_IDLE);
	watcher_begin(&old, 4);
	watcher_begin(&new, 5);
}

static void teardown(void)
{
	snapshot_close(&old.snapshot);
	snapshot_close(&new.snapshot);
	pool_board_free(&board);
	free(accepted);
}

/* The worker of a slot has been at a request for so long. */
static void busy_since_ms(size_t slot, int64_t ms)
{
	struct board_slot *at = pool_board_slot(board, slot);

	pool_board_set_state(at, BOARD_BUSY);
	pool_board_begin(at, mono_ns() - ms * NS_PER_MS);
}

START_TEST(test_a_slow_request_is_counted_once)
{
	setup();
	snapshot_sample(&old.snapshot);
	busy_since_ms(0, 995);
	while (see(&old).slow == 0)
		snapshot_sample(&old.snapshot);
	for (int i = 0; i < 3; i++) {
		snapshot_sample(&old.snapshot);
		snapshot_sample(&new.snapshot);
		ck_assert_int_eq(see(&old).slow, 1);
		ck_assert_int_eq(see(&new).slow, 1);
	}
	teardown();
}
END_TEST

START_TEST(test_a_monitor_that_follows_goes_on_where_the_last_one_was)
{
	struct metrics *metrics = calloc(1, sizeof(*metrics));
	struct status status;
	int64_t from_ns = mono_ns();

	setup();
	ck_assert_ptr_nonnull(metrics);
	snapshot_sample(&old.snapshot);
	busy_since_ms(0, 0);
	busy_since_ms(1, 0);
	snapshot_sample(&old.snapshot);
	for (int i = 0; i < 100; i++) {
		snapshot_sample(i % 2 == 0 ? &new.snapshot : &old.snapshot);
		/* A page is no sample of its own while another one samples. */
		status = see(i % 2 == 0 ? &old : &new);
		ck_assert_int_eq(status.full, 1);
	}
	snapshot_metrics(&new.snapshot, &status, metrics);
	ck_assert_int_gt(metrics->full_ns, 0);
	ck_assert_int_le(metrics->full_ns, mono_ns() - from_ns);
	/* The old one is dead, and its place somebody else's: nothing less. */
	pool_board_buried(pool_board_slot(board, 4));
	ck_assert_int_eq(see(&new).full, 1);
	snapshot_close(&old.snapshot);
	watcher_begin(&old, 4);
	ck_assert_int_eq(see(&old).full, 1);
	ck_assert_int_eq(see(&old).active_peak, NWORKERS);
	free(metrics);
	teardown();
}
END_TEST

START_TEST(test_two_generations_are_no_crowd)
{
	struct status status;

	setup();
	/* The old ones finish what they have, new ones wait for work. */
	for (size_t i = 0; i < NWORKERS; i++) {
		busy_since_ms(i, 0);
		pool_board_set_state(pool_board_slot(board, i), BOARD_DRAINING);
		pool_board_set_state(
		    born(NWORKERS + i, WORKERS, 2), BOARD_IDLE);
	}
	snapshot_sample(&new.snapshot);
	status = see(&new);
	ck_assert_int_eq(status.full, 0);
	ck_assert_int_eq(status.active, 2);
	ck_assert_int_eq(status.idle, 2);
	ck_assert_int_eq(status.total, 4);
	/* One that leaves with nothing to do is neither. */
	pool_board_end(pool_board_slot(board, 0), mono_ns());
	status = see(&new);
	ck_assert_int_eq(status.active, 1);
	ck_assert_int_eq(status.idle, 2);
	ck_assert_int_eq(status.total, 3);
	/* All new ones are busy: that is one. */
	busy_since_ms(2, 0);
	busy_since_ms(3, 0);
	snapshot_sample(&new.snapshot);
	ck_assert_int_eq(see(&new).full, 1);
	teardown();
}
END_TEST

START_TEST(test_reloads)
{
	struct pool_reload_status reloads = {.generation = 1};
	struct status status;

	setup();
	status = see(&old);
	/* A pool that says nothing of them. */
	ck_assert_int_eq(status.reloads, STATUS_NA);
	ck_assert_str_eq(status.last_reload, "-");
	pool_board_reload_write(board, &reloads);
	status = see(&old);
	ck_assert_int_eq(status.generation, 1);
	ck_assert_int_eq(status.reloads, 0);
	ck_assert_str_eq(status.last_reload, "-");
	reloads = (struct pool_reload_status){.generation = 3,
	    .begun = 5,
	    .ended = 4,
	    .failures = 2,
	    .failed = true,
	    .text = "flashgate.conf:3: no such \xff tea\n"};
	pool_board_reload_write(board, &reloads);
	status = see(&old);
	ck_assert_int_eq(status.generation, 3);
	ck_assert_int_eq(status.reloads, 4);
	ck_assert_int_eq(status.reloads_failed, 2);
	ck_assert_str_eq(status.last_reload,
	    "failed: flashgate.conf:3: no such \xef\xbf\xbd tea\xef\xbf\xbd");
	reloads.failed = false;
	memset(reloads.text, '\xff', sizeof(reloads.text) - 1);
	pool_board_reload_write(board, &reloads);
	/* The longest text there is, each byte three. */
	ck_assert_uint_eq(
	    strlen(see(&old).last_reload), 3 * (sizeof(reloads.text) - 1));
	teardown();
}
END_TEST

static struct sale sales[4];

static enum outcome ledger_sales(void *ctx, int64_t deadline_ns,
    struct sale *out, size_t max, size_t *n, struct wall *now, struct err *err)
{
	(void)ctx;
	(void)deadline_ns;
	(void)err;
	ck_assert_uint_ge(max, ARRAY_LEN(sales));
	memcpy(out, sales, sizeof(sales));
	*n = ARRAY_LEN(sales);
	*now = wall_now();
	return OUT_DONE;
}

static void gauge_of(uint32_t id, struct gate_gauge gauge)
{
	sale_table_gauge(&table, (struct sale_id){id}, &gauge, true);
}

START_TEST(test_accepted_orders)
{
	const struct ledger_port ledger = {.sales = ledger_sales};
	struct status status;
	struct err err = ERR_INIT;

	setup();
	status = see(&old);
	ck_assert_int_eq(status.waiting, STATUS_NA);
	ck_assert_str_eq(status.durability, "-");
	for (uint32_t i = 0; i < ARRAY_LEN(sales); i++)
		sales[i] = (struct sale){
		    .id = {i + 1}, .state = SALE_STATE_OPEN, .epoch = 1};
	ck_assert_int_eq(
	    sale_table_refresh(&table, &ledger, &clock_system, 0, &err),
	    OUT_DONE);
	/* All are direct, and nothing waits. */
	status = see(&old);
	ck_assert_int_eq(status.waiting, 0);
	ck_assert_str_eq(status.durability, "-");

	sales[1].mode = SALE_MODE_QUEUE;
	sales[2].mode = SALE_MODE_SWEEP;
	sales[2].state = SALE_STATE_CLOSED;
	sale_table_refresh(&table, &ledger, &clock_system, 0, &err);
	accepted_set_durability(accepted, ACCEPTED_MEMORY);
	status = see(&old);
	ck_assert_str_eq(status.durability, "memory: may be lost");
	ck_assert_int_eq(status.waiting, STATUS_NA);
	gauge_of(
	    2, (struct gate_gauge){.known = true, .epoch = 1, .waiting = 3});
	/* The gate of one that is over is gone: nothing waits there. */
	gauge_of(3, (struct gate_gauge){.known = false});
	status = see(&old);
	ck_assert_int_eq(status.waiting, 3);
	ck_assert_int_eq(status.oldest, 0);
	/* Drained after another mode. */
	gauge_of(
	    4, (struct gate_gauge){
		   .known = true, .epoch = 1, .waiting = 4, .oldest_ms = 7900});
	status = see(&old);
	ck_assert_int_eq(status.waiting, 7);
	ck_assert_int_eq(status.oldest, 7);
	/* Redis is away. */
	sale_table_gauge(
	    &table, (struct sale_id){2}, &(struct gate_gauge){0}, false);
	ck_assert_int_eq(see(&old).waiting, STATUS_NA);
	accepted_set_durability(accepted, ACCEPTED_STORED);
	ck_assert_str_eq(see(&old).durability, "stored");
	teardown();
}
END_TEST

TESTS_MAIN("snapshot", UNIT("accepted", test_accepted_orders),
    UNIT("slow", test_a_slow_request_is_counted_once),
    UNIT("follows", test_a_monitor_that_follows_goes_on_where_the_last_one_was),
    UNIT("crowd", test_two_generations_are_no_crowd),
    UNIT("reloads", test_reloads))
