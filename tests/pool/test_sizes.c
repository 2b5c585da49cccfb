/* SPDX-License-Identifier: Apache-2.0 */
/* pool: groups whose size follows the load, with real processes. */
#include "config.h"

#include "unit.h"

#include "pool/rig.h"
#include "pool/signals.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#define MANY 24

static const struct pool_size dynamic = {.manager = POOL_DYNAMIC,
    .start = 2,
    .min_spare = 2,
    .max_spare = 3,
    .idle_ms = 800};
static const struct pool_size ondemand = {
    .manager = POOL_ONDEMAND, .idle_ms = 800};

static const struct pool_size fixed = {.manager = POOL_STATIC};

static unsigned living(const struct rig *rig)
{
	int births = RIG_GET(rig->stage->births);
	unsigned n = 0;

	ck_assert_int_lt(births, RIG_PIDS);
	for (int i = 0; i < births; i++)
		n += rig_alive(RIG_GET(rig->stage->pids[i]));
	return n;
}

static void sized_start(
    struct rig *rig, unsigned max, const struct pool_size *size)
{
	rig_init(rig, max);
	rig->groups[0].size = *size;
	rig_add_reloader(rig);
	rig_start(rig);
}

/* `n` clients, each of whom keeps a worker busy until release is set. */
static void hold(const struct rig *rig, int *fds, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		fds[i] = rig_connect(rig);
		rig_send(fds[i], "hold");
	}
}

static void release(struct rig *rig, const int *fds, unsigned n)
{
	struct rig_answer answer;

	RIG_SET(rig->stage->release, 1);
	for (unsigned i = 0; i < n; i++) {
		ck_assert_msg(rig_receive(fds[i], &answer), "%u was lost", i);
		close(fds[i]);
	}
	RIG_SET(rig->stage->release, 0);
}

START_TEST(test_dynamic_grows_with_a_burst_and_shrinks_after_it)
{
	struct rig rig;
	int fds[MANY];

	sized_start(&rig, MANY, &dynamic);
	ck_assert_int_eq(RIG_GET(rig.stage->births), 2);
	hold(&rig, fds, 10);
	/* Everybody is served at once, and the spare is there, too. */
	RIG_AWAIT(RIG_GET(rig.stage->held) == 10);
	RIG_AWAIT(living(&rig) >= 12);
	ck_assert_uint_le(living(&rig), 13);
	ck_assert_int_gt(rig_ask(&rig, "pid"), 0);
	release(&rig, fds, 10);
	RIG_AWAIT(living(&rig) == 3);
	rig_pause_ms(1500);
	ck_assert_uint_eq(living(&rig), 3);
	ck_assert_uint_eq(rig_lines(rig.log, "died"), 0);
	rig_stop(&rig);
}
END_TEST

START_TEST(test_max_children_is_kept_and_said_once)
{
	struct rig rig;
	int fds[MANY];

	sized_start(&rig, 4, &dynamic);
	hold(&rig, fds, 8);
	RIG_AWAIT(RIG_GET(rig.stage->held) == 4);
	RIG_AWAIT(rig_lines(rig.log, "pm.max_children = 4 is reached") == 1);
	rig_pause_ms(500);
	ck_assert_int_eq(RIG_GET(rig.stage->births), 4);
	release(&rig, fds, 8);
	ck_assert_uint_eq(
	    rig_lines(rig.log, "pm.max_children = 4 is reached"), 1);
	rig_stop(&rig);
}
END_TEST

START_TEST(test_ondemand_from_none_to_none)
{
	struct rig rig;
	int fds[MANY];

	sized_start(&rig, MANY, &ondemand);
	for (int round = 0; round < 2; round++) {
		int held = RIG_GET(rig.stage->held);

		RIG_AWAIT(living(&rig) == 0);
		ck_assert_int_gt(rig_ask(&rig, "pid"), 0);
		hold(&rig, fds, MANY);
		RIG_AWAIT(RIG_GET(rig.stage->held) == held + MANY);
		release(&rig, fds, MANY);
	}
	RIG_AWAIT(living(&rig) == 0);
	ck_assert_uint_eq(rig_lines(rig.log, "died"), 0);
	rig_stop(&rig);
}
END_TEST

/* The first connection is heard, not found by the clock, and a master of nobody
 * sleeps. */
START_TEST(test_ondemand_waits_without_a_clock)
{
	int64_t best_ns = INT64_MAX, cpu_ns;
	struct rig rig;

	sized_start(&rig, MANY, &ondemand);
	for (int i = 0; i < 5; i++) {
		int64_t begin_ns;

		RIG_AWAIT(living(&rig) == 0);
		rig_pause_ms(120);
		begin_ns = mono_ns();
		ck_assert_int_gt(rig_ask(&rig, "pid"), 0);
		if (mono_ns() - begin_ns < best_ns)
			best_ns = mono_ns() - begin_ns;
	}
	ck_assert_int_lt(best_ns, 60 * NS_PER_MS);
	RIG_AWAIT(living(&rig) == 0);
	rig_pause_ms(120);
	cpu_ns = rig_cpu_ns(rig.master);
	rig_pause_ms(1000);
	ck_assert_int_le(rig_cpu_ns(rig.master) - cpu_ns, 2 * NS_PER_MS);
	rig_stop(&rig);
}
END_TEST

/* The last worker holds a connection that may still bring a request: it stays
 * for it, and goes when it is gone. */
START_TEST(test_the_last_one_stays_for_what_it_holds)
{
	struct rig rig;
	int kept, fds[8];
	pid_t pid;

	sized_start(&rig, MANY, &ondemand);
	kept = rig_connect(&rig);
	ck_assert_int_gt(rig_ask_on(kept, "pid"), 0);
	hold(&rig, fds, ARRAY_LEN(fds));
	RIG_AWAIT(RIG_GET(rig.stage->held) == (int)ARRAY_LEN(fds));
	release(&rig, fds, ARRAY_LEN(fds));
	RIG_AWAIT(living(&rig) == 1);
	rig_pause_ms(1500);
	ck_assert_uint_eq(living(&rig), 1);
	pid = rig_ask_on(kept, "pid");
	ck_assert(rig_alive(pid));
	close(kept);
	RIG_AWAIT(living(&rig) == 0);
	rig_stop(&rig);
}
END_TEST

/* Told to leave in the instant in which it accepted: what it held waits in the
 * channel, and somebody is made for it. */
START_TEST(test_what_nobody_holds_makes_a_new_one)
{
	struct rig_answer answer;
	struct rig rig;
	int kept;
	pid_t pid;

	sized_start(&rig, MANY, &ondemand);
	kept = rig_connect(&rig);
	pid = rig_ask_on(kept, "pid");
	for (int i = 0; i < 5; i++) {
		pid_t before = pid;

		ck_assert_int_eq(kill(pid, SIGNALS_RETIRE_NUMBER), 0);
		rig_send(kept, "pid");
		ck_assert_msg(rig_receive(kept, &answer), "it was closed");
		RIG_AWAIT(!rig_alive(before));
		pid = rig_ask_on(kept, "pid");
	}
	close(kept);
	RIG_AWAIT(living(&rig) == 0);
	rig_stop(&rig);
}
END_TEST

/* Over kept connections, while the group shrinks and grows under them. */
START_TEST(test_connections_survive_every_size)
{
	struct rig rig;
	int kept[16], fds[MANY];

	sized_start(&rig, MANY, _i == 0 ? &dynamic : &ondemand);
	for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
		kept[i] = rig_connect(&rig);
		ck_assert_int_gt(rig_ask_on(kept[i], "pid"), 0);
	}
	for (int round = 0; round < 3; round++) {
		int held = RIG_GET(rig.stage->held);
		struct rig_answer answer;

		hold(&rig, fds, MANY - 4);
		RIG_AWAIT(RIG_GET(rig.stage->held) >= held + MANY - 6);
		release(&rig, fds, MANY - 4);
		/* Some speak just when somebody leaves. */
		while (living(&rig) > 4)
			for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
				rig_send(kept[i], "pid");
				ck_assert_msg(rig_receive(kept[i], &answer),
				    "connection %zu was closed", i);
				rig_pause_ms(1);
			}
	}
	for (size_t i = 0; i < ARRAY_LEN(kept); i++)
		close(kept[i]);
	rig_stop(&rig);
}
END_TEST

/* php/php-src#11765: who looks idle, and has accepted somebody who is about to
 * speak. */
START_TEST(test_who_has_not_spoken_yet_is_not_lost)
{
	struct rig rig;
	int fresh[12], fds[MANY];

	rig_init(&rig, MANY);
	rig.groups[0].size = _i == 0 ? dynamic : ondemand;
	rig.groups[0].io_timeout_ms = RIG_PATIENCE_MS;
	rig_start(&rig);
	hold(&rig, fds, MANY - 4);
	RIG_AWAIT(RIG_GET(rig.stage->held) == MANY - 4);
	for (size_t i = 0; i < ARRAY_LEN(fresh); i++)
		fresh[i] = rig_connect(&rig);
	release(&rig, fds, MANY - 4);
	RIG_AWAIT(living(&rig) <= 3);
	for (size_t i = 0; i < ARRAY_LEN(fresh); i++) {
		ck_assert_int_gt(rig_ask_on(fresh[i], "pid"), 0);
		close(fresh[i]);
	}
	rig_stop(&rig);
}
END_TEST

/* What is spare is not touched by little traffic: one does all of it.  Where the
 * machine lets it be late for its next wait, another one takes that connection.
 * (Who keeps a connection steps back on purpose; see loop.c.) */
START_TEST(test_surplus_idles)
{
	unsigned others = 0;
	struct rig rig;
	pid_t pid;

	sized_start(&rig, MANY, &dynamic);
	pid = rig_ask(&rig, "bye");
	for (int i = 0; i < 200; i++) {
		int idles = RIG_GET(rig.stage->idles);

		others += rig_ask(&rig, "bye") != pid;
		RIG_AWAIT(RIG_GET(rig.stage->idles) > idles);
		rig_pause_ms(1);
	}
	ck_assert_uint_le(others, 20);
	rig_stop(&rig);
}
END_TEST

START_TEST(test_kill_storm_under_load)
{
	struct rig rig;
	unsigned asked = 0;

	sized_start(&rig, MANY, _i == 0 ? &dynamic : &ondemand);
	for (int round = 0; round < 4; round++) {
		int births = RIG_GET(rig.stage->births);

		for (int i = 0; i < births; i++)
			if (rig_alive(RIG_GET(rig.stage->pids[i])))
				kill(RIG_GET(rig.stage->pids[i]), SIGKILL);
		/* Nobody is there, or somebody who has just come. */
		for (int i = 0; i < 20; i++)
			asked += rig_ask(&rig, "pid") > 0;
	}
	ck_assert_uint_eq(asked, 80);
	rig_stop(&rig);
}
END_TEST

/* Children that cannot start are not tried for ever when nobody waits. */
START_TEST(test_ondemand_broken_app)
{
	struct rig rig;
	int births, fd;

	sized_start(&rig, MANY, &ondemand);
	RIG_SET(rig.stage->how_to_open, RIG_OPEN_FAILS);
	fd = rig_connect(&rig);
	rig_send(fd, "pid");
	RIG_AWAIT(rig_lines(rig.log, "no tea today") >= 2);
	births = RIG_GET(rig.stage->births);
	ck_assert_int_lt(births, 10);
	RIG_SET(rig.stage->how_to_open, RIG_OPEN_OK);
	RIG_AWAIT(RIG_GET(rig.stage->opens) >= 1);
	close(fd);
	ck_assert_int_gt(rig_ask(&rig, "pid"), 0);
	RIG_AWAIT(living(&rig) == 0);
	RIG_SET(rig.stage->how_to_open, RIG_OPEN_FAILS);
	births = RIG_GET(rig.stage->births);
	rig_pause_ms(500);
	ck_assert_int_eq(RIG_GET(rig.stage->births), births);
	rig_stop(&rig);
}
END_TEST

/* From what, to what; and what there is without and under load. */
static const struct {
	const struct pool_size *from, *to;
	unsigned calm, busy;
} reloads[] = {
    {&fixed, &dynamic, 2, 12},
    {&fixed, &ondemand, 0, 10},
    {&dynamic, &ondemand, 0, 10},
    {&ondemand, &dynamic, 2, 12},
    {&dynamic, &dynamic, 2, 12},
    {&ondemand, &fixed, 16, 16},
};

START_TEST(test_reload_to_another_manager)
{
	struct rig rig;
	int births, kept, fds[10];

	sized_start(&rig, 16, reloads[_i].from);
	rig.stage->next_size = *reloads[_i].to;
	RIG_SET(rig.stage->next_sized, 1);
	kept = rig_connect(&rig);
	ck_assert_int_gt(rig_ask_on(kept, "pid"), 0);
	hold(&rig, fds, ARRAY_LEN(fds));
	RIG_AWAIT(RIG_GET(rig.stage->held) == (int)ARRAY_LEN(fds));
	rig_pause_ms(300);
	births = RIG_GET(rig.stage->births);
	ck_assert(!rig_reload(&rig));
	/* Enough for what the old one has at hand, when it takes over. */
	ck_assert_int_ge(
	    RIG_GET(rig.stage->births), births + (int)reloads[_i].busy);
	release(&rig, fds, ARRAY_LEN(fds));
	ck_assert_int_gt(rig_ask_on(kept, "pid"), 0);
	ck_assert_int_gt(rig_ask(&rig, "pid"), 0);
	/* And a reload at rest, which the kept connection survives, too. */
	rig_pause_ms(1200);
	ck_assert(!rig_reload(&rig));
	ck_assert_int_gt(rig_ask_on(kept, "pid"), 0);
	close(kept);
	RIG_AWAIT(living(&rig) >= reloads[_i].calm &&
		  living(&rig) <= reloads[_i].calm + 1);
	ck_assert_uint_eq(rig_lines(rig.log, "died"), 0);
	rig_stop(&rig);
}
END_TEST

TESTS_MAIN("pool/sizes",
    UNIT_SLOW(
	"burst", test_dynamic_grows_with_a_burst_and_shrinks_after_it, 30),
    UNIT_SLOW("max", test_max_children_is_kept_and_said_once, 30),
    UNIT_SLOW("ondemand", test_ondemand_from_none_to_none, 30),
    UNIT_SLOW("clock", test_ondemand_waits_without_a_clock, 30),
    UNIT_SLOW("last", test_the_last_one_stays_for_what_it_holds, 30),
    UNIT_SLOW("nobody", test_what_nobody_holds_makes_a_new_one, 30),
    RIG_TABLE("connections", test_connections_survive_every_size, 2),
    RIG_TABLE("silent", test_who_has_not_spoken_yet_is_not_lost, 2),
    UNIT_SLOW("surplus", test_surplus_idles, 30),
    RIG_TABLE("kills", test_kill_storm_under_load, 2),
    UNIT_SLOW("broken", test_ondemand_broken_app, 30),
    RIG_TABLE("reload", test_reload_to_another_manager, ARRAY_LEN(reloads)))
