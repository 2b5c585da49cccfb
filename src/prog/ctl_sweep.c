/* SPDX-License-Identifier: Apache-2.0 */
/* flashgatectl sweep: writes what was accepted, now, in this process. */
#include "config.h"

#include "prog/ctl.h"
#include "base/clock.h"
#include "prog/settler.h"
#include "sale/settle.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define CALL_DEADLINE_MS  5000
#define BATCH_DEADLINE_MS 10000
#define SALES_MAX         1000

/* Sweeps of one host at a time that have names of their own. */
#define NAMES_MAX 16

/* Others may hold what was there: so much longer than it takes to take it over,
 * and how often that is looked at. */
#define OTHERS_MS 10000
#define LOOK_MS   50

struct sweeping {
	struct ctl *ctl;
	struct ledger *ledger; /* the keeper's account: it may bury */
	struct ledger_port ledger_port;
	char name[SETTLER_NAME_MAX];
	int lock_fd;
	int64_t offset_us; /* the ledger's clock minus ours */
	json_t *all;
};

struct swept {
	uint64_t found; /* that waited at the start */
	uint64_t sold, replayed, voided, dead;
	uint64_t taken;
	bool rest; /* some of those found are in other hands still */
	uint64_t waiting; /* at the end, new ones too */
	int64_t began_ns, progress_ns;
};

/*
 * A sweep that was killed left entries with its name: the next one on this host
 * takes it on, and them first.  Two at a time need two names, or each would do
 * the other's work as well.  A bound abstract address is a lock that cannot be
 * left behind.
 */
static bool name_take(struct sweeping *s)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	unsigned number = 0;
	int n;

	s->lock_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	for (; s->lock_fd >= 0 && number < NAMES_MAX; number++) {
		n = snprintf(at.sun_path + 1, sizeof(at.sun_path) - 1,
		    "flashgate-sweep-%u", number);
		if (bind(s->lock_fd, (struct sockaddr *)&at,
			(socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
				    (size_t)n)) == 0)
			break;
	}
	if (s->lock_fd < 0 || number == NAMES_MAX) {
		ctl_fail(
		    EX_OSERR, "no name for this sweep: %s", strerror(errno));
		return false;
	}
	settler_name(s->name, "sweep", number);
	return true;
}

/* ---- one sale ------------------------------------------------------------------------ */

static enum outcome gauge_read(struct sweeping *s, const struct sale *sale,
    struct gate_gauge *gauge, struct err *err)
{
	const struct gate_port *gate = &s->ctl->gate_port;

	return gate->gauge(
	    gate->ctx, sale->id, deadline_in_ms(CALL_DEADLINE_MS), gauge, err);
}

static int64_t since_ms(int64_t ns)
{
	return (mono_ns() - ns) / NS_PER_MS;
}

static enum outcome batch(struct sweeping *s, const struct sale *sale,
    struct swept *swept, size_t max, enum settle_state *state, struct err *err)
{
	const struct settings *settings = &s->ctl->settings;
	const struct settler settler = {.gate = &s->ctl->gate_port,
	    .ledger = &s->ledger_port,
	    .clock = &clock_system,
	    .consumer = s->name,
	    .idle_ms = settings->settler.idle_ms,
	    .batch = max,
	    .deliveries_max = (uint32_t)settings->settler.max_deliveries};
	struct settle_counts counts = {0};
	enum outcome out =
	    sale_settle(&settler, sale, deadline_in_ms(BATCH_DEADLINE_MS),
		s->offset_us, state, &counts, err);

	swept->sold += counts.sold;
	swept->replayed += counts.replayed;
	swept->voided += counts.voided;
	swept->dead += counts.dead;
	swept->taken += counts.taken;
	if (counts.sold + counts.replayed + counts.voided + counts.dead > 0)
		swept->progress_ns = mono_ns();
	return out;
}

/* What was there at the start, and no more: a sale that sells faster than we
 * write would never end. */
static size_t batch_max(const struct sweeping *s, const struct swept *swept)
{
	uint64_t max = (uint64_t)s->ctl->settings.settler.batch;
	uint64_t left =
	    swept->found > swept->taken ? swept->found - swept->taken : 1;

	return (size_t)(left < max ? left : max);
}

/* Is anything left that was there when we began?  Whoever was accepted later has
 * waited for less. */
static enum outcome rest_look(struct sweeping *s, const struct sale *sale,
    struct swept *swept, struct err *err)
{
	struct gate_gauge gauge;
	enum outcome out = gauge_read(s, sale, &gauge, err);

	if (out != OUT_DONE)
		return out;
	swept->waiting = gauge.known ? gauge.waiting : 0;
	swept->rest =
	    swept->waiting > 0 && gauge.oldest_ms > since_ms(swept->began_ns);
	return OUT_DONE;
}

static void pause_ms(int64_t ms)
{
	const struct timespec pause = {
	    .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * NS_PER_MS};

	nanosleep(&pause, NULL);
}

/* After a batch: on at once, a little later, or not any more. */
static bool goes_on(
    struct sweeping *s, const struct swept *swept, enum settle_state state)
{
	const struct settings *settings = &s->ctl->settings;

	if (!swept->rest)
		return false;
	if (state == SETTLE_MORE) {
		if (ctl_option(s->ctl, "no-pause") == NULL)
			pause_ms(settings->settler.sweep_pause_ms);
		return true;
	}
	/* The rest is another settler's: it writes it, or we take it over. */
	pause_ms(LOOK_MS);
	return since_ms(swept->progress_ns) <
	       settings->settler.idle_ms + OTHERS_MS;
}

static enum outcome sale_sweep(struct sweeping *s, const struct sale *sale,
    struct swept *swept, struct err *err)
{
	enum settle_state state = SETTLE_MORE;
	struct sale now = *sale;
	enum outcome out = OUT_DONE;
	struct wall ledger_now;
	bool found = true;

	swept->began_ns = swept->progress_ns = mono_ns();
	do {
		out = batch(s, &now, swept, batch_max(s, swept), &state, err);
		if (out == OUT_DONE && state == SETTLE_STALE)
			out = s->ledger_port.sale(s->ledger_port.ctx, sale->id,
			    deadline_in_ms(CALL_DEADLINE_MS), &now, &found,
			    &ledger_now, err);
		if (out == OUT_DONE)
			out = rest_look(s, sale, swept, err);
		ctl_progress("writing",
		    swept->taken < swept->found ? swept->taken : swept->found,
		    swept->found);
	} while (out == OUT_DONE && found && goes_on(s, swept, state));
	return out;
}

/* ---- all of them ------------------------------------------------------------------------ */

static void swept_tell(
    struct sweeping *s, const struct sale *sale, const struct swept *swept)
{
	double seconds = (double)(mono_ns() - swept->began_ns) / NS_PER_S;

	if (s->ctl->json) {
		json_array_append_new(s->all,
		    json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:f}",
			"sale", sale->slug, "found", (json_int_t)swept->found,
			"written", (json_int_t)swept->sold, "written_before",
			(json_int_t)swept->replayed, "void",
			(json_int_t)swept->voided, "dead",
			(json_int_t)swept->dead, "waiting",
			(json_int_t)swept->waiting, "complete", !swept->rest,
			"seconds", seconds));
		return;
	}
	printf("sale %s: %" PRIu64 " orders written", sale->slug,
	    swept->sold + swept->replayed);
	if (swept->voided + swept->dead > 0)
		printf(", %" PRIu64 " void", swept->voided + swept->dead);
	printf(" in %.2f s; %" PRIu64 " wait\n", seconds, swept->waiting);
}

static int sale_one(
    struct sweeping *s, const struct sale *sale, const struct gate_gauge *gauge)
{
	struct swept swept = {.found = gauge->waiting};
	struct err err = ERR_INIT;
	enum outcome out = sale_sweep(s, sale, &swept, &err);

	swept_tell(s, sale, &swept);
	if (swept.dead > 0)
		ctl_fail(0,
		    "sale %s: %" PRIu64 " accepted orders cannot be written: "
		    "flashgatectl dead list %s",
		    sale->slug, swept.dead, sale->slug);
	if (out != OUT_DONE)
		return ctl_fail(EX_UNAVAILABLE,
		    "sale %s: the rest waits for the next run: %s", sale->slug,
		    err.text);
	if (swept.rest)
		return ctl_fail(CTL_NO,
		    "sale %s: some are in another settler's hands, and stay "
		    "there: look at its log",
		    sale->slug);
	return 0;
}

static int sales_sweep(
    struct sweeping *s, const char *slug, const struct sale *sales, size_t n)
{
	struct gate_gauge gauge;
	struct err err = ERR_INIT;
	enum outcome out;
	int code = 0, here;

	for (size_t i = 0; i < n; i++) {
		if (sales[i].epoch == 0 ||
		    (slug != NULL && strcmp(slug, sales[i].slug) != 0))
			continue;
		out = gauge_read(s, &sales[i], &gauge, &err);
		if (out != OUT_DONE)
			return ctl_fail_outcome(out, &err);
		/* Asked for by name it is answered, also with nothing. */
		if (slug == NULL && (!gauge.known || gauge.waiting == 0))
			continue;
		here = sale_one(s, &sales[i], &gauge);
		/* A store that is away is worse than a rest. */
		if (here > code)
			code = here;
	}
	return code;
}

static int sweep(struct sweeping *s, const char *slug)
{
	static struct sale sales[SALES_MAX];
	struct err err = ERR_INIT;
	struct wall now;
	enum outcome out;
	size_t n;

	out = s->ledger_port.sales(s->ledger_port.ctx,
	    deadline_in_ms(CALL_DEADLINE_MS), sales, SALES_MAX, &n, &now, &err);
	if (out != OUT_DONE)
		return ctl_fail_outcome(out, &err);
	s->offset_us = now.us - wall_now().us;
	for (size_t i = 0; i < n && slug != NULL; i++)
		if (strcmp(slug, sales[i].slug) == 0)
			return sales_sweep(s, slug, sales, n);
	if (slug != NULL)
		return ctl_fail(
		    CTL_NO, "no sale %s (flashgatectl sale list)", slug);
	return sales_sweep(s, NULL, sales, n);
}

int ctl_sweep(struct ctl *ctl)
{
	struct sweeping s = {.ctl = ctl, .lock_fd = -1};
	struct err err = ERR_INIT;
	int code;

	if (!ctl_need_gate(ctl))
		return EX_UNAVAILABLE;
	s.ledger = wire_ledger(&ctl->settings, WIRE_KEEPER, &err);
	if (s.ledger == NULL)
		return ctl_fail(EX_UNAVAILABLE, "[mysql] %s", err.text);
	s.ledger_port = ledger_port(s.ledger);
	s.all = json_array();
	code = name_take(&s) ? sweep(&s, ctl_operand(ctl, 0)) : EX_OSERR;
	if (ctl->json)
		ctl_json(json_pack("{s:O}", "sales", s.all));
	json_decref(s.all);
	if (s.lock_fd >= 0)
		close(s.lock_fd);
	ledger_free(&s.ledger);
	return code;
}
