/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new generation of children beside the old one, and then without it.  The
 * sockets and the shared memory are the same for both; the configuration, and
 * what children inherit from it, are not.  Master.
 */
#include "config.h"

#include "pool/master.h"
#include "pool/signals.h"
#include "pool/statusfile.h"
#include "pool/legacy.h"
#include "pool/upgrade.h"
#include "base/bug.h"
#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/str.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

/* Nobody tells us of the end of another program's children. */
#define OTHERS_LOOK_MS 100

/* ---- a generation -------------------------------------------------------- */

unsigned pool_generation_alive(const struct generation *generation)
{
	unsigned n = 0;

	for (size_t i = 0;
	     generation->conf != NULL && i < generation->conf->ngroups; i++)
		n += generation->groups[i].alive;
	return n;
}

bool pool_generation_is_complete(const struct generation *generation)
{
	for (size_t i = 0; i < generation->conf->ngroups; i++) {
		const struct master_group *group = &generation->groups[i];

		if (group->starting > 0 ||
		    group->alive - group->retired < group->want)
			return false;
	}
	return true;
}

/* Groups know their first slot from the start on. */
static void generation_found(struct master *master,
    struct generation *generation, const struct pool_conf *conf)
{
	generation->conf = conf;
	generation->number = ++master->generations_made;
	generation->leaves = false;
	for (size_t i = 0; i < conf->ngroups; i++) {
		generation->groups[i].conf = &conf->groups[i];
		pool_policy_init(&generation->groups[i].policy);
		BUG_ON(generation->groups[i].alive != 0);
	}
	pool_manage_found(master, generation);
}

static void conf_drop(struct master *master, const struct pool_conf *conf)
{
	const struct pool_reloader *reloader = master->conf->reloader;

	/* The first one is pool_run()'s caller's. */
	if (conf != NULL && conf != master->conf)
		reloader->drop(reloader->ctx, conf);
}

static void generation_signal(
    struct master *master, const struct generation *generation, int number)
{
	for (size_t i = 0; i < master->nchildren; i++) {
		const struct master_child *child = &master->children[i];

		if (child->pid > 0 &&
		    child->birth.generation == generation->number)
			kill(child->pid, number);
	}
}

/* Children that have not begun to serve have nothing to finish. */
static void generation_kill_unready(
    struct master *master, const struct generation *generation)
{
	for (size_t i = 0; i < master->nchildren; i++) {
		const struct master_child *child = &master->children[i];

		if (child->pid > 0 && !child->ready &&
		    child->birth.generation == generation->number)
			kill(child->pid, SIGKILL);
	}
}

void pool_renew_init(struct master *master)
{
	struct pool_reload_status former = {0};
	/* The children of a former program are in the other half. */
	unsigned half = pool_legacy()->half;

	master->serving = &master->generations[half];
	master->other = &master->generations[1 - half];
	pool_reload_init(&master->reload, master->heir);
	generation_found(master, master->serving, master->conf);
	/* Counted on; what was under way is this program's start. */
	(void)!pool_board_reload_read(master->heritage.board, &former);
	master->status = (struct pool_reload_status){.master = getpid(),
	    .generation = master->serving->number,
	    .begun = former.begun,
	    .ended = former.begun};
}

void pool_renew_fini(struct master *master)
{
	conf_drop(master, master->candidate);
	conf_drop(master, master->other->conf);
	conf_drop(master, master->serving->conf);
}

/* ---- what others hear of it ---------------------------------------------- */

void pool_renew_publish(struct master *master)
{
	const struct pool_reloader *reloader = master->conf->reloader;
	struct err err = ERR_INIT;

	pool_board_reload_write(master->heritage.board, &master->status);
	if (!pool_statusfile_write(
		master->conf->pid_file, &master->status, &err))
		log_warning("status of reloads: %s", err.text);
	if (reloader != NULL && reloader->told != NULL)
		reloader->told(reloader->ctx, &master->status);
}

static void verdict(struct master *master, bool failed)
{
	struct strbuf text;

	strbuf_init(&text, master->status.text, sizeof(master->status.text));
	if (failed)
		strbuf_puts(&text, master->why);
	else
		strbuf_printf(&text, "generation %u serves, %u children",
		    master->serving->number,
		    pool_generation_alive(master->serving));
	master->status.failed = failed;
	master->status.failures += failed;
	master->status.ended = master->status.begun;
	master->status.generation = master->serving->number;
	if (failed)
		log_error("reload: generation %u serves on: %s",
		    master->serving->number, master->why);
	else
		log_notice("reload: %s", text.p);
	pool_renew_publish(master);
	pool_notify_reloaded(&master->notify);
}

void pool_renew_why(struct master *master, const char *why)
{
	struct strbuf text;

	strbuf_init(&text, master->why, sizeof(master->why));
	strbuf_puts(&text, why);
}

/* ---- the judge ----------------------------------------------------------- */

static ATTR_NORETURN void judge_main(const struct master *master)
{
	const struct pool_reloader *reloader = master->conf->reloader;
	const struct heritage *own = &master->heritage;
	struct err err = ERR_INIT;
	bool good;

	/* What would keep children from noticing that the master is dead. */
	close(own->lifeline_write);
	good = geteuid() != 0 || pool_ident_drop(own->ident, &err);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	good = good && getppid() == own->master &&
	       reloader->judge(reloader->ctx, master->candidate, &err);
	if (!good)
		pool_board_set_judged(own->board, err.text);
	_exit(good ? EX_OK : EX_CONFIG);
}

static bool conf_fits(
    const struct master *master, const struct pool_conf *conf, struct err *err)
{
	BUG_ON(conf->ngroups != master->conf->ngroups);
	for (size_t i = 0; i < conf->ngroups; i++) {
		const struct pool_group *now = &master->conf->groups[i];
		unsigned room = now->room != 0 ? now->room : now->max_children;

		BUG_ON(strcmp(conf->groups[i].name, now->name) != 0);
		BUG_ON(conf->groups[i].listen_fd != now->listen_fd);
		if (conf->groups[i].max_children > room) {
			err_set(err, 0,
			    "%s: %u children are wanted, and memory was made "
			    "for %u: restart for more",
			    now->name, conf->groups[i].max_children, room);
			return false;
		}
	}
	return true;
}

static void begin(struct master *master)
{
	const struct pool_reloader *reloader = master->conf->reloader;
	struct err err = ERR_INIT;

	/* Before the settings are read: who sees the old number knows that
	 * they will be read after that. */
	master->status.begun++;
	pool_renew_publish(master);
	pool_notify_reloading(&master->notify);
	log_notice("reload: begun");
	pool_board_set_judged(master->heritage.board, "");
	master->candidate = reloader->make(reloader->ctx, &err);
	if (master->candidate == NULL ||
	    !conf_fits(master, master->candidate, &err)) {
		pool_renew_why(master, err.text);
		pool_renew_do(master, RELOAD_BAD);
		return;
	}
	if (reloader->judge == NULL) {
		pool_renew_do(master, RELOAD_GOOD);
		return;
	}
	master->judge = fork();
	if (master->judge == 0)
		judge_main(master);
	if (master->judge > 0)
		return;
	master->judge = 0;
	err_set_errno(&err, "fork");
	pool_renew_why(master, err.text);
	pool_renew_do(master, RELOAD_BAD);
}

/* Of the next program, which was to stay. */
static void next_ended(struct master *master, pid_t next, int status)
{
	char why[96];

	pool_upgrade_hear_rest(master);
	if (master->followed) {
		log_alert("upgrade: the next program, process %ld, has ended",
		    (long)next);
		return;
	}
	snprintf(why, sizeof(why), "the next program ended with %s %d",
	    WIFEXITED(status) ? "exit code" : "signal",
	    WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
	if (master->why[0] == '\0')
		pool_renew_why(master, why);
	pool_renew_do(master, RELOAD_BAD);
}

void pool_renew_judged(struct master *master, int status)
{
	char why[POOL_RELOAD_TEXT_MAX];
	pid_t ended = master->judge;

	master->judge = 0;
	if (master->reload.state != RELOAD_JUDGING) {
		next_ended(master, ended, status);
		return;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == EX_OK) {
		pool_renew_do(master, RELOAD_GOOD);
		return;
	}
	pool_board_judged(master->heritage.board, why, sizeof(why));
	if (why[0] != '\0')
		pool_renew_why(master, why);
	else if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		pool_renew_why(
		    master, "the process that asks the stores crashed");
	pool_renew_do(master, RELOAD_BAD);
}

static void launch(struct master *master)
{
	struct err err = ERR_INIT;

	master->status.begun++;
	pool_renew_publish(master);
	pool_notify_reloading(&master->notify);
	log_notice("upgrade: begun");
	master->why[0] = '\0';
	if (pool_upgrade_launch(master, &err))
		return;
	pool_renew_why(master, err.text);
	/* What was started, and is to be buried first, tells of its end. */
	if (master->judge == 0)
		pool_renew_do(master, RELOAD_BAD);
}

static void recall(struct master *master)
{
	char why[96];

	snprintf(why, sizeof(why), "the next program was not ready in %u ms",
	    2 * master->conf->reloader->bound_ms);
	pool_renew_why(master, why);
	if (master->judge > 0)
		kill(master->judge, SIGTERM);
}

static void follow(struct master *master)
{
	master->serving->leaves = true;
	pool_upgrade_follow(master);
	generation_signal(master, master->serving, SIGNALS_RETIRE_NUMBER);
	if (master->reload.again)
		pool_upgrade_pass_on(master, master->reload.again_program);
}

static void judge_kill(struct master *master)
{
	char why[96];

	if (master->judge > 0)
		kill(master->judge, SIGKILL);
	if (master->reload.state == RELOAD_RECALLED)
		return;
	snprintf(why, sizeof(why), "the stores did not answer within %u ms",
	    master->conf->reloader->bound_ms);
	pool_renew_why(master, why);
}

/* ---- from one to the other ----------------------------------------------- */

static void refuse(struct master *master)
{
	conf_drop(master, master->candidate);
	master->candidate = NULL;
	verdict(master, true);
}

static void enter(const struct master *master, const struct pool_conf *conf)
{
	const struct pool_reloader *reloader = master->conf->reloader;

	if (reloader->enter != NULL)
		reloader->enter(reloader->ctx, conf);
	/* It may be another file now. */
	pool_master_share_log(master);
}

static void make_new(struct master *master)
{
	enter(master, master->candidate);
	generation_found(master, master->other, master->candidate);
	master->candidate = NULL;
	snprintf(master->why, sizeof(master->why),
	    "the new children were not ready within %u ms",
	    master->conf->reloader->bound_ms);
}

static void switch_over(struct master *master)
{
	struct generation *old = master->serving;

	master->serving = master->other;
	master->other = old;
	old->leaves = true;
	master->stop.grace_ms = master->serving->conf->control_timeout_ms;
	generation_signal(master, old, SIGNALS_RETIRE_NUMBER);
	verdict(master, false);
}

static void abandon(struct master *master)
{
	enter(master, master->serving->conf);
	master->other->leaves = true;
	generation_kill_unready(master, master->other);
	/* Some may have served already: what they hold goes to the old ones. */
	generation_signal(master, master->other, SIGNALS_RETIRE_NUMBER);
	verdict(master, true);
}

static void kill_rest(struct master *master)
{
	const struct generation *leaving =
	    master->followed ? master->serving : master->other;

	log_warning("generation %u: %u children did not finish in time: "
		    "killing them",
	    leaving->number, pool_generation_alive(leaving));
	generation_signal(master, leaving, SIGKILL);
}

static void forget(struct master *master)
{
	conf_drop(master, master->other->conf);
	master->other->conf = NULL;
	log_debug("generation %u is gone", master->other->number);
}

static enum reload_act step(struct master *master, enum reload_event event)
{
	const struct reload_bounds bounds = {
	    .bound_ms = master->conf->reloader->bound_ms,
	    .grace_ms = master->serving->conf->control_timeout_ms,
	};

	return pool_reload_step(&master->reload, event, &bounds, mono_ns());
}

void pool_renew_do(struct master *master, enum reload_event event)
{
	if (master->conf->reloader == NULL) {
		if (event == RELOAD_ASKED)
			log_warning(
			    "there is no reload: stop, and start again");
		return;
	}
	switch (step(master, event)) {
	case RELOAD_NOTHING:
		break;
	case RELOAD_BEGIN:
		begin(master);
		break;
	case RELOAD_REFUSE:
		refuse(master);
		break;
	case RELOAD_KILL_JUDGE:
		judge_kill(master);
		break;
	case RELOAD_FORK:
		make_new(master);
		FAILPOINT(reload_mid);
		break;
	case RELOAD_SWITCH:
		switch_over(master);
		break;
	case RELOAD_ABANDON:
		abandon(master);
		break;
	case RELOAD_KILL:
		kill_rest(master);
		break;
	case RELOAD_FORGET:
		forget(master);
		break;
	case RELOAD_LAUNCH:
		launch(master);
		break;
	case RELOAD_RECALL:
		recall(master);
		break;
	case RELOAD_FOLLOW:
		follow(master);
		break;
	}
}

void pool_renew_failed(struct master *master, const char *why)
{
	if (master->reload.state != RELOAD_STARTING)
		return;
	pool_renew_why(master, why);
	pool_renew_do(master, RELOAD_BAD);
}

int64_t pool_renew_turn(struct master *master)
{
	if (master->reload.state == RELOAD_STARTING &&
	    pool_generation_is_complete(master->other))
		pool_renew_do(master, RELOAD_READY);
	if (master->other->leaves && master->other->conf != NULL &&
	    pool_generation_alive(master->other) == 0)
		pool_renew_do(master, RELOAD_GONE);
	if (master->reload.state == RELOAD_WAITING &&
	    pool_upgrade_others_gone(master))
		pool_renew_do(master, RELOAD_GONE);
	pool_renew_do(master, RELOAD_TIME);
	return master->reload.state == RELOAD_WAITING
		   ? deadline_in_ms(OTHERS_LOOK_MS)
		   : master->reload.deadline_ns;
}
