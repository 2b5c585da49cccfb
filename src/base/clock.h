/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two kinds of time that do not mix: monotonic nanoseconds for deadlines and
 * latency, wall time in UTC for sale windows and stored times.  Deadlines, not
 * durations, go down the stack.  `sale` gets its clock as a value of struct
 * clock, so that tests open and close a sale without sleeping.  Any process.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/attr.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define NS_PER_US INT64_C(1000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S  INT64_C(1000000000)
#define US_PER_S  INT64_C(1000000)

/* UTC, microseconds since 1970.  0 means "not set" wherever a time may be so. */
struct wall {
	int64_t us;
};

struct clock {
	int64_t (*mono_ns)(void *ctx);
	struct wall (*wall)(void *ctx);
	void *ctx;
};

/* The machine's own clocks. */
extern const struct clock clock_system;

int64_t mono_ns(void); /* CLOCK_MONOTONIC */
struct wall wall_now(void);

/* A moment `ms` from now, for use as a deadline. */
int64_t deadline_in_ms(int64_t ms);

/*
 * Milliseconds left until `deadline_ns`, rounded up so that a wait never ends
 * early, never below 0, and never above INT_MAX: fit for poll(2).
 */
int deadline_left_ms(int64_t deadline_ns);

/* RFC 3339 in UTC with `digits` (0, 3 or 6) of a second: 2026-11-22T20:00:00Z */
#define WALL_TEXT_MAX 32
void wall_format(struct wall when, int digits, char out[WALL_TEXT_MAX]);

/*
 * Reads RFC 3339 with any offset ("2026-11-22T20:00:00.5+01:00"; a blank for
 * the T and a missing seconds field are let pass, a missing offset is not).
 * False when it is not such a time or lies outside 1970..2199.
 */
bool wall_parse(const char *text, struct wall *out) ATTR_MUSTUSE;

#endif
