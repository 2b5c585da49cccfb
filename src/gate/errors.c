/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Error replies of Redis.  Everything that Redis refuses before it runs the
 * function is NOT_DONE (measured for OOM, READONLY, NOREPLICAS, NOPERM,
 * MISCONF: the free list is unchanged).  What comes out of a running function
 * may have happened by half, and what is not known here may be anything:
 * UNKNOWN.
 */
#include "config.h"

#include "gate/errors.h"

static const struct gate_error rows[] = {
    {"NOAUTH", OUT_NOT_DONE, GATE_REMEDY_RECONNECT,
	"set the password in [redis]"},
    {"WRONGPASS", OUT_NOT_DONE, GATE_REMEDY_RECONNECT,
	"check user and password in [redis]"},
    {"NOPERM", OUT_NOT_DONE, GATE_REMEDY_NONE,
	"give the Redis user this right (ACL SETUSER)"},
    {"DENIED", OUT_NOT_DONE, GATE_REMEDY_RECONNECT,
	"Redis is in protected mode: set a password or bind it"},
    {"LOADING", OUT_NOT_DONE, GATE_REMEDY_NONE,
	"Redis is reading its data: wait"},
    {"READONLY", OUT_NOT_DONE, GATE_REMEDY_RECONNECT,
	"this is a replica: point [redis] to the master"},
    {"OOM", OUT_NOT_DONE, GATE_REMEDY_NONE,
	"raise maxmemory of Redis, policy noeviction"},
    {"MISCONF", OUT_NOT_DONE, GATE_REMEDY_NONE,
	"Redis cannot write its data file: see its log and disk"},
    {"NOREPLICAS", OUT_NOT_DONE, GATE_REMEDY_NONE,
	"too few replicas are in step (min-replicas-to-write)"},
    {"MASTERDOWN", OUT_NOT_DONE, GATE_REMEDY_RECONNECT,
	"this is a replica without its master"},
    {"BUSY", OUT_NOT_DONE, GATE_REMEDY_NONE,
	"another function runs for too long: FUNCTION KILL"},
    {"CLUSTERDOWN", OUT_NOT_DONE, GATE_REMEDY_RECONNECT,
	"the cluster does not serve this slot"},
    {"MOVED", OUT_NOT_DONE, GATE_REMEDY_RECONNECT,
	"the sale's slot is on another node: point [redis] there"},
    {"ASK", OUT_NOT_DONE, GATE_REMEDY_NONE,
	"the sale's slot is being moved to another node"},
    {"TRYAGAIN", OUT_NOT_DONE, GATE_REMEDY_NONE,
	"the sale's slot is being moved to another node"},
    {"CROSSSLOT", OUT_NOT_DONE, GATE_REMEDY_NONE,
	"report this: the keys of a sale must share one slot"},
    {"ERR Function not found", OUT_NOT_DONE, GATE_REMEDY_LOAD,
	"the library of functions is not loaded"},
    {"ERR unknown command", OUT_NOT_DONE, GATE_REMEDY_NONE,
	"Redis 7 or later, or Valkey, is needed"},
    {"ERR max number of clients reached", OUT_NOT_DONE, GATE_REMEDY_RECONNECT,
	"raise maxclients of Redis"},
    {"ERR", OUT_UNKNOWN, GATE_REMEDY_NONE, ""},
    {"WRONGTYPE", OUT_UNKNOWN, GATE_REMEDY_NONE,
	"a key of the sale is not ours: rebuild the sale"},
};

static const struct gate_error unknown = {
    "", OUT_UNKNOWN, GATE_REMEDY_NONE, ""};

const struct gate_error *gate_error_table(size_t *n)
{
	*n = ARRAY_LEN(rows);
	return rows;
}

static bool holds(struct strv text, const char *part)
{
	return memmem(text.p, text.n, part, strlen(part)) != NULL;
}

/* Whole words: BUSY is not BUSYGROUP. */
static bool begins(struct strv text, const char *prefix)
{
	struct strv head = strv_c(prefix);

	return strv_starts(text, head) &&
	       (text.n == head.n || text.p[head.n] == ' ');
}

const struct gate_error *gate_error_of(struct strv reply)
{
	/*
	 * Redis 7 ends what a command inside a function raised with
	 * "script: fg_claim_v1, on @user_function:12.": whatever it begins
	 * with, the function was already running.
	 */
	if (reply.n == 0 ||
	    (holds(reply, "script: ") && holds(reply, "@user_")))
		return &unknown;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (begins(reply, rows[i].prefix))
			return &rows[i];
	return &unknown;
}

void gate_error_describe(struct strv reply, const char *what, struct err *err)
{
	const char *advice = gate_error_of(reply)->advice;
	char bytes[96];
	struct strbuf text;

	/* The advice is worth more than the end of a long reply. */
	strbuf_init(&text, bytes, sizeof(bytes));
	strbuf_put_escaped(&text, reply);
	err_set(err, 0, "%s: %s%s%s", what, bytes,
	    advice[0] != '\0' ? "; " : "", advice);
}
