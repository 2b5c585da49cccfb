/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replies of our functions (the Lua beside this) as values.  Types, lengths and ranges
 * are checked: false means a reply that our function does not give, and
 * nothing was written.  Pure; any process.
 */
#ifndef GATE_REPLY_H
#define GATE_REPLY_H

#include "base/attr.h"
#include "sale/ports.h"

#include <hiredis/hiredis.h>

/*
 * claim, rekey and enqueue.  `chain_n` bounds the attempt; `dropped` counts tokens
 * that were no unit numbers and were thrown away.  A `queued` order is without its
 * sale and epoch.
 */
bool gate_reply_ticket(const redisReply *reply, size_t chain_n,
    struct gate_ticket *out, uint32_t *dropped) ATTR_MUSTUSE;

/* The functions that say OK (maybe with a number), EPOCH e or NOSALE. */
struct gate_status {
	enum {
		GATE_STATUS_OK,
		GATE_STATUS_EPOCH,
		GATE_STATUS_NO_SALE
	} word;
	uint32_t number; /* of OK; or the epoch in the way; else 0 */
};
bool gate_reply_status(
    const redisReply *reply, struct gate_status *out) ATTR_MUSTUSE;

/* *elsewhere is 0, or the epoch to ask for instead (`out` is not written). */
bool gate_reply_gauge(const redisReply *reply, struct gate_gauge *out,
    uint32_t *elsewhere) ATTR_MUSTUSE;

/* Leases from element `first` on, at most `max` of them. */
bool gate_reply_leases(const redisReply *reply, size_t first, size_t max,
    struct gate_lease *out, size_t *n) ATTR_MUSTUSE;

/* Element 0 of a lease scan. */
bool gate_reply_cursor(const redisReply *reply, uint64_t *out) ATTR_MUSTUSE;

bool gate_reply_units(
    const redisReply *reply, size_t max, uint32_t *out, size_t *n) ATTR_MUSTUSE;

/* release and heal: a number up to `max`. */
bool gate_reply_number(
    const redisReply *reply, uint32_t max, uint32_t *out) ATTR_MUSTUSE;

#endif
