/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real gate and its twin in memory, side by side: whatever is done to both, in
 * an order drawn by a seed, they answer the same and hold the same.  The rules are
 * tested on the twin, so what it says must be true.  Run by gate_twins.it.
 *
 *	GATE_TWINS_SEED=77 tests/gate/gate_twins.it
 */
#include "config.h"

#include "queue_rig.h"

#include "base/num.h"
#include "sale/mem.h"

#include <stdio.h>

#define STOCK     8
#define STEPS     400
#define SEEDS     12
#define ORDERS    12 /* of four customers, three keys each */
#define HOUR_MS   (3600 * (int64_t)1000)
#define CONSUMERS 2

struct twins {
	struct gate_port port[2]; /* real, in memory */
	struct gate_ref ref,
	    before; /* the gate's, and the one that it replaced */
	uint64_t random;
	/* In each consumer's hands, the same at the same place. */
	struct gate_entry taken[CONSUMERS][2][SETTLE_BATCH];
	size_t ntaken[CONSUMERS];
	char step[80]; /* for who reads a failure */
	struct err err;
};

#define EACH(i) for (int i = 0; i < 2; i++)
#define SAME(a, b)                                                            \
	ck_assert_msg((a) == (b), "%s: %s %llu, in memory %llu", t->step, #a, \
	    (unsigned long long)(a), (unsigned long long)(b))
#define DONE(call)     \
	ck_assert_msg( \
	    (call) == OUT_DONE, "%s: %s: %s", t->step, #call, t->err.text)

static unsigned draw(struct twins *t, unsigned n)
{
	t->random = t->random * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(t->random >> 33) % n;
}

static struct customer customer_of(unsigned order)
{
	static const char *const names[] = {"ann", "bob", "cid", "dan"};

	return rig_who(names[order % ARRAY_LEN(names)]);
}

static void tickets_compare(struct twins *t, const struct gate_ticket got[2])
{
	SAME(got[0].answer, got[1].answer);
	SAME(got[0].attempt, got[1].attempt);
	SAME(got[0].epoch, got[1].epoch);
	if (got[0].answer == GATE_GONE)
		SAME(got[0].waiting, got[1].waiting);
	if (got[0].answer == GATE_TAKEN || got[0].answer == GATE_SAME) {
		SAME(got[0].unit, got[1].unit);
		SAME(got[0].slot, got[1].slot);
	}
	if (got[0].answer == GATE_GONE || got[0].answer == GATE_SOFT)
		SAME(got[0].slots_held, got[1].slots_held);
	if (got[0].answer == GATE_QUEUED)
		SAME(got[0].queued.unit, got[1].queued.unit);
}

static void entry_compare(struct twins *t, const struct gate_entry *real,
    const struct gate_entry *twin)
{
	const struct order *a = &real->order, *b = &twin->order;

	ck_assert_msg(claim_eq(&a->claim, &b->claim) &&
			  customer_eq(&a->customer, &b->customer) &&
			  strcmp(a->ref, b->ref) == 0 &&
			  memcmp(a->payload_hash, b->payload_hash,
			      PAYLOAD_HASH_BYTES) == 0,
	    "%s: another order", t->step);
	SAME(a->unit, b->unit);
	SAME(a->slot, b->slot);
	SAME(a->sale.v, b->sale.v);
	SAME(a->epoch, b->epoch);
	SAME(a->status, b->status);
	SAME(a->created.us, b->created.us);
	SAME(real->deliveries, twin->deliveries);
}

/* What the ledger says of a claim: always the same. */
static enum gate_fate fate_of(const struct claim_id *claim)
{
	static const enum gate_fate fates[] = {GATE_FATE_SOLD, GATE_FATE_VOID,
	    GATE_FATE_VOID, GATE_FATE_TAKEN, GATE_FATE_ELSEWHERE};

	return fates[(claim->b[14] + claim->b[15]) % ARRAY_LEN(fates)];
}

static bool is_void(const struct claim_id *claim)
{
	return fate_of(claim) == GATE_FATE_VOID ||
	       fate_of(claim) == GATE_FATE_TAKEN;
}

/* ---- what is done -------------------------------------------------------------- */

static void do_enqueue(struct twins *t, unsigned n)
{
	struct claim_chain chain = queue_chain(n);
	struct customer who = customer_of(n);
	struct order draft = queue_draft(n);
	size_t from = draw(t, 4) == 0 ? draw(t, CLAIM_ATTEMPTS + 1) : 0;
	bool regardless = draw(t, 4) == 0;
	struct gate_ticket got[2];

	EACH(i)
	DONE(t->port[i].enqueue(t->port[i].ctx, t->ref, &chain, from, &who,
	    &draft, regardless, SOON, &got[i], &t->err));
	tickets_compare(t, got);
}

static void do_claim(struct twins *t, unsigned n)
{
	struct claim_chain chain = queue_chain(n);
	struct customer who = customer_of(n);
	struct gate_ticket got[2];

	EACH(i)
	DONE(t->port[i].claim(
	    t->port[i].ctx, t->ref, &chain, &who, SOON, &got[i], &t->err));
	tickets_compare(t, got);
}

static void do_confirm(struct twins *t, unsigned n)
{
	struct claim_id claim = rig_id(n * 100 + draw(t, 3));
	uint32_t unit = 1 + draw(t, STOCK);

	if (fate_of(&claim) != GATE_FATE_SOLD)
		return;
	EACH(i)
	{
		t->port[i].confirm(t->port[i].ctx, t->ref, &claim, unit);
		t->port[i].flush(t->port[i].ctx);
	}
}

/* Mostly the gate's epoch; else that of somebody who is late. */
static struct gate_ref ref_of(struct twins *t)
{
	return draw(t, 5) == 0 && t->before.epoch > 0 ? t->before : t->ref;
}

static void do_release(struct twins *t, unsigned n)
{
	struct claim_id claim = rig_id(n * 100 + draw(t, 3));
	struct customer who = customer_of(n);
	struct gate_ref of = ref_of(t);

	if (fate_of(&claim) == GATE_FATE_SOLD)
		return;
	EACH(i)
	DONE(t->port[i].release(t->port[i].ctx, of, &claim, &who,
	    is_void(&claim) ? GATE_RELEASE_VOID : GATE_RELEASE_ELSEWHERE, SOON,
	    &t->err));
}

static void do_rekey(struct twins *t, unsigned n)
{
	unsigned attempt = draw(t, 3);
	struct claim_id from = rig_id(n * 100 + attempt);
	struct claim_id to = rig_id(n * 100 + attempt + 1);
	struct customer who = customer_of(n);
	struct gate_ref of = ref_of(t);
	struct gate_ticket got[2];

	if (!is_void(&from))
		return;
	EACH(i)
	DONE(t->port[i].rekey(
	    t->port[i].ctx, of, &from, &to, &who, SOON, &got[i], &t->err));
	tickets_compare(t, got);
}

/* The unit of a lease is somebody else's order; or was, and it has another by now. */
static void do_heal(struct twins *t, unsigned n)
{
	struct gate_lease leases[100];
	struct gate_ref of = ref_of(t);
	struct order owner = {.claim = rig_id(9000 + n),
	    .sale = t->ref.sale,
	    .status = ORDER_SOLD,
	    .slot = 1 + draw(t, 2),
	    .customer = customer_of(n + 1)};
	size_t got = 0;

	DONE(t->port[0].leases(t->port[0].ctx, t->ref, ARRAY_LEN(leases), SOON,
	    leases, &got, &t->err));
	if (got == 0)
		return;
	n %= (unsigned)got;
	owner.unit = draw(t, 2) == 0 ? leases[n].unit : 1 + draw(t, STOCK);
	for (unsigned twice = 0; twice < 1 + n % 2; twice++)
		EACH(i)
	DONE(t->port[i].heal(t->port[i].ctx, of, &leases[n].claim,
	    &leases[n].customer, &owner, SOON, &t->err));
}

/* An owner whom a settler or a worker has read; a second time he is known. */
static void do_own(struct twins *t, unsigned n)
{
	struct order owners[2] = {{.claim = rig_id(8000 + n),
	    .sale = t->ref.sale,
	    .status = ORDER_SOLD,
	    .slot = 2,
	    .customer = customer_of(n)}};
	size_t count = 1 + n % 2;

	owners[1] = owners[0];
	owners[1].customer = customer_of(n + 1);
	for (unsigned twice = 0; twice < 2; twice++)
		EACH(i)
	DONE(t->port[i].own(
	    t->port[i].ctx, t->ref, owners, count, SOON, &t->err));
}

static void do_take(struct twins *t, unsigned n)
{
	unsigned who = n % CONSUMERS;
	size_t max = 1 + draw(t, 3), got[2];
	bool known[2];

	EACH(i)
	DONE(t->port[i].take(t->port[i].ctx, t->ref, who == 0 ? "a" : "b", max,
	    HOUR_MS, SOON, t->taken[who][i], &got[i], &known[i], &t->err));
	SAME(known[0], known[1]);
	SAME(got[0], got[1]);
	for (size_t k = 0; k < got[0]; k++)
		entry_compare(t, &t->taken[who][0][k], &t->taken[who][1][k]);
	t->ntaken[who] = got[0];
}

/* Some of what was given, and some of it a second time. */
static void do_settle(struct twins *t, unsigned n)
{
	unsigned who = n % CONSUMERS;
	size_t ntold = t->ntaken[who];
	struct gate_ref of = ref_of(t);

	EACH(i)
	{
		struct gate_settled told[SETTLE_BATCH];

		for (size_t k = 0; k < ntold; k++)
			told[k] = (struct gate_settled){
			    .id = t->taken[who][i][k].id,
			    .claim = t->taken[who][i][k].order.claim,
			    .customer = t->taken[who][i][k].order.customer,
			    .fate = fate_of(&t->taken[who][i][k].order.claim)};
		DONE(t->port[i].settled(
		    t->port[i].ctx, of, told, ntold, SOON, &t->err));
	}
}

static void do_stock(struct twins *t, unsigned n)
{
	uint32_t units = STOCK - n % 3, done[2];

	EACH(i)
	DONE((n % 2 == 0 ? t->port[i].grow : t->port[i].shrink)(
	    t->port[i].ctx, t->ref, units, SOON, &done[i], &t->err));
	SAME(done[0], done[1]);
}

static void do_relimit(struct twins *t, unsigned n)
{
	EACH(i)
	DONE(t->port[i].relimit(
	    t->port[i].ctx, t->ref, 1 + n % 3, SOON, &t->err));
}

/* As somebody who has read the gauge, or is late by one. */
static void do_tell(struct twins *t, unsigned n)
{
	int64_t created = queue_draft(n).created.us;
	struct gate_terms terms = {.shut = n % 3 == 0,
	    .opens = {n % 2 == 0 ? created : 0},
	    .closes = {n % 4 == 0 ? created + 2 : 0}};
	struct gate_gauge gauge;
	bool done[2];
	uint32_t told;

	DONE(t->port[0].gauge(
	    t->port[0].ctx, t->ref.sale, SOON, &gauge, &t->err));
	told = gauge.told - (gauge.told > 0 && draw(t, 4) == 0);
	EACH(i)
	DONE(t->port[i].tell(
	    t->port[i].ctx, t->ref, &terms, told, SOON, &done[i], &t->err));
	SAME(done[0], done[1]);
}

static void do_pending(struct twins *t, unsigned n)
{
	struct customer who = customer_of(n);
	struct order orders[2][16];
	bool known[2];
	size_t got[2];

	EACH(i)
	DONE(t->port[i].pending(t->port[i].ctx, t->ref, &who, SOON, orders[i],
	    16, &got[i], &known[i], &t->err));
	SAME(known[0], known[1]);
	SAME(got[0], got[1]);
	for (size_t k = 0; k < got[0]; k++)
		SAME(orders[0][k].unit, orders[1][k].unit);
}

/* A new gate, into which everything is carried; a claim of the old one meets it
 * half-way. */
static void do_rebuild(struct twins *t, unsigned n)
{
	struct gate_ref old = t->ref;
	struct gate_ref made = {t->ref.sale, t->ref.epoch + 1};
	struct gate_seeded seeded = {.units = STOCK, .limit = 2};
	struct gate_entry entries[2][SETTLE_BATCH];
	struct order orders[SETTLE_BATCH];
	enum gate_carried got_over[2][SETTLE_BATCH];
	bool has[STOCK + 1] = {false};
	uint32_t units[STOCK];
	size_t got[2];

	EACH(i)
	DONE(t->port[i].retire(t->port[i].ctx, made, SOON, &t->err));
	do_enqueue(t, n);
	do_claim(t, n);
	EACH(i)
	DONE(t->port[i].queue_scan(t->port[i].ctx, old,
	    (struct gate_entry_id){0, 0}, SETTLE_BATCH, SOON, entries[i],
	    &got[i], &t->err));
	SAME(got[0], got[1]);
	for (size_t k = 0; k < got[0]; k++) {
		entry_compare(t, &entries[0][k], &entries[1][k]);
		orders[k] = entries[0][k].order;
		has[orders[k].unit] = true;
	}
	EACH(i)
	DONE(t->port[i].carry(
	    t->port[i].ctx, made, orders, got[0], SOON, got_over[i], &t->err));
	for (size_t k = 0; k < got[0]; k++) {
		SAME(got_over[0][k], got_over[1][k]);
		seeded.waiting += got_over[0][k] == GATE_CARRIED;
	}
	/* Asked about: some are there, one never was. */
	for (size_t k = 0; k < got[0]; k++)
		orders[k] = (struct order){.claim = orders[k].claim};
	if (got[0] > 0)
		orders[0].claim = rig_id(7777);
	EACH(i)
	DONE(t->port[i].carry(
	    t->port[i].ctx, made, orders, got[0], SOON, got_over[i], &t->err));
	for (size_t k = 0; k < got[0]; k++)
		SAME(got_over[0][k], got_over[1][k]);
	for (uint32_t unit = 1; unit <= STOCK; unit++)
		if (!has[unit])
			units[seeded.free++] = unit;
	EACH(i)
	{
		DONE(t->port[i].seed(
		    t->port[i].ctx, made, units, seeded.free, SOON, &t->err));
		DONE(t->port[i].publish(
		    t->port[i].ctx, made, &seeded, SOON, &t->err));
		DONE(t->port[i].discard(t->port[i].ctx, old, SOON, &t->err));
	}
	t->before = old;
	t->ref = made;
	memset(t->ntaken, 0, sizeof(t->ntaken));
}

static const struct {
	const char *name;
	void (*act)(struct twins *t, unsigned n);
	unsigned weight;
} acts[] = {
    {"enqueue", do_enqueue, 14},
    {"claim", do_claim, 8},
    {"confirm", do_confirm, 6},
    {"release", do_release, 6},
    {"rekey", do_rekey, 4},
    {"heal", do_heal, 3},
    {"own", do_own, 2},
    {"take", do_take, 10},
    {"settle", do_settle, 8},
    {"stock", do_stock, 4},
    {"relimit", do_relimit, 1},
    {"tell", do_tell, 3},
    {"pending", do_pending, 4},
    {"rebuild", do_rebuild, 1},
};

/* ---- what both hold ------------------------------------------------------------- */

static void gates_compare(struct twins *t)
{
	struct gate_gauge gauge[2];
	uint32_t units[2][100];
	size_t n[2];

	EACH(i)
	{
		DONE(t->port[i].gauge(
		    t->port[i].ctx, t->ref.sale, SOON, &gauge[i], &t->err));
		DONE(t->port[i].free_list(t->port[i].ctx, t->ref, 0, 100, SOON,
		    units[i], &n[i], &t->err));
	}
	SAME(gauge[0].epoch, gauge[1].epoch);
	SAME(gauge[0].units, gauge[1].units);
	SAME(gauge[0].limit, gauge[1].limit);
	SAME(gauge[0].leased, gauge[1].leased);
	SAME(gauge[0].waiting, gauge[1].waiting);
	SAME(gauge[0].delivered, gauge[1].delivered);
	SAME(gauge[0].terms.shut, gauge[1].terms.shut);
	SAME(gauge[0].terms.opens.us, gauge[1].terms.opens.us);
	SAME(gauge[0].terms.closes.us, gauge[1].terms.closes.us);
	SAME(gauge[0].told, gauge[1].told);
	SAME(gauge[0].forgot, gauge[1].forgot);
	SAME(gauge[0].dropped, gauge[1].dropped);
	SAME(n[0], n[1]);
	for (size_t k = 0; k < n[0]; k++)
		SAME(units[0][k], units[1][k]);
}

static void begin(struct twins *t)
{
	static const uint32_t units[STOCK] = {1, 2, 3, 4, 5, 6, 7, 8};
	struct gate_seeded seeded = {.units = STOCK, .limit = 2, .free = STOCK};

	t->ref = ref;
	EACH(i)
	{
		DONE(t->port[i].seed(
		    t->port[i].ctx, t->ref, units, STOCK, SOON, &t->err));
		DONE(t->port[i].publish(
		    t->port[i].ctx, t->ref, &seeded, SOON, &t->err));
	}
}

static void step(struct twins *t, unsigned number)
{
	unsigned all = 0, at;
	size_t i = 0;

	for (size_t k = 0; k < ARRAY_LEN(acts); k++)
		all += acts[k].weight;
	for (at = draw(t, all); at >= acts[i].weight; i++)
		at -= acts[i].weight;
	at = draw(t, ORDERS);
	snprintf(t->step, sizeof(t->step), "step %u: %s %u", number,
	    acts[i].name, at);
	acts[i].act(t, at);
	gates_compare(t);
}

START_TEST(test_twins)
{
	const char *text = getenv("GATE_TWINS_SEED");
	struct mem_gate *mem = mem_gate_new(&clock_system, LEASE_MS);
	uint64_t seed = (uint64_t)_i + 1;
	static struct twins t;
	struct rig rig;

	if (text != NULL)
		ck_assert(num_parse_u64(strv_c(text), 0, UINT64_MAX, &seed));
	rig_open(&rig);
	memset(&t, 0, sizeof(t));
	t.random = seed;
	t.port[0] = rig.port;
	t.port[1] = mem_gate_port(mem);
	begin(&t);
	for (unsigned i = 0; i < STEPS; i++)
		step(&t, i);
	mem_gate_free(&mem);
	rig_close(&rig);
}
END_TEST

TESTS_MAIN("gate-twins", UNIT_TABLE("seed", test_twins, SEEDS))
