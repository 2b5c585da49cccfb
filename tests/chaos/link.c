/* SPDX-License-Identifier: Apache-2.0 */
/* One client and its backend: pieces wait, pass, are cut, held, swallowed. */
#include "config.h"

#include "chaos/link.h"
#include "base/clock.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define PIECE_MAX   65536
#define WAITING_MAX (1024 * 1024)
/* How long replies are dropped after the first one was: with several requests
 * in one write, the one that counts may be answered last. */
#define MUTE_NS (50 * NS_PER_MS)
/* Between two slices, so that the other side sees each of them. */
#define SLICE_NS (NS_PER_MS / 5)

void watch_add(int epoll, int fd, struct watch *watch)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = watch};

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
		abort();
}

void link_new(struct front *front, int client, int server)
{
	struct link *link = calloc(1, sizeof(*link));
	int fds[WAY_COUNT] = {client, server};

	if (link == NULL)
		abort();
	link->front = front;
	for (int way = 0; way < WAY_COUNT; way++) {
		link->fd[way] = fds[way];
		link->pipe[way].last = &link->pipe[way].first;
		link->watch[way] =
		    (struct watch){WATCHED_PEER, link, (enum way)way};
		link->asked[way] = EPOLLIN;
		watch_add(front->epoll, fds[way], &link->watch[way]);
	}
	link->next = front->links;
	front->links = link;
}

void link_reset(struct link *link)
{
	link->over = true;
}

static void pipe_clear(struct pipe *pipe)
{
	struct piece *piece;

	while ((piece = pipe->first) != NULL) {
		pipe->first = piece->next;
		free(piece);
	}
	pipe->last = &pipe->first;
	pipe->waiting = 0;
}

/* Closed with a lingering time of 0 a TCP socket sends RST; a Unix socket's peer
 * hears ECONNRESET when we leave something unread, and an end otherwise. */
static void link_free(struct link *link)
{
	struct linger now = {.l_onoff = 1};

	for (int way = 0; way < WAY_COUNT; way++) {
		setsockopt(
		    link->fd[way], SOL_SOCKET, SO_LINGER, &now, sizeof(now));
		close(link->fd[way]);
		pipe_clear(&link->pipe[way]);
	}
	free(link);
}

/* ---- which request is it ---------------------------------------------------------- */

/* MySQL: 3 bytes length, 1 sequence, then the command. */
enum {
	MYSQL_HEADER = 4,
	MYSQL_PREPARE = 0x16,
	MYSQL_EXECUTE = 0x17,
	MYSQL_ID_BYTES = 4
};

/*
 * The payload of the packet at `*at`, which moves behind it; absent when no
 * whole one follows.  A client of ours waits for each answer, but what has none
 * (closing a statement) is written together with the next request.
 */
static struct strv mysql_packet(const struct piece *piece, size_t *at)
{
	const unsigned char *p = (const unsigned char *)piece->bytes + *at;
	size_t left = piece->n - *at, n;

	if (left <= MYSQL_HEADER)
		return (struct strv){NULL, 0};
	n = p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16;
	if (n == 0 || n > left - MYSQL_HEADER)
		return (struct strv){NULL, 0};
	*at += MYSQL_HEADER + n;
	return strv_from((const char *)p + MYSQL_HEADER, n);
}

static void mysql_learn(
    struct link *link, const struct piece *piece, enum way way)
{
	struct strv packet;
	size_t at = 0;

	if (way == WAY_UP) {
		while ((packet = mysql_packet(piece, &at)).p != NULL)
			link->prepare_asked =
			    packet.p[0] == MYSQL_PREPARE &&
			    strv_starts(strv_from(packet.p + 1, packet.n - 1),
				STRV("INSERT INTO orders"));
		return;
	}
	packet = mysql_packet(piece, &at);
	if (!link->prepare_asked || packet.n <= MYSQL_ID_BYTES)
		return;
	link->prepare_asked = false;
	/* An answer's first byte is 0 for OK. */
	if (packet.p[0] == 0)
		memcpy(link->insert_id[link->ninserts++ % LINK_INSERTS],
		    packet.p + 1, MYSQL_ID_BYTES);
}

static bool mysql_is_insert(const struct link *link, struct strv packet)
{
	if (packet.n <= MYSQL_ID_BYTES || packet.p[0] != MYSQL_EXECUTE)
		return false;
	for (uint32_t i = 0; i < link->ninserts && i < LINK_INSERTS; i++)
		if (memcmp(packet.p + 1, link->insert_id[i], MYSQL_ID_BYTES) ==
		    0)
			return true;
	return false;
}

static bool mysql_inserts(const struct link *link, const struct piece *piece)
{
	struct strv packet;
	size_t at = 0;

	while ((packet = mysql_packet(piece, &at)).p != NULL)
		if (mysql_is_insert(link, packet))
			return true;
	return false;
}

static bool match_hits(const struct link *link, const struct match *match,
    const struct piece *piece)
{
	if (match->any)
		return true;
	if (match->insert)
		return mysql_inserts(link, piece);
	return memmem(piece->bytes, piece->n, match->text,
		   strlen(match->text)) != NULL;
}

static bool trick_plays(
    struct trick *trick, const struct link *link, const struct piece *piece)
{
	if (trick->count == 0 || !match_hits(link, &trick->match, piece))
		return false;
	trick->seen++;
	return trick->seen >= trick->first &&
	       trick->seen < trick->first + trick->count;
}

static void tricks_play(struct link *link, struct piece *piece, int64_t now_ns)
{
	struct front *front = link->front;

	front->counts.requests++;
	if (trick_plays(&front->toxics.swallow, link, piece)) {
		piece->swallow = true;
		front->counts.swallowed++;
	}
	if (trick_plays(&front->toxics.lose, link, piece)) {
		link->over = true;
		front->counts.lost++;
	}
	if (trick_plays(&front->toxics.hold, link, piece)) {
		piece->held = true;
		piece->due_ns = now_ns + front->toxics.hold.ms * NS_PER_MS;
		front->counts.held++;
	}
}

/* ---- reading ------------------------------------------------------------------------ */

static int64_t delay_ns(struct front *front)
{
	const struct toxics *toxics = &front->toxics;

	return (toxics->latency_ms + (int64_t)dice_below(front->dice,
					 (uint64_t)toxics->jitter_ms + 1)) *
	       NS_PER_MS;
}

static void piece_take(
    struct link *link, enum way way, const char *bytes, size_t n)
{
	struct pipe *pipe = &link->pipe[way];
	struct piece *piece = calloc(1, sizeof(*piece) + n);
	int64_t now_ns = mono_ns();

	if (piece == NULL)
		abort();
	piece->n = n;
	memcpy(piece->bytes, bytes, n);
	piece->due_ns = now_ns + delay_ns(link->front);
	mysql_learn(link, piece, way);
	if (way == WAY_UP)
		tricks_play(link, piece, now_ns);
	if (piece->due_ns < pipe->floor_ns)
		piece->due_ns = pipe->floor_ns;
	pipe->floor_ns = piece->due_ns;
	*pipe->last = piece;
	pipe->last = &piece->next;
	pipe->waiting += n;
}

static void source_read(struct link *link, enum way way)
{
	struct pipe *pipe = &link->pipe[way];
	static char bytes[PIECE_MAX];
	ssize_t n = read(link->fd[way], bytes, sizeof(bytes));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		pipe->ended = true;
		/* A client that is gone hears nothing; what it asked goes on. */
		if (n < 0)
			link->pipe[way == WAY_UP ? WAY_DOWN : WAY_UP].deaf =
			    true;
		return;
	}
	link->front->counts.bytes[way] += (uint64_t)n;
	if (way == WAY_DOWN && link->mute) {
		if (link->mute_until_ns == 0)
			link->mute_until_ns = mono_ns() + MUTE_NS;
		return;
	}
	if (!pipe->deaf)
		piece_take(link, way, bytes, (size_t)n);
}

void link_event(struct watch *watch, uint32_t events)
{
	struct link *link = watch->of;

	if (link->over)
		return;
	if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR | EPOLLRDHUP)) != 0 &&
	    (link->asked[watch->from] & EPOLLIN) != 0)
		source_read(link, watch->from);
	else if ((events & (EPOLLHUP | EPOLLERR)) != 0)
		link->pipe[watch->from == WAY_UP ? WAY_DOWN : WAY_UP].deaf =
		    true;
}

/* ---- writing ------------------------------------------------------------------------ */

static size_t allowance(const struct link *link, enum way way, size_t n)
{
	const struct toxics *toxics = &link->front->toxics;
	uint64_t cut = toxics->cut_bytes[way];

	if (toxics->slice_bytes > 0 && n > toxics->slice_bytes)
		n = toxics->slice_bytes;
	if (cut > 0 && link->pipe[way].passed + n > cut)
		n = cut > link->pipe[way].passed
			? (size_t)(cut - link->pipe[way].passed)
			: 0;
	return n;
}

static void piece_done(struct link *link, enum way way)
{
	struct pipe *pipe = &link->pipe[way];
	struct piece *piece = pipe->first;

	if (piece->held)
		link->front->counts.held_delivered++;
	if (piece->swallow)
		link->mute = true;
	pipe->first = piece->next;
	if (pipe->first == NULL)
		pipe->last = &pipe->first;
	free(piece);
}

/* False when it cannot go on now. */
static bool piece_pass(struct link *link, enum way way, int64_t now_ns)
{
	struct pipe *pipe = &link->pipe[way];
	struct piece *piece = pipe->first;
	int to = link->fd[way == WAY_UP ? WAY_DOWN : WAY_UP];
	const struct toxics *toxics = &link->front->toxics;
	size_t n = allowance(link, way, piece->n - piece->off);
	ssize_t sent;

	sent =
	    n == 0 ? 0 : send(to, piece->bytes + piece->off, n, MSG_NOSIGNAL);
	if (sent < 0 && errno != EAGAIN && errno != EINTR) {
		pipe->deaf = true;
		return false;
	}
	if (sent < 0)
		return false;
	pipe->passed += (uint64_t)sent;
	piece->off += (size_t)sent;
	pipe->waiting -= (size_t)sent;
	if (toxics->cut_bytes[way] > 0 &&
	    pipe->passed >= toxics->cut_bytes[way]) {
		link->front->counts.cuts++;
		link->over = true;
		return false;
	}
	if (piece->off == piece->n)
		piece_done(link, way);
	else if (toxics->slice_bytes > 0)
		piece->due_ns = now_ns + SLICE_NS;
	return true;
}

static void pipe_run(struct link *link, enum way way, int64_t now_ns)
{
	struct pipe *pipe = &link->pipe[way];
	int to = link->fd[way == WAY_UP ? WAY_DOWN : WAY_UP];

	while (pipe->first != NULL && pipe->first->due_ns <= now_ns &&
	       !pipe->deaf && !link->over && piece_pass(link, way, now_ns))
		;
	if (pipe->deaf)
		pipe_clear(pipe);
	if (pipe->ended && pipe->first == NULL && !pipe->shut) {
		shutdown(to, SHUT_WR);
		pipe->shut = true;
	}
}

/* Done: the backend has no more to say or to hear, or both have ended. */
static bool link_done(const struct link *link, int64_t now_ns)
{
	const struct pipe *up = &link->pipe[WAY_UP];
	const struct pipe *down = &link->pipe[WAY_DOWN];

	if (link->over || up->deaf)
		return true;
	if (link->mute && link->mute_until_ns > 0 &&
	    now_ns >= link->mute_until_ns)
		return true;
	if (link->mute && down->ended)
		return true;
	return down->ended && down->first == NULL;
}

/* ---- what is waited for ---------------------------------------------------------------- */

static void ask(struct link *link, enum way way, uint32_t events)
{
	struct epoll_event event = {
	    .events = events, .data.ptr = &link->watch[way]};

	if (link->asked[way] == events)
		return;
	/* With nothing asked for a hang-up is still reported, again and again:
	 * such a socket leaves the set. */
	if (events == 0)
		epoll_ctl(
		    link->front->epoll, EPOLL_CTL_DEL, link->fd[way], NULL);
	else if (epoll_ctl(link->front->epoll,
		     link->asked[way] == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD,
		     link->fd[way], &event) != 0)
		abort();
	link->asked[way] = events;
}

static int64_t asks_set(struct link *link, int64_t now_ns)
{
	int64_t next_ns = INT64_MAX;

	for (int w = 0; w < WAY_COUNT; w++) {
		const struct pipe *in = &link->pipe[w];
		const struct pipe *out = &link->pipe[w == WAY_UP];
		const struct piece *first = out->first;
		uint32_t events = 0;

		if (!in->ended && in->waiting < WAITING_MAX)
			events |= EPOLLIN;
		if (first != NULL && first->due_ns <= now_ns)
			events |= EPOLLOUT;
		else if (first != NULL && first->due_ns < next_ns)
			next_ns = first->due_ns;
		ask(link, (enum way)w,
		    link->front->toxics.blackhole ? 0 : events);
	}
	if (link->mute && link->mute_until_ns > 0 &&
	    link->mute_until_ns < next_ns)
		next_ns = link->mute_until_ns;
	return link->front->toxics.blackhole ? INT64_MAX : next_ns;
}

int64_t front_run(struct front *front, int64_t now_ns)
{
	struct link **at = &front->links;
	int64_t next_ns = INT64_MAX, due_ns;

	while (*at != NULL) {
		struct link *link = *at;

		for (int way = 0; way < WAY_COUNT && !link->over; way++)
			if (!front->toxics.blackhole)
				pipe_run(link, (enum way)way, now_ns);
		if (link_done(link, now_ns)) {
			*at = link->next;
			link_free(link);
			continue;
		}
		due_ns = asks_set(link, now_ns);
		if (due_ns < next_ns)
			next_ns = due_ns;
		at = &link->next;
	}
	return next_ns;
}
