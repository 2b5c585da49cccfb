/* SPDX-License-Identifier: Apache-2.0 */
/* Requests, memory and age of a child against their limits. */
#include "config.h"

#include "pool/wear.h"
#include "pool/policy.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum board_cause pool_wear_judge(
    const struct wear_limits *limits, const struct wear_facts *facts)
{
	if (limits->rss_bytes != 0 && facts->rss_bytes > limits->rss_bytes)
		return BOARD_CAUSE_MAX_RSS;
	if (limits->requests != 0 && facts->requests >= limits->requests)
		return BOARD_CAUSE_MAX_REQUESTS;
	if (limits->lifetime_ns != 0 && facts->age_ns >= limits->lifetime_ns)
		return BOARD_CAUSE_MAX_LIFETIME;
	return BOARD_CAUSE_NONE;
}

struct wear_limits pool_wear_limits(
    const struct pool_group *group, unsigned index)
{
	return (struct wear_limits){
	    .requests = pool_policy_request_ask(
		pool_policy_spread(group->max_requests, index)),
	    .rss_bytes = group->max_rss_bytes,
	    .lifetime_ns =
		(int64_t)pool_policy_spread(group->max_lifetime_ms, index) *
		NS_PER_MS,
	};
}

void pool_wear_open(
    struct wear *wear, const struct wear_limits *limits, int64_t born_ns)
{
	*wear = (struct wear){
	    .limits = *limits, .born_ns = born_ns, .statm_fd = -1};
	if (limits->rss_bytes == 0)
		return;
	wear->statm_fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	if (wear->statm_fd < 0)
		log_warning("/proc/self/statm: %s: pm.max_rss goes by the peak",
		    strerror(errno));
}

void pool_wear_close(struct wear *wear)
{
	if (wear->statm_fd >= 0)
		close(wear->statm_fd);
	wear->statm_fd = -1;
}

/* The second word of statm, pages; without it the peak, which never falls. */
static uint64_t rss_read(const struct wear *wear)
{
	struct rusage usage;
	char text[128];
	struct strv rest;
	uint64_t pages;
	ssize_t n =
	    wear->statm_fd < 0 ? -1 : pread(wear->statm_fd, text, 127, 0);

	if (n > 0) {
		rest = strv_from(text, (size_t)n);
		(void)strv_cut(&rest, ' ');
		if (num_parse_u64(
			strv_cut(&rest, ' '), 0, UINT64_MAX / 65536, &pages))
			return pages * (uint64_t)sysconf(_SC_PAGESIZE);
	}
	return getrusage(RUSAGE_SELF, &usage) == 0
		   ? (uint64_t)usage.ru_maxrss * 1024
		   : 0;
}

void pool_wear_ready(struct wear *wear)
{
	uint64_t bytes = wear->limits.rss_bytes != 0 ? rss_read(wear) : 0;

	if (bytes <= wear->limits.rss_bytes)
		return;
	log_warning("pm.max_rss is %" PRIu64 " bytes, and a child begins with "
		    "%" PRIu64 ": ignored; set it to several times that",
	    wear->limits.rss_bytes, bytes);
	wear->limits.rss_bytes = 0;
}

static void rss_look(struct wear *wear, uint64_t requests, int64_t now_ns)
{
	if (wear->limits.rss_bytes == 0 || requests == wear->looked_requests ||
	    (requests - wear->looked_requests < WEAR_LOOK_REQUESTS &&
		now_ns - wear->looked_ns < WEAR_LOOK_MS * NS_PER_MS))
		return;
	wear->rss_bytes = rss_read(wear);
	wear->looked_requests = requests;
	wear->looked_ns = now_ns;
}

static bool is_limited(const struct wear_limits *limits)
{
	return limits->requests != 0 || limits->rss_bytes != 0 ||
	       limits->lifetime_ns != 0;
}

bool pool_wear_turn(struct wear *wear, uint64_t requests)
{
	int64_t now_ns;

	if (!is_limited(&wear->limits))
		return false;
	now_ns = mono_ns();
	if (wear->cause == BOARD_CAUSE_NONE) {
		rss_look(wear, requests, now_ns);
		wear->cause = pool_wear_judge(
		    &wear->limits, &(struct wear_facts){.requests = requests,
				       .rss_bytes = wear->rss_bytes,
				       .age_ns = now_ns - wear->born_ns});
	}
	if (wear->cause == BOARD_CAUSE_NONE ||
	    (wear->asked_ns != 0 &&
		now_ns < wear->asked_ns + WEAR_AGAIN_MS * NS_PER_MS))
		return false;
	wear->asked_ns = now_ns;
	return true;
}

int64_t pool_wear_next_ns(const struct wear *wear, uint64_t requests)
{
	int64_t next_ns = INT64_MAX;

	if (wear->cause != BOARD_CAUSE_NONE)
		return wear->asked_ns + WEAR_AGAIN_MS * NS_PER_MS;
	if (wear->limits.lifetime_ns != 0)
		next_ns = wear->born_ns + wear->limits.lifetime_ns;
	/* One that does nothing does not grow. */
	if (wear->limits.rss_bytes != 0 && requests != wear->looked_requests &&
	    wear->looked_ns + WEAR_LOOK_MS * NS_PER_MS < next_ns)
		next_ns = wear->looked_ns + WEAR_LOOK_MS * NS_PER_MS;
	return next_ns;
}
