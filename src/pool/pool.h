/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A master and its groups of children.  Knows processes, sockets and signals;
 * knows nothing of FastCGI, HTTP or sales.  Others include this header, and
 * status.h, queue.h and manager.h if they look at a pool from inside.
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
#include "base/str.h"

#include <netinet/in.h>
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
	/* What serve() does at a time: names of the phases 1.., for people. */
	const char *const *phases;
	unsigned nphases;
	void *ctx; /* made in the master before the fork; copied by it */
};

/*
 * What a child may ask and say.  True when the pool stops and a reply should
 * close its connection.  Not when the child makes room for another one (a
 * reload, max_requests): that one gets the connection.
 */
bool pool_child_draining(const struct pool_child *child);
/*
 * True when nobody else of this group and index may tick: at a reload there are
 * two, and the one that goes has the turn until it is gone.  For open(), which
 * runs before the first tick.
 */
bool pool_child_turn(const struct pool_child *child) ATTR_MUSTUSE;
/* 0.. within its group. */
unsigned pool_child_index(const struct pool_child *child);
/* mono_ns() when the request at hand began. */
int64_t pool_child_request_ns(const struct pool_child *child);
/*
 * What the child shows of the request at hand (see pool/status.h): views, cut
 * where they are longer than the board's bounds.
 */
struct pool_request {
	struct strv method, path, query;
	uint64_t content_length;
};
void pool_child_show(
    struct pool_child *child, const struct pool_request *request);
void pool_child_show_user(struct pool_child *child, struct strv user);
/* The request is in this phase now, 1.. as pool_app names them; it begins in
 * 1.  And what that is about. */
void pool_child_phase(struct pool_child *child, unsigned phase, int64_t now_ns);
void pool_child_note(struct pool_child *child, struct strv note);
/* The child's own piece of pool_conf.area_bytes. */
void *pool_child_area(const struct pool_child *child);
/* True when the peer of a connection has hung up (nobody waits any more). */
bool pool_peer_gone(int fd);

/* How a listening socket is made; see flashgate.conf(5), "listen". */
struct pool_listen_conf {
	/* "/path", "@abstract", "ip:port", "[v6]:port", "port"; or one that a
	 * launcher made: "fd:N", "systemd:NAME", "systemd:" (its first) */
	const char *address;
	int backlog; /* -1: the system's maximum */
	const char *owner, *group; /* name or number; NULL: ours */
	mode_t mode; /* of a Unix socket */
	bool alone; /* refuse an inherited one that another process locked so */
};

/* Whatever our launcher left open, no program that we start shall have it. */
void pool_descriptors_private(void);

/* True when our launcher put a listening socket on descriptor 0. */
bool pool_listen_given(void);

/*
 * What can be said without binding: the form, the length of a path, whether
 * owner and group exist.  False with `err`.
 */
bool pool_listen_check(
    const struct pool_listen_conf *conf, struct err *err) ATTR_MUSTUSE;

/*
 * Binds and listens: non-blocking, close-on-exec.  A Unix socket that somebody
 * still answers on is refused, a stale one replaced.  -1 with `err`.
 */
int pool_listen_open(
    const struct pool_listen_conf *conf, struct err *err) ATTR_MUSTUSE;
/* Is there a file that pool_listen_close() would remove? */
bool pool_listen_is_made(int fd) ATTR_MUSTUSE;
/* The program before us bound it: as if we had. */
void pool_listen_adopt(const struct pool_listen_conf *conf, int fd);
/*
 * Closes, and unlinks a Unix socket that pool_listen_open() made, if the path
 * is still that socket.
 */
void pool_listen_close(const struct pool_listen_conf *conf, int fd);

/* Who may connect; empty lists let everybody in who can. */
#define POOL_PEERS_MAX 32

struct pool_peers {
	size_t nnets, nuids;
	struct pool_peer_net {
		struct in6_addr address; /* IPv4 as ::ffff:a.b.c.d */
		unsigned bits; /* that must be equal */
	} nets[POOL_PEERS_MAX]; /* of a TCP socket */
	uid_t uids[POOL_PEERS_MAX]; /* of a Unix socket */
};

/*
 * Two lists separated by commas: addresses or address/bits of either family,
 * users by name or number.  False with `err`, which names the entry.
 */
bool pool_peers_parse(const char *clients, const char *uids,
    struct pool_peers *out, struct err *err) ATTR_MUSTUSE;

/* How the number of a group's children follows the load; see manager.h. */
enum pool_manager {
	POOL_STATIC, /* max_children, always */
	POOL_DYNAMIC, /* those in use, and some to spare */
	POOL_ONDEMAND /* those in use, down to none */
};

struct pool_size {
	enum pool_manager manager; /* other than static: with a socket only */
	unsigned start; /* dynamic: so many at first */
	unsigned min_spare, max_spare; /* dynamic: beyond those in use */
	unsigned idle_ms; /* what was not in use for so long is let go; > 0 */
	unsigned spawn_max; /* at most so many in 100 ms; 0: all missing */
};

struct pool_group {
	const char *name; /* in logs and process titles */
	const struct pool_app *app;
	int listen_fd; /* -1: none */
	unsigned max_children; /* never more; static: exactly so many */
	struct pool_size size; /* zero: static */
	/* What a reload may raise max_children to; 0: max_children itself.
	 * Shared memory is made for it, once; read at the start only. */
	unsigned room;
	/*
	 * A child is replaced after about so many requests, when it has grown
	 * to so many resident bytes, or after so long; the first and the last
	 * spread by its index.  Its heir is ready before it is told to go.
	 * 0: never.  Only where there is a listening socket and a master.
	 */
	uint64_t max_requests;
	uint64_t max_rss_bytes;
	uint64_t max_lifetime_ms;
	/* Who is at one request for longer is told to go, and a second later
	 * killed; 0: never. */
	unsigned terminate_ms;
	/* SO_RCVTIMEO and SO_SNDTIMEO of a connection, and the wait for its
	 * first byte.  Above 0 where there is a listening socket. */
	unsigned io_timeout_ms;
	/* Kept connections a child holds at most; above that it closes those
	 * that were not used for the longest time. */
	unsigned keep_max;
	const struct pool_peers *peers; /* NULL: everybody */
	/* Children keep the listening sockets of all groups open, to look at
	 * their queues (pool/queue.h); they accept from their own alone. */
	bool sees_sockets;
};

/* What a child may do and see besides its user. */
struct pool_rights {
	int priority; /* nice value; 0: the master's */
	int64_t rlimit_files; /* RLIMIT_NOFILE; -1: the master's */
	int64_t rlimit_core; /* RLIMIT_CORE, bytes; -1: the master's */
	bool dumpable; /* PR_SET_DUMPABLE */
	bool clear_env; /* of its environment only PATH and LIBFCGI_* stay */
};

/* Do user and group exist?  Either may be NULL. */
bool pool_user_check(
    const char *user, const char *group, struct err *err) ATTR_MUSTUSE;

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
	uint64_t failures; /* of these, those that failed */
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

/* How this program was started, to start the next one likewise. */
struct pool_program {
	const char *path; /* absolute */
	char *const *argv;
};

struct pool_conf {
	/* The first is the service: its progress feeds systemd's watchdog. */
	const struct pool_group *groups;
	size_t ngroups;
	const char *pid_file; /* NULL: none */
	/* Grace of a stop before TERM becomes KILL. */
	unsigned control_timeout_ms;
	/* An alarm when so many children of a group die by themselves within
	 * so long; 0: none; at most 128. */
	unsigned crash_threshold, crash_interval_ms;
	/* Children run as this user and group when the master is root. */
	const char *user, *group;
	const struct pool_rights *rights; /* NULL: as the master's */
	/* Shared memory for the app, so much for every child: zero before the
	 * first child of a place, then kept from child to child. */
	size_t area_bytes;
	/* Changes whenever the meaning of the areas' bytes does, so that the
	 * next program does not read one thing for another. */
	uint32_t area_layout;
	/* NULL: there is no reload, and its signals are ignored. */
	const struct pool_reloader *reloader;
	/* NULL: no other program ever follows this one. */
	const struct pool_program *program;
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
 * USR2 does more when the file of conf->program is another one than at the
 * start: that program is started, with the sockets, the channels for
 * connections and the board of this one, and when it is ready this one's
 * children hand over and leave; if it fails, this one serves on.
 *
 * Returns an exit code of sysexits: 0 after a stop that ended every child, 70
 * when one outlived KILL or there was no memory, 78 for an unknown user or
 * group or a pid file that cannot be written; what it was is in the log.  The
 * signals named above stay blocked: the caller tidies up and exits.
 */
int pool_run(const struct pool_conf *conf);

/* After pool_run(): another program goes on with sockets, pid file and all. */
bool pool_is_followed(void);

/* ---- a program that is to follow another --------------------------------- */

/* True while the other is the server still. */
bool pool_is_heir(void);
/*
 * The socket that the other listens on for that group: the caller's now, for
 * pool_listen_close().  -1: none.  What `conf` says of it takes a restart.
 */
int pool_heir_listen(const char *group, const struct pool_listen_conf *conf);
/* Before pool_run(): there will be no such program, and why. */
void pool_heir_fails(const char *why);

/*
 * One child of the one group of `conf`, in this process and without a master:
 * for a manager that starts and stops processes itself (mod_fcgid).  TERM, QUIT
 * or INT let it finish what it has begun; USR1 reopens the log.  It is never
 * recycled: that is the manager's.  Returns an exit code as above; `err` is in
 * the log.
 */
int pool_single(const struct pool_conf *conf);

#endif
