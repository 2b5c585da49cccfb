/* SPDX-License-Identifier: Apache-2.0 */
/* Records on the report pipe. */
#include "config.h"

#include "pool/report.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

/* A master that does not read for so long is stopped or dead. */
#define SEND_WAIT_MS 1000

_Static_assert(sizeof(struct report) <= PIPE_BUF, "one write is one record");
_Static_assert(sizeof(struct report) == 20, "no padding");

bool pool_report_send(int fd, const struct report *report)
{
	struct pollfd room = {.fd = fd, .events = POLLOUT};

	for (int tries = 0; tries < 2; tries++) {
		ssize_t n = write(fd, report, sizeof(*report));

		if (n == (ssize_t)sizeof(*report))
			return true;
		if (errno != EAGAIN && errno != EINTR)
			return false;
		if (poll(&room, 1, SEND_WAIT_MS) < 0 && errno != EINTR)
			return false;
	}
	errno = EAGAIN;
	return false;
}

bool pool_report_receive(int fd, struct report *report)
{
	ssize_t n = read(fd, report, sizeof(*report));

	/* Writes are atomic, so a short record is somebody's garbage; what
	 * follows it is out of step and fails the check of its receiver. */
	return n == (ssize_t)sizeof(*report);
}
