/* SPDX-License-Identifier: Apache-2.0 */
/* prog/accepted, prog/lost: what shoppers were told, and what is left of it. */
#include "config.h"

#include "unit.h"

#include "base/log.h"
#include "prog/accepted.h"
#include "prog/lost.h"
#include "prog/settler.h"
#include "sale/sweep.h"
#include "sale/world.h"

#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static struct accepted *accepted;

static void setup(void)
{
	void *memory = mmap(NULL, accepted_bytes(), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ck_assert(memory != MAP_FAILED);
	accepted = accepted_init(memory);
}

static void teardown(void)
{
	munmap(accepted, accepted_bytes());
}

/* Every field follows from the number. */
static struct order order_of(uint32_t n)
{
	struct order order = {.sale = {n % 7 + 1}, .epoch = n};
	char name[32];

	memset(order.claim.b, (int)(n & 0xff), CLAIM_BYTES);
	memcpy(order.claim.b, &n, sizeof(n));
	snprintf(name, sizeof(name), "c-%u", n);
	ck_assert(customer_parse(strv_c(name), &order.customer));
	return order;
}

static void note_check(const struct accepted_note *note)
{
	struct order want = order_of(note->order.epoch);

	ck_assert(claim_eq(&note->order.claim, &want.claim));
	ck_assert(customer_eq(&note->order.customer, &want.customer));
	ck_assert_uint_eq(note->order.sale.v, want.sale.v);
}

/* ---- the ring ---- */

START_TEST(test_notes_are_kept_until_closed_or_overwritten)
{
	struct accepted_note note;
	struct order order;

	setup();
	ck_assert_uint_eq(accepted_places(accepted), 0);
	ck_assert(!accepted_read(accepted, 0, &note));
	for (uint32_t n = 0; n < ACCEPTED_MAX + 10; n++) {
		order = order_of(n);
		accepted_note(accepted, &order);
		if (n == 99)
			ck_assert_uint_eq(accepted_places(accepted), 100);
	}
	ck_assert_uint_eq(accepted_places(accepted), ACCEPTED_MAX);
	for (uint32_t i = 0; i < ACCEPTED_MAX; i++) {
		ck_assert(accepted_read(accepted, i, &note));
		note_check(&note);
		ck_assert_uint_eq(
		    note.order.epoch, i < 10 ? ACCEPTED_MAX + i : i);
	}
	ck_assert(accepted_read(accepted, 20, &note));
	accepted_close(accepted, 20, note.stamp);
	ck_assert(!accepted_read(accepted, 20, &note));
	/* Closed was what stood there, not what stands there now. */
	ck_assert(accepted_read(accepted, 10, &note));
	order = order_of(4711);
	accepted_note(accepted, &order);
	accepted_close(accepted, 10, note.stamp);
	ck_assert(accepted_read(accepted, 10, &note));
	ck_assert_uint_eq(note.order.epoch, 4711);
	teardown();
}
END_TEST

#define WRITERS 3
#define NOTES   30000

/* Several writers, more than once around, and a reader that must not see a note
 * that nobody wrote. */
START_TEST(test_writers_do_not_mix)
{
	pid_t pid[WRITERS];
	struct accepted_note note;
	uint64_t seen = 0;
	int status, live = WRITERS;

	setup();
	for (uint32_t i = 0; i < WRITERS; i++) {
		pid[i] = fork();
		ck_assert_int_ge(pid[i], 0);
		if (pid[i] != 0)
			continue;
		for (uint32_t n = 0; n < NOTES; n++) {
			struct order order = order_of(n * WRITERS + i);

			accepted_note(accepted, &order);
		}
		_exit(0);
	}
	while (live > 0) {
		size_t places = accepted_places(accepted);

		for (size_t i = 0; i < places; i++)
			if (accepted_read(accepted, i, &note)) {
				note_check(&note);
				seen++;
			}
		while (live > 0 && waitpid(-1, &status, WNOHANG) > 0) {
			ck_assert(
			    WIFEXITED(status) && WEXITSTATUS(status) == 0);
			live--;
		}
	}
	ck_assert_uint_gt(seen, 0);
	ck_assert_uint_eq(accepted_places(accepted), ACCEPTED_MAX);
	for (size_t i = 0; i < ACCEPTED_MAX; i++)
		ck_assert(accepted_read(accepted, i, &note));
	teardown();
}
END_TEST

START_TEST(test_durability)
{
	setup();
	ck_assert_int_eq(accepted_durability(accepted), ACCEPTED_UNKNOWN);
	for (int i = 0; i < ACCEPTED_DURABILITY_COUNT; i++) {
		enum accepted_durability is = (enum accepted_durability)i;

		accepted_set_durability(accepted, is);
		ck_assert_int_eq(accepted_durability(accepted), i);
		ck_assert_uint_gt(strlen(accepted_durability_name(is)), 0);
	}
	teardown();
}
END_TEST

/* ---- lost ones ---- */

static struct world w;
static struct keeper_stats stats;
static struct lost *lost;

static void quiet(enum log_level level, const char *line, void *ctx)
{
	(void)level;
	(void)line;
	(void)ctx;
}

static void keeper_begin(void)
{
	lost = lost_new(&(struct lost_conf){.accepted = accepted,
	    .gate = &w.faulty_gate,
	    .ledger = &w.faulty_ledger,
	    .stats = &stats});
	ck_assert_ptr_nonnull(lost);
}

static void sale_begin(void)
{
	setup();
	log_set_sink(quiet, NULL);
	memset(&stats, 0, sizeof(stats));
	world_init(&w, 100, 1);
	world_mode(&w, SALE_MODE_QUEUE);
	keeper_begin();
}

static void sale_end(void)
{
	lost_free(&lost);
	world_fini(&w);
	teardown();
}

static void told(const char *customer)
{
	struct order order = world_accept(&w, customer, NULL);

	accepted_note(accepted, &order);
}

/* As the keeper does at a tick, a few times. */
static void looks(int n)
{
	struct sale_entry entry = {.gauge_fresh = true};

	world_sale_get(&w);
	entry.sale = w.sale;
	world_gauge(&w, &entry.gauge);
	for (int i = 0; i < n; i++)
		lost_look(lost, 0, &entry);
}

static void gate_lost(void)
{
	struct rebuild_result result;

	mem_gate_flushall(w.mem_gate);
	looks(3); /* says nothing while it is gone */
	world_rebuild(&w, &result);
	ck_assert(result.won);
}

START_TEST(test_what_is_in_neither_store_is_lost)
{
	sale_begin();
	looks(3);
	told("ann");
	told("bob");
	world_drain(&w);
	told("cem");
	told("dan");
	told("eve");
	looks(3);
	ck_assert_uint_eq(stats.lost, 0);
	gate_lost();
	/* Who asks again is accepted again. */
	told("dan");
	looks(3);
	ck_assert_uint_eq(stats.lost, 2);
	looks(3);
	ck_assert_uint_eq(stats.lost, 2);
	/* A keeper that follows does not count them again. */
	lost_free(&lost);
	keeper_begin();
	looks(3);
	ck_assert_uint_eq(stats.lost, 2);
	/* It is lost once more; of him two notes speak. */
	gate_lost();
	looks(3);
	ck_assert_uint_eq(stats.lost, 3);
	sale_end();
}
END_TEST

START_TEST(test_what_is_decided_or_carried_is_not_lost)
{
	struct rebuild_result result;
	struct order order;

	sale_begin();
	told("ann");
	told("bob");
	order = world_accept(&w, "cem", NULL);
	accepted_note(accepted, &order);
	order.status = ORDER_VOID;
	order.unit = order.slot = 0;
	mem_ledger_put_row(w.mem_ledger, &order);
	/* It comes back with all that it had. */
	mem_gate_restart(w.mem_gate);
	world_rebuild(&w, &result);
	looks(3);
	ck_assert_uint_eq(stats.lost, 0);
	world_drain(&w);
	gate_lost();
	looks(3);
	ck_assert_uint_eq(stats.lost, 0);
	sale_end();
}
END_TEST

static const enum fault_call doubts[] = {FAULT_GATE_PENDING, FAULT_LEDGER_FIND};

/* It is over, and its gate is not made anew. */
START_TEST(test_the_gate_of_a_closed_sale_is_lost_for_good)
{
	sale_begin();
	told("ann");
	world_drain(&w);
	told("bob");
	w.sale.state = SALE_STATE_CLOSED;
	world_sale_put(&w);
	looks(3);
	ck_assert_uint_eq(stats.lost, 0);
	mem_gate_flushall(w.mem_gate);
	looks(3);
	ck_assert_uint_eq(stats.lost, 1);
	sale_end();
}
END_TEST

START_TEST(test_a_doubt_is_no_loss)
{
	sale_begin();
	told("ann");
	gate_lost();
	for (uint32_t nth = 1; nth <= 2; nth++) {
		fault_plan_add(&w.plan, doubts[_i], nth, FAULT_NOT_DONE);
		looks(1);
		ck_assert_uint_eq(stats.lost, 0);
	}
	looks(2);
	ck_assert_uint_eq(stats.lost, 1);
	sale_end();
}
END_TEST

/* Thousands, a few at a tick; and those of another sale are not ours. */
START_TEST(test_all_of_them_are_looked_at)
{
	struct order other = order_of(0);

	sale_begin();
	other.sale.v = w.sale.id.v + 1;
	for (int i = 0; i < 10000; i++)
		accepted_note(accepted, &other);
	for (uint32_t i = 0; i < 200; i++) {
		struct order order = order_of(i);

		order.sale = w.sale.id;
		order.epoch = w.sale.epoch;
		accepted_note(accepted, &order);
	}
	gate_lost();
	looks(1);
	ck_assert_uint_lt(stats.lost, 200);
	looks(20);
	ck_assert_uint_eq(stats.lost, 200);
	sale_end();
}
END_TEST

/* ---- the schedule ---- */

static const struct {
	int64_t now_us, interval_ms;
	uint64_t number;
	int64_t begun_us, next_us;
} runs[] = {
    {60 * US_PER_S, 60000, 1, 60 * US_PER_S, 120 * US_PER_S},
    {60 * US_PER_S - 1, 60000, 0, 0, 0},
    {119999999, 60000, 1, 60 * US_PER_S, 120 * US_PER_S},
    {120 * US_PER_S, 60000, 2, 120 * US_PER_S, 180 * US_PER_S},
    {INT64_C(1795377600250000), 500, UINT64_C(3590755200),
	INT64_C(1795377600000000), INT64_C(1795377600500000)},
    {INT64_C(1795377600250000), 0, 0, 0, 0},
    {-5, 60000, 0, 0, 0},
};

START_TEST(test_sweep_run)
{
	struct sweep_run run =
	    sweep_run_at((struct wall){runs[_i].now_us}, runs[_i].interval_ms);

	ck_assert_uint_eq(run.number, runs[_i].number);
	ck_assert_int_eq(run.begun.us, runs[_i].begun_us);
	ck_assert_int_eq(run.next.us, runs[_i].next_us);
}
END_TEST

/* What gate_port.take asks of a name. */
START_TEST(test_settler_names)
{
	char one[SETTLER_NAME_MAX], two[SETTLER_NAME_MAX];

	settler_name(one, "settler-0123abcd", 63);
	settler_name(two, "sweep", 0);
	ck_assert_str_ne(one, two);
	ck_assert_uint_lt(strlen(one), SETTLER_NAME_MAX);
	ck_assert_uint_eq(strspn(one, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmn"
				      "opqrstuvwxyz0123456789_.:-"),
	    strlen(one));
	settler_name(two, "settler-0123abcd", 63);
	ck_assert_str_eq(one, two);
}
END_TEST

/* One after the other, of one settler; runs are at 60 s, 120 s, ... */
static const struct {
	int64_t now_s;
	uint64_t waiting;
	int64_t oldest_ms;
	bool due;
} looks_at[] = {
    {61, 0, 0, false},
    {65, 3, 2000, false}, /* came behind the beginning of the run */
    {119, 3, 56000, false},
    {120, 3, 57000, true},
    {121, 3, 58000, false}, /* under way */
    {130, 1, 5000, false},
    {180, 1, 55000, true},
    {190, 0, 0, false},
    /* Somebody sets the gate's clock back, by an hour. */
    {200, 2, 0, false},
    {239, 2, 0, false},
    {240, 2, 0, true},
    {241, 2, 0, false},
    {250, 0, 0, false},
    {300, 0, 0, false},
    {301, 1, 0, false},
    {359, 1, 0, false},
    {361, 1, 0, true},
};

START_TEST(test_sweep_is_due)
{
	struct sweep_memory memory = {0};

	for (size_t i = 0; i < ARRAY_LEN(looks_at); i++) {
		struct wall now = {looks_at[i].now_s * US_PER_S};
		struct sweep_run run = sweep_run_at(now, 60000);

		ck_assert_msg(
		    sweep_is_due(&memory, &run, now, looks_at[i].waiting,
			looks_at[i].oldest_ms) == looks_at[i].due,
		    "at %d s", (int)looks_at[i].now_s);
		/* Without a schedule there is none. */
		run = sweep_run_at(now, 0);
		ck_assert(!sweep_is_due(&(struct sweep_memory){0}, &run, now,
		    looks_at[i].waiting, looks_at[i].oldest_ms));
	}
}
END_TEST

/* Pods of one deployment differ in their last letters, hosts of one domain in their
 * first. */
START_TEST(test_settler_hosts)
{
	char one[SETTLER_HOST_MAX], two[SETTLER_HOST_MAX];

	settler_host(one, "flashgate-production-5d59d67564-abcde");
	settler_host(two, "flashgate-production-5d59d67564-abcdf");
	ck_assert_str_ne(one, two);
	ck_assert_uint_eq(strlen(one), SETTLER_HOST_MAX - 1);
	settler_host(two, "flashgate-production-5d59d67564-abcde");
	ck_assert_str_eq(one, two);
	settler_host(one, "shop:1");
	ck_assert_str_eq(one, "shop_1");
}
END_TEST

TESTS_MAIN("accepted",
    UNIT_SLOW("ring", test_notes_are_kept_until_closed_or_overwritten, 60),
    UNIT_SLOW("writers", test_writers_do_not_mix, 60),
    UNIT("durability", test_durability),
    UNIT("lost", test_what_is_in_neither_store_is_lost),
    UNIT("not lost", test_what_is_decided_or_carried_is_not_lost),
    UNIT("closed", test_the_gate_of_a_closed_sale_is_lost_for_good),
    UNIT_TABLE("doubt", test_a_doubt_is_no_loss, ARRAY_LEN(doubts)),
    UNIT("all", test_all_of_them_are_looked_at),
    UNIT_TABLE("run", test_sweep_run, ARRAY_LEN(runs)),
    UNIT("due", test_sweep_is_due), UNIT("names", test_settler_names),
    UNIT("hosts", test_settler_hosts))
