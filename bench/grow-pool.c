/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grow-pool: our pool and our FastCGI, with an application that only waits; so
 * that bench/grow compares managers of processes, and not a shop with a script.
 *
 *	grow-pool SOCKET WAIT_MS MAX START MIN_SPARE MAX_SPARE IDLE_MS
 */
#include "config.h"

#include "base/log.h"
#include "base/num.h"
#include "fcgi/fcgi.h"
#include "pool/pool.h"

#include <stdio.h>
#include <sysexits.h>
#include <time.h>

struct waiter {
	struct fcgi *fcgi; /* from here on: the child's own */
	uint64_t wait_ms;
};

static bool waiter_open(void *ctx, struct pool_child *child, struct err *err)
{
	static const struct fcgi_limits limits = {1024, 16384};
	struct waiter *waiter = ctx;

	(void)child;
	waiter->fcgi = fcgi_new(&limits, err);
	return waiter->fcgi != NULL;
}

static void waiter_close(void *ctx)
{
	struct waiter *waiter = ctx;

	fcgi_free(&waiter->fcgi);
}

static enum pool_next waiter_serve(void *ctx, int fd)
{
	const struct waiter *waiter = ctx;
	const struct timespec wait = {
	    .tv_sec = (time_t)(waiter->wait_ms / 1000),
	    .tv_nsec = (long)(waiter->wait_ms % 1000) * 1000000};
	struct err err = ERR_INIT;

	if (fcgi_read(waiter->fcgi, fd, &err) == FCGI_READ_GONE)
		return POOL_CLOSED;
	nanosleep(&wait, NULL);
	return fcgi_finish(waiter->fcgi,
		   STRV("Status: 200\r\nContent-Type: text/plain\r\n\r\nok\n"),
		   true)
		   ? POOL_KEEP
		   : POOL_CLOSED;
}

static bool run(const char *path, const uint64_t numbers[6], int *code)
{
	struct waiter waiter = {.wait_ms = numbers[0]};
	const struct pool_listen_conf listen = {
	    .address = path, .backlog = -1, .mode = 0600};
	const struct pool_app app = {.open = waiter_open,
	    .serve = waiter_serve,
	    .close = waiter_close,
	    .ctx = &waiter};
	struct pool_group group = {.name = "worker",
	    .app = &app,
	    .max_children = (unsigned)numbers[1],
	    .size = {.manager = POOL_DYNAMIC,
		.start = (unsigned)numbers[2],
		.min_spare = (unsigned)numbers[3],
		.max_spare = (unsigned)numbers[4],
		.idle_ms = (unsigned)numbers[5]},
	    .io_timeout_ms = 5000,
	    .keep_max = 16};
	const struct pool_conf conf = {
	    .groups = &group, .ngroups = 1, .control_timeout_ms = 10000};
	struct err err = ERR_INIT;

	group.listen_fd = pool_listen_open(&listen, &err);
	if (group.listen_fd < 0) {
		fprintf(stderr, "grow-pool: %s\n", err.text);
		return false;
	}
	*code = pool_run(&conf);
	pool_listen_close(&listen, group.listen_fd);
	return true;
}

int main(int argc, char *argv[])
{
	uint64_t numbers[6];
	int code = EX_OK;

	if (argc != 8) {
		fputs("usage: grow-pool SOCKET WAIT_MS MAX START MIN_SPARE "
		      "MAX_SPARE IDLE_MS\n",
		    stderr);
		return EX_USAGE;
	}
	for (int i = 0; i < 6; i++)
		if (!num_parse_u64(strv_c(argv[i + 2]), i == 0 ? 0 : 1, 3600000,
			&numbers[i])) {
			fprintf(stderr, "grow-pool: %s: not a number\n",
			    argv[i + 2]);
			return EX_USAGE;
		}
	return run(argv[1], numbers, &code) ? code : EX_SOFTWARE;
}
