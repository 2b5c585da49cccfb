/* SPDX-License-Identifier: Apache-2.0 */
/* Names of what ports answer, for logs and tests. */
#include "config.h"

#include "sale/ports.h"

static const char *const outcome_names[] = {
    [OUT_DONE] = "done",
    [OUT_NOT_DONE] = "not done",
    [OUT_UNKNOWN] = "unknown",
};
_Static_assert(ARRAY_LEN(outcome_names) == OUT_COUNT, "a name for each");

static const char *const answer_names[] = {
    [GATE_TAKEN] = "taken",
    [GATE_SAME] = "same",
    [GATE_MINE] = "mine",
    [GATE_QUEUED] = "queued",
    [GATE_SPENT] = "spent",
    [GATE_SHUT] = "shut",
    [GATE_LIMIT] = "limit",
    [GATE_SOFT] = "soft",
    [GATE_GONE] = "gone",
    [GATE_EPOCH] = "epoch",
    [GATE_NO_SALE] = "no sale",
};
_Static_assert(ARRAY_LEN(answer_names) == GATE_ANSWER_COUNT, "a name for each");

const char *outcome_name(enum outcome out)
{
	return outcome_names[out];
}

const char *gate_answer_name(enum gate_answer answer)
{
	return answer_names[answer];
}
