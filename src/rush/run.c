/* SPDX-License-Identifier: Apache-2.0 */
/* Wires the parts of a rehearsal together, and takes them apart again. */
#include "config.h"

#include "rush/run.h"
#include "base/bug.h"
#include "base/clock.h"
#include "rush/crowd.h"
#include "rush/history.h"
#include "rush/ident.h"
#include "rush/report.h"
#include "rush/target.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sysexits.h>

#include <curl/curl.h>

/* Standard streams, history, epoll, timer, the resolver's, a few to spare. */
#define FILES_BESIDE 32

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
	stop = number;
}

/* The first signal ends the crowd in order, a second one the process. */
static void signals_set(void)
{
	struct sigaction action = {
	    .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
	struct sigaction ignore = {.sa_handler = SIG_IGN};

	sigemptyset(&action.sa_mask);
	sigemptyset(&ignore.sa_mask);
	BUG_ON(sigaction(SIGINT, &action, NULL) != 0);
	BUG_ON(sigaction(SIGTERM, &action, NULL) != 0);
	BUG_ON(sigaction(SIGPIPE, &ignore, NULL) != 0);
}

struct rush {
	struct options options;
	struct plan plan;
	struct progress progress;
	struct tally tally;
	struct idents *idents;
	struct history *history;
	struct crowd_result result;
	char url[TARGET_URL_MAX];
};

static int complain(int code, const struct err *err)
{
	fprintf(stderr, "flashgate-rush: %s\n", err->text);
	return code;
}

/* ---- steps before the crowd ----------------------------------------------------- */

static bool files_allow(uint64_t connections, struct err *err)
{
	rlim_t need = connections + FILES_BESIDE;
	struct rlimit limit;

	BUG_ON(getrlimit(RLIMIT_NOFILE, &limit) != 0);
	if (limit.rlim_cur >= need)
		return true;
	if (limit.rlim_max >= need) {
		limit.rlim_cur = need;
		if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
			return true;
	}
	err_set(err, EMFILE,
	    "--concurrency %llu needs %llu open files, the limit is %llu "
	    "(ulimit -n)",
	    (unsigned long long)connections, (unsigned long long)need,
	    (unsigned long long)limit.rlim_max);
	return false;
}

static bool signing(void *ctx, uint32_t done, uint32_t total)
{
	struct progress *progress = ctx;
	int64_t now_ns = mono_ns();

	if (progress_due(progress, now_ns))
		progress_show(progress, now_ns,
		    &(struct progress_step){
			.what = "tokens", .done = done, .total = total});
	return stop == 0;
}

static void identity_hint(const struct options *options)
{
	if (options->token_key == NULL && options->remote_user_header == NULL &&
	    !options->quiet)
		fputs("flashgate-rush: neither --token-key nor "
		      "--remote-user-header: the shoppers do not say who they "
		      "are\n",
		    stderr);
}

/* EX_OK, or the exit code with a reason. */
static int rush_open(struct rush *rush, struct err *err)
{
	const struct options *options = &rush->options;
	struct target_ask ask = {
	    .url = options->url,
	    .sale = options->sale,
	    .may_be_remote =
		options->allow_remote || options->unix_socket != NULL,
	};

	if (!target_make(&ask, rush->url, err))
		return EX_USAGE;
	if (!files_allow(options->concurrency, err))
		return EX_OSERR;
	plan_init(&rush->plan, options->seed, (uint32_t)options->shoppers,
	    (uint32_t)options->keys);
	rush->plan.clicks = (uint32_t)options->requests;
	rush->plan.double_pct = (uint32_t)options->double_click;
	if (!tally_init(&rush->tally, &rush->plan, options->customer_prefix)) {
		err_set(err, ENOMEM, "out of memory");
		return EX_OSERR;
	}
	/* Before the tokens, which may take a while: a path that cannot be
	 * written is told at once. */
	if (options->history != NULL &&
	    (rush->history = history_open(options->history, err)) == NULL)
		return EX_CANTCREAT;
	identity_hint(options);
	rush->idents =
	    idents_new(options, &rush->plan, signing, &rush->progress, err);
	if (rush->idents == NULL)
		return stop != 0 ? RUSH_EXIT_INTERRUPTED : EX_NOINPUT;
	return EX_OK;
}

static void rush_close(struct rush *rush)
{
	struct err ignored;

	/* Closed already after a good run, where its failure counts. */
	if (!history_close(&rush->history, &ignored))
		fprintf(stderr, "flashgate-rush: %s\n", ignored.text);
	idents_free(&rush->idents);
	tally_free(&rush->tally);
}

/* ---- the crowd, and after it ----------------------------------------------------- */

int rush_exit_code(const struct rush_end *end)
{
	if (end->violation)
		return RUSH_EXIT_JUDGED;
	if (end->interrupted)
		return RUSH_EXIT_INTERRUPTED;
	/* Silence proves nothing, not even that nothing was sold. */
	if (!end->heard)
		return EX_UNAVAILABLE;
	return end->expected ? EX_OK : RUSH_EXIT_JUDGED;
}

static int rush_report(struct rush *rush)
{
	struct report report = {
	    .options = &rush->options,
	    .url = rush->url,
	    .tally = &rush->tally,
	    .result = &rush->result,
	};
	struct rush_end end = {
	    .interrupted = rush->result.interrupted,
	    .heard = rush->result.heard > 0,
	    .violation = tally_violations(&rush->tally) > 0,
	    .expected = report_as_expected(&report),
	};
	bool printed = true;

	if (rush->options.json)
		printed = report_json(&report, stdout);
	else
		report_table(&report, stdout);
	if (fflush(stdout) != 0 || !printed) {
		fputs("flashgate-rush: the report could not be written\n",
		    stderr);
		return EX_IOERR;
	}
	if (!end.heard)
		fprintf(stderr, "flashgate-rush: %s never answered: %s\n",
		    rush->url, rush->result.last_error);
	return rush_exit_code(&end);
}

static int rush_run(struct rush *rush)
{
	struct crowd_conf conf = {
	    .options = &rush->options,
	    .plan = &rush->plan,
	    .idents = rush->idents,
	    .url = rush->url,
	    .tally = &rush->tally,
	    .history = rush->history,
	    .progress = &rush->progress,
	    .stop = &stop,
	};
	struct err err;
	int code = EX_OK;

	/* What a broken crowd found is shown as well: it may be the reason. */
	if (!crowd_run(&conf, &rush->result, &err))
		code = EX_IOERR;
	progress_clear(&rush->progress);
	if (code != EX_OK)
		complain(code, &err);
	if (!history_close(&rush->history, &err) && code == EX_OK)
		code = complain(EX_IOERR, &err);
	if (!tally_finish(&rush->tally)) {
		fputs("flashgate-rush: out of memory\n", stderr);
		return EX_OSERR;
	}
	return code != EX_OK ? (rush_report(rush), code) : rush_report(rush);
}

int rush_main(int argc, char **argv)
{
	struct rush rush = {0};
	struct err err = ERR_INIT;
	int code;

	if (!options_parse(argc, argv, &rush.options, &err))
		return complain(EX_USAGE, &err);
	if (rush.options.help) {
		options_help(stdout);
		return EX_OK;
	}
	if (rush.options.version) {
		puts("flashgate-rush " PACKAGE_VERSION);
		return EX_OK;
	}
	signals_set();
	progress_init(&rush.progress, rush.options.quiet);
	BUG_ON(curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK);
	code = rush_open(&rush, &err);
	progress_clear(&rush.progress);
	code = code == EX_OK ? rush_run(&rush) : complain(code, &err);
	rush_close(&rush);
	curl_global_cleanup();
	return code;
}
