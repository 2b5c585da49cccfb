/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries of the stream of accepted orders, as values.  Anybody who may write
 * into Redis may have put one there: what cannot be read is a flaw of the entry,
 * not of the reply.  Pure; any process.
 */
#ifndef GATE_ENTRY_H
#define GATE_ENTRY_H

#include "base/attr.h"
#include "sale/ports.h"

#include <hiredis/hiredis.h>

/*
 * An entry: id, fields and values, and maybe how often it was delivered.  Sale and
 * epoch are not in it.  False, and `out` untouched, when this is none.
 */
bool gate_entry_read(
    const redisReply *reply, struct gate_entry *out) ATTR_MUSTUSE;

/*
 * A reply of entries: OK and at most `max` of them; or EPOCH or NOSALE, then *known
 * is false and *n 0.
 */
bool gate_reply_entries(const redisReply *reply, size_t max,
    struct gate_entry *out, size_t *n, bool *known) ATTR_MUSTUSE;

/* take: as above, with where to look for idle ones the next time. */
bool gate_reply_taken(const redisReply *reply, size_t max,
    struct gate_entry *out, size_t *n, struct gate_entry_id *next,
    bool *known) ATTR_MUSTUSE;

/* carry: OK and what became of each; EPOCH e has its number in *elsewhere, which is 0
 * otherwise. */
bool gate_reply_carried(const redisReply *reply, size_t n,
    enum gate_carried *carried, uint32_t *elsewhere) ATTR_MUSTUSE;

#endif
