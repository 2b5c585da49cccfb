/* SPDX-License-Identifier: Apache-2.0 */
/* The scoreboard in shared memory: relaxed atomics, one writer a slot. */
#include "config.h"

#include "pool/board.h"
#include "pool/pool.h"
#include "base/bug.h"
#include "base/flip.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define WHY_MAX 240

/* Its own cache lines: a child's stores must not stall its neighbours. */
struct board_slot {
	uint64_t requests_total;
	/* What requests_total was at this child's birth: one counter that
	 * never goes back serves both "this child" and "this slot". */
	uint64_t requests_base;
	int64_t started_ns;
	int64_t request_ns;
	int64_t last_ns;
	int64_t phase_ns;
	uint32_t phase;
	uint32_t serial;
	uint32_t generation;
	uint32_t group;
	int32_t pid;
	uint32_t state;
	struct flip request_flip;
	struct board_request request[2];
	/* Read while they are written: a mixture for a moment, never beyond
	 * the end. */
	char user[BOARD_USER_MAX];
	char note[BOARD_NOTE_MAX];
	char why[WHY_MAX]; /* read by the master when its writer is dead */
} __attribute__((aligned(64)));

/* In memory that outlives a program: see pool_board_attach(). */
struct board_shared {
	/* What both programs must agree on, byte for byte. */
	struct board_layout {
		char kind[16];
		uint32_t header_bytes, slot_bytes, deaths_bytes;
		uint32_t ngroups, nslots, area_bytes;
		uint32_t area_layout;
	} layout;
	struct flip reload_flip;
	struct pool_reload_status reload[2];
	char judged[WHY_MAX]; /* read by the master when its writer is dead */
	struct board_deaths groups[];
};

/* This process' view of it. */
struct board {
	int fd; /* of the memory */
	size_t bytes;
	struct board_size size;
	struct board_shared *shared;
	struct board_slot *slots;
	char *areas;
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

static const char *const cause_names[] = {
    [BOARD_CAUSE_NONE] = "none",
    [BOARD_CAUSE_MAX_REQUESTS] = "max_requests",
    [BOARD_CAUSE_MAX_RSS] = "max_rss",
    [BOARD_CAUSE_MAX_LIFETIME] = "max_lifetime",
    [BOARD_CAUSE_SHRINK] = "shrink",
    [BOARD_CAUSE_RELOAD] = "reload",
    [BOARD_CAUSE_STOP] = "stop",
    [BOARD_CAUSE_TERMINATE] = "terminate_timeout",
    [BOARD_CAUSE_LATE] = "late",
    [BOARD_CAUSE_SIGNAL] = "signal",
    [BOARD_CAUSE_CRASH] = "crash",
    [BOARD_CAUSE_STILLBORN] = "stillborn",
};
_Static_assert(ARRAY_LEN(cause_names) == BOARD_CAUSE_COUNT, "a name for each");

#define LOAD(field) __atomic_load_n(&(field), __ATOMIC_RELAXED)
#define STORE(field, value) \
	__atomic_store_n(&(field), (value), __ATOMIC_RELAXED)
/* One writer: a plain sum is enough, only the store must not tear. */
#define ADD_ONE(field) STORE(field, LOAD(field) + 1)
/* Two masters count for a while, when one program follows another. */
#define ADD_ONE_SHARED(field) \
	((void)__atomic_fetch_add(&(field), 1, __ATOMIC_RELAXED))

const char *pool_board_state_name(enum board_state state)
{
	return state_names[state];
}

const char *pool_board_cause_name(enum board_cause cause)
{
	return cause_names[cause];
}

static size_t lines_up(size_t bytes)
{
	const size_t line = _Alignof(struct board_slot);

	return (bytes + line - 1) / line * line;
}

static struct board_layout layout_of(const struct board_size *size)
{
	struct board_layout layout;

	/* Compared as bytes, gaps and all. */
	memset(&layout, 0, sizeof(layout));
	memcpy(layout.kind, "flashgate board", sizeof("flashgate board"));
	layout.header_bytes = sizeof(struct board_shared);
	layout.slot_bytes = sizeof(struct board_slot);
	layout.deaths_bytes = sizeof(struct board_deaths);
	layout.ngroups = (uint32_t)size->ngroups;
	layout.nslots = (uint32_t)size->nslots;
	layout.area_bytes = (uint32_t)size->area_bytes;
	layout.area_layout = size->area_layout;
	return layout;
}

/* NULL with errno.  Takes `fd` in any case. */
static struct board *board_map(int fd, const struct board_size *size)
{
	size_t slots_at = lines_up(sizeof(struct board_shared) +
				   size->ngroups * sizeof(struct board_deaths));
	size_t areas_at = slots_at + size->nslots * sizeof(struct board_slot);
	struct board *board = malloc(sizeof(*board));
	int why;

	if (board != NULL) {
		board->fd = fd;
		board->size = *size;
		board->bytes =
		    areas_at + size->nslots * lines_up(size->area_bytes);
		board->shared = MAP_FAILED;
		if (ftruncate(fd, (off_t)board->bytes) == 0)
			board->shared = mmap(NULL, board->bytes,
			    PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	}
	if (board == NULL || board->shared == MAP_FAILED) {
		why = errno;
		free(board);
		close(fd);
		errno = why;
		return NULL;
	}
	board->slots =
	    (struct board_slot *)(void *)((char *)board->shared + slots_at);
	board->areas = (char *)board->shared + areas_at;
	return board;
}

struct board *pool_board_new(const struct board_size *size)
{
	int fd =
	    memfd_create("flashgate-board", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct board *board = fd < 0 ? NULL : board_map(fd, size);

	if (board == NULL)
		return NULL;
	/* Children have the descriptor, too: one that cuts the file would kill
	 * everybody, the master first, at the next look (SIGBUS). */
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) !=
	    0) {
		pool_board_free(&board);
		return NULL;
	}
	board->shared->layout = layout_of(size);
	return board;
}

struct board *pool_board_attach(int fd, const struct board_size *size)
{
	struct board_layout ours = layout_of(size), theirs;
	ssize_t n = pread(fd, &theirs, sizeof(theirs), 0);

	if (n != (ssize_t)sizeof(theirs) ||
	    memcmp(&ours, &theirs, sizeof(ours)) != 0) {
		close(fd);
		errno = EINVAL;
		return NULL;
	}
	return board_map(fd, size);
}

int pool_board_fd(const struct board *board)
{
	return board->fd;
}

void pool_board_free(struct board **board)
{
	if (*board == NULL)
		return;
	BUG_ON(munmap((*board)->shared, (*board)->bytes) != 0);
	close((*board)->fd);
	free(*board);
	*board = NULL;
}

struct board_slot *pool_board_slot(struct board *board, size_t slot)
{
	BUG_ON(slot >= board->size.nslots);
	return &board->slots[slot];
}

void *pool_board_area(struct board *board, size_t slot)
{
	BUG_ON(slot >= board->size.nslots);
	return board->areas + slot * lines_up(board->size.area_bytes);
}

size_t pool_board_slots(const struct board *board)
{
	return board->size.nslots;
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

	BUG_ON(slot >= board->size.nslots);
	from = &board->slots[slot];
	base = LOAD(from->requests_base);
	*view = (struct board_view){
	    .pid = LOAD(from->pid),
	    .group = LOAD(from->group),
	    .serial = LOAD(from->serial),
	    .generation = LOAD(from->generation),
	    .state = state_sane(LOAD(from->state)),
	    .requests_total = LOAD(from->requests_total),
	    .started_ns = LOAD(from->started_ns),
	    .request_ns = LOAD(from->request_ns),
	    .last_ns = LOAD(from->last_ns),
	    .phase = LOAD(from->phase),
	    .phase_ns = LOAD(from->phase_ns),
	};
	view->requests =
	    view->requests_total > base ? view->requests_total - base : 0;
}

void pool_board_count(const struct board *board, size_t group, size_t but,
    unsigned counts[BOARD_STATE_COUNT])
{
	memset(counts, 0, BOARD_STATE_COUNT * sizeof(counts[0]));
	for (size_t i = 0; i < board->size.nslots; i++) {
		const struct board_slot *slot = &board->slots[i];

		if (i != but && LOAD(slot->group) == group)
			counts[state_sane(LOAD(slot->state))]++;
	}
}

static void text_copy(char *out, const char *from, size_t size)
{
	memcpy(out, from, size);
	out[size - 1] = '\0';
}

void pool_board_text(
    const struct board *board, size_t slot, struct board_text *text)
{
	const struct board_slot *from;

	BUG_ON(slot >= board->size.nslots);
	from = &board->slots[slot];
	memset(text, 0, sizeof(*text));
	if (!flip_read(&from->request_flip, from->request, &text->request,
		sizeof(text->request)))
		memset(&text->request, 0, sizeof(text->request));
	/* A writer that runs wild forgets terminators, too. */
	text->request.method[BOARD_METHOD_MAX - 1] = '\0';
	text->request.uri[BOARD_URI_MAX - 1] = '\0';
	text->request.query[BOARD_URI_MAX - 1] = '\0';
	text_copy(text->user, from->user, sizeof(text->user));
	text_copy(text->note, from->note, sizeof(text->note));
}

void pool_board_deaths(
    const struct board *board, size_t group, struct board_deaths *deaths)
{
	const struct board_deaths *from;

	BUG_ON(group >= board->size.ngroups);
	from = &board->shared->groups[group];
	deaths->births = LOAD(from->births);
	deaths->stillborn = LOAD(from->stillborn);
	deaths->grown = LOAD(from->grown);
	for (size_t i = 0; i < BOARD_EXIT_CODES; i++)
		deaths->by_exit[i] = LOAD(from->by_exit[i]);
	for (size_t i = 0; i < BOARD_SIGNALS; i++)
		deaths->by_signal[i] = LOAD(from->by_signal[i]);
	for (size_t i = 0; i < BOARD_CAUSE_COUNT; i++)
		deaths->by_cause[i] = LOAD(from->by_cause[i]);
	deaths->crash_loop = LOAD(from->crash_loop);
}

void pool_board_born(struct board_slot *slot, const struct board_birth *birth)
{
	const struct board_request none = {0};

	STORE(slot->requests_base, LOAD(slot->requests_total));
	STORE(slot->serial, birth->serial);
	STORE(slot->generation, birth->generation);
	STORE(slot->started_ns, birth->started_ns);
	slot->why[0] = '\0';
	slot->user[0] = '\0';
	slot->note[0] = '\0';
	flip_write(&slot->request_flip, slot->request, &none, sizeof(none));
	STORE(slot->last_ns, 0);
	STORE(slot->state, BOARD_STARTING);
}

void pool_board_set_group(struct board_slot *slot, size_t group)
{
	STORE(slot->group, (uint32_t)group);
}

void pool_board_buried(struct board_slot *slot)
{
	/* It may have died amid a request. */
	STORE(slot->request_ns, 0);
	STORE(slot->phase, 0);
	STORE(slot->state, BOARD_EMPTY);
	STORE(slot->pid, 0);
}

void pool_board_count_birth(struct board *board, size_t group)
{
	BUG_ON(group >= board->size.ngroups);
	ADD_ONE_SHARED(board->shared->groups[group].births);
}

void pool_board_count_grown(struct board *board, size_t group, unsigned n)
{
	BUG_ON(group >= board->size.ngroups);
	for (unsigned i = 0; i < n; i++)
		ADD_ONE_SHARED(board->shared->groups[group].grown);
}

void pool_board_count_death(
    struct board *board, size_t group, int status, enum board_cause cause)
{
	struct board_deaths *deaths;

	BUG_ON(group >= board->size.ngroups);
	deaths = &board->shared->groups[group];
	ADD_ONE_SHARED(deaths->by_cause[cause]);
	if (cause == BOARD_CAUSE_STILLBORN)
		ADD_ONE_SHARED(deaths->stillborn);
	if (WIFEXITED(status))
		ADD_ONE_SHARED(deaths->by_exit[WEXITSTATUS(status)]);
	else if (WIFSIGNALED(status) && WTERMSIG(status) < BOARD_SIGNALS)
		ADD_ONE_SHARED(deaths->by_signal[WTERMSIG(status)]);
}

void pool_board_set_crash_loop(struct board *board, size_t group, bool now)
{
	BUG_ON(group >= board->size.ngroups);
	STORE(board->shared->groups[group].crash_loop, now ? 1 : 0);
}

void pool_board_set_pid(struct board_slot *slot, pid_t pid)
{
	STORE(slot->pid, (int32_t)pid);
}

void pool_board_set_state(struct board_slot *slot, enum board_state state)
{
	STORE(slot->state, (uint32_t)state);
}

void pool_board_begin(struct board_slot *slot, int64_t now_ns)
{
	ADD_ONE(slot->requests_total);
	STORE(slot->phase_ns, now_ns);
	STORE(slot->phase, 1);
	STORE(slot->request_ns, now_ns);
}

void pool_board_end(struct board_slot *slot, int64_t now_ns)
{
	STORE(slot->last_ns, now_ns - LOAD(slot->request_ns));
	STORE(slot->request_ns, 0);
	STORE(slot->phase, 0);
}

void pool_board_set_phase(
    struct board_slot *slot, uint32_t phase, int64_t now_ns)
{
	STORE(slot->phase_ns, now_ns);
	STORE(slot->phase, phase);
}

void pool_board_set_request(
    struct board_slot *slot, const struct board_request *request)
{
	flip_write(
	    &slot->request_flip, slot->request, request, sizeof(*request));
	slot->user[0] = '\0';
	slot->note[0] = '\0';
}

void pool_board_set_user(struct board_slot *slot, struct strv user)
{
	strv_copy_cut(user, slot->user, sizeof(slot->user));
}

void pool_board_set_note(struct board_slot *slot, struct strv note)
{
	strv_copy_cut(note, slot->note, sizeof(slot->note));
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
	words_write(board->shared->judged, why);
}

void pool_board_judged(const struct board *board, char *out, size_t size)
{
	words_read(board->shared->judged, out, size);
}

void pool_board_reload_write(
    struct board *board, const struct pool_reload_status *status)
{
	flip_write(&board->shared->reload_flip, board->shared->reload, status,
	    sizeof(*status));
}

bool pool_board_reload_read(
    const struct board *board, struct pool_reload_status *out)
{
	return flip_read(&board->shared->reload_flip, board->shared->reload,
	    out, sizeof(*out));
}
