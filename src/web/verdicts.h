/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the shopper hears: every verdict of the rules as HTTP, one table.
 * Inside src/web only.
 */
#ifndef WEB_VERDICTS_H
#define WEB_VERDICTS_H

#include "web/problem.h"

/* The stable word of any verdict. */
const char *verdict_code(enum verdict verdict);
/* The refusal that a verdict stands for; not of a success. */
const struct problem_kind *verdict_problem(enum verdict verdict);

/* Writes the reply to a purchase. */
void verdict_send(struct exchange *x, const struct purchase *purchase,
    const struct purchase_result *result);

#endif
