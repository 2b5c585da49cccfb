/* SPDX-License-Identifier: Apache-2.0 */
/* flashgate: options, settings, start-up judgement, and off into the pool. */
#include "config.h"

#include "base/failpoint.h"
#include "base/log.h"
#include "base/mutant.h"
#include "pool/pool.h"
#include "prog/server.h"
#include "prog/wire.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
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
    {'F', "foreground", NULL, ACTION_RUN, "stay in the foreground (default)"},
    {'D', "daemonize", NULL, ACTION_RUN,
	"go to the background once it serves, or fail"},
    {'s', "single", NULL, ACTION_RUN,
	"one worker without a master (Apache mod_fcgid)"},
    {'S', "services", NULL, ACTION_RUN,
	"keeper and settlers only, beside --single workers"},
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
#ifdef FG_FAILPOINTS
	printf("failpoints     yes, %d: not for service\n", FAILPOINT_COUNT);
#endif
#ifdef FG_MUTANT
	puts("mutant         " MUTANT_PLANTED ": a bug is planted");
#endif
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

/* A daemon leaves the folder that it was started in, and a reload, or the next
 * program, reads the same file. */
static void path_make_absolute(struct launch *launch)
{
	static char absolute[PATH_MAX];
	char folder[PATH_MAX];
	struct strbuf text;

	/* Links stay links: to turn one to another file is a way to change
	 * settings (a mounted ConfigMap's, for one).  What is wrong with the
	 * path is said by who reads it. */
	if (launch->path[0] == '/' || getcwd(folder, sizeof(folder)) == NULL)
		return;
	strbuf_init(&text, absolute, sizeof(absolute));
	strbuf_printf(&text, "%s/%s", folder, launch->path);
	if (!text.overflow)
		launch->path = absolute;
}

static int run(struct launch *launch)
{
	struct settings settings;
	struct err err = ERR_INIT;

	pool_descriptors_private();
	path_make_absolute(launch);
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
	struct err err = ERR_INIT;

	if (!settings_load(path, &settings, &err)) {
		log_error("%s", err.text);
		return EX_CONFIG;
	}
	if (action == ACTION_CHECK)
		return server_stores_judge(&settings, stdout) ? EX_OK
							      : EX_CONFIG;
	if (action == ACTION_DUMP)
		settings_dump(&settings, stdout);
	if (!server_settings_judge(&settings, &err)) {
		log_error("%s: %s", path, err.text);
		return EX_CONFIG;
	}
	fprintf(stderr, "%s: settings are good\n", path);
	return EX_OK;
}

int main(int argc, char **argv)
{
	struct launch launch = {.path = DEFAULT_CONF};
	enum action action = arguments_read(argc, argv, &launch);
	int code;

	log_set_role("master");
	FAILPOINTS_OPEN();
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
		code = run(&launch);
		if (code != EX_OK)
			pool_heir_fails(log_last_error());
		return code;
	case ACTION_TEST:
	case ACTION_DUMP:
	case ACTION_CHECK:
		break;
	}
	return test(launch.path, action);
}
