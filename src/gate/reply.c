/* SPDX-License-Identifier: Apache-2.0 */
/* Decoding, with suspicion. */
#include "config.h"

#include "gate/reply.h"
#include "base/bug.h"
#include "gate/entry.h"

#include <string.h>

#define LEASE_FIELDS 5

static const redisReply *item(const redisReply *reply, size_t i)
{
	if (reply == NULL || reply->type != REDIS_REPLY_ARRAY ||
	    i >= reply->elements)
		return NULL;
	return reply->element[i];
}

static size_t items(const redisReply *reply)
{
	return reply->type == REDIS_REPLY_ARRAY ? reply->elements : 0;
}

static bool int_at(const redisReply *reply, size_t i, int64_t max, int64_t *out)
{
	const redisReply *at = item(reply, i);

	if (at == NULL || at->type != REDIS_REPLY_INTEGER || at->integer < 0 ||
	    at->integer > max)
		return false;
	*out = at->integer;
	return true;
}

static bool u32_at(const redisReply *reply, size_t i, uint32_t min,
    uint32_t max, uint32_t *out)
{
	int64_t value;

	if (!int_at(reply, i, max, &value) || value < min)
		return false;
	*out = (uint32_t)value;
	return true;
}

static bool bool_at(const redisReply *reply, size_t i, bool *out)
{
	int64_t value;

	if (!int_at(reply, i, 1, &value))
		return false;
	*out = value != 0;
	return true;
}

static bool text_at(const redisReply *reply, size_t i, struct strv *out)
{
	const redisReply *at = item(reply, i);

	if (at == NULL || at->type != REDIS_REPLY_STRING || at->str == NULL)
		return false;
	*out = strv_from(at->str, at->len);
	return true;
}

/* ---- tickets ------------------------------------------------------------- */

static const struct {
	const char *word;
	enum gate_answer answer;
	size_t items; /* with the word */
} answers[] = {
    {"TAKEN", GATE_TAKEN, 5},
    {"SAME", GATE_SAME, 4},
    {"MINE", GATE_MINE, 2},
    {"QUEUED", GATE_QUEUED, 3},
    {"SPENT", GATE_SPENT, 1},
    {"SHUT", GATE_SHUT, 1},
    {"LIMIT", GATE_LIMIT, 1},
    {"SOFT", GATE_SOFT, 3},
    {"GONE", GATE_GONE, 4},
    {"EPOCH", GATE_EPOCH, 2},
    {"NOSALE", GATE_NO_SALE, 1},
};
_Static_assert(ARRAY_LEN(answers) == GATE_ANSWER_COUNT, "a word for each");

static bool answer_read(const redisReply *reply, enum gate_answer *out)
{
	struct strv word;

	if (!text_at(reply, 0, &word))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(answers); i++)
		if (strv_eq(word, strv_c(answers[i].word)) &&
		    items(reply) == answers[i].items) {
			*out = answers[i].answer;
			return true;
		}
	return false;
}

static bool attempt_at(
    const redisReply *reply, size_t i, size_t chain_n, size_t *out)
{
	int64_t value;

	if (!int_at(reply, i, CLAIM_ATTEMPTS, &value) ||
	    (size_t)value >= chain_n)
		return false;
	*out = (size_t)value;
	return true;
}

static bool unit_and_slot(const redisReply *reply, struct gate_ticket *out)
{
	return u32_at(reply, 1, 1, UINT32_MAX, &out->unit) &&
	       u32_at(reply, 2, 1, SALE_PER_CUSTOMER_MAX, &out->slot);
}

/* An accepted order that nobody can read is not shown as one. */
static bool queued_at(const redisReply *reply, size_t i, struct order *out)
{
	struct gate_entry entry;

	if (!gate_entry_read(item(reply, i), &entry) || entry.flaw[0] != '\0')
		return false;
	*out = entry.order;
	return true;
}

static bool ticket_fields(const redisReply *reply, size_t chain_n,
    struct gate_ticket *out, uint32_t *dropped)
{
	switch (out->answer) {
	case GATE_TAKEN:
		return unit_and_slot(reply, out) &&
		       attempt_at(reply, 3, chain_n, &out->attempt) &&
		       u32_at(reply, 4, 0, UINT32_MAX, dropped);
	case GATE_SAME:
		return unit_and_slot(reply, out) &&
		       attempt_at(reply, 3, chain_n, &out->attempt);
	case GATE_MINE:
		return attempt_at(reply, 1, chain_n, &out->attempt);
	case GATE_QUEUED:
		return attempt_at(reply, 1, chain_n, &out->attempt) &&
		       queued_at(reply, 2, &out->queued);
	case GATE_GONE:
		return u32_at(reply, 1, 0, SALE_PER_CUSTOMER_MAX,
			   &out->slots_held) &&
		       u32_at(reply, 2, 0, UINT32_MAX, &out->units) &&
		       bool_at(reply, 3, &out->waiting);
	case GATE_SOFT:
		return u32_at(reply, 1, 0, SALE_PER_CUSTOMER_MAX,
			   &out->slots_held) &&
		       u32_at(reply, 2, 0, UINT32_MAX, dropped);
	case GATE_EPOCH:
		return u32_at(reply, 1, 0, UINT32_MAX, &out->epoch);
	case GATE_SPENT:
	case GATE_SHUT:
	case GATE_LIMIT:
	case GATE_NO_SALE:
		return true;
	case GATE_ANSWER_COUNT:
		break;
	}
	BUG("an answer without a shape");
}

bool gate_reply_ticket(const redisReply *reply, size_t chain_n,
    struct gate_ticket *out, uint32_t *dropped)
{
	struct gate_ticket ticket = {0};
	uint32_t bad = 0;

	if (!answer_read(reply, &ticket.answer) ||
	    !ticket_fields(reply, chain_n, &ticket, &bad))
		return false;
	*out = ticket;
	*dropped = bad;
	return true;
}

/* ---- the others ---------------------------------------------------------- */

bool gate_reply_status(const redisReply *reply, struct gate_status *out)
{
	struct gate_status status = {GATE_STATUS_OK, 0};
	struct strv word;
	size_t n;

	if (!text_at(reply, 0, &word))
		return false;
	n = items(reply);
	if (strv_eq(word, STRV("OK")))
		status.word = GATE_STATUS_OK;
	else if (strv_eq(word, STRV("EPOCH")) && n == 2)
		status.word = GATE_STATUS_EPOCH;
	else if (strv_eq(word, STRV("NOSALE")) && n == 1)
		status.word = GATE_STATUS_NO_SALE;
	else
		return false;
	if (n > 2 ||
	    (n == 2 && !u32_at(reply, 1, 0, UINT32_MAX, &status.number)))
		return false;
	*out = status;
	return true;
}

bool gate_reply_gauge(
    const redisReply *reply, struct gate_gauge *out, uint32_t *elsewhere)
{
	struct gate_gauge gauge = {0};
	struct gate_status status;
	struct strv word;
	int64_t free_n, leased, waiting, delivered;

	if (text_at(reply, 0, &word) && strv_eq(word, STRV("OK"))) {
		if (items(reply) != 16 ||
		    !u32_at(reply, 1, 0, UINT32_MAX, &gauge.epoch) ||
		    !u32_at(reply, 2, 0, UINT32_MAX, &gauge.units) ||
		    !u32_at(reply, 3, 1, SALE_PER_CUSTOMER_MAX, &gauge.limit) ||
		    !int_at(reply, 4, INT64_MAX, &free_n) ||
		    !int_at(reply, 5, INT64_MAX, &leased) ||
		    !u32_at(reply, 6, 0, UINT32_MAX, &gauge.forgot) ||
		    !u32_at(reply, 7, 0, UINT32_MAX, &gauge.dropped) ||
		    !bool_at(reply, 8, &gauge.restarted) ||
		    !int_at(reply, 9, INT64_MAX, &waiting) ||
		    !int_at(reply, 10, waiting, &delivered) ||
		    !int_at(reply, 11, INT64_MAX, &gauge.oldest_ms) ||
		    !bool_at(reply, 12, &gauge.terms.shut) ||
		    !int_at(reply, 13, INT64_MAX, &gauge.terms.opens.us) ||
		    !int_at(reply, 14, INT64_MAX, &gauge.terms.closes.us) ||
		    !u32_at(reply, 15, 0, UINT32_MAX, &gauge.told))
			return false;
		gauge.known = true;
		gauge.free = (uint64_t)free_n;
		gauge.leased = (uint64_t)leased;
		gauge.waiting = (uint64_t)waiting;
		gauge.delivered = (uint64_t)delivered;
		*out = gauge;
		*elsewhere = 0;
		return true;
	}
	if (!gate_reply_status(reply, &status))
		return false;
	if (status.word == GATE_STATUS_NO_SALE)
		*out = gauge;
	*elsewhere = status.number;
	return true;
}

/* A lost record shows as unit 0, slot 0 and no customer. */
static bool lease_at(const redisReply *reply, size_t i, struct gate_lease *out)
{
	const redisReply *left = item(reply, i + 4);
	struct strv claim, customer;

	memset(out, 0, sizeof(*out));
	if (!text_at(reply, i, &claim) || claim.n != CLAIM_BYTES ||
	    !u32_at(reply, i + 1, 0, UINT32_MAX, &out->unit) ||
	    !u32_at(reply, i + 2, 0, 99, &out->slot) ||
	    !text_at(reply, i + 3, &customer) || left == NULL ||
	    left->type != REDIS_REPLY_INTEGER)
		return false;
	memcpy(out->claim.b, claim.p, CLAIM_BYTES);
	/* Not one of our customers: as good as none. */
	if (!customer_parse(customer, &out->customer))
		memset(&out->customer, 0, sizeof(out->customer));
	out->remaining_ms = left->integer;
	return true;
}

bool gate_reply_leases(const redisReply *reply, size_t first, size_t max,
    struct gate_lease *out, size_t *n)
{
	struct gate_lease lease;
	size_t count;

	if (reply == NULL || reply->type != REDIS_REPLY_ARRAY ||
	    reply->elements < first ||
	    (reply->elements - first) % LEASE_FIELDS != 0)
		return false;
	count = (reply->elements - first) / LEASE_FIELDS;
	if (count > max)
		return false;
	/* Twice, so that a bad one at the end leaves `out` alone. */
	for (size_t i = 0; i < count; i++)
		if (!lease_at(reply, first + i * LEASE_FIELDS, &lease))
			return false;
	for (size_t i = 0; i < count; i++)
		if (!lease_at(reply, first + i * LEASE_FIELDS, &out[i]))
			BUG("a lease that was good is not");
	*n = count;
	return true;
}

bool gate_reply_cursor(const redisReply *reply, uint64_t *out)
{
	int64_t cursor;

	if (!int_at(reply, 0, INT64_MAX, &cursor))
		return false;
	*out = (uint64_t)cursor;
	return true;
}

bool gate_reply_units(
    const redisReply *reply, size_t max, uint32_t *out, size_t *n)
{
	uint32_t unit;

	if (reply == NULL || reply->type != REDIS_REPLY_ARRAY ||
	    reply->elements > max)
		return false;
	for (size_t i = 0; i < reply->elements; i++)
		if (!u32_at(reply, i, 0, UINT32_MAX, &unit))
			return false;
	for (size_t i = 0; i < reply->elements; i++)
		out[i] = (uint32_t)reply->element[i]->integer;
	*n = reply->elements;
	return true;
}

bool gate_reply_number(const redisReply *reply, uint32_t max, uint32_t *out)
{
	if (reply == NULL || reply->type != REDIS_REPLY_INTEGER ||
	    reply->integer < 0 || reply->integer > max)
		return false;
	*out = (uint32_t)reply->integer;
	return true;
}
