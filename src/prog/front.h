/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From settings to what the pool listens on, whom it lets in and what its
 * children may do: judged the same by -t and at start.  Any process.
 */
#ifndef PROG_FRONT_H
#define PROG_FRONT_H

#include "pool/pool.h"
#include "prog/settings.h"

/* Borrows from the settings that it was made of. */
struct front {
	struct pool_listen_conf listen;
	struct pool_peers peers;
	struct pool_rights rights;
	const char *user, *group; /* NULL: none */
};

/*
 * Everything that can be wrong without binding or connecting.  False with a
 * text that begins with the setting's name.
 */
bool front_judge(const struct settings *settings, struct front *out,
    struct err *err) ATTR_MUSTUSE;

/* At start: a listening socket on descriptor 0 goes before `listen`. */
void front_take_given(struct front *front);

#endif
