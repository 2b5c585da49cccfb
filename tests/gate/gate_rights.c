/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may do what on a real Redis: passwords, rights, the library of functions,
 * and the check before the start.  Run by gate_rights.it.
 */
#include "config.h"

#include "queue_rig.h"

/* ---- who may connect ----------------------------------------------------- */

static struct gate_conf conf(void)
{
	return (struct gate_conf){.address = getenv("REDIS_SOCK"),
	    .connect_timeout_ms = LONG_MS,
	    .timeout_ms = LONG_MS,
	    .lease_ms = LEASE_MS};
}

static void swap_gate(struct rig *rig, const struct gate_conf *with)
{
	gate_free(&rig->gate);
	rig->gate = rig_gate_as(with);
	rig->port = gate_port(rig->gate);
}

START_TEST(test_password)
{
	struct gate_conf with = conf();
	struct gate_ticket ticket;
	struct err err = ERR_INIT;
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 3, 1);
	rig_do(&rig, "CONFIG SET requirepass %s", "p w");
	swap_gate(&rig, &with);
	ASSERT_OUT(rig_try(&rig, "ann", 10, &ticket, &err), OUT_NOT_DONE);
	ASSERT_SAYS("set the password in [redis]");
	with.password = "wrong";
	swap_gate(&rig, &with);
	ASSERT_OUT(rig_try(&rig, "ann", 10, &ticket, &err), OUT_NOT_DONE);
	ASSERT_SAYS("check user and password");
	with.password = "p w";
	swap_gate(&rig, &with);
	ASSERT_OUT(rig_try(&rig, "ann", 10, &ticket, &err), OUT_DONE);
	with.user = "default";
	swap_gate(&rig, &with);
	ASSERT_OUT(rig_try(&rig, "ann", 10, &ticket, &err), OUT_DONE);
	rig_do(&rig, "CONFIG SET requirepass %s", "");
	rig_close(&rig);
}
END_TEST

START_TEST(test_database)
{
	struct gate_conf with = conf();
	struct gate_ticket ticket;
	struct err err = ERR_INIT;
	struct rig rig;

	rig_open(&rig);
	with.database = 3;
	swap_gate(&rig, &with);
	rig_sale(&rig, ref, 3, 1);
	ck_assert_int_eq(rig_do(&rig, "DBSIZE"), 0);
	rig_do(&rig, "SELECT 3");
	ck_assert_int_eq(rig_do(&rig, "DBSIZE"), 2);
	with.database = 9999;
	swap_gate(&rig, &with);
	ASSERT_OUT(rig_try(&rig, "ann", 10, &ticket, &err), OUT_NOT_DONE);
	ASSERT_SAYS("SELECT: ERR DB index is out of range");
	rig_close(&rig);
}
END_TEST

START_TEST(test_too_many_clients)
{
	struct gate_conf with = conf();
	struct gate_ticket ticket;
	struct err err = ERR_INIT;
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 3, 1);
	swap_gate(&rig, &with);
	rig_do(&rig, "CONFIG SET maxclients 1");
	ASSERT_OUT(rig_try(&rig, "ann", 10, &ticket, &err), OUT_NOT_DONE);
	ASSERT_SAYS("raise maxclients");
	rig_do(&rig, "CONFIG SET maxclients 1000");
	ASSERT_OUT(rig_try(&rig, "ann", 10, &ticket, &err), OUT_DONE);
	rig_close(&rig);
}
END_TEST

/* ---- the library --------------------------------------------------------- */

START_TEST(test_library_comes_back_by_itself)
{
	struct claim_id ten = rig_id(10);
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 3, 1);
	rig_do(&rig, "FUNCTION FLUSH");
	rig_must_fail(&rig, "Function not found", "FCALL fg_leases_v2 0");
	ck_assert_int_eq(rig_claim(&rig, "ann", 10).unit, 1);
	rig_do(&rig, "FUNCTION FLUSH");
	/* This confirm is lost, which is the keeper's business; the gauge
	 * behind it brings the library back. */
	rig.port.confirm(rig.port.ctx, ref, &ten, 1);
	rig_gauge(&rig);
	rig_assert_counts(&rig, 2, 1, 1, 1);
	rig_confirm(&rig, 10);
	rig_assert_counts(&rig, 2, 0, 0, 1);
	rig_close(&rig);
}
END_TEST

START_TEST(test_load_is_idempotent)
{
	struct err err = ERR_INIT;
	struct rig rig;

	rig_open(&rig);
	rig_sale(&rig, ref, 3, 1);
	for (int i = 0; i < 2; i++)
		ASSERT_OUT(gate_load(rig.gate, SOON, &err), OUT_DONE);
	rig_claim(&rig, "ann", 10);
	ASSERT_OUT(gate_load(rig.gate, SOON, &err), OUT_DONE);
	rig_assert_counts(&rig, 2, 1, 1, 1);
	/* A program of another version holds one of our names. */
	rig_do(&rig, "FUNCTION FLUSH");
	rig_do(&rig, "FUNCTION LOAD %s",
	    "#!lua name=other\nredis.register_function('fg_claim_v2', "
	    "function() return 1 end)");
	ASSERT_OUT(gate_load(rig.gate, SOON, &err), OUT_NOT_DONE);
	ASSERT_SAYS("already exists");
	rig_do(&rig, "FUNCTION FLUSH");
	rig_close(&rig);
}
END_TEST

/* The rights that doc and conf name: with these, and no others, it all runs. */
#define SHOP_USER                                                             \
	"ACL SETUSER shop reset on >pw ~{fg:* -@all +ping +info +fcall "      \
	"+hmget +hget +hset +hdel +hincrby +hlen +llen +lpop +rpush +lindex " \
	"+lrange +lpos +lrem +zadd +zcard +zrange +zrangebyscore +zrem "      \
	"+zscore +unlink +time +sadd +scard +smismember +xadd +xlen +xrange " \
	"+xreadgroup +xclaim +xpending +xack +xdel +xgroup|create "           \
	"+xinfo|groups"

START_TEST(test_smallest_rights)
{
	struct gate_conf with = conf();
	struct order owner = {.claim = rig_id(77),
	    .status = ORDER_SOLD,
	    .unit = 2,
	    .slot = 1,
	    .customer = rig_who("eve")};
	struct claim_id id = rig_id(20);
	struct customer bob = rig_who("bob");
	static struct gate_lease lease[1000];
	uint32_t units[10], done;
	uint64_t cursor = 0;
	char version[32] = "";
	struct err err = ERR_INIT;
	size_t n;
	struct rig rig;

	rig_open(&rig);
	ASSERT_OUT(gate_load(rig.gate, SOON, &err), OUT_DONE);
	rig_do(&rig, SHOP_USER);
	with.user = "shop";
	with.password = "pw";
	swap_gate(&rig, &with);
	ASSERT_OUT(gate_check(rig.gate, SOON, version, &err), OUT_DONE);
	rig_sale(&rig, ref, 3, 1);
	ASSERT_OUT(rig.port.own(rig.port.ctx, (struct gate_ref){{5}, 2}, &owner,
		       1, SOON, &err),
	    OUT_DONE);
	rig_do(&rig, "LPUSH {fg:5}:1:free x");
	rig_claim(&rig, "ann", 10);
	rig_rekey(&rig, "ann", 10, 11);
	rig_confirm(&rig, 11);
	rig_claim(&rig, "bob", 20);
	ASSERT_OUT(
	    rig.port.heal(rig.port.ctx, ref, &id, &bob, &owner, SOON, &err),
	    OUT_DONE);
	rig_claim(&rig, "bob", 20);
	ASSERT_OUT(
	    rig.port.leases(rig.port.ctx, ref, 100, SOON, lease, &n, &err),
	    OUT_DONE);
	ASSERT_OUT(rig.port.lease_scan(
		       rig.port.ctx, ref, &cursor, 1000, SOON, lease, &n, &err),
	    OUT_DONE);
	rig_release(&rig, "bob", 20, GATE_RELEASE_VOID);
	ASSERT_OUT(
	    rig.port.grow(rig.port.ctx, ref, 5, SOON, &done, &err), OUT_DONE);
	ASSERT_OUT(
	    rig.port.shrink(rig.port.ctx, ref, 3, SOON, &done, &err), OUT_DONE);
	ASSERT_OUT(
	    rig.port.free_list(rig.port.ctx, ref, 0, 10, SOON, units, &n, &err),
	    OUT_DONE);
	rig_assert_free(&rig, "3");
	ASSERT_OUT(rig.port.discard(
		       rig.port.ctx, (struct gate_ref){{5}, 2}, SOON, &err),
	    OUT_DONE);
	rig_do(&rig, "ACL DELUSER shop");
	rig_close(&rig);
}
END_TEST

/* The same for accepted orders.  "always" and "waitaof" need one right more each:
 * +config|get, +waitaof (gate_durable.c). */
START_TEST(test_smallest_rights_of_accepted_orders)
{
	struct gate_conf with = conf();
	struct gate_ref next = {{5}, 2};
	struct gate_entry entries[SETTLE_BATCH];
	struct order orders[16];
	enum gate_carried carried[1];
	bool known;
	char version[32] = "";
	struct err err = ERR_INIT;
	struct rig rig;

	rig_open(&rig);
	ASSERT_OUT(gate_load(rig.gate, SOON, &err), OUT_DONE);
	rig_do(&rig, SHOP_USER);
	with.user = "shop";
	with.password = "pw";
	with.durability = GATE_DURABLE_ACCEPT_LOSS;
	swap_gate(&rig, &with);
	ASSERT_OUT(gate_check(rig.gate, SOON, version, &err), OUT_DONE);
	rig_sale(&rig, ref, 3, 1);
	queue_accept(&rig, 3);
	ck_assert_uint_eq(queue_pending(&rig, "c1", orders, &known), 1);
	ASSERT_OUT(
	    rig.port.carry(rig.port.ctx, next, orders, 1, SOON, carried, &err),
	    OUT_DONE);
	ck_assert_uint_eq(queue_take(&rig, "dead", entries), 3);
	ck_assert_uint_eq(queue_take_idle(&rig, "heir", 0, entries), 3);
	ck_assert_uint_eq(queue_take(&rig, "heir", entries), 3);
	queue_settle(&rig, ref, &entries[0], 1, GATE_FATE_SOLD);
	queue_settle(&rig, ref, &entries[1], 1, GATE_FATE_VOID);
	queue_settle(&rig, ref, &entries[2], 1, GATE_FATE_TAKEN);
	ck_assert_uint_eq(queue_scan_all(&rig, next, 64, entries, 64), 1);
	queue_assert(&rig, 0, 0);
	ASSERT_OUT(rig.port.discard(rig.port.ctx, next, SOON, &err), OUT_DONE);
	rig_do(&rig, "ACL DELUSER shop");
	rig_close(&rig);
}
END_TEST

/* Rights are checked by Redis when a function is half done; so they are asked
 * for beforehand, and each one that lacks is named. */
START_TEST(test_missing_rights_are_named)
{
	struct gate_conf with = conf();
	char version[32] = "";
	struct gate_ticket ticket;
	struct err err = ERR_INIT;
	struct rig rig;

	rig_open(&rig);
	ASSERT_OUT(gate_load(rig.gate, SOON, &err), OUT_DONE);
	rig_sale(&rig, ref, 3, 1);
	rig_do(&rig, SHOP_USER);
	rig_do(&rig, "ACL SETUSER shop -zadd -unlink -xgroup|create");
	with.user = "shop";
	with.password = "pw";
	swap_gate(&rig, &with);
	ASSERT_OUT(gate_check(rig.gate, SOON, version, &err), OUT_NOT_DONE);
	ASSERT_SAYS("ACL SETUSER shop +ZADD +UNLINK +XGROUP|CREATE");
	/* Why: it stops in the middle, and cannot be called not done. */
	ASSERT_OUT(rig_try(&rig, "ann", 10, &ticket, &err), OUT_UNKNOWN);
	ASSERT_SAYS("can't run this command");
	rig_assert_free(&rig, "2 3");
	/* Keys of its own only. */
	rig_do(&rig, SHOP_USER);
	rig_do(&rig, "ACL SETUSER shop resetkeys ~other:*");
	swap_gate(&rig, &with);
	ASSERT_OUT(gate_check(rig.gate, SOON, version, &err), OUT_NOT_DONE);
	ASSERT_SAYS("NOPERM");
	ck_assert_str_eq(version, "");
	/* Who may not load is told so when the library is missing. */
	rig_do(&rig, SHOP_USER);
	rig_do(&rig, "FUNCTION FLUSH");
	swap_gate(&rig, &with);
	ASSERT_OUT(rig_try(&rig, "bob", 20, &ticket, &err), OUT_NOT_DONE);
	ASSERT_SAYS("FUNCTION LOAD: NOPERM");
	ASSERT_OUT(gate_load(rig.gate, SOON, &err), OUT_NOT_DONE);
	rig_do(&rig, "ACL DELUSER shop");
	rig_close(&rig);
}
END_TEST

/* ---- the check ----------------------------------------------------------- */

START_TEST(test_check)
{
	struct gate_conf with = conf();
	char version[32] = "";
	struct err err = ERR_INIT;
	struct rig rig;

	rig_open(&rig);
	rig_do(&rig, "FUNCTION FLUSH");
	/* Asking changes nothing: the library is not loaded by it. */
	ASSERT_OUT(gate_check(rig.gate, SOON, version, &err), OUT_DONE);
	ck_assert_msg(strncmp(version, "Redis ", 6) == 0 ||
			  strncmp(version, "Valkey ", 7) == 0,
	    "%s", version);
	rig_must_fail(&rig, "Function not found", "FCALL fg_leases_v2 0");
	ASSERT_OUT(gate_load(rig.gate, SOON, &err), OUT_DONE);
	ASSERT_OUT(gate_check(rig.gate, SOON, version, &err), OUT_DONE);
	rig_do(&rig, "CONFIG SET maxmemory-policy allkeys-lru");
	ASSERT_OUT(gate_check(rig.gate, SOON, version, &err), OUT_NOT_DONE);
	ASSERT_SAYS("CONFIG SET maxmemory-policy noeviction");
	rig_do(&rig, "CONFIG SET maxmemory-policy noeviction");
	rig_do(&rig, "REPLICAOF 127.0.0.1 1");
	ASSERT_OUT(gate_check(rig.gate, SOON, version, &err), OUT_NOT_DONE);
	ASSERT_SAYS("point [redis] to the master");
	rig_do(&rig, "REPLICAOF NO ONE");
	/* Without the right to ask, the version is unknown, and the functions
	 * show that it is new enough. */
	rig_do(&rig, SHOP_USER);
	rig_do(&rig, "ACL SETUSER shop -info");
	with.user = "shop";
	with.password = "pw";
	swap_gate(&rig, &with);
	ASSERT_OUT(gate_check(rig.gate, SOON, version, &err), OUT_DONE);
	ck_assert_str_eq(version, "");
	rig_do(&rig, "ACL DELUSER shop");
	rig_close(&rig);
}
END_TEST

TESTS_MAIN("gate-rights", UNIT("password", test_password),
    UNIT("database", test_database), UNIT("clients", test_too_many_clients),
    UNIT("library", test_library_comes_back_by_itself),
    UNIT("load", test_load_is_idempotent), UNIT("rights", test_smallest_rights),
    UNIT("rights-accepted", test_smallest_rights_of_accepted_orders),
    UNIT("rights-missing", test_missing_rights_are_named),
    UNIT("check", test_check))
