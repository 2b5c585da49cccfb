/* SPDX-License-Identifier: Apache-2.0 */
/* The rig's apps, in children: one that answers lines, one that ticks. */
#include "config.h"

#include "unit.h"

#include "pool/rig.h"

#include "base/log.h"
#include "pool/status.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static void files_limit(int above)
{
	struct rlimit files;
	int next = dup(0);

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = (rlim_t)(next + above);
	setrlimit(RLIMIT_NOFILE, &files);
	close(next);
}

static bool app_open(void *ctx, struct pool_child *child, struct err *err)
{
	struct rig *rig = ctx;
	struct rig_stage *stage = rig->stage;
	int n = RIG_NOTE(stage->births);

	if (n <= RIG_PIDS)
		RIG_SET(stage->pids[n - 1], getpid());
	rig->child = child;
	if (RIG_GET(stage->no_deathsig))
		prctl(PR_SET_PDEATHSIG, 0);
	if (RIG_GET(stage->max_files) > 0)
		files_limit(RIG_GET(stage->max_files));
	switch (RIG_GET(stage->how_to_open)) {
	case RIG_OPEN_FAILS:
		err_set(err, 0, "no tea today");
		return false;
	case RIG_OPEN_CRASHES:
		kill(getpid(), SIGKILL);
		return false;
	case RIG_OPEN_HANGS:
		for (;;)
			rig_pause_ms(1000);
	default:
		RIG_NOTE(stage->opens);
		return true;
	}
}

static void app_close(void *ctx)
{
	struct rig *rig = ctx;

	RIG_NOTE(rig->stage->closes);
}

static void app_idle(void *ctx)
{
	struct rig *rig = ctx;

	RIG_NOTE(rig->stage->idles);
}

static bool ticker_open(void *ctx, struct pool_child *child, struct err *err)
{
	struct rig *rig = ctx;

	if (pool_child_turn(child))
		RIG_NOTE(rig->stage->turns);
	return app_open(ctx, child, err);
}

static int64_t app_tick(void *ctx)
{
	struct rig *rig = ctx;
	int n = RIG_NOTE(rig->stage->ticks);

	RIG_SET(rig->stage->ticker, getpid());
	if (n <= (int)ARRAY_LEN(rig->stage->tick_ns))
		RIG_SET(rig->stage->tick_ns[n - 1], mono_ns());
	return 50;
}

static bool is_cloexec(int fd)
{
	return (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
}

static bool is_prompt(int fd)
{
	int domain = 0, prompt = 0;
	socklen_t domain_len = sizeof(domain), prompt_len = sizeof(prompt);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &domain_len) != 0)
		return false;
	return domain != AF_INET || (getsockopt(fd, IPPROTO_TCP, TCP_NODELAY,
					 &prompt, &prompt_len) == 0 &&
					prompt != 0);
}

static bool fds_are_safe(const struct rig *rig, int fd)
{
	struct timeval in, out;
	socklen_t in_len = sizeof(in), out_len = sizeof(out);

	return is_cloexec(fd) && is_cloexec(rig->groups[0].listen_fd) &&
	       (fcntl(fd, F_GETFL) & O_NONBLOCK) == 0 && is_prompt(fd) &&
	       getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &in, &in_len) == 0 &&
	       getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &out, &out_len) == 0 &&
	       (in.tv_sec > 0 || in.tv_usec > 0) &&
	       (out.tv_sec > 0 || out.tv_usec > 0);
}

static void rights_tell(char word[32])
{
	struct rlimit files = {0}, core = {0};

	getrlimit(RLIMIT_NOFILE, &files);
	getrlimit(RLIMIT_CORE, &core);
	snprintf(word, 32, "%d/%ld/%ld/%d", getpriority(PRIO_PROCESS, 0),
	    (long)files.rlim_cur, (long)core.rlim_cur, prctl(PR_GET_DUMPABLE));
}

static void grow(void)
{
	const size_t bytes = 32u << 20;
	/* Not to be thought away, and not a leak. */
	static char *volatile held;

	held = malloc(bytes);
	if (held != NULL)
		memset(held, 1, bytes);
}

static void ends_tell(const struct rig *rig, const char *name, char word[32])
{
	struct board_deaths deaths;

	pool_status_deaths(rig->child, 0, &deaths);
	for (int i = 0; i < BOARD_CAUSE_COUNT; i++)
		if (strcmp(name, pool_board_cause_name((enum board_cause)i)) ==
		    0)
			snprintf(word, 32, "%llu",
			    (unsigned long long)deaths.by_cause[i]);
}

static void looping_tell(const struct rig *rig, char word[32])
{
	struct board_deaths deaths;

	pool_status_deaths(rig->child, 0, &deaths);
	snprintf(word, 32, "%llu", (unsigned long long)deaths.crash_loop);
}

/* What the line asks for, before the answer; the answer's first word. */
static void line_obey(struct rig *rig, int fd, const char *line, char word[32])
{
	struct rig_stage *stage = rig->stage;

	snprintf(word, 32, "ok");
	if (strcmp(line, "hold") == 0) {
		RIG_NOTE(stage->held);
		while (!RIG_GET(stage->release))
			rig_pause_ms(2);
	} else if (strcmp(line, "hang") == 0) {
		RIG_NOTE(stage->held);
		for (;;)
			rig_pause_ms(1000);
	} else if (strcmp(line, "slow") == 0) {
		RIG_NOTE(stage->held);
		rig_pause_ms(300);
	} else if (strcmp(line, "crash") == 0) {
		kill(getpid(), SIGKILL);
	} else if (strcmp(line, "log") == 0) {
		log_notice("line of %ld", (long)getpid());
	} else if (strcmp(line, "fds") == 0) {
		snprintf(word, 32, fds_are_safe(rig, fd) ? "safe" : "unsafe");
	} else if (strcmp(line, "exec") == 0) {
		rig_helper_tell(word);
	} else if (strcmp(line, "uid") == 0) {
		snprintf(
		    word, 32, "%u/%u", (unsigned)getuid(), (unsigned)getgid());
	} else if (strcmp(line, "rights") == 0) {
		rights_tell(word);
	} else if (strcmp(line, "grow") == 0) {
		grow();
	} else if (strncmp(line, "ends:", 5) == 0) {
		ends_tell(rig, line + 5, word);
	} else if (strcmp(line, "looping") == 0) {
		looping_tell(rig, word);
	} else if (strncmp(line, "env:", 4) == 0) {
		snprintf(word, 32, "%s", getenv(line + 4) ? "set" : "unset");
	}
}

static enum pool_next app_serve(void *ctx, int fd)
{
	struct rig *rig = ctx;
	bool draining = pool_child_draining(rig->child);
	char line[32] = "", word[32], answer[96];
	int n;

	RIG_NOTE(rig->stage->serves);
	if (!rig_line_read(fd, line, sizeof(line))) {
		close(fd);
		return POOL_CLOSED;
	}
	line_obey(rig, fd, line, word);
	n = snprintf(answer, sizeof(answer), "%s %ld %u %d\n", word,
	    (long)getpid(), pool_child_index(rig->child), draining);
	if (write(fd, answer, (size_t)n) == n && strcmp(line, "bye") != 0 &&
	    strcmp(line, "dup") != 0 &&
	    (!draining || RIG_GET(rig->stage->naive)))
		return POOL_KEEP;
	if (strcmp(line, "dup") == 0 && dup(fd) < 0)
		return POOL_KEEP;
	close(fd);
	return POOL_CLOSED;
}

void rig_app_init(struct rig *rig)
{
	rig->app = (struct pool_app){.open = app_open,
	    .serve = app_serve,
	    .idle = app_idle,
	    .close = app_close,
	    .ctx = rig};
	rig->ticker = (struct pool_app){.open = ticker_open,
	    .tick = app_tick,
	    .close = app_close,
	    .ctx = rig};
}
