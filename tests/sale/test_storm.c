/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything at once, by a seed: shoppers, settlers, keepers, an operator, each a
 * thread of which one runs at a time, and who is next is decided before every
 * call to a store.  So any two calls of different actors come in any order; calls
 * fail or lose their answers; an actor dies between two of them; Redis restarts,
 * and in lossy storms it forgets.  One seed is one history, always the same.
 *
 * Checked as it goes: a yes has its row, a final no has none that waits.  When the
 * storm is over: never oversold, nothing accepted is left undecided or comes out
 * otherwise than told, every unit has one home.
 */
#include "config.h"

#include "sale/world.h"
#include "unit.h"

#include "base/bug.h"
#include "sale/mend.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>

#define SHOPPERS  4
#define CUSTOMERS 7
#define KEYS      3
#define STOCK     6
#define TURNS     1000
#define ACCEPTED  (TURNS * 2)
#define SPOILT    8

struct storm;

struct actor {
	struct storm *storm;
	const char *name;
	void (*deed)(struct actor *actor); /* once; over and over */
	pthread_t thread;
	pthread_cond_t wake;
	struct fault_plan plan;
	struct gate_port faulty; /* what `gate` passes on to */
	struct gate_port gate;
	struct ledger_port ledger;
	struct sale table; /* the sale as this one knows it: maybe old */
	bool dead; /* until its deed is over: nothing it calls happens */
	bool gone; /* its thread has ended */
	struct mend_memory mend;
	struct reap_memory reap;
};

/* Somebody who wants something by a key. */
struct request {
	unsigned asked, running;
	bool is_no; /* the last answer was final, and nobody asked since */
};

enum {
	ACTORS = SHOPPERS + 6
};

struct storm {
	struct world w;
	uint64_t dice;
	uint64_t luck; /* one call in so many fails */
	bool direct; /* the mode never changes */
	bool strict; /* nothing happens that may end an accepted order */
	bool lossy; /* Redis forgets: then accepted orders may be lost */
	bool calm; /* no faults, and nobody begins anything */
	pthread_mutex_t lock;
	pthread_cond_t over;
	struct actor *turn; /* NULL: the scheduler's */
	struct actor actor[ACTORS];
	struct request request[CUSTOMERS][KEYS];
	struct order accepted[ACCEPTED];
	size_t naccepted;
	size_t nspoilt;
	struct gate_entry waiting[SETTLE_BATCH];
	size_t nwaiting;
	struct mem_gate *copy;
	char wrong[200]; /* the first thing that must not be */
	bool traced;
};

static uint64_t dice(struct storm *s, uint64_t n)
{
	s->dice ^= s->dice << 13;
	s->dice ^= s->dice >> 7;
	s->dice ^= s->dice << 17;
	return s->dice % n;
}

static void ATTR_PRINTF(2, 3) wrong(struct storm *s, const char *fmt, ...)
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
static void ATTR_PRINTF(2, 3) trace(struct storm *s, const char *fmt, ...)
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

static void sale_read(struct storm *s, struct sale *sale)
{
	struct wall now;
	struct err err;
	bool found;

	(void)s->w.ledger.sale(
	    s->w.ledger.ctx, s->w.sale.id, INT64_MAX, sale, &found, &now, &err);
}

/* Mostly as it is now. */
static void table_refresh(struct actor *a)
{
	if (a->table.epoch == 0 || dice(a->storm, 4) != 0)
		sale_read(a->storm, &a->table);
}

static bool row_of(
    struct storm *s, const struct claim_id *claim, struct order *row)
{
	struct err err;
	size_t found;

	(void)s->w.ledger.find(
	    s->w.ledger.ctx, claim, 1, INT64_MAX, row, &found, &err);
	return found == 1;
}

/* In the stream of any epoch. */
static bool waits(struct storm *s, const struct claim_id *claim)
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

/* ---- answers ---------------------------------------------------------------------------------- */

/* A final no, to somebody who has (or will have) what he asked for? */
static void no_check(struct storm *s, const struct purchase *purchase,
    enum verdict verdict, bool in_the_end)
{
	for (size_t i = 0; i < CLAIM_ATTEMPTS; i++) {
		struct claim_id claim = claim_id_make(
		    &purchase->sale, &purchase->customer, purchase->key, i);
		struct order row;
		bool decided = row_of(s, &claim, &row);

		if (decided && row.status == ORDER_SOLD)
			wrong(s, "%.*s heard %s%s, and has unit %u",
			    STRV_ARG(customer_view(&purchase->customer)),
			    verdict_name(verdict), in_the_end ? " at last" : "",
			    row.unit);
		if (!decided && !s->lossy && waits(s, &claim))
			wrong(s, "%.*s heard %s, and his order waits",
			    STRV_ARG(customer_view(&purchase->customer)),
			    verdict_name(verdict));
	}
}

static void answer_check(struct storm *s, const struct purchase *purchase,
    const struct purchase_result *result, bool alone)
{
	const struct order *order = &result->order;
	struct order row;

	switch (result->verdict) {
	case VERDICT_CREATED:
	case VERDICT_REPLAYED:
		if (!row_of(s, &order->claim, &row) ||
		    row.status != ORDER_SOLD || row.unit != order->unit)
			wrong(s, "%s without the row, unit %u",
			    verdict_name(result->verdict), order->unit);
		break;
	case VERDICT_ACCEPTED:
		if (!s->lossy && !row_of(s, &order->claim, &row) &&
		    !waits(s, &order->claim))
			wrong(s, "accepted, and nobody will write it");
		if (s->naccepted < ACCEPTED)
			s->accepted[s->naccepted++] = *order;
		break;
	case VERDICT_LIMIT_REACHED:
	case VERDICT_SOLD_OUT:
	case VERDICT_ENDED:
		if (result->verdict == VERDICT_LIMIT_REACHED &&
		    result->norders < purchase->sale.per_customer)
			wrong(
			    s, "limit reached by %zu orders", result->norders);
		if (alone)
			no_check(s, purchase, result->verdict, false);
		break;
	case VERDICT_IN_PROGRESS:
	case VERDICT_NOT_OPEN:
	case VERDICT_KEY_MISSING:
	case VERDICT_KEY_REUSED:
	case VERDICT_KEY_SPENT:
	case VERDICT_PAUSED:
	case VERDICT_REBUILDING:
	case VERDICT_TRY_AGAIN:
	case VERDICT_UNAVAILABLE:
	case VERDICT_COUNT:
		break;
	}
}

static struct purchase purchase_of(
    struct storm *s, const struct sale *table, size_t customer, size_t key)
{
	static const char *const keys[KEYS] = {"a", "b", "c"};
	char name[16];
	struct purchase purchase = {.sale = *table,
	    .key = strv_c(keys[key]),
	    .now = {s->w.wall_us},
	    .deadline_ns = s->w.mono_ns + 60 * NS_PER_S};

	snprintf(name, sizeof(name), "c%zu", customer);
	BUG_ON(!customer_parse(strv_c(name), &purchase.customer));
	/* Without a key he has one purchase, whatever he sends. */
	if (table->per_customer == 1 && key == 0)
		purchase.key = (struct strv){NULL, 0};
	return purchase;
}

static void shopper_deed(struct actor *a)
{
	struct storm *s = a->storm;
	size_t customer = dice(s, CUSTOMERS), key = dice(s, KEYS);
	struct request *request = &s->request[customer][key];
	struct buyer buyer = {
	    &a->gate, &a->ledger, 100, WORLD_LEASE_MS, &s->w.clock};
	struct purchase_result result;
	struct purchase purchase;
	struct gate_gauge gauge;
	bool alone = request->running == 0;
	unsigned asked = ++request->asked;

	table_refresh(a);
	purchase = purchase_of(s, &a->table, customer, key);
	world_gauge(&s->w, &gauge);
	purchase.waiting = gauge.waiting > 0;
	request->running++;
	request->is_no = false;
	sale_buy(&buyer, &purchase, &result);
	request->running--;
	if (a->dead)
		return; /* nobody hears it */
	alone = alone && request->asked == asked;
	trace(s, "%s: c%zu, key %zu: %s, unit %u, slot %u", a->name, customer,
	    key, verdict_name(result.verdict), result.order.unit,
	    result.order.slot);
	answer_check(s, &purchase, &result, alone);
	request->is_no = alone && (result.verdict == VERDICT_SOLD_OUT ||
				      result.verdict == VERDICT_LIMIT_REACHED);
}

/* ---- those behind the counter ------------------------------------------------------------- */

static void settler_deed(struct actor *a)
{
	struct storm *s = a->storm;
	struct settler settler = {&a->gate, &a->ledger, &s->w.clock, a->name,
	    WORLD_IDLE_MS, 1 + dice(s, 4), 3};
	struct settle_counts counts;
	enum settle_state state;
	struct err err;

	table_refresh(a);
	(void)sale_settle(
	    &settler, &a->table, INT64_MAX, 0, &state, &counts, &err);
}

static void reaper_deed(struct actor *a)
{
	struct storm *s = a->storm;
	struct reaper reaper = {
	    &a->gate, &a->ledger, WORLD_LEASE_MS, &s->w.clock};
	struct reap_counts counts;
	struct err err;

	table_refresh(a);
	(void)sale_reap(&reaper, (struct gate_ref){a->table.id, a->table.epoch},
	    &a->reap, INT64_MAX, &counts, &err);
}

/* What the ledger says of the stock, and the gate does not know. */
static void stock_follow(struct storm *s)
{
	const struct gate_port *gate = &s->w.gate;
	struct gate_gauge gauge;
	struct sale now;
	struct err err;
	uint32_t done;

	world_gauge(&s->w, &gauge);
	sale_read(s, &now);
	if (!gauge.known || gauge.epoch != now.epoch ||
	    gauge.units == now.stock)
		return;
	(void)(gauge.units < now.stock ? gate->grow : gate->shrink)(gate->ctx,
	    (struct gate_ref){now.id, now.epoch}, now.stock, INT64_MAX, &done,
	    &err);
}

static void mender_deed(struct actor *a)
{
	struct storm *s = a->storm;
	struct mender mender = {&a->gate, &a->ledger, &s->w.clock};
	uint32_t audited = dice(s, 40) == 0 ? a->table.epoch : 0;
	struct mend_result result;
	struct err err;

	table_refresh(a);
	(void)sale_mend(
	    &mender, s->w.sale.id, audited, &a->mend, &result, &err);
	stock_follow(s);
}

static uint32_t sold_highest(struct storm *s)
{
	const struct order *rows;
	uint32_t highest = 1;
	size_t n;

	rows = mem_ledger_rows(s->w.mem_ledger, &n);
	for (size_t i = 0; i < n; i++)
		if (rows[i].status == ORDER_SOLD && rows[i].unit > highest)
			highest = rows[i].unit;
	return highest;
}

static void operator_deed(struct actor *a)
{
	struct storm *s = a->storm;
	struct sale now;

	sale_read(s, &now);
	if (now.state == SALE_STATE_PAUSED)
		now.state = SALE_STATE_OPEN;
	switch (dice(s, 30)) {
	case 0:
	case 1:
	case 2:
		if (s->direct)
			break;
		now.mode = (enum sale_mode)dice(s, SALE_MODE_COUNT);
		break;
	/* A gate that was set back to before it was told of more stock, and a
	 * table that is as old: together they hide an owner.  Not both here. */
	case 3:
		if (!s->lossy && now.stock < STOCK + 3)
			now.stock++;
		break;
	case 4: /* as the command does: not below what is sold */
		if (!s->lossy && !s->strict && now.stock > sold_highest(s))
			now.stock--;
		break;
	case 5:
		if (now.state == SALE_STATE_OPEN)
			now.state = SALE_STATE_PAUSED;
		break;
	default:
		break;
	}
	mem_ledger_put_sale(s->w.mem_ledger, &now);
	trace(s, "operator: %s, %s, stock %u, epoch %u",
	    sale_mode_name(now.mode), sale_state_name(now.state), now.stock,
	    now.epoch);
}

/* One that waits in the gate that is published; false: none. */
static bool waiting_pick(struct storm *s, struct gate_entry *out)
{
	struct gate_entry entry[SETTLE_BATCH];
	struct gate_gauge gauge;
	size_t n;

	world_gauge(&s->w, &gauge);
	n = gauge.known ? world_entries(&s->w, gauge.epoch, entry) : 0;
	if (n == 0)
		return false;
	*out = entry[dice(s, n)];
	return true;
}

/* The ledger will not have this order, for what it says. */
static void order_spoil(struct storm *s)
{
	struct gate_entry entry;
	struct order row;

	if (s->nspoilt == SPOILT || !waiting_pick(s, &entry) ||
	    row_of(s, &entry.order.claim, &row))
		return;
	trace(s, "unit %u can not be written", entry.order.unit);
	mem_ledger_refuse(s->w.mem_ledger, &entry.order.claim);
	s->nspoilt++;
}

/* Somebody writes into the stream: an order once more, on another unit or damaged,
 * or what never was one. */
static void entry_stuff(struct storm *s)
{
	struct gate_entry entry;

	if (!waiting_pick(s, &entry))
		return;
	entry.order.unit = 1 + (uint32_t)dice(s, STOCK + 1);
	if (dice(s, 3) == 0)
		entry.order.claim = (struct claim_id){{0}};
	else if (dice(s, 3) == 0)
		snprintf(entry.flaw, sizeof(entry.flaw), "ref: damaged");
	trace(s, "an entry is stuffed, unit %u%s%s", entry.order.unit,
	    entry.flaw[0] != '\0' ? ", " : "", entry.flaw);
	mem_gate_stuff_entry(s->w.mem_gate, s->w.sale.id, &entry);
}

static void meta_lose(struct storm *s)
{
	struct gate_gauge gauge;

	world_gauge(&s->w, &gauge);
	if (!gauge.known)
		return;
	trace(s, "Redis loses the meta");
	mem_gate_lose_meta(s->w.mem_gate, s->w.sale.id);
}

/* What happens to Redis. */
static void mishap(struct storm *s)
{
	struct mem_gate *gate = s->w.mem_gate;

	uint64_t what;

	if (dice(s, 300) == 0) {
		trace(s, "Redis restarts");
		mem_gate_restart(gate);
	}
	if (dice(s, 300) == 0)
		meta_lose(s);
	if (!s->strict && dice(s, 150) == 0)
		order_spoil(s);
	if (!s->lossy || dice(s, 60) != 0)
		return;
	if (dice(s, 3) == 0)
		entry_stuff(s);
	what = dice(s, 5);
	trace(s, "Redis: mishap %u", (unsigned)what);
	switch (what) {
	case 0:
		mem_gate_flushall(gate);
		mem_gate_restart(gate);
		break;
	case 1:
	case 2:
	case 3:
		if (s->copy != NULL)
			mem_gate_restore(gate, s->copy);
		/* Else nobody would notice: then "sold out" holds only while no
		 * accepted orders count as sold. */
		if (!s->direct)
			mem_gate_restart(gate);
		break;
	case 4:
		mem_gate_free(&s->copy);
		s->copy = mem_gate_copy(gate);
		break;
	}
}

/* ---- the storm, and the calm behind it ------------------------------------------------------ */

static const struct {
	const char *name;
	void (*deed)(struct actor *actor);
} cast[ACTORS] = {
    {"shopper-1", shopper_deed},
    {"shopper-2", shopper_deed},
    {"shopper-3", shopper_deed},
    {"shopper-4", shopper_deed},
    {"settler-1", settler_deed},
    {"settler-2", settler_deed},
    {"reaper", reaper_deed},
    {"mender-1", mender_deed},
    {"mender-2", mender_deed},
    {"operator", operator_deed},
};

static void storm_begin(struct storm *s, unsigned seed)
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
		a->name = cast[i].name;
		a->deed = cast[i].deed;
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

static void storm_blow(struct storm *s)
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

static bool is_at_rest(struct storm *s)
{
	struct gate_gauge gauge;

	world_gauge(&s->w, &gauge);
	world_sale_get(&s->w);
	return gate_trouble_of(&s->w.sale, &gauge) == GATE_WELL &&
	       gauge.waiting == 0 && gauge.leased == 0 &&
	       gauge.units == s->w.sale.stock;
}

/* Keepers and settlers alone, without faults. */
static void storm_settle(struct storm *s)
{
	struct mend_memory memory = {0};
	struct reap_memory seen = {.n = 0};
	struct mender mender = {&s->w.gate, &s->w.ledger, &s->w.clock};
	struct reaper reaper = {
	    &s->w.gate, &s->w.ledger, WORLD_LEASE_MS, &s->w.clock};
	struct settler settler = s->w.settler;
	struct settle_counts counts;
	struct reap_counts reaped;
	enum settle_state state;
	struct mend_result mended;
	struct err err;

	settler.gate = &s->w.gate;
	settler.ledger = &s->w.ledger;
	for (int i = 0; i < 100 && !is_at_rest(s); i++) {
		world_advance(&s->w, WORLD_IDLE_MS + 1);
		ck_assert_int_eq(
		    sale_mend(&mender, s->w.sale.id, 0, &memory, &mended, &err),
		    OUT_DONE);
		stock_follow(s);
		world_sale_get(&s->w);
		ck_assert_int_eq(sale_settle(&settler, &s->w.sale, INT64_MAX, 0,
				     &state, &counts, &err),
		    OUT_DONE);
		ck_assert_int_eq(sale_reap(&reaper, world_ref(&s->w), &seen,
				     INT64_MAX, &reaped, &err),
		    OUT_DONE);
	}
	ck_assert_msg(is_at_rest(s), "it never comes to rest");
}

/* ---- what must hold --------------------------------------------------------------------------- */

static void rows_check(struct storm *s)
{
	const struct order *rows;
	size_t n;

	rows = mem_ledger_rows(s->w.mem_ledger, &n);
	for (size_t i = 0; i < n; i++) {
		if (rows[i].status != ORDER_SOLD)
			continue;
		ck_assert_uint_le(rows[i].unit, s->w.sale.stock);
		ck_assert_uint_le(rows[i].slot, s->w.sale.per_customer);
		for (size_t k = 0; k < i; k++) {
			if (rows[k].status != ORDER_SOLD)
				continue;
			ck_assert_uint_ne(rows[i].unit, rows[k].unit);
			ck_assert(
			    rows[i].slot != rows[k].slot ||
			    !customer_eq(&rows[i].customer, &rows[k].customer));
		}
	}
}

static void accepted_check(struct storm *s)
{
	for (size_t i = 0; i < s->naccepted && !s->lossy; i++) {
		const struct order *told = &s->accepted[i];
		struct order row;

		if (!row_of(s, &told->claim, &row))
			wrong(s, "accepted, and never decided: unit %u",
			    told->unit);
		else if (row.status == ORDER_SOLD &&
			 (row.unit != told->unit || row.slot != told->slot ||
			     row.created.us != told->created.us))
			wrong(s, "accepted unit %u slot %u, sold %u and %u",
			    told->unit, told->slot, row.unit, row.slot);
		else if (s->strict && row.status != ORDER_SOLD)
			wrong(s, "accepted, and void for nothing: unit %u",
			    told->unit);
	}
}

/* What Redis still has when the storm is over is decided behind it, also when it
 * forgets. */
static void waiting_note(struct storm *s)
{
	struct gate_gauge gauge;
	struct err err;

	world_gauge(&s->w, &gauge);
	if (!gauge.known)
		return;
	(void)s->w.gate.queue_scan(s->w.gate.ctx,
	    (struct gate_ref){s->w.sale.id, gauge.epoch},
	    (struct gate_entry_id){0, 0}, SETTLE_BATCH, INT64_MAX, s->waiting,
	    &s->nwaiting, &err);
}

static void waiting_check(struct storm *s)
{
	struct order row;

	for (size_t i = 0; i < s->nwaiting; i++)
		if (s->waiting[i].flaw[0] == '\0' &&
		    !row_of(s, &s->waiting[i].order.claim, &row))
			wrong(s, "waited, and was not decided: unit %u",
			    s->waiting[i].order.unit);
}

/* What is buried does not live: the operator will write it again. */
static void letters_check(struct storm *s)
{
	const struct dead_letter *letter;
	struct order row;
	size_t n;

	letter = mem_ledger_letters(s->w.mem_ledger, &n);
	for (size_t i = 0; i < n; i++)
		if (!claim_is_none(&letter[i].order.claim) && !s->lossy &&
		    (!row_of(s, &letter[i].order.claim, &row) ||
			row.status != ORDER_VOID))
			wrong(s, "buried, and lives: unit %u",
			    letter[i].order.unit);
}

static void requests_check(struct storm *s)
{
	for (size_t customer = 0; customer < CUSTOMERS; customer++)
		for (size_t key = 0; key < KEYS; key++) {
			struct purchase purchase =
			    purchase_of(s, &s->w.sale, customer, key);

			/* An older copy of Redis may bring back what a final no
			 * was said without. */
			if (s->request[customer][key].is_no && !s->lossy)
				no_check(s, &purchase, VERDICT_SOLD_OUT, true);
		}
}

START_TEST(test_storm)
{
	static struct storm s; /* large */
	struct audit_report report;

	storm_begin(&s, (unsigned)_i);
	storm_blow(&s);
	if (s.wrong[0] == '\0') {
		waiting_note(&s);
		storm_settle(&s);
		waiting_check(&s);
		letters_check(&s);
		rows_check(&s);
		accepted_check(&s);
		requests_check(&s);
		world_audit(&s.w, &report);
		if (!audit_clean(&report))
			wrong(&s, "unit %u: %s", report.findings[0].unit,
			    unit_fault_name(report.findings[0].fault));
	}
	ck_assert_msg(s.wrong[0] == '\0', "seed %d: %s", _i, s.wrong);
	mem_gate_free(&s.copy);
	world_fini(&s.w);
}
END_TEST

/* SEED=n: that one alone; RUNS=n: so many instead of a few. */
int main(void)
{
	const char *runs = getenv("RUNS"), *seed = getenv("SEED");
	int first = seed != NULL ? (int)strtol(seed, NULL, 10) : 0;
	int n = runs != NULL ? (int)strtol(runs, NULL, 10)
			     : (seed != NULL ? 1 : 96);
	Suite *suite = suite_create("storm");
	TCase *tcase = tcase_create("seed");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tcase, test_storm, first, first + n);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
