/* SPDX-License-Identifier: Apache-2.0 */
/* One byte of a nameless file a turn, locked with fcntl(2). */
#include "config.h"

#include "pool/turns.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define TURNS_A_GROUP (1 << 20)

int pool_turns_open(struct err *err)
{
	int fd = memfd_create("flashgate-turns", MFD_CLOEXEC);

	if (fd < 0)
		err_set_errno(err, "memfd_create");
	return fd;
}

bool pool_turns_take(int turns_fd, size_t group, unsigned index)
{
	/* A process' lock, not a descriptor's: that one would be inherited. */
	struct flock lock = {.l_type = F_WRLCK,
	    .l_whence = SEEK_SET,
	    .l_start = (off_t)group * TURNS_A_GROUP + index,
	    .l_len = 1};

	/* Without a master there is nobody else. */
	return turns_fd < 0 || fcntl(turns_fd, F_SETLK, &lock) == 0;
}
