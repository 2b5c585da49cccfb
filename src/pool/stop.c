/* SPDX-License-Identifier: Apache-2.0 */
/* The ladder of a stop: graceful, KILL, give up.  Decisions only. */
#include "config.h"

#include "pool/stop.h"
#include "base/clock.h"

static const char *const state_names[] = {
    [STOP_RUNNING] = "running",
    [STOP_GRACEFUL] = "graceful",
    [STOP_KILLING] = "killing",
    [STOP_LOST] = "lost",
};
_Static_assert(ARRAY_LEN(state_names) == STOP_STATE_COUNT, "a name for each");

const char *pool_stop_name(enum stop_state state)
{
	return state_names[state];
}

void pool_stop_init(struct stop *stop, unsigned grace_ms)
{
	*stop = (struct stop){
	    .state = STOP_RUNNING,
	    .grace_ms = grace_ms,
	    .deadline_ns = INT64_MAX,
	};
}

static enum stop_act enter(struct stop *stop, enum stop_state state,
    int64_t now_ns, int64_t stay_ms, enum stop_act act)
{
	stop->state = state;
	stop->since_ns = now_ns;
	stop->deadline_ns =
	    stay_ms < 0 ? INT64_MAX : now_ns + stay_ms * NS_PER_MS;
	return act;
}

static enum stop_act asked(struct stop *stop, int64_t now_ns)
{
	switch (stop->state) {
	case STOP_RUNNING:
		return enter(stop, STOP_GRACEFUL, now_ns, stop->grace_ms,
		    STOP_SEND_TERM);
	case STOP_GRACEFUL:
		if (now_ns - stop->since_ns < STOP_ECHO_MS * NS_PER_MS)
			return STOP_NOTHING;
		return enter(
		    stop, STOP_KILLING, now_ns, STOP_KILL_MS, STOP_SEND_KILL);
	case STOP_KILLING:
	case STOP_LOST:
	case STOP_STATE_COUNT:
		break;
	}
	return STOP_NOTHING;
}

static enum stop_act elapsed(struct stop *stop, int64_t now_ns)
{
	if (now_ns < stop->deadline_ns)
		return STOP_NOTHING;
	if (stop->state == STOP_GRACEFUL)
		return enter(
		    stop, STOP_KILLING, now_ns, STOP_KILL_MS, STOP_SEND_KILL);
	return enter(stop, STOP_LOST, now_ns, -1, STOP_GIVE_UP);
}

enum stop_act pool_stop_step(
    struct stop *stop, enum stop_event event, int64_t now_ns)
{
	return event == STOP_ASKED ? asked(stop, now_ns)
				   : elapsed(stop, now_ns);
}
