/* SPDX-License-Identifier: Apache-2.0 */
/* flashgatectl: the table of commands, arguments, and what commands share. */
#include "config.h"

#include "prog/ctl.h"
#include "base/bug.h"
#include "base/clock.h"
#include "base/failpoint.h"

#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_CONF FG_SYSCONFDIR "/flashgate/flashgate.conf"

/* ---- arguments -------------------------------------------------------------------- */

/*
 * Options may stand anywhere behind the command.  They are sorted to the front
 * of ctl->argv as "--name" "value" pairs; operands follow.
 */
struct sorted {
	const char *name[CTL_OPTIONS_MAX];
	const char *value[CTL_OPTIONS_MAX];
	int n;
	const char *operand[8];
	int noperands;
};

static struct sorted args;

const char *ctl_operand(const struct ctl *ctl, int i)
{
	(void)ctl;
	return i < args.noperands ? args.operand[i] : NULL;
}

const char *ctl_option(const struct ctl *ctl, const char *name)
{
	(void)ctl;
	for (int i = 0; i < args.n; i++)
		if (strcmp(args.name[i], name) == 0)
			return args.value[i];
	return NULL;
}

static const struct ctl_option *option_find(
    const struct ctl_command *command, const char *name)
{
	for (size_t i = 0; i < CTL_OPTIONS_MAX; i++)
		if (command->options[i].name != NULL &&
		    strcmp(command->options[i].name, name) == 0)
			return &command->options[i];
	return NULL;
}

static const char *option_take(const struct ctl_command *command, char *word,
    int *i, int argc, char **argv)
{
	char *equals = strchr(word, '=');
	const struct ctl_option *option;

	if (equals != NULL)
		*equals = '\0';
	option = option_find(command, word + 2);
	if (option == NULL || args.n == CTL_OPTIONS_MAX)
		return "no such option";
	args.name[args.n] = option->name;
	args.value[args.n] = "";
	if (option->argument == NULL && equals != NULL)
		return "takes no value";
	if (option->argument != NULL && equals != NULL)
		args.value[args.n] = equals + 1;
	else if (option->argument != NULL && *i + 1 < argc)
		args.value[args.n] = argv[++*i];
	else if (option->argument != NULL)
		return "needs a value";
	args.n++;
	return NULL;
}

/* How many operands may be left out. */
static int optional(const char *operands)
{
	int n = 0;

	for (; *operands != '\0'; operands++)
		n += *operands == '[';
	return n;
}

/* "-5" is an operand of `sale stock`, "--json" an option everywhere. */
static bool arguments_sort(
    struct ctl *ctl, const struct ctl_command *command, int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		const char *wrong = NULL;

		if (strcmp(argv[i], "--json") == 0)
			ctl->json = true;
		else if (strncmp(argv[i], "--", 2) == 0)
			wrong = option_take(command, argv[i], &i, argc, argv);
		else if (args.noperands < (int)ARRAY_LEN(args.operand))
			args.operand[args.noperands++] = argv[i];
		if (wrong != NULL) {
			ctl_fail(EX_USAGE, "%s: %s", argv[i], wrong);
			return false;
		}
	}
	if (args.noperands > command->noperands ||
	    args.noperands + optional(command->operands) < command->noperands) {
		ctl_fail(EX_USAGE, "usage: flashgatectl %s%s%s %s",
		    command->group, command->verb != NULL ? " " : "",
		    command->verb != NULL ? command->verb : "",
		    command->operands);
		return false;
	}
	return true;
}

static void help_print(FILE *out)
{
	fputs("usage: flashgatectl [-y FILE] COMMAND [--json] [OPTIONS]\n\n",
	    out);
	for (const struct ctl_command *c = ctl_commands; c->group != NULL;
	     c++) {
		fprintf(out, "  %s%s%s %s\n      %s\n", c->group,
		    c->verb != NULL ? " " : "", c->verb != NULL ? c->verb : "",
		    c->operands, c->help);
		for (size_t i = 0; i < CTL_OPTIONS_MAX; i++)
			if (c->options[i].name != NULL)
				fprintf(out, "      --%s%s%s  %s\n",
				    c->options[i].name,
				    c->options[i].argument != NULL ? " " : "",
				    c->options[i].argument != NULL
					? c->options[i].argument
					: "",
				    c->options[i].help);
	}
	fputs("\n  -y, --config FILE   settings (default: " DEFAULT_CONF ")\n"
	      "  -v, --version       print the version\n"
	      "  -h, --help          this text\n"
	      "  --json              answers as JSON\n\n"
	      "Exit codes: 0 done, 1 the answer is no, 64 wrong usage, 69 a "
	      "store is away,\n78 settings. See flashgatectl(8).\n",
	    out);
}

/* ---- what commands share -------------------------------------------------------------- */

int ctl_fail(int code, const char *fmt, ...)
{
	va_list ap;

	fputs("flashgatectl: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return code;
}

int ctl_fail_outcome(enum outcome out, const struct err *err)
{
	if (out == OUT_UNKNOWN)
		return ctl_fail(EX_UNAVAILABLE,
		    "%s; it may have been done or not: look, then repeat",
		    err->text);
	return ctl_fail(EX_UNAVAILABLE, "%s", err->text);
}

bool ctl_need_ledger(struct ctl *ctl)
{
	struct err err = ERR_INIT;

	if (ctl->ledger != NULL)
		return true;
	ctl->ledger = wire_ledger(&ctl->settings, WIRE_ADMIN, &err);
	if (ctl->ledger == NULL) {
		ctl_fail(EX_UNAVAILABLE, "[mysql] %s", err.text);
		return false;
	}
	ctl->ledger_port = ledger_port(ctl->ledger);
	return true;
}

bool ctl_need_gate(struct ctl *ctl)
{
	struct err err = ERR_INIT;

	if (ctl->gate != NULL)
		return true;
	ctl->gate = wire_gate(&ctl->settings, &err);
	if (ctl->gate == NULL) {
		ctl_fail(EX_UNAVAILABLE, "[redis] %s", err.text);
		return false;
	}
	ctl->gate_port = gate_port(ctl->gate);
	return true;
}

int ctl_sale_find(
    struct ctl *ctl, const char *slug, struct sale *out, struct wall *now)
{
	struct err err = ERR_INIT;
	enum outcome outcome;
	bool found;

	if (!ctl_need_ledger(ctl))
		return EX_UNAVAILABLE;
	outcome =
	    ledger_sale_find(ctl->ledger, strv_c(slug), out, &found, now, &err);
	if (outcome != OUT_DONE)
		return ctl_fail_outcome(outcome, &err);
	if (!found)
		return ctl_fail(
		    CTL_NO, "no sale %s (flashgatectl sale list)", slug);
	return 0;
}

/* A rebuild of the largest stock takes minutes, of most a moment. */
#define SETTLE_TRIES    100
#define SETTLE_PAUSE_MS 100

int ctl_sale_find_settled(
    struct ctl *ctl, const char *slug, struct sale *out, struct wall *now)
{
	const struct timespec pause = {.tv_nsec = SETTLE_PAUSE_MS * NS_PER_MS};
	int code = ctl_sale_find(ctl, slug, out, now);

	for (int i = 0;
	     i < SETTLE_TRIES && code == 0 && out->state == SALE_STATE_REBUILD;
	     i++) {
		nanosleep(&pause, NULL);
		code = ctl_sale_find(ctl, slug, out, now);
	}
	return code;
}

/* ---- main --------------------------------------------------------------------------- */

static const struct ctl_command *command_find(int argc, char **argv, int *words)
{
	for (const struct ctl_command *c = ctl_commands; c->group != NULL;
	     c++) {
		*words = c->verb != NULL ? 2 : 1;
		if (argc >= *words && strcmp(argv[0], c->group) == 0 &&
		    (c->verb == NULL || strcmp(argv[1], c->verb) == 0))
			return c;
	}
	return NULL;
}

static void actor_name(char *out, size_t size)
{
	const char *sudo = getenv("SUDO_USER");
	struct passwd *pw = getpwuid(getuid());

	if (sudo != NULL && sudo[0] != '\0')
		snprintf(out, size, "%s", sudo);
	else if (pw != NULL)
		snprintf(out, size, "%s", pw->pw_name);
	else
		snprintf(out, size, "uid %ld", (long)getuid());
}

static bool is_for_the_master(const struct ctl_command *command)
{
	return command->run == ctl_reload || command->run == ctl_upgrade;
}

static int command_run(
    struct ctl *ctl, const struct ctl_command *command, int argc, char **argv)
{
	struct err err = ERR_INIT;
	int code;

	if (!arguments_sort(ctl, command, argc, argv))
		return EX_USAGE;
	/* A reload of wrong settings is the master's to refuse: it is there
	 * that the reason is kept for others. */
	if (!settings_load(ctl->conf_path, &ctl->settings, &err) &&
	    (!is_for_the_master(command) ||
		ctl->settings.global.pid[0] == '\0'))
		return ctl_fail(EX_CONFIG, "%s", err.text);
	actor_name(ctl->actor, sizeof(ctl->actor));
	code = command->run(ctl);
	gate_free(&ctl->gate);
	ledger_free(&ctl->ledger);
	/* A full disk under a redirected export must not look like success. */
	if (fflush(stdout) != 0 || ferror(stdout) != 0)
		code = ctl_fail(EX_IOERR, "cannot write the output");
	return code;
}

int main(int argc, char **argv)
{
	static struct ctl ctl;
	const struct ctl_command *command;
	int words;

	FAILPOINTS_OPEN();
	ctl.conf_path = DEFAULT_CONF;
	argc--;
	argv++;
	while (argc > 0 && argv[0][0] == '-') {
		if (strcmp(argv[0], "-h") == 0 ||
		    strcmp(argv[0], "--help") == 0) {
			help_print(stdout);
			return EX_OK;
		}
		if (strcmp(argv[0], "-v") == 0 ||
		    strcmp(argv[0], "--version") == 0) {
			printf("flashgatectl %s\n", PACKAGE_VERSION);
			return EX_OK;
		}
		if (strcmp(argv[0], "--json") == 0) {
			ctl.json = true;
			argc--;
			argv++;
			continue;
		}
		if ((strcmp(argv[0], "-y") != 0 &&
			strcmp(argv[0], "--config") != 0) ||
		    argc < 2)
			return ctl_fail(EX_USAGE,
			    "%s: no such option; see flashgatectl --help",
			    argv[0]);
		ctl.conf_path = argv[1];
		argc -= 2;
		argv += 2;
	}
	command = command_find(argc, argv, &words);
	if (command == NULL) {
		help_print(stderr);
		return EX_USAGE;
	}
	return command_run(&ctl, command, argc - words, argv + words);
}
