/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one program leaves to the next that is to follow it without a gap: the
 * listening sockets, the channels in which connections change hands, the board
 * with all that is counted on it, and a link between the two masters.  It goes
 * through descriptors that survive execve(2), and one environment variable that
 * says which they are.  Master, before the first fork.
 *
 * On the link (a SOCK_SEQPACKET pair) the next says "ready" once, or says why
 * not and ends; the program before it answers "yours", or is gone: either way
 * the next is the server from then on.
 */
#ifndef POOL_LEGACY_H
#define POOL_LEGACY_H

#include "pool/handover.h"
#include "pool/pool.h"

#include <stdint.h>

#define LEGACY_VARIABLE "FLASHGATE_LEGACY"
#define LEGACY_READY    "ready"
#define LEGACY_YOURS    "yours"

struct legacy {
	int link_fd; /* -1: nobody was before us */
	int board_fd; /* -1: taken, or none */
	unsigned half; /* of the generations' places that is free */
	uint32_t generation; /* the last number given */
	uint32_t births; /* likewise */
	size_t ngroups;
	struct legacy_group {
		char name[16];
		int listen_fd; /* -1: taken */
		bool made; /* its file is ours to remove in the end */
		struct handover channel; /* likewise HANDOVER_NONE */
	} groups[POOL_GROUPS_MAX];
};

/*
 * Reads and removes the variable.  A process has one legacy; without one its
 * link_fd is -1.  What makes no sense is as none, with a line in the log.
 */
struct legacy *pool_legacy(void);

/* In the process that becomes the next program: what it is to have survives
 * execve(2), and the variable says so.  False with errno. */
bool pool_legacy_leave(const struct legacy *legacy) ATTR_MUSTUSE;

/* NULL: none of that name. */
struct legacy_group *pool_legacy_group(
    struct legacy *legacy, const char *name) ATTR_MUSTUSE;

/* Closes what nobody took, but for the link. */
void pool_legacy_close_rest(struct legacy *legacy);

#endif
