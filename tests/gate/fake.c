/* SPDX-License-Identifier: Apache-2.0 */
/* The scripted server. */
#include "config.h"

#include "fake.h"

#include "base/clock.h"

#include <check.h>
#include <errno.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 30000

struct fake {
	char dir[32], path[64];
	int listener, peer;
	pthread_t thread;
	sem_t go, done;
	const struct fake_step *steps;
	size_t nsteps;
	size_t failed; /* number of the step that failed, counted from 1 */
	redisReader *reader;
	char *got;
	size_t got_n;
};

static bool readable(int fd)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	int64_t until = deadline_in_ms(PATIENCE_MS);
	int n;

	do
		n = poll(&pfd, 1, deadline_left_ms(until));
	while (n < 0 && errno == EINTR);
	return n > 0;
}

static void peer_close(struct fake *fake)
{
	if (fake->peer >= 0)
		close(fake->peer);
	fake->peer = -1;
}

static bool do_accept(struct fake *fake)
{
	peer_close(fake);
	if (!readable(fake->listener))
		return false;
	fake->peer = accept(fake->listener, NULL, NULL);
	if (fake->reader != NULL)
		redisReaderFree(fake->reader);
	fake->reader = redisReaderCreate();
	fake->got_n = 0;
	return fake->peer >= 0;
}

/* One read; 0 at the end, -1 when it took too long. */
static ssize_t take(struct fake *fake)
{
	char bytes[16384];
	ssize_t n;

	if (!readable(fake->peer))
		return -1;
	n = read(fake->peer, bytes, sizeof(bytes));
	if (n <= 0)
		return 0;
	fake->got = realloc(fake->got, fake->got_n + (size_t)n);
	if (fake->got == NULL)
		abort();
	memcpy(fake->got + fake->got_n, bytes, (size_t)n);
	fake->got_n += (size_t)n;
	redisReaderFeed(fake->reader, bytes, (size_t)n);
	return n;
}

/* A command has the form of an array, so hiredis can count them. */
static bool do_expect(struct fake *fake, unsigned n)
{
	void *command = NULL;

	for (;;) {
		if (redisReaderGetReply(fake->reader, &command) != REDIS_OK)
			return false;
		if (command == NULL) {
			if (n == 0)
				return true;
			if (take(fake) <= 0)
				return false;
			continue;
		}
		freeReplyObject(command);
		if (n == 0)
			return false;
		n--;
	}
}

/* Not send(2): test_conn counts the client's. */
static ssize_t put(struct fake *fake, const char *bytes, size_t n)
{
	return sendto(fake->peer, bytes, n, MSG_NOSIGNAL, NULL, 0);
}

/* A client that has hung up gets nothing, which is what some tests are for. */
static bool do_send(struct fake *fake, const char *bytes)
{
	size_t n = strlen(bytes);

	return put(fake, bytes, n) == (ssize_t)n || errno == EPIPE;
}

static bool do_trickle(struct fake *fake, const char *bytes)
{
	static const struct timespec pause = {0, 20 * NS_PER_MS};

	for (; *bytes != '\0'; bytes++) {
		if (put(fake, bytes, 1) != 1)
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

static bool do_until_closed(struct fake *fake)
{
	ssize_t n;

	do
		n = take(fake);
	while (n > 0);
	return n == 0;
}

static bool wait_sem(sem_t *sem)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE_MS / 1000;
	while (sem_timedwait(sem, &until) != 0)
		if (errno != EINTR)
			return false;
	return true;
}

static bool step_do(struct fake *fake, const struct fake_step *step)
{
	switch (step->what) {
	case FAKE_ACCEPT:
		return do_accept(fake);
	case FAKE_EXPECT:
		return do_expect(fake, step->n);
	case FAKE_SEND:
		return do_send(fake, step->bytes);
	case FAKE_TRICKLE:
		return do_trickle(fake, step->bytes);
	case FAKE_CLOSE:
		peer_close(fake);
		return true;
	case FAKE_UNTIL_CLOSED:
		return do_until_closed(fake);
	case FAKE_WAIT:
		return wait_sem(&fake->go);
	}
	return false;
}

static void *fake_main(void *arg)
{
	struct fake *fake = arg;

	for (size_t i = 0; i < fake->nsteps && fake->failed == 0; i++) {
		if (!step_do(fake, &fake->steps[i]))
			fake->failed = i + 1;
		sem_post(&fake->done);
	}
	return NULL;
}

struct fake *fake_start(const struct fake_step *steps, size_t n)
{
	struct fake *fake = calloc(1, sizeof(*fake));
	struct sockaddr_un un = {.sun_family = AF_UNIX};

	ck_assert_ptr_nonnull(fake);
	strcpy(fake->dir, "/tmp/fg-fake-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(fake->dir));
	snprintf(fake->path, sizeof(fake->path), "%s/s", fake->dir);
	snprintf(un.sun_path, sizeof(un.sun_path), "%s", fake->path);
	fake->peer = -1;
	fake->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(
	    bind(fake->listener, (struct sockaddr *)&un, sizeof(un)), 0);
	ck_assert_int_eq(listen(fake->listener, 8), 0);
	fake->steps = steps;
	fake->nsteps = n;
	ck_assert_int_eq(sem_init(&fake->go, 0, 0), 0);
	ck_assert_int_eq(sem_init(&fake->done, 0, 0), 0);
	ck_assert_int_eq(
	    pthread_create(&fake->thread, NULL, fake_main, fake), 0);
	return fake;
}

const char *fake_address(const struct fake *fake)
{
	return fake->path;
}

void fake_go(struct fake *fake)
{
	sem_post(&fake->go);
}

void fake_reached(struct fake *fake, size_t steps)
{
	for (; steps > 0; steps--)
		ck_assert_msg(wait_sem(&fake->done), "the fake server stands");
}

void fake_finish(struct fake *fake)
{
	ck_assert_int_eq(pthread_join(fake->thread, NULL), 0);
	ck_assert_msg(fake->failed == 0, "step %zu of the fake server's script",
	    fake->failed);
}

const char *fake_got(const struct fake *fake, size_t *n)
{
	*n = fake->got_n;
	return fake->got;
}

void fake_stop(struct fake **fake)
{
	struct fake *f = *fake;

	*fake = NULL;
	peer_close(f);
	close(f->listener);
	unlink(f->path);
	rmdir(f->dir);
	if (f->reader != NULL)
		redisReaderFree(f->reader);
	sem_destroy(&f->go);
	sem_destroy(&f->done);
	free(f->got);
	free(f);
}
