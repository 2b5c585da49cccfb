/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection to MySQL: made when it is needed, set up the same way every
 * time, dropped for good after any answer that leaves its state in doubt.
 * Knows statements, not orders.  One owner, one process.
 */
#ifndef LEDGER_CONN_H
#define LEDGER_CONN_H

#include "ledger/address.h"
#include "ledger/compat.h"
#include "ledger/exec.h"
#include "ledger/statements.h"

/* Where to connect and as whom; strings are owned by whoever owns this. */
struct conn_target {
	struct ledger_address address;
	char where[128]; /* for messages */
	char user[128];
	char password[256];
	char database[65];
	int64_t connect_timeout_ms;
};

/* What one statement may take at most.  Both client libraries count their read
 * timeout in whole seconds: it is `statement_ms` rounded up, and one more. */
struct conn_limits {
	int64_t statement_ms;
	int64_t lock_wait_s;
};

struct conn {
	const struct conn_target *target; /* borrowed */
	struct conn_limits limits;
	MYSQL *mysql; /* NULL: not connected */
	uint32_t made; /* which connection this is: 1 the first, 0 none yet */
	MYSQL_STMT *stmt[STMT_COUNT];
	bool hot; /* the hot statements are prepared */
	bool in_tx; /* a transaction is open: no silent reconnection */
	int64_t used_ns; /* when the server last answered */
	int64_t pause_until_ns; /* no attempt to connect before that */
	struct err pause_why;
};

#define CONN_PAUSE_MS 100
#define CONN_IDLE_MS  1000
/* The client libraries hold their timeouts as milliseconds in an int. */
#define CONN_TIMEOUT_MAX_MS 3600000

/* Does not connect. */
void conn_init(struct conn *conn, const struct conn_target *target,
    struct conn_limits limits);
/* Also for one that was never open. */
void conn_close(struct conn *conn);
/* No attempt to connect for CONN_PAUSE_MS; until then every call hears `why`. */
void conn_pause(struct conn *conn, const struct err *why);

/*
 * DONE when a connection stands.  While it is in use that costs no system call;
 * after a second without an answer the socket is asked whether the server has
 * hung up.  Else connects, at most once in CONN_PAUSE_MS after a failure.
 * NOT_DONE when the deadline has passed.
 */
enum outcome conn_ensure(
    struct conn *conn, int64_t deadline_ns, struct err *err);
/* conn_ensure(), and the hot statements prepared. */
enum outcome conn_ensure_hot(
    struct conn *conn, int64_t deadline_ns, struct err *err);

/* Connects if need be, prepares if need be, executes once, reads everything. */
enum outcome conn_call(
    struct conn *conn, struct call *call, int64_t deadline_ns, struct err *err);
enum outcome conn_text(struct conn *conn, const struct text *text,
    int64_t deadline_ns, struct err *err);

/*
 * A transaction around calls.  Until the commit is sent nothing is applied for
 * good, whatever happens: so a call inside it is never UNKNOWN.
 */
enum outcome tx_begin(struct conn *conn, int64_t deadline_ns, struct err *err);
enum outcome tx_call(
    struct conn *conn, struct call *call, int64_t deadline_ns, struct err *err);
enum outcome tx_commit(struct conn *conn, int64_t deadline_ns, struct err *err);
/* Harmless when none is open; closes the connection if the server balks. */
void tx_rollback(struct conn *conn);

#endif
