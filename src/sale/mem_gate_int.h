/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the two halves of the gate in memory share: mem_gate.c (claims and
 * leases) and mem_gate_build.c (making, changing and reading gates).  Owned by
 * mem_gate_new().  Tests only, one process.
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

/* The keys of one epoch of one sale. */
struct mem_epoch {
	struct gate_ref ref;
	struct vec free; /* uint32_t */
	struct vec lease; /* struct mem_lease, oldest deadline first */
	struct vec slot; /* struct mem_slot */
};

struct mem_meta {
	struct sale_id sale;
	uint32_t epoch, units, limit, forgot, dropped;
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
struct mem_meta *mem_meta_of(struct mem_gate *gate, struct sale_id sale);
/* NULL when the sale's gate is of another epoch. */
struct mem_meta *mem_meta_at(struct mem_gate *gate, struct gate_ref ref);
void mem_forgot_note(struct mem_gate *gate, struct gate_ref ref);
int64_t mem_now_ms(struct mem_gate *gate);
void mem_slot_set(struct mem_epoch *epoch, const struct customer *who,
    uint32_t n, const struct claim_id *claim);
/* True when it was away, and is so no more. */
bool mem_away_end(struct mem_meta *meta, uint32_t unit);

/* Fills in the port's building and reading side. */
void mem_gate_port_build(struct gate_port *port);

#endif
