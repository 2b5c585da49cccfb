/* SPDX-License-Identifier: Apache-2.0 */
/* A gate: made, asked, checked, loaded. */
#include "config.h"

#include "gate/gate.h"
#include "base/bug.h"
#include "base/num.h"
#include "gate/errors.h"
#include "gate/gate_priv.h"
#include "gate/info.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- life ---------------------------------------------------------------- */

static bool text_keep(const char *text, char **out)
{
	*out = strdup(text != NULL ? text : "");
	return *out != NULL;
}

static bool conf_valid(const struct gate_conf *conf, struct err *err)
{
	if (conf->connect_timeout_ms > 0 && conf->timeout_ms > 0 &&
	    conf->lease_ms > 0)
		return true;
	err_set(err, 0, "redis: time-outs and lease must be above 0");
	return false;
}

struct gate *gate_new(const struct gate_conf *conf, struct err *err)
{
	struct gate_address address;
	struct gate *gate;

	if (!conf_valid(conf, err) ||
	    !gate_address_parse(conf->address, &address, err))
		return NULL;
	gate = calloc(1, sizeof(*gate));
	if (gate == NULL || !text_keep(conf->address, &gate->address) ||
	    !text_keep(conf->user, &gate->user) ||
	    !text_keep(conf->password, &gate->password)) {
		gate_free(&gate);
		err_set(err, ENOMEM, "redis: out of memory");
		return NULL;
	}
	gate->target = (struct gate_target){
	    .address = address,
	    .user = gate->user,
	    .password = gate->password,
	    .database = conf->database,
	    .connect_timeout_ms = conf->connect_timeout_ms,
	};
	gate->timeout_ms = conf->timeout_ms;
	gate->lease_ms = conf->lease_ms;
	gate->durability = conf->durability;
	gate_conn_init(&gate->conn, &gate->target);
	return gate;
}

void gate_free(struct gate **gate)
{
	struct gate *g = *gate;

	*gate = NULL;
	if (g == NULL)
		return;
	gate_conn_close(&g->conn);
	free(g->address);
	free(g->user);
	free(g->password);
	free(g);
}

struct gate_port gate_port(struct gate *gate)
{
	struct gate_port port = {.ctx = gate};

	gate_port_claim(&port);
	gate_port_keep(&port);
	gate_port_build(&port);
	gate_port_queue(&port);
	return port;
}

/* ---- calls --------------------------------------------------------------- */

struct command *gate_fcall(
    struct gate *gate, struct gate_ref ref, const char *function)
{
	/* The same sale nearly always: its key names are kept. */
	if (gate->keys.ref.sale.v != ref.sale.v ||
	    gate->keys.ref.epoch != ref.epoch || gate->keys.len[0] == 0)
		gate_keys_make(ref, &gate->keys);
	command_fcall(&gate->cmd, function, &gate->keys);
	return &gate->cmd;
}

/* The function's name, or the command's. */
static const char *name_of(const struct command *cmd)
{
	return strcmp(cmd->argv[0], "FCALL") == 0 ? cmd->argv[1] : cmd->argv[0];
}

static enum outcome send_and_wait(struct gate *gate, struct command *cmd,
    int64_t deadline_ns, redisReply **reply, struct err *err)
{
	enum outcome out = gate_conn_call(
	    &gate->conn, cmd, deadline_ns, gate->timeout_ms, reply, err);

	if (out != OUT_DONE)
		err_wrap(err, "redis %s: %s", gate->address, name_of(cmd));
	return out;
}

static struct strv error_text(const redisReply *reply)
{
	return strv_from(reply->str, reply->len);
}

/* Fills `err` from an error reply and frees it. */
static const struct gate_error *error_take(
    struct gate *gate, redisReply *reply, const char *what, struct err *err)
{
	const struct gate_error *class = gate_error_of(error_text(reply));

	gate_error_describe(error_text(reply), what, err);
	err_wrap(err, "redis %s", gate->address);
	freeReplyObject(reply);
	if (class->remedy == GATE_REMEDY_RECONNECT)
		gate_conn_drop(&gate->conn);
	return class;
}

static enum outcome library_load(
    struct gate *gate, int64_t deadline_ns, struct err *err)
{
	/* The caller's own command waits in gate->cmd meanwhile. */
	struct command *cmd = malloc(sizeof(*cmd));
	redisReply *reply;
	enum outcome out;
	bool right;

	if (cmd == NULL) {
		err_set(err, ENOMEM, "redis: out of memory");
		return OUT_NOT_DONE;
	}
	command_start(cmd, "FUNCTION");
	command_text(cmd, "LOAD");
	command_text(cmd, "REPLACE");
	command_bytes(cmd, gate_lua, gate_lua_bytes);
	out = send_and_wait(gate, cmd, deadline_ns, &reply, err);
	free(cmd);
	if (out != OUT_DONE)
		return out;
	if (reply->type == REDIS_REPLY_ERROR) {
		/* Redis takes a library whole or not at all. */
		error_take(gate, reply, "FUNCTION LOAD", err);
		return OUT_NOT_DONE;
	}
	right = reply->type == REDIS_REPLY_STRING &&
		strv_eq(error_text(reply), STRV(GATE_LIBRARY));
	return gate_finish(gate, reply, right, err);
}

enum outcome gate_call(
    struct gate *gate, int64_t deadline_ns, redisReply **reply, struct err *err)
{
	for (bool loaded = false;; loaded = true) {
		const struct gate_error *class;
		enum outcome out =
		    send_and_wait(gate, &gate->cmd, deadline_ns, reply, err);

		if (out != OUT_DONE || (*reply)->type != REDIS_REPLY_ERROR)
			return out;
		class = error_take(gate, *reply, name_of(&gate->cmd), err);
		if (class->remedy != GATE_REMEDY_LOAD || loaded)
			return class->outcome;
		/* The call was refused; how far the load came is not about
		 * the call. */
		if (library_load(gate, deadline_ns, err) != OUT_DONE)
			return OUT_NOT_DONE;
	}
}

enum outcome gate_finish(
    struct gate *gate, redisReply *reply, bool decoded, struct err *err)
{
	freeReplyObject(reply);
	if (decoded)
		return OUT_DONE;
	gate_conn_drop(&gate->conn);
	err_set(err, 0,
	    "redis %s: reply of a wrong shape: is this Redis, and "
	    "its library %s ours?",
	    gate->address, GATE_LIBRARY);
	return OUT_UNKNOWN;
}

enum outcome gate_call_status(
    struct gate *gate, int64_t deadline_ns, uint32_t *number, struct err *err)
{
	const char *what = name_of(&gate->cmd);
	struct gate_status status = {GATE_STATUS_OK, 0};
	redisReply *reply;
	enum outcome out = gate_call(gate, deadline_ns, &reply, err);

	if (out != OUT_DONE)
		return out;
	out = gate_finish(gate, reply, gate_reply_status(reply, &status), err);
	if (out != OUT_DONE)
		return out;
	switch (status.word) {
	case GATE_STATUS_OK:
		if (number != NULL)
			*number = status.number;
		return OUT_DONE;
	case GATE_STATUS_EPOCH:
		err_set(err, 0,
		    "gate of sale %" PRIu32 ": %s for epoch %" PRIu32
		    " refused: epoch %" PRIu32 " is in use",
		    gate->keys.ref.sale.v, what, gate->keys.ref.epoch,
		    status.number);
		return OUT_NOT_DONE;
	case GATE_STATUS_NO_SALE:
		break;
	}
	err_set(err, 0,
	    "gate of sale %" PRIu32 ": %s refused: Redis does not "
	    "know the sale",
	    gate->keys.ref.sale.v, what);
	return OUT_NOT_DONE;
}

/* ---- checking and loading ------------------------------------------------ */

static enum outcome rights_judge(
    struct gate *gate, redisReply *reply, struct err *err)
{
	char bytes[160];
	struct strbuf missing;
	bool decoded = reply->type == REDIS_REPLY_ARRAY;
	enum outcome out;

	strbuf_init(&missing, bytes, sizeof(bytes));
	for (size_t i = 0; decoded && i < reply->elements; i++) {
		decoded = reply->element[i]->type == REDIS_REPLY_STRING;
		if (!decoded)
			break;
		strbuf_puts(&missing, " +");
		strbuf_put_escaped(&missing, error_text(reply->element[i]));
	}
	out = gate_finish(gate, reply, decoded, err);
	if (out != OUT_DONE || missing.n == 0)
		return out;
	err_set(err, 0,
	    "redis %s: rights on keys {fg:* are missing: ACL SETUSER %s%s",
	    gate->address, gate->user[0] != '\0' ? gate->user : "default",
	    bytes);
	return OUT_NOT_DONE;
}

/* What the functions do is allowed or not command by command.  A library that
 * is not there yet is loaded by somebody, and asked then. */
static enum outcome rights_check(
    struct gate *gate, int64_t deadline_ns, struct err *err)
{
	const struct gate_error *class;
	redisReply *reply;
	enum outcome out;

	gate_fcall(gate, (struct gate_ref){{0}, 0}, GATE_FN("rights"));
	out = send_and_wait(gate, &gate->cmd, deadline_ns, &reply, err);
	if (out != OUT_DONE)
		return out;
	if (reply->type != REDIS_REPLY_ERROR)
		return rights_judge(gate, reply, err);
	class = error_take(gate, reply, GATE_FN("rights"), err);
	return class->remedy == GATE_REMEDY_LOAD ? OUT_DONE : OUT_NOT_DONE;
}

enum outcome gate_check(
    struct gate *gate, int64_t deadline_ns, char version[32], struct err *err)
{
	char found[32] = "";
	redisReply *reply;
	enum outcome out;
	bool good;

	command_start(&gate->cmd, "INFO");
	command_text(&gate->cmd, "default");
	out = send_and_wait(gate, &gate->cmd, deadline_ns, &reply, err);
	if (out != OUT_DONE)
		return out;
	if (reply->type == REDIS_REPLY_ERROR) {
		/* Without the right to ask, the functions must show it. */
		if (!strv_starts(error_text(reply), STRV("NOPERM "))) {
			error_take(gate, reply, "INFO", err);
			return OUT_NOT_DONE;
		}
		freeReplyObject(reply);
	} else if (reply->type != REDIS_REPLY_STRING) {
		return gate_finish(gate, reply, false, err);
	} else {
		good = gate_info_judge(error_text(reply), found, err);
		freeReplyObject(reply);
		if (!good) {
			err_wrap(err, "redis %s", gate->address);
			return OUT_NOT_DONE;
		}
	}
	out = rights_check(gate, deadline_ns, err);
	if (out == OUT_DONE)
		memcpy(version, found, sizeof(found));
	return out;
}

enum outcome gate_load(struct gate *gate, int64_t deadline_ns, struct err *err)
{
	enum outcome out = library_load(gate, deadline_ns, err);

	return out == OUT_DONE ? rights_check(gate, deadline_ns, err) : out;
}

/* ---- what the server says of itself ---------------------------------------- */

/* What a user may not ask, nobody tells him: not an error. */
static enum outcome ask(
    struct gate *gate, int64_t deadline_ns, redisReply **reply, struct err *err)
{
	enum outcome out =
	    send_and_wait(gate, &gate->cmd, deadline_ns, reply, err);

	if (out != OUT_DONE || (*reply)->type != REDIS_REPLY_ERROR)
		return out;
	if (strv_starts(error_text(*reply), STRV("NOPERM "))) {
		freeReplyObject(*reply);
		*reply = NULL;
		return OUT_DONE;
	}
	error_take(gate, *reply, gate->cmd.argv[0], err);
	return OUT_NOT_DONE;
}

enum outcome gate_setting(struct gate *gate, const char *name, bool info,
    int64_t deadline_ns, char value[GATE_VALUE_MAX], bool *found,
    struct err *err)
{
	redisReply *reply;
	struct strv text = {NULL, 0};
	enum outcome out;

	command_start(&gate->cmd, info ? "INFO" : "CONFIG");
	command_text(&gate->cmd, info ? "default" : "GET");
	if (!info)
		command_text(&gate->cmd, name);
	out = ask(gate, deadline_ns, &reply, err);
	if (out != OUT_DONE)
		return out;
	*found = false;
	if (reply == NULL)
		return OUT_DONE;
	if (info && reply->type == REDIS_REPLY_STRING)
		text = gate_info_field(error_text(reply), name);
	else if (!info && reply->type == REDIS_REPLY_ARRAY &&
		 reply->elements == 2 &&
		 reply->element[1]->type == REDIS_REPLY_STRING)
		text = error_text(reply->element[1]);
	*found = text.p != NULL && strv_copy(text, value, GATE_VALUE_MAX);
	freeReplyObject(reply);
	return OUT_DONE;
}

enum outcome gate_time(struct gate *gate, int64_t deadline_ns, struct wall *now,
    bool *found, struct err *err)
{
	uint64_t seconds, us;
	redisReply *reply;
	enum outcome out;

	command_start(&gate->cmd, "TIME");
	out = ask(gate, deadline_ns, &reply, err);
	if (out != OUT_DONE)
		return out;
	*found = reply != NULL && reply->type == REDIS_REPLY_ARRAY &&
		 reply->elements == 2 &&
		 num_parse_u64(error_text(reply->element[0]), 0,
		     INT64_MAX / US_PER_S / 2, &seconds) &&
		 num_parse_u64(error_text(reply->element[1]), 0, US_PER_S, &us);
	if (*found)
		now->us = (int64_t)(seconds * US_PER_S + us);
	freeReplyObject(reply);
	return OUT_DONE;
}
