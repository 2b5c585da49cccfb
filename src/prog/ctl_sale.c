/* SPDX-License-Identifier: Apache-2.0 */
/* flashgatectl sale: create, show, list. */
#include "config.h"

#include "prog/ctl.h"
#include "base/clock.h"
#include "base/num.h"

#include <string.h>
#include <sysexits.h>

#define LIST_MAX         1000
#define CALL_DEADLINE_MS 5000

/* ---- create ---------------------------------------------------------------------- */

static bool number_option(struct ctl *ctl, const char *name, uint64_t min,
    uint64_t max, uint64_t *out)
{
	const char *text = ctl_option(ctl, name);

	if (text == NULL) {
		ctl_fail(EX_USAGE, "--%s is required", name);
		return false;
	}
	if (num_parse_u64(strv_c(text), min, max, out))
		return true;
	ctl_fail(EX_USAGE, "--%s %s: %llu to %llu", name, text,
	    (unsigned long long)min, (unsigned long long)max);
	return false;
}

static bool time_option(struct ctl *ctl, const char *name, struct wall *out)
{
	const char *text = ctl_option(ctl, name);

	if (text == NULL || wall_parse(text, out))
		return true;
	ctl_fail(EX_USAGE,
	    "--%s %s: write RFC 3339 with its offset, such as "
	    "2026-11-22T20:00:00+01:00",
	    name, text);
	return false;
}

static bool currency_option(struct ctl *ctl, char out[4])
{
	const char *text = ctl_option(ctl, "currency");

	if (text != NULL && strlen(text) == 3 &&
	    strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 3) {
		memcpy(out, text, 4);
		return true;
	}
	ctl_fail(EX_USAGE, "--currency is required: three capital letters of "
			   "ISO 4217, such as EUR");
	return false;
}

static bool title_option(struct ctl *ctl, struct sale *sale)
{
	const char *text = ctl_option(ctl, "title");

	if (text != NULL && text[0] != '\0' &&
	    strv_copy(strv_c(text), sale->title, sizeof(sale->title)))
		return true;
	ctl_fail(
	    EX_USAGE, "--title is required: 1 to %d bytes", SALE_TITLE_MAX);
	return false;
}

static bool mode_option(struct ctl *ctl, struct sale *sale)
{
	const char *text = ctl_option(ctl, "mode");

	sale->mode = SALE_MODE_DIRECT;
	if (text == NULL || sale_mode_parse(strv_c(text), &sale->mode))
		return true;
	ctl_fail(EX_USAGE, "--mode %s: direct, queue or sweep", text);
	return false;
}

static bool sale_from_options(struct ctl *ctl, struct sale *sale)
{
	uint64_t stock, price, limit = 1;
	struct strv slug = strv_c(ctl_operand(ctl, 0));

	memset(sale, 0, sizeof(*sale));
	if (!sale_slug_valid(slug) ||
	    !strv_copy(slug, sale->slug, sizeof(sale->slug))) {
		ctl_fail(EX_USAGE,
		    "%s: a slug is 1 to %d of a-z 0-9 and inner hyphens",
		    ctl_operand(ctl, 0), SALE_SLUG_MAX);
		return false;
	}
	if (!title_option(ctl, sale) ||
	    !number_option(ctl, "stock", 1, SALE_STOCK_MAX, &stock) ||
	    !number_option(ctl, "price", 0, INT64_MAX, &price) ||
	    !currency_option(ctl, sale->price.currency) ||
	    (ctl_option(ctl, "per-customer") != NULL &&
		!number_option(
		    ctl, "per-customer", 1, SALE_PER_CUSTOMER_MAX, &limit)) ||
	    !time_option(ctl, "opens", &sale->opens) ||
	    !time_option(ctl, "closes", &sale->closes) ||
	    !mode_option(ctl, sale))
		return false;
	if (sale->opens.us != 0 && sale->closes.us != 0 &&
	    sale->closes.us <= sale->opens.us) {
		ctl_fail(EX_USAGE, "--closes must be later than --opens");
		return false;
	}
	sale->stock = (uint32_t)stock;
	sale->price.minor = (int64_t)price;
	sale->per_customer = (uint32_t)limit;
	sale->state = SALE_STATE_DRAFT;
	return true;
}

int ctl_sale_create(struct ctl *ctl)
{
	struct err err = ERR_INIT;
	struct sale sale;
	enum outcome out;
	int code;

	if (!sale_from_options(ctl, &sale))
		return EX_USAGE;
	code = ctl_durability_judge(ctl, sale.mode);
	if (code != 0)
		return code;
	if (!ctl_need_ledger(ctl))
		return EX_UNAVAILABLE;
	out = ledger_sale_create(ctl->ledger, &sale, ctl->actor, &err);
	if (out != OUT_DONE)
		return ctl_fail_outcome(out, &err);
	if (ctl->json)
		ctl_json(ctl_sale_json(&sale));
	else
		printf("sale %s created as a draft, %u units; "
		       "flashgatectl sale open %s\n",
		    sale.slug, sale.stock, sale.slug);
	explicit_bzero(sale.claim_key, sizeof(sale.claim_key));
	return 0;
}

/* ---- show, list ------------------------------------------------------------------ */

static json_t *gauge_json(const struct gate_gauge *gauge)
{
	if (!gauge->known)
		return json_null();
	return json_pack("{s:i, s:i, s:i, s:I, s:I, s:b, s:I, s:I, s:I}",
	    "epoch", (int)gauge->epoch, "units", (int)gauge->units,
	    "per_customer", (int)gauge->limit, "free", (json_int_t)gauge->free,
	    "leased", (json_int_t)gauge->leased, "shut", (int)gauge->terms.shut,
	    "waiting", (json_int_t)gauge->waiting, "delivered",
	    (json_int_t)gauge->delivered, "oldest_ms",
	    (json_int_t)gauge->oldest_ms);
}

static void sale_print(const struct sale *sale, const struct gate_gauge *gauge)
{
	char opens[WALL_TEXT_MAX], closes[WALL_TEXT_MAX], price[48];

	ctl_money(&sale->price, price, sizeof(price));
	printf("sale          %s\n"
	       "title         %s\n"
	       "state         %s\n"
	       "mode          %s\n"
	       "price         %s (minor units)\n"
	       "stock         %u\n"
	       "per customer  %u\n"
	       "opens         %s\n"
	       "closes        %s\n"
	       "epoch         %u\n",
	    sale->slug, sale->title, sale_state_name(sale->state),
	    sale_mode_name(sale->mode), price, sale->stock, sale->per_customer,
	    ctl_time(sale->opens, opens), ctl_time(sale->closes, closes),
	    sale->epoch);
	if (gauge->known)
		printf("gate          epoch %u, %llu free, %llu leased\n",
		    gauge->epoch, (unsigned long long)gauge->free,
		    (unsigned long long)gauge->leased);
	else
		printf("gate          none\n");
	if (gauge->known && gauge->waiting > 0)
		printf("waiting       %llu accepted orders, %llu of them with "
		       "a settler, the oldest for %.1f s\n",
		    (unsigned long long)gauge->waiting,
		    (unsigned long long)gauge->delivered,
		    (double)gauge->oldest_ms / 1000);
	else if (gauge->known && sale->mode != SALE_MODE_DIRECT)
		printf("waiting       no accepted orders\n");
	if (gauge->known && gauge->terms.shut && sale->mode != SALE_MODE_DIRECT)
		printf("accepts       no orders, the gate was told\n");
}

int ctl_sale_show(struct ctl *ctl)
{
	struct gate_gauge gauge = {.known = false};
	struct err err = ERR_INIT;
	struct sale sale;
	struct wall now;
	enum outcome out;
	json_t *json;
	int code = ctl_sale_find(ctl, ctl_operand(ctl, 0), &sale, &now);

	if (code != 0)
		return code;
	if (!ctl_need_gate(ctl))
		return EX_UNAVAILABLE;
	out = ctl->gate_port.gauge(ctl->gate_port.ctx, sale.id,
	    deadline_in_ms(CALL_DEADLINE_MS), &gauge, &err);
	if (out != OUT_DONE)
		ctl_fail(
		    EX_UNAVAILABLE, "the gate does not answer: %s", err.text);
	if (ctl->json) {
		json = ctl_sale_json(&sale);
		json_object_set_new(json, "gate", gauge_json(&gauge));
		ctl_json(json);
	} else {
		sale_print(&sale, &gauge);
	}
	return out == OUT_DONE ? 0 : EX_UNAVAILABLE;
}

/* -1: not known.  A gate that does not answer is asked no more. */
static int64_t waiting_of(struct ctl *ctl, const struct sale *sale, bool *away)
{
	struct gate_gauge gauge;
	struct err err = ERR_INIT;

	if (sale->epoch == 0)
		return 0;
	if (*away)
		return -1;
	*away = ctl->gate_port.gauge(ctl->gate_port.ctx, sale->id,
		    deadline_in_ms(CALL_DEADLINE_MS), &gauge, &err) != OUT_DONE;
	if (*away)
		ctl_fail(0, "the gate does not answer: %s", err.text);
	if (*away || !gauge.known)
		return -1;
	return (int64_t)gauge.waiting;
}

static void list_print(const struct sale *sale, int64_t waiting)
{
	char opens[WALL_TEXT_MAX], number[24] = "-";

	if (waiting >= 0)
		snprintf(number, sizeof(number), "%lld", (long long)waiting);
	printf("%-24s %-8s %-7s %9u %9s  %-24s %s\n", sale->slug,
	    sale_state_name(sale->state), sale_mode_name(sale->mode),
	    sale->stock, number, ctl_time(sale->opens, opens), sale->title);
}

static json_t *list_json(const struct sale *sale, int64_t waiting)
{
	json_t *o = ctl_sale_json(sale);

	json_object_set_new(
	    o, "waiting", waiting >= 0 ? json_integer(waiting) : json_null());
	return o;
}

int ctl_sale_list(struct ctl *ctl)
{
	static struct sale sales[LIST_MAX];
	struct err err = ERR_INIT;
	json_t *list = NULL;
	bool away = false;
	struct wall now;
	enum outcome out;
	size_t n;

	if (!ctl_need_ledger(ctl) || !ctl_need_gate(ctl))
		return EX_UNAVAILABLE;
	out = ledger_sale_list(ctl->ledger, sales, LIST_MAX, &n, &now, &err);
	if (out != OUT_DONE)
		return ctl_fail_outcome(out, &err);
	if (ctl->json)
		list = json_array();
	else
		printf("%-24s %-8s %-7s %9s %9s  %-24s %s\n", "SALE", "STATE",
		    "MODE", "STOCK", "WAITING", "OPENS", "TITLE");
	for (size_t i = 0; i < n; i++) {
		int64_t waiting = waiting_of(ctl, &sales[i], &away);

		if (ctl->json)
			json_array_append_new(
			    list, list_json(&sales[i], waiting));
		else
			list_print(&sales[i], waiting);
	}
	if (ctl->json)
		ctl_json(list);
	return 0;
}
