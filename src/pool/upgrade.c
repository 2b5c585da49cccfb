/* SPDX-License-Identifier: Apache-2.0 */
/* One program after another. */
#include "config.h"

#include "pool/upgrade.h"
#include "pool/legacy.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/str.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

static bool say(int link_fd, const char *word)
{
	size_t n = strlen(word);

	return send(link_fd, word, n, MSG_NOSIGNAL) == (ssize_t)n;
}

/* "" at the end, or when there is nothing. */
static bool hear(int link_fd, char *out, size_t size)
{
	ssize_t n = recv(link_fd, out, size - 1, MSG_DONTWAIT);

	out[n > 0 ? n : 0] = '\0';
	return n >= 0 || (errno != EAGAIN && errno != EINTR);
}

static bool link_watch(struct master *master, int fd, struct err *err)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	master->link_fd = fd;
	if (epoll_ctl(master->heritage.epoll_fd, EPOLL_CTL_ADD, fd, &event) ==
	    0)
		return true;
	err_set_errno(err, "epoll_ctl");
	return false;
}

void pool_upgrade_link_close(struct master *master)
{
	if (master->link_fd < 0)
		return;
	/* Children have copies: closing ours would not take it out. */
	epoll_ctl(
	    master->heritage.epoll_fd, EPOLL_CTL_DEL, master->link_fd, NULL);
	close(master->link_fd);
	master->link_fd = -1;
}

/* ---- the one that serves ------------------------------------------------- */

bool pool_upgrade_is_due(const struct master *master)
{
	struct stat ours, there;

	if (master->conf->program == NULL || stat("/proc/self/exe", &ours) != 0)
		return false;
	/* Nothing there: to start it says what is wrong better. */
	return stat(master->conf->program->path, &there) != 0 ||
	       ours.st_dev != there.st_dev || ours.st_ino != there.st_ino;
}

static struct legacy legacy_of(const struct master *master, int link_fd)
{
	struct legacy legacy = {
	    .link_fd = link_fd,
	    .board_fd = pool_board_fd(master->heritage.board),
	    .half = (unsigned)(master->other - master->generations),
	    .generation = master->generations_made,
	    .births = master->births,
	};

	for (size_t i = 0; i < master->conf->ngroups; i++) {
		const struct pool_group *group = &master->conf->groups[i];
		struct legacy_group *left = &legacy.groups[legacy.ngroups];

		if (group->listen_fd < 0)
			continue;
		*left = (struct legacy_group){.listen_fd = group->listen_fd,
		    .made = pool_listen_is_made(group->listen_fd),
		    .channel = master->heritage.handover[i]};
		snprintf(left->name, sizeof(left->name), "%s", group->name);
		legacy.ngroups++;
	}
	return legacy;
}

/* sd_watchdog_enabled(3): meant for the process with this number. */
static void watchdog_claim(void)
{
	char pid[24];

	if (getenv("WATCHDOG_PID") == NULL)
		return;
	snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	setenv("WATCHDOG_PID", pid, 1);
}

/* Signals stay blocked through execve(2), until the next reads them. */
static ATTR_NORETURN void next_main(const struct master *master, int link_fd)
{
	const struct pool_program *program = master->conf->program;
	const struct legacy legacy = legacy_of(master, link_fd);
	struct err err = ERR_INIT;

	watchdog_claim();
	if (pool_legacy_leave(&legacy))
		execv(program->path, program->argv);
	err_set_errno(&err, "cannot start %s", program->path);
	(void)!say(link_fd, err.text);
	_exit(EX_SOFTWARE);
}

bool pool_upgrade_launch(struct master *master, struct err *err)
{
	int fds[2];

	if (getpid() == 1) {
		err_set(err, 0,
		    "we are process 1, and the container would end with us: "
		    "replace the container");
		return false;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) {
		err_set_errno(err, "socketpair");
		return false;
	}
	master->judge = fork();
	if (master->judge == 0)
		next_main(master, fds[1]);
	if (master->judge < 0)
		err_set_errno(err, "fork");
	close(fds[1]);
	master->link_fd = fds[0];
	if (master->judge > 0 && link_watch(master, fds[0], err))
		return true;
	/* Without us on the link it would think that we are gone. */
	if (master->judge > 0)
		kill(master->judge, SIGKILL);
	else
		master->judge = 0;
	pool_upgrade_link_close(master);
	return false;
}

static void heard_of_next(struct master *master, const char *word)
{
	if (word[0] == '\0') {
		/* Its end: the verdict comes when it is buried. */
		pool_upgrade_link_close(master);
	} else if (strcmp(word, LEGACY_READY) != 0) {
		pool_renew_why(master, word);
	} else if (master->reload.state == RELOAD_LAUNCHED) {
		/* Before the next says a word to systemd, which listens to one
		 * process only. */
		pool_notify_main(&master->notify, master->judge);
		FAILPOINT(upgrade_mid);
		if (say(master->link_fd, LEGACY_YOURS))
			pool_renew_do(master, RELOAD_READY);
		else
			pool_notify_main(&master->notify, getpid());
	}
}

void pool_upgrade_hear_rest(struct master *master)
{
	char word[POOL_RELOAD_TEXT_MAX];

	while (master->link_fd >= 0 &&
	       hear(master->link_fd, word, sizeof(word)) && word[0] != '\0')
		if (strcmp(word, LEGACY_READY) != 0)
			pool_renew_why(master, word);
	pool_upgrade_link_close(master);
}

void pool_upgrade_follow(struct master *master)
{
	log_notice("upgrade: process %ld serves, %u children leave",
	    (long)master->judge, pool_generation_alive(master->serving));
	pool_notify_close(&master->notify);
	pool_upgrade_link_close(master);
	master->followed = true;
}

void pool_upgrade_pass_on(const struct master *master, bool program)
{
	if (master->judge > 0)
		kill(master->judge, program ? SIGUSR2 : SIGHUP);
}

/* ---- the next ------------------------------------------------------------ */

void pool_upgrade_inherit(struct master *master)
{
	const struct legacy *legacy = pool_legacy();

	if (legacy->link_fd < 0)
		return;
	master->heir = true;
	master->generations_made = legacy->generation;
	master->births = legacy->births;
}

void pool_upgrade_tell_ready(struct master *master)
{
	struct legacy *legacy = pool_legacy();
	struct err err = ERR_INIT;

	if (!link_watch(master, legacy->link_fd, &err))
		log_error("upgrade: %s", err.text);
	/* Nobody there: the end of file says it in the same turn. */
	(void)!say(legacy->link_fd, LEGACY_READY);
	legacy->link_fd = -1;
}

static void heard_of_former(struct master *master, const char *word)
{
	if (word[0] != '\0' && strcmp(word, LEGACY_YOURS) != 0)
		return;
	pool_upgrade_link_close(master);
	pool_master_take_over(master);
}

void pool_upgrade_hear(struct master *master)
{
	char word[POOL_RELOAD_TEXT_MAX];

	if (!hear(master->link_fd, word, sizeof(word)))
		return;
	if (master->heir)
		heard_of_former(master, word);
	else
		heard_of_next(master, word);
}

/* ---- both ---------------------------------------------------------------- */

/* What a slot says of its child may be wild: below 1 is nobody's number. */
static bool is_process(pid_t pid)
{
	return pid > 0 && (kill(pid, 0) == 0 || errno == EPERM);
}

bool pool_upgrade_others_gone(struct master *master)
{
	struct board *board = master->heritage.board;
	struct board_view view;
	bool gone = true;

	for (size_t i = 0; i < master->conf->ngroups; i++) {
		const struct master_group *group = &master->other->groups[i];

		for (size_t k = 0; k < group->room; k++) {
			pool_board_view(board, group->first + k, &view);
			if (is_process(view.pid))
				gone = false;
			else if (view.pid != 0 || view.state != BOARD_EMPTY)
				pool_board_buried(
				    pool_board_slot(board, group->first + k));
		}
	}
	return gone;
}

/* ---- for the program around the pool ------------------------------------- */

bool pool_is_heir(void)
{
	return pool_legacy()->link_fd >= 0;
}

int pool_heir_listen(const char *group, const struct pool_listen_conf *conf)
{
	struct legacy_group *left = pool_legacy_group(pool_legacy(), group);
	int fd = left != NULL ? left->listen_fd : -1;

	if (fd < 0)
		return -1;
	left->listen_fd = -1;
	if (left->made)
		pool_listen_adopt(conf, fd);
	return fd;
}

void pool_heir_fails(const char *why)
{
	int link_fd = pool_legacy()->link_fd;

	if (link_fd >= 0 && why[0] != '\0')
		(void)!say(link_fd, why);
}
