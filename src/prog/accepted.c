/* SPDX-License-Identifier: Apache-2.0 */
/* A ring of notes; each place is checked by whoever reads it. */
#include "config.h"

#include "prog/accepted.h"
#include "base/bug.h"

#include <string.h>

struct note {
	uint64_t stamp; /* 0: being written */
	uint64_t closed; /* the stamp that is closed; the keeper's */
	uint64_t check;
	struct claim_id claim;
	uint32_t sale, epoch;
	struct customer customer;
};

struct accepted {
	uint64_t stamps; /* given out so far */
	uint32_t durability;
	struct note notes[ACCEPTED_MAX];
};

size_t accepted_bytes(void)
{
	return sizeof(struct accepted);
}

struct accepted *accepted_init(void *memory)
{
	return memory;
}

/* FNV-1a: against accident, not malice. */
static uint64_t mix(uint64_t hash, const void *bytes, size_t n)
{
	const unsigned char *at = bytes;

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
	return hash;
}

static uint64_t check_of(uint64_t stamp, const struct note *note)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	hash = mix(hash, &stamp, sizeof(stamp));
	hash = mix(hash, note->claim.b, CLAIM_BYTES);
	hash = mix(hash, &note->sale, sizeof(note->sale));
	hash = mix(hash, &note->epoch, sizeof(note->epoch));
	return mix(hash, note->customer.text, note->customer.n);
}

/*
 * Two writers meet at one place only when one of them was stopped for as long as
 * the others took to go once around.  What he then mixes up does not fit its
 * check, and is read by nobody.
 */
void accepted_note(struct accepted *accepted, const struct order *order)
{
	uint64_t stamp =
	    __atomic_add_fetch(&accepted->stamps, 1, __ATOMIC_RELAXED);
	struct note *note = &accepted->notes[(stamp - 1) % ACCEPTED_MAX];

	__atomic_store_n(&note->stamp, 0, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	note->claim = order->claim;
	note->sale = order->sale.v;
	note->epoch = order->epoch;
	note->customer = order->customer;
	note->check = check_of(stamp, note);
	__atomic_store_n(&note->stamp, stamp, __ATOMIC_RELEASE);
}

size_t accepted_places(const struct accepted *accepted)
{
	uint64_t stamps = __atomic_load_n(&accepted->stamps, __ATOMIC_RELAXED);

	return stamps < ACCEPTED_MAX ? (size_t)stamps : ACCEPTED_MAX;
}

bool accepted_read(
    const struct accepted *accepted, size_t place, struct accepted_note *out)
{
	const struct note *at = &accepted->notes[place];
	struct note note;
	uint64_t stamp;

	BUG_ON(place >= ACCEPTED_MAX);
	stamp = __atomic_load_n(&at->stamp, __ATOMIC_ACQUIRE);
	if (stamp == 0 ||
	    __atomic_load_n(&at->closed, __ATOMIC_RELAXED) == stamp)
		return false;
	memcpy(&note, at, sizeof(note));
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (__atomic_load_n(&at->stamp, __ATOMIC_RELAXED) != stamp ||
	    note.customer.n > CUSTOMER_MAX ||
	    note.check != check_of(stamp, &note))
		return false;
	*out = (struct accepted_note){.stamp = stamp,
	    .order = {.claim = note.claim,
		.sale = {note.sale},
		.epoch = note.epoch,
		.customer = note.customer}};
	return true;
}

void accepted_close(struct accepted *accepted, size_t place, uint64_t stamp)
{
	BUG_ON(place >= ACCEPTED_MAX);
	/* Another note may stand there by now: it is not closed by this. */
	__atomic_store_n(
	    &accepted->notes[place].closed, stamp, __ATOMIC_RELAXED);
}

static const char *const durability_names[] = {
    [ACCEPTED_UNKNOWN] = "unknown",
    [ACCEPTED_STORED] = "stored",
    [ACCEPTED_MEMORY] = "memory",
    [ACCEPTED_REFUSED] = "refused",
};
_Static_assert(ARRAY_LEN(durability_names) == ACCEPTED_DURABILITY_COUNT,
    "a name for each");

const char *accepted_durability_name(enum accepted_durability durability)
{
	return durability_names[durability];
}

void accepted_set_durability(
    struct accepted *accepted, enum accepted_durability durability)
{
	__atomic_store_n(
	    &accepted->durability, (uint32_t)durability, __ATOMIC_RELAXED);
}

enum accepted_durability accepted_durability(const struct accepted *accepted)
{
	uint32_t value =
	    __atomic_load_n(&accepted->durability, __ATOMIC_RELAXED);

	return value < ACCEPTED_DURABILITY_COUNT
		   ? (enum accepted_durability)value
		   : ACCEPTED_UNKNOWN;
}
