/* SPDX-License-Identifier: Apache-2.0 */
/* The words of routes and outcomes, one list each. */
#include "config.h"

#include "web/words.h"
#include "base/attr.h"
#include "web/problem.h"
#include "web/routes.h"
#include "web/verdicts.h"

/* What is neither a verdict's nor a problem's. */
static const char *const other_codes[] = {
    "unknown", "ok", "pending", "not-modified", "peer-gone", "internal"};

const char *web_route_word(size_t i)
{
	return i == 0 ? "unknown" : route_word(i - 1);
}

const char *web_code_word(size_t i)
{
	if (i < ARRAY_LEN(other_codes))
		return other_codes[i];
	i -= ARRAY_LEN(other_codes);
	if (i < VERDICT_COUNT)
		return verdict_code((enum verdict)i);
	i -= VERDICT_COUNT;
	return i < PROBLEM_COUNT ? problems[i].code : NULL;
}
