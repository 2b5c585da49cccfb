/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --single: one worker without a master, for a manager of processes such as
 * mod_fcgid, with `flashgate --services` beside it.
 */
#ifndef PROG_SINGLE_H
#define PROG_SINGLE_H

#include "prog/front.h"
#include "prog/settings.h"
#include "web/token.h"

/* Serves until told to leave.  An exit code. */
int single_run(const struct settings *settings, const struct front *front,
    const struct token_keys *keys);

#endif
