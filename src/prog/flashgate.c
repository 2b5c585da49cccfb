/* SPDX-License-Identifier: Apache-2.0 */
/* flashgate: options, settings, start-up judgement, and off into the pool. */
#include "config.h"

#include "base/log.h"
#include "pool/pool.h"
#include "pool/queue.h"
#include "prog/keeper.h"
#include "prog/monitor.h"
#include "prog/settings.h"
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
    {'F', "foreground", NULL, ACTION_RUN, "stay in the foreground (always so)"},
    {'i', "info", NULL, ACTION_INFO, "say what this build is made of"},
    {'v', "version", NULL, ACTION_VERSION, "print the version"},
    {'h', "help", NULL, ACTION_HELP, "this text"},
};

static void help_print(FILE *out)
{
	fputs("usage: flashgate [-y FILE] [-t | -tt | --check]\n\n", out);
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

static enum action arguments_read(int argc, char **argv, const char **path)
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
		if (letter == 'y')
			*path = optarg;
		for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
			if (flags[i].letter != letter ||
			    flags[i].action == ACTION_RUN)
				continue;
			action = letter == 't' && action == ACTION_TEST
				     ? ACTION_DUMP
				     : flags[i].action;
		}
	}
	return optind == argc ? action : ACTION_USAGE;
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

static void ready_tell(void *ctx)
{
	const struct settings *settings = ctx;

	log_notice("ready: %lld workers on %s",
	    (long long)settings->www.max_children, settings->www.listen);
}

static const char *text_or_null(const char *text)
{
	return text[0] != '\0' ? text : NULL;
}

/* Status pages are short, and whoever asks for one is near. */
#define MONITOR_IO_TIMEOUT_MS 1000
#define MONITOR_KEEP_MAX      16

/* What is made before the fork. */
struct server {
	const struct settings *settings;
	int listen_fd, status_fd; /* -1: no monitor */
	struct worker *worker;
	struct keeper *keeper;
	struct monitor *monitor;
};

static int groups_run(const struct server *server)
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
		.keep_max = (unsigned)settings->www.keep_connections},
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
	struct settings copy = *settings;
	struct pool_conf conf = {.groups = groups,
	    .ngroups = ARRAY_LEN(groups) - (server->status_fd < 0),
	    .area_bytes = monitor_area_bytes(),
	    .pid_file = text_or_null(settings->global.pid),
	    .control_timeout_ms =
		(unsigned)settings->global.process_control_timeout_ms,
	    .user = text_or_null(settings->www.user),
	    .group = text_or_null(settings->www.group),
	    .ready = ready_tell,
	    .ready_ctx = &copy};

	return pool_run(&conf);
}

static struct pool_listen_conf listen_conf(
    const struct settings *settings, const char *address)
{
	return (struct pool_listen_conf){.address = address,
	    .backlog = (int)settings->www.listen_backlog,
	    .owner = text_or_null(settings->www.listen_owner),
	    .group = text_or_null(settings->www.listen_group),
	    .mode = settings->www.listen_mode};
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

static bool listen_open(const char *key, const struct pool_listen_conf *conf,
    int *fd, struct err *err)
{
	*fd = pool_listen_open(conf, err);
	if (*fd >= 0)
		return true;
	log_error("[www] %s: %s", key, err->text);
	return false;
}

static int parts_run(struct server *server, const struct token_keys *keys)
{
	const struct settings *settings = server->settings;
	struct sale_table *table = mmap(NULL, sale_table_bytes(),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct err err = ERR_INIT;
	int code = EX_SOFTWARE;

	if (table != MAP_FAILED) {
		sale_table_init(table);
		server->worker = worker_new(settings, table, keys, &err);
		server->keeper = keeper_new(settings, table);
		server->monitor = monitor_new(settings, table);
	}
	if (server->worker != NULL && server->keeper != NULL &&
	    server->monitor != NULL)
		code = groups_run(server);
	else if (err.text[0] != '\0')
		log_error("%s", err.text);
	else
		log_error("out of memory");
	worker_free(&server->worker);
	keeper_free(&server->keeper);
	monitor_free(&server->monitor);
	if (table != MAP_FAILED)
		munmap(table, sale_table_bytes());
	return code;
}

static int server_run(const struct settings *settings)
{
	const struct pool_listen_conf listen =
	    listen_conf(settings, settings->www.listen);
	const struct pool_listen_conf status =
	    listen_conf(settings, settings->www.status_listen);
	struct server server = {
	    .settings = settings, .listen_fd = -1, .status_fd = -1};
	struct token_keys keys;
	struct err err = ERR_INIT;
	int code = EX_CONFIG;

	if (!wire_token_keys(settings, &keys, &err)) {
		log_error("%s", err.text);
		return EX_CONFIG;
	}
	if (!stores_judge(settings, NULL))
		return EX_CONFIG;
	backlog_judge(listen.backlog);
	if (listen_open("listen", &listen, &server.listen_fd, &err) &&
	    (status.address[0] == '\0' ||
		listen_open(
		    "pm.status_listen", &status, &server.status_fd, &err)))
		code = parts_run(&server, &keys);
	if (server.status_fd >= 0)
		pool_listen_close(&status, server.status_fd);
	if (server.listen_fd >= 0)
		pool_listen_close(&listen, server.listen_fd);
	explicit_bzero(&keys, sizeof(keys));
	return code;
}

int main(int argc, char **argv)
{
	const char *path = DEFAULT_CONF;
	enum action action = arguments_read(argc, argv, &path);
	struct settings settings;
	struct token_keys keys;
	struct err err = ERR_INIT;

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
	case ACTION_TEST:
	case ACTION_DUMP:
	case ACTION_CHECK:
		break;
	}
	log_set_role("master");
	if (!settings_load(path, &settings, &err)) {
		log_error("%s", err.text);
		return EX_CONFIG;
	}
	if (action == ACTION_DUMP)
		settings_dump(&settings, stdout);
	if (action == ACTION_TEST || action == ACTION_DUMP) {
		if (!wire_token_keys(&settings, &keys, &err)) {
			log_error("%s: %s", path, err.text);
			return EX_CONFIG;
		}
		fprintf(stderr, "%s: settings are good\n", path);
		return EX_OK;
	}
	if (action == ACTION_CHECK)
		return stores_judge(&settings, stdout) ? EX_OK : EX_CONFIG;
	if (!log_open(settings.global.error_log,
		(enum log_level)settings.global.log_level, &err)) {
		log_error("[global] error_log: %s", err.text);
		return EX_CONFIG;
	}
	log_set_format((enum log_format)settings.global.log_format);
	return server_run(&settings);
}
