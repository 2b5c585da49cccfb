/* SPDX-License-Identifier: Apache-2.0 */
/* Birth and burial of one child, one the mirror of the other.  Master. */
#include "config.h"

#include "pool/master.h"
#include "pool/report.h"
#include "base/bug.h"
#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/str.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct master_child *slot_free(
    struct master *master, const struct master_group *group)
{
	for (unsigned i = 0; i < group->room; i++)
		if (master->children[group->first + i].pid == 0)
			return &master->children[group->first + i];
	BUG("more children than slots");
}

/* False when the kernel gives no process. */
static bool born(
    struct master *master, struct generation *generation, size_t index)
{
	struct master_group *group = &generation->groups[index];
	struct master_child *child = slot_free(master, group);
	size_t slot = (size_t)(child - master->children);
	struct board_slot *on_board =
	    pool_board_slot(master->heritage.board, slot);
	int64_t now_ns = mono_ns();

	*child = (struct master_child){
	    .born_ns = now_ns,
	    .used_ns = now_ns,
	    .birth =
		{
		    .group = index,
		    .index = (unsigned)(slot - group->first),
		    .slot = slot,
		    .serial = ++master->births,
		    .generation = generation->number,
		},
	};
	pool_board_born(
	    on_board, &(struct board_birth){.serial = child->birth.serial,
			  .generation = generation->number,
			  .started_ns = now_ns});
	pool_board_set_group(on_board, child->birth.group);
	master->heritage.conf = generation->conf;
	child->pid = fork();
	if (child->pid == 0)
		pool_child_main(&master->heritage, &child->birth);
	if (child->pid < 0) {
		child->pid = 0;
		pool_board_buried(on_board);
		return false;
	}
	pool_board_count_birth(master->heritage.board, child->birth.group);
	group->alive++;
	group->starting++;
	FAILPOINT(master_after_fork);
	return true;
}

/* What the policy allows of what is wanted, replacements with it; who is let go
 * counts no more, but has a place. */
static struct policy_plan plan_make(const struct master *master,
    const struct generation *generation, size_t index, int64_t now_ns)
{
	const struct master_group *group = &generation->groups[index];
	const struct recycle_count worn =
	    pool_retire_count(master, generation, index);
	/* Nobody is replaced in a generation that is not complete yet: it
	 * would never be. */
	unsigned target = generation == master->serving
			      ? pool_recycle_target(&worn)
			      : worn.want;
	const struct policy_count count = {
	    .want = target,
	    .alive = group->alive - group->retired,
	    .starting = group->starting,
	};
	/* Besides the replacements never more than max_children at once. */
	unsigned most = group->conf->max_children + (target - worn.want);
	struct policy_plan plan =
	    pool_policy_plan(&group->policy, count, now_ns);
	unsigned places;

	if (most > group->room)
		most = group->room;
	places = most > group->alive ? most - group->alive : 0;
	if (plan.spawn > places)
		plan.spawn = places;
	return plan;
}

int64_t pool_spawn_missing(
    struct master *master, struct generation *generation, size_t index)
{
	struct master_group *group = &generation->groups[index];
	int64_t now_ns = mono_ns();
	struct policy_plan plan = plan_make(master, generation, index, now_ns);
	int why;

	for (unsigned i = 0; i < plan.spawn; i++) {
		if (born(master, generation, index))
			continue;
		why = errno;
		/* No process, no child: the same brake as for a dead one. */
		if (pool_policy_died(
			&group->policy, POLICY_STILLBORN, now_ns, now_ns))
			log_error("%s: fork: %s; next try in %" PRId64 " ms",
			    group->conf->name, strerror(why),
			    pool_policy_pause_ms(&group->policy));
		if (generation == master->other)
			pool_renew_failed(master, "cannot fork");
		return group->policy.not_before_ns;
	}
	return plan.again_ns;
}

static struct master_child *child_by_pid(struct master *master, pid_t pid)
{
	for (size_t i = 0; i < master->nchildren; i++)
		if (master->children[i].pid == pid)
			return &master->children[i];
	return NULL;
}

static bool cause_is_wear(uint32_t cause)
{
	return cause == BOARD_CAUSE_MAX_REQUESTS ||
	       cause == BOARD_CAUSE_MAX_RSS ||
	       cause == BOARD_CAUSE_MAX_LIFETIME;
}

void pool_spawn_heard(struct master *master, const struct report *report)
{
	struct master_child *child;
	struct master_group *group;

	if (report->slot >= master->nchildren)
		return;
	child = &master->children[report->slot];
	if (child->pid == 0 || child->pid != report->pid ||
	    child->birth.serial != report->serial)
		return;
	group = &pool_generation_of(master, child)->groups[child->birth.group];
	switch (report->kind) {
	case REPORT_READY:
		if (child->ready)
			return;
		child->ready = true;
		child->ready_ns = mono_ns();
		BUG_ON(group->starting == 0);
		group->starting--;
		pool_policy_ready(&group->policy, child->ready_ns);
		log_debug("%s[%u] %ld is ready", group->conf->name,
		    child->birth.index, (long)child->pid);
		return;
	case REPORT_LEAVING:
		child->leaving = true;
		return;
	case REPORT_WORN:
		if (child->worn != BOARD_CAUSE_NONE ||
		    !cause_is_wear(report->cause))
			return;
		child->worn = (enum board_cause)report->cause;
		child->worn_ns = mono_ns();
		return;
	default:
		return;
	}
}

/* "exit code 70", "signal 11 (Segmentation fault)". */
static void death_describe(int status, struct strbuf *out)
{
	if (WIFEXITED(status))
		strbuf_printf(out, "exit code %d", WEXITSTATUS(status));
	else
		strbuf_printf(out, "signal %d (%s)%s", WTERMSIG(status),
		    strsignal(WTERMSIG(status)),
		    WCOREDUMP(status) ? ", core dumped" : "");
}

struct obituary {
	const struct master_child *child;
	const struct master_group *group;
	enum policy_death death;
	const char *how;
	uint64_t requests;
	int64_t age_ms;
	bool say;
};

/* A death that was ordered needs no words. */
static bool is_told_to(struct master *master, const struct master_child *child)
{
	return master->stop.state != STOP_RUNNING ||
	       pool_generation_of(master, child)->leaves;
}

static void stillborn_say(
    const struct master *master, const struct obituary *text)
{
	char why[256];

	if (!text->say)
		return;
	pool_board_why(
	    pool_board_slot(master->heritage.board, text->child->birth.slot),
	    why, sizeof(why));
	log_error("%s[%u] %ld failed after %" PRId64 " ms: %s%s%s; next try in "
		  "%" PRId64 " ms",
	    text->group->conf->name, text->child->birth.index,
	    (long)text->child->pid, text->age_ms, text->how,
	    why[0] != '\0' ? ": " : "", why,
	    pool_policy_pause_ms(&text->group->policy));
}

static enum board_cause cause_of(
    struct master *master, const struct obituary *text)
{
	const struct master_child *child = text->child;

	if (master->stop.state != STOP_RUNNING)
		return BOARD_CAUSE_STOP;
	if (pool_generation_of(master, child)->leaves)
		return BOARD_CAUSE_RELOAD;
	switch (text->death) {
	case POLICY_LEFT:
		return child->told != BOARD_CAUSE_NONE ? child->told
						       : BOARD_CAUSE_SIGNAL;
	case POLICY_STILLBORN:
		return BOARD_CAUSE_STILLBORN;
	case POLICY_CRASHED:
	case POLICY_DEATH_COUNT:
		break;
	}
	return BOARD_CAUSE_CRASH;
}

static void obituary_log(struct master *master, const struct obituary *text)
{
	const struct master_child *child = text->child;
	const char *name = text->group->conf->name;

	if (text->death == POLICY_LEFT || is_told_to(master, child))
		log_debug("%s[%u] %ld left: %s, %" PRIu64 " requests", name,
		    child->birth.index, (long)child->pid, text->how,
		    text->requests);
	else if (text->death == POLICY_STILLBORN)
		stillborn_say(master, text);
	else
		log_warning("%s[%u] %ld died: %s, after %" PRId64 " s and "
			    "%" PRIu64 " requests",
		    name, child->birth.index, (long)child->pid, text->how,
		    text->age_ms / 1000, text->requests);
}

/* It died by itself.  One that was never of use is reason enough not to have
 * its whole generation. */
static void failure_tell(struct master *master, const struct obituary *text)
{
	const struct birth *birth = &text->child->birth;
	char why[256], bytes[POOL_RELOAD_TEXT_MAX];
	struct strbuf line;

	pool_board_why(pool_board_slot(master->heritage.board, birth->slot),
	    why, sizeof(why));
	pool_retire_crashed(master, birth->group, text->how, why);
	if (birth->generation != master->other->number ||
	    text->death != POLICY_STILLBORN)
		return;
	strbuf_init(&line, bytes, sizeof(bytes));
	strbuf_printf(&line, "a new %s failed: %s%s%s", text->group->conf->name,
	    text->how, why[0] != '\0' ? ": " : "", why);
	pool_renew_failed(master, line.p);
}

void pool_spawn_bury(struct master *master, pid_t pid, int status)
{
	struct master_child *child = child_by_pid(master, pid);
	struct board *board = master->heritage.board;
	struct master_group *group;
	struct board_view view;
	struct obituary text;
	struct strbuf how;
	char bytes[96];
	enum board_cause cause;
	int64_t now_ns = mono_ns();

	if (child == NULL)
		return;
	group = &pool_generation_of(master, child)->groups[child->birth.group];
	pool_board_view(board, child->birth.slot, &view);
	strbuf_init(&how, bytes, sizeof(bytes));
	death_describe(status, &how);
	text = (struct obituary){
	    .child = child,
	    .group = group,
	    .death = pool_policy_classify(&(struct policy_life){
		.ready = child->ready,
		.leaving = child->leaving,
		.exit_ok = WIFEXITED(status) && WEXITSTATUS(status) == 0,
		.killed = child->killed,
		.ready_ns = child->ready_ns,
		.died_ns = now_ns,
		.requests = view.requests,
	    }),
	    .how = how.p,
	    .requests = view.requests,
	    .age_ms = (now_ns - child->born_ns) / NS_PER_MS,
	};
	text.say = pool_policy_died(
	    &group->policy, text.death, child->born_ns, now_ns);
	cause = cause_of(master, &text);
	pool_board_count_death(board, child->birth.group, status, cause);
	obituary_log(master, &text);

	BUG_ON(group->alive == 0 || (!child->ready && group->starting == 0));
	group->alive--;
	if (!child->ready)
		group->starting--;
	if (child->retired)
		group->retired--;
	else
		/* Is it to be replaced?  That depends on the load. */
		group->look_ns = 0;
	pool_board_buried(pool_board_slot(board, child->birth.slot));
	child->pid = 0;
	if (cause == BOARD_CAUSE_STILLBORN || cause == BOARD_CAUSE_CRASH)
		failure_tell(master, &text);
}
