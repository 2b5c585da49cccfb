/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a real Redis keeps of accepted orders, and who may ask it.  Run by
 * gate_durable.it.
 */
#include "config.h"

#include "queue_rig.h"

#include "gate/gate_priv.h"

#include <poll.h>
#include <stdio.h>

#define ORDERS 20

static struct gate_conf conf_for(enum gate_durable durability)
{
	return (struct gate_conf){.address = getenv("REDIS_SOCK"),
	    .connect_timeout_ms = LONG_MS,
	    .timeout_ms = LONG_MS,
	    .lease_ms = LEASE_MS,
	    .durability = durability};
}

static void swap_gate(struct rig *rig, const struct gate_conf *conf)
{
	gate_free(&rig->gate);
	rig->gate = rig_gate_as(conf);
	rig->port = gate_port(rig->gate);
}

static void settings(struct rig *rig, const char *const values[3])
{
	int64_t deadline_ns = SOON;

	rig_do(rig, "CONFIG SET appendonly %s", values[0]);
	rig_do(rig, "CONFIG SET appendfsync %s", values[1]);
	rig_do(rig, "CONFIG SET no-appendfsync-on-rewrite %s", values[2]);
	/* The first file is written by a child. */
	while (strstr(rig_text(rig, "INFO persistence"),
		   "aof_rewrite_in_progress:0") == NULL) {
		ck_assert_int_lt(mono_ns(), deadline_ns);
		poll(NULL, 0, 5);
	}
}

static const char *const usual[] = {"no", "everysec", "no"};
static const char *const always[] = {"yes", "always", "no"};

/* ---- settings ------------------------------------------------------------------- */

static const struct {
	const char *values[3];
	enum gate_fsync fsync;
} rows[] = {
    {{"yes", "always", "no"}, GATE_FSYNC_ALWAYS},
    {{"yes", "always", "yes"}, GATE_FSYNC_EVERYSEC},
    {{"yes", "everysec", "no"}, GATE_FSYNC_EVERYSEC},
    {{"yes", "no", "no"}, GATE_FSYNC_NONE},
    {{"no", "always", "no"}, GATE_FSYNC_NONE},
};

/* What it says, and what comes of it: enough, or nothing at all. */
START_TEST(test_settings)
{
	struct gate_conf conf;
	struct gate_durability has;
	struct gate_ticket ticket;
	struct err err = ERR_INIT;
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 9, 1);
	settings(&rig, rows[_i].values);
	ASSERT_OUT(gate_durability(rig.gate, SOON, &has, &err), OUT_DONE);
	ck_assert_int_eq(has.fsync, rows[_i].fsync);
	for (int want = 0; want <= GATE_DURABLE_ACCEPT_LOSS; want++) {
		bool enough = gate_durability_suffices(
		    (enum gate_durable)want, &has, &err);
		char who[20];

		ck_assert(enough || want != GATE_DURABLE_ACCEPT_LOSS);
		snprintf(who, sizeof(who), "c%d", want);
		conf = conf_for((enum gate_durable)want);
		swap_gate(&rig, &conf);
		ASSERT_OUT(
		    queue_try(&rig, who, (unsigned)want, 0, &ticket, &err),
		    enough ? OUT_DONE : OUT_NOT_DONE);
		ck_assert_uint_eq(
		    queue_settle_all(&rig, GATE_FATE_SOLD), enough);
	}
	settings(&rig, usual);
	rig_close(&rig);
}
END_TEST

/* A setting that is changed under a connection is noticed on the next one, and on
 * this one after some seconds. */
START_TEST(test_changed_later)
{
	static const char *const weaker[] = {"yes", "everysec", "no"};
	struct gate_conf conf = conf_for(GATE_DURABLE_ALWAYS);
	struct gate_ticket ticket;
	struct err err = ERR_INIT;
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 9, 1);
	settings(&rig, always);
	swap_gate(&rig, &conf);
	for (int later = 0; later < 2; later++) {
		settings(&rig, always);
		ASSERT_OUT(
		    queue_try(&rig, "ann", 1, 0, &ticket, &err), OUT_DONE);
		settings(&rig, weaker);
		if (later)
			rig.gate->durable_until_ns = mono_ns();
		else
			gate_conn_drop(&rig.gate->conn);
		ASSERT_OUT(
		    queue_try(&rig, "bob", 2, 0, &ticket, &err), OUT_NOT_DONE);
		ASSERT_SAYS("it syncs: everysec");
	}
	queue_assert(&rig, 1, 0);
	settings(&rig, usual);
	rig_close(&rig);
}
END_TEST

/*
 * Switched on under us: CONFIG says yes at once, and a crash would lose all until
 * the first file is there.  Once it was, a rewrite is nothing to wait for.
 */
START_TEST(test_first_file)
{
	struct gate_conf conf = conf_for(GATE_DURABLE_ALWAYS);
	struct gate_ticket ticket;
	struct err err = ERR_INIT;
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 9, 1);
	swap_gate(&rig, &conf);
	rig_do(&rig, "CONFIG SET appendfsync always");
	/* A child that needs a minute for each key. */
	rig_do(&rig, "CONFIG SET rdb-key-save-delay 60000000");
	rig_do(&rig, "CONFIG SET appendonly yes");
	ASSERT_OUT(queue_try(&rig, "ann", 1, 0, &ticket, &err), OUT_NOT_DONE);
	ASSERT_SAYS("may be the first one");
	queue_assert(&rig, 0, 0);
	/* That ends the child, and its file. */
	rig_do(&rig, "CONFIG SET appendonly no");
	rig_do(&rig, "CONFIG SET rdb-key-save-delay 0");
	settings(&rig, always);
	ASSERT_OUT(queue_try(&rig, "ann", 1, 0, &ticket, &err), OUT_DONE);
	rig_do(&rig, "CONFIG SET rdb-key-save-delay 60000000");
	rig_do(&rig, "BGREWRITEAOF");
	rig.gate->durable_until_ns = mono_ns();
	ASSERT_OUT(queue_try(&rig, "bob", 2, 0, &ticket, &err), OUT_DONE);
	/* Who comes now cannot know that. */
	swap_gate(&rig, &conf);
	ASSERT_OUT(queue_try(&rig, "cid", 3, 0, &ticket, &err), OUT_NOT_DONE);
	queue_assert(&rig, 2, 0);
	rig_do(&rig, "CONFIG SET rdb-key-save-delay 0");
	settings(&rig, usual);
	rig_close(&rig);
}
END_TEST

/* ---- rights --------------------------------------------------------------------- */

/* Who may not ask is not told that all is well. */
START_TEST(test_config_denied)
{
	struct gate_conf conf = conf_for(GATE_DURABLE_ALWAYS);
	struct gate_durability has;
	struct gate_ticket ticket;
	struct err err = ERR_INIT;
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 9, 1);
	settings(&rig, always);
	rig_do(&rig, "ACL SETUSER shop reset on >pw ~{fg:* +@all -config");
	conf.user = "shop";
	conf.password = "pw";
	swap_gate(&rig, &conf);
	ASSERT_OUT(gate_durability(rig.gate, SOON, &has, &err), OUT_DONE);
	ck_assert_int_eq(has.fsync, GATE_FSYNC_UNKNOWN);
	ASSERT_OUT(queue_try(&rig, "ann", 1, 0, &ticket, &err), OUT_NOT_DONE);
	ASSERT_SAYS("+config|get");
	ASSERT_SAYS("accept_loss = yes");
	rig_do(&rig, "ACL SETUSER shop +config|get");
	ASSERT_OUT(queue_try(&rig, "ann", 1, 0, &ticket, &err), OUT_DONE);
	queue_assert(&rig, 1, 0);
	rig_do(&rig, "ACL DELUSER shop");
	settings(&rig, usual);
	rig_close(&rig);
}
END_TEST

/* ---- what WAITAOF is asked after -------------------------------------------------- */

/*
 * WAITAOF is about what its own connection wrote.  An order that is there already
 * was written by another: asked with touch 1, the answer comes with a write that
 * changes nothing, so that there is something to wait for.
 */
START_TEST(test_touch)
{
	struct claim_id claim = queue_chain(1).id[0];
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 3, 1);
	queue_enqueue(&rig, "ann", 1);
	for (int touch = 0; touch < 2; touch++) {
		long before = rig_changes(&rig);
		redisReply *reply = redisCommand(rig.admin,
		    "FCALL fg_enqueue_v2 7 {fg:5}:meta {fg:5}:1:free "
		    "{fg:5}:1:lease {fg:5}:1:rec {fg:5}:1:slot "
		    "{fg:5}:1:queue {fg:5}:1:void 1 ann 0 %d 0 hash ref 5 %b",
		    touch, claim.b, (size_t)CLAIM_BYTES);

		ck_assert_int_eq(reply->type, REDIS_REPLY_ARRAY);
		ck_assert_str_eq(reply->element[0]->str, "QUEUED");
		freeReplyObject(reply);
		ck_assert_int_eq(rig_changes(&rig) - before, touch);
	}
	ck_assert_uint_eq(rig_gauge(&rig).epoch, 1);
	rig_close(&rig);
}
END_TEST

/* The same by itself, for what was shown: of whatever epoch there is, and of a sale
 * that is not there nothing is made. */
START_TEST(test_touch_alone)
{
	static const struct {
		const char *sale, *answer;
		long changes;
	} sales[] = {{"5", "OK", 1}, {"77", "NOSALE", 0}};
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 3, 1);
	for (size_t i = 0; i < ARRAY_LEN(sales); i++) {
		const char *s = sales[i].sale;
		long before = rig_changes(&rig);
		redisReply *reply = redisCommand(rig.admin,
		    "FCALL fg_touch_v2 7 {fg:%s}:meta {fg:%s}:1:free "
		    "{fg:%s}:1:lease {fg:%s}:1:rec {fg:%s}:1:slot "
		    "{fg:%s}:1:queue {fg:%s}:1:void",
		    s, s, s, s, s, s, s);

		ck_assert_int_eq(reply->type, REDIS_REPLY_ARRAY);
		ck_assert_str_eq(reply->element[0]->str, sales[i].answer);
		freeReplyObject(reply);
		ck_assert_int_eq(rig_changes(&rig) - before, sales[i].changes);
	}
	ck_assert_uint_eq(rig_gauge(&rig).epoch, 1);
	rig_close(&rig);
}
END_TEST

/* ---- a crash -------------------------------------------------------------------- */

static void shell(const char *command)
{
	char line[400];

	snprintf(line, sizeof(line), ". \"$top_srcdir/scripts/servers.sh\"; %s",
	    command);
	ck_assert_int_eq(system(line), 0);
}

/* kill -9 and another start with the same file; its sockets may be held open for
 * some more milliseconds. */
static void crash(struct rig *rig, const char *arguments)
{
	struct pollfd pfd = {.fd = rig->admin->fd, .events = POLLRDHUP};
	char line[200];

	shell("server_kill \"$FG_DIR\" redis");
	ck_assert_int_eq(poll(&pfd, 1, LONG_MS), 1);
	snprintf(line, sizeof(line), "redis_start \"$FG_DIR\" %s", arguments);
	shell(line);
	rig_readmit(rig);
}

#define KEEPS "--appendonly yes --appendfsync always"

/* Under "always" everything that was told is there, and goes on. */
START_TEST(test_killed)
{
	struct gate_conf conf = conf_for(GATE_DURABLE_ALWAYS);
	struct gate_entry entries[SETTLE_BATCH];
	struct gate_ticket ticket;
	struct rig rig;

	rig_open(&rig);
	crash(&rig, KEEPS);
	/* A file may be left of what other tests have set. */
	rig_do(&rig, "FLUSHALL");
	swap_gate(&rig, &conf);
	rig_sale(&rig, ref, ORDERS, 1);
	for (unsigned i = 0; i < ORDERS; i++) {
		char who[20];

		snprintf(who, sizeof(who), "c%u", i);
		ticket = queue_enqueue(&rig, who, i);
		ck_assert_int_eq(ticket.answer, GATE_TAKEN);
	}
	ck_assert_uint_eq(queue_take(&rig, "s", entries), ORDERS);
	queue_settle(&rig, ref, entries, 1, GATE_FATE_SOLD);
	crash(&rig, KEEPS);
	ck_assert(rig_gauge(&rig).restarted);
	rig_assert_counts(&rig, 0, 0, ORDERS - 1, ORDERS);
	queue_assert(&rig, ORDERS - 1, ORDERS - 1);
	ticket = queue_enqueue(&rig, "c7", 7);
	ck_assert_int_eq(ticket.answer, GATE_QUEUED);
	queue_assert_order(&ticket.queued, "c7", 7, 0, 8, 1);
	/* In the hands of whom they were in, and once more. */
	ck_assert_uint_eq(queue_take(&rig, "s", entries), ORDERS - 1);
	ck_assert_uint_eq(entries[0].deliveries, 2);
	queue_settle(&rig, ref, entries, ORDERS - 1, GATE_FATE_SOLD);
	queue_assert(&rig, 0, 0);
	crash(&rig, "");
	rig_close(&rig);
}
END_TEST

TESTS_MAIN("gate-durable-real",
    UNIT_TABLE("settings", test_settings, ARRAY_LEN(rows)),
    UNIT("changed", test_changed_later), UNIT("first-file", test_first_file),
    UNIT("denied", test_config_denied), UNIT("touch", test_touch),
    UNIT("touch-alone", test_touch_alone), UNIT_SLOW("killed", test_killed, 60))
