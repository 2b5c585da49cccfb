/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool: everything at once.  Children grow and shrink in number, wear out, hang
 * and are terminated, crash, are killed or told to go by strangers, while one
 * reload follows the other, some of which fail.  The master's accounts have to
 * stay right: it aborts when they are not.
 */
#include "config.h"

#include "unit.h"

#include "pool/rig.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROOM  12
#define STEPS 400
#define HELD  8
/* What the pool is to be in the end. */
#define LAST 3

struct storm {
	struct rig rig;
	uint32_t seed;
	int held[HELD]; /* connections; -1: none */
};

/* The same storm each time, for each seed. */
static unsigned roll(struct storm *storm, unsigned below)
{
	storm->seed = storm->seed * 1664525u + 1013904223u;
	return (storm->seed >> 16) % below;
}

static bool is_child(pid_t pid, pid_t master)
{
	char path[40], state;
	long parent = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	if (fscanf(file, "%*d (%*[^)]) %c %ld", &state, &parent) != 2)
		parent = 0;
	fclose(file);
	return parent == master;
}

/* Workers that the master has, the dead among them; one of them, or 0. */
static unsigned children(struct storm *storm, pid_t *one)
{
	int births = RIG_GET(storm->rig.stage->births);
	unsigned n = 0;

	*one = 0;
	for (int i = births < 100 ? 0 : births - 100; i < births; i++) {
		pid_t pid = RIG_GET(storm->rig.stage->pids[i % RIG_PIDS]);

		if (pid == 0 || !is_child(pid, storm->rig.master))
			continue;
		n++;
		if (*one == 0 || roll(storm, n) == 0)
			*one = pid;
	}
	return n;
}

static void size_roll(struct storm *storm)
{
	struct rig_stage *stage = storm->rig.stage;
	unsigned spare = roll(storm, 3);

	/* Read by the master when it makes a configuration: any mixture of two
	 * of these is one that it must bear. */
	stage->next_size =
	    (struct pool_size){.manager = (enum pool_manager)roll(storm, 3),
		.start = 1 + roll(storm, 4),
		.min_spare = spare,
		.max_spare = spare + roll(storm, 3),
		.idle_ms = 20 + roll(storm, 200),
		.spawn_max = roll(storm, 3)};
	RIG_SET(stage->next_children, 1 + roll(storm, ROOM));
	RIG_SET(stage->next_sized, 1);
}

static void request(struct storm *storm)
{
	static const char *const lines[] = {"pid", "pid", "pid", "bye", "slow",
	    "hang", "crash", "dup", "pid", "pid"};
	int *fd = &storm->held[roll(storm, HELD)];
	const char *line = lines[roll(storm, ARRAY_LEN(lines))];
	char bytes[16];
	int n = snprintf(bytes, sizeof(bytes), "%s\n", line);

	if (*fd >= 0 && roll(storm, 3) == 0) {
		close(*fd);
		*fd = -1;
	}
	if (*fd < 0)
		*fd = rig_connect(&storm->rig);
	/* It may have been closed meanwhile. */
	if (send(*fd, bytes, (size_t)n, MSG_NOSIGNAL) != n) {
		close(*fd);
		*fd = -1;
	}
}

static void strike(struct storm *storm, int number)
{
	pid_t pid;

	if (children(storm, &pid) > 0)
		kill(pid, number);
}

static void step(struct storm *storm)
{
	static const int numbers[] = {SIGKILL, SIGTERM, SIGURG, SIGABRT};
	struct rig_stage *stage = storm->rig.stage;

	switch (roll(storm, 12)) {
	case 0:
		strike(storm, numbers[roll(storm, ARRAY_LEN(numbers))]);
		break;
	case 1:
		size_roll(storm);
		rig_signal(&storm->rig, roll(storm, 2) ? SIGHUP : SIGUSR2);
		break;
	case 2:
		RIG_SET(stage->how_to_make,
		    roll(storm, 2) ? RIG_MAKE_OK : (int)roll(storm, 6));
		break;
	case 3:
		RIG_SET(stage->how_to_open,
		    roll(storm, 3) ? RIG_OPEN_OK : (int)roll(storm, 4));
		break;
	case 4:
		rig_signal(&storm->rig, SIGUSR1);
		break;
	default:
		request(storm);
		break;
	}
	rig_pause_ms((int)roll(storm, 12));
}

/* Signals that came together are one. */
static void calm(struct storm *storm)
{
	struct rig_stage *stage = storm->rig.stage;

	RIG_SET(stage->how_to_make, RIG_MAKE_OK);
	RIG_SET(stage->how_to_open, RIG_OPEN_OK);
	stage->next_size = (struct pool_size){0};
	RIG_SET(stage->next_children, LAST);
	for (int i = 0; i < HELD; i++)
		if (storm->held[i] >= 0)
			close(storm->held[i]);
	/* The first may be the verdict of one that began before. */
	(void)rig_reload(&storm->rig);
	RIG_AWAIT(!rig_reload(&storm->rig));
}

static bool is_at_rest(struct storm *storm, unsigned descriptors)
{
	pid_t one;

	return children(storm, &one) == LAST &&
	       rig_descriptors(storm->rig.master) == descriptors;
}

START_TEST(test_the_master_survives_everything_at_once)
{
	struct storm storm = {.seed = (uint32_t)_i + 1};
	struct rig *rig = &storm.rig;
	unsigned descriptors;

	for (int i = 0; i < HELD; i++)
		storm.held[i] = -1;
	rig_init(rig, LAST);
	rig_add_reloader(rig);
	rig->reloader.bound_ms = 1000;
	rig->conf.control_timeout_ms = 300;
	rig->conf.crash_threshold = 5;
	rig->conf.crash_interval_ms = 1000;
	rig->groups[0].room = ROOM;
	rig->groups[0].max_requests = 6;
	rig->groups[0].max_lifetime_ms = 900;
	rig->groups[0].terminate_ms = 150;
	rig->groups[0].keep_max = 2;
	rig_start(rig);
	descriptors = rig_descriptors(rig->master);
	for (int i = 0; i < STEPS; i++) {
		step(&storm);
		ck_assert_msg(rig_alive(rig->master), "after step %d", i);
	}
	/* How much of a storm it was is the machine's affair; what is asked is
	 * that all of it can be calmed. */
	calm(&storm);
	RIG_AWAIT(is_at_rest(&storm, descriptors));
	ck_assert_int_gt(rig_ask(rig, "pid"), 0);
	rig_stop(rig);
}
END_TEST

TESTS_MAIN(
    "pool/storm", ((struct unit_case){.name = "storm",
		      .test = test_the_master_survives_everything_at_once,
		      .timeout_s = 120,
		      .loops = 2}))
