/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The master: waits for signals, reports and its own clocks, and calls who acts
 * on them.  Never parses a request, never talks to a store, allocates nothing
 * once it runs.
 */
#include "config.h"

#include "pool/master.h"
#include "pool/pidfile.h"
#include "pool/report.h"
#include "pool/signals.h"
#include "base/bug.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
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
		if (group->listen_fd < 0)
			continue;
		BUG_ON(group->app->serve == NULL);
		BUG_ON(group->io_timeout_ms == 0); /* would mean "for ever" */
	}
}

/* ---- what the master holds ----------------------------------------------- */

static bool room_make(struct master *master, struct err *err)
{
	const struct pool_conf *conf = master->conf;

	for (size_t i = 0; i < conf->ngroups; i++) {
		master->groups[i].conf = &conf->groups[i];
		master->groups[i].first = master->nchildren;
		pool_policy_init(&master->groups[i].policy);
		master->nchildren += conf->groups[i].max_children;
	}
	master->children = calloc(master->nchildren > 0 ? master->nchildren : 1,
	    sizeof(*master->children));
	if (master->children == NULL) {
		err_set(err, ENOMEM, "no memory for %zu children",
		    master->nchildren);
		return false;
	}
	master->heritage.board =
	    pool_board_new(conf->ngroups, master->nchildren, conf->area_bytes);
	if (master->heritage.board == NULL) {
		err_set_errno(
		    err, "shared memory for %zu children", master->nchildren);
		return false;
	}
	return true;
}

static bool pipe_make(int *reading, int *writing, struct err *err)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0) {
		err_set_errno(err, "pipe");
		return false;
	}
	*reading = fds[0];
	*writing = fds[1];
	return true;
}

static bool watch(const struct master *master, int fd, struct err *err)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	if (epoll_ctl(master->heritage.epoll_fd, EPOLL_CTL_ADD, fd, &event) ==
	    0)
		return true;
	err_set_errno(err, "epoll_ctl");
	return false;
}

/* A group that serves can hand connections around. */
static bool passes_make(struct master *master, struct err *err)
{
	const struct pool_conf *conf = master->conf;

	for (size_t i = 0; i < conf->ngroups; i++)
		if (conf->groups[i].listen_fd >= 0 &&
		    !pool_pass_open(&master->heritage.passes[i], err))
			return false;
	return true;
}

static bool descriptors_make(struct master *master, struct err *err)
{
	struct heritage *own = &master->heritage;

	if (!pipe_make(&own->lifeline_read, &own->lifeline_write, err) ||
	    !pipe_make(&own->report_read, &own->report_write, err) ||
	    !passes_make(master, err))
		return false;
	own->signal_fd = pool_signals_open_master();
	own->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (own->signal_fd < 0 || own->epoll_fd < 0) {
		err_set_errno(err, "signalfd, epoll");
		return false;
	}
	return watch(master, own->signal_fd, err) &&
	       watch(master, own->report_read, err);
}

static void master_free(struct master *master)
{
	const struct heritage *own = &master->heritage;
	const int fds[] = {own->epoll_fd, own->signal_fd, own->report_write,
	    own->report_read, own->lifeline_write, own->lifeline_read};

	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	for (size_t i = 0; i < POOL_GROUPS_MAX; i++)
		pool_pass_close(&master->heritage.passes[i]);
	pool_board_free(&master->heritage.board);
	free(master->children);
}

/* ---- logs ---------------------------------------------------------------- */

/* Children reopen the log by its name, and may not be allowed to by ours. */
static void log_share(const struct master *master)
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
	log_share(master);
	/* The file is there now, and theirs. */
	children_signal(master, SIGUSR1);
	log_notice("log reopened");
}

/* ---- the stop ------------------------------------------------------------ */

static unsigned alive(const struct master *master)
{
	unsigned n = 0;

	for (size_t i = 0; i < master->conf->ngroups; i++)
		n += master->groups[i].alive;
	return n;
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
		log_notice("stopping: %u children have %u ms to finish",
		    alive(master), master->conf->control_timeout_ms);
		pool_notify_stopping(
		    &master->notify, master->conf->control_timeout_ms);
		children_signal(master, SIGTERM);
		break;
	case STOP_SEND_KILL:
		log_warning("killing%s", who.p);
		children_signal(master, SIGKILL);
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
		pool_spawn_bury(master, pid, status);
	}
}

static void signals_take(struct master *master)
{
	unsigned came = pool_signals_read(master->heritage.signal_fd);

	if ((came & SIGNALS_CHILD) != 0)
		children_reap(master);
	if ((came & SIGNALS_REOPEN) != 0)
		logs_reopen(master);
	if ((came & SIGNALS_RELOAD) != 0)
		log_warning("there is no reload: stop, and start again");
	if ((came & SIGNALS_STOP) != 0)
		stop_do(master, STOP_ASKED);
}

static bool is_complete(const struct master *master)
{
	for (size_t i = 0; i < master->conf->ngroups; i++) {
		const struct master_group *group = &master->groups[i];

		if (group->starting > 0 ||
		    group->alive < group->conf->max_children)
			return false;
	}
	return true;
}

static void complete_tell(struct master *master)
{
	if (master->complete || !is_complete(master))
		return;
	master->complete = true;
	log_notice("ready: %u children", alive(master));
	pool_notify_ready(&master->notify);
	if (master->conf->ready != NULL)
		master->conf->ready(master->conf->ready_ctx);
}

/* Brings every group to its size; the moment when there is more to do. */
static int64_t groups_fill(struct master *master)
{
	int64_t first_ns = INT64_MAX;

	for (size_t i = 0; i < master->conf->ngroups; i++) {
		int64_t again_ns = pool_spawn_missing(master, i);

		if (again_ns < first_ns)
			first_ns = again_ns;
	}
	return first_ns;
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
		else
			reports_take(master);
	}
}

/* Tells systemd how it goes; when it wants to hear again. */
static int64_t notify_turn(struct master *master)
{
	struct notify_facts facts = {
	    .board = master->heritage.board, .now_ns = mono_ns()};

	/* The first group is the service; the others help it. */
	if (master->groups[0].conf->listen_fd >= 0)
		facts.nslots = master->groups[0].conf->max_children;
	facts.alive = master->groups[0].alive - master->groups[0].starting;
	return pool_notify_turn(&master->notify, &facts);
}

static int run(struct master *master)
{
	int64_t until_ns, notify_ns;

	for (;;) {
		if (master->stop.state == STOP_RUNNING) {
			until_ns = groups_fill(master);
			complete_tell(master);
			notify_ns = notify_turn(master);
			if (notify_ns < until_ns)
				until_ns = notify_ns;
		} else {
			stop_do(master, STOP_TIME);
			until_ns = master->stop.deadline_ns;
			if (alive(master) == 0)
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
	if (!room_make(master, err) || !descriptors_make(master, err))
		return false;
	log_share(master);
	*exit_code = EX_CONFIG;
	return conf->pid_file == NULL ||
	       pool_pidfile_write(conf->pid_file, err);
}

int pool_run(const struct pool_conf *conf)
{
	struct master master = {.conf = conf};
	struct err err = ERR_INIT;
	int exit_code;

	conf_check(conf);
	master.heritage = (struct heritage){
	    .conf = conf,
	    .ident = &master.ident,
	    .master = getpid(),
	    .lifeline_read = -1,
	    .lifeline_write = -1,
	    .report_read = -1,
	    .report_write = -1,
	    .signal_fd = -1,
	    .epoll_fd = -1,
	};
	for (size_t i = 0; i < POOL_GROUPS_MAX; i++)
		master.heritage.passes[i] = PASS_NONE;
	pool_stop_init(&master.stop, conf->control_timeout_ms);
	pool_signals_master();
	pool_notify_open(&master.notify);
	if (prepare(&master, &exit_code, &err)) {
		exit_code = run(&master);
		if (conf->pid_file != NULL)
			pool_pidfile_remove(conf->pid_file);
		log_notice("stopped");
	} else {
		log_alert("%s", err.text);
		pool_notify_status(&master.notify, err.text);
	}
	pool_notify_close(&master.notify);
	master_free(&master);
	return exit_code;
}
