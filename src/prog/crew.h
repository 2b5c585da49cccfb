/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that one generation of children is made from: a copy of its
 * settings, its keys, what its workers and its keeper do.  A reload makes
 * another one beside it, in the same house; children of the old one keep their
 * copy of the old.  Master.
 */
#ifndef PROG_CREW_H
#define PROG_CREW_H

#include "pool/pool.h"
#include "prog/accepted.h"
#include "prog/settings.h"
#include "prog/snapshot.h"
#include "sale/table.h"

/* Groups that listen, by name. */
#define CREW_WORKERS SNAPSHOT_WORKERS
#define CREW_KEEPER  SNAPSHOT_KEEPER
#define CREW_SETTLER SNAPSHOT_SETTLER
#define CREW_MONITOR "monitor"

struct crew;

/* What all generations share, made once, before the first. */
struct crew_house {
	int listen_fd, status_fd; /* -1: none */
	bool services; /* there are no workers */
	const char *address; /* of the workers, as the log names it */
	struct snapshot_start start;
	struct sale_table *table; /* shared memory */
	struct accepted *accepted; /* shared memory */
	const struct pool_reloader *reloader;
	const struct pool_program *program; /* NULL: we cannot tell */
	unsigned room; /* workers that shared memory is made for */
	unsigned settlers_room; /* and settlers */
};

/* The workers, and settlers, that a reload may ask for, when the start asked for
 * so many. */
unsigned crew_room(const struct settings *settings);
unsigned crew_settlers_room(const struct settings *settings);

/* Reads the keys that the settings name; copies the rest.  NULL with `err`. */
struct crew *crew_new(const struct settings *settings,
    const struct crew_house *house, struct err *err) ATTR_MUSTUSE;
void crew_free(struct crew **crew);

/* All valid as long as the crew. */
const struct pool_conf *crew_conf(const struct crew *crew);
const struct settings *crew_settings(const struct crew *crew);
/* The crew that a configuration is of. */
struct crew *crew_of(const struct pool_conf *conf);

#endif
