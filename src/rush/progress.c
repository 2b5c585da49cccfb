/* SPDX-License-Identifier: Apache-2.0 */
/* The bar and the line. */
#include "config.h"

#include "rush/progress.h"
#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define BAR_WIDTH   24
#define LINE_MAX_   160
#define TTY_EVERY   (NS_PER_S / 10)
#define PLAIN_EVERY NS_PER_S

void progress_init(struct progress *progress, bool quiet)
{
	*progress = (struct progress){
	    .quiet = quiet,
	    .tty = isatty(STDERR_FILENO) == 1,
	    .next_ns = mono_ns(),
	};
	/* A log wants no line for what is over within a second. */
	progress->next_ns += progress->tty ? TTY_EVERY : PLAIN_EVERY;
}

bool progress_due(const struct progress *progress, int64_t now_ns)
{
	return !progress->quiet && now_ns >= progress->next_ns;
}

static void bar_put(struct strbuf *out, uint64_t done, uint64_t total)
{
	uint64_t full = total == 0 ? 0 : done * BAR_WIDTH / total;

	strbuf_putc(out, '[');
	for (uint64_t i = 0; i < BAR_WIDTH; i++)
		strbuf_putc(out, i < full ? '#' : '.');
	strbuf_puts(out, "] ");
}

void progress_format(
    struct strbuf *out, const struct progress_step *step, bool bar)
{
	uint64_t percent =
	    step->total == 0 ? 0 : step->done * 100 / step->total;

	strbuf_printf(out, "%s ", step->what);
	if (bar)
		bar_put(out, step->done, step->total);
	strbuf_printf(out, "%" PRIu64 "/%" PRIu64 " %" PRIu64 "%%", step->done,
	    step->total, percent);
	if (step->note != NULL && step->note[0] != '\0')
		strbuf_printf(out, " %s", step->note);
}

void progress_show(
    struct progress *progress, int64_t now_ns, const struct progress_step *step)
{
	char bytes[LINE_MAX_];
	struct strbuf line;

	strbuf_init(&line, bytes, sizeof(bytes));
	progress_format(&line, step, progress->tty);
	if (progress->tty)
		/* Back to the left, write, wipe what stood further right. */
		fprintf(stderr, "\r%s\033[K", bytes);
	else
		fprintf(stderr, "flashgate-rush: %s\n", bytes);
	fflush(stderr);
	progress->shown = progress->tty;
	progress->next_ns = now_ns + (progress->tty ? TTY_EVERY : PLAIN_EVERY);
}

void progress_clear(struct progress *progress)
{
	if (!progress->shown)
		return;
	fputs("\r\033[K", stderr);
	fflush(stderr);
	progress->shown = false;
}
