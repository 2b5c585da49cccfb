/* SPDX-License-Identifier: Apache-2.0 */
/* How many children a group should have: decisions only. */
#include "config.h"

#include "pool/manager.h"
#include "base/clock.h"

#include <string.h>

/* 1 << this is more than there may be. */
#define BLIND_MAX 16

static unsigned smaller(uint64_t a, unsigned b)
{
	return a < b ? (unsigned)a : b;
}

static unsigned larger(unsigned a, unsigned b)
{
	return a > b ? a : b;
}

/* ---- the memory of the last idle_ms -------------------------------------- */

static int64_t piece_at(const struct pool_size *size, int64_t now_ns)
{
	int64_t width_ns = (int64_t)size->idle_ms * NS_PER_MS;

	width_ns /= MANAGER_PIECES - 1;
	return now_ns / (width_ns > 0 ? width_ns : 1);
}

static void peak_note(struct manager *manager, const struct pool_size *size,
    unsigned in_use, int64_t now_ns)
{
	int64_t piece = piece_at(size, now_ns);
	int64_t passed = piece - manager->piece;
	unsigned *now = &manager->peaks[piece % MANAGER_PIECES];

	for (int64_t i = 1; i <= passed && i <= MANAGER_PIECES; i++)
		manager->peaks[(manager->piece + i) % MANAGER_PIECES] = 0;
	manager->piece = piece;
	*now = larger(*now, in_use);
}

unsigned pool_manager_peak(const struct manager *manager)
{
	unsigned peak = 0;

	for (size_t i = 0; i < MANAGER_PIECES; i++)
		peak = larger(peak, manager->peaks[i]);
	return peak;
}

void pool_manager_init(struct manager *manager, const struct pool_size *size,
    unsigned in_use, int64_t now_ns)
{
	memset(manager, 0, sizeof(*manager));
	manager->piece = piece_at(size, now_ns);
	peak_note(manager, size, in_use, now_ns);
	manager->grown_ns = now_ns - MANAGER_LOOK_MS * NS_PER_MS;
}

/* ---- what is in use ------------------------------------------------------ */

/* Idle ones that leave connections waiting are none: a wake-up was lost, or
 * they may not accept (no descriptors left), or what they say is not true. */
static bool is_stuck(struct manager *manager, const struct manager_look *look)
{
	if (look->queue == 0 || look->idle == 0 || look->moved)
		manager->stuck = 0;
	else if (manager->stuck < MANAGER_STUCK_LOOKS)
		manager->stuck++;
	return manager->stuck == MANAGER_STUCK_LOOKS;
}

/* Of a queue that cannot be measured: twice as many each time that what came
 * was not enough. */
static unsigned queue_guess(
    struct manager *manager, const struct manager_look *look)
{
	if (look->queue_known || look->queue == 0 || look->idle > 0) {
		manager->blind = 0;
		return look->queue;
	}
	if (look->starting > 0)
		return look->queue;
	if (manager->blind < BLIND_MAX)
		manager->blind++;
	return 1u << (manager->blind - 1);
}

static unsigned in_use(struct manager *manager, const struct manager_look *look)
{
	uint64_t used = (uint64_t)look->busy + queue_guess(manager, look);

	if (is_stuck(manager, look))
		used += look->idle;
	/* Too short to be seen at work, but somebody was needed. */
	if (used == 0 && look->moved)
		used = 1;
	return smaller(used, look->max);
}

/* ---- the plan ------------------------------------------------------------ */

/* At most spawn_max of the missing ones in the time between two looks. */
static unsigned grow(struct manager *manager, const struct pool_size *size,
    unsigned missing, int64_t now_ns)
{
	if (size->spawn_max == 0)
		return missing;
	if (now_ns - manager->grown_ns >= MANAGER_LOOK_MS * NS_PER_MS) {
		manager->grown_ns = now_ns;
		manager->grown = 0;
	}
	if (missing > size->spawn_max - manager->grown)
		missing = size->spawn_max - manager->grown;
	manager->grown += missing;
	return missing;
}

static unsigned shrink(unsigned surplus, const struct manager_look *look)
{
	unsigned there = look->idle + look->busy + look->starting;
	unsigned n = (surplus + 3) / 4;

	/* Load is coming, or was a moment ago. */
	if (look->starting > 0)
		return 0;
	n = smaller(n, look->idle);
	/* Who holds a connection may be sent a request on it, and gives it to
	 * those who stay: somebody must. */
	return n == there && look->holding > 0 ? n - 1 : n;
}

struct manager_plan pool_manager_plan(struct manager *manager,
    const struct pool_size *size, const struct manager_look *look)
{
	unsigned there = look->idle + look->busy + look->starting;
	unsigned used, peak, low, high;
	struct manager_plan plan = {.want = there};

	if (size->manager == POOL_STATIC)
		return (struct manager_plan){.want = look->max};
	used = in_use(manager, look);
	peak_note(manager, size, used, look->now_ns);
	peak = pool_manager_peak(manager);
	low = high = peak;
	if (size->manager == POOL_ONDEMAND) {
		low = used;
	} else {
		low = smaller((uint64_t)peak + size->min_spare, look->max);
		high = smaller((uint64_t)peak + size->max_spare, look->max);
	}
	if (there < low)
		plan.want += grow(manager, size, low - there, look->now_ns);
	else if (there > high)
		plan.let_go = shrink(there - high, look);
	plan.want -= plan.let_go;
	plan.full = pool_manager_episode(&manager->full,
	    pool_manager_is_full(size, look->max, look->busy, look->idle),
	    look->now_ns);
	return plan;
}

unsigned pool_manager_first(
    const struct pool_size *size, unsigned max, unsigned used)
{
	switch (size->manager) {
	case POOL_STATIC:
		break;
	case POOL_DYNAMIC:
		return larger(smaller((uint64_t)used + size->min_spare, max),
		    smaller(size->start, max));
	case POOL_ONDEMAND:
		return smaller(used, max);
	}
	return max;
}

bool pool_manager_is_full(
    const struct pool_size *size, unsigned max, uint64_t active, uint64_t idle)
{
	unsigned spare =
	    size->manager == POOL_DYNAMIC ? larger(size->min_spare, 1) : 1;

	return idle < spare && active + spare > max;
}

bool pool_manager_episode(
    struct manager_episode *episode, bool is, int64_t now_ns)
{
	bool begins = is && !episode->on;

	if (is) {
		episode->on = true;
		episode->last_ns = now_ns;
	} else if (now_ns - episode->last_ns >= MANAGER_CALM_MS * NS_PER_MS) {
		episode->on = false;
	}
	return begins;
}
