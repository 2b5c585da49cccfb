/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The body of a purchase: nothing, a JSON object, or a form with the same
 * members.
 *
 *	quantity         the integer 1; may be left out
 *	ref              the shop's own reference, up to ORDER_REF_MAX bytes
 *	idempotency_key  forms only, which cannot send a header; no part of the
 *	                 payload
 *
 * Anything else is refused by name, so that nobody believes to have bought
 * two.  Worker processes.
 */
#ifndef WEB_BODY_H
#define WEB_BODY_H

#include "base/attr.h"
#include "base/str.h"
#include "sale/buy.h"

#include <stdbool.h>

#define BODY_DEPTH_MAX   8
#define BODY_MEMBERS_MAX 32

enum body_kind {
	BODY_NONE, /* no type and no bytes */
	BODY_JSON,
	BODY_FORM,
	BODY_OTHER
};

enum body_kind body_kind_of(struct strv content_type, struct strv body);
bool body_type_is_form(struct strv content_type);

struct payload {
	char ref[ORDER_REF_MAX + 1];
	char key[IDEMPOTENCY_KEY_MAX + 3]; /* as sent, with its quotes */
	bool has_key;
	bool has_quantity;
	bool has_ref;
	/*
	 * The first bytes of SHA-256 over the payload as sorted, compact JSON,
	 * without members that say what is so anyway (quantity 1, no ref): the
	 * same purchase has the same hash, whichever way it is written.
	 */
	uint8_t hash[PAYLOAD_HASH_BYTES];
};

/* What is wrong with a body, for whoever sent it. */
struct body_flaw {
	char detail[240];
	char field[65]; /* the member at fault, cut; "" when it is none */
	bool ours; /* memory is out: nothing is wrong with the body */
};

/* `kind` is not BODY_OTHER. */
bool body_read(enum body_kind kind, struct strv body, struct payload *out,
    struct body_flaw *flaw) ATTR_MUSTUSE;

#endif
