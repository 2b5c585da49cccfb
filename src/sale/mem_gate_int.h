/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the gate in memory share: mem_gate.c (claims and leases),
 * mem_gate_queue.c (accepted orders) and mem_gate_build.c (making, changing and
 * reading gates).  Owned by mem_gate_new().  Tests only, one process.
 */
#ifndef SALE_MEM_GATE_INT_H
#define SALE_MEM_GATE_INT_H

#include "sale/mem.h"

#include <string.h>

/* A vector of equal items. */
struct vec {
	void *items;
	size_t n, room;
};

#define VEC_PUSH(vec, value)                                              \
	do {                                                              \
		mem_vec_reserve((vec), sizeof(value));                    \
		memcpy((char *)(vec)->items + (vec)->n++ * sizeof(value), \
		    &(value), sizeof(value));                             \
	} while (0)

void mem_vec_reserve(struct vec *vec, size_t size);
void mem_vec_drop(struct vec *vec, size_t i, size_t size);

struct mem_lease {
	struct claim_id claim;
	uint32_t unit, slot;
	struct customer customer;
	int64_t deadline_ms;
};

struct mem_slot {
	struct customer customer;
	uint32_t n;
	struct claim_id claim;
};

/* The record of a claim whose order was accepted. */
struct mem_accepted {
	struct claim_id claim;
	uint32_t unit, slot;
	struct customer customer;
	struct gate_entry_id entry;
};

struct mem_entry {
	struct gate_entry shown;
	char consumer[64 + 1]; /* "": nobody was given it */
	int64_t given_ms;
};

/* The keys of one epoch of one sale. */
struct mem_epoch {
	struct gate_ref ref;
	struct vec free; /* uint32_t */
	struct vec lease; /* struct mem_lease, oldest deadline first */
	struct vec slot; /* struct mem_slot */
	struct vec accepted; /* struct mem_accepted */
	struct vec queue; /* struct mem_entry, by id */
	struct vec spent; /* struct claim_id: known to be void */
	struct gate_entry_id last; /* of all entries ever */
};

struct mem_meta {
	struct sale_id sale;
	uint32_t epoch; /* 0: no gate; somebody is making one */
	uint32_t units, limit, forgot, dropped;
	struct gate_terms terms;
	uint32_t told;
	uint32_t retired; /* 0, or the epoch that is being made instead */
	unsigned run; /* of the server that published it */
	struct vec away; /* uint32_t: units above the stock that a claim has */
};

struct mem_gate {
	const struct clock *clock;
	int64_t lease_ms;
	unsigned run;
	struct mem_epoch epochs[32];
	size_t nepochs;
	struct mem_meta metas[16];
	size_t nmetas;
};

struct mem_epoch *mem_epoch_of(struct mem_gate *gate, struct gate_ref ref);
void mem_epoch_clear(struct mem_epoch *epoch);
/* NULL when the gate does not know the sale. */
struct mem_meta *mem_meta_of(struct mem_gate *gate, struct sale_id sale);
/* NULL when the sale's gate is of another epoch. */
struct mem_meta *mem_meta_at(struct mem_gate *gate, struct gate_ref ref);
/* What was published stays as it is: true, and `err` says so. */
bool mem_is_published(
    struct mem_gate *gate, struct gate_ref ref, struct err *err);
void mem_forgot_note(struct mem_gate *gate, struct gate_ref ref);
int64_t mem_now_ms(struct mem_gate *gate);
struct mem_slot *mem_slot_find(
    struct mem_epoch *epoch, const struct customer *who, uint32_t n);
void mem_slot_set(struct mem_epoch *epoch, const struct customer *who,
    uint32_t n, const struct claim_id *claim);
/* Does the owner have his slot? */
bool mem_slot_is(struct mem_epoch *epoch, const struct order *owner);
/* Frees every slot of the customer that names this claim. */
void mem_slot_clear(struct mem_epoch *epoch, const struct customer *who,
    const struct claim_id *claim);
/* True when it was away, and is so no more. */
bool mem_away_end(struct mem_meta *meta, uint32_t unit);

/*
 * All that is asked before a unit is taken.  True: there is one, and out->slot
 * is the slot for it.  False: `out` has the answer.
 */
bool mem_claim_check(struct mem_gate *gate, struct gate_ref ref,
    const struct claim_chain *chain, const struct customer *who,
    struct gate_ticket *out);
/* The first unit of the stock, 0: none.  What is none is thrown away. */
uint32_t mem_unit_pop(struct mem_epoch *epoch, struct mem_meta *meta);
/* Back on sale; one that there is not any more is let go. */
void mem_unit_return(
    struct mem_epoch *epoch, struct mem_meta *meta, uint32_t unit);

bool mem_is_leased(struct mem_epoch *epoch, const struct claim_id *claim);
struct mem_accepted *mem_accepted_find(
    struct mem_epoch *epoch, const struct claim_id *claim);
/* The order that it will be. */
struct order mem_accepted_order(
    struct mem_epoch *epoch, const struct mem_accepted *accepted);
/* This generation knows from now on that the claim is void. */
void mem_spent_note(struct mem_epoch *epoch, const struct claim_id *claim);

/* These fill in their parts of the port. */
void mem_gate_port_build(struct gate_port *port);
void mem_gate_port_queue(struct gate_port *port);

#endif
