/* SPDX-License-Identifier: Apache-2.0 */
/* Is this a server, and a schema, that the promises can stand on? */
#include "config.h"

#include "ledger/impl.h"
#include "ledger/version.h"

#include "base/log.h"

#define OVERSOLD "never oversold"
#define LOST     "never lost"

/* Without each of these the schema looks right and does not protect. */
static const struct fact {
	enum statement_id id;
	const char *table;
	const char *what; /* columns; NULL: the table itself */
	const char *promise;
	const char *missing;
} facts[] = {
    {STMT_FACT_ENGINE, "sales", NULL, OVERSOLD,
	"table sales is not InnoDB: ALTER TABLE sales ENGINE=InnoDB"},
    {STMT_FACT_ENGINE, "orders", NULL, OVERSOLD,
	"table orders is not InnoDB: ALTER TABLE orders ENGINE=InnoDB"},
    {STMT_FACT_ENGINE, "barrier", NULL, LOST,
	"table barrier is not InnoDB: ALTER TABLE barrier ENGINE=InnoDB"},
    {STMT_FACT_UNIQUE, "orders", "claim", OVERSOLD,
	"orders lacks PRIMARY KEY (claim): a claim could have two outcomes; "
	"restore it before selling"},
    {STMT_FACT_UNIQUE, "orders", "sale_id,unit_no", OVERSOLD,
	"orders lacks UNIQUE (sale_id, unit_no): units could be sold twice; "
	"restore it before selling"},
    {STMT_FACT_UNIQUE, "orders", "sale_id,customer,slot", OVERSOLD,
	"orders lacks UNIQUE (sale_id, customer, slot): limits would not hold; "
	"restore it before selling"},
    {STMT_FACT_BINARY, "orders", "claim", OVERSOLD,
	"orders.claim is not BINARY(16)"},
    {STMT_FACT_BINARY, "orders", "customer", OVERSOLD,
	"orders.customer is not VARBINARY(64): 'alice' and 'ALICE' would share "
	"a limit"},
    {STMT_FACT_ENGINE, "dead_letters", NULL, LOST,
	"table dead_letters is not InnoDB: ALTER TABLE dead_letters "
	"ENGINE=InnoDB"},
    {STMT_FACT_UNIQUE, "dead_letters", "sale_id,epoch,entry_ms,entry_seq", LOST,
	"dead_letters lacks UNIQUE (sale_id, epoch, entry_ms, entry_seq): one "
	"entry could be buried twice"},
    {STMT_FACT_BINARY, "dead_letters", "claim", LOST,
	"dead_letters.claim is not BINARY(16)"},
    {STMT_FACT_BINARY, "dead_letters", "customer", LOST,
	"dead_letters.customer is not VARBINARY(64)"},
    {STMT_FACT_BINARY, "dead_letters", "ref", LOST,
	"dead_letters.ref is not VARBINARY(64)"},
};

static enum outcome fact_check(struct ledger *ledger, const struct fact *fact,
    int64_t deadline_ns, struct err *err)
{
	MYSQL_BIND params[2];
	struct call call = {.id = fact->id, .params = params};
	int64_t count = 0;
	enum outcome out;

	param_text(&params[0], strv_c(fact->table));
	param_text(&params[1], strv_c(fact->what));
	out = ledger_read_number(ledger, &call, deadline_ns, &count, err);
	if (out == OUT_DONE && count < 1) {
		err_set(err, 0, "%s: \"%s\": %s", ledger->target.where,
		    fact->promise, fact->missing);
		out = OUT_NOT_DONE;
	}
	return out;
}

static enum outcome version_check(struct ledger *ledger, int64_t deadline_ns,
    char version[64], struct err *err)
{
	enum outcome out = conn_ensure(&ledger->conn, deadline_ns, err);
	struct server_version numbers;
	const char *text;
	struct strbuf buf;

	if (out != OUT_DONE)
		return out;
	text = mysql_get_server_info(ledger->conn.mysql);
	strbuf_init(&buf, version, 64);
	strbuf_put_escaped(&buf, strv_c(text));
	if (server_version_parse(text, &numbers) &&
	    server_version_enough(&numbers))
		return OUT_DONE;
	err_set(err, 0,
	    "%s: server %s is too old: MariaDB 10.6 or MySQL 8.0.16 is the "
	    "least that enforces CHECK",
	    ledger->target.where, version);
	return OUT_NOT_DONE;
}

static enum outcome schema_check(
    struct ledger *ledger, int64_t deadline_ns, struct err *err)
{
	unsigned have, need = LEDGER_SCHEMA_VERSION;
	enum outcome out = ledger_schema_read(ledger, deadline_ns, &have, err);

	if (out != OUT_DONE)
		return out;
	/* Later files add, and take nothing away (sql/README): hosts are
	 * upgraded one by one, and this one may be the last. */
	if (have > need)
		log_notice("%s: the schema is version %u, this program is "
			   "written for %u: that will do",
		    ledger->target.where, have, need);
	if (have >= need)
		return OUT_DONE;
	if (have == 0)
		err_set(err, 0,
		    "%s: no schema: run flashgatectl schema install",
		    ledger->target.where);
	else
		err_set(err, 0,
		    "%s: the schema is version %u, this program needs %u: run "
		    "flashgatectl schema upgrade",
		    ledger->target.where, have, need);
	return OUT_NOT_DONE;
}

/* Strict mode and unique_checks are set and read back by each connection. */
enum outcome ledger_check(struct ledger *ledger, int64_t deadline_ns,
    char version[64], struct err *err)
{
	enum outcome out = version_check(ledger, deadline_ns, version, err);

	if (out == OUT_DONE)
		out = schema_check(ledger, deadline_ns, err);
	for (size_t i = 0; i < ARRAY_LEN(facts) && out == OUT_DONE; i++)
		out = fact_check(ledger, &facts[i], deadline_ns, err);
	return out;
}
