/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accepted orders on the gate of rig.h: calls that must be DONE, and what is in
 * the stream afterwards.  Order n is the one of chain n: attempts n*100 .. n*100+7.
 */
#ifndef TESTS_GATE_QUEUE_RIG_H
#define TESTS_GATE_QUEUE_RIG_H

#include "rig.h"

struct claim_chain queue_chain(unsigned n);
/* Payload hash, reference and time of order n. */
struct order queue_draft(unsigned n);

enum outcome queue_try(struct rig *rig, const char *who, unsigned n,
    size_t from, struct gate_ticket *ticket, struct err *err);
struct gate_ticket queue_enqueue(struct rig *rig, const char *who, unsigned n);
struct gate_ticket queue_enqueue_from(
    struct rig *rig, const char *who, unsigned n, size_t from);

/* Orders 1..n, of customers c1, c2 ... */
void queue_accept(struct rig *rig, unsigned n);

/* At most 64, with another's after an hour. */
size_t queue_take(
    struct rig *rig, const char *consumer, struct gate_entry out[64]);
size_t queue_take_idle(struct rig *rig, const char *consumer, int64_t idle_ms,
    struct gate_entry out[64]);
void queue_settle(struct rig *rig, struct gate_ref of,
    const struct gate_entry *entries, size_t n, enum gate_fate fate);
/* Takes all that is there and ends it so. */
size_t queue_settle_all(struct rig *rig, enum gate_fate fate);

size_t queue_pending(
    struct rig *rig, const char *who, struct order out[16], bool *known);
/* Every entry, a page after the other. */
size_t queue_scan_all(struct rig *rig, struct gate_ref of, size_t page,
    struct gate_entry *out, size_t max);

/* Entries in the stream of `ref`, and those in somebody's hands. */
void queue_assert(struct rig *rig, long long waiting, long long delivered);
/* The entry is order n as it was accepted, at that attempt. */
void queue_assert_order(const struct order *order, const char *who, unsigned n,
    size_t attempt, uint32_t unit, uint32_t slot);

#endif
