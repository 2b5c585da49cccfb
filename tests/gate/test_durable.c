/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gate: an order is accepted when it is as durable as was asked for.  The server
 * is scripted (fake.h), because a real one says what it has: an old one has no
 * WAITAOF, and none fails to sync on command.
 */
#include "config.h"

#include "durable_calls.h"

#include <stdio.h>

/* INFO server persistence; a line that is NULL is not there. */
struct info {
	const char *run, *enabled, *making, *scheduled, *status;
};

#define INFO_MAX 400
static const char *info_reply(const struct info *info, char out[INFO_MAX])
{
	const char *const lines[] = {"# Server\r\nrun_id", info->run,
	    "# Persistence\r\naof_enabled", info->enabled,
	    "aof_rewrite_in_progress", info->making, "aof_rewrite_scheduled",
	    info->scheduled, "aof_last_write_status", info->status};
	char text[INFO_MAX] = "";
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(lines); i += 2)
		if (lines[i + 1] != NULL)
			n += (size_t)snprintf(text + n, sizeof(text) - n,
			    "%s:%s\r\n", lines[i], lines[i + 1]);
	snprintf(out, INFO_MAX, "$%zu\r\n%.*s\r\n", n, INFO_MAX - 20, text);
	return out;
}

static const struct info whole = {RUN, "1", "0", "0", "ok"};

static const char *whole_reply(void)
{
	static char reply[INFO_MAX];

	return info_reply(&whole, reply);
}

static enum outcome enqueue(struct gate *gate, struct err *err)
{
	struct gate_port port = gate_port(gate);
	struct claim_chain chain = {.n = CLAIM_ATTEMPTS};
	struct order draft = {.created = {10}, .ref = "r"};
	struct customer who;
	struct gate_ticket got;

	for (char i = 0; i < CLAIM_ATTEMPTS; i++) {
		memcpy(chain.id[(int)i].b, "claim 0 of eight", CLAIM_BYTES);
		chain.id[(int)i].b[6] = (uint8_t)('0' + i);
	}
	ck_assert(customer_parse(STRV("c"), &who));
	return port.enqueue(port.ctx, ref, &chain, 0, &who, &draft, false,
	    deadline_in_ms(LONG_MS), &got, err);
}

/* ---- what the server says --------------------------------------------------------- */

static const struct {
	const char *settings, *waitaof;
	enum gate_fsync fsync;
	bool has_waitaof;
	/* Enough for. */
	bool for_always, for_waitaof;
} servers[] = {
    {ALWAYS, SYNCED, GATE_FSYNC_ALWAYS, true, true, true},
    {ALWAYS, ABSENT, GATE_FSYNC_ALWAYS, false, true, false},
    {EVERYSEC, SYNCED, GATE_FSYNC_EVERYSEC, true, false, true},
    {EVERYSEC, NOT_SYNCED, GATE_FSYNC_EVERYSEC, true, false, true},
    {EVERYSEC, DENIED, GATE_FSYNC_EVERYSEC, false, false, false},
    {LAZY, SYNCED, GATE_FSYNC_EVERYSEC, true, false, true},
    {KERNEL, SYNCED, GATE_FSYNC_NONE, true, false, false},
    {NO_FILE, FILE_OFF, GATE_FSYNC_NONE, false, false, false},
    {DENIED, SYNCED, GATE_FSYNC_UNKNOWN, true, false, true},
    {DENIED, DENIED, GATE_FSYNC_UNKNOWN, false, false, false},
    {"-ERR unknown command 'CONFIG'\r\n", ABSENT, GATE_FSYNC_UNKNOWN, false,
	false, false},
    {"*0\r\n", ABSENT, GATE_FSYNC_UNKNOWN, false, false, false},
};

START_TEST(test_server)
{
	const struct fake_step steps[] = {GREET(), EXPECT(1),
	    SEND(servers[_i].settings), EXPECT(1), SEND(servers[_i].waitaof),
	    UNTIL_CLOSED()};
	/* The file matters only where it is synced always. */
	const struct fake_step asked[] = {GREET(), EXPECT(1),
	    SEND(servers[_i].settings), EXPECT(1), SEND(whole_reply()),
	    EXPECT(1), SEND(servers[_i].waitaof), UNTIL_CLOSED()};
	struct fake *fake = servers[_i].fsync == GATE_FSYNC_ALWAYS
				? START(asked)
				: START(steps);
	struct gate *gate = durable(fake, GATE_DURABLE_ALWAYS);
	struct gate_durability has;
	struct err err = ERR_INIT;

	ck_assert_int_eq(
	    gate_durability(gate, deadline_in_ms(LONG_MS), &has, &err),
	    OUT_DONE);
	ck_assert_int_eq(has.fsync, servers[_i].fsync);
	ck_assert(has.waitaof == servers[_i].has_waitaof);
	ck_assert(gate_durability_suffices(GATE_DURABLE_ALWAYS, &has, &err) ==
		  servers[_i].for_always);
	ck_assert(gate_durability_suffices(GATE_DURABLE_WAITAOF, &has, &err) ==
		  servers[_i].for_waitaof);
	ck_assert(
	    gate_durability_suffices(GATE_DURABLE_ACCEPT_LOSS, &has, &err));
	stop(fake, gate);
}
END_TEST

static const struct {
	const char *settings; /* NULL: ALWAYS, and then what INFO says */
	struct info info;
	enum gate_file file;
} files[] = {
    {NULL, {RUN, "1", "0", "0", "ok"}, GATE_FILE_WHOLE},
    /* A later rewrite, of a server that we know. */
    {NULL, {RUN, "1", "1", "0", "ok"}, GATE_FILE_WHOLE},
    {NULL, {RUN, "1", "0", "1", "ok"}, GATE_FILE_WHOLE},
    /* Of another one, or of this one after a restart. */
    {NULL, {RUN_2, "1", "1", "0", "ok"}, GATE_FILE_UNSEEN},
    {NULL, {RUN_2, "1", "0", "1", "ok"}, GATE_FILE_UNSEEN},
    {NULL, {RUN_2, "1", "0", "0", "ok"}, GATE_FILE_WHOLE},
    {NULL, {RUN, "1", "1", "0", "ok"}, GATE_FILE_UNSEEN},
    {NULL, {RUN, "1", "0", "0", "ok"}, GATE_FILE_WHOLE},
    /* Switched off and on again: its first file once more. */
    {NO_FILE, {0}, GATE_FILE_UNKNOWN},
    {NULL, {RUN, "1", "1", "0", "ok"}, GATE_FILE_UNSEEN},
    {NULL, {RUN, "1", "0", "0", "ok"}, GATE_FILE_WHOLE},
    {NULL, {RUN, "1", "0", "0", "err"}, GATE_FILE_BROKEN},
    {NULL, {RUN, "1", "1", "0", "err"}, GATE_FILE_BROKEN},
    /* Switched off since CONFIG was asked. */
    {NULL, {RUN, "0", "0", "0", "ok"}, GATE_FILE_BROKEN},
    {NULL, {NULL, "1", "0", "0", "ok"}, GATE_FILE_UNKNOWN},
    {NULL, {RUN, NULL, "0", "0", "ok"}, GATE_FILE_UNKNOWN},
    {NULL, {RUN RUN, "1", "0", "0", "ok"}, GATE_FILE_UNKNOWN},
};

/* One connection, one look after the other: what was seen is remembered. */
START_TEST(test_file)
{
	static char replies[ARRAY_LEN(files)][INFO_MAX];
	struct fake_step steps[6 * ARRAY_LEN(files) + 4] = {GREET()};
	struct gate_durability has;
	struct err err = ERR_INIT;
	struct gate *gate;
	struct fake *fake;
	size_t n = 3;

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		const char *settings = files[i].settings;

		steps[n++] = EXPECT(1);
		steps[n++] = SEND(settings != NULL ? settings : ALWAYS);
		if (settings == NULL) {
			steps[n++] = EXPECT(1);
			steps[n++] =
			    SEND(info_reply(&files[i].info, replies[i]));
		}
		steps[n++] = EXPECT(1);
		steps[n++] = SEND(ABSENT);
	}
	steps[n++] = UNTIL_CLOSED();
	fake = fake_start(steps, n);
	gate = durable(fake, GATE_DURABLE_ALWAYS);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		ck_assert_int_eq(
		    gate_durability(gate, deadline_in_ms(LONG_MS), &has, &err),
		    OUT_DONE);
		ck_assert_msg(has.file == files[i].file, "look %zu: %d", i,
		    (int)has.file);
		ck_assert(gate_durability_suffices(GATE_DURABLE_ALWAYS, &has,
			      &err) == (has.file == GATE_FILE_WHOLE));
	}
	stop(fake, gate);
}
END_TEST

/* CONFIG says yes, and the first file is not there: nothing is sent. */
START_TEST(test_first_file)
{
	static const struct info first = {RUN, "1", "1", "0", "ok"};
	char reply[INFO_MAX];
	const struct fake_step steps[] = {GREET(), EXPECT(1), SEND(ALWAYS),
	    EXPECT(1), SEND(info_reply(&first, reply)), EXPECT(1), SEND(ALWAYS),
	    EXPECT(1), SEND(whole_reply()), EXPECT(1), SEND(TAKEN),
	    UNTIL_CLOSED()};
	struct fake *fake = START(steps);
	struct gate *gate = durable(fake, GATE_DURABLE_ALWAYS);

	ASSERT_NOT(enqueue, OUT_NOT_DONE, "aof_rewrite_in_progress");
	ASSERT_DONE(enqueue);
	stop(fake, gate);
}
END_TEST

/* Each text says what to set; none is cut. */
static const struct {
	enum gate_durable want;
	struct gate_durability has;
	const char *says;
} texts[] = {
    {GATE_DURABLE_ALWAYS, {GATE_FSYNC_UNKNOWN, 0, true}, "allow +config|get"},
    {GATE_DURABLE_ALWAYS, {GATE_FSYNC_NONE, 0, true}, "it syncs: none"},
    {GATE_DURABLE_ALWAYS, {GATE_FSYNC_EVERYSEC, 0, true}, "appendfsync always"},
    {GATE_DURABLE_ALWAYS, {GATE_FSYNC_ALWAYS, GATE_FILE_UNKNOWN, true},
	"allow +info"},
    {GATE_DURABLE_ALWAYS, {GATE_FSYNC_ALWAYS, GATE_FILE_UNSEEN, true},
	"aof_rewrite_in_progress:0"},
    {GATE_DURABLE_ALWAYS, {GATE_FSYNC_ALWAYS, GATE_FILE_BROKEN, true},
	"aof_last_write_status"},
    {GATE_DURABLE_WAITAOF, {GATE_FSYNC_ALWAYS, 0, false},
	"Redis 7.2 or Valkey"},
    {GATE_DURABLE_WAITAOF, {GATE_FSYNC_NONE, 0, true}, "appendfsync everysec"},
};

START_TEST(test_text)
{
	struct err err = ERR_INIT;
	size_t n;

	ck_assert(
	    !gate_durability_suffices(texts[_i].want, &texts[_i].has, &err));
	ck_assert_ptr_nonnull(strstr(err.text, texts[_i].says));
	n = strlen(err.text);
	ck_assert_str_eq(
	    err.text + n - strlen("accept_loss = yes"), "accept_loss = yes");
	/* There is room for where: see the longest address. */
	err_wrap(&err, "sale create");
	ck_assert_uint_lt(strlen(err.text), sizeof(err.text) - 1);
}
END_TEST

START_TEST(test_names)
{
	for (int i = 0; i < GATE_FSYNC_COUNT; i++)
		ck_assert_uint_gt(
		    strlen(gate_fsync_name((enum gate_fsync)i)), 3);
}
END_TEST

/* ---- WAITAOF ---------------------------------------------------------------------- */

/* Asked once, then after each order; it is told how long to wait. */
START_TEST(test_waitaof)
{
	static const struct fake_step steps[] = {GREET(), EXPECT(1),
	    SEND(EVERYSEC), EXPECT(1), SEND(SYNCED), EXPECT(1), SEND(TAKEN),
	    EXPECT(1), SEND(SYNCED), EXPECT(1), SEND(QUEUED), EXPECT(1),
	    SEND(SYNCED), EXPECT(1), SEND("*1\r\n$5\r\nLIMIT\r\n"),
	    UNTIL_CLOSED()};
	static const char begins[] =
	    "*4\r\n$7\r\nWAITAOF\r\n$1\r\n1\r\n$1\r\n0\r\n$5\r\n";
	struct fake *fake = START(steps);
	struct gate *gate = durable(fake, GATE_DURABLE_WAITAOF);
	const char *got, *at;
	size_t n;
	long ms;

	for (int i = 0; i < 3; i++)
		ASSERT_DONE(enqueue);
	gate_free(&gate);
	fake_finish(fake);
	got = fake_got(fake, &n);
	at = memmem(got, n, begins, strlen(begins));
	ck_assert_ptr_nonnull(at);
	ms = strtol(at + strlen(begins), NULL, 10);
	ck_assert_int_gt(ms, 0);
	ck_assert_int_lt(ms, LONG_MS);
	/* A fact that another connection wrote is waited for as well: from 0,
	 * touch 1. */
	ck_assert_ptr_nonnull(memmem(
	    got, n, "$1\r\n0\r\n$1\r\n1\r\n$8\r\n", strlen("$1\r\n0\r\n") * 2));
	fake_stop(&fake);
}
END_TEST

static const struct {
	const char *answer;
	const char *says;
} in_doubt[] = {
    {NOT_SYNCED, "WAITAOF: not synced in time"},
    {FILE_OFF, "appendonly is disabled"},
    {"-READONLY You can't write against a replica\r\n", "point [redis]"},
    {"*1\r\n:1\r\n", "WAITAOF"},
    {":1\r\n", "WAITAOF"},
    {"*2\r\n$1\r\n1\r\n:0\r\n", "WAITAOF"},
};

/* It was accepted, and nobody knows whether it will be there after a crash. */
START_TEST(test_not_synced)
{
	const struct fake_step steps[] = {GREET(), EXPECT(1), SEND(EVERYSEC),
	    EXPECT(1), SEND(SYNCED), EXPECT(1), SEND(TAKEN), EXPECT(1),
	    SEND(in_doubt[_i].answer), UNTIL_CLOSED()};
	struct fake *fake = START(steps);
	struct gate *gate = durable(fake, GATE_DURABLE_WAITAOF);

	ASSERT_NOT(enqueue, OUT_UNKNOWN, in_doubt[_i].says);
	stop(fake, gate);
}
END_TEST

/* The server dies after its answer: "synced" of a connection that wrote nothing is
 * no answer about the order. */
START_TEST(test_synced_on_another_connection)
{
	static const struct fake_step steps[] = {GREET(), EXPECT(1),
	    SEND(TAKEN), CLOSE(), GREET(), EXPECT(1), SEND(SYNCED),
	    UNTIL_CLOSED()};
	struct fake *fake = START(steps);
	struct gate *gate = durable(fake, GATE_DURABLE_WAITAOF);
	struct err err = ERR_INIT;

	ASSERT_DONE(claim);
	fake_reached(fake, 6);
	ck_assert_int_eq(
	    gate_durable_after(gate, deadline_in_ms(LONG_MS), &err),
	    OUT_UNKNOWN);
	stop(fake, gate);
}
END_TEST

/* ---- appendfsync always ------------------------------------------------------------ */

/* Between two orders the address becomes another server's. */
static const struct {
	const char *settings;
	enum outcome outcome;
} other_servers[] = {
    {ALWAYS, OUT_DONE},
    {EVERYSEC, OUT_UNKNOWN},
    {DENIED, OUT_UNKNOWN},
};

START_TEST(test_another_server)
{
	bool good = other_servers[_i].outcome == OUT_DONE;
	const struct fake_step steps[] = {GREET(), EXPECT(1), SEND(ALWAYS),
	    EXPECT(1), SEND(whole_reply()), EXPECT(1), SEND(TAKEN), CLOSE(),
	    GREET(), EXPECT(1), SEND(TAKEN), EXPECT(1),
	    SEND(other_servers[_i].settings), good ? EXPECT(1) : UNTIL_CLOSED(),
	    good ? SEND(whole_reply()) : CLOSE(),
	    good ? UNTIL_CLOSED() : CLOSE()};
	struct fake *fake = START(steps);
	struct gate *gate = durable(fake, GATE_DURABLE_ALWAYS);
	struct err err = ERR_INIT;

	ASSERT_DONE(enqueue);
	fake_reached(fake, 10);
	ck_assert_int_eq(enqueue(gate, &err), other_servers[_i].outcome);
	if (other_servers[_i].outcome != OUT_DONE)
		ck_assert_ptr_nonnull(strstr(err.text, "accepted, but"));
	stop(fake, gate);
}
END_TEST

/* A failover to a weak server, which dies as soon as it has answered: what the next
 * one promises is not about the order. */
START_TEST(test_a_third_server)
{
	const struct fake_step steps[] = {GREET(), EXPECT(1), SEND(ALWAYS),
	    EXPECT(1), SEND(whole_reply()), EXPECT(1), SEND(TAKEN), CLOSE(),
	    GREET(), EXPECT(1), SEND(TAKEN), CLOSE(), GREET(), EXPECT(1),
	    SEND(ALWAYS), EXPECT(1), SEND(whole_reply()), UNTIL_CLOSED()};
	struct fake *fake = START(steps);
	struct gate *gate = durable(fake, GATE_DURABLE_ALWAYS);
	struct err err = ERR_INIT;

	ASSERT_DONE(enqueue);
	fake_reached(fake, 10);
	ASSERT_DONE(claim);
	fake_reached(fake, 6);
	ck_assert_int_eq(
	    gate_durable_after(gate, deadline_in_ms(LONG_MS), &err),
	    OUT_UNKNOWN);
	stop(fake, gate);
}
END_TEST

/* Refused, or not answered: the order was not sent. */
START_TEST(test_not_sent)
{
	static const char *const answers[] = {EVERYSEC, NO_FILE, DENIED,
	    "-LOADING Redis is loading the dataset in memory\r\n", NULL};
	const struct fake_step steps[] = {GREET(), EXPECT(1),
	    answers[_i] != NULL ? SEND(answers[_i]) : CLOSE(),
	    answers[_i] != NULL ? UNTIL_CLOSED() : CLOSE()};
	struct fake *fake = START(steps);
	struct gate *gate = durable(fake, GATE_DURABLE_ALWAYS);
	const char *got;
	size_t n;

	ASSERT_NOT(enqueue, OUT_NOT_DONE, "");
	gate_free(&gate);
	fake_finish(fake);
	got = fake_got(fake, &n);
	ck_assert_ptr_null(memmem(got, n, "FCALL", 5));
	fake_stop(&fake);
}
END_TEST

/* Whoever accepts a loss asks nobody. */
START_TEST(test_accept_loss)
{
	static const struct fake_step steps[] = {
	    GREET(), EXPECT(1), SEND(TAKEN), UNTIL_CLOSED()};
	struct fake *fake = START(steps);
	struct gate *gate = durable(fake, GATE_DURABLE_ACCEPT_LOSS);

	ASSERT_DONE(enqueue);
	stop(fake, gate);
}
END_TEST

TESTS_MAIN("gate-durable",
    UNIT_TABLE("server", test_server, ARRAY_LEN(servers)),
    UNIT("file", test_file), UNIT("first-file", test_first_file),
    UNIT_TABLE("text", test_text, ARRAY_LEN(texts)), UNIT("names", test_names),
    UNIT("waitaof", test_waitaof),
    UNIT_TABLE("not-synced", test_not_synced, ARRAY_LEN(in_doubt)),
    UNIT("synced-elsewhere", test_synced_on_another_connection),
    UNIT_TABLE("another-server", test_another_server, ARRAY_LEN(other_servers)),
    UNIT("third-server", test_a_third_server),
    UNIT_TABLE("not-sent", test_not_sent, 5),
    UNIT("accept-loss", test_accept_loss))
