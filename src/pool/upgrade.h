/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One program after another: both sides of it.  The one that serves starts the
 * next as its child, goes on serving, and leaves when the next says that it is
 * ready; the next waits with everything that names the server (pid file,
 * status, word to systemd) until the place is its own.  Master.
 */
#ifndef POOL_UPGRADE_H
#define POOL_UPGRADE_H

#include "pool/master.h"

/* ---- the one that serves ------------------------------------------------- */

/* Is there another program where ours came from? */
bool pool_upgrade_is_due(const struct master *master) ATTR_MUSTUSE;
/* master->judge is the next program from now on.  False with `err`. */
bool pool_upgrade_launch(struct master *master, struct err *err) ATTR_MUSTUSE;
/* The link has something to say. */
void pool_upgrade_hear(struct master *master);
/* The next program is the server. */
void pool_upgrade_follow(struct master *master);
/* Who asks us for a reload means the next program, which is the server. */
void pool_upgrade_pass_on(const struct master *master, bool program);
/* It has ended: its last words. */
void pool_upgrade_hear_rest(struct master *master);
void pool_upgrade_link_close(struct master *master);

/* ---- the next ------------------------------------------------------------ */

/* What the other has left: places on the board, numbers.  Before the first
 * fork. */
void pool_upgrade_inherit(struct master *master);
/* Every group is complete. */
void pool_upgrade_tell_ready(struct master *master);

/* ---- both ---------------------------------------------------------------- */

/*
 * No child of another program is in the places that the next generation gets;
 * those whose master was killed before them are taken off the board.
 */
bool pool_upgrade_others_gone(struct master *master) ATTR_MUSTUSE;

#endif
