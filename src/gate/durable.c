/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An accepted order is in Redis and nowhere else until it is written: does it
 * survive a crash there?  Either the server syncs its file before it answers
 * anybody, which is read back from its settings, or it is asked after each order.
 */
#include "config.h"

#include "base/bug.h"
#include "base/clock.h"
#include "gate/errors.h"
#include "gate/gate_priv.h"
#include "gate/info.h"

/* An operator may change a setting under a connection. */
#define BELIEVED_MS 5000

/* A moment for the answer to come back before our own patience ends. */
#define ANSWER_MS 20

static const char *const fsync_names[] = {
    [GATE_FSYNC_UNKNOWN] = "unknown",
    [GATE_FSYNC_NONE] = "none",
    [GATE_FSYNC_EVERYSEC] = "everysec",
    [GATE_FSYNC_ALWAYS] = "always",
};
_Static_assert(ARRAY_LEN(fsync_names) == GATE_FSYNC_COUNT, "a name for each");

const char *gate_fsync_name(enum gate_fsync fsync)
{
	return fsync_names[fsync];
}

/* ---- asking -------------------------------------------------------------- */

static struct strv text_of(const redisReply *reply)
{
	if (reply->type != REDIS_REPLY_STRING)
		return (struct strv){NULL, 0};
	return strv_from(reply->str, reply->len);
}

/* The value of `name` in a reply of names and values, in whatever order. */
static struct strv setting_of(const redisReply *reply, const char *name)
{
	if (reply->type == REDIS_REPLY_ARRAY)
		for (size_t i = 0; i + 1 < reply->elements; i += 2)
			if (strv_eq(text_of(reply->element[i]), strv_c(name)))
				return text_of(reply->element[i + 1]);
	return (struct strv){NULL, 0};
}

static enum gate_fsync fsync_judge(const redisReply *reply)
{
	struct strv file = setting_of(reply, "appendonly");
	struct strv when = setting_of(reply, "appendfsync");
	struct strv lazy = setting_of(reply, "no-appendfsync-on-rewrite");

	if (file.p == NULL || when.p == NULL)
		return GATE_FSYNC_UNKNOWN;
	if (!strv_eq(file, STRV("yes")) || strv_eq(when, STRV("no")))
		return GATE_FSYNC_NONE;
	/* With no-appendfsync-on-rewrite nothing is synced while a child of the
	 * server writes a file, not even by "always". */
	if (strv_eq(when, STRV("always")) &&
	    (lazy.p == NULL || strv_eq(lazy, STRV("no"))))
		return GATE_FSYNC_ALWAYS;
	return GATE_FSYNC_EVERYSEC;
}

/* A server that may not be asked (NOPERM), or does not know the command, says
 * nothing: that is not an error here. */
static enum outcome ask(
    struct gate *gate, int64_t deadline_ns, redisReply **reply, struct err *err)
{
	enum outcome out = gate_conn_call(
	    &gate->conn, &gate->cmd, deadline_ns, gate->timeout_ms, reply, err);
	struct strv text;

	if (out != OUT_DONE) {
		err_wrap(err, "redis %s: %s", gate->address, gate->cmd.argv[0]);
		return out;
	}
	if ((*reply)->type != REDIS_REPLY_ERROR)
		return OUT_DONE;
	text = strv_from((*reply)->str, (*reply)->len);
	if (strv_starts(text, STRV("NOPERM ")) ||
	    strv_starts(text, STRV("ERR "))) {
		freeReplyObject(*reply);
		*reply = NULL;
		return OUT_DONE;
	}
	gate_error_describe(text, gate->cmd.argv[0], err);
	err_wrap(err, "redis %s", gate->address);
	freeReplyObject(*reply);
	return OUT_NOT_DONE;
}

static void waitaof_start(struct command *cmd, int64_t ms)
{
	command_start(cmd, "WAITAOF");
	command_number(cmd, 1);
	command_number(cmd, 0);
	/* 0 would be for ever. */
	command_number(cmd, ms > 0 ? (uint64_t)ms : 1);
}

static bool waitaof_read(const redisReply *reply, long long *local)
{
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
	    reply->element[0]->type != REDIS_REPLY_INTEGER)
		return false;
	*local = reply->element[0]->integer;
	return true;
}

static enum outcome fsync_ask(struct gate *gate, int64_t deadline_ns,
    enum gate_fsync *out, struct err *err)
{
	redisReply *reply;
	enum outcome done;

	command_start(&gate->cmd, "CONFIG");
	command_text(&gate->cmd, "GET");
	command_text(&gate->cmd, "appendonly");
	command_text(&gate->cmd, "appendfsync");
	command_text(&gate->cmd, "no-appendfsync-on-rewrite");
	done = ask(gate, deadline_ns, &reply, err);
	if (done != OUT_DONE)
		return done;
	*out = GATE_FSYNC_UNKNOWN;
	if (reply == NULL)
		return OUT_DONE;
	*out = fsync_judge(reply);
	return gate_finish(gate, reply, true, err);
}

static bool info_is(struct strv info, const char *name, const char *value)
{
	return strv_eq(gate_info_field(info, name), strv_c(value));
}

/* Scheduled, while none is written: the first one has failed, or has to wait for
 * another child; or somebody has asked for a later one. */
static enum gate_file file_judge(struct gate *gate, struct strv info)
{
	struct strv run = gate_info_field(info, "run_id");

	if (run.n == 0 || gate_info_field(info, "aof_enabled").n == 0)
		return GATE_FILE_UNKNOWN;
	if (!info_is(info, "aof_enabled", "1") ||
	    !info_is(info, "aof_last_write_status", "ok"))
		return GATE_FILE_BROKEN;
	if (info_is(info, "aof_rewrite_in_progress", "0") &&
	    info_is(info, "aof_rewrite_scheduled", "0"))
		return strv_copy(
			   run, gate->whole_in_run, sizeof(gate->whole_in_run))
			   ? GATE_FILE_WHOLE
			   : GATE_FILE_UNKNOWN;
	return strv_eq(run, strv_c(gate->whole_in_run)) ? GATE_FILE_WHOLE
							: GATE_FILE_UNSEEN;
}

static enum outcome file_ask(struct gate *gate, int64_t deadline_ns,
    enum gate_file *out, struct err *err)
{
	redisReply *reply;
	enum outcome done;

	command_start(&gate->cmd, "INFO");
	command_text(&gate->cmd, "server");
	command_text(&gate->cmd, "persistence");
	done = ask(gate, deadline_ns, &reply, err);
	if (done != OUT_DONE)
		return done;
	*out = GATE_FILE_UNKNOWN;
	if (reply == NULL)
		return OUT_DONE;
	*out = file_judge(gate, text_of(reply));
	return gate_finish(gate, reply, true, err);
}

/* Of a connection that wrote nothing it is answered at once. */
static enum outcome waitaof_ask(
    struct gate *gate, int64_t deadline_ns, bool *out, struct err *err)
{
	redisReply *reply;
	long long local;
	enum outcome done;

	waitaof_start(&gate->cmd, 1);
	done = ask(gate, deadline_ns, &reply, err);
	if (done != OUT_DONE)
		return done;
	*out = reply != NULL && waitaof_read(reply, &local);
	if (reply != NULL)
		freeReplyObject(reply);
	return OUT_DONE;
}

static enum outcome look(struct gate *gate, bool at_waitaof,
    int64_t deadline_ns, struct gate_durability *has, struct err *err)
{
	struct gate_durability found = {
	    GATE_FSYNC_UNKNOWN, GATE_FILE_UNKNOWN, false};
	enum outcome out = fsync_ask(gate, deadline_ns, &found.fsync, err);

	/* Switched on again, it begins with a first file again. */
	if (out == OUT_DONE && (found.fsync == GATE_FSYNC_NONE ||
				   found.fsync == GATE_FSYNC_UNKNOWN))
		gate->whole_in_run[0] = '\0';
	if (out == OUT_DONE && found.fsync == GATE_FSYNC_ALWAYS)
		out = file_ask(gate, deadline_ns, &found.file, err);
	if (out == OUT_DONE && at_waitaof)
		out = waitaof_ask(gate, deadline_ns, &found.waitaof, err);
	if (out == OUT_DONE)
		*has = found;
	return out;
}

enum outcome gate_durability(struct gate *gate, int64_t deadline_ns,
    struct gate_durability *has, struct err *err)
{
	return look(gate, true, deadline_ns, has, err);
}

/* ---- judging ------------------------------------------------------------- */

#define OR_ACCEPT_LOSS "or [queue] accept_loss = yes"

static const char *const file_texts[] = {
    [GATE_FILE_UNKNOWN] = "it does not tell this user what becomes of its "
			  "file: allow +info (ACL SETUSER)",
    [GATE_FILE_UNSEEN] = "it is writing its append-only file, and that may be "
			 "the first one: wait until INFO says "
			 "aof_rewrite_in_progress:0",
    [GATE_FILE_BROKEN] = "it cannot write its append-only file "
			 "(aof_last_write_status): see its log",
};

bool gate_durability_suffices(
    enum gate_durable want, const struct gate_durability *has, struct err *err)
{
	switch (want) {
	case GATE_DURABLE_ACCEPT_LOSS:
		return true;
	case GATE_DURABLE_WAITAOF:
		/* Where the kernel decides, nobody ever says that it is synced. */
		if (has->waitaof && has->fsync != GATE_FSYNC_NONE)
			return true;
		err_set(err, 0,
		    "a crash of Redis could lose accepted orders: durability "
		    "= waitaof needs Redis 7.2 or Valkey, appendonly yes, "
		    "appendfsync everysec or always, +waitaof in the "
		    "ACL, " OR_ACCEPT_LOSS);
		return false;
	case GATE_DURABLE_ALWAYS:
		break;
	}
	if (has->fsync == GATE_FSYNC_ALWAYS && has->file == GATE_FILE_WHOLE)
		return true;
	if (has->fsync == GATE_FSYNC_ALWAYS)
		err_set(err, 0,
		    "a crash of Redis could lose accepted orders: "
		    "%s, " OR_ACCEPT_LOSS,
		    file_texts[has->file]);
	else if (has->fsync == GATE_FSYNC_UNKNOWN)
		err_set(err, 0,
		    "a crash of Redis could lose accepted orders: it does not "
		    "tell this user its appendfsync: allow +config|get "
		    "(ACL SETUSER), " OR_ACCEPT_LOSS);
	else
		err_set(err, 0,
		    "a crash of Redis could lose accepted orders (it syncs: "
		    "%s): set appendonly yes, appendfsync always, "
		    "no-appendfsync-on-rewrite no, " OR_ACCEPT_LOSS,
		    gate_fsync_name(has->fsync));
	return false;
}

/* ---- enqueue ------------------------------------------------------------- */

enum outcome gate_durable_before(
    struct gate *gate, int64_t deadline_ns, struct err *err)
{
	bool at_waitaof = gate->durability == GATE_DURABLE_WAITAOF;
	struct gate_durability has;

	if (gate->durability == GATE_DURABLE_ACCEPT_LOSS)
		return OUT_DONE;
	if (gate->conn.redis != NULL &&
	    gate->durable_conn == gate->conn.opened &&
	    mono_ns() < gate->durable_until_ns)
		return OUT_DONE;
	/* Whatever became of the question: the order was not sent. */
	if (look(gate, at_waitaof, deadline_ns, &has, err) != OUT_DONE ||
	    !gate_durability_suffices(gate->durability, &has, err))
		return OUT_NOT_DONE;
	gate->durable_conn = gate->conn.opened;
	gate->durable_until_ns = deadline_in_ms(BELIEVED_MS);
	return OUT_DONE;
}

/* Answers for what this very connection wrote: on a new one there is nothing to
 * wait for, and "synced" would be said of that. */
static enum outcome waitaof(
    struct gate *gate, int64_t deadline_ns, struct err *err)
{
	uint64_t wrote = gate->conn.opened;
	int64_t left_ms = deadline_left_ms(deadline_ns);
	redisReply *reply;
	long long local = 0;

	waitaof_start(&gate->cmd, left_ms - ANSWER_MS);
	/* A sync takes its time: the caller's deadline alone binds. */
	if (gate_conn_call(&gate->conn, &gate->cmd, deadline_ns, left_ms,
		&reply, err) != OUT_DONE)
		return OUT_UNKNOWN;
	if (reply->type == REDIS_REPLY_ERROR)
		gate_error_describe(
		    strv_from(reply->str, reply->len), "WAITAOF", err);
	else
		err_set(err, 0, "WAITAOF: not synced in time");
	if (!waitaof_read(reply, &local))
		local = 0;
	freeReplyObject(reply);
	return local >= 1 && gate->conn.opened == wrote ? OUT_DONE
							: OUT_UNKNOWN;
}

enum outcome gate_durable_after(
    struct gate *gate, int64_t deadline_ns, struct err *err)
{
	uint64_t wrote = gate->conn.opened;
	enum outcome out = OUT_DONE;

	if (gate->durability == GATE_DURABLE_WAITAOF)
		out = waitaof(gate, deadline_ns, err);
	else if (gate_durable_before(gate, deadline_ns, err) != OUT_DONE)
		/* It was written on a new connection, maybe to another server,
		 * which does less. */
		out = OUT_UNKNOWN;
	else if (gate->durability == GATE_DURABLE_ALWAYS &&
		 gate->conn.opened != wrote) {
		err_set(err, 0, "what was asked is another server, maybe");
		out = OUT_UNKNOWN;
	}
	if (out != OUT_DONE)
		err_wrap(err, "redis %s: accepted, but a crash may lose it",
		    gate->address);
	return out;
}

/* ---- what another connection accepted ------------------------------------ */

/* A connection is one run of the server: what was shown over it comes before the
 * touch in the server's file. */
enum outcome gate_durable_seen(
    struct gate *gate, int64_t deadline_ns, struct err *err)
{
	uint64_t shown = gate->conn.opened;
	enum outcome out;

	if (gate->durability != GATE_DURABLE_WAITAOF)
		return OUT_DONE;
	gate_fcall(gate, gate->keys.ref, GATE_FN("touch"));
	out = gate_call_status(gate, deadline_ns, NULL, err);
	if (out == OUT_DONE)
		out = waitaof(gate, deadline_ns, err);
	if (out == OUT_DONE && gate->conn.opened == shown)
		return OUT_DONE;
	if (out == OUT_DONE)
		err_set(err, 0, "what was asked is another server, maybe");
	err_wrap(err, "redis %s: an order waits, but a crash may lose it",
	    gate->address);
	return OUT_UNKNOWN;
}

static bool is_behind(struct gate_entry_id a, struct gate_entry_id b)
{
	return a.ms != b.ms ? a.ms > b.ms : a.seq > b.seq;
}

static bool is_synced(const struct gate *gate, struct gate_entry_id id)
{
	return gate->synced.conn == gate->conn.opened &&
	       gate->synced.ref.sale.v == gate->keys.ref.sale.v &&
	       gate->synced.ref.epoch == gate->keys.ref.epoch &&
	       !is_behind(id, gate->synced.upto);
}

/* Ids grow, so that what comes before a synced entry is synced: who asks again and
 * again for his order waits once. */
enum outcome gate_durable_entries(struct gate *gate,
    const struct gate_entry *entries, size_t n, int64_t deadline_ns,
    struct err *err)
{
	struct gate_entry_id last = {0, 0};
	enum outcome out;

	if (gate->durability != GATE_DURABLE_WAITAOF || n == 0)
		return OUT_DONE;
	for (size_t i = 0; i < n; i++)
		if (is_behind(entries[i].id, last))
			last = entries[i].id;
	if (is_synced(gate, last))
		return OUT_DONE;
	out = gate_durable_seen(gate, deadline_ns, err);
	if (out != OUT_DONE)
		return out;
	gate->synced.conn = gate->conn.opened;
	gate->synced.ref = gate->keys.ref;
	gate->synced.upto = last;
	return OUT_DONE;
}
