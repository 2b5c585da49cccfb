/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gate and ledger in memory, with the real ones' meaning: for tests of the
 * rules and of everything above them.  One process.
 */
#ifndef SALE_MEM_H
#define SALE_MEM_H

#include "sale/ports.h"

struct mem_gate;
struct mem_ledger;

/* `clock` drives the leases; borrowed. */
struct mem_gate *mem_gate_new(const struct clock *clock, int64_t lease_ms);
void mem_gate_free(struct mem_gate **gate);
struct gate_port mem_gate_port(struct mem_gate *gate);
void mem_gate_flushall(struct mem_gate *gate);
/* Its meta is gone, and nothing else. */
void mem_gate_lose_meta(struct mem_gate *gate, struct sale_id sale);
/* As a server does that comes back with all of its data. */
void mem_gate_restart(struct mem_gate *gate);
/* Puts `unit` into the free list again, whatever it is: for bad gates. */
void mem_gate_stuff(struct mem_gate *gate, struct sale_id sale, uint32_t unit);
/* Writes an entry into the stream, as it is but for its id, and nothing else:
 * for bad gates.  What is no claim is a flaw, as for who reads a real one. */
void mem_gate_stuff_entry(
    struct mem_gate *gate, struct sale_id sale, const struct gate_entry *entry);
/* All of its data; and back to what it was then, as a server does that comes
 * back with an older copy.  mem_gate_restart() beside it, or nobody notices. */
struct mem_gate *mem_gate_copy(const struct mem_gate *gate);
void mem_gate_restore(struct mem_gate *gate, const struct mem_gate *copy);

struct mem_ledger *mem_ledger_new(const struct clock *clock);
void mem_ledger_free(struct mem_ledger **ledger);
struct ledger_port mem_ledger_port(struct mem_ledger *ledger);
/* Adds or replaces (by id). */
void mem_ledger_put_sale(struct mem_ledger *ledger, const struct sale *sale);
/* Every row, sold, void and cancelled; borrowed until the next call. */
const struct order *mem_ledger_rows(struct mem_ledger *ledger, size_t *n);
/* Inserts a row as it is, past every guard: for histories that went wrong. */
void mem_ledger_put_row(struct mem_ledger *ledger, const struct order *row);
/* Rows of this claim are refused for what they say. */
void mem_ledger_refuse(struct mem_ledger *ledger, const struct claim_id *claim);
/* What was buried; borrowed until the next call. */
const struct dead_letter *mem_ledger_letters(
    struct mem_ledger *ledger, size_t *n);

#endif
