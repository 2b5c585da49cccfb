/* SPDX-License-Identifier: Apache-2.0 */
/* The rig: app, master process, clients. */
#include "config.h"

#include "unit.h"

#include "pool/rig.h"

#include "base/log.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

void rig_pause_ms(int ms)
{
	const struct timespec wait = {
	    .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

	nanosleep(&wait, NULL);
}

/* ---- the app, in children ------------------------------------------------ */

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

static bool line_read(int fd, char *line, size_t size)
{
	size_t n = 0;

	errno = 0;
	while (n < size - 1) {
		if (read(fd, line + n, 1) != 1)
			return false;
		if (line[n] == '\n') {
			line[n] = '\0';
			return true;
		}
		n++;
	}
	return false;
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
	} else if (strcmp(line, "uid") == 0) {
		snprintf(
		    word, 32, "%u/%u", (unsigned)getuid(), (unsigned)getgid());
	} else if (strcmp(line, "rights") == 0) {
		rights_tell(word);
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
	if (!line_read(fd, line, sizeof(line))) {
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

/* ---- the master ---------------------------------------------------------- */

static void master_ready(void *ctx)
{
	struct rig *rig = ctx;

	RIG_NOTE(rig->stage->ready);
}

void rig_init(struct rig *rig, unsigned children)
{
	*rig = (struct rig){.level = LOG_LEVEL_NOTICE};
	snprintf(rig->dir, sizeof(rig->dir), "/tmp/fg-pool.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(rig->dir));
	ck_assert_int_eq(chmod(rig->dir, 0755), 0);
	snprintf(rig->sock, sizeof(rig->sock), "%s/sock", rig->dir);
	snprintf(rig->log, sizeof(rig->log), "%s/log", rig->dir);
	snprintf(rig->pid_file, sizeof(rig->pid_file), "%s/pid", rig->dir);
	rig->stage = mmap(NULL, sizeof(*rig->stage), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(rig->stage, MAP_FAILED);
	rig->listen = (struct pool_listen_conf){
	    .address = rig->sock, .backlog = -1, .mode = 0600};
	rig->app = (struct pool_app){.open = app_open,
	    .serve = app_serve,
	    .idle = app_idle,
	    .close = app_close,
	    .ctx = rig};
	rig->ticker = (struct pool_app){.open = ticker_open,
	    .tick = app_tick,
	    .close = app_close,
	    .ctx = rig};
	rig->groups[0] = (struct pool_group){.name = "worker",
	    .app = &rig->app,
	    .max_children = children,
	    .io_timeout_ms = 5000,
	    .keep_max = 256};
	rig->conf = (struct pool_conf){.groups = rig->groups,
	    .ngroups = 1,
	    .pid_file = rig->pid_file,
	    .control_timeout_ms = 30000,
	    .ready = master_ready,
	    .ready_ctx = rig};
}

void rig_add_ticker(struct rig *rig)
{
	rig->groups[1] = (struct pool_group){.name = "ticker",
	    .app = &rig->ticker,
	    .listen_fd = -1,
	    .max_children = 1};
	rig->conf.ngroups = 2;
}

void rig_use_tcp(struct rig *rig)
{
	struct sockaddr_in addr = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	/* A port that was free a moment ago. */
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	close(fd);
	rig->port = ntohs(addr.sin_port);
	snprintf(rig->address, sizeof(rig->address), "127.0.0.1:%u", rig->port);
	rig->listen.address = rig->address;
}

static int master_main(struct rig *rig)
{
	struct err err = ERR_INIT;
	int exit_code;

	if (rig->child_ignored)
		signal(SIGCHLD, SIG_IGN);
	if (!log_open(rig->log, rig->level, &err))
		return 99;
	log_set_role("master");
	rig->groups[0].listen_fd = pool_listen_open(&rig->listen, &err);
	if (rig->groups[0].listen_fd < 0) {
		log_alert("%s", err.text);
		return 99;
	}
	exit_code =
	    rig->single ? pool_single(&rig->conf) : pool_run(&rig->conf);
	pool_listen_close(&rig->listen, rig->groups[0].listen_fd);
	return exit_code;
}

void rig_launch(struct rig *rig)
{
	/* Orphans come to us, so that we see them end. */
	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	rig->master = fork();
	ck_assert_int_ge(rig->master, 0);
	if (rig->master > 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	_exit(master_main(rig));
}

void rig_start(struct rig *rig)
{
	rig_launch(rig);
	RIG_AWAIT(RIG_GET(rig->stage->ready) == 1);
}

void rig_signal(const struct rig *rig, int number)
{
	ck_assert_int_eq(kill(rig->master, number), 0);
}

bool rig_alive(pid_t pid)
{
	/* An orphan's end is ours to see. */
	(void)waitpid(pid, NULL, WNOHANG);
	return kill(pid, 0) == 0;
}

static void dir_remove(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir)) != NULL)
		(void)unlinkat(dirfd(dir), entry->d_name, 0);
	closedir(dir);
	ck_assert_int_eq(rmdir(path), 0);
}

void rig_tidy(struct rig *rig)
{
	int births = RIG_GET(rig->stage->births);

	for (int i = 0; i < births && i < RIG_PIDS; i++)
		RIG_AWAIT(!rig_alive(RIG_GET(rig->stage->pids[i])));
	dir_remove(rig->dir);
	munmap(rig->stage, sizeof(*rig->stage));
}

int rig_end(struct rig *rig)
{
	int status;

	RIG_AWAIT(waitpid(rig->master, &status, WNOHANG) == rig->master);
	rig_tidy(rig);
	return status;
}

void rig_stop(struct rig *rig)
{
	rig_signal(rig, SIGTERM);
	ck_assert_int_eq(rig_end(rig), 0);
}

/* ---- clients ------------------------------------------------------------- */

static int tcp_connect(unsigned port)
{
	struct sockaddr_in addr = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(
	    connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static int unix_connect(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(addr.sun_path, path, strlen(path) + 1);
	ck_assert_int_eq(
	    connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

int rig_connect(const struct rig *rig)
{
	const struct timeval wait = {.tv_sec = RIG_PATIENCE_MS / 1000};
	int fd =
	    rig->port != 0 ? tcp_connect(rig->port) : unix_connect(rig->sock);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	return fd;
}

void rig_send(int fd, const char *line)
{
	char bytes[32];
	int n = snprintf(bytes, sizeof(bytes), "%s\n", line);

	ck_assert_int_eq(send(fd, bytes, (size_t)n, MSG_NOSIGNAL), n);
}

bool rig_receive(int fd, struct rig_answer *answer)
{
	char line[96];
	long pid;

	if (!line_read(fd, line, sizeof(line))) {
		ck_assert_msg(errno != EAGAIN, "no answer");
		return false;
	}
	ck_assert_int_eq(sscanf(line, "%31s %ld %u %d", answer->word, &pid,
			     &answer->index, &answer->draining),
	    4);
	answer->pid = (pid_t)pid;
	return true;
}

pid_t rig_ask_on(int fd, const char *line)
{
	struct rig_answer answer;

	rig_send(fd, line);
	ck_assert_msg(rig_receive(fd, &answer), "closed instead of answered");
	return answer.pid;
}

pid_t rig_ask(const struct rig *rig, const char *line)
{
	int fd = rig_connect(rig);
	pid_t pid = rig_ask_on(fd, line);

	close(fd);
	return pid;
}

bool rig_is_closed(int fd)
{
	char byte;
	ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK);

	return n == 0 || (n < 0 && errno != EAGAIN);
}

/* ---- looking ------------------------------------------------------------- */

unsigned rig_lines(const char *path, const char *text)
{
	FILE *file = fopen(path, "r");
	unsigned n = 0;
	char line[4096];

	if (file == NULL)
		return 0;
	while (fgets(line, sizeof(line), file) != NULL)
		if (strstr(line, text) != NULL)
			n++;
	fclose(file);
	return n;
}

unsigned rig_descriptors(pid_t pid)
{
	char path[32];
	struct dirent *entry;
	unsigned n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%ld/fd", (long)pid);
	dir = opendir(path);
	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.')
			n++;
	closedir(dir);
	return n;
}

int64_t rig_cpu_ns(pid_t pid)
{
	struct timespec used;
	clockid_t clock_id;

	ck_assert_int_eq(clock_getcpuclockid(pid, &clock_id), 0);
	ck_assert_int_eq(clock_gettime(clock_id, &used), 0);
	return (int64_t)used.tv_sec * NS_PER_S + used.tv_nsec;
}
