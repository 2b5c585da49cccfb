/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of this folder share about struct ledger, and the readers of
 * whole results that port and operator functions both use.
 */
#ifndef LEDGER_IMPL_H
#define LEDGER_IMPL_H

#include "ledger/conn.h"
#include "ledger/durable.h"
#include "ledger/ledger.h"
#include "ledger/rows.h"

struct ledger {
	struct conn_target target;
	struct conn_limits limits;
	struct conn conn;
	struct durable durable;
	/* Room for the largest statement's parameters, and for their times. */
	MYSQL_BIND params[STATEMENT_PARAM_MAX];
	MYSQL_TIME times[RECORD_BATCH_MAX];
};

/* Operator functions have no deadline: the client's timeouts bound each call. */
#define NO_DEADLINE INT64_MAX

/* Functions of the port that have a file of their own. */
enum outcome ledger_record_batch(void *ctx, struct gate_ref ref,
    const struct order *orders, size_t n, int64_t deadline_ns,
    enum ledger_record *answer, struct err *err);

enum outcome ledger_bury(void *ctx, struct gate_ref ref,
    const struct dead_letter *letter, int64_t deadline_ns, struct err *err);

/* What a change writes to the audit table. */
struct audit_row {
	struct sale_id sale;
	const char *actor, *what, *detail;
};
/*
 * A compare-and-set of one row and its audit row, in one transaction: *won when
 * it found the row; else nothing is left.
 */
enum outcome ledger_change(struct ledger *ledger, struct call *call,
    const struct audit_row *row, bool *won, struct err *err);
/* The end of a transaction that has more in it: committed with its audit row
 * when it was won, else taken back. */
enum outcome ledger_change_end(struct ledger *ledger, bool won,
    const struct audit_row *row, struct err *err);

/*
 * A second connection for what may rightly wait longer than a purchase may: it
 * lives for one call.  Made only when the first one stands, so that a server
 * that is away is not tried twice.  Its statements, and their waits for locks,
 * may take `statement_ms`.  Close it with conn_close() in any case.
 */
enum outcome ledger_patient(struct ledger *ledger, int64_t statement_ms,
    int64_t deadline_ns, struct conn *patient, struct err *err);

/* Statements that answer with rows of orders. */
struct orders_out {
	struct order *out;
	size_t max;
	size_t n; /* filled */
};
enum outcome ledger_read_orders(struct ledger *ledger, struct call *call,
    int64_t deadline_ns, struct orders_out *orders, struct err *err);

/* Statements that answer with the ledger's clock and rows of sales. */
struct sales_out {
	struct sale *out;
	size_t max;
	size_t n; /* filled */
	struct wall now; /* filled */
};
enum outcome ledger_read_sales(struct ledger *ledger, struct call *call,
    int64_t deadline_ns, struct sales_out *sales, struct err *err);

/* Statements that answer with one number; `*value` stays when there is no row.
 * Inside a transaction or not. */
enum outcome ledger_read_number(struct ledger *ledger, struct call *call,
    int64_t deadline_ns, int64_t *value, struct err *err);

/* ledger_schema_version() with a deadline. */
enum outcome ledger_schema_read(struct ledger *ledger, int64_t deadline_ns,
    unsigned *version, struct err *err);

#endif
