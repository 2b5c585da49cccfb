/* SPDX-License-Identifier: Apache-2.0 */
/* How a process ends when its own invariant is broken. */
#include "config.h"

#include "base/bug.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void bug_abort(const char *file, int line, const char *what)
{
	fprintf(stderr, "flashgate[%ld]: bug at %s:%d: %s\n", (long)getpid(),
	    file, line, what);
	fflush(stderr);
	abort();
}
