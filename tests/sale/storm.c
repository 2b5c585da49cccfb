/* SPDX-License-Identifier: Apache-2.0 */
/* Who is next, and what is checked of each call. */
#include "config.h"

#include "sale/storm.h"
#include "unit.h"

#include "base/bug.h"

#include <stdarg.h>
#include <stdio.h>

uint64_t dice(struct storm *s, uint64_t n)
{
	s->dice ^= s->dice << 13;
	s->dice ^= s->dice >> 7;
	s->dice ^= s->dice << 17;
	return s->dice % n;
}

void wrong(struct storm *s, const char *fmt, ...)
{
	va_list ap;

	if (s->wrong[0] != '\0')
		return;
	va_start(ap, fmt);
	vsnprintf(s->wrong, sizeof(s->wrong), fmt, ap);
	va_end(ap);
}

/* ---- one at a time -------------------------------------------------------------------- */

static void turn_wait(struct actor *a)
{
	while (a->storm->turn != a)
		pthread_cond_wait(&a->wake, &a->storm->lock);
}

static void turn_end(struct actor *a)
{
	a->storm->turn = NULL;
	pthread_cond_signal(&a->storm->over);
}

static void turn_give(struct storm *s, struct actor *a)
{
	s->turn = a;
	pthread_cond_signal(&a->wake);
	while (s->turn != NULL)
		pthread_cond_wait(&s->over, &s->lock);
}

/* TRACE=1: the history, for whoever looks for the reason. */
void trace(struct storm *s, const char *fmt, ...)
{
	va_list ap;

	if (!s->traced)
		return;
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

static enum fault_kind fault_of(struct actor *a, enum fault_call call)
{
	static const enum fault_kind kinds[] = {
	    FAULT_NOT_DONE, FAULT_UNKNOWN_APPLIED, FAULT_UNKNOWN_NOT_APPLIED};
	struct storm *s = a->storm;

	if (a->dead)
		return FAULT_NOT_DONE;
	if (s->calm || (s->strict && call == FAULT_LEDGER_FIND))
		return FAULT_NONE;
	if (dice(s, 4 * s->luck) == 0) {
		a->dead = true; /* right before this call, or right after */
		return dice(s, 2) == 0 ? FAULT_NOT_DONE : FAULT_NONE;
	}
	return dice(s, s->luck) == 0 ? kinds[dice(s, ARRAY_LEN(kinds))]
				     : FAULT_NONE;
}

/* Before each call to a store. */
static enum fault_kind chance(void *ctx, enum fault_call call)
{
	static const char *const said[] = {
	    [FAULT_NONE] = "",
	    [FAULT_NOT_DONE] = ", not done",
	    [FAULT_UNKNOWN_APPLIED] = ", answer lost",
	    [FAULT_UNKNOWN_NOT_APPLIED] = ", lost",
	};
	struct actor *a = ctx;
	enum fault_kind kind;

	turn_end(a);
	turn_wait(a);
	kind = fault_of(a, call);
	trace(a->storm, "%s: %s%s%s", a->name, fault_call_name(call),
	    said[kind], a->dead ? ", dead" : "");
	return kind;
}

static void *actor_main(void *ctx)
{
	struct actor *a = ctx;

	pthread_mutex_lock(&a->storm->lock);
	turn_wait(a);
	while (!a->storm->calm) {
		a->dead = false;
		a->deed(a);
		turn_end(a);
		turn_wait(a);
	}
	a->gone = true;
	turn_end(a);
	pthread_mutex_unlock(&a->storm->lock);
	return NULL;
}

/* ---- shoppers ----------------------------------------------------------------------------- */

void sale_read(struct storm *s, struct sale *sale)
{
	struct wall now;
	struct err err;
	bool found;

	(void)s->w.ledger.sale(
	    s->w.ledger.ctx, s->w.sale.id, INT64_MAX, sale, &found, &now, &err);
}

bool row_of(struct storm *s, const struct claim_id *claim, struct order *row)
{
	struct err err;
	size_t found;

	(void)s->w.ledger.find(
	    s->w.ledger.ctx, claim, 1, INT64_MAX, row, &found, &err);
	return found == 1;
}

/* In the stream of any epoch. */
bool waits(struct storm *s, const struct claim_id *claim)
{
	struct gate_entry entry[SETTLE_BATCH];
	struct sale now;
	struct err err;
	size_t n;

	sale_read(s, &now);
	for (uint32_t epoch = 1; epoch <= now.epoch; epoch++) {
		(void)s->w.gate.queue_scan(s->w.gate.ctx,
		    (struct gate_ref){now.id, epoch},
		    (struct gate_entry_id){0, 0}, SETTLE_BATCH, INT64_MAX,
		    entry, &n, &err);
		for (size_t i = 0; i < n; i++)
			if (claim_eq(&entry[i].order.claim, claim))
				return true;
	}
	return false;
}

/* ---- nothing is told to the gate but what the ledger says ------------------------------------ */

static void told_check(struct actor *a, const char *what,
    const struct claim_id *claim, enum order_status expect)
{
	struct order row;

	if (a->dead || claim_is_none(claim)) /* nothing comes of it */
		return;
	if (!row_of(a->storm, claim, &row))
		wrong(a->storm, "%s: %s, and it is not decided", a->name, what);
	else if (row.status != expect)
		wrong(a->storm, "%s: %s, and it is %s", a->name, what,
		    order_status_name(row.status));
}

static struct actor *actor_of(void *ctx)
{
	return ((struct fault_plan *)ctx)->chance_ctx;
}

static enum outcome settled_checked(void *ctx, struct gate_ref ref,
    const struct gate_settled *settled, size_t n, int64_t deadline_ns,
    struct err *err)
{
	struct actor *a = actor_of(ctx);

	for (size_t i = 0; i < n; i++) {
		enum gate_fate fate = settled[i].fate;
		bool sold =
		    fate == GATE_FATE_SOLD || fate == GATE_FATE_ELSEWHERE;

		told_check(a, sold ? "settled sold" : "settled void",
		    &settled[i].claim, sold ? ORDER_SOLD : ORDER_VOID);
	}
	return a->faulty.settled(ctx, ref, settled, n, deadline_ns, err);
}

static enum outcome release_checked(void *ctx, struct gate_ref ref,
    const struct claim_id *claim, const struct customer *who,
    enum gate_release why, int64_t deadline_ns, struct err *err)
{
	struct actor *a = actor_of(ctx);

	told_check(a, "released", claim,
	    why == GATE_RELEASE_VOID ? ORDER_VOID : ORDER_SOLD);
	return a->faulty.release(ctx, ref, claim, who, why, deadline_ns, err);
}

static void confirm_checked(
    void *ctx, struct gate_ref ref, const struct claim_id *claim, uint32_t unit)
{
	struct actor *a = actor_of(ctx);

	told_check(a, "confirmed", claim, ORDER_SOLD);
	a->faulty.confirm(ctx, ref, claim, unit);
}

static struct gate_port gate_checked(struct actor *a)
{
	struct gate_port port = a->faulty;

	port.settled = settled_checked;
	port.release = release_checked;
	port.confirm = confirm_checked;
	return port;
}

void storm_begin(struct storm *s, unsigned seed)
{
	memset(s, 0, sizeof(*s));
	s->traced = getenv("TRACE") != NULL;
	s->dice = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	s->strict = seed % 4 == 0;
	s->direct = seed % 8 == 1 || seed % 8 == 2;
	s->lossy = seed % 4 >= 2;
	s->luck = 6 + dice(s, 30);
	world_init(&s->w, STOCK, seed / 4 % 2 + 1);
	if (!s->direct)
		world_mode(&s->w, SALE_MODE_QUEUE);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->over, NULL);
	for (size_t i = 0; i < ACTORS; i++) {
		struct actor *a = &s->actor[i];

		a->storm = s;
		a->name = storm_cast[i].name;
		a->deed = storm_cast[i].deed;
		a->plan = (struct fault_plan){.gate = &s->w.gate,
		    .ledger = &s->w.ledger,
		    .chance = chance,
		    .chance_ctx = a};
		a->faulty = fault_gate_port(&a->plan);
		a->gate = gate_checked(a);
		a->ledger = fault_ledger_port(&a->plan);
		pthread_cond_init(&a->wake, NULL);
		ck_assert_int_eq(
		    pthread_create(&a->thread, NULL, actor_main, a), 0);
	}
}

/* Most turns are the keepers' while nothing is sold. */
static struct actor *next_actor(struct storm *s)
{
	struct sale now;

	sale_read(s, &now);
	if (now.state != SALE_STATE_OPEN && dice(s, 5) != 0)
		return &s->actor[SHOPPERS + 3 + dice(s, 3)];
	return &s->actor[dice(s, ACTORS)];
}

void storm_blow(struct storm *s)
{
	pthread_mutex_lock(&s->lock);
	for (int i = 0; i < TURNS && s->wrong[0] == '\0'; i++) {
		/* Now and then somebody sleeps past every bound. */
		world_advance(&s->w, dice(s, 60) == 0
					 ? (int64_t)dice(s, 2 * WORLD_IDLE_MS)
					 : (int64_t)dice(s, 20));
		mishap(s);
		turn_give(s, next_actor(s));
	}
	s->calm = true;
	for (size_t i = 0; i < ACTORS; i++)
		while (!s->actor[i].gone)
			turn_give(s, &s->actor[i]);
	pthread_mutex_unlock(&s->lock);
	for (size_t i = 0; i < ACTORS; i++)
		pthread_join(s->actor[i].thread, NULL);
}
