/* SPDX-License-Identifier: Apache-2.0 */
/* ledger: what the tests against a real server share, and their main. */
#include "config.h"

#include "it.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

struct err why;

static const char *env(const char *name)
{
	const char *value = getenv(name);

	ck_assert_msg(value != NULL, "%s is not set: run ledger.it", name);
	return value;
}

const char *it_dir(void)
{
	return env("FG_DIR");
}

const char *it_socket(void)
{
	return env("MYSQL_SOCK");
}

static const char *or_else(const char *text, const char *fallback)
{
	return text != NULL ? text : fallback;
}

struct ledger *it_ledger_with(struct it_conf c)
{
	struct ledger_conf conf = {
	    .address = or_else(c.address, it_socket()),
	    .user = or_else(c.user, "fg_app"),
	    .password = or_else(c.password, "change-me-1"),
	    .database = or_else(c.database, "flashgate"),
	    .connect_timeout_ms =
		c.connect_timeout_ms != 0 ? c.connect_timeout_ms : 10000,
	    .statement_timeout_ms =
		c.statement_timeout_ms != 0 ? c.statement_timeout_ms : 20000,
	};
	struct err err = ERR_INIT;
	struct ledger *ledger = ledger_new(&conf, &err);

	ck_assert_msg(ledger != NULL, "%s", err.text);
	return ledger;
}

struct ledger *it_ledger(void)
{
	return it_ledger_with((struct it_conf){0});
}

struct ledger *it_admin(void)
{
	return it_ledger_with(
	    (struct it_conf){.user = "fg_admin", .password = "change-me-3"});
}

enum ledger_record it_record(struct ledger *ledger, const struct order *order)
{
	struct ledger_port port = ledger_port(ledger);
	enum ledger_record answer;

	ck_done(port.record(port.ctx, order, SOON, &answer, &why));
	return answer;
}

static struct gate_ref ref_of(const struct sale *sale)
{
	return (struct gate_ref){sale->id, sale->epoch};
}

enum ledger_record it_batch(struct ledger *ledger, const struct sale *sale,
    const struct order *orders, size_t n)
{
	struct ledger_port port = ledger_port(ledger);
	enum ledger_record answer;

	ck_done(port.record_batch(
	    port.ctx, ref_of(sale), orders, n, SOON, &answer, &why));
	return answer;
}

void it_void(struct ledger *ledger, const struct order *claims, size_t n)
{
	struct ledger_port port = ledger_port(ledger);

	ck_done(port.void_claims(port.ctx,
	    (struct gate_ref){claims[0].sale, claims[0].epoch}, claims, n, SOON,
	    &why));
}

bool it_find(
    struct ledger *ledger, const struct claim_id *claim, struct order *out)
{
	struct ledger_port port = ledger_port(ledger);
	size_t n = 7;

	ck_done(port.find(port.ctx, claim, 1, SOON, out, &n, &why));
	ck_assert_uint_le(n, 1);
	return n == 1;
}

/* ---- the administrator --------------------------------------------------- */

MYSQL *it_root(void)
{
	MYSQL *root = mysql_init(NULL);
	unsigned socket = MYSQL_PROTOCOL_SOCKET;

	mysql_options(root, MYSQL_OPT_PROTOCOL, &socket);
	mysql_options(root, MYSQL_SET_CHARSET_NAME, "utf8mb4");
	ck_assert_msg(mysql_real_connect(root, NULL, "root", "", "flashgate", 0,
			  it_socket(), 0) != NULL,
	    "root: %s", mysql_error(root));
	it_sql(root, "SET time_zone = '+00:00', innodb_lock_wait_timeout = 20");
	return root;
}

ATTR_PRINTF(2, 0)
static unsigned query(MYSQL *root, const char *fmt, va_list ap)
{
	char text[4096];
	int n = vsnprintf(text, sizeof(text), fmt, ap);

	ck_assert_int_lt(n, (int)sizeof(text));
	if (mysql_real_query(root, text, (unsigned long)n) == 0)
		return 0;
	return mysql_errno(root);
}

unsigned it_sql_code(MYSQL *root, const char *fmt, ...)
{
	unsigned code;
	va_list ap;

	va_start(ap, fmt);
	code = query(root, fmt, ap);
	va_end(ap);
	return code;
}

void it_sql(MYSQL *root, const char *fmt, ...)
{
	unsigned code;
	va_list ap;

	va_start(ap, fmt);
	code = query(root, fmt, ap);
	va_end(ap);
	ck_assert_msg(code == 0, "%s: %s", fmt, mysql_error(root));
}

static int64_t number_read(MYSQL *root, const char *what)
{
	MYSQL_RES *result = mysql_store_result(root);
	MYSQL_ROW row;
	int64_t value;

	ck_assert_msg(result != NULL, "%s: no result", what);
	row = mysql_fetch_row(result);
	ck_assert_msg(row != NULL && row[0] != NULL, "%s: no row", what);
	value = strtoll(row[0], NULL, 10);
	mysql_free_result(result);
	return value;
}

int64_t it_number(MYSQL *root, const char *fmt, ...)
{
	unsigned code;
	va_list ap;

	va_start(ap, fmt);
	code = query(root, fmt, ap);
	va_end(ap);
	ck_assert_msg(code == 0, "%s: %s", fmt, mysql_error(root));
	return number_read(root, fmt);
}

void it_wait_number(MYSQL *root, int64_t want, const char *text)
{
	int64_t until_ns = SOON;

	while (it_number(root, "%s", text) != want) {
		ck_assert_msg(mono_ns() < until_ns, "waited for %s", text);
		usleep(10000);
	}
}

/* Not information_schema.innodb_trx: that shows a copy, which is made anew only
 * after a tenth of a second without anybody looking. */
void it_wait_blocked(MYSQL *root)
{
	it_wait_number(root, 1,
	    "SELECT variable_value FROM information_schema.global_status "
	    "WHERE variable_name = 'INNODB_ROW_LOCK_CURRENT_WAITS'");
}

/* ---- fixtures ------------------------------------------------------------ */

struct sale it_sale(MYSQL *root)
{
	struct sale sale = {
	    .title = "A thing",
	    .price = {1999, "EUR"},
	    .stock = 100,
	    .per_customer = 2,
	    .state = SALE_STATE_OPEN,
	    .epoch = 1,
	};
	static unsigned made;

	snprintf(sale.slug, sizeof(sale.slug), "t%d-%u", (int)getpid(), ++made);
	it_sql(root,
	    "INSERT INTO sales (slug, title, price_minor, currency, stock, "
	    "per_customer, mode, state, epoch, claim_key) VALUES "
	    "('%s', '%s', 1999, 'EUR', 100, 2, 'direct', 'open', 1, "
	    "REPEAT('k', 32))",
	    sale.slug, sale.title);
	sale.id.v = (uint32_t)mysql_insert_id(root);
	memset(sale.claim_key, 'k', sizeof(sale.claim_key));
	return sale;
}

/* Sale, process and count make it unique, and the first byte spreads it. */
const struct sale *it_seen(const struct sale *sale, uint32_t epoch)
{
	static struct sale seen;

	seen = *sale;
	seen.epoch = epoch;
	seen.state = epoch == 2 ? SALE_STATE_REBUILD : SALE_STATE_OPEN;
	return &seen;
}

struct order it_order(const struct sale *sale, uint32_t unit, const char *who)
{
	static uint32_t made;
	struct order order = {.sale = sale->id,
	    .epoch = sale->epoch,
	    .status = ORDER_SOLD,
	    .unit = unit,
	    .slot = 1};

	made++;
	order.claim.b[0] = (uint8_t)(made * 167);
	memcpy(order.claim.b + 4, &sale->id.v, 4);
	memcpy(order.claim.b + 8, &made, 4);
	order.customer.n = (uint8_t)strlen(who);
	memcpy(order.customer.text, who, order.customer.n);
	return order;
}

void it_orders(const struct sale *sale, struct order *orders, size_t n)
{
	struct wall when;

	ck_assert(wall_parse("2026-11-22T20:00:00.123456Z", &when));
	for (size_t i = 0; i < n; i++) {
		char who[32];

		snprintf(who, sizeof(who), "c%zu", i + 1);
		orders[i] = it_order(sale, (uint32_t)i + 1, who);
		orders[i].created.us = when.us + (int64_t)i;
	}
}

int64_t it_rows(MYSQL *root, const struct sale *sale)
{
	return it_number(
	    root, "SELECT COUNT(*) FROM orders WHERE sale_id = %u", sale->id.v);
}

struct dead_letter it_dead_letter(const struct sale *sale, uint64_t seq)
{
	struct dead_letter letter = {
	    .entry = {1700000000000, seq},
	    .deliveries = 6,
	    .reason = "insert orders: a CHECK refused the row (MySQL 4025)",
	};
	struct order *order = &letter.order;

	*order = it_order(sale, 7, "alice@example.org");
	memcpy(
	    order->payload_hash, "\x00\xff\x01\x80'\";-", PAYLOAD_HASH_BYTES);
	strcpy(order->ref, "shop'; DROP TABLE orders; -- 4711");
	ck_assert(wall_parse("2026-11-22T20:00:00.123456Z", &order->created));
	return letter;
}

void it_same_letter(const struct dead_letter *a, const struct dead_letter *b)
{
	ck_assert(claim_eq(&a->order.claim, &b->order.claim));
	ck_assert_uint_eq(a->order.sale.v, b->order.sale.v);
	ck_assert_uint_eq(a->order.epoch, b->order.epoch);
	ck_assert_uint_eq(a->order.unit, b->order.unit);
	ck_assert_uint_eq(a->order.slot, b->order.slot);
	ck_assert(customer_eq(&a->order.customer, &b->order.customer));
	ck_assert_mem_eq(
	    a->order.payload_hash, b->order.payload_hash, PAYLOAD_HASH_BYTES);
	ck_assert_str_eq(a->order.ref, b->order.ref);
	ck_assert_int_eq(a->order.created.us, b->order.created.us);
	ck_assert_uint_eq(a->entry.ms, b->entry.ms);
	ck_assert_uint_eq(a->entry.seq, b->entry.seq);
	ck_assert_uint_eq(a->deliveries, b->deliveries);
	ck_assert_str_eq(a->reason, b->reason);
}

void it_shell(const char *script)
{
	char text[2048];
	int status;
	pid_t pid;

	snprintf(text, sizeof(text), ". \"$top_srcdir/scripts/servers.sh\"; %s",
	    script);
	pid = fork();
	if (pid == 0) {
		/* Check kills the process group of a test when it ends. */
		setsid();
		execl("/bin/sh", "sh", "-euc", text, (char *)NULL);
		_exit(127);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(status == 0, "%s: status %d", script, status);
}

static pthread_t job_thread;

void it_start(void *(*run)(void *), struct it_job *job)
{
	ck_assert_int_eq(pthread_create(&job_thread, NULL, run, job), 0);
}

void it_join(void)
{
	ck_assert_int_eq(pthread_join(job_thread, NULL), 0);
}

void *it_run_batch(void *arg)
{
	struct it_job *job = arg;
	struct ledger_port port = ledger_port(job->ledger);

	job->out = port.record_batch(port.ctx, ref_of(&job->sale), job->orders,
	    job->norders, SOON, &job->answer, &job->err);
	return NULL;
}

int main(void)
{
	static it_part_fn *const parts[] = {part_port, part_wait, part_batch,
	    part_batch_wait, part_admin, part_letters, part_letters_admin,
	    part_check, part_fault, part_batch_fault, part_server, part_durable,
	    part_fence, part_grants, part_cost};
	struct unit_case cases[ARRAY_LEN(parts) * IT_PART_MAX];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		n += parts[i](&cases[n]);
	return unit_main("ledger with MariaDB", cases, n);
}
