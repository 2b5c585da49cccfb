/* SPDX-License-Identifier: Apache-2.0 */
/* What is made once: sockets, shared memory, the first generation. */
#include "config.h"

#include "prog/server.h"
#include "base/log.h"
#include "pool/pool.h"
#include "pool/queue.h"
#include "prog/crew.h"
#include "prog/daemon.h"
#include "prog/front.h"
#include "prog/renewal.h"
#include "prog/single.h"
#include "prog/wire.h"

#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

struct server {
	const struct settings *settings;
	const struct launch *launch;
	struct front front;
	struct crew_house house;
	char path[PATH_MAX]; /* of our program */
	char *argv[5];
	struct pool_program program;
};

/* ---- judged before anything is made -------------------------------------- */

static bool front_and_keys(const struct settings *settings, struct front *front,
    struct token_keys *keys, struct err *err)
{
	return front_judge(settings, front, err) &&
	       wire_token_keys(settings, keys, err);
}

bool server_settings_judge(const struct settings *settings, struct err *err)
{
	struct token_keys keys;
	struct front front;
	bool good = front_and_keys(settings, &front, &keys, err);

	explicit_bzero(&keys, sizeof(keys));
	return good;
}

/*
 * The master never talks to a store, so a child does the asking: libraries keep
 * state that must not be inherited by workers.
 */
bool server_stores_judge(const struct settings *settings, FILE *out)
{
	struct err err = ERR_INIT;
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		bool good = wire_check(settings, out, &err);

		if (!good) {
			log_error("%s", err.text);
			pool_heir_fails(err.text);
		}
		fflush(NULL);
		_exit(good ? EX_OK : EX_CONFIG);
	}
	if (pid < 0) {
		err_set_errno(&err, "cannot fork");
		log_error("%s", err.text);
		return false;
	}
	while (waitpid(pid, &status, 0) != pid)
		;
	return WIFEXITED(status) && WEXITSTATUS(status) == EX_OK;
}

/* ---- sockets ------------------------------------------------------------- */

/* The kernel cuts a backlog without a word. */
static void backlog_judge(int backlog)
{
	unsigned somaxconn = pool_queue_somaxconn();

	if (pool_queue_is_clipped(backlog, somaxconn))
		log_warning("[www] listen.backlog = %d is cut to %u by the "
			    "kernel: raise net.core.somaxconn",
		    backlog, somaxconn);
}

/* The monitor's socket: who may connect to the workers' may connect to it. */
static struct pool_listen_conf status_conf(const struct server *server)
{
	struct pool_listen_conf conf = server->front.listen;

	conf.address = server->settings->www.status_listen;
	conf.alone = false;
	return conf;
}

/* Another program's socket, when we are to follow it, or one of our own. */
static int socket_open(
    const char *group, const struct pool_listen_conf *conf, const char *setting)
{
	struct err err = ERR_INIT;
	int fd = pool_heir_listen(group, conf);

	if (fd < 0)
		fd = pool_listen_open(conf, &err);
	if (fd < 0)
		log_error("[www] %s: %s", setting, err.text);
	return fd;
}

static bool listen_open(struct server *server)
{
	struct crew_house *house = &server->house;
	struct pool_listen_conf status = status_conf(server);

	house->listen_fd = house->status_fd = -1;
	if (!server->launch->services) {
		/* As a master we are the only one. */
		server->front.listen.alone = true;
		house->listen_fd =
		    socket_open(CREW_WORKERS, &server->front.listen, "listen");
		if (house->listen_fd < 0)
			return false;
		backlog_judge(server->front.listen.backlog);
	}
	if (status.address[0] == '\0')
		return true;
	house->status_fd =
	    socket_open(CREW_MONITOR, &status, "pm.status_listen");
	return house->status_fd >= 0;
}

static void socket_close(const struct pool_listen_conf *conf, int fd)
{
	if (fd < 0)
		return;
	/* Its name is another program's, which goes on with it. */
	if (pool_is_heir() || pool_is_followed())
		close(fd);
	else
		pool_listen_close(conf, fd);
}

static void listen_close(struct server *server)
{
	struct pool_listen_conf status = status_conf(server);

	socket_close(&status, server->house.status_fd);
	socket_close(&server->front.listen, server->house.listen_fd);
}

/* Where the program is that would follow us; none where nobody can say. */
static void program_find(struct server *server)
{
	static char flag_file[] = "-y", flag_services[] = "-S";
	ssize_t n =
	    readlink("/proc/self/exe", server->path, sizeof(server->path) - 1);

	if (n <= 0)
		return;
	server->path[n] = '\0';
	server->argv[0] = server->path;
	server->argv[1] = flag_file;
	server->argv[2] = (char *)(uintptr_t)server->launch->path;
	server->argv[3] = server->launch->services ? flag_services : NULL;
	server->program =
	    (struct pool_program){.path = server->path, .argv = server->argv};
	server->house.program = &server->program;
}

/* ---- one generation after the other -------------------------------------- */

/* Who follows a daemon is one already. */
static bool is_to_detach(const struct server *server)
{
	return server->launch->daemon && !pool_is_heir();
}

static int crews_run(struct server *server)
{
	struct renewal renewal = {.path = server->launch->path,
	    .settings = server->settings,
	    .house = &server->house};
	struct pool_reloader reloader = renewal_reloader(&renewal);
	struct err err = ERR_INIT;
	struct crew *crew;
	int code = EX_SOFTWARE;

	server->house.reloader = &reloader;
	crew = crew_new(server->settings, &server->house, &err);
	if (crew == NULL)
		log_error("%s", err.text);
	else if (is_to_detach(server) && !daemon_detach(&err))
		log_error("%s", err.text);
	else
		code = pool_run(crew_conf(crew));
	crew_free(&crew);
	return code;
}

/* Zeroed; NULL when there is none. */
static void *shared_make(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return memory != MAP_FAILED ? memory : NULL;
}

static int house_run(struct server *server)
{
	struct crew_house *house = &server->house;
	int code;

	house->services = server->launch->services;
	house->address = server->front.listen.address;
	house->room = crew_room(server->settings);
	house->settlers_room = crew_settlers_room(server->settings);
	house->start = snapshot_start_now();
	house->table = shared_make(sale_table_bytes());
	house->accepted = accepted_init(shared_make(accepted_bytes()));
	if (house->table == NULL || house->accepted == NULL) {
		log_error("no shared memory for the table of sales");
		return EX_SOFTWARE;
	}
	sale_table_init(house->table);
	code = crews_run(server);
	munmap(house->accepted, accepted_bytes());
	munmap(house->table, sale_table_bytes());
	return code;
}

static int master_run(struct server *server)
{
	int code = EX_CONFIG;

	if (geteuid() == 0 && server->settings->www.user[0] == '\0') {
		log_error(
		    "started by root, and [www] user does not say who workers "
		    "are to be; write user = root if you mean it");
		return EX_CONFIG;
	}
	if (!server_stores_judge(server->settings, NULL))
		return EX_CONFIG;
	program_find(server);
	if (listen_open(server))
		code = house_run(server);
	listen_close(server);
	return code;
}

int server_run(const struct settings *settings, const struct launch *launch)
{
	struct server server = {.settings = settings, .launch = launch};
	struct token_keys keys;
	struct err err = ERR_INIT;
	int code;

	if (!front_and_keys(settings, &server.front, &keys, &err)) {
		log_error("%s", err.text);
		return EX_CONFIG;
	}
	if (launch->daemon && settings->global.error_log[0] == '\0') {
		log_error("[global] error_log: a daemon needs one");
		return EX_CONFIG;
	}
	if (is_to_detach(&server) &&
	    !daemon_start(settings->global.error_log, &err)) {
		log_error("%s", err.text);
		return EX_SOFTWARE;
	}
	if (!launch->services && !pool_is_heir())
		front_take_given(&server.front);
	code = launch->single ? single_run(settings, &server.front, &keys)
			      : master_run(&server);
	explicit_bzero(&keys, sizeof(keys));
	return code;
}
