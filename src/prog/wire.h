/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From settings to the parts that they describe: the composition root shared
 * by flashgate and flashgatectl.  Any process.
 */
#ifndef PROG_WIRE_H
#define PROG_WIRE_H

#include "gate/gate.h"
#include "ledger/ledger.h"
#include "prog/settings.h"
#include "web/token.h"

/* Which database account: the workers', the keeper's, or the operator's. */
enum wire_account {
	WIRE_SERVER,
	WIRE_KEEPER,
	WIRE_ADMIN
};

/* What [queue] asks of Redis; and what it would take to lose nothing. */
enum gate_durable wire_durable(const struct settings *settings);
enum gate_durable wire_durable_strict(const struct settings *settings);

/* Not connected yet.  NULL with `err`. */
struct gate *wire_gate(
    const struct settings *settings, struct err *err) ATTR_MUSTUSE;
struct ledger *wire_ledger(const struct settings *settings,
    enum wire_account account, struct err *err) ATTR_MUSTUSE;

/* Reads [identity] token_keys and the files that it names. */
bool wire_token_keys(const struct settings *settings, struct token_keys *out,
    struct err *err) ATTR_MUSTUSE;

/*
 * Are the stores reachable, of a version that will do, and set up?  Says what
 * was found on `out` (may be NULL), one line a store, and loads the gate's
 * functions.  False with a text that says what to do.
 */
bool wire_check(
    const struct settings *settings, FILE *out, struct err *err) ATTR_MUSTUSE;

#endif
