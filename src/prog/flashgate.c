/* SPDX-License-Identifier: Apache-2.0 */
/* flashgate: options, settings, start-up judgement, and off into the pool. */
#include "config.h"

#include "base/log.h"
#include "pool/pool.h"
#include "pool/queue.h"
#include "prog/daemon.h"
#include "prog/front.h"
#include "prog/keeper.h"
#include "prog/monitor.h"
#include "prog/settings.h"
#include "prog/single.h"
#include "prog/wire.h"
#include "prog/worker.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#define DEFAULT_CONF FG_SYSCONFDIR "/flashgate/flashgate.conf"

enum action {
	ACTION_RUN,
	ACTION_TEST,
	ACTION_DUMP,
	ACTION_CHECK,
	ACTION_INFO,
	ACTION_VERSION,
	ACTION_HELP,
	ACTION_USAGE
};

/* Who runs, and where; see flashgate(8), "Launching". */
struct launch {
	const char *path; /* of the settings */
	bool single; /* one worker, no master */
	bool services; /* no worker */
	bool daemon;
};

/* The one table of flags: parser and --help live off it; the manual page is
 * checked against --help. */
static const struct flag {
	char letter;
	const char *word; /* NULL: no long form */
	const char *argument;
	enum action action;
	const char *help;
} flags[] = {
    {'y', "config", "FILE", ACTION_RUN, "settings (default: " DEFAULT_CONF ")"},
    {'t', "test", NULL, ACTION_TEST,
	"test the settings and exit; -tt prints them as well"},
    {'c', "check", NULL, ACTION_CHECK,
	"ask Redis and MySQL whether they will do, and exit"},
    {'F', "foreground", NULL, ACTION_RUN, "stay in the foreground (default)"},
    {'D', "daemonize", NULL, ACTION_RUN,
	"go to the background once it serves, or fail"},
    {'s', "single", NULL, ACTION_RUN,
	"one worker without a master (Apache mod_fcgid)"},
    {'S', "services", NULL, ACTION_RUN,
	"the keeper only, beside --single workers"},
    {'i', "info", NULL, ACTION_INFO, "say what this build is made of"},
    {'v', "version", NULL, ACTION_VERSION, "print the version"},
    {'h', "help", NULL, ACTION_HELP, "this text"},
};

static void help_print(FILE *out)
{
	fputs("usage: flashgate [-y FILE] [-t | -tt | --check]\n"
	      "       flashgate [-y FILE] [-D] [--services]\n"
	      "       flashgate [-y FILE] --single\n\n",
	    out);
	for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
		char left[40];

		snprintf(left, sizeof(left), "-%c, --%s%s%s", flags[i].letter,
		    flags[i].word, flags[i].argument != NULL ? " " : "",
		    flags[i].argument != NULL ? flags[i].argument : "");
		fprintf(out, "  %-20s %s\n", left, flags[i].help);
	}
	fputs("\nExit codes: 0 stopped in order, 64 wrong usage, 70 failure, "
	      "78 settings or stores.\nSee flashgate(8).\n",
	    out);
}

static void flag_take(struct launch *launch, int letter, const char *argument)
{
	switch (letter) {
	case 'y':
		launch->path = argument;
		break;
	case 'F':
		launch->daemon = false;
		break;
	case 'D':
		launch->daemon = true;
		break;
	case 's':
		launch->single = true;
		break;
	case 'S':
		launch->services = true;
		break;
	default:
		break;
	}
}

/* A lone worker belongs to who started it. */
static bool launch_makes_sense(const struct launch *launch)
{
	return !launch->single || (!launch->services && !launch->daemon);
}

static enum action arguments_read(int argc, char **argv, struct launch *launch)
{
	struct option longs[ARRAY_LEN(flags) + 1] = {{0}};
	char shorts[3 * ARRAY_LEN(flags) + 1] = "";
	enum action action = ACTION_RUN;
	size_t n = 0;
	int letter;

	for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
		bool takes = flags[i].argument != NULL;

		shorts[n++] = flags[i].letter;
		if (takes)
			shorts[n++] = ':';
		longs[i] = (struct option){flags[i].word,
		    takes ? required_argument : no_argument, NULL,
		    flags[i].letter};
	}
	while ((letter = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		if (letter == '?')
			return ACTION_USAGE;
		flag_take(launch, letter, optarg);
		for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
			if (flags[i].letter != letter ||
			    flags[i].action == ACTION_RUN)
				continue;
			action = letter == 't' && action == ACTION_TEST
				     ? ACTION_DUMP
				     : flags[i].action;
		}
	}
	return optind == argc && launch_makes_sense(launch) ? action
							    : ACTION_USAGE;
}

static void info_print(void)
{
	printf("flashgate %s\n"
	       "settings       %s\n"
	       "schema         %d\n"
	       "MySQL client   %s\n"
	       "sanitized      %s\n",
	    PACKAGE_VERSION, DEFAULT_CONF, LEDGER_SCHEMA_VERSION,
#ifdef HAVE_MARIADB_CONNECTOR
	    "MariaDB Connector/C",
#else
	    "MySQL libmysqlclient",
#endif
#ifdef FG_SANITIZED
	    "yes"
#else
	    "no"
#endif
	);
}

/*
 * The master never talks to a store, so a child does the asking: libraries keep
 * state that must not be inherited by workers.
 */
static bool stores_judge(const struct settings *settings, FILE *out)
{
	struct err err = ERR_INIT;
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		bool good = wire_check(settings, out, &err);

		if (!good)
			log_error("%s", err.text);
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

struct server {
	const struct settings *settings;
	const struct launch *launch;
	struct front front;
	struct token_keys keys;
	struct sale_table *table; /* shared */
	struct worker *worker;
	struct keeper *keeper;
	struct monitor *monitor;
	int listen_fd, status_fd; /* -1: none */
};

static void ready_tell(void *ctx)
{
	const struct server *server = ctx;

	if (server->launch->services)
		log_notice("ready: services without workers");
	else
		log_notice("ready: %lld workers on %s",
		    (long long)server->settings->www.max_children,
		    server->front.listen.address);
	daemon_ready();
}

static const char *text_or_null(const char *text)
{
	return text[0] != '\0' ? text : NULL;
}

/* Status pages are short, and whoever asks for one is near. */
#define MONITOR_IO_TIMEOUT_MS 1000
#define MONITOR_KEEP_MAX      16

static int groups_run(struct server *server)
{
	const struct settings *settings = server->settings;
	struct pool_app worker_does = worker_app(server->worker);
	struct pool_app keeper_does = keeper_app(server->keeper);
	struct pool_app monitor_does = monitor_app(server->monitor);
	struct pool_group groups[] = {
	    {.name = "worker",
		.app = &worker_does,
		.listen_fd = server->listen_fd,
		.max_children = (unsigned)settings->www.max_children,
		.max_requests = (uint64_t)settings->www.max_requests,
		.io_timeout_ms = (unsigned)settings->www.io_timeout_ms,
		.keep_max = (unsigned)settings->www.keep_connections,
		.peers = &server->front.peers},
	    {.name = "keeper",
		.app = &keeper_does,
		.listen_fd = -1,
		.max_children = 1},
	    {.name = "monitor",
		.app = &monitor_does,
		.listen_fd = server->status_fd,
		.max_children = 1,
		.io_timeout_ms = MONITOR_IO_TIMEOUT_MS,
		.keep_max = MONITOR_KEEP_MAX,
		.sees_sockets = true},
	};
	size_t without = server->launch->services ? 1 : 0;
	struct pool_conf conf = {.groups = groups + without,
	    .ngroups =
		ARRAY_LEN(groups) - without - (server->status_fd < 0 ? 1 : 0),
	    .area_bytes = monitor_area_bytes(),
	    .pid_file = text_or_null(settings->global.pid),
	    .control_timeout_ms =
		(unsigned)settings->global.process_control_timeout_ms,
	    .user = server->front.user,
	    .group = server->front.group,
	    .rights = &server->front.rights,
	    .ready = ready_tell,
	    .ready_ctx = server};

	return pool_run(&conf);
}

static bool memory_take(struct server *server, struct err *err)
{
	server->table = mmap(NULL, sale_table_bytes(), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (server->table == MAP_FAILED) {
		err_set_errno(err, "shared memory");
		return false;
	}
	sale_table_init(server->table);
	server->worker =
	    worker_new(server->settings, server->table, &server->keys, err);
	server->keeper = keeper_new(server->settings, server->table);
	server->monitor = monitor_new(server->settings, server->table);
	if (err->text[0] == '\0')
		err_set(err, 0, "out of memory");
	return server->worker != NULL && server->keeper != NULL &&
	       server->monitor != NULL;
}

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

static bool listen_open(struct server *server)
{
	struct pool_listen_conf status = status_conf(server);
	struct err err = ERR_INIT;

	server->listen_fd = server->status_fd = -1;
	if (!server->launch->services) {
		/* As a master we are the only one. */
		server->front.listen.alone = true;
		server->listen_fd =
		    pool_listen_open(&server->front.listen, &err);
		if (server->listen_fd < 0) {
			log_error("[www] listen: %s", err.text);
			return false;
		}
		backlog_judge(server->front.listen.backlog);
	}
	if (status.address[0] == '\0')
		return true;
	server->status_fd = pool_listen_open(&status, &err);
	if (server->status_fd < 0)
		log_error("[www] pm.status_listen: %s", err.text);
	return server->status_fd >= 0;
}

static void listen_close(struct server *server)
{
	struct pool_listen_conf status = status_conf(server);

	if (server->status_fd >= 0)
		pool_listen_close(&status, server->status_fd);
	if (server->listen_fd >= 0)
		pool_listen_close(&server->front.listen, server->listen_fd);
}

static int master_run(struct server *server)
{
	struct err err = ERR_INIT;
	int code = EX_CONFIG;

	if (geteuid() == 0 && server->settings->www.user[0] == '\0') {
		log_error(
		    "started by root, and [www] user does not say who workers "
		    "are to be; write user = root if you mean it");
		return EX_CONFIG;
	}
	if (!stores_judge(server->settings, NULL))
		return EX_CONFIG;
	if (listen_open(server)) {
		code = EX_SOFTWARE;
		if (memory_take(server, &err) &&
		    (!server->launch->daemon || daemon_detach(&err)))
			code = groups_run(server);
		else
			log_error("%s", err.text);
	}
	listen_close(server);
	worker_free(&server->worker);
	keeper_free(&server->keeper);
	monitor_free(&server->monitor);
	if (server->table != NULL && server->table != MAP_FAILED)
		munmap(server->table, sale_table_bytes());
	return code;
}

/* Everything that is wrong and needs no store to know it: said within
 * milliseconds, for spawn-fcgi waits 100 of them. */
static bool settings_judge(const struct settings *settings, struct front *front,
    struct token_keys *keys, struct err *err)
{
	return front_judge(settings, front, err) &&
	       wire_token_keys(settings, keys, err);
}

static int server_run(
    const struct settings *settings, const struct launch *launch)
{
	struct server server = {.settings = settings, .launch = launch};
	struct err err = ERR_INIT;
	int code;

	if (!settings_judge(settings, &server.front, &server.keys, &err)) {
		log_error("%s", err.text);
		return EX_CONFIG;
	}
	if (launch->daemon && settings->global.error_log[0] == '\0') {
		log_error("[global] error_log: a daemon needs one");
		return EX_CONFIG;
	}
	if (launch->daemon && !daemon_start(settings->global.error_log, &err)) {
		log_error("%s", err.text);
		return EX_SOFTWARE;
	}
	if (!launch->services)
		front_take_given(&server.front);
	code = launch->single
		   ? single_run(settings, &server.front, &server.keys)
		   : master_run(&server);
	explicit_bzero(&server.keys, sizeof(server.keys));
	return code;
}

/* The log that the settings name, if they came so far: who started us may have
 * sent standard error to /dev/null. */
static void bad_settings_log(
    const struct settings *settings, const struct err *why)
{
	struct err err = ERR_INIT;

	log_error("%s", why->text);
	if (settings->global.error_log[0] != '\0' &&
	    log_open(settings->global.error_log,
		(enum log_level)settings->global.log_level, &err))
		log_error("%s", why->text);
}

static int run(const struct launch *launch)
{
	struct settings settings;
	struct err err = ERR_INIT;

	pool_descriptors_private();
	if (!settings_load(launch->path, &settings, &err)) {
		bad_settings_log(&settings, &err);
		return EX_CONFIG;
	}
	if (!log_open(settings.global.error_log,
		(enum log_level)settings.global.log_level, &err)) {
		log_error("[global] error_log: %s", err.text);
		return EX_CONFIG;
	}
	log_set_format((enum log_format)settings.global.log_format);
	return server_run(&settings, launch);
}

static int test(const char *path, enum action action)
{
	struct settings settings;
	struct token_keys keys;
	struct front front;
	struct err err = ERR_INIT;

	if (!settings_load(path, &settings, &err)) {
		log_error("%s", err.text);
		return EX_CONFIG;
	}
	if (action == ACTION_CHECK)
		return stores_judge(&settings, stdout) ? EX_OK : EX_CONFIG;
	if (action == ACTION_DUMP)
		settings_dump(&settings, stdout);
	if (!settings_judge(&settings, &front, &keys, &err)) {
		log_error("%s: %s", path, err.text);
		return EX_CONFIG;
	}
	explicit_bzero(&keys, sizeof(keys));
	fprintf(stderr, "%s: settings are good\n", path);
	return EX_OK;
}

int main(int argc, char **argv)
{
	struct launch launch = {.path = DEFAULT_CONF};
	enum action action = arguments_read(argc, argv, &launch);

	log_set_role("master");
	switch (action) {
	case ACTION_USAGE:
		help_print(stderr);
		return EX_USAGE;
	case ACTION_HELP:
		help_print(stdout);
		return EX_OK;
	case ACTION_VERSION:
		printf("flashgate %s\n", PACKAGE_VERSION);
		return EX_OK;
	case ACTION_INFO:
		info_print();
		return EX_OK;
	case ACTION_RUN:
		return run(&launch);
	case ACTION_TEST:
	case ACTION_DUMP:
	case ACTION_CHECK:
		break;
	}
	return test(launch.path, action);
}
