/* SPDX-License-Identifier: Apache-2.0 */
/* flashgatectl reload, upgrade: asks the master, and waits for the verdict. */
#include "config.h"

#include "prog/ctl.h"
#include "base/clock.h"
#include "base/num.h"
#include "pool/pool.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#define TIMEOUT_S     90 /* the master takes twice 30 s, and some to drain */
#define TIMEOUT_MAX_S 86400
#define LOOK_EVERY_MS 20

/* A file that a killed master left behind may name anybody by now. */
static bool is_flashgate(pid_t pid)
{
	char path[40], name[32] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%ld/comm", (long)pid);
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	if (fgets(name, sizeof(name), file) == NULL)
		name[0] = '\0';
	fclose(file);
	return strv_starts(strv_c(name), STRV("flashgate"));
}

static int verdict_tell(
    const struct ctl *ctl, const struct pool_reload_status *status)
{
	if (ctl->json)
		ctl_json(json_pack("{s:b, s:I, s:s}", "reloaded",
		    !status->failed, "generation",
		    (json_int_t)status->generation, "text", status->text));
	if (status->failed)
		return ctl_fail(CTL_NO,
		    "not reloaded, generation %u serves on: %s",
		    status->generation, status->text);
	if (!ctl->json)
		printf("reloaded: %s\n", status->text);
	return 0;
}

/* Another process has written the status: it is the master now. */
static int follower_tell(
    const struct ctl *ctl, const struct pool_reload_status *now)
{
	if (ctl->json)
		ctl_json(json_pack("{s:b, s:I, s:I}", "upgraded", true,
		    "generation", (json_int_t)now->generation, "master",
		    (json_int_t)now->master));
	else
		printf("upgraded: process %ld serves, generation %u\n",
		    (long)now->master, now->generation);
	return 0;
}

/* Until a reload that began after `before` was read has its verdict. */
static int verdict_await(const struct ctl *ctl,
    const struct pool_reload_status *before, int number, int64_t deadline_ns)
{
	const struct timespec wait = {.tv_nsec = LOOK_EVERY_MS * NS_PER_MS};
	struct pool_reload_status now;
	struct err err = ERR_INIT;

	for (;;) {
		if (!pool_reload_status_read(
			ctl->settings.global.pid, &now, &err) ||
		    kill(now.master, 0) != 0)
			return ctl_fail(
			    CTL_NO, "the master has ended meanwhile");
		if (now.master != before->master && number == SIGUSR2)
			return follower_tell(ctl, &now);
		if (now.master != before->master)
			return ctl_fail(CTL_NO,
			    "another program has become the server meanwhile: "
			    "ask again");
		if (now.ended > before->begun)
			return verdict_tell(ctl, &now);
		if (deadline_left_ms(deadline_ns) == 0)
			return ctl_fail(CTL_NO,
			    "no verdict yet; the reload goes on, and the log "
			    "will tell");
		nanosleep(&wait, NULL);
	}
}

/* `number` is the signal that asks for it. */
static int ask(struct ctl *ctl, int number)
{
	const char *text = ctl_option(ctl, "timeout");
	const char *pid_file = ctl->settings.global.pid;
	struct pool_reload_status before;
	uint64_t timeout_s = TIMEOUT_S;
	struct err err = ERR_INIT;

	if (text != NULL &&
	    !num_parse_u64(strv_c(text), 1, TIMEOUT_MAX_S, &timeout_s))
		return ctl_fail(EX_USAGE,
		    "--timeout %s: write seconds, 1 to %d", text,
		    TIMEOUT_MAX_S);
	if (pid_file[0] == '\0')
		return ctl_fail(EX_CONFIG,
		    "[global] pid is not set: there is no way to the master");
	if (!pool_reload_status_read(pid_file, &before, &err))
		return ctl_fail(CTL_NO, "is flashgate running? %s", err.text);
	if (!is_flashgate(before.master))
		return ctl_fail(CTL_NO,
		    "no flashgate runs with pid file %s (it names process "
		    "%ld)",
		    pid_file, (long)before.master);
	if (kill(before.master, number) != 0)
		return ctl_fail(CTL_NO, "cannot signal master %ld: %s",
		    (long)before.master, strerror(errno));
	return verdict_await(
	    ctl, &before, number, deadline_in_ms((int64_t)timeout_s * 1000));
}

int ctl_reload(struct ctl *ctl)
{
	return ask(ctl, SIGHUP);
}

/* The same program: then it is a reload. */
int ctl_upgrade(struct ctl *ctl)
{
	return ask(ctl, SIGUSR2);
}
