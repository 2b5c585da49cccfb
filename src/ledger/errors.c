/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of MySQL's error codes.  Numbers, not names: each of the two client
 * libraries lacks some names of the other.  tests/ledger has a line for every
 * row, and plays every PHASE_EXECUTE row through the real library.
 */
#include "config.h"

#include "ledger/errors.h"

#include "base/bug.h"

#define C       (1u << PHASE_CONNECT)
#define P       (1u << PHASE_PREPARE)
#define E       (1u << PHASE_EXECUTE)

#define NOT     OUT_NOT_DONE
#define UNKNOWN OUT_UNKNOWN

#define GRANT   "the user lacks a grant (sql/users.sql.example)"
#define SCHEMA  "no schema, or an old one: run flashgatectl schema install"
#define ONLY    "the server is read only"
#define GONE    "connection lost"

/*
 * Read-only and resource-limit answers close the connection although it is
 * sane: behind an address that moves at a failover, a new connection finds the
 * new primary; the pause keeps the workers from storming it meanwhile.
 */
static const struct error_class rows[] = {
    /* Refused before anything of ours was sent. */
    {1040, C, NOT, FATE_PAUSE,
	"too many connections: raise max_connections or lower pm.max_children"},
    {1044, C, NOT, FATE_PAUSE, "the user may not use this database"},
    {1045, C, NOT, FATE_PAUSE, "wrong user or password"},
    {1049, C, NOT, FATE_PAUSE, "no such database"},
    {1129, C, NOT, FATE_PAUSE, "host blocked: run mariadb-admin flush-hosts"},
    {1130, C, NOT, FATE_PAUSE, "this host may not connect"},
    {1193, C, NOT, FATE_PAUSE,
	"a session setting is unknown: is the server too old?"},
    {1203, C, NOT, FATE_PAUSE, "max_user_connections is reached"},
    {1226, C | P | E, NOT, FATE_PAUSE,
	"a resource limit of the user is reached"},
    {1251, C, NOT, FATE_PAUSE, "authentication method not supported"},
    {1698, C, NOT, FATE_PAUSE, "wrong user or password"},
    {1820, C | P, NOT, FATE_PAUSE, "the user's password has expired"},
    {1862, C, NOT, FATE_PAUSE, "the user's password has expired"},
    {2001, C, NOT, FATE_PAUSE, "no socket could be made"},
    {2002, C, NOT, FATE_PAUSE, "no server at this socket or address"},
    {2003, C, NOT, FATE_PAUSE, "no server at this address"},
    {2005, C, NOT, FATE_PAUSE, "unknown host"},
    {2012, C, NOT, FATE_PAUSE, "handshake failed"},
    {2059, C, NOT, FATE_PAUSE, "authentication plugin not found"},
    {2061, C, NOT, FATE_PAUSE, "authentication plugin failed"},
    /* The same codes mean "unknown" once a statement is out; see below. */
    {1053, C | P, NOT, FATE_PAUSE, "the server is shutting down"},
    {1317, C | P, NOT, FATE_CLOSE, "interrupted"},
    {1927, C | P, NOT, FATE_CLOSE, "connection killed"},
    {2006, C | P, NOT, FATE_CLOSE, GONE},
    {2013, C | P, NOT, FATE_CLOSE, GONE " or timed out"},
    {2026, C | P, NOT, FATE_CLOSE, "TLS failed"},
    {2027, C | P, NOT, FATE_CLOSE, "malformed answer"},
    /* The server cannot make the statement out of its text. */
    {1461, C | P, NOT, FATE_PAUSE, "raise max_prepared_stmt_count"},
    {1064, P | E, NOT, FATE_KEEP, "syntax error: is the server too old?"},
    {1142, P | E, NOT, FATE_KEEP, GRANT},
    {1143, P | E, NOT, FATE_KEEP, GRANT},
    {1054, P | E, NOT, FATE_KEEP, SCHEMA},
    {1146, P | E, NOT, FATE_KEEP, SCHEMA},
    /* Lost on the server's side: prepared anew with the next connection. */
    {1243, E, NOT, FATE_CLOSE, "prepared statement lost"},
    {1615, E, NOT, FATE_CLOSE, "prepared statement outdated"},
    /* Rolled back for sure. */
    {1062, E, NOT, FATE_KEEP, "duplicate key"},
    {1205, P | E, NOT, FATE_KEEP, "lock wait timeout"},
    {1213, P | E, NOT, FATE_KEEP, "deadlock"},
    {1969, P | E, NOT, FATE_KEEP, "max_statement_time exceeded"},
    {3024, P | E, NOT, FATE_KEEP, "max_execution_time exceeded"},
    {1290, P | E, NOT, FATE_PAUSE, ONLY},
    {1792, P | E, NOT, FATE_PAUSE, ONLY " (transaction)"},
    {1836, P | E, NOT, FATE_PAUSE, ONLY},
    {3819, E, NOT, FATE_KEEP, "a CHECK refused the row"},
    {4025, E, NOT, FATE_KEEP, "a CHECK refused the row"},
    {1048, E, NOT, FATE_KEEP, "a value is missing"},
    {1264, E, NOT, FATE_KEEP, "a number is out of range"},
    {1265, E, NOT, FATE_KEEP, "a value does not fit its column"},
    {1292, E, NOT, FATE_KEEP, "a value is of the wrong kind"},
    {1364, E, NOT, FATE_KEEP, "a value is missing"},
    {1366, E, NOT, FATE_KEEP, "a text is not valid in its character set"},
    {1406, E, NOT, FATE_KEEP, "a text is too long"},
    {1690, E, NOT, FATE_KEEP, "a number is out of range"},
    {1021, E, NOT, FATE_KEEP, "the disk is full"},
    {1030, E, NOT, FATE_KEEP, "storage engine error: see the server's log"},
    {1114, E, NOT, FATE_KEEP, "the table is full"},
    /* Applied or not: nobody here can know. */
    {1053, E, UNKNOWN, FATE_PAUSE, "the server is shutting down"},
    {1180, E, UNKNOWN, FATE_CLOSE, "error during commit"},
    {1317, E, UNKNOWN, FATE_CLOSE, "interrupted"},
    {1598, E, UNKNOWN, FATE_CLOSE, "error in the binary log"},
    {1927, E, UNKNOWN, FATE_CLOSE, "connection killed"},
    {2006, E, UNKNOWN, FATE_CLOSE, GONE},
    {2008, E, UNKNOWN, FATE_CLOSE, "the client is out of memory"},
    {2013, E, UNKNOWN, FATE_CLOSE, GONE " or timed out"},
    {2014, E, UNKNOWN, FATE_CLOSE, "commands out of sync"},
    {2026, E, UNKNOWN, FATE_CLOSE, "TLS failed"},
    {2027, E, UNKNOWN, FATE_CLOSE, "malformed answer"},
    {2056, E, UNKNOWN, FATE_CLOSE, GONE},
    {2057, E, UNKNOWN, FATE_CLOSE, "the answer has other columns"},
};

static const struct error_class unlisted[] = {
    [PHASE_CONNECT] = {0, C, NOT, FATE_PAUSE, "cannot connect"},
    [PHASE_PREPARE] = {0, P, NOT, FATE_CLOSE, "cannot be prepared"},
    [PHASE_EXECUTE] = {0, E, UNKNOWN, FATE_CLOSE, "unexpected error"},
};
_Static_assert(ARRAY_LEN(unlisted) == PHASE_COUNT, "a row for each phase");

const struct error_class *error_classify(unsigned code, enum error_phase phase)
{
	BUG_ON((unsigned)phase >= PHASE_COUNT);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].code == code &&
		    (rows[i].phases & (1u << phase)) != 0)
			return &rows[i];
	return &unlisted[phase];
}

/*
 * 1364 (a column without a default) is not among them: that is a schema which
 * somebody changed, and it refuses every row.
 */
static const unsigned refusals[] = {
    1048, 1264, 1265, 1292, 1366, 1406, 1690, 3819, 4025};

bool error_refuses_row(unsigned code)
{
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
		if (refusals[i] == code)
			return true;
	return false;
}

const struct error_class *error_table(size_t *n)
{
	*n = ARRAY_LEN(rows);
	return rows;
}
