/* SPDX-License-Identifier: Apache-2.0 */
/* The request's memory: a bump pointer, or a list of mallocs for sanitizers. */
#include "config.h"

#include "base/arena.h"
#include "base/bug.h"

#include <stdint.h>
#include <stdlib.h>

#define ARENA_ALIGN 16u

struct piece {
	struct piece *next;
};

struct arena {
	size_t size;
	size_t used;
	bool overflow;
	struct piece *pieces; /* sanitized builds only */
	char *block;
};

struct arena *arena_new(size_t size_bytes)
{
	struct arena *arena = calloc(1, sizeof(*arena));

	if (arena == NULL)
		return NULL;
	arena->size = size_bytes;
#ifndef FG_SANITIZED
	arena->block = aligned_alloc(ARENA_ALIGN,
	    (size_bytes + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN);
	if (arena->block == NULL) {
		free(arena);
		return NULL;
	}
#endif
	return arena;
}

void arena_free(struct arena **arena)
{
	if (*arena == NULL)
		return;
	arena_reset(*arena);
	free((*arena)->block);
	free(*arena);
	*arena = NULL;
}

#ifdef FG_SANITIZED
static void *piece_take(struct arena *arena, size_t bytes)
{
	struct piece *piece = malloc(sizeof(*piece) + bytes);

	if (piece == NULL)
		return NULL;
	piece->next = arena->pieces;
	arena->pieces = piece;
	return piece + 1;
}
#else
static void *piece_take(struct arena *arena, size_t bytes)
{
	(void)bytes;
	return arena->block + arena->used;
}
#endif

void *arena_alloc(struct arena *arena, size_t bytes)
{
	size_t need = bytes / ARENA_ALIGN * ARENA_ALIGN +
		      (bytes % ARENA_ALIGN != 0 ? ARENA_ALIGN : 0);
	void *out = NULL;

	/* need < bytes: it wrapped. */
	if (need >= bytes && need <= arena->size - arena->used)
		out = piece_take(arena, bytes);
	if (out == NULL)
		arena->overflow = true;
	else
		arena->used += need;
	return out;
}

char *arena_strdup(struct arena *arena, struct strv text)
{
	char *out = arena_alloc(arena, text.n + 1);

	if (out == NULL)
		return NULL;
	if (text.n > 0)
		memcpy(out, text.p, text.n);
	out[text.n] = '\0';
	return out;
}

bool arena_overflowed(const struct arena *arena)
{
	return arena->overflow;
}

void arena_reset(struct arena *arena)
{
	while (arena->pieces != NULL) {
		struct piece *next = arena->pieces->next;

		free(arena->pieces);
		arena->pieces = next;
	}
	arena->used = 0;
	arena->overflow = false;
}
