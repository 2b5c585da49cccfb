/* SPDX-License-Identifier: Apache-2.0 */
/* flashgatectl orders export: every order once, in order of its number. */
#include "config.h"

#include "prog/ctl.h"
#include "base/clock.h"

#include <string.h>
#include <sysexits.h>

#define PAGE 1000

/*
 * A field of CSV (RFC 4180).  A spreadsheet takes what begins with = + - @ for
 * a formula; customers and references are foreign text, so such a field gets a
 * quote in front (OWASP, "CSV injection").
 */
static void csv_field(const char *text, size_t n)
{
	bool formula = n > 0 && strchr("=+-@\t\r", text[0]) != NULL;

	putchar('"');
	if (formula)
		putchar('\'');
	for (size_t i = 0; i < n; i++) {
		if (text[i] == '"')
			putchar('"');
		putchar(text[i]);
	}
	putchar('"');
}

static void csv_row(const struct order *order)
{
	char number[ORDER_TEXT_LEN + 1], created[WALL_TEXT_MAX];

	claim_format(&order->claim, number);
	wall_format(order->created, 6, created);
	printf("%s,%s,", number, order_status_name(order->status));
	if (order->status == ORDER_SOLD)
		printf("%u", order->unit);
	putchar(',');
	csv_field(order->customer.text, order->customer.n);
	putchar(',');
	if (order->status == ORDER_SOLD)
		printf("%u", order->slot);
	putchar(',');
	csv_field(order->ref, strlen(order->ref));
	printf(",%s\r\n", created);
}

static void ndjson_row(const struct order *order)
{
	char number[ORDER_TEXT_LEN + 1], created[WALL_TEXT_MAX];
	bool sold = order->status == ORDER_SOLD;

	claim_format(&order->claim, number);
	wall_format(order->created, 6, created);
	ctl_json(json_pack("{s:s, s:s, s:o, s:s%, s:o, s:s, s:s}", "order",
	    number, "status", order_status_name(order->status), "unit",
	    sold ? json_integer(order->unit) : json_null(), "customer",
	    order->customer.text, (size_t)order->customer.n, "slot",
	    sold ? json_integer(order->slot) : json_null(), "ref", order->ref,
	    "created", created));
}

int ctl_orders_export(struct ctl *ctl)
{
	static struct order page[PAGE];
	const char *format = ctl_option(ctl, "format");
	bool csv = format == NULL || strcmp(format, "csv") == 0;
	const struct claim_id *after = NULL;
	struct claim_id last;
	struct err err = ERR_INIT;
	struct sale sale;
	struct wall now;
	enum outcome out;
	size_t n;
	int code;

	if (!csv && strcmp(format, "ndjson") != 0)
		return ctl_fail(EX_USAGE, "--format %s: csv or ndjson", format);
	code = ctl_sale_find(ctl, ctl_operand(ctl, 0), &sale, &now);
	if (code != 0)
		return code;
	if (csv)
		printf("order,status,unit,customer,slot,ref,created\r\n");
	do {
		out = ledger_orders_page(ctl->ledger, sale.id,
		    ctl_option(ctl, "all") != NULL, after, page, PAGE, &n,
		    &err);
		if (out != OUT_DONE)
			return ctl_fail_outcome(out, &err);
		for (size_t i = 0; i < n; i++)
			(csv ? csv_row : ndjson_row)(&page[i]);
		if (n > 0) {
			last = page[n - 1].claim;
			after = &last;
		}
	} while (n > 0);
	return 0;
}
