/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys of a sale, and one command under construction: arguments with
 * lengths, never pasted text.  Arguments given as bytes are borrowed until the
 * command has been sent.  Any process.
 */
#ifndef GATE_COMMAND_H
#define GATE_COMMAND_H

#include "base/str.h"
#include "sale/ports.h"

#define GATE_BATCH_MAX 1000 /* items of one call; BATCH_MAX in gate.lua */

/* As KEYS in gate.lua: meta, free, lease, rec, slot, queue, void. */
#define GATE_KEYS    7
#define GATE_KEY_MAX 48
struct gate_keys {
	struct gate_ref ref; /* whose they are; sale 0: nobody's yet */
	size_t len[GATE_KEYS];
	char name[GATE_KEYS][GATE_KEY_MAX];
};

void gate_keys_make(struct gate_ref ref, struct gate_keys *out);

/* FCALL, name, 7, seven keys, epoch; and three arguments for each of a batch. */
#define COMMAND_ARGS_MAX (18 + 3 * GATE_BATCH_MAX)
#define COMMAND_TEXT_MAX (256 + 12 * GATE_BATCH_MAX)
struct command {
	int argc;
	const char *argv[COMMAND_ARGS_MAX];
	size_t len[COMMAND_ARGS_MAX];
	size_t text_n;
	char text[COMMAND_TEXT_MAX]; /* the numbers */
};

void command_start(struct command *cmd, const char *word);
/* FCALL of a function of the library on the keys of one sale. */
void command_fcall(
    struct command *cmd, const char *function, const struct gate_keys *keys);
void command_bytes(struct command *cmd, const void *p, size_t n);
void command_text(struct command *cmd, const char *text);
void command_number(struct command *cmd, uint64_t number);
void command_entry(struct command *cmd, struct gate_entry_id id);
void command_claim(struct command *cmd, const struct claim_id *claim);
void command_customer(struct command *cmd, const struct customer *who);

#endif
