/* SPDX-License-Identifier: Apache-2.0 */
/* A small generator per process, and what is made of it. */
#include "config.h"

#include "web/retry.h"

#include <sys/random.h>
#include <unistd.h>

#define JITTER_S 3

/*
 * splitmix64: any seed is good, and jitter is no secret.  Seeded at the first
 * use in a process and not before: workers forked from one seeded master would
 * all say the same.
 */
static uint64_t jitter_next(void)
{
	static uint64_t state;
	static pid_t seeded;
	uint64_t z;

	if (seeded != getpid()) {
		if (getrandom(&state, sizeof(state), GRND_NONBLOCK) !=
		    (ssize_t)sizeof(state))
			state = (uint64_t)mono_ns() ^ (uint64_t)getpid() << 40;
		seeded = getpid();
	}
	state += UINT64_C(0x9e3779b97f4a7c15);
	z = state;
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* 0 .. JITTER_S - 1 */
static int jitter_s(void)
{
	return (int)(jitter_next() % JITTER_S);
}

int retry_soon_s(void)
{
	return 1 + jitter_s();
}

int retry_opening_s(struct wall now, struct wall opens)
{
	const int64_t most_s = RETRY_OPENING_MAX_S - (JITTER_S - 1);
	int64_t left_s;

	if (opens.us == 0)
		return RETRY_OPENING_MAX_S - jitter_s();
	left_s = (opens.us - now.us + US_PER_S - 1) / US_PER_S;
	if (left_s < 1)
		left_s = 1;
	if (left_s > most_s)
		left_s = most_s;
	return (int)left_s + jitter_s();
}

int retry_run_s(struct wall now, struct wall run)
{
	int64_t left_s;

	if (run.us == 0)
		return RETRY_OPENING_MAX_S - jitter_s();
	left_s = (run.us - now.us + US_PER_S - 1) / US_PER_S;
	return (int)(left_s > 0 ? left_s : 0) + retry_soon_s();
}
