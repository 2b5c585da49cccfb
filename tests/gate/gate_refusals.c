/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a real Redis refuses, provoked: nothing is popped then, the answer is
 * NOT_DONE, and the text says what to do.  Run by gate_refusals.it.
 */
#include "config.h"

#include "rig.h"

#include "gate/gate_priv.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* Administrator's commands, one a row, up to NULL. */
struct refusal {
	const char *name;
	const char *provoke[4];
	const char *undo[4];
	const char *says;
};

static const struct refusal refusals[] = {
    {"OOM", {"CONFIG SET maxmemory 1"}, {"CONFIG SET maxmemory 0"},
	"raise maxmemory"},
    {"READONLY", {"REPLICAOF 127.0.0.1 1"}, {"REPLICAOF NO ONE"},
	"point [redis] to the master"},
    {"NOREPLICAS", {"CONFIG SET min-replicas-to-write 1"},
	{"CONFIG SET min-replicas-to-write 0"}, "too few replicas"},
    {"NOPERM", {"ACL SETUSER default -fcall"}, {"ACL SETUSER default +@all"},
	"ACL SETUSER"},
    {"NOPERM on a key", {"ACL SETUSER default resetkeys ~other:*"},
	{"ACL SETUSER default allkeys"}, "ACL SETUSER"},
};

static void run_all(struct rig *rig, const char *const commands[4])
{
	for (size_t i = 0; i < 4 && commands[i] != NULL; i++)
		rig_do(rig, commands[i]);
}

START_TEST(test_refused_before_the_pop)
{
	const struct refusal *row = &refusals[_i];
	struct gate_ticket ticket;
	struct err err = ERR_INIT;
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 3, 1);
	run_all(&rig, row->provoke);
	ASSERT_OUT(rig_try(&rig, "ann", 10, &ticket, &err), OUT_NOT_DONE);
	ASSERT_SAYS(row->says);
	run_all(&rig, row->undo);
	rig_assert_free(&rig, "1 2 3");
	rig_assert_counts(&rig, 3, 0, 0, 0);
	ASSERT_OUT(rig_try(&rig, "ann", 10, &ticket, &err), OUT_DONE);
	rig_assert_counts(&rig, 2, 1, 1, 1);
	rig_close(&rig);
}
END_TEST

/* A replica that may not even read: the new master may be at this address. */
START_TEST(test_masterdown)
{
	struct gate_gauge gauge;
	struct err err = ERR_INIT;
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 3, 1);
	rig_do(&rig, "CONFIG SET replica-serve-stale-data no");
	rig_do(&rig, "REPLICAOF 127.0.0.1 1");
	ASSERT_OUT(rig.port.gauge(rig.port.ctx, ref.sale, SOON, &gauge, &err),
	    OUT_NOT_DONE);
	ASSERT_SAYS("replica without its master");
	ck_assert_ptr_null(rig.gate->conn.redis);
	rig_do(&rig, "REPLICAOF NO ONE");
	rig_do(&rig, "CONFIG SET replica-serve-stale-data yes");
	ck_assert_uint_eq(rig_gauge(&rig).free, 3);
	rig_close(&rig);
}
END_TEST

static bool save_failed(struct rig *rig)
{
	return strstr(rig_text(rig, "INFO persistence"),
		   "rdb_last_bgsave_status:err") != NULL;
}

/* A folder in the place of the data file: the save fails, writes stop. */
START_TEST(test_misconf)
{
	struct gate_ticket ticket;
	struct err err = ERR_INIT;
	char path[200];
	int64_t until;
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 3, 1);
	snprintf(path, sizeof(path), "%s/redis/dump.rdb", getenv("FG_DIR"));
	ck_assert_int_eq(mkdir(path, 0700), 0);
	rig_do(&rig, "CONFIG SET save %s", "3600 1");
	rig_do(&rig, "BGSAVE");
	for (until = SOON; !save_failed(&rig); usleep(10000))
		ck_assert_int_gt(deadline_left_ms(until), 0);
	ASSERT_OUT(rig_try(&rig, "ann", 10, &ticket, &err), OUT_NOT_DONE);
	ASSERT_SAYS("MISCONF");
	ASSERT_SAYS("see its log and disk");
	rig_do(&rig, "CONFIG SET save %s", "");
	ck_assert_int_eq(rmdir(path), 0);
	rig_assert_free(&rig, "1 2 3");
	ASSERT_OUT(rig_try(&rig, "ann", 10, &ticket, &err), OUT_DONE);
	rig_close(&rig);
}
END_TEST

static void wait_until_ping_says(struct rig *rig, int type)
{
	int64_t until = SOON;
	int said;

	do {
		redisReply *reply = redisCommand(rig->admin, "PING");

		ck_assert_ptr_nonnull(reply);
		said = reply->type;
		freeReplyObject(reply);
		ck_assert_int_gt(deadline_left_ms(until), 0);
	} while (said != type);
}

/* Another function that does not end. */
START_TEST(test_busy)
{
	struct gate_ticket ticket;
	struct err err = ERR_INIT;
	struct rig rig, loop;

	rig_open(&rig);
	rig_sale(&rig, ref, 3, 1);
	rig_do(&rig, "CONFIG SET busy-reply-threshold 1");
	rig_do(&rig, "FUNCTION LOAD REPLACE %s",
	    "#!lua name=loop\nredis.register_function{function_name='loop',"
	    "callback=function() while true do end end,flags={'no-writes'}}");
	loop = rig;
	rig_readmit(&loop);
	ck_assert_int_eq(
	    redisAppendCommand(loop.admin, "FCALL loop 0"), REDIS_OK);
	for (int sent = 0; sent == 0;)
		ck_assert_int_eq(redisBufferWrite(loop.admin, &sent), REDIS_OK);
	rig.admin = redisConnectUnix(getenv("REDIS_SOCK"));
	wait_until_ping_says(&rig, REDIS_REPLY_ERROR);
	ASSERT_OUT(rig_try(&rig, "ann", 10, &ticket, &err), OUT_NOT_DONE);
	ASSERT_SAYS("FUNCTION KILL");
	rig_do(&rig, "FUNCTION KILL");
	wait_until_ping_says(&rig, REDIS_REPLY_STATUS);
	rig_do(&rig, "CONFIG SET busy-reply-threshold 5000");
	rig_do(&rig, "FUNCTION DELETE loop");
	rig_assert_free(&rig, "1 2 3");
	ASSERT_OUT(rig_try(&rig, "ann", 10, &ticket, &err), OUT_DONE);
	redisFree(loop.admin);
	rig_close(&rig);
}
END_TEST

/* Full memory stops the selling, not the settling: what frees memory runs. */
START_TEST(test_what_frees_memory_runs_when_it_is_full)
{
	struct claim_id from = rig_id(12);
	struct order owner = {.claim = rig_id(77),
	    .status = ORDER_SOLD,
	    .unit = 3,
	    .slot = 1,
	    .customer = rig_who("eve")};
	struct customer cid = rig_who("cid");
	struct gate_lease lease[100];
	struct err err = ERR_INIT;
	uint32_t done;
	size_t n;
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 5, 1);
	rig_claim(&rig, "ann", 10);
	rig_claim(&rig, "bob", 11);
	rig_claim(&rig, "cid", 12);
	rig_do(&rig, "CONFIG SET maxmemory 1");
	rig_confirm(&rig, 10);
	rig_release(&rig, "bob", 11, GATE_RELEASE_VOID);
	ASSERT_OUT(
	    rig.port.heal(rig.port.ctx, ref, &from, &cid, &owner, SOON, &err),
	    OUT_DONE);
	ASSERT_OUT(
	    rig.port.leases(rig.port.ctx, ref, 100, SOON, lease, &n, &err),
	    OUT_DONE);
	ck_assert_uint_eq(n, 0);
	rig_assert_free(&rig, "4 5 2");
	ASSERT_OUT(
	    rig.port.shrink(rig.port.ctx, ref, 4, SOON, &done, &err), OUT_DONE);
	ck_assert_uint_eq(done, 4);
	ASSERT_OUT(rig.port.grow(rig.port.ctx, ref, 5, SOON, &done, &err),
	    OUT_NOT_DONE);
	rig_do(&rig, "CONFIG SET maxmemory 0");
	rig_close(&rig);
}
END_TEST

TESTS_MAIN("gate-refusals",
    UNIT_TABLE("refused", test_refused_before_the_pop, ARRAY_LEN(refusals)),
    UNIT("masterdown", test_masterdown), UNIT("misconf", test_misconf),
    UNIT("busy", test_busy),
    UNIT("full", test_what_frees_memory_runs_when_it_is_full))
