/* SPDX-License-Identifier: Apache-2.0 */
/* The course of a reload: decisions only. */
#include "config.h"

#include "pool/reload.h"
#include "base/clock.h"

static const char *const state_names[] = {
    [RELOAD_RESTING] = "resting",
    [RELOAD_JUDGING] = "judging",
    [RELOAD_STARTING] = "starting",
    [RELOAD_CLEARING] = "clearing",
    [RELOAD_KILLING] = "killing",
    [RELOAD_LAUNCHED] = "launched",
    [RELOAD_RECALLED] = "recalled",
    [RELOAD_FOLLOWED] = "followed",
    [RELOAD_HEIR] = "heir",
    [RELOAD_WAITING] = "waiting",
    [RELOAD_OVER] = "over",
};
_Static_assert(ARRAY_LEN(state_names) == RELOAD_STATE_COUNT, "a name for each");

const char *pool_reload_name(enum reload_state state)
{
	return state_names[state];
}

/* How long a state may last. */
enum span {
	SPAN_NONE,
	SPAN_BOUND,
	SPAN_TWICE, /* both that a reload has: it asks the stores, and starts */
	SPAN_GRACE,
	SPAN_BOTH /* longer than any child has that was told to go */
};

/* What is not here changes nothing.  RELOAD_TIME: the deadline has passed. */
static const struct rule {
	enum reload_state in;
	enum reload_event on;
	enum reload_act act;
	enum reload_state then;
	enum span span;
} rules[] = {
    {RELOAD_RESTING, RELOAD_ASKED, RELOAD_BEGIN, RELOAD_JUDGING, SPAN_BOUND},
    {RELOAD_JUDGING, RELOAD_GOOD, RELOAD_FORK, RELOAD_STARTING, SPAN_BOUND},
    {RELOAD_JUDGING, RELOAD_BAD, RELOAD_REFUSE, RELOAD_RESTING, SPAN_NONE},
    {RELOAD_JUDGING, RELOAD_TIME, RELOAD_KILL_JUDGE, RELOAD_JUDGING, SPAN_NONE},
    {RELOAD_STARTING, RELOAD_READY, RELOAD_SWITCH, RELOAD_CLEARING, SPAN_GRACE},
    {RELOAD_STARTING, RELOAD_BAD, RELOAD_ABANDON, RELOAD_CLEARING, SPAN_GRACE},
    {RELOAD_STARTING, RELOAD_TIME, RELOAD_ABANDON, RELOAD_CLEARING, SPAN_GRACE},
    {RELOAD_CLEARING, RELOAD_GONE, RELOAD_FORGET, RELOAD_RESTING, SPAN_NONE},
    {RELOAD_CLEARING, RELOAD_TIME, RELOAD_KILL, RELOAD_KILLING, SPAN_NONE},
    {RELOAD_KILLING, RELOAD_GONE, RELOAD_FORGET, RELOAD_RESTING, SPAN_NONE},
    {RELOAD_RESTING, RELOAD_PROGRAM, RELOAD_LAUNCH, RELOAD_LAUNCHED,
	SPAN_TWICE},
    {RELOAD_LAUNCHED, RELOAD_READY, RELOAD_FOLLOW, RELOAD_FOLLOWED, SPAN_GRACE},
    {RELOAD_LAUNCHED, RELOAD_BAD, RELOAD_REFUSE, RELOAD_WAITING, SPAN_BOTH},
    {RELOAD_LAUNCHED, RELOAD_TIME, RELOAD_RECALL, RELOAD_RECALLED, SPAN_GRACE},
    {RELOAD_RECALLED, RELOAD_BAD, RELOAD_REFUSE, RELOAD_WAITING, SPAN_BOTH},
    {RELOAD_RECALLED, RELOAD_TIME, RELOAD_KILL_JUDGE, RELOAD_RECALLED,
	SPAN_NONE},
    {RELOAD_FOLLOWED, RELOAD_TIME, RELOAD_KILL, RELOAD_FOLLOWED, SPAN_NONE},
    {RELOAD_HEIR, RELOAD_READY, RELOAD_NOTHING, RELOAD_WAITING, SPAN_BOTH},
    {RELOAD_HEIR, RELOAD_STOP, RELOAD_NOTHING, RELOAD_OVER, SPAN_NONE},
    {RELOAD_WAITING, RELOAD_GONE, RELOAD_NOTHING, RELOAD_RESTING, SPAN_NONE},
    {RELOAD_WAITING, RELOAD_TIME, RELOAD_NOTHING, RELOAD_RESTING, SPAN_NONE},
    {RELOAD_WAITING, RELOAD_STOP, RELOAD_NOTHING, RELOAD_OVER, SPAN_NONE},
    {RELOAD_LAUNCHED, RELOAD_STOP, RELOAD_RECALL, RELOAD_OVER, SPAN_NONE},
    {RELOAD_RECALLED, RELOAD_STOP, RELOAD_KILL_JUDGE, RELOAD_OVER, SPAN_NONE},
    {RELOAD_FOLLOWED, RELOAD_STOP, RELOAD_NOTHING, RELOAD_OVER, SPAN_NONE},
    {RELOAD_RESTING, RELOAD_STOP, RELOAD_NOTHING, RELOAD_OVER, SPAN_NONE},
    {RELOAD_JUDGING, RELOAD_STOP, RELOAD_KILL_JUDGE, RELOAD_OVER, SPAN_NONE},
    {RELOAD_STARTING, RELOAD_STOP, RELOAD_NOTHING, RELOAD_OVER, SPAN_NONE},
    {RELOAD_CLEARING, RELOAD_STOP, RELOAD_NOTHING, RELOAD_OVER, SPAN_NONE},
    {RELOAD_KILLING, RELOAD_STOP, RELOAD_NOTHING, RELOAD_OVER, SPAN_NONE},
};

void pool_reload_init(struct reload *reload, bool heir)
{
	*reload = (struct reload){.state = heir ? RELOAD_HEIR : RELOAD_RESTING,
	    .deadline_ns = INT64_MAX};
}

static int64_t span_end(
    enum span span, const struct reload_bounds *bounds, int64_t now_ns)
{
	const int64_t ms[] = {
	    [SPAN_BOUND] = bounds->bound_ms,
	    [SPAN_TWICE] = INT64_C(2) * bounds->bound_ms,
	    [SPAN_GRACE] = bounds->grace_ms,
	    [SPAN_BOTH] = (int64_t)bounds->bound_ms + bounds->grace_ms,
	};

	return span == SPAN_NONE ? INT64_MAX : now_ns + ms[span] * NS_PER_MS;
}

enum reload_act pool_reload_step(struct reload *reload, enum reload_event event,
    const struct reload_bounds *bounds, int64_t now_ns)
{
	if (event == RELOAD_TIME && reload->state == RELOAD_RESTING &&
	    reload->again)
		event = reload->again_program ? RELOAD_PROGRAM : RELOAD_ASKED;
	else if (event == RELOAD_TIME && now_ns < reload->deadline_ns)
		return RELOAD_NOTHING;
	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		if (rules[i].in != reload->state || rules[i].on != event)
			continue;
		reload->state = rules[i].then;
		reload->deadline_ns = span_end(rules[i].span, bounds, now_ns);
		if (rules[i].in == RELOAD_RESTING || event == RELOAD_STOP)
			reload->again = reload->again_program = false;
		return rules[i].act;
	}
	if ((event == RELOAD_ASKED || event == RELOAD_PROGRAM) &&
	    reload->state != RELOAD_OVER && reload->state != RELOAD_FOLLOWED) {
		reload->again = true;
		reload->again_program |= event == RELOAD_PROGRAM;
	}
	return RELOAD_NOTHING;
}
