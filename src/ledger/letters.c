/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accepted orders that no row can hold: buried by a settler, looked after by the
 * operator.  A letter undoes no outcome: its claim is void, and stays so.
 */
#include "config.h"

#include "ledger/impl.h"

#include "base/bug.h"
#include "base/failpoint.h"

#include <inttypes.h>
#include <stdio.h>

static const char *const state_names[] = {
    [LETTER_DEAD] = "dead", [LETTER_RETRIED] = "retried"};
_Static_assert(ARRAY_LEN(state_names) == LETTER_STATE_COUNT, "a name for each");

const char *letter_state_name(enum letter_state state)
{
	BUG_ON((unsigned)state >= LETTER_STATE_COUNT);
	return state_names[state];
}

bool letter_state_parse(struct strv text, enum letter_state *out)
{
	for (size_t i = 0; i < LETTER_STATE_COUNT; i++)
		if (strv_eq(text, strv_c(state_names[i]))) {
			*out = (enum letter_state)i;
			return true;
		}
	return false;
}

/* ---- burial: a settler --------------------------------------------------- */

/*
 * Behind a rebuild nothing is buried: the order may live on, and a letter of it
 * would have the operator make a second one.  Until the commit a rebuild waits.
 */
static enum outcome epoch_hold(struct ledger *ledger, struct gate_ref ref,
    int64_t deadline_ns, struct err *err)
{
	MYSQL_BIND param;
	struct call call = {.id = STMT_EPOCH_HOLD, .params = &param};
	int64_t epoch = -1;
	enum outcome out;

	param_u32(&param, &ref.sale.v);
	out = ledger_read_number(ledger, &call, deadline_ns, &epoch, err);
	if (out != OUT_DONE)
		return OUT_NOT_DONE;
	if (epoch == (int64_t)ref.epoch)
		return OUT_DONE;
	err_set(err, 0,
	    "bury order: sale %" PRIu32 " is not in epoch %" PRIu32 " any more",
	    ref.sale.v, ref.epoch);
	return OUT_NOT_DONE;
}

static enum outcome void_add(struct ledger *ledger, struct gate_ref ref,
    const struct order *order, int64_t deadline_ns, struct err *err)
{
	MYSQL_BIND params[VOID_PARAM_COUNT + VOID_GUARD_COUNT];
	struct call call = {.id = STMT_VOID_1, .params = params};

	if (claim_is_none(&order->claim))
		return OUT_DONE;
	param_void(params, order);
	param_void_guard(&params[VOID_PARAM_COUNT], &ref);
	return tx_call(&ledger->conn, &call, deadline_ns, err);
}

/*
 * Whatever the entry said, a letter can say it: the columns are as wide as what
 * is read into.  A time that MySQL does not know is none.  *again when it is
 * buried already.
 */
static enum outcome letter_add(struct ledger *ledger,
    const struct dead_letter *letter, int64_t deadline_ns, bool *again,
    struct err *err)
{
	const struct order *order = &letter->order;
	struct wall when = order->created;
	char reason[DEAD_REASON_MAX];
	MYSQL_TIME created;
	MYSQL_BIND params[13];
	struct call call = {.id = STMT_LETTER_ADD, .params = params};
	struct strbuf buf;
	enum outcome out;

	if (!wall_fits_mysql(when))
		when.us = 0;
	/* What does not fit is cut: it is for a person's eyes. */
	strbuf_init(&buf, reason, sizeof(reason));
	strbuf_put_escaped(
	    &buf, strv_from(letter->reason,
		      strnlen(letter->reason, sizeof(letter->reason))));
	param_u32(&params[0], &order->sale.v);
	param_u32(&params[1], &order->epoch);
	param_u64(&params[2], &letter->entry.ms);
	param_u64(&params[3], &letter->entry.seq);
	param_u32(&params[4], &letter->deliveries);
	param_text(&params[5], strv_c(reason));
	if (claim_is_none(&order->claim))
		param_null(&params[6]);
	else
		param_claim(&params[6], &order->claim);
	param_customer(&params[7], &order->customer);
	param_u32(&params[8], &order->unit);
	param_u32(&params[9], &order->slot);
	param_bytes(&params[10], order->payload_hash, PAYLOAD_HASH_BYTES);
	param_ref(&params[11], order->ref);
	param_wall(&params[12], when, &created);
	out = tx_call(&ledger->conn, &call, deadline_ns, err);
	/* The entry's own key, the only one that can be in the way.  That took
	 * back this statement, not the void row. */
	*again = out == OUT_NOT_DONE && err->code == ER_DUP_ENTRY &&
		 ledger->conn.mysql != NULL;
	return *again ? OUT_DONE : out;
}

enum outcome ledger_bury(void *ctx, struct gate_ref ref,
    const struct dead_letter *letter, int64_t deadline_ns, struct err *err)
{
	struct ledger *ledger = ctx;
	enum outcome out = tx_begin(&ledger->conn, deadline_ns, err);
	bool again = false;

	if (out != OUT_DONE)
		return out;
	out = epoch_hold(ledger, ref, deadline_ns, err);
	if (out == OUT_DONE)
		out = void_add(ledger, ref, &letter->order, deadline_ns, err);
	if (out == OUT_DONE)
		out = letter_add(ledger, letter, deadline_ns, &again, err);
	if (out != OUT_DONE) {
		tx_rollback(&ledger->conn);
		return out;
	}
	FAILPOINT(bury_before_commit);
	out = tx_commit(&ledger->conn, deadline_ns, err);
	/* That commit had nothing to write, and the letter that was met may be
	 * seen before it is on disk: a crash would take it back after its entry
	 * was told to be done with. */
	if (out == OUT_DONE && again)
		out = durable_barrier(ledger, deadline_ns, err);
	return out;
}

/* ---- looking ------------------------------------------------------------- */

struct letters_reader {
	struct letter_row row;
	struct ledger_letter *out;
	size_t max, n;
};

static bool letters_row(void *ctx, struct err *err)
{
	struct letters_reader *reader = ctx;

	if (reader->n == reader->max) {
		err_set(err, 0, "more dead letters than were asked for");
		return false;
	}
	return letter_row_read(&reader->row, &reader->out[reader->n++], err);
}

static enum outcome letters_read(struct ledger *ledger, struct call *call,
    struct letters_reader *reader, struct err *err)
{
	letter_row_bind(&reader->row);
	call->results = reader->row.bind;
	call->row = letters_row;
	call->ctx = reader;
	return conn_call(&ledger->conn, call, NO_DEADLINE, err);
}

/* LETTERS_WANTED of statements.c. */
struct wanted_params {
	int64_t sale, retried;
};

static void param_wanted(MYSQL_BIND *params,
    const struct letters_wanted *wanted, struct wanted_params *room)
{
	room->sale = wanted->sale.v;
	room->retried = wanted->retried;
	param_i64(&params[0], &room->sale);
	param_i64(&params[1], &room->sale);
	param_i64(&params[2], &room->retried);
}

enum outcome ledger_letters_page(struct ledger *ledger,
    const struct letters_wanted *wanted, uint64_t after,
    struct ledger_letter *letters, size_t max, size_t *n, struct err *err)
{
	struct letters_reader reader = {.out = letters, .max = max};
	int64_t limit = (int64_t)max;
	struct wanted_params room;
	MYSQL_BIND params[5];
	struct call call = {.id = STMT_LETTERS_PAGE, .params = params};
	enum outcome out;

	param_u64(&params[0], &after);
	param_wanted(&params[1], wanted, &room);
	param_i64(&params[4], &limit);
	out = letters_read(ledger, &call, &reader, err);
	if (out == OUT_DONE)
		*n = reader.n;
	return out;
}

enum outcome ledger_letters_count(struct ledger *ledger,
    const struct letters_wanted *wanted, int64_t deadline_ns, uint64_t *n,
    struct err *err)
{
	struct wanted_params room;
	MYSQL_BIND params[3];
	struct call call = {.id = STMT_LETTERS_COUNT, .params = params};
	int64_t count = 0;
	enum outcome out;

	param_wanted(params, wanted, &room);
	out = ledger_read_number(ledger, &call, deadline_ns, &count, err);
	if (out == OUT_DONE)
		*n = (uint64_t)count;
	return out;
}

enum outcome ledger_letter_find(struct ledger *ledger, uint64_t id,
    struct ledger_letter *letter, bool *found, struct err *err)
{
	struct ledger_letter one;
	struct letters_reader reader = {.out = &one, .max = 1};
	MYSQL_BIND param;
	struct call call = {.id = STMT_LETTER_FIND, .params = &param};
	enum outcome out;

	param_u64(&param, &id);
	out = letters_read(ledger, &call, &reader, err);
	if (out != OUT_DONE)
		return out;
	*found = reader.n > 0;
	if (*found)
		*letter = one;
	return OUT_DONE;
}

/* ---- changing ------------------------------------------------------------ */

/* For the audit row, as JSON without its end. */
static void letter_told(
    struct strbuf *detail, const struct ledger_letter *letter)
{
	char order[ORDER_TEXT_LEN + 1] = "";

	if (!claim_is_none(&letter->dead.order.claim))
		claim_format(&letter->dead.order.claim, order);
	strbuf_printf(detail, "{\"letter\":%" PRIu64 ",\"order\":\"%s\"",
	    letter->id, order);
}

enum outcome ledger_letter_drop(struct ledger *ledger,
    const struct ledger_letter *letter, const char *actor, bool *won,
    struct err *err)
{
	MYSQL_BIND param;
	struct call call = {.id = STMT_LETTER_DROP, .params = &param};
	char bytes[128];
	struct audit_row row = {
	    letter->dead.order.sale, actor, "letter-drop", bytes};
	struct strbuf detail;

	strbuf_init(&detail, bytes, sizeof(bytes));
	letter_told(&detail, letter);
	strbuf_putc(&detail, '}');
	param_u64(&param, &letter->id);
	return ledger_change(ledger, &call, &row, won, err);
}

enum outcome ledger_letters_drop(struct ledger *ledger, struct sale_id sale,
    const char *actor, uint64_t *n, struct err *err)
{
	int64_t limit = LETTERS_DROP_MAX;
	MYSQL_BIND params[2];
	struct call call = {.id = STMT_LETTERS_DROP, .params = params};
	char detail[64];
	struct audit_row row = {sale, actor, "letters-drop", detail};
	enum outcome out;

	param_u32(&params[0], &sale.v);
	param_i64(&params[1], &limit);
	out = tx_begin(&ledger->conn, NO_DEADLINE, err);
	if (out != OUT_DONE)
		return out;
	out = tx_call(&ledger->conn, &call, NO_DEADLINE, err);
	if (out != OUT_DONE) {
		tx_rollback(&ledger->conn);
		return out;
	}
	snprintf(
	    detail, sizeof(detail), "{\"letters\":%" PRIu64 "}", call.affected);
	out = ledger_change_end(ledger, call.affected > 0, &row, err);
	if (out == OUT_DONE)
		*n = call.affected;
	return out;
}

enum outcome ledger_letter_retried(struct ledger *ledger,
    const struct ledger_letter *letter, const struct claim_id *as,
    const char *actor, bool *won, struct err *err)
{
	MYSQL_BIND params[2];
	struct call call = {.id = STMT_LETTER_RETRIED, .params = params};
	char bytes[160], order[ORDER_TEXT_LEN + 1];
	struct audit_row row = {
	    letter->dead.order.sale, actor, "letter-retry", bytes};
	struct strbuf detail;

	claim_format(as, order);
	strbuf_init(&detail, bytes, sizeof(bytes));
	letter_told(&detail, letter);
	strbuf_printf(&detail, ",\"as\":\"%s\"}", order);
	param_claim(&params[0], as);
	param_u64(&params[1], &letter->id);
	return ledger_change(ledger, &call, &row, won, err);
}
