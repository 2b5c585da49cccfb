/* SPDX-License-Identifier: Apache-2.0 */
/* Setting up, looking inside. */
#include "config.h"

#include "rig.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>

const struct gate_ref ref = {{5}, 1};

static redisContext *admin_open(void)
{
	const char *path = getenv("REDIS_SOCK");
	redisContext *admin;

	ck_assert_msg(path != NULL, "run me through tests/with-servers");
	admin = redisConnectUnix(path);
	ck_assert_ptr_nonnull(admin);
	ck_assert_msg(admin->err == 0, "%s: %s", path, admin->errstr);
	return admin;
}

struct gate *rig_gate_as(const struct gate_conf *conf)
{
	struct err err = ERR_INIT;
	struct gate *gate = gate_new(conf, &err);

	ck_assert_msg(gate != NULL, "%s", err.text);
	return gate;
}

struct gate *rig_gate(int64_t timeout_ms, int64_t lease_ms)
{
	struct gate_conf conf = {.address = getenv("REDIS_SOCK"),
	    .connect_timeout_ms = timeout_ms,
	    .timeout_ms = timeout_ms,
	    .lease_ms = lease_ms,
	    .durability = GATE_DURABLE_ACCEPT_LOSS};

	return rig_gate_as(&conf);
}

/* A test that failed half-way must not take the next ones with it. */
static const char *const peace[] = {
    "REPLICAOF NO ONE",
    "CONFIG SET maxmemory 0",
    "CONFIG SET maxmemory-policy noeviction",
    "CONFIG SET min-replicas-to-write 0",
    "CONFIG SET replica-serve-stale-data yes",
    "CONFIG SET stop-writes-on-bgsave-error yes",
    "ACL SETUSER default on nopass allkeys +@all",
};

pid_t rig_server_pid(void)
{
	char path[200];
	FILE *file;
	long pid = 0;

	snprintf(path, sizeof(path), "%s/redis.pid", getenv("FG_DIR"));
	file = fopen(path, "r");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fscanf(file, "%ld", &pid), 1);
	fclose(file);
	ck_assert_int_gt(pid, 1);
	return (pid_t)pid;
}

void rig_open(struct rig *rig)
{
	kill(rig_server_pid(), SIGCONT);
	rig->admin = admin_open();
	for (size_t i = 0; i < ARRAY_LEN(peace); i++)
		rig_do(rig, peace[i]);
	rig_do(rig, "CONFIG SET save %s", "");
	rig->gate = rig_gate(LONG_MS, LEASE_MS);
	rig->port = gate_port(rig->gate);
	rig_do(rig, "FLUSHALL");
}

void rig_close(struct rig *rig)
{
	gate_free(&rig->gate);
	redisFree(rig->admin);
}

void rig_readmit(struct rig *rig)
{
	redisFree(rig->admin);
	rig->admin = admin_open();
}

static redisReply *admin_call(struct rig *rig, const char *fmt, va_list ap)
{
	redisReply *reply = redisvCommand(rig->admin, fmt, ap);

	ck_assert_msg(reply != NULL, "%s: %s", fmt, rig->admin->errstr);
	return reply;
}

long long rig_do(struct rig *rig, const char *fmt, ...)
{
	redisReply *reply;
	long long value;
	va_list ap;

	va_start(ap, fmt);
	reply = admin_call(rig, fmt, ap);
	va_end(ap);
	ck_assert_msg(
	    reply->type != REDIS_REPLY_ERROR, "%s: %s", fmt, reply->str);
	value = reply->type == REDIS_REPLY_INTEGER ? reply->integer : 0;
	freeReplyObject(reply);
	return value;
}

const char *rig_text(struct rig *rig, const char *fmt, ...)
{
	static char text[65536];
	redisReply *reply;
	va_list ap;

	va_start(ap, fmt);
	reply = admin_call(rig, fmt, ap);
	va_end(ap);
	ck_assert_msg(
	    reply->type != REDIS_REPLY_ERROR, "%s: %s", fmt, reply->str);
	snprintf(text, sizeof(text), "%s",
	    reply->type == REDIS_REPLY_STRING ? reply->str : "");
	freeReplyObject(reply);
	return text;
}

long rig_changes(struct rig *rig)
{
	static const char name[] = "rdb_changes_since_last_save:";
	const char *at = strstr(rig_text(rig, "INFO persistence"), name);

	ck_assert_ptr_nonnull(at);
	return strtol(at + sizeof(name) - 1, NULL, 10);
}

void rig_must_fail(struct rig *rig, const char *says, const char *fmt, ...)
{
	redisReply *reply;
	va_list ap;

	va_start(ap, fmt);
	reply = admin_call(rig, fmt, ap);
	va_end(ap);
	ck_assert_int_eq(reply->type, REDIS_REPLY_ERROR);
	ck_assert_msg(strstr(reply->str, says) != NULL, "%s", reply->str);
	freeReplyObject(reply);
}

void rig_sale(
    struct rig *rig, struct gate_ref of, uint32_t units, uint32_t limit)
{
	struct err err = ERR_INIT;
	uint32_t unit[1000];
	uint32_t done = 0;

	while (done < units) {
		size_t n = 0;

		while (n < ARRAY_LEN(unit) && done < units)
			unit[n++] = ++done;
		ASSERT_OUT(
		    rig->port.seed(rig->port.ctx, of, unit, n, SOON, &err),
		    OUT_DONE);
	}
	ASSERT_OUT(rig->port.publish(rig->port.ctx, of,
		       &(struct gate_seeded){units, limit, units, 0, 0, false},
		       SOON, &err),
	    OUT_DONE);
}

struct claim_id rig_id(unsigned n)
{
	struct claim_id id = {
	    {0, '\r', '\n', ' ', '"', '\'', '|', ':', '%', 's', 0xff, 0x80}};

	id.b[12] = (uint8_t)(n >> 24);
	id.b[13] = (uint8_t)(n >> 16);
	id.b[14] = (uint8_t)(n >> 8);
	id.b[15] = (uint8_t)n;
	return id;
}

struct customer rig_who(const char *name)
{
	struct customer who;

	ck_assert(customer_parse(strv_c(name), &who));
	return who;
}

struct gate_ticket rig_claim_chain(
    struct rig *rig, const char *who, const struct claim_chain *chain)
{
	struct customer customer = rig_who(who);
	struct gate_ticket ticket;
	struct err err = ERR_INIT;

	ASSERT_OUT(rig->port.claim(rig->port.ctx, ref, chain, &customer, SOON,
		       &ticket, &err),
	    OUT_DONE);
	return ticket;
}

enum outcome rig_try(struct rig *rig, const char *who, unsigned id,
    struct gate_ticket *ticket, struct err *err)
{
	struct claim_chain chain = {.id = {rig_id(id)}, .n = 1};
	struct customer customer = rig_who(who);

	return rig->port.claim(
	    rig->port.ctx, ref, &chain, &customer, SOON, ticket, err);
}

struct gate_ticket rig_claim(struct rig *rig, const char *who, unsigned id)
{
	struct claim_chain chain = {.id = {rig_id(id)}, .n = 1};

	return rig_claim_chain(rig, who, &chain);
}

/* The unit that a claim holds, 0: none. */
static uint32_t unit_of(struct rig *rig, const struct claim_id *claim)
{
	struct gate_lease leases[100];
	struct err err = ERR_INIT;
	size_t n = 0;

	ASSERT_OUT(rig->port.leases(rig->port.ctx, ref, ARRAY_LEN(leases), SOON,
		       leases, &n, &err),
	    OUT_DONE);
	for (size_t i = 0; i < n; i++)
		if (claim_eq(&leases[i].claim, claim))
			return leases[i].unit;
	return 0;
}

void rig_confirm(struct rig *rig, unsigned id)
{
	struct claim_id claim = rig_id(id);

	rig->port.confirm(rig->port.ctx, ref, &claim, unit_of(rig, &claim));
	rig_gauge(rig); /* reads the confirm's reply before its own */
}

void rig_release(
    struct rig *rig, const char *who, unsigned id, enum gate_release why)
{
	struct claim_id claim = rig_id(id);
	struct customer customer = rig_who(who);
	struct err err = ERR_INIT;

	ASSERT_OUT(rig->port.release(
		       rig->port.ctx, ref, &claim, &customer, why, SOON, &err),
	    OUT_DONE);
}

struct gate_ticket rig_rekey(
    struct rig *rig, const char *who, unsigned from, unsigned to)
{
	struct claim_id from_id = rig_id(from), to_id = rig_id(to);
	struct customer customer = rig_who(who);
	struct gate_ticket ticket;
	struct err err = ERR_INIT;

	ASSERT_OUT(rig->port.rekey(rig->port.ctx, ref, &from_id, &to_id,
		       &customer, SOON, &ticket, &err),
	    OUT_DONE);
	return ticket;
}

struct gate_gauge rig_gauge(struct rig *rig)
{
	struct gate_gauge gauge;
	struct err err = ERR_INIT;

	ASSERT_OUT(rig->port.gauge(rig->port.ctx, ref.sale, SOON, &gauge, &err),
	    OUT_DONE);
	return gauge;
}

void rig_assert_counts(struct rig *rig, long long free_n, long long leased,
    long long records, long long slots)
{
	ck_assert_int_eq(rig_do(rig, "LLEN {fg:5}:1:free"), free_n);
	ck_assert_int_eq(rig_do(rig, "ZCARD {fg:5}:1:lease"), leased);
	ck_assert_int_eq(rig_do(rig, "HLEN {fg:5}:1:rec"), records);
	ck_assert_int_eq(rig_do(rig, "HLEN {fg:5}:1:slot"), slots);
}

void rig_assert_free(struct rig *rig, const char *want)
{
	redisReply *reply =
	    redisCommand(rig->admin, "LRANGE {fg:5}:1:free 0 99");
	char bytes[1000];
	struct strbuf text;

	strbuf_init(&text, bytes, sizeof(bytes));
	ck_assert_int_eq(reply->type, REDIS_REPLY_ARRAY);
	for (size_t i = 0; i < reply->elements; i++)
		strbuf_printf(
		    &text, "%s%s", i > 0 ? " " : "", reply->element[i]->str);
	ck_assert_str_eq(bytes, want);
	freeReplyObject(reply);
}

void rig_assert_slot(
    struct rig *rig, unsigned slot, const char *who, unsigned id)
{
	struct claim_id want = rig_id(id);
	redisReply *reply =
	    redisCommand(rig->admin, "HGET {fg:5}:1:slot %u:%s", slot, who);

	if (id == 0) {
		ck_assert_int_eq(reply->type, REDIS_REPLY_NIL);
	} else {
		ck_assert_int_eq(reply->type, REDIS_REPLY_STRING);
		ck_assert_uint_eq(reply->len, CLAIM_BYTES);
		ck_assert_mem_eq(reply->str, want.b, CLAIM_BYTES);
	}
	freeReplyObject(reply);
}

void rig_line_keep(enum log_level level, const char *line, void *ctx)
{
	(void)level;
	snprintf(ctx, RIG_LINE, "%s", line);
}
