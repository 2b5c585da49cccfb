/* SPDX-License-Identifier: Apache-2.0 */
/* Settings become a gate, a ledger, keys; and the judgement at start-up. */
#include "config.h"

#include "prog/wire.h"
#include "base/clock.h"
#include "base/log.h"
#include "prog/judge.h"

#include <string.h>

/* Start-up looks at the stores at leisure; requests never do. */
#define CHECK_DEADLINE_MS 10000

enum gate_durable wire_durable(const struct settings *settings)
{
	if (settings->queue.accept_loss)
		return GATE_DURABLE_ACCEPT_LOSS;
	return wire_durable_strict(settings);
}

/* Where loss is accepted nobody waits for WAITAOF: only a Redis that syncs by
 * itself loses none. */
enum gate_durable wire_durable_strict(const struct settings *settings)
{
	if (settings->queue.accept_loss ||
	    settings->queue.durability == QUEUE_ALWAYS)
		return GATE_DURABLE_ALWAYS;
	return GATE_DURABLE_WAITAOF;
}

struct gate *wire_gate(const struct settings *settings, struct err *err)
{
	struct gate_conf conf = {
	    .address = settings->redis.address,
	    .user = settings->redis.user,
	    .password = settings->redis.password,
	    .database = (unsigned)settings->redis.database,
	    .connect_timeout_ms = settings->redis.connect_timeout_ms,
	    .timeout_ms = settings->redis.timeout_ms,
	    .lease_ms = settings->keeper.lease_ms,
	    .durability = wire_durable(settings),
	};

	return gate_new(&conf, err);
}

struct ledger *wire_ledger(
    const struct settings *settings, enum wire_account account, struct err *err)
{
	struct ledger_conf conf = {
	    .address = settings->mysql.address,
	    .user = settings->mysql.user,
	    .password = settings->mysql.password,
	    .database = settings->mysql.database,
	    .connect_timeout_ms = settings->mysql.connect_timeout_ms,
	    .statement_timeout_ms = settings->mysql.statement_timeout_ms,
	};

	if (account == WIRE_ADMIN && settings->mysql.admin_user[0] != '\0') {
		conf.user = settings->mysql.admin_user;
		conf.password = settings->mysql.admin_password;
	}
	if (account == WIRE_KEEPER && settings->mysql.keeper_user[0] != '\0') {
		conf.user = settings->mysql.keeper_user;
		conf.password = settings->mysql.keeper_password;
	}
	return ledger_new(&conf, err);
}

/* "kid:alg:/path" */
static bool token_key_read(
    struct strv spec, struct token_key *out, struct err *err)
{
	unsigned char bytes[TOKEN_SECRET_MAX + 1];
	char path[SETTINGS_TEXT_MAX];
	struct strv kid = strv_cut(&spec, ':');
	struct strv alg = strv_cut(&spec, ':');
	bool good;
	FILE *file;
	size_t n;

	if (!strv_copy(spec, path, sizeof(path)) || path[0] == '\0') {
		err_set(err, 0,
		    "[identity] token_keys: write kid:algorithm:/path/of/key");
		return false;
	}
	file = fopen(path, "re");
	if (file == NULL) {
		err_set_errno(
		    err, "[identity] token_keys: cannot read %s", path);
		return false;
	}
	n = fread(bytes, 1, sizeof(bytes), file);
	good = ferror(file) == 0;
	fclose(file);
	while (n > 0 && (bytes[n - 1] == '\n' || bytes[n - 1] == '\r'))
		n--;
	if (!good || n > TOKEN_SECRET_MAX)
		err_set(err, 0, "[identity] token_keys: %s: %s", path,
		    good ? "longer than a key may be" : "read error");
	else if (token_key_set(out, kid, alg, strv_from((char *)bytes, n), err))
		n = 0;
	else
		err_wrap(err, "[identity] token_keys: %s", path);
	explicit_bzero(bytes, sizeof(bytes));
	return n == 0;
}

bool wire_token_keys(
    const struct settings *settings, struct token_keys *out, struct err *err)
{
	struct strv rest = strv_c(settings->identity.token_keys);

	memset(out, 0, sizeof(*out));
	while (rest.n > 0) {
		struct strv spec = strv_cut(&rest, ' ');

		if (spec.n == 0)
			continue;
		if (out->n == TOKEN_KEYS_MAX) {
			err_set(err, 0,
			    "[identity] token_keys: more than %d keys",
			    TOKEN_KEYS_MAX);
			return false;
		}
		if (!token_key_read(spec, &out->key[out->n], err))
			return false;
		out->n++;
	}
	if (!strv_copy(strv_c(settings->identity.issuer), out->issuer,
		sizeof(out->issuer)) ||
	    !strv_copy(strv_c(settings->identity.audience), out->audience,
		sizeof(out->audience))) {
		err_set(err, 0,
		    "[identity] issuer, audience: at most %zu bytes",
		    sizeof(out->issuer) - 1);
		return false;
	}
	return true;
}

/* The functions are loaded by it. */
static bool gate_good(struct gate *gate, const struct settings *settings,
    FILE *out, struct err *err)
{
	int64_t deadline_ns = deadline_in_ms(CHECK_DEADLINE_MS);
	char version[32] = "";
	bool good = gate_check(gate, deadline_ns, version, err) == OUT_DONE &&
		    gate_load(gate, deadline_ns, err) == OUT_DONE;

	if (good && out != NULL)
		fprintf(out, "redis  %s  %s  ok\n", settings->redis.address,
		    version);
	if (!good)
		err_wrap(err, "[redis] %s", settings->redis.address);
	return good;
}

static bool ledger_good(struct ledger *ledger, const struct settings *settings,
    FILE *out, struct err *err)
{
	char version[64] = "";
	unsigned schema = 0;
	bool good = ledger_check(ledger, deadline_in_ms(CHECK_DEADLINE_MS),
			version, err) == OUT_DONE &&
		    ledger_schema_version(ledger, &schema, err) == OUT_DONE;

	if (good && out != NULL)
		fprintf(out, "mysql  %s  %s  schema %u  ok\n",
		    settings->mysql.address, version, schema);
	if (!good)
		err_wrap(err, "[mysql] %s", settings->mysql.address);
	return good;
}

/* A read-only server says no to both; the table's words are clearer, so they come
 * first. */
static bool barrier_good(struct ledger *ledger, struct err *err)
{
	if (ledger_check_barrier(
		ledger, deadline_in_ms(CHECK_DEADLINE_MS), err) == OUT_DONE)
		return true;
	err_wrap(err, "[mysql] user: \"never lost\"");
	return false;
}

static bool keeper_good(const struct settings *settings, struct err *err)
{
	struct ledger *ledger = wire_ledger(settings, WIRE_KEEPER, err);
	int64_t deadline_ns = deadline_in_ms(CHECK_DEADLINE_MS);
	const char *promise = "never leaked";
	bool good = ledger != NULL &&
		    ledger_check_keeper(ledger, deadline_ns, err) == OUT_DONE;

	/* Also where no settler runs: flashgatectl sweep is one. */
	if (good) {
		promise = "never lost";
		good =
		    ledger_check_settler(ledger, deadline_ns, err) == OUT_DONE;
	}
	ledger_free(&ledger);
	if (!good)
		err_wrap(err, "[mysql] keeper_user: \"%s\"", promise);
	return good;
}

static void finding_tell(const struct judge_finding *finding, FILE *out)
{
	char bytes[400];
	struct strbuf text;

	strbuf_init(&text, bytes, sizeof(bytes));
	judge_finding_text(finding, &text);
	if (out != NULL)
		fprintf(out, "%-6s %-34s %-12s %s\n", finding->store,
		    finding->name, finding->value,
		    finding->good ? "ok" : bytes);
	else if (!finding->good && finding->weight == JUDGE_REFUSE)
		log_error("%s", bytes);
	else if (!finding->good && finding->weight == JUDGE_WARN)
		log_warning("%s", bytes);
}

/* All of them are said, not only the first. */
static bool settings_good(
    const struct judge_report *report, FILE *out, struct err *err)
{
	char bytes[400];
	struct strbuf text;

	for (size_t i = 0; i < report->n; i++)
		finding_tell(&report->findings[i], out);
	if (report->refused == 0)
		return true;
	strbuf_init(&text, bytes, sizeof(bytes));
	for (size_t i = 0; i < report->n && text.n == 0; i++)
		if (!report->findings[i].good &&
		    report->findings[i].weight == JUDGE_REFUSE)
			judge_finding_text(&report->findings[i], &text);
	err_set(err, 0, "%s", bytes);
	return false;
}

bool wire_check(const struct settings *settings, FILE *out, struct err *err)
{
	struct gate *gate = wire_gate(settings, err);
	struct ledger *ledger =
	    gate != NULL ? wire_ledger(settings, WIRE_SERVER, err) : NULL;
	struct judge_report report;
	bool good;

	good = ledger != NULL && gate_good(gate, settings, out, err) &&
	       ledger_good(ledger, settings, out, err) &&
	       judge_stores(settings, gate, ledger, &report, err) &&
	       settings_good(&report, out, err) && barrier_good(ledger, err) &&
	       keeper_good(settings, err);
	ledger_free(&ledger);
	gate_free(&gate);
	return good;
}
