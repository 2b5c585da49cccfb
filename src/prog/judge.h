/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Do Redis and MySQL stand for what flashgate promises?  One table of settings,
 * read back from the servers, each with the promise that hangs on it.  Any
 * process that may talk to the stores.
 */
#ifndef PROG_JUDGE_H
#define PROG_JUDGE_H

#include "gate/gate.h"
#include "ledger/ledger.h"
#include "prog/settings.h"

enum judge_weight {
	JUDGE_NOTE, /* said when somebody asks */
	JUDGE_WARN, /* said at every start */
	JUDGE_REFUSE /* no start: a promise would be empty */
};

struct judge_finding {
	const char *store; /* "redis", "mysql" */
	const char *name;
	char value[80]; /* "-": the server does not say */
	char want[40];
	const char *promise;
	const char *why;
	enum judge_weight weight;
	bool known, good;
};

#define JUDGE_MAX 32
struct judge_report {
	struct judge_finding findings[JUDGE_MAX];
	size_t n;
	unsigned refused, warned;
};

/* False with `err` when a store did not answer. */
bool judge_stores(const struct settings *settings, struct gate *gate,
    struct ledger *ledger, struct judge_report *report,
    struct err *err) ATTR_MUSTUSE;

/* "innodb_… = 2 breaks "never lost": want 1, else …" */
void judge_finding_text(
    const struct judge_finding *finding, struct strbuf *out);

#endif
