/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every SQL text of the program, each once.  Texts hold placeholders, never
 * values.  Pure; any process.
 */
#ifndef LEDGER_STATEMENTS_H
#define LEDGER_STATEMENTS_H

#include "base/attr.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

enum statement_id {
	/* What a worker needs within a purchase: prepared with the connection. */
	STMT_RECORD,
	STMT_FIND_1,
	STMT_FIND_UNIT,
	STMT_FIND_CUSTOMER,
	STMT_SALE,
	STMT_HOT_COUNT,

	/* The rest of the port: prepared when first used. */
	STMT_FIND_10 = STMT_HOT_COUNT,
	STMT_FIND_100,
	STMT_VOID_1,
	STMT_VOID_10,
	STMT_VOID_100,
	STMT_RECORD_1,
	STMT_RECORD_4,
	STMT_RECORD_16,
	STMT_RECORD_64,
	STMT_SALES,
	STMT_SOLD_AFTER,
	STMT_EPOCH_BEGIN,
	STMT_EPOCH_END,
	STMT_BARRIER,
	STMT_EPOCH_HOLD,
	STMT_LETTER_ADD,
	STMT_LETTERS_COUNT,

	/* The operator's hand. */
	STMT_SCHEMA_VERSION,
	STMT_SALE_CREATE,
	STMT_SALE_BY_SLUG,
	STMT_SALE_LIST,
	STMT_SET_STATE,
	STMT_SET_MODE,
	STMT_STOCK_LOCK,
	STMT_STOCK_ABOVE,
	STMT_SET_STOCK,
	STMT_SLOTS_ABOVE,
	STMT_SET_LIMIT,
	STMT_SET_WINDOW,
	STMT_AUDIT,
	STMT_ORDERS_PAGE,
	STMT_ORDERS_PAGE_ALL,
	STMT_LETTERS_PAGE,
	STMT_LETTER_FIND,
	STMT_LETTER_DROP,
	STMT_LETTERS_DROP,
	STMT_LETTER_RETRIED,

	/* Session and server: asked when a connection is made or checked. */
	STMT_LIMITS_MARIADB,
	STMT_LIMITS_MYSQL,
	STMT_SESSION_SANE,
	STMT_FACT_ENGINE,
	STMT_FACT_UNIQUE,
	STMT_FACT_BINARY,
	STMT_VARIABLE,
	STMT_VARIABLE_SESSION,
	STMT_WIDE_GRANTS,
	STMT_MAY_FENCE,
	STMT_MAY_NOTE,
	STMT_MAY_BURY,
	STMT_MAY_RECORD,

	/* Constant texts, sent as they are. */
	STMT_SESSION_SET,
	STMT_ISOLATION,
	STMT_BEGIN,
	STMT_COMMIT,
	STMT_ROLLBACK,
	STMT_COUNT
};

struct statement {
	const char *name; /* for messages */
	/* head, `repeat` `times` times with `between` between, tail */
	const char *head, *repeat, *between, *tail;
	unsigned times;
	unsigned params; /* placeholders in the whole text */
	unsigned columns; /* of its result, 0: none */
};

const struct statement *statement_get(enum statement_id id);

#define STATEMENT_TEXT_MAX 16384
/* Writes the whole text, terminated. */
void statement_text(enum statement_id id, struct strbuf *out);

/* The rows that find() and void_claims() can ask for at once. */
#define STATEMENT_BATCH_MAX 100
struct statement_batch {
	enum statement_id id;
	size_t rows;
};
/* The smallest statement for `n` rows, 1..STATEMENT_BATCH_MAX; the caller fills
 * the rest with repetitions. */
struct statement_batch statement_find(size_t n);
struct statement_batch statement_void(size_t n);
/* 1..RECORD_BATCH_MAX; a row whose parameters are all NULL is none. */
struct statement_batch statement_record(size_t n);

/* Columns of the shapes of row that rows.c reads. */
#define ORDER_COLUMN_COUNT  10
#define SALE_COLUMN_COUNT   14
#define LETTER_COLUMN_COUNT 17
#define VOID_PARAM_COUNT    2
#define VOID_GUARD_COUNT    2 /* behind the rows', like the next one */
#define RECORD_BATCH_MAX    64
#define RECORD_PARAM_COUNT  7 /* of each row; the guard's come behind them */
#define GUARD_PARAM_COUNT   4

/* Of the statement that has most. */
#define STATEMENT_PARAM_MAX \
	(RECORD_BATCH_MAX * RECORD_PARAM_COUNT + GUARD_PARAM_COUNT)
_Static_assert(STATEMENT_PARAM_MAX >=
		   STATEMENT_BATCH_MAX * VOID_PARAM_COUNT + VOID_GUARD_COUNT,
    "the largest");

#endif
