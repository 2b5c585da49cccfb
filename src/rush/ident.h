/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who a shopper says that he is: a header line for each customer.  Tokens are
 * signed before the crowd starts, so that the signing does not compete with
 * the server for the processor.  flashgate-rush only.
 */
#ifndef RUSH_IDENT_H
#define RUSH_IDENT_H

#include "base/attr.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "rush/options.h"
#include "rush/plan.h"

#include <stdbool.h>
#include <stdint.h>

/* Longest line: a token with its header's name. */
#define IDENT_LINE_MAX 4224
/* Tokens live longer than any rehearsal. */
#define IDENT_TOKEN_TTL_S 86400

struct idents;

/* Called now and then while tokens are signed; false: stop. */
typedef bool ident_progress_fn(void *ctx, uint32_t done, uint32_t total);

/* Signs for every customer that the plan lets come.  NULL with a reason.
 * `options` stays the caller's and alive. */
struct idents *idents_new(const struct options *options,
    const struct plan *plan, ident_progress_fn *progress, void *ctx,
    struct err *err) ATTR_MUSTUSE;
void idents_free(struct idents **idents);

/* "rush-7": the customer's name. */
void ident_customer(
    const struct options *options, uint32_t customer, struct strbuf *out);
/* The header line that says it; nothing is put without an identity. */
void ident_line(
    const struct idents *idents, uint32_t customer, struct strbuf *out);

#endif
