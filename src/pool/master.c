/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The master: waits for signals, reports and its own clocks, and calls who acts
 * on them.  Never parses a request, never talks to a store.
 */
#include "config.h"

#include "pool/master.h"
#include "pool/legacy.h"
#include "pool/pidfile.h"
#include "pool/report.h"
#include "pool/signals.h"
#include "pool/statusfile.h"
#include "pool/upgrade.h"
#include "base/bug.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#define EVENTS_MAX 8

static void conf_check(const struct pool_conf *conf)
{
	BUG_ON(conf->ngroups == 0 || conf->ngroups > POOL_GROUPS_MAX);
	for (size_t i = 0; i < conf->ngroups; i++) {
		const struct pool_group *group = &conf->groups[i];

		BUG_ON(group->name == NULL || group->app == NULL);
		BUG_ON(group->size.manager != POOL_STATIC &&
		       (group->listen_fd < 0 || group->size.idle_ms == 0));
		if (group->listen_fd < 0)
			continue;
		BUG_ON(group->app->serve == NULL);
		BUG_ON(group->io_timeout_ms == 0); /* would mean "for ever" */
	}
}

/* ---- logs ---------------------------------------------------------------- */

/* Children reopen the log by its name, and may not be allowed to by ours. */
void pool_master_share_log(const struct master *master)
{
	struct err err = ERR_INIT;

	if (geteuid() == 0 && master->ident.user_set &&
	    !log_give(master->ident.uid, &err))
		log_warning(
		    "%s: children will not be able to reopen it", err.text);
}

static void children_signal(const struct master *master, int number)
{
	/* A child that died is a zombie until it is buried: its number can
	 * belong to nobody else. */
	for (size_t i = 0; i < master->nchildren; i++)
		if (master->children[i].pid > 0)
			kill(master->children[i].pid, number);
}

static void logs_reopen(const struct master *master)
{
	struct err err = ERR_INIT;

	if (!log_reopen(&err)) {
		log_error("%s; the old one stays in use", err.text);
		return;
	}
	pool_master_share_log(master);
	/* The file is there now, and theirs. */
	children_signal(master, SIGUSR1);
	log_notice("log reopened");
}

/* ---- the stop ------------------------------------------------------------ */

static unsigned alive(const struct master *master)
{
	return pool_generation_alive(master->serving) +
	       pool_generation_alive(master->other);
}

static void alive_describe(const struct master *master, struct strbuf *out)
{
	for (size_t i = 0; i < master->nchildren; i++)
		if (master->children[i].pid > 0)
			strbuf_printf(
			    out, " %ld", (long)master->children[i].pid);
}

static void stop_do(struct master *master, enum stop_event event)
{
	enum stop_act act = pool_stop_step(&master->stop, event, mono_ns());
	char bytes[512];
	struct strbuf who;

	if (act == STOP_NOTHING)
		return;
	strbuf_init(&who, bytes, sizeof(bytes));
	alive_describe(master, &who);
	switch (act) {
	case STOP_SEND_TERM:
		pool_renew_do(master, RELOAD_STOP);
		/* While another program serves, ours hand over to its children
		 * what they hold. */
		children_signal(
		    master, master->heir ? SIGNALS_RETIRE_NUMBER : SIGTERM);
		/* Said when it is so: tests and people go by it. */
		log_notice("stopping: %u children have %u ms to finish",
		    alive(master), master->stop.grace_ms);
		pool_notify_stopping(&master->notify, master->stop.grace_ms);
		break;
	case STOP_SEND_KILL:
		log_warning("killing%s", who.p);
		children_signal(master, SIGKILL);
		if (master->judge > 0 && !master->followed)
			kill(master->judge, SIGKILL);
		break;
	case STOP_GIVE_UP:
		log_alert("giving up on%s: killed, but not gone", who.p);
		break;
	case STOP_NOTHING:
		break;
	}
}

/* ---- the loop ------------------------------------------------------------ */

static void reports_take(struct master *master)
{
	struct report report;

	while (pool_report_receive(master->heritage.report_read, &report))
		pool_spawn_heard(master, &report);
}

static void children_reap(struct master *master)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		/* What the dead said last is in the pipe by now, and decides
		 * how they are buried. */
		reports_take(master);
		if (pid == master->judge)
			pool_renew_judged(master, status);
		else
			pool_spawn_bury(master, pid, status);
	}
}

/* USR2 asks for the next program, if there is one. */
static void renew_ask(struct master *master, bool program)
{
	if (master->followed)
		pool_upgrade_pass_on(master, program);
	else
		pool_renew_do(master, program && pool_upgrade_is_due(master)
					  ? RELOAD_PROGRAM
					  : RELOAD_ASKED);
}

static void signals_take(struct master *master)
{
	unsigned came = pool_signals_read(master->heritage.signal_fd);

	if ((came & SIGNALS_CHILD) != 0)
		children_reap(master);
	if ((came & SIGNALS_REOPEN) != 0)
		logs_reopen(master);
	if ((came & (SIGNALS_RENEW | SIGNALS_RELOAD)) != 0)
		renew_ask(master, (came & SIGNALS_RENEW) != 0);
	if ((came & SIGNALS_STOP) != 0)
		stop_do(master, STOP_ASKED);
}

/* True when that has just come to be. */
static bool complete_tell(struct master *master)
{
	if (master->complete || !pool_generation_is_complete(master->serving))
		return false;
	master->complete = true;
	log_notice("ready: %u children", alive(master));
	if (master->heir) {
		pool_upgrade_tell_ready(master);
		return true;
	}
	pool_notify_ready(&master->notify);
	if (master->conf->ready != NULL)
		master->conf->ready(master->conf->ready_ctx);
	return true;
}

void pool_master_take_over(struct master *master)
{
	const struct pool_conf *conf = master->conf;
	struct err err = ERR_INIT;

	master->heir = false;
	pool_retire_publish(master);
	pool_renew_do(master, RELOAD_READY);
	/* The children are there and serve: no reason to end. */
	if (conf->pid_file != NULL && !pool_pidfile_write(conf->pid_file, &err))
		log_error("%s", err.text);
	pool_renew_publish(master);
	log_notice("upgrade: the place is ours");
	pool_notify_ready(&master->notify);
	if (conf->ready != NULL)
		conf->ready(conf->ready_ctx);
}

static int64_t earlier(int64_t a_ns, int64_t b_ns)
{
	return a_ns < b_ns ? a_ns : b_ns;
}

/* Brings every group to its size; the moment when there is more to do. */
static int64_t groups_fill(struct master *master, struct generation *generation)
{
	int64_t first_ns = INT64_MAX;

	for (size_t i = 0; i < master->conf->ngroups; i++)
		if (generation->conf != NULL && !generation->leaves)
			first_ns = earlier(first_ns,
			    pool_spawn_missing(master, generation, i));
	return first_ns;
}

static int64_t generations_fill(struct master *master)
{
	/* First the reload: what it makes is filled in the same turn. */
	int64_t first_ns = pool_renew_turn(master);

	first_ns = earlier(first_ns, pool_manage_turn(master));
	first_ns = earlier(first_ns, groups_fill(master, master->serving));
	return earlier(first_ns, groups_fill(master, master->other));
}

static void events_take(struct master *master, int64_t until_ns)
{
	struct epoll_event events[EVENTS_MAX];
	int timeout_ms =
	    until_ns == INT64_MAX ? -1 : deadline_left_ms(until_ns);
	int n = epoll_wait(
	    master->heritage.epoll_fd, events, EVENTS_MAX, timeout_ms);

	BUG_ON(n < 0 && errno != EINTR);
	for (int i = 0; i < n; i++) {
		if (events[i].data.fd == master->heritage.signal_fd)
			signals_take(master);
		else if (events[i].data.fd == master->heritage.report_read)
			reports_take(master);
		else if (events[i].data.fd == master->link_fd)
			pool_upgrade_hear(master);
		else
			(void)pool_manage_event(master, events[i].data.fd);
	}
}

/* Tells systemd how it goes; when it wants to hear again. */
static int64_t notify_turn(struct master *master)
{
	/* The first group is the service; the others help it. */
	const struct master_group *service = &master->serving->groups[0];
	const struct generation *last =
	    &master->generations[ARRAY_LEN(master->generations) - 1];
	struct notify_facts facts = {.board = master->heritage.board,
	    .now_ns = mono_ns(),
	    .reload_failed = master->status.failed ? master->status.text : NULL,
	    .alarm = master->alarm[0] != '\0' ? master->alarm : NULL};

	/* Both generations' places: the requests of an old one stay counted. */
	if (service->conf->listen_fd >= 0)
		facts.nslots = last->groups[0].first + service->room;
	facts.alive = service->alive - service->starting;
	/* Nobody is there because nobody is needed: our own loop runs. */
	facts.resting = service->alive == 0 && service->want == 0;
	return pool_notify_turn(&master->notify, &facts);
}

static int run(struct master *master)
{
	int64_t until_ns;

	for (;;) {
		if (master->stop.state == STOP_RUNNING) {
			/* First: who goes leaves room for others. */
			until_ns = pool_retire_turn(master);
			until_ns = earlier(until_ns, generations_fill(master));
			if (master->followed && alive(master) == 0)
				return EX_OK;
			/* From now on sizes are managed. */
			if (complete_tell(master))
				continue;
			until_ns = earlier(until_ns, notify_turn(master));
		} else {
			stop_do(master, STOP_TIME);
			until_ns = master->stop.deadline_ns;
			if (alive(master) == 0 &&
			    (master->judge == 0 || master->followed))
				return EX_OK;
			if (master->stop.state == STOP_LOST)
				return EX_SOFTWARE;
		}
		events_take(master, until_ns);
	}
}

/* True when there is something to run; otherwise `exit_code` and `err`. */
static bool prepare(struct master *master, int *exit_code, struct err *err)
{
	const struct pool_conf *conf = master->conf;

	*exit_code = EX_CONFIG;
	if (!pool_ident_resolve(&master->ident, conf->user, conf->group, err))
		return false;
	if (geteuid() != 0 && (conf->user != NULL || conf->group != NULL))
		log_notice("user and group of the settings are not applied: "
			   "the master is not root");
	*exit_code = EX_SOFTWARE;
	if (!pool_prepare(master, err))
		return false;
	pool_upgrade_inherit(master);
	pool_renew_init(master);
	pool_master_share_log(master);
	if (master->heir)
		return true;
	*exit_code = EX_CONFIG;
	if (conf->pid_file != NULL && !pool_pidfile_write(conf->pid_file, err))
		return false;
	pool_renew_publish(master);
	return true;
}

/* One pool a process; said after it has ended. */
static bool followed;

bool pool_is_followed(void)
{
	return followed;
}

int pool_run(const struct pool_conf *conf)
{
	struct master master = {.conf = conf};
	struct err err = ERR_INIT;
	int exit_code;

	conf_check(conf);
	pool_prepare_none(&master);
	pool_stop_init(&master.stop, conf->control_timeout_ms);
	pool_signals_master();
	pool_notify_open(&master.notify);
	if (prepare(&master, &exit_code, &err)) {
		exit_code = run(&master);
		/* Both files are the server's: not ours any more, or not yet. */
		if (!master.followed && !master.heir) {
			pool_statusfile_remove(conf->pid_file);
			if (conf->pid_file != NULL)
				pool_pidfile_remove(conf->pid_file);
		}
		pool_renew_fini(&master);
		log_notice("stopped");
	} else {
		log_alert("%s", err.text);
		pool_notify_status(&master.notify, err.text);
	}
	followed = master.followed || master.heir;
	pool_notify_close(&master.notify);
	pool_upgrade_link_close(&master);
	pool_prepare_undo(&master);
	return exit_code;
}
