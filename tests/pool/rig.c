/* SPDX-License-Identifier: Apache-2.0 */
/* The rig: master process, clients, what there is to see. */
#include "config.h"

#include "unit.h"

#include "pool/rig.h"

#include "base/log.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
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

bool rig_line_read(int fd, char *line, size_t size)
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
	rig_app_init(rig);
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
	if (rig->before != NULL)
		rig->before(rig);
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

pid_t rig_pid(const struct rig *rig, int i)
{
	/* A child counts itself, and then says who it is. */
	RIG_AWAIT(RIG_GET(rig->stage->pids[i]) > 0);
	return RIG_GET(rig->stage->pids[i]);
}

bool rig_alive(pid_t pid)
{
	if (pid <= 0)
		return false;
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

	if (!rig_line_read(fd, line, sizeof(line))) {
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
