/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Single children that are to go while their generation stays: worn out, or too
 * long at one request.  What is decided elsewhere (recycle.c, overdue.c,
 * breaker.c) is done here.  Master.
 */
#include "config.h"

#include "pool/master.h"
#include "pool/signals.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>

/* To finish a request and hand connections over takes no longer. */
#define GRACE_MIN_MS 1000

static int64_t earlier(int64_t a_ns, int64_t b_ns)
{
	return a_ns < b_ns ? a_ns : b_ns;
}

void pool_retire_tell(struct master_child *child, enum board_cause cause)
{
	if (child->told != BOARD_CAUSE_NONE)
		return;
	child->told = cause;
	child->told_ns = mono_ns();
	kill(child->pid, SIGNALS_RETIRE_NUMBER);
}

static void retire_kill(struct master_child *child, enum board_cause cause)
{
	child->told = cause;
	child->killed = true;
	kill(child->pid, SIGKILL);
}

/* ---- worn out ------------------------------------------------------------ */

static bool is_of(const struct master_child *child,
    const struct generation *generation, size_t index)
{
	return child->pid > 0 && child->birth.group == index &&
	       child->birth.generation == generation->number;
}

struct recycle_count pool_retire_count(const struct master *master,
    const struct generation *generation, size_t index)
{
	const struct master_group *group = &generation->groups[index];
	int64_t patience_ns = mono_ns() - RECYCLE_PATIENCE_MS * NS_PER_MS;
	struct recycle_count count = {
	    .want = pool_group_want(group), .room = group->room};

	for (size_t i = 0; i < group->room; i++) {
		const struct master_child *child =
		    &master->children[group->first + i];

		/* Who is not needed is not replaced. */
		if (!is_of(child, generation, index) || child->retired)
			continue;
		if (child->told != BOARD_CAUSE_NONE) {
			count.going++;
			continue;
		}
		if (child->leaving || !child->ready)
			continue;
		count.ready++;
		if (child->worn == BOARD_CAUSE_NONE)
			continue;
		count.worn++;
		if (child->worn_ns <= patience_ns)
			count.impatient = true;
	}
	return count;
}

static struct master_child *longest_worn(
    struct master *master, const struct generation *generation, size_t index)
{
	const struct master_group *group = &generation->groups[index];
	struct master_child *longest = NULL;

	for (size_t i = 0; i < group->room; i++) {
		struct master_child *child =
		    &master->children[group->first + i];

		if (is_of(child, generation, index) && child->ready &&
		    !child->leaving && child->told == BOARD_CAUSE_NONE &&
		    child->worn != BOARD_CAUSE_NONE &&
		    (longest == NULL || child->worn_ns < longest->worn_ns))
			longest = child;
	}
	return longest;
}

/* When there may be more to do though nobody reports anything. */
static int64_t worn_turn(
    struct master *master, const struct generation *generation, size_t index)
{
	struct recycle_count count =
	    pool_retire_count(master, generation, index);
	unsigned go = pool_recycle_go(&count);
	struct master_child *child;

	for (; go > 0; go--) {
		child = longest_worn(master, generation, index);
		log_debug("%s[%u] %ld is replaced: %s",
		    generation->groups[index].conf->name, child->birth.index,
		    (long)child->pid, pool_board_cause_name(child->worn));
		pool_retire_tell(child, child->worn);
	}
	child = longest_worn(master, generation, index);
	if (child == NULL || count.impatient)
		return INT64_MAX;
	return child->worn_ns + RECYCLE_PATIENCE_MS * NS_PER_MS;
}

/* ---- told, and still there ----------------------------------------------- */

static int64_t late_look(struct master *master, struct master_child *child)
{
	const struct generation *generation = pool_generation_of(master, child);
	unsigned grace_ms = generation->conf->control_timeout_ms;
	int64_t due_ns;

	if (child->told == BOARD_CAUSE_NONE)
		return INT64_MAX;
	/* A stop may be at once; nobody is in a hurry here. */
	if (grace_ms < GRACE_MIN_MS)
		grace_ms = GRACE_MIN_MS;
	due_ns = child->told_ns + grace_ms * NS_PER_MS;
	if (mono_ns() < due_ns)
		return due_ns;
	log_warning("%s[%u] %ld was told to leave (%s) and has not in %u ms: "
		    "killing it",
	    generation->groups[child->birth.group].conf->name,
	    child->birth.index, (long)child->pid,
	    pool_board_cause_name(child->told), grace_ms);
	retire_kill(child, BOARD_CAUSE_LATE);
	return INT64_MAX;
}

/* ---- too long at one request --------------------------------------------- */

static const char *phase_name(const struct pool_app *app, uint32_t phase)
{
	return phase == 0 || phase > app->nphases ? "?"
						  : app->phases[phase - 1];
}

/* A time on the board may be wild. */
static int64_t ms_since(int64_t then_ns, const struct master_child *child)
{
	int64_t now_ns = mono_ns();

	if (then_ns < child->born_ns)
		then_ns = child->born_ns;
	return then_ns < now_ns ? (now_ns - then_ns) / NS_PER_MS : 0;
}

static void overdue_log(const struct master *master,
    const struct master_child *child, const struct pool_group *group,
    const char *what)
{
	const struct board *board = master->heritage.board;
	struct board_view view;
	struct board_text text;
	char bytes[640];
	struct strbuf line;

	pool_board_view(board, child->birth.slot, &view);
	pool_board_text(board, child->birth.slot, &text);
	strbuf_init(&line, bytes, sizeof(bytes));
	strbuf_put_escaped(&line, strv_c(text.request.method));
	strbuf_putc(&line, ' ');
	strbuf_put_escaped(&line, strv_c(text.request.uri));
	if (text.note[0] != '\0') {
		strbuf_puts(&line, ", claim ");
		strbuf_put_escaped(&line, strv_c(text.note));
	}
	log_warning("%s[%u] %ld has been at a request for %" PRId64
		    " ms, in its phase \"%s\" for %" PRId64 " ms: %s: %s",
	    group->name, child->birth.index, (long)child->pid,
	    ms_since(
		pool_overdue_began_ns(&child->overdue, child->born_ns), child),
	    phase_name(group->app, view.phase), ms_since(view.phase_ns, child),
	    line.p, what);
}

static int64_t overdue_look(struct master *master, struct master_child *child)
{
	const struct pool_group *group =
	    pool_generation_of(master, child)->groups[child->birth.group].conf;
	struct board_view view;
	int64_t again_ns;

	if (group->terminate_ms == 0)
		return INT64_MAX;
	pool_board_view(master->heritage.board, child->birth.slot, &view);
	switch (pool_overdue_step(&child->overdue,
	    &(struct overdue_facts){.request_ns = view.request_ns,
		.born_ns = child->born_ns,
		.limit_ns = group->terminate_ms * NS_PER_MS,
		.now_ns = mono_ns()},
	    &again_ns)) {
	case OVERDUE_TELL:
		overdue_log(master, child, group, "it is to leave");
		pool_retire_tell(child, BOARD_CAUSE_TERMINATE);
		break;
	case OVERDUE_KILL:
		overdue_log(master, child, group, "killing it");
		retire_kill(child, BOARD_CAUSE_TERMINATE);
		return INT64_MAX;
	case OVERDUE_NOTHING:
		break;
	}
	return again_ns;
}

/* ---- crash loops --------------------------------------------------------- */

static struct breaker_limits breaker_limits(const struct master *master)
{
	const struct pool_conf *conf = master->serving->conf;

	return (struct breaker_limits){.threshold = conf->crash_threshold,
	    .interval_ns = conf->crash_interval_ms * NS_PER_MS};
}

/* An heir's children are not the service yet. */
static void loop_show(struct master *master, size_t index)
{
	if (!master->heir)
		pool_board_set_crash_loop(master->heritage.board, index,
		    master->breakers[index].open);
}

void pool_retire_publish(struct master *master)
{
	for (size_t i = 0; i < master->conf->ngroups; i++)
		loop_show(master, i);
}

void pool_retire_crashed(
    struct master *master, size_t index, const char *how, const char *why)
{
	struct breaker_limits limits = breaker_limits(master);
	char bytes[POOL_RELOAD_TEXT_MAX];
	struct strbuf text;

	if (!pool_breaker_died(&master->breakers[index], &limits, mono_ns()))
		return;
	loop_show(master, index);
	strbuf_init(&text, bytes, sizeof(bytes));
	strbuf_printf(&text,
	    "crash loop: %u children of %s died by themselves within %" PRId64
	    " s, the last by %s%s%s",
	    limits.threshold, master->serving->conf->groups[index].name,
	    limits.interval_ns / NS_PER_S, how, why[0] != '\0' ? ": " : "",
	    why);
	log_alert("%s", text.p);
	memcpy(master->alarm, bytes, sizeof(bytes));
	pool_notify_soon(&master->notify);
}

static int64_t breaker_look(struct master *master, size_t index)
{
	struct breaker_limits limits = breaker_limits(master);
	bool others = false;
	int64_t again_ns;

	if (!pool_breaker_turn(
		&master->breakers[index], &limits, mono_ns(), &again_ns))
		return again_ns;
	loop_show(master, index);
	log_notice("%s: the crash loop is over",
	    master->serving->conf->groups[index].name);
	for (size_t i = 0; i < POOL_GROUPS_MAX; i++)
		others = others || master->breakers[i].open;
	if (!others)
		master->alarm[0] = '\0';
	pool_notify_soon(&master->notify);
	return INT64_MAX;
}

int64_t pool_retire_turn(struct master *master)
{
	int64_t first_ns = INT64_MAX;

	/* When another program serves, those who are left only finish. */
	for (size_t i = 0; i < master->conf->ngroups && !master->followed;
	     i++) {
		first_ns =
		    earlier(first_ns, worn_turn(master, master->serving, i));
		first_ns = earlier(first_ns, breaker_look(master, i));
	}
	for (size_t i = 0; i < master->nchildren; i++) {
		struct master_child *child = &master->children[i];

		if (child->pid == 0 || child->killed)
			continue;
		first_ns = earlier(first_ns, overdue_look(master, child));
		if (!child->killed)
			first_ns = earlier(first_ns, late_look(master, child));
	}
	return first_ns;
}
