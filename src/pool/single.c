/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child without a master: the same life as any other, in the process that
 * somebody else started.  The lifeline is a pipe of which we hold both ends,
 * and what a child reports goes to /dev/null.
 */
#include "config.h"

#include "pool/child.h"
#include "pool/signals.h"
#include "base/bug.h"
#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <sysexits.h>
#include <unistd.h>

struct single {
	struct ident ident;
	struct heritage heritage;
	int lifeline[2];
	int reports;
};

static bool prepare(
    struct single *single, const struct pool_conf *conf, struct err *err)
{
	if (!pool_ident_resolve(&single->ident, conf->user, conf->group, err))
		return false;
	if (pipe2(single->lifeline, O_CLOEXEC) != 0) {
		err_set_errno(err, "pipe");
		return false;
	}
	single->reports = open("/dev/null", O_WRONLY | O_CLOEXEC);
	single->heritage.board = pool_board_new(&(struct board_size){
	    .ngroups = 1, .nslots = 1, .area_bytes = conf->area_bytes});
	if (single->reports < 0 || single->heritage.board == NULL) {
		err_set_errno(err, "cannot prepare a lone worker");
		return false;
	}
	if (geteuid() == 0 && single->ident.user_set &&
	    !log_give(single->ident.uid, err))
		log_warning("%s: it will not be reopened", err->text);
	return true;
}

static int run(struct single *single, const struct pool_conf *conf)
{
	const struct birth birth = {.serial = 1, .generation = 1};
	struct board_slot *slot = pool_board_slot(single->heritage.board, 0);
	struct pool_child child = {
	    .from = &single->heritage,
	    .group = conf->groups,
	    .birth = &birth,
	    .board = single->heritage.board,
	    .slot = slot,
	    .lifeline_fd = single->lifeline[0],
	    .report_fd = single->reports,
	    .signal_fd = -1,
	    .handover = HANDOVER_NONE,
	    .turns_fd = -1,
	    .wear = {.statm_fd = -1},
	};
	char why[256];
	int code;

	pool_board_born(slot, &(struct board_birth){.serial = birth.serial,
				  .generation = birth.generation,
				  .started_ns = mono_ns()});
	log_set_role(conf->groups->name);
	pool_signals_child();
	code = pool_child_live(&single->heritage, &child);
	pool_board_why(slot, why, sizeof(why));
	if (code != EX_OK)
		log_error("%s", why);
	return code;
}

int pool_single(const struct pool_conf *conf)
{
	struct single single = {.lifeline = {-1, -1}, .reports = -1};
	struct err err = ERR_INIT;
	int code = EX_SOFTWARE;

	BUG_ON(conf->ngroups != 1);
	single.heritage = (struct heritage){.conf = conf,
	    .ident = &single.ident,
	    .master = 0,
	    .turns_fd = -1,
	    .handover = {HANDOVER_NONE}};
	/* As a master does before it forks: nothing may kill us by halves. */
	pool_signals_master();
	if (prepare(&single, conf, &err))
		code = run(&single, conf);
	else
		log_alert("%s", err.text);
	pool_board_free(&single.heritage.board);
	if (single.lifeline[0] >= 0) {
		close(single.lifeline[0]);
		close(single.lifeline[1]);
	}
	if (single.reports >= 0)
		close(single.reports);
	return code;
}
