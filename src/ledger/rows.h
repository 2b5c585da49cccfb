/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values on their way to MySQL and back: parameters, and the shapes of row
 * that the statements answer with.  Binds point at the caller's storage, which
 * must outlive the call.  No connection, no I/O; any process.
 */
#ifndef LEDGER_ROWS_H
#define LEDGER_ROWS_H

#include "ledger/compat.h"
#include "ledger/ledger.h"
#include "ledger/statements.h"

#include "base/clock.h"
#include "base/err.h"
#include "sale/sale.h"

/* ---- parameters ---------------------------------------------------------- */

/* Each fills one bind wholly.  Bytes are compared as bytes, text is text in
 * the connection's character set; absent (p == NULL) is NULL. */
void param_bytes(MYSQL_BIND *bind, const void *p, size_t n);
void param_text(MYSQL_BIND *bind, struct strv text);
void param_u32(MYSQL_BIND *bind, const uint32_t *value);
void param_u64(MYSQL_BIND *bind, const uint64_t *value);
void param_i64(MYSQL_BIND *bind, const int64_t *value);
void param_double(MYSQL_BIND *bind, const double *value);
/* An empty customer is NULL. */
void param_customer(MYSQL_BIND *bind, const struct customer *who);
void param_claim(MYSQL_BIND *bind, const struct claim_id *claim);
/* "" is NULL. */
void param_ref(MYSQL_BIND *bind, const char ref[ORDER_REF_MAX + 1]);
/* The VOID_PARAM_COUNT of a void row, and the VOID_GUARD_COUNT behind the last. */
void param_void(MYSQL_BIND *params, const struct order *claim);
void param_void_guard(MYSQL_BIND *params, const struct gate_ref *ref);
/* NULL, where the statement wants a value. */
void param_null(MYSQL_BIND *bind);
/* `room` is filled from `when`; a time that is not set is NULL. */
void param_wall(MYSQL_BIND *bind, struct wall when, MYSQL_TIME *room);

/* ---- results ------------------------------------------------------------- */

/* One number, not NULL. */
void result_i64(MYSQL_BIND *bind, int64_t *value);
/* Text that is cut to `size` - 1 is an error of the fetch; `*n` its length. */
void result_text(MYSQL_BIND *bind, char *p, size_t size, unsigned long *n);

/* Room for one row of orders as the server sends it. */
struct order_row {
	uint8_t claim[CLAIM_BYTES];
	uint32_t sale, epoch, unit, slot;
	char status[16];
	char customer[CUSTOMER_MAX];
	uint8_t payload_hash[PAYLOAD_HASH_BYTES];
	char ref[ORDER_REF_MAX];
	MYSQL_TIME created;
	unsigned long len[ORDER_COLUMN_COUNT];
	sql_bool null[ORDER_COLUMN_COUNT];
	MYSQL_BIND bind[ORDER_COLUMN_COUNT];
};
void order_row_bind(struct order_row *row);
/* False when the row cannot be an order: err says which column. */
bool order_row_read(const struct order_row *row, struct order *out,
    struct err *err) ATTR_MUSTUSE;

/* The ledger's clock, and a sale beside it or none. */
struct sale_row {
	MYSQL_TIME now, opens, closes;
	uint32_t id, stock, per_customer, epoch;
	char slug[SALE_SLUG_MAX];
	char title[SALE_TITLE_MAX * 4];
	int64_t price_minor;
	char currency[4];
	char mode[16], state[16];
	uint8_t claim_key[SALE_KEY_BYTES];
	unsigned long len[SALE_COLUMN_COUNT];
	sql_bool null[SALE_COLUMN_COUNT];
	MYSQL_BIND bind[SALE_COLUMN_COUNT];
};
void sale_row_bind(struct sale_row *row);
/* *found is false for the row that holds nothing but the clock. */
bool sale_row_read(const struct sale_row *row, struct sale *out, bool *found,
    struct wall *now, struct err *err) ATTR_MUSTUSE;

/* A dead letter.  It holds whatever was buried, so only its own columns can be
 * bad. */
struct letter_row {
	uint64_t id, entry_ms, entry_seq;
	uint32_t sale, epoch, deliveries, unit, slot;
	char reason[DEAD_REASON_MAX];
	uint8_t claim[CLAIM_BYTES], retried_as[CLAIM_BYTES];
	char customer[CUSTOMER_MAX];
	uint8_t payload_hash[PAYLOAD_HASH_BYTES];
	char ref[ORDER_REF_MAX];
	char state[16];
	MYSQL_TIME at, created;
	unsigned long len[LETTER_COLUMN_COUNT];
	sql_bool null[LETTER_COLUMN_COUNT];
	MYSQL_BIND bind[LETTER_COLUMN_COUNT];
};
void letter_row_bind(struct letter_row *row);
bool letter_row_read(const struct letter_row *row, struct ledger_letter *out,
    struct err *err) ATTR_MUSTUSE;

/* ---- times --------------------------------------------------------------- */

/* Between UTC microseconds and MySQL's fields.  False for the zero date and
 * whatever else is no day of the calendar. */
bool wall_from_mysql(const MYSQL_TIME *from, struct wall *out) ATTR_MUSTUSE;
void wall_to_mysql(struct wall when, MYSQL_TIME *out);
/* Can MySQL hold it?  The wire has 16 bits for the year: a later one would
 * arrive as another. */
bool wall_fits_mysql(struct wall when);

#endif
