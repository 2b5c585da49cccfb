/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child from fork to _exit: close what is the master's, become nobody, tie the
 * own life to the master's, open, work, close.
 */
#include "config.h"

#include "pool/child.h"
#include "pool/loop.h"
#include "pool/report.h"
#include "pool/rights.h"
#include "pool/signals.h"
#include "pool/turns.h"
#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sysexits.h>
#include <unistd.h>

bool pool_child_draining(const struct pool_child *child)
{
	return child->leaving == LEAVING_STOPS;
}

unsigned pool_child_idle_siblings(const struct pool_child *child)
{
	unsigned counts[BOARD_STATE_COUNT];

	if (child->handover.give_fd < 0)
		return 0;
	pool_board_count(
	    child->board, child->birth->group, child->birth->slot, counts);
	return counts[BOARD_IDLE] + counts[BOARD_KEEP];
}

unsigned pool_child_index(const struct pool_child *child)
{
	return child->birth->index;
}

int64_t pool_child_request_ns(const struct pool_child *child)
{
	return child->request_ns;
}

void pool_child_show(
    struct pool_child *child, const struct pool_request *request)
{
	struct board_request shown;

	strv_copy_cut(request->method, shown.method, sizeof(shown.method));
	strv_copy_cut(request->path, shown.uri, sizeof(shown.uri));
	strv_copy_cut(request->query, shown.query, sizeof(shown.query));
	shown.content_length = request->content_length;
	pool_board_set_request(child->slot, &shown);
}

void pool_child_show_user(struct pool_child *child, struct strv user)
{
	pool_board_set_user(child->slot, user);
}

void pool_child_phase(struct pool_child *child, unsigned phase, int64_t now_ns)
{
	pool_board_set_phase(child->slot, phase, now_ns);
}

void pool_child_note(struct pool_child *child, struct strv note)
{
	pool_board_set_note(child->slot, note);
}

void *pool_child_area(const struct pool_child *child)
{
	return pool_board_area(child->from->board, child->birth->slot);
}

bool pool_child_turn(const struct pool_child *child)
{
	return pool_turns_take(
	    child->turns_fd, child->birth->group, child->birth->index);
}

bool pool_reload_status(
    const struct pool_child *child, struct pool_reload_status *out)
{
	return pool_board_reload_read(child->board, out);
}

bool pool_peer_gone(int fd)
{
	/* Not a peek: bytes that nobody will read to the end would hide the
	 * end of file behind them, and POLLRDHUP sees it all the same. */
	struct pollfd peer = {.fd = fd, .events = POLLRDHUP};

	return poll(&peer, 1, 0) > 0;
}

void pool_child_report(const struct pool_child *child, uint32_t kind)
{
	const struct report report = {
	    .kind = kind,
	    .slot = (uint32_t)child->birth->slot,
	    .serial = child->birth->serial,
	    .pid = (int32_t)getpid(),
	    .cause = child->wear.cause,
	};

	/* EPIPE: the master is dead, which the lifeline says better. */
	if (!pool_report_send(child->report_fd, &report) && errno != EPIPE)
		log_warning("the master takes no reports: is it stopped?");
}

static void strangers_close(
    const struct heritage *from, const struct pool_group *own)
{
	const struct pool_conf *conf = from->conf;

	close(from->lifeline_write);
	close(from->report_read);
	close(from->signal_fd);
	close(from->epoll_fd);
	for (size_t i = 0; i < conf->ngroups; i++) {
		if (&conf->groups[i] == own || conf->groups[i].listen_fd < 0)
			continue;
		pool_handover_close(&from->handover[i]);
		if (!own->sees_sockets &&
		    conf->groups[i].listen_fd != own->listen_fd)
			close(conf->groups[i].listen_fd);
	}
}

/* False when the master is gone already. */
static bool bind_to_master(const struct heritage *from)
{
	if (from->master == 0)
		return true;
	/* A belt beside the lifeline.  After the change of user, which resets
	 * it; then a look, for it says nothing of a master already dead. */
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0)
		log_warning("PR_SET_PDEATHSIG: errno %d", errno);
	return getppid() == from->master;
}

static bool become(const struct heritage *from, const struct pool_child *child,
    struct err *err)
{
	char title[16]; /* all that the kernel takes */

	if (!pool_rights_before(from->conf->rights, err) ||
	    (geteuid() == 0 && !pool_ident_drop(from->ident, err)) ||
	    !pool_rights_after(from->conf->rights, err))
		return false;
	snprintf(title, sizeof(title), "fg:%.12s", child->group->name);
	prctl(PR_SET_NAME, title);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return true;
}

/* The part of a life that the master waits for.  False: a stillborn child. */
static bool start(const struct heritage *from, struct pool_child *child,
    struct loop *loop, struct err *err)
{
	const struct pool_app *app = child->group->app;

	pool_board_set_pid(child->slot, getpid());
	if (!become(from, child, err))
		return false;
	child->signal_fd = pool_signals_open_child();
	if (child->signal_fd < 0) {
		err_set_errno(err, "signalfd");
		return false;
	}
	if (!pool_loop_open(loop, child, err))
		return false;
	if (!bind_to_master(from)) {
		err_set(err, 0, "the master died");
		return false;
	}
	if (app->open == NULL || app->open(app->ctx, child, err))
		return true;
	pool_loop_close(loop);
	return false;
}

int pool_child_live(const struct heritage *from, struct pool_child *child)
{
	const struct pool_app *app = child->group->app;
	struct err err = ERR_INIT;
	struct loop loop;

	if (!start(from, child, &loop, &err)) {
		/* The master says it, with the length of the pause. */
		pool_board_set_why(child->slot, err.text);
		return EX_SOFTWARE;
	}
	FAILPOINT(child_before_ready);
	/* First, so that whoever hears of it finds it so. */
	pool_board_set_state(child->slot, BOARD_IDLE);
	pool_wear_ready(&child->wear);
	pool_child_report(child, REPORT_READY);
	pool_loop_run(&loop);
	if (app->close != NULL)
		app->close(app->ctx);
	pool_loop_close(&loop);
	return EX_OK;
}

void pool_child_main(const struct heritage *from, const struct birth *birth)
{
	const struct pool_group *group = &from->conf->groups[birth->group];
	struct pool_child child = {
	    .from = from,
	    .group = group,
	    .birth = birth,
	    .board = from->board,
	    .slot = pool_board_slot(from->board, birth->slot),
	    .lifeline_fd = from->lifeline_read,
	    .report_fd = from->report_write,
	    .signal_fd = -1,
	    .handover = from->handover[birth->group],
	    .turns_fd = from->turns_fd,
	};
	const struct wear_limits limits = pool_wear_limits(group, birth->index);

	pool_signals_child();
	strangers_close(from, group);
	log_set_role(group->name);
	pool_wear_open(&child.wear, &limits, mono_ns());
	_exit(pool_child_live(from, &child));
}
