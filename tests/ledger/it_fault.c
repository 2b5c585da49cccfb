/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger: an answer that is an error, no answer, or not an answer; played by a
 * proxy in front of the real server, through the real client library.
 */
#include "config.h"

#include "it.h"

#include "error_rows.h"

#include <stdio.h>
#include <unistd.h>

static MYSQL *root;
static struct proxy *proxy;
static struct ledger *ledger;
static struct ledger_port port;
static struct sale sale;

static void begin(void)
{
	root = it_root();
	sale = it_sale(root);
	proxy = proxy_start(it_dir(), it_socket());
	ledger = it_ledger_with((struct it_conf){.address = proxy->path});
	port = ledger_port(ledger);
}

static void end(void)
{
	ledger_free(&ledger);
	proxy_stop(proxy);
	mysql_close(root);
}

/* The pause after a failure is over. */
static void pause_ends(struct ledger *of)
{
	while (mono_ns() < of->conn.pause_until_ns)
		usleep(5000);
}

/* ---- every row of the table ---------------------------------------------- */

/*
 * A server that sends a code of the client's own range is not believed: the
 * library calls that malformed, which is as final (connect, prepare) or as
 * doubtful (execute) as the code itself would have been.
 */
static int code_heard(unsigned code)
{
	bool client =
	    (code >= 2000 && code < 3000) || (code >= 5000 && code < 6000);

	return client ? CR_MALFORMED_PACKET : (int)code;
}

static void play_connect(const struct error_expected *want)
{
	struct err err = ERR_INIT;
	char code[16];

	proxy->trick = PROXY_GREETING_ERROR;
	proxy->code = want->code;
	snprintf(code, sizeof(code), "MySQL %d", code_heard(want->code));
	ck_assert_int_eq(port.ready(port.ctx, SOON, &err), want->outcome);
	ck_assert_msg(strstr(err.text, code) != NULL, "says \"%s\"", err.text);
	ck_assert_int_eq(err.code, code_heard(want->code));
}

static void play_prepare(const struct error_expected *want)
{
	struct err err = ERR_INIT;

	ck_done(conn_ensure(&ledger->conn, SOON, &why));
	proxy->trick = PROXY_PREPARE_ERROR;
	proxy->code = want->code;
	ck_assert_int_eq(
	    exec_prepare(&ledger->conn, STMT_RECORD, PHASE_PREPARE, &err),
	    want->outcome);
	ck_assert_int_eq(err.code, code_heard(want->code));
}

static void play_execute(const struct error_expected *want)
{
	struct order order = it_order(&sale, 1, "alice");
	enum ledger_record answer = LEDGER_RECORDED;
	struct err err = ERR_INIT;
	enum outcome out;

	ck_done(port.ready(port.ctx, SOON, &why));
	proxy->trick = PROXY_EXECUTE_ERROR;
	proxy->code = want->code;
	out = port.record(port.ctx, &order, SOON, &answer, &err);
	if (want->code == 1062) {
		ck_assert_int_eq(out, OUT_DONE);
		ck_assert_int_eq(answer, LEDGER_CLASH);
		return;
	}
	ck_assert_msg(
	    out == want->outcome, "%s: %s", outcome_name(out), err.text);
	ck_assert_int_eq(err.code, code_heard(want->code));
	/* The answer is untouched unless the call was done. */
	ck_assert_int_eq(answer, LEDGER_RECORDED);
	ck_assert_ptr_null(strstr(err.text, "played"));
}

START_TEST(test_every_row)
{
	const struct error_expected *want = &error_expected[_i];
	struct order order;

	begin();
	if (want->phase == PHASE_CONNECT)
		play_connect(want);
	else if (want->phase == PHASE_PREPARE)
		play_prepare(want);
	else
		play_execute(want);
	/* What is not to be kept is gone; what connects badly always is. */
	if (want->fate == FATE_KEEP)
		ck_assert_ptr_nonnull(ledger->conn.mysql);
	else
		ck_assert_ptr_null(ledger->conn.mysql);
	if (want->fate == FATE_PAUSE)
		ck_assert_int_gt(ledger->conn.pause_until_ns, 0);
	/* And afterwards all is well again. */
	proxy->trick = PROXY_PASS;
	pause_ends(ledger);
	order = it_order(&sale, 2, "bob");
	ck_assert_int_eq(it_record(ledger, &order), LEDGER_RECORDED);
	end();
}
END_TEST

/* ---- the answer is lost -------------------------------------------------- */

START_TEST(test_acknowledgement_lost)
{
	struct order order, got;
	enum ledger_record answer;

	begin();
	order = it_order(&sale, 1, "alice");
	ck_done(port.ready(port.ctx, SOON, &why));
	proxy->trick = PROXY_CUT_AFTER;
	ck_refused(OUT_UNKNOWN, "insert order",
	    port.record(port.ctx, &order, SOON, &answer, &why));
	ck_assert_ptr_null(ledger->conn.mysql);
	/* The same insert again finds its own row. */
	ck_assert_int_eq(it_record(ledger, &order), LEDGER_CLASH);
	ck_assert(it_find(ledger, &order.claim, &got));
	ck_assert_int_eq(got.status, ORDER_SOLD);
	ck_assert_uint_eq(got.unit, 1);
	end();
}
END_TEST

START_TEST(test_request_lost)
{
	struct order order, got;
	enum ledger_record answer;

	begin();
	order = it_order(&sale, 1, "alice");
	ck_done(port.ready(port.ctx, SOON, &why));
	proxy->trick = PROXY_CUT_BEFORE;
	ck_refused(OUT_UNKNOWN, "insert order",
	    port.record(port.ctx, &order, SOON, &answer, &why));
	ck_assert(!it_find(ledger, &order.claim, &got));
	ck_assert_int_eq(it_record(ledger, &order), LEDGER_RECORDED);
	end();
}
END_TEST

START_TEST(test_answer_is_noise)
{
	struct order order;
	enum ledger_record answer;

	begin();
	order = it_order(&sale, 1, "alice");
	ck_done(port.ready(port.ctx, SOON, &why));
	proxy->trick = PROXY_EXECUTE_NOISE;
	ck_refused(OUT_UNKNOWN, "insert order",
	    port.record(port.ctx, &order, SOON, &answer, &why));
	ck_assert_ptr_null(ledger->conn.mysql);
	ck_assert_int_eq(it_record(ledger, &order), LEDGER_RECORDED);
	end();
}
END_TEST

/* A void that was lost on its way is decided by reading, and by doing it again. */
START_TEST(test_void_lost)
{
	struct order claim, got;

	begin();
	claim = it_order(&sale, 1, "alice");
	ck_done(port.ready(port.ctx, SOON, &why));
	proxy->trick = PROXY_CUT_AFTER;
	ck_refused(OUT_UNKNOWN, "void claim",
	    port.void_claims(port.ctx, (struct gate_ref){sale.id, 1}, &claim, 1,
		SOON, &why));
	it_void(ledger, &claim, 1);
	ck_assert(it_find(ledger, &claim.claim, &got));
	ck_assert_int_eq(got.status, ORDER_VOID);
	end();
}
END_TEST

/* ---- operators ----------------------------------------------------------- */

/* Before the commit nothing is in doubt: the server rolls back. */
START_TEST(test_change_cut_in_the_middle_is_not_done)
{
	struct ledger *admin;
	bool won;

	begin();
	admin = it_ledger_with((struct it_conf){.address = proxy->path,
	    .user = "fg_admin",
	    .password = "change-me-3"});
	ck_done(conn_ensure(&admin->conn, SOON, &why));
	proxy->trick = PROXY_CUT_AFTER;
	ck_refused(OUT_NOT_DONE, "set state",
	    ledger_sale_set_state(admin, sale.id, SALE_STATE_OPEN,
		SALE_STATE_PAUSED, "anna", &won, &why));
	ck_done(ledger_sale_set_state(admin, sale.id, SALE_STATE_OPEN,
	    SALE_STATE_CLOSED, "anna", &won, &why));
	ck_assert(won);
	ledger_free(&admin);
	end();
}
END_TEST

/* After it, everything is. */
START_TEST(test_commit_acknowledgement_lost)
{
	struct ledger *admin;
	bool won;

	begin();
	admin = it_ledger_with((struct it_conf){.address = proxy->path,
	    .user = "fg_admin",
	    .password = "change-me-3"});
	ck_done(conn_ensure(&admin->conn, SOON, &why));
	proxy->trick = PROXY_COMMIT_CUT_AFTER;
	ck_refused(OUT_UNKNOWN, "commit",
	    ledger_sale_set_state(admin, sale.id, SALE_STATE_OPEN,
		SALE_STATE_PAUSED, "anna", &won, &why));
	ck_assert_int_eq(it_number(root,
			     "SELECT COUNT(*) FROM sales JOIN audit "
			     "ON sale_id = sales.id WHERE state = 'paused' "
			     "AND sales.id = %u",
			     sale.id.v),
	    1);
	ledger_free(&admin);
	end();
}
END_TEST

/* The server refuses the commit and keeps the connection: nothing of the change
 * may be left open on it, to be committed by whatever comes next. */
START_TEST(test_commit_refused)
{
	struct ledger *admin;
	bool won;

	begin();
	admin = it_ledger_with((struct it_conf){.address = proxy->path,
	    .user = "fg_admin",
	    .password = "change-me-3"});
	ck_done(conn_ensure(&admin->conn, SOON, &why));
	proxy->trick = PROXY_COMMIT_ERROR;
	proxy->code = 1213;
	ck_refused(OUT_NOT_DONE, "deadlock",
	    ledger_sale_set_state(admin, sale.id, SALE_STATE_OPEN,
		SALE_STATE_PAUSED, "anna", &won, &why));
	ck_assert_ptr_nonnull(admin->conn.mysql);
	ck_done(ledger_audit(admin, sale.id, "anna", "after", "", &why));
	ck_assert_int_eq(it_number(root,
			     "SELECT COUNT(*) FROM sales JOIN audit "
			     "ON sale_id = sales.id WHERE state = 'open' "
			     "AND what = 'after' AND sales.id = %u",
			     sale.id.v),
	    1);
	ck_assert_int_eq(
	    it_number(root, "SELECT COUNT(*) FROM audit WHERE sale_id = %u",
		sale.id.v),
	    1);
	ledger_free(&admin);
	end();
}
END_TEST

/* A transaction must not go on over a new connection, outside of itself. */
START_TEST(test_no_reconnection_inside_a_transaction)
{
	MYSQL_BIND param;
	struct call call = {.id = STMT_SALE, .params = &param};
	struct err err = ERR_INIT;

	begin();
	ck_done(tx_begin(&ledger->conn, SOON, &why));
	conn_close(&ledger->conn);
	ck_assert_int_eq(
	    tx_call(&ledger->conn, &call, SOON, &err), OUT_NOT_DONE);
	ck_assert_int_eq(tx_commit(&ledger->conn, SOON, &err), OUT_NOT_DONE);
	ck_assert_ptr_null(ledger->conn.mysql);
	/* Then it may. */
	ck_done(port.ready(port.ctx, SOON, &why));
	end();
}
END_TEST

/* ---- connecting ---------------------------------------------------------- */

START_TEST(test_silent_server)
{
	struct ledger *hasty;
	struct ledger_port hasty_port;
	int64_t began_ns, took_ns;

	begin();
	hasty = it_ledger_with((struct it_conf){
	    .address = proxy->path, .connect_timeout_ms = 200});
	hasty_port = ledger_port(hasty);
	proxy->trick = PROXY_GREETING_SILENCE;
	began_ns = mono_ns();
	ck_refused(OUT_NOT_DONE, proxy->path,
	    hasty_port.ready(hasty_port.ctx, SOON, &why));
	took_ns = mono_ns() - began_ns;
	/* 200 ms are a second to the client library; and it did wait. */
	ck_assert_int_ge(took_ns, SECOND_NS / 2);
	ck_assert_int_lt(took_ns, 8 * SECOND_NS);
	ledger_free(&hasty);
	end();
}
END_TEST

START_TEST(test_greeting_is_noise)
{
	begin();
	proxy->trick = PROXY_GREETING_NOISE;
	ck_refused(OUT_NOT_DONE, proxy->path, port.ready(port.ctx, SOON, &why));
	end();
}
END_TEST

/* A hundred workers that cannot connect are no storm. */
START_TEST(test_no_hammering)
{
	struct err first = ERR_INIT;
	int64_t pause_ns;

	begin();
	proxy->trick = PROXY_GREETING_ERROR;
	proxy->code = 1040;
	ck_assert_int_eq(port.ready(port.ctx, SOON, &first), OUT_NOT_DONE);
	pause_ns = ledger->conn.pause_until_ns;
	ck_assert_int_le(pause_ns, mono_ns() + CONN_PAUSE_MS * NS_PER_MS);
	/* Far from over, however slow this machine is. */
	ledger->conn.pause_until_ns = SOON;
	for (int i = 0; i < 100; i++)
		ck_refused(
		    OUT_NOT_DONE, first.text, port.ready(port.ctx, SOON, &why));
	ck_assert_uint_eq(proxy->connections, 1);
	/* Over: exactly one more. */
	ledger->conn.pause_until_ns = pause_ns;
	pause_ends(ledger);
	proxy->trick = PROXY_PASS;
	ck_done(port.ready(port.ctx, SOON, &why));
	ck_assert_uint_eq(proxy->connections, 2);
	end();
}
END_TEST

/* A proxy that shares connections may swallow SET: without strict mode and unique
 * checks nothing is sold. */
START_TEST(test_session_settings_lost)
{
	begin();
	it_sql(root, "SET GLOBAL sql_mode = ''");
	proxy->trick = PROXY_SET_DROPPED;
	ck_refused(OUT_NOT_DONE, "drops SET", port.ready(port.ctx, SOON, &why));
	it_sql(root, "SET GLOBAL sql_mode = DEFAULT");
	ck_assert_ptr_null(ledger->conn.mysql);
	end();
}
END_TEST

/* A hostile server asks for a file in answer to a harmless query. */
START_TEST(test_no_file_for_the_server)
{
	begin();
	proxy->trick = PROXY_ASK_FILE;
	ck_refused(
	    OUT_NOT_DONE, "set up session", port.ready(port.ctx, SOON, &why));
	ck_assert_uint_eq(proxy->file_bytes, 0);
	ck_assert_int_eq(proxy->trick, PROXY_PASS);
	end();
}
END_TEST

IT_PART(part_fault,
    UNIT_TABLE("every-row", test_every_row, ARRAY_LEN(error_expected)),
    UNIT("ack-lost", test_acknowledgement_lost),
    UNIT("request-lost", test_request_lost),
    UNIT("noise", test_answer_is_noise), UNIT("void-lost", test_void_lost),
    UNIT("change-cut", test_change_cut_in_the_middle_is_not_done),
    UNIT("commit-lost", test_commit_acknowledgement_lost),
    UNIT("commit-refused", test_commit_refused),
    UNIT("settings-lost", test_session_settings_lost),
    UNIT("tx-reconnect", test_no_reconnection_inside_a_transaction),
    UNIT("silence", test_silent_server),
    UNIT("greeting-noise", test_greeting_is_noise),
    UNIT("no-hammering", test_no_hammering),
    UNIT("local-file", test_no_file_for_the_server))
