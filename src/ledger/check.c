/* SPDX-License-Identifier: Apache-2.0 */
/* Is this a server, and a schema, that the promises can stand on? */
#include "config.h"

#include "ledger/impl.h"
#include "ledger/version.h"

/* Without each of these the schema looks right and does not protect. */
static const struct fact {
	enum statement_id id;
	const char *param;
	const char *missing;
} facts[] = {
    {STMT_FACT_ENGINE, "sales",
	"table sales is not InnoDB: ALTER TABLE sales ENGINE=InnoDB"},
    {STMT_FACT_ENGINE, "orders",
	"table orders is not InnoDB: ALTER TABLE orders ENGINE=InnoDB"},
    {STMT_FACT_ENGINE, "barrier",
	"table barrier is not InnoDB: ALTER TABLE barrier ENGINE=InnoDB"},
    {STMT_FACT_UNIQUE, "claim",
	"orders lacks PRIMARY KEY (claim): a claim could have two outcomes; "
	"restore it before selling"},
    {STMT_FACT_UNIQUE, "sale_id,unit_no",
	"orders lacks UNIQUE (sale_id, unit_no): units could be sold twice; "
	"restore it before selling"},
    {STMT_FACT_UNIQUE, "sale_id,customer,slot",
	"orders lacks UNIQUE (sale_id, customer, slot): limits would not hold; "
	"restore it before selling"},
    {STMT_FACT_BINARY, "claim", "orders.claim is not BINARY(16)"},
    {STMT_FACT_BINARY, "customer",
	"orders.customer is not VARBINARY(64): 'alice' and 'ALICE' would share "
	"a limit"},
};

static enum outcome fact_check(struct ledger *ledger, const struct fact *fact,
    int64_t deadline_ns, struct err *err)
{
	MYSQL_BIND param;
	struct call call = {.id = fact->id, .params = &param};
	int64_t count = 0;
	enum outcome out;

	param_text(&param, strv_c(fact->param));
	out = ledger_read_number(ledger, &call, deadline_ns, &count, err);
	if (out == OUT_DONE && count < 1) {
		err_set(err, 0, "%s: \"never oversold\": %s",
		    ledger->target.where, fact->missing);
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

	if (out != OUT_DONE || have == need)
		return out;
	if (have == 0)
		err_set(err, 0,
		    "%s: no schema: run flashgatectl schema install",
		    ledger->target.where);
	else
		err_set(err, 0,
		    "%s: the schema is version %u, this program needs %u: %s",
		    ledger->target.where, have, need,
		    have < need ? "run flashgatectl schema upgrade"
				: "install the newer flashgate");
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
