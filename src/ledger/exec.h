/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One statement over a standing connection: prepare, execute, fetch, and the
 * verdict when that fails.  Called by conn.c, which sees to it that there is a
 * connection.
 */
#ifndef LEDGER_EXEC_H
#define LEDGER_EXEC_H

#include "ledger/compat.h"
#include "ledger/errors.h"
#include "ledger/statements.h"

struct conn;

/* Called for each row that was fetched into the result binds; false with `err`
 * ends the call as NOT_DONE. */
typedef bool call_row_fn(void *ctx, struct err *err);

struct call {
	enum statement_id id;
	MYSQL_BIND *params; /* as many as the statement has */
	MYSQL_BIND *results; /* as many as its columns; NULL: it has none */
	call_row_fn *row;
	void *ctx;
	/* Filled on DONE. */
	uint64_t affected; /* rows that matched, not only those changed */
	uint64_t insert_id;
};

/* A text without parameters and without result. */
struct text {
	const char *what; /* for messages */
	struct strv sql;
	/* Messages carry the server's own words, which may hold values of the
	 * statement: never for a text with customers' data. */
	bool tell;
};

/* Before a connection is set up `phase` is PHASE_CONNECT, later the other two. */
enum outcome exec_prepare(struct conn *conn, enum statement_id id,
    enum error_phase phase, struct err *err);
enum outcome exec_call(struct conn *conn, struct call *call,
    enum error_phase phase, struct err *err);
enum outcome exec_text(struct conn *conn, const struct text *text,
    enum error_phase phase, struct err *err);

struct failure {
	enum error_phase phase;
	const char *what;
	unsigned code;
	const char *server_text; /* NULL: not to be told */
};
/*
 * Fills `err`, does to the connection what the table of errors.c says, and
 * returns the outcome.
 */
enum outcome exec_failed(
    struct conn *conn, const struct failure *failure, struct err *err);

#endif
