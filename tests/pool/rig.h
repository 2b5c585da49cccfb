/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A real master with real children for the tests: forked off the test process,
 * with an app that answers lines, a Unix socket, a log file and a pid file in a
 * directory of its own, and shared memory in which children leave notes.
 *
 * The app answers each line with "<word> <pid> <index> <draining>":
 *
 *	pid        at once
 *	bye        and closes the connection
 *	hold       when stage->release is set
 *	slow       after 300 ms
 *	hang       never, and with no deadline
 *	crash      by SIGKILL to itself
 *	log        and logs "line of <pid>"
 *	dup        closes, but keeps a second descriptor
 *	fds        word is "safe" if its descriptors are close-on-exec, blocking,
 *	           with time-outs, and without Nagle's delay
 *	exec       word is "none", or the first descriptor above 2 that a program
 *	           which the child executes sees
 *	uid        word is "<uid>/<gid>"
 *	rights     word is "<nice>/<RLIMIT_NOFILE>/<RLIMIT_CORE>/<dumpable>"
 *	env:NAME   word is "set" or "unset"
 *	grow       and has 32 MB more from then on
 *	ends:NAME  word is the number of children that ended for that cause
 *	looping    word is 1 in a crash loop, else 0
 *
 * If a test fails, the master dies with the test process, and the children with
 * the master.
 */
#ifndef TESTS_POOL_RIG_H
#define TESTS_POOL_RIG_H

#include "base/clock.h"
#include "base/log.h"
#include "pool/pool.h"

#include <sys/types.h>
#include <time.h>

#define RIG_PIDS 4096
/* Far beyond what a slow, busy machine needs. */
#define RIG_PATIENCE_MS 60000

enum rig_open {
	RIG_OPEN_OK,
	RIG_OPEN_FAILS, /* false, "no tea today" */
	RIG_OPEN_CRASHES, /* SIGSEGV */
	RIG_OPEN_HANGS
};

/* What a reload meets. */
enum rig_make {
	RIG_MAKE_OK,
	RIG_MAKE_FAILS, /* "line 3: no such tea" */
	RIG_MAKE_TOO_MANY, /* above the room */
	RIG_MAKE_JUDGED_BAD, /* "the kettle is cold" */
	RIG_MAKE_JUDGE_HANGS,
	RIG_MAKE_JUDGE_CRASHES
};

/* Shared by test, master and children; each number by one kind of writer. */
struct rig_stage {
	int how_to_open; /* enum rig_open; the test's */
	int release; /* the test's */
	int naive; /* keeps connections even when draining; the test's */
	int no_deathsig; /* only the lifeline is left; the test's */
	int how_to_make; /* enum rig_make; the test's */
	unsigned next_children; /* of workers after a reload, 0: as before */
	struct pool_size next_size; /* of them likewise, if next_sized */
	int next_sized;
	int makes, judges, enters, drops; /* calls; the master's */
	uint32_t generation; /* from told(); the master's */
	uint64_t ended; /* likewise */
	int failed; /* likewise */
	int max_files; /* RLIMIT_NOFILE above what is open; the test's */
	int ready; /* calls of conf->ready */
	int births; /* all counters below: of all children together */
	int opens, closes, serves, idles, ticks;
	int held; /* children inside "hold" or "hang" right now or once */
	int turns; /* times that a ticker had the turn in open() */
	pid_t ticker; /* who ticked last */
	int64_t tick_ns[64];
	pid_t pids[RIG_PIDS];
};

struct rig {
	char dir[32], sock[64], log[64], pid_file[64], address[32];
	struct rig_stage *stage;
	struct pool_listen_conf listen;
	struct pool_app app, ticker;
	struct pool_group groups[2];
	struct pool_conf conf;
	struct pool_reloader reloader; /* see rig_add_reloader() */
	enum log_level level;
	int child_ignored; /* the launcher ignores SIGCHLD */
	int single; /* pool_single() in place of pool_run() */
	unsigned port; /* 0: the Unix socket; see rig_use_tcp() */
	void (*before)(struct rig *rig); /* in the master; may be NULL */
	const void *with; /* for before() */
	pid_t master;
	struct pool_child *child; /* in a child: itself */
};

/* Defaults: `children` workers, one group.  Change conf, then start. */
void rig_init(struct rig *rig, unsigned children);
/* Adds a group of one that ticks each 50 ms. */
void rig_add_ticker(struct rig *rig);
/* A TCP port of the loopback instead of the Unix socket. */
void rig_use_tcp(struct rig *rig);
/* Reloads make what the rig has, and what the stage says. */
void rig_add_reloader(struct rig *rig);
/* Asks for a reload, and waits for its verdict; true when it failed. */
bool rig_reload(struct rig *rig);
void rig_launch(struct rig *rig); /* does not wait */
void rig_start(struct rig *rig); /* waits until conf->ready was called */
void rig_signal(const struct rig *rig, int number);
/* The master's wait status, after it ended and with it every child. */
int rig_end(struct rig *rig);
/* The second half of that: waits for the children, removes the directory. */
void rig_tidy(struct rig *rig);
/* TERM, and everything in order: exit 0, all children gone. */
void rig_stop(struct rig *rig);

int rig_connect(const struct rig *rig);
void rig_send(int fd, const char *line);
struct rig_answer {
	char word[32];
	pid_t pid;
	unsigned index;
	int draining;
};
/* False at end of file. */
bool rig_receive(int fd, struct rig_answer *answer);
/* One line, one answer, one connection. */
pid_t rig_ask(const struct rig *rig, const char *line);
pid_t rig_ask_on(int fd, const char *line);
/* Without its end; false at end of file. */
bool rig_line_read(int fd, char *line, size_t size);
/* rig_init()'s: what children do. */
void rig_app_init(struct rig *rig);
/* In a child: the word for "exec". */
void rig_helper_tell(char word[32]);
/* True when the other side has closed. */
bool rig_is_closed(int fd);

/* The child that was born as number `i`, which is or was there: never 0, to
 * which a kill() would end ourselves. */
pid_t rig_pid(const struct rig *rig, int i);
/* False for one that has not said who it is yet. */
bool rig_alive(pid_t pid);
/* Lines of a file with `text` in them. */
unsigned rig_lines(const char *path, const char *text);
unsigned rig_descriptors(pid_t pid);
int64_t rig_cpu_ns(pid_t pid);
void rig_pause_ms(int ms);

/* A table test that starts a pool in each row. */
#define RIG_TABLE(text, fn, rows) \
	((struct unit_case){      \
	    .name = text, .test = fn, .timeout_s = 30, .loops = rows})

/* One more; the new value. */
#define RIG_NOTE(field) __atomic_add_fetch(&(field), 1, __ATOMIC_SEQ_CST)
#define RIG_GET(field)  __atomic_load_n(&(field), __ATOMIC_SEQ_CST)
#define RIG_SET(field, value) \
	__atomic_store_n(&(field), (value), __ATOMIC_SEQ_CST)

/* Waits for a condition, not for a time. */
#define RIG_AWAIT(cond)                                                  \
	do {                                                             \
		int64_t rig_end_ns = deadline_in_ms(RIG_PATIENCE_MS);    \
		while (!(cond)) {                                        \
			ck_assert_msg(                                   \
			    mono_ns() < rig_end_ns, "never: %s", #cond); \
			rig_pause_ms(2);                                 \
		}                                                        \
	} while (0)

#endif
