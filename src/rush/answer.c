/* SPDX-License-Identifier: Apache-2.0 */
/* Status and problem code become a kind of answer. */
#include "config.h"

#include "rush/answer.h"

#include <jansson.h>

#define FINAL             .final = true
#define RETRY             .retry = true
#define ROW(k, n, l, ...) [ANSWER_##k] = {.name = n, .label = l, ##__VA_ARGS__}

/*
 * An accepted order is no final answer (it may still be on its way into the
 * ledger), but nobody hurries to ask again: it is asked for while settling.
 */
const struct answer_row answer_rows[ANSWER_KINDS] = {
    ROW(CREATED, "created", "created (201)", FINAL),
    ROW(REPLAYED, "replayed", "replayed (200)", FINAL),
    ROW(ACCEPTED, "accepted", "accepted (202)"),
    ROW(SOLD_OUT, "sold-out", "sold out (409)", FINAL),
    ROW(LIMIT, "limit-reached", "limit reached (409)", FINAL),
    ROW(IN_PROGRESS, "in-progress", "in progress (409)", RETRY),
    ROW(NOT_OPEN, "not-open", "not open (403)", FINAL),
    ROW(ENDED, "ended", "ended (410)", FINAL),
    ROW(RATE_LIMITED, "rate-limited", "rate limited (429)", RETRY),
    ROW(UNAVAILABLE, "unavailable", "try again (503)", RETRY),
    ROW(REFUSED, "refused", "other 4xx", FINAL),
    ROW(GATEWAY, "bad-gateway", "bad gateway (502, 504)", RETRY),
    ROW(OTHER, "other", "anything else", RETRY),
    ROW(CUT, "cut", "refused or cut connection", RETRY),
    ROW(TIMEOUT, "timeout", "no answer in time", RETRY),
    ROW(INTERRUPTED, "interrupted", "interrupted by us"),
};

/* First match wins; a rule without a code takes any. */
static const struct rule {
	int status_min;
	int status_max;
	const char *code;
	enum answer_kind kind;
} rules[] = {
    {200, 200, NULL, ANSWER_REPLAYED},
    {201, 201, NULL, ANSWER_CREATED},
    {202, 202, NULL, ANSWER_ACCEPTED},
    {403, 403, "sale-not-open", ANSWER_NOT_OPEN},
    {409, 409, "sold-out", ANSWER_SOLD_OUT},
    {409, 409, "limit-reached", ANSWER_LIMIT},
    {409, 409, "in-progress", ANSWER_IN_PROGRESS},
    {410, 410, NULL, ANSWER_ENDED},
    {429, 429, NULL, ANSWER_RATE_LIMITED},
    {400, 499, NULL, ANSWER_REFUSED},
    {502, 502, NULL, ANSWER_GATEWAY},
    {503, 503, NULL, ANSWER_UNAVAILABLE},
    {504, 504, NULL, ANSWER_GATEWAY},
};

static void text_member(
    const json_t *object, const char *name, char *out, size_t size)
{
	const json_t *member = json_object_get(object, name);
	struct strv text = {
	    json_string_value(member), json_string_length(member)};

	/* Too long to be ours is as good as missing. */
	if (!json_is_string(member) || !strv_copy(text, out, size))
		out[0] = '\0';
}

void answer_read(struct strv body, struct answer_body *out)
{
	json_t *object;
	json_int_t unit;

	*out = (struct answer_body){0};
	if (body.n == 0)
		return;
	object = json_loadb(body.p, body.n, 0, NULL);
	if (object == NULL)
		return;
	text_member(object, "order", out->order, sizeof(out->order));
	text_member(object, "code", out->code, sizeof(out->code));
	unit = json_integer_value(json_object_get(object, "unit"));
	if (unit > 0 && unit <= UINT32_MAX)
		out->unit = (uint32_t)unit;
	json_decref(object);
}

static enum answer_kind without_answer(const struct answer_seen *seen)
{
	if (seen->interrupted)
		return ANSWER_INTERRUPTED;
	return seen->timed_out ? ANSWER_TIMEOUT : ANSWER_CUT;
}

enum answer_kind answer_classify(
    const struct answer_seen *seen, const struct answer_body *body)
{
	if (seen->status == 0)
		return without_answer(seen);
	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		const struct rule *rule = &rules[i];

		if (seen->status < rule->status_min ||
		    seen->status > rule->status_max)
			continue;
		if (rule->code != NULL && strcmp(rule->code, body->code) != 0)
			continue;
		if (answer_names_order(rule->kind) && body->order[0] == '\0')
			return ANSWER_OTHER;
		return rule->kind;
	}
	return ANSWER_OTHER;
}

const char *answer_code(enum answer_kind kind, const struct answer_body *body)
{
	return answer_names_order(kind) ? answer_rows[kind].name : body->code;
}
