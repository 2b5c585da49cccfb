/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker and a settler that die, or never hear the answer, at each place around an
 * accepted order, on a real Redis; in builds with failpoints.  Run by
 * gate_failpoints.it.
 */
#include "config.h"

#include "queue_rig.h"

#include "base/failpoint.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define ORDERS 3

static enum outcome deed_enqueue(struct rig *rig, struct err *err)
{
	struct gate_ticket ticket;

	return queue_try(rig, "ann", 9, 0, &ticket, err);
}

static enum outcome deed_take(struct rig *rig, struct err *err)
{
	struct gate_entry entries[SETTLE_BATCH];
	bool known;
	size_t n;

	return rig->port.take(rig->port.ctx, ref, "s", SETTLE_BATCH, 60000,
	    SOON, entries, &n, &known, err);
}

static enum outcome deed_settle(struct rig *rig, struct err *err)
{
	struct gate_entry entries[SETTLE_BATCH];
	struct gate_settled settled[SETTLE_BATCH];
	bool known;
	size_t n = 0;
	enum outcome out = rig->port.take(rig->port.ctx, ref, "s", SETTLE_BATCH,
	    60000, SOON, entries, &n, &known, err);

	if (out != OUT_DONE)
		return OUT_NOT_DONE;
	for (size_t i = 0; i < n; i++)
		settled[i] = (struct gate_settled){.id = entries[i].id,
		    .claim = entries[i].order.claim,
		    .customer = entries[i].order.customer,
		    .fate = GATE_FATE_VOID};
	return rig->port.settled(rig->port.ctx, ref, settled, n, SOON, err);
}

static const struct {
	const char *place;
	enum outcome (*deed)(struct rig *rig, struct err *err);
	/* Afterwards: entries, those in somebody's hands, units for sale. */
	long long waiting, delivered, free;
} rows[] = {
    {"before_enqueue", deed_enqueue, ORDERS, 0, 2},
    {"after_enqueue", deed_enqueue, ORDERS + 1, 0, 1},
    {"after_take", deed_take, ORDERS, ORDERS, 2},
    {"before_settled", deed_settle, ORDERS, ORDERS, 2},
    {"after_settled", deed_settle, 0, 0, 2 + ORDERS},
};

/* In a process of its own, which ends with it: the outcome, or -1 when it was
 * killed. */
static int done_elsewhere(
    enum outcome (*deed)(struct rig *rig, struct err *err))
{
	int status;
	pid_t child = fork();

	ck_assert_int_ge(child, 0);
	if (child == 0) {
		struct rig own = {.gate = rig_gate(LONG_MS, LEASE_MS)};
		struct err err = ERR_INIT;

		own.port = gate_port(own.gate);
		_exit((int)deed(&own, &err));
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	if (WIFSIGNALED(status)) {
		ck_assert_int_eq(WTERMSIG(status), SIGKILL);
		return -1;
	}
	return WEXITSTATUS(status);
}

/* Each unit has one home, and the next one goes on where this one stopped. */
START_TEST(test_place)
{
	bool kills = _i % 2 == 0;
	size_t row = (size_t)_i / 2;
	struct gate_entry entries[SETTLE_BATCH];
	struct err err = ERR_INIT;
	char spec[60];
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, ORDERS + 2, 1);
	queue_accept(&rig, ORDERS);
	snprintf(spec, sizeof(spec), "%s=%sx1", rows[row].place,
	    kills ? "kill" : "err");
	ck_assert_msg(failpoint_arm(strv_c(spec), &err), "%s", err.text);
	ck_assert_int_eq(
	    done_elsewhere(rows[row].deed), kills ? -1 : OUT_UNKNOWN);
	queue_assert(&rig, rows[row].waiting, rows[row].delivered);
	ck_assert_uint_eq(rig_gauge(&rig).free, rows[row].free);
	/* The same once more. */
	ck_assert_int_eq(done_elsewhere(rows[row].deed), OUT_DONE);
	ck_assert_int_eq(queue_enqueue(&rig, "ann", 9).answer,
	    rows[row].deed == deed_enqueue ? GATE_QUEUED : GATE_TAKEN);
	while (queue_take_idle(&rig, "heir", 0, entries) > 0)
		queue_settle(&rig, ref, entries, 1, GATE_FATE_VOID);
	rig_assert_counts(&rig, ORDERS + 2, 0, 0, 0);
	queue_assert(&rig, 0, 0);
	failpoint_disarm();
	rig_close(&rig);
}
END_TEST

TESTS_MAIN("gate-failpoints",
    UNIT_TABLE("place", test_place, 2 * (int)ARRAY_LEN(rows)))
