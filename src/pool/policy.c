/* SPDX-License-Identifier: Apache-2.0 */
/* How many children to start, and when: decisions only. */
#include "config.h"

#include "pool/policy.h"
#include "base/clock.h"

/* From this step on the pause has its full length ... */
#define STEP_FULL 7
/* ... and a line a minute is enough. */
#define STEPS_A_MINUTE (60 * 1000 / POLICY_PAUSE_LAST_MS)

_Static_assert(POLICY_PAUSE_FIRST_MS << (STEP_FULL - 1) >= POLICY_PAUSE_LAST_MS,
    "the pause is full from STEP_FULL on");

void pool_policy_init(struct policy *policy)
{
	*policy = (struct policy){.calm_ns = POLICY_NEVER};
}

int64_t pool_policy_pause_ms(const struct policy *policy)
{
	if (policy->step == 0)
		return 0;
	if (policy->step >= STEP_FULL)
		return POLICY_PAUSE_LAST_MS;
	return (int64_t)POLICY_PAUSE_FIRST_MS << (policy->step - 1);
}

/* Crashes that are not paid for yet; one is paid for each interval. */
static int64_t debt(const struct policy *policy, int64_t now_ns)
{
	const int64_t each_ns = POLICY_INTERVAL_MS * NS_PER_MS;
	int64_t left_ns = policy->debt_ns - now_ns;

	return left_ns <= 0 ? 0 : (left_ns + each_ns - 1) / each_ns;
}

/* Replaces crashed children as far as the debt lets it. */
static struct policy_plan plan_indebted(
    const struct policy *policy, unsigned missing, int64_t now_ns)
{
	int64_t held = debt(policy, now_ns) - POLICY_BURST;

	if (held <= 0)
		return (struct policy_plan){missing, POLICY_NEVER};
	return (struct policy_plan){
	    .spawn = missing > held ? missing - (unsigned)held : 0,
	    /* When one more of them is paid for. */
	    .again_ns = policy->debt_ns - (held - 1 + POLICY_BURST) *
					      POLICY_INTERVAL_MS * NS_PER_MS,
	};
}

struct policy_plan pool_policy_plan(
    const struct policy *policy, struct policy_count count, int64_t now_ns)
{
	if (count.alive >= count.want)
		return (struct policy_plan){0, POLICY_NEVER};
	if (policy->step > 0) {
		if (now_ns < policy->not_before_ns)
			return (struct policy_plan){0, policy->not_before_ns};
		/* One probe, whose report or death decides what follows. */
		if (!policy->probed)
			return (struct policy_plan){
			    count.starting == 0 ? 1 : 0, POLICY_NEVER};
	}
	return plan_indebted(policy, count.want - count.alive, now_ns);
}

enum policy_death pool_policy_classify(const struct policy_life *life)
{
	if (!life->ready)
		return POLICY_STILLBORN;
	/* Its own fault or not: nothing says that the next one fares so. */
	if (life->killed || (life->leaving && life->exit_ok))
		return POLICY_LEFT;
	if (life->requests == 0 &&
	    life->died_ns - life->ready_ns < POLICY_SETTLED_MS * NS_PER_MS)
		return POLICY_STILLBORN;
	return POLICY_CRASHED;
}

void pool_policy_ready(struct policy *policy, int64_t now_ns)
{
	policy->probed = true;
	if (policy->calm_ns == POLICY_NEVER)
		policy->calm_ns = now_ns + POLICY_SETTLED_MS * NS_PER_MS;
}

static bool stillborn(struct policy *policy, int64_t born_ns, int64_t now_ns)
{
	/* Children born before the last step are of that wave: once is enough. */
	if (policy->step > 0 && born_ns < policy->step_ns)
		return false;
	if (now_ns >= policy->calm_ns)
		policy->step = 0;
	policy->step++;
	policy->step_ns = now_ns;
	policy->not_before_ns =
	    now_ns + pool_policy_pause_ms(policy) * NS_PER_MS;
	policy->probed = false;
	policy->calm_ns = POLICY_NEVER;
	return policy->step <= STEP_FULL ||
	       (policy->step - STEP_FULL) % STEPS_A_MINUTE == 0;
}

static void crashed(struct policy *policy, int64_t now_ns)
{
	if (policy->debt_ns < now_ns)
		policy->debt_ns = now_ns;
	policy->debt_ns += POLICY_INTERVAL_MS * NS_PER_MS;
}

bool pool_policy_died(struct policy *policy, enum policy_death death,
    int64_t born_ns, int64_t now_ns)
{
	switch (death) {
	case POLICY_STILLBORN:
		return stillborn(policy, born_ns, now_ns);
	case POLICY_CRASHED:
		crashed(policy, now_ns);
		return false;
	case POLICY_LEFT:
	case POLICY_DEATH_COUNT:
		break;
	}
	return false;
}

uint64_t pool_policy_request_ask(uint64_t limit)
{
	uint64_t before = limit / 20;

	return limit - (before < 100 ? before : 100);
}

uint64_t pool_policy_spread(uint64_t max, unsigned index)
{
	/* 8 and 21 share no factor: 21 indices take 21 different steps. */
	uint64_t percent = 90 + (index * UINT64_C(8) + 10) % 21;

	if (max > UINT64_MAX / 110)
		return max;
	return max * percent / 100 > 0 ? max * percent / 100 : max;
}
