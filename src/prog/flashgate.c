/* SPDX-License-Identifier: Apache-2.0 */
/* flashgate: options, settings, start-up judgement, and off into the pool. */
#include "config.h"

#include "base/log.h"
#include "pool/pool.h"
#include "prog/crew.h"
#include "prog/renewal.h"
#include "prog/settings.h"
#include "prog/wire.h"

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

static struct pool_listen_conf listen_conf(const struct settings *settings)
{
	const char *owner = settings->www.listen_owner;
	const char *group = settings->www.listen_group;

	return (struct pool_listen_conf){.address = settings->www.listen,
	    .backlog = (int)settings->www.listen_backlog,
	    .owner = owner[0] != '\0' ? owner : NULL,
	    .group = group[0] != '\0' ? group : NULL,
	    .mode = settings->www.listen_mode};
}

/* Everything that is made once and outlives every generation. */
static int house_run(
    const struct settings *settings, const char *path, int listen_fd)
{
	struct crew_house house = {
	    .listen_fd = listen_fd, .room = crew_room(settings)};
	struct renewal renewal = {
	    .path = path, .settings = settings, .house = &house};
	struct pool_reloader reloader = renewal_reloader(&renewal);
	struct err err = ERR_INIT;
	struct crew *crew;
	int code = EX_SOFTWARE;

	house.reloader = &reloader;
	house.table = mmap(NULL, sale_table_bytes(), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (house.table == MAP_FAILED) {
		log_error("no shared memory for the table of sales");
		return code;
	}
	sale_table_init(house.table);
	crew = crew_new(settings, &house, &err);
	if (crew != NULL)
		code = pool_run(crew_conf(crew));
	else
		log_error("%s", err.text);
	crew_free(&crew);
	munmap(house.table, sale_table_bytes());
	return code;
}

static int server_run(const struct settings *settings, const char *path)
{
	const struct pool_listen_conf listen = listen_conf(settings);
	struct token_keys keys;
	struct err err = ERR_INIT;
	int listen_fd, code;
	bool good = wire_token_keys(settings, &keys, &err);

	explicit_bzero(&keys, sizeof(keys));
	if (!good) {
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
	code = house_run(settings, path, listen_fd);
	pool_listen_close(&listen, listen_fd);
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
	return server_run(&settings, path);
}
