/* SPDX-License-Identifier: Apache-2.0 */
/* The scoreboard in shared memory: relaxed atomics, one writer a slot. */
#include "config.h"

#include "pool/board.h"
#include "pool/pool.h"
#include "base/bug.h"
#include "base/flip.h"
#include "base/str.h"

#include <sys/mman.h>
#include <sys/wait.h>

#define WHY_MAX 240

/* Its own cache lines: a child's stores must not stall its neighbours. */
struct board_slot {
	uint64_t requests_total;
	/* What requests_total was at this child's birth: one counter that
	 * never goes back serves both "this child" and "this slot". */
	uint64_t requests_base;
	int64_t started_ns;
	uint32_t serial;
	uint32_t generation;
	int32_t pid;
	uint32_t state;
	char why[WHY_MAX]; /* read by the master when its writer is dead */
} __attribute__((aligned(64)));

struct board {
	size_t bytes;
	size_t ngroups, nslots;
	struct board_slot *slots;
	struct flip reload_flip;
	struct pool_reload_status reload[2];
	char judged[WHY_MAX]; /* read by the master when its writer is dead */
	struct board_deaths groups[];
};

static const char *const state_names[] = {
    [BOARD_EMPTY] = "empty",
    [BOARD_STARTING] = "starting",
    [BOARD_IDLE] = "idle",
    [BOARD_KEEP] = "keepalive",
    [BOARD_BUSY] = "busy",
    [BOARD_DRAINING] = "draining",
};
_Static_assert(ARRAY_LEN(state_names) == BOARD_STATE_COUNT, "a name for each");

#define LOAD(field) __atomic_load_n(&(field), __ATOMIC_RELAXED)
#define STORE(field, value) \
	__atomic_store_n(&(field), (value), __ATOMIC_RELAXED)
/* One writer: a plain sum is enough, only the store must not tear. */
#define ADD_ONE(field) STORE(field, LOAD(field) + 1)

const char *pool_board_state_name(enum board_state state)
{
	return state_names[state];
}

struct board *pool_board_new(size_t ngroups, size_t nslots)
{
	const size_t line = _Alignof(struct board_slot);
	size_t head =
	    sizeof(struct board) + ngroups * sizeof(struct board_deaths);
	size_t slots_at = (head + line - 1) / line * line;
	size_t bytes = slots_at + nslots * sizeof(struct board_slot);
	struct board *board = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (board == MAP_FAILED)
		return NULL;
	board->bytes = bytes;
	board->ngroups = ngroups;
	board->nslots = nslots;
	board->slots = (struct board_slot *)(void *)((char *)board + slots_at);
	return board;
}

void pool_board_free(struct board **board)
{
	if (*board == NULL)
		return;
	BUG_ON(munmap(*board, (*board)->bytes) != 0);
	*board = NULL;
}

struct board_slot *pool_board_slot(struct board *board, size_t slot)
{
	BUG_ON(slot >= board->nslots);
	return &board->slots[slot];
}

/* A child that runs wild may have written nonsense: a reader's index must
 * stay inside the table of names. */
static enum board_state state_sane(uint32_t raw)
{
	return raw < BOARD_STATE_COUNT ? (enum board_state)raw : BOARD_EMPTY;
}

void pool_board_view(
    const struct board *board, size_t slot, struct board_view *view)
{
	const struct board_slot *from;
	uint64_t base;

	BUG_ON(slot >= board->nslots);
	from = &board->slots[slot];
	base = LOAD(from->requests_base);
	*view = (struct board_view){
	    .pid = LOAD(from->pid),
	    .serial = LOAD(from->serial),
	    .generation = LOAD(from->generation),
	    .state = state_sane(LOAD(from->state)),
	    .requests_total = LOAD(from->requests_total),
	    .started_ns = LOAD(from->started_ns),
	};
	view->requests =
	    view->requests_total > base ? view->requests_total - base : 0;
}

void pool_board_deaths(
    const struct board *board, size_t group, struct board_deaths *deaths)
{
	const struct board_deaths *from;

	BUG_ON(group >= board->ngroups);
	from = &board->groups[group];
	deaths->births = LOAD(from->births);
	deaths->stillborn = LOAD(from->stillborn);
	for (size_t i = 0; i < BOARD_EXIT_CODES; i++)
		deaths->by_exit[i] = LOAD(from->by_exit[i]);
	for (size_t i = 0; i < BOARD_SIGNALS; i++)
		deaths->by_signal[i] = LOAD(from->by_signal[i]);
}

void pool_board_born(struct board_slot *slot, const struct board_birth *birth)
{
	STORE(slot->requests_base, LOAD(slot->requests_total));
	STORE(slot->serial, birth->serial);
	STORE(slot->generation, birth->generation);
	STORE(slot->started_ns, birth->started_ns);
	slot->why[0] = '\0';
	STORE(slot->state, BOARD_STARTING);
}

void pool_board_buried(struct board_slot *slot)
{
	STORE(slot->state, BOARD_EMPTY);
	STORE(slot->pid, 0);
}

void pool_board_count_birth(struct board *board, size_t group)
{
	BUG_ON(group >= board->ngroups);
	ADD_ONE(board->groups[group].births);
}

void pool_board_count_death(
    struct board *board, size_t group, int status, bool stillborn)
{
	struct board_deaths *deaths;

	BUG_ON(group >= board->ngroups);
	deaths = &board->groups[group];
	if (stillborn)
		ADD_ONE(deaths->stillborn);
	if (WIFEXITED(status))
		ADD_ONE(deaths->by_exit[WEXITSTATUS(status)]);
	else if (WIFSIGNALED(status) && WTERMSIG(status) < BOARD_SIGNALS)
		ADD_ONE(deaths->by_signal[WTERMSIG(status)]);
}

void pool_board_set_pid(struct board_slot *slot, pid_t pid)
{
	STORE(slot->pid, (int32_t)pid);
}

void pool_board_set_state(struct board_slot *slot, enum board_state state)
{
	STORE(slot->state, (uint32_t)state);
}

void pool_board_count_request(struct board_slot *slot)
{
	ADD_ONE(slot->requests_total);
}

static void words_write(char words[WHY_MAX], const char *why)
{
	struct strbuf text;

	/* Last words may be cut: they are for a person's eyes. */
	strbuf_init(&text, words, WHY_MAX);
	strbuf_puts(&text, why);
}

static void words_read(const char words[WHY_MAX], char *out, size_t size)
{
	struct strbuf text;

	/* The writer may have died in the middle, without a terminator. */
	strbuf_init(&text, out, size);
	strbuf_put(&text, strv_from(words, strnlen(words, WHY_MAX)));
}

void pool_board_set_why(struct board_slot *slot, const char *why)
{
	words_write(slot->why, why);
}

void pool_board_why(const struct board_slot *slot, char *out, size_t size)
{
	words_read(slot->why, out, size);
}

void pool_board_set_judged(struct board *board, const char *why)
{
	words_write(board->judged, why);
}

void pool_board_judged(const struct board *board, char *out, size_t size)
{
	words_read(board->judged, out, size);
}

void pool_board_reload_write(
    struct board *board, const struct pool_reload_status *status)
{
	flip_write(&board->reload_flip, board->reload, status, sizeof(*status));
}

bool pool_board_reload_read(
    const struct board *board, struct pool_reload_status *out)
{
	return flip_read(&board->reload_flip, board->reload, out, sizeof(*out));
}
