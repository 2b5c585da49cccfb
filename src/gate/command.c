/* SPDX-License-Identifier: Apache-2.0 */
/* Key names and argument vectors. */
#include "config.h"

#include "gate/command.h"
#include "base/bug.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

/* One hash tag, so that a cluster keeps a sale on one node. */
void gate_keys_make(struct gate_ref ref, struct gate_keys *out)
{
	static const char *const parts[GATE_KEYS] = {
	    NULL, "free", "lease", "rec", "slot", "queue", "void"};

	out->ref = ref;
	for (size_t i = 0; i < GATE_KEYS; i++) {
		int n;

		if (parts[i] == NULL)
			n = snprintf(out->name[i], GATE_KEY_MAX,
			    "{fg:%" PRIu32 "}:meta", ref.sale.v);
		else
			n = snprintf(out->name[i], GATE_KEY_MAX,
			    "{fg:%" PRIu32 "}:%" PRIu32 ":%s", ref.sale.v,
			    ref.epoch, parts[i]);
		BUG_ON(n < 0 || n >= GATE_KEY_MAX);
		out->len[i] = (size_t)n;
	}
}

void command_bytes(struct command *cmd, const void *p, size_t n)
{
	BUG_ON(cmd->argc >= COMMAND_ARGS_MAX);
	cmd->argv[cmd->argc] = p;
	cmd->len[cmd->argc] = n;
	cmd->argc++;
}

void command_text(struct command *cmd, const char *text)
{
	command_bytes(cmd, text, strlen(text));
}

static ATTR_PRINTF(2, 3) void command_printf(
    struct command *cmd, const char *fmt, ...)
{
	char *at = cmd->text + cmd->text_n;
	size_t room = sizeof(cmd->text) - cmd->text_n;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(at, room, fmt, ap);
	va_end(ap);
	BUG_ON(n < 0 || (size_t)n >= room);
	command_bytes(cmd, at, (size_t)n);
	cmd->text_n += (size_t)n;
}

void command_number(struct command *cmd, uint64_t number)
{
	command_printf(cmd, "%" PRIu64, number);
}

void command_entry(struct command *cmd, struct gate_entry_id id)
{
	command_printf(cmd, "%" PRIu64 "-%" PRIu64, id.ms, id.seq);
}

void command_claim(struct command *cmd, const struct claim_id *claim)
{
	command_bytes(cmd, claim->b, CLAIM_BYTES);
}

void command_customer(struct command *cmd, const struct customer *who)
{
	command_bytes(cmd, who->text, who->n);
}

void command_start(struct command *cmd, const char *word)
{
	cmd->argc = 0;
	cmd->text_n = 0;
	command_text(cmd, word);
}

void command_fcall(
    struct command *cmd, const char *function, const struct gate_keys *keys)
{
	_Static_assert(GATE_KEYS == 7, "as the number of keys below");

	command_start(cmd, "FCALL");
	command_text(cmd, function);
	command_text(cmd, "7");
	for (size_t i = 0; i < GATE_KEYS; i++)
		command_bytes(cmd, keys->name[i], keys->len[i]);
}
