/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that take too long: decisions only. */
#include "config.h"

#include "pool/overdue.h"
#include "base/clock.h"

int64_t pool_overdue_began_ns(const struct overdue *overdue, int64_t born_ns)
{
	bool sane = overdue->request_ns >= born_ns &&
		    overdue->request_ns <= overdue->seen_ns;

	return sane ? overdue->request_ns : overdue->seen_ns;
}

enum overdue_act pool_overdue_step(struct overdue *overdue,
    const struct overdue_facts *facts, int64_t *again_ns)
{
	int64_t now_ns = facts->now_ns, due_ns, confirm_ns;

	/* One that begins right after this look is not due before that. */
	*again_ns = now_ns + facts->limit_ns;
	if (facts->request_ns != overdue->request_ns)
		*overdue = (struct overdue){
		    .request_ns = facts->request_ns, .seen_ns = now_ns};
	if (overdue->request_ns == 0)
		return OVERDUE_NOTHING;
	if (overdue->told_ns != 0) {
		due_ns = overdue->told_ns + OVERDUE_KILL_MS * NS_PER_MS;
		if (now_ns < due_ns) {
			*again_ns = due_ns;
			return OVERDUE_NOTHING;
		}
		return OVERDUE_KILL;
	}
	due_ns =
	    pool_overdue_began_ns(overdue, facts->born_ns) + facts->limit_ns;
	confirm_ns = overdue->seen_ns + OVERDUE_CONFIRM_MS * NS_PER_MS;
	if (due_ns < confirm_ns)
		due_ns = confirm_ns;
	if (now_ns < due_ns) {
		*again_ns = due_ns;
		return OVERDUE_NOTHING;
	}
	overdue->told_ns = now_ns;
	*again_ns = now_ns + OVERDUE_KILL_MS * NS_PER_MS;
	return OVERDUE_TELL;
}
