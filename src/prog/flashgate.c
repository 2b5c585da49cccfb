/* SPDX-License-Identifier: Apache-2.0 */
/* flashgate: options, settings, start-up judgement, and off into the pool. */
#include "config.h"

#include "base/log.h"
#include "pool/pool.h"
#include "prog/keeper.h"
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

static int groups_run(const struct settings *settings, int listen_fd,
    struct worker *worker, struct keeper *keeper)
{
	struct pool_app worker_does = worker_app(worker);
	struct pool_app keeper_does = keeper_app(keeper);
	struct pool_group groups[] = {
	    {.name = "worker",
		.app = &worker_does,
		.listen_fd = listen_fd,
		.max_children = (unsigned)settings->www.max_children,
		.max_requests = (uint64_t)settings->www.max_requests,
		.io_timeout_ms = (unsigned)settings->www.io_timeout_ms,
		.keep_max = (unsigned)settings->www.keep_connections},
	    {.name = "keeper",
		.app = &keeper_does,
		.listen_fd = -1,
		.max_children = 1},
	};
	struct settings copy = *settings;
	struct pool_conf conf = {.groups = groups,
	    .ngroups = ARRAY_LEN(groups),
	    .pid_file = text_or_null(settings->global.pid),
	    .control_timeout_ms =
		(unsigned)settings->global.process_control_timeout_ms,
	    .user = text_or_null(settings->www.user),
	    .group = text_or_null(settings->www.group),
	    .ready = ready_tell,
	    .ready_ctx = &copy};

	return pool_run(&conf);
}

static int server_run(const struct settings *settings)
{
	struct pool_listen_conf listen = {.address = settings->www.listen,
	    .backlog = (int)settings->www.listen_backlog,
	    .owner = text_or_null(settings->www.listen_owner),
	    .group = text_or_null(settings->www.listen_group),
	    .mode = settings->www.listen_mode};
	struct token_keys keys;
	struct err err = ERR_INIT;
	struct sale_table *table;
	struct worker *worker;
	struct keeper *keeper;
	int listen_fd, code;

	if (geteuid() == 0 && settings->www.user[0] == '\0') {
		log_error(
		    "started by root, and [www] user does not say who "
		    "workers are to be; write user = root if you mean it");
		return EX_CONFIG;
	}
	if (!wire_token_keys(settings, &keys, &err)) {
		log_error("%s", err.text);
		return EX_CONFIG;
	}
	if (!stores_judge(settings, NULL))
		return EX_CONFIG;
	listen_fd = pool_listen_open(&listen, &err);
	if (listen_fd < 0) {
		log_error("[www] listen: %s", err.text);
		return EX_CONFIG;
	}
	table = mmap(NULL, sale_table_bytes(), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	worker = worker_new(settings, table, &keys);
	keeper = keeper_new(settings, table);
	if (table == MAP_FAILED || worker == NULL || keeper == NULL) {
		log_error("out of memory");
		return EX_SOFTWARE;
	}
	sale_table_init(table);
	code = groups_run(settings, listen_fd, worker, keeper);
	pool_listen_close(&listen, listen_fd);
	worker_free(&worker);
	keeper_free(&keeper);
	munmap(table, sale_table_bytes());
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
	return server_run(&settings);
}
