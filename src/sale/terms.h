/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gate is told when it accepts orders (modes queue and sweep): a host that
 * cannot read the ledger must not go on by what it read before.  Keeper and
 * operator processes.
 */
#ifndef SALE_TERMS_H
#define SALE_TERMS_H

#include "sale/ports.h"

/* What the gate of `epoch` should go by. */
struct gate_terms sale_terms(const struct sale *sale, uint32_t epoch);

/* Does the gate go by anything else?  Not for one that is lost, or is of an epoch
 * that this sale has not come to yet. */
bool sale_terms_differ(
    const struct sale *sale, const struct gate_gauge *gauge) ATTR_MUSTUSE;

/*
 * Tells the gate what the ledger says, also when it goes by that already.  Any
 * number may do so at once, in any order: gauge, then ledger, then a compare-and-set
 * on what the gauge showed.  So what a gate goes by was read behind whatever it was
 * told before, and no clock is asked; and when this is DONE, nothing that was read
 * before it began will be believed any more.  DONE also when the gate is lost, for a
 * new one is told anew.
 */
enum outcome sale_terms_follow(const struct gate_port *gate,
    const struct ledger_port *ledger, struct sale_id id, int64_t deadline_ns,
    struct err *err);

#endif
