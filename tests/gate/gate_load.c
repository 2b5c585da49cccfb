/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many accepted orders at once, on a real Redis: whatever is done with them, one
 * call is about 64 at most, and none stops Redis for 1 ms.  The times are told, not
 * judged: a busy machine is no fault.  Run by gate_load.it.
 *
 *	GATE_LOAD_ORDERS=100000 tests/gate/gate_load.it
 */
#include "config.h"

#include "queue_rig.h"

#include "base/num.h"

#include <stdio.h>

#define SLOW_US 1000
#define LOG_US  10 /* the commands inside the functions stay out of the log */
#define SAMPLES 4096

static unsigned orders_wanted(void)
{
	const char *text = getenv("GATE_LOAD_ORDERS");
	uint64_t n = 10000;

	if (text != NULL)
		ck_assert(num_parse_u64(strv_c(text), 10000, 1000000, &n));
	return (unsigned)n;
}

struct phase {
	const char *name;
	unsigned calls;
};

static struct phase phase_begin(struct rig *rig, const char *name)
{
	rig_do(rig, "SLOWLOG RESET");
	return (struct phase){.name = name};
}

static int by_size(const void *a, const void *b)
{
	long long x = *(const long long *)a, y = *(const long long *)b;

	return (x > y) - (x < y);
}

/* How long Redis stood still for each of the newest calls, by its own account.  One
 * that was interrupted by another process counts in full: look at the median. */
static void phase_end(struct rig *rig, const struct phase *phase)
{
	static long long us[SAMPLES];
	redisReply *reply = redisCommand(rig->admin, "SLOWLOG GET %d", SAMPLES);
	size_t n = 0, slow = 0;

	ck_assert_int_eq(reply->type, REDIS_REPLY_ARRAY);
	for (size_t i = 0; i < reply->elements; i++) {
		const redisReply *entry = reply->element[i];

		if (strcmp(entry->element[3]->element[0]->str, "FCALL") == 0)
			us[n++] = entry->element[2]->integer;
	}
	freeReplyObject(reply);
	if (n == 0) {
		printf("# %-14s %6u calls, none above %d us\n", phase->name,
		    phase->calls, LOG_US);
		return;
	}
	qsort(us, n, sizeof(us[0]), by_size);
	while (slow < n && us[n - 1 - slow] > SLOW_US)
		slow++;
	printf("# %-14s %6u calls; of %zu: 1 of 10 below %lld us, median %lld, "
	       "9 of "
	       "10 below %lld; %zu above %d us\n",
	    phase->name, phase->calls, n, us[n / 10], us[n / 2], us[n * 9 / 10],
	    slow, SLOW_US);
}

static void accept_all(struct rig *rig, unsigned n)
{
	struct phase phase = phase_begin(rig, "enqueue");

	for (; phase.calls < n; phase.calls++) {
		char who[20];

		snprintf(who, sizeof(who), "customer-%u", phase.calls);
		ck_assert_int_eq(
		    queue_enqueue(rig, who, phase.calls).answer, GATE_TAKEN);
	}
	phase_end(rig, &phase);
}

/* In the order in which they were accepted. */
static void scan(struct rig *rig, struct gate_entry *all, unsigned n)
{
	struct phase phase = phase_begin(rig, "queue_scan");

	phase.calls = n / SETTLE_BATCH + 1;
	ck_assert_uint_eq(queue_scan_all(rig, ref, SETTLE_BATCH, all, n), n);
	phase_end(rig, &phase);
	for (unsigned i = 1; i < n; i++)
		ck_assert_uint_gt(all[i].order.unit, all[i - 1].order.unit);
}

#define LOOKS 500

static void look(struct rig *rig, unsigned n)
{
	struct order orders[16];
	struct phase phase;
	bool known;

	phase = phase_begin(rig, "gauge");
	for (; phase.calls < LOOKS; phase.calls++)
		ck_assert_uint_eq(rig_gauge(rig).waiting, n);
	phase_end(rig, &phase);
	phase = phase_begin(rig, "pending");
	for (; phase.calls < LOOKS; phase.calls++) {
		char who[20];

		snprintf(who, sizeof(who), "customer-%u", phase.calls % n);
		ck_assert_uint_eq(queue_pending(rig, who, orders, &known), 1);
	}
	phase_end(rig, &phase);
}

#define SETTLERS 100

/* Each has a full batch in its hands: its own again, then others'. */
static void take(struct rig *rig)
{
	size_t inherited = 0;
	struct gate_entry entries[SETTLE_BATCH];
	struct phase phase;
	char name[20];

	phase = phase_begin(rig, "take new");
	for (; phase.calls < SETTLERS; phase.calls++) {
		snprintf(name, sizeof(name), "settler-%u", phase.calls);
		ck_assert_uint_eq(queue_take(rig, name, entries), SETTLE_BATCH);
		ck_assert_uint_eq(
		    entries[0].order.unit, phase.calls * SETTLE_BATCH + 1);
	}
	phase_end(rig, &phase);
	phase = phase_begin(rig, "take own");
	for (; phase.calls < LOOKS; phase.calls++) {
		ck_assert_uint_eq(
		    queue_take(rig, "settler-3", entries), SETTLE_BATCH);
		ck_assert_uint_eq(entries[63].order.unit, 4 * SETTLE_BATCH);
	}
	phase_end(rig, &phase);
	phase = phase_begin(rig, "take another's");
	for (; phase.calls < LOOKS; phase.calls++) {
		snprintf(name, sizeof(name), "heir-%u", phase.calls);
		inherited += queue_take_idle(rig, name, 0, entries);
	}
	/* Half a batch a call; less at the end, from where it begins anew. */
	ck_assert_uint_ge(inherited, (size_t)LOOKS * SETTLE_BATCH / 4);
	phase_end(rig, &phase);
}

static void settle(struct rig *rig, const struct gate_entry *all, unsigned n,
    enum gate_fate fate, const char *name)
{
	struct phase phase = phase_begin(rig, name);

	for (unsigned at = 0; at < n; at += SETTLE_BATCH, phase.calls++)
		queue_settle(rig, ref, &all[at],
		    n - at < SETTLE_BATCH ? n - at : SETTLE_BATCH, fate);
	phase_end(rig, &phase);
}

START_TEST(test_many)
{
	unsigned n = orders_wanted();
	struct gate_entry *all = calloc(n, sizeof(*all));
	struct rig rig;

	ck_assert_ptr_nonnull(all);
	rig_open(&rig);
	rig_do(&rig, "CONFIG SET slowlog-log-slower-than %d", LOG_US);
	rig_do(&rig, "CONFIG SET slowlog-max-len %d", SAMPLES);
	rig_sale(&rig, ref, n, 1);
	accept_all(&rig, n);
	scan(&rig, all, n);
	look(&rig, n);
	take(&rig);
	settle(&rig, all, n, GATE_FATE_VOID, "settled void");
	ck_assert_uint_eq(rig_gauge(&rig).free, n);
	ck_assert_int_eq(rig_do(&rig, "HLEN {fg:5}:1:slot"), 0);
	ck_assert_int_eq(rig_do(&rig, "SCARD {fg:5}:1:void"), n);
	accept_all(&rig, n);
	scan(&rig, all, n);
	settle(&rig, all, n, GATE_FATE_SOLD, "settled sold");
	rig_assert_counts(&rig, 0, 0, 0, n);
	rig_do(&rig, "CONFIG SET slowlog-log-slower-than 10000");
	free(all);
	rig_close(&rig);
}
END_TEST

TESTS_MAIN("gate-load", UNIT_SLOW("many", test_many, 300))
