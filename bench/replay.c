/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay SOCKET SALE READERS ROWS: what it costs to make sure of a row that is
 * read (src/ledger/durable.h).  Records READERS x ROWS orders of a sale, then
 * reads each twice, as a replayed purchase does: first by a connection that must
 * make sure of it, then by the same one, which knows.  READERS processes at once,
 * a connection and ROWS orders each.  Milliseconds, on standard output.
 */
#include "config.h"

#include "base/clock.h"
#include "base/num.h"
#include "ledger/ledger.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define READERS_MAX 64
#define ROWS_MAX    1000 /* that a connection can know, all at once */
#define CALL_MS     10000

enum phase {
	PHASE_RECORD,
	PHASE_FIRST,
	PHASE_AGAIN,
	PHASE_COUNT
};

static const char *const phases[] = {
    [PHASE_RECORD] = "insert",
    [PHASE_FIRST] = "read, made sure of",
    [PHASE_AGAIN] = "read, known",
};

static struct {
	const char *address;
	struct sale_id sale;
	size_t readers, rows;
	int64_t *took_ns; /* [phase][reader][row], shared */
} bench;

static void die(const char *what, const struct err *err)
{
	fprintf(stderr, "replay: %s: %s\n", what, err->text);
	exit(1);
}

static struct order order_of(size_t reader, size_t row)
{
	struct order order = {.sale = bench.sale,
	    .epoch = 1,
	    .status = ORDER_SOLD,
	    .unit = (uint32_t)(reader * ROWS_MAX + row + 1),
	    .slot = 1};
	char text[32];
	int n = snprintf(text, sizeof(text), "c%zu-%zu", reader, row);

	memcpy(order.customer.text, text, (size_t)n);
	order.customer.n = (uint8_t)n;
	order.claim.b[0] = (uint8_t)row;
	order.claim.b[1] = (uint8_t)(row >> 8);
	order.claim.b[2] = (uint8_t)reader;
	memcpy(&order.claim.b[4], &bench.sale.v, sizeof(bench.sale.v));
	return order;
}

static struct ledger *connected(struct ledger_port *port)
{
	struct ledger_conf conf = {.address = bench.address,
	    .user = "fg_app",
	    .password = "change-me-1",
	    .database = "flashgate",
	    .connect_timeout_ms = CALL_MS,
	    .statement_timeout_ms = CALL_MS};
	struct err err = ERR_INIT;
	struct ledger *ledger = ledger_new(&conf, &err);

	if (ledger == NULL)
		die("settings", &err);
	*port = ledger_port(ledger);
	if (port->ready(port->ctx, deadline_in_ms(CALL_MS), &err) != OUT_DONE)
		die("connecting", &err);
	return ledger;
}

static void once(
    const struct ledger_port *port, enum phase phase, const struct order *order)
{
	struct order rows[SALE_PER_CUSTOMER_MAX];
	enum ledger_record answer = LEDGER_RECORDED;
	struct err err = ERR_INIT;
	enum outcome out;
	size_t n = 1;

	if (phase == PHASE_RECORD)
		out = port->record(
		    port->ctx, order, deadline_in_ms(CALL_MS), &answer, &err);
	else
		out = port->find_customer(port->ctx, order->sale,
		    &order->customer, deadline_in_ms(CALL_MS), rows,
		    SALE_PER_CUSTOMER_MAX, &n, &err);
	if (out != OUT_DONE || answer != LEDGER_RECORDED || n != 1)
		die(phases[phase], &err);
}

/* All begin when all are connected. */
static void reader_run(enum phase from, enum phase to, size_t reader, int go)
{
	struct ledger_port port;
	struct ledger *ledger = connected(&port);
	char byte;

	if (read(go, &byte, 1) != 0)
		exit(1);
	for (int phase = from; phase <= (int)to; phase++)
		for (size_t row = 0; row < bench.rows; row++) {
			struct order order = order_of(reader, row);
			int64_t begin_ns = mono_ns();
			size_t at = ((size_t)phase * bench.readers + reader) *
					bench.rows +
				    row;

			once(&port, (enum phase)phase, &order);
			bench.took_ns[at] = mono_ns() - begin_ns;
		}
	ledger_free(&ledger);
	exit(0);
}

/* Processes of their own, so that a reader knows nothing of what it wrote. */
static void crowd_run(enum phase from, enum phase to)
{
	int go[2], status;

	if (pipe(go) != 0)
		exit(1);
	for (size_t reader = 0; reader < bench.readers; reader++)
		if (fork() == 0) {
			close(go[1]);
			reader_run(from, to, reader, go[0]);
		}
	close(go[0]);
	close(go[1]);
	while (wait(&status) > 0)
		if (status != 0)
			exit(1);
}

static int by_time(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void phase_tell(enum phase phase)
{
	size_t n = bench.readers * bench.rows;
	int64_t *took = bench.took_ns + (size_t)phase * n, sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += took[i];
	qsort(took, n, sizeof(took[0]), by_time);
	printf("%2zu at once  %-20s p50 %6.2f  p99 %6.2f  per second %6.0f\n",
	    bench.readers, phases[phase], (double)took[n / 2] / NS_PER_MS,
	    (double)took[n * 99 / 100] / NS_PER_MS,
	    (double)n * (double)bench.readers * NS_PER_S / (double)sum);
}

int main(int argc, char **argv)
{
	uint64_t sale, readers, rows;

	if (argc != 5 || !num_parse_u64(strv_c(argv[2]), 1, 1000, &sale) ||
	    !num_parse_u64(strv_c(argv[3]), 1, READERS_MAX, &readers) ||
	    !num_parse_u64(strv_c(argv[4]), 1, ROWS_MAX, &rows)) {
		fprintf(stderr, "usage: replay SOCKET SALE READERS ROWS\n");
		return 64;
	}
	bench.address = argv[1];
	bench.sale.v = (uint32_t)sale;
	bench.readers = (size_t)readers;
	bench.rows = (size_t)rows;
	bench.took_ns =
	    mmap(NULL, PHASE_COUNT * readers * rows * sizeof(int64_t),
		PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (bench.took_ns == MAP_FAILED)
		return 1;
	crowd_run(PHASE_RECORD, PHASE_RECORD);
	crowd_run(PHASE_FIRST, PHASE_AGAIN);
	for (int phase = 0; phase < PHASE_COUNT; phase++)
		phase_tell((enum phase)phase);
	return 0;
}
