/* SPDX-License-Identifier: Apache-2.0 */
/* pool: the course of a reload, every event in every state. */
#include "config.h"

#include "unit.h"

#include "base/clock.h"
#include "pool/reload.h"

#define MS(n)    ((n)*NS_PER_MS)
#define T0       MS(INT64_C(5000000))
#define BOUND_MS 10000
#define GRACE_MS 30000
#define NEVER    (-1)

static const struct reload_bounds bounds = {
    .bound_ms = BOUND_MS, .grace_ms = GRACE_MS};

/* A state entered at T0; an event `at` ms later. */
static const struct {
	enum reload_state state;
	enum reload_event event;
	int64_t at;
	enum reload_act act;
	enum reload_state then;
	int64_t deadline; /* ms after T0 */
	bool again;
} steps[] = {
    {RELOAD_RESTING, RELOAD_ASKED, 5, RELOAD_BEGIN, RELOAD_JUDGING,
	5 + BOUND_MS, false},
    {RELOAD_RESTING, RELOAD_GOOD, 5, RELOAD_NOTHING, RELOAD_RESTING, NEVER,
	false},
    {RELOAD_RESTING, RELOAD_BAD, 5, RELOAD_NOTHING, RELOAD_RESTING, NEVER,
	false},
    {RELOAD_RESTING, RELOAD_READY, 5, RELOAD_NOTHING, RELOAD_RESTING, NEVER,
	false},
    {RELOAD_RESTING, RELOAD_GONE, 5, RELOAD_NOTHING, RELOAD_RESTING, NEVER,
	false},
    {RELOAD_RESTING, RELOAD_TIME, 3600000, RELOAD_NOTHING, RELOAD_RESTING,
	NEVER, false},
    {RELOAD_RESTING, RELOAD_STOP, 5, RELOAD_NOTHING, RELOAD_OVER, NEVER, false},

    {RELOAD_JUDGING, RELOAD_ASKED, 5, RELOAD_NOTHING, RELOAD_JUDGING, BOUND_MS,
	true},
    {RELOAD_JUDGING, RELOAD_GOOD, 5, RELOAD_FORK, RELOAD_STARTING, 5 + BOUND_MS,
	false},
    {RELOAD_JUDGING, RELOAD_BAD, 5, RELOAD_REFUSE, RELOAD_RESTING, NEVER,
	false},
    {RELOAD_JUDGING, RELOAD_READY, 5, RELOAD_NOTHING, RELOAD_JUDGING, BOUND_MS,
	false},
    {RELOAD_JUDGING, RELOAD_GONE, 5, RELOAD_NOTHING, RELOAD_JUDGING, BOUND_MS,
	false},
    {RELOAD_JUDGING, RELOAD_TIME, BOUND_MS - 1, RELOAD_NOTHING, RELOAD_JUDGING,
	BOUND_MS, false},
    /* Its end comes as BAD, and until then there is no clock. */
    {RELOAD_JUDGING, RELOAD_TIME, BOUND_MS, RELOAD_KILL_JUDGE, RELOAD_JUDGING,
	NEVER, false},
    {RELOAD_JUDGING, RELOAD_STOP, 5, RELOAD_KILL_JUDGE, RELOAD_OVER, NEVER,
	false},

    {RELOAD_STARTING, RELOAD_ASKED, 5, RELOAD_NOTHING, RELOAD_STARTING,
	BOUND_MS, true},
    {RELOAD_STARTING, RELOAD_GOOD, 5, RELOAD_NOTHING, RELOAD_STARTING, BOUND_MS,
	false},
    {RELOAD_STARTING, RELOAD_BAD, 5, RELOAD_ABANDON, RELOAD_CLEARING,
	5 + GRACE_MS, false},
    {RELOAD_STARTING, RELOAD_READY, 5, RELOAD_SWITCH, RELOAD_CLEARING,
	5 + GRACE_MS, false},
    {RELOAD_STARTING, RELOAD_GONE, 5, RELOAD_NOTHING, RELOAD_STARTING, BOUND_MS,
	false},
    {RELOAD_STARTING, RELOAD_TIME, BOUND_MS - 1, RELOAD_NOTHING,
	RELOAD_STARTING, BOUND_MS, false},
    {RELOAD_STARTING, RELOAD_TIME, BOUND_MS, RELOAD_ABANDON, RELOAD_CLEARING,
	BOUND_MS + GRACE_MS, false},
    {RELOAD_STARTING, RELOAD_STOP, 5, RELOAD_NOTHING, RELOAD_OVER, NEVER,
	false},

    {RELOAD_CLEARING, RELOAD_ASKED, 5, RELOAD_NOTHING, RELOAD_CLEARING,
	GRACE_MS, true},
    {RELOAD_CLEARING, RELOAD_GOOD, 5, RELOAD_NOTHING, RELOAD_CLEARING, GRACE_MS,
	false},
    {RELOAD_CLEARING, RELOAD_BAD, 5, RELOAD_NOTHING, RELOAD_CLEARING, GRACE_MS,
	false},
    {RELOAD_CLEARING, RELOAD_READY, 5, RELOAD_NOTHING, RELOAD_CLEARING,
	GRACE_MS, false},
    {RELOAD_CLEARING, RELOAD_GONE, 5, RELOAD_FORGET, RELOAD_RESTING, NEVER,
	false},
    {RELOAD_CLEARING, RELOAD_TIME, GRACE_MS - 1, RELOAD_NOTHING,
	RELOAD_CLEARING, GRACE_MS, false},
    {RELOAD_CLEARING, RELOAD_TIME, GRACE_MS, RELOAD_KILL, RELOAD_KILLING, NEVER,
	false},
    {RELOAD_CLEARING, RELOAD_STOP, 5, RELOAD_NOTHING, RELOAD_OVER, NEVER,
	false},

    {RELOAD_KILLING, RELOAD_ASKED, 5, RELOAD_NOTHING, RELOAD_KILLING, NEVER,
	true},
    {RELOAD_KILLING, RELOAD_GOOD, 5, RELOAD_NOTHING, RELOAD_KILLING, NEVER,
	false},
    {RELOAD_KILLING, RELOAD_BAD, 5, RELOAD_NOTHING, RELOAD_KILLING, NEVER,
	false},
    {RELOAD_KILLING, RELOAD_READY, 5, RELOAD_NOTHING, RELOAD_KILLING, NEVER,
	false},
    {RELOAD_KILLING, RELOAD_GONE, 5, RELOAD_FORGET, RELOAD_RESTING, NEVER,
	false},
    {RELOAD_KILLING, RELOAD_TIME, 3600000, RELOAD_NOTHING, RELOAD_KILLING,
	NEVER, false},
    {RELOAD_KILLING, RELOAD_STOP, 5, RELOAD_NOTHING, RELOAD_OVER, NEVER, false},

    /* Another program: it asks the stores and starts, so it has twice the
     * time. */
    {RELOAD_RESTING, RELOAD_PROGRAM, 5, RELOAD_LAUNCH, RELOAD_LAUNCHED,
	5 + 2 * BOUND_MS, false},
    {RELOAD_JUDGING, RELOAD_PROGRAM, 5, RELOAD_NOTHING, RELOAD_JUDGING,
	BOUND_MS, true},
    {RELOAD_STARTING, RELOAD_PROGRAM, 5, RELOAD_NOTHING, RELOAD_STARTING,
	BOUND_MS, true},
    {RELOAD_CLEARING, RELOAD_PROGRAM, 5, RELOAD_NOTHING, RELOAD_CLEARING,
	GRACE_MS, true},
    {RELOAD_KILLING, RELOAD_PROGRAM, 5, RELOAD_NOTHING, RELOAD_KILLING, NEVER,
	true},
    {RELOAD_OVER, RELOAD_PROGRAM, 5, RELOAD_NOTHING, RELOAD_OVER, NEVER, false},

    {RELOAD_LAUNCHED, RELOAD_ASKED, 5, RELOAD_NOTHING, RELOAD_LAUNCHED,
	2 * BOUND_MS, true},
    {RELOAD_LAUNCHED, RELOAD_PROGRAM, 5, RELOAD_NOTHING, RELOAD_LAUNCHED,
	2 * BOUND_MS, true},
    {RELOAD_LAUNCHED, RELOAD_GOOD, 5, RELOAD_NOTHING, RELOAD_LAUNCHED,
	2 * BOUND_MS, false},
    /* Its children may be there still. */
    {RELOAD_LAUNCHED, RELOAD_BAD, 5, RELOAD_REFUSE, RELOAD_WAITING,
	5 + BOUND_MS + GRACE_MS, false},
    {RELOAD_LAUNCHED, RELOAD_READY, 5, RELOAD_FOLLOW, RELOAD_FOLLOWED,
	5 + GRACE_MS, false},
    {RELOAD_LAUNCHED, RELOAD_GONE, 5, RELOAD_NOTHING, RELOAD_LAUNCHED,
	2 * BOUND_MS, false},
    {RELOAD_LAUNCHED, RELOAD_TIME, 2 * BOUND_MS, RELOAD_RECALL, RELOAD_RECALLED,
	2 * BOUND_MS + GRACE_MS, false},
    {RELOAD_LAUNCHED, RELOAD_STOP, 5, RELOAD_RECALL, RELOAD_OVER, NEVER, false},
    {RELOAD_LAUNCHED, RELOAD_TIME, 2 * BOUND_MS - 1, RELOAD_NOTHING,
	RELOAD_LAUNCHED, 2 * BOUND_MS, false},

    /* It said that it is ready, too late: it has been told to end. */
    {RELOAD_RECALLED, RELOAD_ASKED, 5, RELOAD_NOTHING, RELOAD_RECALLED,
	GRACE_MS, true},
    {RELOAD_RECALLED, RELOAD_PROGRAM, 5, RELOAD_NOTHING, RELOAD_RECALLED,
	GRACE_MS, true},
    {RELOAD_RECALLED, RELOAD_GOOD, 5, RELOAD_NOTHING, RELOAD_RECALLED, GRACE_MS,
	false},
    {RELOAD_RECALLED, RELOAD_BAD, 5, RELOAD_REFUSE, RELOAD_WAITING,
	5 + BOUND_MS + GRACE_MS, false},
    {RELOAD_RECALLED, RELOAD_READY, 5, RELOAD_NOTHING, RELOAD_RECALLED,
	GRACE_MS, false},
    {RELOAD_RECALLED, RELOAD_GONE, 5, RELOAD_NOTHING, RELOAD_RECALLED, GRACE_MS,
	false},
    {RELOAD_RECALLED, RELOAD_TIME, GRACE_MS, RELOAD_KILL_JUDGE, RELOAD_RECALLED,
	NEVER, false},
    {RELOAD_RECALLED, RELOAD_STOP, 5, RELOAD_KILL_JUDGE, RELOAD_OVER, NEVER,
	false},

    {RELOAD_FOLLOWED, RELOAD_ASKED, 5, RELOAD_NOTHING, RELOAD_FOLLOWED,
	GRACE_MS, false},
    {RELOAD_FOLLOWED, RELOAD_PROGRAM, 5, RELOAD_NOTHING, RELOAD_FOLLOWED,
	GRACE_MS, false},
    {RELOAD_FOLLOWED, RELOAD_GOOD, 5, RELOAD_NOTHING, RELOAD_FOLLOWED, GRACE_MS,
	false},
    {RELOAD_FOLLOWED, RELOAD_BAD, 5, RELOAD_NOTHING, RELOAD_FOLLOWED, GRACE_MS,
	false},
    {RELOAD_FOLLOWED, RELOAD_READY, 5, RELOAD_NOTHING, RELOAD_FOLLOWED,
	GRACE_MS, false},
    {RELOAD_FOLLOWED, RELOAD_GONE, 5, RELOAD_NOTHING, RELOAD_FOLLOWED, GRACE_MS,
	false},
    {RELOAD_FOLLOWED, RELOAD_TIME, GRACE_MS, RELOAD_KILL, RELOAD_FOLLOWED,
	NEVER, false},
    {RELOAD_FOLLOWED, RELOAD_STOP, 5, RELOAD_NOTHING, RELOAD_OVER, NEVER,
	false},

    /* We are the next program: a reload is for the one that serves. */
    {RELOAD_HEIR, RELOAD_ASKED, 5, RELOAD_NOTHING, RELOAD_HEIR, NEVER, true},
    {RELOAD_HEIR, RELOAD_PROGRAM, 5, RELOAD_NOTHING, RELOAD_HEIR, NEVER, true},
    {RELOAD_HEIR, RELOAD_GOOD, 5, RELOAD_NOTHING, RELOAD_HEIR, NEVER, false},
    {RELOAD_HEIR, RELOAD_BAD, 5, RELOAD_NOTHING, RELOAD_HEIR, NEVER, false},
    {RELOAD_HEIR, RELOAD_GONE, 5, RELOAD_NOTHING, RELOAD_HEIR, NEVER, false},
    {RELOAD_HEIR, RELOAD_READY, 5, RELOAD_NOTHING, RELOAD_WAITING,
	5 + BOUND_MS + GRACE_MS, false},
    {RELOAD_HEIR, RELOAD_TIME, 3600000, RELOAD_NOTHING, RELOAD_HEIR, NEVER,
	false},
    {RELOAD_HEIR, RELOAD_STOP, 5, RELOAD_NOTHING, RELOAD_OVER, NEVER, false},

    /* Whoever never goes is not waited for for ever. */
    {RELOAD_WAITING, RELOAD_ASKED, 5, RELOAD_NOTHING, RELOAD_WAITING,
	BOUND_MS + GRACE_MS, true},
    {RELOAD_WAITING, RELOAD_PROGRAM, 5, RELOAD_NOTHING, RELOAD_WAITING,
	BOUND_MS + GRACE_MS, true},
    {RELOAD_WAITING, RELOAD_GOOD, 5, RELOAD_NOTHING, RELOAD_WAITING,
	BOUND_MS + GRACE_MS, false},
    {RELOAD_WAITING, RELOAD_BAD, 5, RELOAD_NOTHING, RELOAD_WAITING,
	BOUND_MS + GRACE_MS, false},
    {RELOAD_WAITING, RELOAD_READY, 5, RELOAD_NOTHING, RELOAD_WAITING,
	BOUND_MS + GRACE_MS, false},
    {RELOAD_WAITING, RELOAD_GONE, 5, RELOAD_NOTHING, RELOAD_RESTING, NEVER,
	false},
    {RELOAD_WAITING, RELOAD_TIME, BOUND_MS + GRACE_MS - 1, RELOAD_NOTHING,
	RELOAD_WAITING, BOUND_MS + GRACE_MS, false},
    {RELOAD_WAITING, RELOAD_TIME, BOUND_MS + GRACE_MS, RELOAD_NOTHING,
	RELOAD_RESTING, NEVER, false},
    {RELOAD_WAITING, RELOAD_STOP, 5, RELOAD_NOTHING, RELOAD_OVER, NEVER, false},

    /* A stop is the end of all reloads, also of those asked for later. */
    {RELOAD_OVER, RELOAD_ASKED, 5, RELOAD_NOTHING, RELOAD_OVER, NEVER, false},
    {RELOAD_OVER, RELOAD_GOOD, 5, RELOAD_NOTHING, RELOAD_OVER, NEVER, false},
    {RELOAD_OVER, RELOAD_BAD, 5, RELOAD_NOTHING, RELOAD_OVER, NEVER, false},
    {RELOAD_OVER, RELOAD_READY, 5, RELOAD_NOTHING, RELOAD_OVER, NEVER, false},
    {RELOAD_OVER, RELOAD_GONE, 5, RELOAD_NOTHING, RELOAD_OVER, NEVER, false},
    {RELOAD_OVER, RELOAD_TIME, 3600000, RELOAD_NOTHING, RELOAD_OVER, NEVER,
	false},
    {RELOAD_OVER, RELOAD_STOP, 5, RELOAD_NOTHING, RELOAD_OVER, NEVER, false},
};

static void go(struct reload *reload, enum reload_event event, int64_t now_ns,
    enum reload_act expected)
{
	ck_assert(pool_reload_step(reload, event, &bounds, now_ns) == expected);
}

/* Walks there itself, so that the fields are its own. */
static void bring_to(struct reload *reload, enum reload_state state)
{
	int64_t early = T0 - MS(GRACE_MS);

	pool_reload_init(
	    reload, state == RELOAD_HEIR || state == RELOAD_WAITING);
	switch (state) {
	case RELOAD_RESTING:
		break;
	case RELOAD_JUDGING:
		go(reload, RELOAD_ASKED, T0, RELOAD_BEGIN);
		break;
	case RELOAD_STARTING:
		go(reload, RELOAD_ASKED, early, RELOAD_BEGIN);
		go(reload, RELOAD_GOOD, T0, RELOAD_FORK);
		break;
	case RELOAD_CLEARING:
		go(reload, RELOAD_ASKED, early, RELOAD_BEGIN);
		go(reload, RELOAD_GOOD, early, RELOAD_FORK);
		go(reload, RELOAD_READY, T0, RELOAD_SWITCH);
		break;
	case RELOAD_KILLING:
		go(reload, RELOAD_ASKED, early, RELOAD_BEGIN);
		go(reload, RELOAD_GOOD, early, RELOAD_FORK);
		go(reload, RELOAD_READY, early, RELOAD_SWITCH);
		go(reload, RELOAD_TIME, T0, RELOAD_KILL);
		break;
	case RELOAD_LAUNCHED:
		go(reload, RELOAD_PROGRAM, T0, RELOAD_LAUNCH);
		break;
	case RELOAD_RECALLED:
		go(reload, RELOAD_PROGRAM, T0 - 2 * MS(BOUND_MS),
		    RELOAD_LAUNCH);
		go(reload, RELOAD_TIME, T0, RELOAD_RECALL);
		break;
	case RELOAD_FOLLOWED:
		go(reload, RELOAD_PROGRAM, early, RELOAD_LAUNCH);
		go(reload, RELOAD_READY, T0, RELOAD_FOLLOW);
		break;
	case RELOAD_HEIR:
		break;
	case RELOAD_WAITING:
		go(reload, RELOAD_READY, T0, RELOAD_NOTHING);
		break;
	case RELOAD_OVER:
		go(reload, RELOAD_STOP, T0, RELOAD_NOTHING);
		break;
	case RELOAD_STATE_COUNT:
		ck_abort();
	}
	ck_assert(reload->state == state);
}

START_TEST(test_step)
{
	struct reload reload;
	enum reload_act act;

	bring_to(&reload, steps[_i].state);
	act = pool_reload_step(
	    &reload, steps[_i].event, &bounds, T0 + MS(steps[_i].at));
	ck_assert_msg(act == steps[_i].act, "%s, event %d: act %d",
	    pool_reload_name(steps[_i].state), steps[_i].event, act);
	ck_assert_msg(reload.state == steps[_i].then, "%s, event %d: now %s",
	    pool_reload_name(steps[_i].state), steps[_i].event,
	    pool_reload_name(reload.state));
	ck_assert_int_eq(reload.deadline_ns, steps[_i].deadline == NEVER
						 ? INT64_MAX
						 : T0 + MS(steps[_i].deadline));
	ck_assert_int_eq(reload.again, steps[_i].again);
}
END_TEST

START_TEST(test_the_table_has_every_event_in_every_state)
{
	for (int state = 0; state < RELOAD_STATE_COUNT; state++) {
		for (int event = 0; event < RELOAD_EVENT_COUNT; event++) {
			bool there = false;

			for (size_t i = 0; i < ARRAY_LEN(steps); i++)
				there =
				    there || ((int)steps[i].state == state &&
						 (int)steps[i].event == event);
			ck_assert_msg(
			    there, "state %d, event %d", state, event);
		}
	}
}
END_TEST

/* Among those who asked was one with another program. */
START_TEST(test_the_next_program_is_not_forgotten)
{
	struct reload reload;

	bring_to(&reload, RELOAD_JUDGING);
	go(&reload, RELOAD_ASKED, T0, RELOAD_NOTHING);
	go(&reload, RELOAD_PROGRAM, T0, RELOAD_NOTHING);
	go(&reload, RELOAD_ASKED, T0, RELOAD_NOTHING);
	go(&reload, RELOAD_BAD, T0, RELOAD_REFUSE);
	go(&reload, RELOAD_TIME, T0, RELOAD_LAUNCH);
	go(&reload, RELOAD_BAD, T0, RELOAD_REFUSE);
	go(&reload, RELOAD_GONE, T0, RELOAD_NOTHING);
	go(&reload, RELOAD_TIME, T0, RELOAD_NOTHING);
}
END_TEST

START_TEST(test_many_who_ask_get_one_more)
{
	struct reload reload;

	bring_to(&reload, RELOAD_JUDGING);
	for (int i = 0; i < 25; i++)
		go(&reload, RELOAD_ASKED, T0, RELOAD_NOTHING);
	go(&reload, RELOAD_GOOD, T0, RELOAD_FORK);
	go(&reload, RELOAD_READY, T0, RELOAD_SWITCH);
	/* Not before the old ones have gone. */
	go(&reload, RELOAD_TIME, T0, RELOAD_NOTHING);
	go(&reload, RELOAD_GONE, T0, RELOAD_FORGET);
	go(&reload, RELOAD_TIME, T0, RELOAD_BEGIN);
	go(&reload, RELOAD_BAD, T0, RELOAD_REFUSE);
	go(&reload, RELOAD_TIME, T0, RELOAD_NOTHING);
}
END_TEST

START_TEST(test_who_asked_an_heir_gets_it_in_the_end)
{
	struct reload reload;

	bring_to(&reload, RELOAD_HEIR);
	go(&reload, RELOAD_ASKED, T0, RELOAD_NOTHING);
	go(&reload, RELOAD_READY, T0, RELOAD_NOTHING);
	go(&reload, RELOAD_TIME, T0, RELOAD_NOTHING);
	go(&reload, RELOAD_GONE, T0, RELOAD_NOTHING);
	go(&reload, RELOAD_TIME, T0, RELOAD_BEGIN);
}
END_TEST

START_TEST(test_a_stop_forgets_who_asked)
{
	struct reload reload;

	bring_to(&reload, RELOAD_CLEARING);
	go(&reload, RELOAD_ASKED, T0, RELOAD_NOTHING);
	go(&reload, RELOAD_STOP, T0, RELOAD_NOTHING);
	go(&reload, RELOAD_GONE, T0, RELOAD_NOTHING);
	go(&reload, RELOAD_TIME, T0 + MS(3600000), RELOAD_NOTHING);
	ck_assert(!reload.again);
}
END_TEST

TESTS_MAIN("pool/reload", UNIT_TABLE("step", test_step, ARRAY_LEN(steps)),
    UNIT("whole", test_the_table_has_every_event_in_every_state),
    UNIT("program", test_the_next_program_is_not_forgotten),
    UNIT("heir", test_who_asked_an_heir_gets_it_in_the_end),
    UNIT("coalesced", test_many_who_ask_get_one_more),
    UNIT("stop", test_a_stop_forgets_who_asked))
