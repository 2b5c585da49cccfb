/* SPDX-License-Identifier: Apache-2.0 */
/* Clicks, repeats, settling: who sends next, and what an answer leads to. */
#include "config.h"

#include "rush/crowd.h"
#include "base/bug.h"
#include "base/clock.h"
#include "rush/answer.h"
#include "rush/errands.h"
#include "rush/wire.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/resource.h>

/* A signal is noticed this late at most, should it come just before a wait. */
#define NAP_NS (NS_PER_S / 10)

/* An attempt under way. */
struct trip {
	struct errand errand;
	uint32_t attempt;
};

struct crowd {
	struct crowd_conf conf;
	struct crowd_result *result;
	struct wire *wire;
	struct trip *trip; /* by lane */
	struct errands waiting;
	struct backoff backoff;
	uint32_t next_click;
	bool twin_waits; /* the second half of a double click */
	struct errand twin;
	bool settling;
	int64_t begun_ns;
	int64_t settle_until_ns;
	bool failed;
	struct err err; /* why */
};

static void fail(struct crowd *crowd, const struct err *err)
{
	if (!crowd->failed)
		crowd->err = *err;
	crowd->failed = true;
}

static void fail_memory(struct crowd *crowd)
{
	struct err err;

	err_set(&err, ENOMEM, "the crowd is out of memory");
	fail(crowd, &err);
}

/* ---- who is next --------------------------------------------------------------- */

static int64_t click_due_ns(const struct crowd *crowd)
{
	uint64_t rate = crowd->conf.options->rate;

	if (rate == OPTION_UNSET)
		return crowd->begun_ns;
	return crowd->begun_ns + crowd->next_click * NS_PER_S / (int64_t)rate;
}

static bool clicks_left(const struct crowd *crowd)
{
	return !crowd->settling && crowd->next_click < crowd->conf.plan->clicks;
}

/* The next click of the plan, if it is time and there is room for it. */
static bool click_take(struct crowd *crowd, int64_t now_ns, struct errand *out)
{
	struct click click;

	if (!clicks_left(crowd) || click_due_ns(crowd) > now_ns)
		return false;
	click = plan_click(crowd->conf.plan, crowd->next_click);
	/* Both halves go out together, or it is no double click. */
	if (click.twice && wire_room(crowd->wire) < 2 &&
	    crowd->conf.options->concurrency > 1)
		return false;
	*out = (struct errand){
	    .due_ns = click_due_ns(crowd), .purchase = click.purchase};
	crowd->twin = *out;
	crowd->twin_waits = click.twice;
	crowd->next_click++;
	return true;
}

static bool errand_take(struct crowd *crowd, int64_t now_ns, struct errand *out)
{
	const struct errand *first = errands_first(&crowd->waiting);

	if (crowd->twin_waits) {
		*out = crowd->twin;
		crowd->twin_waits = false;
		return true;
	}
	if (first != NULL && first->due_ns <= now_ns) {
		*out = errands_pop(&crowd->waiting);
		return true;
	}
	return click_take(crowd, now_ns, out);
}

static void errand_send(struct crowd *crowd, const struct errand *errand)
{
	const struct crowd_conf *conf = &crowd->conf;
	char identity_bytes[IDENT_LINE_MAX], key_bytes[64];
	char key[PLAN_KEY_LEN + 1];
	struct strbuf identity, header;
	uint32_t lane = 0;
	struct err err;

	strbuf_init(&identity, identity_bytes, sizeof(identity_bytes));
	ident_line(conf->idents, plan_customer(conf->plan, errand->purchase),
	    &identity);
	strbuf_init(&header, key_bytes, sizeof(key_bytes));
	if (!conf->options->no_key) {
		plan_key(conf->plan, errand->purchase, key);
		strbuf_printf(&header, "Idempotency-Key: %s", key);
	}
	BUG_ON(identity.overflow || header.overflow);
	if (!wire_send(crowd->wire, strbuf_view(&identity),
		strbuf_view(&header), &lane, &err)) {
		fail(crowd, &err);
		return;
	}
	crowd->trip[lane] = (struct trip){
	    *errand, tally_attempt(conf->tally, errand->purchase)};
}

/* ---- what an answer leads to --------------------------------------------------- */

static void history_write(struct crowd *crowd, const struct trip *trip,
    const struct wire_answer *answer, struct strv code,
    const struct answer_body *body)
{
	const struct crowd_conf *conf = &crowd->conf;
	char customer_bytes[128], key[PLAN_KEY_LEN + 1] = "";
	struct strbuf customer;
	struct err err;

	if (conf->history == NULL)
		return;
	strbuf_init(&customer, customer_bytes, sizeof(customer_bytes));
	ident_customer(conf->options,
	    plan_customer(conf->plan, trip->errand.purchase), &customer);
	if (!conf->options->no_key)
		plan_key(conf->plan, trip->errand.purchase, key);
	if (!history_add(conf->history,
		&(struct history_entry){
		    .customer = strbuf_view(&customer),
		    .key = strv_c(key),
		    .attempt = trip->attempt,
		    .start_ns = answer->start_ns,
		    .end_ns = answer->end_ns,
		    .start_wall = answer->start_wall,
		    .status = answer->status,
		    .code = code,
		    .order = strv_c(body->order),
		    .unit = body->unit,
		    .replayed = answer->replayed,
		    .error = answer->error,
		},
		&err))
		fail(crowd, &err);
}

/* Will this shopper ask again?  Then he waits from now on. */
static void errand_repeat(struct crowd *crowd, const struct trip *trip,
    enum answer_kind kind, const struct wire_answer *answer)
{
	struct errand errand = trip->errand;
	bool again = crowd->settling
			 ? !answer_rows[kind].final
			 : answer_rows[kind].retry &&
			       errand.tries < crowd->conf.options->retries;

	if (!again)
		return;
	errand.due_ns = answer->end_ns +
			NS_PER_MS * backoff_ms(&crowd->backoff, errand.purchase,
					trip->attempt, errand.tries,
					answer->retry_after_ms);
	errand.tries++;
	if (crowd->settling && errand.due_ns > crowd->settle_until_ns)
		return;
	if (!errands_push(&crowd->waiting, errand))
		fail_memory(crowd);
}

static void answered(void *ctx, const struct wire_answer *answer)
{
	struct crowd *crowd = ctx;
	struct trip trip = crowd->trip[answer->lane];
	struct answer_seen seen = {.status = answer->status,
	    .timed_out = answer->timed_out,
	    .interrupted = answer->interrupted};
	/* In an open loop a request begins when it is due: a server that
	 * stalls, and so holds back the next ones, is not flattered. */
	int64_t start_ns = crowd->conf.options->rate == OPTION_UNSET
			       ? answer->start_ns
			       : trip.errand.due_ns;
	struct answer_body body;
	enum answer_kind kind;

	answer_read(answer->body, &body);
	kind = answer_classify(&seen, &body);
	if (answer->status != 0)
		crowd->result->heard++;
	else if (!strv_copy(answer->error, crowd->result->last_error,
		     sizeof(crowd->result->last_error)))
		crowd->result->last_error[0] = '\0';
	if (!tally_answer(
		crowd->conf.tally, &(struct tally_heard){
				       .purchase = trip.errand.purchase,
				       .attempt = trip.attempt,
				       .kind = kind,
				       .body = &body,
				       .latency_ns = answer->end_ns - start_ns,
				   }))
		fail_memory(crowd);
	history_write(
	    crowd, &trip, answer, strv_c(answer_code(kind, &body)), &body);
	errand_repeat(crowd, &trip, kind, answer);
}

/* ---- the loop ------------------------------------------------------------------ */

static void progress_tell(struct crowd *crowd, int64_t now_ns)
{
	const struct tally_counts *counts = &crowd->conf.tally->counts;
	uint64_t busy = wire_busy(crowd->wire) + crowd->waiting.n;
	struct progress_step step = {.what = "rush"};
	int64_t ms = (now_ns - crowd->begun_ns) / NS_PER_MS;
	char bytes[96];
	struct strbuf note;

	if (!progress_due(crowd->conf.progress, now_ns))
		return;
	strbuf_init(&note, bytes, sizeof(bytes));
	if (crowd->settling) {
		step.what = "settling";
		step.total = crowd->result->to_settle;
		step.done =
		    step.total > counts->open ? step.total - counts->open : 0;
	} else {
		step.total = crowd->conf.plan->clicks;
		step.done =
		    crowd->next_click > busy ? crowd->next_click - busy : 0;
		if (ms > 0)
			strbuf_printf(&note, "%" PRIu64 "/s ",
			    counts->attempts * 1000 / (uint64_t)ms);
	}
	strbuf_printf(&note, "%" PRIu64 " orders, %zu waiting",
	    counts->confirmed + counts->accepted, crowd->waiting.n);
	step.note = bytes;
	progress_show(crowd->conf.progress, now_ns, &step);
}

/* Until when there is nothing to send, seen from `now_ns`. */
static int64_t idle_until_ns(const struct crowd *crowd, int64_t now_ns)
{
	const struct errand *first = errands_first(&crowd->waiting);
	int64_t until_ns = now_ns + NAP_NS;

	if (wire_room(crowd->wire) == 0)
		return until_ns;
	if (first != NULL && first->due_ns < until_ns)
		until_ns = first->due_ns;
	/* One that is due already waits for room, not for time. */
	if (clicks_left(crowd) && click_due_ns(crowd) > now_ns &&
	    click_due_ns(crowd) < until_ns)
		until_ns = click_due_ns(crowd);
	return until_ns;
}

static bool phase_over(const struct crowd *crowd)
{
	return crowd->failed || *crowd->conf.stop != 0 ||
	       (!clicks_left(crowd) && !crowd->twin_waits &&
		   errands_first(&crowd->waiting) == NULL &&
		   wire_busy(crowd->wire) == 0);
}

static void phase_run(struct crowd *crowd)
{
	struct errand errand;
	struct err err;

	while (!phase_over(crowd)) {
		int64_t now_ns = mono_ns();

		while (!crowd->failed && wire_room(crowd->wire) > 0 &&
		       errand_take(crowd, now_ns, &errand))
			errand_send(crowd, &errand);
		if (!wire_run(crowd->wire, idle_until_ns(crowd, now_ns), &err))
			fail(crowd, &err);
		progress_tell(crowd, now_ns);
	}
	/* Whoever is under way still counts: the server may have sold to him. */
	wire_abort(crowd->wire);
	errands_clear(&crowd->waiting);
	crowd->twin_waits = false;
}

static int64_t cpu_ns(void)
{
	struct rusage usage;

	BUG_ON(getrusage(RUSAGE_SELF, &usage) != 0);
	return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * NS_PER_S +
	       (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) *
		   (NS_PER_S / US_PER_S);
}

static void rush(struct crowd *crowd)
{
	int64_t cpu_before_ns = cpu_ns();

	crowd->begun_ns = mono_ns();
	phase_run(crowd);
	crowd->result->rush_ns = mono_ns() - crowd->begun_ns;
	crowd->result->rush_cpu_ns = cpu_ns() - cpu_before_ns;
	crowd->result->rush_attempts = crowd->conf.tally->counts.attempts;
}

static void settle(struct crowd *crowd)
{
	const struct crowd_conf *conf = &crowd->conf;
	int64_t begun_ns = mono_ns();
	uint32_t purchases = plan_purchases(conf->plan);

	crowd->settling = true;
	crowd->settle_until_ns =
	    begun_ns + (int64_t)conf->options->settle_seconds * NS_PER_S;
	crowd->result->to_settle = conf->tally->counts.open;
	if (conf->options->settle_seconds == 0)
		return;
	for (uint32_t i = 0; i < purchases && !crowd->failed; i++) {
		const struct tally_purchase *purchase =
		    &conf->tally->purchase[i];
		int64_t wait_ms =
		    backoff_ms(&crowd->backoff, i, purchase->attempts, 0, 0);

		if (purchase->open &&
		    !errands_push(&crowd->waiting,
			(struct errand){
			    .due_ns = begun_ns + wait_ms * NS_PER_MS,
			    .purchase = i}))
			fail_memory(crowd);
	}
	phase_run(crowd);
	crowd->result->settle_ns = mono_ns() - begun_ns;
}

static bool crowd_open(struct crowd *crowd, struct err *err)
{
	const struct options *options = crowd->conf.options;
	struct wire_conf conf = {
	    .url = crowd->conf.url,
	    .unix_socket = options->unix_socket,
	    .allow_remote = options->allow_remote,
	    .lanes = (uint32_t)options->concurrency,
	    .timeout_ms = (int64_t)options->timeout_ms,
	    .answered = answered,
	    .ctx = crowd,
	};

	crowd->trip = calloc(options->concurrency, sizeof(*crowd->trip));
	if (crowd->trip == NULL) {
		err_set(err, ENOMEM, "the crowd is out of memory");
		return false;
	}
	crowd->wire = wire_new(&conf, err);
	return crowd->wire != NULL;
}

static void crowd_close(struct crowd *crowd)
{
	wire_free(&crowd->wire);
	free(crowd->trip);
	errands_free(&crowd->waiting);
}

bool crowd_run(
    const struct crowd_conf *conf, struct crowd_result *result, struct err *err)
{
	struct crowd crowd = {
	    .conf = *conf,
	    .result = result,
	    .backoff = {.seed = conf->options->seed,
		.cap_ms = (uint32_t)conf->options->retry_cap_ms},
	};

	*result = (struct crowd_result){0};
	if (!crowd_open(&crowd, err)) {
		crowd_close(&crowd);
		return false;
	}
	rush(&crowd);
	if (!crowd.failed && *conf->stop == 0)
		settle(&crowd);
	result->interrupted = *conf->stop != 0;
	crowd_close(&crowd);
	if (crowd.failed)
		*err = crowd.err;
	return !crowd.failed;
}
