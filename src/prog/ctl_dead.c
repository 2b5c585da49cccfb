/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flashgatectl dead: accepted orders that could not be written.  What stands in
 * a letter was not believed, so every text of it is escaped.
 */
#include "config.h"

#include "prog/ctl.h"
#include "base/clock.h"
#include "base/num.h"
#include "sale/buy.h"

#include <inttypes.h>
#include <string.h>
#include <sysexits.h>

#define CALL_DEADLINE_MS 5000
#define PAGE             100

/* Each foreign byte may become four. */
#define ESCAPED_MAX (4 * DEAD_REASON_MAX + 1)

/* ---- words --------------------------------------------------------------------------- */

static const char *escaped(struct strv text, char out[ESCAPED_MAX])
{
	struct strbuf buf;

	strbuf_init(&buf, out, ESCAPED_MAX);
	strbuf_put_escaped(&buf, text);
	return out;
}

static const char *number_of(
    const struct claim_id *claim, char out[ORDER_TEXT_LEN + 1])
{
	if (claim_is_none(claim))
		memcpy(out, "-", 2);
	else
		claim_format(claim, out);
	return out;
}

static json_t *number_json(const struct claim_id *claim)
{
	char number[ORDER_TEXT_LEN + 1];

	return claim_is_none(claim) ? json_null()
				    : json_string(number_of(claim, number));
}

static json_t *when_json(struct wall when)
{
	char text[WALL_TEXT_MAX];

	return when.us == 0 ? json_null() : json_string(ctl_time(when, text));
}

static json_t *letter_json(
    const struct ledger_letter *letter, const struct sale *sale)
{
	const struct order *order = &letter->dead.order;
	char customer[ESCAPED_MAX], reason[ESCAPED_MAX], ref[ESCAPED_MAX];

	return json_pack("{s:I, s:o, s:s, s:i, s:s, s:s, s:o, s:s, s:i, s:i, "
			 "s:s, s:o, s:i, s:o}",
	    "id", (json_int_t)letter->id, "at", when_json(letter->at), "sale",
	    sale->slug, "epoch", (int)order->epoch, "state",
	    letter_state_name(letter->state), "reason",
	    escaped(strv_c(letter->dead.reason), reason), "order",
	    number_json(&order->claim), "customer",
	    escaped(customer_view(&order->customer), customer), "unit",
	    (int)order->unit, "slot", (int)order->slot, "ref",
	    escaped(strv_c(order->ref), ref), "accepted",
	    when_json(order->created), "deliveries",
	    (int)letter->dead.deliveries, "retried_as",
	    number_json(&letter->retried_as));
}

/* ---- look-ups -------------------------------------------------------------------------- */

/* The sale of a letter; one that is gone has no name. */
static int sale_of(
    struct ctl *ctl, struct sale_id id, struct sale *out, struct wall *now)
{
	const struct ledger_port *ledger = &ctl->ledger_port;
	struct err err = ERR_INIT;
	bool found;
	enum outcome done = ledger->sale(ledger->ctx, id,
	    deadline_in_ms(CALL_DEADLINE_MS), out, &found, now, &err);

	if (done != OUT_DONE)
		return ctl_fail_outcome(done, &err);
	if (!found) {
		memset(out, 0, sizeof(*out));
		out->id = id;
		memcpy(out->slug, "-", 2);
	}
	return 0;
}

static int letter_find(struct ctl *ctl, struct ledger_letter *letter)
{
	const char *text = ctl_operand(ctl, 0);
	struct err err = ERR_INIT;
	enum outcome out;
	uint64_t id;
	bool found;

	if (!num_parse_u64(strv_c(text), 1, INT64_MAX, &id))
		return ctl_fail(
		    EX_USAGE, "%s: a number from flashgatectl dead list", text);
	if (!ctl_need_ledger(ctl))
		return EX_UNAVAILABLE;
	out = ledger_letter_find(ctl->ledger, id, letter, &found, &err);
	if (out != OUT_DONE)
		return ctl_fail_outcome(out, &err);
	if (!found)
		return ctl_fail(CTL_NO, "no dead letter %s", text);
	return 0;
}

/* ---- list, show -------------------------------------------------------------------------- */

static void line_print(
    const struct ledger_letter *letter, const struct sale *sale)
{
	const struct order *order = &letter->dead.order;
	char customer[ESCAPED_MAX], reason[ESCAPED_MAX];
	char number[ORDER_TEXT_LEN + 1], at[WALL_TEXT_MAX];

	printf("%6" PRIu64 "  %-20.20s %-20s %-7s %-26s %-20s %s\n", letter->id,
	    ctl_time(letter->at, at), sale->slug,
	    letter_state_name(letter->state), number_of(&order->claim, number),
	    escaped(customer_view(&order->customer), customer),
	    escaped(strv_c(letter->dead.reason), reason));
}

static int letters_walk(
    struct ctl *ctl, const struct letters_wanted *wanted, json_t *list)
{
	static struct ledger_letter page[PAGE];
	struct sale sale = {.id = {0}};
	struct err err = ERR_INIT;
	struct wall now;
	uint64_t after = 0;
	enum outcome out;
	int code = 0;
	size_t n;

	do {
		out = ledger_letters_page(
		    ctl->ledger, wanted, after, page, PAGE, &n, &err);
		if (out != OUT_DONE)
			return ctl_fail_outcome(out, &err);
		for (size_t i = 0; i < n && code == 0; i++) {
			struct sale_id id = page[i].dead.order.sale;

			if (sale.id.v != id.v)
				code = sale_of(ctl, id, &sale, &now);
			if (code == 0 && list != NULL)
				json_array_append_new(
				    list, letter_json(&page[i], &sale));
			else if (code == 0)
				line_print(&page[i], &sale);
			after = page[i].id;
		}
	} while (n > 0 && code == 0);
	return code;
}

int ctl_dead_list(struct ctl *ctl)
{
	struct letters_wanted wanted = {
	    .retried = ctl_option(ctl, "all") != NULL};
	json_t *list = ctl->json ? json_array() : NULL;
	struct sale sale;
	struct wall now;
	int code = 0;

	if (!ctl_need_ledger(ctl))
		code = EX_UNAVAILABLE;
	else if (ctl_operand(ctl, 0) != NULL)
		code = ctl_sale_find(ctl, ctl_operand(ctl, 0), &sale, &now);
	if (code == 0 && ctl_operand(ctl, 0) != NULL)
		wanted.sale = sale.id;
	if (code == 0 && !ctl->json)
		printf("%6s  %-20s %-20s %-7s %-26s %-20s %s\n", "ID", "AT",
		    "SALE", "STATE", "ORDER", "CUSTOMER", "REASON");
	if (code == 0)
		code = letters_walk(ctl, &wanted, list);
	if (code == 0 && ctl->json)
		ctl_json(json_incref(list));
	json_decref(list);
	return code;
}

static void letter_print(
    const struct ledger_letter *letter, const struct sale *sale)
{
	const struct dead_letter *dead = &letter->dead;
	const struct order *order = &dead->order;
	char text[ESCAPED_MAX], number[ORDER_TEXT_LEN + 1], at[WALL_TEXT_MAX];

	printf("letter      %" PRIu64 ", %s\n", letter->id,
	    letter_state_name(letter->state));
	if (letter->state == LETTER_RETRIED)
		printf(
		    "retried as  %s\n", number_of(&letter->retried_as, number));
	printf("buried      %s\n", ctl_time(letter->at, at));
	printf("reason      %s\n", escaped(strv_c(dead->reason), text));
	printf("sale        %s, epoch %u\n", sale->slug, order->epoch);
	printf("order       %s\n", number_of(&order->claim, number));
	printf(
	    "customer    %s\n", escaped(customer_view(&order->customer), text));
	printf("unit        %u, slot %u\n", order->unit, order->slot);
	printf("ref         %s\n", escaped(strv_c(order->ref), text));
	printf("accepted    %s\n", ctl_time(order->created, at));
	printf("entry       %" PRIu64 "-%" PRIu64 ", given to a settler %u "
	       "times\n",
	    dead->entry.ms, dead->entry.seq, dead->deliveries);
}

int ctl_dead_show(struct ctl *ctl)
{
	struct ledger_letter letter;
	struct sale sale;
	struct wall now;
	int code = letter_find(ctl, &letter);

	if (code == 0)
		code = sale_of(ctl, letter.dead.order.sale, &sale, &now);
	if (code != 0)
		return code;
	if (ctl->json)
		ctl_json(letter_json(&letter, &sale));
	else
		letter_print(&letter, &sale);
	return 0;
}

/* ---- retry ---------------------------------------------------------------------------- */

struct retry {
	struct ctl *ctl;
	struct ledger_letter letter;
	struct sale sale;
	struct wall now; /* by the ledger's clock */
	struct claim_chain chain;
	size_t from; /* the first attempt that has no row */
	bool sold; /* `as` is written already */
	struct claim_id as; /* the order that takes its place */
};

/* A key that no shopper can send: retries of one letter are one request. */
static void chain_make(struct retry *retry)
{
	const struct order *order = &retry->letter.dead.order;
	char key[1 + CLAIM_BYTES] = {'\001'};

	memcpy(key + 1, order->claim.b, CLAIM_BYTES);
	retry->chain.n = CLAIM_ATTEMPTS;
	for (size_t i = 0; i < CLAIM_ATTEMPTS; i++)
		retry->chain.id[i] = claim_id_make(&retry->sale,
		    &order->customer, strv_from(key, sizeof(key)), i);
}

/* What became of attempts before this one. */
static int history_read(struct retry *retry)
{
	const struct ledger_port *ledger = &retry->ctl->ledger_port;
	const struct claim_chain *chain = &retry->chain;
	bool has_row[CLAIM_ATTEMPTS] = {false};
	struct order rows[CLAIM_ATTEMPTS];
	struct err err = ERR_INIT;
	enum outcome out;
	size_t n;

	out = ledger->find(ledger->ctx, chain->id, chain->n,
	    deadline_in_ms(CALL_DEADLINE_MS), rows, &n, &err);
	if (out != OUT_DONE)
		return ctl_fail_outcome(out, &err);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < CLAIM_ATTEMPTS; k++)
			has_row[k] = has_row[k] ||
				     claim_eq(&rows[i].claim, &chain->id[k]);
	for (size_t i = 0; i < n; i++)
		if (rows[i].status == ORDER_SOLD) {
			retry->sold = true;
			retry->as = rows[i].claim;
		}
	for (retry->from = 0;
	     retry->from < CLAIM_ATTEMPTS && has_row[retry->from];
	     retry->from++)
		;
	return 0;
}

static int ticket_tell(const struct retry *retry, enum gate_answer answer)
{
	const char *slug = retry->sale.slug;

	switch (answer) {
	case GATE_TAKEN:
	case GATE_QUEUED:
		return 0;
	case GATE_LIMIT:
		return ctl_fail(CTL_NO,
		    "the customer has as many of sale %s as he may have", slug);
	case GATE_GONE:
	case GATE_SOFT:
		return ctl_fail(CTL_NO, "sale %s has no unit left", slug);
	case GATE_SPENT:
		return ctl_fail(CTL_NO,
		    "letter %" PRIu64 " was retried %d times, in vain",
		    retry->letter.id, CLAIM_ATTEMPTS);
	case GATE_EPOCH:
	case GATE_NO_SALE:
	case GATE_SHUT:
		return ctl_fail(EX_UNAVAILABLE,
		    "the gate of sale %s is lost or being made anew: repeat",
		    slug);
	case GATE_SAME:
	case GATE_MINE:
	case GATE_ANSWER_COUNT:
		break;
	}
	return ctl_fail(EX_UNAVAILABLE,
	    "the gate of sale %s contradicts the ledger: repeat", slug);
}

static int enqueue(struct retry *retry)
{
	const struct gate_port *gate = &retry->ctl->gate_port;
	const struct order *dead = &retry->letter.dead.order;
	struct order draft = {.created = retry->now};
	struct gate_ticket ticket;
	struct err err = ERR_INIT;
	enum outcome out = OUT_UNKNOWN;
	int code;

	memcpy(draft.payload_hash, dead->payload_hash, PAYLOAD_HASH_BYTES);
	memcpy(draft.ref, dead->ref, sizeof(draft.ref));
	/* The same call again finds what the first one did. */
	for (int tries = 0; tries < 2 && out == OUT_UNKNOWN; tries++)
		out = gate->enqueue(gate->ctx,
		    (struct gate_ref){retry->sale.id, retry->sale.epoch},
		    &retry->chain, retry->from, &dead->customer, &draft, true,
		    deadline_in_ms(CALL_DEADLINE_MS), &ticket, &err);
	if (out != OUT_DONE)
		return ctl_fail_outcome(out, &err);
	code = ticket_tell(retry, ticket.answer);
	if (code == 0)
		retry->as = retry->chain.id[ticket.attempt];
	return code;
}

static int retried_tell(
    const struct retry *retry, const struct claim_id *as, const char *state)
{
	char number[ORDER_TEXT_LEN + 1];

	number_of(as, number);
	if (retry->ctl->json)
		ctl_json(json_pack("{s:I, s:s, s:s}", "letter",
		    (json_int_t)retry->letter.id, "order", number, "state",
		    state));
	else
		printf("letter %" PRIu64 ": order %s is %s in its place\n",
		    retry->letter.id, number, state);
	return 0;
}

static int letter_retry(struct retry *retry)
{
	struct ctl *ctl = retry->ctl;
	struct err err = ERR_INIT;
	enum outcome out;
	bool won;
	int code;

	chain_make(retry);
	code = history_read(retry);
	if (code == 0 && !retry->sold)
		code = retry->from < CLAIM_ATTEMPTS
			   ? enqueue(retry)
			   : ticket_tell(retry, GATE_SPENT);
	if (code != 0)
		return code;
	/* Whoever else does so at the same time has the same order. */
	out = ledger_letter_retried(
	    ctl->ledger, &retry->letter, &retry->as, ctl->actor, &won, &err);
	if (out != OUT_DONE)
		return ctl_fail_outcome(out, &err);
	return retried_tell(
	    retry, &retry->as, retry->sold ? "sold" : "pending");
}

int ctl_dead_retry(struct ctl *ctl)
{
	struct retry retry = {.ctl = ctl};
	const struct ledger_letter *letter = &retry.letter;
	int code = letter_find(ctl, &retry.letter);

	if (code == 0)
		code = sale_of(
		    ctl, letter->dead.order.sale, &retry.sale, &retry.now);
	if (code != 0)
		return code;
	if (letter->state == LETTER_RETRIED)
		return retried_tell(&retry, &letter->retried_as, "already");
	if (claim_is_none(&letter->dead.order.claim) ||
	    letter->dead.order.customer.n == 0)
		return ctl_fail(CTL_NO,
		    "letter %" PRIu64 " does not say whose order it is: it can "
		    "only be dropped",
		    letter->id);
	if (retry.sale.epoch == 0)
		return ctl_fail(CTL_NO,
		    "the sale of letter %" PRIu64 " has no gate", letter->id);
	if (!ctl_need_gate(ctl))
		return EX_UNAVAILABLE;
	return letter_retry(&retry);
}

/* ---- drop ------------------------------------------------------------------------------- */

static int dropped_tell(struct ctl *ctl, uint64_t n)
{
	if (ctl->json)
		ctl_json(json_pack("{s:I}", "dropped", (json_int_t)n));
	else
		printf("%" PRIu64 " dropped\n", n);
	return 0;
}

static int sale_drop(struct ctl *ctl, const char *slug)
{
	struct err err = ERR_INIT;
	uint64_t n, all = 0;
	struct sale sale;
	struct wall now;
	enum outcome out;
	int code = ctl_sale_find(ctl, slug, &sale, &now);

	if (code != 0)
		return code;
	do {
		out = ledger_letters_drop(
		    ctl->ledger, sale.id, ctl->actor, &n, &err);
		if (out != OUT_DONE)
			return ctl_fail_outcome(out, &err);
		all += n;
	} while (n > 0);
	return dropped_tell(ctl, all);
}

int ctl_dead_drop(struct ctl *ctl)
{
	const char *slug = ctl_option(ctl, "sale");
	struct ledger_letter letter;
	struct err err = ERR_INIT;
	enum outcome out;
	bool won;
	int code;

	if ((slug != NULL) == (ctl_operand(ctl, 0) != NULL))
		return ctl_fail(EX_USAGE, "dead drop ID, or --sale SLUG");
	if (slug != NULL)
		return sale_drop(ctl, slug);
	code = letter_find(ctl, &letter);
	if (code != 0)
		return code;
	out = ledger_letter_drop(ctl->ledger, &letter, ctl->actor, &won, &err);
	if (out != OUT_DONE)
		return ctl_fail_outcome(out, &err);
	return dropped_tell(ctl, won);
}
