/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operator's hand: what changes a sale writes to the audit table in the same
 * transaction.  flashgatectl only.
 */
#include "config.h"

#include "ledger/impl.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>

static enum outcome audit_append(
    struct ledger *ledger, const struct audit_row *row, struct err *err)
{
	MYSQL_BIND params[4];
	struct call call = {.id = STMT_AUDIT, .params = params};
	struct conn *conn = &ledger->conn;

	param_u32(&params[0], &row->sale.v);
	param_text(&params[1], strv_c(row->actor));
	param_text(&params[2], strv_c(row->what));
	param_text(&params[3], strv_c(row->detail));
	return conn->in_tx ? tx_call(conn, &call, NO_DEADLINE, err)
			   : conn_call(conn, &call, NO_DEADLINE, err);
}

enum outcome ledger_change_end(struct ledger *ledger, bool won,
    const struct audit_row *row, struct err *err)
{
	enum outcome out;

	if (!won) {
		tx_rollback(&ledger->conn);
		return OUT_DONE;
	}
	out = audit_append(ledger, row, err);
	if (out == OUT_DONE)
		return tx_commit(&ledger->conn, NO_DEADLINE, err);
	tx_rollback(&ledger->conn);
	return out;
}

enum outcome ledger_change(struct ledger *ledger, struct call *call,
    const struct audit_row *row, bool *won, struct err *err)
{
	enum outcome out = tx_begin(&ledger->conn, NO_DEADLINE, err);
	bool mine;

	if (out != OUT_DONE)
		return out;
	out = tx_call(&ledger->conn, call, NO_DEADLINE, err);
	if (out != OUT_DONE) {
		tx_rollback(&ledger->conn);
		return out;
	}
	mine = call->affected == 1;
	out = ledger_change_end(ledger, mine, row, err);
	if (out == OUT_DONE)
		*won = mine;
	return out;
}

enum outcome ledger_audit(struct ledger *ledger, struct sale_id id,
    const char *actor, const char *what, const char *detail, struct err *err)
{
	struct audit_row row = {id, actor, what, detail};

	return audit_append(ledger, &row, err);
}

/* ---- sale create --------------------------------------------------------- */

static bool sale_refuse(
    struct err *err, const struct sale *sale, const char *why)
{
	err_set(err, 0, "sale \"%.63s\": %s", sale->slug, why);
	return false;
}

/* The schema's CHECKs say the same; this says it in words. */
static bool sale_valid(const struct sale *sale, struct err *err)
{
	size_t title_len = strnlen(sale->title, sizeof(sale->title));

	if (!sale_slug_valid(strv_c(sale->slug)))
		return sale_refuse(err, sale,
		    "the slug must be 1..63 of a-z, 0-9 and inner hyphens");
	if (title_len == 0 || title_len > SALE_TITLE_MAX)
		return sale_refuse(err, sale, "the title must be 1..200 bytes");
	if (sale->price.minor < 0)
		return sale_refuse(err, sale, "the price is below zero");
	if (sale->price.currency[3] != '\0' ||
	    strspn(sale->price.currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3)
		return sale_refuse(
		    err, sale, "the currency must be three letters, like EUR");
	if (sale->stock < 1 || sale->stock > SALE_STOCK_MAX)
		return sale_refuse(err, sale, "the stock must be 1..10000000");
	if (sale->per_customer < 1 ||
	    sale->per_customer > SALE_PER_CUSTOMER_MAX)
		return sale_refuse(
		    err, sale, "the limit per customer must be 1..16");
	if (sale->opens.us != 0 && sale->closes.us != 0 &&
	    sale->opens.us >= sale->closes.us)
		return sale_refuse(err, sale, "it closes before it opens");
	return true;
}

/* From the kernel's generator: order numbers must not be guessed. */
static bool key_make(uint8_t key[SALE_KEY_BYTES], struct err *err)
{
	ssize_t n;

	do
		n = getrandom(key, SALE_KEY_BYTES, 0);
	while (n < 0 && errno == EINTR);
	if (n == SALE_KEY_BYTES)
		return true;
	err_set_errno(err, "no random bytes for the claim key");
	return false;
}

static enum outcome sale_insert(struct ledger *ledger, const struct sale *sale,
    uint64_t *id, struct err *err)
{
	MYSQL_TIME opens, closes;
	MYSQL_BIND params[10];
	struct call call = {.id = STMT_SALE_CREATE, .params = params};
	enum outcome out;

	param_text(&params[0], strv_c(sale->slug));
	param_text(&params[1], strv_c(sale->title));
	param_i64(&params[2], &sale->price.minor);
	param_text(&params[3], strv_c(sale->price.currency));
	param_u32(&params[4], &sale->stock);
	param_u32(&params[5], &sale->per_customer);
	param_wall(&params[6], sale->opens, &opens);
	param_wall(&params[7], sale->closes, &closes);
	param_text(&params[8], strv_c(sale_mode_name(sale->mode)));
	param_bytes(&params[9], sale->claim_key, sizeof(sale->claim_key));
	out = tx_call(&ledger->conn, &call, NO_DEADLINE, err);
	if (out == OUT_NOT_DONE && err->code == ER_DUP_ENTRY)
		err_set(err, ER_DUP_ENTRY, "sale \"%s\" exists already",
		    sale->slug);
	*id = call.insert_id;
	return out;
}

enum outcome ledger_sale_create(struct ledger *ledger, struct sale *sale,
    const char *actor, struct err *err)
{
	struct sale made = *sale;
	struct audit_row row = {{0}, actor, "create", ""};
	char detail[64];
	enum outcome out;
	uint64_t id;

	made.state = SALE_STATE_DRAFT;
	made.epoch = 0;
	if (!sale_valid(&made, err) || !key_make(made.claim_key, err))
		return OUT_NOT_DONE;
	out = tx_begin(&ledger->conn, NO_DEADLINE, err);
	if (out != OUT_DONE)
		return out;
	out = sale_insert(ledger, &made, &id, err);
	if (out != OUT_DONE) {
		tx_rollback(&ledger->conn);
		return out;
	}
	made.id.v = (uint32_t)id;
	row.sale = made.id;
	snprintf(detail, sizeof(detail), "{\"stock\":%u,\"per_customer\":%u}",
	    made.stock, made.per_customer);
	row.detail = detail;
	out = ledger_change_end(ledger, true, &row, err);
	if (out == OUT_DONE)
		*sale = made;
	explicit_bzero(made.claim_key, sizeof(made.claim_key));
	return out;
}

/* ---- looking ------------------------------------------------------------- */

enum outcome ledger_sale_find(struct ledger *ledger, struct strv slug,
    struct sale *sale, bool *found, struct wall *now, struct err *err)
{
	struct sale one;
	struct sales_out sales = {.out = &one, .max = 1};
	MYSQL_BIND param;
	struct call call = {.id = STMT_SALE_BY_SLUG, .params = &param};
	enum outcome out;

	param_text(&param, slug);
	out = ledger_read_sales(ledger, &call, NO_DEADLINE, &sales, err);
	if (out != OUT_DONE)
		return out;
	*found = sales.n > 0;
	*now = sales.now;
	if (*found)
		*sale = one;
	return OUT_DONE;
}

enum outcome ledger_sale_list(struct ledger *ledger, struct sale *list,
    size_t max, size_t *n, struct wall *now, struct err *err)
{
	struct sales_out sales = {.out = list, .max = max};
	int64_t limit = (int64_t)max;
	MYSQL_BIND param;
	struct call call = {.id = STMT_SALE_LIST, .params = &param};
	enum outcome out;

	param_i64(&param, &limit);
	out = ledger_read_sales(ledger, &call, NO_DEADLINE, &sales, err);
	if (out == OUT_DONE) {
		*n = sales.n;
		*now = sales.now;
	}
	return out;
}

enum outcome ledger_orders_page(struct ledger *ledger, struct sale_id id,
    bool all, const struct claim_id *after, struct order *rows, size_t max,
    size_t *n, struct err *err)
{
	/* "" sorts before every claim. */
	static const uint8_t first[1];
	struct orders_out orders = {.out = rows, .max = max};
	int64_t limit = (int64_t)max;
	MYSQL_BIND params[3];
	struct call call = {.id = all ? STMT_ORDERS_PAGE_ALL : STMT_ORDERS_PAGE,
	    .params = params};
	enum outcome out;

	param_bytes(&params[0], after != NULL ? after->b : first,
	    after != NULL ? sizeof(after->b) : 0);
	param_u32(&params[1], &id.v);
	param_i64(&params[2], &limit);
	/* No barrier (durable.h): an export is what one wants of a server that is
	 * being rescued and cannot be written to. */
	out = ledger_read_orders(ledger, &call, NO_DEADLINE, &orders, err);
	if (out == OUT_DONE)
		*n = orders.n;
	return out;
}

/* ---- changing ------------------------------------------------------------ */

enum outcome ledger_sale_set_state(struct ledger *ledger, struct sale_id id,
    enum sale_state from, enum sale_state to, const char *actor, bool *won,
    struct err *err)
{
	MYSQL_BIND params[3];
	struct call call = {.id = STMT_SET_STATE, .params = params};
	char detail[64];
	struct audit_row row = {id, actor, "state", detail};

	snprintf(detail, sizeof(detail), "{\"from\":\"%s\",\"to\":\"%s\"}",
	    sale_state_name(from), sale_state_name(to));
	param_text(&params[0], strv_c(sale_state_name(to)));
	param_u32(&params[1], &id.v);
	param_text(&params[2], strv_c(sale_state_name(from)));
	return ledger_change(ledger, &call, &row, won, err);
}

enum outcome ledger_sale_set_mode(struct ledger *ledger, struct sale_id id,
    enum sale_mode from, enum sale_mode to, const char *actor, bool *won,
    struct err *err)
{
	MYSQL_BIND params[3];
	struct call call = {.id = STMT_SET_MODE, .params = params};
	char detail[64];
	struct audit_row row = {id, actor, "mode", detail};

	snprintf(detail, sizeof(detail), "{\"from\":\"%s\",\"to\":\"%s\"}",
	    sale_mode_name(from), sale_mode_name(to));
	param_text(&params[0], strv_c(sale_mode_name(to)));
	param_u32(&params[1], &id.v);
	param_text(&params[2], strv_c(sale_mode_name(from)));
	return ledger_change(ledger, &call, &row, won, err);
}

/* A number of the sale that sold rows may lie above: how it is read, counted
 * and set. */
struct bound {
	enum statement_id above, set;
};

/*
 * In this order: the row locked (which waits for running inserts, and holds up
 * the next), then the sold rows counted by a statement that begins after that
 * and so sees all of them, then the change.  One UPDATE with a subquery would
 * read the orders as they were before it waited.
 */
static enum outcome bound_change(struct ledger *ledger,
    const struct bound *bound, struct sale_id id, const uint32_t range[2],
    bool *won, struct err *err)
{
	MYSQL_BIND params[3];
	struct call lock = {.id = STMT_STOCK_LOCK, .params = params};
	struct call count = {.id = bound->above, .params = params};
	struct call set = {.id = bound->set, .params = params};
	int64_t stock = -1, above = 0;
	enum outcome out;

	*won = false;
	param_u32(&params[0], &id.v);
	out = ledger_read_number(ledger, &lock, NO_DEADLINE, &stock, err);
	if (out != OUT_DONE || stock < 0)
		return out;
	param_u32(&params[1], &range[1]);
	out = ledger_read_number(ledger, &count, NO_DEADLINE, &above, err);
	if (out != OUT_DONE || above > 0)
		return out;
	param_u32(&params[0], &range[1]);
	param_u32(&params[1], &id.v);
	param_u32(&params[2], &range[0]);
	out = conn_call(&ledger->conn, &set, NO_DEADLINE, err);
	*won = out == OUT_DONE && set.affected == 1;
	return out;
}

static enum outcome bound_set(struct ledger *ledger, const struct bound *bound,
    const struct audit_row *row, const uint32_t range[2], bool *won,
    struct err *err)
{
	enum outcome out = tx_begin(&ledger->conn, NO_DEADLINE, err);
	bool mine;

	if (out != OUT_DONE)
		return out;
	out = bound_change(ledger, bound, row->sale, range, &mine, err);
	if (out != OUT_DONE) {
		tx_rollback(&ledger->conn);
		return OUT_NOT_DONE;
	}
	out = ledger_change_end(ledger, mine, row, err);
	if (out == OUT_DONE)
		*won = mine;
	return out;
}

enum outcome ledger_sale_set_stock(struct ledger *ledger, struct sale_id id,
    uint32_t from, uint32_t to, const char *actor, bool *won, struct err *err)
{
	static const struct bound stock = {STMT_STOCK_ABOVE, STMT_SET_STOCK};
	const uint32_t range[2] = {from, to};
	char detail[64];
	struct audit_row row = {id, actor, "stock", detail};

	if (to < 1 || to > SALE_STOCK_MAX) {
		err_set(err, 0, "the stock must be 1..%u", SALE_STOCK_MAX);
		return OUT_NOT_DONE;
	}
	snprintf(detail, sizeof(detail), "{\"from\":%u,\"to\":%u}", from, to);
	return bound_set(ledger, &stock, &row, range, won, err);
}

enum outcome ledger_sale_set_limit(struct ledger *ledger, struct sale_id id,
    uint32_t from, uint32_t to, const char *actor, bool *won, struct err *err)
{
	static const struct bound limit = {STMT_SLOTS_ABOVE, STMT_SET_LIMIT};
	const uint32_t range[2] = {from, to};
	char detail[64];
	struct audit_row row = {id, actor, "limit", detail};

	if (to < 1 || to > SALE_PER_CUSTOMER_MAX) {
		err_set(
		    err, 0, "the limit must be 1..%u", SALE_PER_CUSTOMER_MAX);
		return OUT_NOT_DONE;
	}
	snprintf(detail, sizeof(detail), "{\"from\":%u,\"to\":%u}", from, to);
	return bound_set(ledger, &limit, &row, range, won, err);
}

/* As JSON: a time in quotes, or null. */
static void bound_put(struct strbuf *out, const char *name, struct wall when)
{
	char text[WALL_TEXT_MAX];

	wall_format(when, 6, text);
	if (when.us == 0)
		strbuf_printf(out, "\"%s\":null", name);
	else
		strbuf_printf(out, "\"%s\":\"%s\"", name, text);
}

enum outcome ledger_sale_set_window(struct ledger *ledger,
    const struct sale *from, struct wall opens, struct wall closes,
    const char *actor, bool *won, struct err *err)
{
	MYSQL_TIME times[4];
	MYSQL_BIND params[5];
	struct call call = {.id = STMT_SET_WINDOW, .params = params};
	char bytes[160];
	struct audit_row row = {from->id, actor, "window", bytes};
	struct strbuf detail;

	strbuf_init(&detail, bytes, sizeof(bytes));
	strbuf_putc(&detail, '{');
	bound_put(&detail, "opens", opens);
	strbuf_putc(&detail, ',');
	bound_put(&detail, "closes", closes);
	strbuf_putc(&detail, '}');
	param_wall(&params[0], opens, &times[0]);
	param_wall(&params[1], closes, &times[1]);
	param_u32(&params[2], &from->id.v);
	param_wall(&params[3], from->opens, &times[2]);
	param_wall(&params[4], from->closes, &times[3]);
	return ledger_change(ledger, &call, &row, won, err);
}
