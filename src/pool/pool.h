/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A master and its groups of children.  Knows processes, sockets and signals;
 * knows nothing of FastCGI, HTTP or sales.  The only header of this folder that
 * others include.
 *
 * A group is a name, a number of children and a struct pool_app: what a child
 * of it does.  A group with a listening socket serves connections, one request
 * at a time, over as many kept connections as the front end likes; a group
 * without one ticks.
 */
#ifndef POOL_POOL_H
#define POOL_POOL_H

#include "base/attr.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define POOL_RELOAD_TEXT_MAX 256

struct pool_child; /* a child's view of itself */

enum pool_next {
	POOL_KEEP, /* the connection is open, and the peer may send again */
	POOL_CLOSED /* serve() has closed the descriptor */
};

/* What a child does.  Every function runs in the child. */
struct pool_app {
	/*
	 * After the fork, before the first work: connect, allocate.  False ends
	 * the child with exit code 70; the master logs `err` and tries again
	 * with a growing pause.  May be NULL.
	 */
	bool (*open)(void *ctx, struct pool_child *child, struct err *err);
	/*
	 * One request on a connection that has bytes to read.  The descriptor is
	 * blocking, close-on-exec, with SO_RCVTIMEO and SO_SNDTIMEO set; there
	 * is no signal that could interrupt it.  Each call counts as a request.
	 * NULL for a group that ticks.
	 */
	enum pool_next (*serve)(void *ctx, int fd);
	/* The child is about to block with nothing to do; may be NULL. */
	void (*idle)(void *ctx);
	/*
	 * Periodic work; returns the milliseconds until the next.  NULL for
	 * none.  The first tick comes right after open().
	 */
	int64_t (*tick)(void *ctx);
	/* The mirror of open(), when the child leaves in order; may be NULL. */
	void (*close)(void *ctx);
	void *ctx; /* made in the master before the fork; copied by it */
};

/*
 * What a child may ask and say.  True when the pool stops and a reply should
 * close its connection.  Not when the child makes room for another one (a
 * reload, max_requests): that one gets the connection.
 */
bool pool_child_draining(const struct pool_child *child);
/* 0.. within its group. */
unsigned pool_child_index(const struct pool_child *child);
/* True when the peer of a connection has hung up (nobody waits any more). */
bool pool_peer_gone(int fd);

/* How a listening socket is made; see flashgate.conf(5), "listen". */
struct pool_listen_conf {
	/* "/path", "ip:port", "[v6]:port", "port" */
	const char *address;
	int backlog; /* -1: the system's maximum */
	const char *owner, *group; /* name or number; NULL: ours */
	mode_t mode; /* of a Unix socket */
};

/*
 * Binds and listens: non-blocking, close-on-exec.  A Unix socket that somebody
 * still answers on is refused, a stale one replaced.  -1 with `err`.
 */
int pool_listen_open(
    const struct pool_listen_conf *conf, struct err *err) ATTR_MUSTUSE;
/*
 * Closes, and unlinks a Unix socket that pool_listen_open() made, if the path
 * is still that socket.
 */
void pool_listen_close(const struct pool_listen_conf *conf, int fd);

struct pool_group {
	const char *name; /* in logs and process titles */
	const struct pool_app *app;
	int listen_fd; /* -1: none */
	unsigned max_children; /* pm = static: exactly so many */
	/* What a reload may raise max_children to; 0: max_children itself.
	 * Shared memory is made for it, once; read at the start only. */
	unsigned room;
	/* A child leaves after so many, ± 10 % by its index; 0: never. */
	uint64_t max_requests;
	/* SO_RCVTIMEO and SO_SNDTIMEO of a connection, and the wait for its
	 * first byte.  Above 0 where there is a listening socket. */
	unsigned io_timeout_ms;
	/* Kept connections a child holds at most; above that it closes those
	 * that were not used for the longest time. */
	unsigned keep_max;
};

#define POOL_GROUPS_MAX 8

struct pool_conf;
struct pool_reload_status;

/*
 * How a master comes by its next generation of children, when USR2 or HUP asks
 * for one.  All but judge() run in the master, which stands still meanwhile:
 * files may be read there, no store may be asked.
 */
struct pool_reloader {
	/*
	 * The new configuration, valid until drop(); NULL with `err`, and all
	 * stays as it is.  Groups, their order, names and sockets must be those
	 * of the start; pid_file, user, group, reloader and ready are not looked
	 * at again.
	 */
	const struct pool_conf *(*make)(void *ctx, struct err *err);
	/* In a process of its own, as the children's user: will it do?  NULL:
	 * always. */
	bool (*judge)(void *ctx, const struct pool_conf *conf, struct err *err);
	/* From now on children of `conf` are made: the new one before its first
	 * child, or the old one again because the new one failed.  For what
	 * children inherit from the master, as its log.  May be NULL. */
	void (*enter)(void *ctx, const struct pool_conf *conf);
	/* No child of it is left. */
	void (*drop)(void *ctx, const struct pool_conf *conf);
	/* The status has changed; may be NULL. */
	void (*told)(void *ctx, const struct pool_reload_status *status);
	void *ctx;
	/* For judge(), and again for the new generation until it is ready. */
	unsigned bound_ms;
};

/* What has become of the reloads. */
struct pool_reload_status {
	pid_t master;
	uint32_t generation; /* that serves: 1, and one more a good reload */
	uint64_t begun; /* reloads so far, before their settings were read */
	uint64_t ended; /* of these, those with a verdict */
	bool failed; /* the last that ended; `text` says why */
	char text[POOL_RELOAD_TEXT_MAX]; /* of the last that ended, or "" */
};

/* Any child.  False when the master was always faster. */
bool pool_reload_status(const struct pool_child *child,
    struct pool_reload_status *out) ATTR_MUSTUSE;
/*
 * Another process, from the file that the master keeps beside its pid file.  To
 * wait for one's own reload: read `begun`, signal, read until `ended` is above
 * that number.  False with `err` when there is no such file.
 */
bool pool_reload_status_read(const char *pid_file,
    struct pool_reload_status *out, struct err *err) ATTR_MUSTUSE;

struct pool_conf {
	const struct pool_group *groups;
	size_t ngroups;
	const char *pid_file; /* NULL: none */
	/* Grace of a stop before TERM becomes KILL. */
	unsigned control_timeout_ms;
	/* Children run as this user and group when the master is root. */
	const char *user, *group;
	/* NULL: there is no reload, and its signals are ignored. */
	const struct pool_reloader *reloader;
	/* Called in the master once every group is complete for the first time;
	 * may be NULL. */
	void (*ready)(void *ctx);
	void *ready_ctx;
};

/*
 * Runs until told to stop (TERM, QUIT or INT: graceful within
 * control_timeout_ms; a second one: at once).  USR1 reopens the log in master
 * and children.  USR2 and HUP reload: a new generation of children is made from
 * a new configuration, on the same sockets, and when all of it is ready the old
 * one hands over its connections and leaves; when anything of that fails, the
 * old one serves on.  Children never return from it.
 *
 * Returns an exit code of sysexits: 0 after a stop that ended every child, 70
 * when one outlived KILL or there was no memory, 78 for an unknown user or
 * group or a pid file that cannot be written; what it was is in the log.  The
 * signals named above stay blocked: the caller tidies up and exits.
 */
int pool_run(const struct pool_conf *conf);

#endif
