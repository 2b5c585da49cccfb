/* SPDX-License-Identifier: Apache-2.0 */
/* pool/stop: every state with every event.  A table, no process. */
#include "config.h"

#include "unit.h"

#include "base/clock.h"
#include "pool/stop.h"

#define MS(n)    ((n)*NS_PER_MS)
#define T0       MS(INT64_C(5000000))
#define GRACE_MS 30000
#define NEVER    (-1)

/* A state entered at T0; an event `at` ms later. */
static const struct {
	const char *name;
	enum stop_state state;
	enum stop_event event;
	int64_t at;
	enum stop_act act;
	enum stop_state then;
	int64_t deadline; /* ms after T0 */
} steps[] = {
    {"nothing happens", STOP_RUNNING, STOP_TIME, 3600000, STOP_NOTHING,
	STOP_RUNNING, NEVER},
    {"first signal", STOP_RUNNING, STOP_ASKED, 5, STOP_SEND_TERM, STOP_GRACEFUL,
	5 + GRACE_MS},
    {"echo of the first", STOP_GRACEFUL, STOP_ASKED, 19, STOP_NOTHING,
	STOP_GRACEFUL, GRACE_MS},
    {"second signal", STOP_GRACEFUL, STOP_ASKED, 20, STOP_SEND_KILL,
	STOP_KILLING, 20 + STOP_KILL_MS},
    {"still in its grace", STOP_GRACEFUL, STOP_TIME, GRACE_MS - 1, STOP_NOTHING,
	STOP_GRACEFUL, GRACE_MS},
    {"grace is over", STOP_GRACEFUL, STOP_TIME, GRACE_MS, STOP_SEND_KILL,
	STOP_KILLING, GRACE_MS + STOP_KILL_MS},
    {"third signal", STOP_KILLING, STOP_ASKED, 1000, STOP_NOTHING, STOP_KILLING,
	STOP_KILL_MS},
    {"killing", STOP_KILLING, STOP_TIME, STOP_KILL_MS - 1, STOP_NOTHING,
	STOP_KILLING, STOP_KILL_MS},
    {"not even KILL", STOP_KILLING, STOP_TIME, STOP_KILL_MS, STOP_GIVE_UP,
	STOP_LOST, NEVER},
    {"lost, asked", STOP_LOST, STOP_ASKED, 9, STOP_NOTHING, STOP_LOST, NEVER},
    {"lost, later", STOP_LOST, STOP_TIME, 3600000, STOP_NOTHING, STOP_LOST,
	NEVER},
};

/* Walks the ladder itself to `state`, so that the fields are its own. */
static void bring_to(struct stop *stop, enum stop_state state)
{
	int64_t early = T0 - MS(100000);

	pool_stop_init(stop, GRACE_MS);
	if (state == STOP_GRACEFUL) {
		ck_assert(
		    pool_stop_step(stop, STOP_ASKED, T0) == STOP_SEND_TERM);
	} else if (state == STOP_KILLING) {
		ck_assert(pool_stop_step(stop, STOP_ASKED, T0 - MS(1000)) ==
			  STOP_SEND_TERM);
		ck_assert(
		    pool_stop_step(stop, STOP_ASKED, T0) == STOP_SEND_KILL);
	} else if (state == STOP_LOST) {
		ck_assert(
		    pool_stop_step(stop, STOP_ASKED, early) == STOP_SEND_TERM);
		ck_assert(pool_stop_step(stop, STOP_TIME, T0 - MS(3000)) ==
			  STOP_SEND_KILL);
		ck_assert(pool_stop_step(stop, STOP_TIME, T0) == STOP_GIVE_UP);
	}
	ck_assert(stop->state == state);
}

START_TEST(test_step)
{
	struct stop stop;
	enum stop_act act;

	bring_to(&stop, steps[_i].state);
	act = pool_stop_step(&stop, steps[_i].event, T0 + MS(steps[_i].at));
	ck_assert_msg(act == steps[_i].act, "%s: act %d", steps[_i].name, act);
	ck_assert_msg(stop.state == steps[_i].then, "%s: now %s",
	    steps[_i].name, pool_stop_name(stop.state));
	ck_assert_msg(
	    stop.deadline_ns == (steps[_i].deadline == NEVER
					? INT64_MAX
					: T0 + MS(steps[_i].deadline)),
	    "%s: deadline", steps[_i].name);
}
END_TEST

START_TEST(test_no_grace_is_kill_in_the_next_turn)
{
	struct stop stop;

	pool_stop_init(&stop, 0);
	ck_assert(pool_stop_step(&stop, STOP_ASKED, T0) == STOP_SEND_TERM);
	ck_assert(pool_stop_step(&stop, STOP_TIME, T0) == STOP_SEND_KILL);
}
END_TEST

TESTS_MAIN("pool/stop", UNIT_TABLE("step", test_step, ARRAY_LEN(steps)),
    UNIT("no_grace", test_no_grace_is_kill_in_the_next_turn))
