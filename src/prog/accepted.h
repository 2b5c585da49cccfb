/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What workers of this host have told shoppers to be accepted (202), the last
 * ACCEPTED_MAX of them, in shared memory: whoever finds that a gate has lost
 * its memory (prog/lost.h) knows by it whose orders went with it.  Any number of
 * writers, no locks; one reader, the keeper.  Beside it stands what the keeper
 * knows of the gate's durability, for all to say.
 *
 * It is made before the first fork and lives as long as its master: the program
 * that follows at an upgrade begins with an empty one.
 */
#ifndef PROG_ACCEPTED_H
#define PROG_ACCEPTED_H

#include "base/attr.h"
#include "sale/sale.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ACCEPTED_MAX 65536

struct accepted; /* all of it; no pointers inside */

size_t accepted_bytes(void);
/* `memory` is zeroed and of accepted_bytes(). */
struct accepted *accepted_init(void *memory);

/* Worker: before the shopper is told. */
void accepted_note(struct accepted *accepted, const struct order *order);

/* ---- the keeper ---------------------------------------------------------------- */

/* Places that were ever written, ACCEPTED_MAX at most. */
size_t accepted_places(const struct accepted *accepted);

/* Claim, sale, epoch and customer of the order that was noted at a place. */
struct accepted_note {
	uint64_t stamp; /* the how manieth note: never twice the same */
	struct order order;
};
/* False when nothing is there, it is being written, or it was closed. */
bool accepted_read(const struct accepted *accepted, size_t place,
    struct accepted_note *out) ATTR_MUSTUSE;
/* Its fate is known: it is not read any more. */
void accepted_close(struct accepted *accepted, size_t place, uint64_t stamp);

/* ---- durability ------------------------------------------------------------------ */

enum accepted_durability {
	ACCEPTED_UNKNOWN, /* the gate was not asked yet, or does not answer */
	ACCEPTED_STORED, /* as [queue] durability asks */
	ACCEPTED_MEMORY, /* less, and [queue] accept_loss: some may be lost */
	ACCEPTED_REFUSED, /* less: no order is accepted */
	ACCEPTED_DURABILITY_COUNT
};

/* "unknown", "stored", "memory", "refused": for metrics. */
const char *accepted_durability_name(enum accepted_durability durability);
/* The keeper writes, anybody reads. */
void accepted_set_durability(
    struct accepted *accepted, enum accepted_durability durability);
enum accepted_durability accepted_durability(const struct accepted *accepted);

#endif
