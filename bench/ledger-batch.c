/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger-batch: how many orders a second one connection writes, by the size of
 * the batch.  The sizes take turns within one run, each with as many rows as the
 * others, so that what the machine does besides hits them alike.
 *
 *	ledger-batch [ROWS] [ROUNDS]
 *
 * On the server at $MYSQL_SOCK, database flashgate, as root.  A line for each
 * size; the ratios to single rows are of the same round.
 */
#include "config.h"

#include "ledger/ledger.h"

#include "base/clock.h"
#include "base/num.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#define ROUNDS_MAX 50
#define WRITE_S    30

/* 0 stands for the statement of a purchase, `record`. */
static const size_t sizes[] = {0, 1, 4, 16, SETTLE_BATCH};
#define NSIZES ARRAY_LEN(sizes)

struct bench {
	struct ledger *ledger;
	struct ledger_port port;
	struct sale sale;
	uint64_t rows, rounds;
	uint32_t next; /* units so far */
	double rate[NSIZES][ROUNDS_MAX]; /* rows a second */
};

static void die(const char *what, const struct err *err)
{
	fprintf(stderr, "ledger-batch: %s: %s\n", what, err->text);
	exit(EX_UNAVAILABLE);
}

static void check(enum outcome out, const char *what, const struct err *err)
{
	if (out != OUT_DONE)
		die(what, err);
}

/* As random as the real ones, which are HMACs: the primary key is written all
 * over. */
static void claim_make(struct claim_id *claim)
{
	for (size_t i = 0; i < CLAIM_BYTES; i++)
		claim->b[i] = (uint8_t)(random() >> 7);
}

static void order_make(struct bench *b, struct order *order)
{
	*order = (struct order){.sale = b->sale.id,
	    .epoch = b->sale.epoch,
	    .status = ORDER_SOLD,
	    .unit = ++b->next,
	    .slot = 1,
	    .created = wall_now()};
	claim_make(&order->claim);
	order->customer.n = (uint8_t)snprintf(order->customer.text,
	    CUSTOMER_MAX, "customer-%" PRIu32 "@example.org", order->unit);
	snprintf(order->ref, sizeof(order->ref), "cart-%" PRIu32, order->unit);
}

static void write_some(struct bench *b, struct order *orders, size_t size)
{
	struct gate_ref ref = {b->sale.id, b->sale.epoch};
	enum ledger_record answer = LEDGER_FENCED;
	int64_t deadline_ns = deadline_in_ms(WRITE_S * 1000);
	struct err err = ERR_INIT;
	enum outcome out;

	out = size == 0 ? b->port.record(
			      b->port.ctx, orders, deadline_ns, &answer, &err)
			: b->port.record_batch(b->port.ctx, ref, orders, size,
			      deadline_ns, &answer, &err);
	check(out, "write", &err);
	if (answer == LEDGER_RECORDED)
		return;
	err_set(&err, 0, "refused (%d)", (int)answer);
	die("write", &err);
}

static double leg(struct bench *b, size_t size)
{
	struct order orders[SETTLE_BATCH];
	size_t each = size == 0 ? 1 : size;
	int64_t began_ns = mono_ns();
	uint64_t done = 0;

	while (done < b->rows) {
		for (size_t i = 0; i < each; i++)
			order_make(b, &orders[i]);
		write_some(b, orders, size);
		done += each;
	}
	return (double)done * (double)NS_PER_S / (double)(mono_ns() - began_ns);
}

static void sale_make(struct bench *b)
{
	struct sale sale = {.title = "Batch",
	    .price = {1999, "EUR"},
	    .stock = SALE_STOCK_MAX,
	    .per_customer = 1,
	    .mode = SALE_MODE_QUEUE};
	struct err err = ERR_INIT;
	bool won;

	snprintf(sale.slug, sizeof(sale.slug), "batch-%" PRId64, wall_now().us);
	check(
	    ledger_sale_create(b->ledger, &sale, "bench", &err), "sale", &err);
	check(ledger_sale_set_state(b->ledger, sale.id, SALE_STATE_DRAFT,
		  SALE_STATE_OPEN, "bench", &won, &err),
	    "sale", &err);
	b->sale = sale;
}

static void bench_open(struct bench *b)
{
	const char *socket = getenv("MYSQL_SOCK");
	struct ledger_conf conf = {.address = socket,
	    .user = "root",
	    .password = "",
	    .database = "flashgate",
	    .connect_timeout_ms = 10000,
	    .statement_timeout_ms = WRITE_S * 1000};
	struct err err = ERR_INIT;
	char value[LEDGER_VALUE_MAX], version[64];
	bool found;

	if (socket == NULL) {
		fputs("ledger-batch: MYSQL_SOCK is not set\n", stderr);
		exit(EX_USAGE);
	}
	b->ledger = ledger_new(&conf, &err);
	if (b->ledger == NULL)
		die(socket, &err);
	b->port = ledger_port(b->ledger);
	check(ledger_check(
		  b->ledger, deadline_in_ms(WRITE_S * 1000), version, &err),
	    "check", &err);
	check(ledger_variable(b->ledger, "innodb_flush_log_at_trx_commit",
		  false, deadline_in_ms(WRITE_S * 1000), value, &found, &err),
	    "setting", &err);
	printf("%s, innodb_flush_log_at_trx_commit=%s, one connection, "
	       "%" PRIu64 " rounds of %" PRIu64 " rows a size\n",
	    version, found ? value : "?", b->rounds, b->rows);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void sort(double *values, size_t n)
{
	qsort(values, n, sizeof(*values), by_value);
}

static void size_report(struct bench *b, size_t i, const double *single)
{
	double ratio[ROUNDS_MAX], rate[ROUNDS_MAX];
	size_t n = b->rounds;
	char name[32];

	for (size_t r = 0; r < n; r++) {
		rate[r] = b->rate[i][r];
		ratio[r] = rate[r] / single[r];
	}
	if (sizes[i] == 0)
		snprintf(name, sizeof(name), "record");
	else
		snprintf(name, sizeof(name), "batch of %zu", sizes[i]);
	sort(rate, n);
	sort(ratio, n);
	printf("%-12s median %8.0f rows/s (%.0f to %.0f), %5.2f times single "
	       "rows (%.2f to %.2f)\n",
	    name, rate[n / 2], rate[0], rate[n - 1], ratio[n / 2], ratio[0],
	    ratio[n - 1]);
}

static bool argument(const char *text, uint64_t max, uint64_t *out)
{
	return text == NULL || num_parse_u64(strv_c(text), 1, max, out);
}

int main(int argc, char **argv)
{
	static struct bench b = {.rows = 2048, .rounds = 7};

	if (argc > 3 || !argument(argc > 1 ? argv[1] : NULL, 200000, &b.rows) ||
	    !argument(argc > 2 ? argv[2] : NULL, ROUNDS_MAX, &b.rounds)) {
		fputs("usage: ledger-batch [ROWS] [ROUNDS]\n", stderr);
		return EX_USAGE;
	}
	bench_open(&b);
	/* Every statement is prepared, and the server warm, before it counts. */
	for (size_t r = 0; r <= b.rounds; r++) {
		sale_make(&b);
		b.next = 0;
		for (size_t i = 0; i < NSIZES; i++) {
			size_t at = (i + r) % NSIZES;
			double rate = leg(&b, sizes[at]);

			if (r > 0)
				b.rate[at][r - 1] = rate;
		}
	}
	for (size_t i = 0; i < NSIZES; i++)
		size_report(&b, i, b.rate[1]);
	ledger_free(&b.ledger);
	return EX_OK;
}
