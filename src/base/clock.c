/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks, deadlines, and RFC 3339. */
#include "config.h"

#include "base/clock.h"
#include "base/bug.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

int64_t mono_ns(void)
{
	struct timespec ts;

	BUG_ON(clock_gettime(CLOCK_MONOTONIC, &ts) != 0);
	return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

struct wall wall_now(void)
{
	struct timespec ts;

	BUG_ON(clock_gettime(CLOCK_REALTIME, &ts) != 0);
	return (struct wall){(int64_t)ts.tv_sec * US_PER_S + ts.tv_nsec / 1000};
}

static int64_t system_mono_ns(void *ctx)
{
	(void)ctx;
	return mono_ns();
}

static struct wall system_wall(void *ctx)
{
	(void)ctx;
	return wall_now();
}

const struct clock clock_system = {system_mono_ns, system_wall, NULL};

int64_t deadline_in_ms(int64_t ms)
{
	return mono_ns() + ms * NS_PER_MS;
}

int deadline_left_ms(int64_t deadline_ns)
{
	int64_t left_ns = deadline_ns - mono_ns();

	if (left_ns <= 0)
		return 0;
	if (left_ns / NS_PER_MS >= INT_MAX - 1)
		return INT_MAX;
	return (int)((left_ns + NS_PER_MS - 1) / NS_PER_MS);
}

void wall_format(struct wall when, int digits, char out[WALL_TEXT_MAX])
{
	time_t seconds = (time_t)(when.us / US_PER_S);
	int us = (int)(when.us % US_PER_S);
	struct tm tm;
	size_t n;

	if (us < 0) {
		us += (int)US_PER_S;
		seconds--;
	}
	BUG_ON(gmtime_r(&seconds, &tm) == NULL);
	n = strftime(out, WALL_TEXT_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
	BUG_ON(n == 0);
	if (digits == 3)
		snprintf(out + n, WALL_TEXT_MAX - n, ".%03dZ", us / 1000);
	else if (digits == 6)
		snprintf(out + n, WALL_TEXT_MAX - n, ".%06dZ", us);
	else
		snprintf(out + n, WALL_TEXT_MAX - n, "Z");
}

/* Reads exactly `n` digits. */
static bool digits_read(const char **at, int n, int *out)
{
	int value = 0;

	for (; n > 0; n--, (*at)++) {
		if (!isdigit((unsigned char)**at))
			return false;
		value = value * 10 + (**at - '0');
	}
	*out = value;
	return true;
}

static bool char_read(const char **at, const char *any_of)
{
	if (**at == '\0' || strchr(any_of, **at) == NULL)
		return false;
	(*at)++;
	return true;
}

/* ".5" and the like, in microseconds; further digits are dropped. */
static bool fraction_read(const char **at, int64_t *us)
{
	int64_t unit = US_PER_S / 10;

	*us = 0;
	if (!char_read(at, "."))
		return true;
	if (!isdigit((unsigned char)**at))
		return false;
	for (; isdigit((unsigned char)**at); (*at)++, unit /= 10)
		*us += unit * (**at - '0');
	return true;
}

static bool offset_read(const char **at, int64_t *seconds)
{
	bool west;
	int h, m;

	*seconds = 0;
	if (char_read(at, "Zz"))
		return true;
	west = **at == '-';
	if (!char_read(at, "+-") || !digits_read(at, 2, &h) ||
	    !char_read(at, ":") || !digits_read(at, 2, &m))
		return false;
	if (h > 23 || m > 59)
		return false;
	*seconds = (west ? -1 : 1) * (h * 3600 + m * 60);
	return true;
}

bool wall_parse(const char *text, struct wall *out)
{
	const char *at = text;
	struct tm tm = {0}, back;
	int64_t us, offset_s;
	time_t seconds;

	if (!digits_read(&at, 4, &tm.tm_year) || !char_read(&at, "-") ||
	    !digits_read(&at, 2, &tm.tm_mon) || !char_read(&at, "-") ||
	    !digits_read(&at, 2, &tm.tm_mday) || !char_read(&at, "Tt ") ||
	    !digits_read(&at, 2, &tm.tm_hour) || !char_read(&at, ":") ||
	    !digits_read(&at, 2, &tm.tm_min))
		return false;
	if (*at == ':' &&
	    (!char_read(&at, ":") || !digits_read(&at, 2, &tm.tm_sec)))
		return false;
	if (!fraction_read(&at, &us) || !offset_read(&at, &offset_s) ||
	    *at != '\0')
		return false;
	if (tm.tm_year < 1970 || tm.tm_year > 2199)
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	back = tm;
	seconds = timegm(&back);
	/* timegm() quietly makes 1 March of 30 February: refuse that. */
	if (back.tm_mday != tm.tm_mday || back.tm_mon != tm.tm_mon ||
	    back.tm_hour != tm.tm_hour || back.tm_min != tm.tm_min ||
	    back.tm_sec != tm.tm_sec)
		return false;
	out->us = ((int64_t)seconds - offset_s) * US_PER_S + us;
	return out->us > 0;
}
