/* SPDX-License-Identifier: Apache-2.0 */
/* Reading entries: one table of fields. */
#include "config.h"

#include "gate/entry.h"
#include "base/bug.h"
#include "base/num.h"
#include "gate/reply.h"

#include <stdio.h>

static bool is_array(const redisReply *reply)
{
	return reply != NULL && reply->type == REDIS_REPLY_ARRAY;
}

static bool text_of(const redisReply *reply, struct strv *out)
{
	if (reply == NULL || reply->type != REDIS_REPLY_STRING ||
	    reply->str == NULL)
		return false;
	*out = strv_from(reply->str, reply->len);
	return true;
}

/* ---- fields -------------------------------------------------------------- */

static bool bytes_read(struct strv text, uint8_t *out, size_t n)
{
	if (text.n != n)
		return false;
	memcpy(out, text.p, n);
	return true;
}

static bool u32_read(struct strv text, uint32_t max, uint32_t *out)
{
	uint64_t value;

	if (!num_parse_u64(text, 1, max, &value))
		return false;
	*out = (uint32_t)value;
	return true;
}

static bool claim_read(struct strv text, struct order *out)
{
	return bytes_read(text, out->claim.b, CLAIM_BYTES) &&
	       !claim_is_none(&out->claim);
}

static bool unit_read(struct strv text, struct order *out)
{
	return u32_read(text, UINT32_MAX, &out->unit);
}

static bool slot_read(struct strv text, struct order *out)
{
	return u32_read(text, SALE_PER_CUSTOMER_MAX, &out->slot);
}

static bool customer_read(struct strv text, struct order *out)
{
	return customer_parse(text, &out->customer);
}

static bool hash_read(struct strv text, struct order *out)
{
	return bytes_read(text, out->payload_hash, PAYLOAD_HASH_BYTES);
}

static bool ref_read(struct strv text, struct order *out)
{
	return strv_copy(text, out->ref, sizeof(out->ref));
}

static bool created_read(struct strv text, struct order *out)
{
	return num_parse_i64(text, 1, INT64_MAX, &out->created.us);
}

/* As accept() in queue.lua writes them. */
static const struct {
	const char *name;
	bool (*read)(struct strv text, struct order *out);
} fields[] = {
    {"claim", claim_read},
    {"unit", unit_read},
    {"slot", slot_read},
    {"customer", customer_read},
    {"payload_hash", hash_read},
    {"ref", ref_read},
    {"created", created_read},
};

static bool field_find(
    const redisReply *pairs, struct strv name, struct strv *out)
{
	struct strv at;

	for (size_t i = 0; i + 1 < pairs->elements; i += 2)
		if (text_of(pairs->element[i], &at) && strv_eq(at, name))
			return text_of(pairs->element[i + 1], out);
	return false;
}

/* The first flaw is the one that is told; the rest is read all the same. */
static void fields_read(const redisReply *pairs, struct gate_entry *out)
{
	struct strv text;

	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		bool there = field_find(pairs, strv_c(fields[i].name), &text);

		if (there && fields[i].read(text, &out->order))
			continue;
		if (out->flaw[0] == '\0')
			snprintf(out->flaw, sizeof(out->flaw), "%s: %s",
			    fields[i].name, there ? "damaged" : "missing");
	}
}

/* ---- entries ------------------------------------------------------------- */

static bool id_read(const redisReply *reply, struct gate_entry_id *out)
{
	struct strv rest, ms;

	if (!text_of(reply, &rest))
		return false;
	ms = strv_cut(&rest, '-');
	return num_parse_u64(ms, 0, UINT64_MAX, &out->ms) &&
	       num_parse_u64(rest, 0, UINT64_MAX, &out->seq);
}

bool gate_entry_read(const redisReply *reply, struct gate_entry *out)
{
	struct gate_entry entry = {.order.status = ORDER_SOLD};
	const redisReply *times;

	if (!is_array(reply) || reply->elements < 2 || reply->elements > 3 ||
	    !id_read(reply->element[0], &entry.id) ||
	    !is_array(reply->element[1]))
		return false;
	times = reply->elements == 3 ? reply->element[2] : NULL;
	if (times != NULL) {
		if (times->type != REDIS_REPLY_INTEGER || times->integer < 1)
			return false;
		entry.deliveries = times->integer < UINT32_MAX
				       ? (uint32_t)times->integer
				       : UINT32_MAX;
	}
	fields_read(reply->element[1], &entry);
	*out = entry;
	return true;
}

static bool is_ok(const redisReply *reply)
{
	struct strv word;

	return is_array(reply) && reply->elements > 0 &&
	       text_of(reply->element[0], &word) && strv_eq(word, STRV("OK"));
}

/* EPOCH or NOSALE. */
static bool is_elsewhere(const redisReply *reply)
{
	struct gate_status status;

	return !is_ok(reply) && gate_reply_status(reply, &status);
}

/* Entries from element `first` on. */
static bool entries_read(const redisReply *reply, size_t first, size_t max,
    struct gate_entry *out, size_t *n)
{
	struct gate_entry entry;

	if (!is_ok(reply) || reply->elements < first ||
	    reply->elements - first > max)
		return false;
	/* Twice, so that a bad one at the end leaves `out` alone. */
	for (size_t i = first; i < reply->elements; i++)
		if (!gate_entry_read(reply->element[i], &entry))
			return false;
	for (size_t i = first; i < reply->elements; i++)
		if (!gate_entry_read(reply->element[i], &out[i - first]))
			BUG("an entry that was good is not");
	*n = reply->elements - first;
	return true;
}

bool gate_reply_entries(const redisReply *reply, size_t max,
    struct gate_entry *out, size_t *n, bool *known)
{
	if (is_elsewhere(reply)) {
		*known = false;
		*n = 0;
		return true;
	}
	if (!entries_read(reply, 1, max, out, n))
		return false;
	*known = true;
	return true;
}

bool gate_reply_taken(const redisReply *reply, size_t max,
    struct gate_entry *out, size_t *n, struct gate_entry_id *next, bool *known)
{
	struct gate_entry_id id;

	if (is_elsewhere(reply)) {
		*known = false;
		*n = 0;
		return true;
	}
	if (!is_ok(reply) || reply->elements < 2 ||
	    !id_read(reply->element[1], &id) ||
	    !entries_read(reply, 2, max, out, n))
		return false;
	*next = id;
	*known = true;
	return true;
}

bool gate_reply_carried(const redisReply *reply, size_t n,
    enum gate_carried *carried, uint32_t *elsewhere)
{
	struct gate_status status;

	if (!is_ok(reply)) {
		if (!gate_reply_status(reply, &status) ||
		    status.word != GATE_STATUS_EPOCH || status.number == 0)
			return false;
		*elsewhere = status.number;
		return true;
	}
	if (reply->elements != n + 1)
		return false;
	for (size_t i = 1; i <= n; i++)
		if (reply->element[i]->type != REDIS_REPLY_INTEGER ||
		    reply->element[i]->integer < 0 ||
		    reply->element[i]->integer >= GATE_CARRY_COUNT)
			return false;
	for (size_t i = 0; i < n; i++)
		carried[i] = (enum gate_carried)reply->element[i + 1]->integer;
	*elsewhere = 0;
	return true;
}
