/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger: what a call costs, counted by a proxy: packets, and no packet at all when it
 * is too late.
 */
#include "config.h"

#include "it.h"

static MYSQL *root;
static struct proxy *proxy;
static struct ledger *ledger;
static struct ledger_port port;
static struct sale sale;

static void begin(void)
{
	root = it_root();
	sale = it_sale(root);
	proxy = proxy_start(it_dir(), it_socket());
	ledger = it_ledger_with((struct it_conf){.address = proxy->path});
	port = ledger_port(ledger);
}

static void end(void)
{
	ledger_free(&ledger);
	proxy_stop(proxy);
	mysql_close(root);
}

/* The pause after a failure is over. */

START_TEST(test_ready_is_free_and_a_purchase_is_one_packet)
{
	struct order order, got;
	unsigned before;
	size_t n;

	begin();
	order = it_order(&sale, 1, "alice");
	ck_done(port.ready(port.ctx, SOON, &why));
	before = proxy->packets;
	for (int i = 0; i < 100; i++)
		ck_done(port.ready(port.ctx, SOON, &why));
	ck_assert_uint_eq(proxy->packets, before);
	ck_assert_int_eq(it_record(ledger, &order), LEDGER_RECORDED);
	ck_assert_uint_eq(proxy->packets, before + 1);
	ck_done(port.find(port.ctx, &order.claim, 1, SOON, &got, &n, &why));
	ck_assert_uint_eq(proxy->packets, before + 2);
	ck_assert_uint_eq(proxy->connections, 1);
	end();
}
END_TEST

START_TEST(test_too_late_is_not_sent)
{
	struct order order, got;
	enum ledger_record answer;
	unsigned before;
	int64_t past_ns = mono_ns() - 1;
	size_t n;
	bool won;

	begin();
	order = it_order(&sale, 1, "alice");
	ck_refused(
	    OUT_NOT_DONE, "no time left", port.ready(port.ctx, past_ns, &why));
	ck_assert_uint_eq(proxy->connections, 0);
	ck_done(port.ready(port.ctx, SOON, &why));
	before = proxy->packets;
	ck_refused(
	    OUT_NOT_DONE, "no time left", port.ready(port.ctx, past_ns, &why));
	ck_refused(OUT_NOT_DONE, "no time left",
	    port.record(port.ctx, &order, past_ns, &answer, &why));
	ck_refused(OUT_NOT_DONE, "no time left",
	    port.void_claims(port.ctx, (struct gate_ref){sale.id, 1}, &order, 1,
		past_ns, &why));
	ck_refused(OUT_NOT_DONE, "no time left",
	    port.find(port.ctx, &order.claim, 1, past_ns, &got, &n, &why));
	ck_refused(OUT_NOT_DONE, "no time left",
	    port.epoch_begin(port.ctx, it_seen(&sale, 1), SALE_STATE_REBUILD,
		past_ns, &won, &why));
	ck_assert_uint_eq(proxy->packets, before);
	ck_assert_uint_eq(proxy->connections, 1);
	end();
}
END_TEST

/* The time ran out while the statement was being prepared. */
START_TEST(test_too_late_after_preparing)
{
	struct order got[1];
	unsigned before;
	int64_t deadline_ns;
	size_t n;

	begin();
	ck_done(port.ready(port.ctx, SOON, &why));
	before = proxy->executes;
	deadline_ns = deadline_in_ms(300);
	proxy->hold_until_ns = deadline_ns + NS_PER_MS;
	proxy->trick = PROXY_PREPARE_HOLD;
	ck_refused(OUT_NOT_DONE, "no time left",
	    port.sold_after(port.ctx, sale.id, 0, deadline_ns, got,
		ARRAY_LEN(got), &n, &why));
	ck_assert_uint_eq(proxy->executes, before);
	end();
}
END_TEST

IT_PART(part_cost,
    UNIT("round-trips", test_ready_is_free_and_a_purchase_is_one_packet),
    UNIT("too-late", test_too_late_is_not_sent),
    UNIT("prepared-too-late", test_too_late_after_preparing))
